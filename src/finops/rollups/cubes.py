"""Cubes: the finest tables that the pass over the file fills, and how they are kept small.

A cube groups calls by codes (see `encoding.KeyEncoder`) within a time grain.  Every declared table
is aggregated from one cube afterwards.  While a stretch of time is being read its cells are a
plain dict; when the next one begins they are appended to arrays, a fraction of the size.  Packed
cells of the same key may occur more than once (an hour cut in two by parts of the file, or met
again in unordered data): aggregation adds them up, so nothing ever has to be looked up again
while reading.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from functools import partial
from itertools import compress, repeat
from typing import (
    AbstractSet,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import schema
from finops.reader.encoding import Batch, CallKey, KeyEncoder
from finops.rollups.cells import (
    KEY_SPACE,
    CubeSpec,
    PackedCells,
    customer_codes,
    histogram,
    key_codes,
)
from finops.rollups.hours import Run
from finops.rollups.measures import NUMBER_COLUMNS
from finops.rollups.row_loop import key_function, loop_of
from finops.timestamps import time_key

Shared = Dict[str, Sequence[int]]
KeyPart = Any  # text, number or None: what a dimension is
Getter = Callable[[Any], KeyPart]
GroupKey = Tuple[KeyPart, ...]


class Calls(NamedTuple):
    """A batch in time order, and what each of its rows adds, packed."""

    batch: Batch
    sums: Sequence[int]


class Projection:
    """Call codes to codes of fewer dimensions, extended as new call codes appear."""

    def __init__(self, getters: Sequence[Getter]) -> None:
        self.codes: List[int] = []
        self.keys: List[GroupKey] = []
        self._getters = getters
        self._known: Dict[GroupKey, int] = {}

    def extend(self, call_keys: Sequence[GroupKey]) -> None:
        """Make room for call keys not seen yet."""
        if len(call_keys) == len(self.codes):
            return
        fresh = call_keys[len(self.codes) :]
        columns = [map(getter, fresh) for getter in self._getters]
        for part in zip(*columns) if columns else [()] * len(fresh):
            if part not in self._known:
                self._known[part] = len(self.keys)
                self.keys.append(part)
            self.codes.append(self._known[part])


class Cube:
    """The cells of one spec for one part of the file.

    `words` are those of the packed sums that anybody wants of it, and `words_in_use` those that
    have been anything but 0 so far; the others are dropped when cells are packed.  Of a cube of
    listed values it is the lists, or else, where `counted`, their histograms that are kept.
    Sorting and counting here, in the processes that read, is doing so on all cores.

    A cube with a `source` is not filled call by call: it takes the cells of the finer source,
    which are fewer, whenever these are complete.  A cube that is not `stored` is there for
    those that it feeds, and has the encoder's call codes as they are.
    """

    def __init__(
        self,
        spec: CubeSpec,
        getters: Sequence[Getter],
        words: Sequence[bool] = (),
        words_in_use: AbstractSet[int] = frozenset(),
        counted: bool = False,
        stored: bool = True,
        source: Optional[Cube] = None,
    ) -> None:
        self.spec = spec
        self.stored = stored
        self.source = source
        self.packed = PackedCells.empty(len(words), counted)
        self._words = [place for place, wanted in enumerate(words) if wanted]
        self._words_in_use = words_in_use
        self._projection = Projection(getters)
        self._call_keys: Sequence[GroupKey] = self._projection.keys
        self._filter = loop_of(spec.where) if spec.where is not None else None
        self._passing_keys: List[bool] = []
        self._row_loops = [loop_of(dimension.value) for dimension in spec.rows]
        self._joint: Dict[Tuple[Any, ...], int] = _Numbered()
        listed = {spec.listed, "calls"} if spec.listed else set()
        self._empty_list = partial(array, _typecode_for(spec.listed) if spec.listed else "I")
        self._numbers = NUMBER_COLUMNS & listed.union(*(d.columns for d in spec.rows))
        self._same_codes = repr((spec.customers, spec.calls, stored))  # what cubes can share
        self._rollups: List[Cube] = []
        self._time = ""
        self._cells: Dict[int, Any] = self._empty()
        self._waiting: Dict[str, Dict[int, Any]] = {}
        if source is not None:
            source._rollups.append(self)

    @property
    def keys(self) -> List[GroupKey]:
        """The keys of the codes below the customer's, in the order of `spec.dimensions`."""
        if not self.spec.rows:
            return self._projection.keys
        return [
            (*(self._projection.keys[code] if self.spec.calls else ()), *values)
            for code, *values in self._joint
        ]

    def add(self, calls: Calls, runs: Sequence[Run], encoder: KeyEncoder, shared: Shared) -> None:
        """Add a batch; `runs` are its hours in order.

        `shared` is a dict, empty at first, in which the cubes keep for each other the codes that
        they have worked out for this batch.
        """
        passing = self._passing(calls.batch, encoder)
        if passing is not None:
            runs = _runs_of(passing, runs) if self.spec.time else []
            calls, shared = self._filtered(calls, passing), {}
        codes = self._codes(calls.batch, encoder, shared)
        added: Sequence[Any] = calls.sums
        accumulate: Callable[[Iterable[int], Iterable[Any]], None] = self._accumulate
        if self.spec.listed:
            added = calls.batch.number(self.spec.listed)
            if "calls" in calls.batch.numbers:
                added, accumulate = _repeated(added, calls.batch), self._accumulate_lists
        if not self.spec.time:
            accumulate(codes, added)
            return
        for hour, start, end in runs:
            self._advance_to(time_key(hour, self.spec.time))
            if end - start == len(codes):
                accumulate(codes, added)
            else:
                accumulate(codes[start:end], added[start:end])

    def close(self) -> None:
        """Pack what is still open."""
        self._waiting[self._time] = self._cells
        for time, cells in sorted(self._waiting.items()):
            self._time, self._cells = time, cells
            self._pack()
        self._waiting = {}
        self._time = ""

    def _passing(self, batch: Batch, encoder: KeyEncoder) -> Optional[Sequence[bool]]:
        """Return for each call whether it enters, None where all do."""
        passing: Optional[Sequence[bool]] = None
        if self._filter is not None:
            passing = self._filter(batch, encoder)
        values = batch.number(self.spec.listed) if self.spec.listed else ()
        if None in values:
            known = [value is not None for value in values]
            passing = known if passing is None else [p and k for p, k in zip(passing, known)]
        return passing

    def _filtered(self, calls: Calls, passing: Sequence[bool]) -> Calls:
        """Return the calls that pass, with those columns only that this cube looks at."""
        batch = calls.batch
        customers, codes = (list(compress(c, passing)) for c in (batch.customers, batch.calls))
        numbers = {
            name: list(compress(column, passing))
            for name, column in batch.numbers.items()
            if name in self._numbers
        }
        sums = [] if self.spec.listed else list(compress(calls.sums, passing))
        return Calls(Batch([], customers, codes, numbers), sums)

    def _codes(self, batch: Batch, encoder: KeyEncoder, shared: Shared) -> Sequence[int]:
        """Return the cell code of each call."""
        if self.spec.rows:
            return self._with_customers(batch, self._joint_codes(batch, encoder))
        if self._same_codes not in shared:
            shared[self._same_codes] = self._with_customers(batch, self._key_codes(batch, encoder))
        elif self.stored:
            self._projection.extend(encoder.call_keys)
        return shared[self._same_codes]

    def _with_customers(self, batch: Batch, codes: Sequence[int]) -> Sequence[int]:
        if not self.spec.customers:
            return codes
        if not self.spec.dimensions:
            return batch.customers
        return [c * KEY_SPACE + k for c, k in zip(batch.customers, codes)]

    def _joint_codes(self, batch: Batch, encoder: KeyEncoder) -> Sequence[int]:
        """Return for each call the code of what follows from its key and from its row."""
        values = [loop(batch, encoder) for loop in self._row_loops]
        return list(map(self._joint.__getitem__, zip(self._key_codes(batch, encoder), *values)))

    def _key_codes(self, batch: Batch, encoder: KeyEncoder) -> Sequence[int]:
        """Return for each call the code of what follows from its key."""
        if not self.spec.calls:
            return [0] * len(batch.calls)
        if not self.stored:
            self._call_keys = encoder.call_keys
            return batch.calls
        self._projection.extend(encoder.call_keys)
        return list(map(self._projection.codes.__getitem__, batch.calls))

    def _roll_up_from(self, source: Cube, time: str, cells: Mapping[int, Any]) -> None:
        """Add the complete cells that a source has for one of its time values."""
        self._advance_to(time_key(time, self.spec.time))
        if self.spec.where != source.spec.where:
            cells = self._passing_cells(source, cells)
        codes = self._codes_from(source, cells)
        accumulate = self._accumulate_lists if self.spec.listed else self._accumulate
        accumulate(codes, cells.values())

    def _passing_cells(self, source: Cube, cells: Mapping[int, Any]) -> Mapping[int, Any]:
        """Return the cells of a source by call code of which the calls enter."""
        assert self.spec.where is not None
        fresh = source._call_keys[len(self._passing_keys) :]
        enters = key_function(self.spec.where)
        self._passing_keys.extend(enters(CallKey(*key)) for key in fresh)
        return {code: sums for code, sums in cells.items() if self._passing_keys[code]}

    def _codes_from(self, source: Cube, fine_codes: Iterable[int]) -> Iterable[int]:
        """Return for cell codes of a source those of the cells here that they belong to."""
        spec, fine = self.spec, source.spec
        codes = list(fine_codes)
        customers = customer_codes(codes, fine) if spec.customers else ()
        if not spec.calls:
            return customers if spec.customers else repeat(0)
        self._projection.extend(source._call_keys)
        keys = key_codes(codes) if fine.customers else codes
        projected = map(self._projection.codes.__getitem__, keys)
        if spec.customers:
            return [c * KEY_SPACE + k for c, k in zip(customers, projected)]
        return projected

    def _advance_to(self, time: str) -> None:
        """Make the cells of a time value the current ones.

        Time moves on, so what was current is packed; but hours of the day come round again.
        """
        if time == self._time:
            return
        if self.spec.time == "hour_of_day":
            self._waiting[self._time] = self._cells
            self._cells = self._waiting.get(time) or self._empty()
        else:
            self._pack()
        self._time = time

    def _accumulate(self, codes: Iterable[int], added: Iterable[Any]) -> None:
        cells = self._cells
        if self.spec.listed:
            for code, value in zip(codes, added):
                cells[code].append(value)
        else:
            for code, sums in zip(codes, added):
                cells[code] += sums

    def _accumulate_lists(self, codes: Iterable[int], added: Iterable[Sequence[Any]]) -> None:
        cells = self._cells
        for code, values in zip(codes, added):
            cells[code].extend(values)

    def _empty(self) -> Dict[int, Any]:
        return defaultdict(self._empty_list if self.spec.listed else int)

    def _pack(self) -> None:
        cells = self._cells
        if not cells:
            return
        self._cells = self._empty()
        for cube in self._rollups:
            cube._roll_up_from(self, self._time, cells)
        if self.stored:
            self._append(cells)

    def _append(self, cells: Mapping[int, Any]) -> None:
        """Append cells to the arrays."""
        packed = self.packed
        before = len(packed.codes)
        packed.times.append(self._time)
        packed.lengths.append(len(cells))
        packed.codes.extend(cells)
        if self.spec.listed:
            self._append_values(cells.values())
            return
        count = 1 + max(self._words_in_use, default=0)
        blob = b"".join([sums.to_bytes(count * 4, "little") for sums in cells.values()])
        words = memoryview(blob).cast("I")
        for place in self._words:
            if place in self._words_in_use:
                packed.word(place, before).extend(words[place::count])

    def _append_values(self, cells: Iterable[Sequence[int]]) -> None:
        """Append values, two bytes each as long as that is enough, then four, then eight."""
        for cell in cells:
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


def _runs_of(passing: Sequence[bool], runs: Sequence[Run]) -> List[Run]:
    """Return the runs of the rows that pass."""
    left: List[Run] = []
    start = 0
    for hour, first, last in runs:
        end = start + sum(passing[first:last])
        if end > start:
            left.append((hour, start, end))
        start = end
    return left


class _Numbered(Dict[Tuple[Any, ...], int]):
    """A dict that numbers keys in the order in which they are first asked for."""

    def __missing__(self, key: Tuple[Any, ...]) -> int:
        code = self[key] = len(self)
        return code


def _typecode_for(column: str) -> str:
    """Return the type of arrays that hold any value of a column of numbers."""
    return next(_typecode(c.limit) for c in schema.NUMBERS if c.name == column)


def _typecode(value: int) -> str:
    """Return the type of arrays of the fewest bytes that hold a whole number.

    The types compare as their sizes do.
    """
    return "H" if value < 1 << 16 else "I" if value < 1 << 32 else "Q"
