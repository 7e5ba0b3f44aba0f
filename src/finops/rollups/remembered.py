"""What was worked out of tables, for as long as these tables are there."""

from __future__ import annotations

from typing import Callable, Dict, FrozenSet, Hashable, Iterable, List, NamedTuple, Set


class _Known(NamedTuple):
    """A value, and the sources that it was worked out of."""

    value: object
    sources: FrozenSet[Hashable]


class Memo:
    """Values by key, each let go of with the first of the sources that were read for it.

    What reads a source calls `note`, which counts for all values that are being worked out.
    """

    def __init__(self) -> None:
        self._known: Dict[Hashable, _Known] = {}
        self._open: List[Set[Hashable]] = []  # what was read for values that are being worked out

    def __contains__(self, key: object) -> bool:
        return key in self._known

    def of(self, key: Hashable, work_out: Callable[[], object]) -> object:
        """Return the value of a key, worked out if it is not known."""
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._worked_out(work_out)
        if self._open:
            self._open[-1] |= known.sources
        return known.value

    def _worked_out(self, work_out: Callable[[], object]) -> _Known:
        self._open.append(set())
        try:
            value = work_out()
        finally:
            sources = self._open.pop()
        return _Known(value, frozenset(sources))

    def note(self, source: Hashable) -> None:
        """Take down that a source is read."""
        if self._open:
            self._open[-1].add(source)

    def forget(self, sources: Iterable[Hashable]) -> None:
        """Let go of what was worked out of any of these sources."""
        gone = set(sources)
        self._known = {key: known for key, known in self._known.items() if not gone & known.sources}
