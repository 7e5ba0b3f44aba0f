"""The page of customer profitability says what its dict says."""

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
from tests.support.reference import call

pytestmark = pytest.mark.once

NAME = "profitability"


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
    assert page.says("No customer costs more than it pays, so there is no loss to draw.")
    assert page.says(
        "No active customer has a known price and enough days, so no margin is listed."
    )
    assert page.says("Checked, none found: customers without a known price.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards_have_units_and_exact_values(tmp_path: Path) -> None:
    rows = [
        call(timestamp="2025-01-01T00:00:00", customer_id="a", cost_usd="250.125"),
        call(timestamp="2025-01-01T00:00:00", customer_id="b", cost_usd="10"),
        call(timestamp="2025-01-30T23:00:00", customer_id="b", cost_usd="0"),
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    card = page.text[page.text.index("Margin after AI cost") :][:3]
    assert card[1:3] == ["$137.88", "per month"]
    assert "137.875 USD" in page.values_of("title")
    assert page.says("Unprofitable 1 of 2 customers")
    assert page.says("Lost on these -$51.13 per month")


def test_losses_are_drawn_and_listed_worst_first(data: Any, page: Any) -> None:
    losing = data["unprofitable"]["customers"]
    assert len(losing) > 2  # else this shows nothing
    assert cells(page, "unprofitable", "Customer") == [row["customer_id"] for row in losing]
    chart = page.data["charts"]["losses"]
    assert chart["labels"] == [row["customer_id"] for row in losing[:15]]
    assert drawn(page, "losses")["Loss"] == pytest.approx(
        [-row["monthly_margin"] for row in losing[:15]]
    )
    assert cells(page, "unprofitable", "Cost per month") == shown(
        [row["break_even_price"] for row in losing]
    )
    assert page.says("The cost per month is also the break-even price")


def test_categories_are_coloured_by_meaning(data: Any, page: Any) -> None:
    chart = page.data["charts"]["categories"]
    assert chart["labels"] == ["High margin", "Medium margin", "Low margin", "Unprofitable"]
    assert drawn(page, "categories")["Customers"] == list(data["categories"].values())
    assert chart["colours"] == ["success", "accent", "warning", "critical"]


def test_every_customer_is_a_point_of_cost_and_margin(data: Any, page: Any) -> None:
    chart = page.data["charts"]["customers-margin"]
    assert chart["labels"] == [row["customer_id"] for row in data["customers"]]
    assert drawn(page, "customers-margin")["Margin (USD per month)"] == pytest.approx(
        [row["monthly_margin"] for row in data["customers"]]
    )


def test_revenue_stands_beside_cost(data: Any, page: Any) -> None:
    for chart, section in (("tiers", "by_tier"), ("archetypes", "by_archetype")):
        assert page.data["charts"][chart]["labels"] == [row["key"] for row in data[section]]
        assert drawn(page, chart) == {
            "Revenue": pytest.approx([row["monthly_revenue"] for row in data[section]]),
            "Cost": pytest.approx([row["monthly_cost"] for row in data[section]]),
        }


def test_line_over_time(data: Any, page: Any) -> None:
    chart = page.data["charts"]["daily-margin"]
    assert chart["shape"] == "line"
    assert chart["labels"] == [row["date"] for row in data["daily"]]
    assert drawn(page, "daily-margin")["Cost"] == pytest.approx(
        [row["cost"] for row in data["daily"]]
    )


def test_all_customers_with_category_in_words(data: Any, page: Any) -> None:
    assert cells(page, "customers", "Customer") == [row["customer_id"] for row in data["customers"]]
    words = {row["category"].replace("_", " ").capitalize() for row in data["customers"]}
    assert set(cells(page, "customers", "Category")) == words


def test_customer_without_price_is_listed(page: Any) -> None:
    assert page.says("Customers left out: price not known")
    assert page.says("cust_00007")
    assert page.says("trial")


def test_first_25_customers_and_how_many_more(data: Any, tmp_path: Path) -> None:
    many = result_of(NAME, rows_of_a_business(customers=120, calls=360))
    page = page_of(NAME, many, tmp_path)
    assert page.data["tables"]["customers"]["total"] == 119
    assert page.says("and 94 more")


def test_category_of_another_version_is_shown_as_it_is(data: Any, tmp_path: Path) -> None:
    odd = {**data, "customers": [{**data["customers"][0], "category": "splendid"}]}
    assert cells(page_of(NAME, odd, tmp_path), "customers", "Category") == ["splendid"]


def test_dates_in_advice_are_as_people_write_them(data: Any, tmp_path: Path) -> None:
    advice = {
        "customer_id": "cust_1",
        "reason": "gone",
        "advice": "Win back cust_1: no call since 2025-07-23, $199.00 per month lost.",
        "monthly_worth": 199.0,
    }
    page = page_of(NAME, {**data, "advice": [advice]}, tmp_path)
    said = "Win back cust_1: no call since 23 Jul 2025, $199.00 per month lost."
    assert cells(page, "advice", "Advice") == [said]
    assert page.says(said)
