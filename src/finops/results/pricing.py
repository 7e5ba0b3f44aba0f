"""The result of pricing strategy."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
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
    """The figures of all customers with a known price."""

    total_calls: Count
    total_cost: Usd
    monthly_cost: UsdPerMonth
    monthly_calls: Number
    customers: Count
    customers_without_price: Count
    current_model: str
    """pricing model of today"""
    current_monthly_revenue: UsdPerMonth
    best_model: str
    best_monthly_revenue: UsdPerMonth
    uplift_percent: Percent
    break_even_price_per_1k_calls: UsdPer1kCalls
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
    monthly_revenue: UsdPerMonth
    """revenue under the model"""
    monthly_margin: UsdPerMonth
    margin_percent: Percent
    avg_revenue_per_customer: UsdPerMonth
    customers_paying_more: Count
    customers_paying_less: Count
    parameters: PricingParameters


class UsageSegment(NamedTuple):
    """The third of the customers with the fewest, middle or most calls."""

    segment: str
    customers: Count
    monthly_calls: Number
    monthly_cost: UsdPerMonth
    revenue: Mapping[str, UsdPerMonth]
    """revenue under each pricing model"""


class TriedPrice(NamedTuple):
    """What usage-based pricing would earn at one price."""

    price_per_1k_calls: UsdPer1kCalls
    monthly_revenue: UsdPerMonth
    """revenue at this price"""
    margin_percent: Percent


class CustomerBills(NamedTuple):
    """What one customer would pay under each model."""

    customer_id: str
    subscription_tier: str
    monthly_calls: Number
    monthly_cost: UsdPerMonth
    flat_rate: UsdPerMonth
    usage_based: UsdPerMonth
    tiered: UsdPerMonth
    hybrid: UsdPerMonth


class PricingResult(NamedTuple):
    """Four pricing models on each customer's monthly calls."""

    summary: PricingSummary
    models: Sequence[PricingModel]
    segments: Sequence[UsageSegment]
    sensitivity: Sequence[TriedPrice]
    break_even_price_per_1k_calls: UsdPer1kCalls
    customers: Sequence[CustomerBills]
    without_price: Sequence[UnpricedCustomer]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
