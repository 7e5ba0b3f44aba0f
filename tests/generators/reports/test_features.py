"""The page of feature economics says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    check_whole_page,
    drawn,
    page_of,
    result_of,
    rows_of_a_business,
)

pytestmark = pytest.mark.once

NAME = "features"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_a_business())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("No features with at least one call.")
    assert page.says("No week has a call, so no line over time is drawn.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards(data: Any, page: Any) -> None:
    summary = data["summary"]
    margin = summary["monthly_revenue"] - summary["monthly_cost"]
    titles = [t for t in page.values_of("title") if t.endswith(" USD")]
    assert float(titles[0].split()[0]) == pytest.approx(margin)
    assert page.says("Features 6 with at least one call")


def test_revenue_beside_cost(data: Any, page: Any) -> None:
    rows = sorted(data["features"], key=lambda row: -row["revenue"])
    assert drawn(page, "revenue-and-cost") == {
        "Revenue": pytest.approx([row["revenue"] for row in rows]),
        "Cost": pytest.approx([row["monthly_cost"] for row in rows]),
    }


def test_adoption_against_return(data: Any, page: Any) -> None:
    assert drawn(page, "adoption-and-return") == {
        "Adoption (% of customers)": pytest.approx(
            [row["adoption_percent"] for row in data["features"]]
        ),
        "Return on cost (%)": pytest.approx([row["roi_percent"] for row in data["features"]]),
    }
    assert "Code Generation" in page.data["charts"]["adoption-and-return"]["labels"]


@pytest.mark.parametrize(
    ("chart", "key"), [("customers-by-week", "customers"), ("calls-by-week", "call_count")]
)
def test_weeks_are_lines_with_0_where_nobody_called(
    data: Any, page: Any, chart: str, key: str
) -> None:
    weeks = ["2025-W01", "2025-W02", "2025-W03", "2025-W04", "2025-W05"]
    mondays = ["2024-12-30", "2025-01-06", "2025-01-13", "2025-01-20", "2025-01-27"]
    assert page.data["charts"][chart]["labels"] == mondays
    assert page.data["charts"][chart]["shape"] == "line"
    cell = {(r["week"], r["feature_id"]): r[key] for r in data["adoption_trend"]}
    series = drawn(page, chart)
    assert series["niche"] == [1, 0, 0, 0, 0]
    assert series["Chat"] == [cell[week, "chat"] for week in weeks]


def test_lines_of_the_features_with_most_calls_only(data: Any, tmp_path: Path) -> None:
    rows = [
        {**data["features"][0], "feature_id": f"f{n:02d}", "call_count": 100 - n} for n in range(20)
    ]
    trend = [
        {"week": week, "feature_id": f"f{n:02d}", "customers": 1, "call_count": 100 - n}
        for week in ("2025-W01", "2025-W02")
        for n in range(20)
    ]
    page = page_of(NAME, {**data, "features": rows, "adoption_trend": trend}, tmp_path)
    assert list(drawn(page, "calls-by-week")) == [f"f{n:02d}" for n in range(12)]
    assert page.says("the 12 features with most calls of 20")


def test_table_with_advice_in_words(data: Any, page: Any) -> None:
    rows = data["features"]
    assert cells(page, "features", "Return on cost") == pytest.approx(
        [row["roi_percent"] for row in rows]
    )
    advice = cells(page, "features", "Advice")
    by_class = dict(zip([row["classification"] for row in rows], advice))
    assert by_class["insufficient_data"] == "Too few calls to judge"


def test_losing_features_are_found(data: Any, tmp_path: Path) -> None:
    losing = [
        {**data["features"][0], "roi_percent": -50.0, "monthly_cost": 30.0, "revenue": 15.0},
        {**data["features"][1], "roi_percent": 10.0},
    ]
    page = page_of(NAME, {**data, "features": losing}, tmp_path)
    assert not page.says("Features that cost more than they earn were looked for")
