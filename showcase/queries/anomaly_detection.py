"""Anomaly detection: five ways to see what needs attention.

statistical: hours far above what their hour of the day costs.  threshold: days above a budget.
spike: a customer's day far above that customer's usual day.  behaviour: customers whose volume
or main model changed.  outlier: single calls that cost far more than others of the same model
and size.

What returns every day or weekday is the baseline, not an anomaly.  A detector that has too little
data, or costs that are not known, says nothing.

Use case: alerts, abuse and bug hunting, review of a bill.
Pattern: one pass into small tables (hours, days, customer days), detectors over the tables.
Performance: one pass; memory grows with customers × days and distinct costs a model, not calls.
The results block shows the calls per second of this run.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
import os
import re
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import (
    IO,
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)
from typing import Counter as CounterOf

DEFAULT_SIGMAS = 4.0
DEFAULT_SPIKE = 5.0
BUDGET_OF_MEDIAN = 1.5
MIN_ACTIVE_HOURS = 48
MIN_DAYS = 14
MIN_SPIKE_CALLS = 20
MIN_SPIKE_DAYS = 7
BEHAVIOUR_DAYS = 14
BEHAVIOUR_CHANGE = 0.5
MIN_BEHAVIOUR_CALLS = 20
OUTLIER_IQRS = 3.0
MIN_BAND_CALLS = 30
HOUR = timedelta(hours=1)


class Tables:
    """The small tables that all detectors work on, filled in one pass."""

    def __init__(self) -> None:
        self.hours: Dict[str, Money] = {}
        self.days: Dict[str, Money] = {}
        self.customer_days: Dict[str, Dict[str, Money]] = {}
        self.customer_models: Dict[Tuple[str, str], CounterOf[str]] = {}
        self.costs: Dict[Tuple[str, int], CounterOf[int]] = {}
        self.total = Money()
        self.first, self.last = "9999", ""

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls.  Credits are no usage."""
        for call in calls:
            if call.is_credit:
                continue
            customer, day = call.value("customer_id") or UNALLOCATED, call.day
            self.total.add(call)
            self.first, self.last = min(self.first, call.timestamp), max(self.last, call.timestamp)
            _at(self.hours, call.timestamp[:13]).add(call)
            _at(self.days, day).add(call)
            _at(self.customer_days.setdefault(customer, {}), day).add(call)
            models = self.customer_models.setdefault((customer, day), Counter())
            models[call.value("model")] += call.calls
            if call.calls == 1 and call.pico_usd:
                band = (call.value("model"), _band(call.tokens))
                self.costs.setdefault(band, Counter())[call.pico_usd] += 1

    def whole_days(self) -> List[str]:
        """Return every date that the data covers from its first to its last hour, in order."""
        if not self.last:
            return []
        begin, end = date.fromisoformat(self.first[:10]), date.fromisoformat(self.last[:10])
        days = [begin + timedelta(days=n) for n in range((end - begin).days + 1)]
        late, early = self.first[11:13] > "00", self.last[11:13] < "23"
        return [day.isoformat() for day in days[int(late) : len(days) - int(early)]]


def _at(table: Dict[str, Money], key: str) -> Money:
    money = table.get(key)
    if money is None:
        money = table[key] = Money()
    return money


def _band(tokens: int) -> int:
    """Return the number of a token band: 0, 1, 2 to 3, 4 to 7, and so on."""
    return tokens.bit_length()


class Limits(NamedTuple):
    """Where ordinary ends; set by options.  Without a budget it follows from the data."""

    sigmas: float = DEFAULT_SIGMAS
    budget_usd: Optional[float] = None
    spike: float = DEFAULT_SPIKE


