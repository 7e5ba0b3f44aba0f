"""From rows as they were read to calls as they count, and what is said of the data as a whole."""

from __future__ import annotations

from datetime import timedelta, timezone, tzinfo
from typing import NamedTuple

from finops import config, schema
from finops.engines.dialect import Dialect
from finops.engines.parsing import CALL_TEXTS, CUSTOMER_TEXTS, LINK_IDS, NUMBERS
from finops.engines.prices import priced
from finops.engines.zones import changes_of, offset_at
from finops.reader.encoding import COST, CREDIT
from finops.reader.identity import CALL_ID
from finops.reader.options import ReadingRules
from finops.rollups.customer_activity import CHANGE_WINDOW_US
from finops.rollups.measures import DAY_S
from finops.timestamps import EPOCH, MicrosecondClock

USED, IMPLAUSIBLE, OUTSIDE, REPEATED = "used", "implausible", "outside", "repeated"
_DAY_US = DAY_S * 10**6
_HOUR_US = 3600 * 10**6
_KEYS = (*CALL_TEXTS, *CUSTOMER_TEXTS, "tier_price_usd")
# All columns of a row that may be a call, in this order.
ROW_COLUMNS = ("file", "n", "us", CALL_ID, "said", *LINK_IDS, *_KEYS, *NUMBERS, "cost")


class Bounds(NamedTuple):
    """What decides which rows count, in microseconds since 1970: the first and the last plausible
    time, those that may be used where implausible ones are usual, and the range that was asked
    for, of which the end does not belong to it.
    """

    earliest: int
    latest: int
    first_usable: int
    last_usable: int
    since: int
    until: int

    @classmethod
    def of(cls, rules: ReadingRules) -> Bounds:
        """Return the bounds of a run's rules."""
        clock = MicrosecondClock()
        usable = rules._replace(implausible_used=True).used_times
        first, last = map(clock.of, usable)
        options = rules.options
        return cls(
            clock.of(rules.earliest),
            clock.of(rules.latest),
            first,
            last,
            clock.of(options.since.encode("ascii")) if options.since else first,
            clock.of(options.until.encode("ascii")) if options.until else last + 1,
        )

    @property
    def plausible(self) -> str:
        """The SQL of whether a time is plausible."""
        return f"us between {self.earliest} and {self.latest}"


def rows_sql(dialect: Dialect, day: str, with_prices: bool) -> str:
    """Return the SQL of all rows in `finops_parsed` with their costs, as they are written."""
    found = priced(dialect, day, with_prices)
    given = {
        "provider": found.provider,
        "cost_kind": found.kind,
        "cost_source": found.source,
        "n": "r.n - f.start",
        "cost": f"cast({found.cost} as {dialect.big})",
    }
    listed = ",\n ".join(f"{given.get(name, 'r.' + name)} as {name}" for name in ROW_COLUMNS)
    return (
        f"select f.file_number, {listed}\n"
        f"from finops_parsed r join finops_files f on f.file = r.file {found.join}\n"
        "where r.line is null"
    )


def kinds_sql(bounds: Bounds, has_repeats: bool) -> str:
    """Return the SQL of the rows with what becomes of each, as `kind`.

    Of records that have an id and all they say in common the first one counts.
    """
    implausible = f"count(case when {bounds.plausible} then null else 1 end)"
    share = f"{implausible} * 100 >= count(*) * {config.IMPLAUSIBLE_SHARE_PCT}"
    usual = f"(select {share} from finops_rows)"
    usable = f"us between {bounds.first_usable} and {bounds.last_usable}"
    kind = (
        f"case when not ({bounds.plausible} or ({usable} and {usual})) then '{IMPLAUSIBLE}'"
        f" when not (us >= {bounds.since} and us < {bounds.until}) then '{OUTSIDE}'"
        f" else '{USED}' end"
    )
    columns = ", ".join(("file_number", *ROW_COLUMNS))
    if not has_repeats:
        return f"select {columns}, {kind} as kind from finops_rows"
    content = ", ".join((CALL_ID, "us", "said", *_KEYS, *NUMBERS, "cost"))
    again = f"row_number() over (partition by kind, {content} order by file_number, n) > 1"
    return (
        f"select {columns}, case when kind = '{USED}' and {CALL_ID} <> '' and {again}"
        f" then '{REPEATED}' else kind end as kind"
        f" from (select {columns}, {kind} as kind from finops_rows) k"
    )


