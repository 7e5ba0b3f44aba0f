"""When groups were seen: cubes whose cells keep the time of their first and of their last row.

Rows come in time order mostly, so the last time of a cell is that of the row that was read last,
and the first is fixed once it is there; only where rows come late are times compared.
"""

from __future__ import annotations

from array import array
from operator import itemgetter
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Sequence, Tuple, cast

from finops.rollups.cells import CubeSpec
from finops.rollups.cubes import Accumulate, Calls, Cube, Getter
from finops.rollups.measures import Seen
from finops.rollups.spec import Key
from finops.timestamps import MicrosecondClock, timestamp_of

Times = Tuple[int, int]  # the first and the last time of a group, in microseconds since 1970


class SeenCells(Dict[int, bytes]):
    """Cell codes to the times of their last rows; `firsts` has those of their first ones."""

    def __init__(self) -> None:
        super().__init__()
        self.firsts: Dict[int, bytes] = {}

    def extend(self, codes: Sequence[int], times: Sequence[bytes]) -> None:
        """Take in rows in time order, none of them before any that was taken in."""
        self.update(zip(codes, times))
        if len(self.firsts) < len(self):
            fresh = dict(zip(reversed(codes), reversed(times)))
            fresh.update((code, self.firsts[code]) for code in fresh if code in self.firsts)
            self.firsts.update(fresh)

    def widen(self, code: int, first: bytes, last: bytes) -> None:
        """Take in rows of one cell, from the first to the last, whenever they were."""
        if code in self:
            first, last = min(first, self.firsts[code]), max(last, self[code])
        self[code], self.firsts[code] = last, first


class SeenCube(Cube):
    """A cube that keeps the first and the last time of each cell instead of sums."""

    needs_times, needs_sums = True, False

    def __init__(
        self, spec: CubeSpec, getters: Sequence[Getter], source: Optional[Cube] = None
    ) -> None:
        super().__init__(spec, getters, source=source)
        self.packed = self.packed._replace(values=array("q"))
        self._clock = MicrosecondClock()
        self._latest = b""

    def _adding(self, calls: Calls) -> Tuple[Sequence[Any], Accumulate]:
        return calls.batch.times, self._accumulate

    def _accumulate(self, codes: Iterable[int], added: Iterable[Any]) -> None:
        codes, times = list(codes), list(added)
        if not times:
            return
        cells = cast(SeenCells, self._cells)
        if times[0] >= self._latest:
            cells.extend(codes, times)
        else:
            for code, time in zip(codes, times):
                cells.widen(code, time, time)
        self._latest = max(self._latest, times[-1])

    def _take_over(self, codes: Iterable[int], cells: Mapping[int, Any]) -> None:
        finer, own = cast(SeenCells, cells), cast(SeenCells, self._cells)
        for code, (fine_code, last) in zip(codes, finer.items()):
            own.widen(code, finer.firsts[fine_code], last)

    def _empty(self) -> SeenCells:
        return SeenCells()

    def _append_content(self, cells: Mapping[int, Any]) -> None:
        firsts, microseconds = cast(SeenCells, cells).firsts, self._clock.of
        for code, last in cells.items():
            self.packed.values.extend((microseconds(firsts[code]), microseconds(last)))
        self.packed.counts.extend([2] * len(cells))


def merged_times(cells: Iterable[Tuple[Key, Times]]) -> Iterator[Tuple[Key, Times]]:
    """Yield the groups of cells with the first and the last time of all their cells."""
    groups: Dict[Key, Times] = {}
    for key, (first, last) in cells:
        known = groups.get(key)
        if known is not None:
            first, last = min(first, known[0]), max(last, known[1])
        groups[key] = (first, last)
    return iter(groups.items())


def seen_texts(measure: Seen, times: Iterable[Times]) -> Iterator[str]:
    """Return the times that a measure is about as timestamps."""
    return map(timestamp_of, map(itemgetter(1 if measure.latest else 0), times))
