"""Performance tracking: how fast and how reliable the models are, and at what price.

Percentiles are nearest-rank over all calls, failed ones included: a timeout is a wait, too.
A call keeps the service level where its latency is not above `config.SLA_THRESHOLD_MS`.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, Callable, ClassVar, Dict, Iterable, List, Mapping, NamedTuple, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared import daily_latency
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.daily_latency import sums_by_day
from finops.analyzers.shared.latency_percentiles import percentile_windows
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results import performance as results
from finops.results.base import Finding
from finops.rollups.spec import Rollups, Table
from finops.stats import histogram_percentiles, ratio
from finops.stats import percent as percent_of

MODELS = Table(
    ("provider", "model", "task_type"),
    ("calls", "cost", "tokens", "errors", "latency_ms", "latency"),
)
HOURS_OF_DAY = Table(("hour_of_day",), ("calls", "latency_ms", "latency"))
DAYS = Table(("day",), ("calls", "errors", "latency_ms", "latency"))
PERCENTILES = (0.50, 0.95, 0.99)


class Group(NamedTuple):
    """Some calls: count, cost in USD, tokens, errors, summed latency, {latency in ms: calls}."""

    calls: int
    cost: float
    tokens: int
    errors: int
    latency_ms: int
    histogram: Mapping[int, int]

    @property
    def measured(self) -> int:
        """Calls of which the latency is known."""
        return sum(self.histogram.values())

    @property
    def average(self) -> float:
        """Mean latency in ms of the measured calls."""
        return ratio(self.latency_ms, self.measured)

    @property
    def violations(self) -> int:
        """Calls above the service level."""
        return sum(n for ms, n in self.histogram.items() if ms > config.SLA_THRESHOLD_MS)


class PerformanceAnalyzer(Analyzer):
    """Latency, throughput, service level and errors by model, provider, task, hour and day.

    `by_day` holds sums by model, provider and task by day, `percentiles_by_day` what tells the
    percentiles of any days; None where that is too much to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        MODELS,
        HOURS_OF_DAY,
        DAYS,
        *daily_latency.TABLES,
    )
    NEEDS: ClassVar[Tuple[str, ...]] = ("latency_ms",)

    def result(self, data: Rollups) -> results.PerformanceResult:
        """Return the result; latencies in ms, throughput in tokens per second of waiting."""
        span = covered_days(data)
        cells = {key: Group(*values) for key, values in data[MODELS].items()}
        whole = merged(cells.values())
        rankings = _model_rankings(cells)
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
    histograms = {day: values[-1] for (day,), values in data[DAYS].items()}
    names = results.PercentileWindows._fields
    return results.PercentileWindows(
        **percentile_windows(data.period, histograms, dict(zip(names, PERCENTILES)))
    )


