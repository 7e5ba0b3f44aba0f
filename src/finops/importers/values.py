"""Values of strangers: times, numbers and texts as logs have them, read strictly or refused.

A value that decides what a call is (its time, its tokens, its cost) is right or the record is
rejected.  A value that only describes a call is right or it is empty.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Dict, Iterator, List, Mapping, Match, Optional

from finops import config
from finops.importers.strict_json import InvalidJsonError, parse

MICROSECONDS = 10**6
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_LAST_INSTANT = (date.max.toordinal() - _EPOCH_ORDINAL) * 86400 * MICROSECONDS
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?)?"
    r" ?(?:(Z|z|UTC)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
).fullmatch
_UNIX_TIME = re.compile(r"([0-9]{10,19})(?:\.([0-9]+))?").fullmatch
# What a number of so many digits counts since 1970, as microseconds.
_UNITS: Dict[int, Decimal] = {
    10: Decimal(10) ** 6,
    13: Decimal(10) ** 3,
    16: Decimal(1),
    19: Decimal(10) ** -3,
}
_NUMBER = re.compile(
    r"[+-]?\$?(?:[0-9]{1,40}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,3})?"
).fullmatch
_ZERO = Decimal(0)
_SMALLEST_EXPONENT, _LARGEST_EXPONENT = -60, 20
_NOTHING = frozenset({"", "null", "none", "nan", "n/a", "-", "\\n"})
_LONGEST_NOTHING = max(map(len, _NOTHING))
_FLAGS = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
_MOST_CHARACTERS = config.COLLECT_MAX_TEXT
Json = object


class RejectedError(Exception):
    """A record that cannot be used; the text is the reason and holds nothing of the record."""


def milliseconds_between(start: int, end: Optional[int]) -> Optional[int]:
    """Return the ms from one instant to another, both in microseconds; None where that is no
    duration of a call.
    """
    if end is None or end < start:
        return None
    rounded = (end - start + 500) // 1000
    return rounded if rounded <= config.MAX_LATENCY_MS else None


class Fields:
    """A JSON object, or a row of a table, from elsewhere: each value as what it should be.

    Several names are alternatives: the first that has a value counts.
    """

    __slots__ = ("values",)

    def __init__(self, values: Mapping[str, Json]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def value(self, *names: str) -> Json:
        """Return the first value that is there and not null; None if all are missing."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                return value
        return None

    def text(self, *names: str) -> str:
        """Return the first text that is not empty, "" where there is none."""
        for name in names:
            value = self.values.get(name)
            if value is not None and value != "":
                text = as_text(value)
                if text:
                    return text
        return ""

    def count(self, *names: str) -> int:
        """Return a number of tokens or calls, 0 where it is not given.  Raises RejectedError."""
        return self.known_count(*names) or 0

    def known_count(self, *names: str) -> Optional[int]:
        """Return a whole number from 0 up, None where it is not given.  Raises RejectedError."""
        for name in names:
            value = self.values.get(name)
            if value is not None:
                number = as_count(value)
                if number is not None:
                    return number
        return None

    def number(self, *names: str) -> Optional[Decimal]:
        """Return a decimal number, None where it is not given.  Raises RejectedError."""
        for name in names:
            number = as_number(self.values.get(name))
            if number is not None:
                return number
        return None

    def money(self, *names: str) -> Optional[Decimal]:
        """Return an amount, None where it is not given.  Raises RejectedError."""
        return as_money(self.number(*names))

    def milliseconds(self, name: str, unit_ms: int = 1) -> Optional[int]:
        """Return a duration in ms, None where it is missing or not a duration.

        `unit_ms` is how many milliseconds one of the source's units has.
        """
        value = self.values.get(name)
        if value is None:
            return None
        if type(value) is int and 0 <= value <= config.MAX_LATENCY_MS // unit_ms:
            return value * unit_ms
        try:
            amount = as_number(value)
        except RejectedError:
            return None
        if amount is None or amount < 0:
            return None
        rounded = int((amount * unit_ms + Decimal("0.5")) // 1)
        return rounded if rounded <= config.MAX_LATENCY_MS else None

    def time(self, *names: str) -> int:
        """Return an instant in microseconds since 1970.  Raises RejectedError without one."""
        return as_time(self.value(*names))

    def known_time(self, *names: str) -> Optional[int]:
        """Return an instant in microseconds since 1970, None where there is none."""
        try:
            return self.time(*names)
        except RejectedError:
            return None

    def part(self, *names: str) -> Fields:
        """Return an object inside this one, also given as JSON text; empty where there is none.

        Raises RejectedError for anything else.
        """
        value = self.value(*names)
        if type(value) is not dict:
            if isinstance(value, str):
                value = _decoded(value)
            if value is None:
                return _EMPTY
            if not isinstance(value, dict):
                raise RejectedError("wrong type")
        return Fields(value)

    def parts(self, *names: str) -> List[Fields]:
        """Return the objects of a list inside this one; what is no object is left out.

        Raises RejectedError where it is no list.
        """
        value = self.value(*names)
        if isinstance(value, str):
            value = _decoded(value)
        if value is None:
            return []
        if not isinstance(value, list):
            raise RejectedError("wrong type")
        return [Fields(item) for item in value if isinstance(item, dict)]

    def texts(self, name: str) -> List[str]:
        """Return the texts of a list inside this one, also given as JSON text."""
        value = self.values.get(name)
        if isinstance(value, str):
            try:
                value = _decoded(value)
            except RejectedError:
                return []
        return [as_text(item) for item in value] if isinstance(value, list) else []

    def flag(self, *names: str) -> Optional[bool]:
        """Return a yes or no, also written as text; None where it is neither."""
        value = self.value(*names)
        if value is None or isinstance(value, bool):
            return value
        return _FLAGS.get(as_text(value).lower())

    def at(self, path: str) -> str:
        """Return the text at a path of names with dots between, "" where there is none.

        A name that holds dots itself is found too.
        """
        value: Json = self.values
        for key in _keys(path, self.values):
            value = value.get(key) if isinstance(value, dict) else None
            if isinstance(value, str) and value[:1] == "{":
                value = _decoded_or_text(value)
        return as_text(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)


_EMPTY = Fields({})


def _keys(path: str, values: Mapping[str, Json]) -> List[str]:
    return [path] if path in values else path.split(".")


def _decoded(text: str) -> Json:
    """Return the value of JSON inside a text; None for an empty text."""
    if text.strip().lower() in _NOTHING:
        return None
    try:
        return parse(text)
    except InvalidJsonError:
        raise RejectedError("wrong type") from None


def _decoded_or_text(text: str) -> Json:
    try:
        return parse(text)
    except InvalidJsonError:
        return text


def is_nothing(value: Json) -> bool:
    """Return whether a value stands for none: null, or a word for it.

    >>> is_nothing(None), is_nothing("NULL"), is_nothing(0)
    (True, True, False)
    """
    return value is None or (isinstance(value, str) and value.strip().lower() in _NOTHING)


def as_text(value: Json) -> str:
    """Return a value as text on one line, cut; "" for null and for what is no text or number.

    >>> as_text(" a\\tb "), as_text(7), as_text([1]), as_text("NULL")
    ('a b', '7', '', '')
    """
    if isinstance(value, str):
        is_plain = len(value) <= _MOST_CHARACTERS and value.isprintable()
        text = value.strip() if is_plain else _one_line(value)
        return "" if len(text) <= _LONGEST_NOTHING and text.lower() in _NOTHING else text
    if isinstance(value, bool) or value is None:
        return ""
    return str(value)[:_MOST_CHARACTERS] if isinstance(value, (int, Decimal)) else ""


def _one_line(text: str) -> str:
    text = text[: 4 * _MOST_CHARACTERS]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()[:_MOST_CHARACTERS]


def as_number(value: Json) -> Optional[Decimal]:
    """Return a decimal number, None for nothing.  Raises RejectedError for anything else.

    >>> as_number("$1.20"), as_number("3e-07"), as_number("")
    (Decimal('1.20'), Decimal('3E-7'), None)
    """
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif is_nothing(value):
        return None
    else:
        text = value.strip() if isinstance(value, str) else ""
        if not _NUMBER(text):
            raise RejectedError("not a number")
        number = Decimal(text.replace("$", ""))
    return _bounded(number)


def _bounded(number: Decimal) -> Decimal:
    """Return the number as it may be calculated with: neither huge nor of endless digits."""
    if not number.is_finite():
        raise RejectedError("number out of range")
    if not number:
        return _ZERO
    if not _SMALLEST_EXPONENT <= number.adjusted() <= _LARGEST_EXPONENT:
        raise RejectedError("number out of range")
    return number


def as_money(amount: Optional[Decimal]) -> Optional[Decimal]:
    """Return an amount as it is.  Raises RejectedError for more than any call costs."""
    if amount is not None and abs(amount) > config.MAX_COST_USD:
        raise RejectedError("number out of range")
    return amount


def as_count(value: Json) -> Optional[int]:
    """Return a whole number from 0 up, None for nothing.  Raises RejectedError.

    >>> as_count("1000.0"), as_count(12), as_count(None)
    (1000, 12, None)
    """
    if type(value) is int:  # which a boolean is not
        number = value
    else:
        amount = as_number(value)
        if amount is None:
            return None
        if amount != amount.to_integral_value():
            raise RejectedError("not a whole number")
        number = int(amount)
    if number < 0:
        raise RejectedError("negative")
    if number > config.MAX_TOKENS:
        raise RejectedError("number out of range")
    return number


def as_time(value: Json) -> int:
    """Return an instant in microseconds since 1970; a time without a zone is UTC.

    Raises RejectedError for what is no time, and for `08/10/2026`, which may be two days.

    >>> as_time("1970-01-01T01:00:01+01:00"), as_time(1788825600), as_time("1788825600000")
    (1000000, 1788825600000000, 1788825600000000)
    """
    if isinstance(value, str):
        instant = _usual_time(value)
        if instant is not None:
            return instant
        text = value.strip()
        match = _TIME(text)
        if match:
            return _microseconds(match)
    elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        text = format(_bounded(Decimal(value)), "f")
    else:
        raise RejectedError("no time" if value is None else "not a time")
    return _from_number(text)


def as_time_of(value: Json, zone: tzinfo) -> int:
    """Return an instant in microseconds since 1970; a time without a zone is one of `zone`.

    Raises RejectedError.

    >>> from finops.timestamps import zone_of
    >>> as_time_of("1970-01-01T02:00:01", zone_of("+02:00")), as_time_of(1788825600, zone_of("+02"))
    (1000000, 1788825600000000)
    """
    instant = as_time(value)
    match = _TIME(value.strip()) if isinstance(value, str) else None
    if match is None or match.group(6) or match.group(7):
        return instant
    local = datetime(1970, 1, 1) + timedelta(microseconds=instant)
    try:
        utc = local.replace(tzinfo=zone).astimezone(timezone.utc)
    except OverflowError:
        raise RejectedError("not a time") from None
    instant = (utc - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
    if instant < 0:
        raise RejectedError("not a time")
    return instant


def _usual_time(text: str) -> Optional[int]:
    """Return the instant of a text such as `2026-09-03T10:00:02.345Z`, the way most logs write
    it; None for any other, also for one that is no time.
    """
    if text[-1:] != "Z" or text[19:20] != "." or not 21 < len(text) <= 27:
        return None
    seconds, fraction = text[17:19], text[20:-1]
    if text[13] != ":" or text[16] != ":" or text[10] not in "Tt ":
        return None
    if not (seconds.isdigit() and fraction.isdigit() and text.isascii()):
        return None
    try:
        minute = _minute(text[:16])
    except RejectedError:
        return None
    second = int(seconds)
    return None if second > 59 else minute + second * MICROSECONDS + int(fraction.ljust(6, "0"))


@lru_cache(maxsize=4096)
def _minute(text: str) -> int:
    """Return the instant at which a minute begins.  Raises RejectedError."""
    match = _TIME(text)
    if match is None:
        raise RejectedError("not a time")
    return _microseconds(match)


def _microseconds(match: Match[str]) -> int:
    day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    clock = int(hour or 0) * 3600 + int(minute or 0) * 60 + int(second or 0)
    if int(hour or 0) > 23 or int(minute or 0) > 59 or int(second or 0) > 59:
        raise RejectedError("not a time")
    offset = int(hours or 0) * 3600 + int(minutes or 0) * 60
    if int(hours or 0) > 23 or int(minutes or 0) > 59:
        raise RejectedError("not a time")
    seconds = _seconds_of(day) + clock - (-offset if sign == "-" else offset)
    instant = seconds * MICROSECONDS + int((fraction or "").ljust(6, "0")[:6])
    if instant < 0:
        raise RejectedError("not a time")
    return instant


@lru_cache(maxsize=4096)
def _seconds_of(day: str) -> int:
    try:
        ordinal = date(int(day[:4]), int(day[5:7]), int(day[8:])).toordinal()
    except ValueError:
        raise RejectedError("not a time") from None
    return (ordinal - _EPOCH_ORDINAL) * 86400


def _from_number(text: str) -> int:
    match = _UNIX_TIME(text)
    unit = _UNITS.get(len(match.group(1))) if match else None
    if unit is None:
        raise RejectedError("no time" if is_nothing(text) else "not a time")
    instant = int(Decimal(text) * unit // 1)
    if instant > _LAST_INSTANT:
        raise RejectedError("not a time")
    return instant