def statistical(tables: Tables, limits: Limits) -> List[Row]:
    """Hours that cost more than expected by `sigmas` × standard deviation, farthest first.

    Expected is the mean cost of the same hour of the day, on working days or on weekends; the
    (population) deviation is that of all hours from what is expected of them.  Empty hours are 0.
    Says nothing under 48 hours with calls.
    """
    if len(tables.hours) < MIN_ACTIVE_HOURS or not tables.total.complete:
        return []
    begin = datetime.strptime(min(tables.hours), "%Y-%m-%dT%H")
    count = (datetime.strptime(max(tables.hours), "%Y-%m-%dT%H") - begin) // HOUR + 1
    hours = [begin + n * HOUR for n in range(count)]
    costs = [_usd(tables.hours.get(hour.strftime("%Y-%m-%dT%H"))) for hour in hours]
    kinds = [(hour.weekday() >= 5, hour.hour) for hour in hours]
    alike: Dict[Tuple[bool, int], List[float]] = {}
    for kind, cost in zip(kinds, costs):
        alike.setdefault(kind, []).append(cost)
    means = {kind: math.fsum(values) / len(values) for kind, values in alike.items()}
    above = [cost - means[kind] for kind, cost in zip(kinds, costs)]
    deviation = math.sqrt(math.fsum(value * value for value in above) / count)
    rows = []
    for hour, kind, value in zip(hours, kinds, above):
        if deviation and value > limits.sigmas * deviation:
            name = hour.strftime("%Y-%m-%dT%H")
            limit = means[kind] + limits.sigmas * deviation
            rows.append(_finding("statistical", name, tables.hours[name], limit, value / deviation))
    return _ordered(rows)


def budget_of(tables: Tables, limits: Limits) -> Optional[float]:
    """Return the USD that a day may cost: as given, else 1.5 × the median whole day.

    None where that is not known: under 14 whole days, or with unpriced calls.
    """
    if limits.budget_usd is not None:
        return limits.budget_usd
    days = tables.whole_days()
    if len(days) < MIN_DAYS or not tables.total.complete:
        return None
    return BUDGET_OF_MEDIAN * median(_usd(tables.days.get(day)) for day in days) or None


def threshold(tables: Tables, limits: Limits) -> List[Row]:
    """Days that cost more than the budget, most expensive first; score is cost / budget.

    A day with unpriced calls may cost more than is said, but no less.
    """
    budget = budget_of(tables, limits)
    if budget is None:
        return []
    rows = [
        _finding("threshold", day, money, budget, _usd(money) / budget)
        for day, money in tables.days.items()
        if _usd(money) > budget
    ]
    return _ordered(rows)


def spike(tables: Tables, limits: Limits) -> List[Row]:
    """Customer days above `spike` × the median of the customer's other active days.

    The day itself is left out of its baseline, where it would hide.  Days with few calls are
    no spikes, and customers with fewer than seven other days, or unpriced calls, have no usual
    day.
    """
    rows = []
    for customer, days in tables.customer_days.items():
        if len(days) <= MIN_SPIKE_DAYS or not all(money.complete for money in days.values()):
            continue
        for day, money in days.items():
            if money.calls < MIN_SPIKE_CALLS:
                continue
            usual = median(_usd(other) for name, other in days.items() if name != day)
            if usual and _usd(money) > limits.spike * usual:
                subject, limit = f"{customer} {day}", limits.spike * usual
                rows.append(_finding("spike", subject, money, limit, _usd(money) / usual))
    return _ordered(rows)


def behaviour(tables: Tables, limits: Limits) -> List[Row]:
    """Customers whose calls rose or fell by half, or whose main model changed.

    The last 14 whole days against the 14 before; says nothing where there are not so many.
    Customers with few calls are left out, and those who came after the earlier days began.
    The busiest day of either span does not count: one burst is no change of behaviour.
    """
    days = tables.whole_days()[-2 * BEHAVIOUR_DAYS :]
    if len(days) < 2 * BEHAVIOUR_DAYS:
        return []
    rows = []
    for customer, active in tables.customer_days.items():
        before = _window(tables, customer, days[:BEHAVIOUR_DAYS])
        now = _window(tables, customer, days[BEHAVIOUR_DAYS:])
        if min(active) <= days[0]:
            rows += _changes(customer, now, before)
    return _ordered(rows)


class Window(NamedTuple):
    """One customer in a span of days; `busiest` is the number of calls on the busiest one."""

    money: Money
    models: CounterOf[str]
    busiest: int

    @property
    def usual_calls(self) -> int:
        """Calls of all days but the busiest."""
        return self.money.calls - self.busiest

    @property
    def main_model(self) -> str:
        """The model that made more than half of the calls, empty where none did."""
        model, count = max(self.models.items(), key=lambda item: item[1], default=("", 0))
        return model if count * 2 > self.money.calls else ""


def _window(tables: Tables, customer: str, days: Sequence[str]) -> Window:
    """Sum a customer's calls of some days."""
    money, busiest = Money(), 0
    models: CounterOf[str] = Counter()
    for day in days:
        part = tables.customer_days[customer].get(day)
        if part is not None:
            money.merge(part)
            busiest = max(busiest, part.calls)
            models.update(tables.customer_models[customer, day])
    return Window(money, models, busiest)


