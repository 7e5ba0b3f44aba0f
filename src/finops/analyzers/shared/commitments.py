"""Commitments as providers sell them: to tokens per hour of one model, used or not.

A commitment takes a discount off the committed tokens and is paid in every hour, also in those
that use fewer.  So it pays off only where the hours use more of it than the discount leaves to
pay: above the break-even of 100 less the discount in percent.  A model of office hours has
enough tokens in a quiet hour of work, and yet uses a quarter of what would be paid.
"""

from __future__ import annotations

import math
from typing import Dict, List, NamedTuple, Sequence, Set, Tuple

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays
from finops.results.optimization import ModelCommitment
from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, percentile

MODEL_HOURS = Table(("hour", "provider", "model"), ("cost", "tokens", "unpriced"), OF_MOMENTS)


class Hours(NamedTuple):
    """The hours with tokens of one model in the last 30 whole days, and what they cost in USD."""

    tokens: Sequence[int]
    cost: float


def commitments(data: Rollups, span: CoveredDays) -> List[ModelCommitment]:
    """Return a commitment for each model in use, by monthly_savings descending.

    `data` holds `MODEL_HOURS`.  None are given under 7 covered days, nor for a model of which a
    cost is not known or nothing is paid.
    """
    if not span.has_rates:
        return []
    recent = set(span.recent)
    all_hours = sum(hour[:10] in recent for hour in data.period.hours())
    rows = [
        _commitment(span, *model, hours, all_hours)
        for model, hours in _hours_by_model(data, recent).items()
        if hours.cost > config.NEGLIGIBLE_USD
    ]
    return sorted(rows, key=lambda row: (-row.monthly_savings, row.provider, row.model))


def left_of_cost(data: Rollups, span: CoveredDays) -> Dict[Tuple[str, str], float]:
    """Return which part of its cost is left of each model with the commitments that are advised.

    From 0 to 1; other models are not among them.
    """
    return {
        (row.provider, row.model): 1 - row.monthly_savings / row.monthly_cost
        for row in commitments(data, span)
        if row.advised
    }


def _hours_by_model(data: Rollups, dates: Set[str]) -> Dict[Tuple[str, str], Hours]:
    """Return the hours of the dates by model, without models that have calls of unknown cost."""
    tokens: Dict[Tuple[str, str], List[int]] = {}
    costs: Dict[Tuple[str, str], List[float]] = {}
    unknown = set()
    for (hour, provider, model), (cost, count, unpriced) in data[MODEL_HOURS].items():
        if hour[:10] in dates:
            key = (provider, model)
            costs.setdefault(key, []).append(cost)
            if count:
                tokens.setdefault(key, []).append(count)
            if unpriced:
                unknown.add(key)
    return {
        key: Hours(tokens[key], math.fsum(costs[key]))
        for key in sorted(tokens)
        if key not in unknown
    }


def _commitment(
    span: CoveredDays, provider: str, model: str, hours: Hours, all_hours: int
) -> ModelCommitment:
    baseline = percentile(hours.tokens, config.COMMITMENT_PERCENTILE)
    used = sum(min(tokens, baseline) for tokens in hours.tokens)
    committed = baseline * all_hours
    price = hours.cost / sum(hours.tokens)
    discount = config.COMMITMENT_DISCOUNT_PCT / 100
    per_month = config.DAYS_PER_MONTH / len(span.recent)
    utilization, break_even = percent(used, committed), 100 - config.COMMITMENT_DISCOUNT_PCT
    return ModelCommitment(
        provider=provider,
        model=model,
        monthly_cost=hours.cost * per_month,
        baseline_tokens_per_hour=baseline,
        utilization_percent=utilization,
        discount_percent=config.COMMITMENT_DISCOUNT_PCT,
        break_even_utilization_percent=break_even,
        unused_cost=(committed - used) * price * (1 - discount) * per_month,
        monthly_savings=(used - committed * (1 - discount)) * price * per_month,
        advised=utilization > break_even,
    )
