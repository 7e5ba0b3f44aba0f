"""The result of churn and growth."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import Basis, Count, Date, Finding, Percent, Usd, UsdPerMonth, Week


class ChurnSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    total_customers: Optional[Count]
    churned_customers: Optional[Count]
    """customers who left; null where `unchecked` says why nobody can be known to have"""
    churn_rate_percent: Optional[Percent]
    """customers lost in the last 30 days, of those active at their start; null under 60 days"""
    grr_percent: Optional[Percent]
    """gross revenue retention: what customers of 30 days ago still pay of what they paid then"""
    nrr_percent: Optional[Percent]
    """net revenue retention: the same with what they pay more"""
    lost_monthly_revenue: Optional[UsdPerMonth]
    at_risk_customers: Optional[Count]
    """customers at risk; null where `unchecked` says why none could be compared"""
    at_risk_monthly_revenue: Optional[UsdPerMonth]
    expansion_customers: Optional[Count]
    """customers that outgrow their tier; null where `unchecked` says why none is known to"""
    expansion_monthly_revenue: Optional[UsdPerMonth]
    weekly_growth_percent: Optional[Percent]
    """constant growth of calls per week through all whole weeks; null where chance explains it"""
    customers_without_price: Count


class ChurnedCustomer(NamedTuple):
    """A customer gone silent."""

    customer_id: str
    subscription_tier: str
    last_activity_date: Date
    days_inactive: Count
    lost_monthly_revenue: Optional[UsdPerMonth]


class CustomerAtRisk(NamedTuple):
    """A customer whose calls fell by half or more."""

    customer_id: str
    subscription_tier: str
    recent_calls: Count
    previous_calls: Count
    change_percent: Percent
    monthly_revenue: Optional[UsdPerMonth]
    """subscription"""
    risk: str


class Expansion(NamedTuple):
    """A customer that outgrows its tier."""

    customer_id: str
    change_percent: Percent
    subscription_tier: str
    burn_percent: Percent
    suggested_tier: Optional[str]
    """null until it has lasted for three weeks, or where something graver is advised"""


class WeekActivity(NamedTuple):
    """Customers, calls and cost of one week."""

    week: Week
    customer_count: Count
    call_count: Count
    total_cost: Optional[Usd]
    partial: bool
    unpriced_calls: Count


class WeekGrowth(NamedTuple):
    """Growth of one full week on the full week before."""

    week: Week
    customer_growth_percent: Percent
    call_growth_percent: Percent
    cost_growth_percent: Optional[Percent]
    """null where the cost of the week before was 0, or where calls have no known cost"""


class Cohort(NamedTuple):
    """The customers whose first call was in one week."""

    cohort_week: Week
    cohort_size: Count
    retention: Sequence[Percent]


class ChurnGrowthResult(NamedTuple):
    """Churned, endangered and outgrowing customers; weekly growth; retention by cohort."""

    summary: ChurnSummary
    basis: Basis
    churned: Sequence[ChurnedCustomer]
    at_risk: Sequence[CustomerAtRisk]
    expansion: Sequence[Expansion]
    weekly: Sequence[WeekActivity]
    growth: Sequence[WeekGrowth]
    cohorts: Sequence[Cohort]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
    unchecked: Mapping[str, str]
    """why a section is empty that could not be checked, by its name; empty where all could"""
