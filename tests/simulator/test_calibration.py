"""The data tells its story: on the default seed, on ten others, and with each scenario alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping

import pytest

from finops import config, pipeline
from finops.business.catalog import CATALOG
from finops.evaluation import evaluate
from finops.simulator.engine import generate
from finops.simulator.plan import Plan
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.simulation_spec import SimulationSpec
from finops.storage.truth import read_truth
from tests.simulator.conftest import Simulated

pytestmark = [pytest.mark.unmeasured, pytest.mark.once, pytest.mark.long]

OTHER_SEEDS = range(1, 11)
LEAST_F1 = 0.90
Results = Dict[str, Dict[str, Any]]


def results_of(path: Path) -> Results:
    return pipeline.compute(pipeline.Job(path, path.parent, workers=1))


def assert_story(path: Path) -> None:
    """What chapter by chapter makes the data believable, by what the reports say of it."""
    results = results_of(path)
    summaries = {name: result["summary"] for name, result in results.items()}
    days = len(results["understanding"]["daily"])
    assert 80 <= days <= 100
    money = summaries["profitability"]
    assert 15 <= 100 * money["monthly_cost"] / money["monthly_revenue"] <= 30
    assert 65 <= money["margin_percent"] <= 90
    assert 5 <= 100 * money["unprofitable_count"] / money["active_customers"] <= 15
    customers = money["total_customers"]
    assert 2 <= 100 * summaries["churn_growth"]["churned_customers"] / customers <= 12
    assert 1 <= 100 * summaries["abuse_detection"]["flagged_customers"] / customers <= 5
    assert 5 <= summaries["realtime"]["anomaly_count"] <= 60
    overview = summaries["dataset_overview"]
    assert overview["unique_providers"] == len(config.PROVIDER_WEIGHTS)
    assert overview["unique_models"] == len(CATALOG)
    assert overview["unique_features"] == len(config.FEATURES)
    tried = results["understanding"]["forecast"]["backtest"]
    assert tried["tries"] > 40
    assert tried["mape_percent"] < 15
    for name, result in results.items():
        assert result["findings"], name
    assert_detected(path, results)


def assert_detected(path: Path, results: Results) -> None:
    truth = read_truth(path)
    assert truth is not None
    for kind in evaluate(results, truth)["kinds"]:
        if kind["planted"]:
            assert kind["f1"] >= LEAST_F1, kind


def test_story_of_the_default_dataset(default: Simulated) -> None:
    assert_story(default.path)


@pytest.mark.soak
@pytest.mark.parametrize("seed", OTHER_SEEDS)
def test_story_of_other_seeds(folder: Path, seed: int) -> None:
    path = folder / "calls.csv"
    generate(path, config.TARGET_SIZE_MB * config.MEGABYTE, seed=seed, workers=2)
    assert_story(path)


# --- each scenario alone -------------------------------------------------------------------------


def _share_of_largest(results: Results) -> float:
    rows = results["alignment"]["chargeback"]
    return float(rows[0]["share_percent"])


def _unit_cost(results: Results, path: Path, day: str, until: str) -> float:
    """Return the cost of a call of the first programme's features in USD."""
    features, cost, calls = config.COST_PROGRAMMES[0], 0.0, 0
    with open(str(path), encoding="ascii") as file:
        next(file)
        for line in file:
            cells = line.split(",", 13)
            if day <= cells[0] < until and cells[12] in features:
                cost += float(cells[6])
                calls += 1
    return cost / calls


def _says_nothing(results: Results, path: Path) -> bool:
    return bool(abs(results["understanding"]["summary"]["trend_percent"]) < 20)


def _weekdays(results: Results, path: Path) -> bool:
    costs = [row["total_cost"] for row in results["understanding"]["daily"]]
    week = [sum(costs[i:-1:7]) for i in range(7)]  # the first day is a Monday
    is_weekly = max(week[5:]) < 0.5 * min(week[:5])
    return bool(is_weekly and results["realtime"]["summary"]["anomaly_count"] <= len(costs) / 15)


def _hours(results: Results, path: Path) -> bool:
    calls = [row["call_count"] for row in results["performance"]["hourly_profile"]]
    return bool(max(calls) > 1.8 * min(calls))


def _concentration(results: Results, path: Path) -> bool:
    return _share_of_largest(results) > 25


