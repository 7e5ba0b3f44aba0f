"""Geographic latency: how fast each region is served, and by whom it would be served faster.

Latency grows with tokens, so a provider that gets the long prompts looks slow.  Providers are
therefore compared band by band at equal token counts, and a difference that chance alone
could make is not turned into advice.
"""

from __future__ import annotations

import math
from operator import add
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, stats
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.busy_hours import REGION_HOURS, hour_findings
from finops.analyzers.shared.coverage import error_rate
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.daily_latency import MEASURED, SLA_VIOLATIONS, beside
from finops.analyzers.shared.daily_sums import daily_sums, without_known
from finops.analyzers.shared.known_costs import known_cost, known_total
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.wording import counted
from finops.results import geographic_latency as results
from finops.results.base import DailySums, Finding
from finops.rollups.expressions import band_of, plus
from finops.rollups.measures import Dimension
from finops.rollups.spec import Rollups, Table

PROVIDER_REGIONS = Table(
    ("provider", "region"), ("calls", "cost", "errors", "status_known", "unpriced")
)
REGION_WAITS = Table(("provider", "region"), ("latency_ms", "latency"), MEASURED)
REGION_DAYS = Table(("day", "provider", "region"), ("calls", "cost", "errors", "status_known"))
REGION_DAY_WAITS = Table(
    ("day", "provider", "region"), ("latency_ms", SLA_VIOLATIONS, "latency_known"), MEASURED
)
# The lower bound of the band that the tokens of a call are in.
TOKEN_BAND = Dimension(
    "token_band", band_of(plus("input_tokens", "output_tokens"), config.TOKEN_BAND_WIDTH)
)
TOKEN_BANDS = Table(("provider", "region", TOKEN_BAND), ("latency_known", "latency_ms"), MEASURED)

# Of one provider in one region: {lower bound of the token band: (measured calls, their summed
# latency)}.
Bands = Dict[int, Tuple[int, int]]


class _Group(NamedTuple):
    """Calls, cost in USD, errors, calls of known status and of unknown cost of one group.

    Of its successful calls with a latency: the summed latency and {latency in ms: calls}.
    """

    calls: int
    cost: float
    errors: int
    status_known: int
    unpriced: int = 0
    latency_ms: int = 0
    histogram: Mapping[int, int] = MappingProxyType({})

    @property
    def measured(self) -> int:
        """Successful calls of which the latency is known."""
        return sum(self.histogram.values())

    @property
    def average(self) -> float:
        """Mean latency in ms of the measured calls, 0 where there are none."""
        return stats.ratio(self.latency_ms, self.measured)

    @property
    def known_average(self) -> Optional[float]:
        """The same, None where there are none."""
        return self.average if self.histogram else None

    @property
    def violations(self) -> Optional[int]:
        """Measured calls slower than the service level, None where there are none."""
        if not self.histogram:
            return None
        return sum(n for ms, n in self.histogram.items() if ms > config.SLA_THRESHOLD_MS)

    @property
    def squared_error(self) -> float:
        """Squared standard error of the mean latency, in ms²."""
        centre = self.average
        spread = math.fsum(n * (ms - centre) ** 2 for ms, n in self.histogram.items())
        return stats.ratio(spread, self.measured**2)


class GeographicLatencyAnalyzer(Analyzer):
    """Latency by region and provider, and routing advice at equal token counts.

    `by_day` holds sums by provider and region by day, None where they are too many to keep.
    """

    TABLES = (
        *BASIS_TABLES,
        PROVIDER_REGIONS,
        REGION_WAITS,
        TOKEN_BANDS,
        REGION_DAYS,
        REGION_DAY_WAITS,
        REGION_HOURS,
    )
    NEEDS = ("region", "latency_ms")

    def result(self, data: Rollups) -> results.GeographicLatencyResult:
        """Return regions, provider by region, latency by tokens, and routing advice."""
        span = covered_days(data)
        waits = data[REGION_WAITS]
        pairs = {
            key: _Group(*values, *waits.get(key, ()))
            for key, values in data[PROVIDER_REGIONS].items()
        }
        groups = _by_region(pairs)
        regions = sorted(
            (_region_row(name, group) for name, group in groups.items()),
            key=lambda r: (r.avg_latency_ms is None, r.avg_latency_ms or 0.0, r.region),
        )
        routing = _routing(pairs, data[TOKEN_BANDS])
        provider_regions = [_pair_row(key, group) for key, group in pairs.items()]
        several = len({r.provider for r in provider_regions if r.avg_latency_ms is not None}) > 1
        return results.GeographicLatencyResult(
            summary=_summary(data, groups, regions, routing),
            basis=basis_of(data, span, self.NEEDS),
            regions=regions,
            provider_regions=provider_regions,
            latency_by_tokens=_by_tokens(data[TOKEN_BANDS]),
            routing=routing,
            daily=_daily(data),
            by_day=results.GeographicByDay(regions=_by_day(data)),
            findings=by_impact(_findings(regions, routing, several) + hour_findings(data, span)),
            recommendations=_recommendations(span, regions, routing),
        )


