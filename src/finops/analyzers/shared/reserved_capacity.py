"""A commitment to the calls of a quiet day: what it covers, and what it takes off the cost."""

from __future__ import annotations

from typing import Optional, Sequence

from finops import config
from finops.results.optimization import ReservedCapacity
from finops.stats import percent as percent_of
from finops.stats import percentile


def reserved_capacity(
    cost: Optional[float], daily_calls: Sequence[int], cost_now: Optional[float]
) -> ReservedCapacity:
    """Return the commitment to the calls of a quiet day, at today's models.

    `cost` is that of the period in USD, None where nothing of it is known, `daily_calls` the calls
    of each active day.  `recommended_commitment` is in calls per month, `commitment_usd_per_month`
    what they cost with the discount; neither is given, nor what is saved per month, without
    `cost_now`, the cost per month of the last 30 whole days.
    """
    discount = config.COMMITMENT_DISCOUNT_PCT
    baseline = percentile(daily_calls, config.COMMITMENT_PERCENTILE)
    share = committed_share(daily_calls)
    savings = None if cost is None else cost * share / 100 * discount / 100
    committed = None if cost_now is None else cost_now * share / 100
    return ReservedCapacity(
        baseline_daily_calls=baseline,
        committed_share_percent=share,
        discount_percent=discount,
        current_cost=cost,
        optimized_cost=None if cost is None or savings is None else cost - savings,
        savings=savings,
        savings_percent=None if cost is None or savings is None else percent_of(savings, cost),
        monthly_savings=None if committed is None else committed * discount / 100,
        recommended_commitment=None if committed is None else baseline * config.DAYS_PER_MONTH,
        commitment_usd_per_month=None if committed is None else committed * (1 - discount / 100),
    )


def committed_share(daily_calls: Sequence[int]) -> float:
    """Return which part of all calls are those of a quiet day, in percent.

    Where most days are alike, the quiet day times the days can exceed the calls there were.
    """
    baseline = percentile(daily_calls, config.COMMITMENT_PERCENTILE)
    return min(100.0, percent_of(baseline * len(daily_calls), sum(daily_calls)))
