"""The result of customer profitability."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from finops.results.base import (
    Count,
    Date,
    Finding,
    Percent,
    UnpricedCustomer,
    Usd,
    UsdPerMonth,
)


class ProfitabilitySummary(NamedTuple):
    """The figures of all customers with a known price."""

    total_calls: Count
    total_cost: Usd
    total_customers: Count
    customers_without_price: Count
    monthly_revenue: UsdPerMonth
    monthly_cost: UsdPerMonth
    monthly_margin: UsdPerMonth
    margin_percent: Percent
    unprofitable_count: Count
    total_monthly_loss: UsdPerMonth
    unpriced_calls: Count


class CustomerMargin(NamedTuple):
    """What one customer pays and costs."""

    customer_id: str
    subscription_tier: str
    customer_archetype: str
    monthly_revenue: UsdPerMonth
    monthly_cost: UsdPerMonth
    monthly_margin: UsdPerMonth
    margin_percent: Percent
    category: str
    call_count: Count
    break_even_price: UsdPerMonth


class GroupMargin(NamedTuple):
    """What the customers of one tier or archetype pay and cost."""

    key: str
    customers: Count
    monthly_revenue: UsdPerMonth
    monthly_cost: UsdPerMonth
    monthly_margin: UsdPerMonth
    margin_percent: Percent
    unprofitable_count: Count


class MarginCategories(NamedTuple):
    """How many customers have a margin of each category."""

    high_margin: Count
    medium_margin: Count
    low_margin: Count
    unprofitable: Count


class Unprofitable(NamedTuple):
    """The customers that cost more than they pay."""

    count_: Count
    """customers that cost more than they pay"""
    total_monthly_loss: UsdPerMonth
    customers: Sequence[CustomerMargin]


class DayMargin(NamedTuple):
    """Cost of one active day beside a day's part of the subscriptions."""

    date: Date
    cost: Usd
    """cost of all calls of the day"""
    revenue: Usd
    """a thirtieth of the subscriptions"""


class ProfitabilityResult(NamedTuple):
    """Margins by customer, tier and archetype."""

    summary: ProfitabilitySummary
    customers: Sequence[CustomerMargin]
    by_tier: Sequence[GroupMargin]
    by_archetype: Sequence[GroupMargin]
    categories: MarginCategories
    unprofitable: Unprofitable
    without_price: Sequence[UnpricedCustomer]
    daily: Sequence[DayMargin]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
