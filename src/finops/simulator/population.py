"""Who calls: the customers at the start, fixed by the seed, and those who join later.

Shares are met by quota, not by luck, so that a small population has its heavy users too, and
every archetype × tier × product occurs.  Customers are only ever added: one who has left keeps
its place.
"""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.simulator.rng import Rng

# Archetype, tier, product.
Kind = Tuple[str, str, str]


class Customer(NamedTuple):
    """One customer with the tier that it has now.

    `activity` is its weight among all; `profile` numbers its features.  `size` is the weight of
    its organization, where that matters.  `expensive` customers insist on the most expensive
    models.  `joined` is its first day since the start; `drift` multiplies its calls from one day
    to the next while it is young.
    """

    id: str
    archetype: str
    tier: str
    organization: str
    product: str
    region: str
    activity: float
    size: float
    profile: int
    expensive: bool
    joined: int
    drift: float


class Population:
    """All customers so far, in the order in which they came."""

    def __init__(self, seed: int, count: int = config.CUSTOMER_COUNT) -> None:
        """Make the customers of the start; `count` is at least 60 for exact archetype shares."""
        rng = Rng(seed, "population")
        self._rng = Rng(seed, "joining")
        self._kinds: List[Kind] = []
        self.sizes: Dict[str, float] = {}
        sizes = spread_over({str(s): share for share, s in config.TENANT_SIZES}, _ORGANIZATIONS)
        for size in rng.shuffled(sizes):
            self._found_organization(float(size))
        kinds = rng.shuffled(_kinds(count, rng))
        self.customers: List[Customer] = _first_customers(kinds, self.sizes, rng)

    def join(self, day: int) -> int:
        """Add a customer whose first day this is; return its position."""
        if not self._kinds:
            self._kinds = self._rng.shuffled(_kinds(config.CUSTOMER_COUNT, self._rng))
        archetype, tier, product = self._kinds.pop()
        rng = self._rng
        low, high = config.ACTIVITY_SPREAD
        activity = config.CUSTOMER_ARCHETYPES[archetype].activity * rng.between(low, high)
        most = config.JOINS_MOST_WEIGHT if day < config.JOINS_LIMITED_DAYS else math.inf
        organization = self._organization_to_join(most / activity)
        self.customers.append(
            Customer(
                _id(len(self.customers)),
                archetype,
                tier,
                organization,
                product,
                rng.pick(spread_over(config.REGION_SHARES, 20)),
                activity,
                self.sizes[organization],
                rng.below(len(config.FEATURE_PROFILES)),
                False,
                day,
                _drift(rng),
            )
        )
        return len(self.customers) - 1

    def _organization_to_join(self, largest: float) -> str:
        """Return an organization, known or new, at most of this size or of the smallest."""
        rng = self._rng
        known = [name for name in sorted(self.sizes) if self.sizes[name] <= largest]
        if known and rng.chance(config.JOINS_KNOWN_ORGANIZATION):
            return rng.pick(known)
        sizes = spread_over({str(s): share for share, s in config.TENANT_SIZES}, 20)
        small = [size for size in map(float, sizes) if size <= largest]
        return self._found_organization(rng.pick(small or [min(map(float, sizes))]))

    def _found_organization(self, size: float) -> str:
        name = f"org_{len(self.sizes) + 1:03d}"
        self.sizes[name] = size
        return name


_ORGANIZATIONS = config.ORGANIZATION_COUNT


def quotas(shares: Mapping[str, float], count: int, least: int = 0) -> Dict[str, int]:
    """Divide `count` in proportion to the shares, at least `least` each, by largest remainder.

    >>> quotas({"a": 0.5, "b": 0.3, "c": 0.2}, 9)
    {'a': 4, 'b': 3, 'c': 2}
    """
    total = math.fsum(shares.values())
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


def long_share(profile: int) -> float:
    """Return the share, 0 to 1, of a profile's calls that carry long contexts."""
    uses = config.FEATURE_PROFILES[profile]
    long = sum(weight for feature, weight in uses.items() if feature in config.LONG_CONTEXTS)
    return long / sum(uses.values())


