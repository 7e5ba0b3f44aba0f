"""The page of token economics says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from tests.generators.behaviour import EVALUATION
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
from tests.generators.pages import ranged_days, ranged_values
from tests.support.reference import call

pytestmark = pytest.mark.once

NAME = "token_economics"


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
    assert page.says("No call has one of the patterns, so there is no waste to draw.")
    assert page.says("enough for any customer.")
    assert page.says("No day has a call, so no line over time is drawn.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, dict(data, evaluation=EVALUATION), tmp_path)


def test_waste_beside_calls_of_unknown_cost_is_a_lower_bound(tmp_path: Path) -> None:
    wasting = {"model": "gpt-4", "input_tokens": "2000", "output_tokens": "100"}
    rows = [call(cost_usd="0.066", **wasting), call(model="without-a-price", cost_usd="")]
    short = [call(model="gpt-5-mini", input_tokens="300", cost_usd="0")] * 5
    page = page_of(NAME, result_of(NAME, [*short, *rows]), tmp_path / "some")
    assert page.says("Wasted ≥ $0.0540 in the period")
    page = page_of(NAME, result_of(NAME, [*short, rows[1]]), tmp_path / "none")
    assert page.says("Wasted n/a in the period")


def test_cards(data: Any, page: Any) -> None:
    summary = data["summary"]
    titles = page.values_of("title")
    savings = next(t for t in titles if t.endswith(" USD"))
    assert float(savings.split()[0]) == pytest.approx(summary["monthly_savings"])
    tokens = summary["total_input_tokens"] + summary["total_output_tokens"]
    assert f"{tokens} tokens" in titles
    assert page.says("Tokens per dollar")


def test_days_as_lines(data: Any, page: Any) -> None:
    chart = page.data["charts"]["daily-tokens"]
    assert chart["shape"] == "line"
    assert chart["labels"] == [row["date"] for row in data["daily_tokens"]]
    assert drawn(page, "daily-tokens") == {
        "Input": [row["input_tokens"] for row in data["daily_tokens"]],
        "Output": [row["output_tokens"] for row in data["daily_tokens"]],
    }


def test_figures_that_follow_the_chosen_dates(data: Any, page: Any) -> None:
    assert ranged_days(page) == [row["date"] for row in data["daily_tokens"]]
    cost = sum(ranged_values(page, "total_cost"))
    assert cost == pytest.approx(data["summary"]["total_cost"])
    price = cost / sum(ranged_values(page, "tokens")) * 1e6
    assert price == pytest.approx(data["summary"]["cost_per_1m_tokens"])
    named = {one["over"][0] for one in page.data["cards"].values()}
    assert named == {"total_cost", "tokens"}


def test_models_by_efficiency_and_by_price(data: Any, page: Any) -> None:
    rows = data["efficiency"]
    (cost,) = drawn(page, "cost-per-1m").values()
    dearest = sorted((row["cost_per_1m_tokens"] for row in rows), reverse=True)
    assert cost == pytest.approx(dearest[:24])
    assert cells(page, "efficiency", "Model") == [row["model"] for row in rows]


def test_of_many_models_the_first_are_drawn_and_all_listed(data: Any, tmp_path: Path) -> None:
    first = data["efficiency"][0]
    rows = [{**first, "model": f"m{n:02d}", "cost_per_1m_tokens": 1 + n} for n in range(40)]
    page = page_of(NAME, {**data, "efficiency": rows}, tmp_path)
    assert len(page.data["charts"]["cost-per-1m"]["labels"]) == 24
    assert page.says("the first 24 of 40")
    assert page.data["tables"]["efficiency"]["total"] == 40


def test_waste_beside_the_cost_of_its_calls(data: Any, page: Any) -> None:
    patterns = data["wasteful_patterns"]
    assert page.data["charts"]["waste"]["labels"] == [
        "Long prompts, short answers",
        "Simple tasks, expensive models",
    ]
    assert drawn(page, "waste") == {
        "Cost of these calls": pytest.approx([one["cost"] for one in patterns.values()]),
        "Wasted": pytest.approx([one["wasted_cost"] for one in patterns.values()]),
    }
    wasted = [row["wasted_cost"] for one in patterns.values() for row in one["customers"]]
    assert cells(page, "waste", "Wasted") == shown(sorted(wasted, reverse=True))
    found = list(zip(cells(page, "waste", "Customer"), cells(page, "waste", "Pattern")))
    assert len(set(found)) == len(wasted)


def test_one_pattern_alone(data: Any, tmp_path: Path) -> None:
    one = {"inefficient_prompt": data["wasteful_patterns"]["inefficient_prompt"]}
    page = page_of(NAME, {**data, "wasteful_patterns": one}, tmp_path)
    assert page.data["charts"]["waste"]["labels"] == ["Long prompts, short answers"]
    assert page.says("Checked, none found: simple tasks, expensive models.")


def test_switches_are_listed_and_summed(data: Any, page: Any) -> None:
    rows = data["opportunities"]
    assert rows
    assert cells(page, "opportunities", "Savings") == shown([r["savings"] for r in rows])
    by_model: Dict[str, Any] = {}
    for row in rows:
        by_model[row["current_model"]] = by_model.get(row["current_model"], 0) + row["savings"]
    first = sorted(by_model.values(), reverse=True)[:12]
    assert drawn(page, "savings-by-model")["Savings"] == pytest.approx(first)
    assert page.data["charts"]["savings-by-customer"]["horizontal"]


def test_value_speaks_of_these_figures(data: Any, page: Any) -> None:
    wasteful = sum(one["call_count"] for one in data["wasteful_patterns"].values())
    assert page.says(f"Calls that fit a wasteful pattern ({wasteful}) are listed by customer.")


def test_wasters_and_how_well_they_are_found(data: Any, page: Any, tmp_path: Path) -> None:
    assert page.says(
        "Checked, none found: customers who regularly send long prompts with short answers."
    )
    waster = {
        "customer_id": "cust_0007",
        "call_count": 40,
        "share_percent": 12.5,
        "cost": 3.0,
        "wasted_cost": 2.0,
    }
    found = page_of(NAME, dict(data, prompt_wasters=[waster], evaluation=EVALUATION), tmp_path)
    assert cells(found, "wasters", "Customer") == ["cust_0007"]
    assert cells(found, "wasters", "Share of its calls") == [12.5]
    assert found.says("They found 30 of 33 incidents")
    assert not page.says("Detector accuracy")


def test_what_was_cached_is_shown_or_said_to_be_unknown(page: Any, tmp_path: Path) -> None:
    assert page.says("This source does not say what was cached; costs may be an upper bound.")
    rows = [call(input_tokens=1000, cached_input_tokens=400, cost_usd="0.004")]
    cached = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert cached.says("40.0% of the input tokens were read from a cache.")
    assert cells(cached, "cache", "Cached") == [40.0]
    assert "Input read from a cache" in cells(cached, "token-classes", "Class")
    assert not cached.says("does not say what was cached")


def test_a_cached_share_names_the_input_that_it_leaves_out(tmp_path: Path) -> None:
    rows = [
        call(source="codex", input_tokens=1000, cached_input_tokens=400, cost_usd="0.004"),
        call(source="plain", input_tokens=9000, cost_usd="0.004"),
    ]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says(
        "40.0% of the input tokens were read from a cache, as far as the sources say. Sources with "
        "9,000 tokens of input do not say what was cached: they are left out"
    )
    assert cells(page, "cache", "Input tokens") == [1000]