def _changes(customer: str, now: Window, before: Window) -> List[Row]:
    """Return what changed between two windows of one customer."""
    rows = []
    calls, earlier = now.usual_calls, before.usual_calls
    if earlier >= MIN_BEHAVIOUR_CALLS:
        change = calls / earlier - 1
        if abs(change) >= BEHAVIOUR_CHANGE:
            subject = f"{customer} calls {change:+.0%}"
            rows.append(_finding("behaviour", subject, now.money, BEHAVIOUR_CHANGE, abs(change)))
    models = (before.main_model, now.main_model)
    if min(calls, earlier) >= MIN_BEHAVIOUR_CALLS and models[1] and models[0] != models[1]:
        subject = f"{customer} model {models[0] or 'mixed'} to {models[1]}"
        share = now.models[models[1]] / now.money.calls
        rows.append(_finding("behaviour", subject, now.money, 0.5, share))
    return rows


def outlier(tables: Tables, limits: Limits) -> List[Row]:
    """Calls that cost more than Q3 + 3 × (Q3 − Q1) of the calls of their model and token band.

    A band is a doubling of tokens: 256 to 511, 512 to 1023, and so on.  Summed by model; score
    is the cost of the farthest such call over its limit.  Bands with few calls are left out.
    """
    above: Dict[str, Money] = {}
    lowest: Dict[str, float] = {}
    scores: Dict[str, float] = {}
    for (model, _), costs in tables.costs.items():
        if sum(costs.values()) < MIN_BAND_CALLS:
            continue
        lower, upper = _rank(costs, 25), _rank(costs, 75)
        limit = upper + OUTLIER_IQRS * (upper - lower)
        money = above.setdefault(model, Money())
        for cost, count in costs.items():
            if cost > limit:
                money.calls += count
                money.priced_rows += count
                money.pico_usd += cost * count
                lowest[model] = min(lowest.get(model, math.inf), limit / PICO)
                scores[model] = max(scores.get(model, 0.0), cost / limit)
    rows = [
        _finding("outlier", model, money, lowest[model], scores[model])
        for model, money in above.items()
        if money.calls
    ]
    return _ordered(rows)


def _rank(counts: CounterOf[int], percent: int) -> int:
    """Return the nearest-rank percentile of {value: how often}, 0 of nothing."""
    rank, seen = -(-sum(counts.values()) * percent // 100), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= rank:
            return value
    return 0


def _usd(money: Optional[Money]) -> float:
    """Return what is known of a cost, 0.0 where there were no calls."""
    return money.pico_usd / PICO if money is not None else 0.0


def _finding(kind: str, subject: str, money: Money, limit: float, score: float) -> Row:
    return row(kind, subject, money, threshold=limit, score=score)


def _ordered(rows: List[Row]) -> List[Row]:
    return sorted(rows, key=lambda row: (-row["score"], row["value"]))


Detector = Callable[[Tables, Limits], "List[Row]"]
DETECTORS: Sequence[Tuple[str, Detector, str]] = (
    ("statistical", statistical, "hours far above what their hour of the day costs"),
    ("threshold", threshold, "days above the budget"),
    ("spike", spike, "customer days far above that customer's median day"),
    ("behaviour", behaviour, "customers whose volume or main model changed"),
    ("outlier", outlier, "single calls far above others of their model and size"),
)


def demonstrate() -> List[Row]:
    """Run every detector as the command line says; print the strongest findings, return all."""
    from _demo_anomaly_detection import demonstrate as demonstration

    return demonstration()


# --- the same as in _values.py --------------------------------------------------------------------


UNKNOWN = "unknown"
MAX_COST_USD = 10**9
PICO = 10**12
NULL_WORDS = frozenset({"", "null", "none", "nan", "n/a", "-", "\\n"})
SUCCESSES = frozenset(("success", "ok", "succeeded", "completed"))
FAILURES = frozenset(
    (
        *("error", "failure", "failed", "timeout", "cancelled", "canceled"),
        *("rate_limit", "rate_limited"),
    )
)
ENVIRONMENTS = {"prod": "production", "stage": "staging", "stg": "staging", "dev": "development"}
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(\.[0-9]*)?").fullmatch
_SIMPLE_MONEY = re.compile(r"([0-9]{1,9})\.([0-9]{1,12})", re.ASCII).fullmatch
_USUAL_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}", re.ASCII
).fullmatch
_TIME = re.compile(
    r"(\d{4})([-/])(\d\d)\2(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?"
    r"(?: ?(Z|z|UTC|utc|[+-]\d\d(?::?\d\d)?))?)?",
    re.ASCII,
).fullmatch
_UNIX_TIME = re.compile(r"(\d{10})((?:\d{3}){0,3})(?:\.(\d*))?", re.ASCII).fullmatch
_EXACT = Context(prec=320, rounding=ROUND_HALF_UP)


