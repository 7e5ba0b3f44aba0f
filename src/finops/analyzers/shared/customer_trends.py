"""How each customer's use changes: who calls less than half as often, who outgrows its tier.

The last window of whole days is compared with the one before it.
"""

from __future__ import annotations

import math
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, stats
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.revenue import CUSTOMER_TABLE, own_days, own_monthly
from finops.results.churn_growth import CustomerAtRisk, Expansion
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.memo import memoized
from finops.rollups.spec import Rollups, Table

_WEEK = 7
_MOST_DAYS = max(
    2 * config.TREND_WINDOW_DAYS,
    (config.OUTGROWN_WEEKS + config.OUTGROWN_BASE_WEEKS) * _WEEK,
    2 * config.CHURN_INACTIVE_DAYS,  # who was there as long ago as makes a customer gone now
)
# What is compared are whole days; the last date may be cut off.
CUSTOMER_DAYS = Table(("customer_id", "day"), ("calls", "cost", "unpriced"), since=_MOST_DAYS + 1)
TREND_TABLES: Tuple[Table, ...] = (*CUSTOMER_RECORDS, CUSTOMER_DAYS, CUSTOMER_TABLE)
_CALLS, _COST = 0, 1
_NOTHING = (0, 0.0, 0)


class Trend(NamedTuple):
    """Calls of one customer in the last window of days and in the one before it.

    The typical days are the medians of the windows' days, quiet ones included.
    """

    recent: int
    previous: int
    typical_recent: float
    typical_previous: float

    @property
    def percent(self) -> float:
        """Change in percent of the earlier window."""
        return stats.growth_percent(self.recent, self.previous)


def _windows(span: CoveredDays) -> Tuple[Sequence[str], Sequence[str]]:
    """Return the whole dates of the last window and of the one before; none where too few."""
    length = config.TREND_WINDOW_DAYS
    if len(span.whole) < 2 * length:
        return [], []
    return span.whole[-length:], span.whole[-2 * length : -length]


@memoized
def trends_of(data: Rollups, span: CoveredDays) -> Dict[str, Trend]:
    """Return each customer's calls in the last window of days and in the one before."""
    recent, previous = _windows(span)
    if not recent:
        return {}
    customers = customers_of(data)
    place_of = {day: place for place, day in enumerate((*recent, *previous))}
    calls_of: Dict[str, List[int]] = {}
    for (name, day), (calls, _, _) in data[CUSTOMER_DAYS].items():
        if day in place_of and name in customers:
            calls_of.setdefault(name, [0] * len(place_of))[place_of[day]] = calls
    quiet = _trend([0] * len(place_of), len(recent))  # one for all who did not call
    return {
        name: _trend(calls_of[name], len(recent)) if name in calls_of else quiet
        for name in customers
    }


def _trend(calls: Sequence[int], recent: int) -> Trend:
    """Return what calls by day say, of which so many are those of the last window."""
    now, before = calls[:recent], calls[recent:]
    return Trend(sum(now), sum(before), stats.median(now), stats.median(before))


def at_risk_customers(data: Rollups, trends: Mapping[str, Trend]) -> List[CustomerAtRisk]:
    """Return the customers whose calls fell by half or more, by monthly_revenue descending."""
    rows = [
        CustomerAtRisk(
            customer_id=name,
            subscription_tier=data.customers[name].tier,
            recent_calls=trend.recent,
            previous_calls=trend.previous,
            change_percent=trend.percent,
            monthly_revenue=data.customers[name].price,
            risk=_risk(-trend.percent),
        )
        for name, trend in trends.items()
        if trend.previous >= config.TREND_MIN_PREVIOUS_CALLS
        and trend.percent <= -config.AT_RISK_DROP_PCT
    ]
    return sorted(rows, key=lambda r: (-(r.monthly_revenue or 0.0), r.customer_id))


def _risk(drop_percent: float) -> str:
    """Return how grave a fall of calls is."""
    if drop_percent >= config.AT_RISK_CRITICAL_DROP_PCT:
        return "critical"
    return "high" if drop_percent >= config.AT_RISK_HIGH_DROP_PCT else "medium"


def expansion_of(data: Rollups, span: CoveredDays, trends: Mapping[str, Trend]) -> List[Expansion]:
    """Return the customers that outgrow their tier, by change_percent descending.

    They were there before both windows, a higher tier exists, and they either grew as
    `_grew` has it, or do not call less and use up most of what they pay.  A tier is suggested
    once that has lasted for weeks, see `Lasting`.  Those with calls of unknown cost are left out.
    """
    tide = (sum(t.recent for t in trends.values()), sum(t.previous for t in trends.values()))
    lasting = Lasting(data, span)
    rows = []
    for name, trend in trends.items():
        price, cost = data.customers[name].price or 0.0, _known_monthly_cost(data, span, name)
        if cost is None or price <= config.NEGLIGIBLE_USD or not _settled(data, span, name, trend):
            continue
        burn, tier = stats.percent(cost, price), suggested_tier(price, cost)
        full = burn >= config.BURN_MEDIUM_PCT and trend.recent >= trend.previous
        lasts = lasting.growth(name) or (full and lasting.burn(name, price))
        if tier and (full or lasts or _grew(trend, *tide)):
            rows.append(
                Expansion(
                    customer_id=name,
                    change_percent=trend.percent,
                    subscription_tier=data.customers[name].tier,
                    burn_percent=burn,
                    suggested_tier=tier if lasts else None,
                )
            )
    return sorted(rows, key=lambda r: (-r.change_percent, r.customer_id))


