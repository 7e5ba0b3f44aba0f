"""Cubes: the finest tables that the pass over the file fills, and how they are kept small.

A cube groups calls by codes (see `batch.KeyEncoder`) within a time grain.  Every declared table is
folded from one cube afterwards (see `fold`).  While a stretch of time is being read its cells
are a plain dict; when the next stretch begins they are appended to arrays, a fraction of the
size.  Packed cells of the same key may occur more than once (an hour cut in two by parts of the
file, or met again in unordered data): folding adds them up, so nothing ever has to be looked up
again while reading.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from itertools import compress, repeat
from operator import itemgetter
from typing import (
    Any,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config
from finops.reader.encoding import PACKED_FIELDS, WORD_BITS, WORDS, Batch, KeyEncoder
from finops.rollups.spec import LATENCY_LIST
from finops.timestamps import time_key

# A cell's code: customer code, call code, token band, side by side.
CALL_BITS = 24
BAND_BITS = 32
_CALL_MASK = (1 << CALL_BITS) - 1
_BAND_MASK = (1 << BAND_BITS) - 1
_CALL_SPACE = 1 << CALL_BITS
_AFTER_ANY = b"~"  # follows whatever stands after the hour in a timestamp

Shared = Dict[Tuple[Any, ...], Sequence[int]]
Run = Tuple[str, int, int]  # an hour such as "2025-01-01T09", and its rows [from, to)


class CubeSpec(NamedTuple):
    """What a cube groups by.

    `time`: "", hour, day, week or hour_of_day.  `customers`: by customer code or not at all.
    `calls`: the call dimensions it keeps (in order).  `band`: by token band.  `where`: filter.
    `latency`: whether it keeps latencies instead of sums.
    """

    time: str
    customers: bool
    calls: Tuple[str, ...]
    band: bool = False
    where: str = ""
    latency: bool = False


def hours_of(times: List[bytes]) -> List[Run]:
    """Return the stretches of equal hours of ascending timestamps.

    >>> hours_of([b"2025-01-01T09:30:00", b"2025-01-01T09:31:00", b"2025-01-01T10:00:00"])
    [('2025-01-01T09', 0, 2), ('2025-01-01T10', 2, 3)]
    """
    runs: List[Run] = []
    start, count = 0, len(times)
    while start < count:
        hour = times[start][:13]
        end = bisect_left(times, hour + _AFTER_ANY, start)
        runs.append((hour.decode("ascii"), start, end))
        start = end
    return runs


class Projection:
    """Call codes to codes of fewer dimensions, extended as new call codes appear."""

    def __init__(self, positions: Sequence[int]) -> None:
        self.codes: List[int] = []
        self.keys: List[Tuple[Any, ...]] = []
        self._positions = positions
        self._known: Dict[Tuple[Any, ...], int] = {}

    def extend(self, call_keys: Sequence[Tuple[Any, ...]]) -> None:
        """Make room for call keys not seen yet."""
        fresh = call_keys[len(self.codes) :]
        columns = [map(itemgetter(position), fresh) for position in self._positions]
        for part in zip(*columns) if columns else [()] * len(fresh):
            if part not in self._known:
                self._known[part] = len(self.keys)
                self.keys.append(part)
            self.codes.append(self._known[part])


class Cube:
    """The cells of one spec for one part of the file.

    `measures` are those that anybody wants of it; the others are dropped when cells are packed.
    Of a cube of latencies it is the list of them, or else their histogram is enough.
    A cube that is `kept` has at the end, in `packed`, plain lists and arrays only: `times` and
    `lengths` of the stretches, the `codes` of all their cells in a row, and as long as these
    either `words`, the wanted words of the packed sums (None for the others), or `counts` and,
    for all cells in a row, so many `latencies`, ascending; of histograms also the `repeats` of
    each.  Sorting and counting here, in the processes that read, is doing so on all cores.

    A cube with a `source` is not filled call by call: it takes the cells of the finer source,
    which are fewer, whenever these are complete.  A cube that is not kept is there for those
    that it feeds, and has the encoder's call codes as they are.
    """

    def __init__(
        self,
        spec: CubeSpec,
        positions: Sequence[int],
        measures: Iterable[str] = tuple(PACKED_FIELDS),
        kept: bool = True,
        source: Optional[Cube] = None,
    ) -> None:
        self.spec = spec
        self.kept = kept
        self.source = source
        self.projection = Projection(positions)
        self.packed: Dict[str, Any] = {"times": [], "lengths": array("I"), "codes": array("Q")}
        if spec.latency:
            self.packed.update(counts=array("I"), latencies=array("H"))
            if LATENCY_LIST not in measures:
                self.packed["repeats"] = array("I")
        else:
            wanted = {
                first + k for m in measures for first, n in (PACKED_FIELDS[m],) for k in range(n)
            }
            words = [array("I") if word in wanted else None for word in range(WORDS)]
            self.packed["words"] = words
        self._fed: List[Cube] = []
        self._call_keys: Sequence[Tuple[Any, ...]] = self.projection.keys
        self._time = ""
        self._cells: Dict[int, Any] = self._empty()
        self._waiting: Dict[str, Dict[int, Any]] = {}
        if source is not None:
            source._fed.append(self)

    def add(self, batch: Batch, runs: Sequence[Run], encoder: KeyEncoder, shared: Shared) -> None:
        """Add a batch; `runs` are its hours in order.

        `shared` is a dict, empty at first, in which the cubes keep for each other what they
        have worked out of this batch.
        """
        if self.spec.where:
            batch = _filtered(batch, _passing(self.spec.where, batch, encoder), self.spec)
            runs, shared = hours_of(batch.times), {}
        codes = self._codes(batch, encoder, shared)
        what = batch.latencies if self.spec.latency else batch.sums
        if not self.spec.time:
            self._pour(codes, what)
            return
        for hour, start, end in runs:
            self._turn_to(time_key(hour, self.spec.time))
            if end - start == len(codes):
                self._pour(codes, what)
            else:
                self._pour(codes[start:end], what[start:end])

    def _take(self, time: str, cells: Mapping[int, Any], source: Cube) -> None:
        """Add the complete cells that a source has for one of its time values."""
        self._turn_to(time_key(time, self.spec.time))
        codes = self._translated(cells, source)
        if self.spec.latency:
            for code, latencies in zip(codes, cells.values()):
                self._cells[code].extend(latencies)
        else:
            self._pour(codes, cells.values())

    def _translated(self, codes: Iterable[int], source: Cube) -> Iterable[int]:
        """Return for cell codes of a source those of the cells here that they belong to."""
        spec, fine = self.spec, source.spec
        found = list(codes)
        customers = customer_codes(found, fine) if spec.customers else ()
        if not spec.calls:
            return customers if spec.customers else repeat(0)
        self.projection.extend(source._call_keys)
        calls = call_codes(found, fine) if fine.customers else found
        projected = map(self.projection.codes.__getitem__, calls)
        if spec.customers:
            return [c * _CALL_SPACE + k for c, k in zip(customers, projected)]
        return projected

    def _turn_to(self, time: str) -> None:
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

    def close(self) -> None:
        """Pack what is still open."""
        self._waiting[self._time] = self._cells
        for time, cells in sorted(self._waiting.items()):
            self._time, self._cells = time, cells
            self._pack()
        self._waiting = {}

    def _pack(self) -> None:
        cells = self._cells
        if not cells:
            return
        self._cells = self._empty()
        for cube in self._fed:
            cube._take(self._time, cells, self)
        if self.kept:
            self._keep(cells)

    def _keep(self, cells: Mapping[int, Any]) -> None:
        """Append cells to the arrays."""
        packed = self.packed
        packed["times"].append(self._time)
        packed["lengths"].append(len(cells))
        packed["codes"].extend(cells)
        if self.spec.latency:
            self._keep_latencies(cells.values())
        else:
            blob = b"".join([sums.to_bytes(WORDS * 4, "little") for sums in cells.values()])
            words = memoryview(blob).cast("I")
            for place, column in enumerate(packed["words"]):
                if column is not None:
                    column.extend(words[place::WORDS])

    def _keep_latencies(self, cells: Iterable[Any]) -> None:
        """Append latencies, two bytes each as long as that is enough."""
        packed = self.packed
        repeats = packed.get("repeats")
        for cell in cells:
            if repeats is None:
                latencies = sorted(cell)
            else:
                counted = histogram(cell)
                latencies = list(counted)
                repeats.extend(counted.values())
            packed["counts"].append(len(latencies))
            try:
                packed["latencies"].extend(array(packed["latencies"].typecode, latencies))
            except OverflowError:
                packed["latencies"] = array("I", packed["latencies"])
                packed["latencies"].extend(array("I", latencies))

    def _empty(self) -> Dict[int, Any]:
        return defaultdict(_latency_list if self.spec.latency else int)

    def _pour(self, codes: Iterable[int], what: Iterable[int]) -> None:
        cells = self._cells
        if self.spec.latency:
            for code, latency in zip(codes, what):
                cells[code].append(latency)
        else:
            for code, sums in zip(codes, what):
                cells[code] += sums

    def _codes(self, batch: Batch, encoder: KeyEncoder, shared: Shared) -> Sequence[int]:
        """Return the cell code of each call."""
        spec = self.spec
        key = (spec.customers, spec.calls, spec.band, self.kept)
        if key not in shared:
            codes: Sequence[int] = self._joint_codes(batch, encoder, shared)
            if spec.band:
                width = config.TOKEN_BAND_WIDTH
                codes = [
                    (code << BAND_BITS) + (i + o) // width
                    for code, i, o in zip(codes, batch.inputs, batch.outputs)
                ]
            shared[key] = codes
        elif spec.calls and self.kept:
            self.projection.extend(encoder.call_keys)
        return shared[key]

    def _joint_codes(self, batch: Batch, encoder: KeyEncoder, shared: Shared) -> Sequence[int]:
        spec = self.spec
        if not spec.calls:
            return batch.customers if spec.customers else [0] * len(batch.calls)
        if not self.kept:
            self._call_keys = encoder.call_keys
            return batch.calls
        self.projection.extend(encoder.call_keys)
        codes = list(map(self.projection.codes.__getitem__, batch.calls))
        if spec.customers:
            return [c * _CALL_SPACE + k for c, k in zip(batch.customers, codes)]
        return codes


def customer_codes(codes: Sequence[int], spec: CubeSpec) -> Sequence[int]:
    """Return the customer codes of cell codes."""
    shift = (CALL_BITS if spec.calls else 0) + (BAND_BITS if spec.band else 0)
    return [code >> shift for code in codes] if shift else codes


def call_codes(codes: Sequence[int], spec: CubeSpec) -> List[int]:
    """Return the projected call codes of cell codes."""
    if spec.band:
        return [code >> BAND_BITS & _CALL_MASK for code in codes]
    return [code & _CALL_MASK for code in codes]


def token_bands(codes: Sequence[int]) -> List[int]:
    """Return the lower bounds of the token bands of cell codes of a cube by band."""
    return [(code & _BAND_MASK) * config.TOKEN_BAND_WIDTH for code in codes]


def packed_sums(count: int, words: Sequence[Any]) -> List[int]:
    """Return the packed sums of `count` cells from their words."""
    packed = [0] * count
    for place, column in enumerate(words):
        if column is not None:
            shift = WORD_BITS * place
            packed = [sums + (word << shift) for sums, word in zip(packed, column)]
    return packed


def _latency_list() -> Any:
    return array("I")


def histogram(latencies: Any) -> Dict[int, int]:
    """Return {latency: calls} in ascending order."""
    return dict(sorted(Counter(latencies).items()))


def _filtered(batch: Batch, passing: Sequence[bool], spec: CubeSpec) -> Batch:
    """Return the calls that pass, with those columns only that a cube of the spec looks at."""
    needed = {"customers", "calls", "latencies" if spec.latency else "sums"}
    needed |= {"times"} if spec.time else set()
    needed |= {"inputs", "outputs"} if spec.band else set()
    columns = {
        name: list(compress(column, passing)) if name in needed else []
        for name, column in batch._asdict().items()
    }
    return Batch(**columns)


def _passing(where: str, batch: Batch, encoder: KeyEncoder) -> List[bool]:
    """Return for each call whether it passes a named filter."""
    succeeded = encoder.succeeded
    if where == "simple_task":
        limit = config.SIMPLE_TASK_MAX_TOKENS
        return [
            i + o < limit and succeeded[k]
            for i, o, k in zip(batch.inputs, batch.outputs, batch.calls)
        ]
    least = config.INEFFICIENT_PROMPT_MIN_INPUT_TOKENS
    ratio = config.INEFFICIENT_PROMPT_MAX_OUTPUT_RATIO
    return [
        i > least and o / i < ratio and succeeded[k]
        for i, o, k in zip(batch.inputs, batch.outputs, batch.calls)
    ]
