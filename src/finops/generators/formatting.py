"""Numbers, money, times and names as people read them.

Every function takes one value and returns text; None, NaN and infinities give "n/a".
Rounding is decimal and half up on the shortest decimal form of a float, so that no binary
noise shows; a zero never carries a sign.  `assets/report.js` repeats the rules of `cell`
for sorted and filtered tables, and a test compares the two.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Callable, Dict, NamedTuple, Optional

from finops import config
from finops.timestamps import date_of, monday_of

MISSING = "n/a"
_WIDE = Context(prec=400)  # the largest float has 309 digits before the point
_COMPACT = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "K"))
_CENTS_FROM = Decimal("0.1")
_BYTES = ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB"))
_DATE_IN_TEXT = re.compile(r"(?<![\w./-])\d{4}-\d\d-\d\d(?: \d\d:\d\d UTC)?(?![\w/-])")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def decimal_of(value: Any) -> Optional[Decimal]:
    """Return a finite number as it is written; None for anything else."""
    if value is None or isinstance(value, str):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def fixed(number: Decimal, places: int, rounding: str = ROUND_HALF_UP) -> str:
    """Return a number with so many decimals and separators of thousands; 0 has no sign."""
    rounded = number.quantize(Decimal(1).scaleb(-places), rounding, _WIDE)
    return f"{rounded if rounded else abs(rounded):,f}"


def _significant(number: Decimal, digits: int, least: int, most: int = 12) -> str:
    """Return a number below 1 with so many significant digits, `least` to `most` decimals.

    Zeros at the end count as digits, as `0.0220` says more than `0.022`; only zeros go too.
    """
    places = max(least, digits - 1 - number.adjusted()) if number else least
    whole, _, fraction = fixed(number, min(places, most)).partition(".")
    kept = fraction if fraction[least:].strip("0") else fraction[:least]
    return f"{whole}.{kept}" if kept else whole


def _trimmed(text: str) -> str:
    """Return the text of a number without zeros at the end of its decimals."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Any) -> str:
    """Return USD: `$1,204.55`, `$104,233`, `$0.58`, and three digits of less: `$0.0220`."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    size = abs(number)
    if size >= 100_000:
        text = fixed(size, 0)
    else:
        text = fixed(size, 2) if size >= _CENTS_FROM else _significant(size, 3, 2)
    return f"-${text}" if number < 0 and text.strip("0.") else f"${text}"


def money_range(low: Any, high: Any) -> str:
    """Return a range of USD, in whole dollars from 100 on: `$909 to $1,608`.

    Ends that read alike are one amount.

    >>> money_range(908.77, 1607.96), money_range(0.5, 2), money_range(30, 30.0)
    ('$909 to $1,608', '$0.50 to $2.00', '$30.00')
    """
    if money(low) == money(high):
        return money(low)
    ends = [decimal_of(low) or Decimal(0), decimal_of(high) or Decimal(0)]
    if max(ends) < 100:
        return f"{money(low)} to {money(high)}"
    return f"${fixed(ends[0], 0)} to ${fixed(ends[1], 0)}"


def count(value: Any) -> str:
    """Return a whole number: `1,234,567`."""
    number = decimal_of(value)
    return MISSING if number is None else fixed(number, 0)


def counted(value: Any, noun: str) -> str:
    """Return a number of things: `1 customer`, `1,234 customers`.

    >>> counted(1, "call"), counted(0, "call")
    ('1 call', '0 calls')
    """
    number = count(value)
    return f"{number} {noun if number == '1' else noun + 's'}"


def compact(value: Any) -> str:
    """Return a count in at most five characters of digits: `9,999`, `12.3K`, `1.2M`."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    if abs(number) < 10_000:
        return fixed(number, 0)
    for unit, letter in _COMPACT:
        # 999,950 rounds to 1000.0K, so it is already a million.
        if abs(number) >= unit * Decimal("0.99995") and abs(number) >= 10_000:
            return fixed(number / unit, 1) + letter
    return fixed(number, 0)


def tokens(value: Any) -> str:
    """Return a number of tokens with its unit: `1.2M tokens`."""
    return readable("tokens", value)


