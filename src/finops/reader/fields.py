"""Single values of a row: text bytes in, checked values out, or `BadValueError` with the reason.

Python's own `int` and `float` take too much (" 5", "1_000", Arabic digits, "nan"), so every
number is matched against an ASCII pattern before it is converted.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Optional

from finops import config

# Money is summed as whole pico-dollars: exact for 12 decimals, so that sums do not depend on
# the order of rows or on how a file was cut into parts.
PICO = 10**12
_PICO_DECIMAL = Decimal(PICO)
_MAX_COST_PICO = int(config.MAX_COST_USD) * PICO

_INTEGER = re.compile(rb"[0-9]{1,20}").fullmatch
_MONEY = re.compile(rb"[0-9]{1,20}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch
_TIME = re.compile(
    rb"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    rb"(?:\.([0-9]{1,9}))?(Z|[+-][0-9]{2}:?[0-9]{2})?"
).fullmatch
FIRST_YEAR = 1970


class BadValueError(Exception):
    """A value that breaks a rule; the text is the reason the row is skipped for."""


def parse_integer(text: bytes, column: str, limit: int) -> int:
    """Return a non-negative integer up to `limit`; raise BadValue naming the column."""
    if not _INTEGER(text):
        raise BadValueError(f"bad {column}")
    value = int(text)
    if value > limit:
        raise BadValueError(f"{column} out of bounds")
    return value


def parse_money(text: bytes, column: str) -> int:
    """Return a non-negative amount of USD as pico-dollars; half a pico-dollar rounds up.

    Raises BadValue for anything but plain digits with an optional fraction and exponent, and
    for amounts above the bound of one call.
    """
    if not _MONEY(text):
        raise BadValueError(f"bad {column}")
    pico = Decimal(text.decode("ascii")) * _PICO_DECIMAL
    if pico > _MAX_COST_PICO:
        raise BadValueError(f"{column} out of bounds")
    return int(pico.to_integral_value(ROUND_HALF_UP))


def parse_time(text: bytes) -> bytes:
    """Return a timestamp in its canonical 26 bytes, UTC: 2025-01-01T09:30:00.417000.

    Accepts a blank for the T, one to nine digits of fraction (cut to six), `Z` and offsets;
    a time without any is UTC.  Raises BadValue for impossible dates and times.
    """
    match = _TIME(text)
    if not match:
        raise BadValueError("bad timestamp")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    micro = int((match.group(7) or b"").ljust(6, b"0")[:6])
    try:
        moment = datetime(year, month, day, hour, minute, second, micro) - _offset(match.group(8))
    except (ValueError, OverflowError):
        raise BadValueError("bad timestamp") from None
    if moment.year < FIRST_YEAR:
        raise BadValueError("bad timestamp")
    return canonical_time(moment)


def canonical_time(moment: datetime) -> bytes:
    """Return a naive UTC datetime in the canonical 26 bytes."""
    return moment.isoformat(timespec="microseconds").encode("ascii")


def _offset(text: Optional[bytes]) -> timedelta:
    if text is None or text == b"Z":
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[-2:])
    if hours > 23 or minutes > 59:
        raise ValueError
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[:1] == b"-" else size


def seconds_between(earlier: bytes, later: bytes) -> float:
    """Return the seconds from one canonical timestamp to another."""
    form = "%Y-%m-%dT%H:%M:%S.%f"
    first, last = (datetime.strptime(t.decode("ascii"), form) for t in (earlier, later))
    return (last - first).total_seconds()
