"""Token economics by hand, and waste and switches worked out again call by call."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.advanced.token_economics import TokenEconomicsAnalyzer, overpriced
from finops.analyzers.finops.optimization import OptimizationAnalyzer
from finops.business.catalog import CATALOG, DEFAULT_PRICES, Model, PriceTable
from tests.analyzers.samples import many
from tests.analyzers.ubr.support import EDGES, calls, month, run
from tests.support.covered import covered_shares, times_of
from tests.support.reference import ReferenceDataset, call

CELL = {"call_count", "cost", "wasted_cost", "customers"}


def analyze(*rows: Any, **options: Any) -> Any:
    return run(TokenEconomicsAnalyzer, month(*rows), **options)


def price_of(model: str, inputs: Any, outputs: Any) -> Any:
    priced = DEFAULT_PRICES.find("openai", model)
    assert priced is not None
    return priced.cost(inputs, outputs)


def used(model: str, inputs: Any, outputs: Any, **changes: Any) -> Any:
    cost = changes.pop("cost_usd", f"{price_of(model, inputs, outputs):.6f}")
    return call(model=model, input_tokens=inputs, output_tokens=outputs, cost_usd=cost, **changes)


def ordinary(count: int) -> Any:
    """Return so many short prompts of the same feature and task, which cost nothing."""
    return [used("gpt-5-mini", 300, 300, customer_id="z", cost_usd="0") for _ in range(count)]


def test_summary_and_efficiency_by_hand() -> None:
    result = analyze(
        used("gpt-4o", 1000, 500),  # 0.0025 + 0.005
        used("gpt-4o", 1000, 500),
        used("gpt-4", 1000, 1000),  # 0.03 + 0.06
    )
    summary = result["summary"]
    assert summary["total_cost"] == pytest.approx(0.105)
    assert (summary["total_input_tokens"], summary["total_output_tokens"]) == (3000, 2000)
    assert summary["tokens_per_dollar"] == pytest.approx(5000 / 0.105)
    assert summary["cost_per_1m_tokens"] == pytest.approx(21.0)
    assert result["efficiency"] == [
        {
            "provider": "openai",
            "model": "gpt-4o",
            "call_count": 2,
            "total_tokens": 3000,
            "total_cost": pytest.approx(0.015),
            "tokens_per_dollar": pytest.approx(200_000),
            "cost_per_1m_tokens": pytest.approx(5.0),
            "input_output_ratio": 0.5,
        },
        {
            "provider": "openai",
            "model": "gpt-4",
            "call_count": 1,
            "total_tokens": 2000,
            "total_cost": pytest.approx(0.09),
            "tokens_per_dollar": pytest.approx(2000 / 0.09),
            "cost_per_1m_tokens": pytest.approx(45.0),
            "input_output_ratio": 1.0,
        },
    ]


def test_a_model_of_failures_alone_has_no_cost_per_token() -> None:
    failed = call(model="broken", input_tokens=0, output_tokens=0, cost_usd="0", status="error")
    last = analyze(failed, used("gpt-4", 100, 100))["efficiency"][-1]
    names = ("tokens_per_dollar", "cost_per_1m_tokens", "input_output_ratio")
    assert (last["model"], [last[name] for name in names]) == ("broken", [None, None, None])


def test_inefficient_prompt_wastes_90_percent_of_the_inputs_cost() -> None:
    result = analyze(
        used("gpt-4", 2000, 100, customer_id="a"),  # input 0.06
        used("gpt-4", 2000, 200, customer_id="a"),  # 10 % is not under 10 %
        used("gpt-4", 1000, 10, customer_id="a"),  # 1,000 is not over 1,000
        used("gpt-4o", 4000, 0, customer_id="b"),  # input 0.01
        used("gpt-4", 2000, 0, customer_id="c", status="error", error_type="timeout"),
        *ordinary(5),
    )
    pattern = result["wasteful_patterns"]["inefficient_prompt"]
    assert set(pattern) == CELL
    assert pattern["call_count"] == 2
    assert pattern["cost"] == pytest.approx(0.076)
    assert pattern["wasted_cost"] == pytest.approx(0.063)
    assert pattern["customers"] == [
        {
            "customer_id": "a",
            "call_count": 1,
            "cost": pytest.approx(0.066),
            "wasted_cost": pytest.approx(0.054),
        },
        {
            "customer_id": "b",
            "call_count": 1,
            "cost": pytest.approx(0.01),
            "wasted_cost": pytest.approx(0.009),
        },
    ]
    assert result["summary"]["wasted_cost"] == pytest.approx(0.063)


def test_calls_of_unknown_cost_are_not_said_to_waste_nothing() -> None:
    unpriced = call(model="without-a-price", cost_usd="")
    frugal = [used("gpt-5-mini", 300, 300)] * 3
    wasting = used("gpt-4", 2000, 100)  # 90 % of 0.06

    def wasted(*rows: Any) -> Any:
        return analyze(*rows)["summary"]["wasted_cost"]

    assert wasted(*frugal) == 0
    assert wasted(*frugal, unpriced) is None
    assert wasted(*frugal, wasting, unpriced) == pytest.approx(0.054)


def test_wasters_are_listed_with_their_share_and_their_waste() -> None:
    rows = [used("gpt-4o", 2000, 100, customer_id="a")] * 30
    rows += [used("gpt-4o", 400, 300, customer_id="a")] * 20
    rows += [used("gpt-4o", 2000, 100, customer_id="b")] * 2
    rows += [used("gpt-4o", 400, 300, customer_id="b")] * 98
    (found,) = analyze(*rows)["prompt_wasters"]
    assert (found["customer_id"], found["call_count"]) == ("a", 30)
    assert found["share_percent"] == pytest.approx(60.0)
    assert found["wasted_cost"] == pytest.approx(30 * 0.9 * 0.005)  # 2,000 input tokens


def test_unknown_models_prompt_is_split_by_tokens() -> None:
    result = analyze(
        call(provider="acme", model="x", input_tokens=3000, output_tokens=0, cost_usd="2"),
        call(provider="acme", model="x", input_tokens=1950, output_tokens=50, cost_usd="3"),
        *ordinary(3),
    )
    # One cell of 5 USD, of whose tokens 99 % are input.
    pattern = result["wasteful_patterns"]["inefficient_prompt"]
    assert pattern["wasted_cost"] == pytest.approx(5 * 0.99 * 0.9)


def test_prompt_that_cost_less_than_list_wastes_no_more_than_it_cost() -> None:
    rows = [used("gpt-4", 2000, 1, cost_usd="0.01"), *ordinary(2)]
    pattern = analyze(*rows)["wasteful_patterns"]
    assert pattern["inefficient_prompt"]["wasted_cost"] == pytest.approx(0.009)


def test_overpriced_simple_task_wastes_the_difference_to_the_cheapest() -> None:
    result = analyze(
        used("gpt-4", 100, 99, customer_id="a"),
        used("gpt-4", 100, 100, customer_id="a"),  # 200 is not under 200
        used("gpt-4.1", 10, 10, customer_id="a"),  # blended exactly 5 USD per 1M
        used("gpt-4o", 100, 50, customer_id="b", cost_usd="0"),  # free already
    )
    pattern = result["wasteful_patterns"]["overpriced_simple_task"]
    assert pattern["call_count"] == 2
    # 0.003 + 0.00594, against ministral-8b at 0.0001 per 1,000 tokens either way.
    assert pattern["wasted_cost"] == pytest.approx(0.00894 - 199 * 1e-7)
    assert [row["wasted_cost"] for row in pattern["customers"]][1] == 0


def test_overpriced_limit() -> None:
    dear = [m.name for m in CATALOG if overpriced(m)]
    assert "gpt-4o" in dear
    assert "gpt-5" in dear
    assert "gpt-4.1" not in dear
    assert "mistral-large" not in dear


def test_opportunity_by_hand() -> None:
    # 40 calls of 1,000 + 1,000 tokens: 3.60 on gpt-4, 0.45 on the frontier model
    # gemini-2.5-pro (gpt-5 costs the same and comes later), the best that reasoning may use.
    rows = [used("gpt-4", 1000, 1000, task_type="reasoning") for _ in range(40)]
    result = analyze(*rows)
    assert result["opportunities"] == [
        {
            "customer_id": "cust_0001",
            "current_provider": "openai",
            "current_model": "gpt-4",
            "alternative_provider": "google",
            "alternative_model": "gemini-2.5-pro",
            "call_count": 40,
            "current_cost": pytest.approx(3.6),
            "alternative_cost": pytest.approx(0.45),
            "savings": pytest.approx(3.15),
            "savings_percent": pytest.approx(87.5),
        }
    ]
    assert result["recommendations"] == [
        "Test the cheaper models of Rate Optimization: saves up to $3.15 per month if their "
        "answers are good enough."
    ]
    assert not any("Cheaper models" in each["title"] for each in result["findings"])


def test_cheaper_models_are_a_finding_where_there_are_several_customers() -> None:
    names = ["a", "b"] * 40
    rows = [used("gpt-4", 1000, 1000, task_type="reasoning", customer_id=name) for name in names]
    assert analyze(*rows)["findings"][0]["title"] == "Cheaper models for 2 customers"


def test_savings_up_to_1_usd_are_not_listed() -> None:
    rows = [used("gpt-4", 1000, 1000, task_type="reasoning") for _ in range(12)]
    assert analyze(*rows)["opportunities"] == []  # 12 × 0.07875 = 0.945


def test_free_failures_offer_nothing() -> None:
    failed = [
        used("gpt-4", 10**6, 0, cost_usd="0", status="error", error_type="rate_limit")
        for _ in range(3)
    ]
    rows = [used("gpt-4", 1000, 1000, task_type="reasoning") for _ in range(40)]
    (row,) = analyze(*rows, *failed)["opportunities"]
    assert row["savings"] == pytest.approx(3.15)


def test_task_that_tolerates_less_goes_one_class_lower() -> None:
    rows = [used("gpt-4", 1000, 1000, task_type="chat") for _ in range(40)]
    rows += [used("gpt-4", 1000, 1000, task_type="reasoning") for _ in range(20)]
    alternatives = [r["alternative_model"] for r in analyze(*rows)["opportunities"]]
    assert alternatives == ["gemini-2.5-flash", "gemini-2.5-pro"]


def test_no_dollar_is_saved_twice() -> None:
    # Every call that costs is wasteful and switchable: 80 × (0.06 + 0.006) on gpt-4.
    rows = [used("gpt-4", 2000, 100, task_type="reasoning") for _ in range(80)]
    short = [{**row, "task_type": "reasoning"} for row in ordinary(81)]
    result = analyze(*short, *rows)
    (switch,) = result["opportunities"]
    assert result["summary"]["wasted_cost"] == pytest.approx(4.32)
    assert switch["savings"] == pytest.approx(5.28 - 0.28)
    (waste,) = [each for each in result["findings"] if each["kind"] == "saving"]
    # Of 5.28 the savings leave a part, and of the waste as large a part.
    left = (5.28 - result["summary"]["monthly_savings"]) / 5.28
    assert left == pytest.approx(0.28 / 5.28)
    assert waste["impact_usd_per_month"] == pytest.approx(4.32 * left)


def long_prompts(*rows: Any) -> Any:
    return analyze(*rows)["wasteful_patterns"]["inefficient_prompt"]["call_count"]


def test_work_whose_prompts_are_long_by_nature_wastes_nothing() -> None:
    agent = [used("gpt-4", 9000, 100, feature_id="agent", task_type="agent")] * 100
    few = [used("gpt-4", 9000, 100, feature_id="search", task_type="chat")] * 49
    few += [used("gpt-4", 900, 100, feature_id="search", task_type="chat")] * 51
    assert long_prompts(*agent, *few) == 49


@pytest.mark.parametrize(("inputs", "count"), [(1800, 0), (1801, 1)])
def test_a_long_prompt_has_over_three_times_the_median_of_its_feature_and_task(
    inputs: int, count: int
) -> None:
    # The nearest-rank median of 400, 600, 600 and the prompt itself is 600; of the other task
    # it is 50, which says nothing of this one.
    rows = [used("gpt-5-mini", size, 300) for size in (400, 600, 600)]
    other = [used("gpt-5-mini", 50, 300, task_type="reasoning") for _ in range(9)]
    assert long_prompts(*rows, *other, used("gpt-4", inputs, 10)) == count


def test_failed_calls_have_no_part_in_the_median() -> None:
    rows = [used("gpt-4", 900, 10, status="error", error_type="timeout") for _ in range(9)]
    assert long_prompts(*rows, *ordinary(3), used("gpt-4", 1500, 10)) == 1


def test_an_aggregate_is_no_long_prompt() -> None:
    rows = [used("gpt-4", 40_000, 800, calls=40), used("gpt-4", 40_000, 800), *ordinary(3)]
    assert long_prompts(*rows) == 1
    assert long_prompts(*rows, used("gpt-4", 40_000, 800, calls=0)) == 1


def of_days(first: int, last: int, *rows: Any) -> Any:
    """Return the rows on each of some days of 2025-01."""
    days = [f"2025-01-{day:02d}" for day in range(first, last + 1)]
    return [{**row, "timestamp": f"{day}T12:00:00"} for day in days for row in rows]


def test_waste_per_month_is_that_of_the_last_30_whole_days(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What was wasted before counts in the period and not in the rate."""
    monkeypatch.setattr(config, "PROMPT_WASTER_MIN_CALLS", 1)
    edges = [used("gpt-5-mini", 300, 300, timestamp=f"2025-0{end}", cost_usd="0")
             for end in ("1-01T00:00:00", "2-09T23:59:59")]  # fmt: skip
    spring = of_days(1, 5, used("gpt-4", 2000, 1), used("gpt-4", 10, 10), *ordinary(3))
    later = of_days(11, 31, *ordinary(2))
    (waste,) = of_days(12, 12, used("gpt-4", 2000, 1))
    result = run(TokenEconomicsAnalyzer, [*edges, *spring, *later, waste])
    prompts, simple = result["wasteful_patterns"].values()
    assert prompts["wasted_cost"] == pytest.approx(6 * 0.054)
    assert simple["wasted_cost"] > 0
    # 2025-01-11 to 2025-02-09: one prompt of 0.06, of which 0.054 are waste, and no simple task.
    long = next(f for f in result["findings"] if f["overlaps"] == "inefficient_prompt")
    assert "$0.05 per month is wasted before the steps" in long["detail"]
    short = next(f for f in result["findings"] if f["overlaps"] == "overpriced_simple_task")
    assert (short["impact_usd_per_month"], short["severity"]) == (0, "info")
    assert not any("simple" in sentence for sentence in result["recommendations"])


