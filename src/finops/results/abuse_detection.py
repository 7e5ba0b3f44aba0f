"""The result of abuse detection."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    Date,
    Finding,
    Hour,
    Minutes,
    Number,
    Percent,
    Usd,
    UsdPerMonth,
)


class AbuseSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    total_customers: Optional[Count]
    flagged_customers: Optional[Count]
    """customers with a signal that could be checked; null where not all could and none has one"""
    flagged_percent: Optional[Percent]
    """customers with a signal of abuse, of all; null unless all signals could be checked"""
    critical_count: Optional[Count]
    """customers with a critical risk score; null where not all could be checked and none has"""
    estimated_exposure_usd_per_month: Optional[UsdPerMonth]


class UnusualDay(NamedTuple):
    """A day on which a customer called far more or far less often than usual."""

    customer_id: str
    date: Date
    call_count: Count
    baseline_mean: Number
    """calls of a usual day"""
    z_score: Number
    severity: str
    """medium or high"""


class RateLimitHour(NamedTuple):
    """An hour in which a customer ran into too many rate limits."""

    customer_id: str
    hour: Hour
    total_calls: Count
    rate_limit_errors: Count
    error_rate_percent: Percent
    severity: str
    """critical or warning"""


class CostSpike(NamedTuple):
    """A day on which a customer cost far more than usual."""

    customer_id: str
    date: Date
    cost: Usd
    """cost of the day"""
    baseline_mean: Usd
    """cost of a usual day"""
    multiplier: Number
    z_score: Number


class RegionHopping(NamedTuple):
    """A day on which a customer changed region too often."""

    customer_id: str
    date: Date
    switches: Count
    regions: Sequence[str]
    shortest_gap_minutes: Minutes
    usual_switches: Number
    pattern: str
    """hopping, or habit where the other days explain it"""


class FlaggedCustomer(NamedTuple):
    """A customer that shows at least one signal of abuse."""

    customer_id: str
    risk_score: Count
    signals: Sequence[str]
    monthly_cost: Optional[UsdPerMonth]
    recommended_action: str


class FlaggedDay(NamedTuple):
    """Calls and cost of one active day, and the customers flagged on it."""

    date: Date
    call_count: Count
    total_cost: Optional[Usd]
    flagged_customers: Optional[Count]
    """customers with a signal of abuse on that day; null where that of the summary is"""


class AbuseDetectionResult(NamedTuple):
    """Unusual usage, rate-limit abuse, cost spikes, suspicious access, and a score for each."""

    summary: AbuseSummary
    basis: Basis
    unusual_usage: Sequence[UnusualDay]
    rate_limit_abuse: Sequence[RateLimitHour]
    cost_spikes: Sequence[CostSpike]
    suspicious_access: Sequence[RegionHopping]
    customers: Sequence[FlaggedCustomer]
    daily: Sequence[FlaggedDay]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
    unchecked: Mapping[str, str]
    """why a section is empty that could not be checked, by its name; empty where all could"""
