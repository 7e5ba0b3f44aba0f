"""Quiet weekdays and busy hours, by hand and on hours without a pattern."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.advanced.geographic_latency import GeographicLatencyAnalyzer
from finops.analyzers.finops.understanding import UnderstandingAnalyzer
from finops.analyzers.shared.quiet_weekdays import quiet_weekdays
from tests.analyzers.samples import Rows, at, run
from tests.support.reference import call

WEEK = list(range(7))


def dates(count: int) -> List[str]:
    """Return dates from Monday 2025-01-06 on."""
    return [at(5 + day)[:10] for day in range(count)]


def costs(by_weekday: List[float], count: int) -> Dict[str, float]:
    return {day: by_weekday[number % 7] for number, day in enumerate(dates(count))}


@pytest.mark.parametrize(
    ("by_weekday", "quiet"),
    [
        ([10, 10, 10, 10, 10, 3, 3], [5, 6]),
        ([10, 10, 10, 10, 10, 10, 0], [6]),
        ([10, 10, 10, 10, 10, 8, 8], []),
        ([1, 1, 1, 1, 10, 10, 10], []),
        ([0, 0, 0, 0, 0, 0, 10], []),
        ([0] * 7, []),
    ],
)
def test_weekdays_are_quiet_that_cost_clearly_less(
    by_weekday: List[float], quiet: List[int]
) -> None:
    assert quiet_weekdays(costs(by_weekday, 28), dates(28)) == quiet


def test_two_weeks_are_no_pattern() -> None:
    assert quiet_weekdays(costs([10, 10, 10, 10, 10, 3, 3], 20), dates(20)) == []


def test_one_day_that_stands_out_is_no_pattern() -> None:
    by_day = {**costs([10.0] * 7, 28), dates(28)[5]: 0.0}
    assert quiet_weekdays(by_day, dates(28)) == []


@given(st.lists(st.floats(8, 10), min_size=28, max_size=28))
def test_days_alike_have_no_quiet_weekday(amounts: List[float]) -> None:
    assert quiet_weekdays(dict(zip(dates(28), amounts)), dates(28)) == []


def rows_at(hours: Dict[str, List[int]], days: int = 30) -> Rows:
    """Return a call a day in each of these hours, by region; each costs a dollar."""
    rows = [
        call(timestamp=at(5 + day, hour, 30), region=region, cost_usd="1.0")
        for day in range(days)
        for region, clocks in hours.items()
        for hour in clocks
    ]
    return sorted(rows, key=lambda row: row["timestamp"])


def titles(analyzer: Any, rows: Rows) -> List[str]:
    return [f["title"] for f in run(analyzer, rows)["findings"] if f["severity"] == "info"]


def busy(rows: Rows) -> List[Dict[str, Any]]:
    findings = run(GeographicLatencyAnalyzer, rows)["findings"]
    return [f for f in findings if "hours of the day" in f["title"]]


def test_each_region_has_its_busy_hours() -> None:
    day = list(range(24))
    hours = {"us-east": day + list(range(14, 22)) * 2, "eu-west": day + list(range(20, 24)) * 2}
    (found,) = busy(rows_at(hours))
    assert found["title"] == "us-east makes 60.0% of its calls in 8 hours of the day"
    assert "us-east 14:00 to 22:00 (60.0%); eu-west 16:00 to 00:00 (50.0%)." in found["detail"]


def test_hours_that_pass_midnight_are_in_a_row() -> None:
    (found,) = busy(rows_at({"us-west": [*range(24), *[22, 23, 0, 1, 2, 3] * 2]}))
    assert "22:00 to 06:00" in found["detail"] or "20:00 to 04:00" in found["detail"]


@pytest.mark.parametrize(
    "hours", [{"us-east": list(range(24))}, {"": list(range(8, 16))}, {"us-east": [9]}]
)
def test_flat_unknown_or_rare_hours_are_not_reported(hours: Dict[str, List[int]]) -> None:
    assert busy(rows_at(hours)) == []


def test_six_days_are_no_rhythm() -> None:
    assert busy(rows_at({"us-east": list(range(8, 16)) * 3}, days=6)) == []


def test_the_report_names_the_quiet_weekdays_unless_a_cost_is_unknown() -> None:
    rows = [
        row
        for number in range(30)
        for row in [call(timestamp=at(5 + number, 9), cost_usd="1.0")]
        * (1 if number % 7 in (5, 6) else 4)
    ]
    assert "Saturday and Sunday cost 75.0% less than other days" in titles(
        UnderstandingAnalyzer, rows
    )
    unknown = [{**rows[0], "cost_usd": "", "model": "unheard-of"}, *rows]
    assert not [t for t in titles(UnderstandingAnalyzer, unknown) if "Saturday" in t]