def test_titles_name_what_their_findings_are_worth() -> None:
    rows = [used("gpt-4", 2000, 100, task_type="reasoning") for _ in range(80)]
    short = [{**row, "task_type": "reasoning"} for row in ordinary(81)]
    (waste,) = [f for f in analyze(*short, *rows)["findings"] if f["kind"] == "saving"]
    named = float(waste["title"].split("$")[1].split(" per month")[0])
    assert named == pytest.approx(waste["impact_usd_per_month"], abs=0.005)


def test_there_is_one_saving() -> None:
    rows = many(300)
    savings = run(TokenEconomicsAnalyzer, rows)["summary"]["monthly_savings"]
    assert savings == run(OptimizationAnalyzer, rows)["summary"]["total_monthly_savings"] > 0


def test_waste_sentences_name_customer_model_and_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "PROMPT_WASTER_MIN_CALLS", 1)
    rows = [used("gpt-4", 2000, 1, customer_id="long"), used("gpt-4", 10, 10, customer_id="short")]
    result = analyze(*ordinary(3), *rows)
    remaining = {f["overlaps"]: f["impact_usd_per_month"] for f in result["findings"]}
    assert result["recommendations"] == [
        "Cache what long prompts repeat, then shorten them: "
        f"${remaining['inefficient_prompt']:.4f} per month is wasted on 1 long prompt of 1 "
        "customer with hardly any answer.",
        f"Route simple tasks to ministral-8b: ${remaining['overpriced_simple_task']:.4f} per "
        "month is wasted on 1 short call to expensive models.",
    ]
    # What the savings leave of the second is under half a percent of the cost.
    assert [f["severity"] for f in result["findings"]] == ["warning", "info"]
    assert "an answer under 10% of that" in result["findings"][0]["detail"]


