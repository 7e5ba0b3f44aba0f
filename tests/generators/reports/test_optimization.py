"""The page of rate optimization says what its dict says."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators import formatting
from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    check_whole_page,
    drawn,
    page_of,
    result_of,
    shown,
)
from tests.generators.usage import rows_of_a_season
from tests.support.reference import call

pytestmark = pytest.mark.once

NAME = "optimization"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_a_season())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says(
        "Not checked: cheaper models for the same work; no call is known to cost anything."
    )
    assert page.says("There is no day with a call, so there is nothing to commit to.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards(tmp_path: Path) -> None:
    rows = [
        call(
            timestamp=f"2025-01-{day:02d}T{23 if day > 1 else 0:02d}:00:00",
            model="gpt-4",
            task_type="reasoning",
            input_tokens=1000,
            output_tokens=1000,
            cost_usd="90" if day == 1 else "0.09",
        )
        for day in (1, 30)
    ]
    result = result_of(NAME, rows)
    page = page_of(NAME, result, tmp_path)
    # 90.09 USD become an eighth: gpt-5 costs 0.01125 a call by list, gpt-4 0.09.
    assert page.says("The easiest step $78.83 per month: cheaper models of the same class")
    assert page.says("Savings per month $78.83 all steps together")
    assert page.says("Cost per month $90.09")


def test_steps_lead_from_the_cost_to_what_remains(data: Any, page: Any) -> None:
    steps = [row["monthly_savings"] for row in data["steps"]]
    costs = drawn(page, "steps")["Cost"]
    assert [before - after for before, after in zip(costs, costs[1:])] == pytest.approx(
        steps, rel=1e-3, abs=1e-3
    )
    saved = data["summary"]["total_monthly_savings"]
    assert costs[0] * data["summary"]["savings_percent"] / 100 == pytest.approx(saved, rel=1e-4)
    assert page.says("Cheaper models of the same class and vendor")


def test_savings_by_model(data: Any, page: Any) -> None:
    saved: Dict[Any, float] = defaultdict(float)
    for row in data["model_switches"]:
        saved[row["current_model"]] += row["monthly_savings"]
    chart = page.data["charts"]["savings-by-model"]
    found = dict(zip(chart["labels"], chart["series"][0]["values"]))
    largest = sorted(saved.items(), key=lambda item: -item[1])[:12]
    assert found == pytest.approx(dict(largest), rel=1e-5)


def test_tables_are_complete_but_for_what_saves_nothing_now(data: Any, page: Any) -> None:
    assert cells(page, "switches", "Savings") == shown(
        [row["estimated_savings"] for row in data["model_switches"] if row["monthly_savings"]]
    )
    assert cells(page, "routes", "Alternative") == [
        row["alternative_model"] for row in data["switches_by_model"] if row["monthly_savings"]
    ]


def test_the_commitment_lies_under_the_days(data: Any, page: Any) -> None:
    lines = drawn(page, "daily-calls")
    calls = {row["date"]: row["call_count"] for row in data["daily"]}
    labels = page.data["charts"]["daily-calls"]["labels"]
    assert lines["Calls"] == [calls.get(day, 0) for day in labels]
    assert set(labels) > set(calls)
    baseline = data["reserved_capacity"]["baseline_daily_calls"]
    assert set(lines["Commitment"]) == {baseline}
    share = formatting.percent(data["reserved_capacity"]["committed_share_percent"])
    assert page.says(
        f"A quiet day (25th percentile) has {baseline:,.0f} calls; so many on each day"
    )
    assert page.says(f"are {share} of all calls.")


def test_commitments_say_what_is_paid_for_nothing(tmp_path: Path) -> None:
    rows = [
        call(timestamp=f"2025-01-{day:02d}T{hour:02d}:00:00", cost_usd="1")
        for day in range(1, 31)
        for hour in (0, 9, 10, 23)
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert cells(page, "commitments", "Used") == [pytest.approx(16.67, abs=0.01)]
    assert cells(page, "commitments", "Savings per month") == [pytest.approx(120 - 432)]
    assert cells(page, "commitments", "Advised") == ["no"]
    assert page.says("Checked, none found: savings from a commitment.")


def test_a_break_even_use_that_all_commitments_share_is_said_once(
    data: Any, page: Any, tmp_path: Path
) -> None:
    def headings(made: Any) -> List[str]:
        return [column["label"] for column in made.data["tables"]["commitments"]["columns"]]

    rows = data["commitments"]
    assert len(rows) > 1
    assert {row["break_even_utilization_percent"] for row in rows} == {60}  # 100 less 40% off
    assert "Break-even use" not in headings(page)
    assert page.says("Below 60.0% use, a commitment costs more than it saves.")

    other = [{**rows[0], "break_even_utilization_percent": 55.0}, *rows[1:]]
    page = page_of(NAME, {**data, "commitments": other}, tmp_path)
    assert cells(page, "commitments", "Break-even use")[:2] == [55.0, 60]
    assert page.says("Below its break-even use, a commitment costs more than it saves.")


def test_retired_models_in_use(tmp_path: Path) -> None:
    rows = [
        call(timestamp=f"2026-10-{day:02d}T{hour:02d}:00:00", model="gpt-4", cost_usd="1")
        for day in range(1, 31)
        for hour in (0, 23)
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert cells(page, "lifecycle", "Successor") == ["gpt-5.6-sol"]
    assert cells(page, "lifecycle", "Cost per month") == [60.0]
    assert page.says("gpt-4 was retired on 23 Oct 2026 and still costs $60.00 per month")
