"""From packed cubes to declared tables: the last step of a scan.

A table is folded a block of cells at a time, a column at a time: names are looked up for all
cells of a block at once and joined to keys.  What there is to do depends on the table:

- Every cell is a group of its own, as in the large tables: measures are lifted straight out of
  the packed words, after cells that `having` or `top` will not leave have been passed over.
- All cells of a time value are one group: columns are added up without a key for each cell.
- Else cells are added up by key.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from functools import partial
from itertools import accumulate, chain, repeat
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Sequence,
    Tuple,
)

from finops.reader.encoding import MASK
from finops.reader.fields import PICO
from finops.rollups.columns import (
    CUSTOMER_POSITION,
    MANY_CELLS,
    FilledCube,
    FilteredRange,
    Stretch,
    stored,
)
from finops.rollups.cubes import token_bands
from finops.rollups.customer_activity import ActivityLog
from finops.rollups.spec import (
    LATENCY_HISTOGRAM,
    LATENCY_LIST,
    LATENCY_MEASURES,
    TIME_DIMENSIONS,
    Key,
    Table,
    Values,
    in_key_order,
)


def fold(
    table: Table, sums: Sequence[FilledCube], latencies: Sequence[FilledCube]
) -> Dict[Key, Values]:
    """Return a declared table in key order from the cubes of all parts.

    Cubes of a kind that the table does not need may be left empty.
    """
    wanted = [measure for measure in table.measures if measure not in LATENCY_MEASURES]
    filled: Dict[Key, Values] = {}
    by_time = table.by[:1] and table.by[0] in TIME_DIMENSIONS
    for block in _blocks(table, sums):
        groups = _chosen(table, _summed(table, wanted, block))
        filled.update(in_key_order(groups) if by_time else groups)
    if len(wanted) < len(table.measures):
        filled = _with_latencies(table, filled, latencies)
    if by_time:
        return filled  # blocks are in order of time, too
    if table.top:
        filled = _chosen(table, filled)  # what was best in its block only
    return in_key_order(filled)


def fold_changes(table: Table, journeys: ActivityLog) -> Dict[Key, Values]:
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


class Block(NamedTuple):
    """Cells that are folded together; `grouped`: each is a group of its own.

    Nearly all are: those that are not share the time at which two parts of the file meet, or
    have to do with a customer who was changing.
    """

    stretches: List[Stretch]
    grouped: bool


def _blocks(table: Table, cubes: Sequence[FilledCube]) -> Iterator[Block]:
    """Yield all cells in order of time, in blocks; cells of one time value share a block."""
    entries = sorted(
        (time, number, place)
        for number, cube in enumerate(cubes)
        for place, time in enumerate(cube.packed["times"])
    )
    met = Counter(time for time, _, _ in entries)
    differing = [cube.differing(table.by) for cube in cubes]
    block: List[Tuple[int, int]] = []
    cells, before, grouped = 0, "", True
    for time, number, place in entries:
        alone = met[time] == 1 and differing[number][place]
        if block and (alone != grouped or (cells >= MANY_CELLS and time != before)):
            yield Block(_stretches(cubes, block), grouped)
            block, cells = [], 0
        block.append((number, place))
        cells += cubes[number].packed["lengths"][place]
        before, grouped = time, alone
    if block:
        yield Block(_stretches(cubes, block), grouped)


def _stretches(cubes: Sequence[FilledCube], block: Sequence[Tuple[int, int]]) -> List[Stretch]:
    """Return the stretches at (cube, place), those that follow each other as one."""
    found: List[List[int]] = []
    for number, place in block:
        if found and found[-1][0] == number and found[-1][2] == place:
            found[-1][2] += 1
        else:
            found.append([number, place, place + 1])
    return [cubes[number].stretch(first, last) for number, first, last in found]


def _summed(table: Table, measures: Sequence[str], block: Block) -> Dict[Key, Values]:
    """Return the groups of one block; some that the table will not deliver may be left out."""
    stretches, grouped = block
    if set(table.by) <= set(TIME_DIMENSIONS):
        return _by_time(table, measures, stretches)
    if grouped:
        stretches = [_worth_a_look(table, stretch) for stretch in stretches]
        keys = list(chain.from_iterable(_keys(table, stretch) for stretch in stretches))
        columns = [list(chain.from_iterable(s.lifted(m) for s in stretches)) for m in measures]
        if not columns:
            return dict.fromkeys(keys, ())
        rows: Iterable[Values] = zip(*columns)
        if "cost" not in measures:  # many groups have the same few calls: one tuple for all
            known: Dict[Values, Values] = {}
            rows = [known.setdefault(row, row) for row in rows]
        return dict(zip(keys, rows))
    added: Dict[Key, int] = defaultdict(int)
    shifts: Mapping[str, int] = {}
    for stretch in stretches:
        sums, shifts = stretch.sums(measures)
        for key, packed in zip(_keys(table, stretch), sums):
            added[key] += packed
    read = [_unpacked(measure, added.values(), shifts) for measure in measures]
    return dict(zip(added, zip(*read))) if read else dict.fromkeys(added, ())


def _worth_a_look(table: Table, stretch: Stretch) -> Stretch:
    """Return the cells, each a group, that `having` and `top` may leave."""
    if table.having:
        return FilteredRange(stretch, stretch.lifted(table.having))
    if table.top and table.by[0] in TIME_DIMENSIONS:
        values = stretch.lifted(table.top)
        ends = list(accumulate(stretch.lengths))
        most = [max(values[start:end]) for start, end in zip([0, *ends], ends)]
        leading = chain.from_iterable(map(repeat, most, stretch.lengths))
        return FilteredRange(stretch, [value == best for value, best in zip(values, leading)])
    return stretch


def _by_time(table: Table, measures: Sequence[str], block: Sequence[Stretch]) -> Dict[Key, Values]:
    """Return the groups of a table by time alone, or of one that has a single group."""
    added: Dict[str, List[int]] = {}
    names = stored(measures or ("calls",))  # of no measures something, to find the groups
    for stretch in block:
        ends = list(accumulate(stretch.lengths))
        columns = []
        for measure in names:
            running = [0, *accumulate(stretch.whole(measure))]
            columns.append([running[e] - running[s] for s, e in zip([0, *ends], ends)])
        for time, sums in zip(stretch.time_values, zip(*columns)):
            before = added.get(time)
            added[time] = [a + b for a, b in zip(before, sums)] if before else list(sums)
    return {
        _time_key(table, time): tuple(_value(m, dict(zip(names, sums))) for m in measures)
        for time, sums in added.items()
    }


def _value(measure: str, sums: Mapping[str, int]) -> Any:
    if measure == "tokens":
        return sums["input_tokens"] + sums["output_tokens"]
    return sums[measure] / PICO if measure == "cost" else sums[measure]


def _time_key(table: Table, time: str) -> Key:
    if not table.by:
        return ()
    return (int(time),) if table.by[0] == "hour_of_day" else (time,)


def _keys(table: Table, stretch: Stretch) -> Iterable[Key]:
    """Return the table's key of each cell of a stretch."""
    cube = stretch.cube
    columns: List[Iterable[Any]] = []
    for name in table.by:
        if name in CUSTOMER_POSITION:
            place = CUSTOMER_POSITION[name]
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


