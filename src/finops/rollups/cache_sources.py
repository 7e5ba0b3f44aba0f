"""Which sources say what was read from a prompt cache.

A source whose calls have no cached token at all does not report them: its input is of unknown
kind, and has no place in a share of what was cached.
"""

from __future__ import annotations

from typing import FrozenSet, Mapping

from finops.rollups.spec import Key, Table, Values

CACHE_SOURCES = Table(("source",), ("input_tokens", "cached_input_tokens", "cache_write_tokens"))


class CacheSources:
    """What the sources of a dataset say of their caches, from the groups of `CACHE_SOURCES`."""

    def __init__(self, cells: Mapping[Key, Values]) -> None:
        self.reporting: FrozenSet[str] = frozenset(
            source for (source,), (_, cached, written) in cells.items() if cached or written
        )
        """The sources that report cached tokens."""
        self.unknown_input_tokens = sum(
            inputs for (source,), (inputs, *_) in cells.items() if source not in self.reporting
        )
        """Input tokens of the other sources."""
