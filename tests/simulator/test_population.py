"""The customers: shares, combinations, and what stays fixed."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Dict, List

import pytest

from finops import config
from finops.simulator.population import Customer, build, quotas

SEEDS = [config.DEFAULT_SEED, 1, 2, 3, 99]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_archetype_tier_and_product_occurs(seed: int) -> None:
    found = {(c.archetype, c.tier, c.product) for c in build(seed).customers}
    everything = itertools.product(
        config.CUSTOMER_ARCHETYPES, config.SUBSCRIPTION_TIERS, config.PRODUCTS
    )
    assert found == set(everything)


@pytest.mark.parametrize(("count", "off"), [(62, 0.06), (200, 0.01), (1000, 0.005)])
def test_shares(count: int, off: float) -> None:
    customers = build(7, count).customers
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
    for customer in build(3).customers:
        by_archetype.setdefault(customer.archetype, []).append(customer.activity)
    for name, values in by_archetype.items():
        usual = config.CUSTOMER_ARCHETYPES[name].activity
        low, high = config.ACTIVITY_SPREAD
        assert sum(values) / len(values) == pytest.approx(usual * (low + high) / 2)
        assert low * usual <= min(values) < usual < max(values) <= high * usual
    assert min(by_archetype["heavy"]) > max(by_archetype["power"]) > max(by_archetype["light"])


def test_every_organization_has_a_customer_and_a_size() -> None:
    population = build(1)
    assert len({c.organization for c in population.customers}) == config.ORGANIZATION_COUNT
    sizes = Counter(population.tenant_sizes.values())
    wanted = {size: share for share, size in config.TENANT_SIZES}
    for size, share in wanted.items():
        assert sizes[size] == pytest.approx(share * config.ORGANIZATION_COUNT, abs=0.5)


def test_same_seed_same_population_other_seed_another() -> None:
    assert build(5) == build(5)
    assert build(5).customers != build(6).customers


def test_troubled_customers_are_few_and_have_no_other_story() -> None:
    for seed in SEEDS:
        population = build(seed)
        chosen = [*population.troubled, *population.wasteful]
        assert len(set(chosen)) == len(chosen) <= 0.1 * len(population.customers)
        customer_table: List[Customer] = [population.customers[i] for i in chosen]
        assert not any(c.expensive for c in customer_table)


def test_quotas_add_up() -> None:
    for count in range(1, 60):
        found = quotas({"a": 0.7, "b": 0.2, "c": 0.1}, count)
        assert sum(found.values()) == count
        assert all(abs(found[k] - count * s) < 1 for k, s in zip("abc", (0.7, 0.2, 0.1)))
    assert quotas({"a": 1.0, "b": 0.0}, 10, least=3) == {"a": 7, "b": 3}
