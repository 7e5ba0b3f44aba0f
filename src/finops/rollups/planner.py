"""From declared tables to the cubes that fill them.

Cubes are shared: all tables of one kind (same time grain, same filter) use the few cubes with
the most dimensions.  A kind of table that nobody foresaw just gets a cube of its own.  Where only
a cube by customers and calls has what a table needs, and the table leaves out either of them, a
condensed cube beside it has a fraction of its cells for every such table to walk.

Cubes feed each other: what follows from the cells of a finer cube, say hours for days, is added up
from these when they are complete, which is several times less work than call by call.
"""

from __future__ import annotations

from operator import itemgetter
from typing import (
    AbstractSet,
    Dict,
    Iterable,
    List,
    Optional,
    Sequence,
    Set,
    Tuple,
    Union,
)

from finops import schema
from finops.reader.encoding import CREDIT, DEFAULTS, CallKey
from finops.rollups.cells import CubeSpec
from finops.rollups.cubes import Cube, Getter, Projection
from finops.rollups.expressions import (
    TRUE,
    all_of,
    columns_of,
    conjuncts_of,
    number,
    with_constants,
)
from finops.rollups.filters import is_filter, list_filter, with_conditional_measures
from finops.rollups.listed import ListCube
from finops.rollups.measures import (
    CALL_COLUMNS,
    CALL_DIMENSIONS,
    COHORT_WEEK,
    CUSTOMER_DIMENSIONS,
    DIMENSIONS,
    MEASURES,
    TIME_DIMENSIONS,
    TIMESTAMP,
    Activity,
    Dimension,
    Distinct,
    Distribution,
    Listed,
    Measure,
    Seen,
    dimension_of,
    measure_of,
    stored,
)
from finops.rollups.packing import PackedLayout
from finops.rollups.row_loop import key_function
from finops.rollups.seen import SeenCube
from finops.rollups.spec import Table

# Cells of one time dimension add up to those of these.
_ADDED_UP_TO: Dict[str, Tuple[str, ...]] = {
    "hour": ("hour", "hour_of_day", "day", "week", ""),
    "day": ("day", "week", ""),
    "week": ("week", ""),
    "": ("",),
}
_OF_CUSTOMERS = (*CUSTOMER_DIMENSIONS, COHORT_WEEK)
_FINENESS = ("hour", "hour_of_day", "day", "week", "")
AddedMeasure = Union[Measure, Distribution]


