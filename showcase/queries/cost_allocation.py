"""Cost allocation: who and what caused the cost, by any dimension or combination of them.

Every call carries its customer, organization, product and feature, so the bill can be cut along
any of them, and along several at once, and each cut adds up to the same total.  Where calls have
no cost, sums are lower bounds, and no share or ratio is made of them.

Use case: chargeback and showback, budgets by team, cost of a feature or an environment.
Pattern: one streaming pass, one running sum per group, exact money.
Performance: one pass for all cuts; memory grows with groups, not with calls.  The results block
shows the calls per second of this run.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from pathlib import Path
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

DEFAULT_CUTS: Tuple[Tuple[str, ...], ...] = (
    ("customer_id",),
    ("organization_id",),
    ("product_id",),
    ("feature_id",),
    ("organization_id", "feature_id"),
)


class Group:
    """Running sums of one group: money and tokens."""

    __slots__ = ("money", "tokens")

    def __init__(self) -> None:
        self.money = Money()
        self.tokens = 0

    def add(self, call: Call) -> None:
        """Count one row."""
        self.money.add(call)
        self.tokens += call.tokens


class CostAllocator:
    """Allocate calls along several cuts at once; a cut is a tuple of dimensions."""

    def __init__(self, cuts: Sequence[Tuple[str, ...]]) -> None:
        self.total = Group()
        self._groups: Dict[Tuple[str, ...], Dict[str, Group]] = {cut: {} for cut in cuts}
        self._keys: List[Tuple[Callable[[Call], str], Dict[str, Group]]] = [
            (combined(cut), groups) for cut, groups in self._groups.items()
        ]

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls to every cut."""
        for call in calls:
            self.total.add(call)
            for key_of, groups in self._keys:
                key = key_of(call)
                group = groups.get(key)
                if group is None:
                    group = groups[key] = Group()
                group.add(call)

    def rows(self, cut: Tuple[str, ...]) -> List[Row]:
        """Return a cut's groups, most expensive first, with share and cost per 1,000 tokens.

        Both are None where they are not known: because of calls without a cost, or of nothing to
        divide by.
        """
        name, groups = "+".join(cut), self._groups[cut]
        return sorted((self._row(name, *item) for item in groups.items()), key=by_cost)

    def _row(self, dimension: str, value: str, group: Group) -> Row:
        total, money = self.total.money, group.money
        per_1k = money.per(group.tokens)
        more = {
            "total_tokens": group.tokens,
            "share_percent": 100 * money.pico_usd / total.pico_usd
            if total.complete and total.pico_usd > 0
            else None,
            "cost_per_1k_tokens": None if per_1k is None else 1000 * per_1k,
        }
        return row(dimension, value, money, **more)

    def adds_up(self, cut: Tuple[str, ...]) -> bool:
        """Whether a cut's groups sum to the total: to the call, and to the pico-dollar."""
        sums = [group.money for group in self._groups[cut].values()]
        parts = [sum(money.pico_usd for money in sums), sum(money.calls for money in sums)]
        return parts == [self.total.money.pico_usd, self.total.money.calls]


def parse_cuts(texts: Sequence[str]) -> Tuple[Tuple[str, ...], ...]:
    """Return the cuts of `--by` options such as `organization_id,feature_id`."""
    cuts = tuple(tuple(part.strip() for part in text.split(",") if part.strip()) for text in texts)
    return tuple(cut for cut in cuts if cut) or DEFAULT_CUTS


def demonstrate() -> List[Row]:
    """Allocate the cost along the cuts of the command line; print and return every row."""
    from _demo_cost_allocation import demonstrate as demonstration

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
