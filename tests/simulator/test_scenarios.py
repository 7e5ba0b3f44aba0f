"""Each scenario's pattern against its formula, worked out here by hand."""

from __future__ import annotations

import math
from typing import Callable, Container, List, Set

import pytest

from finops import config
from finops.simulator import model_mix
from finops.simulator.incidents import Casting
from finops.simulator.plan import Plan
from finops.simulator.population import Customer, Population
from finops.simulator.rng import Rng
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.scenarios.base import Episode, Stage
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.traffic import Calendar

PEOPLE = Population(1)
MIX = model_mix.build()
CALENDAR = Calendar("2026-06-01T00:00:00")  # a Monday
START = 40 * 24
ALWAYS = (
    "base_traffic",
    "weekend_effect",
    "timezone_pattern",
    "multi_tenant",
    "seasonal_pattern",
    "steady_growth",
)


def stage(name: str, number: int = 0, seed: int = 1) -> Stage:
    rng = Rng(seed, name, number)
    casting = Casting(PEOPLE.customers)
    weights = [c.activity * c.size for c in PEOPLE.customers]

    def pick(count: int, fits: Callable[[int, Customer], bool]) -> List[int]:
        return casting.pick(count, fits, 40, rng)

    return Stage(
        number,
        START,
        rng,
        CALENDAR,
        PEOPLE.customers,
        pick,
        lambda i: weights[i] / sum(weights),
        lambda hour, weekday: 1.0,
    )


def begun(name: str, number: int = 0, seed: int = 1) -> Episode:
    episode = SCENARIOS[name].begin(stage(name, number, seed))
    assert episode is not None
    assert episode.scenario == name
    assert episode.title
    assert episode.subject
    assert (episode.start, episode.hours) == (START, SCENARIOS[name].shape.hours)
    return episode


def test_every_scenario_has_a_shape_and_is_on_or_comes_in_episodes() -> None:
    assert set(SCENARIOS) == set(config.SCENARIO_SHAPES)
    for name, scenario in SCENARIOS.items():
        shape = scenario.shape
        assert shape.title
        assert shape.hours == 0 or name not in ALWAYS
        if shape.hours:
            assert shape.first >= 14 * 24
            assert shape.again > 0
            assert shape.alone_again > 0
            assert (shape.first + shape.again) % 24 == shape.alone_first % 24 == 0