def is_null(cell: str) -> bool:
    """Whether a cell has no value: it is blank, or a word such as NULL or N/A."""
    return not cell or (len(cell) < 9 and cell.strip().lower() in NULL_WORDS)


@lru_cache(maxsize=100_000)
def clean_value(name: str, cell: str) -> str:
    """Return a value without blanks around it, in our spelling; empty where there is none."""
    cell = cell.strip()
    if is_null(cell):
        return ""
    if name == "provider":
        return re.sub(r"[\s_]+", "-", cell.lower())
    if name in ("subscription_tier", "environment"):
        return ENVIRONMENTS.get(cell.lower(), cell.lower())
    return cell


def status_of(word: str) -> str:
    """Return success, error or unknown for a word or an HTTP status.

    >>> status_of(" Succeeded"), status_of("429"), status_of("Rate limited"), status_of("maybe")
    ('success', 'error', 'error', 'unknown')
    """
    plain = re.sub(r"[\s_-]+", "_", word.strip().lower())
    code = re.fullmatch(r"([1-5][0-9]{2})(?:\.0+)?", plain)
    if code:
        number = int(code.group(1))
        return "success" if 200 <= number < 300 else "error" if number >= 400 else UNKNOWN
    return "success" if plain in SUCCESSES else "error" if plain in FAILURES else UNKNOWN


def whole(text: str, limit: int, decimal_comma: bool = False, rounded: bool = False) -> int:
    """Return a whole number from 0 to `limit`; `1000.0`, `1e3`, `+5` and `1,234` are some.

    Fractions are refused unless they are to be `rounded`, halves up.  Raises ValueError.
    """
    if text.isdigit() and text.isascii() and len(text) < 13:
        return int(text)
    number = _decimal(text, decimal_comma, is_whole=not rounded)
    value = int(number.to_integral_value(ROUND_HALF_UP, _EXACT)) if number <= limit else limit + 1
    if not 0 <= value <= limit or number < 0 or (not rounded and value != number):
        raise ValueError("bad number")
    return value


def pico_usd(text: str, decimal_comma: bool = False) -> int:
    """Return an amount of USD in pico-dollars; `-$1.50` and `(1.50)` are credits.

    Raises ValueError.
    """
    simple = _SIMPLE_MONEY(text)
    if simple and not decimal_comma:
        return int(simple.group(1) + simple.group(2).ljust(12, "0"))
    in_parentheses = text.startswith("(") and text.endswith(")")
    amount = text[1:-1].strip() if in_parentheses else text
    sign, amount = (amount[:1], amount[1:]) if amount[:1] in ("+", "-") else ("", amount)
    amount = re.sub(r"(?i)^(?:us\$|usd|\$)\s*|\s*(?:us\$|usd|\$)$", "", amount.strip(), count=1)
    if not sign and amount[:1] in ("+", "-"):
        sign, amount = amount[0], amount[1:]
    pico = _decimal(amount, decimal_comma, is_whole=False).scaleb(12, _EXACT)
    if (in_parentheses and sign) or not 0 <= pico <= MAX_COST_USD * PICO:
        raise ValueError("bad number")
    value = int(pico.to_integral_value(ROUND_HALF_UP, _EXACT))
    return -value if in_parentheses or sign == "-" else value