class Plan:
    """The cubes that fill a set of declared tables.

    `columns` are those that some of the files to be read have, None where that is not known.
    `layout` says how the sums of a call are packed.
    """

    def __init__(self, tables: Iterable[Table], columns: Optional[AbstractSet[str]] = None) -> None:
        self.tables = tuple(dict.fromkeys(tables))
        for table in self.tables:
            table.check()
            _time_of(table)
        self._scanned = {table: _as_scanned(table, columns) for table in self.tables}
        self._summed = {table: _summed(scanned) for table, scanned in self._scanned.items()}
        self._wanted = {table: self._specs_of(table) for table in self.tables}
        wanted = [spec for specs in self._wanted.values() for spec in specs]
        self.specs = _maximal(_split_by_filters(wanted))
        self._smallest = {spec: _smallest(self.specs, spec) for spec in dict.fromkeys(wanted)}
        self.layout = PackedLayout(
            _in_order(m for table in self._summed.values() for m in stored(sums_of(table)))
        )
        self._source_of = _fed(self.specs)

    @property
    def scanned(self) -> Tuple[Table, ...]:
        """The tables without filters that every row of the files passes: their plan is the same."""
        return tuple(self._scanned.values())

    def for_columns(self, columns: AbstractSet[str]) -> Plan:
        """Return the plan for files that have these columns."""
        return Plan(self.tables, columns)

    def summed(self, table: Table) -> Table:
        """Return the table that has the sums of one: where it shares a cube with unfiltered ones,
        its filter is in its measures (see `filters`).
        """
        return self._summed[table]

    def _specs_of(self, table: Table) -> List[CubeSpec]:
        """Return the cubes that would serve a table alone.

        One of sums has the groups, also those of a table that has no measure.
        """
        if _has_activities_only(table):
            return []
        scanned = self._scanned[table]
        listed = dict.fromkeys(measure.column for measure in listed_of(table))
        lists = [_spec_of_list(scanned, column) for column in listed]
        return lists if has_times_only(table) else [_spec_of_sums(self._summed[table]), *lists]

    @property
    def follows_calls(self) -> bool:
        """Whether some table has what follows from the order of a customer's calls."""
        return any(not each.column for table in self.tables for each in activities_of(table))

    @property
    def followed(self) -> Tuple[str, ...]:
        """The columns of ids by which some table has what follows from calls that share one."""
        columns = [each.column for table in self.tables for each in activities_of(table)]
        return tuple(dict.fromkeys(filter(None, columns)))

    def passes(self, table: Table, listed: str) -> Optional[Dimension]:
        """Return the dimension of a cube of listed values that says which a table's filter leaves,
        None where it leaves all.
        """
        return list_filter(self._scanned[table].where, listed).by_key

    def cubes(self, words_in_use: AbstractSet[int]) -> List[Cube]:
        """Return fresh cubes for one part of the file, in the order of `specs`.

        They are to be closed in the order of `closing_order`.  `words_in_use` are those of the
        packed sums that may be anything but 0; it grows as the part is read.
        """
        made: Dict[CubeSpec, Cube] = {}
        projections: Dict[Tuple[Optional[CubeSpec], Tuple[Dimension, ...]], Projection] = {}
        measures = dict(zip(self.specs, self.measures()))
        for spec in sorted(self.specs, key=_from_finest):
            fine = self._source_of.get(spec)
            source = made[fine] if fine else None
            kind = fine, spec.calls
            if kind not in projections:
                projections[kind] = Projection([_getter(d, fine) for d in spec.calls])
            projection = projections[kind]
            if spec.listed == TIMESTAMP:
                made[spec] = SeenCube(spec, projection, source)
            elif spec.listed:
                made[spec] = ListCube(spec, projection, not measures[spec], source)
            else:
                words = self.layout.words_of(m for m in measures[spec] if isinstance(m, Measure))
                wanted = [word in words for word in range(self.layout.words)]
                made[spec] = Cube(spec, projection, wanted, words_in_use, source=source)
        return [made[spec] for spec in self.specs]

    def measures(self) -> List[List[AddedMeasure]]:
        """Return for each spec what the tables aggregated from it add up, in a stable order.

        Of a spec of listed values that is the list, where a table wants it, or nothing.
        """
        wanted: Dict[CubeSpec, Set[AddedMeasure]] = {spec: set() for spec in self.specs}
        for table in self.tables:
            if not (activities_of(table) or has_times_only(table)):
                wanted[self.spec_for(table, "")].update(stored(sums_of(self.summed(table))))
            for distribution in distributions_of(table):
                if not distribution.counted:
                    wanted[self.spec_for(table, distribution.column)].add(distribution)
        return [sorted(wanted[spec], key=repr) for spec in self.specs]

    def spec_for(self, table: Table, listed: str) -> CubeSpec:
        """Return the smallest planned cube that a table can be aggregated from.

        `listed` is the column whose values are wanted, "" for sums.
        """
        wanted = next(spec for spec in self._wanted[table] if spec.listed == listed)
        return self._smallest[wanted]


def sums_of(table: Table) -> List[Measure]:
    """Return the measures of a table that are added up."""
    return [m for m in map(measure_of, table.measures) if isinstance(m, Measure)]


def distributions_of(table: Table) -> List[Distribution]:
    """Return the measures of a table that are all values of a column."""
    return [m for m in map(measure_of, table.measures) if isinstance(m, Distribution)]


def listed_of(table: Table) -> List[Listed]:
    """Return the measures of a table that cells of their own keep, by column."""
    measures = map(measure_of, table.measures)
    return [m for m in measures if isinstance(m, (Distribution, Seen))]


def has_times_only(table: Table) -> bool:
    """Return whether the cells that keep times have all of a table, its groups too."""
    measures = list(map(measure_of, table.measures))
    only = bool(measures) and all(isinstance(measure, Seen) for measure in measures)
    return only and COHORT_WEEK not in table.by  # which follows from the cells of sums


def activities_of(table: Table) -> List[Activity]:
    """Return the measures of a table that follow from the order of calls."""
    return [m for m in map(measure_of, table.measures) if isinstance(m, Activity)]


def _in_order(measures: Iterable[Measure]) -> List[Measure]:
    """Return each measure once: declared ones in the order of `MEASURES`, then analyzers' own.

    Last come those that are 0 in nearly all files, which makes the sums of these shorter.
    """
    known = list(MEASURES.values())
    unique = set(measures)
    own = sorted(unique.difference(known), key=repr)
    in_order = [m for m in known if isinstance(m, Measure) and m in unique] + own
    return sorted(in_order, key=_is_rare)


