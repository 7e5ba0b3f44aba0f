"""The result of feature economics."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    Finding,
    Percent,
    UnpricedCustomer,
    Usd,
    UsdPerMonth,
    Week,
)


class FeaturesSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    monthly_revenue: Optional[UsdPerMonth]
    """subscriptions of active customers with a known price and enough days; null without any"""
    total_customers: Optional[Count]
    customers_without_price: Count
    feature_count: Count
    best_feature: Optional[str]
    worst_feature: Optional[str]
    unpriced_calls: Count


class FeatureReturn(NamedTuple):
    """What one feature costs and earns."""

    feature_id: str
    call_count: Count
    cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    """cost of the calls of the customers whose subscriptions are split"""
    revenue: Optional[UsdPerMonth]
    """its part of the subscriptions"""
    roi_percent: Optional[Percent]
    customer_count: Count
    adoption_percent: Percent
    cost_per_customer: Optional[Usd]
    classification: Optional[str]
    """invest, maintain, optimize, sunset or insufficient_data; null where the return is unknown"""
    classified: bool
    unpriced_calls: Count = 0


class FeatureWeek(NamedTuple):
    """Who used one feature in one week."""

    week: Week
    feature_id: str
    customers: Count
    call_count: Count


class FeaturesResult(NamedTuple):
    """Revenue, cost, return and adoption by feature; adoption by week."""

    summary: FeaturesSummary
    basis: Basis
    features: Sequence[FeatureReturn]
    adoption_trend: Sequence[FeatureWeek]
    without_price: Sequence[UnpricedCustomer]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
