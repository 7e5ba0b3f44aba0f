from __future__ import annotations

import doctest
from collections import defaultdict
from typing import Any, DefaultDict, Dict, List

import pytest

from finops.analyzers.finops import understanding
from finops.analyzers.finops.understanding import UnderstandingAnalyzer
from tests.analyzers.samples import at, edges, many, run
from tests.support.reference import call


def result_of(rows: List[Dict[str, str]]) -> Dict[str, Any]:
    return run(UnderstandingAnalyzer, rows)


def two_models() -> List[Dict[str, str]]:
    """Two calls of gpt-4 for 6 USD in all, two of nova-lite for 2 USD, on two days."""
    dear = {"provider": "openai", "model": "gpt-4", "cost_usd": "3", "customer_id": "b"}
    cheap = {"provider": "aws-bedrock", "model": "nova-lite", "cost_usd": "1"}
    return [
        call(timestamp=at(0, 0), input_tokens=600, output_tokens=400, **dear),
        call(timestamp=at(0, 1), input_tokens=600, output_tokens=400, **dear),
        call(timestamp=at(0, 2), input_tokens=1000, output_tokens=1000, customer_id="a", **cheap),
        call(timestamp=at(2, 0), input_tokens=1000, output_tokens=1000, customer_id="c", **cheap),
    ]


def test_the_example_in_the_text_holds() -> None:
    assert doctest.testmod(understanding).failed == 0


def test_summary_by_hand() -> None:
    summary = result_of(two_models())["summary"]
    assert summary["total_calls"] == 4
    assert summary["total_cost"] == 8.0
    assert summary["total_tokens"] == 6000
    assert summary["unique_customers"] == 3
    assert summary["avg_cost_per_call"] == 2.0
    assert summary["avg_daily_cost"] == pytest.approx(8 / (2 + 1 / 24))  # the third has an hour
    assert summary["forecast_30_days"] is None  # under seven covered days
    assert summary["trend_percent"] is None
    assert summary["monthly_cost"] is None
    assert "projected_30_days" not in summary
    assert summary["unpriced_calls"] == 0


def test_providers_and_models_by_hand() -> None:
    result = result_of(two_models())
    assert result["by_provider"] == [
        {
            "provider": "openai",
            "call_count": 2,
            "total_cost": 6.0,
            "total_tokens": 2000,
            "avg_cost_per_call": 3.0,
            "share_percent": 75.0,
        },
        {
            "provider": "aws-bedrock",
            "call_count": 2,
            "total_cost": 2.0,
            "total_tokens": 4000,
            "avg_cost_per_call": 1.0,
            "share_percent": 25.0,
        },
    ]
    assert [(r["model"], r["cost_per_1k_tokens"]) for r in result["by_model"]] == [
        ("gpt-4", 3.0),
        ("nova-lite", 0.5),
    ]
    assert result["efficiency"] == [
        {
            "provider": "aws-bedrock",
            "model": "nova-lite",
            "tokens_per_dollar": 2000.0,
            "total_cost": 2.0,
        },
        {"provider": "openai", "model": "gpt-4", "tokens_per_dollar": 1000 / 3, "total_cost": 6.0},
    ]


def test_equal_costs_are_in_order_of_the_key() -> None:
    customers = [row["customer_id"] for row in result_of(two_models())["by_customer"]]
    assert customers == ["b", "a", "c"]


def test_a_customer_has_the_tier_of_its_latest_call() -> None:
    rows = [
        call(timestamp=at(0), subscription_tier="starter"),
        call(timestamp=at(1), subscription_tier="enterprise"),
    ]
    assert [r["subscription_tier"] for r in result_of(rows)["by_customer"]] == ["enterprise"]