def _merged(groups: List[_Group]) -> _Group:
    """Return several groups as one."""
    histogram: Dict[int, int] = {}
    for group in groups:
        for ms, n in group.histogram.items():
            histogram[ms] = histogram.get(ms, 0) + n
    return _Group(
        sum(g.calls for g in groups),
        math.fsum(g.cost for g in groups),
        sum(g.errors for g in groups),
        sum(g.status_known for g in groups),
        sum(g.unpriced for g in groups),
        sum(g.latency_ms for g in groups),
        histogram,
    )


def _by_region(pairs: Mapping[Tuple[Any, ...], _Group]) -> Dict[str, _Group]:
    """Return each region's providers merged into one group."""
    parts: Dict[str, List[_Group]] = {}
    for (_, region), group in pairs.items():
        parts.setdefault(region, []).append(group)
    return {region: _merged(groups) for region, groups in sorted(parts.items())}


def _region_row(region: str, group: _Group) -> results.RegionLatency:
    p50, p95, p99 = _percentiles(group, (0.50, 0.95, 0.99))
    return results.RegionLatency(
        region=region,
        call_count=group.calls,
        measured_calls=group.measured,
        avg_latency_ms=group.known_average,
        p50_latency_ms=p50,
        p95_latency_ms=p95,
        p99_latency_ms=p99,
        sla_violations=group.violations,
        error_rate_percent=error_rate(group.errors, group.status_known, group.calls),
        total_cost=known_cost(group.cost, group.unpriced),
        unknown_status_calls=group.calls - group.status_known,
    )


def _percentiles(group: _Group, shares: Sequence[float]) -> Sequence[Optional[int]]:
    """Return nearest-rank percentiles in ms, None where no latency is known."""
    known = group.histogram
    return stats.histogram_percentiles(known, shares) if known else [None] * len(shares)


def _pair_row(key: Tuple[Any, ...], group: _Group) -> results.ProviderRegion:
    return results.ProviderRegion(
        provider=key[0],
        region=key[1],
        call_count=group.calls,
        avg_latency_ms=group.known_average,
        p95_latency_ms=_percentiles(group, (0.95,))[0],
    )


def _by_tokens(cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]]) -> List[results.TokenBand]:
    """Return mean latency by region and token band, in that order."""
    sums: Dict[Tuple[str, int], List[int]] = {}
    for (_, region, band), values in cells.items():
        cell = sums.setdefault((region, band), [0, 0])
        cell[:] = map(add, cell, values)
    return [
        results.TokenBand(
            region=region,
            from_tokens=band,
            call_count=measured,
            avg_latency_ms=stats.ratio(latency_ms, measured),
        )
        for (region, band), (measured, latency_ms) in sorted(sums.items())
    ]


def _daily(data: Rollups) -> List[results.DayLatency]:
    """Return [date, call_count, latency_ms (summed), avg_latency_ms, sla_violations] for every
    active day.
    """
    days: Dict[str, List[Tuple[Any, ...]]] = {}
    for (day, _, _), values in beside(data, REGION_DAYS, REGION_DAY_WAITS).items():
        days.setdefault(day, []).append(values)
    return [_day(day, cells) for day, cells in days.items()]


def _day(day: str, cells: List[Tuple[Any, ...]]) -> results.DayLatency:
    calls, _, _, _, latency_ms, late, measured = map(sum, zip(*cells))
    return results.DayLatency(
        date=day,
        call_count=calls,
        latency_ms=latency_ms,
        avg_latency_ms=latency_ms / measured if measured else None,
        sla_violations=late,
        measured_calls=measured,
    )


def _by_day(data: Rollups) -> Optional[DailySums]:
    measures = (*REGION_DAYS.measure_names, "latency_ms", "violations", "measured")
    cells = beside(data, REGION_DAYS, REGION_DAY_WAITS)
    names = REGION_DAYS.dimension_names
    sums = daily_sums(data.period, cells, names, measures, ("provider", "region"))
    return without_known(sums, "status_known", "calls")


# --- routing ---------------------------------------------------------------------------------