def _decimal(text: str, decimal_comma: bool, is_whole: bool) -> Decimal:
    """Return a number in one of the accepted forms; raise ValueError where it is none."""
    grouped = "," in text
    if decimal_comma:
        swapped = text.translate({ord(","): ".", ord("."): ","})
        grouped = "," in swapped and (
            swapped.count(",") > 1 or "." in swapped or bool(_GROUPED(swapped))
        )
        text = swapped if grouped else text.replace(",", ".")
    if grouped:
        match = _GROUPED(text)
        # 1,234 may also be a little more than one, where it need not be a whole number.
        if match is None or (not is_whole and match.group(1) is None and text.count(",") == 1):
            raise ValueError("bad number")
        text = text.replace(",", "")
    if not _PLAIN(text) or len(text) > 80:
        raise ValueError("bad number")
    return _EXACT.create_decimal(text)


def utc_time(text: str) -> str:
    """Return a time of any accepted form in UTC, as `2025-01-01T09:30:00.417000`.

    ISO 8601 from a date alone, or 10, 13, 16 or 19 digits since 1970.  Raises ValueError.
    """
    usual = _USUAL_TIME(text)
    try:
        if usual and iso_week(usual.group(1)):  # There is such a day.
            return text
        match = _TIME(text)
        moment = _unix_time(text) if match is None else _iso_time(*match.groups())
    except (ValueError, OverflowError):
        raise ValueError("bad time") from None
    return moment.isoformat(timespec="microseconds")


def _iso_time(
    year: str, _: str, month: str, day: str, hour: str, minute: str, second: str, fraction: str,
    zone: str,
) -> datetime:  # fmt: skip
    leap = int(second == "60")
    ends = (hour, minute, second or "00", fraction or "") == ("24", "00", "00", "")
    moment = datetime(
        int(year), int(month), int(day), 0 if ends else int(hour or 0), int(minute or 0),
        int(second or 0) - leap, int((fraction or "").ljust(6, "0")[:6]),
    )  # fmt: skip
    moment += timedelta(days=int(ends), seconds=leap)
    if zone and zone[0] in "+-":
        hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
        if hours > 23 or minutes > 59:
            raise ValueError
        offset = timedelta(hours=hours, minutes=minutes)
        moment = moment + offset if zone[0] == "-" else moment - offset
    if leap and (moment.month, moment.day, moment.hour, moment.minute, moment.second) not in (
        (1, 1, 0, 0, 0),
        (7, 1, 0, 0, 0),
    ):
        raise ValueError
    return moment


def _unix_time(text: str) -> datetime:
    match = _UNIX_TIME(text)
    if match is None:
        raise ValueError
    seconds, digits, fraction = match.groups()
    microseconds = int((digits + (fraction or "")).ljust(6, "0")[:6])
    return datetime(1970, 1, 1) + timedelta(seconds=int(seconds), microseconds=microseconds)


def iso_week(day: str, known: Dict[str, str] = {}) -> str:  # noqa: B006 (a cache of days)
    """Return the ISO week of a date, `2025-W01`."""
    if day not in known:
        year, week, _ = date.fromisoformat(day).isocalendar()
        known[day] = f"{year}-W{week:02d}"
    return known[day]


def field_name(name: str) -> str:
    """Return a column's name in our spelling: ` Input Tokens` and `inputTokens` as they are meant.

    >>> field_name(" Input Tokens"), field_name("inputTokens"), field_name("COST_USD")
    ('input_tokens', 'input_tokens', 'cost_usd')
    """
    spaced = re.sub("([a-z])([A-Z])", r"\1_\2", name.strip())
    return re.sub(r"[\s./-]+", "_", spaced).lower()


# --- end of _values.py ----------------------------------------------------------------------------


# --- the same as in _calls.py ---------------------------------------------------------------------


COLUMNS = (
    *("timestamp", "call_id", "provider", "model", "input_tokens", "output_tokens", "cost_usd"),
    *("latency_ms", "customer_id", "subscription_tier", "organization_id", "product_id"),
    *("feature_id", "task_type", "environment", "request_id", "trace_id", "user_agent"),
    *("session_id", "total_tokens", "region", "status", "error_type", "customer_archetype"),
    *("tier_price_usd", "calls", "bucket_s", "cached_input_tokens", "cache_write_tokens"),
    *("cache_write_1h_tokens", "reasoning_tokens", "service_tier", "cost_source"),
    *("list_cost_usd", "source"),
)
MAX_TOKENS, MAX_COUNT = 10**12, 10**9
MAX_CALLS_OF_A_MOMENT = 100
UNALLOCATED = "unallocated"
DERIVED = ("day", "week", "month", "hour", "weekday")
REQUIRED = ("timestamp", "model", "input_tokens", "output_tokens")
PARSED = (*REQUIRED[::2], "output_tokens", "cost_usd", "latency_ms", "calls", "total_tokens")
DEFAULTS = {"customer_id": UNALLOCATED}
MONEY_WORDS = frozenset(("cost", "costs", "spend", "charge", "charges", "cents", "amount", "usd"))
OTHER_WORDS = frozenset(
    (
        *("center", "centre", "source", "code", "type", "category", "currency", "list", "id"),
        *("name", "per", "unit", "rate", "saved", "saving", "savings", "budget", "limit", "max"),
        *("min", "tier", "price", "basis", "model", "group", "key"),
    )
)
GZIP = b"\x1f\x8b"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]").search
Row = Dict[str, Any]


