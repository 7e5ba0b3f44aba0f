"""Small files as people have them, from the bytes to the figure: each kind with its right value."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Iterable, List

import pytest

from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import at
from tests.rollups.test_dataset import csv_of
from tests.support.reference import call

Row = Dict[str, str]


def result_of(name: str, folder: Path, rows: Iterable[Row]) -> Dict[str, Any]:
    path = folder / "calls.csv"
    path.write_bytes(csv_of(list(rows)))
    result: Dict[str, Any] = ANALYZER_REGISTRY[name].analyzer(path).analyze()
    return result


def daily(days: int, cost: str = "0.5", **changes: Any) -> List[Row]:
    return [call(timestamp=at(day, 12), cost_usd=cost, **changes) for day in range(days)]


@pytest.mark.parametrize(("provider", "model"), [("ollama", "command-r"), ("self-hosted", "gpt-4")])
def test_a_model_of_one_s_own_has_no_list_price(provider: str, model: str, tmp_path: Path) -> None:
    rows = daily(5, "", provider=provider, model=model)
    summary = result_of("understanding", tmp_path, rows)["summary"]
    assert (summary["unpriced_calls"], summary["total_cost"]) == (5, None)
    assert summary["avg_cost_per_call"] is None


def test_a_tier_is_the_same_in_capitals_and_with_blanks(tmp_path: Path) -> None:
    rows = [
        {**row, "customer_id": f"c{n}", "subscription_tier": tier, "tier_price_usd": ""}
        for n, tier in enumerate(("Pro", "pro ", "PRO", "pro"))
        for row in daily(40)
    ]
    rows.sort(key=lambda row: row["timestamp"])
    summary = result_of("profitability", tmp_path, rows)["summary"]
    assert (summary["monthly_revenue"], summary["customers_without_price"]) == (4 * 199.0, 0)


def test_one_row_without_an_end_of_line_is_one_call(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(daily(1)).rstrip(b"\r\n"))
    summary = ANALYZER_REGISTRY["understanding"].analyzer(path).analyze()["summary"]
    assert (summary["total_calls"], summary["total_cost"]) == (1, 0.5)


def test_a_move_to_an_unpriced_model_is_no_fall_of_cost(tmp_path: Path) -> None:
    rows = [
        call(
            timestamp=at(day, 12),
            **({"cost_usd": "2"} if day < 20 else {"cost_usd": "", "model": "gpt-9-preview"}),
        )
        for day in range(40)
    ]
    result = result_of("understanding", tmp_path, rows)
    summary = result["summary"]
    assert (summary["total_cost"], summary["unpriced_calls"]) == (40.0, 20)
    assert (summary["trend_percent"], summary["forecast_30_days"]) == (None, None)
    assert not any("Daily cost" in each["title"] for each in result["findings"])


def test_two_hours_of_a_last_day_are_no_fall(tmp_path: Path) -> None:
    rows = [call(timestamp=at(n // 24, n % 24), cost_usd="1") for n in range(19 * 24 + 2)]
    assert result_of("understanding", tmp_path, rows)["summary"]["trend_percent"] == 0