def test_active_days_only() -> None:
    days = result_of(two_models())["daily"]
    assert days == [
        {"date": "2025-01-01", "call_count": 3, "total_cost": 7.0},
        {"date": "2025-01-03", "call_count": 1, "total_cost": 1.0, "partial": True},
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("section", "columns"),
    [
        ("by_provider", ("provider",)),
        ("by_model", ("provider", "model")),
        ("by_customer", ("customer_id",)),
        ("by_feature", ("feature_id",)),
        ("by_organization", ("organization_id",)),
        ("by_product", ("product_id",)),
        ("by_task_type", ("task_type",)),
        ("by_environment", ("environment",)),
    ],
)
def test_every_breakdown_against_a_plain_count(section: str, columns: Any) -> None:
    rows = many()
    costs: DefaultDict[Any, float] = defaultdict(float)
    calls: DefaultDict[Any, int] = defaultdict(int)
    tokens: DefaultDict[Any, int] = defaultdict(int)
    for row in rows:
        key = tuple(row[column] for column in columns)
        costs[key] += float(row["cost_usd"])
        calls[key] += 1
        tokens[key] += int(row["total_tokens"])
    found = result_of(rows)[section]
    keys = [tuple(r[column] for column in columns) for r in found]
    assert keys == sorted(costs, key=lambda k: (-costs[k], k))
    whole = sum(costs.values())
    for key, row in zip(keys, found):
        assert row["call_count"] == calls[key]
        assert row["total_cost"] == pytest.approx(costs[key])
        assert row["share_percent"] == pytest.approx(costs[key] / whole * 100)
        if "total_tokens" in row:
            assert row["total_tokens"] == tokens[key]
    assert sum(row["share_percent"] for row in found) == pytest.approx(100)


def two_weeks(first: float, last: float) -> List[Dict[str, str]]:
    """Seven days at one daily cost, then seven at another, a call at nine each."""
    costs = [first] * 7 + [last] * 7
    return [call(timestamp=at(day), cost_usd=str(cost)) for day, cost in enumerate(costs)]


def test_a_rise_of_half_is_a_finding_with_its_worth() -> None:
    result = result_of(two_weeks(10, 15))
    assert result["summary"]["trend_percent"] == pytest.approx(50.0)
    rise = next(f for f in result["findings"] if f["title"] == "Daily cost is up 50.0%")
    assert rise["impact_usd_per_month"] == pytest.approx(150.0)  # 5 USD a day more
    assert any("$150.00 per month" in advice for advice in result["recommendations"])


def test_a_fall_is_good_news() -> None:
    titles = {f["title"]: f for f in result_of(two_weeks(10, 5))["findings"]}
    assert titles["Daily cost is down 50.0%"]["severity"] == "success"


def test_thirteen_whole_days_have_no_trend() -> None:
    assert result_of(two_weeks(10, 15)[1:])["summary"]["trend_percent"] is None


def test_a_partial_last_day_changes_no_trend() -> None:
    hours = [call(timestamp=at(d, h), cost_usd="1") for d in range(19) for h in range(24)]
    begun = [call(timestamp=at(19, h), cost_usd="1") for h in range(2)]
    whole, partial = result_of(hours), result_of(hours + begun)
    assert whole["summary"]["trend_percent"] == partial["summary"]["trend_percent"] == 0.0
    titles = [[f["title"] for f in result["findings"]] for result in (whole, partial)]
    assert titles[0] == titles[1]
    assert partial["daily"][-1]["partial"]


def test_costs_that_are_not_known_make_no_trend_and_no_forecast() -> None:
    rows = [call(timestamp=at(day), cost_usd="2") for day in range(20)]
    unknown = {"provider": "acme", "model": "mystery-1", "cost_usd": ""}
    rows += [call(timestamp=at(day), **unknown) for day in range(20, 40)]
    result = result_of(rows)
    summary = result["summary"]
    assert (summary["total_cost"], summary["unpriced_calls"]) == (40.0, 20)
    assert summary["trend_percent"] is summary["forecast_30_days"] is None
    assert summary["avg_cost_per_call"] is None
    assert result["forecast"]["projection"] == []
    assert not any("Daily cost" in f["title"] for f in result["findings"])
    assert {row["model"]: row["cost_per_1k_tokens"] for row in result["by_model"]} == {
        "gpt-4o": 2.5,
        "mystery-1": None,
    }


