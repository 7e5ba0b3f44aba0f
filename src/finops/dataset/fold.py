"""From packed cubes to declared tables: the last step of a scan.

A table is folded one stretch of time after the other, a column at a time: names are looked up
for all cells of a stretch at once and joined to keys.  Where every key is met once, as in the
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
    Key,
    Table,
    Values,
    in_key_order,
)

_CUSTOMER_POSITION = {name: place for place, name in enumerate(CUSTOMER_DIMENSIONS)}


class Stretch:
    """The cells of one stretch of time of a cube, and what has been worked out of them so far.

    Many tables fold from the few cells of a cube without time, so those keep what they work
    out; the many cells of the others do not, for the sake of memory.
    """

    def __init__(self, cube: FilledCube, start: int, end: int) -> None:
        self.cube = cube
        self.codes = cube.packed["codes"][start:end]
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
        words = [self.word(place) for place in range(WORDS)]
        return self._once("sums", lambda: packed_sums(len(self.codes), words))

    def word(self, place: int) -> Any:
        """Return one word of the packed sums of each cell, None where nobody wanted it."""
        column = self.cube.packed["words"][place]
        return None if column is None else column[self._span]

    def latencies(self) -> Iterator[Any]:
        """Yield the latencies of each cell of a latency cube."""
        start = self.cube.first_latency(self._span.start)
        for count in self.cube.packed["counts"][self._span]:
            yield self.cube.packed["latencies"][start : start + count]
            start += count

    def _once(self, name: str, work_out: Callable[[], Sequence[int]]) -> Sequence[int]:
        if self.cube.spec.time:
            return work_out()
        if name not in self._kept:
            self._kept[name] = work_out()
        return self._kept[name]


class FilledCube:
    """A cube as one part of the file filled it, with the meaning of its codes.

    `packed` is that of `cubes.Cube`; `call_keys` are those of the projected call codes.
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
        self._lone: Optional[Stretch] = None
        self._firsts: List[int] = []

    def stretches(self) -> Iterator[Tuple[str, Stretch]]:
        """Yield (time value, cells) in the order in which they were read."""
        start = 0
        for time, length in zip(self.packed["times"], self.packed["lengths"]):
            if self._lone is not None:
                yield time, self._lone
                continue
            stretch = Stretch(self, start, start + length)
            if not self.spec.time:
                self._lone = stretch
            yield time, stretch
            start += length

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
    wanted = [measure for measure in table.measures if measure != LATENCY_HISTOGRAM]
    filled: Dict[Key, Values] = {}
    for time, stretches in _by_time(sums):
        filled.update(_chosen(table, _summed(table, wanted, time, stretches)))
    if LATENCY_HISTOGRAM in table.measures:
        filled = _with_histograms(table, filled, latencies)
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


def _by_time(cubes: Sequence[FilledCube]) -> List[Tuple[str, List[Stretch]]]:
    """Return the stretches of all parts by their time value, in order of time."""
    found: Dict[str, List[Stretch]] = {}
    for cube in cubes:
        for time, stretch in cube.stretches():
            found.setdefault(time, []).append(stretch)
    return sorted(found.items())


def _summed(
    table: Table, measures: Sequence[str], time: str, stretches: Sequence[Stretch]
) -> Dict[Key, Values]:
    """Return the groups of one time value."""
    keys = list(chain.from_iterable(_keys(table, time, stretch) for stretch in stretches))
    if len(set(keys)) == len(keys):
        columns = [list(chain.from_iterable(_lifted(m, s) for s in stretches)) for m in measures]
        return dict(zip(keys, zip(*columns))) if columns else dict.fromkeys(keys, ())
    added: Dict[Key, int] = defaultdict(int)
    for key, packed in zip(keys, chain.from_iterable(stretch.sums() for stretch in stretches)):
        added[key] += packed
    readers = [_reader(measure) for measure in measures]
    return {key: tuple(read(packed) for read in readers) for key, packed in added.items()}


def _keys(table: Table, time: str, stretch: Stretch) -> Iterable[Key]:
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
            shown = int(time) if name == "hour_of_day" else time
            columns.append(repeat(shown, len(stretch.codes)))
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
            rank = (-values[place], key)
            if key[0] not in best or rank < best[key[0]]:
                best[key[0]] = rank
        groups = {key: groups[key] for _, key in best.values()}
    return groups


def _with_histograms(
    table: Table, filled: Dict[Key, Values], cubes: Sequence[FilledCube]
) -> Dict[Key, Values]:
    """Return the groups with their latency histograms put in where they were declared."""
    place = table.measures.index(LATENCY_HISTOGRAM)
    whole: Dict[Key, Values] = {}
    for time, stretches in _by_time(cubes):
        gathered: Dict[Key, Any] = {}
        for stretch in stretches:
            keys = _keys(table, time, stretch)
            for key, latencies in zip(keys, stretch.latencies()):
                if key in gathered:
                    gathered[key].extend(latencies)
                else:
                    gathered[key] = latencies
        for key, latencies in gathered.items():
            sums = filled.get(key, ())
            whole[key] = (*sums[:place], histogram(latencies), *sums[place:])
    return whole
