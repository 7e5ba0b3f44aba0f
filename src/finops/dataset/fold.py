"""From packed cubes to declared tables: the last step of a scan.

A table is folded a block of cells at a time, a column at a time: names are looked up for all
cells of a block at once and joined to keys.  Where every key is met once, as in the
large tables, measures are lifted straight out of the packed words; else cells are added up.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate, chain, repeat
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple

from finops.dataset.batch import LANES, WORD_BITS, WORDS, unpack
from finops.dataset.cubes import (
    CubeSpec,
    call_codes,
    customer_codes,
    histogram,
    packed_sums,
    token_bands,
)
from finops.dataset.fields import PICO
from finops.dataset.journeys import Journeys
from finops.dataset.rollup import (
    CUSTOMER_DIMENSIONS,
    LATENCY_HISTOGRAM,
    LATENCY_MEASURES,
    Key,
    Table,
    Values,
    in_key_order,
)

_CUSTOMER_POSITION = {name: place for place, name in enumerate(CUSTOMER_DIMENSIONS)}


# Cells are folded in blocks of at least this many: enough to make what is done once a block
# cheap, and few enough to hold their names and numbers at one time.
BLOCK_CELLS = 50_000


class Stretch:
    """Some cells in a row of a cube, and what has been worked out of them so far.

    Many tables fold from the few cells of a cube without time, so those keep what they work
    out; the many cells of the others do not, for the sake of memory.
    """

    def __init__(self, cube: FilledCube, first: int, last: int) -> None:
        start, end = cube.starts[first], cube.starts[last]
        self.cube = cube
        self.codes = cube.packed["codes"][start:end]
        self._times = cube.packed["times"][first:last]
        self._lengths = cube.packed["lengths"][first:last]
        self._span = slice(start, end)
        self._kept: Dict[str, Sequence[int]] = {}

    def customers(self) -> Sequence[int]:
        """Return the customer code of each cell."""
        return self._once("customers", lambda: customer_codes(self.codes, self.cube.spec))

    def calls(self) -> Sequence[int]:
        """Return the projected call code of each cell."""
        return self._once("calls", lambda: call_codes(self.codes, self.cube.spec))

    def sums(self) -> Sequence[int]:
        """Return the packed sums of each cell."""
        return self._once("sums", self._packed_sums)

    def times(self) -> Iterator[str]:
        """Yield the time value of each cell."""
        return chain.from_iterable(map(repeat, self._times, self._lengths))

    def word(self, place: int) -> Any:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self.cube.packed["words"][place]
        return None if column is None else column[self._span]

    def latencies(self) -> Iterator[Any]:
        """Yield the latencies of each cell of a latency cube."""
        start = self.cube.first_latency(self._span.start)
        latencies = self.cube.packed["latencies"]
        for count in self.cube.packed["counts"][self._span]:
            yield latencies[start : start + count]
            start += count

    def _packed_sums(self) -> List[int]:
        return packed_sums(len(self.codes), [self.word(place) for place in range(WORDS)])

    def _once(self, name: str, work_out: Callable[[], Sequence[int]]) -> Sequence[int]:
        if self.cube.spec.time:
            return work_out()
        if name not in self._kept:
            self._kept[name] = work_out()
        return self._kept[name]


class FilledCube:
    """A cube as one part of the file filled it, with the meaning of its codes.

    `packed` is that of `cubes.Cube`; `call_keys` are those of the projected call codes;
    `starts` says at which cell each stretch of time begins, and the last one ends.
    """

    def __init__(
        self,
        spec: CubeSpec,
        packed: Mapping[str, Any],
        call_keys: Sequence[Tuple[Any, ...]],
        customer_keys: Sequence[Tuple[Any, ...]],
    ) -> None:
        self.spec = spec
        self.packed = packed
        self.call_keys = call_keys
        self.customer_keys = customer_keys
        self.starts = [0, *accumulate(packed["lengths"])]
        self._lone: Optional[Stretch] = None
        self._firsts: List[int] = []

    def stretch(self, first: int, last: int) -> Stretch:
        """Return the cells of the stretches of time [first, last)."""
        if self.spec.time:
            return Stretch(self, first, last)
        if self._lone is None:
            self._lone = Stretch(self, first, last)
        return self._lone

    def first_latency(self, cell: int) -> int:
        """Return where the latencies of a cell begin."""
        if not self._firsts:
            self._firsts = [0, *accumulate(self.packed["counts"])]
        return self._firsts[cell]


def fold(
    table: Table, sums: Sequence[FilledCube], latencies: Sequence[FilledCube]
) -> Dict[Key, Values]:
    """Return a declared table in key order from the cubes of all parts.

    Cubes of a kind that the table does not need may be left empty.
    """
    wanted = [measure for measure in table.measures if measure not in LATENCY_MEASURES]
    filled: Dict[Key, Values] = {}
    for block in _blocks(sums):
        filled.update(_chosen(table, _summed(table, wanted, block)))
    if len(wanted) < len(table.measures):
        filled = _with_latencies(table, filled, latencies)
    return in_key_order(filled)


def fold_changes(table: Table, journeys: Journeys) -> Dict[Key, Values]:
    """Return the table of quick region changes."""
    named: Dict[str, Callable[[Any], Any]] = {
        "region_changes": lambda changes: changes.times,
        "changed_regions": lambda changes: changes.regions,
        "shortest_change_s": lambda changes: changes.shortest_us / 10**6,
    }
    return in_key_order(
        {
            key: tuple(named[measure](changes) for measure in table.measures)
            for key, changes in journeys.changes.items()
        }
    )


def _blocks(cubes: Sequence[FilledCube]) -> Iterator[List[Stretch]]:
    """Yield all cells in order of time, in blocks; cells of one time value share a block."""
    entries = sorted(
        (time, number, place)
        for number, cube in enumerate(cubes)
        for place, time in enumerate(cube.packed["times"])
    )
    block: List[Tuple[int, int]] = []
    cells, before = 0, ""
    for time, number, place in entries:
        if cells >= BLOCK_CELLS and time != before:
            yield _stretches(cubes, block)
            block, cells = [], 0
        block.append((number, place))
        cells += cubes[number].packed["lengths"][place]
        before = time
    if block:
        yield _stretches(cubes, block)


def _stretches(cubes: Sequence[FilledCube], block: Sequence[Tuple[int, int]]) -> List[Stretch]:
    """Return the stretches at (cube, place), those that follow each other as one."""
    found: List[List[int]] = []
    for number, place in block:
        if found and found[-1][0] == number and found[-1][2] == place:
            found[-1][2] += 1
        else:
            found.append([number, place, place + 1])
    return [cubes[number].stretch(first, last) for number, first, last in found]


def _summed(table: Table, measures: Sequence[str], block: Sequence[Stretch]) -> Dict[Key, Values]:
    """Return the groups of one block."""
    keys = list(chain.from_iterable(_keys(table, stretch) for stretch in block))
    if len(set(keys)) == len(keys):
        columns = [list(chain.from_iterable(_lifted(m, s) for s in block)) for m in measures]
        return dict(zip(keys, zip(*columns))) if columns else dict.fromkeys(keys, ())
    added: Dict[Key, int] = defaultdict(int)
    for key, packed in zip(keys, chain.from_iterable(stretch.sums() for stretch in block)):
        added[key] += packed
    readers = [_reader(measure) for measure in measures]
    return {key: tuple(read(packed) for read in readers) for key, packed in added.items()}


def _keys(table: Table, stretch: Stretch) -> Iterable[Key]:
    """Return the table's key of each cell of a stretch."""
    cube = stretch.cube
    columns: List[Iterable[Any]] = []
    for name in table.by:
        if name in _CUSTOMER_POSITION:
            place = _CUSTOMER_POSITION[name]
            names = [key[place] for key in cube.customer_keys]
            columns.append([names[customer] for customer in stretch.customers()])
        elif name in cube.spec.calls:
            place = cube.spec.calls.index(name)
            names = [key[place] for key in cube.call_keys]
            columns.append([names[call] for call in stretch.calls()])
        elif name == "token_band":
            columns.append(token_bands(stretch.codes))
        else:
            columns.append(map(int, stretch.times()) if name == "hour_of_day" else stretch.times())
    return zip(*columns) if columns else repeat((), len(stretch.codes))


