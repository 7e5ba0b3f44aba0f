"""Sessions that a gateway makes up for each request that names none: they are no sessions."""

from __future__ import annotations

from typing import Iterable, List, Tuple

from finops.importers.call import session_of
from finops.importers.index import CallIndex
from finops.importers.sources import Source
from finops.importers.tally import Tally

_LOOKED_UP_TOGETHER = 1000


class MadeUpSessions:
    """Finds out whether the sessions of a file are any: then some call shares its own."""

    def __init__(self, source: Source, index: CallIndex, tally: Tally) -> None:
        self._source = source
        self._index = index
        self._tally = tally
        self._repeats = False
        self._named = 0
        self._waiting: List[str] = []

    def meet(self, rows: Iterable[Tuple[str, str, str]]) -> None:
        """Take the sessions of some rows into account."""
        if self._repeats:
            return
        names = [name for name in (session_of(text) for _, _, text in rows) if name]
        self._named += len(names)
        self._waiting += [f"{self._source.path}\0session {name}" for name in names]
        if len(self._waiting) >= _LOOKED_UP_TOGETHER:
            self._look_up()

    def finish(self) -> None:
        """Leave the sessions out where no two calls have one."""
        self._look_up()
        if self._named > 1 and not self._repeats:
            self._index.forget_sessions()
            self._tally.note("each request has a session of its own: no session figures")

    def _look_up(self) -> None:
        self._repeats = self._repeats or self._index.any_again(self._waiting)
        self._waiting = []
