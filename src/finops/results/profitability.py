"""The result of customer profitability."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    CustomerAdvice,
    Date,
    Finding,
    Month,
    Percent,
    UnpricedCustomer,
    Usd,
    UsdPerMonth,
)


class ProfitabilitySummary(NamedTuple):
    """Figures of active customers with a known price and enough days; null without any."""

    total_calls: Count
    total_cost: Optional[Usd]
    total_customers: Optional[Count]
    active_customers: Count
    customers_without_price: Count
    monthly_revenue: Optional[UsdPerMonth]
    monthly_cost: Optional[UsdPerMonth]
    """AI cost of these customers, each over its own days; a lower bound with unpriced calls"""
    monthly_margin: Optional[UsdPerMonth]
    """margin after AI cost; null where a cost is not known"""
    margin_percent: Optional[Percent]
    unprofitable_count: Optional[Count]
    total_monthly_loss: Optional[UsdPerMonth]
    revenue_lost: Optional[UsdPerMonth]
    """what customers who left paid; null where none can be known to have left, or no price is"""
    unpriced_calls: Count


class CustomerMargin(NamedTuple):
    """What one customer pays and costs."""

    customer_id: str
    subscription_tier: str
    customer_archetype: str
    monthly_revenue: UsdPerMonth
    monthly_cost: Optional[UsdPerMonth]
    """cost over the customer's own days; a lower bound where calls are unpriced"""
    monthly_margin: Optional[UsdPerMonth]
    margin_percent: Optional[Percent]
    category: Optional[str]
    """high_margin, medium_margin, low_margin or unprofitable; null where the cost is not known"""
    call_count: Count
    break_even_price: Optional[UsdPerMonth]
    unpriced_calls: Count = 0


class GroupMargin(NamedTuple):
    """What the customers of one tier or archetype pay and cost."""

    key: str
    customers: Count
    monthly_revenue: UsdPerMonth
    monthly_cost: Optional[UsdPerMonth]
    monthly_margin: Optional[UsdPerMonth]
    margin_percent: Optional[Percent]
    unprofitable_count: Count


class MarginCategories(NamedTuple):
    """How many customers have a margin of each category."""

    high_margin: Count
    medium_margin: Count
    low_margin: Count
    unprofitable: Count


class Unprofitable(NamedTuple):
    """The customers that cost more than they pay."""

    count_: Optional[Count]
    """customers that cost more than they pay"""
    total_monthly_loss: Optional[UsdPerMonth]
    customers: Sequence[CustomerMargin]


class DayMargin(NamedTuple):
    """Cost of one date beside what was paid for it."""

    date: Date
    cost: Optional[Usd]
    """cost of the day's calls of customers with a known price"""
    revenue: Optional[Usd]
    """subscriptions of that day, each as its part of the calendar month; null where no price
    is known of any customer on that day"""


class MonthMargin(NamedTuple):
    """Revenue and cost of one calendar month, as an invoice would have them."""

    month: Month
    revenue: Optional[Usd]
    """subscriptions at the price of each day, as that day's part of the month; null where no price
    is known"""
    cost: Optional[Usd]
    """cost of the month's calls of customers with a known price"""
    margin: Optional[Usd]
    """null without revenue, under 7 covered days, or where a cost is not known"""
    margin_percent: Optional[Percent]
    whole: bool
    """whether the data covers all days of the month"""
    unpriced_calls: Count = 0


class NewCustomer(NamedTuple):
    """A customer with too few days of its own to be judged."""

    customer_id: str
    subscription_tier: str
    first_activity_date: Date
    monthly_revenue: UsdPerMonth
    cost: Optional[Usd]
    unpriced_calls: Count = 0


class GoneCustomer(NamedTuple):
    """A customer that has left: no call for 30 days or more before the end of the data."""

    customer_id: str
    subscription_tier: str
    last_activity_date: Date
    lost_monthly_revenue: Optional[UsdPerMonth]
    """what it paid; null where that is not known"""


class ProfitabilityResult(NamedTuple):
    """Margins by customer, tier and archetype."""

    summary: ProfitabilitySummary
    basis: Basis
    customers: Sequence[CustomerMargin]
    by_tier: Sequence[GroupMargin]
    by_archetype: Sequence[GroupMargin]
    categories: MarginCategories
    unprofitable: Unprofitable
    without_price: Sequence[UnpricedCustomer]
    too_new: Sequence[NewCustomer]
    gone: Sequence[GoneCustomer]
    advice: Sequence[CustomerAdvice]
    """of every customer for whom there is a reason, the most serious first"""
    by_month: Sequence[MonthMargin]
    daily: Sequence[DayMargin]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
    unchecked: Mapping[str, str]
    """why a section is empty that could not be checked, by its name; empty where all could"""