class Call(NamedTuple):
    """One row: time as UTC text, `calls` that it stands for, tokens, money, milliseconds.

    `pico_usd` is None where the cost is unknown, `latency_ms` where it is, or where the row is an
    aggregate.  `status` is success, error or unknown.  A credit has no calls and no tokens.
    `text` holds every column as it stands in the file; `value` gives one of them cleaned.
    """

    timestamp: str
    calls: int
    input_tokens: int
    output_tokens: int
    pico_usd: Optional[int]
    latency_ms: Optional[int]
    status: str
    text: Dict[str, str]

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens

    @property
    def day(self) -> str:
        """The UTC date, `2025-01-01`."""
        return self.timestamp[:10]

    @property
    def is_credit(self) -> bool:
        """Whether the row gives money back."""
        return self.pico_usd is not None and self.pico_usd < 0

    def value(self, name: str) -> str:
        """Return a column's value without blanks around it, empty where there is none."""
        return clean_value(name, self.text.get(name, ""))


class CallFile:
    """Iterate over the calls of a CSV; then `used`, `skipped` and `blanked` say what was read.

    `used` counts rows, `skipped` rows by reason, `blanked` values of optional columns that could
    not be read, by column.  Raises OSError where the file cannot be read, ValueError where it is
    no table of calls.
    """

    def __init__(self, path: Path, origin: str = "") -> None:
        self.path, self.origin = Path(path), origin
        self.used = 0
        self.skipped: CounterOf[str] = Counter()
        self.blanked: CounterOf[str] = Counter()

    def __iter__(self) -> Iterator[Call]:
        self.used, self.skipped, self.blanked = 0, Counter(), Counter()
        with self._open() as file:
            names, records, decimal_comma = self._header(file)
            parser = _RowParser(names, decimal_comma, self.blanked)
            for cells in self._records(records):
                try:
                    call = parser.call(cells)
                except ValueError as reason:
                    self.skipped[str(reason)] += 1
                else:
                    self.used += 1
                    yield call

    def check(self, names: Iterable[str]) -> None:
        """Raise ValueError for a name that is neither a column of the file nor derived."""
        with self._open() as file:
            known = (*self._header(file)[0], *DERIVED)
        for name in names:
            if name not in known:
                raise ValueError(f"no dimension {name!r}; use one of {', '.join(known)}")

    def described(self) -> str:
        """The file in words: path or origin, rows used and skipped, values that were blanked."""
        parts = [f"{self.origin or self.path}: {self.used:,} rows"]
        if self.skipped:
            reasons = (f"{count} {why}" for why, count in sorted(self.skipped.items()))
            parts.append("skipped: " + ", ".join(reasons))
        if self.blanked:
            columns = (f"{count} {name}" for name, count in sorted(self.blanked.items()))
            parts.append("values not usable: " + ", ".join(columns))
        return "; ".join(parts)

    def _open(self) -> IO[str]:
        """Open the file as text: UTF-8, or UTF-16 with a byte order mark, plain or gzipped."""
        with open(str(self.path), "rb") as raw:
            opener: Any = gzip.open if raw.read(2) == GZIP else open
        with opener(str(self.path), "rb") as raw:
            coding = "utf-16" if raw.read(2) in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        binary = opener(str(self.path), "rb")
        return io.TextIOWrapper(binary, encoding=coding, errors="surrogateescape", newline="")

    def _header(self, file: IO[str]) -> Tuple[List[str], Iterator[List[str]], bool]:
        """Return the columns' names, the records behind them, and whether commas are decimal."""
        delimiter = text = ""
        for line in file:
            text = line.strip("\r\n")
            if text.lower().strip('"').startswith("sep="):
                delimiter = text.strip('"')[4:5]
            elif text.strip() and not text.startswith("#"):
                break
        delimiter = delimiter or max(",;\t|", key=text.count)
        names = [field_name(name) for name in next(csv.reader([text], delimiter=delimiter), [])]
        missing = [name for name in REQUIRED if name not in names]
        if missing:
            raise ValueError(f"{self.path}: no column {missing[0]}; expected a CSV of AI calls")
        if "cost_usd" not in names:
            for name in names:
                words = set(name.split("_"))
                if words & MONEY_WORDS and not words & OTHER_WORDS:
                    raise ValueError(f"{self.path}: if {name} is the cost in USD, name it cost_usd")
        lines = (line.replace("\0", "\1") for line in file)  # NUL stops old csv modules.
        return names, csv.reader(lines, delimiter=delimiter, strict=True), delimiter == ";"

    def _records(self, records: Iterator[List[str]]) -> Iterator[List[str]]:
        """Yield the cells of each record that is not blank, counting those that are broken."""
        while True:
            try:
                cells = next(records)
            except StopIteration:
                return
            except csv.Error:
                self.skipped["broken quoting"] += 1
                continue
            if any(cells):
                yield cells


