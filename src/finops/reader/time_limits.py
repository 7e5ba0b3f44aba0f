"""The ends of the range that a user asks for: dates and times of a time zone as UTC.

A day begins at its first moment in the time zone, also where a change of the clock leaves out
midnight or has it twice.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo

from finops.timestamps import timestamp, zone_of

_DAY = timedelta(days=1)
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
    r" ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?"
).fullmatch


def first_moment(text: str, zone: tzinfo) -> str:
    """Return the timestamp in UTC of the first moment from `--since` on.

    `text` is a date, or a time of `zone` where it names no offset of its own.  Raises
    ValueError, whose text is one line for the user.

    >>> first_moment("2026-01-31", zone_of("+05:30"))
    '2026-01-30T18:30:00.000000'
    """
    return _utc(text, zone, timedelta(0))


def moment_after(text: str, zone: tzinfo) -> str:
    """Return the timestamp in UTC of the first moment after `--until`.

    A date includes its whole day, a time excludes its own moment.  Raises ValueError as
    `first_moment`.

    >>> moment_after("2026-01-31", zone_of("UTC")), moment_after("2026-01-31T09:30Z", zone_of(""))
    ('2026-02-01T00:00:00.000000', '2026-01-31T09:30:00.000000')
    """
    return _utc(text, zone, _DAY)


def _utc(text: str, zone: tzinfo, after_date: timedelta) -> str:
    given = text.strip()
    try:
        if _DATE(given):
            local = datetime.strptime(given, "%Y-%m-%d") + after_date
            return _canonical(local.replace(tzinfo=zone))
        return _canonical(_moment(given, zone))
    except OverflowError:
        raise ValueError(f"{given} is beyond the calendar") from None
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is not a date or a time; write 2026-01-31 or 2026-01-31T09:30+01:00"
        ) from None


def _moment(text: str, zone: tzinfo) -> datetime:
    match = _TIME(text)
    if match is None:
        raise ValueError("not a time")
    day, hour, minute, second, fraction, offset = match.groups()
    local = datetime.strptime(day, "%Y-%m-%d").replace(
        hour=int(hour),
        minute=int(minute),
        second=int(second or 0),
        microsecond=int((fraction or "").ljust(6, "0")),
    )
    return local.replace(tzinfo=zone if offset is None else zone_of(offset))


def _canonical(moment: datetime) -> str:
    return timestamp(moment.astimezone(timezone.utc).replace(tzinfo=None))