def _growth(results: Results, path: Path) -> bool:
    weekly = results["churn_growth"]["summary"]["weekly_growth_percent"]
    return weekly is not None and 1 < weekly < 6


def _bursts(results: Results, path: Path) -> bool:
    causes = {row["cause"] for row in results["realtime"]["incidents"]}
    return any(cause.startswith("cust_") for cause in causes)


def _migration(results: Results, path: Path) -> bool:
    _, _, old, new = config.MIGRATIONS[0]
    early, late = (
        _unit_cost(results, path, "2026-06-01", "2026-06-15"),
        _unit_cost(results, path, "2026-07-10", "2026-07-25"),
    )
    models = {row["model"] for row in results["understanding"]["by_model"]}
    return {old, new} <= models and late < 0.95 * early


def _launch(results: Results, path: Path) -> bool:
    feature = config.LAUNCHED_FEATURES[0]
    weeks = [
        row["week"] for row in results["features"]["adoption_trend"] if row["feature_id"] == feature
    ]
    everywhere = {row["week"] for row in results["features"]["adoption_trend"]}
    return bool(min(weeks) > sorted(everywhere)[2])


def _programme(results: Results, path: Path) -> bool:
    before = _unit_cost(results, path, "2026-06-01", "2026-06-17")
    after = _unit_cost(results, path, "2026-07-08", "2026-07-25")
    return 0.55 < after / before < 0.78


def _decline(results: Results, path: Path) -> bool:
    churn = results["churn_growth"]
    return len(churn["churned"]) + len(churn["at_risk"]) >= 3


def _viral(results: Results, path: Path) -> bool:
    truth = read_truth(path) or {}
    grown = {i["subject"] for i in truth["incidents"] if i["kind"] == "viral_customer"}
    flagged = {row["customer_id"] for row in results["abuse_detection"]["unusual_usage"]}
    return bool(grown) and grown <= flagged


TOLD: Mapping[str, Callable[[Results, Path], bool]] = {
    "base_traffic": _says_nothing,
    "weekend_effect": _weekdays,
    "timezone_pattern": _hours,
    "multi_tenant": _concentration,
    "seasonal_pattern": _says_nothing,
    "steady_growth": _growth,
    "model_migration": _migration,
    "feature_launch": _launch,
    "gradual_decline": _decline,
    "viral_spike": _viral,
    "cost_optimization": _programme,
    "burst_traffic": _bursts,
}


def test_every_scenario_has_a_story_to_be_told() -> None:
    assert set(TOLD) == set(SCENARIOS)


@pytest.mark.soak
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", SCENARIOS)
def test_each_scenario_alone_is_told_by_the_reports(folder: Path, name: str, seed: int) -> None:
    path = folder / "calls.csv"
    generate(path, 30 * config.MEGABYTE, seed=seed, scenarios=[name], workers=2)
    results = results_of(path)
    assert TOLD[name](results, path)
    assert_detected(path, results)


def test_scenarios_happen_at_the_same_time() -> None:
    """In the default plan every episode begins within 80 days, and most overlap another."""
    plan = Plan(SimulationSpec.of())
    for hour in plan.hours():
        if hour.number >= 80 * 24:
            break
    episodes = plan.episodes
    assert {e.scenario for e in episodes} == {n for n, s in SCENARIOS.items() if s.shape.hours}
    for episode in episodes:
        others = [e for e in episodes if e is not episode]
        assert any(e.start < episode.end and episode.start < e.end for e in others)


def test_longer_runs_stay_the_same_business_with_other_subjects() -> None:
    """Two years: four times as large or more, customers who stay, episodes about others."""
    plan = Plan(SimulationSpec.of())
    calls: List[int] = [0] * 104
    for hour in plan.hours():
        if hour.number >= 104 * 168:
            break
        calls[hour.number // 168] += hour.calls
    assert 8 < sum(calls[-4:]) / sum(calls[:4]) < 32
    assert len(plan.population.customers) < 8 * config.CUSTOMER_COUNT
    for name, shape in config.SCENARIO_SHAPES.items():
        episodes = [e for e in plan.episodes if e.scenario == name]
        subjects = [(e.subject, e.title, e.customers) for e in episodes]
        assert len(set(subjects)) == len(subjects)
        if name not in ("feature_launch", "cost_optimization") and shape.hours:
            assert len(subjects) > 2


def test_price_spread() -> None:
    blended = [model.blended_price_per_1m for model in CATALOG]
    assert max(blended) / min(blended) >= 200
