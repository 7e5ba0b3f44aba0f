"""What the three revenue analyses share: customers with a price, and the rule for margins.

Revenue is the subscription, already monthly; costs and calls of the period are scaled to a
month before the two meet.  A customer without a known price has no margin: it is left out
of everything that compares with revenue, and listed.
"""

from __future__ import annotations

import math
from typing import Dict, List, NamedTuple, Sequence

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.wording import counted, usd
from finops.results.base import Finding, UnpricedCustomer
from finops.rollups.spec import Rollups, Table

CUSTOMER_TABLE = Table(("customer_id",), ("calls", "cost"))


class Account(NamedTuple):
    """One paying customer: `price` in USD a month, `calls` in the period, the rest monthly."""

    customer_id: str
    tier: str
    archetype: str
    price: float
    calls: int
    monthly_calls: float
    monthly_cost: float

    @property
    def margin(self) -> float:
        """What is left of the subscription, in USD a month."""
        return self.price - self.monthly_cost


class Book(NamedTuple):
    """All customers: `paying` have a price (0 is one), `without_price` are rows for the result."""

    paying: List[Account]
    without_price: List[UnpricedCustomer]

    @property
    def revenue(self) -> float:
        """Subscriptions of all paying customers, USD a month."""
        return math.fsum(a.price for a in self.paying)

    @property
    def monthly_cost(self) -> float:
        """Cost of the paying customers' calls, USD a month."""
        return math.fsum(a.monthly_cost for a in self.paying)


def open_book(data: Rollups) -> Book:
    """Return the customers of the data in order of their id; needs `CUSTOMER_TABLE`."""
    paying: List[Account] = []
    without: List[UnpricedCustomer] = []
    days = data.period.days  # once: it is worked out of two timestamps
    for (name,), (calls, cost) in data[CUSTOMER_TABLE].items():
        customer = data.customers[name]
        monthly_cost = cost * config.DAYS_PER_MONTH / days
        if customer.price is None:
            without.append(
                UnpricedCustomer(
                    customer_id=name,
                    subscription_tier=customer.tier,
                    customer_archetype=customer.archetype,
                    monthly_cost=monthly_cost,
                    call_count=calls,
                )
            )
        else:
            monthly_calls = calls * config.DAYS_PER_MONTH / days
            paying.append(
                Account(
                    name,
                    customer.tier,
                    customer.archetype,
                    customer.price,
                    calls,
                    monthly_calls,
                    monthly_cost,
                )
            )
    return Book(paying, sorted(without, key=lambda r: (-r.monthly_cost, r.customer_id)))


def margin_percent(revenue: float, cost: float) -> float:
    """Return (revenue − cost) / revenue × 100 for amounts of the same span.

    Without revenue there is nothing to divide by: the margin is then 0 where there is no cost
    either, and −100 where there is.
    """
    if revenue > config.NEGLIGIBLE_USD:
        return (revenue - cost) / revenue * 100
    return -100.0 if cost > 0 else 0.0


def group(accounts: Sequence[Account], by: str) -> Dict[str, List[Account]]:
    """Return the accounts by one of their fields, groups in ascending order."""
    groups: Dict[str, List[Account]] = {}
    for account in accounts:
        groups.setdefault(getattr(account, by), []).append(account)
    return {key: groups[key] for key in sorted(groups)}


def price_caveats(book: Book) -> List[Finding]:
    """Return the finding on customers whose price is not known, if there are any."""
    if not book.without_price:
        return []
    cost = math.fsum(row.monthly_cost for row in book.without_price)
    return [
        finding(
            "warning",
            f"{counted(len(book.without_price), 'customer')} without a known price",
            f"Their calls cost {usd(cost)} a month, but no subscription price is known for them; "
            "they are left out of revenue and margins.",
        )
    ]


def price_advice(book: Book) -> List[str]:
    """Return the recommendation to record missing prices, if there are any."""
    if not book.without_price:
        return []
    cost = math.fsum(row.monthly_cost for row in book.without_price)
    who = counted(len(book.without_price), "customer")
    return [
        f"Record a subscription price for {who} whose calls cost {usd(cost)} a month: "
        "until then nobody can say whether they pay for themselves."
    ]