class Lasting:
    """Whether a customer has outgrown its tier in each of the last whole weeks.

    The weeks are the last `config.OUTGROWN_WEEKS` of seven whole days; growth is measured by up
    to `config.OUTGROWN_BASE_WEEKS` before them.
    """

    def __init__(self, data: Rollups, span: CoveredDays) -> None:
        self._data = data
        self._span = span
        length = config.OUTGROWN_WEEKS * _WEEK
        recent = span.whole[-length:] if len(span.whole) > length + _WEEK - 1 else []
        self._weeks = [recent[at : at + _WEEK] for at in range(0, len(recent), _WEEK)]
        before = span.whole[: len(span.whole) - length] if recent else []
        self._base = before[-config.OUTGROWN_BASE_WEEKS * _WEEK :]
        inside = {day: True for day in recent}
        inside.update(dict.fromkeys(self._base, False))
        self._cells = {
            key: values for key, values in data[CUSTOMER_DAYS].items() if key[1] in inside
        }
        self._all = [0, 0]  # calls of all customers before and in the last weeks
        customers = customers_of(data)
        for (name, day), (calls, _, _) in self._cells.items():
            if name in customers:
                self._all[inside[day]] += calls

    def burn(self, name: str, price: float) -> bool:
        """Return whether each week, as a month, used up most of the price in USD per month."""
        limit = price * config.BURN_MEDIUM_PCT / 100 * _WEEK / config.DAYS_PER_MONTH
        return bool(self._weeks) and all(
            self._sum(name, week, _COST) >= limit for week in self._weeks
        )

    def growth(self, name: str) -> bool:
        """Return whether each week had so many more calls than before, on its typical day too.

        A tide that lifts all customers is nobody's growth.
        """
        if (
            not self._weeks
            or self._span.date(self._data.customers[name].first_seen) > self._base[0]
        ):
            return False
        factor = 1 + config.EXPANSION_GROWTH_PCT / 100
        before = self._sum(name, self._base, _CALLS)
        calls = [self._sum(name, week, _CALLS) for week in self._weeks]
        others_before, others_now = self._all[0] - before, self._all[1] - sum(calls)
        return (
            before >= config.TREND_MIN_PREVIOUS_CALLS
            and all(each * len(self._base) >= factor * before * _WEEK for each in calls)
            and self._typical([day for week in self._weeks for day in week], name)
            >= factor * self._typical(self._base, name)
            and sum(calls) * others_before >= factor * before * others_now
        )

    def _sum(self, name: str, days: Sequence[str], measure: int) -> float:
        return math.fsum(self._of(name, day)[measure] for day in days)

    def _typical(self, days: Sequence[str], name: str) -> float:
        return stats.median(self._of(name, day)[_CALLS] for day in days)

    def _of(self, name: str, day: str) -> Tuple[float, ...]:
        return self._cells.get((name, day), _NOTHING)


def _known_monthly_cost(data: Rollups, span: CoveredDays, name: str) -> Optional[float]:
    """Return what a customer costs per month over its own days, None where that is not known."""
    _, cost, unpriced = data[CUSTOMER_TABLE][(name,)]
    return None if unpriced else own_monthly(cost, own_days(data.customers[name], span))


def _settled(data: Rollups, span: CoveredDays, name: str, trend: Trend) -> bool:
    """Return whether a customer was there before both windows and called enough to compare."""
    first = _windows(span)[1][0]
    there = span.date(data.customers[name].first_seen) <= first
    return there and trend.previous >= config.TREND_MIN_PREVIOUS_CALLS


def _grew(trend: Trend, all_recent: int, all_previous: int) -> bool:
    """Return whether the calls rose by the configured share: in sum, on the typical day, which
    a few wild days do not move, and against the other customers, whose tide lifts everybody.
    """
    factor = 1 + config.EXPANSION_GROWTH_PCT / 100
    others_recent, others_previous = all_recent - trend.recent, all_previous - trend.previous
    return (
        trend.recent >= factor * trend.previous
        and trend.typical_recent >= factor * trend.typical_previous
        and trend.recent * others_previous >= factor * trend.previous * others_recent
    )


def suggested_tier(price: float, monthly_cost: float) -> str:
    """Return the cheapest tier above `price` that covers the monthly cost (both in USD).

    Where none covers it, the highest tier; "" where no tier is above the present one.
    """
    higher = sorted((p, name) for name, p in config.SUBSCRIPTION_TIERS.items() if p > price)
    covering = [name for p, name in higher if p >= monthly_cost]
    return (covering or [name for _, name in higher[-1:]] or [""])[0]
