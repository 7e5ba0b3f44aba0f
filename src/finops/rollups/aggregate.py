"""From packed cubes to declared tables: the last step of a scan.

A table is aggregated a block of cells at a time, a column at a time: names are looked up for all
cells of a block at once and joined to keys.  What there is to do depends on the table:

- Every cell is a group of its own, as in the large tables: measures are read straight out of
  the packed words, after cells that `having` or `top` will not leave have been passed over.
- All cells of a time value are one group: columns are added up without a key for each cell.
- Else cells are added up by key.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from functools import partial
from itertools import accumulate, chain, compress, repeat
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.columns import (
    CUSTOMER_POSITION,
    MANY_CELLS,
    CellRange,
    FilledCube,
    FilteredRange,
    SumField,
    delivered,
    sum_fields,
)
from finops.rollups.measures import (
    MEASURES,
    TIME_DIMENSIONS,
    Dimension,
    Distribution,
    Measure,
    dimension_of,
    measure_of,
    stored,
)
from finops.rollups.spec import Key, Table, Values, in_key_order


def aggregate(
    table: Table,
    sums: Sequence[FilledCube],
    listed: Sequence[FilledCube],
    passes: Optional[Dimension] = None,
) -> Dict[Key, Values]:
    """Return a declared table in key order from the cubes of all parts.

    `sums` are cubes of sums, `listed` those of listed values; cubes of a kind that the table
    does not need may be left empty.  `passes` is the dimension of `listed` that is true where
    values count, None where all do.
    """
    measures = [measure_of(given) for given in table.measures]
    wanted = [measure for measure in measures if isinstance(measure, Measure)]
    filled: Dict[Key, Values] = {}
    by_time = bool(table.by) and table.by[0] in TIME_DIMENSIONS
    for block in _blocks(list(map(dimension_of, table.by)), sums):
        groups = _apply_having_and_top(table, _summed(table, wanted, block))
        filled.update(in_key_order(groups) if by_time else groups)
    if not by_time:  # else blocks are in order of time, too
        # With `top` there is what was best in its block only.
        filled = in_key_order(_apply_having_and_top(table, filled))
    for measure in measures:
        if isinstance(measure, Distribution):
            filled = _with_distribution(table, measure, filled, listed, passes)
    return filled


class Block(NamedTuple):
    """Cells that are aggregated together; `grouped`: each is a group of its own.

    Nearly all are: those that are not share the time at which two parts of the file meet, or
    have to do with a customer who was changing.
    """

    ranges: List[CellRange]
    grouped: bool


def _blocks(dimensions: Sequence[Dimension], cubes: Sequence[FilledCube]) -> Iterator[Block]:
    """Yield all cells in order of time, in blocks; cells of one time value share a block.

    `dimensions` tell groups apart.
    """
    entries = sorted(
        (time, number, place)
        for number, cube in enumerate(cubes)
        for place, time in enumerate(cube.packed.times)
    )
    occurrences = Counter(time for time, _, _ in entries)
    differing = [cube.differing(dimensions) for cube in cubes]
    block: List[Tuple[int, int]] = []
    cells, before, grouped = 0, "", True
    for time, number, place in entries:
        alone = occurrences[time] == 1 and differing[number][place]
        if block and (alone != grouped or (cells >= MANY_CELLS and time != before)):
            yield Block(_cell_ranges(cubes, block), grouped)
            block, cells = [], 0
        block.append((number, place))
        cells += cubes[number].packed.lengths[place]
        before, grouped = time, alone
    if block:
        yield Block(_cell_ranges(cubes, block), grouped)


def _cell_ranges(cubes: Sequence[FilledCube], block: Sequence[Tuple[int, int]]) -> List[CellRange]:
    """Return the ranges at (cube, place), those that follow each other as one."""
    joined: List[List[int]] = []
    for number, place in block:
        if joined and joined[-1][0] == number and joined[-1][2] == place:
            joined[-1][2] += 1
        else:
            joined.append([number, place, place + 1])
    return [cubes[number].cells(first, last) for number, first, last in joined]


def _summed(table: Table, measures: Sequence[Measure], block: Block) -> Dict[Key, Values]:
    """Return the groups of one block; some that the table will not deliver may be left out."""
    ranges, grouped = block
    if set(table.by) <= set(TIME_DIMENSIONS):
        return _by_time(table, measures, ranges)
    if grouped:
        return _as_they_are(table, measures, ranges)
    added: Dict[Key, int] = defaultdict(int)
    fields = sum_fields(ranges, measures)
    for cells in ranges:
        for key, packed in zip(_keys(table, cells), cells.sums(fields)):
            added[key] += packed
    unpacked = partial(_unpacked, added.values(), fields)
    columns = [delivered(measure, unpacked, len(added)) for measure in measures]
    return dict(zip(added, zip(*columns))) if columns else dict.fromkeys(added, ())


def _as_they_are(
    table: Table, measures: Sequence[Measure], ranges: Iterable[CellRange]
) -> Dict[Key, Values]:
    """Return cells of which each is a group."""
    ranges = [_prefiltered(table, cells) for cells in ranges]
    keys = list(chain.from_iterable(_keys(table, cells) for cells in ranges))
    columns = [list(chain.from_iterable(cells.column(m) for cells in ranges)) for m in measures]
    if not columns:
        return dict.fromkeys(keys, ())
    rows: Iterable[Values] = zip(*columns)
    if MEASURES["cost"] not in measures:  # many groups have the same few calls: one tuple for all
        known: Dict[Values, Values] = {}
        rows = [known.setdefault(row, row) for row in rows]
    return dict(zip(keys, rows))


def _prefiltered(table: Table, cells: CellRange) -> CellRange:
    """Return the cells, each a group, that `having` and `top` may leave."""
    if table.having:
        return FilteredRange(cells, cells.column(_measure_named(table, table.having)))
    if table.top and table.by[0] in TIME_DIMENSIONS:
        values = cells.column(_measure_named(table, table.top))
        ends = list(accumulate(cells.lengths))
        most = [max(values[start:end]) for start, end in zip([0, *ends], ends)]
        leading = chain.from_iterable(map(repeat, most, cells.lengths))
        return FilteredRange(cells, [value == best for value, best in zip(values, leading)])
    return cells


def _measure_named(table: Table, name: str) -> Measure:
    measure = measure_of(table.measures[table.measure_names.index(name)])
    assert isinstance(measure, Measure)  # `Table.check` saw to that
    return measure


def _by_time(
    table: Table, measures: Sequence[Measure], block: Sequence[CellRange]
) -> Dict[Key, Values]:
    """Return the groups of a table by time alone, or of one that has a single group."""
    places: Dict[str, int] = {}
    for cells in block:
        for time in cells.time_values:
            places.setdefault(time, len(places))
    added: Dict[Measure, List[int]] = {}
    for measure in stored(measures):
        for cells in block:
            column = cells.raw_column(measure)
            if column is None:
                continue
            sums = added.setdefault(measure, [0] * len(places))
            running = [0, *accumulate(column)]
            ends = list(accumulate(cells.lengths))
            for time, start, end in zip(cells.time_values, [0, *ends], ends):
                sums[places[time]] += running[end] - running[start]
    columns = [delivered(measure, added.get, len(places)) for measure in measures]
    rows: Iterable[Values] = zip(*columns) if columns else repeat((), len(places))
    return dict(zip((_time_key(table, time) for time in places), rows))


def _time_key(table: Table, time: str) -> Key:
    if not table.by:
        return ()
    return (int(time),) if table.by[0] == "hour_of_day" else (time,)


def _keys(table: Table, cells: CellRange) -> Iterable[Key]:
    """Return the table's key of each cell of a range."""
    cube = cells.cube
    columns: List[Iterable[Any]] = []
    for dimension in map(dimension_of, table.by):
        place = cube.position(dimension)
        if place >= 0:
            names = [key[place] for key in cube.keys]
            columns.append([names[code] for code in cells.key_codes()])
        elif dimension.name in CUSTOMER_POSITION:
            place = CUSTOMER_POSITION[dimension.name]
            names = [key[place] for key in cube.customer_keys]
            columns.append([names[customer] for customer in cells.customer_codes()])
        else:
            times = cells.times()
            columns.append(map(int, times) if dimension.name == "hour_of_day" else times)
    return zip(*columns) if columns else repeat((), len(cells.codes))


