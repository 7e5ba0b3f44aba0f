"""Customers who are unlike the others and do nothing wrong raise no alarm of any detector.

Each would be an alarm by a plain rule (a day far from the customer's other days), and each
raises one as soon as it really does what a detector looks for.
"""

from __future__ import annotations

import csv
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from finops import pipeline
from finops.evaluation import evaluate
from finops.schema import COLUMN_NAMES
from finops.stats import median, median_absolute_deviation
from tests.support.reference import call

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

DAYS = 56
Counts = Dict[str, List[int]]


def odd_customers() -> Counts:
    """Return calls by day of the customers that must not raise an alarm."""
    draw = random.Random(12)
    two = [draw.choice((1, 2, 2, 2, 3)) for _ in range(DAYS)]
    two[30] = 8
    return {
        "two a day": two,
        "one day": [0] * 40 + [70] + [0] * (DAYS - 41),
        "weekly": [90 if day % 7 == 1 else draw.randrange(2, 5) for day in range(DAYS)],
        "growing": [round(3 * 1.07**day) for day in range(DAYS)],
        "new": [0] * (DAYS - 5) + [4, 30, 60, 90, 80],
    }


def everybody(odd: Counts) -> Counts:
    draw = random.Random(3)
    return {**{f"usual {i}": [draw.randrange(8, 15) for _ in range(DAYS)] for i in range(8)}, **odd}


def rows_of(calls: Counts) -> Iterator[Dict[str, str]]:
    draw = random.Random(7)
    for day in range(DAYS):
        text = (date(2025, 1, 6) + timedelta(days=day)).isoformat()
        for name, counts in calls.items():
            for _ in range(counts[day]):
                hour, minute = draw.randrange(7, 20), draw.randrange(60)
                yield call(timestamp=f"{text}T{hour:02d}:{minute:02d}:00", customer_id=name)


def false_alarms(calls: Counts, path: Path) -> Dict[str, List[Any]]:
    """Return what is raised over these calls, in which nothing is planted, by kind."""
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, COLUMN_NAMES, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows_of(calls))
    job = pipeline.Job(path, path.parent, only=pipeline.EVALUATION_NEEDS, workers=1)
    scored = evaluate(pipeline.compute(job), {"incidents": []})
    return {one["kind"]: one["false_alarm_list"] for one in scored["kinds"] if one["false_alarms"]}


def test_odd_customers_raise_no_alarm(tmp_path: Path) -> None:
    assert false_alarms(everybody(odd_customers()), tmp_path / "calls.csv") == {}


@pytest.mark.parametrize("name", odd_customers())
def test_by_a_plain_rule_each_of_them_is_an_alarm(name: str) -> None:
    counts = odd_customers()[name]
    spread = max(1.0, median_absolute_deviation(counts))
    assert max(abs(n - median(counts)) / spread for n in counts) > 3


@pytest.mark.parametrize(("name", "times"), [("two a day", 12), ("weekly", 12), ("growing", 120)])
def test_a_day_out_of_line_is_found_in_each_that_has_a_past(
    name: str, times: int, tmp_path: Path
) -> None:
    """Growth counts as straying, so one that grows must stray further to be noticed."""
    odd = odd_customers()
    odd[name][38] = times * max(odd[name][30:45])
    found = false_alarms(everybody(odd), tmp_path / "calls.csv")
    assert found["viral_customer"] == [{"subject": name, "start": "2025-02-13T00:00:00"}]
