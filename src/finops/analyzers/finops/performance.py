"""Performance tracking: how fast and how reliable the models are, and at what price.

Latency figures are those of successful calls whose latency is known; percentiles are nearest-rank
over these calls.  Failures have their own rate.  A call meets the SLA where its latency is not
above `config.SLA_THRESHOLD_MS`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from types import MappingProxyType
from typing import (
    Any,
    Callable,
    ClassVar,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared import daily_latency
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.coverage import error_rate
from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.daily_latency import MEASURED, sums_by_day
from finops.analyzers.shared.known_costs import known_total, unit_cost
from finops.analyzers.shared.latency_percentiles import percentile_windows
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.wording import caveats, counted, percent, usd, with_status
from finops.results import performance as results
from finops.results.base import Finding
from finops.rollups.spec import Rollups, Table
from finops.stats import histogram_percentiles
from finops.stats import percent as percent_of

_GROUPS = ("provider", "model", "task_type")
MODELS = Table(_GROUPS, ("calls", "cost", "tokens", "errors", "unpriced", "status_known"))
WAITS = Table(_GROUPS, ("output_tokens", "latency_ms", "latency"), MEASURED)
HOURS_OF_DAY = Table(("hour_of_day",), ("calls",))
HOUR_WAITS = Table(("hour_of_day",), ("latency_ms", "latency"), MEASURED)
DAYS = Table(("day",), ("calls", "errors", "status_known"))
DAY_WAITS = Table(("day",), ("latency_ms", "latency"), MEASURED)
PERCENTILES = (0.50, 0.95, 0.99)
NO_WAITS: Tuple[int, Mapping[int, int]] = (0, {})


class Group(NamedTuple):
    """Some calls: count, cost in USD, tokens, errors, calls of unknown cost, of known status.

    Of those that tell of latency: output tokens, summed latency, {latency in ms: calls}.
    """

    calls: int
    cost: float
    tokens: int
    errors: int
    unpriced: int = 0
    status_known: int = 0
    output_tokens: int = 0
    latency_ms: int = 0
    histogram: Mapping[int, int] = MappingProxyType({})

    @property
    def measured(self) -> int:
        """Calls that tell of latency."""
        return sum(self.histogram.values())

    @property
    def average(self) -> Optional[float]:
        """Mean latency in ms, None where it is not known of any call."""
        return mean_latency(self.latency_ms, self.histogram)

    @property
    def violations(self) -> Optional[int]:
        """Measured calls above the SLA, None where there are none."""
        if not self.histogram:
            return None
        return sum(n for ms, n in self.histogram.items() if ms > config.SLA_THRESHOLD_MS)

    @property
    def compliance(self) -> Optional[float]:
        """Measured calls within the SLA in percent, None where there are none."""
        measured = self.measured
        return percent_of(measured - (self.violations or 0), measured) if measured else None

    @property
    def error_rate(self) -> Optional[float]:
        """Failed calls in percent of those of known status, None where there are none."""
        return error_rate(self.errors, self.status_known, self.calls)

    @property
    def cost_per_1k_tokens(self) -> Optional[float]:
        """Cost of 1,000 tokens in USD, None where that of some is not known; see `unit_cost`."""
        return unit_cost(self.cost * 1000, self.tokens, self.unpriced)


def mean_latency(latency_ms: int, histogram: Mapping[int, int]) -> Optional[float]:
    """Return the mean latency in ms, None where it is not known of any call."""
    return latency_ms / sum(histogram.values()) if histogram else None


def percentiles(
    histogram: Mapping[int, int], shares: Sequence[float] = PERCENTILES
) -> Sequence[Optional[int]]:
    """Return the nearest-rank percentiles in ms, None where no latency is known."""
    return histogram_percentiles(histogram, shares) if histogram else [None] * len(shares)


class PerformanceAnalyzer(Analyzer):
    """Latency, throughput, service level and errors by model, provider, task, hour and day.

    `by_day` holds sums by model, provider and task by day, `percentiles_by_day` what tells the
    percentiles of any days; None where that is too much to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        MODELS,
        WAITS,
        HOURS_OF_DAY,
        HOUR_WAITS,
        DAYS,
        DAY_WAITS,
        *daily_latency.TABLES,
    )
    NEEDS: ClassVar[Tuple[str, ...]] = ("latency_ms",)

    def result(self, data: Rollups) -> results.PerformanceResult:
        """Return the result; latencies in ms, throughput in tokens per second of waiting."""
        span = covered_days(data)
        waits = data[WAITS]
        cells = {key: Group(*values, *waits.get(key, ())) for key, values in data[MODELS].items()}
        whole = merged(cells.values())
        rankings = _model_rankings(data, cells)
        compliance = _sla_compliance(cells)
        latency = _latency(whole)
        return results.PerformanceResult(
            summary=_summary(data, whole, latency),
            basis=basis_of(data, span, self.NEEDS),
            latency=latency,
            latency_histogram=bins(whole.histogram),
            model_rankings=rankings,
            sla_compliance=compliance,
            by_task_type=_by_task_type(cells),
            hourly_profile=_hourly_profile(data),
            daily=_daily(data),
            by_day=sums_by_day(data),
            percentiles_by_day=_percentiles_by_day(data),
            findings=by_impact(
                _findings(whole, latency, compliance, rankings) + caveats(span, data.totals)
            ),
            recommendations=_recommendations(data, rankings, compliance),
        )


