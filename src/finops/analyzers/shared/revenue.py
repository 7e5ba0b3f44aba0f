"""What all analyses of revenue share: who pays, who has left, and the rule for margins.

Revenue is the subscription, already monthly.  It is that of active customers; one without a
call for `config.CHURN_INACTIVE_DAYS` days before the end of the data is gone, and what it paid
is lost.  Costs and calls of a customer are scaled to a month over its own days: from its first
call (from the first date where it was there in the first `config.SHORT_PERIOD_DAYS` dates) to
the end of the data, or to its last call where it is gone.  With fewer own days than
`config.SHORT_PERIOD_DAYS` it is too new to be judged, and without a known price there is
nothing to judge by.
"""

from __future__ import annotations

import math
from operator import attrgetter
from typing import Dict, List, NamedTuple, Optional, Sequence

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.known_costs import known_cost
from finops.analyzers.shared.wording import counted, usd
from finops.results.base import Finding, UnpricedCustomer
from finops.results.profitability import GoneCustomer, NewCustomer
from finops.rollups.memo import memoized
from finops.rollups.spec import Customer, Rollups, Table
from finops.timestamps import date_of

CUSTOMER_TABLE = Table(("customer_id",), ("calls", "cost", "unpriced"))


class Account(NamedTuple):
    """One paying customer: `price` in USD per month, `calls` in the period, the rest monthly.

    `monthly_cost` is a lower bound where `unpriced` calls have no known cost.
    """

    customer_id: str
    tier: str
    archetype: str
    price: float
    calls: int
    monthly_calls: float
    monthly_cost: float
    unpriced: int = 0

    @property
    def margin(self) -> Optional[float]:
        """What is left of the subscription, in USD per month; None where the cost is not known."""
        return None if self.unpriced else self.price - self.monthly_cost


# Sums over all customers are asked for again and again.
_PRICE, _MONTHLY_COST, _UNPRICED = map(attrgetter, ("price", "monthly_cost", "unpriced"))


class Book(NamedTuple):
    """All customers: `paying` are active, have a price (0 is one) and days enough to judge by.

    The others are rows for the result; one that is gone may be without a price, too.
    """

    paying: List[Account]
    too_new: List[NewCustomer]
    gone: List[GoneCustomer]
    without_price: List[UnpricedCustomer]
    customers: int

    @property
    def active(self) -> int:
        """Customers that are not gone."""
        return self.customers - len(self.gone)

    @property
    def has_prices(self) -> bool:
        """Whether the price of any customer is known: without one the data is not about revenue."""
        gone = any(row.lost_monthly_revenue is not None for row in self.gone)
        return bool(self.paying or self.too_new) or gone

    @property
    def is_known(self) -> bool:
        """Whether there is anything to say of revenue: not where nobody can be judged yet."""
        return bool(self.paying) or 0 < self.customers == len(self.gone)

    @property
    def unjudged(self) -> str:
        """Why no customer can be held against what it pays; "" where any can be."""
        if any(not account.unpriced for account in self.paying):
            return ""
        if self.paying:
            return "calls of every customer have no known cost"
        if not self.customers:
            return "no call names a customer"
        if self.too_new:
            return f"no customer has {config.SHORT_PERIOD_DAYS} covered days of its own"
        known = "all customers with a known price are gone"
        return known if self.has_prices else "no subscription price is known"

    @property
    def revenue(self) -> Optional[float]:
        """Subscriptions of all paying customers, USD per month."""
        return math.fsum(map(_PRICE, self.paying)) if self.is_known else None

    @property
    def revenue_lost(self) -> Optional[float]:
        """What those who are gone paid, as far as it is known, USD per month.

        None where nobody's price is known.
        """
        if self.customers and not self.has_prices:
            return None
        return math.fsum(row.lost_monthly_revenue or 0.0 for row in self.gone)

    @property
    def monthly_cost(self) -> Optional[float]:
        """Cost of the paying customers' calls, USD per month; a lower bound if not all is known."""
        return math.fsum(map(_MONTHLY_COST, self.paying)) if self.is_known else None

    @property
    def known_cost(self) -> Optional[float]:
        """The same, None where nothing of it is known."""
        cost = self.monthly_cost
        return None if cost is None else known_cost(cost, sum(map(_UNPRICED, self.paying)))

    @property
    def margin(self) -> Optional[float]:
        """What is left of the revenue; None where some of the cost is not known."""
        return margin_of(self.paying) if self.is_known else None


def margin_of(accounts: Sequence[Account]) -> Optional[float]:
    """Return what is left of the subscriptions of customers, None where a cost is not known."""
    if any(map(_UNPRICED, accounts)):
        return None
    return math.fsum(map(_PRICE, accounts)) - math.fsum(map(_MONTHLY_COST, accounts))


