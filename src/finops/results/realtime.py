"""The result of real-time decision making."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailySums,
    Date,
    Finding,
    Hour,
    Number,
    Percent,
    Share,
    Usd,
    UsdPerMonth,
)


class RealtimeSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    anomaly_count: Optional[Count]
    """null with too few hours to judge, and where no cost is known"""
    incident_count: Optional[Count]
    """incidents of anomalous hours; null where anomaly_count is"""
    alert_count: Optional[Count]
    """alerts of the kinds that could be checked; null where these are not all and gave none"""
    risk_level: Optional[str]
    error_rate_percent: Optional[Percent]
    at_risk_customers: Optional[Count]
    """customers that use up most of their subscription; null where none could be judged"""
    unpriced_calls: Count
    unknown_status_calls: Count = 0


class HourlyBaseline(NamedTuple):
    """What an hour costs, and where an anomaly begins."""

    mean: Optional[Usd]
    """mean cost of an hour, hours without calls included; null where no cost is known"""
    std_dev: Optional[Usd]
    threshold: Optional[Usd]
    """cost above which an hour is anomalous; null where no cost is known"""


class HourCost(NamedTuple):
    """Cost of one hour, 0 where there was no call, null where nothing of it is known."""

    hour: Hour
    cost: Optional[Usd]
    """cost of the hour"""


class DayErrors(NamedTuple):
    """Calls, cost and errors of one active day."""

    date: Date
    call_count: Count
    total_cost: Optional[Usd]
    error_count: Count
    unknown_status_calls: Count = 0


class RealtimeByDay(NamedTuple):
    """Cost of the providers by day; null where that is too much to keep."""

    providers: Optional[DailySums]


class Anomaly(NamedTuple):
    """An hour whose cost is above the threshold and far above what like hours cost."""

    hour: Hour
    cost: Usd
    """cost of the hour"""
    deviation: Number
    expected: Usd
    """what hours like it cost: of the same hour of the week, of the day or of the month"""
    around_cost: Usd
    pattern: str
    """burst, far above the hours around it, or busy"""
    top_customer: str
    top_model: str
    top_provider: str


class Incident(NamedTuple):
    """Anomalous hours that follow each other and have the same cause."""

    start: Hour
    """first hour"""
    end: Hour
    """last hour"""
    hours: Count
    """hours of the incident"""
    cost: Usd
    excess_cost: Usd
    """cost above what like hours cost"""
    cause: str
    """largest spender, or the largest model where spenders change"""
    customers: Sequence[str]
    """largest spender of each hour, each once"""


class Alert(NamedTuple):
    """A day or an hour that crossed a limit, and those with the same cause that follow it."""

    type: str
    severity: str
    """critical or warning"""
    subject: str
    time: str
    """the day or hour, the first of several"""
    value: Number
    """what was measured, the worst of several"""
    threshold: Number
    """limit that was crossed"""
    message: str
    end: str
    """the last day or hour"""
    length: Count
    """days or hours"""
    measure: str = ""


class ProviderCostShare(NamedTuple):
    """One provider's share of the cost."""

    provider: str
    share: Optional[Share]


class PortfolioRisk(NamedTuple):
    """How much the workload depends on one provider."""

    max_provider_concentration: Optional[Share]
    """largest provider's share of the cost; null where nothing is known to cost"""
    top_provider: str
    diversity_score: Optional[Share]
    provider_count: Count
    risk_level: Optional[str]
    shares: Sequence[ProviderCostShare]


class BurningCustomer(NamedTuple):
    """A customer whose calls use up most of the subscription, or more."""

    customer_id: str
    subscription_tier: str
    monthly_revenue: UsdPerMonth
    """subscription"""
    monthly_cost: UsdPerMonth
    burn_percent: Percent
    risk: str


class RealtimeResult(NamedTuple):
    """Anomalous hours, alerts, provider concentration, customers who use up their subscription."""

    summary: RealtimeSummary
    basis: Basis
    hourly_baseline: HourlyBaseline
    hourly: Sequence[HourCost]
    daily: Sequence[DayErrors]
    by_day: RealtimeByDay
    anomalies: Sequence[Anomaly]
    incidents: Sequence[Incident]
    alerts: Sequence[Alert]
    portfolio_risk: PortfolioRisk
    at_risk_customers: Sequence[BurningCustomer]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
    unchecked: Mapping[str, str]
    """why a section is empty that could not be checked, by its name; empty where all could"""
