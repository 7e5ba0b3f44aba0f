"""The slow reference of the scan: rows in, declared tables out, one row and table at a time.

It is the oracle of the fast path, and it lets a test of an analyzer start from rows.  It
shares with the product what is declared (columns, dimensions, measures, tables) and no way of
working it out.
"""

from __future__ import annotations

import csv
import math
from array import array
from collections import Counter
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import lru_cache, partial
from operator import itemgetter
from statistics import median
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)

from finops import config, schema
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.business.usage import Usage
from finops.reader.event_log import Event
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.expressions import Expression, operands_of
from finops.rollups.measures import (
    CUSTOMER_DIMENSIONS,
    TIME_DIMENSIONS,
    AnyMeasure,
    DimensionLike,
    Distinct,
    Distribution,
    Measure,
    Seen,
    Standing,
    Usual,
    dimension_of,
    measure_of,
)
from finops.rollups.memo import Memo
from finops.rollups.retries import RetryFigures
from finops.rollups.sessions import Session, SessionFigures
from finops.rollups.spec import (
    Accounting,
    Customer,
    FileInfo,
    Period,
    Rollups,
    Table,
    Totals,
    in_key_order,
)
from finops.timestamps import days_between

PICO_DOLLAR = Decimal("1e-12")  # the finest amount of money; halves of it round up
Row = Dict[str, Any]
Groups = Dict[Tuple[Any, ...], Tuple[Any, ...]]
FORM = "%Y-%m-%dT%H:%M:%S.%f"
DAY = "%Y-%m-%d"
DEFAULT_ROW: Dict[str, str] = {
    "timestamp": "2025-01-01T09:30:00.000000",
    "call_id": "",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": "500",
    "output_tokens": "300",
    "cost_usd": "0.004250",
    "latency_ms": "400",
    "customer_id": "cust_0001",
    "subscription_tier": "pro",
    "organization_id": "org_001",
    "product_id": "product_a",
    "feature_id": "chat",
    "task_type": "chat",
    "environment": "production",
    "request_id": "req_1",
    "trace_id": "trace_1",
    "user_agent": "web_app_v1.2",
    "session_id": "sess_1",
    "total_tokens": "800",
    "region": "us-east",
    "status": "success",
    "error_type": "",
    "customer_archetype": "power",
    "tier_price_usd": "199.0",
    "calls": "",
    "bucket_s": "",
    "cached_input_tokens": "",
    "cache_write_tokens": "",
    "cache_write_1h_tokens": "",
    "reasoning_tokens": "",
    "service_tier": "",
    "cost_source": "",
    "list_cost_usd": "",
    "source": "",
}


def call(**changes: Any) -> Dict[str, str]:
    """Return one complete CSV row as text, with the given columns changed.

    Total tokens follow the given tokens; nothing else follows anything.
    """
    row = {**DEFAULT_ROW, **{name: str(value) for name, value in changes.items()}}
    if "total_tokens" not in changes:
        row["total_tokens"] = str(int(row["input_tokens"]) + int(row["output_tokens"]))
    return row


_NAMES = ("customer_id", "organization_id", "product_id", "provider", "model", "feature_id")


def distinct_calls(count: int) -> List[Dict[str, str]]:
    """Return calls of which no two have a day or a name in common, each dearer than the next."""
    days = days_between("2014-01-01", "2026-12-31")[::40][:count]
    return [
        call(
            timestamp=f"{day}T12:00:00",
            cost_usd=f"{count - number}",
            task_type=f"task {number}",
            environment=f"environment {number}",
            **{name: f"{name} {number:03d}" for name in _NAMES},
        )
        for number, day in enumerate(days)
    ]


