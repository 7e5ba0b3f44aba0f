"""The cells of filled cubes as columns: what tables are folded from."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, chain, compress, repeat
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from finops.reader.encoding import PACKED_FIELDS, SHIFT, WORD_BITS, WORDS
from finops.reader.fields import PICO
from finops.rollups.cubes import CubeSpec, call_codes, customer_codes, histogram, packed_sums
from finops.rollups.spec import CUSTOMER_DIMENSIONS

# Cells are handled in blocks of about this many: enough to make what is done once a block
# cheap, and few enough to hold their names and numbers at one time.
MANY_CELLS = 50_000

_WIDEST = WORD_BITS * max(words for _, words in PACKED_FIELDS.values())

# Where in a customer's key a dimension is found.
CUSTOMER_POSITION = {name: place for place, name in enumerate(CUSTOMER_DIMENSIONS)}


def stored(measures: Sequence[str]) -> List[str]:
    """Return measures as they are stored: tokens as those of input and of output."""
    found: Dict[str, None] = {}
    for measure in measures:
        both = measure == "tokens"
        found.update(dict.fromkeys(("input_tokens", "output_tokens") if both else (measure,)))
    return list(found)


class Stretch:
    """Some cells in a row of a cube, and what has been worked out of them so far.

    Many tables fold from the few cells of a cube without time, so those keep what they work
    out; the many cells of the others do not, for the sake of memory.
    """

    def __init__(self, cube: FilledCube, first: int, last: int) -> None:
        start, end = cube.starts[first], cube.starts[last]
        self.cube = cube
        self.codes = cube.packed["codes"][start:end]
        self.time_values = cube.packed["times"][first:last]
        self.lengths = cube.packed["lengths"][first:last]
        self._span = slice(start, end)
        self._kept: Dict[str, Sequence[int]] = {}

    def customers(self) -> Sequence[int]:
        """Return the customer code of each cell."""
        return self._once("customers", lambda: customer_codes(self.codes, self.cube.spec))

    def calls(self) -> Sequence[int]:
        """Return the projected call code of each cell."""
        return self._once("calls", lambda: call_codes(self.codes, self.cube.spec))

    def sums(self, measures: Sequence[str]) -> Tuple[Sequence[int], Mapping[str, int]]:
        """Return the packed sums of each cell, and where in them each of these measures begins.

        Without time all measures are there, since other tables will ask for others; else only
        these, side by side, for small numbers add up faster.
        """
        if not self.cube.spec.time:
            return self._once("sums", self._all_sums), SHIFT
        shifts = {name: place * _WIDEST for place, name in enumerate(stored(measures))}
        packed = [0] * len(self.codes)
        for name, shift in shifts.items():
            packed = [sums + (one << shift) for sums, one in zip(packed, self.whole(name))]
        return packed, shifts

    def times(self) -> Iterable[str]:
        """Return the time value of each cell."""
        return chain.from_iterable(map(repeat, self.time_values, self.lengths))

    def word(self, place: int) -> Any:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self.cube.packed["words"][place]
        return None if column is None else column[self._span]

    def lifted(self, measure: str) -> List[Any]:
        """Return one measure of each cell, without putting the cells' words together first."""
        if measure == "tokens":
            both = (self.lifted(m) for m in ("input_tokens", "output_tokens"))
            return [i + o for i, o in zip(*both)]
        whole = self.whole(measure)
        return [pico / PICO for pico in whole] if measure == "cost" else whole

    def whole(self, measure: str) -> List[int]:
        """Return one measure of each cell as a whole number, `cost` in pico-dollars."""
        first, count = PACKED_FIELDS[measure]
        column: List[int] = [0] * len(self.codes)
        for place in range(count):
            word = self.word(first + place)
            if word is not None and (not place or any(word)):
                shift = WORD_BITS * place
                column = [v + (w << shift) for v, w in zip(column, word)] if place else list(word)
        return column

    def latencies(self) -> Iterator[Any]:
        """Yield the latencies of each cell of a cube that keeps lists, ascending."""
        return self._slices("latencies")

    def histograms(self) -> Iterator[Dict[int, int]]:
        """Yield {latency: calls} of each cell of a latency cube, ascending."""
        if "repeats" not in self.cube.packed:
            return map(histogram, self.latencies())
        return map(dict, map(zip, self._slices("latencies"), self._slices("repeats")))

    def _slices(self, name: str) -> Iterator[Any]:
        start, column = self.cube.first_latency(self._span.start), self.cube.packed[name]
        for count in self.cube.packed["counts"][self._span]:
            yield column[start : start + count]
            start += count

    def _all_sums(self) -> List[int]:
        return packed_sums(len(self.codes), list(map(self.word, range(WORDS))))

    def _once(self, name: str, work_out: Callable[[], Sequence[int]]) -> Sequence[int]:
        if self.cube.spec.time:
            return work_out()
        if name not in self._kept:
            self._kept[name] = work_out()
        return self._kept[name]


