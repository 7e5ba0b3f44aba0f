"""A declared table as statements: a GROUP BY over the calls, and one more for listed values."""

from __future__ import annotations

from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple, Union

from finops.engines.calls import changes_sql, retries_sql, sessions_sql
from finops.engines.dialect import Dialect
from finops.rollups.expressions import columns_of, is_condition, sql_of
from finops.rollups.measures import (
    COHORT_WEEK,
    DIMENSIONS,
    UNKNOWN_COLUMNS,
    Dimension,
    Distinct,
    Distribution,
    Measure,
    Seen,
    Usual,
    dimension_of,
    measure_of,
    signed_parts,
)
from finops.rollups.planner import activities_of, distributions_of
from finops.rollups.retries import TRACE_ID
from finops.rollups.sessions import SESSION_ID
from finops.rollups.spec import Having, Table
from finops.rollups.usual import half_factor, time_place

# What a statement brings back: groups with their values, or steps from region to region.  The
# values of a column by groups go by the name of the column.
GROUPS, CHANGES = "groups", "changes"
SESSIONS, RETRIES = "sessions", "retries"
_OF_ACTIVITIES: Dict[str, Tuple[str, Callable[[Dialect], str]]] = {
    "": (CHANGES, changes_sql),
    SESSION_ID: (SESSIONS, sessions_sql),
    TRACE_ID: (RETRIES, retries_sql),
}
InGroup = Union[Measure, Seen, Distinct]


def statements(dialect: Dialect, table: Table) -> Dict[str, str]:
    """Return the statements that fill a table, by what their rows are.

    Raises ValueError where no statement can.
    """
    table.check()
    activities = activities_of(table)
    if activities:
        kind, sql_of_kind = _OF_ACTIVITIES[activities[0].column]
        return {kind: sql_of_kind(dialect)}
    made = {GROUPS: _groups(dialect, table)}
    for distribution in distributions_of(table):
        listed = _listed(dialect, table, distribution)
        if distribution.usual is not None:
            listed = _standings(dialect, table, distribution.usual, listed)
        made[distribution.column] = listed
    return made


class KeyPart(NamedTuple):
    """Dimensions of a table from one place up to another, and a relation of their keys, `k` and
    the place each, with a number for each key, `id`.
    """

    relation: str
    first: int
    end: int


def numbered_keys(dialect: Dialect, table: Table, part: KeyPart) -> str:
    """Return the SQL of a part's relation; the numbers are the same whenever it is worked out."""
    keys = _keys(dialect, table)[part.first : part.end] or ["1 as nothing"]
    names = ", ".join(f"k{place}" for place in range(part.first, part.end)) or "nothing"
    distinct = f"select distinct {', '.join(keys)} from {_rows(dialect, table)}"
    return f"select *, row_number() over (order by {names}) as id from ({distinct}) parts"


def groups_by_numbers(dialect: Dialect, table: Table, parts: Sequence[KeyPart]) -> str:
    """Return the SQL of the groups by the number of each part of their keys, as n0, n1 and so on,
    and their sums.
    """
    keys = [dimension_sql(dialect, dimension_of(given)) for given in table.by]
    joins = ""
    for place, part in enumerate(parts):
        same = [
            f"{keys[at]} is not distinct from p{place}.k{at}" for at in range(part.first, part.end)
        ]
        joins += f" join {part.relation} p{place} on {' and '.join(same) or 'true'}"
    numbers = [f"p{place}.id as n{place}" for place in range(len(parts))]
    sums = [f"{_value(dialect, m)} as m{place}" for place, m in enumerate(in_group(table))]
    rows = f"(select * from {_rows(dialect, table)}) c"
    return f"select {', '.join(numbers + sums)} from {rows}{joins}{_group_by(len(parts))}"


def in_group(table: Table) -> List[InGroup]:
    """Return the measures of a table that a group has one value of, in their order."""
    measures = map(measure_of, table.measures)
    return [m for m in measures if isinstance(m, (Measure, Seen, Distinct))]


