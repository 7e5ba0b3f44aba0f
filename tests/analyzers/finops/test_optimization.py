from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, DefaultDict, Dict, List

import pytest

from finops import config
from finops.analyzers.finops.optimization import OptimizationAnalyzer
from finops.business.catalog import CATALOG, CLASSES, Model, PriceTable
from tests.analyzers.samples import at, edges, many, run
from tests.support.reference import call

Row = Dict[str, str]
PRICED = {(m.provider, m.name): m for m in CATALOG}


def result_of(rows: List[Row]) -> Dict[str, Any]:
    return run(OptimizationAnalyzer, rows)


def month(rows: List[Row]) -> List[Row]:
    """Add a call without tokens and cost that makes the period thirty days."""
    last = call(
        timestamp=at(29, 23),
        input_tokens=0,
        output_tokens=0,
        cost_usd="0",
        model="nova-lite",
        provider="aws-bedrock",
    )
    return [*rows, last]


def gpt_4(**changes: Any) -> Row:
    fields: Dict[str, Any] = {
        "timestamp": at(0, 0),
        "model": "gpt-4",
        "input_tokens": 1000,
        "output_tokens": 1000,
        "cost_usd": "0.09",
    }
    return call(**{**fields, **changes})


DAYS = [(day, hour) for day in range(30) for hour in (0, 23)]


# --- switches --------------------------------------------------------------------------------


def test_a_switch_by_hand() -> None:
    rows = month([gpt_4(task_type="reasoning", feature_id="analysis") for _ in range(100)])
    result = result_of(rows)
    # 100 x (1,000 x 0.00125 + 1,000 x 0.01) / 1,000 on gemini-2.5-pro, first of two equals.
    assert result["model_switches"] == [
        {
            "feature_id": "analysis",
            "task_type": "reasoning",
            "current_provider": "openai",
            "current_model": "gpt-4",
            "alternative_provider": "google",
            "alternative_model": "gemini-2.5-pro",
            "call_count": 100,
            "current_cost": 9.0,
            "alternative_cost": pytest.approx(1.125),
            "estimated_savings": pytest.approx(7.875),
            "savings_percent": pytest.approx(87.5),
            "monthly_savings": pytest.approx(7.875),
        }
    ]


def test_a_task_that_tolerates_it_goes_one_class_lower_and_not_two() -> None:
    (row,) = result_of(month([gpt_4(task_type="translation")]))["model_switches"]
    assert row["alternative_model"] == "gemini-2.5-flash"


def test_a_failure_that_cost_nothing_stays_free() -> None:
    free = gpt_4(status="error", error_type="rate_limit", cost_usd="0.000000", output_tokens=0)
    (row,) = result_of(month([gpt_4(), free]))["model_switches"]
    assert row["call_count"] == 2
    assert row["current_cost"] == 0.09
    assert row["alternative_cost"] == pytest.approx(0.0003 + 0.0025)


def test_a_failure_that_cost_something_is_priced_again() -> None:
    paid = gpt_4(status="error", error_type="timeout")
    (row,) = result_of(month([gpt_4(), paid]))["model_switches"]
    assert row["alternative_cost"] == pytest.approx(2 * 0.0028)


def brute_force(rows: List[Row]) -> Dict[Any, Any]:
    """Price every call on every allowed model, one by one, and take the cheapest sum."""
    groups: DefaultDict[Any, List[Row]] = defaultdict(list)
    for row in rows:
        groups[row["feature_id"], row["task_type"], row["provider"], row["model"]].append(row)
    found = {}
    for key, calls in groups.items():
        current = PRICED[key[2], key[3]]
        lower = key[1] in ("chat", "summarization", "translation", "classification", "extraction")
        rank = CLASSES.index(current.capability)
        allowed = CLASSES[rank : rank + 1 + lower]
        sums = []
        for model in CATALOG:
            if model.capability in allowed and model != current:
                billed = [r for r in calls if r["status"] != "error" or float(r["cost_usd"]) > 0]
                cost = sum(
                    int(r["input_tokens"]) * model.input_price / 1000
                    + int(r["output_tokens"]) * model.output_price / 1000
                    for r in billed
                )
                sums.append((cost, model.provider, model.name))
        paid = sum(float(r["cost_usd"]) for r in calls)
        best = min(sums)
        if paid - best[0] > paid * config.SWITCH_MIN_SAVINGS_PERCENT / 100:
            found[key] = (*best, paid, len(calls))
    return found


