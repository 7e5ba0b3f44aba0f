"""Customer profitability: who pays more than they cost, and who does not.

margin = subscription − monthly cost of its calls, that is the margin after AI cost; the category
follows from the margin in percent of the subscription.  A customer's break-even price is the
subscription at which nothing is lost.
"""

from __future__ import annotations

import math
from typing import ClassVar, Dict, List, Optional, Sequence, Tuple, Union

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.billing import BILLING_TABLES, billed_days, by_month, daily_margins
from finops.analyzers.shared.coverage import count_named
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customer_advice import ADVICE_TABLES, Advice, advice_of, rows_of
from finops.analyzers.shared.known_costs import known_cost, known_total, unit_cost
from finops.analyzers.shared.overlaps import GONE_CUSTOMERS, UNPROFITABLE_CUSTOMERS
from finops.analyzers.shared.request_count import has_usage
from finops.analyzers.shared.revenue import (
    Account,
    Book,
    group,
    margin_of,
    margin_percent,
    open_book,
    price_advice,
    price_caveats,
    ungone,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.profitability import (
    CustomerMargin,
    GroupMargin,
    MarginCategories,
    ProfitabilityResult,
    ProfitabilitySummary,
    Unprofitable,
)
from finops.results.unchecked import checked_only
from finops.rollups.spec import Rollups, Table

# Days of the shortest month: a customer with a loss in one of these has one in every month.
SHORTEST_MONTH = 28
CATEGORIES: Tuple[str, ...] = MarginCategories._fields


class ProfitabilityAnalyzer(Analyzer):
    """Margins by customer, tier and archetype, in USD per month, and by calendar month.

    `summary.monthly_cost` and all margins are those of active customers with a known price and
    enough days of their own; the others are in `without_price`, `too_new` and `gone`.  A
    customer with calls of unknown cost has no margin.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (*BASIS_TABLES, *ADVICE_TABLES, *BILLING_TABLES)
    NEEDS: ClassVar[Tuple[str, ...]] = ("customer_id", "tier_price_usd")

    def result(self, data: Rollups) -> ProfitabilityResult:
        """Return the result; see the class for what the sums cover."""
        span = covered_days(data)
        book = open_book(data, span)
        billed = billed_days(data, span)
        advice = advice_of(data, span)
        customers = sorted(map(_customer_row, book.paying), key=_lowest_margin_first)
        losing = [row for row in customers if row.category == "unprofitable"]
        losing = sorted(losing, key=lambda r: (r.monthly_margin or 0.0, r.customer_id))
        loss = math.fsum(row.monthly_margin or 0.0 for row in losing)
        judged = book.is_known and (not customers or customers[0].margin_percent is not None)
        tiers = _grouped(book, "tier")
        unchecked = _unchecked(data, span, book)
        return ProfitabilityResult(
            summary=checked_only(
                "profitability",
                _summary(data, book, losing, loss if judged else None),
                unchecked,
            ),
            basis=basis_of(data, span, self.NEEDS),
            customers=customers,
            by_tier=tiers,
            by_archetype=_grouped(book, "archetype"),
            categories=MarginCategories(
                **{name: sum(row.category == name for row in customers) for name in CATEGORIES}
            ),
            unprofitable=Unprofitable(
                count_=len(losing) if judged else None,
                total_monthly_loss=loss if judged else None,
                customers=losing,
            ),
            without_price=book.without_price,
            too_new=book.too_new,
            gone=book.gone,
            by_month=by_month(billed, span),
            daily=daily_margins(billed),
            findings=by_impact(
                _findings(book, losing, loss, tiers, customers) + caveats(span, data.totals)
            ),
            advice=rows_of(advice, data.customers),
            recommendations=_recommendations(losing, customers, advice) + price_advice(book),
            unchecked=unchecked,
        )


def _unchecked(data: Rollups, span: CoveredDays, book: Book) -> Dict[str, str]:
    """Return why nobody is called unprofitable, or gone, where nobody could be judged."""
    reasons = {"unprofitable": book.unjudged, "gone": ungone(data, span)}
    return {name: reason for name, reason in reasons.items() if reason and has_usage(data)}


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
    known = not account.unpriced
    margin = margin_percent(account.price, account.monthly_cost) if known else None
    return CustomerMargin(
        customer_id=account.customer_id,
        subscription_tier=account.tier,
        customer_archetype=account.archetype,
        monthly_revenue=account.price,
        monthly_cost=known_cost(account.monthly_cost, account.unpriced),
        monthly_margin=account.margin,
        margin_percent=margin,
        category=None if margin is None else category_of(margin),
        call_count=account.calls,
        break_even_price=unit_cost(account.monthly_cost, 1, account.unpriced),
        unpriced_calls=account.unpriced,
    )


def _lowest_margin_first(row: CustomerMargin) -> Tuple[bool, float, str]:
    """Order customers by margin, those whose margin is not known last."""
    return row.margin_percent is None, row.margin_percent or 0.0, row.customer_id


def _summary(
    data: Rollups, book: Book, losing: Sequence[CustomerMargin], loss: Optional[float]
) -> ProfitabilitySummary:
    revenue, cost, margin = book.revenue, book.known_cost, book.margin
    known = revenue is not None and cost is not None and margin is not None
    return ProfitabilitySummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        total_customers=count_named(data, book.customers),
        active_customers=book.active,
        customers_without_price=len(book.without_price),
        monthly_revenue=revenue,
        monthly_cost=cost,
        monthly_margin=margin,
        margin_percent=margin_percent(revenue or 0.0, cost or 0.0) if known else None,
        unprofitable_count=None if loss is None else len(losing),
        total_monthly_loss=loss,
        revenue_lost=book.revenue_lost,
        unpriced_calls=data.totals.unpriced,
    )


def _grouped(book: Book, by: str) -> List[GroupMargin]:
    rows = [_group_row(key, members) for key, members in group(book.paying, by).items()]
    return sorted(rows, key=lambda r: (-r.monthly_revenue, r.key))


def _group_row(key: str, members: Sequence[Account]) -> GroupMargin:
    revenue = math.fsum(a.price for a in members)
    cost = math.fsum(a.monthly_cost for a in members)
    margin = margin_of(members)
    margins = [margin_percent(a.price, a.monthly_cost) for a in members if not a.unpriced]
    return GroupMargin(
        key=key,
        customers=len(members),
        monthly_revenue=revenue,
        monthly_cost=known_cost(cost, sum(a.unpriced for a in members)),
        monthly_margin=margin,
        margin_percent=None if margin is None else margin_percent(revenue, cost),
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
    elif customers and book.margin is not None and book.monthly_cost:
        findings.append(
            finding(
                "success",
                "No unprofitable customers",
                f"No subscription is below the cost of its calls, for "
                f"{counted(len(customers), 'active customer')} with a known price; "
                f"{usd(book.margin)} per month remains after AI cost.",
            )
        )
    if len(tiers) > 1:
        # What one customer loses is a finding of its own already.
        losses = [row for row in tiers if (row.monthly_margin or 0.0) < 0 and row.customers > 1]
        findings += map(_tier_finding, losses)
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
    return findings + _set_apart(book, customers)


def _set_apart(book: Book, customers: Sequence[CustomerMargin]) -> List[Finding]:
    """Return findings on customers that are in no margin, and why."""
    findings = []
    unknown = sum(row.margin_percent is None for row in customers)
    if unknown:
        findings.append(
            finding(
                "warning",
                f"{counted(unknown, 'customer')} with an unknown margin",
                f"What {'it costs' if unknown == 1 else 'they cost'} is a lower bound: some calls "
                "have no known cost.",
                kind="quality",
            )
        )
    if book.revenue_lost:
        who = counted(len(book.gone), "customer")
        findings.append(
            finding(
                "info",
                f"{who} left, who paid {usd(book.revenue_lost)} per month",
                f"No call in the last {config.CHURN_INACTIVE_DAYS} days: what they paid is no "
                "part of the revenue here.",
                book.revenue_lost,
                kind="revenue_lost",
                effort="high",
                overlaps=GONE_CUSTOMERS,
            )
        )
    return findings


def _loss_finding(losing: Sequence[CustomerMargin], loss: float) -> Finding:
    worst = losing[0]
    verb = "costs" if len(losing) == 1 else "cost"
    certain = any(map(_loses_every_month, losing))
    return finding(
        "critical" if certain else "info",
        f"{counted(len(losing), 'customer')} {verb} more than the subscription brings",
        f"{_lost(losing, loss)} pays {usd(worst.monthly_revenue)} and costs "
        f"{usd(worst.monthly_cost or 0.0)} per {config.DAYS_PER_MONTH} days.",
        -loss,
        kind="loss",
        confidence="high" if certain else "medium",
        effort="medium",
        subject={"customer_id": worst.customer_id} if len(losing) == 1 else {},
        overlaps=UNPROFITABLE_CUSTOMERS,
    )


def _lost(losing: Sequence[CustomerMargin], loss: float) -> str:
    """Return what all lose, and who loses most as the subject of what follows."""
    worst = losing[0].customer_id
    if len(losing) == 1:
        return f"{usd(-loss)} per month is lost: {worst}"
    return f"Together they lose {usd(-loss)} per month; the largest loss is {worst}, which"


def _loses_every_month(row: Union[CustomerMargin, GroupMargin]) -> bool:
    """Return whether a cost of 30 days is above the revenue in the shortest month, too."""
    cost = row.monthly_cost or 0.0
    return cost * SHORTEST_MONTH / config.DAYS_PER_MONTH > row.monthly_revenue


def _tier_finding(row: GroupMargin) -> Finding:
    certain = _loses_every_month(row)
    return finding(
        "critical" if certain else "info",
        f"The {row.key} tier loses money as a whole",
        f"Its {counted(row.customers, 'customer')} pay {usd(row.monthly_revenue)} and cost "
        f"{usd(row.monthly_cost or 0.0)} per {config.DAYS_PER_MONTH} days.",
        -(row.monthly_margin or 0.0),
        kind="loss",
        confidence="high" if certain else "medium",
        effort="high",
        subject={"subscription_tier": row.key},
        overlaps=UNPROFITABLE_CUSTOMERS,
    )


def _recommendations(
    losing: Sequence[CustomerMargin], customers: Sequence[CustomerMargin], advice: Advice
) -> List[str]:
    named = losing[: config.RECOMMENDED_SUBJECTS]
    sentences = [advice[row.customer_id].advice for row in named]
    rest = losing[len(named) :]
    if rest:
        worth = -math.fsum(row.monthly_margin or 0.0 for row in rest)
        sentences.append(
            f"Review {counted(len(rest), 'further unprofitable customer')}: "
            f"together they lose {usd(worth)} per month."
        )
    thin = [row for row in customers if row.category == "low_margin"]
    if thin:
        lowest = percent(min(row.margin_percent or 0.0 for row in thin))
        sentences.append(
            f"Watch the usage of {counted(len(thin), 'customer')} with a margin under "
            f"{config.MEDIUM_MARGIN_THRESHOLD_PCT}%; the lowest is {lowest}."
        )
    return sentences