def test_a_few_long_prompts_are_no_pattern_and_no_good_news() -> None:
    """One call of a coding agent with a long context was said to waste half of the cost."""
    few = [used("gpt-4", 2000, 1) for _ in range(19)]
    result = analyze(*ordinary(30), *few)
    assert result["wasteful_patterns"]["inefficient_prompt"]["call_count"] == 19
    said = [one["overlaps"] or one["title"] for one in result["findings"]]
    assert "inefficient_prompt" not in said
    assert "No tokens are wasted" not in said
    assert not any("long prompt" in sentence for sentence in result["recommendations"])
    enough = analyze(*ordinary(30), *few, few[0])
    assert "inefficient_prompt" in [one["overlaps"] for one in enough["findings"]]


def test_what_is_worth_most_is_advised_first() -> None:
    """A long prompt wastes less here than a thousand short calls, each to an expensive model."""
    long = used("gpt-4", 2000, 10, customer_id="long")
    result = analyze(*[long] * 20, *[used("gpt-4", 90, 90, customer_id="short")] * 1000)
    waste = {name: one["wasted_cost"] for name, one in result["wasteful_patterns"].items()}
    assert waste["overpriced_simple_task"] > waste["inefficient_prompt"] > 0
    advice = result["recommendations"]
    assert {one.split()[0] for one in advice} == {"Test", "Route", "Cache"}
    worth = [float(one.split("$")[1].split(" per month")[0].replace(",", "")) for one in advice]
    assert worth == sorted(worth, reverse=True)
    assert len(set(worth)) == len(worth)


