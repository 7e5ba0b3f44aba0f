"""Columns, dimensions and measures: each declared once, with how a row and how SQL gives it.

Everything else derives from these entries: the layout in which sums are packed, the loop that
reads a call, what tables may name, the SQL of an engine, and the reference that tests hold the
scan against.  What belongs to one analysis (a flag, a limit, a filter) is not here: analyzers
declare `Dimension`, `Measure` and conditions of their own, by value, in their tables.
"""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple, Union

from finops import config, schema
from finops.reader.encoding import COST, CREDIT, DEFAULTS, CallKey, CustomerKey
from finops.reader.fields import PICO
from finops.rollups.expressions import (
    Expression,
    above,
    all_of,
    column,
    columns_of,
    equal,
    expression_from,
    is_condition,
    known,
    negated,
    number,
    one_of,
    plus,
    quotient,
    remainder,
    sql_of,
    times,
    when,
)

# The columns of a checked call, by where the scan has them: in the key that describes the call,
# in that of its customer, or as a number of its own.
CALL_COLUMNS: FrozenSet[str] = frozenset(CallKey._fields)
CUSTOMER_COLUMNS: FrozenSet[str] = frozenset(CustomerKey._fields)
NUMBER_COLUMNS: FrozenSet[str] = frozenset({COST, *DEFAULTS})
TIMESTAMP = "timestamp"
# Numbers that a call may be without.
UNKNOWN_COLUMNS: FrozenSet[str] = frozenset(
    c.name for c in schema.NUMBERS if c.default is None and not c.required
)
# What expressions may compare with texts, and what they may reckon with.
PRICE = "tier_price_usd"  # of a customer: a number that may be unknown, and nothing is added up of
TEXT_COLUMNS: FrozenSet[str] = (CALL_COLUMNS | CUSTOMER_COLUMNS) - {PRICE}
ROW_COLUMNS: FrozenSet[str] = TEXT_COLUMNS | NUMBER_COLUMNS
HOUR = "h"  # hours since 1970-01-01T00, of which times are grouped
MICROSECOND = "us"  # microseconds since 1970-01-01T00, of which the first and the last are taken
DAY_S = 24 * 3600

# No part of a file is added up for longer than so many rows and so many calls at a time, so that
# a packed sum has a bound that follows from the bound of one row or call (see `packing`).  A row
# may stand for many calls; one that does not say for how many weighs as much as one call.
ROWS_AT_A_TIME = 1 << 24
CALLS_AT_A_TIME = (1 << 32) - 1
assert config.MAX_CALLS < CALLS_AT_A_TIME


class Dimension(NamedTuple):
    """What calls are grouped by: a name and its value for one call."""

    name: str
    value: Expression

    @property
    def columns(self) -> FrozenSet[str]:
        """The columns that it is computed from."""
        return columns_of(self.value)

    @property
    def sql(self) -> str:
        """The value over the checked columns; times are named by the driver."""
        return sql_of(self.value, UNKNOWN_COLUMNS)


class Measure(NamedTuple):
    """What is added up within a group.

    `value` is what one row adds: a number, or a condition, which adds the calls that the row
    stands for where it holds.  A row of which it is not known adds nothing.  `limit` is the most
    that one row adds or, where `calls` is among the columns, the most that each of its calls
    adds.  The sum is delivered in units of `unit`.  A measure with `parts` is not summed itself:
    it is the sum of those measures without that of `less`.  Rows that do not pass `where` add
    nothing.
    """

    name: str
    value: Expression
    limit: int = 1
    unit: int = 1
    parts: Tuple[str, ...] = ()
    less: Tuple[str, ...] = ()
    where: Optional[Expression] = None

    @property
    def added(self) -> Expression:
        """The number that one row adds."""
        added = when(self.value, "calls") if is_condition(self.value) else self.value
        return added if self.where is None else when(self.where, added)

    @property
    def columns(self) -> FrozenSet[str]:
        """The columns that it is computed from."""
        return columns_of(self.added)

    @property
    def sql(self) -> str:
        """The whole sum over the checked columns, before the division by `unit`."""
        return f"coalesce(sum({sql_of(self.added, UNKNOWN_COLUMNS)}), 0)"

    def most(self, rows: int, calls: int) -> int:
        """Return the largest sum of so many rows that stand for so many calls."""
        return self.limit * (calls if "calls" in self.columns else rows)


class Usual(NamedTuple):
    """The usual level of a column, for groups by time and more.

    It is the median of a percentile (nearest rank, `percent` from 1 to 100) over the groups that
    differ in time alone and know `least` values or more.  Values above `factor` times this level
    are beyond it.
    """

    percent: int
    factor: float
    least: int


class Standing(NamedTuple):
    """How the values of a group stand to what is usual: how many are known, their percentile, the
    usual one, and how many values are beyond.

    A percentile of nothing is None.  So are the last two where no group knows enough values.
    """

    known: int
    percentile: Optional[int]
    usual: Optional[float]
    beyond: Optional[int]