def test_switches_against_a_search_call_by_call() -> None:
    rows = many(900)
    expected = brute_force(rows)
    result = result_of(rows)
    keys = ("feature_id", "task_type", "current_provider", "current_model")
    assert len(result["model_switches"]) == len(expected) > 100
    for row in result["model_switches"]:
        cost, provider, name, paid, calls = expected[tuple(row[k] for k in keys)]
        assert (row["alternative_provider"], row["alternative_model"]) == (provider, name)
        assert row["alternative_cost"] == pytest.approx(cost)
        assert row["current_cost"] == pytest.approx(paid)
        assert row["call_count"] == calls
    order = [(-r["estimated_savings"], *(r[k] for k in keys)) for r in result["model_switches"]]
    assert order == sorted(order)


def test_switches_add_up_by_model() -> None:
    result = result_of(many(900))
    saved: DefaultDict[Any, float] = defaultdict(float)
    for row in result["model_switches"]:
        saved[row["current_model"], row["alternative_model"]] += row["estimated_savings"]
    found = {
        (r["current_model"], r["alternative_model"]): r["estimated_savings"]
        for r in result["switches_by_model"]
    }
    assert found == pytest.approx(dict(saved))
    for row in result["switches_by_model"]:
        assert row["current_cost"] - row["alternative_cost"] == pytest.approx(
            row["estimated_savings"]
        )


def test_a_price_table_of_ones_own() -> None:
    mine = PriceTable(
        (
            Model("openai", "gpt-4", 0.03, 0.06, "frontier", 1, 1.0),
            Model("acme", "better", 0.01, 0.01, "frontier", 1, 1.0),
        )
    )
    (row,) = run(OptimizationAnalyzer, [gpt_4(), gpt_4(timestamp=at(30))], mine)["model_switches"]
    assert (row["alternative_provider"], row["alternative_cost"]) == ("acme", pytest.approx(0.04))


# --- commitment ------------------------------------------------------------------------------


def test_a_commitment_by_hand() -> None:
    moments = [at(0, 0), at(10), at(20), at(29, 23)]
    counts = [4, 8, 2, 6]  # sorted 2 4 6 8: the 25th percentile is the first
    rows = [
        call(timestamp=moments[day], cost_usd="1", model="own", provider="acme")
        for day, count in enumerate(counts)
        for _ in range(count)
    ]
    result = result_of(rows)  # 20 calls, 20 USD in 30 days, on a model without alternatives
    assert result["reserved_capacity"] == {
        "baseline_daily_calls": 2,
        "committed_share_percent": 40.0,  # 2 x 4 of 20
        "discount_percent": 40,
        "current_cost": 20.0,
        "optimized_cost": pytest.approx(16.8),
        "savings": pytest.approx(3.2),  # 40 % off 40 % of 20
        "savings_percent": pytest.approx(16.0),
        "monthly_savings": pytest.approx(3.2),
        "recommended_commitment": 60,
        "commitment_usd_per_month": pytest.approx(8 * 0.6),
    }
    assert result["model_switches"] == []
    # Four hours of 720: what providers sell is paid in every hour, and saves nothing here.
    assert [row["advised"] for row in result["commitments"]] == [False]
    assert result["summary"]["total_monthly_savings"] == 0


def test_no_more_is_committed_than_was_called() -> None:
    counts = [1, 10, 10, 10, 10]  # the quiet day would be 10: 50 of 41 calls
    rows = [call(timestamp=at(d)) for d, count in enumerate(counts) for _ in range(count)]
    reserved = result_of(rows)["reserved_capacity"]
    assert reserved["baseline_daily_calls"] == 10
    assert reserved["committed_share_percent"] == 100.0


def test_what_is_no_longer_used_saves_nothing() -> None:
    rows = [gpt_4(timestamp=at(d, h), cost_usd="3") for d, h in DAYS[:40]]
    rows += [
        call(timestamp=at(d + 30, h), model="nova-lite", provider="aws-bedrock") for d, h in DAYS
    ]
    result = result_of(rows)
    (dead,) = [r for r in result["model_switches"] if r["current_model"] == "gpt-4"]
    assert dead["estimated_savings"] > 100
    assert dead["monthly_savings"] == 0
    said = " ".join([*result["recommendations"], *(f["title"] for f in result["findings"])])
    assert "gpt-4" not in said