def merged(groups: Iterable[Group]) -> Group:
    """Return several groups as one.

    >>> merged([Group(1, 0.5, 9, 0, 7, {7: 1}), Group(2, 0.5, 1, 1, 14, {7: 2})])
    Group(calls=3, cost=1.0, tokens=10, errors=1, latency_ms=21, histogram={7: 3})
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
    p50, p95, p99 = histogram_percentiles(whole.histogram, PERCENTILES)
    return results.Latency(
        mean=whole.average,
        median=p50,
        p95=p95,
        p99=p99,
        max=max(whole.histogram, default=0),
        sla_violations=whole.violations,
    )


def _summary(data: Rollups, whole: Group, latency: results.Latency) -> results.PerformanceSummary:
    return results.PerformanceSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        avg_latency_ms=latency.mean,
        p50_latency_ms=latency.median,
        p95_latency_ms=latency.p95,
        p99_latency_ms=latency.p99,
        max_latency_ms=latency.max,
        sla_threshold_ms=config.SLA_THRESHOLD_MS,
        sla_violations=whole.violations,
        sla_compliance_percent=percent_of(whole.measured - whole.violations, whole.measured),
        error_rate_percent=percent_of(data.totals.errors, data.totals.calls),
        unpriced_calls=data.totals.unpriced,
    )


def _model_rankings(cells: Mapping[Tuple[Any, ...], Group]) -> List[results.ModelRanking]:
    rows = []
    for (provider, model), group in grouped(cells, lambda key: key[:2]).items():
        p50, p95, p99 = histogram_percentiles(group.histogram, PERCENTILES)
        rows.append(
            results.ModelRanking(
                provider=provider,
                model=model,
                call_count=group.calls,
                tokens_per_second=ratio(group.tokens * 1000, group.latency_ms),
                avg_latency_ms=group.average,
                p50_latency_ms=p50,
                p95_latency_ms=p95,
                p99_latency_ms=p99,
                error_rate_percent=percent_of(group.errors, group.calls),
                cost_per_1k_tokens=ratio(group.cost, group.tokens) * 1000,
            )
        )
    return sorted(rows, key=lambda r: (-r.tokens_per_second, r.provider, r.model))


def _sla_compliance(cells: Mapping[Tuple[Any, ...], Group]) -> List[results.ProviderCompliance]:
    rows = [
        results.ProviderCompliance(
            provider=provider,
            total_calls=group.calls,
            compliant_calls=group.measured - group.violations,
            compliance_rate=percent_of(group.measured - group.violations, group.measured),
            violations=group.violations,
        )
        for provider, group in grouped(cells, lambda key: key[0]).items()
    ]
    return sorted(rows, key=lambda r: (-r.compliance_rate, r.provider))


def _by_task_type(cells: Mapping[Tuple[Any, ...], Group]) -> List[results.TaskLatency]:
    """Tasks by call_count; the fastest model is the one with the lowest average latency."""
    rows = []
    for task, group in grouped(cells, lambda key: key[2]).items():
        serving = {key[:2]: cell for key, cell in cells.items() if key[2] == task}
        fastest = min(serving, key=lambda key: (serving[key].average, key))
        rows.append(
            results.TaskLatency(
                task_type=task,
                call_count=group.calls,
                avg_latency_ms=group.average,
                p95_latency_ms=histogram_percentiles(group.histogram, (0.95,))[0],
                fastest_model=fastest[1],
                fastest_provider=fastest[0],
            )
        )
    return sorted(rows, key=lambda r: (-r.call_count, r.task_type))


def _hourly_profile(data: Rollups) -> List[results.HourOfDay]:
    nothing: Tuple[Any, ...] = (0, 0, {})
    rows = []
    for hour in range(24):
        calls, latency_ms, histogram = data[HOURS_OF_DAY].get((hour,), nothing)
        rows.append(
            results.HourOfDay(
                hour=hour,
                call_count=calls,
                avg_latency_ms=ratio(latency_ms, sum(histogram.values())),
                p95_latency_ms=histogram_percentiles(histogram, (0.95,))[0],
            )
        )
    return rows


def _daily(data: Rollups) -> List[results.DayLatency]:
    """Active days in ascending order."""
    return [
        results.DayLatency(
            date=day,
            call_count=calls,
            avg_latency_ms=ratio(latency_ms, sum(histogram.values())),
            p95_latency_ms=histogram_percentiles(histogram, (0.95,))[0],
            error_rate_percent=percent_of(errors, calls),
        )
        for (day,), (calls, errors, latency_ms, histogram) in data[DAYS].items()
    ]


# --- sentences -------------------------------------------------------------------------------


def _findings(
    whole: Group,
    latency: results.Latency,
    compliance: List[results.ProviderCompliance],
    rankings: List[results.ModelRanking],
) -> List[Finding]:
    if not whole.calls:
        return []
    findings = [_sla_finding(whole)]
    if latency.p95 > config.P95_THRESHOLD_MS or latency.p99 > config.P99_THRESHOLD_MS:
        findings.append(
            finding(
                "warning",
                f"One call in a hundred waits {latency.p99:,} ms or longer",
                f"p95 is {latency.p95:,} ms (limit {config.P95_THRESHOLD_MS:,} ms), p99 "
                f"{latency.p99:,} ms (limit {config.P99_THRESHOLD_MS:,} ms).",
            )
        )
    findings += [_error_finding(row) for row in _unreliable(rankings)]
    worst, best = compliance[-1], compliance[0]
    if best.compliance_rate - worst.compliance_rate >= 100 - config.SLA_TARGET_PCT:
        findings.append(
            finding(
                "info",
                f"{provider_name(worst.provider)} keeps the service level least",
                f"{percent(worst.compliance_rate)} of its calls, against "
                f"{percent(best.compliance_rate)} at {provider_name(best.provider)}.",
            )
        )
    return findings


def _sla_finding(whole: Group) -> Finding:
    kept = percent_of(whole.measured - whole.violations, whole.measured)
    limit = f"{config.SLA_THRESHOLD_MS:,} ms"
    if kept < config.SLA_TARGET_PCT:
        return finding(
            "warning",
            f"{percent(kept)} of the calls answer within {limit}",
            f"The target is {config.SLA_TARGET_PCT}%; {counted(whole.violations, 'call')} "
            "took longer.",
        )
    return finding(
        "success",
        "The service level is kept",
        f"{percent(kept)} of the calls answer within {limit}; the target is "
        f"{config.SLA_TARGET_PCT}%.",
    )


def _error_finding(row: results.ModelRanking) -> Finding:
    return finding(
        "warning",
        f"{row.model} fails in {percent(row.error_rate_percent)} of its calls",
        f"Of {counted(row.call_count, 'call')} to {provider_name(row.provider)}; the limit is "
        f"{config.HIGH_ERROR_RATE_PCT}%.",
    )


def _unreliable(rankings: Iterable[results.ModelRanking]) -> List[results.ModelRanking]:
    rows = [
        row
        for row in rankings
        if row.error_rate_percent > config.HIGH_ERROR_RATE_PCT
        and row.call_count >= config.MODEL_MIN_CALLS
    ]
    return sorted(rows, key=lambda r: (-r.error_rate_percent, r.provider, r.model))


def _faster(
    data: Rollups, rankings: List[results.ModelRanking]
) -> List[Tuple[results.ModelRanking, results.ModelRanking]]:
    """Return (slow model, faster one that costs no more a token), the slowest first.

    Both have enough calls to judge, the slow one a p95 above the limit; the faster one is of
    the same capability class.
    """
    judged = [row for row in rankings if row.call_count >= config.MODEL_MIN_CALLS]
    slow = [row for row in judged if row.p95_latency_ms > config.P95_THRESHOLD_MS]
    pairs = []
    for row in sorted(slow, key=lambda r: (-r.p95_latency_ms, r.provider, r.model)):
        better = [
            other
            for other in judged
            if _class_of(data, other) == _class_of(data, row) != ""
            and other.p95_latency_ms < row.p95_latency_ms
            and other.cost_per_1k_tokens <= row.cost_per_1k_tokens
        ]
        if better:
            best = min(better, key=lambda r: (r.p95_latency_ms, r.provider, r.model))
            pairs.append((row, best))
    return pairs


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
        f"Move calls that someone waits for from {slow.model} to {fast.model}: p95 "
        f"{slow.p95_latency_ms:,} against {fast.p95_latency_ms:,} ms, at "
        f"{usd(slow.cost_per_1k_tokens * 1000)} against "
        f"{usd(fast.cost_per_1k_tokens * 1000)} per 1M tokens."
        for slow, fast in _faster(data, rankings)[:most]
    ]
    advice += [
        f"Retry or reroute failed calls to {row.model}: "
        f"{percent(row.error_rate_percent)} of {counted(row.call_count, 'call')} fail."
        for row in _unreliable(rankings)[:most]
    ]
    below = [row for row in compliance if row.compliance_rate < config.SLA_TARGET_PCT]
    if below:
        worst = below[-1]
        advice.append(
            f"Set a client limit of {config.SLA_THRESHOLD_MS:,} ms for "
            f"{provider_name(worst.provider)} with a fallback: "
            f"{counted(worst.violations, 'call')} of {worst.total_calls:,} waited longer."
        )
    return advice