class _Comparison(NamedTuple):
    """Mean latencies in ms of the present and another provider at equal token counts."""

    provider: str
    current_ms: float
    other_ms: float

    @property
    def percent(self) -> float:
        """How much of the present latency the other provider saves, in percent."""
        return stats.percent(self.current_ms - self.other_ms, self.current_ms)


def _routing(
    pairs: Mapping[Tuple[Any, ...], _Group], cells: Mapping[Tuple[Any, ...], Tuple[Any, ...]]
) -> List[results.Routing]:
    """Return the advice, by improvement_ms descending.

    A provider gets a row in a region where it is over the service level or slower than the
    best there by the configured gap, and the best is faster beyond chance.
    """
    by_region: Dict[str, Dict[str, Bands]] = {}
    for (provider, region, band), values in cells.items():
        providers = by_region.setdefault(region, {})
        providers.setdefault(provider, {})[band] = (values[0], values[1])
    rows = []
    for region, providers in by_region.items():
        groups = {name: pairs[name, region] for name in providers}
        for current in providers:
            best = _best(current, providers, groups)
            if best is not None and _worth_it(groups[current], best):
                rows.append(_routing_row(region, current, groups[current], best))
    return sorted(rows, key=lambda r: (-r.improvement_ms, r.region, r.current_provider))


def _best(
    current: str, providers: Mapping[str, Bands], groups: Mapping[str, _Group]
) -> Optional[_Comparison]:
    """Return the comparison with the provider that is fastest beside the current one."""
    comparisons = []
    for other in providers:
        if other == current:
            continue
        latencies = at_equal_tokens(providers[current], providers[other])
        if latencies is None:
            continue
        chance = math.sqrt(groups[current].squared_error + groups[other].squared_error)
        if latencies[0] - latencies[1] > config.ROUTING_MIN_STANDARD_ERRORS * chance:
            comparisons.append(_Comparison(other, *latencies))
    return (
        min(comparisons, key=lambda c: (-round(c.percent, 9), c.provider)) if comparisons else None
    )


def at_equal_tokens(current: Bands, other: Bands) -> Optional[Tuple[float, float]]:
    """Return both mean latencies in ms over the token bands that both have, equally weighted.

    A band with a and b calls weighs a × b / (a + b), the weight of Mantel and Haenszel that
    lets the bands count which tell most.  None where either has fewer than
    `config.ROUTING_MIN_CALLS` calls in the common bands.
    """
    common = sorted(
        band for band in set(current) & set(other) if current[band][0] and other[band][0]
    )
    fewest = min(sum(bands[b][0] for b in common) for bands in (current, other))
    if fewest < config.ROUTING_MIN_CALLS:
        return None
    weights = [current[b][0] * other[b][0] / (current[b][0] + other[b][0]) for b in common]
    total = math.fsum(weights)
    first, second = (
        math.fsum(w * bands[b][1] / bands[b][0] for w, b in zip(weights, common)) / total
        for bands in (current, other)
    )
    return first, second


def _worth_it(current: _Group, best: _Comparison) -> bool:
    """Return whether the current provider is over the service level or slower by the gap."""
    limit = best.other_ms * (100 + config.ROUTING_MIN_GAP_PCT) / 100
    return current.average > config.SLA_THRESHOLD_MS or round(best.current_ms - limit, 6) >= 0


def _routing_row(region: str, current: str, group: _Group, best: _Comparison) -> results.Routing:
    return results.Routing(
        region=region,
        current_provider=current,
        recommended_provider=best.provider,
        current_latency_ms=best.current_ms,
        recommended_latency_ms=best.other_ms,
        improvement_ms=best.current_ms - best.other_ms,
        improvement_percent=best.percent,
        call_count=group.calls,
    )


# --- words -----------------------------------------------------------------------------------


def _summary(
    data: Rollups,
    groups: Mapping[str, _Group],
    regions: List[results.RegionLatency],
    routing: List[results.Routing],
) -> results.GeographicSummary:
    calls = data.totals.calls
    measured = sum(group.measured for group in groups.values())
    latency_ms = sum(group.latency_ms for group in groups.values())
    violations = sum(row.sla_violations or 0 for row in regions)
    known = _measured(regions)
    return results.GeographicSummary(
        total_calls=calls,
        total_cost=known_total(data),
        region_count=len(regions),
        fastest_region=known[0].region if known else None,
        slowest_region=known[-1].region if known else None,
        avg_latency_ms=latency_ms / measured if measured else None,
        sla_threshold_ms=config.SLA_THRESHOLD_MS,
        sla_violations=violations if measured else None,
        sla_compliance_percent=stats.percent(measured - violations, measured) if measured else None,
        measured_calls=measured,
        routing_opportunities=len(routing),
    )


