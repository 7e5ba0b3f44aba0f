"""When groups were seen: cubes whose cells keep the time of their first and of their last row.

Rows come in time order mostly, so the last time of a cell is that of the row that was read last,
and the first is fixed once it is there; only where rows come late are times compared.
"""

from __future__ import annotations

from array import array
from operator import itemgetter
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, cast

from finops.rollups.cells import CubeSpec
from finops.rollups.cubes import Cube, Projection
from finops.rollups.measures import TIMESTAMP, Seen
from finops.rollups.row_loop import RowLoop
from finops.rollups.spec import Key
from finops.timestamps import MicrosecondClock, timestamp_of

Times = Tuple[int, int]  # the first and the last time of a group, in microseconds since 1970


class SeenCells(Dict[int, bytes]):
    """Cell codes to the times of their last rows; `firsts` has those of their first ones."""

    def __init__(self) -> None:
        super().__init__()
        self.firsts: Dict[int, bytes] = {}

    def widen(self, code: int, first: bytes, last: bytes) -> None:
        """Take in rows of one cell, from the first to the last, whenever they were."""
        if code in self:
            first, last = min(first, self.firsts[code]), max(last, self[code])
        self[code], self.firsts[code] = last, first


class SeenCube(Cube):
    """A cube that keeps the first and the last time of each cell instead of sums."""

    def __init__(
        self, spec: CubeSpec, projection: Projection, source: Optional[Cube] = None
    ) -> None:
        super().__init__(spec, projection, source=source)
        self.packed = self.packed._replace(values=array("q"))
        self._clock = MicrosecondClock()

    def statements(self, loop: RowLoop, names: Sequence[str]) -> List[str]:
        """Return what the loop does with a row that enters."""
        (cells, firsts), time, code = names, loop.column(TIMESTAMP), self._code(loop)
        if loop.shape.late:
            return [f"{cells}.widen({code}, {time}, {time})"]
        return [
            f"if {code} not in {firsts}:",
            f"    {firsts}[{code}] = {time}",
            f"{cells}[{code}] = {time}",
        ]

    def open_cells(self) -> List[Any]:
        """Return what the loop fills."""
        cells = cast(SeenCells, self._cells)
        return [cells, cells.firsts]

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
