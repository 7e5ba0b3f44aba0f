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
    total_cost: Optional[Usd]
    total_input_tokens: Tokens
    total_output_tokens: Tokens
    cached_input_tokens: Optional[Tokens]
    """null where no source says what was cached"""
    cache_hit_percent: Optional[Percent]
    """input tokens read from a cache, of all of the sources that say; null where none does"""
    input_tokens_of_unknown_cache: Tokens
    """input tokens of sources that do not say what was cached"""
    tokens_per_dollar: Optional[Number]
    cost_per_1m_tokens: Optional[UsdPer1mTokens]
    wasted_cost: Optional[Usd]
    monthly_savings: Optional[UsdPerMonth]
    monthly_cost: Optional[UsdPerMonth]
    unpriced_calls: Count


class ModelEfficiency(NamedTuple):
    """What the tokens of one model cost."""

    provider: str
    model: str
    call_count: Count
    total_tokens: Tokens
    total_cost: Optional[Usd]
    tokens_per_dollar: Optional[Number]
    cost_per_1m_tokens: Optional[UsdPer1mTokens]
    input_output_ratio: Optional[Number]


class TokenClass(NamedTuple):
    """Tokens of one class, and their part of the cost by list prices."""

    class_: str
    """input (neither read from a cache nor written to it, as far as the source says), cached,
    cache_write, output (without reasoning), reasoning; unknown is the cost that cannot be split"""
    tokens: Tokens
    cost: Optional[Usd]
    share_percent: Optional[Percent]
    """share of the known cost; null where nothing of it is known"""


class CacheUse(NamedTuple):
    """What the prompt cache did for one feature on one model, at list prices."""

    feature_id: str
    provider: str
    model: str
    input_tokens: Tokens
    """input tokens, cached ones included"""
    cached_input_tokens: Tokens
    """input tokens read from a cache"""
    hit_percent: Percent
    saved_usd: Optional[Usd]
    """what the input would have cost more without a cache, writing to it deducted"""
    missed_usd: Optional[Usd]
    """what all other input would have cost less if read from the cache: an upper bound"""
    writes_never_read_percent: Optional[Percent]
    """tokens written beyond those that were read, of all written; null where none were"""


class CacheDay(NamedTuple):
    """Cached input tokens of one active day."""

    date: Date
    input_tokens: Tokens
    """input tokens, cached ones included"""
    cached_input_tokens: Tokens
    """input tokens read from a cache"""
    hit_percent: Percent


class SessionCost(NamedTuple):
    """The calls of one session."""

    session_id: str
    """the session's id; a hash of it in redacted reports"""
    call_count: Count
    cost: Usd


class Sessions(NamedTuple):
    """What sessions cost: calls at one moment that share a `session_id`."""

    count_: Optional[Count]
    """null where nothing is known of sessions, see `unknown`"""
    call_count: Optional[Count]
    """calls that name a session"""
    cost_p50: Optional[Usd]
    """median cost of a session; null where some calls have no known cost"""
    cost_p95: Optional[Usd]
    """95th percentile of the cost of a session; null where some calls have no known cost"""
    calls_per_session: Optional[Number]
    """mean number of calls of a session"""
    top: Sequence[SessionCost]
    """the most expensive sessions; none where some calls have no known cost"""
    unknown: Optional[str]
    """why nothing is known: no_ids, too_many; else null"""


class Retries(NamedTuple):
    """Calls that follow a failed call of the same trace, within a quarter of an hour."""

    calls: Optional[Count]
    """null where nothing is known of retries, see `unknown`"""
    cost: Optional[Usd]
    """a lower bound where some calls have no known cost"""
    unknown: Optional[str]
    """why nothing is known: no_ids; else null"""


class CustomerWaste(NamedTuple):
    """What one customer wasted by one pattern."""

    customer_id: str
    call_count: Count
    cost: Optional[Usd]
    wasted_cost: Optional[Usd]


class WastefulPattern(NamedTuple):
    """The calls of one pattern of waste."""

    call_count: Count
    cost: Optional[Usd]
    wasted_cost: Optional[Usd]
    customers: Sequence[CustomerWaste]


class WastefulPatterns(NamedTuple):
    """The two patterns of waste that are detected."""

    inefficient_prompt: WastefulPattern
    overpriced_simple_task: WastefulPattern


class PromptWaster(NamedTuple):
    """A customer to whom wasteful prompts are a habit."""

    customer_id: str
    call_count: Count
    cost: Optional[Usd]
    wasted_cost: Optional[Usd]
    share_percent: Percent
    """share of all calls of the customer"""


class Opportunity(NamedTuple):
    """A cheaper model for the calls of one customer on one model, both still in use; amounts are
    of the period."""

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
    total_cost: Optional[Usd]


class TokenByDay(NamedTuple):
    """Sums by model and day; null where they are too many to keep."""

    models: Optional[DailySums]


class TokenEconomicsResult(NamedTuple):
    """Efficiency by model, wasteful patterns, cheaper models by customer, tokens by day."""

    summary: TokenSummary
    basis: Basis
    token_classes: Sequence[TokenClass]
    cache: Sequence[CacheUse]
    daily_cache: Sequence[CacheDay]
    sessions: Sessions
    retries: Retries
    efficiency: Sequence[ModelEfficiency]
    wasteful_patterns: WastefulPatterns
    prompt_wasters: Sequence[PromptWaster]
    opportunities: Sequence[Opportunity]
    daily_tokens: Sequence[TokenDay]
    by_day: TokenByDay
    findings: Sequence[Finding]
    recommendations: Sequence[str]
