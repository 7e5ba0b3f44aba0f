"""Weeks: calls and customers by ISO week, growth between full weeks, retention by cohort.

A week that the data does not fill looks like a fall, so it is marked and never compared.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Dict, List, Mapping, Optional, Tuple

from finops import config, stats
from finops.analyzers.shared.covered_days import CoveredDays
from finops.results.churn_growth import Cohort, WeekActivity, WeekGrowth
from finops.timestamps import date_of, week_of, weeks_between

DAYS_OF_WEEK = 7
_MIN_WEEKS = 3
# A filled table by ("week", "customer_id") with ("calls", "cost"), in key order.
WeekCells = Mapping[Tuple[Any, ...], Tuple[Any, ...]]


def weeks_of(span: CoveredDays) -> List[str]:
    """Return every ISO week from the first to the last call, quiet ones too."""
    return weeks_between(span.dates[0], span.dates[-1]) if span.dates else []


def weekly_rows(cells: WeekCells, span: CoveredDays) -> List[WeekActivity]:
    """Return one row per week; one of which the data does not cover seven whole days is partial."""
    weeks = weeks_of(span)
    whole = Counter(week_of(date_of(date)) for date in span.whole)
    sums: Dict[str, Tuple[int, int, float]] = {week: (0, 0, 0.0) for week in weeks}
    for (week, _), (calls, cost) in cells.items():
        customers, all_calls, all_cost = sums[week]
        sums[week] = (customers + 1, all_calls + calls, all_cost + cost)
    return [
        WeekActivity(
            week=week,
            customer_count=customers,
            call_count=calls,
            total_cost=cost,
            partial=whole[week] < DAYS_OF_WEEK,
        )
        for week, (customers, calls, cost) in sums.items()
    ]


def growth_rows(weekly: List[WeekActivity]) -> List[WeekGrowth]:
    """Return the growth of each full week on the full week before, if that one had calls."""
    return [
        WeekGrowth(
            week=now.week,
            customer_growth_percent=stats.growth_percent(now.customer_count, before.customer_count),
            call_growth_percent=stats.growth_percent(now.call_count, before.call_count),
            cost_growth_percent=_cost_growth(now.total_cost, before.total_cost),
        )
        for before, now in zip(weekly, weekly[1:])
        if not (before.partial or now.partial) and before.call_count
    ]


def _cost_growth(now: float, before: float) -> float:
    """Return the growth in percent, 0.0 where there was no money to grow from."""
    return stats.growth_percent(now, before) if before > config.NEGLIGIBLE_USD else 0.0


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


def cohorts(cells: WeekCells, weeks: List[str]) -> List[Cohort]:
    """Return, by week of the first call, how much of the cohort was active in each week since."""
    position = {week: i for i, week in enumerate(weeks)}
    first: Dict[str, int] = {}
    active: Dict[int, List[int]] = {}
    for week, name in cells:
        i = position[week]
        born = first.setdefault(name, i)
        active.setdefault(born, [0] * (len(weeks) - born))[i - born] += 1
    return [
        Cohort(
            cohort_week=weeks[born],
            cohort_size=counts[0],
            retention=[stats.percent(n, counts[0]) for n in counts],
        )
        for born, counts in sorted(active.items())
    ]