def _percentiles_by_day(data: Rollups) -> results.PercentileWindows:
    histograms = {day: values[-1] for (day,), values in data[DAY_WAITS].items()}
    names = results.PercentileWindows._fields
    return results.PercentileWindows(
        **percentile_windows(data.period, histograms, dict(zip(names, PERCENTILES)))
    )


def merged(groups: Iterable[Group]) -> Group:
    """Return several groups as one.

    >>> one = Group(1, 0.5, 9, 0, 0, 1, 4, 7, {7: 1})
    >>> two = Group(2, 0.5, 1, 1, 0, 2, 1, 14, {7: 2})
    >>> whole = merged([one, two])
    >>> whole.calls, whole.output_tokens, whole.latency_ms, whole.histogram
    (3, 5, 21, {7: 3})
    """
    parts = list(groups)
    histogram: Dict[int, int] = defaultdict(int)
    for group in parts:
        for ms, calls in group.histogram.items():
            histogram[ms] += calls
    return Group(
        sum(g.calls for g in parts),
        math.fsum(g.cost for g in parts),
        sum(g.tokens for g in parts),
        sum(g.errors for g in parts),
        sum(g.unpriced for g in parts),
        sum(g.status_known for g in parts),
        sum(g.output_tokens for g in parts),
        sum(g.latency_ms for g in parts),
        dict(histogram),
    )


def grouped(
    cells: Mapping[Tuple[Any, ...], Group], key_of: Callable[[Tuple[Any, ...]], Any]
) -> Dict[Any, Group]:
    """Return the cells merged by what `key_of` makes of their keys."""
    parts: Dict[Any, List[Group]] = {}
    for key, group in cells.items():
        parts.setdefault(key_of(key), []).append(group)
    return {key: merged(groups) for key, groups in parts.items()}


def bins(histogram: Mapping[int, int]) -> List[results.LatencyBin]:
    """Return [from_ms, to_ms, call_count] for latencies from `from_ms` to below `to_ms`.

    Bins are contiguous from 0 to the slowest call.  What is slower than the last regular bin
    is one bin, however slow: a single call of an hour must not make the others invisible.
    """
    width, end = config.LATENCY_BIN_MS, config.LATENCY_BINS_END_MS
    counts: Dict[int, int] = {}
    for ms, calls in histogram.items():
        start = min(ms, end) // width * width
        counts[start] = counts.get(start, 0) + calls
    last = max(counts, default=-width)
    return [
        results.LatencyBin(
            from_ms=start,
            to_ms=max(max(histogram) + 1, end + width) if start == end else start + width,
            call_count=counts.get(start, 0),
        )
        for start in range(0, last + width, width)
    ]


