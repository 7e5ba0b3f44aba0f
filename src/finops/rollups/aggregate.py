"""From packed cubes to declared tables: the last step of a scan.

A table is aggregated a block of cells at a time, a column at a time: names are looked up for all
cells of a block at once and joined to keys.  What there is to do depends on the table:

- Every cell is a group of its own, as in the large tables: measures are read straight out of
  the packed words, after cells that `having` or `top` will not leave have been passed over.
- All cells of a time value are one group: columns are added up without a key for each cell.
- Else cells are added up by key.
"""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from itertools import accumulate, chain, compress, repeat
from typing import (
    Any,
    Container,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.blocks import Block, blocks_of, first_times, keys_of
from finops.rollups.bounds import first_day
from finops.rollups.columns import (
    CellRange,
    FilledCube,
    FilteredRange,
    SumField,
    delivered,
    sum_fields,
)
from finops.rollups.group_values import (
    ListedCubes,
    delivered_values,
    distinct_counts,
    listed_values,
)
from finops.rollups.measures import (
    COHORT_WEEK,
    MEASURES,
    TIME_DIMENSIONS,
    Distinct,
    Distribution,
    Measure,
    Seen,
    dimension_of,
    measure_of,
    stored,
)
from finops.rollups.seen import Times, seen_texts
from finops.rollups.spec import Having, Key, Table, Values, in_key_order


def aggregate(
    table: Table, sums: Optional[Sequence[FilledCube]], listed: Mapping[str, ListedCubes]
) -> Dict[Key, Values]:
    """Return a declared table in key order from the cubes of all parts.

    `sums` are cubes of sums, None where the table needs none: all it has are times, and `listed`
    has its groups then.  `listed` are the cubes of listed values by column.
    """
    if COHORT_WEEK in table.by and sums is not None:
        firsts = first_times(sums)
        for cube in (*sums, *chain.from_iterable(each.cubes for each in listed.values())):
            cube.first_times = firsts
    columns = {
        measure.column: listed_values(table, measure, listed[measure.column])
        for measure in map(measure_of, table.measures)
        if isinstance(measure, (Distribution, Seen))
    }
    if sums is None:
        (times,) = columns.values()
        return _times_alone(table, in_key_order(times))
    return _with_others(table, _with_sums(table, sums), columns, sums)


def _times_alone(table: Table, times: Mapping[Key, Times]) -> Dict[Key, Values]:
    """Return a table that has nothing but times."""
    measures = [m for m in map(measure_of, table.measures) if isinstance(m, Seen)]
    return dict(zip(times, zip(*(seen_texts(measure, times.values()) for measure in measures))))


def _with_others(
    table: Table,
    filled: Dict[Key, Values],
    listed: Mapping[str, Mapping[Key, Any]],
    sums: Sequence[FilledCube],
) -> Dict[Key, Values]:
    """Return the groups with what is no sum put in where it was declared."""
    measures = [measure_of(given) for given in table.measures]
    if not filled or all(isinstance(measure, Measure) for measure in measures):
        return filled
    of_sums = zip(*filled.values())
    columns: List[Iterable[Any]] = []
    for measure in measures:
        if isinstance(measure, (Distribution, Seen)):
            columns.append(delivered_values(measure, listed[measure.column], filled))
        elif isinstance(measure, Distinct):
            columns.append(map(distinct_counts(table, measure, sums).__getitem__, filled))
        else:
            columns.append(next(of_sums))
    return dict(zip(filled, zip(*columns)))


def _with_sums(table: Table, sums: Sequence[FilledCube]) -> Dict[Key, Values]:
    """Return the groups of a table in key order, with its sums alone."""
    wanted = sums_in(table)
    filled: Dict[Key, Values] = {}
    among = None if table.among is None else _firsts_among(table, table.among, sums)
    by_time = bool(table.by) and table.by[0] in TIME_DIMENSIONS
    dimensions = list(map(dimension_of, table.by))
    for block in blocks_of(dimensions, sums, _first_time(table, sums)):
        if among is not None:
            block = _only(block, table, among)
        groups = _apply_having_and_top(table, _summed(table, wanted, block))
        filled.update(in_key_order(groups) if by_time else groups)
        if by_time and 0 < table.limit <= len(filled):
            break  # the keys to come are larger
    if not by_time:  # else blocks are in order of time, too
        # With `top` there is what was best in its block only.
        filled = in_key_order(_apply_having_and_top(table, filled))
    return filled


def _firsts_among(table: Table, among: Having, sums: Sequence[FilledCube]) -> Container[Key]:
    """Return the values of the first dimension of which all groups together pass."""
    deciding = _measure_named(table, among.measure)
    alone = Table(table.by[:1], (deciding,))
    added: Dict[Key, Any] = defaultdict(int)
    for block in blocks_of([dimension_of(table.by[0])], sums):
        # Cells of several times share a key here.
        together = block._replace(grouped=False)
        for key, (value,) in _summed(alone, [deciding], together).items():
            added[key] += value
    return dict(compress(added.items(), among.passing(list(added.values()))))


def _only(block: Block, table: Table, among: Container[Key]) -> Block:
    """Return the cells of a block of which the first dimension has one of these values."""
    first = table._replace(by=table.by[:1])
    ranges: List[CellRange] = [
        FilteredRange(cells, [key in among for key in keys_of(first, cells)])
        for cells in block.ranges
    ]
    return block._replace(ranges=ranges)


def _first_time(table: Table, sums: Sequence[FilledCube]) -> str:
    """Return the first time of which a table has groups, "" where that follows from the groups.

    It does where some cells are of calls that do not pass the table's filter.
    """
    if table.having is not None:
        return ""
    return first_day(table, (time for cube in sums for time in cube.packed.times))


def sums_in(table: Table) -> List[Measure]:
    """Return the measures of a table that are added up, in its order."""
    return [m for m in map(measure_of, table.measures) if isinstance(m, Measure)]


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
        for key, packed in zip(keys_of(table, cells), cells.sums(fields)):
            added[key] += packed
    unpacked = partial(_unpacked, added.values(), fields)
    columns = [delivered(measure, unpacked, len(added)) for measure in measures]
    return dict(zip(added, zip(*columns))) if columns else dict.fromkeys(added, ())


def _as_they_are(
    table: Table, measures: Sequence[Measure], ranges: Iterable[CellRange]
) -> Dict[Key, Values]:
    """Return cells of which each is a group."""
    ranges = [_prefiltered(table, cells) for cells in ranges]
    keys = list(chain.from_iterable(keys_of(table, cells) for cells in ranges))
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
    if table.having is not None:
        values = cells.column(_measure_named(table, table.having.measure))
        return FilteredRange(cells, table.having.passing(values))
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
    places = {measure.name: place for place, measure in enumerate(sums_in(table))}
    if table.having is not None:
        place = places[table.having.measure]
        passing = table.having.passing([values[place] for values in groups.values()])
        groups = dict(compress(groups.items(), passing))
    if table.top:
        place = places[table.top]
        best: Dict[Any, Tuple[Any, Key]] = {}
        for key, values in groups.items():
            most, leader = best.get(key[0], (None, ()))
            if most is None or values[place] > most or (values[place] == most and key < leader):
                best[key[0]] = (values[place], key)
        groups = {key: groups[key] for _, key in best.values()}
    return groups
