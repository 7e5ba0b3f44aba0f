"""No two reports answer one question differently.

Every figure and sentence that answers a question is collected over all reports by its key, and
all answers are the same: what a month costs, what comes, what can be saved, what customers pay
and cost, and what is advised for each of them.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from pathlib import Path
from typing import Any, DefaultDict, Dict, Iterator, List, Tuple

import pytest

from finops import config
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from finops.simulator.engine import generate
from tests.analyzers.samples import at, edges, run_all
from tests.support.reference import call

Results = Dict[str, Any]
Row = Dict[str, str]
DEFAULT_BYTES = 2_000_000


# --- what answers which question ---------------------------------------------------------------

# The cost of a month and its revenue by the reports that say it in their summary.
_SUMMARY_KEYS: Dict[str, Tuple[str, ...]] = {
    "cost per month": (
        *("understanding.monthly_cost", "optimization.monthly_cost", "alignment.monthly_cost"),
        *("token_economics.monthly_cost", "features.monthly_cost"),
    ),
    "cost per month of paying customers": ("profitability.monthly_cost", "pricing.monthly_cost"),
    "savings per month": (
        *("optimization.total_monthly_savings", "token_economics.monthly_savings"),
    ),
    "revenue per month": (
        *("profitability.monthly_revenue", "pricing.current_monthly_revenue"),
        "features.monthly_revenue",
    ),
    "revenue lost": ("profitability.revenue_lost", "churn_growth.lost_monthly_revenue"),
    "customers": (
        *("profitability.total_customers", "churn_growth.total_customers"),
        *("features.total_customers", "abuse_detection.total_customers"),
    ),
    "forecast": ("understanding.forecast_30_days",),
    "calls": tuple(f"{name}.total_calls" for name in ANALYZER_REGISTRY),
    "cost": tuple(f"{name}.total_cost" for name in ANALYZER_REGISTRY),
    "unpriced calls": (
        *("understanding.unpriced_calls", "optimization.unpriced_calls"),
        *("profitability.unpriced_calls", "token_economics.unpriced_calls"),
    ),
}


def answers(results: Results) -> Iterator[Tuple[str, str, Any]]:
    """Yield question, where it is answered, and the answer."""
    for question, keys in _SUMMARY_KEYS.items():
        for key in keys:
            report, _, name = key.partition(".")
            if name in results[report]["summary"]:
                yield question, key, results[report]["summary"][name]
    yield from _more_savings(results["optimization"])
    yield from _more_revenue(results)
    forecast = results["understanding"]["forecast"]
    yield "forecast", "forecast.forecast_30_days", forecast["forecast_30_days"]
    if forecast["projection"]:
        projected = math.fsum(day["expected"] for day in forecast["projection"])
        yield "forecast", "forecast.projection", projected
    abuse = results["abuse_detection"]
    exposed = [each for each in abuse["findings"] if each["kind"] == "exposure"]
    if exposed:
        amounts = [each["impact_usd_per_month"] or 0.0 for each in exposed]
        known = abuse["summary"]["estimated_exposure_usd_per_month"]
        yield "exposure", "abuse_detection.summary", known or 0.0
        yield "exposure", "abuse_detection.findings", math.fsum(amounts)
    yield from _of_customers(results)


def _more_savings(optimization: Results) -> Iterator[Tuple[str, str, Any]]:
    question = "savings per month"
    yield question, "combined", optimization["combined"]["total_monthly_savings"]
    if optimization["steps"]:
        steps = [row["monthly_savings"] for row in optimization["steps"]]
        yield question, "steps", math.fsum(steps)
        yield question, "steps.cumulative", optimization["steps"][-1]["cumulative"]


def _more_revenue(results: Results) -> Iterator[Tuple[str, str, Any]]:
    profitability, features = results["profitability"], results["features"]
    revenue = results["profitability"]["summary"]["monthly_revenue"]
    question = "revenue per month"
    if revenue is not None:
        paid = math.fsum(row["monthly_revenue"] for row in profitability["customers"])
        yield question, "profitability.customers", paid
        tiers = math.fsum(row["monthly_revenue"] for row in profitability["by_tier"])
        yield question, "profitability.by_tier", tiers
        flat = results["pricing"]["models"][0]
        yield question, "pricing.models.flat_rate", flat["monthly_revenue"]
        bills = math.fsum(row["flat_rate"] for row in results["pricing"]["customers"])
        yield question, "pricing.customers", bills
        if all(row["revenue"] is not None for row in features["features"]):
            split = math.fsum(row["revenue"] for row in features["features"])
            yield question, "features.features", split
    lost = [row["lost_monthly_revenue"] for row in profitability["gone"]]
    priced = profitability["customers"] or profitability["too_new"]
    everybody = profitability["summary"]["total_customers"]
    known = priced or not everybody or any(amount is not None for amount in lost)
    if known and "gone" not in profitability["unchecked"]:
        gone = math.fsum(amount or 0.0 for amount in lost)
        yield "revenue lost", "profitability.gone", gone


def _of_customers(results: Results) -> Iterator[Tuple[str, str, Any]]:
    """Yield what single customers cost and pay per month, and what is advised for them."""
    lists = (
        *(("profitability", "customers"), ("pricing", "customers")),
        *(("realtime", "at_risk_customers"), ("abuse_detection", "customers")),
        *(("profitability", "without_price"), ("churn_growth", "at_risk")),
    )
    for report, section in lists:
        for row in results[report][section]:
            for figure in ("monthly_cost", "monthly_revenue"):
                if row.get(figure) is not None:
                    question = f"{figure} of {row['customer_id']}"
                    yield question, f"{report}.{section}", row[figure]
    yield from _advice(results)


def _advice(results: Results) -> Iterator[Tuple[str, str, Any]]:
    """Yield what is advised for single customers."""
    advised = {row["customer_id"]: row["advice"] for row in results["profitability"]["advice"]}
    for report, result in results.items():
        for sentence in result["recommendations"]:
            for name in _named(sentence, advised):
                yield f"advice for {name}", report, sentence
    for name, sentence in advised.items():
        yield f"advice for {name}", "profitability.advice", sentence
    for row in results["churn_growth"]["expansion"]:
        if row["suggested_tier"]:
            assert f"the {row['suggested_tier']} tier" in advised[row["customer_id"]]


def _named(sentence: str, names: Dict[str, str]) -> List[str]:
    """Return the customers that a sentence advises on; that of an alarm advises on none."""
    if sentence.startswith("Alert on hourly cost"):
        return []
    words = set(re.findall(r"[\w-]+", sentence.replace("'s", "")))
    return [name for name in names if name in words]


def check(results: Results) -> Dict[str, List[Any]]:
    """Fail where two answers to one question differ; return all answers by question."""
    by_question: DefaultDict[str, List[Tuple[str, Any]]] = defaultdict(list)
    for question, place, answer in answers(results):
        by_question[question].append((place, answer))
    for question, given in by_question.items():
        first = given[0][1]
        for place, answer in given:
            same = answer == first or (
                isinstance(first, float)
                and isinstance(answer, float)
                and math.isclose(answer, first, rel_tol=1e-9, abs_tol=1e-9)
            )
            assert same, f"{question}: {place} says {answer!r}, {given[0][0]} says {first!r}"
    return {question: [answer for _, answer in given] for question, given in by_question.items()}


# --- generated data ----------------------------------------------------------------------------


def default_dataset(folder: Path, seed: int, patch: pytest.MonkeyPatch) -> Results:
    """Return the results of the default simulation with a tenth of its calls: over a month."""
    patch.setattr(config, "BASE_CALLS_PER_HOUR", config.BASE_CALLS_PER_HOUR // 10)
    path = folder / "calls.csv"
    generate(path, DEFAULT_BYTES, seed=seed)
    return compute(Job(path, path.parent))


def test_reports_on_generated_data_do_not_contradict_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = check(default_dataset(tmp_path, 1, monkeypatch))
    assert any(question.startswith("advice for") for question in given)
    assert len(given["savings per month"]) == 5
    assert given["savings per month"][0] > 0


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(2, 12))
def test_reports_on_ten_seeds_do_not_contradict_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    check(default_dataset(tmp_path, seed, monkeypatch))


# --- data of one's own -------------------------------------------------------------------------


@pytest.mark.unmeasured
@pytest.mark.parametrize("edge", [name for name in edges() if name != "mixed"])
def test_reports_on_odd_data_do_not_contradict_each_other(edge: str) -> None:
    check(run_all(edges()[edge]))


def own_data() -> Dict[str, List[Row]]:
    """Return what people have: columns that are missing, customers who come and go."""
    days = [(day, hour) for day in range(45) for hour in (0, 9, 23)]
    plain = [
        call(timestamp=at(day, hour), customer_id=f"c{(day + hour) % 4}", cost_usd="0.8")
        for day, hour in days
    ]
    nobody = [{**row, "customer_id": "", "tier_price_usd": ""} for row in plain]
    gone = [row for row in plain if row["customer_id"] != "c1" or row["timestamp"] < at(10)]
    unknown = {"cost_usd": "", "model": "mystery"}
    half = [{**row, **(unknown if at(9) < row["timestamp"] < at(12) else {})} for row in plain]
    return {
        "plain": plain,
        "no customer": nobody,
        "no price": [{**row, "tier_price_usd": "", "subscription_tier": "gold"} for row in plain],
        "one left": gone,
        "some unpriced": half,
        "no latency and no feature": [{**row, "latency_ms": "", "feature_id": ""} for row in plain],
    }


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", list(own_data()))
def test_reports_on_data_of_ones_own_do_not_contradict_each_other(kind: str) -> None:
    check(run_all(own_data()[kind]))


def test_a_contradiction_is_seen() -> None:
    results = run_all(own_data()["plain"])
    results["features"]["summary"]["monthly_revenue"] += 1
    with pytest.raises(AssertionError, match="revenue per month: features"):
        check(results)
