"""Columns, dimensions and measures: each declared once, with how a row and how SQL gives it.

Everything else derives from these entries: the layout in which sums are packed, the loop that
reads a call, what tables may name, the SQL of an engine, and the reference that tests hold the
scan against.  What belongs to one analysis (a flag, a limit, a filter) is not here: analyzers
declare `Dimension`, `Measure` and conditions of their own, by value, in their tables.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, List, NamedTuple, Sequence, Tuple, Union

from finops import config, schema
from finops.reader.encoding import COST, CallKey, CustomerKey
from finops.reader.fields import PICO
from finops.rollups.expressions import (
    Expression,
    all_of,
    column,
    columns_of,
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
)

# The columns of a checked call, by where the scan has them: in the key that describes the call,
# in that of its customer, or as a number of its own.
CALL_COLUMNS: FrozenSet[str] = frozenset(CallKey._fields)
CUSTOMER_COLUMNS: FrozenSet[str] = frozenset(CustomerKey._fields)
NUMBER_COLUMNS: FrozenSet[str] = frozenset({COST, *(c.name for c in schema.NUMBERS)})
# Numbers that a call may be without.
UNKNOWN_COLUMNS: FrozenSet[str] = frozenset(
    c.name for c in schema.NUMBERS if c.default is None and not c.required
)
# What expressions may compare with texts, and what they may reckon with.
TEXT_COLUMNS: FrozenSet[str] = (CALL_COLUMNS | CUSTOMER_COLUMNS) - {"tier_price_usd"}
ROW_COLUMNS: FrozenSet[str] = TEXT_COLUMNS | NUMBER_COLUMNS
HOUR = "h"  # hours since 1970-01-01T00, of which times are grouped

# No part of a file is added up for longer than this many calls at a time, so that a packed sum
# has a bound that follows from the bound of one call (see `packing`).
CALLS_AT_A_TIME = 1 << 24


class Dimension(NamedTuple):
    """What calls are grouped by: a name and its value for one call."""

    name: str
    value: Expression

    @property
    def columns(self) -> FrozenSet[str]:
        """The columns that it is told from."""
        return columns_of(self.value)

    @property
    def sql(self) -> str:
        """The value over the checked columns; times are named by the driver."""
        return sql_of(self.value, UNKNOWN_COLUMNS)


class Measure(NamedTuple):
    """What is added up within a group.

    `value` is what one call adds: a number from 0 to `limit`, or a condition, which adds 1 where
    it holds.  A call of which it is not known adds nothing.  The sum is delivered in units of
    `unit`.  A measure with `parts` is not summed itself: it is the sum of those measures.
    """

    name: str
    value: Expression
    limit: int = 1
    unit: int = 1
    parts: Tuple[str, ...] = ()

    @property
    def columns(self) -> FrozenSet[str]:
        """The columns that it is told from."""
        return columns_of(self.value)

    @property
    def sql(self) -> str:
        """The whole sum over the checked columns, before the division by `unit`."""
        value = sql_of(self.value, UNKNOWN_COLUMNS)
        if self.is_condition:
            value = f"case when {value} then 1 else 0 end"
        return f"coalesce(sum({value}), 0)"

    @property
    def is_condition(self) -> bool:
        """Whether it counts calls."""
        return is_condition(self.value)


class Distribution(NamedTuple):
    """All known values of a number column within a group, each as often as it occurs.

    `counted`: as {value: calls}; else as an array, ascending, for groups that are many and small.
    """

    name: str
    column: str
    counted: bool


class Activity(NamedTuple):
    """What follows from the order of calls; it comes by `by` alone, and not with other kinds."""

    name: str
    by: Tuple[str, ...]


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
DIMENSIONS: Dict[str, Dimension] = {
    **{name: _text(name) for name in (*CALL_DIMENSIONS, *CUSTOMER_DIMENSIONS)},
    **{time.name: time for time in _TIMES},
}

# --- measures ------------------------------------------------------------------------------------

_FAILED = one_of("status", schema.STATUS_ERROR)
_SUMS: Tuple[Measure, ...] = (
    Measure("cost", column(COST), int(config.MAX_COST_USD) * PICO, unit=PICO),  # float, USD
    Measure("calls", number(1)),
    *(Measure(c.name, column(c.name), c.limit) for c in schema.NUMBERS if c.name != "calls"),
    Measure("errors", _FAILED),
    Measure("rate_limits", all_of(_FAILED, one_of("error_type", schema.RATE_LIMIT))),
    Measure("unpriced", one_of("cost_kind", "unpriced")),  # neither a cost nor a known price
    # Calls of which something is known: what a mean is divided by, and a share is taken of.
    Measure("latency_known", known("latency_ms")),
    Measure("status_known", negated(one_of("status_given", ""))),
    Measure(
        "tokens",
        plus("input_tokens", "output_tokens"),
        2 * config.MAX_TOKENS,
        parts=("input_tokens", "output_tokens"),
    ),
)
SUM_MEASURES: Tuple[str, ...] = tuple(measure.name for measure in _SUMS)
# One of the two a table.
LATENCY_HISTOGRAM = "latency"
LATENCY_LIST = "latencies"
_DISTRIBUTIONS: Tuple[Distribution, ...] = (
    Distribution(LATENCY_HISTOGRAM, "latency_ms", counted=True),
    Distribution(LATENCY_LIST, "latency_ms", counted=False),
)
# A customer's consecutive calls, less than an hour apart, from different regions, the day being
# that of the later call; groups without are absent.
REGION_CHANGE_MEASURES: Tuple[str, ...] = (
    "region_changes",  # int
    "changed_regions",  # sorted tuple of the regions on either side of a change
    "shortest_change_s",  # float, seconds between the two calls of the fastest change
)
_ACTIVITIES: Tuple[Activity, ...] = tuple(
    Activity(name, ("customer_id", "day")) for name in REGION_CHANGE_MEASURES
)
AnyMeasure = Union[Measure, Distribution, Activity]
_ALL: Tuple[AnyMeasure, ...] = (*_SUMS, *_DISTRIBUTIONS, *_ACTIVITIES)
MEASURES: Dict[str, AnyMeasure] = {measure.name: measure for measure in _ALL}

DimensionLike = Union[str, Dimension]
MeasureLike = Union[str, Measure]


def dimension_of(named: DimensionLike) -> Dimension:
    """Return a dimension given by name or by value."""
    return DIMENSIONS[named] if isinstance(named, str) else named


def measure_of(named: MeasureLike) -> AnyMeasure:
    """Return a measure given by name or by value."""
    return MEASURES[named] if isinstance(named, str) else named


def name_of(given: Union[DimensionLike, MeasureLike]) -> str:
    """Return the name of a dimension or measure given by name or by value."""
    return given if isinstance(given, str) else given.name


def stored(measures: Sequence[Measure]) -> List[Measure]:
    """Return measures as they are summed: those with parts as their parts, each once."""
    whole: Dict[Measure, None] = {}
    for measure in measures:
        parts = [MEASURES[name] for name in measure.parts] or [measure]
        whole.update((part, None) for part in parts if isinstance(part, Measure))
    return list(whole)


def dimension_from(plain: Union[str, Sequence[Sequence[object]]]) -> DimensionLike:
    """Return the dimension that JSON made of one."""
    if isinstance(plain, str):
        return plain
    name, value = plain
    return Dimension(str(name), expression_from(value))


def measure_from(plain: Union[str, Sequence[Sequence[object]]]) -> MeasureLike:
    """Return the measure that JSON made of one."""
    if isinstance(plain, str):
        return plain
    name, value, limit, unit, parts = plain
    return Measure(
        str(name),
        expression_from(value),
        int(str(limit)),
        int(str(unit)),
        tuple(map(str, parts)),
    )