class _RowParser:
    """Turns the cells of records into calls; ValueError says why one is none."""

    def __init__(self, names: Sequence[str], comma: bool, blanked: CounterOf[str]) -> None:
        self._names, self._comma, self._blanked = list(names), comma, blanked
        self._texts = [name for name in COLUMNS if name in names and name not in PARSED]
        self._seen: Set[int] = set()  # Checksums of records that have an id.

    def call(self, cells: List[str]) -> Call:
        """Return the call of a record."""
        if len(cells) == len(self._names) + 1 and not cells[-1]:
            cells = cells[:-1]
        if len(cells) != len(self._names):
            raise ValueError("wrong number of fields")
        text = dict(zip(self._names, cells))
        if _CONTROL("".join(cells)):
            self._blank_unreadable(text)
        time = utc_time(text["timestamp"].strip())
        if is_null(text["model"]):
            raise ValueError("no model")
        call = self._call(time, text)
        if self._is_repeated(call):
            raise ValueError("repeated record")
        return call

    def _call(self, time: str, text: Dict[str, str]) -> Call:
        cost = self._optional("cost_usd", text, lambda cell: pico_usd(cell, self._comma))
        if cost is not None and text.get("currency", "").strip().upper() not in ("", "USD"):
            raise ValueError("a currency other than USD")
        if cost is not None and cost < 0:
            return Call(time, 0, 0, 0, cost, None, UNKNOWN, text)
        tokens_in, tokens_out = (self._tokens(text[name], cost) for name in REQUIRED[2:])
        cost = 0 if cost is None and not tokens_in + tokens_out else cost  # At any price.
        calls, bucket_s = (
            self._optional(name, text, lambda cell: whole(cell, MAX_COUNT, self._comma))
            for name in ("calls", "bucket_s")
        )
        latency = self._optional(
            "latency_ms", text, lambda cell: whole(cell, MAX_COUNT, self._comma, rounded=True)
        )
        count = 1 if calls is None else calls
        if bucket_s is not None or not 1 <= count <= MAX_CALLS_OF_A_MOMENT:
            latency = None  # The mean of an aggregate is no latency of a call.
        status = status_of(text.get("status", ""))
        return Call(time, count, tokens_in, tokens_out, cost, latency, status, text)

    def _tokens(self, cell: str, cost: Optional[int]) -> int:
        if not is_null(cell):
            return whole(cell.strip(), MAX_TOKENS, self._comma)
        if cost is None:
            raise ValueError("no tokens")
        return 0

    def _optional(
        self, name: str, text: Dict[str, str], parse: Callable[[str], int]
    ) -> Optional[int]:
        """Return the number of an optional column, None where it has none that can be read."""
        cell = text.get(name, "")
        if is_null(cell):
            return None
        try:
            return parse(cell.strip())
        except ValueError:
            self._blanked[name] += 1
            text[name] = ""
            return None

    def _blank_unreadable(self, text: Dict[str, str]) -> None:
        """Blank the values that hold control characters or are no UTF-8."""
        for name, cell in text.items():
            if not _CONTROL(cell.strip()):
                continue
            if name in REQUIRED:
                raise ValueError("control character or bad UTF-8")
            self._blanked[name] += 1
            text[name] = ""

    def _is_repeated(self, call: Call) -> bool:
        """Whether a record was there before under its id; another one under the id is not."""
        if not call.value("call_id"):
            return False
        names = (*self._texts, *REQUIRED[2:], "latency_ms") if call.is_credit else self._texts
        content = hash((*call[:-1], *map(call.value, names)))
        repeated = content in self._seen
        self._seen.add(content)
        return repeated


