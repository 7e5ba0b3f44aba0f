"""The page of organizational alignment says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finops import config
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

NAME = "alignment"


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
    assert page.says("No organizations with a call.")
    assert page.says("There is no week with a call, so no line over time is drawn.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards(tmp_path: Path) -> None:
    rows = [
        call(timestamp="2025-01-01T00:00:00", organization_id="org_x", cost_usd="7.5"),
        call(timestamp="2025-01-31T00:00:00", organization_id="", cost_usd="2.5"),
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says("Total cost $10.00")
    assert page.says("Largest organization 75.0% org_x, of cost")
    assert page.says("Unallocated $2.50")
    assert page.says("Organizations 1 with calls")


def test_the_largest_organizations_are_drawn(data: Any, page: Any) -> None:
    assert drawn(page, "organizations")["Cost"] == pytest.approx(
        [row["total_cost"] for row in data["chargeback"]][:15], rel=1e-6
    )
    weekly = drawn(page, "weekly-cost")
    assert list(weekly) == [row["organization_id"] for row in data["chargeback"][:5]]
    for name, costs in weekly.items():
        whole = next(r["total_cost"] for r in data["chargeback"] if r["organization_id"] == name)
        assert sum(costs) == pytest.approx(whole, rel=1e-5)


def test_chargeback_tables_sum_to_the_total(data: Any, page: Any) -> None:
    total = pytest.approx(data["summary"]["total_cost"], abs=0.5)
    assert sum(cells(page, "chargeback", "Cost")) == total
    assert sum(cells(page, "chargeback-products", "Cost")) == total
    assert "unknown" in cells(page, "chargeback", "Organization")


def test_cost_beside_calls(data: Any, page: Any) -> None:
    bars = drawn(page, "shares")
    assert bars["Share of calls"] == pytest.approx(
        [row["call_share_percent"] for row in data["fair_share"]][:15], rel=1e-6
    )
    assert len(cells(page, "fair-share", "Cost")) == len(data["fair_share"])


def test_the_other_views_and_both_ends(data: Any, page: Any) -> None:
    assert cells(page, "by-product", "Product") == [
        {"product_a": "Product A", "product_b": "Product B", "product_c": "Product C"}[
            row["product_id"]
        ]
        for row in data["by_product"]
    ]
    assert cells(page, "by-environment", "Cost per month") == shown(
        [row["monthly_cost"] for row in data["by_environment"]]
    )
    assert cells(page, "most-efficient", "Organization") == [
        row["organization_id"] for row in data["efficiency"]["most"]
    ]
    assert cells(page, "least-efficient", "Organization") == [
        row["organization_id"] for row in data["efficiency"]["least"]
    ]


def test_budgets_and_their_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        call(timestamp=f"2025-01-{day:02d}T{hour:02d}:00:00", cost_usd="0.5")
        for day in range(1, 11)
        for hour in (0, 23)
    ]
    monkeypatch.setattr(config, "BUDGETS", (config.Budget("organization", "org_001", 19.5),))
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says("Use of the budgets for 2025-01")
    shown_row = {
        label: cells(page, "budgets", label)[0]
        for label in ("Scope", "Subject", "Budget", "Spent", "Expected at month end", "Used up on")
    }
    assert list(shown_row.values()) == [
        *("organization", "org_001", 19.5, 10.0, pytest.approx(31), "2025-01-20")
    ]
    assert page.says("159.0%")
    assert page.says("Budget per month")


def test_without_budgets_the_page_says_how_to_set_them(page: Any) -> None:
    assert page.says("No budgets are configured")
    assert not page.says("Budget per month")