def milliseconds(value: Any) -> str:
    """Return a time given in milliseconds: `0.4 ms`, `412 ms`, `12.3 s`."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    if abs(number) >= 10_000:
        return fixed(number / 1000, 1) + " s"
    return _plain_ms(value) + " ms"


def _plain_ms(value: Any) -> str:
    number = decimal_of(value)
    if number is None:
        return MISSING
    return fixed(number, 0) if abs(number) >= 10 else _trimmed(_significant(number, 2, 0))


def is_nearly_all(size: Decimal) -> bool:
    """Return whether a percentage is a little less than 100, by more than sums of binary stray.

    >>> is_nearly_all(Decimal("99.97")), is_nearly_all(Decimal("99.99999999999997"))
    (True, False)
    """
    return Decimal("99.9") < size < Decimal("99.999999999")


def percent(value: Any) -> str:
    """Return a share from 0 to 100: `12.3%`; never `100.0%` for what is a little less."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    size = abs(number)
    if size >= 1000:
        return fixed(number, 0) + "%"
    if is_nearly_all(size):
        return fixed(number, 2, ROUND_DOWN) + "%"
    if size < Decimal("0.1"):
        return _significant(number, 2, 1, 4) + "%"
    return fixed(number, 1) + "%"


def share(value: Any) -> str:
    """Return a share from 0 to 1 as a percentage."""
    number = decimal_of(value)
    return MISSING if number is None else percent(number * 100)


def decimal(value: Any) -> str:
    """Return a plain number with about three digits: `0.0123`, `0.12`, `12.3`, `1,234`."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    size = abs(number)
    if size >= 100 or number == number.to_integral_value():
        return fixed(number, 0)
    if size < Decimal("0.1"):
        return _trimmed(_significant(number, 3, 0))
    return fixed(number, 2 if size < 10 else 1)


def plain(value: Any) -> str:
    """Return a setting as it was typed: `0.5`, `25`, `1,000`, `6.635`."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    whole, _, fraction = f"{number:,f}".partition(".")
    return _trimmed(f"{whole}.{fraction}") if fraction else whole


def size(value: Any) -> str:
    """Return a number of bytes: `812 bytes`, `48.2 MB`; 1 MB is 1,048,576 bytes."""
    number = decimal_of(value)
    if number is None:
        return MISSING
    for unit, name in _BYTES:
        if abs(number) >= unit:
            return f"{fixed(number / unit, 1)} {name}"
    return f"{fixed(number, 0)} bytes"


def duration(seconds: Any) -> str:
    """Return a time given in seconds: `0.42 s`, `12.3 s`, `12m 5s`, `3h 5m`, `12.5 days`."""
    number = decimal_of(seconds)
    if number is None:
        return MISSING
    whole = int(abs(number))
    if whole < 60:
        return (_significant(number, 2, 0) if abs(number) < 1 else fixed(number, 1)) + " s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h {whole % 3600 // 60}m"
    return fixed(number / 86400, 1) + " days"


def day(value: Any) -> str:
    """Return the date of an ISO time or date: `1 Jan 2025`; other text as it is."""
    text = str(value or MISSING)
    try:
        moment = date_of(text)
    except ValueError:
        return text
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def short_day(value: str, year: bool = False) -> str:
    """Return a date on an axis: `31 Jan`, `31 Jan 2025`, an hour with its clock; other text as is.

    >>> short_day("2025-01-31"), short_day("2025-01-31T09:00", year=True), short_day("Monday")
    ('31 Jan', '31 Jan 2025 09:00', 'Monday')
    """
    written = day(value)
    if written == value:
        return value
    clock = value[11:16]
    shown = written if year else written.rpartition(" ")[0]
    return f"{shown} {clock}" if clock else shown


def moment(value: Any) -> str:
    """Return an ISO time to the minute: `1 Jan 2025, 09:30 UTC`; other text as it is."""
    text = str(value or MISSING)
    clock = text[11:16]
    readable_day = day(text)
    return f"{readable_day}, {clock} UTC" if clock and readable_day != text else readable_day


