"""The customers: shares, combinations, who joins, and what stays fixed."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Dict, List

import pytest

from finops import config
from finops.simulator.population import Population, long_share, quotas

SEEDS = [config.DEFAULT_SEED, 1, 2, 3, 99]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_archetype_tier_and_product_occurs(seed: int) -> None:
    kinds = {(c.archetype, c.tier, c.product) for c in Population(seed).customers}
    everything = itertools.product(
        config.CUSTOMER_ARCHETYPES, config.SUBSCRIPTION_TIERS, config.PRODUCTS
    )
    assert kinds == set(everything)


@pytest.mark.parametrize(("count", "off"), [(58, 0.06), (200, 0.01), (1000, 0.005)])
def test_shares(count: int, off: float) -> None:
    customers = Population(7, count).customers
    assert len({c.id for c in customers}) == len(customers) == count
    archetypes = Counter(c.archetype for c in customers)
    for name, archetype in config.CUSTOMER_ARCHETYPES.items():
        assert archetypes[name] / count == pytest.approx(archetype.share, abs=off)
    tiers = Counter(c.tier for c in customers)
    for name, share in config.TIER_SHARES.items():
        assert tiers[name] / count == pytest.approx(share, abs=off)
    regions = Counter(c.region for c in customers)
    for name, share in config.REGION_SHARES.items():
        assert regions[name] / count == pytest.approx(share, abs=0.02)


def test_activity_is_that_of_the_archetype_with_spread() -> None:
    by_archetype: Dict[str, List[float]] = {}
    for customer in Population(3).customers:
        by_archetype.setdefault(customer.archetype, []).append(customer.activity)
    for name, values in by_archetype.items():
        usual = config.CUSTOMER_ARCHETYPES[name].activity
        low, high = config.ACTIVITY_SPREAD
        assert sum(values) / len(values) == pytest.approx(usual * (low + high) / 2)
        assert low * usual <= min(values) < usual < max(values) <= high * usual
    assert min(by_archetype["heavy"]) > max(by_archetype["power"]) > max(by_archetype["light"])


@pytest.mark.parametrize("seed", SEEDS)
def test_organizations_are_more_than_a_customer_and_have_sizes(seed: int) -> None:
    population = Population(seed)
    members = Counter(c.organization for c in population.customers)
    assert len(members) == len(population.sizes) == config.ORGANIZATION_COUNT
    assert min(members.values()) > 1
    assert all(c.size == population.sizes[c.organization] for c in population.customers)
    sizes = Counter(population.sizes.values())
    for share, size in config.TENANT_SIZES:
        assert sizes[size] == pytest.approx(share * config.ORGANIZATION_COUNT, abs=1)


def test_same_seed_same_population_other_seed_another() -> None:
    assert Population(5).customers == Population(5).customers
    assert Population(5).customers != Population(6).customers


def test_expensive_tastes_are_with_who_calls_most_for_its_price() -> None:
    customers = Population(4).customers
    prices = config.SUBSCRIPTION_TIERS
    insisting = [c for c in customers if c.expensive]
    assert len(insisting) == round(config.DEAR_TASTE_SHARE * len(customers))
    least = min(c.activity * c.size / prices[c.tier] for c in insisting)
    for customer in customers:
        if not customer.expensive and customer.tier != "enterprise":
            assert customer.activity * customer.size / prices[customer.tier] <= least


def test_expensive_tastes_have_the_longest_contexts_of_their_group() -> None:
    customers = sorted(Population(4).customers, key=lambda c: -c.activity * c.size)
    count = len(config.FEATURE_PROFILES)
    for first in range(0, len(customers), count):
        group = customers[first : first + count]
        insisting = [long_share(c.profile) for c in group if c.expensive]
        others = [long_share(c.profile) for c in group if not c.expensive]
        assert not insisting or not others or min(insisting) >= max(others)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_joins_who_changes_the_whole_business(seed: int) -> None:
    population = Population(seed)
    joined = [
        population.customers[population.join(day)] for day in range(config.JOINS_LIMITED_DAYS)
    ]
    smallest = min(size for _, size in config.TENANT_SIZES)
    for customer in joined:
        assert customer.size == population.sizes[customer.organization]
        weight = customer.activity * customer.size
        assert weight <= config.JOINS_MOST_WEIGHT or customer.size == smallest
    assert max(c.activity * c.size for c in joined) > 1


def test_profiles_are_dealt_evenly_among_large_customers() -> None:
    customers = sorted(Population(1).customers, key=lambda c: -c.activity * c.size)
    count = len(config.FEATURE_PROFILES)
    assert {c.profile for c in customers[:count]} == set(range(count))


def test_long_share_is_that_of_the_features_with_long_contexts() -> None:
    for place, profile in enumerate(config.FEATURE_PROFILES):
        long = profile.get("code-generation", 0) + profile.get("analysis", 0)
        assert long_share(place) == pytest.approx(long / sum(profile.values()))


def test_who_joins_is_new_and_nobody_changes() -> None:
    population, again = Population(8), Population(8)
    before = list(population.customers)
    for day in range(1, 200):
        assert population.join(day) == len(population.customers) - 1
        again.join(day)
    assert population.customers == again.customers
    assert population.customers[: len(before)] == before
    joined = population.customers[len(before) :]
    assert [c.joined for c in joined] == list(range(1, 200))
    assert len({c.id for c in population.customers}) == len(population.customers)
    archetypes = Counter(c.archetype for c in joined)
    assert set(archetypes) == set(config.CUSTOMER_ARCHETYPES)
    known = sum(c.organization in {b.organization for b in before} for c in joined)
    assert 0 < known < len(joined)
    assert all(c.size == population.sizes[c.organization] for c in joined)


def test_quotas_add_up() -> None:
    for count in range(1, 60):
        counts = quotas({"a": 0.7, "b": 0.2, "c": 0.1}, count)
        assert sum(counts.values()) == count
        assert all(abs(counts[k] - count * s) < 1 for k, s in zip("abc", (0.7, 0.2, 0.1)))
    assert quotas({"a": 1.0, "b": 0.0}, 10, least=3) == {"a": 7, "b": 3}