def _groups(dialect: Dialect, table: Table) -> str:
    keys = [f"k{place}" for place in range(len(table.by))]
    measures = in_group(table)
    names = {measure.name: f"m{place}" for place, measure in enumerate(measures)}
    selected = _keys(dialect, table)
    selected += [f"{_value(dialect, m)} as {names[m.name]}" for m in measures] or [
        "count(*) as rows"
    ]
    sql = f"select {', '.join(selected)} from {_rows(dialect, table)}{_group_by(len(keys))}"
    if not keys:
        sql += " having count(*) > 0"
    if table.having is not None:
        measure, operator, number = table.having
        sql = f"select * from ({sql}) g where {names[measure]} {operator} {number}"
    if table.top:
        order = ", ".join([f"{names[table.top]} desc", *(f"{key} nulls first" for key in keys)])
        ranked = f"select *, row_number() over (partition by k0 order by {order}) as place"
        columns = ", ".join([*keys, *names.values()])
        sql = f"select {columns} from ({ranked} from ({sql}) g) ranked where place = 1"
    if table.changes:
        sql = _changed(sql, [*keys, *names.values()], names[table.changes])
    if table.limit:
        order = ", ".join(f"{key} nulls first" for key in keys)
        ordered = f" order by {order}" if order else ""
        sql = f"select * from ({sql}) g{ordered} limit {table.limit}"
    return sql


def _changed(sql: str, columns: Sequence[str], most: str) -> str:
    """Return the SQL of those groups whose number is another than the last known one before."""
    order = f"{most} desc, coalesce(k2, 0) desc, k2 nulls first"
    ranked = f"select *, row_number() over (partition by k0, k1 order by {order}) as place"
    known = f"({ranked} from ({sql}) g) ranked where place = 1 and k2 is not null"
    with_former = f"select *, lag(k2) over (partition by k0 order by k1) as former from {known}"
    changed = "former is null or former <> k2"
    return f"select {', '.join(columns)} from ({with_former}) known where {changed}"


def _listed(dialect: Dialect, table: Table, distribution: Distribution) -> str:
    """Return the SQL of how many calls have which value, by the keys of a table."""
    count = len(table.by)
    selected = [*_keys(dialect, table), f"{distribution.column} as v", "sum(calls) as times"]
    known = f"{distribution.column} is not null and calls > 0"
    rows, by_all = _rows(dialect, table, known), _group_by(count + 1)
    return f"select {', '.join(selected)} from {rows}{by_all}"


def _standings(dialect: Dialect, table: Table, usual: Usual, listed: str) -> str:
    """Return the SQL of how groups stand to what is usual: known values, the percentile, twice the
    usual one, and the values beyond; `listed` is that of the values.
    """
    keys = [f"k{place}" for place in range(len(table.by))]
    alike = [key for place, key in enumerate(keys) if place != time_place(table)]
    group, others = ", ".join(keys), ", ".join(alike)
    per = f"partition by {others} " if others else ""
    middle = " + ".join(
        f"sum(case when place = {dialect.whole_quotient(f'n + {up}', '2')} then p else 0 end)"
        for up in (1, 2)
    )
    factor = half_factor(usual)
    is_beyond = f"v * {factor.denominator} > twice * {factor.numerator}"
    return (
        f"with listed as ({listed}),\n"
        f"ranked as (select *, sum(times) over (partition by {group} order by v) as up_to,"
        f" sum(times) over (partition by {group}) as known from listed),\n"
        f"standing as (select {group}, max(known) as known, min(v) as p from ranked"
        f" where up_to * 100 >= known * {usual.percent} group by {group}),\n"
        f"placed as (select *, row_number() over ({per}order by p) as place,"
        f" count(*) over ({per.strip()}) as n from standing where known >= {usual.least}),\n"
        f"usual as (select {', '.join([*alike, f'{middle} as twice'])} from placed"
        f"{_group_by(len(alike))}),\n"
        f"beyond as (select {', '.join(f'l.{key}' for key in keys)},"
        f" sum(case when {is_beyond} then times else 0 end) as beyond"
        f" from listed l join usual u on {_same('l', 'u', alike)}{_group_by(len(keys))})\n"
        f"select {', '.join(f's.{key}' for key in keys)}, known, p, twice, beyond"
        f" from standing s left join usual u on {_same('s', 'u', alike)}"
        f" left join beyond b on {_same('s', 'b', keys)}"
    )


