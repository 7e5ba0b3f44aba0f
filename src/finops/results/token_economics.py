"""The result of token economics."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Count,
    DailySums,
    Date,
    Finding,
    Number,
    Percent,
    Tokens,
    Usd,
    UsdPer1mTokens,
    UsdPerMonth,
)


class TokenSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Usd
    total_input_tokens: Tokens
    total_output_tokens: Tokens
    tokens_per_dollar: Optional[Number]
    cost_per_1m_tokens: Optional[UsdPer1mTokens]
    wasted_cost: Usd
    monthly_savings: Optional[UsdPerMonth]
    monthly_cost: Optional[UsdPerMonth]
    unpriced_calls: Count


class ModelEfficiency(NamedTuple):
    """What the tokens of one model cost."""

    provider: str
    model: str
    call_count: Count
    total_tokens: Tokens
    total_cost: Usd
    tokens_per_dollar: Optional[Number]
    cost_per_1m_tokens: Optional[UsdPer1mTokens]
    input_output_ratio: Number


class CustomerWaste(NamedTuple):
    """What one customer wasted by one pattern."""

    customer_id: str
    call_count: Count
    cost: Usd
    wasted_cost: Usd


class WastefulPattern(NamedTuple):
    """The calls of one pattern of waste."""

    call_count: Count
    cost: Usd
    wasted_cost: Usd
    customers: Sequence[CustomerWaste]


class WastefulPatterns(NamedTuple):
    """The two patterns of waste that are looked for."""

    inefficient_prompt: WastefulPattern
    overpriced_simple_task: WastefulPattern


class PromptWaster(NamedTuple):
    """A customer to whom wasteful prompts are a habit."""

    customer_id: str
    call_count: Count
    cost: Usd
    wasted_cost: Usd
    share_percent: Percent
    """share of all calls of the customer"""


class Opportunity(NamedTuple):
    """A cheaper model for the calls of one customer on one model."""

    customer_id: str
    current_provider: str
    current_model: str
    alternative_provider: str
    alternative_model: str
    call_count: Count
    current_cost: Usd
    alternative_cost: Usd
    savings: Usd
    savings_percent: Percent


class TokenDay(NamedTuple):
    """Tokens and cost of one active day."""

    date: Date
    input_tokens: Tokens
    output_tokens: Tokens
    total_cost: Usd


class TokenByDay(NamedTuple):
    """Sums by model and day; null where they are too many to keep."""

    models: Optional[DailySums]


class TokenEconomicsResult(NamedTuple):
    """Efficiency by model, wasteful patterns, cheaper models by customer, tokens by day."""

    summary: TokenSummary
    basis: Basis
    efficiency: Sequence[ModelEfficiency]
    wasteful_patterns: WastefulPatterns
    prompt_wasters: Sequence[PromptWaster]
    opportunities: Sequence[Opportunity]
    daily_tokens: Sequence[TokenDay]
    by_day: TokenByDay
    findings: Sequence[Finding]
    recommendations: Sequence[str]