def _latency(whole: Group) -> results.Latency:
    p50, p95, p99 = percentiles(whole.histogram)
    return results.Latency(
        mean=whole.average,
        median=p50,
        p95=p95,
        p99=p99,
        max=max(whole.histogram, default=None),
        sla_violations=whole.violations,
    )


def _summary(data: Rollups, whole: Group, latency: results.Latency) -> results.PerformanceSummary:
    return results.PerformanceSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        avg_latency_ms=latency.mean,
        p50_latency_ms=latency.median,
        p95_latency_ms=latency.p95,
        p99_latency_ms=latency.p99,
        max_latency_ms=latency.max,
        sla_threshold_ms=config.SLA_THRESHOLD_MS,
        sla_violations=whole.violations,
        sla_compliance_percent=whole.compliance,
        measured_calls=whole.measured,
        error_rate_percent=whole.error_rate,
        unpriced_calls=data.totals.unpriced,
        unknown_status_calls=whole.calls - whole.status_known,
    )


def _model_rankings(
    data: Rollups, cells: Mapping[Tuple[Any, ...], Group]
) -> List[results.ModelRanking]:
    rows = []
    for (provider, model), group in grouped(cells, lambda key: key[:2]).items():
        p50, p95, p99 = percentiles(group.histogram)
        rows.append(
            results.ModelRanking(
                provider=provider,
                model=model,
                call_count=group.calls,
                measured_calls=group.measured,
                tokens_per_second=group.output_tokens * 1000 / group.latency_ms
                if group.latency_ms
                else None,
                avg_latency_ms=group.average,
                p50_latency_ms=p50,
                p95_latency_ms=p95,
                p99_latency_ms=p99,
                error_rate_percent=group.error_rate,
                cost_per_1k_tokens=group.cost_per_1k_tokens,
                unknown_status_calls=group.calls - group.status_known,
            )
        )
    return sorted(rows, key=_fastest_first)


def _fastest_first(row: results.ModelRanking) -> Tuple[bool, float, str, str]:
    """Order models by tokens per second, those of which nothing was measured last."""
    speed = row.tokens_per_second
    return speed is None, -(speed or 0.0), row.provider, row.model


def _sla_compliance(cells: Mapping[Tuple[Any, ...], Group]) -> List[results.ProviderCompliance]:
    rows = [
        results.ProviderCompliance(
            provider=provider,
            total_calls=group.calls,
            compliant_calls=group.measured - (group.violations or 0),
            compliance_rate=group.compliance,
            violations=group.violations,
            measured_calls=group.measured,
        )
        for provider, group in grouped(cells, lambda key: key[0]).items()
    ]
    return sorted(
        rows, key=lambda r: (r.compliance_rate is None, -(r.compliance_rate or 0.0), r.provider)
    )


def _by_task_type(cells: Mapping[Tuple[Any, ...], Group]) -> List[results.TaskLatency]:
    """Tasks by call_count; the fastest model is the one with the lowest average latency."""
    rows = []
    for task, group in grouped(cells, lambda key: key[2]).items():
        serving = [
            (cell.average, *key[:2])
            for key, cell in cells.items()
            if key[2] == task and cell.average is not None
        ]
        _, provider, model = min(serving, default=(None, None, None))
        rows.append(
            results.TaskLatency(
                task_type=task,
                call_count=group.calls,
                avg_latency_ms=group.average,
                p95_latency_ms=percentiles(group.histogram, (0.95,))[0],
                fastest_model=model,
                fastest_provider=provider,
            )
        )
    return sorted(rows, key=lambda r: (-r.call_count, r.task_type))


def _hourly_profile(data: Rollups) -> List[results.HourOfDay]:
    rows = []
    for hour in range(24):
        (calls,) = data[HOURS_OF_DAY].get((hour,), (0,))
        latency_ms, histogram = data[HOUR_WAITS].get((hour,), NO_WAITS)
        rows.append(
            results.HourOfDay(
                hour=hour,
                call_count=calls,
                avg_latency_ms=mean_latency(latency_ms, histogram),
                p95_latency_ms=percentiles(histogram, (0.95,))[0],
            )
        )
    return rows