def test_nothing_wasted_is_said() -> None:
    result = analyze(used("gpt-5-mini", 500, 500), used("gpt-5-mini", 500, 500))
    assert [f["severity"] for f in result["findings"]] == ["success"]
    assert result["recommendations"] == []


def test_daily_tokens() -> None:
    rows = [
        used("gpt-4o", 10, 1, timestamp="2025-01-02T23:59:59", cost_usd="0.5"),
        used("gpt-4o", 20, 2, timestamp="2025-01-01T00:00:00", cost_usd="0.25"),
        used("gpt-4o", 30, 3, timestamp="2025-01-02T00:00:00", cost_usd="1"),
    ]
    assert run(TokenEconomicsAnalyzer, rows)["daily_tokens"] == [
        {"date": "2025-01-01", "input_tokens": 20, "output_tokens": 2, "total_cost": 0.25},
        {"date": "2025-01-02", "input_tokens": 40, "output_tokens": 4, "total_cost": 1.5},
    ]


def test_prices_are_those_of_the_dataset() -> None:
    prices = PriceTable(
        (
            Model("openai", "gpt-4", 0.1, 0.1, "frontier", 1, 1),
            Model("acme", "free", 0.0, 0.0, "economy", 1, 1),
        )
    )
    rows = month(used("gpt-4", 100, 50, cost_usd="7"))
    pattern = run(TokenEconomicsAnalyzer, rows, prices=prices)["wasteful_patterns"]
    assert pattern["overpriced_simple_task"]["wasted_cost"] == 7