def test_a_model_no_longer_used_is_no_lever() -> None:
    rows = [call(timestamp=at(day), model="gpt-4", cost_usd="6") for day in range(20)]
    rows += [call(timestamp=at(day), cost_usd="0.01") for day in range(20, 120)]
    result = result_of(rows)
    assert not any("gpt-4 " in f["title"] for f in result["findings"])
    assert not any("gpt-4:" in advice for advice in result["recommendations"])


def test_a_model_that_takes_more_cost_than_calls_is_named() -> None:
    rows = two_models()[:2] + two_models()[2:] * 5
    result = result_of(rows)  # gpt-4: 2 of 12 calls, 6 of 16 USD
    found = next(f for f in result["findings"] if f["title"].startswith("gpt-4"))
    assert found["title"] == "gpt-4 takes 37.5% of the cost"
    assert "16.7% of the calls" in found["detail"]
    assert result["recommendations"][0].startswith("Review what uses gpt-4")


def test_staging_and_development_are_worth_a_budget_from_a_tenth() -> None:
    rows = [call(environment="production")] * 9 + [call(environment="staging")]
    text = " ".join(result_of(rows)["recommendations"])
    assert "environments other than production: they take 10.0%" in text
    rows = [call(environment="production")] * 10 + [call(environment="staging")]
    assert "environments" not in " ".join(result_of(rows)["recommendations"])


def test_unknown_environments_are_not_called_other_than_production() -> None:
    advice = result_of([call(environment="")])["recommendations"]
    assert not any("environments" in one for one in advice)


def test_a_steady_cost_can_be_planned() -> None:
    rows = [call(timestamp=at(d, h), cost_usd="1") for d in range(30) for h in (0, 23)]
    result = result_of(rows)
    assert result["summary"]["forecast_30_days"] == pytest.approx(60.0)
    assert result["summary"]["monthly_cost"] == pytest.approx(60.0)
    test = {"horizon_days": 14, "mape_percent": 0.0, "tries": 21}
    assert result["forecast"]["backtest"] == test
    assert any(
        advice.startswith("Plan $60.00 for the next 30 days")
        for advice in result["recommendations"]
    )


def test_a_cost_that_jumps_cannot_be_planned() -> None:
    rows = [call(timestamp=at(d), cost_usd=str(1 + d * d % 17 * 9)) for d in range(30)]
    assert not any(a.startswith("Plan") for a in result_of(rows)["recommendations"])


def test_models_without_a_price_are_to_be_priced() -> None:
    advice = result_of(edges()["unpriced"])["recommendations"]
    assert advice == [
        "Add prices for the models of 3 unpriced calls: their cost is missing from every total."
    ]


def test_the_top_tenth_of_the_customers() -> None:
    rows = [call(customer_id=f"c{i:02d}", cost_usd="1") for i in range(10)]
    rows += [call(customer_id="c10", cost_usd="30")]
    titles = [f["title"] for f in result_of(rows)["findings"]]
    assert "2 customers cause 77.5% of the cost" in titles  # 30 + 1 of 40


def test_of_two_levers_the_larger_comes_first() -> None:
    """Neither has a worth of its own, and by title the smaller would come first."""
    cheap = [call(timestamp=at(0), model="nova-lite", cost_usd="0.01") for _ in range(20)]
    rows = [call(timestamp=at(0), model="alpha", cost_usd="2"), *cheap]
    result = result_of([*rows, call(timestamp=at(0), model="omega", cost_usd="6")])
    titles = [f["title"] for f in result["findings"] if f["severity"] == "warning"]
    assert [title.split(" takes ")[0] for title in titles if " takes " in title] == [
        "omega",
        "alpha",
    ]
