"""The forms that values of call records have: numbers, money, times, statuses, words for nothing.

Numbers and money are exact.  What has none of the accepted forms is a ValueError.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache
from typing import Dict

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
