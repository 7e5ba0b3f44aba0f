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

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set, Tuple

from finops import config, schema
from finops.rollups.expressions import above, all_of, negated, one_of
from finops.rollups.measures import OF_MOMENTS, Distribution, Measure, Standing, Usual
from finops.rollups.spec import Rollups, Table
from finops.stats import improbable, percent

_FAULT = all_of(
    one_of("status", schema.STATUS_ERROR), negated(one_of("error_type", *config.CLIENT_ERRORS))
)
# Failed calls that no client caused.
FAULTS = Measure("faults", _FAULT)
# Calls of which nothing is known are no successes.
PROVIDER_HOURS = Table(("hour", "provider"), ("status_known", FAULTS), OF_MOMENTS)
# The p95 latency of an hour, and its calls far above that of the provider's median hour.
SLOW_CALLS = Distribution(
    "slow_calls",
    "latency_ms",
    counted=False,
    usual=Usual(95, config.DEGRADED_LATENCY_FACTOR, config.DEGRADED_MIN_CALLS),
)
# A failed call took the client's limit, or no time at all.
PROVIDER_LATENCIES = Table(
    ("hour", "provider"),
    (SLOW_CALLS,),
    all_of(OF_MOMENTS, one_of("status", schema.STATUS_SUCCESS)),
)
_NONE_MEASURED = Standing(0, None, None, None)
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
    """One hour of one provider: calls of known status, errors that no client caused, and how the
    known latencies of successes stand to the usual ones.
    """

    name: str
    calls: int
    errors: int
    latencies: Standing


def provider_hours(data: Rollups) -> Dict[Tuple[Any, ...], Tuple[Any, ...]]:
    """Return calls of known status, faults, standing of latencies by (hour, provider)."""
    latencies = data[PROVIDER_LATENCIES]
    none = (_NONE_MEASURED,)
    return {key: (*sums, *latencies.get(key, none)) for key, sums in data[PROVIDER_HOURS].items()}


def degraded_hours(cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]]) -> List[Degraded]:
    """Return the bad hours by provider, then hour, from what `provider_hours` returns."""
    hours: Dict[str, List[Hour]] = {}
    for (name, provider), (calls, errors, latencies) in cells.items():
        if calls >= config.DEGRADED_MIN_CALLS:
            hours.setdefault(provider, []).append(Hour(name, calls, errors, latencies))
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


def _slow(provider: str, hours: Sequence[Hour]) -> List[Degraded]:
    measured = [hour for hour in hours if hour.latencies.known >= config.DEGRADED_MIN_CALLS]
    calls = sum(hour.latencies.known for hour in measured)
    slow = sum(hour.latencies.beyond or 0 for hour in measured)
    degraded = []
    for hour in measured:
        known, p95, usual, above_threshold = hour.latencies
        assert p95 is not None
        assert usual is not None
        assert above_threshold is not None
        threshold = config.DEGRADED_LATENCY_FACTOR * usual
        if p95 > threshold and _beyond_chance(above_threshold, known, slow, calls):
            degraded.append(Degraded(provider, hour.name, "latency", p95, usual, threshold))
    return degraded


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
