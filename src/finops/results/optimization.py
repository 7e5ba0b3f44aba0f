"""The result of rate optimization."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailyCost,
    Date,
    Finding,
    Number,
    Percent,
    Usd,
    UsdPerMonth,
)


class OptimizationSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]
    total_monthly_savings: Optional[UsdPerMonth]
    """all steps together"""
    savings_percent: Optional[Percent]
    """savings per month, of the cost per month of the last 30 whole days"""
    first_step: Optional[str]
    """the easiest step that saves something"""
    first_step_monthly_savings: Optional[UsdPerMonth]
    """what that step saves"""
    unpriced_calls: Count


class ReservedCapacity(NamedTuple):
    """A commitment to the calls of a quiet day, at today's models."""

    baseline_daily_calls: Number
    committed_share_percent: Percent
    discount_percent: Percent
    current_cost: Optional[Usd]
    optimized_cost: Optional[Usd]
    savings: Optional[Usd]
    savings_percent: Optional[Percent]
    monthly_savings: Optional[UsdPerMonth]
    recommended_commitment: Optional[Number]
    commitment_usd_per_month: Optional[UsdPerMonth]


class ModelCommitment(NamedTuple):
    """A commitment to tokens per hour of one model, paid whether they are used or not.

    Rates are those of the last 30 whole days.
    """

    provider: str
    model: str
    monthly_cost: UsdPerMonth
    """rate of the last 30 whole days, without a commitment"""
    baseline_tokens_per_hour: Number
    """tokens of a quiet hour, the 25th percentile of hours with a call"""
    utilization_percent: Percent
    """committed tokens that all hours would have used"""
    discount_percent: Percent
    break_even_utilization_percent: Percent
    """utilization above which the discount is more than what is paid for nothing"""
    unused_cost: UsdPerMonth
    """what is paid for committed tokens that nobody uses"""
    monthly_savings: UsdPerMonth
    """negative where the commitment would cost more than it takes off"""
    advised: bool
    """whether the utilization is above the break-even"""


class RetiringModel(NamedTuple):
    """Spend on a model that its provider has retired, or retires soon, and on its successor."""

    provider: str
    model: str
    state: str
    """retired, or legacy: to be retired within a year after the data"""
    retired_on: Date
    successor: str
    """the model that the provider names instead, empty where it names none"""
    monthly_cost: Optional[UsdPerMonth]
    """rate of the last 30 whole days"""
    monthly_cost_on_successor: Optional[UsdPerMonth]
    """the same tokens at the successor's list prices; null where these are not known"""
    savings: Optional[UsdPerMonth]
    """negative where the successor costs more"""


class ModelSwitch(NamedTuple):
    """A cheaper model for the calls of one feature and task on one model."""

    feature_id: str
    task_type: str
    current_provider: str
    current_model: str
    alternative_provider: str
    alternative_model: str
    call_count: Count
    current_cost: Usd
    alternative_cost: Usd
    estimated_savings: Usd
    savings_percent: Percent
    monthly_savings: Optional[UsdPerMonth]


class ModelRoute(NamedTuple):
    """The switches from one model to another added up."""

    current_provider: str
    current_model: str
    alternative_provider: str
    alternative_model: str
    call_count: Count
    current_cost: Usd
    alternative_cost: Usd
    estimated_savings: Usd
    savings_percent: Percent
    monthly_savings: Optional[UsdPerMonth]


class SavingsStep(NamedTuple):
    """One step of saving, on what the steps before it have left; none twice."""

    step: str
    """successor, same_vendor_model, same_class_model, lower_class_model, caching, batch or
    commitment"""
    monthly_savings: UsdPerMonth
    """what the step saves of what is left"""
    cumulative: UsdPerMonth
    """this step and those before it"""
    confidence: str
    """high, medium or low"""
    effort: str
    """low, medium or high"""


class ModelMove(NamedTuple):
    """Where one step moves the calls of one model, at the rate of the last 30 whole days."""

    step: str
    current_provider: str
    current_model: str
    alternative_provider: str
    alternative_model: str
    call_count: Count
    monthly_cost: UsdPerMonth
    """what is left of the cost before the step"""
    monthly_savings: UsdPerMonth
    savings_percent: Percent
    """of that"""


class CachingOpportunity(NamedTuple):
    """A feature that reads less of its input from a cache than all calls to the same model do."""

    feature_id: str
    provider: str
    model: str
    call_count: Count
    hit_percent: Percent
    """input tokens read from a cache"""
    reached_percent: Percent
    """the same of all calls to the model"""
    monthly_savings: UsdPerMonth


class BatchOpportunity(NamedTuple):
    """Calls of one feature and task that may wait for a batch, after the changes of models."""

    feature_id: str
    task_type: str
    call_count: Count
    monthly_cost: UsdPerMonth
    """what is left of the cost before the step"""
    monthly_savings: UsdPerMonth


class CombinedSavings(NamedTuple):
    """Over the period: switches, then the commitment on the rest.  Per month: the steps."""

    switch_savings: Optional[Usd]
    cost_after_switches: Optional[Usd]
    commitment_savings: Optional[Usd]
    total_savings: Optional[Usd]
    optimized_cost: Optional[Usd]
    switch_monthly_savings: Optional[UsdPerMonth]
    commitment_monthly_savings: Optional[UsdPerMonth]
    total_monthly_savings: Optional[UsdPerMonth]


class OptimizationResult(NamedTuple):
    """What can be saved, step by step, and the switches and commitments behind it."""

    summary: OptimizationSummary
    basis: Basis
    reserved_capacity: ReservedCapacity
    model_switches: Sequence[ModelSwitch]
    switches_by_model: Sequence[ModelRoute]
    steps: Sequence[SavingsStep]
    moves: Sequence[ModelMove]
    lifecycle: Sequence[RetiringModel]
    commitments: Sequence[ModelCommitment]
    caching: Sequence[CachingOpportunity]
    batch: Sequence[BatchOpportunity]
    combined: CombinedSavings
    daily: Sequence[DailyCost]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
