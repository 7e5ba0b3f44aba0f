"""Single cells of a row: bytes in, checked values out, or `BadValueError` with the reason.

Python's own `int` and `float` take too much ("1_000", Arabic digits, "inf"), so every number is
matched against an ASCII pattern before it is converted.  All arithmetic is exact.

None stands for "no value": an empty cell, or a word such as NULL or N/A.  Whether a value may be
missing is not asked here.
"""

from __future__ import annotations

import re
from datetime import timezone, tzinfo
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Optional, Tuple

from finops import schema, timestamps
from finops.reader.words import is_empty

PICO = schema.PICO_PER_USD
_PICO_DECIMALS = 12
_BLANKS = b" \t"
# Digits beyond these are noise of a defect; the bound keeps arithmetic on one cell cheap.
_MOST_CHARACTERS = 80
_EXACT = Context(prec=4 * _MOST_CHARACTERS, rounding=ROUND_HALF_UP)

NOT_A_NUMBER = "not a number"
NEGATIVE = "negative"
OUT_OF_BOUNDS = "out of bounds"
NOT_WHOLE = "not a whole number"
THOUSANDS = "thousands separator"
DECIMAL_COMMA = "decimal comma"
OTHER_CURRENCY = "another currency"
# C0 (a tab is a control character, too), DEL, and C1 as decoded text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]").search
_SIMPLE_WHOLE = re.compile(rb"([0-9]{1,15})(?:\.([0-9]{1,15}))?").fullmatch
_SIMPLE_MONEY = re.compile(rb"([0-9]{1,9})\.([0-9]{1,12})").fullmatch
_PLAIN = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?").fullmatch
# Three digits between separators; what follows a point are decimals.
_GROUPED = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:,[0-9]{3})+(\.[0-9]*)?").fullmatch
_WITH_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+").fullmatch
_DOLLARS = ("US$", "USD", "$")
_SIGN_OF_MONEY = "(?:[A-Z]{3}|[\u00a3\u00a5\u20a0-\u20cf])"
_FOREIGN = re.compile(
    f"{_SIGN_OF_MONEY} ?[0-9.,]+|[0-9.,]+ ?{_SIGN_OF_MONEY}", re.IGNORECASE
).fullmatch


class BadValueError(Exception):
    """A value that breaks a rule; the text is the reason, in a few words."""


def parse_whole(
    cell: bytes, limit: int, decimal_comma: bool = False, rounded: bool = False
) -> Optional[int]:
    """Return a whole number from 0 to `limit`, None where the cell has no value.

    `1000.0`, `1e3` and `+5` are whole numbers.  `1,234` is one, too, since a number with decimals
    would be none; but not where fractions are `rounded` (halves up), for they may be meant.
    With `decimal_comma` point and comma change places.  Raises BadValueError.
    """
    simple = _SIMPLE_WHOLE(cell)
    if simple is not None and not (decimal_comma and simple.group(2)):
        whole, decimals = simple.groups()
        value = int(whole)
        if decimals is not None and decimals.strip(b"0"):
            if not rounded:
                raise BadValueError(NOT_WHOLE)
            value += decimals[:1] >= b"5"
    else:
        text = _text(cell)
        if text is None:
            return None
        number = _number(text, decimal_comma, whole=not rounded)
        if number < 0:
            raise BadValueError(NEGATIVE)
        if number > limit:
            raise BadValueError(OUT_OF_BOUNDS)
        value = int(number.to_integral_value(ROUND_HALF_UP, _EXACT))
        if not rounded and value != number:
            raise BadValueError(NOT_WHOLE)
    if value > limit:
        raise BadValueError(OUT_OF_BOUNDS)
    return value


