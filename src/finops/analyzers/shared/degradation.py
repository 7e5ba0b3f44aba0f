"""Hours in which a provider was slower, or failed more often, than it usually does.

A provider is measured against itself: p95 latency against that of its median hour, error rate
against its own over the whole period.  In a small hour p95 is the luck of two calls, so the
calls that were slow must also be more than the provider's usual share of slow calls would
produce by chance; the same holds for errors.

Errors are the provider's only where a client does not cause them: a rate limit or a wrong key
is not, and neither is an hour in which one of several customers makes most of the errors.

Slow calls are not the provider's where one customer's surge makes them: a batch of long prompts
to a slow model.  When a provider is slow, all its customers wait, so the slow calls of the others
keep their usual share; in a surge they are less than half of it.
"""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache, partial
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops import config, schema
from finops.rollups.expressions import above, all_of, negated, one_of
from finops.rollups.measures import OF_MOMENTS, Measure
from finops.rollups.spec import Rollups, Table
from finops.stats import improbable, median, percent, rank_index

_FAULT = all_of(
    one_of("status", schema.STATUS_ERROR), negated(one_of("error_type", *config.CLIENT_ERRORS))
)
# Failed calls that no client caused.
FAULTS = Measure("faults", _FAULT)
# Calls of which nothing is known are no successes.
PROVIDER_HOURS = Table(("hour", "provider"), ("status_known", FAULTS), OF_MOMENTS)
# A failed call took the client's limit, or no time at all.
PROVIDER_LATENCIES = Table(
    ("hour", "provider"),
    ("latencies",),
    all_of(OF_MOMENTS, one_of("status", schema.STATUS_SUCCESS)),
)
FAULT_CUSTOMERS = Table(("hour", "provider", "customer_id"), (FAULTS,), all_of(OF_MOMENTS, _FAULT))
# Successful calls that violated the SLA.
SLOW_CUSTOMERS = Table(
    ("hour", "provider", "customer_id"),
    ("calls",),
    all_of(
        OF_MOMENTS,
        one_of("status", schema.STATUS_SUCCESS),
        above("latency_ms", config.SLA_THRESHOLD_MS),
    ),
)


class Degraded(NamedTuple):
    """One bad hour of a provider.

    `kind` is "latency" (the numbers are p95 in ms) or "errors" (error rates in percent);
    `usual` is the provider's own, `threshold` the configured multiple of it.
    """

    provider: str
    hour: str
    kind: str
    value: float
    usual: float
    threshold: float


class Hour(NamedTuple):
    """One hour of one provider: calls of known status, errors that no client caused, known
    latencies in ms ascending, their p95.
    """

    name: str
    calls: int
    errors: int
    latencies: Sequence[int]
    p95: int

    @property
    def measured(self) -> int:
        """Calls of which the latency is known."""
        return len(self.latencies)


def provider_hours(data: Rollups) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
    """Return calls of known status, faults, latencies of successes by (hour, provider)."""
    latencies = data[PROVIDER_LATENCIES]
    none: Tuple[Tuple[int, ...]] = ((),)
    return {key: (*sums, *latencies.get(key, none)) for key, sums in data[PROVIDER_HOURS].items()}


def degraded_hours(cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]]) -> List[Degraded]:
    """Return the bad hours by provider, then hour, from what `provider_hours` returns."""
    hours: Dict[str, List[Hour]] = {}
    rank = lru_cache(maxsize=None)(partial(rank_index, share=0.95))  # hours have few sizes
    for (name, provider), (calls, errors, latencies) in cells.items():
        if calls >= config.DEGRADED_MIN_CALLS:
            p95 = latencies[rank(len(latencies))] if len(latencies) else 0
            hours.setdefault(provider, []).append(Hour(name, calls, errors, latencies, p95))
    degraded: List[Degraded] = []
    for provider in sorted(hours):
        degraded += _slow(provider, hours[provider])
        degraded += _failing(provider, hours[provider])
    return sorted(degraded)


