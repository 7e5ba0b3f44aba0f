"""The page of usage and cost says what its dict says."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any, Dict

import pytest

from finops.generators import cost_change
from finops.timestamps import days_between
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

NAME = "understanding"


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
        "No forecast: it needs 7 covered days on which the cost of every call is known."
    )
    assert page.says("No costs of features.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards_have_units_and_exact_values(tmp_path: Path) -> None:
    rows = [
        call(timestamp="2025-01-01T00:00:00", cost_usd="1204.546875", output_tokens=1_200_000),
        call(timestamp="2025-01-03T00:00:00", cost_usd="0"),
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says("Total cost $1,204.55")
    assert "1204.546875 USD" in page.values_of("title")
    assert page.says("1.2M tokens")
    assert "1201300 tokens" in page.values_of("title")


def test_history_and_forecast_share_one_line_chart(data: Any, page: Any) -> None:
    chart = page.data["charts"]["daily-cost"]
    series = {one["label"]: one for one in chart["series"]}
    costs = {row["date"]: row["total_cost"] for row in data["daily"]}
    ahead = data["forecast"]["projection"]
    days = days_between(min(costs), max(costs))
    assert chart["labels"] == days + [row["date"] for row in ahead]
    assert series["Cost"]["values"][: len(days)] == pytest.approx(
        [costs.get(day, 0.0) for day in days], rel=1e-6
    )
    assert series["Cost"]["values"][len(days) :] == [None] * 30
    assert series["Forecast"]["values"][: len(days)] == [None] * len(days)
    for label, key in (("Forecast", "cost"), ("Range from", "low"), ("Range to", "high")):
        assert series[label]["values"][len(days) :] == pytest.approx(
            [row[key] for row in ahead], rel=1e-6
        )
    assert [series[label].get("style") for label in ("Range from", "Range to")] == ["low", "high"]


def test_the_forecast_says_how_it_was_tested(data: Any, page: Any) -> None:
    tries = data["forecast"]["backtest"]["tries"]
    assert page.says(
        f"In a backtest from {tries} days of the data, each time up to 14 days ahead, "
        "the forecast was off"
    )


@pytest.mark.parametrize(
    ("tested", "said"),
    [
        (
            {"horizon_days": 14, "mape_percent": 25, "tries": 91},
            "In a backtest from 91 days of the data, each time up to 14 days ahead, the forecast "
            "was off by 25.0% per day on average, within the 25% that is acceptable for planning.",
        ),
        (
            {"horizon_days": 1, "mape_percent": 75.1, "tries": 1},
            "In a backtest from 1 day of the data, each time up to 1 day ahead, the forecast was "
            "off by 75.1% per day on average, more than the 25% that is acceptable for planning.",
        ),
    ],
)
def test_the_forecast_says_whether_it_can_be_planned_with(
    data: Any, tmp_path: Path, tested: Dict[str, Any], said: str
) -> None:
    forecast = {**data["forecast"], "backtest": tested}
    assert page_of(NAME, {**data, "forecast": forecast}, tmp_path).says(said)


def test_a_short_history_says_how_much_more_it_needs(tmp_path: Path) -> None:
    page = page_of(NAME, result_of(NAME, [call()]), tmp_path)
    assert page.says("Based on less than 0.1 covered days")
    assert page.says("Figures per month need 7 covered days: 7 more.")


def test_bars_are_the_dearest_ten(data: Any, page: Any) -> None:
    assert drawn(page, "cost-by-model")["Cost"] == pytest.approx(
        [row["total_cost"] for row in data["by_model"][:10]], rel=1e-6
    )
    assert page.data["charts"]["cost-by-provider"]["labels"][0] in (
        "OpenAI",
        "Anthropic",
        "Google",
        "AWS Bedrock",
        "Azure",
        "Mistral",
        "Cohere",
    )


@pytest.mark.parametrize(
    ("table", "section"),
    [
        ("by-provider", "by_provider"),
        ("by-model", "by_model"),
        ("by-customer", "by_customer"),
        ("by-organization", "by_organization"),
        ("by-feature", "by_feature"),
        ("by-task-type", "by_task_type"),
        ("by-product", "by_product"),
        ("by-environment", "by_environment"),
    ],
)
def test_tables_hold_every_row(data: Any, page: Any, table: str, section: str) -> None:
    assert cells(page, table, "Cost") == shown([row["total_cost"] for row in data[section]])
    assert cells(page, table, "Calls") == [row["call_count"] for row in data[section]]


def test_efficiency_is_complete(data: Any, page: Any) -> None:
    assert cells(page, "efficiency", "Tokens per USD") == shown(
        [row["tokens_per_dollar"] for row in data["efficiency"]]
    )


def test_why_the_cost_changed_is_said_in_sentences(tmp_path: Path) -> None:
    rows = [
        call(
            timestamp=f"2025-01-{day:02d}T{hour:02d}:00:00",
            cost_usd="2" if day > 7 else "1",
            customer_id="b" if day > 7 and hour else "a",
        )
        for day in range(1, 15)
        for hour in (0, 23)
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says(
        "The last 7 whole days, 8 Jan 2025 to 14 Jan 2025, cost $28.00: $14.00 more than the "
        "7 days before, which cost $14.00."
    )
    assert page.says(
        "Price: +$14.00. The same tokens at other prices; mainly gpt-4o of OpenAI (+$14.00)."
    )
    assert page.says("Volume: $0. More or fewer tokens for the same work.")
    assert page.says(
        "1 customer without calls before +$14.00, 0 customers without calls now $0, all others $0."
    )


def test_a_change_that_is_not_known_says_what_it_needs(tmp_path: Path) -> None:
    page = page_of(NAME, result_of(NAME, [call()]), tmp_path)
    assert page.says(
        "Not known yet: it needs 14 whole days on which the cost of every call is known."
    )


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(cost_change).failed == 0
