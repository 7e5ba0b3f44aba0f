"""Times as text and back, in one place.

All times are UTC.  As text they are ISO 8601 without a zone and sort as they follow each other:
a timestamp `2025-01-01T09:30:00.417000`, an hour `2025-01-01T09:00:00`, a day `2025-01-01`, an
ISO week `2025-W01`.  As `datetime` they are naive.  Only what people and programs outside read
ends in Z.
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Dict, List, Optional, Tuple

EPOCH = datetime(1970, 1, 1)
_WHOLE_SECONDS = len("1970-01-01T00:00:00")
_MOST_DATES = 4096  # of which the text was read and is remembered: ten years of days

_DAY = timedelta(days=1)
_EPOCH_ORDINAL = EPOCH.toordinal()
_DATE = re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})").match
_WEEK = re.compile("([0-9]{4})-W([0-9]{2})").fullmatch
_ZONE = rb"(Z|z|UTC|utc|[+-][0-9]{2}(?::?[0-9]{2})?)"
_TIME = re.compile(
    rb"([0-9]{4})([-/])([0-9]{2})\2([0-9]{2})"
    rb"(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?(?: ?" + _ZONE + rb")?)?"
).fullmatch
# Seconds since 1970 are ten digits from 2001 to 2286; three, six or nine more are a fraction.
_UNIX_TIME = re.compile(rb"([0-9]{10})((?:[0-9]{3}){0,3})(?:\.([0-9]*))?").fullmatch
_AMBIGUOUS = re.compile(rb"[0-9]{1,2}[/.-][0-9]{1,2}[/.-][0-9]{2,4}(?![0-9])").match
_ZONE_OFFSET = re.compile("(?:UTC|GMT)?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?").fullmatch
# Leap seconds end June and December, in UTC; the second after them as a month, day and clock.
_LEAPS = frozenset({(1, 1, 0, 0, 0), (7, 1, 0, 0, 0)})
_UTC_NAMES = frozenset({"", "UTC", "Z", "GMT", "ETC/UTC"})


def parse(text: bytes, zone: tzinfo = timezone.utc) -> datetime:
    """Return the instant that a text from outside means.

    Accepts ISO 8601 from a date alone to any fraction of a second (cut to six digits) after a
    point or a comma, with T or a blank, and with Z, UTC or an offset; without one the time is of
    `zone`, and of an hour that comes twice there the first is meant.  Digits alone are seconds
    (10), milliseconds (13), microseconds (16) or nanoseconds (19) since 1970.  A leap second, of
    which a Unix clock has none, is the first second of the next day.
    Raises ValueError, whose text is the reason in a few words, for everything else, for impossible
    dates and times.
    """
    match = _TIME(text)
    if match is None:
        return _unix_time(text)
    year, _, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        local = _local_time(
            (int(year), int(month), int(day)),
            (int(hour or 0), int(minute or 0), int(second or 0)),
            int((fraction or b"").ljust(6, b"0")[:6]),
        )
        utc = local - _offset(offset) if offset or zone is timezone.utc else _utc(local, zone)
    except OverflowError:
        raise ValueError("beyond the calendar") from None
    if second == b"60" and (utc.month, utc.day, utc.hour, utc.minute, utc.second) not in _LEAPS:
        raise ValueError("no leap second")
    return utc


def _local_time(
    day: Tuple[int, int, int], clock: Tuple[int, int, int], microseconds: int
) -> datetime:
    """Return a time of a calendar and a clock, on which 24:00 is the end of a day."""
    ends = clock == (24, 0, 0) and not microseconds
    hour, minute, second = (0, 0, 0) if ends else clock
    leaps = second == 60
    try:
        moment = datetime(*day, hour, minute, second - leaps, microseconds)
    except ValueError:
        raise ValueError("no such date or time") from None
    if leaps:
        return moment + timedelta(seconds=1)
    return moment + _DAY if ends else moment


def _unix_time(text: bytes) -> datetime:
    match = _UNIX_TIME(text)
    if match is None:
        if _AMBIGUOUS(text):
            raise ValueError("ambiguous order of day and month")
        raise ValueError("not a time")
    seconds, digits, fraction = match.groups()
    microseconds = (digits + (fraction or b"")).ljust(6, b"0")[:6]
    return EPOCH + timedelta(seconds=int(seconds), microseconds=int(microseconds))


def _utc(local: datetime, zone: tzinfo) -> datetime:
    return local.replace(tzinfo=zone).astimezone(timezone.utc).replace(tzinfo=None)


def _offset(text: Optional[bytes]) -> timedelta:
    if text is None or text[:1] not in b"+-":
        return timedelta(0)
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(b":") or 0)
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    size = timedelta(hours=hours, minutes=minutes)
    return -size if text[:1] == b"-" else size


def zone_of(text: str) -> tzinfo:
    """Return the time zone of a name such as Europe/Berlin or of an offset such as +05:30.

    Offsets are understood everywhere; names need Python 3.9 or newer and the system's (or the
    tzdata package's) zones.  Raises ValueError, whose text is one line for the user, where the
    zone is unknown or this Python cannot know it.

    >>> zone_of("+05:30"), zone_of("utc")
    (datetime.timezone(datetime.timedelta(seconds=19800)), datetime.timezone.utc)
    """
    name = text.strip()
    if name.upper() in _UTC_NAMES:
        return timezone.utc
    match = _ZONE_OFFSET(name.upper())
    if match is None:
        return _named_zone(name)
    sign, hours, minutes = match.groups()
    size = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if size >= _DAY:
        raise ValueError(f"{name} is no time zone: an offset is less than 24 hours")
    return timezone(-size if sign == "-" else size)


def _named_zone(name: str) -> tzinfo:
    try:
        import zoneinfo
    except ImportError:
        raise ValueError(
            f"the time zone {name} needs Python 3.9 or newer; give an offset such as +01:00"
        ) from None
    try:
        return zoneinfo.ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f"unknown time zone: {name[:40]!r}; give a name such as Europe/Berlin"
            " or an offset such as +05:30"
        ) from None


def timestamp(moment: datetime) -> str:
    """Return an instant as a timestamp, always with six decimals.

    >>> timestamp(datetime(2025, 1, 1, 9, 30))
    '2025-01-01T09:30:00.000000'
    """
    return moment.isoformat(timespec="microseconds")


def timestamp_of(microseconds: int) -> str:
    """Return the timestamp of so many microseconds since 1970.

    >>> timestamp_of(1_000_001)
    '1970-01-01T00:00:01.000001'
    """
    text = (EPOCH + timedelta(0, 0, microseconds)).isoformat()
    return text if len(text) > _WHOLE_SECONDS else text + ".000000"


def moment_of(text: str) -> datetime:
    """Return the instant of a timestamp, or that at which an hour or a day begins.

    >>> moment_of("2025-01-01T09:30:00.417000").microsecond, moment_of("2025-01-01").hour
    (417000, 0)
    """
    return datetime.fromisoformat(text)


def from_seconds(seconds: float) -> datetime:
    """Return the instant so many seconds after 1970, to the microsecond.

    Raises OverflowError or ValueError where it is beyond the calendar.
    """
    return EPOCH + timedelta(microseconds=round(seconds * 1e6))


def utc_text(seconds: float, timespec: str = "seconds") -> str:
    """Return seconds since 1970 as ISO 8601 with Z, cut to `timespec` (see `isoformat`).

    Raises OverflowError or ValueError where that is beyond the calendar.

    >>> utc_text(0), utc_text(1.5, "milliseconds")
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500Z')
    """
    return from_seconds(seconds).isoformat(timespec=timespec) + "Z"


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds from one timestamp to another.

    >>> seconds_between("2025-01-01T23:59:59.500000", "2025-01-02T00:00:00.000000")
    0.5
    """
    return (moment_of(later) - moment_of(earlier)).total_seconds()


