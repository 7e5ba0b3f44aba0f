"""The rows of the default dataset against the definitions of their columns."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from itertools import chain
from typing import Dict, List, Set, Tuple

import pytest

from finops import config
from finops.business.catalog import CATALOG, PROVIDER_SPEED, Model
from finops.schema import SIMULATED_HEADER_LINE
from finops.simulator import model_mix
from finops.simulator.population import Population
from tests.simulator.conftest import Simulated

# The bytes are the same in every Python (test_engine).
pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

MODELS: Dict[str, Model] = {model.name: model for model in CATALOG}
REFUSED = ("rate_limit", "auth_error")


def share(column: List[str], value: str) -> float:
    return column.count(value) / len(column)


def test_header_and_size(default: Simulated) -> None:
    data = default.path.read_bytes()
    assert data.startswith(SIMULATED_HEADER_LINE.encode())
    assert data.count(SIMULATED_HEADER_LINE.encode()) == 1
    wanted = config.TARGET_SIZE_MB * 1_048_576
    assert wanted <= len(data) < wanted * 1.01
    assert b"\r" not in data
    assert b'"' not in data


def test_times_never_go_back(default: Simulated) -> None:
    times = default.columns["timestamp"]
    assert times == sorted(times)
    pattern = re.compile(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}000")
    assert all(pattern.fullmatch(time) for time in times)
    assert times[0].startswith("2026-06-01T00:")


def test_ids(default: Simulated) -> None:
    calls = default.columns["call_id"]
    assert calls == [f"call_{number + 1:08d}" for number in range(len(calls))]
    requests = default.columns["request_id"]
    assert len(set(requests)) == len(requests)
    assert all(re.fullmatch(r"req_[0-9a-f]{12}", request) for request in requests)


def test_totals_are_sums(default: Simulated) -> None:
    sums = map(sum, zip(default.numbers("input_tokens"), default.numbers("output_tokens")))
    assert list(sums) == default.numbers("total_tokens")


def test_cost_is_the_catalogues_to_the_sixth_decimal(default: Simulated) -> None:
    columns = default.columns
    for model, given, cached, outputs, cost, error in zip(
        columns["model"],
        default.numbers("input_tokens"),
        default.numbers("cached_input_tokens"),
        default.numbers("output_tokens"),
        columns["cost_usd"],
        columns["error_type"],
    ):
        assert re.fullmatch(r"\d+\.\d{6}", cost)
        if error in REFUSED:
            assert (cost, outputs, cached) == ("0.000000", 0, 0)
            continue
        price = MODELS[model].cache_read_price
        assert not cached or price is not None
        expected = MODELS[model].cost(given - cached, outputs) + cached * (price or 0.0) / 1000
        assert abs(float(cost) - expected) < 5.1e-7


def test_models_belong_to_their_providers(default: Simulated) -> None:
    pairs = set(zip(default.columns["provider"], default.columns["model"]))
    assert pairs == {(model.provider, model.name) for model in CATALOG}


def test_providers_have_their_market_share(default: Simulated) -> None:
    total = sum(config.PROVIDER_WEIGHTS.values())
    for provider, weight in config.PROVIDER_WEIGHTS.items():
        found = share(default.columns["provider"], provider)
        assert found == pytest.approx(weight / total, rel=0.06)


def test_models_have_their_share_among_ordinary_calls(default: Simulated) -> None:
    """Before anything moves: features with short prompts, of customers of both tastes."""
    rows = zip(
        default.columns["timestamp"], default.columns["feature_id"], default.columns["model"]
    )
    early = [m for t, f, m in rows if t < "2026-06-22" and f not in config.LONG_CONTEXTS]
    weights = model_mix.build().weights
    for model, weight in zip(CATALOG, weights):
        expected = weight / sum(weights)
        if expected > 0.02:
            assert share(early, model.name) == pytest.approx(expected, rel=0.25)


def test_statuses(default: Simulated) -> None:
    columns = default.columns
    assert share(columns["status"], "success") == pytest.approx(0.95, abs=0.005)
    errors = [error for error in columns["error_type"] if error]
    assert all((s == "error") == bool(e) for s, e in zip(columns["status"], columns["error_type"]))
    expected = {"timeout": 0.40, "rate_limit": 0.30, "auth_error": 0.15, "server_error": 0.15}
    assert set(errors) == set(expected)
    for kind, usual in expected.items():
        assert share(errors, kind) == pytest.approx(usual, abs=0.05)


def test_tokens_by_archetype_task_and_feature(default: Simulated) -> None:
    """Means of the clamped normals, from the same integral worked out by summing densities."""
    columns = default.columns
    wasters = {i["subject"] for i in default.truth["incidents"] if i["kind"] == "prompt_waster"}
    given: Dict[Tuple[str, str, str], List[int]] = defaultdict(list)
    outputs: Dict[Tuple[str, str, str], List[int]] = defaultdict(list)
    for archetype, task, feature, customer, i, o, error in zip(
        columns["customer_archetype"],
        columns["task_type"],
        columns["feature_id"],
        columns["customer_id"],
        default.numbers("input_tokens"),
        default.numbers("output_tokens"),
        columns["error_type"],
    ):
        if customer not in wasters and error not in REFUSED and feature not in config.LONG_CONTEXTS:
            given[archetype, task, feature].append(i)
            outputs[archetype, task, feature].append(o)
    checked = 0
    for (archetype, task, feature), values in given.items():
        if len(values) < 400:
            continue
        scale = config.CUSTOMER_ARCHETYPES[archetype].token_scale
        by_task, by_feature = config.TASK_TOKENS[task], config.FEATURE_TOKENS[feature]
        for numbers, mean, sd, low, high, factor in (
            (values, 500, 400, 50, 2000, by_task[0] * by_feature[0]),
            (outputs[archetype, task, feature], 300, 200, 50, 1000, by_task[1] * by_feature[1]),
        ):
            assert low <= min(numbers) <= max(numbers) <= high
            whole = scale * factor
            expected = clamped_mean(mean * whole, sd * whole, low, high)
            assert sum(numbers) / len(numbers) == pytest.approx(expected, rel=0.06)
            checked += 1
    assert checked > 20


def test_no_two_features_have_the_same_ratio(default: Simulated) -> None:
    sums: Dict[str, List[int]] = defaultdict(lambda: [0, 0])
    for feature, i, o in zip(
        default.columns["feature_id"],
        default.numbers("input_tokens"),
        default.numbers("output_tokens"),
    ):
        sums[feature][0] += i
        sums[feature][1] += o
    ratios = sorted(o / i for i, o in sums.values())
    assert all(b > 1.08 * a for a, b in zip(ratios, ratios[1:]))


def test_long_contexts_are_long_and_mostly_cached(default: Simulated) -> None:
    columns = default.columns
    given: Dict[str, List[int]] = defaultdict(list)
    cached: Dict[str, int] = defaultdict(int)
    money: Dict[bool, float] = defaultdict(float)
    for feature, i, c, cost, error in zip(
        columns["feature_id"],
        default.numbers("input_tokens"),
        default.numbers("cached_input_tokens"),
        columns["cost_usd"],
        columns["error_type"],
    ):
        if error not in REFUSED:
            given[feature].append(i)
            cached[feature] += c
        money[feature in config.LONG_CONTEXTS] += float(cost)
        assert c <= i
    hits = {feature: cached[feature] / sum(values) for feature, values in given.items()}
    for feature in config.LONG_CONTEXTS:
        values = sorted(given[feature])
        assert values[-1] <= 32_000
        assert sum(values) / len(values) > 1.02 * values[len(values) // 2] > 10_000
        assert hits[feature] > 0.6
    assert 0 < hits["chat"] < 0.3
    assert hits["summarization"] == hits["translation"] == 0
    assert money[True] > money[False]


def test_the_hit_rate_drops_when_a_prompt_changes(default: Simulated) -> None:
    """The migration of code generation begins on 23 June."""
    sums: Dict[str, List[int]] = defaultdict(lambda: [0, 0])
    for time, feature, i, c in zip(
        default.columns["timestamp"],
        default.columns["feature_id"],
        default.numbers("input_tokens"),
        default.numbers("cached_input_tokens"),
    ):
        if feature == "code-generation":
            sums[time[:10]][0] += i
            sums[time[:10]][1] += c
    rate = {day: c / i for day, (i, c) in sums.items()}
    assert rate["2026-06-23"] < rate["2026-06-22"] - 0.1
    assert rate["2026-06-24"] < rate["2026-06-25"] - 0.1


def clamped_mean(mean: float, sd: float, low: float, high: float) -> float:
    steps = [mean + sd * (k / 500 - 5) for k in range(5001)]
    weights = [2.718281828459045 ** (-(((x - mean) / sd) ** 2) / 2) for x in steps]
    clamped = [min(high, max(low, x)) for x in steps]
    mean_of_clamped: float = sum(w * x for w, x in zip(weights, clamped)) / sum(weights)
    return mean_of_clamped


def test_ordinary_prompts_do_not_look_wasted(default: Simulated) -> None:
    """Long contexts are by nature; of the others only wasters send much and get little."""
    wasters = {i["subject"] for i in default.truth["incidents"] if i["kind"] == "prompt_waster"}
    wasteful = Counter(
        customer
        for customer, feature, i, o, status in zip(
            default.columns["customer_id"],
            default.columns["feature_id"],
            default.numbers("input_tokens"),
            default.numbers("output_tokens"),
            default.columns["status"],
        )
        if status == "success" and i > 1000 and o < 0.1 * i and feature not in config.LONG_CONTEXTS
    )
    assert min(wasteful[waster] for waster in wasters) > 20
    by_others = sum(n for customer, n in wasteful.items() if customer not in wasters)
    assert by_others < 0.001 * len(default.columns["model"])


def test_latency_is_within_its_formula(default: Simulated) -> None:
    columns = default.columns
    slow = [i for i in default.truth["incidents"] if i["kind"] == "slow_provider"]
    checked = 0
    for time, provider, model, total, cached, latency, region, error in zip(
        columns["timestamp"],
        columns["provider"],
        columns["model"],
        default.numbers("total_tokens"),
        default.numbers("cached_input_tokens"),
        default.numbers("latency_ms"),
        columns["region"],
        columns["error_type"],
    ):
        if error == "timeout":
            assert latency == 5000
        elif error in REFUSED:
            assert 10 <= latency < 100
        elif not any(i["start"] <= time < i["end"] and i["subject"] == provider for i in slow):
            factor = config.REGIONS[region] * PROVIDER_SPEED.get(provider, 1.0)
            factor *= MODELS[model].speed
            uncached = total - cached
            assert min(5000, (uncached / 10 + 50) * factor * 0.8 - 1) <= latency
            assert latency <= min(5000, (uncached / 10 + 200) * factor * 1.2 + 1)
            checked += 1
    assert checked > 0.9 * len(columns["model"])


def test_customers_stay_as_they_are(default: Simulated) -> None:
    names = (
        "customer_id",
        "subscription_tier",
        "organization_id",
        "product_id",
        "customer_archetype",
        "tier_price_usd",
    )
    kinds = set(zip(*(default.columns[name] for name in names)))
    assert len(kinds) == len({customer for customer, *_ in kinds})
    expected = {
        (c.id, c.tier, c.organization, c.product, c.archetype, f"{price:.1f}")
        for c in Population(config.DEFAULT_SEED).customers
        for price in (config.SUBSCRIPTION_TIERS[c.tier],)
    }
    assert kinds > expected


def test_customers_join_and_bring_their_calls(default: Simulated) -> None:
    first: Dict[str, str] = {}
    for customer, time in zip(default.columns["customer_id"], default.columns["timestamp"]):
        first.setdefault(customer, time)
    joined = [customer for customer, time in first.items() if time > "2026-06-08"]
    assert 0.08 <= len(joined) / len(first) <= 0.20
    assert set(joined) <= {f"cust_{i + 1:04d}" for i in range(config.CUSTOMER_COUNT, len(first))}


def test_only_hoppers_leave_their_region(default: Simulated) -> None:
    regions: Dict[str, Set[str]] = defaultdict(set)
    for customer, region in zip(default.columns["customer_id"], default.columns["region"]):
        regions[customer].add(region)
    hoppers = {i["subject"] for i in default.truth["incidents"] if i["kind"] == "region_hopper"}
    assert {customer for customer, found in regions.items() if len(found) > 1} == hoppers
    assert {region for found in regions.values() for region in found} == set(config.REGIONS)


def test_tasks_follow_features_and_most_is_production(default: Simulated) -> None:
    tasks: Dict[str, Set[str]] = defaultdict(set)
    for feature, task in zip(default.columns["feature_id"], default.columns["task_type"]):
        tasks[feature].add(task)
    assert set(tasks) == set(config.FEATURES)
    assert all(set(some) == set(config.FEATURE_TASKS[name]) for name, some in tasks.items())
    assert {task for found in tasks.values() for task in found} == set(config.TASK_TYPES)
    environments = default.columns["environment"]
    assert set(environments) == set(config.ENVIRONMENTS)
    assert share(environments, "production") == pytest.approx(0.85, abs=0.01)


def test_sessions_and_traces(default: Simulated) -> None:
    columns = default.columns
    sessions: Dict[str, Set[Tuple[str, str]]] = defaultdict(set)
    traces: Dict[str, Set[object]] = defaultdict(set)
    for session, trace, agent, customer, feature in zip(
        columns["session_id"],
        columns["trace_id"],
        columns["user_agent"],
        columns["customer_id"],
        columns["feature_id"],
    ):
        sessions[session].add((customer, agent))
        traces[trace].add((session, feature))
    assert all(len(found) == 1 for found in sessions.values())
    assert all(len(found) == 1 for found in traces.values())
    calls = Counter(columns["trace_id"]).values()
    assert sum(count > 1 for count in calls) / len(calls) > 0.1
    assert sum(count <= 10 for count in calls) / len(calls) > 0.98
    assert len({agent for _, agent in chain.from_iterable(sessions.values())}) >= 4


def test_a_retry_shares_the_trace_of_the_failed_call(default: Simulated) -> None:
    columns = default.columns
    names = ("trace_id", "customer_id", "model", "feature_id", "task_type", "input_tokens")
    rows = list(zip(*(columns[name] for name in names)))
    failed = [i for i, error in enumerate(columns["error_type"][:-1]) if error]
    retried = sum(rows[i] == rows[i + 1] for i in failed)
    assert 0.4 < retried / len(failed) < 0.65
    alike = sum(rows[i] == rows[i + 1] for i in range(0, len(rows) - 1))
    assert alike < 1.02 * retried