class FilteredRange(Stretch):
    """Those cells of a stretch that pass, looked at before anything is worked out of them."""

    def __init__(self, stretch: Stretch, passing: Sequence[Any]) -> None:
        self.cube = stretch.cube
        self.codes = list(compress(stretch.codes, passing))
        self._stretch = stretch
        self._passing = passing
        self._kept = {}

    def times(self) -> Iterable[str]:
        """Return the time value of each cell."""
        return compress(self._stretch.times(), self._passing)

    def word(self, place: int) -> Any:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self._stretch.word(place)
        return None if column is None else list(compress(column, self._passing))


class FilledCube:
    """A cube as one part of the file filled it, with the meaning of its codes.

    `packed` is that of `cubes.Cube`; `call_keys` are those of the projected call codes;
    `starts` says at which cell each stretch of time begins, and the last one ends.  `found_out`
    is a dict, empty at first, in which all cubes keep what they find out about their keys.
    """

    def __init__(
        self,
        spec: CubeSpec,
        packed: Mapping[str, Any],
        call_keys: Sequence[Tuple[Any, ...]],
        customer_keys: Sequence[Tuple[Any, ...]],
        found_out: Dict[Any, List[int]],
    ) -> None:
        self.spec = spec
        self.packed = packed
        self.call_keys = call_keys
        self.customer_keys = customer_keys
        self._found_out = found_out
        self.starts = [0, *accumulate(packed["lengths"])]
        self._lone: Optional[Stretch] = None
        self._firsts: List[int] = []
        self._differing: Dict[Any, Sequence[bool]] = {}

    def differing(self, dimensions: Sequence[str]) -> Sequence[bool]:
        """Return for each stretch of time whether its cells all differ in some dimensions.

        False may also mean that finding out is no less work than adding up.
        """
        spec, count = self.spec, len(self.packed["lengths"])
        of_customers = tuple(CUSTOMER_POSITION[n] for n in dimensions if n in CUSTOMER_POSITION)
        of_calls = tuple(spec.calls.index(n) for n in dimensions if n in spec.calls)
        if not (of_customers or of_calls or spec.band):
            return [cells == 1 for cells in self.packed["lengths"]]
        customers = self._merged(self.customer_keys, of_customers) if spec.customers else []
        calls = self._merged(self.call_keys, of_calls) if spec.calls else []
        if not (customers or calls):
            return [not spec.band or "token_band" in dimensions] * count
        if spec.band or not spec.time:
            return [False] * count
        asked = (of_customers, of_calls)
        if asked not in self._differing:
            self._differing[asked] = list(self._looked_at(customers, calls))
        return self._differing[asked]

    def _looked_at(self, customers: Sequence[int], calls: Sequence[int]) -> Iterator[bool]:
        """Yield for each stretch whether its cells differ, their keys being numbered like this."""
        first, starts = 0, self.starts
        while first < len(starts) - 1:
            # Many stretches at a time, as there are many and short ones, but never all cells.
            last = max(first + 1, bisect_right(starts, starts[first] + MANY_CELLS) - 1)
            codes = self.packed["codes"][starts[first] : starts[last]]
            numbers = self._numbers(codes, customers, calls)
            ends = [start - starts[first] for start in starts[first : last + 1]]
            for start, end in zip(ends, ends[1:]):
                yield len(set(numbers[start:end])) == end - start
            first = last

    def _numbers(
        self, codes: Sequence[int], customers: Sequence[int], calls: Sequence[int]
    ) -> Sequence[int]:
        """Return a number for each cell code, equal where its merged keys are."""
        spec = self.spec
        found: Sequence[int] = []
        if spec.customers:
            found = customer_codes(codes, spec)
            found = list(map(customers.__getitem__, found)) if customers else found
        if spec.calls:
            of_calls: Sequence[int] = call_codes(codes, spec)
            of_calls = list(map(calls.__getitem__, of_calls)) if calls else of_calls
            wide = 1 + max(of_calls, default=0)
            found = [c * wide + k for c, k in zip(found, of_calls)] if found else of_calls
        return found

    def _merged(self, keys: Sequence[Tuple[Any, ...]], places: Tuple[int, ...]) -> List[int]:
        """Return a number for each key, the same for those that are equal in some places.

        An empty list where no two are.  A customer who has changed the tier has two keys.
        """
        asked = (id(keys), places)
        if asked not in self._found_out:
            numbers: Dict[Tuple[Any, ...], int] = {}
            shortened = (tuple(key[place] for place in places) for key in keys)
            found = [numbers.setdefault(one, len(numbers)) for one in shortened]
            self._found_out[asked] = found if len(numbers) < len(found) else []
        return self._found_out[asked]

    def stretch(self, first: int, last: int) -> Stretch:
        """Return the cells of the stretches of time [first, last)."""
        if self.spec.time or self.starts[-1] > MANY_CELLS:
            return Stretch(self, first, last)
        if self._lone is None:
            self._lone = Stretch(self, first, last)
        return self._lone

    def first_latency(self, cell: int) -> int:
        """Return where the latencies of a cell begin."""
        if not self._firsts:
            self._firsts = [0, *accumulate(self.packed["counts"])]
        return self._firsts[cell]
