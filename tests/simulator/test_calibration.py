"""The data tells its story: on the default seed, on ten others, and with each scenario alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Set

import pytest

from finops import config, pipeline
from finops.business.catalog import CATALOG
from finops.evaluation import evaluate
from finops.simulator.engine import generate
from finops.simulator.plan import Plan
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.simulation_spec import SimulationSpec
from finops.storage.truth import read_truth
from finops.timestamps import monday_of
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


def _titles(results: Results, analyzer: str) -> str:
    """Return the titles of a report's findings, one a line."""
    return "\n".join(finding["title"] for finding in results[analyzer]["findings"])


def _details(results: Results, analyzer: str) -> str:
    """Return the details of a report's findings, one a line."""
    return "\n".join(finding["detail"] for finding in results[analyzer]["findings"])


def _planted(path: Path, kind: str) -> Set[str]:
    """Return the subjects of the planted incidents of a kind."""
    truth = read_truth(path) or {}
    return {i["subject"] for i in truth["incidents"] if i["kind"] == kind}


def _says_nothing(results: Results, path: Path) -> bool:
    """Nothing out of the ordinary: no trend, no anomaly, nobody lost who was not planted."""
    titles = _titles(results, "understanding") + _titles(results, "realtime")
    is_flat = "Daily cost is" not in titles and "than at first" not in titles
    return is_flat and results["realtime"]["summary"]["anomaly_count"] <= 1


def _weekdays(results: Results, path: Path) -> bool:
    """The weekday pattern, and no anomaly from it."""
    is_weekly = "Saturday and Sunday cost " in _titles(results, "understanding")
    return is_weekly and results["realtime"]["summary"]["anomaly_count"] <= 1


def _hours(results: Results, path: Path) -> bool:
    """The profile of the hours by region."""
    (profile,) = [f for f in results["geographic_latency"]["findings"] if _is_profile(f)]
    return sum(region in profile["detail"] for region in config.REGIONS) >= 3


def _is_profile(finding: Mapping[str, Any]) -> bool:
    return "hours of the day" in finding["title"]


def _concentration(results: Results, path: Path) -> bool:
    """A few organizations cause half of the cost."""
    return " organizations cause " in _titles(results, "alignment")


def _growth(results: Results, path: Path) -> bool:
    """Calls grow from week to week, and customers join."""
    churn = results["churn_growth"]
    weekly = churn["summary"]["weekly_growth_percent"]
    joined = sum(row["customer_growth_percent"] for row in churn["growth"])
    is_told = "Calls grow by" in _titles(results, "churn_growth")
    return is_told and 1 < weekly < 6 and joined > 0


def _bursts(results: Results, path: Path) -> bool:
    """Anomalous hours with their cause."""
    causes = {row["cause"] for row in results["realtime"]["incidents"]}
    titles = _titles(results, "realtime")
    return causes >= _planted(path, "hour_burst") != set() and "of anomalous cost" in titles


def _migration(results: Results, path: Path) -> bool:
    """Spend moved from one model to the other, and a call costs less than before."""
    feature, _, old, new = config.MIGRATIONS[0]
    (moved,) = [f for f in results["understanding"]["findings"] if " moved from " in f["title"]]
    return bool(
        moved["title"] == f"Spend on {config.FEATURES[feature]} moved from {old} to {new}"
        and "A call costs" in moved["detail"]
        and "% less" in moved["detail"]
    )


def _launch(results: Results, path: Path) -> bool:
    """Who uses the new feature since when, and what it earns."""
    feature = config.LAUNCHED_FEATURES[0]
    (told,) = [f for f in results["features"]["findings"] if "is new since" in f["title"]]
    weeks = sorted({row["week"] for row in results["features"]["adoption_trend"]})
    return bool(
        told["title"]
        == f"{config.FEATURES[feature]} is new since the week of {monday_of(weeks[2])}"
        and "it brings $" in told["detail"]
    )


def _programme(results: Results, path: Path) -> bool:
    """Unit cost down: other models, and fewer tokens for the same calls of its features."""
    told = {f["title"]: f for f in results["understanding"]["findings"]}
    names = [config.FEATURES[feature] for feature in config.COST_PROGRAMMES[0]]
    cheaper = [
        told[title]["detail"]
        for title in told
        if title.endswith("less than at first")
        and title.startswith(tuple(f"A call of {name} costs" for name in names))
    ]
    return bool(cheaper) and all(
        f"{part} -$" in detail
        for detail in cheaper
        for part in ("model and token mix", "tokens per call")
    )


def _decline(results: Results, path: Path) -> bool:
    """Churn, customers at risk, and the revenue that is lost."""
    churn = results["churn_growth"]
    titles = _titles(results, "churn_growth")
    gone = len(churn["churned"]) + len(churn["at_risk"])
    return gone >= 3 and churn["summary"]["lost_monthly_revenue"] > 0 and " left" in titles


def _viral(results: Results, path: Path) -> bool:
    """Who grew, since when, and what it costs a month."""
    grown = _planted(path, "viral_customer")
    flagged = {row["customer_id"] for row in results["abuse_detection"]["unusual_usage"]}
    costs = {
        row["customer_id"]: row["monthly_cost"] for row in results["abuse_detection"]["customers"]
    }
    told = _details(results, "abuse_detection")
    is_told = any(f"{name} since " in told for name in grown)
    return is_told and grown <= flagged and all(costs[name] > 0 for name in grown)


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
