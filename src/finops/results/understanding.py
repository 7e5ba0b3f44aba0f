"""The result of understanding usage and cost."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailyCost,
    DailySums,
    Date,
    Finding,
    Number,
    Percent,
    Tokens,
    Usd,
    UsdPer1kTokens,
    UsdPerMonth,
)


class ChangeSummary(NamedTuple):
    """The change of cost in the last whole days and its four parts, which add up to it."""

    previous_period_cost: Usd
    cost_now: Usd
    price_effect: Usd
    mix_effect: Usd
    volume_effect: Usd
    new_subjects_effect: Usd


class UnderstandingSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    unique_customers: Optional[Count]
    avg_cost_per_call: Optional[Usd]
    avg_daily_cost: Optional[Usd]
    forecast_30_days: Optional[Usd]
    trend_percent: Optional[Percent]
    monthly_cost: Optional[UsdPerMonth]
    unpriced_calls: Count
    change: Optional[ChangeSummary]


class ProviderShare(NamedTuple):
    """Cost of one provider."""

    provider: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class ModelShare(NamedTuple):
    """Cost of one model."""

    provider: str
    model: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]
    cost_per_1k_tokens: Optional[UsdPer1kTokens]


class CustomerShare(NamedTuple):
    """Cost of one customer."""

    customer_id: str
    subscription_tier: str
    call_count: Count
    total_cost: Optional[Usd]
    share_percent: Optional[Percent]
    unpriced_calls: Count = 0


class FeatureShare(NamedTuple):
    """Cost of one feature."""

    feature_id: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class OrganizationShare(NamedTuple):
    """Cost of one organization."""

    organization_id: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class ProductShare(NamedTuple):
    """Cost of one product."""

    product_id: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class TaskShare(NamedTuple):
    """Cost of one type of task."""

    task_type: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class EnvironmentShare(NamedTuple):
    """Cost of one environment."""

    environment: str
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    avg_cost_per_call: Optional[Usd]
    share_percent: Optional[Percent]


class ProjectedDay(NamedTuple):
    """The forecast of one day."""

    date: Date
    cost: Optional[Usd]
    """forecast of a typical day"""
    low: Usd
    high: Usd
    expected: Usd
    """forecast that adds up to the month, expensive days included"""


class Backtest(NamedTuple):
    """How far the forecast was off on days that it had not seen."""

    horizon_days: Count
    mape_percent: Optional[Percent]
    """mean error of a day; null where the forecast was not tried"""
    tries: Count


class Forecast(NamedTuple):
    """The month ahead, the recent trend, and how good such forecasts were."""

    avg_daily_cost: Optional[Usd]
    forecast_30_days: Optional[Usd]
    low_30_days: Optional[Usd]
    """lower end of the range of four of five such sums; null where too few could be tried"""
    high_30_days: Optional[Usd]
    trend_percent: Optional[Percent]
    projection: Sequence[ProjectedDay]
    backtest: Backtest


class ChangedSubject(NamedTuple):
    """A subject that one part of the change comes from."""

    kind: str
    """price, mix, volume, new or gone"""
    subject: Mapping[str, str]
    """its dimensions: provider and model, or feature and type of task"""
    effect: Usd


class ChangeSubjects(NamedTuple):
    """The three largest subjects of each part, up or down."""

    price: Sequence[ChangedSubject]
    mix: Sequence[ChangedSubject]
    volume: Sequence[ChangedSubject]
    new_or_gone: Sequence[ChangedSubject]


class ChangedCustomer(NamedTuple):
    """What one customer cost before and now."""

    customer_id: str
    state: str
    """new, gone or stayed"""
    previous_cost: Usd
    cost_now: Usd
    change: Usd


class ChangedCustomers(NamedTuple):
    """The same change by customer: the three effects add up to it."""

    new_count: Count
    gone_count: Count
    new_effect: Usd
    gone_effect: Usd
    stayed_effect: Usd
    largest: Sequence[ChangedCustomer]
    """by the size of the change, up or down"""


class CostChange(NamedTuple):
    """The last 30 whole days (14, 7 where shorter) against as many before, and why."""

    days: Count
    """days of each of the two windows"""
    previous_start: Date
    """first day of the window before"""
    start: Date
    """first day of the window now"""
    end: Date
    """last day of the window now"""
    previous_period_cost: Usd
    cost_now: Usd
    price_effect: Usd
    mix_effect: Usd
    volume_effect: Usd
    new_subjects_effect: Usd
    subjects: ChangeSubjects
    customers: ChangedCustomers


class ModelEfficiency(NamedTuple):
    """What a dollar buys on one model."""

    provider: str
    model: str
    tokens_per_dollar: Optional[Number]
    total_cost: Optional[Usd]


class UnderstandingByDay(NamedTuple):
    """The breakdowns by day; null where they are too many to keep."""

    models: Optional[DailySums]
    accounts: Optional[DailySums]
    features: Optional[DailySums]
    task_types: Optional[DailySums]
    environments: Optional[DailySums]


class UnderstandingResult(NamedTuple):
    """Cost by provider, model, customer, feature and so on; by day; and a month ahead."""

    summary: UnderstandingSummary
    basis: Basis
    by_provider: Sequence[ProviderShare]
    by_model: Sequence[ModelShare]
    by_customer: Sequence[CustomerShare]
    by_feature: Sequence[FeatureShare]
    by_organization: Sequence[OrganizationShare]
    by_product: Sequence[ProductShare]
    by_task_type: Sequence[TaskShare]
    by_environment: Sequence[EnvironmentShare]
    daily: Sequence[DailyCost]
    forecast: Forecast
    change: Optional[CostChange]
    efficiency: Sequence[ModelEfficiency]
    by_day: UnderstandingByDay
    findings: Sequence[Finding]
    recommendations: Sequence[str]