def days_inactive(customer: Customer, span: CoveredDays) -> int:
    """Return the days from the last call of a customer to the last date of the data."""
    return (date_of(span.dates[-1]) - date_of(span.date(customer.last_seen))).days


def is_gone(customer: Customer, span: CoveredDays) -> bool:
    """Return whether a customer has been silent for so long that it is taken to have left."""
    return days_inactive(customer, span) >= config.CHURN_INACTIVE_DAYS


def ungone(data: Rollups, span: CoveredDays) -> str:
    """Return why no customer can be known to have left; "" where one can be."""
    if not customers_of(data):
        return "no call names a customer"
    silence = config.CHURN_INACTIVE_DAYS
    return "" if len(span.dates) > silence else f"it needs more than {silence} days"


def first_day(customer: Customer, span: CoveredDays) -> str:
    """Return the date from which a customer's days are counted."""
    seen = span.date(customer.first_seen)
    return span.dates[0] if seen in span.dates[: config.SHORT_PERIOD_DAYS] else seen


def last_day(customer: Customer, span: CoveredDays) -> str:
    """Return the date up to which a customer's days are counted."""
    return span.date(customer.last_seen) if is_gone(customer, span) else span.dates[-1]


def own_days(customer: Customer, span: CoveredDays) -> float:
    """Return how many covered days a customer was there."""
    return span.between(first_day(customer, span), last_day(customer, span))


def own_monthly(amount: float, days: float) -> Optional[float]:
    """Return an amount of so many own days of a customer as one of 30; None under 7 of them."""
    return amount * config.DAYS_PER_MONTH / days if days >= config.SHORT_PERIOD_DAYS else None


@memoized
def open_book(data: Rollups, span: CoveredDays) -> Book:
    """Return the customers of the data in order of their id; needs `CUSTOMER_TABLE`."""
    customers = customers_of(data)
    book = Book([], [], [], [], len(customers))
    for (name,), (calls, cost, unpriced) in data[CUSTOMER_TABLE].items():
        if name not in customers:
            continue
        customer = customers[name]
        days = own_days(customer, span)
        monthly = own_monthly(cost, days)
        known = known_cost(cost, unpriced)
        if customer.price is None:
            book.without_price.append(
                UnpricedCustomer(
                    name,
                    customer.tier,
                    customer.archetype,
                    None if known is None else monthly,
                    calls,
                    unpriced,
                )
            )
        if is_gone(customer, span):
            book.gone.append(
                GoneCustomer(name, customer.tier, span.date(customer.last_seen), customer.price)
            )
        elif customer.price is not None and monthly is None:
            book.too_new.append(
                NewCustomer(
                    name,
                    customer.tier,
                    first_day(customer, span),
                    customer.price,
                    known,
                    unpriced,
                )
            )
        elif customer.price is not None and monthly is not None:
            book.paying.append(
                Account(
                    name,
                    customer.tier,
                    customer.archetype,
                    customer.price,
                    calls,
                    calls * config.DAYS_PER_MONTH / days,
                    monthly,
                    unpriced,
                )
            )
    book.without_price.sort(key=lambda r: (-(r.monthly_cost or 0.0), r.customer_id))
    book.gone.sort(key=lambda r: (-(r.lost_monthly_revenue or 0.0), r.customer_id))
    return book


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
    """Return the finding on customers whose price is not known, where that of others is."""
    if not book.without_price or not book.has_prices:
        return []
    return [
        finding(
            "warning",
            f"{counted(len(book.without_price), 'customer')} without a known price",
            f"Their calls cost {_cost_without_price(book)}, but no subscription price is known "
            "for them; they are left out of revenue and margins.",
            kind="quality",
        )
    ]


def price_advice(book: Book) -> List[str]:
    """Return the recommendation to record missing prices, where there are others."""
    if not book.without_price or not book.has_prices:
        return []
    who = counted(len(book.without_price), "customer")
    return [
        f"Record a subscription price for {who} whose calls cost {_cost_without_price(book)}: "
        "until then their margin is unknown."
    ]


def _cost_without_price(book: Book) -> str:
    """Return what the customers without a price cost, as far as they were there long enough."""
    rates = [row.monthly_cost for row in book.without_price if row.monthly_cost is not None]
    return f"{usd(math.fsum(rates))} per month" if rates else "an amount not yet known per month"


def too_new_words(book: Book) -> str:
    """Return why revenue and margins are not shown, "" where they are."""
    if book.is_known or not book.customers:
        return ""
    if not book.too_new:
        return "No customer has a known price, so there is no revenue and no margin."
    return (
        f"No customer was there for {config.SHORT_PERIOD_DAYS} covered days yet, which revenue "
        "and margins need."
    )