def monday(value: Any) -> str:
    """Return the Monday of an ISO week as an ISO date; other text as it is.

    >>> monday("2025-W01"), monday("2025-W00"), monday(None)
    ('2024-12-30', '2025-W00', 'n/a')
    """
    text = str(value or MISSING)
    try:
        return monday_of(text).isoformat()
    except (ValueError, OverflowError):
        return text


def week(value: Any) -> str:
    """Return the Monday of an ISO week as people read it; other text as it is.

    >>> week("2025-W01"), week("2025-W60")
    ('30 Dec 2024', '2025-W60')
    """
    return day(monday(value))


def minute(value: Any) -> str:
    """Return an ISO time so that it sorts as text: `2025-01-01 09:30`; a date stays a date."""
    return str(value or MISSING).replace("T", " ")[:16]


def with_dates(sentence: str) -> str:
    """Return a sentence with its ISO dates and times as people write them, a date on one line
    and a time on one line.

    A date that is part of a longer name, such as a model's, stays as it is.

    >>> with_dates("since 2026-07-21.").replace("\xa0", " ")
    'since 21 Jul 2026.'
    >>> with_dates("from 2026-06-23 13:00 UTC, gpt-4o-2024-08-06").replace("\xa0", " ")
    'from 23 Jun 2026, 13:00 UTC, gpt-4o-2024-08-06'
    """
    return _DATE_IN_TEXT.sub(
        lambda date: moment(date.group()).replace(" ", "\xa0").replace(",\xa0", ", "), sentence
    )


def exact(value: Any) -> str:
    """Return a number with all its digits and no separators, for a title attribute."""
    number = decimal_of(value)
    if number is None:
        return MISSING if not isinstance(value, str) else value
    text = f"{number:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def name(kind: str, value: Any) -> str:
    """Return a provider, feature or product as its owner writes it; other names as they are."""
    known: Dict[str, Any] = {
        "provider": config.PROVIDER_NAMES,
        "feature": config.FEATURES,
        "product": config.PRODUCTS,
    }
    text = MISSING if value is None else str(value)
    form = known.get(kind, {}).get(text, text)
    return str(form)


class Kind(NamedTuple):
    """How values of one kind are written in a table cell, and the unit beside it."""

    text: Callable[[Any], str]
    unit: str = ""
    numeric: bool = True


def _yes_no(value: Any) -> str:
    return MISSING if value is None else ("yes" if value else "no")


KINDS: Dict[str, Kind] = {
    "money": Kind(money, "USD"),
    "count": Kind(count),
    "tokens": Kind(compact, "tokens"),
    "ms": Kind(_plain_ms, "ms"),
    "percent": Kind(percent, "%"),
    "share": Kind(share, "%"),
    "number": Kind(decimal),
    "bytes": Kind(size, "bytes"),
    "seconds": Kind(duration, "s"),
    "text": Kind(lambda value: name("text", value), numeric=False),
    "date": Kind(lambda value: name("text", value), numeric=False),
    "hour": Kind(lambda value: name("text", value), numeric=False),
    "week": Kind(week, numeric=False),
    "flag": Kind(_yes_no, numeric=False),
    "severity": Kind(lambda value: name("text", value), numeric=False),
    "provider": Kind(lambda value: name("provider", value), numeric=False),
    "feature": Kind(lambda value: name("feature", value), numeric=False),
    "product": Kind(lambda value: name("product", value), numeric=False),
    "model": Kind(lambda value: name("text", value), numeric=False),
    "tier": Kind(lambda value: name("text", value), numeric=False),
    "region": Kind(lambda value: name("text", value), numeric=False),
}


def cell(kind: str, value: Any) -> str:
    """Return a value as a table cell shows it: the unit is left to the column's heading.

    Text under a numeric kind is shown as it is.  Raises KeyError for an unknown kind.
    """
    form = KINDS[kind]
    return value if isinstance(value, str) and form.numeric else form.text(value)


def readable(kind: str, value: Any) -> str:
    """Return a value with its unit, as a card or a sentence shows it."""
    if kind == "ms":
        return milliseconds(value)
    text = cell(kind, value)
    return f"{text} tokens" if kind == "tokens" and text != MISSING else text
