"""What several analyses need of the same calls: computed once.

What is remembered lives as long as the tables that it was worked out of, in `Rollups.memo`: with
many customers it takes as much memory as these do.
"""

from __future__ import annotations

from functools import wraps
from typing import (
    TYPE_CHECKING,
    Callable,
    Dict,
    FrozenSet,
    Hashable,
    Iterable,
    List,
    NamedTuple,
    Set,
    TypeVar,
    cast,
)

if TYPE_CHECKING:
    from finops.rollups.spec import Rollups

Function = TypeVar("Function", bound=Callable[..., object])


def memoized(function: Function) -> Function:
    """Return a function of `Rollups` that is worked out once for the same calls and arguments.

    It must be pure and take positional, hashable arguments only.  All callers get the same object,
    so none may change it.
    """

    @wraps(function)
    def remembered(data: Rollups, *arguments: Hashable) -> object:
        return data.memo.of((function, *arguments), lambda: function(data, *arguments))

    return cast(Function, remembered)


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
