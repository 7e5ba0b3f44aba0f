"""The result of performance tracking."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailySums,
    Date,
    Finding,
    Milliseconds,
    Number,
    Percent,
    Share,
    Usd,
    UsdPer1kTokens,
)


class PerformanceSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    avg_latency_ms: Optional[Milliseconds]
    p50_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]
    p99_latency_ms: Optional[Milliseconds]
    max_latency_ms: Optional[Milliseconds]
    sla_threshold_ms: Milliseconds
    sla_violations: Optional[Count]
    sla_compliance_percent: Optional[Percent]
    measured_calls: Count
    error_rate_percent: Optional[Percent]
    unpriced_calls: Count
    unknown_status_calls: Count = 0


class Latency(NamedTuple):
    """The distribution of the latency of successful calls of which it is known."""

    mean: Optional[Milliseconds]
    """mean"""
    median: Optional[Milliseconds]
    p95: Optional[Milliseconds]
    p99: Optional[Milliseconds]
    max: Optional[Milliseconds]
    sla_violations: Optional[Count]


class LatencyBin(NamedTuple):
    """Calls whose latency is at least `from_ms` and below `to_ms`."""

    from_ms: Milliseconds
    to_ms: Milliseconds
    call_count: Count


class ModelRanking(NamedTuple):
    """Speed, reliability and price of one model."""

    provider: str
    model: str
    call_count: Count
    measured_calls: Count
    tokens_per_second: Optional[Number]
    """output tokens by the summed latency of measured calls"""
    avg_latency_ms: Optional[Milliseconds]
    p50_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]
    p99_latency_ms: Optional[Milliseconds]
    error_rate_percent: Optional[Percent]
    cost_per_1k_tokens: Optional[UsdPer1kTokens]
    unknown_status_calls: Count = 0


class ProviderCompliance(NamedTuple):
    """How often one provider kept the service level."""

    provider: str
    total_calls: Count
    compliant_calls: Count
    compliance_rate: Optional[Percent]
    violations: Optional[Count]
    measured_calls: Count


class TaskLatency(NamedTuple):
    """Latency of one type of task, and the model that is fastest at it."""

    task_type: str
    call_count: Count
    avg_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]
    fastest_model: Optional[str]
    fastest_provider: Optional[str]


class HourOfDay(NamedTuple):
    """Latency at one hour of the day, over all days."""

    hour: Count
    """hour of the day, 0 to 23, in UTC"""
    call_count: Count
    avg_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]


class DayLatency(NamedTuple):
    """Latency and errors of one active day."""

    date: Date
    call_count: Count
    avg_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]
    error_rate_percent: Optional[Percent]
    measured_calls: Count


class PerformanceByDay(NamedTuple):
    """Sums by model, provider and task by day; null where they are too many to keep."""

    models: Optional[DailySums]
    providers: Optional[DailySums]
    tasks: Optional[DailySums]


class PercentileWindow(NamedTuple):
    """What tells one percentile of any range of days."""

    share: Share
    """the percentile, from 0 to 1"""
    step: Count
    from_ms: Milliseconds
    calls: Sequence[int]
    """calls of each entry"""
    below: Sequence[int]
    """calls of each entry that are faster than from_ms"""
    inside: Sequence[Sequence[Sequence[int]]]
    """for each entry pairs of ms above from_ms and calls"""


class PercentileWindows(NamedTuple):
    """What tells the percentiles of any range of days; null where that is too much to keep."""

    p50: Optional[PercentileWindow]
    p95: Optional[PercentileWindow]
    p99: Optional[PercentileWindow]


class PerformanceResult(NamedTuple):
    """Latency, throughput, service level and errors by model, provider, task, hour and day."""

    summary: PerformanceSummary
    basis: Basis
    latency: Latency
    latency_histogram: Sequence[LatencyBin]
    model_rankings: Sequence[ModelRanking]
    sla_compliance: Sequence[ProviderCompliance]
    by_task_type: Sequence[TaskLatency]
    hourly_profile: Sequence[HourOfDay]
    daily: Sequence[DayLatency]
    by_day: PerformanceByDay
    percentiles_by_day: PercentileWindows
    findings: Sequence[Finding]
    recommendations: Sequence[str]
