"""The seam: small tables that analyzers declare and one pass over the calls fills.

An analyzer never walks rows.  It declares `Table`s, that is GROUP BYs, and receives a
`Rollups` in which each is a dict from a key tuple to a tuple of measures.  Tables are
mergeable, so the parts of a file add up, whichever process scanned them and whenever.

The trade-off: what cannot be said as dimensions, measures and conditions on single calls cannot
be asked.  In return memory grows with groups, not rows, and analyzers are pure functions of
small tables that a test can write by hand.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, timestamps
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.context import RunContext
from finops.reader.options import UTC
from finops.rollups.expressions import (
    Expression,
    columns_of,
    expression_from,
    is_condition,
    texts_of,
)
from finops.rollups.measures import (
    COHORT_WEEK,
    DIMENSIONS,
    LISTED,
    MEASURES,
    NUMBER_COLUMNS,
    PRICE,
    ROW_COLUMNS,
    TEXT_COLUMNS,
    TIME_DIMENSIONS,
    Activity,
    AnyMeasure,
    Dimension,
    DimensionLike,
    Distinct,
    Distribution,
    Measure,
    MeasureLike,
    Seen,
    dimension_from,
    measure_from,
    name_of,
)
from finops.rollups.memo import Memo
from finops.timestamps import zone_of

Key = Tuple[Any, ...]
Values = Tuple[Any, ...]


class Having(NamedTuple):
    """Which groups are delivered: those of which a sum is above a number, at least it, or not it.

    `operator` is `>`, `>=` or `<>`, in Python's and in SQL's meaning; a group whose sum is 0 never
    passes.  `number` is in the measure's own unit; of amounts of money it is 0.
    """

    measure: str
    operator: str = "<>"
    number: int = 0

    def passing(self, values: Sequence[Any]) -> Sequence[object]:
        """Return for each value of the measure something true or false: whether it passes."""
        if self.operator == "<>":
            return values
        number = self.number
        if self.operator == ">":
            return [value > number for value in values]
        return [value >= number for value in values]

    @property
    def excludes_nothing(self) -> bool:
        """Whether the operator is one of those, and a sum of 0 does not pass."""
        excluded = {"<>": self.number == 0, ">": self.number >= 0, ">=": self.number > 0}
        return excluded.get(self.operator, False)


class Table(NamedTuple):
    """A declared GROUP BY: dimensions, measures, which calls enter it, and which groups leave it.

    `by` and `measures` name what `measures` declares, or are a `Dimension` or `Measure` of an
    analyzer's own.  `where` is a condition on calls.  `having` says which groups are
    delivered.  `top` names a measure: of the groups that share the first dimension only the one
    with the most of it is delivered (ties: the smallest key).  Both keep tables small whose
    groups are many and mostly dull, such as customers by hour.  `since` leaves that many days:
    the last one of which the table has a group and those of the calendar before it.  `changes` is
    for a table by something, a time and a number, such as a price, and names a measure: a time has
    the number with the most of it (ties: the largest, None counting as 0 but first), and delivered
    are groups whose number is known and another than the last known one before.  `limit` is
    how many groups are delivered, the smallest keys; 0 is no limit.  A reader that has no use for
    more asks for one more, to know that there are too many.  `among` is like `having`, of the sum
    over all groups that share the first dimension: who passes has all groups delivered, such as
    all days of those customers who ever sent long prompts.

    >>> from finops.rollups.expressions import above
    >>> Table(("provider", "model"), ("calls", "cost"), above("input_tokens", 1000)).measure_names
    ('calls', 'cost')
    """

    by: Tuple[DimensionLike, ...]
    measures: Tuple[MeasureLike, ...] = ("calls", "cost")
    where: Optional[Expression] = None
    having: Optional[Having] = None
    top: str = ""
    since: int = 0
    changes: str = ""
    limit: int = 0
    among: Optional[Having] = None

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Table:
        """Return the table that JSON made a list of."""
        by, measures, where, having, top, since, changes, limit, among = plain
        return cls(
            tuple(map(dimension_from, by)),
            tuple(map(measure_from, measures)),
            None if where is None else expression_from(where),
            None if having is None else Having(*having),
            top,
            since,
            changes,
            limit,
            None if among is None else Having(*among),
        )

    @property
    def dimension_names(self) -> Tuple[str, ...]:
        """The names of the dimensions."""
        return tuple(map(name_of, self.by))

    @property
    def measure_names(self) -> Tuple[str, ...]:
        """The names of the measures."""
        return tuple(map(name_of, self.measures))

    @property
    def expressions(self) -> List[Expression]:
        """The expressions that it declares by value."""
        own = [d.value for d in self.by if isinstance(d, Dimension)]
        own += [measure.value for measure in self.measures if isinstance(measure, Measure)]
        return [*own, *self.conditions]

    @property
    def conditions(self) -> List[Expression]:
        """The conditions on calls that it declares: its own filter and those of its measures."""
        wheres = [measure.where for measure in self.measures if isinstance(measure, Measure)]
        return [where for where in (self.where, *wheres) if where is not None]

    def check(self) -> None:
        """Raise ValueError where no scan can fill it."""
        unknown = [d for d in self.by if isinstance(d, str) and d not in DIMENSIONS]
        unknown += [m for m in self.measures if isinstance(m, str) and m not in MEASURES]
        unknown += [name for expression in self.expressions for name in _misread(expression)]
        own = [measure for measure in self.measures if isinstance(measure, Measure)]
        unknown += [
            m.name for m in own if m.value.operator == "column" and m.columns & TEXT_COLUMNS
        ]
        sums = [m.name for m in map(_measure_or_none, self.measures) if isinstance(m, Measure)]
        limited = [having.measure for having in (self.having, self.among) if having is not None]
        unknown += [m for m in (*limited, self.top) if m and m not in sums]
        unknown += self._misplaced_lists()
        if unknown:
            raise ValueError(f"{self} names what no scan can fill: {', '.join(unknown)}")
        if len(set(self.measure_names)) < len(self.measures):
            raise ValueError(f"{self} names a measure twice")
        if COHORT_WEEK in self.by and "week" not in self.by:
            raise ValueError(f"{self}: {COHORT_WEEK} comes with week")
        if not all(map(is_condition, self.conditions)):
            raise ValueError(f"{self}: what calls are filtered by must be true or false")
        for having in (self.having, self.among):
            if having is not None:
                self._check_having(having)
        if self.among is not None:
            self._check_among()
        self._check_bounds()

    def _misplaced_lists(self) -> List[str]:
        """Return the names of measures that list a column as no scan lists it, or a second time, or
        that hold it against what is usual where groups have no time or are left out.
        """
        lists = [m for m in map(_measure_or_none, self.measures) if isinstance(m, Distribution)]
        columns = [measure.column for measure in lists]
        again = [m.name for place, m in enumerate(lists) if m.column in columns[:place]]
        unlisted = [m.name for m in lists if (m.column, m.counted) not in LISTED]
        times = [name for name in self.dimension_names if name in TIME_DIMENSIONS]
        bounds = (self.having, self.top, self.since, self.among)
        is_whole = len(times) == 1 and COHORT_WEEK not in self.by and not any(bounds)
        held = [m.name for m in lists if m.usual and (m.counted or not is_whole)]
        return [*again, *unlisted, *held]

    def _check_bounds(self) -> None:
        if self.since < 0 or self.limit < 0:
            raise ValueError(f"{self}: since and limit are numbers of days and of groups")
        if self.since and not {"day", "hour"} & set(self.dimension_names):
            raise ValueError(f"{self}: since comes with day or hour")
        if self.since and (self.having is not None or self.top):
            raise ValueError(f"{self}: since comes without having and top")
        measures = list(map(_measure_or_none, self.measures))
        if self.since and any(isinstance(measure, Activity) for measure in measures):
            raise ValueError(f"{self}: since comes without what follows from the order of calls")
        if self.changes:
            self._check_changes()
        sums = (Measure, Seen, Distinct)
        if (self.limit or self.changes) and not all(
            isinstance(measure, sums) for measure in measures
        ):
            raise ValueError(f"{self}: limit and changes come with what a group has one value of")

    def _check_changes(self) -> None:
        """Raise ValueError where a table is not by something, a time and a number, or what decides
        which number a time has is no whole number.
        """
        counted = {m.name for m in map(_measure_or_none, self.measures)
                   if isinstance(m, Measure) and m.unit == 1}  # fmt: skip
        times = [name in TIME_DIMENSIONS for name in self.dimension_names]
        if times != [False, True, False] or not _is_number(self.by[2]):
            raise ValueError(f"{self}: changes are those of a number by something and a time")
        if self.changes not in counted:
            raise ValueError(f"{self}: changes take a measure that is a whole number")

    def _check_among(self) -> None:
        """Raise ValueError where groups share no text that they begin with, or another word leaves
        out some.
        """
        if len(self.by) < 2 or self.by[0] not in TEXT_COLUMNS:
            raise ValueError(f"{self}: among comes with a text and more")
        others = (self.having, self.top, self.since, self.changes, self.limit)
        if any(others):
            raise ValueError(f"{self}: among comes without another word that leaves out groups")
        if not all(isinstance(m, Measure) for m in map(_measure_or_none, self.measures)):
            raise ValueError(f"{self}: among comes with sums")

    def _check_having(self, having: Having) -> None:
        measure = _measure_or_none(self.measures[self.measure_names.index(having.measure)])
        in_units = isinstance(measure, Measure) and measure.unit != 1 and having.number != 0
        if in_units or not having.excludes_nothing:
            raise ValueError(f"{self}: having is >, >= or <> a number that leaves no sum of 0")


def _misread(expression: Expression) -> List[str]:
    """Return the columns that are not there, or are no texts or numbers as they are read."""
    texts = texts_of(expression)
    numbers = columns_of(expression) - texts
    lone = expression.operator == "column"  # of which the value is taken as it is
    return sorted((texts - TEXT_COLUMNS) | (numbers - (ROW_COLUMNS if lone else NUMBER_COLUMNS)))


def _is_number(given: DimensionLike) -> bool:
    """Return whether the values of a dimension are numbers, or unknown."""
    if isinstance(given, str):
        return given == PRICE
    return not is_condition(given.value) and not given.columns & TEXT_COLUMNS


def _measure_or_none(given: MeasureLike) -> Optional[AnyMeasure]:
    return MEASURES.get(given) if isinstance(given, str) else given


class Period(NamedTuple):
    """First to last timestamp in the data, ISO 8601 in UTC; both "" where there is no call.

    `first_hour` and `last_hour` are hours of the reporting time zone, which `timezone` names:
    the first that a table by time can have, and the last that the data covers.
    """

    start: str = ""
    end: str = ""
    first_hour: str = ""
    last_hour: str = ""
    timezone: str = UTC

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

    def hours(self) -> List[str]:
        """Return every hour from the first to the last, without those that the clocks skip."""
        first, last = self.ends
        return timestamps.hours_between(first, last, zone_of(self.timezone)) if first else []

    def dates(self) -> List[str]:
        """Return every calendar day from the first to the last."""
        first, last = self.ends
        return timestamps.days_between(first, last) if first else []

    def local(self, timestamp: str) -> str:
        """Return a timestamp in UTC as one of the reporting time zone."""
        if self.timezone == UTC:
            return timestamp
        return timestamps.in_zone(timestamp, zone_of(self.timezone))

    @property
    def ends(self) -> Tuple[str, str]:
        """The first and the last hour, or times within them, of the reporting time zone.

        Both "" where there is no call.
        """
        if self.first_hour or not self.start:
            return self.first_hour, self.last_hour
        return self.local(self.start), self.local(self.end)

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


def first_line(places: Sequence[Place]) -> Optional[int]:
    """Return the smallest line number of places; None where there is none."""
    return min((place.line for place in places if place.line is not None), default=None)


class Skipped(NamedTuple):
    """Rows left out for one reason: how many, where the first ones are, and the cost in USD that
    they name, as far as it can be read.
    """

    reason: str
    rows: int
    places: Tuple[Place, ...]
    cost: float = 0.0

    @property
    def first_line(self) -> Optional[int]:
        """The smallest line number that was kept; None where there is none."""
        return first_line(self.places)


class Blanked(NamedTuple):
    """Values of one optional column that could not be read, for one reason: they count as
    missing, and their rows are used.
    """

    column: str
    reason: str
    values: int
    places: Tuple[Place, ...]


class Accounting(NamedTuple):
    """Where every physical line of the data went.

    lines = header + used + skipped + repeated_records + outside + repeated_headers + blank
    + comments + continuation + incomplete_tail, always; `header` is one for each file.
    `used` counts records; `continuation` the further lines of records of several; `outside`
    those before `--since` or after `--until`; `repeated_records` those whose id and content
    were there before.  `unused_cost` is the cost in USD that skipped rows name, as far as it
    can be read.  `notes` are sentences on what is unusual but harmless (byte order mark, extra
    columns).  `conflicting_ids` are call ids of records with different contents;
    `implausible_times` rows whose time cannot be, used or not.
    """

    lines: int = 0
    header: int = 0
    used: int = 0
    skipped: Tuple[Skipped, ...] = ()
    repeated_headers: int = 0
    blank: int = 0
    incomplete_tail: int = 0
    notes: Tuple[str, ...] = ()
    comments: int = 0
    continuation: int = 0
    repeated_records: int = 0
    outside: int = 0
    blanked: Tuple[Blanked, ...] = ()
    unused_cost: float = 0.0
    conflicting_ids: int = 0
    implausible_times: int = 0

    @property
    def skipped_rows(self) -> int:
        """Rows left out, all reasons together."""
        return sum(s.rows for s in self.skipped)

    @property
    def balanced(self) -> bool:
        """Whether every line is accounted for."""
        records = self.used + self.skipped_rows + self.repeated_records + self.outside
        others = self.repeated_headers + self.blank + self.comments + self.continuation
        return self.lines == self.header + records + others + self.incomplete_tail


class FileInfo(NamedTuple):
    """What was read: its name without folders, the bytes that were taken in (None where the
    source does not say), how many files it is, and what filled the tables.
    """

    name: str = ""
    size_bytes: Optional[int] = 0
    files: int = 1
    engine: str = "local"


class Totals(NamedTuple):
    """The whole dataset in one row; `cost` in USD, a lower bound where `unpriced` > 0.

    `customers` is how many the rows name.
    """

    calls: int = 0
    cost: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    errors: int = 0
    unpriced: int = 0
    customers: int = 0

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


# What `Memo` knows the customers by, who are made of tables.
THE_CUSTOMERS = "customers"


class Rollups:
    """Filled tables and what goes with them; read-only by convention.

    `data[table]` is a dict in ascending key order: `{key tuple: measures tuple}`, both in
    declared order, also where there is one dimension or one measure.  `customers` are given where
    `customers.CUSTOMER_RECORDS` are among the tables, None elsewhere.  `memo` is
    what was worked out of these calls so far (see `memo.memoized`); deliveries of the same
    reading share it, and it learns which tables are read.
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
        memo: Optional[Memo] = None,
    ) -> None:
        self._tables = tables
        self.period = period
        self.totals = totals
        self._customers = customers
        self.accounting = accounting
        self.file = file
        self.prices = prices
        self.context = context
        self.memo = Memo() if memo is None else memo

    def __getitem__(self, table: Table) -> Mapping[Key, Values]:
        self.memo.note(table)
        return self._tables[table]

    @property
    def customers(self) -> Mapping[str, Customer]:
        """What the latest row of each customer says of it, by id ascending.

        Raises LookupError where the tables of customers were not asked for.
        """
        if self._customers is None:
            raise LookupError("customers take CUSTOMER_RECORDS")
        self.memo.note(THE_CUSTOMERS)
        return self._customers


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