class ReferenceDataset:
    """Clean rows (dicts of text by column name) as something analyzers can be run on."""

    def __init__(
        self,
        rows: Iterable[Mapping[str, str]],
        prices: PriceTable = DEFAULT_PRICES,
        zone: tzinfo = timezone.utc,
        zone_name: str = "UTC",
    ) -> None:
        self.prices = prices
        self.zone = zone
        self.zone_name = zone_name
        self.calls = sorted((self._typed(row) for row in rows), key=_place)
        self._filled: Dict[Table, Groups] = {}
        self._memo = Memo()

    @classmethod
    def of_file(cls, path: Any, prices: PriceTable = DEFAULT_PRICES) -> ReferenceDataset:
        """Read a clean CSV with header."""
        with open(str(path), encoding="utf-8", newline="") as lines:
            return cls(list(csv.DictReader(lines)), prices)

    def fill(self, tables: Iterable[Table]) -> None:
        """Nothing is done ahead."""

    def forget(self, tables: Iterable[Table]) -> None:
        """Nothing is kept."""

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Merge the keys of the filled table; costs come back as whole 10**-12 USD."""
        of_customer = sum(name in CUSTOMER_DIMENSIONS for name in table.by)
        costs = {"cost", "charges", "credits", "list_cost"}
        units = [10**12 if name in costs else 1 for name in table.measure_names]
        merged: Dict[Tuple[Any, ...], Tuple[int, ...]] = {}
        for (time, *names), values in self._fill(table).items():
            customer = coarsening.customer(tuple(names[:of_customer]))
            call = coarsening.call(tuple(names[of_customer:]))
            key = (coarsening.time(time), customer, call)
            whole = [round(Fraction(repr(v)) * unit) for v, unit in zip(values, units)]
            sums = merged.get(key, (0,) * len(whole))
            merged[key] = tuple(before + value for before, value in zip(sums, whole))
        if len(merged) > most:
            return None
        parts = list(zip(*merged)) or [(), (), ()]
        names = [list(dict.fromkeys(part)) for part in parts]
        times, customers, calls = names
        at = [[each.index(value) for value in part] for each, part in zip(names, parts)]
        columns = list(zip(*merged.values())) or [()] * len(units)
        return CoarseGroups(times, customers, calls, at[0], at[1], at[2], columns)

    def truth(self) -> Optional[Dict[str, Any]]:
        """Nothing was planted that is known of."""
        return None

    def events(self) -> List[Event]:
        """Nothing is known to have happened."""
        return []

    @property
    def processes(self) -> int:
        """One does everything."""
        return 1

    @property
    def kept_bytes(self) -> int:
        """Nothing is kept."""
        return 0

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Fill the declared tables, each once."""
        filled = {table: self._table(table) for table in tables}
        totals = self._table(Table((), Totals._fields))
        times = [c["timestamp"] for c in self.calls]
        hours = [hour for c in self.calls for hour in (c["hour"], c["last_hour"])]
        period = Period()
        if times:
            period = Period(times[0], times[-1], min(hours), max(hours), self.zone_name)
        return Rollups(
            filled,
            period,
            Totals(*totals[()]) if totals else Totals(),
            self._customers() if set(CUSTOMER_RECORDS) <= set(filled) else None,
            Accounting(lines=len(times) + 1, header=1, used=len(times)),
            FileInfo("plain.csv", 1000 * len(times)),
            self.prices,
            memo=self._memo,
        )

    def _table(self, table: Table) -> Groups:
        if table not in self._filled:
            self._filled[table] = self._fill(table)
        return self._filled[table]

    def _typed(self, row: Mapping[str, str]) -> Row:
        """Return the checked columns of a row, and the names of its time."""
        typed: Row = {
            name: row.get(name) or config.UNKNOWN
            for name in DEFAULT_ROW
            if name not in ("error_type", "status", "cost_usd", "tier_price_usd")
        }
        moment = datetime.fromisoformat(row["timestamp"])
        seconds = int(row.get("bucket_s") or 0)
        local = self._local(moment, seconds)
        length = timedelta(seconds=seconds) - timedelta(microseconds=1) if seconds else timedelta(0)
        end = self._local(moment + length, seconds)
        year, week, _ = local.isocalendar()
        typed.update(
            timestamp=moment.strftime(FORM),
            hour=local.strftime("%Y-%m-%dT%H:00:00"),
            day=local.strftime("%Y-%m-%d"),
            week=f"{year:04d}-W{week:02d}",
            hour_of_day=local.hour,
            last_hour=end.strftime("%Y-%m-%dT%H:00:00"),
            provider=config.PROVIDER_ALIASES.get(row["provider"], row["provider"]),
            customer_id=row.get("customer_id") or config.UNALLOCATED,
            status=row.get("status") or config.UNKNOWN,
            status_given=row.get("status") or "",
            tier_price_usd=self._price(row),
        )
        failed = typed["status"] == "error"
        typed["error_type"] = row.get("error_type") or (config.UNKNOWN if failed else "")
        for column in schema.NUMBERS:
            text = row.get(column.name)
            typed[column.name] = _number(text, column.kind) if text else column.default
        _blank_parts(typed)
        self._add_cost(typed, row)
        priced = "none" if typed["cost_kind"] == "unpriced" else "list"
        named = "source" if row.get("cost_usd") else priced
        typed["cost_source"] = row.get("cost_source") or named
        if typed["cost_pico"] < 0:
            _make_credit(typed)
        typed["moment"] = typed["bucket_s"] is None and 1 <= typed["calls"] <= 100
        if not typed["moment"]:
            typed["latency_ms"] = None
        return typed

    def _local(self, moment: datetime, bucket_s: int) -> datetime:
        """Return what the clocks show; aggregates of a day or more are of UTC days."""
        if bucket_s >= 86400:
            return moment
        return moment.replace(tzinfo=timezone.utc).astimezone(self.zone).replace(tzinfo=None)

    @staticmethod
    def _price(row: Mapping[str, str]) -> Optional[float]:
        given = row.get("tier_price_usd")
        return float(given) if given else config.tier_price(row.get("subscription_tier") or "")

    def _add_cost(self, typed: Row, row: Mapping[str, str]) -> None:
        cost: Optional[Decimal] = None
        if row.get("cost_usd"):
            cost = Decimal(row["cost_usd"])
        else:
            exact = self.prices.price_of(_usage(typed, row))
            if exact is not None:
                cost = Decimal(exact.numerator) / Decimal(exact.denominator)
        typed["cost_pico"], typed["credit_pico"] = _in_pico(cost or Decimal(0)), 0
        priced = "paid" if typed["cost_pico"] else "free"
        typed["cost_kind"] = "unpriced" if cost is None else priced

    def _fill(self, table: Table) -> Groups:
        table.check()
        if "region_changes" in table.measures:
            return self._region_changes(table)
        if table.measures in (("sessions",), ("retries",)):
            return self._sessions() if table.measures == ("sessions",) else self._retries()
        groups: Dict[Tuple[Any, ...], List[Row]] = {}
        calls = [row for row in self.calls if table.where is None or value_of(table.where, row)]
        if "cohort_week" in table.by:
            # The first week, not that of the first time: a day's total is of its day in UTC.
            firsts: Dict[str, str] = {}
            for row in calls:
                name, week = row["customer_id"], row["week"]
                firsts[name] = min(week, firsts.get(name, week))
            calls = [dict(row, cohort_week=firsts[row["customer_id"]]) for row in calls]
        if table.since:
            last = datetime.strptime(max((row["day"] for row in calls), default="1970-01-01"), DAY)
            days = {(last - timedelta(days=k)).strftime(DAY) for k in range(table.since)}
            calls = [row for row in calls if row["day"] in days]
        key_parts = [_key_part(dimension, calls) for dimension in table.by]
        for row in calls:
            groups.setdefault(tuple([part(row) for part in key_parts]), []).append(row)
        measured = [_measured(measure_of(measure)) for measure in table.measures]
        filled = {key: tuple([of(rows) for of in measured]) for key, rows in groups.items()}
        for place, measure in enumerate(map(measure_of, table.measures)):
            if isinstance(measure, Distribution) and measure.usual:
                lists = {key: values[place] for key, values in filled.items()}
                times = [name in TIME_DIMENSIONS for name in table.dimension_names]
                found = standings_of(lists, measure.usual, times.index(True))
                filled = {
                    key: (*values[:place], found[key], *values[place + 1 :])
                    for key, values in filled.items()
                }
        return _delivered(table, in_key_order(filled))

    def _region_changes(self, table: Table) -> Groups:
        latest: Dict[str, Row] = {}
        found: Dict[Tuple[Any, ...], List[Any]] = {}
        for one in filter(_is_moment, self.calls):
            before = latest.get(one["customer_id"])
            latest[one["customer_id"]] = one
            if before is None or before["region"] == one["region"]:
                continue
            gap = _gap(before, one)
            if gap < 3600:
                cell = found.setdefault((one["customer_id"], one["day"]), [0, set(), gap])
                cell[0] += 1
                cell[1] |= {before["region"], one["region"]}
                cell[2] = min(cell[2], gap)
        named = ("region_changes", "changed_regions", "shortest_change_s")
        return in_key_order(
            {
                key: tuple(
                    dict(zip(named, (n, tuple(sorted(regions)), gap)))[m]
                    for m in table.measure_names
                )
                for key, (n, regions, gap) in found.items()
            }
        )

    def _sessions(self) -> Groups:
        groups: Dict[str, List[Row]] = {}
        for row in filter(_is_moment, self.calls):
            if row["session_id"] != config.UNKNOWN:
                groups.setdefault(row["session_id"], []).append(row)
        if not groups:
            return {}
        sessions = [
            Session(
                name,
                sum(row["calls"] for row in rows),
                float(Fraction(sum(row["cost_pico"] for row in rows), 10**12)),
            )
            for name, rows in groups.items()
        ]
        costs = sorted(session.cost for session in sessions)
        middle, upper = (costs[-(-len(costs) * share // 100) - 1] for share in (50, 95))
        top = sorted(sessions, key=lambda s: (-s.cost, s.session_id))[:10]
        calls = sum(session.calls for session in sessions)
        return {(): (SessionFigures(len(sessions), calls, middle, upper, tuple(top)),)}

    def _retries(self) -> Groups:
        """Each call is held against all calls of its trace."""
        rows = [r for r in filter(_is_moment, self.calls) if r["trace_id"] != config.UNKNOWN]
        traces: Dict[str, List[Row]] = {}
        for row in rows:
            traces.setdefault(row["trace_id"], []).append(row)
        retries = [row for row in rows if _is_retry(row, traces[row["trace_id"]])]
        cost = float(Fraction(sum(row["cost_pico"] for row in retries), 10**12))
        figures = RetryFigures(sum(row["calls"] for row in retries), cost)
        return {(): (figures,)} if rows else {}

    def _customers(self) -> Dict[str, Customer]:
        calls = self._customers_of([one for one in self.calls if not one["credit_pico"]])
        credited = self._customers_of([one for one in self.calls if one["credit_pico"]])
        return dict(sorted({**credited, **calls}.items()))

    @staticmethod
    def _customers_of(rows: Sequence[Row]) -> Dict[str, Customer]:
        customers: Dict[str, Customer] = {}
        for row in sorted(rows, key=lambda row: (row["timestamp"], _customer_place(row))):
            name = row["customer_id"]
            first = customers[name].first_seen if name in customers else row["timestamp"]
            customers[name] = Customer(
                row["subscription_tier"],
                row["tier_price_usd"],
                row["organization_id"],
                row["product_id"],
                row["customer_archetype"],
                first,
                row["timestamp"],
            )
        return customers


def _is_moment(row: Row) -> bool:
    return bool(row["moment"])


def _is_retry(row: Row, trace: Sequence[Row]) -> bool:
    """Return whether what came before a call of a trace failed, and less than a while ago."""
    earlier = [other for other in trace if other["timestamp"] < row["timestamp"]]
    latest = max((other["timestamp"] for other in earlier), default="")
    before = [other for other in earlier if other["timestamp"] == latest]
    failed = any(other["status"] == "error" for other in before)
    return failed and _gap(before[0], row) <= config.RETRY_WINDOW_S


def _usage(typed: Row, row: Mapping[str, str]) -> Usage:
    one = typed["calls"] == 1 and not typed["bucket_s"]
    return Usage(
        typed["provider"],
        typed["model"],
        typed["input_tokens"],
        typed["output_tokens"],
        typed["cached_input_tokens"],
        typed["cache_write_tokens"],
        typed["cache_write_1h_tokens"],
        typed["reasoning_tokens"],
        row.get("service_tier") or "",
        typed["timestamp"][:10],
        context_tokens=None if one else 0,
    )


def _blank_parts(row: Row) -> None:
    """Tokens that are said to be part of others and are more than these are no tokens."""
    if row["cached_input_tokens"] > row["input_tokens"]:
        row["cached_input_tokens"] = 0
    if row["cache_write_tokens"] > row["input_tokens"]:
        row["cache_write_tokens"] = 0
    if row["cached_input_tokens"] + row["cache_write_tokens"] > row["input_tokens"]:
        row["cached_input_tokens"] = row["cache_write_tokens"] = 0
    if row["cache_write_1h_tokens"] > row["cache_write_tokens"]:
        row["cache_write_1h_tokens"] = 0
    if row["reasoning_tokens"] > row["output_tokens"]:
        row["reasoning_tokens"] = 0


def _make_credit(row: Row) -> None:
    """A credit is no call: it has an amount, and no tokens, latency or list price."""
    row["cost_pico"], row["credit_pico"] = 0, -row["cost_pico"]
    for column in schema.NUMBERS:
        if column.name == "bucket_s":
            continue  # a credit is of the time that it covers
        unknown = column.default is None and not column.required
        row[column.name] = None if unknown else 0


def _number(text: str, kind: str) -> int:
    return _in_pico(Decimal(text)) if kind == "money" else int(text)


def _in_pico(amount: Decimal) -> int:
    return int(amount.quantize(PICO_DOLLAR, ROUND_HALF_UP) / PICO_DOLLAR)


_OPERATORS: Dict[str, Callable[[Any, int], bool]] = {
    "<>": lambda value, number: bool(value != number),
    ">": lambda value, number: bool(value > number),
    ">=": lambda value, number: bool(value >= number),
}


def _delivered(table: Table, filled: Groups) -> Groups:
    if table.having is not None:
        name, operator, number = table.having
        place, passes = table.measure_names.index(name), _OPERATORS[operator]
        filled = {key: values for key, values in filled.items() if passes(values[place], number)}
    if table.among is not None:
        name, operator, number = table.among
        place, passes = table.measure_names.index(name), _OPERATORS[operator]
        of_all: Dict[Any, Any] = {}
        for key, values in filled.items():
            of_all[key[0]] = of_all.get(key[0], 0) + values[place]
        filled = {key: filled[key] for key in filled if passes(of_all[key[0]], number)}
    if table.top:
        place = table.measure_names.index(table.top)
        leaders: Dict[Any, Tuple[Any, ...]] = {}
        for key, values in filled.items():  # ascending, so the first of equals stays
            if key[0] not in leaders or values[place] > filled[leaders[key[0]]][place]:
                leaders[key[0]] = key
        filled = {key: filled[key] for key in filled if leaders[key[0]] == key}
    if table.changes:
        filled = _changed(filled, table.measure_names.index(table.changes))
    return dict(list(filled.items())[: table.limit or None])


def _changed(filled: Groups, place: int) -> Groups:
    """Return the groups by something, a time and a number in which the number changes."""
    held: Dict[Any, Dict[Any, List[Tuple[Any, ...]]]] = {}
    for first, time, number in filled:
        held.setdefault(first, {}).setdefault(time, []).append((first, time, number))
    left: Groups = {}
    for by_time in held.values():
        numbers = []
        for keys in by_time.values():
            most = max(filled[key][place] for key in keys)
            leading = [key for key in keys if filled[key][place] == most]
            largest = max(key[2] or 0 for key in leading)
            numbers.append(next(key for key in leading if (key[2] or 0) == largest))
        known = [key for key in numbers if key[2] is not None]
        for before, key in zip([(None, None, None), *known], known):
            if before[2] != key[2]:
                left[key] = filled[key]
    return left


def _place(one: Mapping[str, Any]) -> Tuple[Any, ...]:
    """Return what calls are ordered by: those of one instant by region, then customer columns."""
    return (one["timestamp"], one["region"], _customer_place(one))


def _customer_place(row: Mapping[str, Any]) -> Tuple[Any, ...]:
    price = row["tier_price_usd"]
    texts = ("customer_id", "subscription_tier", "organization_id", "product_id")
    return (*(row[t] for t in texts), row["customer_archetype"], price is not None, price or 0.0)


def _gap(before: Row, after: Row) -> float:
    first, second = (datetime.strptime(c["timestamp"], FORM) for c in (before, after))
    return (second - first).total_seconds()


def value_of(expression: Expression, row: Row) -> Any:
    """Return what an expression makes of one row."""
    return meaning_of(expression)(row)


@lru_cache(maxsize=None)
def meaning_of(expression: Expression) -> Callable[[Row], Any]:
    """Return what makes the value of an expression from a row: its meaning, spelled out.

    None is unknown: it makes numbers unknown, and comparisons false.
    """
    operator, operands = expression
    if operator == "column":
        return itemgetter(str(operands[0]))
    if operator == "number":
        return lambda row: operands[0]
    if operator == "one_of":
        return lambda row: row[str(operands[0])] in operands[1:]
    parts = [meaning_of(operand) for operand in operands_of(expression)]
    if operator == "known":
        return lambda row: parts[0](row) is not None
    if operator == "negated":
        return lambda row: not parts[0](row)
    if operator in ("both", "either"):
        joined = all if operator == "both" else any
        return lambda row: joined([part(row) for part in parts])
    return _of_two(operator, *parts)


def _of_two(
    operator: str, first: Callable[[Row], Any], second: Callable[[Row], Any]
) -> Callable[[Row], Any]:
    if operator == "when":
        return lambda row: (second(row) or 0) if first(row) else 0
    if operator in _COMPARISONS:
        compare = _COMPARISONS[operator]

        def compared(row: Row) -> bool:
            left, right = first(row), second(row)
            return left is not None and right is not None and compare(left, right)

        return compared
    calculate = _ARITHMETIC[operator]

    def calculated(row: Row) -> Optional[int]:
        left, right = first(row), second(row)
        return None if left is None or right is None else calculate(left, right)

    return calculated


_COMPARISONS: Dict[str, Callable[[Any, Any], bool]] = {
    "above": lambda value, limit: bool(value > limit),
    "below": lambda value, limit: bool(value < limit),
    "equal": lambda value, other: bool(value == other),
}
_ARITHMETIC: Dict[str, Callable[[Any, Any], int]] = {
    "plus": lambda first, second: int(first + second),
    "times": lambda first, second: int(first * second),
    "quotient": lambda value, by: int(value // by),
    "remainder": lambda value, by: int(value % by),
}


def _key_part(dimension: DimensionLike, calls: Sequence[Row]) -> Callable[[Row], Any]:
    """Return what takes a dimension from one of these rows; times are there by name."""
    if isinstance(dimension, str) and calls and dimension in calls[0]:
        return itemgetter(dimension)
    return meaning_of(dimension_of(dimension).value)


def _measured(measure: AnyMeasure) -> Callable[[Sequence[Row]], Any]:
    """Return what makes the value of a measure from the rows of one group."""
    if isinstance(measure, Distribution):
        return partial(_distributed, measure)
    if isinstance(measure, Seen):
        end = max if measure.latest else min
        return lambda rows: end([row["timestamp"] for row in rows])
    if isinstance(measure, Distinct):
        name, nobody = measure.dimension, measure.nobody
        return lambda rows: len({row[name] for row in rows} - {nobody})
    assert isinstance(measure, Measure)
    value_in, unit = meaning_of(measure.value), measure.unit
    where = None if measure.where is None else meaning_of(measure.where)

    def summed(rows: Sequence[Row]) -> Any:
        whole = 0
        for row in rows if where is None else filter(where, rows):
            value = value_in(row)
            # What holds, holds of all calls that the row stands for.
            whole += row["calls"] * value if isinstance(value, bool) else value or 0
        return whole if unit == 1 else float(Fraction(whole, unit))

    return summed


def standings_of(
    lists: Mapping[Tuple[Any, ...], Sequence[int]], usual: Usual, time_place: int
) -> Dict[Tuple[Any, ...], Standing]:
    """Return how each group's values stand to those of the groups that differ in time alone."""
    ranked = {
        key: sorted(values)[math.ceil(Fraction(len(values) * usual.percent, 100)) - 1]
        for key, values in lists.items()
        if len(values)
    }
    alike: Dict[Tuple[Any, ...], List[Tuple[Any, ...]]] = {}
    for key in lists:
        alike.setdefault(key[:time_place] + key[time_place + 1 :], []).append(key)
    found = {}
    for keys in alike.values():
        many = [ranked[key] for key in keys if len(lists[key]) >= max(usual.least, 1)]
        middle = median(map(Fraction, many)) if many else None
        for key in keys:
            count, own = len(lists[key]), ranked.get(key)
            if middle is None:
                found[key] = Standing(count, own, None, None)
            else:
                most = middle * Fraction(str(usual.factor))
                beyond = sum(value > most for value in lists[key])
                found[key] = Standing(count, own, float(middle), beyond)
    return found


def _distributed(measure: Distribution, rows: Sequence[Row]) -> Any:
    known = sorted(
        value
        for row in rows
        if row[measure.column] is not None
        for value in [row[measure.column]] * row["calls"]
    )
    return dict(Counter(known)) if measure.counted else array("Q", known)