def _is_rare(measure: Measure) -> bool:
    """Return whether a measure is 0 in all rows that have the usual columns only."""
    absent = {name: n for name, n in DEFAULTS.items() if name not in schema.WRITTEN_NAMES}
    return with_constants(measure.added, absent) in (None, number(0))


def _getter(dimension: Dimension, source: Optional[CubeSpec]) -> Getter:
    """Return what takes a dimension from the keys of a source, or else from those of calls."""
    if source is not None and dimension in source.calls:
        return itemgetter(source.calls.index(dimension))
    if dimension.name in CALL_DIMENSIONS and dimension == DIMENSIONS[dimension.name]:
        return itemgetter(CallKey._fields.index(dimension.name))
    return key_function(dimension.value)


def closing_order(cubes: Iterable[Cube]) -> List[Cube]:
    """Return cubes so that each comes before those that it feeds."""
    return sorted(cubes, key=lambda cube: _from_finest(cube.spec))


def _from_finest(spec: CubeSpec) -> Tuple[int, bool, int]:
    """Return what puts each cube before those that it may feed."""
    return _fineness(spec), not spec.customers, -len(spec.calls)


def _fineness(spec: CubeSpec) -> int:
    return _FINENESS.index(spec.time)


def _fed(specs: Sequence[CubeSpec]) -> Dict[CubeSpec, CubeSpec]:
    """Return for each cube that need not be filled call by call the one that feeds it."""
    fed: Dict[CubeSpec, CubeSpec] = {}
    for spec in specs:
        sources = [fine for fine in specs if _feeds(fine, spec)]
        if sources:
            fed[spec] = min(sources, key=_cells_expected)
    return fed


def _cells_expected(spec: CubeSpec) -> Tuple[bool, int, int]:
    """Return a key that is smaller for a cube that probably has fewer cells."""
    return spec.customers, -_fineness(spec), len(spec.calls)


def _feeds(fine: CubeSpec, coarse: CubeSpec) -> bool:
    adding = coarse.time in _ADDED_UP_TO.get(fine.time, ()) and _adds_up_to(fine, coarse)
    return adding and _from_finest(fine) < _from_finest(coarse)


def _adds_up_to(fine: CubeSpec, coarse: CubeSpec) -> bool:
    """Return whether, but for time, the cells of one cube add up to those of another."""
    return (
        fine.where == coarse.where
        and fine.listed == coarse.listed
        and not (fine.rows or coarse.rows)
        and fine.customers >= coarse.customers
        and set(fine.calls) >= set(coarse.calls)
    )


def _has_cube_of_its_own(spec: CubeSpec) -> bool:
    """Return whether a filter of a table is asked of each row instead of being in its measures.

    Where cells are by customer, those of all calls would be many more.  What follows from the
    key of a call is looked up, and few cells take little time.
    """
    by_key = spec.where is not None and columns_of(spec.where) <= CALL_COLUMNS
    return spec.customers or (by_key and not spec.rows and spec.time in ("day", "week", ""))


def _as_scanned(table: Table, columns: Optional[AbstractSet[str]]) -> Table:
    """Return a table without the conditions of its filter that hold in all rows, there being
    these columns only.

    Such are those on numbers that few files have.  Calls are 0 in credits of any file.
    """
    if table.where is None or columns is None:
        return table
    absent = {name: value for name, value in DEFAULTS.items() if name not in columns}
    absent.pop(CREDIT)
    of_credits = {**absent, "calls": 0} if "calls" in absent else absent
    left = [
        part
        for part in conjuncts_of(table.where)
        if any(with_constants(part, row) != TRUE for row in (absent, of_credits))
    ]
    return table._replace(where=all_of(*left) if left else None)


def _has_activities_only(table: Table) -> bool:
    """Return whether no cube fills a table; raises ValueError where none can fill all of it."""
    activities = activities_of(table)
    if activities and (
        len(activities) < len(table.measures) or any(a.by != table.by for a in activities)
    ):
        names = ", ".join(activity.name for activity in activities)
        by = " and ".join(activities[0].by) or "nothing"
        raise ValueError(f"{names} come by {by} alone: {table}")
    return bool(activities)


def _summed(table: Table) -> Table:
    """Return the table that has the sums of one, with a filter only where its cube has one, too."""
    if activities_of(table) or has_times_only(table):
        return table
    filtered = _has_cube_of_its_own(_spec_of_sums(table))
    return table if filtered else with_conditional_measures(table)