@lru_cache(maxsize=_MOST_DATES)
def date_of(text: str) -> date:
    """Return the calendar date of a timestamp, an hour or a day.

    Raises ValueError where the text does not begin with a date.
    """
    match = _DATE(text)
    if not match:
        raise ValueError("not a date")
    year, month, day = match.groups()
    return date(int(year), int(month), int(day))


def week_of(day: date) -> str:
    """Return the ISO week of a date.

    >>> week_of(date(2024, 12, 30)), week_of(date(2027, 1, 3))
    ('2025-W01', '2026-W53')
    """
    year, week, _ = day.isocalendar()
    return f"{year:04d}-W{week:02d}"


def monday_of(week: str) -> date:
    """Return the first day of an ISO week.  Raises ValueError where the text is none.

    >>> monday_of("2025-W01").isoformat(), monday_of("2026-W53").isoformat()
    ('2024-12-30', '2026-12-28')
    """
    match = _WEEK(week)
    if not match:
        raise ValueError("not a week")
    year, number = map(int, match.groups())
    january_4 = date(year, 1, 4)  # always in the first week
    monday = january_4 + (7 * (number - 1) - january_4.weekday()) * _DAY
    if week_of(monday) != week:
        raise ValueError("not a week")
    return monday


def time_key(time: str, grain: str) -> str:
    """Return which hour, day, week or hour_of_day ("00" to "23") a time lies in; "" for no grain.

    `time` needs to be no finer than the grain: a timestamp, "2025-01-01T09", or a day for its week.
    """
    if grain == "hour":
        return time[:13] + ":00:00"
    if grain == "day":
        return time[:10]
    if grain == "week":
        return week_of(date_of(time))
    return time[11:13] if grain == "hour_of_day" else ""


