"""The seam: small tables that analyzers declare and one pass over the calls fills.

An analyzer never walks rows.  It declares `Table`s, that is GROUP BYs, and receives a
`Rollups` in which each is a dict from a key tuple to a tuple of measures.  Tables are
mergeable, so the parts of a file add up whoever scanned them and whenever.

The trade-off: what cannot be said as dimensions, measures and the few named filters below
cannot be asked.  In return memory grows with groups, not rows, and analyzers are pure
functions of small tables that a test can write by hand.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from finops import config, timestamps
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.context import RunContext

# What a call can be grouped by.  Text dimensions are the columns themselves.
CALL_DIMENSIONS: Tuple[str, ...] = (
    "provider",
    "model",
    "feature_id",
    "task_type",
    "environment",
    "region",
    "status",
    "error_type",  # "" on success
    "downgradable",  # bool: the task type tolerates a model one class lower
    "free_failure",  # bool: an error that cost nothing
)
CUSTOMER_DIMENSIONS: Tuple[str, ...] = (
    "customer_id",
    "subscription_tier",
    "organization_id",
    "product_id",
    "customer_archetype",
    "tier_price_usd",  # float, or None where no price is known
)
TIME_DIMENSIONS: Tuple[str, ...] = (
    "hour",  # "2025-01-01T09:00:00"
    "day",  # "2025-01-01"
    "week",  # ISO week, "2025-W01"
    "hour_of_day",  # int, 0 to 23
)
# int: lower bound of the band of config.TOKEN_BAND_WIDTH tokens that the call's total is in.
OTHER_DIMENSIONS: Tuple[str, ...] = ("token_band",)
DIMENSIONS: Tuple[str, ...] = (
    CALL_DIMENSIONS + CUSTOMER_DIMENSIONS + TIME_DIMENSIONS + OTHER_DIMENSIONS
)

# What is added up within a group.
SUM_MEASURES: Tuple[str, ...] = (
    "calls",  # int
    "cost",  # float, USD
    "input_tokens",  # int
    "output_tokens",  # int
    "tokens",  # int, input + output
    "latency_ms",  # int, summed
    "errors",  # int, calls whose status is error
    "rate_limits",  # int, errors of type rate_limit
    "unpriced",  # int, calls with neither a cost nor a known price
    "sla_violations",  # int, calls slower than config.SLA_THRESHOLD_MS
)
# {latency in ms: calls}, exact.
LATENCY_HISTOGRAM = "latency"
# All latencies in ms as an array, ascending: for groups that are many and small.  One of the two
# a table.
LATENCY_LIST = "latencies"
LATENCY_MEASURES: Tuple[str, ...] = (LATENCY_HISTOGRAM, LATENCY_LIST)
# A customer's consecutive calls, less than an hour apart, from different regions.  Only for
# by=("customer_id", "day"), the day being that of the later call; groups without are absent.
REGION_CHANGE_MEASURES: Tuple[str, ...] = (
    "region_changes",  # int
    "changed_regions",  # sorted tuple of the regions on either side of a change
    "shortest_change_s",  # float, seconds between the two calls of the fastest change
)
MEASURES: Tuple[str, ...] = (*SUM_MEASURES, *LATENCY_MEASURES, *REGION_CHANGE_MEASURES)

# Named filters on the calls that enter a table ("" is all).
FILTERS: Tuple[str, ...] = (
    "",
    "inefficient_prompt",  # successful, long input, hardly any output (limits in config)
    "simple_task",  # successful, under config.SIMPLE_TASK_MAX_TOKENS tokens in all
)

Key = Tuple[Any, ...]
Values = Tuple[Any, ...]


class Table(NamedTuple):
    """A declared GROUP BY: dimensions, measures, one of `FILTERS`, and which groups to deliver.

    `having` names a measure that must not be 0.  `top` names a measure: of the groups that share
    the first dimension only the one with the most of it is delivered (ties: the smallest key).
    Both keep tables small whose groups are many and mostly dull, such as customers by hour.

    >>> Table(("provider", "model"), ("calls", "cost")).where
    ''
    """

    by: Tuple[str, ...]
    measures: Tuple[str, ...] = ("calls", "cost")
    where: str = ""
    having: str = ""
    top: str = ""

    def check(self) -> None:
        """Raise ValueError where a name is not one of this module's."""
        unknown = [d for d in self.by if d not in DIMENSIONS]
        unknown += [m for m in self.measures if m not in MEASURES]
        unknown += [f for f in (self.where,) if f not in FILTERS]
        unknown += [m for m in (self.having, self.top) if m and m not in self.measures]
        if set(LATENCY_MEASURES) <= set(self.measures):
            unknown += [LATENCY_LIST]  # beside the histogram of the same
        if unknown:
            raise ValueError(f"{self} names what no scan can fill: {', '.join(unknown)}")