class Distribution(NamedTuple):
    """All known values of a number column within a group, each as often as it occurs.

    `counted`: as {value: calls}; else as an array, ascending, for groups that are many and small.
    With `usual` no value is delivered, but the `Standing` of the group.
    """

    name: str
    column: str
    counted: bool
    usual: Optional[Usual] = None


class Seen(NamedTuple):
    """The time of the first or, where `latest`, of the last row of a group, credits included.

    It is delivered as a timestamp in UTC, whatever the reporting time zone is.
    """

    name: str
    latest: bool

    @property
    def column(self) -> str:
        """The column of which the cells keep the ends."""
        return TIMESTAMP

    @property
    def sql(self) -> str:
        """The time over the checked columns, in microseconds since 1970."""
        return f"{'max' if self.latest else 'min'}({MICROSECOND})"


class Distinct(NamedTuple):
    """How many values a customer dimension has within a group; `nobody` is none of them."""

    name: str
    dimension: str
    nobody: str

    @property
    def sql(self) -> str:
        """The number over the checked columns."""
        of_nobody = sql_of(one_of(self.dimension, self.nobody))
        return f"count(distinct case when not {of_nobody} then {self.dimension} end)"


class Activity(NamedTuple):
    """What follows from calls that belong together; it comes by `by` alone, and not with others.

    `column` has the ids by which they do, "" where it is their customer and their order.
    """

    name: str
    by: Tuple[str, ...]
    column: str = ""


def _text(name: str) -> Dimension:
    return Dimension(name, column(name))


# --- dimensions ----------------------------------------------------------------------------------

# Texts of a call's key that tables may name; error_type is "" on success.
CALL_DIMENSIONS: Tuple[str, ...] = tuple(
    name for name in CallKey._fields if name in schema.COLUMN_NAMES
)
CUSTOMER_DIMENSIONS: Tuple[str, ...] = CustomerKey._fields
_TIMES: Tuple[Dimension, ...] = (
    Dimension("hour", column(HOUR)),  # "2025-01-01T09:00:00"
    Dimension("day", quotient(HOUR, 24)),  # "2025-01-01"
    Dimension("week", quotient(plus(quotient(HOUR, 24), 3), 7)),  # ISO week, "2025-W01"
    Dimension("hour_of_day", remainder(HOUR, 24)),  # int, 0 to 23
)
TIME_DIMENSIONS: Tuple[str, ...] = tuple(time.name for time in _TIMES)
# The first `week` in which a customer has a row that enters the table.  What fills tables works it
# out once the customers' weeks are known: it is no column of a call, and a table by it can be
# aggregated from one by customer and week.
COHORT_WEEK = "cohort_week"
DIMENSIONS: Dict[str, Dimension] = {
    **{name: _text(name) for name in (*CALL_DIMENSIONS, *CUSTOMER_DIMENSIONS)},
    **{time.name: time for time in _TIMES},
    COHORT_WEEK: Dimension(COHORT_WEEK, column(COHORT_WEEK)),
}

# --- measures ------------------------------------------------------------------------------------