def _same(one: str, other: str, columns: Sequence[str]) -> str:
    """Return the SQL of whether rows of two relations have the same values, unknown ones too."""
    same = [f"{one}.{column} is not distinct from {other}.{column}" for column in columns]
    return " and ".join(same) or "true"


def _keys(dialect: Dialect, table: Table) -> List[str]:
    dimensions = [dimension_of(given) for given in table.by]
    return [f"{dimension_sql(dialect, d)} as k{place}" for place, d in enumerate(dimensions)]


def dimension_sql(dialect: Dialect, dimension: Dimension) -> str:
    """Return the SQL of a dimension: a text, a whole number, or true or false."""
    sql = sql_of(dimension.value, UNKNOWN_COLUMNS)
    if dimension.value.operator in ("column", "number") or is_condition(dimension.value):
        return sql
    return f"cast({sql} as bigint)"


def _value(dialect: Dialect, measure: InGroup) -> str:
    """Return the SQL of a value of a group: a whole number."""
    if not isinstance(measure, Measure):
        return measure.sql
    return " ".join(
        f"{'+' if sign > 0 else '-'} {_plain_sum(dialect, part)}"
        for part, sign in signed_parts(measure)
    )[2:]


def _plain_sum(dialect: Dialect, measure: Measure) -> str:
    value = sql_of(measure.added, UNKNOWN_COLUMNS)
    if not columns_of(measure.added):
        value = f"({value})"
    return f"coalesce(sum(cast({value} as {dialect.big})), 0)"


def _rows(dialect: Dialect, table: Table, more: str = "") -> str:
    """Return the SQL of the rows that a table is of, those of which `more` holds.

    The first week of a customer is that of all rows that pass the table's filter.
    """
    where = "" if table.where is None else sql_of(table.where, UNKNOWN_COLUMNS)
    if table.since:
        day = dimension_sql(dialect, DIMENSIONS["day"])
        last = f"select max({day}) from finops_calls{_where(where)}"
        more = " and ".join(filter(None, [f"{day} > ({last}) - {table.since}", more]))
    if table.among is not None:
        more = _is_among(dialect, table, table.among, where)
    if COHORT_WEEK not in table.by:
        return "finops_calls" + _where(where, more)
    week = dimension_sql(dialect, DIMENSIONS["week"])
    cohort = f"min({week}) over (partition by customer_id) as {COHORT_WEEK}"
    return f"(select *, {cohort} from finops_calls{_where(where)}) born" + _where(more)


def _is_among(dialect: Dialect, table: Table, among: Having, where: str) -> str:
    """Return the SQL of whether a row has a first dimension of which all groups together pass.

    So few groups are made where few pass.
    """
    name, operator, number = among
    first = dimension_sql(dialect, dimension_of(table.by[0]))
    total = next(_value(dialect, measure) for measure in in_group(table) if measure.name == name)
    return (
        f"{first} in (select {first} from finops_calls{_where(where)}"
        f" group by 1 having {total} {operator} {number})"
    )


def _where(*conditions: str) -> str:
    holding = " and ".join(filter(None, conditions))
    return f" where {holding}" if holding else ""


def _group_by(count: int) -> str:
    """Return the GROUP BY of so many columns, the first that are selected."""
    places: Sequence[str] = [str(place) for place in range(1, count + 1)]
    return f" group by {', '.join(places)}" if places else ""
