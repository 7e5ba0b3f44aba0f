"""Local hours, days and weeks, against the standard library's time zones and by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.errors import DataError
from finops.reader.encoding import Batch
from finops.reader.options import ReadingOptions
from finops.rollups import cache, partition
from finops.rollups.dataset import open_dataset
from finops.rollups.hours import HourClock
from finops.rollups.spec import Period, Table
from finops.timestamps import timestamp, zone_of
from tests.rollups.test_dataset import EVERYTHING, csv_of
from tests.support.reference import ReferenceDataset, call

pytestmark = pytest.mark.unmeasured

try:
    import zoneinfo
except ImportError:  # before Python 3.9
    zoneinfo = None  # type: ignore[assignment]

BY_DAY, BY_HOUR = Table(("day",), ("calls",)), Table(("hour",), ("calls",))
TABLES = (BY_DAY, BY_HOUR, *EVERYTHING)
OFFSETS = ("+00:00", "+05:30", "-03:30", "+14:00", "-12:00", "+05:37", "-00:44")
NAMES = (
    "America/New_York",  # whole hours, changed at 06:00 and 07:00 UTC
    "Europe/Berlin",
    "Asia/Kolkata",
    "Australia/Lord_Howe",  # put forward by half an hour
    "America/St_Johns",
    "Asia/Kathmandu",
    "Pacific/Apia",  # had no 30 December 2011
    "Africa/Monrovia",  # 44 minutes and 30 seconds until 1972
)
ZONES = (*OFFSETS, *(NAMES if zoneinfo else ()))
# Days on and around which some of these zones changed their offset.
DAYS = (
    *(datetime(2025, month, day) for month, day in ((3, 8), (3, 9), (3, 30), (4, 5), (4, 6))),
    *(datetime(2025, month, day) for month, day in ((10, 4), (10, 26), (11, 1), (11, 2), (12, 31))),
    *(datetime(2011, 12, 29), datetime(2011, 12, 30), datetime(1972, 1, 7), datetime(1970, 1, 1)),
)
moments = st.builds(
    lambda day, seconds, micros: day + timedelta(seconds=seconds, microseconds=micros),
    st.sampled_from(DAYS),
    st.integers(0, 86399) | st.integers(0, 95).map(lambda quarter: quarter * 900),
    st.sampled_from([0, 0, 1, 999_999]),
)


def zone_by_library(name: str) -> tzinfo:
    """Return a zone without the product's help."""
    if name in NAMES:
        return zoneinfo.ZoneInfo(name)
    size = timedelta(hours=int(name[1:3]), minutes=int(name[4:]))
    return timezone(-size if name[0] == "-" else size)


def batch_of(times: List[datetime], buckets: List[Any]) -> Batch:
    rows = len(times)
    encoded = [timestamp(moment).encode() for moment in times]
    return Batch(encoded, [0] * rows, [0] * rows, {"bucket_s": buckets})


@given(
    st.sampled_from(ZONES),
    st.lists(
        st.tuples(moments, st.sampled_from([None, None, 3600, 86399, 86400, 604800])),
        min_size=1,
        max_size=30,
    ),
)
def test_every_call_is_in_the_hour_that_the_clocks_show(
    name: str, drawn: List[Tuple[datetime, Any]]
) -> None:
    drawn = sorted(drawn, key=lambda row: row[0])
    times, buckets = map(list, zip(*drawn))
    batch = batch_of(times, buckets)
    clock, zone = HourClock(zone_of(name)), zone_by_library(name)
    runs = clock.runs(batch)
    hours = [hour for hour, start, end in runs for _ in range(start, end)]
    local = [
        moment
        if bucket and bucket >= 86400
        else moment.replace(tzinfo=timezone.utc).astimezone(zone)
        for moment, bucket in drawn
    ]
    assert hours == [moment.strftime("%Y-%m-%dT%H") for moment in local]
    assert [start for _, start, _ in runs] == [0, *(end for _, _, end in runs[:-1])]
    assert all(before[0] != after[0] for before, after in zip(runs, runs[1:])) or name in NAMES
    for moment, time in zip(times, batch.times):
        shown = moment.replace(tzinfo=timezone.utc).astimezone(zone)
        assert clock.day_of(time) == shown.strftime("%Y-%m-%d")