def _daily(data: Rollups) -> List[results.DayLatency]:
    """Active days in ascending order."""
    rows = []
    for (day,), (calls, errors, known) in data[DAYS].items():
        latency_ms, histogram = data[DAY_WAITS].get((day,), NO_WAITS)
        rows.append(
            results.DayLatency(
                date=day,
                call_count=calls,
                avg_latency_ms=mean_latency(latency_ms, histogram),
                p95_latency_ms=percentiles(histogram, (0.95,))[0],
                error_rate_percent=error_rate(errors, known, calls),
                measured_calls=sum(histogram.values()),
            )
        )
    return rows


# --- sentences -------------------------------------------------------------------------------


def _findings(
    whole: Group,
    latency: results.Latency,
    compliance: List[results.ProviderCompliance],
    rankings: List[results.ModelRanking],
) -> List[Finding]:
    findings = [*_sla_finding(whole), *_tail_finding(latency)]
    findings += [_error_finding(row) for row in _unreliable(rankings)]
    known = [row for row in compliance if row.compliance_rate is not None]
    if known:
        best, worst = known[0].compliance_rate or 0.0, known[-1].compliance_rate or 0.0
        if best - worst >= 100 - config.SLA_TARGET_PCT:
            findings.append(
                finding(
                    "info",
                    f"{provider_name(known[-1].provider)} has the lowest SLA compliance",
                    f"{percent(worst)} of its measured calls, against {percent(best)} at "
                    f"{provider_name(known[0].provider)}.",
                    kind="quality",
                    effort="medium",
                    subject={"provider": known[-1].provider},
                )
            )
    return findings


def _tail_finding(latency: results.Latency) -> List[Finding]:
    """Return the finding on the slowest calls, where they are over their limits."""
    p95, p99 = latency.p95, latency.p99
    if p95 is None or p99 is None:
        return []
    if p95 <= config.P95_THRESHOLD_MS and p99 <= config.P99_THRESHOLD_MS:
        return []
    return [
        finding(
            "warning",
            f"At least one call in a hundred takes {p99:,} ms or longer",
            f"p95 is {p95:,} ms (limit {config.P95_THRESHOLD_MS:,} ms), p99 "
            f"{p99:,} ms (limit {config.P99_THRESHOLD_MS:,} ms).",
            kind="quality",
            effort="medium",
        )
    ]


def _sla_finding(whole: Group) -> List[Finding]:
    """Return whether the SLA is met; nothing where too few latencies are known to say that."""
    kept = whole.compliance
    if kept is None:
        return []
    limit = f"{config.SLA_THRESHOLD_MS:,} ms"
    if kept < config.SLA_TARGET_PCT:
        return [
            finding(
                "warning",
                f"{percent(kept)} of the calls answer within {limit}",
                f"The target is {config.SLA_TARGET_PCT}%; "
                f"{counted(whole.violations or 0, 'call')} of {whole.measured:,} measured took "
                "longer.",
                kind="quality",
                effort="medium",
            )
        ]
    if whole.measured < config.MODEL_MIN_CALLS:
        return []
    return [
        finding(
            "success",
            "SLA met",
            f"{percent(kept)} of {counted(whole.measured, 'measured call')} answer within "
            f"{limit}; the target is {config.SLA_TARGET_PCT}%.",
            kind="quality",
        )
    ]


def _error_finding(row: results.ModelRanking) -> Finding:
    return finding(
        "warning",
        f"{row.model} fails in {percent(row.error_rate_percent or 0.0)} of its calls",
        f"Of {with_status(_judgeable(row), row.call_count)} to {provider_name(row.provider)}; "
        f"the limit is "
        f"{config.HIGH_ERROR_RATE_PCT}%.",
        kind="quality",
        effort="medium",
        subject={"provider": row.provider, "model": row.model},
    )