def _lifted(measure: str, stretch: Stretch) -> List[Any]:
    """Return one measure of each cell, without putting the cells together first."""
    if measure == "tokens":
        both = (_lifted(m, stretch) for m in ("input_tokens", "output_tokens"))
        return [i + o for i, o in zip(*both)]
    first, count = LANES[measure]
    column: List[int] = [0] * len(stretch.codes)
    for place in range(count):
        word = stretch.word(first + place)
        if word is not None:
            shift = WORD_BITS * place
            column = [v + (w << shift) for v, w in zip(column, word)] if place else list(word)
    return [pico / PICO for pico in column] if measure == "cost" else column


def _reader(measure: str) -> Callable[[int], Any]:
    if measure == "cost":
        return lambda packed: unpack(packed, "cost") / PICO
    return lambda packed: unpack(packed, measure)


def _chosen(table: Table, groups: Dict[Key, Values]) -> Dict[Key, Values]:
    """Return the groups that a table's `having` and `top` leave."""
    if table.having:
        place = table.measures.index(table.having)
        groups = {key: values for key, values in groups.items() if values[place]}
    if table.top:
        place = table.measures.index(table.top)
        best: Dict[Any, Tuple[Any, Key]] = {}
        for key, values in groups.items():
            most, leader = best.get(key[0], (None, ()))
            if most is None or values[place] > most or (values[place] == most and key < leader):
                best[key[0]] = (values[place], key)
        groups = {key: groups[key] for _, key in best.values()}
    return groups


def _with_latencies(
    table: Table, filled: Dict[Key, Values], cubes: Sequence[FilledCube]
) -> Dict[Key, Values]:
    """Return the groups with their latencies put in where they were declared."""
    (name,) = (measure for measure in table.measures if measure in LATENCY_MEASURES)
    place = table.measures.index(name)
    shape: Callable[[Any], Any] = histogram if name == LATENCY_HISTOGRAM else sorted
    whole: Dict[Key, Values] = {}
    for block in _blocks(cubes):
        gathered: Dict[Key, Any] = {}
        for stretch in block:
            for key, latencies in zip(_keys(table, stretch), stretch.latencies()):
                if key in gathered:
                    gathered[key] = gathered[key] + latencies
                else:
                    gathered[key] = latencies
        for key, latencies in gathered.items():
            sums = filled.get(key, ())
            whole[key] = (*sums[:place], shape(latencies), *sums[place:])
    return whole