def rows_strategy() -> st.SearchStrategy[List[Dict[str, str]]]:
    row = st.builds(
        lambda moment, **drawn: call(timestamp=timestamp(moment), **drawn),
        moment=moments,
        customer_id=st.sampled_from(["c1", "c2"]),
        region=st.sampled_from(["us-east", "eu-west"]),
        cost_usd=st.sampled_from(["1.5", "0.000001"]),
        bucket_s=st.sampled_from(["", "", "3600", "86400", "100000"]),
        calls=st.sampled_from(["", "2"]),
    )
    return st.lists(row, min_size=1, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    name=st.sampled_from(ZONES),
    rows=rows_strategy(),
    ordered=st.booleans(),
    piece=st.integers(300, 4000),
)
def test_tables_of_a_zone_are_those_of_the_reference(
    name: str, rows: List[Dict[str, str]], ordered: bool, piece: int, tmp_path: Path
) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: row["timestamp"])
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    before = partition.BLOCK_BYTES
    partition.BLOCK_BYTES = piece
    try:
        dataset = open_dataset(path, workers=1, options=ReadingOptions(timezone=name))
        data = dataset.rollups(TABLES)
    finally:
        partition.BLOCK_BYTES = before
    expected = ReferenceDataset(rows, zone=zone_by_library(name), zone_name=name).rollups(TABLES)
    for table in TABLES:
        assert data[table] == expected[table], table
        assert list(data[table]) == list(expected[table]), table
    assert data.period == expected.period
    assert data.customers == expected.customers
    assert {day for (day,) in data[BY_DAY]} <= set(data.period.dates())


ACROSS = Table(("hour_of_day", "region"), ("calls",))
WEEKS = Table(("week",), ("calls",))


def every_half_hour(start: datetime, end: datetime) -> List[Dict[str, str]]:
    steps = (end - start) // timedelta(minutes=30)
    return [call(timestamp=timestamp(start + timedelta(minutes=30 * k))) for k in range(steps)]


@pytest.mark.skipif(zoneinfo is None, reason="named zones come with Python 3.9")
def test_days_of_23_and_25_hours(tmp_path: Path) -> None:
    """New York: 9 March 2025 has no hour 2, 2 November has hour 1 twice."""
    spring = every_half_hour(datetime(2025, 3, 8, 5), datetime(2025, 3, 11, 4))
    autumn = every_half_hour(datetime(2025, 11, 1, 4), datetime(2025, 11, 4, 5))
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(spring + autumn))
    options = ReadingOptions(timezone="America/New_York")
    data = open_dataset(path, options=options).rollups((BY_DAY, BY_HOUR, ACROSS, WEEKS))
    assert data[BY_DAY] == {
        ("2025-03-08",): (48,),
        ("2025-03-09",): (46,),
        ("2025-03-10",): (48,),
        ("2025-11-01",): (48,),
        ("2025-11-02",): (50,),
        ("2025-11-03",): (48,),
    }
    hours = {hour: calls for (hour,), (calls,) in data[BY_HOUR].items()}
    assert "2025-03-09T02:00:00" not in hours
    assert (hours["2025-11-02T01:00:00"], hours["2025-11-02T02:00:00"]) == (4, 2)
    assert data[ACROSS][2, "us-east"] == (10,)
    assert data[WEEKS] == {
        ("2025-W10",): (94,),
        ("2025-W11",): (48,),
        ("2025-W44",): (98,),
        ("2025-W45",): (48,),
    }
    assert data.period.start == "2025-03-08T05:00:00.000000"
    assert (data.period.first_hour, data.period.last_hour) == (
        "2025-03-08T00:00:00",
        "2025-11-03T23:00:00",
    )
    calendar = data.period.hours()
    assert len(calendar) == len(set(calendar)) == 241 * 24 - 1  # one is skipped, one is twice
    assert set(hours) <= set(calendar)


