"""Single values of a row: text bytes in, checked values out, or `BadValueError` with the reason.

Python's own `int` and `float` take too much (" 5", "1_000", Arabic digits, "nan"), so every
number is matched against an ASCII pattern before it is converted.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from finops import schema, timestamps

PICO = schema.PICO_PER_USD
_PICO_DECIMAL = Decimal(PICO)

_INTEGER = re.compile(rb"[0-9]{1,20}").fullmatch
_MONEY = re.compile(rb"[0-9]{1,20}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?").fullmatch


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
    if pico > schema.MAX_COST_PICO:
        raise BadValueError(f"{column} out of bounds")
    return int(pico.to_integral_value(ROUND_HALF_UP))


def parse_time(text: bytes) -> bytes:
    """Return a time of any accepted form (see `timestamps.parse`) as the bytes of a timestamp.

    Raises BadValue where it is none.
    """
    try:
        return timestamps.timestamp(timestamps.parse(text)).encode("ascii")
    except ValueError:
        raise BadValueError("bad timestamp") from None