class Period(NamedTuple):
    """First to last timestamp in the data, ISO 8601 in UTC; both "" where there is no call."""

    start: str = ""
    end: str = ""

    @property
    def seconds(self) -> float:
        """Length in seconds, 0 for a single instant."""
        if not self.start:
            return 0.0
        return timestamps.seconds_between(self.start, self.end)

    @property
    def days(self) -> float:
        """Length in days, at least one hour, so that nothing is divided by zero."""
        return max(self.seconds / 86400, 1 / 24)

    def monthly(self, amount: float) -> float:
        """Return an amount summed over the period as an amount a month of 30 days."""
        return amount * config.DAYS_PER_MONTH / self.days


class Customer(NamedTuple):
    """What the latest call of a customer says of it, and when it was seen.

    `price` is the subscription in USD a month, None where none is known.  `first_seen` and
    `last_seen` are timestamps like those of `Period`.
    """

    tier: str
    price: Optional[float]
    organization: str
    product: str
    archetype: str
    first_seen: str
    last_seen: str


class Place(NamedTuple):
    """Where a row stands: the file's name, the number of its line (the header's is 1), and the
    first characters of the row.  Not every source has lines: `line` is None where there are none.
    """

    file: str
    line: Optional[int]
    text: str


class Skipped(NamedTuple):
    """Rows left out for one reason: how many, and where the first ones are."""

    reason: str
    rows: int
    places: Tuple[Place, ...]

    @property
    def first_line(self) -> Optional[int]:
        """The smallest line number that was kept; None where there is none."""
        return min((place.line for place in self.places if place.line is not None), default=None)


class Accounting(NamedTuple):
    """Where every physical line of the file went.

    lines = header + used + skipped + repeated_headers + blank + incomplete_tail, always.
    `notes` are sentences on what is unusual but harmless (byte order mark, extra columns).
    """

    lines: int = 0
    header: int = 0
    used: int = 0
    skipped: Tuple[Skipped, ...] = ()
    repeated_headers: int = 0
    blank: int = 0
    incomplete_tail: int = 0
    notes: Tuple[str, ...] = ()

    @property
    def skipped_rows(self) -> int:
        """Rows left out, all reasons together."""
        return sum(s.rows for s in self.skipped)

    @property
    def balanced(self) -> bool:
        """Whether every line is accounted for."""
        accounted = self.header + self.used + self.skipped_rows
        return self.lines == accounted + self.repeated_headers + self.blank + self.incomplete_tail


class FileInfo(NamedTuple):
    """What was read: its name without folders, the bytes that were taken in (None where the
    source does not say), how many files it is, and what filled the tables.
    """

    name: str = ""
    size_bytes: Optional[int] = 0
    files: int = 1
    engine: str = "local"


class Totals(NamedTuple):
    """The whole dataset in one row; `cost` in USD, a lower bound where `unpriced` > 0."""

    calls: int = 0
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    errors: int = 0
    unpriced: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


class Rollups:
    """Filled tables and what goes with them; read-only by convention.

    `data[table]` is a dict in ascending key order: `{key tuple: measures tuple}`, both in
    declared order, also where there is one dimension or one measure.
    """

    def __init__(
        self,
        tables: Mapping[Table, Mapping[Key, Values]],
        period: Period = Period(),
        totals: Totals = Totals(),
        customers: Optional[Mapping[str, Customer]] = None,
        accounting: Accounting = Accounting(),
        file: FileInfo = FileInfo(),
        prices: PriceTable = DEFAULT_PRICES,
        context: RunContext = RunContext(),
    ) -> None:
        self._tables = tables
        self.period = period
        self.totals = totals
        self.customers: Mapping[str, Customer] = customers or {}
        self.accounting = accounting
        self.file = file
        self.prices = prices
        self.context = context

    def __getitem__(self, table: Table) -> Mapping[Key, Values]:
        return self._tables[table]


def sort_key(key: Key) -> List[Tuple[str, Any]]:
    """Return a key that orders tuples of mixed kinds (None, numbers, text) the same always."""
    return [
        ("" if part is None else type(part).__name__, part or 0)
        if not isinstance(part, str)
        else ("str", part)
        for part in key
    ]


def in_key_order(cells: Mapping[Key, Values]) -> Dict[Key, Values]:
    """Return the cells as a dict in ascending key order."""
    try:
        return {key: cells[key] for key in sorted(cells)}
    except TypeError:  # None beside numbers: customers without a price
        return {key: cells[key] for key in sorted(cells, key=sort_key)}
