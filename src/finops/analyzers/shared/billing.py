"""What was paid when: revenue by calendar day and month, as invoices would have it.

A subscription is paid from the first to the last of a customer's own days (see `revenue`), each
date at the price that the latest call up to it says, as its part of the calendar month: 199 USD
a month are 199 / 31 a day in March and 199 / 28 in February.  A date of which the data covers
a part has that part.
"""

from __future__ import annotations

import math
from calendar import monthrange
from decimal import Decimal
from itertools import accumulate, groupby
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.known_costs import known_cost
from finops.analyzers.shared.revenue import first_day, last_day, margin_percent
from finops.results.profitability import DayMargin, MonthMargin
from finops.rollups.spec import Customer, Rollups, Table

# What calls of each price cost, and from when on each customer had which price.  On a day with
# several prices that of most calls is the customer's.
PAID_DAYS = Table(("day", "tier_price_usd"), ("cost", "unpriced"))
PRICE_CHANGES = Table(("customer_id", "day", "tier_price_usd"), ("calls",), changes="calls")
BILLING_TABLES: Tuple[Table, ...] = (PAID_DAYS, PRICE_CHANGES)
# Sums of prices are exact to this many decimals; more is binary rounding.
_DECIMALS = 9


class BilledDay(NamedTuple):
    """One date: what was paid for it, what those who paid cost, and their unpriced calls.

    `cost` and `unpriced` are of calls with a known subscription price.  Revenue and cost are None
    where neither is known of any customer on that day.
    """

    date: str
    revenue: Optional[float]
    cost: Optional[float]
    unpriced: int


def billed_days(data: Rollups, span: CoveredDays) -> List[BilledDay]:
    """Return every date of the data in order; needs `BILLING_TABLES`."""
    costs = dict.fromkeys(span.dates, Decimal(0))
    unpriced = dict.fromkeys(span.dates, 0)
    for (day, price), (cost, without) in data[PAID_DAYS].items():
        if price is not None:
            costs[day] += Decimal(repr(cost))
            unpriced[day] += without
    prices = _prices_by_day(data, span)
    return [
        BilledDay(
            date,
            None if price is None else price * span.shares[date] / _days_in_month(date),
            None if price is None and not costs[date] else float(costs[date]),
            unpriced[date],
        )
        for date, price in zip(span.dates, prices)
    ]


def by_month(days: Sequence[BilledDay], span: CoveredDays) -> List[MonthMargin]:
    """Return the calendar months of the data; `whole` where all of a month is covered."""
    whole = set(span.whole)
    rows = []
    for month, group in groupby(days, key=lambda day: day.date[:7]):
        members = list(group)
        revenue = _known_sum(day.revenue for day in members)
        cost = _known_sum(day.cost for day in members)
        long = math.fsum(span.shares[day.date] for day in members) >= config.SHORT_PERIOD_DAYS
        unpriced = sum(day.unpriced for day in members)
        is_known = long and revenue is not None and revenue > 0 and not unpriced
        margin = revenue - cost if is_known and revenue and cost is not None else None
        rows.append(
            MonthMargin(
                month=month,
                revenue=revenue,
                cost=None if cost is None else known_cost(cost, unpriced),
                margin=margin,
                margin_percent=None
                if margin is None
                else margin_percent(revenue or 0.0, cost or 0.0),
                whole=len(members) == _days_in_month(month)
                and all(day.date in whole for day in members),
                unpriced_calls=unpriced,
            )
        )
    return rows


def _known_sum(amounts: Iterable[Optional[float]]) -> Optional[float]:
    """Return the sum of the amounts that are known, None where none is."""
    known = [amount for amount in amounts if amount is not None]
    return math.fsum(known) if known else None


def daily_margins(days: Sequence[BilledDay]) -> List[DayMargin]:
    """Return revenue and cost of every date."""
    return [
        DayMargin(
            date=day.date,
            cost=None if day.cost is None else known_cost(day.cost, day.unpriced),
            revenue=day.revenue,
        )
        for day in days
    ]


def _prices_by_day(data: Rollups, span: CoveredDays) -> List[Optional[float]]:
    """Return the subscriptions, in USD per month, that were paid on each date of the data.

    None where customers were there and the price of none is known.
    """
    place = {date: at for at, date in enumerate(span.dates)}
    changes: List[List[float]] = [[] for _ in range(len(span.dates) + 1)]
    # How many customers come and go whose price is known, and whose is not.
    known, unknown = [0] * len(changes), [0] * len(changes)

    def stay(customer: Customer, among: List[int]) -> Tuple[int, int]:
        begin, end = place[first_day(customer, span)], place[last_day(customer, span)] + 1
        among[begin] += 1
        among[end] -= 1
        return begin, end

    priced = set()
    for name, prices in price_changes(data):
        priced.add(name)
        begin, end = stay(data.customers[name], known)
        before = 0.0
        for number, (day, price) in enumerate(prices):
            # The first known price is also that of the days before the first call.
            changes[place[day] if number else begin].append(price - before)
            before = price
        changes[end].append(-before)
    for name in data.customers:
        if name not in priced:
            stay(data.customers[name], unknown)
    sums = accumulate(math.fsum(change) for change in changes)
    there = zip(sums, accumulate(known), accumulate(unknown))
    return [
        round(price, _DECIMALS) if payers or (priced and not others) else None
        for price, payers, others in there
    ][:-1]


def price_changes(data: Rollups) -> Iterator[Tuple[str, List[Tuple[str, float]]]]:
    """Yield each customer of a known price with the days from which on it had which one."""
    for name, keys in groupby(data[PRICE_CHANGES], lambda key: key[0]):
        yield name, [(day, price) for _, day, price in keys]


def _days_in_month(date: str) -> int:
    return monthrange(int(date[:4]), int(date[5:7]))[1]
