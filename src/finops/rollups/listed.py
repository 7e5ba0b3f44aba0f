"""Cubes whose cells keep all values of a column instead of sums: as lists or as histograms.

Sorting and counting when cells are packed, in the processes that read, is doing so on all cores.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from finops import schema
from finops.reader.encoding import Batch, KeyEncoder
from finops.rollups.cells import CubeSpec, PackedCells, histogram
from finops.rollups.cubes import Accumulate, Calls, Cube, Getter


class ListCube(Cube):
    """A cube that keeps the values of `spec.listed`, or, where `counted`, their histograms."""

    needs_sums = False

    def __init__(
        self,
        spec: CubeSpec,
        getters: Sequence[Getter],
        counted: bool,
        source: Optional[Cube] = None,
    ) -> None:
        super().__init__(spec, getters, source=source)
        self.packed = PackedCells.empty(0, counted)
        self._numbers |= {spec.listed, "calls"}

    def _passing(self, batch: Batch, encoder: KeyEncoder) -> Optional[Sequence[bool]]:
        """Return for each call whether it enters, which takes a value, None where all do."""
        passing = super()._passing(batch, encoder)
        values = batch.number(self.spec.listed)
        if None in values:
            known = [value is not None for value in values]
            passing = known if passing is None else [p and k for p, k in zip(passing, known)]
        return passing

    def _adding(self, calls: Calls) -> Tuple[Sequence[Any], Accumulate]:
        batch = calls.batch
        values = batch.number(self.spec.listed)
        if "calls" not in batch.numbers:
            return values, self._accumulate
        return _repeated(values, batch), self._accumulate_lists

    def _accumulate(self, codes: Iterable[int], added: Iterable[Any]) -> None:
        cells = self._cells
        for code, value in zip(codes, added):
            cells[code].append(value)

    def _accumulate_lists(self, codes: Iterable[int], added: Iterable[Sequence[Any]]) -> None:
        cells = self._cells
        for code, values in zip(codes, added):
            cells[code].extend(values)

    def _take_over(self, codes: Iterable[int], cells: Mapping[int, Any]) -> None:
        self._accumulate_lists(codes, cells.values())

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


def _repeated(values: Sequence[Any], batch: Batch) -> List[List[Any]]:
    """Return each row's value as often as the row has calls."""
    return [[value] * (calls or 0) for value, calls in zip(values, batch.numbers["calls"])]


def _typecode_for(column: str) -> str:
    """Return the type of arrays that hold any value of a column of numbers."""
    return next(_typecode(c.limit) for c in schema.NUMBERS if c.name == column)


def _typecode(value: int) -> str:
    """Return the type of arrays of the fewest bytes that hold a whole number.

    The types compare as their sizes do.
    """
    return "H" if value < 1 << 16 else "I" if value < 1 << 32 else "Q"
