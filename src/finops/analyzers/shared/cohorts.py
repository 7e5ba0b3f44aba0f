"""Weeks: calls and customers by ISO week, growth between full weeks, retention by cohort.

A week that the data does not fill looks like a fall, so it is marked and never compared.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import List, Optional, Tuple

from finops import config, stats
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.known_costs import known_cost
from finops.results.churn_growth import Cohort, WeekActivity, WeekGrowth
from finops.rollups.spec import Rollups, Table
from finops.timestamps import date_of, week_of, weeks_between

DAYS_OF_WEEK = 7
_MIN_WEEKS = 3
WEEKLY = Table(("week",), ("customers", "calls", "cost", "unpriced"))
COHORTS = Table(("cohort_week", "week"), ("customers",))
COHORT_TABLES: Tuple[Table, ...] = (WEEKLY, COHORTS)
_NOTHING = (0, 0, 0.0, 0)


def weeks_of(span: CoveredDays) -> List[str]:
    """Return every ISO week from the first to the last call, quiet ones too."""
    return weeks_between(span.dates[0], span.dates[-1]) if span.dates else []


def weekly_rows(data: Rollups, span: CoveredDays) -> List[WeekActivity]:
    """Return one row per week; one of which the data does not cover seven whole days is partial.

    `data` holds `COHORT_TABLES`.
    """
    whole = Counter(week_of(date_of(date)) for date in span.whole)
    return [
        WeekActivity(
            week=week,
            customer_count=customers,
            call_count=calls,
            total_cost=known_cost(cost, unpriced),
            partial=whole[week] < DAYS_OF_WEEK,
            unpriced_calls=unpriced,
        )
        for week in weeks_of(span)
        for customers, calls, cost, unpriced in [data[WEEKLY].get((week,), _NOTHING)]
    ]


def growth_rows(weekly: List[WeekActivity]) -> List[WeekGrowth]:
    """Return the growth of each full week on the full week before, if that one had calls."""
    return [
        WeekGrowth(
            week=now.week,
            customer_growth_percent=stats.growth_percent(now.customer_count, before.customer_count),
            call_growth_percent=stats.growth_percent(now.call_count, before.call_count),
            cost_growth_percent=_cost_growth(now, before),
        )
        for before, now in zip(weekly, weekly[1:])
        if not (before.partial or now.partial) and before.call_count
    ]


def _cost_growth(now: WeekActivity, before: WeekActivity) -> Optional[float]:
    """Return the growth in percent; None where there was no money to grow from, and where calls
    of either week have no known cost: a move to a model without a price is no fall.
    """
    if now.unpriced_calls or before.unpriced_calls:
        return None
    cost = before.total_cost or 0.0
    if cost <= config.NEGLIGIBLE_USD:
        return None
    return stats.growth_percent(now.total_cost or 0.0, cost)


def weekly_growth(calls: List[int]) -> Optional[float]:
    """Return the constant weekly growth in percent that fits whole weeks best.

    It is the slope of a straight line through the logarithms.  The mean of the weeks' percentages
    would make growth of ups and downs: +100 % and −50 % is no growth.  None for fewer than three
    weeks, where a week had no calls, and where the interval of the slope has both signs: then
    chance explains it.

    >>> round(weekly_growth([100, 110, 121]), 6), weekly_growth([100, 200, 100])
    (10.0, None)
    """
    if len(calls) < _MIN_WEEKS or min(calls) <= 0:
        return None
    if min(calls) == max(calls):
        return 0.0
    low, slope, high = stats.slope_interval([math.log(count) for count in calls])
    return (math.exp(slope) - 1) * 100 if low * high > 0 else None


def cohorts(data: Rollups, span: CoveredDays) -> List[Cohort]:
    """Return, by week of the first call, how much of the cohort was active in each week since.

    `data` holds `COHORT_TABLES`.
    """
    weeks, cells = weeks_of(span), data[COHORTS]
    rows = []
    for place, born in enumerate(weeks):
        (size,) = cells.get((born, born), (0,))
        if size:
            active = [cells.get((born, week), (0,))[0] for week in weeks[place:]]
            rows.append(Cohort(born, size, [stats.percent(count, size) for count in active]))
    return rows
