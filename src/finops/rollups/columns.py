"""The cells of filled cubes as columns: what tables are aggregated from."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, chain, compress, repeat
from operator import add, itemgetter, sub
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.cells import (
    CubeSpec,
    IntArray,
    PackedCells,
    customer_codes,
    histogram,
    key_codes,
)
from finops.rollups.measures import CUSTOMER_DIMENSIONS, Dimension, Measure, signed_parts, stored
from finops.rollups.packing import WORD_BITS, PackedLayout, words_for

# Cells are handled in blocks of about this many: enough to make what is done once a block
# cheap, and few enough to hold their names and numbers at one time.
MANY_CELLS = 50_000
# More than any number of files can have: sums of so many have room in `CellRange.sums`.
_MOST_ROWS, _MOST_CALLS = 1 << 48, (1 << 64) - 1

# Where in a customer's key a dimension is.
CUSTOMER_POSITION = {name: place for place, name in enumerate(CUSTOMER_DIMENSIONS)}

KeyMerges = Dict[Any, List[int]]


class CellRange:
    """Some cells in a row of a cube, and what has been worked out of them so far.

    Many tables are aggregated from the few cells of a cube without time, so those are `shared`
    and keep what they work out; the many cells of the others do not, for the sake of memory.
    """

    def __init__(self, cube: FilledCube, first: int, last: int, shared: bool = False) -> None:
        start, end = cube.starts[first], cube.starts[last]
        self.cube = cube
        self.codes: Sequence[int] = cube.packed.codes[start:end]
        self.time_values = cube.packed.times[first:last]
        self.lengths = cube.packed.lengths[first:last]
        self._span = slice(start, end)
        self.shared = shared
        self._memo: Dict[object, Sequence[int]] = {}

    def customer_codes(self) -> Sequence[int]:
        """Return the customer code of each cell."""
        return self._memoized("customers", lambda: customer_codes(self.codes, self.cube.spec))

    def key_codes(self) -> Sequence[int]:
        """Return for each cell the code of its key below the customer."""
        return self._memoized("keys", lambda: key_codes(self.codes))

    def sums(self, fields: Mapping[Measure, SumField]) -> Sequence[int]:
        """Return the sums of each cell in one number, each measure in its field."""
        return self._memoized(tuple(fields), lambda: self._packed(fields))

    def _packed(self, fields: Mapping[Measure, SumField]) -> List[int]:
        packed = [0] * len(self.codes)
        for measure, (shift, _) in fields.items():
            column = self.raw_column(measure)
            if column is None:
                continue
            if shift:
                packed = [sums + (value << shift) for sums, value in zip(packed, column)]
            else:
                packed = column
        return packed

    def times(self) -> Iterable[str]:
        """Return the time value of each cell."""
        return chain.from_iterable(map(repeat, self.time_values, self.lengths))

    def word(self, place: int) -> Optional[Sequence[int]]:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self.cube.packed.words[place]
        return None if column is None else column[self._span]

    def column(self, measure: Measure) -> List[Any]:
        """Return one measure of each cell as it is delivered."""
        return delivered(measure, self.raw_column, len(self.codes))

    def raw_column(self, measure: Measure) -> Optional[List[int]]:
        """Return one stored measure of each cell as a whole number, None where all are 0."""
        field = self.cube.layout.fields[measure]
        low = self.word(field.first)
        if low is None:
            return None
        column = list(low)
        for place in range(1, field.words):
            word = self.word(field.first + place)
            if word is not None and any(word):
                shift = WORD_BITS * place
                column = [value + (high << shift) for value, high in zip(column, word)]
        return column

    def lists(self) -> Iterator[Sequence[int]]:
        """Yield the values of each cell of a cube that keeps lists, ascending."""
        return self._slices(self.cube.packed.values)

    def ends(self) -> Iterator[Tuple[int, int]]:
        """Yield the first and the last time of each cell of a cube that keeps these."""
        times = self.cube.packed.values[2 * self._span.start : 2 * self._span.stop]
        return zip(times[::2], times[1::2])

    def histograms(self) -> Iterator[Dict[int, int]]:
        """Yield {value: calls} of each cell of a cube of listed values, ascending."""
        packed = self.cube.packed
        if packed.repeats is None:
            return map(histogram, self.lists())
        return map(dict, map(zip, self.lists(), self._slices(packed.repeats)))

    def _slices(self, column: IntArray) -> Iterator[Sequence[int]]:
        start = self.cube.first_value(self._span.start)
        for count in self.cube.packed.counts[self._span]:
            yield column[start : start + count]
            start += count

    def _memoized(self, name: object, work_out: Callable[[], Sequence[int]]) -> Sequence[int]:
        if self.cube.spec.time:
            return work_out()
        if name not in self._memo:
            self._memo[name] = work_out()
        return self._memo[name]


SumField = Tuple[int, int]  # shift and mask


def sum_fields(ranges: Sequence[CellRange], measures: Sequence[Measure]) -> Dict[Measure, SumField]:
    """Return where in a number the sums of measures are, with room for all calls there are.

    Measures that are 0 everywhere have none.  Where sums are remembered all others are there,
    since other tables will ask for others; else only these, for small numbers add up faster.
    """
    shared = all(cells.shared for cells in ranges)
    wanted = ranges[0].cube.layout.measures if shared else stored(measures)
    return _fields(m for m in wanted if any(cells.cube.has(m) for cells in ranges))


def _fields(measures: Iterable[Measure]) -> Dict[Measure, SumField]:
    fields: Dict[Measure, SumField] = {}
    shift = 0
    for measure in measures:
        bits = WORD_BITS * words_for(measure.most(_MOST_ROWS, _MOST_CALLS))
        fields[measure] = (shift, (1 << bits) - 1)
        shift += bits
    return fields


def delivered(
    measure: Measure, column_of: Callable[[Measure], Optional[List[int]]], count: int
) -> List[Any]:
    """Return a measure of `count` groups as it is delivered.

    `column_of` gives the whole sums of a stored measure, None where all are 0.
    """
    whole: Optional[List[int]] = None
    for part, sign in signed_parts(measure):
        column = column_of(part)
        if column is not None and whole is None and sign > 0:
            whole = column
        elif column is not None:
            whole = list(map(add if sign > 0 else sub, whole or [0] * count, column))
    if whole is None:
        whole = [0] * count
    return whole if measure.unit == 1 else [value / measure.unit for value in whole]


class FilteredRange(CellRange):
    """Those cells of a range that pass, checked before anything is worked out of them."""

    def __init__(self, cells: CellRange, passing: Sequence[Any]) -> None:
        self.cube = cells.cube
        self.codes = list(compress(cells.codes, passing))
        self._cells = cells
        self._passing = passing
        self.shared = False
        self._memo = {}

    def times(self) -> Iterable[str]:
        """Return the time value of each cell."""
        return compress(self._cells.times(), self._passing)

    def word(self, place: int) -> Optional[Sequence[int]]:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self._cells.word(place)
        return None if column is None else list(compress(column, self._passing))


def _parts_at(places: Tuple[int, ...]) -> Callable[[Sequence[Any]], Any]:
    """Return what gives the parts of a key at some places, which may be none."""
    return itemgetter(*places) if places else lambda key: ()


def _numbered(parts: Sequence[Any]) -> List[int]:
    """Return a number for each part, the same for equal ones; an empty list where none are."""
    distinct = dict.fromkeys(parts)
    numbers = dict(zip(distinct, range(len(distinct))))
    return list(map(numbers.__getitem__, parts)) if len(numbers) < len(parts) else []


class FilledCube:
    """A cube as one part of the file filled it, with the meaning of its codes.

    `packed` is that of `cubes.Cube`, packed by `layout`; `keys` are those of the codes below the
    customer's; `starts` says at which cell each time value begins, and the last one ends.
    `key_merges` is a dict, empty at first, in which all cubes keep which keys are equal in what.
    `first_times` are those of customers by id, for the table that is being aggregated.
    """

    def __init__(
        self,
        spec: CubeSpec,
        layout: PackedLayout,
        packed: PackedCells,
        keys: Sequence[Sequence[Any]],
        customer_keys: Sequence[Sequence[Any]],
        key_merges: KeyMerges,
    ) -> None:
        self.spec = spec
        self.layout = layout
        self.packed = packed
        self.keys = keys
        self.customer_keys = customer_keys
        self._key_merges = key_merges
        self.starts = [0, *accumulate(packed.lengths)]
        self.first_times: Mapping[str, str] = {}
        self._lone: Optional[CellRange] = None
        self._firsts: List[int] = []
        self._differing: Dict[Any, Sequence[bool]] = {}

    def has(self, measure: Measure) -> bool:
        """Return whether a stored measure is anything but 0 in some cell."""
        field = self.layout.fields[measure]
        words = self.packed.words[field.first : field.first + field.words]
        return any(word is not None for word in words)

    def position(self, dimension: Dimension) -> int:
        """Return where in its keys a dimension is, -1 where it is not."""
        dimensions = self.spec.dimensions
        return dimensions.index(dimension) if dimension in dimensions else -1

    def differing(self, dimensions: Sequence[Dimension]) -> Sequence[bool]:
        """Return for each time value whether its cells all differ in some dimensions.

        False may also mean that finding out is no less work than adding up.
        """
        spec, count = self.spec, len(self.packed.lengths)
        of_customers = tuple(
            CUSTOMER_POSITION[d.name] for d in dimensions if d.name in CUSTOMER_POSITION
        )
        of_keys = tuple(self.position(d) for d in dimensions if self.position(d) >= 0)
        if not (of_customers or of_keys):
            return [cells == 1 for cells in self.packed.lengths]
        customers = self._merged(self.customer_keys, of_customers) if spec.customers else []
        keys = self._merged(self.keys, of_keys) if spec.dimensions else []
        if not (customers or keys):
            return [True] * count
        if not spec.time:
            return [False] * count
        asked = (of_customers, of_keys)
        if asked not in self._differing:
            self._differing[asked] = list(self._compared(customers, keys))
        return self._differing[asked]

    def _compared(self, customers: Sequence[int], keys: Sequence[int]) -> Iterator[bool]:
        """Yield for each time value whether its cells differ, their keys being numbered so."""
        first, starts = 0, self.starts
        while first < len(starts) - 1:
            # Many time values at a time, as there are many short ones, but never all cells.
            last = max(first + 1, bisect_right(starts, starts[first] + MANY_CELLS) - 1)
            codes = self.packed.codes[starts[first] : starts[last]]
            numbers = self._numbers(codes, customers, keys)
            ends = [start - starts[first] for start in starts[first : last + 1]]
            for start, end in zip(ends, ends[1:]):
                yield len(set(numbers[start:end])) == end - start
            first = last

    def _numbers(
        self, codes: Sequence[int], customers: Sequence[int], keys: Sequence[int]
    ) -> Sequence[int]:
        """Return a number for each cell code, equal where its merged keys are."""
        spec = self.spec
        numbers: Sequence[int] = []
        if spec.customers:
            numbers = customer_codes(codes, spec)
            numbers = list(map(customers.__getitem__, numbers)) if customers else numbers
        if spec.dimensions:
            of_keys: Sequence[int] = key_codes(codes)
            of_keys = list(map(keys.__getitem__, of_keys)) if keys else of_keys
            wide = 1 + max(of_keys, default=0)
            numbers = [c * wide + k for c, k in zip(numbers, of_keys)] if numbers else of_keys
        return numbers

    def _merged(self, keys: Sequence[Sequence[Any]], places: Tuple[int, ...]) -> List[int]:
        """Map keys to ids, equal for keys that agree at some places; an empty list where none do.

        A customer who has changed the tier has two keys.
        """
        if keys and len(set(places)) == len(keys[0]):
            return []  # whole keys, of which each code has its own
        asked = (id(keys), places)
        if asked not in self._key_merges:
            self._key_merges[asked] = _numbered(list(map(_parts_at(places), keys)))
        return self._key_merges[asked]

    def cells(self, first: int, last: int) -> CellRange:
        """Return the cells of the time values [first, last)."""
        if self.spec.time or self.starts[-1] > MANY_CELLS or last - first < len(self.starts) - 1:
            return CellRange(self, first, last)
        if self._lone is None:
            self._lone = CellRange(self, first, last, shared=True)
        return self._lone

    def since(self, first: str) -> Optional[FilledCube]:
        """Return the cube of its cells of sums from a time on, None where they do not come last."""
        packed = self.packed
        place = next((n for n, time in enumerate(packed.times) if time >= first), len(packed.times))
        if any(time < first for time in packed.times[place:]):
            return None
        start = self.starts[place]
        words = [word if word is None else word[start:] for word in packed.words]
        cells = packed._replace(
            times=packed.times[place:],
            lengths=packed.lengths[place:],
            codes=packed.codes[start:],
            words=words,
        )
        merges = self._key_merges
        return FilledCube(self.spec, self.layout, cells, self.keys, self.customer_keys, merges)

    def first_value(self, cell: int) -> int:
        """Return where the listed values of a cell begin."""
        if not self._firsts:
            self._firsts = [0, *accumulate(self.packed.counts)]
        return self._firsts[cell]
