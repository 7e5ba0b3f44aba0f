"""Covered days by hand, and against a count hour by hour."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.shared.covered_days import CoveredDays, day_shares
from tests.support.covered import covered_shares

START = datetime(2025, 3, 1)


def span_of(*hours: int) -> CoveredDays:
    """Return the covered days of one call in each of the hours after the start."""
    calls = Counter((START + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:00:00") for hour in hours)
    return CoveredDays(day_shares({(hour,): (calls[hour],) for hour in sorted(calls)}))


def daily(days: int, hour: int) -> List[int]:
    return [24 * day + hour for day in range(days)]


def test_a_job_a_day_covers_its_days() -> None:
    span = span_of(*daily(5, 20))
    assert span.days == 5
    assert span.partial == ()
    assert span.monthly(5.0) is None  # never 37.50


def test_a_job_a_week_covers_the_days_between() -> None:
    assert span_of(*(24 * 7 * week + 12 for week in range(18))).days == 17 * 7 + 1


def test_one_call_covers_an_hour() -> None:
    span = span_of(12)
    assert span.days == pytest.approx(1 / 24)
    assert (span.whole, span.partial) == ([], ("2025-03-01",))
    assert span_of(9, 20).days == pytest.approx(12 / 24)


def test_a_last_day_of_two_hours_is_a_part_of_one() -> None:
    span = span_of(*range(19 * 24 + 2))
    assert span.days == pytest.approx(19 + 2 / 24)
    assert span.partial == ("2025-03-20",)
    assert len(span.whole) == 19


def test_hours_count_as_many_calls_as_they_usually_have() -> None:
    """Three of four calls come at nine: a day that ends at ten has three quarters of a day."""
    usual = [9, 9, 9, 15]
    hours = [24 * day + hour for day in range(9) for hour in usual]
    assert span_of(*hours, 9 * 24 + 9, 9 * 24 + 10).days == 9.75


def test_two_dates_know_no_typical_day() -> None:
    assert span_of(12, 24 + 5).days == pytest.approx(12 / 24 + 6 / 24)


def test_no_calls_cover_nothing() -> None:
    span = span_of()
    assert (span.days, span.dates, span.recent) == (0, [], [])
    assert span.monthly(1.0) is None
    assert span.monthly_now({}) is None


def test_rates_begin_at_seven_covered_days() -> None:
    assert span_of(*daily(6, 9)).monthly(6.0) is None
    assert span_of(*daily(7, 9)).monthly(7.0) == 30.0


def test_a_rate_of_now_is_that_of_the_last_thirty_whole_days() -> None:
    span = span_of(*range(40 * 24 + 5))
    spent = {date: 100.0 for date in span.dates[:10]}
    spent.update(dict.fromkeys(span.dates[10:40], 2.0), **{span.dates[40]: 50.0})
    assert span.monthly_now(spent) == pytest.approx(60.0)
    short = span_of(*range(10 * 24))
    assert short.monthly_now({short.dates[0]: 5.0}) == pytest.approx(15.0)


times = st.lists(
    st.integers(0, 80 * 24 - 1).map(lambda hour: START + timedelta(hours=hour)), max_size=60
)


@given(times)
def test_shares_are_those_of_a_count_hour_by_hour(moments: List[datetime]) -> None:
    calls = Counter(moment.strftime("%Y-%m-%dT%H:00:00") for moment in moments)
    expected = covered_shares(moments)
    shares = day_shares({(hour,): (calls[hour],) for hour in sorted(calls)})
    assert list(shares) == [day.isoformat() for day in expected]
    assert list(shares.values()) == pytest.approx([float(s) for s in expected.values()], abs=1e-12)
    span = CoveredDays(shares)
    assert span.whole == [day.isoformat() for day, share in expected.items() if share == 1]
    assert span.days == pytest.approx(float(sum(expected.values())), abs=1e-9)
    assert set(span.whole) | set(span.partial) == set(span.dates)


@given(times.filter(bool), st.data())
def test_days_between_two_dates_are_the_sum_of_their_shares(
    moments: List[datetime], data: st.DataObject
) -> None:
    calls = Counter(moment.strftime("%Y-%m-%dT%H:00:00") for moment in moments)
    span = CoveredDays(day_shares({(hour,): (calls[hour],) for hour in sorted(calls)}))
    first = data.draw(st.integers(0, len(span.dates) - 1))
    last = data.draw(st.integers(first, len(span.dates) - 1))
    shares: Dict[str, float] = dict(span.shares)
    expected = sum(shares[date] for date in span.dates[first : last + 1])
    assert span.between(span.dates[first], span.dates[last]) == pytest.approx(expected, abs=1e-9)
