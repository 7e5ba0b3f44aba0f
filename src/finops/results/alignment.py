"""The result of organizational alignment."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailySums,
    Date,
    Finding,
    Month,
    Percent,
    Tokens,
    Usd,
    UsdPer1kTokens,
    UsdPerMonth,
    Week,
)


class AlignmentSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    organization_count: Optional[Count]
    top_organization: str
    top_organization_share_percent: Optional[Percent]
    unallocated_cost: Optional[Usd]
    unallocated_percent: Optional[Percent]
    unpriced_calls: Count


class ProductCost(NamedTuple):
    """What one organization used of one product."""

    cost: Optional[Usd]
    call_count: Count
    unpriced_calls: Count = 0


class Chargeback(NamedTuple):
    """What one organization is to be charged."""

    organization_id: str
    total_cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    call_count: Count
    customer_count: Count
    share_percent: Optional[Percent]
    cost_per_1k_tokens: Optional[UsdPer1kTokens]
    budget: Optional[Usd]
    """configured for a calendar month; null without one"""
    pace_percent: Optional[Percent]
    """as in budgets; null without one"""
    product_breakdown: Mapping[str, ProductCost]


class BudgetUse(NamedTuple):
    """What one budget has been used for in the last calendar month of the data."""

    scope: str
    """total, provider, organization, product, feature or customer"""
    subject: str
    """whose budget it is; empty of the total"""
    month: Month
    monthly_budget: Usd
    spent: Optional[Usd]
    """in this month, up to the end of the data; a lower bound where a price is missing"""
    pace_percent: Optional[Percent]
    """spent, of the budget's part for the covered days of the month; above 100 is too fast"""
    expected_at_month_end: Optional[Usd]
    """spent, and the subject's part of the forecast for the rest of the month"""
    breach_date: Optional[Date]
    """day of this month on which the budget is or will be used up; null where it lasts"""
    unpriced_calls: Count


class FairShare(NamedTuple):
    """An organization's share of the cost beside its share of the calls."""

    organization_id: str
    cost: Optional[Usd]
    share_percent: Optional[Percent]
    call_count: Count
    call_share_percent: Percent
    cost_with_unallocated: Optional[Usd]
    unpriced_calls: Count = 0


class ProductShare(NamedTuple):
    """Cost of one product."""

    product_id: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]
    monthly_cost: Optional[UsdPerMonth]


class FeatureShare(NamedTuple):
    """Cost of one feature."""

    feature_id: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]
    monthly_cost: Optional[UsdPerMonth]


class EnvironmentShare(NamedTuple):
    """Cost of one environment."""

    environment: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]
    monthly_cost: Optional[UsdPerMonth]


class OrganizationWeek(NamedTuple):
    """Calls and cost of one organization in one week."""

    week: Week
    organization_id: str
    call_count: Count
    total_cost: Optional[Usd]


class AllocatedDay(NamedTuple):
    """Calls and cost of one active day, and what of the cost has no owner."""

    date: Date
    call_count: Count
    total_cost: Optional[Usd]
    unallocated_cost: Optional[Usd]


class TokenCost(NamedTuple):
    """What one organization pays for its tokens."""

    organization_id: str
    cost_per_1k_tokens: UsdPer1kTokens
    total_cost: Usd
    call_count: Count


class TokenCosts(NamedTuple):
    """The organizations that pay least and most per token."""

    most: Sequence[TokenCost]
    least: Sequence[TokenCost]


class AlignmentByDay(NamedTuple):
    """The breakdowns by day; null where they are too many to keep."""

    accounts: Optional[DailySums]
    features: Optional[DailySums]
    environments: Optional[DailySums]


class AlignmentResult(NamedTuple):
    """Chargeback by organization and product, shares by feature and environment, efficiency."""

    summary: AlignmentSummary
    basis: Basis
    chargeback: Sequence[Chargeback]
    fair_share: Sequence[FairShare]
    budgets: Sequence[BudgetUse]
    by_product: Sequence[ProductShare]
    by_feature: Sequence[FeatureShare]
    by_environment: Sequence[EnvironmentShare]
    weekly: Sequence[OrganizationWeek]
    daily: Sequence[AllocatedDay]
    by_day: AlignmentByDay
    efficiency: TokenCosts
    findings: Sequence[Finding]
    recommendations: Sequence[str]