def dimension_of(name: str) -> Callable[[Call], str]:
    """Return the function that takes a dimension from a call: a column, or a derived one.

    Derived are day, week (ISO, `2025-W01`), month, hour (of the day, `09`) and weekday.  Where a
    call has no value it is `unknown`, a customer `unallocated`.
    """
    derived: Dict[str, Callable[[Call], str]] = {
        "day": lambda call: call.day,
        "week": lambda call: iso_week(call.day),
        "month": lambda call: call.timestamp[:7],
        "hour": lambda call: call.timestamp[11:13],
        "weekday": lambda call: date.fromisoformat(call.day).strftime("%u"),
        "status": lambda call: call.status,
    }
    missing = DEFAULTS.get(name, UNKNOWN)
    return derived.get(name) or (lambda call: call.value(name) or missing)


def combined(names: Tuple[str, ...]) -> Callable[[Call], str]:
    """Return the function that joins several dimensions of a call with ` | `."""
    parts = [dimension_of(name) for name in names]
    if len(parts) == 1:
        return parts[0]
    return lambda call: " | ".join(part(call) for part in parts)


class Money:
    """A running sum of cost over rows of which some may be unpriced.

    `calls` counts calls and `unpriced` those without a cost; `pico_usd` is what the others cost.
    """

    __slots__ = ("calls", "pico_usd", "priced_rows", "uncounted_rows", "unpriced", "unpriced_rows")

    def __init__(self) -> None:
        self.calls: int = 0
        self.unpriced: int = 0
        self.pico_usd: int = 0
        self.priced_rows: int = 0
        self.unpriced_rows: int = 0
        self.uncounted_rows: int = 0

    def add(self, call: Call) -> None:
        """Count one row."""
        self.calls += call.calls
        self.uncounted_rows += not call.calls and not call.is_credit
        if call.pico_usd is None:
            self.unpriced += call.calls or 1
            self.unpriced_rows += 1
        else:
            self.pico_usd += call.pico_usd
            self.priced_rows += 1

    def merge(self, other: Money) -> None:
        """Add what another sum holds."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def complete(self) -> bool:
        """Whether the cost of every row is known."""
        return not self.unpriced_rows

    @property
    def usd(self) -> Optional[float]:
        """What is known of the cost, None where nothing is: a lower bound unless `complete`."""
        return self.pico_usd / PICO if self.priced_rows or self.complete else None

    @property
    def per_call(self) -> Optional[float]:
        """USD per call, None where cost or number of calls is not known."""
        return None if self.uncounted_rows else self.per(self.calls)

    def per(self, count: int) -> Optional[float]:
        """Return USD per so many, None where not known and where credits exceed the cost."""
        return (self.usd or 0.0) / count if count and self.complete and self.pico_usd >= 0 else None

    def shown(self, places: int = 2) -> str:
        """Return the cost as text: `$1.20`, `≥ $1.20` with unpriced calls, `unknown`."""
        usd = self.usd
        if usd is None:
            return "unknown"
        return f"{'' if self.complete else '≥ '}{'-' if usd < 0 else ''}${abs(usd):,.{places}f}"


def row(dimension: str, value: str, money: Money, **more: Any) -> Row:
    """Return one result row.  Costs are USD, None where they are not known.

    `total_cost` is a lower bound where `unpriced_calls` is above 0; there is no average then.
    """
    return {
        "dimension": dimension,
        "value": value,
        "count": money.calls,
        "avg_cost": money.per_call,
        "total_cost": money.usd,
        "unpriced_calls": money.unpriced,
        **more,
    }


def by_cost(item: Row) -> Tuple[float, str]:
    """Sort key for rows: most expensive first, those of unknown cost last, then by value."""
    cost = item["total_cost"]
    return (-cost if cost is not None else float("inf"), item["value"])


# --- end of _calls.py -----------------------------------------------------------------------------


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(run_demonstration(demonstrate))
