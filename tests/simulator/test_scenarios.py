"""Each scenario's pattern against its formula, worked out here by hand."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Dict, List

import pytest

from finops import config
from finops.simulator import model_mix
from finops.simulator.incidents import Churn, Incident
from finops.simulator.population import build
from finops.simulator.rng import Rng
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.scenarios.base import ScenarioRun
from finops.simulator.traffic import Calendar

HOURS = {
    "base_traffic": 24,
    "seasonal_pattern": 168,
    "burst_traffic": 48,
    "multi_tenant": 72,
    "model_migration": 120,
    "weekend_effect": 168,
    "timezone_pattern": 72,
    "feature_launch": 96,
    "cost_optimization": 120,
    "gradual_decline": 168,
    "steady_growth": 120,
    "viral_spike": 72,
}
PEOPLE = build(1)
MARKET = model_mix.build()


def run(name: str, seed: int = 1, start: int = 0) -> ScenarioRun:
    calendar = Calendar("2025-01-01T00:00:00")
    rng = Rng(seed, name)
    return ScenarioRun(start, HOURS[name], rng, calendar, PEOPLE, Churn(PEOPLE))


def times(name: str, since: int, hour: int = 12, weekday: int = 2) -> float:
    return SCENARIOS[name].multiplier(since, hour, weekday)


def test_what_was_released_stays_in_its_order() -> None:
    released = {name: s.shape.hours for name, s in SCENARIOS.items() if name in HOURS}
    assert list(released.items()) == list(HOURS.items())
    assert list(SCENARIOS) == list(config.SCENARIO_SHAPES)
    assert all(s.shape.title and s.shape.rate > 0 for s in SCENARIOS.values())


def test_base_traffic_is_flat() -> None:
    assert {times("base_traffic", since) for since in range(24)} == {1.0}


def test_seasonal_pattern_is_a_floored_sine() -> None:
    for since in range(168):
        wave = 0.5 + 0.5 * math.sin(2 * math.pi * since / 168)
        assert times("seasonal_pattern", since) == pytest.approx(max(wave, 0.1), abs=1e-9)
    assert times("seasonal_pattern", 42) == 1.0
    assert times("seasonal_pattern", 126) > 0


def test_bursts_come_in_five_percent_of_the_hours() -> None:
    found: List[Incident] = []
    for seed in range(200):
        found += SCENARIOS["burst_traffic"].plant(run("burst_traffic", seed))
    assert len(found) / (200 * 48) == pytest.approx(0.05, abs=0.008)
    assert all(5 <= i.size <= 20 and i.end == i.start + 1 for i in found)
    assert {i.kind for i in found} == {"hour_burst"}
    assert min(i.size for i in found) < 6
    assert max(i.size for i in found) > 17
    assert times("burst_traffic", 7) == 1.0


def test_tenants_are_as_active_as_their_organization_is_large() -> None:
    weights = SCENARIOS["multi_tenant"].customer_weights(0, 0, PEOPLE, ())
    assert weights is not None
    for customer, weight in zip(PEOPLE.customers, weights):
        size = PEOPLE.tenant_sizes[customer.organization]
        assert size in (0.3, 1.0, 3.0)
        assert weight == pytest.approx(customer.activity * size)
    assert weights == SCENARIOS["multi_tenant"].customer_weights(50, 9, PEOPLE, ())


def test_migration_moves_a_growing_share() -> None:
    old = MARKET.position("openai", "gpt-4")
    new = MARKET.position("openai", "gpt-5")
    for since in (0, 30, 60, 119):
        weights = SCENARIOS["model_migration"].model_weights(since, MARKET)
        assert weights is not None
        moved = MARKET.weights[old] * since / 120
        assert weights[old] == pytest.approx(MARKET.weights[old] - moved)
        assert weights[new] == pytest.approx(MARKET.weights[new] + moved)
        others = [i for i in range(len(weights)) if i not in (old, new)]
        assert [weights[i] for i in others] == [MARKET.weights[i] for i in others]


def test_weekends_are_quiet() -> None:
    found = [times("weekend_effect", 5, weekday=day) for day in range(7)]
    assert found == [1, 1, 1, 1, 1, 0.3, 0.3]


def test_timezones() -> None:
    by_hour = [times("timezone_pattern", 3, hour=hour) for hour in range(24)]
    assert by_hour == [0.3] * 6 + [1] * 3 + [1.5] * 8 + [1] * 6 + [0.3]


def test_regions_follow_their_own_clocks() -> None:
    at_noon_utc = SCENARIOS["timezone_pattern"].customer_weights(0, 12, PEOPLE, ())
    assert at_noon_utc is not None
    # Noon in UTC is 7 in New York, 4 in California, 13 in Paris, 20 in Singapore.
    expected = {"us-east": 1.0, "us-west": 0.3, "eu-west": 1.5, "ap-southeast": 1.0}
    for customer, weight in zip(PEOPLE.customers, at_noon_utc):
        assert weight == pytest.approx(customer.activity * expected[customer.region])


def test_feature_launch_rises_and_decays() -> None:
    peak = 0.2 * 96
    for since in range(96):
        expected = 1 + 2 * since / peak
        if since >= peak:
            expected = 1 + 2 * math.exp(-0.01 * (since - peak))
        assert times("feature_launch", since) == pytest.approx(expected, abs=1e-9)
        share = SCENARIOS["feature_launch"].feature_share(since)
        assert share is not None
        assert share[0] == config.LAUNCHED_FEATURE
        assert share[1] == pytest.approx((expected - 1) / expected, abs=0.01)


def test_cost_optimization_steps_down_the_classes() -> None:
    classes: Dict[int, Dict[str, float]] = {}
    for since in (0, 35, 36, 83, 84, 119):
        assert times("cost_optimization", since) == pytest.approx(1 - 0.5 * since / 120)
        weights = SCENARIOS["cost_optimization"].model_weights(since, MARKET)
        assert weights is not None
        by_provider: Dict[str, float] = defaultdict(float)
        classes[since] = defaultdict(float)
        for model, weight in zip(MARKET.models, weights):
            by_provider[model.provider] += weight
            if model.provider in ("openai", "anthropic", "google"):
                classes[since][model.capability] += weight
        for provider, weight in config.PROVIDER_WEIGHTS.items():
            assert by_provider[provider] == pytest.approx(weight)
    used = {since: {c for c, w in found.items() if w} for since, found in classes.items()}
    assert used[0] == used[35] == {"frontier"}
    assert used[36] == used[83] == {"standard"}
    assert used[84] == used[119] == {"economy"}


def test_decline_falls_while_named_customers_leave_one_by_one() -> None:
    for since in (0, 84, 167):
        assert times("gradual_decline", since) == pytest.approx(1 - 0.7 * since / 168)
    found = SCENARIOS["gradual_decline"].plant(run("gradual_decline", start=1000))
    assert {i.kind for i in found} == {"departed_customer"}
    assert len({i.subject for i in found}) == len(found) == 3
    begins = [i.start - 1000 for i in found]
    assert begins == sorted(set(begins))
    assert 0 < min(begins) <= max(begins) < 168


def test_nobody_leaves_twice_and_most_stay_for_ever() -> None:
    churn = Churn(PEOPLE)
    rng = Rng(1, "leaving")
    gone: List[str] = []
    for _ in range(200):
        gone += churn.pick(rng, 0.05)
    assert len(set(gone)) == len(gone)
    assert 0.2 < len(gone) / len(PEOPLE.customers) < 0.3


def test_growth_triples() -> None:
    for since in (0, 60, 119):
        assert times("steady_growth", since) == pytest.approx(1 + 2 * since / 120)


def test_viral_growth_is_exponential_up_to_a_plateau() -> None:
    assert times("viral_spike", 0) == 1
    for since in range(1, 21):
        ratio = times("viral_spike", since) / times("viral_spike", since - 1)
        assert ratio == pytest.approx(10 ** (1 / 21.6), rel=1e-6)
    assert {times("viral_spike", since) for since in range(22, 72)} == {10.0}


def test_viral_customers_carry_the_growth() -> None:
    scenario = SCENARIOS["viral_spike"]
    planted = scenario.plant(run("viral_spike"))
    viral = {i.subject for i in planted}
    assert 2 <= len(viral) <= 5
    weights = scenario.customer_weights(40, 0, PEOPLE, planted)
    assert weights is not None
    assert sum(weights) == pytest.approx(10 * sum(PEOPLE.activities))
    for customer, weight in zip(PEOPLE.customers, weights):
        assert (weight == customer.activity) == (customer.id not in viral)
    assert scenario.customer_weights(40, 0, PEOPLE, ()) is None


def test_tastes_together_choose_as_the_market_does() -> None:
    ordinary, expensive = MARKET.by_taste(MARKET.weights, 0.2)
    for model, weight, o, d in zip(MARKET.models, MARKET.weights, ordinary, expensive):
        assert 0.8 * o + 0.2 * d == pytest.approx(weight)
        assert (d > weight) == (model.name in config.DEAREST_MODELS)
        assert o >= 0
        assert d >= 0
    for provider, weight in config.PROVIDER_WEIGHTS.items():
        for weights in (ordinary, expensive):
            found = sum(w for m, w in zip(MARKET.models, weights) if m.provider == provider)
            assert found == pytest.approx(weight)
