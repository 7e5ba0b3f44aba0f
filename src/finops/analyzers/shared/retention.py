"""Retention: what the customers of 30 days ago have become, in number and in revenue.

The cohort is fixed: the customers who were there 30 days before the end of the data and not yet
gone.  Customers who came later are in none of these figures, and neither are those who had left
before and have come back since.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import List, NamedTuple, Optional, Set, Tuple

from finops import config, stats
from finops.analyzers.shared.billing import PRICE_CHANGES, price_changes
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.customer_trends import CUSTOMER_DAYS
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.revenue import days_inactive, is_gone
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.spec import Rollups, Table
from finops.timestamps import date_of

RETENTION_TABLES: Tuple[Table, ...] = (*CUSTOMER_RECORDS, CUSTOMER_DAYS, PRICE_CHANGES)


class Retention(NamedTuple):
    """Revenue of the cohort now, in percent of what it was a month before.

    Gross: losses and lower prices only, so at most 100.  Net: higher prices too.  None under
    `config.CHURN_MIN_DAYS` covered days, and without revenue to retain.
    """

    gross_percent: Optional[float] = None
    net_percent: Optional[float] = None


def cohort_of(data: Rollups, span: CoveredDays) -> List[str]:
    """Return the customers who were active 30 days before the end; none where days are too few.

    `data` holds `RETENTION_TABLES`.
    """
    if span.days < config.CHURN_MIN_DAYS:
        return []
    start = _start(span)
    silence = 2 * config.CHURN_INACTIVE_DAYS
    seen = _seen_before(data, start)
    return [
        name
        for name, customer in customers_of(data).items()
        if span.date(customer.first_seen) <= start
        and days_inactive(customer, span) < silence
        and (name in seen or not span.by_day)
    ]


def _seen_before(data: Rollups, start: str) -> Set[str]:
    """Return the customers who were not gone on a date: with a call in the days up to it."""
    first = (date_of(start) - timedelta(days=config.CHURN_INACTIVE_DAYS - 1)).isoformat()
    return {name for name, day in data[CUSTOMER_DAYS] if first <= day <= start}


def retention_of(data: Rollups, span: CoveredDays) -> Retention:
    """Return how much of the cohort's revenue is left; `data` holds `RETENTION_TABLES`."""
    cohort = set(cohort_of(data, span))
    if not cohort:
        return Retention()
    start = _start(span)
    then, kept, now = [], [], []
    for name, prices in price_changes(data):
        if name in cohort:
            paid = ([price for day, price in prices if day <= start] or [prices[0][1]])[-1]
            customer = data.customers[name]
            latest = prices[-1][1] if customer.price is None else customer.price
            last = 0.0 if is_gone(customer, span) else latest
            then.append(paid)
            now.append(last)
            kept.append(min(paid, last))
    before = math.fsum(then)
    if before <= config.NEGLIGIBLE_USD:
        return Retention()
    return Retention(stats.percent(math.fsum(kept), before), stats.percent(math.fsum(now), before))


def _start(span: CoveredDays) -> str:
    """Return the date 30 days before the last date of the data."""
    last = date_of(span.dates[-1])
    return (last - timedelta(days=config.CHURN_INACTIVE_DAYS)).isoformat()