def _measured(regions: List[results.RegionLatency]) -> List[results.RegionLatency]:
    """Return the regions with a known latency."""
    return [row for row in regions if row.avg_latency_ms is not None]


def _slow(regions: List[results.RegionLatency]) -> List[results.RegionLatency]:
    """Return the regions whose p95 is over its threshold, the slowest first."""
    slow = [row for row in regions if (row.p95_latency_ms or 0) > config.P95_THRESHOLD_MS]
    return sorted(slow, key=lambda r: (-(r.p95_latency_ms or 0), r.region))


def _findings(
    regions: List[results.RegionLatency], routing: List[results.Routing], several: bool
) -> List[Finding]:
    """`several`: whether there is more than one provider to compare."""
    findings = []
    known = _measured(regions)
    fastest, slowest = (known[0].avg_latency_ms, known[-1].avg_latency_ms) if known else (0, 0)
    if len(known) > 1 and fastest and slowest:
        fast, slow = known[0], known[-1]
        times = slowest / fastest
        findings.append(
            finding(
                "info",
                f"Calls take {times:.1f} times as long in {slow.region} as in {fast.region}",
                f"A call takes {slowest:,.0f} ms on average in {slow.region} "
                f"and {fastest:,.0f} ms in {fast.region}.",
                kind="quality",
                effort="medium",
                subject={"region": slow.region},
            )
        )
    findings += [_slow_finding(row) for row in _slow(regions)]
    if routing:
        findings.append(_routing_finding(routing))
    enough = all(row.measured_calls >= config.MODEL_MIN_CALLS for row in known)
    if known and enough and not routing and not _slow(regions):
        findings.append(_good_finding(regions, several))
    return findings


def _slow_finding(row: results.RegionLatency) -> Finding:
    return finding(
        "warning",
        f"One call in twenty in {row.region} takes over {row.p95_latency_ms:,} ms",
        f"The 95th percentile is above {config.P95_THRESHOLD_MS:,} ms; "
        f"{row.sla_violations or 0:,} of {counted(row.measured_calls, 'call')} "
        f"{'was' if row.sla_violations == 1 else 'were'} slower than "
        f"{config.SLA_THRESHOLD_MS:,} ms.",
        kind="quality",
        effort="medium",
        subject={"region": row.region},
    )


def _routing_finding(routing: List[results.Routing]) -> Finding:
    calls = sum(row.call_count for row in routing)
    top = routing[0]
    return finding(
        "warning",
        f"{counted(calls, 'call')} went to a provider that is clearly slower in the region",
        f"The widest gap: {provider_name(top.current_provider)} takes "
        f"{top.improvement_ms:,.0f} ms more than {provider_name(top.recommended_provider)} in "
        f"{top.region} for the same number of tokens.",
        kind="quality",
        confidence="medium",
        effort="medium",
    )


def _good_finding(regions: List[results.RegionLatency], several: bool) -> Finding:
    others = " and no provider is clearly slower than another" if several else ""
    return finding(
        "success",
        f"No region is slow{others}",
        f"The 95th percentile is at most {config.P95_THRESHOLD_MS:,} ms in every region "
        f"({len(regions)} compared).",
        kind="quality",
    )


def _recommendations(
    span: CoveredDays, regions: List[results.RegionLatency], routing: List[results.Routing]
) -> List[str]:
    """Return advice on the routes that save callers most waiting, then on slow regions."""
    by_wait = sorted(
        routing,
        key=lambda r: (
            -r.improvement_ms * r.call_count,
            r.region,
            r.current_provider,
        ),
    )
    said = [_route(span, row) for row in by_wait[: config.RECOMMENDED_SUBJECTS]]
    said += [
        f"Serve {row.region} from a nearer endpoint or with shorter answers: its 95th "
        f"percentile is {row.p95_latency_ms:,} ms against {config.P95_THRESHOLD_MS:,} ms."
        for row in _slow(regions)[: config.RECOMMENDED_SUBJECTS]
    ]
    return said


def _route(span: CoveredDays, row: results.Routing) -> str:
    monthly = span.monthly(row.call_count)
    saved = ""
    if monthly is not None:
        hours = monthly * row.improvement_ms / 3_600_000
        saved = f", {hours:,.1f} hours of waiting saved per month over {monthly:,.0f} calls"
    return (
        f"Route {row.region} calls from {provider_name(row.current_provider)} to "
        f"{provider_name(row.recommended_provider)}: {row.improvement_ms:,.0f} ms "
        f"({row.improvement_percent:.0f}%) faster for the same number of tokens"
        f"{saved}."
    )