def calls_sql(dialect: Dialect, zone: tzinfo, first_us: int, last_us: int) -> str:
    """Return the SQL of the calls: what of a credit and of an aggregate counts, and their hours.

    `first_us` and `last_us` are the first and the last time of all calls.
    """
    credit = "cost < 0"
    numbers = []
    for column in schema.NUMBERS:
        nothing = "0" if column.required or column.default is not None else "null"
        if column.name == "bucket_s":
            numbers.append("bucket_s")
        else:
            numbers.append(
                f"case when {credit} then {nothing} else {column.name} end as {column.name}"
            )
    offset = _local(zone, "us", first_us, last_us)
    local = f"us + case when coalesce(bucket_s, 0) >= {DAY_S} then 0 else {offset} end"
    moment = f"bucket_s is null and calls between 1 and {config.MAX_CALLS_OF_A_MOMENT}"
    counted = (
        f"select us, {', '.join((*LINK_IDS, *_KEYS))}, {', '.join(numbers)},"
        f" case when {credit} then 0 else cost end as {COST},"
        f" case when {credit} then -cost else 0 end as {CREDIT}"
        f" from finops_kinds where kind = '{USED}'"
    )
    without = ", ".join(name for name in NUMBERS if name != "latency_ms")
    return (
        f"select us, {dialect.whole_quotient(local, str(_HOUR_US))} as h,"
        f" {', '.join((*LINK_IDS, *_KEYS))}, {without},"
        f" case when {moment} then latency_ms end as latency_ms, {COST}, {CREDIT},"
        f" ({moment}) as is_moment from ({counted}) counted"
    )


def _local(zone: tzinfo, us: str, first_us: int, last_us: int) -> str:
    if zone == timezone.utc:
        return "0"
    first, last = (EPOCH + timedelta(microseconds=us) for us in (first_us, last_us))
    day = timedelta(days=1)
    return offset_at(us, changes_of(zone, first - day, last + day))


def ends_sql() -> str:
    """Return the SQL of the first and last time, the first and last hour of calls, and the last
    time that an aggregate covers: those of less than a day, then those of days.
    """
    end = "us + bucket_s * 1000000 - 1"
    return (
        "select min(us), max(us), min(h), max(h),"
        f" max(case when bucket_s > 0 and bucket_s < {DAY_S} then {end} end),"
        f" max(case when bucket_s >= {DAY_S} then {end} end) from finops_calls"
    )


def changes_sql(dialect: Dialect) -> str:
    """Return the SQL of quick changes of region: customer, day, two regions, how often, and the
    shortest time between in microseconds.
    """
    day = dialect.whole_quotient("h", "24")
    steps = (
        "select customer_id, h, us, region, lag(region) over w as region_before,"
        " lag(us) over w as us_before from finops_calls where is_moment"
        " window w as (partition by customer_id order by us, region)"
    )
    return (
        f"select customer_id, {day} as day, least(region, region_before) as one,"
        " greatest(region, region_before) as other, count(*) as times,"
        f" min(us - us_before) as shortest_us from ({steps}) steps"
        f" where region_before <> region and us - us_before < {CHANGE_WINDOW_US}"
        f" group by customer_id, {day}, least(region, region_before),"
        " greatest(region, region_before)"
    )


