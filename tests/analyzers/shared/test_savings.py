"""The allocation of savings: its order by hand, and that no dollar is saved twice."""

from __future__ import annotations

import math
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.finops.optimization import OptimizationAnalyzer
from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.lifecycle import retiring_models
from finops.analyzers.shared.savings import SAVINGS_TABLES, STEPS, Savings, Step, savings_of
from finops.business.catalog import CATALOG, Model
from finops.business.price_table import PriceTable
from tests.analyzers.samples import at, many, run
from tests.support.reference import ReferenceDataset, call

Row = Dict[str, str]
TABLES = tuple(dict.fromkeys((*SAVINGS_TABLES, *OptimizationAnalyzer.TABLES)))


def month(**changes: Any) -> List[Row]:
    """Return two calls on each of thirty whole days, 60 in all."""
    fields: Dict[str, Any] = {"input_tokens": 1000, "output_tokens": 1000, **changes}
    return [call(timestamp=at(day, hour), **fields) for day in range(30) for hour in (0, 23)]


def allocated(rows: List[Row], steps: Any = STEPS) -> Savings:
    data = ReferenceDataset(rows).rollups(TABLES)
    return savings_of(data, covered_days(data), steps)


def saved(rows: List[Row]) -> Dict[str, float]:
    return {row.step: row.monthly_savings for row in allocated(rows).steps()}


# 60 calls of 1,000 in and out: gpt-4 at 0.09 costs 5.40; gpt-5 and gemini-2.5-pro at 0.01125
# cost 0.675, gemini-2.5-flash at 0.0028 costs 0.168.
GPT_4 = {"model": "gpt-4", "cost_usd": "0.09"}


def test_the_easiest_step_comes_first_and_the_next_takes_from_the_rest() -> None:
    steps = allocated(month(task_type="translation", **GPT_4)).steps()
    assert [(row.step, row.confidence) for row in steps] == [
        ("same_vendor_model", "medium"),  # gpt-5; no other of the class is cheaper
        ("lower_class_model", "low"),
    ]
    expected = [5.4 - 0.675, 0.675 - 0.168]
    assert [row.monthly_savings for row in steps] == pytest.approx(expected)
    assert steps[-1].cumulative == pytest.approx(math.fsum(expected))


def test_hours_that_are_all_alike_are_committed_to_and_two_a_day_are_not() -> None:
    own = {"model": "own", "provider": "acme", "cost_usd": "1"}
    rows = [call(timestamp=at(day, hour), **own) for day in range(30) for hour in range(24)]
    assert saved(rows) == {"commitment": pytest.approx(720 * 0.4)}
    assert saved(month(**own)) == {}


def test_the_successor_of_a_retired_model_comes_first() -> None:
    """60 calls of 1,000 in and out for 5.40 USD: 1.80 on the successor, then gpt-5 for 0.675."""
    successor = Model("openai", "gpt-5.6-sol", 0.01, 0.02, "frontier", 0, 1.0)
    rows = [
        {**row, "timestamp": row["timestamp"].replace("2025-01", "2026-10")}
        for row in month(task_type="reasoning", **GPT_4)
    ]
    data = ReferenceDataset(rows, PriceTable((*CATALOG, successor))).rollups(TABLES)
    steps = savings_of(data, covered_days(data)).steps()
    assert [(row.step, row.confidence) for row in steps] == [
        ("successor", "high"),
        ("same_vendor_model", "medium"),
    ]
    assert [row.monthly_savings for row in steps] == pytest.approx([3.6, 1.8 - 0.675])


def test_who_pays_above_list_would_do_so_on_the_successor() -> None:
    successor = Model("openai", "gpt-5.6-sol", 0.01, 0.02, "frontier", 0, 1.0)
    rows = [
        {**row, "timestamp": row["timestamp"].replace("2025-01", "2026-10")}
        for row in month(task_type="reasoning", **{**GPT_4, "cost_usd": "0.9"})
    ]
    data = ReferenceDataset(rows, PriceTable((*CATALOG, successor))).rollups(TABLES)
    first, *_ = savings_of(data, covered_days(data)).steps()
    assert first.step == "successor"
    assert first.monthly_savings == pytest.approx(10 * 3.6)
    (row,) = retiring_models(data, covered_days(data))
    assert (row.monthly_cost_on_successor, row.savings) == pytest.approx((18.0, 36.0))


