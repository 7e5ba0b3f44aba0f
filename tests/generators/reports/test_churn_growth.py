"""The page of churn and growth says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from finops.generators import formatting
from tests.generators.behaviour import EVALUATION, rows_of_behaviour
from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    check_whole_page,
    drawn,
    page_of,
    result_of,
)

pytestmark = pytest.mark.once

NAME = "churn_growth"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_behaviour())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    for name in ("churned", "at_risk", "expansion", "growth", "cohorts"):
        assert data[name], name
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("No week has a call, so no line over time is drawn.")
    assert page.says("No churned or at-risk customers")
    assert page.says("No weekly growth: it needs two full weeks in a row.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, dict(data, evaluation=EVALUATION), tmp_path)


def test_cards(data: Any, page: Any) -> None:
    titles = page.values_of("title")
    summary = data["summary"]
    assert f"{summary['lost_monthly_revenue']:.0f} USD" in titles
    assert f"{summary['at_risk_monthly_revenue']:.0f} USD" in titles
    assert str(summary["total_customers"]) in titles


def test_partial_weeks_are_points_beside_the_line(data: Any, page: Any) -> None:
    weekly = data["weekly"]
    assert weekly[0]["partial"]
    assert not weekly[1]["partial"]
    lines = drawn(page, "weekly-calls")
    assert lines["Full weeks"] == [None if w["partial"] else w["call_count"] for w in weekly]
    assert lines["Partial weeks"] == [w["call_count"] if w["partial"] else None for w in weekly]
    assert page.data["charts"]["weekly-calls"]["series"][1]["style"] == "points"
    assert cells(page, "weekly", "Customers") == [w["customer_count"] for w in weekly]


def test_without_partial_weeks_there_is_one_line(data: Any, tmp_path: Path) -> None:
    weekly = [dict(week, partial=False) for week in data["weekly"]]
    page = page_of(NAME, {**data, "weekly": weekly}, tmp_path)
    assert list(drawn(page, "weekly-cost")) == ["Full weeks"]


def test_growth(data: Any, page: Any) -> None:
    rows = data["growth"]
    assert page.data["charts"]["growth"]["labels"] == [
        formatting.monday(row["week"]) for row in rows
    ]
    assert drawn(page, "growth")["Calls"] == pytest.approx(
        [row["call_growth_percent"] for row in rows]
    )


def test_revenue_by_tier(data: Any, page: Any) -> None:
    lost: Dict[str, Any] = {}
    risky: Dict[str, Any] = {}
    for row in data["churned"]:
        tier = row["subscription_tier"]
        lost[tier] = lost.get(tier, 0) + row["lost_monthly_revenue"]
    for row in data["at_risk"]:
        tier = row["subscription_tier"]
        risky[tier] = risky.get(tier, 0) + row["monthly_revenue"]
    tiers = page.data["charts"]["revenue-by-tier"]["labels"]
    assert tiers == sorted({*lost, *risky})
    assert drawn(page, "revenue-by-tier") == {
        "Lost": [lost.get(tier, 0) for tier in tiers],
        "At risk": [risky.get(tier, 0) for tier in tiers],
    }


def test_customers_are_listed(data: Any, page: Any) -> None:
    for table, name in (("churned", "churned"), ("at-risk", "at_risk"), ("expansion", "expansion")):
        assert cells(page, table, "Customer") == [row["customer_id"] for row in data[name]]
    assert cells(page, "expansion", "Suggested tier") == [
        row["suggested_tier"] or "n/a" for row in data["expansion"]
    ]


def test_cohorts(data: Any, page: Any) -> None:
    cohorts = data["cohorts"]
    lines = drawn(page, "cohorts")
    assert len(lines) == len(cohorts)
    longest = max(len(c["retention"]) for c in cohorts)
    for cohort, values in zip(cohorts, lines.values()):
        kept = cohort["retention"]
        assert values[: len(kept)] == pytest.approx(kept)
        assert values[len(kept) :] == [None] * (longest - len(kept))
    assert cells(page, "cohorts", "After 1 week") == pytest.approx(
        [c["retention"][1] for c in cohorts]
    )


def test_of_many_cohorts_the_largest_are_drawn_and_all_listed(data: Any, tmp_path: Path) -> None:
    cohorts = [
        {"cohort_week": f"2025-W{n:02d}", "cohort_size": n, "retention": [100.0] * (30 - n)}
        for n in range(1, 20)
    ]
    page = page_of(NAME, {**data, "cohorts": cohorts}, tmp_path)
    mondays = ["31 Mar", "7 Apr", "14 Apr", "21 Apr", "28 Apr", "5 May"]
    names = [f"{day} 2025, {n} customers" for n, day in enumerate(mondays, start=14)]
    assert list(drawn(page, "cohorts")) == names
    assert page.says("the 6 largest of 19 cohorts")
    assert page.data["tables"]["cohorts"]["total"] == 19


def test_value_speaks_of_these_figures(data: Any, page: Any) -> None:
    left = data["summary"]["churned_customers"]
    customers = data["summary"]["total_customers"]
    assert page.says(f"Customers who stopped calling are listed: {left} of {customers} customers.")


def test_detectors_are_shown_where_they_were_scored(data: Any, page: Any, tmp_path: Path) -> None:
    assert not page.says("Detector accuracy")
    assert page_of(NAME, dict(data, evaluation=EVALUATION), tmp_path).says("33 incidents")
