"""The result of pricing strategy."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    Finding,
    Number,
    Percent,
    UnpricedCustomer,
    Usd,
    UsdPer1kCalls,
    UsdPerMonth,
)


class PricingSummary(NamedTuple):
    """Figures of active customers with a known price and enough days; null without any."""

    total_calls: Count
    total_cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    """AI cost of these customers, each over its own days; a lower bound with unpriced calls"""
    monthly_calls: Optional[Number]
    customers: Count
    customers_without_price: Count
    current_model: str
    """pricing model of today"""
    current_monthly_revenue: Optional[UsdPerMonth]
    best_model: Optional[str]
    best_monthly_revenue: Optional[UsdPerMonth]
    uplift_percent: Optional[Percent]
    break_even_price_per_1k_calls: Optional[UsdPer1kCalls]
    unpriced_calls: Count


class PriceStep(NamedTuple):
    """The price of a month with at most so many calls."""

    up_to_calls: Number
    price: UsdPerMonth


class PricingParameters(NamedTuple):
    """The prices of one model; each model has some of these keys."""

    prices: Optional[Sequence[UsdPerMonth]] = None
    steps: Optional[Sequence[PriceStep]] = None
    price_above: Optional[UsdPerMonth] = None
    base_price: Optional[UsdPerMonth] = None
    included_calls: Optional[Count] = None
    price_per_1k_calls: Optional[UsdPer1kCalls] = None


class PricingModel(NamedTuple):
    """What one pricing model would earn."""

    model: str
    """pricing model"""
    monthly_revenue: Optional[UsdPerMonth]
    """revenue under the model"""
    monthly_margin: Optional[UsdPerMonth]
    margin_percent: Optional[Percent]
    avg_revenue_per_customer: Optional[UsdPerMonth]
    customers_paying_more: Count
    customers_paying_less: Count
    parameters: PricingParameters


class UsageSegment(NamedTuple):
    """The third of the customers with the fewest, middle or most calls."""

    segment: str
    customers: Count
    monthly_calls: Number
    monthly_cost: Optional[UsdPerMonth]
    revenue: Mapping[str, UsdPerMonth]
    """revenue under each pricing model"""
    unpriced_calls: Count


class TriedPrice(NamedTuple):
    """What usage-based pricing would earn at one price."""

    price_per_1k_calls: UsdPer1kCalls
    monthly_revenue: Optional[UsdPerMonth]
    """revenue at this price"""
    monthly_margin: Optional[UsdPerMonth]
    margin_percent: Optional[Percent]


class CustomerBills(NamedTuple):
    """What one customer would pay under each model."""

    customer_id: str
    subscription_tier: str
    monthly_calls: Number
    monthly_cost: Optional[UsdPerMonth]
    flat_rate: UsdPerMonth
    usage_based: UsdPerMonth
    tiered: UsdPerMonth
    hybrid: UsdPerMonth
    unpriced_calls: Count


class PricingResult(NamedTuple):
    """Four pricing models on each customer's monthly calls."""

    summary: PricingSummary
    basis: Basis
    models: Sequence[PricingModel]
    segments: Sequence[UsageSegment]
    sensitivity: Sequence[TriedPrice]
    break_even_price_per_1k_calls: Optional[UsdPer1kCalls]
    customers: Sequence[CustomerBills]
    without_price: Sequence[UnpricedCustomer]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
