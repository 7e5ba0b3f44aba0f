"""Times as text and back, against the standard library's own forms."""

from __future__ import annotations

import doctest
import sys
from datetime import date, datetime, timedelta, timezone
from typing import Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import timestamps
from finops.timestamps import (
    date_of,
    days_between,
    from_seconds,
    hours_between,
    moment_of,
    parse,
    seconds_between,
    time_key,
    timestamp,
    utc_text,
    week_of,
    weeks_between,
    zone_of,
)

moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31))
spans = st.tuples(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)), st.integers(0, 4000))


def test_the_examples() -> None:
    assert doctest.testmod(timestamps).failed == 0


@given(moments)
def test_a_timestamp_says_its_moment_again(moment: datetime) -> None:
    text = timestamp(moment)
    assert text == moment.strftime("%Y-%m-%dT%H:%M:%S.%f").zfill(26)
    assert moment_of(text) == parse(text.encode()) == moment
    assert date_of(text) == moment.date()


@given(moments, moments)
def test_timestamps_sort_as_their_moments(one: datetime, other: datetime) -> None:
    assert (timestamp(one) < timestamp(other)) == (one < other)
    assert seconds_between(timestamp(one), timestamp(other)) == (other - one).total_seconds()


@given(moments)
def test_keys_of_a_time(moment: datetime) -> None:
    text = timestamp(moment)
    assert time_key(text, "hour") == moment.strftime("%Y-%m-%dT%H:00:00").zfill(19)
    assert time_key(text, "day") == time_key(text[:10], "day") == str(moment.date())
    assert time_key(text, "hour_of_day") == f"{moment.hour:02d}"
    assert time_key(text[:10], "week") == week_of(moment.date())
    assert time_key(text, "") == ""


@given(st.dates(date(1970, 1, 1), date(9999, 12, 31)))
def test_a_week_is_that_of_its_monday(day: date) -> None:
    monday = day - timedelta(days=day.weekday())
    assert week_of(day) == week_of(monday)
    year = int(week_of(day)[:4])
    fourth = date(year, 1, 4)  # by the standard, in the first week
    first = fourth - timedelta(days=fourth.weekday())
    assert int(week_of(day)[6:]) == (monday - first).days // 7 + 1


@given(spans)
def test_all_hours_days_and_weeks_between(span: Tuple[datetime, int]) -> None:
    start, hours = span
    stop = start + timedelta(hours=hours)
    first, last = timestamp(start), timestamp(stop)
    seen = [timestamp(start + timedelta(hours=after)) for after in range(hours + 1)]
    assert hours_between(first, last) == [time_key(text, "hour") for text in seen]
    assert days_between(first, last) == sorted({text[:10] for text in seen})
    assert weeks_between(first, last) == sorted({time_key(text, "week") for text in seen})


@given(st.integers(0, 4_000_000_000), st.integers(0, 999))
def test_seconds_since_1970(seconds: int, millis: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(
        seconds=seconds, milliseconds=millis
    )
    assert from_seconds(seconds) == moment.replace(tzinfo=None, microsecond=0)
    exact = seconds + millis / 1000
    assert utc_text(exact, "milliseconds") == moment.isoformat(timespec="milliseconds")[:-6] + "Z"


@pytest.mark.parametrize("seconds", [1e12, -1e12, float("nan"), float("inf")])
def test_seconds_beyond_the_calendar(seconds: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        utc_text(seconds)


@pytest.mark.parametrize("text", ["", "2025", "2025-1-1", "2025/01/01", "2025-02-30", "20250101xx"])
def test_what_is_no_date(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day"):
        date_of(text)


@given(st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_a_zone_may_be_an_offset(minutes: int) -> None:
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    expected = timedelta(minutes=minutes)
    for text in (f"{sign}{hours:02d}:{rest:02d}", f" UTC{sign}{hours:02d}{rest:02d} "):
        assert zone_of(text).utcoffset(None) == expected
    assert zone_of(f"{sign}{hours:02d}").utcoffset(None) == timedelta(
        hours=-hours if minutes < 0 else hours
    )


def test_utc_has_several_names() -> None:
    assert {zone_of(name) for name in ("", "UTC", "utc", "Z", "GMT", "Etc/UTC")} == {timezone.utc}


def test_a_named_zone_follows_its_changes_of_the_clock() -> None:
    pytest.importorskip("zoneinfo")
    berlin = zone_of("Europe/Berlin")
    assert berlin.utcoffset(datetime(2025, 1, 1)) == timedelta(hours=1)
    assert berlin.utcoffset(datetime(2025, 7, 1)) == timedelta(hours=2)


@pytest.mark.skipif(sys.version_info >= (3, 9), reason="the standard library knows zones by name")
def test_an_old_python_says_what_a_named_zone_needs() -> None:
    with pytest.raises(ValueError, match=r"needs Python 3\.9 .* give an offset"):
        zone_of("Europe/Berlin")


@pytest.mark.parametrize("text", ["Mars/Olympus", "../../etc/passwd", "+24:00", "+1:75", "\0", "5"])
def test_an_unknown_zone_is_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="zone") as error:
        zone_of(text)
    assert len(str(error.value).splitlines()) == 1