_FAILED = one_of("status", schema.STATUS_ERROR)
_UNPRICED = one_of("cost_kind", "unpriced")
IS_CREDIT = above(CREDIT, 0)
_NUMBER_UNKNOWN = all_of(equal("calls", 0), negated(IS_CREDIT))
# Which rows are no aggregates: a filter for what looks at single calls or at hours.
OF_MOMENTS = all_of(
    negated(known("bucket_s")), negated(above("calls", config.MAX_CALLS_OF_A_MOMENT))
)
# What those of the numbers add that are not added up as they are.
_ADDED: Dict[str, Measure] = {
    "calls": Measure("calls", column("calls")),
    # A row for several calls has the mean of theirs.
    "latency_ms": Measure("latency_ms", times("latency_ms", "calls"), config.MAX_LATENCY_MS),
    "list_cost_usd": Measure("list_cost", column("list_cost_usd"), schema.MAX_COST_PICO, PICO),
}
_NUMBERS: Tuple[Measure, ...] = tuple(
    _ADDED[c.name] if c.name in _ADDED else Measure(c.name, column(c.name), c.limit)
    for c in schema.NUMBERS
)
_SUMS: Tuple[Measure, ...] = (
    # Amounts of money are floats in USD.
    Measure("charges", column(COST), schema.MAX_COST_PICO, PICO),
    *_NUMBERS,
    Measure("records", number(1)),  # rows
    Measure("errors", _FAILED),
    Measure("rate_limits", all_of(_FAILED, one_of("error_type", schema.RATE_LIMIT))),
    # Calls with neither a cost nor a known price; a row without their number counts as one.
    Measure("unpriced", when(_UNPRICED, plus("calls", when(_NUMBER_UNKNOWN, 1)))),
    # Calls of which something is known: what a mean is divided by, and a share is taken of.
    Measure("latency_known", known("latency_ms")),
    Measure("status_known", one_of("status", schema.STATUS_SUCCESS, schema.STATUS_ERROR)),
    Measure("list_cost_known", known("list_cost_usd")),
    Measure("calls_unknown", when(_NUMBER_UNKNOWN, 1)),  # rows that do not say how many calls
    Measure("daily_records", when(above("bucket_s", DAY_S - 1), 1)),  # aggregates of whole days
    Measure("credits", column(CREDIT), schema.MAX_COST_PICO, PICO),  # positive
    Measure("credit_rows", when(IS_CREDIT, 1)),
    Measure(
        "cost",
        plus(COST, times(CREDIT, -1)),
        schema.MAX_COST_PICO,
        PICO,
        parts=("charges",),
        less=("credits",),
    ),
    Measure(
        "tokens",
        plus("input_tokens", "output_tokens"),
        2 * config.MAX_TOKENS,
        parts=("input_tokens", "output_tokens"),
    ),
)
SUM_MEASURES: Tuple[str, ...] = tuple(measure.name for measure in _SUMS)
LATENCY_HISTOGRAM = "latency"
LATENCY_LIST = "latencies"
INPUT_SIZES = "input_sizes"  # input tokens of each call
_DISTRIBUTIONS: Tuple[Distribution, ...] = (
    Distribution(LATENCY_HISTOGRAM, "latency_ms", counted=True),
    Distribution(LATENCY_LIST, "latency_ms", counted=False),
    Distribution(INPUT_SIZES, "input_tokens", counted=True),
)
# Which columns are listed, and whether they are counted: where a row may stand for any number of
# calls, they are.
LISTED: FrozenSet[Tuple[str, bool]] = frozenset((d.column, d.counted) for d in _DISTRIBUTIONS)
# A customer's consecutive calls, less than an hour apart, from different regions, the day being
# that of the later call; groups without are absent.
REGION_CHANGE_MEASURES: Tuple[str, ...] = (
    "region_changes",  # int
    "changed_regions",  # sorted tuple of the regions on either side of a change
    "shortest_change_s",  # float, seconds between the two calls of the fastest change
)
_ACTIVITIES: Tuple[Activity, ...] = (
    *(Activity(name, ("customer_id", "day")) for name in REGION_CHANGE_MEASURES),
    Activity("sessions", (), "session_id"),  # a `SessionFigures`
    Activity("retries", (), "trace_id"),  # a `RetryFigures`
)
_SEEN: Tuple[Seen, ...] = (Seen("first_seen", latest=False), Seen("last_seen", latest=True))
_DISTINCT: Tuple[Distinct, ...] = (Distinct("customers", "customer_id", config.UNALLOCATED),)
# What a cell keeps of a column instead of a sum.
Listed = Union[Distribution, Seen]
AnyMeasure = Union[Measure, Distribution, Seen, Distinct, Activity]
_ALL: Tuple[AnyMeasure, ...] = (*_SUMS, *_DISTRIBUTIONS, *_SEEN, *_DISTINCT, *_ACTIVITIES)
MEASURES: Dict[str, AnyMeasure] = {measure.name: measure for measure in _ALL}

DimensionLike = Union[str, Dimension]
MeasureLike = Union[str, Measure, Distribution]


def dimension_of(named: DimensionLike) -> Dimension:
    """Return a dimension given by name or by value."""
    return DIMENSIONS[named] if isinstance(named, str) else named


def measure_of(named: MeasureLike) -> AnyMeasure:
    """Return a measure given by name or by value."""
    return MEASURES[named] if isinstance(named, str) else named


def name_of(given: Union[DimensionLike, MeasureLike]) -> str:
    """Return the name of a dimension or measure given by name or by value."""
    return given if isinstance(given, str) else given.name


def signed_parts(measure: Measure) -> List[Tuple[Measure, int]]:
    """Return the measures that are summed for one, each with 1, or -1 where it is taken off."""
    if not measure.parts:
        return [(measure, 1)]
    named = [(name, 1) for name in measure.parts] + [(name, -1) for name in measure.less]
    parts = [(MEASURES[name], sign) for name, sign in named]
    return [
        (part._replace(where=measure.where), sign)
        for part, sign in parts
        if isinstance(part, Measure)
    ]


def stored(measures: Sequence[Measure]) -> List[Measure]:
    """Return measures as they are summed: those with parts as their parts, each once."""
    return list(dict.fromkeys(part for m in measures for part, _ in signed_parts(m)))


def dimension_from(plain: Union[str, Sequence[Sequence[object]]]) -> DimensionLike:
    """Return the dimension that JSON made of one."""
    if isinstance(plain, str):
        return plain
    name, value = plain
    return Dimension(str(name), expression_from(value))


def measure_from(plain: Union[str, Sequence[Any]]) -> MeasureLike:
    """Return the measure that JSON made of one."""
    if isinstance(plain, str):
        return plain
    fields: List[Any] = list(plain)
    if len(fields) == len(Distribution._fields):
        name, listed, counted, usual = fields
        return Distribution(name, listed, counted, None if usual is None else Usual(*usual))
    name, value, limit, unit, parts, less, where = fields
    return Measure(
        str(name),
        expression_from(value),
        int(str(limit)),
        int(str(unit)),
        tuple(map(str, parts)),
        tuple(map(str, less)),
        None if where is None else expression_from(where),
    )