def in_zone(text: str, zone: tzinfo) -> str:
    """Return a timestamp in UTC as one of a time zone; beyond the calendar it stays in UTC.

    >>> in_zone("2025-01-01T23:30:00.000000", zone_of("+01:00"))
    '2025-01-02T00:30:00.000000'
    """
    moment = moment_of(text)
    try:
        local = moment.replace(tzinfo=timezone.utc).astimezone(zone)
    except OverflowError:
        return text
    return timestamp(local.replace(tzinfo=None))


def hours_between(first: str, last: str, zone: tzinfo = timezone.utc) -> List[str]:
    """Return every hour from that of the first to that of the last timestamp of a zone.

    Hours that its clocks skip are left out; one that they show twice is there once.

    >>> hours_between("2025-01-01T23:10:00.000000", "2025-01-02T00:00:00.000000")
    ['2025-01-01T23:00:00', '2025-01-02T00:00:00']
    """
    start, end = moment_of(first[:13]), moment_of(last[:13])
    count = (end - start) // timedelta(hours=1) + 1
    hours = [start + timedelta(hours=after) for after in range(count)]
    return [hour.isoformat() for hour in hours if _occurs(hour, zone)]


def _occurs(hour: datetime, zone: tzinfo) -> bool:
    """Return whether the clocks of a zone show any of an hour."""
    if isinstance(zone, timezone):
        return True
    ends = (hour, hour + timedelta(minutes=59, seconds=59))
    try:
        return any(_shown(moment, zone) == moment for moment in ends)
    except OverflowError:
        return True


def _shown(clock: datetime, zone: tzinfo) -> datetime:
    """Return what the clocks show at the instant that a local time stands for."""
    instant = clock.replace(tzinfo=zone).astimezone(timezone.utc)
    return instant.astimezone(zone).replace(tzinfo=None)


def days_between(first: str, last: str) -> List[str]:
    """Return every calendar day from that of the first to that of the last timestamp.

    >>> days_between("2025-02-28T10:00:00.000000", "2025-03-01T00:00:00.000000")
    ['2025-02-28', '2025-03-01']
    """
    start = date_of(first)
    count = (date_of(last) - start).days + 1
    return [add_days(start, after) for after in range(count)]


def weeks_between(first: str, last: str) -> List[str]:
    """Return every ISO week from that of the first to that of the last timestamp.

    >>> weeks_between("2024-12-29T10:00:00.000000", "2025-01-06T00:00:00.000000")
    ['2024-W52', '2025-W01', '2025-W02']
    """
    start, end = date_of(first), date_of(last)
    monday = start - start.weekday() * _DAY
    return [week_of(monday + after * _DAY) for after in range(0, (end - monday).days + 1, 7)]


def add_days(start: date, days: int) -> str:
    """Return the day so many days after a date.

    >>> add_days(date(2025, 12, 31), 1)
    '2026-01-01'
    """
    return (start + timedelta(days=days)).isoformat()


class MicrosecondClock:
    """Timestamps as bytes to microseconds since 1970, each date worked out once."""

    def __init__(self) -> None:
        self._days: Dict[bytes, int] = {}

    def of(self, time: bytes) -> int:
        """Return the microseconds of a timestamp."""
        day = self._days.get(time[:10])
        if day is None:
            ordinal = date(int(time[:4]), int(time[5:7]), int(time[8:10])).toordinal()
            day = self._days[time[:10]] = (ordinal - _EPOCH_ORDINAL) * 86400
        seconds = day + int(time[11:13]) * 3600 + int(time[14:16]) * 60 + int(time[17:19])
        return seconds * 10**6 + int(time[20:26])