def _first_customers(kinds: Sequence[Kind], sizes: Mapping[str, float], rng: Rng) -> List[Customer]:
    count = len(kinds)
    regions = rng.shuffled(spread_over(config.REGION_SHARES, count))
    organizations = _organizations(kinds, sizes, rng)
    activities = _activities(kinds, rng)
    weights = [activities[i] * sizes[organizations[i]] for i in range(count)]
    expensive = _expensive(kinds, weights)
    profiles = _profiles(weights, expensive, rng)
    return [
        Customer(
            _id(i),
            archetype,
            tier,
            organizations[i],
            product,
            regions[i],
            activities[i],
            sizes[organizations[i]],
            profiles[i],
            i in expensive,
            0,
            _drift(rng),
        )
        for i, (archetype, tier, product) in enumerate(kinds)
    ]


def _id(position: int) -> str:
    return f"cust_{position + 1:04d}"


def _drift(rng: Rng) -> float:
    """Return the daily factor of a trend that is linear enough over a quarter of a year."""
    most = config.OWN_TREND_90_DAYS
    return 1 + rng.between(-most, most) / 90


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


def _organizations(kinds: Sequence[Kind], sizes: Mapping[str, float], rng: Rng) -> List[str]:
    """Give each customer an organization: large ones tend to have the large plans."""
    ranks = {tier: rank for rank, tier in enumerate(config.SUBSCRIPTION_TIERS)}
    blurred = [ranks[tier] + config.TENANT_BLUR * rng.unit() for _, tier, _ in kinds]
    order = sorted(range(len(kinds)), key=lambda i: (blurred[i], i))
    by_size = sorted(sizes, key=lambda name: (sizes[name], name))
    organizations = [""] * len(kinds)
    for place, i in enumerate(order):
        organizations[i] = by_size[place * len(by_size) // len(kinds)]
    return organizations


def _activities(kinds: Sequence[Kind], rng: Rng) -> List[float]:
    """Spread activity evenly within an archetype."""
    low, high = config.ACTIVITY_SPREAD
    order = rng.shuffled(range(len(kinds)))
    activities = [0.0] * len(kinds)
    for name, archetype in config.CUSTOMER_ARCHETYPES.items():
        members = [i for i in order if kinds[i][0] == name]
        for place, i in enumerate(members):
            factor = low + (high - low) * (place + 0.5) / len(members)
            activities[i] = archetype.activity * factor
    return activities


def _profiles(weights: Sequence[float], expensive: Set[int], rng: Rng) -> List[int]:
    """Deal profiles so that each has about the same share of the calls.

    Of customers who are about as active, those who insist on expensive models have the longest
    contexts.
    """
    count = len(config.FEATURE_PROFILES)
    order = sorted(range(len(weights)), key=lambda i: (-weights[i], i))
    profiles = [0] * len(weights)
    for first in range(0, len(order), count):
        group = order[first : first + count]
        dealt = rng.shuffled(range(count))[: len(group)]
        insisting = [i for i in group if i in expensive]
        longest = sorted(dealt, key=long_share, reverse=True)[: len(insisting)]
        others = [i for i in group if i not in expensive]
        left = [profile for profile in dealt if profile not in longest]
        for i, profile in zip(insisting + others, longest + left):
            profiles[i] = profile
    return profiles


def _expensive(kinds: Sequence[Kind], weights: Sequence[float]) -> Set[int]:
    """Return the positions of those with a taste for the most expensive models."""
    prices = config.SUBSCRIPTION_TIERS
    highest = max(prices.values())
    below = [i for i, (_, tier, _) in enumerate(kinds) if prices[tier] < highest]
    by_weight = sorted(below, key=lambda i: (-weights[i] / prices[kinds[i][1]], i))
    return set(by_weight[: round(config.DEAR_TASTE_SHARE * len(kinds))])