def parse_money(cell: bytes, decimal_comma: bool = False) -> Optional[int]:
    """Return an amount of USD in pico-dollars, None where the cell has no value.

    Half a pico-dollar rounds away from zero.  A minus or parentheses make it negative: a credit.
    Accepts a dollar sign or USD on either side, a fraction without a whole part, an exponent, and
    thousands separators where nothing else can be meant: with decimals or twice.
    With `decimal_comma` point and comma change places.  Raises BadValueError, also for amounts
    above the bound of one call.
    """
    simple = _SIMPLE_MONEY(cell)
    if simple is not None and not decimal_comma:
        whole, decimals = simple.groups()
        return int(whole + decimals.ljust(_PICO_DECIMALS, b"0"))
    text = _text(cell)
    if text is None:
        return None
    in_parentheses = text.startswith("(") and text.endswith(")")
    sign, amount = _sign_and_amount(text[1:-1].strip() if in_parentheses else text)
    if _FOREIGN(amount):
        raise BadValueError(OTHER_CURRENCY)
    pico = in_pico(_number(amount, decimal_comma, whole=False))
    if (in_parentheses and sign) or pico < 0:
        raise BadValueError(NOT_A_NUMBER)
    return -pico if in_parentheses or sign == "-" else pico


def _sign_and_amount(text: str) -> Tuple[str, str]:
    """Split off a sign, before or behind the dollar sign, and the dollar sign."""
    sign = text[:1] if text[:1] in ("+", "-") else ""
    amount = _without_dollars(text[len(sign) :].strip())
    if not sign and amount[:1] in ("+", "-"):
        sign, amount = amount[0], amount[1:]
    return sign, amount


def _without_dollars(text: str) -> str:
    for mark in _DOLLARS:
        if text[: len(mark)].upper() == mark:
            return text[len(mark) :].strip()
        if text[-len(mark) :].upper() == mark:
            return text[: -len(mark)].strip()
    return text


def in_pico(amount: Decimal) -> int:
    """Return an amount of USD in whole pico-dollars, halves away from zero.

    Raises BadValueError where it is above the bound of one call, in either direction.
    """
    pico = amount.scaleb(_PICO_DECIMALS, _EXACT)
    if abs(pico) > schema.MAX_COST_PICO:
        raise BadValueError(OUT_OF_BOUNDS)
    return int(pico.to_integral_value(ROUND_HALF_UP, _EXACT))


def parse_time(cell: bytes, zone: tzinfo = timezone.utc) -> bytes:
    """Return a time of any accepted form (see `timestamps.parse`) as the bytes of a timestamp.

    Raises BadValueError where it is none.
    """
    try:
        moment = timestamps.parse(cell.strip(_BLANKS), zone)
    except ValueError as reason:
        raise BadValueError(str(reason)) from None
    return timestamps.timestamp(moment).encode("ascii")


def fault_of_text(cell: bytes) -> str:
    """Return why a cell is no text that can be shown, "" where it is one."""
    try:
        text = cell.decode("utf-8")
    except UnicodeDecodeError:
        return "invalid UTF-8"
    return "control character" if _CONTROL(text.strip()) else ""


def _text(cell: bytes) -> Optional[str]:
    """Return the text of a cell without blanks around it, None where it has no value."""
    text = cell.decode("utf-8", "replace").strip()
    if is_empty(text):
        return None
    if len(text) > _MOST_CHARACTERS:
        raise BadValueError(OUT_OF_BOUNDS if text.isdigit() else NOT_A_NUMBER)
    return text


def _number(text: str, decimal_comma: bool, whole: bool) -> Decimal:
    """Return a number; `whole` says that it can have no decimals."""
    plain, grouped = _with_point(text) if decimal_comma else (text, "," in text)
    if grouped:
        plain = _without_groups(plain, whole)
    if not _PLAIN(plain):
        raise BadValueError(NOT_A_NUMBER)
    return _EXACT.create_decimal(plain)


def _with_point(text: str) -> Tuple[str, bool]:
    """Return a number that may have a decimal comma in the form of one that has a point, and
    whether its thousands may be separated.
    """
    swapped = text.translate({ord(","): ".", ord("."): ","})
    # 0.50 among decimal commas is no group of thousands: a point is what it looks like.
    grouped = "," in swapped and (swapped.count(",") > 1 or "." in swapped or _GROUPED(swapped))
    return (swapped, True) if grouped else (text.replace(",", "."), False)


def _without_groups(text: str, whole: bool) -> str:
    match = _GROUPED(text)
    if match is None:
        raise BadValueError(DECIMAL_COMMA if _WITH_COMMA(text) else NOT_A_NUMBER)
    if not whole and match.group(1) is None and text.count(",") == 1:
        raise BadValueError(THOUSANDS)  # 1,234 may also be a little more than one
    return text.replace(",", "")
