"""Customer profitability: who pays more than they cost, and who does not.

margin = subscription − monthly cost; the category follows from the margin in percent of the
subscription.  A customer's break-even price is the subscription at which nothing is lost.
"""

from __future__ import annotations

import math
from typing import ClassVar, List, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.revenue import (
    CUSTOMER_TABLE,
    Account,
    Book,
    group,
    margin_percent,
    open_book,
    price_advice,
    price_caveats,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.profitability import (
    CustomerMargin,
    DayMargin,
    GroupMargin,
    MarginCategories,
    ProfitabilityResult,
    ProfitabilitySummary,
    Unprofitable,
)
from finops.rollups.spec import Rollups, Table

DAILY_TABLE = Table(("day",), ("calls", "cost"))
CATEGORIES: Tuple[str, ...] = MarginCategories._fields


class ProfitabilityAnalyzer(Analyzer):
    """Margins by customer, tier and archetype, in USD a month.

    `summary.monthly_cost` and all margins are those of customers with a known price; the
    others are in `without_price`.  `daily` sets the cost of all calls of a day against a
    day's part of the subscriptions.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (CUSTOMER_TABLE, DAILY_TABLE)

    def result(self, data: Rollups) -> ProfitabilityResult:
        """Return the result; see the class for what the sums cover."""
        book = open_book(data)
        customers = sorted(
            (_customer_row(a) for a in book.paying), key=lambda r: (r.margin_percent, r.customer_id)
        )
        losing = [row for row in customers if row.category == "unprofitable"]
        losing = sorted(losing, key=lambda r: (r.monthly_margin, r.customer_id))
        loss = math.fsum(row.monthly_margin for row in losing)
        tiers = _grouped(book, "tier")
        return ProfitabilityResult(
            summary=_summary(data, book, losing, loss),
            customers=customers,
            by_tier=tiers,
            by_archetype=_grouped(book, "archetype"),
            categories=MarginCategories(
                **{name: sum(row.category == name for row in customers) for name in CATEGORIES}
            ),
            unprofitable=Unprofitable(
                count_=len(losing),
                total_monthly_loss=loss,
                customers=losing,
            ),
            without_price=book.without_price,
            daily=[
                DayMargin(date=day, cost=cost, revenue=book.revenue / config.DAYS_PER_MONTH)
                for (day,), (_, cost) in data[DAILY_TABLE].items()
            ],
            findings=by_impact(
                _findings(book, losing, loss, tiers, customers) + caveats(data.period, data.totals)
            ),
            recommendations=_recommendations(losing, customers) + price_advice(book),
        )


def category_of(margin: float) -> str:
    """Return the category of a margin in percent.

    >>> category_of(50), category_of(0), category_of(-0.1)
    ('high_margin', 'low_margin', 'unprofitable')
    """
    if margin >= config.HIGH_MARGIN_THRESHOLD_PCT:
        return "high_margin"
    if margin >= config.MEDIUM_MARGIN_THRESHOLD_PCT:
        return "medium_margin"
    return "low_margin" if margin >= config.LOW_MARGIN_THRESHOLD_PCT else "unprofitable"


def _customer_row(account: Account) -> CustomerMargin:
    margin = margin_percent(account.price, account.monthly_cost)
    return CustomerMargin(
        customer_id=account.customer_id,
        subscription_tier=account.tier,
        customer_archetype=account.archetype,
        monthly_revenue=account.price,
        monthly_cost=account.monthly_cost,
        monthly_margin=account.margin,
        margin_percent=margin,
        category=category_of(margin),
        call_count=account.calls,
        break_even_price=account.monthly_cost,
    )


def _summary(
    data: Rollups, book: Book, losing: Sequence[CustomerMargin], loss: float
) -> ProfitabilitySummary:
    revenue, cost = book.revenue, book.monthly_cost
    return ProfitabilitySummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        total_customers=len(book.paying) + len(book.without_price),
        customers_without_price=len(book.without_price),
        monthly_revenue=revenue,
        monthly_cost=cost,
        monthly_margin=revenue - cost,
        margin_percent=margin_percent(revenue, cost),
        unprofitable_count=len(losing),
        total_monthly_loss=loss,
        unpriced_calls=data.totals.unpriced,
    )


def _grouped(book: Book, by: str) -> List[GroupMargin]:
    rows = [_group_row(key, members) for key, members in group(book.paying, by).items()]
    return sorted(rows, key=lambda r: (-r.monthly_revenue, r.key))


def _group_row(key: str, members: Sequence[Account]) -> GroupMargin:
    revenue = math.fsum(a.price for a in members)
    cost = math.fsum(a.monthly_cost for a in members)
    margins = [margin_percent(a.price, a.monthly_cost) for a in members]
    return GroupMargin(
        key=key,
        customers=len(members),
        monthly_revenue=revenue,
        monthly_cost=cost,
        monthly_margin=revenue - cost,
        margin_percent=margin_percent(revenue, cost),
        unprofitable_count=sum(category_of(m) == "unprofitable" for m in margins),
    )


def _findings(
    book: Book,
    losing: Sequence[CustomerMargin],
    loss: float,
    tiers: Sequence[GroupMargin],
    customers: Sequence[CustomerMargin],
) -> List[Finding]:
    findings = price_caveats(book)
    if losing:
        findings.append(_loss_finding(losing, loss))
    elif customers:
        findings.append(
            finding(
                "success",
                "Every customer pays for itself",
                f"No subscription is below the cost of its calls, for "
                f"{counted(len(customers), 'customer')} with a known price; "
                f"{usd(book.revenue - book.monthly_cost)} a month remains.",
            )
        )
    findings += [_tier_finding(row) for row in tiers if row.monthly_margin < 0]
    thin = sum(row.category == "low_margin" for row in customers)
    if thin:
        findings.append(
            finding(
                "info",
                f"{counted(thin, 'customer')} close to a loss",
                f"Between {config.LOW_MARGIN_THRESHOLD_PCT} and "
                f"{config.MEDIUM_MARGIN_THRESHOLD_PCT}% of the subscription remains: "
                "a little more use turns it into a loss.",
            )
        )
    return findings


def _loss_finding(losing: Sequence[CustomerMargin], loss: float) -> Finding:
    worst = losing[0]
    verb = "costs" if len(losing) == 1 else "cost"
    return finding(
        "critical",
        f"{counted(len(losing), 'customer')} {verb} more than the subscription brings",
        f"Together {usd(-loss)} a month is lost; most of all on {worst.customer_id}, which "
        f"pays {usd(worst.monthly_revenue)} and costs {usd(worst.monthly_cost)} a month.",
        -loss,
    )


def _tier_finding(row: GroupMargin) -> Finding:
    return finding(
        "critical",
        f"The {row.key} tier loses money as a whole",
        f"Its {counted(row.customers, 'customer')} pay {usd(row.monthly_revenue)} and cost "
        f"{usd(row.monthly_cost)} a month.",
        -row.monthly_margin,
    )


def _recommendations(
    losing: Sequence[CustomerMargin], customers: Sequence[CustomerMargin]
) -> List[str]:
    named = losing[: config.RECOMMENDED_SUBJECTS]
    advice = [_advice(row) for row in named]
    rest = losing[len(named) :]
    if rest:
        worth = -math.fsum(row.monthly_margin for row in rest)
        advice.append(
            f"Review {counted(len(rest), 'further unprofitable customer')}: "
            f"together they lose {usd(worth)} a month."
        )
    thin = [row for row in customers if row.category == "low_margin"]
    if thin:
        first = thin[0]
        advice.append(
            f"Watch the usage of {counted(len(thin), 'customer')} with a margin under "
            f"{config.MEDIUM_MARGIN_THRESHOLD_PCT}%, {first.customer_id} first "
            f"({percent(first.margin_percent)})."
        )
    return advice


def _advice(row: CustomerMargin) -> str:
    tier = covering_tier(row.break_even_price, row.monthly_revenue)
    name, loss = row.customer_id, usd(-row.monthly_margin)
    if tier is None:
        return (
            f"Agree on a usage-based price with {name}: no subscription covers its "
            f"{usd(row.monthly_cost)} a month, and {loss} of that is lost."
        )
    return (
        f"Move {name} to the {tier} tier at {usd(config.SUBSCRIPTION_TIERS[tier])}: it pays "
        f"{usd(row.monthly_revenue)}, costs {usd(row.monthly_cost)} and so loses {loss} "
        "a month."
    )


def covering_tier(cost: float, price: float) -> Optional[str]:
    """Return the cheapest tier dearer than `price` that covers `cost`, or None (USD a month)."""
    fitting = [
        (amount, tier)
        for tier, amount in config.SUBSCRIPTION_TIERS.items()
        if amount >= cost and amount > price
    ]
    return min(fitting)[1] if fitting else None
