"""The page of abuse detection says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

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
from tests.generators.pages import ranged_days, ranged_values

pytestmark = pytest.mark.once

NAME = "abuse_detection"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_behaviour())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    for name in ("unusual_usage", "rate_limit_abuse", "cost_spikes", "suspicious_access"):
        assert data[name], name
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("No customer shows a signal of abuse.")
    assert page.says("Checked, none found: impossible changes of region.")
    assert page.says("No customer repeatedly hit rate limits within an hour.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, dict(data, evaluation=EVALUATION), tmp_path)


def test_cards(data: Any, page: Any) -> None:
    summary = data["summary"]
    titles = page.values_of("title")
    exposure = next(t for t in titles if t.endswith(" USD"))
    assert float(exposure.split()[0]) == pytest.approx(summary["estimated_exposure_usd_per_month"])
    assert titles.count(str(summary["flagged_customers"])) >= 1
    assert page.says("of single customers")


def test_days_as_lines(data: Any, page: Any) -> None:
    daily = data["daily"]
    assert page.data["charts"]["daily-flagged"]["labels"] == [d["date"] for d in daily]
    assert drawn(page, "daily-flagged") == {"Flagged": [d["flagged_customers"] for d in daily]}
    assert drawn(page, "daily-calls") == {"Calls": [d["call_count"] for d in daily]}
    assert ranged_days(page) == [d["date"] for d in daily]
    assert ranged_values(page, "call_count") == [d["call_count"] for d in daily]


def test_flagged_customers(data: Any, page: Any) -> None:
    rows = data["customers"]
    assert page.data["charts"]["risk"]["labels"] == [row["customer_id"] for row in rows]
    assert drawn(page, "risk") == {"Risk": [row["risk_score"] for row in rows]}
    signals = cells(page, "customers", "Signals")
    assert "unusual usage, cost spikes" in signals
    assert cells(page, "customers", "What to do") == [row["recommended_action"] for row in rows]


def test_of_many_customers_the_riskiest_are_drawn_and_all_listed(data: Any, tmp_path: Path) -> None:
    first = data["customers"][0]
    rows = [dict(first, customer_id=f"c{n:02d}", risk_score=100 - n) for n in range(40)]
    page = page_of(NAME, {**data, "customers": rows}, tmp_path)
    assert len(page.data["charts"]["risk"]["labels"]) == 15
    assert page.says("the first 15 of 40")
    assert page.data["tables"]["customers"]["total"] == 40


def test_unusual_days_in_a_plane(data: Any, tmp_path: Path) -> None:
    row = data["unusual_usage"][0]
    data = {**data, "unusual_usage": [row, {**row, "date": "2025-01-20", "call_count": 7}]}
    page = page_of(NAME, data, tmp_path)
    chart = page.data["charts"]["usage"]
    assert chart["shape"] == "scatter"
    assert chart["labels"][0] == f"{row['customer_id']}, {row['date']}"
    usual, real = drawn(page, "usage").values()
    assert (usual[0], real[0]) == (row["baseline_mean"], row["call_count"])
    assert cells(page, "usage", "Deviation") == pytest.approx(
        [r["z_score"] for r in data["unusual_usage"]]
    )


def test_signals_are_listed(data: Any, page: Any) -> None:
    costs = [r["cost"] for r in data["cost_spikes"]]
    assert cells(page, "costs", "Cost") == pytest.approx(costs, rel=1e-5)
    assert cells(page, "rate-limits", "Rate-limit errors") == [
        r["rate_limit_errors"] for r in data["rate_limit_abuse"]
    ]
    assert cells(page, "access", "Regions") == [
        ", ".join(r["regions"]) for r in data["suspicious_access"]
    ]


def test_value_speaks_of_these_figures(data: Any, page: Any) -> None:
    flagged, customers = (data["summary"][key] for key in ("flagged_customers", "total_customers"))
    assert page.says(f"Flagged by their own calls: {flagged} of {customers} customers.")


def test_detectors_are_shown_where_they_were_scored(data: Any, page: Any, tmp_path: Path) -> None:
    assert not page.says("Detector accuracy")
    assert page_of(NAME, dict(data, evaluation=EVALUATION), tmp_path).says("33 incidents")
