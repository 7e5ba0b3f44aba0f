"""The result of geographic latency."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailySums,
    Date,
    Finding,
    Milliseconds,
    Percent,
    Tokens,
    Usd,
)


class GeographicSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    region_count: Count
    fastest_region: Optional[str]
    slowest_region: Optional[str]
    avg_latency_ms: Optional[Milliseconds]
    sla_threshold_ms: Milliseconds
    sla_violations: Optional[Count]
    sla_compliance_percent: Optional[Percent]
    measured_calls: Count
    routing_opportunities: Count


class RegionLatency(NamedTuple):
    """Latency, errors and cost of one region."""

    region: str
    call_count: Count
    measured_calls: Count
    avg_latency_ms: Optional[Milliseconds]
    p50_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]
    p99_latency_ms: Optional[Milliseconds]
    sla_violations: Optional[Count]
    error_rate_percent: Optional[Percent]
    total_cost: Optional[Usd]
    unknown_status_calls: Count = 0


class ProviderRegion(NamedTuple):
    """Latency of one provider in one region."""

    provider: str
    region: str
    call_count: Count
    avg_latency_ms: Optional[Milliseconds]
    p95_latency_ms: Optional[Milliseconds]


class TokenBand(NamedTuple):
    """Latency of calls of about equally many tokens in one region."""

    region: str
    from_tokens: Tokens
    call_count: Count
    avg_latency_ms: Milliseconds


class Routing(NamedTuple):
    """A provider that is slower in a region than another at equal token counts."""

    region: str
    current_provider: str
    recommended_provider: str
    current_latency_ms: Milliseconds
    recommended_latency_ms: Milliseconds
    improvement_ms: Milliseconds
    improvement_percent: Percent
    call_count: Count
    """calls of the present provider in the region"""


class DayLatency(NamedTuple):
    """Latency of one active day, over all regions."""

    date: Date
    call_count: Count
    latency_ms: Milliseconds
    avg_latency_ms: Optional[Milliseconds]
    sla_violations: Count
    measured_calls: Count


class GeographicByDay(NamedTuple):
    """Sums by provider and region by day; null where they are too many to keep."""

    regions: Optional[DailySums]


class GeographicLatencyResult(NamedTuple):
    """Latency by region and provider, and routing advice at equal token counts."""

    summary: GeographicSummary
    basis: Basis
    regions: Sequence[RegionLatency]
    provider_regions: Sequence[ProviderRegion]
    latency_by_tokens: Sequence[TokenBand]
    routing: Sequence[Routing]
    daily: Sequence[DayLatency]
    by_day: GeographicByDay
    findings: Sequence[Finding]
    recommendations: Sequence[str]