def _unpacked(measure: str, sums: Iterable[int], shifts: Mapping[str, int]) -> List[Any]:
    """Return one measure of each packed sum."""
    if measure == "tokens":
        both = (_unpacked(m, sums, shifts) for m in ("input_tokens", "output_tokens"))
        return [i + o for i, o in zip(*both)]
    shift, mask = shifts[measure], MASK[measure]
    whole = [packed >> shift & mask for packed in sums]
    return [pico / PICO for pico in whole] if measure == "cost" else whole


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
    cells_of, joined = _WAYS[name]
    whole: Dict[Key, Values] = {}
    for block in _blocks(table, cubes):
        cells = chain.from_iterable(zip(_keys(table, s), cells_of(s)) for s in block.stretches)
        groups = in_key_order(dict(cells if block.grouped else joined(cells)))
        for key, found in groups.items():
            sums = filled.get(key, ())
            whole[key] = sums[:place] + (found,) + sums[place:]  # noqa: RUF005 - faster
    return whole


def _joined_lists(cells: Iterable[Tuple[Key, Any]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with all their latencies, ascending."""
    gathered: Dict[Key, List[int]] = defaultdict(list)
    for key, latencies in cells:
        gathered[key].extend(latencies)
    return ((key, array("I", sorted(found))) for key, found in gathered.items())


def _joined_histograms(cells: Iterable[Tuple[Key, Any]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with how often they have each latency, ascending."""
    gathered: Dict[Key, Dict[int, int]] = defaultdict(partial(defaultdict, int))
    for key, histogram in cells:
        found = gathered[key]
        for latency, calls in histogram.items():
            found[latency] += calls
    return ((key, dict(sorted(found.items()))) for key, found in gathered.items())


# How a measure's cells are read, and how those of one group become one.
_WAYS: Dict[str, Tuple[Callable[[Stretch], Iterable[Any]], Callable[..., Iterable[Any]]]] = {
    LATENCY_LIST: (Stretch.latencies, _joined_lists),
    LATENCY_HISTOGRAM: (Stretch.histograms, _joined_histograms),
}