def test_a_dearer_successor_saves_nothing_and_hides_no_other_saving() -> None:
    successor = Model("openai", "gpt-5.6-sol", 0.1, 0.2, "frontier", 0, 1.0)
    rows = [
        {**row, "timestamp": row["timestamp"].replace("2025-01", "2026-10")}
        for row in month(task_type="reasoning", **GPT_4)
    ]
    data = ReferenceDataset(rows, PriceTable((*CATALOG, successor))).rollups(TABLES)
    steps = savings_of(data, covered_days(data)).steps()
    assert [row.step for row in steps] == ["same_vendor_model"]
    assert steps[0].monthly_savings == pytest.approx(5.4 - 0.675)


def test_who_pays_far_above_list_saves_at_that_ratio() -> None:
    """5.40 by list, billed as 540: whatever makes it 100 times as much does so elsewhere."""
    rows = month(task_type="reasoning", **{**GPT_4, "cost_usd": "9"})
    steps = allocated(rows).steps()
    assert [row.step for row in steps] == ["same_vendor_model"]
    assert steps[0].monthly_savings == pytest.approx(100 * (5.4 - 0.675))


def test_a_discount_holds_for_the_model_that_it_was_given_for() -> None:
    steps = allocated(month(task_type="reasoning", **{**GPT_4, "cost_usd": "0.045"})).steps()
    assert steps[0].monthly_savings == pytest.approx(2.7 - 0.675)


def test_what_was_paid_for_no_tokens_goes_down_with_no_model() -> None:
    rows = month(task_type="extraction", **GPT_4, **{"input_tokens": 0, "output_tokens": 0})
    assert not any("model" in step for step in saved(rows))


def test_a_task_that_may_wait_is_batched_on_the_model_it_runs_on_then() -> None:
    result = run(OptimizationAnalyzer, month(task_type="extraction", **GPT_4))
    assert [row["step"] for row in result["steps"]] == [
        *("same_vendor_model", "lower_class_model", "batch"),
    ]  # what waits for a batch is not committed to as well
    assert result["batch"] == [
        {
            "feature_id": "chat",
            "task_type": "extraction",
            "call_count": 60,
            "monthly_cost": pytest.approx(0.168),
            "monthly_savings": pytest.approx(0.084),
        }
    ]


def test_caching_as_much_as_all_calls_to_the_model() -> None:
    # nova-lite, the cheapest of its class: 0.00006 a thousand, 0.000015 from a cache.
    nova: Dict[str, Any] = {
        **{"provider": "aws-bedrock", "model": "nova-lite", "output_tokens": 0},
        **{"input_tokens": 1_000_000, "task_type": "reasoning"},
    }
    cached = {"cached_input_tokens": 500_000, "cost_usd": "0.0375", "feature_id": "chat"}
    plain = {"cost_usd": "0.06", "feature_id": "search"}
    rows = month(**nova, **cached) + month(**nova, **cached) + month(**nova, **plain)
    assert "caching" not in saved(rows)  # 60 calls are too few to judge
    rows += month(**nova, **plain)
    result = run(OptimizationAnalyzer, rows)
    assert result["caching"] == [
        {
            "feature_id": "search",
            "provider": "aws-bedrock",
            "model": "nova-lite",
            "call_count": 120,
            "hit_percent": 0.0,
            "reached_percent": pytest.approx(25.0),  # of all
            "monthly_savings": pytest.approx(120 * 250 * (0.00006 - 0.000015)),
        }
    ]
    assert result["recommendations"][0].startswith("Cache more of the input of search: saves up to")
    (shown, *_) = [each for each in result["findings"] if each["overlaps"] == "caching"]
    assert shown["impact_usd_per_month"] == result["caching"][0]["monthly_savings"]


def test_what_was_made_at_a_batch_price_is_not_made_cheaper_again() -> None:
    rows = month(task_type="extraction", service_tier="batch", **GPT_4)
    assert saved(rows) == {}


def test_another_vendor_of_the_class_comes_after_ones_own() -> None:
    # standard: gpt-4o 0.0125, gpt-4.1 0.01, gemini-2.5-flash 0.0028 for 1,000 in and out.
    rows = month(model="gpt-4o", cost_usd="0.0125", task_type="reasoning")
    moves = allocated(rows).moves()
    assert [(row.step, row.alternative_model) for row in moves] == [
        ("same_vendor_model", "gpt-4.1"),
        ("same_class_model", "gemini-2.5-flash"),
    ]
    assert [row.monthly_cost for row in moves] == pytest.approx([0.75, 0.6])
    assert [row.monthly_savings for row in moves] == pytest.approx([0.15, 0.6 - 0.168])
    assert moves[0].savings_percent == pytest.approx(20.0)


