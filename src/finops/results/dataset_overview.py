"""The result of the dataset overview."""

from __future__ import annotations

from typing import Mapping, NamedTuple, Optional, Sequence

from finops.results.base import (
    Basis,
    Bytes,
    Count,
    Date,
    Finding,
    Hours,
    Number,
    Percent,
    Timestamp,
    Tokens,
    Usd,
    UsdPerMonth,
)


class OverviewSummary(NamedTuple):
    """The figures of the whole period."""

    total_calls: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    unique_customers: Optional[Count]
    unique_organizations: Optional[Count]
    unique_products: Optional[Count]
    unique_features: Optional[Count]
    unique_providers: Count
    unique_models: Count
    unpriced_calls: Count
    monthly_cost: Optional[UsdPerMonth]


class SourceFile(NamedTuple):
    """The file that was read."""

    name: str
    size_bytes: Optional[Bytes]
    size_mb: Optional[Number]
    total_records: Count
    skipped_records: Count
    analyzed_at: Optional[Timestamp]
    price_source: str
    price_date: str


class Temporal(NamedTuple):
    """The period of the calls."""

    start_time: Timestamp
    end_time: Timestamp
    duration_hours: Hours
    duration_description: str


class SkippedRows(NamedTuple):
    """Rows that were left out for one reason."""

    reason: str
    count_: Count
    """rows"""
    first_line: Optional[Count]
    cost: Usd
    """cost that the rows name, as far as it can be read"""


class BlankedValues(NamedTuple):
    """Values of one column that could not be read: they count as missing, their rows are used."""

    column: str
    reason: str
    count_: Count
    """values"""
    first_line: Optional[Count]


class Credits(NamedTuple):
    """Rows of negative cost, which are netted in every total."""

    rows: Count
    amount: Usd
    """what they take off, positive"""


class UnpricedUse(NamedTuple):
    """Calls of one model that could not be priced."""

    provider: str
    model: str
    call_count: Count
    """calls with neither a cost nor a known price"""
    tokens: Tokens


class Prices(NamedTuple):
    """Where list prices come from, and what has none."""

    source: str
    date: str
    """date of the prices"""
    unpriced: Sequence[UnpricedUse]


class Lines(NamedTuple):
    """Where every physical line went; all but the first add up to the first."""

    physical: Count
    header: Count
    used: Count
    skipped: Count
    repeated_headers: Count
    blank: Count
    incomplete_tail: Count
    repeated_records: Count
    """rows whose id and content were there before; they count once"""
    outside: Count
    """records before or after the asked range"""
    comments: Count
    """comment lines"""
    continuation: Count
    """further lines of records of several"""


class Quality(NamedTuple):
    """How much of the file could be used, and how many calls failed."""

    total_records: Count
    success_count: Count
    error_count: Count
    success_rate_percent: Optional[Percent]
    status_distribution: Mapping[str, Count]
    unknown_status_count: Count
    """calls with a status that is neither success nor error, or with none"""
    error_types: Mapping[str, Count]
    skipped: Sequence[SkippedRows]
    blanked: Sequence[BlankedValues]
    repeated_records: Count
    """rows whose id and content were there before; they count once"""
    conflicting_ids: Count
    """call ids of records with different contents, which all count"""
    implausible_times: Count
    """rows whose time cannot be, used or not"""
    credits: Credits
    unused_cost: Usd
    """cost that rows left out name, as far as it can be read"""
    lines: Lines
    notes: Sequence[str]


class ValueShare(NamedTuple):
    """Calls and cost of one value of a column."""

    value: str
    call_count: Count
    share_percent: Optional[Percent]
    """share of all calls; null where the source does not say how many there were"""
    total_cost: Optional[Usd]
    unpriced_calls: Count = 0


class Distributions(NamedTuple):
    """The values of the main columns."""

    provider: Sequence[ValueShare]
    model: Sequence[ValueShare]
    region: Sequence[ValueShare]
    subscription_tier: Sequence[ValueShare]
    customer_archetype: Sequence[ValueShare]
    environment: Sequence[ValueShare]
    task_type: Sequence[ValueShare]


class OverviewDay(NamedTuple):
    """Calls, cost, tokens and errors of one active day."""

    date: Date
    call_count: Count
    total_cost: Optional[Usd]
    total_tokens: Tokens
    error_count: Count
    success_count: Count
    """calls that are known to have succeeded"""


class FailedCalls(NamedTuple):
    """Failed calls of one kind of error."""

    error_type: str
    call_count: Count
    cost: Optional[Usd]
    monthly_cost: Optional[UsdPerMonth]


class UnpricedModel(NamedTuple):
    """A model whose calls could not be priced."""

    provider: str
    model: str
    unpriced_calls: Count


class Coverage(NamedTuple):
    """The percentage of calls that have a value, column by column; null without calls."""

    customer_id: Optional[Percent]
    """calls with a value"""
    subscription_tier: Optional[Percent]
    """calls with a value"""
    organization_id: Optional[Percent]
    """calls with a value"""
    product_id: Optional[Percent]
    """calls with a value"""
    customer_archetype: Optional[Percent]
    """calls with a value"""
    tier_price_usd: Optional[Percent]
    """calls with a price of their customer's subscription"""
    feature_id: Optional[Percent]
    """calls with a value"""
    task_type: Optional[Percent]
    """calls with a value"""
    environment: Optional[Percent]
    """calls with a value"""
    region: Optional[Percent]
    """calls with a value"""
    latency_ms: Optional[Percent]
    """calls with a value"""
    status: Optional[Percent]
    """calls with a value"""
    cost_usd: Optional[Percent]
    """calls with a cost, or a known price"""


class DatasetOverviewResult(NamedTuple):
    """Counts, period, data quality and the distribution of calls over the main columns."""

    summary: OverviewSummary
    basis: Basis
    file: SourceFile
    temporal: Temporal
    quality: Quality
    coverage: Coverage
    prices: Prices
    distributions: Distributions
    daily: Sequence[OverviewDay]
    failures: Sequence[FailedCalls]
    unpriced_models: Sequence[UnpricedModel]
    findings: Sequence[Finding]
    recommendations: Sequence[str]