def _unpacked(
    sums: Iterable[int], fields: Mapping[Measure, SumField], measure: Measure
) -> Optional[List[int]]:
    """Return one stored measure of each packed sum, None where it is 0 in all."""
    if measure not in fields:
        return None
    shift, mask = fields[measure]
    return [packed >> shift & mask for packed in sums]


def _apply_having_and_top(table: Table, groups: Dict[Key, Values]) -> Dict[Key, Values]:
    """Return the groups that a table's `having` and `top` leave."""
    sums = [given for given in map(measure_of, table.measures) if isinstance(given, Measure)]
    places = {measure.name: place for place, measure in enumerate(sums)}
    if table.having:
        place = places[table.having]
        groups = {key: values for key, values in groups.items() if values[place]}
    if table.top:
        place = places[table.top]
        best: Dict[Any, Tuple[Any, Key]] = {}
        for key, values in groups.items():
            most, leader = best.get(key[0], (None, ()))
            if most is None or values[place] > most or (values[place] == most and key < leader):
                best[key[0]] = (values[place], key)
        groups = {key: groups[key] for _, key in best.values()}
    return groups


def _with_distribution(
    table: Table,
    measure: Distribution,
    filled: Dict[Key, Values],
    cubes: Sequence[FilledCube],
    passes: Optional[Dimension],
) -> Dict[Key, Values]:
    """Return the groups with all their values put in where the measure was declared.

    A group of calls of which none has a value gets an empty one.
    """
    place = table.measure_names.index(measure.name)
    cells_of, merged, empty = _LISTED_READERS[measure.counted]
    listed: Dict[Key, Any] = {}
    apart = [*map(dimension_of, table.by), *([passes] if passes else [])]
    for block in _blocks(apart, cubes):
        cells = chain.from_iterable(
            compress(zip(_keys(table, s), cells_of(s)), _passing(s, passes)) for s in block.ranges
        )
        listed.update(cells if block.grouped else merged(cells))
    return {
        key: (*values[:place], listed[key] if key in listed else empty(), *values[place:])
        for key, values in filled.items()
    }


