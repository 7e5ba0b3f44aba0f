"""The page of the pricing strategy says what its dict says."""

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
    shown,
)

pytestmark = pytest.mark.once

NAME = "pricing"
TITLES = ["Flat rate", "Usage-based", "Tiered", "Hybrid"]
MODELS = ["flat_rate", "usage_based", "tiered", "hybrid"]


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
    assert page.says("No break-even price: no customer has a known price and enough days.")
    assert page.says(
        "No active customer has a known price and enough days, so no bills are compared."
    )
    bare = page_of(NAME, {}, tmp_path)
    assert bare.says("No pricing model is in this result, so none is drawn.")
    assert bare.says("No prices were tried in this result.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards(data: Any, page: Any) -> None:
    summary = data["summary"]
    assert page.says("Best revenue per month")
    assert f"{summary['best_monthly_revenue']:.0f} USD" in page.values_of("title")
    assert page.says("Flat rate, the highest margin")
    assert page.says(f"Customers compared {summary['customers']} with a known price")


def test_margin_of_each_model(data: Any, page: Any) -> None:
    assert page.data["charts"]["margin-by-model"]["labels"] == TITLES
    assert drawn(page, "margin-by-model")["Margin"] == pytest.approx(
        [row["monthly_margin"] for row in data["models"]]
    )


def test_who_pays_more_and_less(data: Any, page: Any) -> None:
    assert drawn(page, "bills-by-model") == {
        "Pay more": [row["customers_paying_more"] for row in data["models"]],
        "Pay less": [row["customers_paying_less"] for row in data["models"]],
    }


def test_models_table_says_each_rule(page: Any) -> None:
    assert cells(page, "models", "Model") == TITLES
    assert cells(page, "models", "Rule") == [
        "subscriptions of $49.00, $199.00, $999.00",
        "$100.00 per 1,000 calls",
        "$49.00 up to 1,000 calls, $199.00 up to 10,000 calls, $999.00 above",
        "$99.00 and $50.00 per 1,000 calls above 5,000",
    ]


@pytest.mark.parametrize(
    ("prices", "rule"),
    [
        ([], "subscription of the customer"),
        ([1, 2, 3, 4, 5], "subscriptions from $1.00 to $5.00"),
    ],
)
def test_flat_rate_rule_with_no_or_many_prices(
    data: Any, tmp_path: Path, prices: Any, rule: str
) -> None:
    flat = {**data["models"][0], "parameters": {"prices": prices}}
    page = page_of(NAME, {**data, "models": [flat]}, tmp_path)
    assert cells(page, "models", "Rule") == [rule]


def test_thirds_under_each_model(data: Any, page: Any) -> None:
    series = drawn(page, "revenue-by-segment")
    assert list(series) == [*TITLES, "Cost"]
    for model, title in zip(MODELS, TITLES):
        expected = [row["revenue"][model] for row in data["segments"]]
        assert series[title] == pytest.approx(expected)
        assert cells(page, "segments", title) == pytest.approx(expected)
    assert cells(page, "segments", "Segment") == ["Light third", "Medium third", "Heavy third"]


def test_sensitivity_is_margin_at_each_price(data: Any, page: Any) -> None:
    cost = data["summary"]["monthly_cost"]
    margins = [row["monthly_revenue"] - cost for row in data["sensitivity"]]
    assert drawn(page, "sensitivity")["Margin (USD per month)"] == pytest.approx(margins)
    prices = [row["price_per_1k_calls"] for row in data["sensitivity"]]
    assert drawn(page, "sensitivity")["Price per 1,000 calls (USD)"] == prices
    colours = page.data["charts"]["sensitivity"]["colours"]
    assert colours == ["critical" if margin < 0 else "accent" for margin in margins]
    assert len(margins) == 11


def test_bills_of_all_customers(data: Any, page: Any) -> None:
    assert cells(page, "bills", "Customer") == [row["customer_id"] for row in data["customers"]]
    for model, title in zip(MODELS, TITLES):
        assert cells(page, "bills", title) == shown([row[model] for row in data["customers"]])


def test_break_even_is_said(data: Any, tmp_path: Path) -> None:
    page = page_of(NAME, {**data, "break_even_price_per_1k_calls": 12.5}, tmp_path)
    assert page.says("At $12.50 per 1,000 calls the revenue equals the cost.")


def test_unknown_model_keeps_its_name(data: Any, tmp_path: Path) -> None:
    odd = {**data, "models": [{**data["models"][0], "model": "auction"}]}
    assert cells(page_of(NAME, odd, tmp_path), "models", "Model") == ["auction"]