def test_episodes_of_the_default_dataset_are_where_the_story_has_them() -> None:
    """Launch in week 5, migration from week 4, viral in 8, programme from 9, decline from 6."""
    weeks = {name: s.shape.first // (7 * 24) + 1 for name, s in SCENARIOS.items() if s.shape.hours}
    assert weeks == {
        "model_migration": 4,
        "feature_launch": 5,
        "gradual_decline": 6,
        "viral_spike": 8,
        "cost_optimization": 9,
        "burst_traffic": 3,
    }
    hours = {name: s.shape.hours for name, s in SCENARIOS.items() if s.shape.hours}
    del hours["burst_traffic"]
    assert hours == {
        "model_migration": 504,
        "feature_launch": 336,
        "gradual_decline": 1008,
        "viral_spike": 120,
        "cost_optimization": 504,
    }
    assert all(s.shape.first + s.shape.hours <= 77 * 24 for s in SCENARIOS.values())


def test_base_traffic_is_flat() -> None:
    base = SCENARIOS["base_traffic"]
    assert {base.rhythm(hour, day) for hour in range(24) for day in range(7)} == {1.0}
    assert {base.level(day) for day in range(90)} == {1.0}
    assert {base.weight(customer) for customer in PEOPLE.customers} == {1.0}
    assert base.begin(stage("base_traffic")) is None


def test_weekends_are_quiet() -> None:
    by_day = [SCENARIOS["weekend_effect"].rhythm(12, day) for day in range(7)]
    assert by_day == [1, 1, 1, 1, 1, 0.3, 0.3]


def test_days_follow_the_local_hour() -> None:
    by_hour = [SCENARIOS["timezone_pattern"].rhythm(hour, 2) for hour in range(24)]
    assert by_hour == [0.3] * 6 + [1] * 3 + [1.5] * 8 + [1] * 6 + [0.3]


def test_tenants_are_as_active_as_their_organization_is_large() -> None:
    weights = {c.organization: SCENARIOS["multi_tenant"].weight(c) for c in PEOPLE.customers}
    assert weights == PEOPLE.sizes
    assert set(weights.values()) == {0.3, 1.0, 3.0}


def test_seasons_come_back_after_four_weeks_and_are_no_trend() -> None:
    levels = [SCENARIOS["seasonal_pattern"].level(day) for day in range(56)]
    assert min(levels) == pytest.approx(0.85)
    assert max(levels) == pytest.approx(1.15)
    assert levels[:28] == pytest.approx(levels[28:])
    assert sum(levels) / 56 == pytest.approx(1)


def test_growth_doubles_the_business_in_half_a_year() -> None:
    each, joining = SCENARIOS["steady_growth"].growth
    weeks = 180 / 7
    assert each**180 * (1 + joining) ** weeks == pytest.approx(2, rel=1e-6)
    assert each > 1
    assert 0.01 <= joining <= 0.02


def test_bursts_are_five_to_twenty_times_of_one_customer_at_work() -> None:
    for seed in range(30):
        episode = begun("burst_traffic", seed=seed)
        (position,) = episode.customers
        customer = PEOPLE.customers[position]
        assert len(episode.incidents) == config.BURSTS_PER_EPISODE
        for incident in episode.incidents:
            assert incident.kind == "hour_burst"
            assert incident.subject == customer.id == episode.subject
            assert 5 <= incident.size <= 20
            assert 1 <= incident.end - incident.start <= 6
            ahead = config.REGION_UTC_OFFSET_HOURS[customer.region]
            hour, weekday = CALENDAR.local(incident.start, ahead)
            assert 10 <= hour < 15
            assert weekday < 5
            assert incident.start >= START
            assert incident.end <= episode.end
        scenario, first = SCENARIOS["burst_traffic"], episode.incidents[0]
        assert scenario.surge(episode, first.start - START) == first.size - 1
        assert scenario.surge(episode, first.start - START - 1) == 0


def test_no_burst_begins_in_an_hour_that_another_scenario_leaves_empty() -> None:
    def starts(idle: Container[int]) -> Set[int]:
        """Return the local hours in which bursts begin where nobody calls in some hours."""
        hours = set()
        for seed in range(10):
            scene = stage("burst_traffic", seed=seed)
            scene = scene._replace(rhythm=lambda hour, weekday: 0.01 if hour in idle else 1.1)
            episode = SCENARIOS["burst_traffic"].begin(scene)
            assert episode is not None
            customer = PEOPLE.customers[episode.customers[0]]
            ahead = config.REGION_UTC_OFFSET_HOURS[customer.region]
            hours |= {CALENDAR.local(each.start, ahead)[0] for each in episode.incidents}
        return hours

    assert starts(()) == {10, 11, 12, 13, 14}
    assert starts((12, 14)) == {10, 11, 13}
    assert starts(range(24)) == {10, 11, 12, 13, 14}


def test_the_stage_knows_the_rhythm_of_all_scenarios(monkeypatch: pytest.MonkeyPatch) -> None:
    stages: List[Stage] = []
    burst = SCENARIOS["burst_traffic"]
    monkeypatch.setattr(type(burst), "begin", lambda self, scene: stages.append(scene))
    plan = Plan(SimulationSpec.of(scenarios=["burst_traffic", "weekend_effect"]))
    for hour in plan.hours():
        if stages or hour.number > 60 * 24:
            break
    (scene,) = stages
    week = [[scene.rhythm(hour, weekday) for hour in range(24)] for weekday in range(7)]
    assert sum(map(sum, week)) / (7 * 24) == pytest.approx(1)
    night, noon = config.BUSINESS_HOURS_CURVE[3], config.BUSINESS_HOURS_CURVE[12]
    assert week[0][3] / week[0][12] == pytest.approx(night / noon)
    usual = config.WEEKDAY_CURVE[6] / config.WEEKDAY_CURVE[0]
    assert week[6][9] / week[0][9] == pytest.approx(config.WEEKEND_FACTOR * usual)


def test_migration_moves_a_growing_share() -> None:
    episode = begun("model_migration")
    (feature,), (old, new) = episode.features, episode.models
    assert (feature, old, new) == (
        "code-generation",
        ("openai", "gpt-4"),
        ("openai", "gpt-5"),
    )
    for since in (0, 126, 252, 504, 9999):
        expected = min(1, since / 504)
        assert SCENARIOS["model_migration"].moved(episode, since) == pytest.approx(expected)
    places = MIX.position(*old), MIX.position(*new)
    moved = model_mix.moved(MIX.weights, *places, 0.25)
    assert moved[places[0]] == pytest.approx(0.75 * MIX.weights[places[0]])
    assert sum(moved) == pytest.approx(sum(MIX.weights))
    others = [i for i in range(len(moved)) if i not in places]
    assert [moved[i] for i in others] == [MIX.weights[i] for i in others]


def test_configured_subjects_come_one_after_the_other_until_there_is_none() -> None:
    for name, subjects in (
        ("model_migration", config.MIGRATIONS),
        ("feature_launch", config.LAUNCHED_FEATURES),
        ("cost_optimization", config.COST_PROGRAMMES),
    ):
        episodes = [begun(name, number) for number in range(len(subjects))]
        assert len({(e.subject, e.title) for e in episodes}) == len(subjects)
        assert SCENARIOS[name].begin(stage(name, len(subjects))) is None


def test_feature_launch_rises_to_three_times_and_settles() -> None:
    episode = begun("feature_launch")
    scenario, peak = SCENARIOS["feature_launch"], 0.2 * 336
    for since in range(0, 500, 7):
        expected = 3 * since / peak
        if since >= peak:
            expected = 1 + 2 * math.exp(-0.01 * (since - peak))
        assert scenario.feature_level(episode, since) == pytest.approx(expected, abs=1e-9)
    assert scenario.later_features == episode.features == ("analysis",)
    assert list(scenario.prompts_changed(episode)) == [0]


def test_cost_programme_takes_three_steps_and_stays() -> None:
    episode = begun("cost_optimization")
    steps = [SCENARIOS["cost_optimization"].saving_steps(episode, h) for h in range(0, 1000, 24)]
    assert steps[:21] == [1] * 7 + [2] * 7 + [3] * 7
    assert set(steps[21:]) == {3}
    cheaper = MIX.saving(MIX.weights)
    for provider in config.PROVIDER_WEIGHTS:
        before, after = (
            [(m, w) for m, w in zip(MIX.models, weights) if m.provider == provider]
            for weights in (MIX.weights, cheaper)
        )
        assert sum(w for _, w in before) == pytest.approx(sum(w for _, w in after))
        prices = [sum(m.blended_price_per_1m * w for m, w in some) for some in (before, after)]
        has_frontier = any(m.capability == "frontier" for m, _ in before)
        assert prices[1] < prices[0] if has_frontier else prices[1] == pytest.approx(prices[0])


def test_long_contexts_are_for_models_that_cache() -> None:
    weights = MIX.for_long_contexts(MIX.weights)
    for provider, weight in config.PROVIDER_WEIGHTS.items():
        own = sum(w for m, w in zip(MIX.models, weights) if m.provider == provider)
        assert own == pytest.approx(weight)
    by_name = dict(zip((m.name for m in MIX.models), weights))
    assert by_name["claude-instant"] == 0
    assert 0 < by_name["gpt-4"] < by_name["gpt-5"] / 10


def test_decline_shrinks_one_segment_whose_customers_leave_one_by_one() -> None:
    episode, scenario = begun("gradual_decline"), SCENARIOS["gradual_decline"]
    leavers = [PEOPLE.customers[i] for i in episode.customers]
    assert 1 < len(leavers) <= config.DECLINE_MOST_CUSTOMERS
    assert len({(c.tier, c.product) for c in leavers}) == 1
    gone = [i.start for i in episode.incidents]
    assert [i.subject for i in episode.incidents] == [c.id for c in leavers]
    assert {i.kind for i in episode.incidents} == {"departed_customer"}
    assert gone == sorted(set(gone))
    assert START < gone[0] <= gone[-1] < episode.end
    for place, hour in enumerate(gone):
        before = [
            scenario.customer_factor(episode, place, hour - START - days * 24)
            for days in range(config.DECLINE_SHRINK_DAYS, -1, -1)
        ]
        assert before[0] == 1
        assert before == sorted(before, reverse=True)
        assert before[-1] == pytest.approx(config.DECLINE_SHRINK_TO)


def test_viral_growth_is_exponential_then_flat_then_falls_to_twice() -> None:
    episode, scenario = begun("viral_spike"), SCENARIOS["viral_spike"]
    times = [1 + scenario.surge(episode, since) for since in range(120)]
    assert times[0] == 1
    for since in range(1, 30):
        assert times[since] / times[since - 1] == pytest.approx(10 ** (1 / 30), rel=1e-6)
    assert set(times[30:91]) == {10.0}
    assert times[90:] == sorted(times[90:], reverse=True)
    assert times[-1] == pytest.approx(2, abs=0.3)
    assert scenario.surge(episode, 120) == 0
    assert scenario.customer_factor(episode, 0, 119) == 1
    assert scenario.customer_factor(episode, 0, 120) == 2
    assert scenario.customer_factor(episode, 0, 9999) == config.VIRAL_STAYS
    assert 1 <= len(episode.customers) <= 3
    assert [i.subject for i in episode.incidents] == episode.subject.split("; ")


def test_parts_are_given_once() -> None:
    casting, rng = Casting(PEOPLE.customers), Rng(1)
    first = casting.pick(20, lambda *_: True, 0, rng)
    rest = casting.pick(1000, lambda *_: True, 0, rng)
    assert sorted(first + rest) == list(range(len(PEOPLE.customers)))
    assert casting.pick(1, lambda *_: True, 0, rng) == []


def test_tastes_together_choose_as_the_market_does() -> None:
    ordinary, expensive = MIX.by_taste(MIX.weights, 0.2)
    for model, weight, o, d in zip(MIX.models, MIX.weights, ordinary, expensive):
        assert 0.8 * o + 0.2 * d == pytest.approx(weight)
        assert (d > weight) == (model.name in config.DEAREST_MODELS)
        assert o >= 0
        assert d >= 0
    for provider, weight in config.PROVIDER_WEIGHTS.items():
        for weights in (ordinary, expensive):
            own = sum(w for m, w in zip(MIX.models, weights) if m.provider == provider)
            assert own == pytest.approx(weight)