def _passing(cells: CellRange, passes: Optional[Dimension]) -> Iterable[bool]:
    """Return which cells a filter leaves."""
    if passes is None:
        return repeat(True)
    cube = cells.cube
    place = cube.position(passes)
    flags = [key[place] for key in cube.keys]
    return [flags[code] for code in cells.key_codes()]


def _merged_lists(cells: Iterable[Tuple[Key, Sequence[int]]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with all their values, ascending."""
    groups: Dict[Key, List[int]] = defaultdict(list)
    for key, values in cells:
        groups[key].extend(values)
    return ((key, array("I", sorted(values))) for key, values in groups.items())


def _merged_histograms(cells: Iterable[Tuple[Key, Mapping[int, int]]]) -> Iterator[Tuple[Key, Any]]:
    """Yield the groups of cells with how often they have each value, ascending."""
    groups: Dict[Key, Dict[int, int]] = defaultdict(partial(defaultdict, int))
    for key, histogram in cells:
        group = groups[key]
        for value, calls in histogram.items():
            group[value] += calls
    return ((key, dict(sorted(group.items()))) for key, group in groups.items())


Reader = Tuple[
    Callable[[CellRange], Iterable[Any]], Callable[..., Iterable[Any]], Callable[[], Any]
]
# By whether values are counted: how cells are read, how those of one group become one, and none.
_LISTED_READERS: Dict[bool, Reader] = {
    False: (CellRange.lists, _merged_lists, partial(array, "I")),
    True: (CellRange.histograms, _merged_histograms, dict),
}
