"""Cubes whose cells keep all values of a column instead of sums: as lists or as histograms.

Sorting and counting when cells are packed, in the processes that read, is doing so on all cores.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from finops import schema
from finops.rollups.cells import CubeSpec, PackedCells, histogram
from finops.rollups.cubes import Cube, Projection
from finops.rollups.expressions import column, columns_of
from finops.rollups.row_loop import RowLoop


class ListCube(Cube):
    """A cube that keeps the values of `spec.listed`, or, where `counted`, their histograms."""

    def __init__(
        self,
        spec: CubeSpec,
        projection: Projection,
        counted: bool,
        source: Optional[Cube] = None,
    ) -> None:
        super().__init__(spec, projection, source=source)
        self.packed = PackedCells.empty(0, counted)

    def statements(self, loop: RowLoop, names: Sequence[str]) -> List[str]:
        """Return what the loop does with a row that enters, which takes a value."""
        value = loop.shape.remaining(column(self.spec.listed))
        if value is None:
            return []
        source = loop.inline(value)
        cell = f"{names[0]}[{self._code(loop)}]"
        if "calls" in loop.shape.there:  # once for each call
            adding = f"{cell}.extend([{source}] * {loop.column('calls')})"
        else:
            adding = f"{cell}.append({source})"
        if columns_of(value) & loop.shape.unknown:
            return [f"if {source} is not None:", f"    {adding}"]
        return [adding]

    def _take_over(self, codes: Iterable[int], cells: Mapping[int, Any]) -> None:
        own = self._cells
        for code, values in zip(codes, cells.values()):
            own[code].extend(values)

    def _empty(self) -> Dict[int, Any]:
        return defaultdict(partial(array, _typecode_for(self.spec.listed)))

    def _append_content(self, cells: Mapping[int, Any]) -> None:
        """Append values, two bytes each as long as that is enough, then four, then eight."""
        for cell in cells.values():
            packed = self.packed
            values: Sequence[int]
            if packed.repeats is None:
                values = sorted(cell)
            else:
                counted = histogram(cell)
                values = list(counted)
                packed.repeats.extend(counted.values())
            packed.counts.append(len(values))
            typecode = _typecode(values[-1] if values else 0)
            if typecode > packed.values.typecode:
                self.packed = packed._replace(values=array(typecode, packed.values))
            self.packed.values.extend(array(self.packed.values.typecode, values))


def _typecode_for(column: str) -> str:
    """Return the type of arrays that hold any value of a column of numbers."""
    return next(_typecode(c.limit) for c in schema.NUMBERS if c.name == column)


def _typecode(value: int) -> str:
    """Return the type of arrays of the fewest bytes that hold a whole number.

    The types compare as their sizes do.
    """
    return "H" if value < 1 << 16 else "I" if value < 1 << 32 else "Q"