def led_by_one_customer(
    cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]], customers: int
) -> Set[Tuple[str, str]]:
    """Return the (hour, provider) in which one of several customers made most of the errors.

    `cells` are those of `FAULT_CUSTOMERS`; `customers` is how many the data names, besides whom
    there may be calls that name none.
    """
    nobody = any(customer == config.UNALLOCATED for _, _, customer in cells)
    if customers + nobody < 2:
        return set()
    all_faults: Dict[Tuple[str, str], int] = {}
    most: Dict[Tuple[str, str], int] = {}
    for (hour, provider, customer), (faults,) in cells.items():
        key = (hour, provider)
        all_faults[key] = all_faults.get(key, 0) + faults
        if customer != config.UNALLOCATED:
            most[key] = max(most.get(key, 0), faults)
    return {key for key, faults in most.items() if 2 * faults > all_faults[key]}


def surges_of_one_customer(
    cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]],
) -> Set[Tuple[str, str]]:
    """Return the (hour, provider) whose slow calls are mostly due to the surge of one customer.

    `cells` are those of `SLOW_CUSTOMERS`.  In these hours the share of the other customers in the
    provider's slow calls is less than half of their share in its other hours, which has to rest
    on `config.DEGRADED_MIN_CALLS` slow calls.  Calls that name no customer are others' calls.
    """
    by_hour: Dict[Tuple[str, str], Dict[str, int]] = {}
    of_provider: Dict[str, int] = {}
    of_customer: Dict[Tuple[str, str], int] = {}
    for (hour, provider, customer), (calls,) in cells.items():
        by_hour.setdefault((hour, provider), {})[customer] = calls
        of_provider[provider] = of_provider.get(provider, 0) + calls
        of_customer[provider, customer] = of_customer.get((provider, customer), 0) + calls
    surges: Set[Tuple[str, str]] = set()
    for (hour, provider), slow in by_hour.items():
        here = sum(slow.values())
        slow.pop(config.UNALLOCATED, None)
        first = max(slow, key=lambda name: slow[name], default="")
        usual, others = of_provider[provider] - here, here - slow.get(first, 0)
        others_usual = usual - of_customer.get((provider, first), 0) + slow.get(first, 0)
        if usual >= config.DEGRADED_MIN_CALLS and 2 * others * usual < here * others_usual:
            surges.add((hour, provider))
    return surges


def _above(latencies: Sequence[int], threshold: float) -> int:
    """Calls above a latency."""
    return len(latencies) - bisect_right(latencies, threshold)


def _slow(provider: str, all_hours: Sequence[Hour]) -> List[Degraded]:
    hours = [hour for hour in all_hours if hour.measured >= config.DEGRADED_MIN_CALLS]
    usual = median(hour.p95 for hour in hours)
    threshold = config.DEGRADED_LATENCY_FACTOR * usual
    bad = [hour for hour in hours if hour.p95 > threshold]
    if not bad:
        return []
    calls = sum(hour.measured for hour in hours)
    slow = calls - sum([bisect_right(hour.latencies, threshold) for hour in hours])
    return [
        Degraded(provider, hour.name, "latency", hour.p95, usual, threshold)
        for hour in bad
        if _beyond_chance(_above(hour.latencies, threshold), hour.measured, slow, calls)
    ]


def _failing(provider: str, hours: Sequence[Hour]) -> List[Degraded]:
    calls = sum(hour.calls for hour in hours)
    errors = sum(hour.errors for hour in hours)
    usual = percent(errors, calls)
    threshold = config.DEGRADED_ERROR_FACTOR * usual
    rated = ((hour, percent(hour.errors, hour.calls)) for hour in hours if hour.errors)
    return [
        Degraded(provider, hour.name, "errors", rate, usual, threshold)
        for hour, rate in rated
        if rate > threshold and _beyond_chance(hour.errors, hour.calls, errors, calls)
    ]


def _beyond_chance(count: int, calls: int, all_count: int, all_calls: int) -> bool:
    """Return whether an hour has more such calls than its provider's other hours explain.

    Its own are left out of the usual share: a bad hour is no excuse.  One call is added, since
    none seen so far does not mean that there is never one.
    """
    share = (all_count - count + 1) / (all_calls - calls + 1)
    return improbable(count, calls * share, config.DEGRADED_CHANCE)
