"""What each class of tokens cost, and what a prompt cache saved and could have saved.

The cost of a call is split over its classes of tokens in proportion to their list prices.  Shares
of what was cached are those of the sources that report it (see `rollups.cache_sources`): without
one there is no hit rate, which is not one of 0.
"""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, TypeVar

from finops import config
from finops.analyzers.shared.known_costs import known_cost, known_share
from finops.analyzers.shared.token_prices import (
    FREE_FAILURE,
    TOKEN_MEASURES,
    ListPrices,
    classes_of,
)
from finops.business.usage import TokenClasses
from finops.results.token_economics import CacheDay, CacheUse, TokenClass
from finops.rollups.cache_sources import CACHE_SOURCES, CacheSources
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, ratio

CLASS_TABLE = Table(("provider", "model", FREE_FAILURE), ("cost", "unpriced", *TOKEN_MEASURES))
CACHE_TABLE = Table(("feature_id", "provider", "model", "source", FREE_FAILURE), TOKEN_MEASURES)
CACHE_DAYS = Table(("day", "source"), ("input_tokens", "cached_input_tokens"))
CLASS_TABLES: Tuple[Table, ...] = (CLASS_TABLE, CACHE_TABLE, CACHE_DAYS, CACHE_SOURCES)
_PRICED = TokenClasses._fields.index
# Our classes, and which classes of prices each is made of.
_GROUPS: Mapping[str, Tuple[str, ...]] = {
    "input": ("text", "audio"),
    "cached": ("read",),
    "cache_write": ("write", "write_1h"),
    "output": ("output", "output_audio"),
    "reasoning": ("reasoning",),
}
_CLASSES: Tuple[str, ...] = tuple(_GROUPS)
_PLACES = [[_PRICED(name) for name in names] for names in _GROUPS.values()]
_N = TypeVar("_N", int, float)


class CachedInput(NamedTuple):
    """Input tokens read from a cache, and the input of the sources that report them."""

    cached: int
    of: int
    unknown: int
    """input tokens of the other sources"""


def cached_input(data: Rollups) -> Optional[CachedInput]:
    """Return what was read from a cache; None where no source says."""
    sources = CacheSources(data[CACHE_SOURCES])
    if not sources.reporting:
        return None
    said = [data[CACHE_SOURCES][(source,)] for source in sources.reporting]
    return CachedInput(
        sum(cached for _, cached, _ in said),
        sum(inputs for inputs, _, _ in said),
        sources.unknown_input_tokens,
    )


def token_classes(data: Rollups) -> List[TokenClass]:
    """Return tokens and cost by class; their costs sum to the total.

    What cannot be split, since a model has no list price, is the class "unknown".  A class has no
    cost where nothing is known of what its tokens cost.
    """
    prices = ListPrices(data.prices)
    tokens: Dict[str, List[int]] = {name: [] for name in _CLASSES}
    costs: Dict[str, List[float]] = {name: [] for name in (*_CLASSES, config.UNKNOWN)}
    unknown: Dict[str, int] = dict.fromkeys(costs, 0)  # tokens of unknown cost
    for (provider, model, free), (cost, unpriced, *sums) in data[CLASS_TABLE].items():
        classes = classes_of(sums)
        listed = None if free else prices.costs(provider, model, classes)
        is_split = listed is not None and any(listed)
        for name, count in zip(_CLASSES, _by_class(classes)):
            tokens[name].append(count)
            unknown[name] += count if unpriced or (cost and not is_split) else 0
        if listed is None or not is_split:
            costs[config.UNKNOWN].append(cost)
            continue
        for name, part in zip(_CLASSES, _by_class(listed)):
            costs[name].append(cost * part / math.fsum(listed))
    rows = [
        _class_row(data, name, sum(tokens.get(name, ())), costs[name], unknown[name])
        for name in costs
    ]
    return [row for row in rows if row.tokens or row.cost]


def _class_row(
    data: Rollups, name: str, tokens: int, costs: Sequence[float], unknown: int
) -> TokenClass:
    cost = known_cost(math.fsum(costs), unknown)
    return TokenClass(name, tokens, cost, known_share(data, cost))


def _by_class(values: Sequence[_N]) -> List[_N]:
    """Return values in the order of `TokenClasses` added up to those of `_CLASSES`."""
    return [sum((values[at] for at in places[1:]), values[places[0]]) for places in _PLACES]


def cache_uses(data: Rollups) -> List[CacheUse]:
    """Return the cache by feature and model, by what it could have saved most.

    Calls of sources that do not say what was cached are left out.
    """
    reporting = CacheSources(data[CACHE_SOURCES]).reporting
    uses: Dict[Tuple[str, str, str], Sequence[int]] = {}
    for (feature, provider, model, source, free), sums in data[CACHE_TABLE].items():
        if source in reporting and not free:
            use = (feature, provider, model)
            uses[use] = [a + b for a, b in zip(uses[use], sums)] if use in uses else sums
    prices = ListPrices(data.prices)
    rows = [_cache_use(prices, *use, classes_of(sums)) for use, sums in uses.items()]
    return sorted(
        [row for row in rows if row.input_tokens],
        key=lambda r: (-(r.missed_usd or 0.0), r.feature_id, r.provider, r.model),
    )


def _cache_use(
    prices: ListPrices, feature: str, provider: str, model: str, classes: TokenClasses
) -> CacheUse:
    written = classes.write + classes.write_1h
    inputs = classes.text + classes.audio + classes.read + written
    return CacheUse(
        feature_id=feature,
        provider=provider,
        model=model,
        input_tokens=inputs,
        cached_input_tokens=classes.read,
        hit_percent=percent(classes.read, inputs),
        saved_usd=_difference(
            prices,
            (provider, model),
            _NOTHING._replace(text=classes.read + written),
            _NOTHING._replace(read=classes.read, write=classes.write, write_1h=classes.write_1h),
        ),
        missed_usd=_difference(
            prices,
            (provider, model),
            _NOTHING._replace(text=classes.text),
            _NOTHING._replace(read=classes.text),
        ),
        writes_never_read_percent=ratio(max(0, written - classes.read), written) * 100
        if written
        else None,
    )


_NOTHING = TokenClasses(0, 0, 0, 0, 0, 0, 0, 0)


def _difference(
    prices: ListPrices, model: Tuple[str, str], tokens: TokenClasses, others: TokenClasses
) -> Optional[float]:
    """Return what some tokens cost above others by list, in USD; None without prices."""
    cost, other = prices.costs(*model, tokens), prices.costs(*model, others)
    if cost is None or other is None:
        return None
    return math.fsum(cost) - math.fsum(other)


def cache_days(data: Rollups) -> List[CacheDay]:
    """Return the cache by active day, of the sources that say what was cached."""
    reporting = CacheSources(data[CACHE_SOURCES]).reporting
    days: Dict[str, Tuple[int, int]] = {}
    for (day, source), (inputs, cached) in data[CACHE_DAYS].items():
        if source in reporting:
            before = days.get(day, (0, 0))
            days[day] = (before[0] + inputs, before[1] + cached)
    return [
        CacheDay(day, inputs, cached, percent(cached, inputs))
        for day, (inputs, cached) in days.items()
    ]