def _unreliable(rankings: Iterable[results.ModelRanking]) -> List[results.ModelRanking]:
    rows = [
        row
        for row in rankings
        if (row.error_rate_percent or 0.0) > config.HIGH_ERROR_RATE_PCT
        and _judgeable(row) >= config.MODEL_MIN_CALLS
    ]
    return sorted(rows, key=lambda r: (-(r.error_rate_percent or 0.0), r.provider, r.model))


def _judgeable(row: results.ModelRanking) -> int:
    """Return how many calls of a model say whether they succeeded."""
    return row.call_count - row.unknown_status_calls


class Judged(NamedTuple):
    """A model with enough measured calls, its p95 in ms and its price in USD per 1,000 tokens."""

    row: results.ModelRanking
    p95: float
    price: float


def _judged(rankings: Iterable[results.ModelRanking]) -> List[Judged]:
    return [
        Judged(row, row.p95_latency_ms, row.cost_per_1k_tokens)
        for row in rankings
        if row.measured_calls >= config.MODEL_MIN_CALLS
        and row.p95_latency_ms is not None
        and row.cost_per_1k_tokens is not None
    ]


def _faster(data: Rollups, rankings: List[results.ModelRanking]) -> List[Tuple[Judged, Judged]]:
    """Return (slow model, faster one that costs no more per token), the slowest first.

    The slow one has a p95 above the limit; the faster one is of the same capability class.
    """
    judged = _judged(rankings)
    slow = [one for one in judged if one.p95 > config.P95_THRESHOLD_MS]
    pairs = []
    for model in sorted(slow, key=_slowest_first):
        better = [
            other
            for other in judged
            if _class_of(data, other.row) == _class_of(data, model.row) != ""
            and other.p95 < model.p95
            and other.price <= model.price
        ]
        if better:
            best = min(better, key=lambda o: (o.p95, o.row.provider, o.row.model))
            pairs.append((model, best))
    return pairs


def _slowest_first(model: Judged) -> Tuple[float, str, str]:
    return -model.p95, model.row.provider, model.row.model


def _class_of(data: Rollups, row: results.ModelRanking) -> str:
    model = data.prices.find(row.provider, row.model)
    return model.capability if model else ""


def _recommendations(
    data: Rollups,
    rankings: List[results.ModelRanking],
    compliance: List[results.ProviderCompliance],
) -> List[str]:
    most = config.RECOMMENDED_SUBJECTS
    advice = [
        f"Move interactive calls from {slow.row.model} to {fast.row.model}: p95 "
        f"{slow.p95:,} against {fast.p95:,} ms, at {usd(slow.price * 1000)} against "
        f"{usd(fast.price * 1000)} per 1M tokens."
        for slow, fast in _faster(data, rankings)[:most]
    ]
    advice += [
        f"Retry or reroute failed calls to {row.model}: "
        f"{percent(row.error_rate_percent or 0.0)} of "
        f"{with_status(_judgeable(row), row.call_count)} fail."
        for row in _unreliable(rankings)[:most]
    ]
    below = [
        row
        for row in compliance
        if row.compliance_rate is not None and row.compliance_rate < config.SLA_TARGET_PCT
    ]
    return advice + [_keep_the_limit(row) for row in below[-1:]]


def _keep_the_limit(row: results.ProviderCompliance) -> str:
    """Return how a provider's calls could keep the service level that they miss.

    A limit is for the few that are late: where it would cut off most calls, these would fail.
    """
    limit, late = f"{config.SLA_THRESHOLD_MS:,} ms", row.violations or 0
    name = provider_name(row.provider)
    if percent_of(late, row.measured_calls) <= config.CLIENT_LIMIT_MAX_CUT_PCT:
        return (
            f"Set a client limit of {limit} for {name} with a fallback: "
            f"{counted(late, 'call')} of {row.measured_calls:,} took longer."
        )
    how_many = f"{late:,} of {counted(row.measured_calls, 'measured call')}"
    if late == row.measured_calls:
        how_many = "the only measured call" if late == 1 else f"all {late:,} measured calls"
    return (
        f"Try faster models, shorter answers or another region for the calls to {name}: {how_many} "
        f"took longer than {limit}, so a client limit would cut off too many."
    )