def _spec_of_sums(table: Table) -> CubeSpec:
    """Return the cube that would serve the sums of a table alone."""
    time = _time_of(table)
    counted = any(isinstance(measure_of(measure), Distinct) for measure in table.measures)
    customers = counted or any(name in _OF_CUSTOMERS for name in table.by)
    own = [dimension_of(d) for d in table.by if not isinstance(d, str)]
    calls = (
        *(DIMENSIONS[name] for name in CALL_DIMENSIONS if name in table.by),
        *(dimension for dimension in own if dimension.columns <= CALL_COLUMNS),
    )
    rows = tuple(dimension for dimension in own if not dimension.columns <= CALL_COLUMNS)
    return CubeSpec(time, customers, calls, rows, table.where)


def _spec_of_list(table: Table, column: str) -> CubeSpec:
    """Return the cube that would serve the list of a column's values alone."""
    spec, passes = _spec_of_sums(table), list_filter(table.where, column)
    calls = spec.calls if passes.by_key is None else (*spec.calls, passes.by_key)
    return spec._replace(calls=calls, where=passes.by_row, listed=column)


def _time_of(table: Table) -> str:
    times = [name for name in table.by if name in TIME_DIMENSIONS]
    if len(times) > 1:
        raise ValueError(f"one time dimension at a time: {table}")
    return times[0] if times else ""


def _split_by_filters(specs: Sequence[CubeSpec]) -> List[CubeSpec]:
    """Return the specs such that each cube of listed values tells apart what any filter on them
    does, so that the cubes of finer time feed the others.
    """

    def split(spec: CubeSpec) -> CubeSpec:
        kin = [s for s in specs if spec.listed and s.listed == spec.listed]
        filters = [d for s in kin for d in s.calls if is_filter(d) and d not in spec.calls]
        return spec._replace(calls=(*spec.calls, *dict.fromkeys(filters)))

    return list(map(split, specs))


def _maximal(specs: Sequence[CubeSpec]) -> Tuple[CubeSpec, ...]:
    """Return the specs that no other one covers, and condensed ones, in a stable order.

    Without time and customers all call dimensions fit into one cube, since it has hardly more
    cells than the finest of them; elsewhere unions would multiply the cells.
    """
    wanted = list(dict.fromkeys(specs))
    for listed in dict.fromkeys(spec.listed for spec in specs):
        plain = [spec for spec in wanted if spec == CubeSpec("", False, spec.calls, listed=listed)]
        if plain:
            wanted.append(CubeSpec("", False, _union(plain), listed=listed))
    wanted = list(dict.fromkeys(wanted))
    finest = _uncovered(wanted)
    condensed = [spec for spec in wanted if _is_condensed(spec, finest)]
    return (*finest, *_uncovered(condensed))


def _uncovered(specs: Sequence[CubeSpec]) -> List[CubeSpec]:
    """Return the specs that no other one covers."""
    return [s for s in specs if not any(o != s and _covers(o, s) for o in specs)]


def _is_condensed(spec: CubeSpec, finest: Sequence[CubeSpec]) -> bool:
    """Return whether a cube has far fewer cells than any that covers it: these are by customers
    and calls, and it leaves out either of them.
    """
    covering = [fine for fine in finest if _covers(fine, spec)]
    leaves_out = not (spec.customers and spec.calls)
    of_both = all(fine.customers and fine.calls and not fine.rows for fine in covering)
    return spec not in covering and leaves_out and of_both and not spec.listed


def _union(specs: Sequence[CubeSpec]) -> Tuple[Dimension, ...]:
    """Return the call dimensions of some specs, each once, in a stable order."""
    dimensions = dict.fromkeys(dimension for spec in specs for dimension in spec.calls)
    declared = [DIMENSIONS[name] for name in CALL_DIMENSIONS]
    return (
        *(dimension for dimension in declared if dimension in dimensions),
        *(dimension for dimension in dimensions if dimension not in declared),
    )


def _smallest(specs: Iterable[CubeSpec], wanted: CubeSpec) -> CubeSpec:
    """Return the smallest of the cubes that have what is wanted."""
    fitting = (spec for spec in specs if _covers(spec, wanted))
    return min(fitting, key=lambda spec: (spec.customers, len(spec.calls)))


def _covers(fine: CubeSpec, coarse: CubeSpec) -> bool:
    return (
        fine.time == coarse.time
        and fine.where == coarse.where
        and fine.listed == coarse.listed
        and fine.customers >= coarse.customers
        and set(fine.rows) >= set(coarse.rows)
        and set(fine.calls) >= set(coarse.calls)
    )
