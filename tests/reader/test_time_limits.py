"""The ends of a range, against the calendar of the standard library."""

from __future__ import annotations

import doctest
import sys
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader import time_limits
from finops.reader.time_limits import first_moment, moment_after
from finops.timestamps import zone_of

MICROSECOND = timedelta(microseconds=1)
OFFSETS = st.integers(-23 * 60, 23 * 60).map(
    lambda m: f"{'-' if m < 0 else '+'}{abs(m) // 60:02}:{abs(m) % 60:02}"
)
# Changes of the clock at night, at midnight, by half an hour, and a whole day left out.
NAMES = ["America/New_York", "America/Havana", "Africa/Cairo", "Australia/Lord_Howe"]
NAMES += ["Pacific/Apia", "America/Sao_Paulo", "Asia/Kolkata"]
DATES = st.dates(date(2000, 1, 1), date(2030, 12, 31))


def test_the_examples() -> None:
    assert doctest.testmod(time_limits).failed == 0


def of(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=timezone.utc)


def begins(moment: datetime, day: date, zone: tzinfo) -> bool:
    """Whether a moment is the first that is not before a day."""
    before = (moment - MICROSECOND).astimezone(zone).date()
    return before < day <= moment.astimezone(zone).date()


def assert_whole_day(day: date, zone: tzinfo) -> None:
    assert begins(of(first_moment(day.isoformat(), zone)), day, zone)
    assert begins(of(moment_after(day.isoformat(), zone)), day + timedelta(1), zone)


@given(DATES, OFFSETS)
def test_a_date_is_its_day_of_a_fixed_offset(day: date, offset: str) -> None:
    assert_whole_day(day, zone_of(offset))


@pytest.mark.skipif(sys.version_info < (3, 9), reason="names of zones came with 3.9")
@given(DATES, st.sampled_from(NAMES))
def test_a_date_is_its_day_of_a_named_zone(day: date, name: str) -> None:
    assert_whole_day(day, zone_of(name))


@pytest.mark.skipif(sys.version_info < (3, 9), reason="names of zones came with 3.9")
@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-08", 23), ("2026-03-09", 24), ("2026-11-01", 25)]
)
def test_days_around_the_changes_of_the_clock(day: str, hours: int) -> None:
    zone = zone_of("America/New_York")
    length = of(moment_after(day, zone)) - of(first_moment(day, zone))
    assert length == timedelta(hours=hours)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),
    OFFSETS,
    st.sampled_from("T "),
    st.sampled_from(["microseconds", "milliseconds", "seconds", "minutes"]),
)
def test_a_time_is_that_moment(moment: datetime, offset: str, mark: str, timespec: Any) -> None:
    text = moment.isoformat(sep=mark, timespec=timespec)
    minutes = (int(offset[1:3]) * 60 + int(offset[4:])) * (-1 if offset[0] == "-" else 1)
    wanted = datetime.fromisoformat(text) - timedelta(minutes=minutes)
    assert of(first_moment(text, zone_of(offset))).replace(tzinfo=None) == wanted
    assert first_moment(text + offset, zone_of("+03:00")) == first_moment(text, zone_of(offset))
    assert moment_after(text, zone_of(offset)) == first_moment(text, zone_of(offset))


@given(st.text(max_size=30))
def test_anything_else_is_one_line(text: str) -> None:
    try:
        canonical = first_moment(text, timezone.utc)
    except ValueError as error:
        said = str(error)
    else:
        said = of(canonical).isoformat()
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("text", ["2026-02-30", "2026-1-1", "08/10/2026", "2026-01-01T25:00", "x"])
def test_what_is_no_date_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date or a time; write 2026-01-31"):
        first_moment(text, timezone.utc)


def test_the_end_of_the_calendar() -> None:
    with pytest.raises(ValueError, match="beyond the calendar"):
        moment_after("9999-12-31", timezone.utc)