def test_half_hours_belong_to_two_local_hours(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(every_half_hour(datetime(2025, 1, 31, 18), datetime(2025, 1, 31, 20))))
    data = open_dataset(path, options=ReadingOptions(timezone="+05:30")).rollups((BY_DAY, BY_HOUR))
    assert data[BY_DAY] == {("2025-01-31",): (1,), ("2025-02-01",): (3,)}
    assert list(data[BY_HOUR].items()) == [
        (("2025-01-31T23:00:00",), (1,)),
        (("2025-02-01T00:00:00",), (2,)),
        (("2025-02-01T01:00:00",), (1,)),
    ]


def test_a_daily_aggregate_keeps_its_day_and_covers_it(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    rows = [
        call(timestamp=f"2025-03-0{day}T00:00:00.000000", calls=12_000, bucket_s=86400)
        for day in (1, 2, 3)
    ]
    path.write_bytes(csv_of(rows))
    data = open_dataset(path, options=ReadingOptions(timezone="-05:00")).rollups((BY_DAY,))
    assert data[BY_DAY] == {(f"2025-03-0{day}",): (12_000,) for day in (1, 2, 3)}
    assert data.period.dates() == ["2025-03-01", "2025-03-02", "2025-03-03"]
    assert data.period.last_hour == "2025-03-03T23:00:00"
    note = "Totals of whole days keep their day in UTC: 3 rows, in reports for -05:00."
    assert data.accounting.notes.count(note) == 1
    assert note not in open_dataset(path).rollups(()).accounting.notes


def test_a_period_made_by_hand_has_its_own_calendar() -> None:
    period = Period("2025-01-01T23:30:00.000000", "2025-01-02T01:00:00.000000", timezone="+01:00")
    assert period.hours() == [f"2025-01-02T0{hour}:00:00" for hour in (0, 1, 2)]
    assert period.dates() == ["2025-01-02"]
    assert (Period().hours(), Period().dates()) == ([], [])


def test_a_zone_that_nobody_knows_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of([call()]))
    with pytest.raises(DataError, match=r"Mars/Olympus|needs Python 3\.9"):
        open_dataset(path, options=ReadingOptions(timezone="Mars/Olympus"))


def test_the_last_hour_of_the_calendar_has_a_local_time() -> None:
    batch = batch_of([datetime(9999, 12, 31, 23, 59, 59, 999_999)], [3600])
    for name in ("+14:00", "-12:00", "+00:30", "-00:30"):
        ((hour, start, end),) = HourClock(zone_of(name)).runs(batch)
        assert (start, end) == (0, 1)
        assert HourClock(zone_of(name)).last_hour(batch, [(hour, 0, 1)]) >= hour


def test_another_zone_reads_the_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of a file is of one zone; workers have the same zone."""
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    path = tmp_path / "calls.csv"
    rows = every_half_hour(datetime(2025, 1, 1), datetime(2025, 1, 9))
    path.write_bytes(csv_of(rows))
    for name in ("UTC", "+05:30", "+05:30", "-08:00", "UTC"):
        options = ReadingOptions(timezone=name)
        data = open_dataset(path, workers=2, cache=True, options=options).rollups((BY_HOUR, BY_DAY))
        zone = timezone.utc if name == "UTC" else zone_by_library(name)
        expected = ReferenceDataset(rows, zone=zone, zone_name=name).rollups((BY_HOUR, BY_DAY))
        for table in (BY_HOUR, BY_DAY):
            assert data[table] == expected[table], (name, table)
        assert data.period == expected.period