def test_a_rate_is_that_of_the_last_thirty_whole_days() -> None:
    """Ten calls a day, then one: what is saved is what one a day saves."""
    rows = [gpt_4(timestamp=at(d, h)) for d, h in DAYS for _ in range(5)]
    rows += [gpt_4(timestamp=at(d + 30, 12)) for d in range(29)] + [gpt_4(timestamp=at(59, 23))]
    rows += [gpt_4(timestamp=at(60, 0))]  # a partial day, of which nothing is concluded
    (row,) = result_of(rows)["model_switches"]
    assert row["monthly_savings"] == pytest.approx(30 * row["estimated_savings"] / 331)


# --- together --------------------------------------------------------------------------------


def test_no_dollar_is_saved_twice() -> None:
    rows = month([gpt_4(task_type="reasoning") for _ in range(99)])
    result = result_of(rows)
    # 8.91 USD; switched to 1.11375; one hour of a month is too few to commit to.
    switched, rest, committed = 99 * 0.07875, 99 * 0.01125, 0.0
    assert result["combined"] == {
        "switch_savings": pytest.approx(switched),
        "cost_after_switches": pytest.approx(rest),
        "commitment_savings": pytest.approx(committed),
        "total_savings": pytest.approx(switched + committed),
        "optimized_cost": pytest.approx(rest - committed),
        "switch_monthly_savings": pytest.approx(switched),
        "commitment_monthly_savings": pytest.approx(committed),
        "total_monthly_savings": pytest.approx(switched + committed),
    }
    assert result["summary"]["total_monthly_savings"] == pytest.approx(switched + committed)
    assert result["summary"]["savings_percent"] == pytest.approx((switched + committed) / 0.0891)
    alone = result["reserved_capacity"]["monthly_savings"]
    assert alone == pytest.approx(8.91 * 0.02 * 0.4)
    assert alone > committed


@pytest.mark.parametrize("edge", list(edges()))
def test_savings_never_exceed_the_cost(edge: str) -> None:
    result = result_of(edges()[edge])
    summary = result["summary"]
    if edge == "unpriced":
        assert summary["total_cost"] is None
        assert set(result["combined"].values()) == {None}
    else:
        assert 0 <= result["combined"]["total_savings"] <= summary["total_cost"] + 1e-12
    known = edge == "mixed"
    assert (summary["savings_percent"] is not None) == known  # the others are under 7 days
    assert (summary["total_monthly_savings"] is not None) == known
    assert 0 <= (summary["savings_percent"] or 0) <= 100


def test_findings_of_models_do_not_overlap() -> None:
    result = result_of(many(900))
    worth = [f["impact_usd_per_month"] or 0.0 for f in result["findings"]]
    assert math.fsum(worth) <= result["summary"]["total_monthly_savings"] + 1e-9


@pytest.mark.unmeasured
def test_sentences() -> None:
    rows = month([gpt_4(task_type="reasoning") for _ in range(99)])
    advice = result_of(rows)["recommendations"]
    assert advice == [
        "Test gpt-5 in place of gpt-4: saves up to $7.80 per month if its answers are good enough.",
    ]
    own = {"model": "own", "provider": "acme", "cost_usd": "1"}
    result = result_of([call(timestamp=at(d, h), **own) for d in range(30) for h in range(24)])
    assert result["recommendations"] == [
        "Commit to the quiet hours of 1 model, beginning with 800 tokens per hour of own, once the "
        "switches are made: saves $288.00 per month."
    ]
    (paid,) = [f for f in result["findings"] if f["kind"] == "saving"]
    assert paid["title"] == "Commitments to 1 model would pay off"
    assert paid["detail"] == (
        "The first: 800 tokens per hour of own, 100.0% used; at 40% off, it pays above 60.0% use. "
        "The savings apply to what the earlier steps leave."
    )
    many_routes = result_of(many(900))["recommendations"]
    assert any(one.startswith("Work through ") for one in many_routes)


def test_where_nothing_is_cheaper_that_is_the_news() -> None:
    rows = [call(provider="mistral", model="ministral-8b", cost_usd="0.00008") for _ in range(4)]
    titles = [f["title"] for f in result_of(rows)["findings"]]
    assert "Every task runs on the cheapest model of its class" in titles