def sessions_sql(dialect: Dialect) -> str:
    """Return the SQL of the sessions at the median and the 95th percentile of their costs, and of
    the most expensive ones: id, calls, cost, place by cost from 1 on, and of how many sessions and
    calls.
    """
    calls, cost = (f"cast(sum({name}) as {dialect.big})" for name in ("calls", COST))
    sums = (
        f"select session_id, {calls} as calls, {cost} as cost from finops_calls"
        " where is_moment and session_id <> '' group by session_id"
    )
    ranked = (
        "select session_id, calls, cost,"
        " row_number() over (order by cost, session_id desc) as place,"
        " count(*) over () as sessions, sum(calls) over () as all_calls"
        f" from ({sums}) s"
    )
    middle, upper = dialect.whole_quotient("sessions + 1", "2"), _rank(dialect, 95)
    top = f"place > sessions - {config.TOP_SESSIONS}"
    return (
        f"select session_id, calls, cost, place, sessions, all_calls from ({ranked}) r"
        f" where place = {middle} or place = {upper} or {top}"
    )


def _rank(dialect: Dialect, percent: int) -> str:
    """Return the SQL of the nearest rank, from 1 on."""
    return dialect.whole_quotient(f"sessions * {percent} + 99", "100")


def retries_sql(dialect: Dialect) -> str:
    """Return the SQL of how many instants of traces there are, and calls and cost of retries."""
    instants = (
        "select trace_id, us, max(case when status = 'error' then 1 else 0 end) as failed,"
        f" cast(sum(calls) as {dialect.big}) as calls, cast(sum({COST}) as {dialect.big}) as cost"
        " from finops_calls where is_moment and trace_id <> '' group by trace_id, us"
    )
    steps = (
        "select calls, cost, us - lag(us) over w as gap, lag(failed) over w as failed_before"
        f" from ({instants}) i window w as (partition by trace_id order by us)"
    )
    retried = f"failed_before = 1 and gap <= {config.RETRY_WINDOW_S * 10**6}"
    sums = ", ".join(
        f"coalesce(sum(case when {retried} then {name} end), 0) as {name}"
        for name in ("calls", "cost")
    )
    return f"select count(*) as instants, {sums} from ({steps}) s"


def accounts_sql(bounds: Bounds) -> str:
    """Return the SQL of how many rows of each file became what, the money that they name, and how
    many of them have a plausible time.
    """
    plausible = f"count(case when {bounds.plausible} then 1 end)"
    return (
        f"select file, kind, count(*), sum(cost), {plausible} from finops_kinds group by file, kind"
    )


def repeated_ids_sql() -> str:
    """Return the SQL of one id that several rows have, if there is any."""
    return (
        f"select {CALL_ID} from finops_rows where {CALL_ID} <> ''"
        f" group by {CALL_ID} having count(*) > 1 limit 1"
    )


def conflicts_sql() -> str:
    """Return the SQL of the first rows whose id stands for something else before: file, number,
    id, and how many such ids the file has; some of each file, in the order of rows.
    """
    content = ", ".join(("us", "said", *_KEYS, *NUMBERS, "cost"))
    rows = (
        f"select file, file_number, n, {CALL_ID}, dense_rank() over (partition by {CALL_ID}"
        f" order by {content}) as content from finops_kinds where kind in ('{USED}', '{REPEATED}')"
        f" and {CALL_ID} <> ''"
    )
    firsts = (
        f"select *, first_value(content) over (partition by {CALL_ID} order by file_number, n)"
        f" as first_content from ({rows}) r"
    )
    ranked = (
        f"select *, row_number() over (partition by {CALL_ID} order by file_number, n) as place"
        f" from ({firsts}) f where content <> first_content"
    )
    counted = (
        "select *, count(*) over (partition by file) as ids,"
        f" row_number() over (partition by file order by n) as in_file from ({ranked}) x"
        " where place = 1"
    )
    return (
        f"select file, n, {CALL_ID}, ids from ({counted}) y"
        f" where in_file <= {config.SKIPPED_LINES_KEPT} order by file_number, n"
    )