def test_no_price_table_at_all() -> None:
    rows = month(used("gpt-4", 10, 10), used("gpt-4", 5000, 1))
    result = run(TokenEconomicsAnalyzer, rows, prices=PriceTable(()))
    assert result["opportunities"] == []
    assert result["wasteful_patterns"]["overpriced_simple_task"]["call_count"] == 0


@pytest.mark.parametrize("name", sorted(EDGES))
def test_edges_are_complete(name: str) -> None:
    result = run(TokenEconomicsAnalyzer, EDGES[name])
    assert result["summary"]["total_calls"] == len(EDGES[name])
    assert list(result["wasteful_patterns"]) == ["inefficient_prompt", "overpriced_simple_task"]
    assert all(set(pattern) == CELL for pattern in result["wasteful_patterns"].values())


def waste_again(rows: Any) -> Any:
    """Second implementation of both patterns' call counts and of the simple tasks' waste."""
    long = short = 0
    callers: Dict[Any, Any] = {}
    answered = [row for row in ReferenceDataset(rows).calls if row["status"] != "error"]
    for row in answered:
        like = sorted(
            other["input_tokens"]
            for other in answered
            if (other["feature_id"], other["task_type"]) == (row["feature_id"], row["task_type"])
        )
        inputs, outputs, cost = row["input_tokens"], row["output_tokens"], row["cost_pico"] / 1e12
        size = inputs if inputs < 4000 else inputs // 100 * 100
        if inputs > 1000 and 10 * outputs < inputs and size > 3 * like[(len(like) - 1) // 2]:
            long += 1
        prices = [m for m in CATALOG if (m.provider, m.name) == (row["provider"], row["model"])]
        dear = prices and round(1000 * (prices[0].input_price + prices[0].output_price), 6) > 10
        if inputs + outputs < 200 and dear:
            short += 1
            key = (row["customer_id"], row["provider"], row["model"])
            listed = (inputs * prices[0].input_price + outputs * prices[0].output_price) / 1000
            more = (cost, listed, (inputs + outputs) * 1e-7)
            callers[key] = [a + b for a, b in zip(callers.get(key, (0, 0, 0)), more)]
    return long, short, sum(waste_of(*sums) for sums in callers.values())


def waste_of(paid: float, listed: float, cheapest: float) -> float:
    """Return what a caller's short calls waste: who pays above list does so everywhere."""
    if paid > 1.1 * listed:
        return paid - cheapest * paid / listed if listed else 0
    return max(0, paid - cheapest)


@pytest.mark.unmeasured
@given(st.lists(calls(), max_size=25))
def test_patterns_match_the_rows_and_savings_stay_below_cost(rows: Any) -> None:
    result = run(TokenEconomicsAnalyzer, rows)
    long, short, wasted = waste_again(rows)
    patterns = result["wasteful_patterns"]
    assert patterns["inefficient_prompt"]["call_count"] == long
    assert patterns["overpriced_simple_task"]["call_count"] == short
    assert patterns["overpriced_simple_task"]["wasted_cost"] == pytest.approx(wasted)
    for pattern in patterns.values():
        total = sum(row["wasted_cost"] or 0.0 for row in pattern["customers"])
        assert total == pytest.approx(pattern["wasted_cost"] or 0.0)
        if pattern["cost"] is None:  # nothing of it is known
            assert pattern["wasted_cost"] is None
        else:
            assert 0 <= pattern["wasted_cost"] <= pattern["cost"] + 1e-9
    summary = result["summary"]
    shares = covered_shares(times_of(rows))
    if sum(shares.values()) < 7:
        assert summary["monthly_savings"] is summary["monthly_cost"] is None
    else:
        whole = [day.isoformat() for day, share in shares.items() if share == 1][-30:]
        costs = {row["date"]: row["total_cost"] or 0.0 for row in result["daily_tokens"]}
        cost_now = sum(costs.get(day, 0.0) for day in whole) * 30 / len(whole)
        if summary["monthly_savings"] is None:  # nothing is known of what they cost now
            assert cost_now == 0
            assert summary["unpriced_calls"]
        else:
            assert 0 <= summary["monthly_savings"] <= cost_now * (1 + 1e-9)
    assert all(row["savings"] > 1 for row in result["opportunities"])
