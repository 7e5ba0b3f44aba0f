"""Who calls: the customers of a run, built once from its seed and never changed.

Shares are met by quota, not by luck, so that a small population has its heavy users too, and
every archetype × tier × product occurs.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.simulator.rng import Rng

# Archetype, tier, product.
Kind = Tuple[str, str, str]


class Customer(NamedTuple):
    """One customer.  `activity` is its weight among all; `profile` numbers its features.

    `expensive` customers insist on the most expensive models.
    """

    id: str
    archetype: str
    tier: str
    organization: str
    product: str
    region: str
    activity: float
    profile: int
    expensive: bool


class Population(NamedTuple):
    """All customers, and the positions of those that incidents befall again and again.

    `tenant_sizes` is the activity of each organization where organizations matter;
    `activities` is each customer's usual weight.
    """

    customers: Tuple[Customer, ...]
    tenant_sizes: Mapping[str, float]
    troubled: Tuple[int, ...]
    wasteful: Tuple[int, ...]

    activities: Tuple[float, ...]

    @property
    def expensive_share(self) -> float:
        """Share of all calls, 0 to 1, that customers with a taste for expensive models make."""
        expensive = sum(c.activity for c in self.customers if c.expensive)
        return expensive / sum(self.activities)


def build(seed: int, count: int = config.CUSTOMER_COUNT) -> Population:
    """Return the population of this seed; `count` is at least 90 for exact archetype shares."""
    rng = Rng(seed, "population")
    kinds = rng.shuffled(_kinds(count, rng))
    regions = rng.shuffled(spread_over(config.REGION_SHARES, count))
    organizations = _organizations(count, rng)
    expensive = _dear(kinds, rng)
    activities = _activities(kinds, expensive, rng)
    profiles = rng.shuffled([i % len(config.FEATURE_PROFILES) for i in range(count)])
    customers = tuple(
        Customer(
            f"cust_{i + 1:04d}",
            archetype,
            tier,
            organizations[i],
            product,
            regions[i],
            activities[i],
            profiles[i],
            i in expensive,
        )
        for i, (archetype, tier, product) in enumerate(kinds)
    )
    return Population(
        customers,
        _tenant_sizes(rng),
        _some(customers, "power", config.TROUBLED_SHARE, rng),
        _some(customers, "heavy", config.WASTEFUL_SHARE, rng),
        tuple(activities),
    )


def quotas(shares: Mapping[str, float], count: int, least: int = 0) -> Dict[str, int]:
    """Divide `count` in proportion to the shares, at least `least` each, by largest remainder.

    >>> quotas({"a": 0.5, "b": 0.3, "c": 0.2}, 9)
    {'a': 4, 'b': 3, 'c': 2}
    """
    total = sum(shares.values())
    exact = {key: count * share / total if total else 0.0 for key, share in shares.items()}
    counts = {key: max(least, int(value)) for key, value in exact.items()}
    by_need = sorted(exact, key=lambda key: counts[key] - exact[key])
    for step in range(abs(count - sum(counts.values()))):
        if count > sum(counts.values()):
            counts[by_need[step % len(by_need)]] += 1
        else:
            largest = max(counts, key=lambda key: (counts[key] - least, key))
            counts[largest] -= 1
    return counts


def spread_over(shares: Mapping[str, float], count: int) -> List[str]:
    """Return `count` keys, each as often as its quota says."""
    return [key for key, number in quotas(shares, count).items() for _ in range(number)]


def _kinds(count: int, rng: Rng) -> List[Kind]:
    """Return archetype, tier and product of every customer; all combinations occur."""
    products = list(config.PRODUCTS)
    everywhere = len(products)
    archetype_shares = {name: a.share for name, a in config.CUSTOMER_ARCHETYPES.items()}
    tiers_each = everywhere * len(config.SUBSCRIPTION_TIERS)
    archetypes = quotas(archetype_shares, count, least=tiers_each)
    left = quotas(config.TIER_SHARES, count, least=everywhere * len(archetypes))
    left = {tier: n - everywhere * len(archetypes) for tier, n in left.items()}
    kinds: List[Kind] = []
    for archetype in sorted(archetypes, key=lambda name: archetypes[name]):
        more = quotas({t: float(n) for t, n in left.items()}, archetypes[archetype] - tiers_each)
        for tier, extra in more.items():
            left[tier] -= extra
            first = rng.below(everywhere)
            kinds += [
                (archetype, tier, products[(first + i) % everywhere])
                for i in range(everywhere + extra)
            ]
    return kinds


def _organizations(count: int, rng: Rng) -> List[str]:
    """Give every organization a customer before one has a second."""
    names = [f"org_{i + 1:03d}" for i in range(config.ORGANIZATION_COUNT)]
    rounds = count // len(names) + 1
    return [name for _ in range(rounds) for name in rng.shuffled(names)][:count]


def _activities(kinds: Sequence[Kind], expensive: Set[int], rng: Rng) -> List[float]:
    """Spread activity evenly within an archetype, more to cheap plans and expensive tastes."""
    low, high = config.ACTIVITY_SPREAD
    ranks = {tier: rank for rank, tier in enumerate(config.SUBSCRIPTION_TIERS)}
    blurred = [ranks[tier] - (i in expensive) + rng.unit() for i, (_, tier, _) in enumerate(kinds)]
    order = sorted(range(len(kinds)), key=lambda i: (blurred[i], i))
    activities = [0.0] * len(kinds)
    for name, archetype in config.CUSTOMER_ARCHETYPES.items():
        members = [i for i in order if kinds[i][0] == name]
        for place, i in enumerate(members):
            factor = high - (high - low) * (place + 0.5) / len(members)
            activities[i] = archetype.activity * factor
    return activities


def _dear(kinds: Sequence[Kind], rng: Rng) -> Set[int]:
    """Return the positions of those with a taste for the most expensive models."""
    chosen: Set[int] = set()
    for (archetype, tier), share in config.DEAR_TASTE_SHARES.items():
        of_kind = [i for i, kind in enumerate(kinds) if kind[:2] == (archetype, tier)]
        chosen.update(rng.shuffled(of_kind)[: round(share * len(of_kind))])
    return chosen


def _tenant_sizes(rng: Rng) -> Dict[str, float]:
    names = [f"org_{i + 1:03d}" for i in range(config.ORGANIZATION_COUNT)]
    shares = {str(size): share for share, size in config.TENANT_SIZES}
    sizes = rng.shuffled(spread_over(shares, len(names)))
    return {name: float(size) for name, size in zip(names, sizes)}


def _some(customers: Sequence[Customer], archetype: str, share: float, rng: Rng) -> Tuple[int, ...]:
    """Return positions of some customers of this archetype, those on the cheapest tier first.

    Customers with a taste for expensive models are left alone: they are a story of their own.
    """
    of_kind = [i for i, c in enumerate(customers) if c.archetype == archetype and not c.expensive]
    prices = config.SUBSCRIPTION_TIERS
    cheapest_first = sorted(rng.shuffled(of_kind), key=lambda i: prices[customers[i].tier])
    return tuple(cheapest_first[: max(1, round(share * len(customers)))])