def test_a_retired_model_is_no_alternative() -> None:
    rows = month(provider="anthropic", model="claude-haiku-4-5", cost_usd="0.006")
    assert "same_vendor_model" not in saved(rows)  # claude-instant is gone since 2024


def test_tokens_from_a_cache_have_the_price_of_their_class() -> None:
    rows = month(
        **{"model": "gpt-4o", "task_type": "reasoning", "output_tokens": 0},
        **{"cached_input_tokens": 1000, "cost_usd": "0.00125"},
    )
    (first, *_) = allocated(rows).moves()
    # 1,000 tokens read from a cache cost 0.0005 on gpt-4.1, not the 0.002 of fresh ones.
    assert (first.step, first.alternative_model) == ("same_vendor_model", "gpt-4.1")
    assert first.monthly_savings == pytest.approx(60 * (0.00125 - 0.0005))


def test_a_step_that_makes_dearer_or_free_money_is_cut() -> None:
    def double(lines: Any, data: Any, span: Any) -> Any:
        return [line._replace(cost=line.cost * 2) for line in lines]

    def below_nothing(lines: Any, data: Any, span: Any) -> Any:
        return [line._replace(cost=-1.0) for line in lines]

    steps = [Step("double", "low", "low", double), Step("less", "low", "low", below_nothing)]
    assert allocated(month(), steps).total == 0.0


def test_under_a_week_nothing_is_said_per_month() -> None:
    rows = [row for row in month(**GPT_4) if row["timestamp"] < at(5)]
    result = run(OptimizationAnalyzer, rows)
    assert (result["steps"], result["moves"], result["batch"]) == ([], [], [])
    assert result["summary"]["total_monthly_savings"] is None
    assert result["summary"]["first_step"] is None


def test_the_figures_of_the_page_are_one_allocation() -> None:
    result = run(OptimizationAnalyzer, many(900))
    steps = {row["step"]: row["monthly_savings"] for row in result["steps"]}
    assert result["summary"]["total_monthly_savings"] == pytest.approx(math.fsum(steps.values()))
    assert result["summary"]["first_step_monthly_savings"] == steps["same_vendor_model"]
    by_move: Dict[str, float] = {}
    for row in result["moves"]:
        by_move[row["step"]] = by_move.get(row["step"], 0.0) + row["monthly_savings"]
    assert by_move == pytest.approx({name: steps[name] for name in by_move})
    switched = math.fsum(row["monthly_savings"] for row in result["model_switches"])
    assert switched == pytest.approx(math.fsum(by_move.values()))
    assert math.fsum(row["monthly_savings"] for row in result["batch"]) == pytest.approx(
        steps["batch"]
    )


@st.composite
def usages(draw: Any) -> List[Row]:
    """Return calls on all models for some tasks, some free, some unpriced, some credits."""
    rows = []
    for number in range(draw(st.integers(1, 12))):
        model = draw(st.sampled_from(CATALOG))
        inputs, outputs = draw(st.integers(0, 5000)), draw(st.integers(0, 5000))
        cost = draw(st.sampled_from(["0", "0.00001", "0.5", "", "-0.2"]))
        fields = {
            "provider": model.provider,
            "model": draw(st.sampled_from([model.name, "unheard-of"])),
            "input_tokens": inputs,
            "output_tokens": outputs,
            "cached_input_tokens": draw(st.sampled_from(["", 0, inputs])),
            "cost_usd": cost,
            "task_type": draw(st.sampled_from(["chat", "reasoning", "extraction"])),
            "service_tier": draw(st.sampled_from(["", "batch", "standard"])),
            "status": draw(st.sampled_from(["success", "error"])),
        }
        first = draw(st.integers(0, 40))
        every = draw(st.integers(1, 9))
        rows += [call(timestamp=at(day, number), **fields) for day in range(first, 45, every)]
    return rows


@given(usages())
def test_no_more_is_saved_than_was_spent(rows: List[Row]) -> None:
    savings = allocated(rows)
    spent = math.fsum(max(0.0, line.cost) for line in savings.lines)
    assert all(stage.saved >= 0 for stage in savings.stages)
    assert math.fsum(stage.saved for stage in savings.stages) <= spent + 1e-9
    assert all(0 <= share <= 1 for share in savings.left_share().values())
    if savings.total is not None:
        rows_of_steps = savings.steps()
        assert savings.total == pytest.approx(
            math.fsum(row.monthly_savings for row in rows_of_steps), abs=1e-9
        )
