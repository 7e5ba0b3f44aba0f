"""Organizational alignment: who caused which cost, so that it can be charged to them.

A cost belongs to the organization and product of its call.  Calls without either are
unallocated; those without an organization are charged to a row of their own, so that the
chargeback sums to the total.
"""

from __future__ import annotations

import math
from typing import Callable, ClassVar, Dict, List, NamedTuple, Sequence, Set, Tuple, TypeVar

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.tables import ACCOUNT_DAYS, ACCOUNTS, CALLS, USE_DAYS, shares
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.alignment import (
    AlignmentByDay,
    AlignmentResult,
    AlignmentSummary,
    AllocatedDay,
    Chargeback,
    EnvironmentShare,
    FairShare,
    FeatureShare,
    OrganizationWeek,
    ProductCost,
    ProductShare,
    TokenCost,
    TokenCosts,
)
from finops.results.base import Finding
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of
from finops.stats import ratio

WEEKS = Table(("week", "organization_id"), ("calls", "cost"))
_Share = TypeVar("_Share")
UNALLOCATED: Tuple[str, ...] = ("", config.UNKNOWN)


class Account(NamedTuple):
    """What one organization used: {product: (calls, cost)}, tokens, and its customers."""

    products: Dict[str, Tuple[int, float]]
    tokens: List[int]
    customers: Set[str]


class AlignmentAnalyzer(Analyzer):
    """Chargeback by organization and product, shares by feature and environment, efficiency.

    `fair_share` puts each organization's share of cost beside its share of calls;
    `cost_with_unallocated` is its cost when the cost without an organization is spread over the
    known ones in proportion to theirs.  `by_day` holds the breakdowns by day, None where they
    are too many to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (ACCOUNTS, CALLS, WEEKS, ACCOUNT_DAYS, USE_DAYS)

    def result(self, data: Rollups) -> AlignmentResult:
        """Return the result; costs in USD over the period unless the name says monthly."""
        chargeback = _chargeback(data)
        known = [row for row in chargeback if row.organization_id not in UNALLOCATED]
        summary = _summary(data, known)
        environments = _monthly_shares(data, CALLS, EnvironmentShare, "environment")
        return AlignmentResult(
            summary=summary,
            chargeback=chargeback,
            fair_share=_fair_share(data, chargeback, known),
            by_product=_monthly_shares(data, ACCOUNTS, ProductShare, "product_id"),
            by_feature=_monthly_shares(data, CALLS, FeatureShare, "feature_id"),
            by_environment=environments,
            weekly=_weekly(data),
            daily=_daily(data),
            by_day=AlignmentByDay(
                accounts=by_day(data, ACCOUNT_DAYS, "customer_id", "organization_id", "product_id"),
                features=by_day(data, USE_DAYS, "feature_id"),
                environments=by_day(data, USE_DAYS, "environment"),
            ),
            efficiency=_efficiency(known),
            findings=by_impact(_findings(data, summary, known) + caveats(data.period, data.totals)),
            recommendations=_recommendations(data, summary, known),
        )


def _accounts(data: Rollups) -> Dict[str, Account]:
    accounts: Dict[str, Account] = {}
    for (customer, organization, product), (calls, cost, tokens) in data[ACCOUNTS].items():
        account = accounts.setdefault(organization, Account({}, [], set()))
        before = account.products.get(product, (0, 0.0))
        account.products[product] = (before[0] + calls, before[1] + cost)
        account.tokens.append(tokens)
        account.customers.add(customer)
    return accounts


def _chargeback(data: Rollups) -> List[Chargeback]:
    rows = []
    for organization, account in _accounts(data).items():
        cost = math.fsum(product[1] for product in account.products.values())
        rows.append(
            Chargeback(
                organization_id=organization,
                total_cost=cost,
                monthly_cost=data.period.monthly(cost),
                call_count=sum(product[0] for product in account.products.values()),
                customer_count=len(account.customers),
                share_percent=percent_of(cost, data.totals.cost),
                cost_per_1k_tokens=ratio(cost, sum(account.tokens)) * 1000,
                product_breakdown={
                    name: ProductCost(
                        cost=account.products[name][1],
                        call_count=account.products[name][0],
                    )
                    for name in sorted(account.products)
                },
            )
        )
    return sorted(rows, key=lambda r: (-r.total_cost, r.organization_id))


def _summary(data: Rollups, known: Sequence[Chargeback]) -> AlignmentSummary:
    unallocated = math.fsum(
        cost
        for (_, organization, product), (_, cost, _) in data[ACCOUNTS].items()
        if organization in UNALLOCATED or product in UNALLOCATED
    )
    return AlignmentSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        monthly_cost=data.period.monthly(data.totals.cost),
        organization_count=len(known),
        top_organization=known[0].organization_id if known else "",
        top_organization_share_percent=known[0].share_percent if known else 0.0,
        unallocated_cost=unallocated,
        unallocated_percent=percent_of(unallocated, data.totals.cost),
        unpriced_calls=data.totals.unpriced,
    )


def _fair_share(
    data: Rollups, chargeback: Sequence[Chargeback], known: Sequence[Chargeback]
) -> List[FairShare]:
    """Return the organizations by cost, with what each would carry of the cost nobody owns."""
    owned = math.fsum(row.total_cost for row in known)
    factor = ratio(math.fsum(row.total_cost for row in chargeback), owned)
    return [
        FairShare(
            organization_id=row.organization_id,
            cost=row.total_cost,
            share_percent=row.share_percent,
            call_count=row.call_count,
            call_share_percent=percent_of(row.call_count, data.totals.calls),
            cost_with_unallocated=0.0
            if row.organization_id in UNALLOCATED
            else row.total_cost * factor,
        )
        for row in chargeback
    ]


def _monthly_shares(
    data: Rollups, table: Table, make: Callable[..., _Share], by: str
) -> List[_Share]:
    def monthly(key: str, calls: int, cost: float, *others: float) -> _Share:
        return make(key, calls, cost, *others, data.period.monthly(cost))

    return shares(data, table, monthly, by)


def _weekly(data: Rollups) -> List[OrganizationWeek]:
    """Return [week, organization_id, call_count, total_cost], in that order."""
    return [
        OrganizationWeek(week=week, organization_id=organization, call_count=calls, total_cost=cost)
        for (week, organization), (calls, cost) in data[WEEKS].items()
    ]


def _daily(data: Rollups) -> List[AllocatedDay]:
    """Return [date, call_count, total_cost, unallocated_cost] for every active day, ascending."""
    days: Dict[str, List[Tuple[int, float, bool]]] = {}
    for (day, _, organization, product), (calls, cost, _) in data[ACCOUNT_DAYS].items():
        nobody = organization in UNALLOCATED or product in UNALLOCATED
        days.setdefault(day, []).append((calls, cost, nobody))
    return [
        AllocatedDay(
            date=day,
            call_count=sum(calls for calls, _, _ in parts),
            total_cost=math.fsum(cost for _, cost, _ in parts),
            unallocated_cost=math.fsum(cost for _, cost, nobody in parts if nobody),
        )
        for day, parts in sorted(days.items())
    ]


def _efficiency(known: Sequence[Chargeback]) -> TokenCosts:
    """The organizations that pay least and most a token; those without tokens are neither."""
    rows = [
        TokenCost(
            organization_id=row.organization_id,
            cost_per_1k_tokens=row.cost_per_1k_tokens,
            total_cost=row.total_cost,
            call_count=row.call_count,
        )
        for row in known
    ]
    listed = config.EFFICIENCY_LISTED
    return TokenCosts(
        most=sorted(rows, key=lambda r: (r.cost_per_1k_tokens, r.organization_id))[:listed],
        least=sorted(rows, key=lambda r: (-r.cost_per_1k_tokens, r.organization_id))[:listed],
    )


# --- sentences -------------------------------------------------------------------------------


def _expensive(data: Rollups, known: Sequence[Chargeback]) -> List[Tuple[Chargeback, float]]:
    """Return (organization that pays far more a token than the average, USD a month above it)."""
    average = ratio(data.totals.cost, data.totals.tokens) * 1000
    limit = average * config.DEAR_ORGANIZATION_FACTOR
    expensive = [
        (row, row.monthly_cost * (1 - ratio(average, row.cost_per_1k_tokens)))
        for row in known
        if row.cost_per_1k_tokens > limit and row.call_count >= config.MODEL_MIN_CALLS
    ]
    return sorted(expensive, key=lambda pair: (-pair[1], pair[0].organization_id))


def _findings(
    data: Rollups, summary: AlignmentSummary, known: Sequence[Chargeback]
) -> List[Finding]:
    findings = []
    cost, share = summary.unallocated_cost, summary.unallocated_percent
    if share >= config.UNALLOCATED_NOTABLE_PCT:
        findings.append(
            finding(
                "warning",
                f"{percent(share)} of the cost belongs to nobody",
                f"Calls for {usd(cost)} carry no organization or no product.",
            )
        )
    elif data.totals.calls and not cost:
        findings.append(
            finding(
                "success",
                "Every dollar has an owner",
                f"All {counted(data.totals.calls, 'call')} carry an organization and a product.",
            )
        )
    if summary.top_organization_share_percent >= config.TOP_ORGANIZATION_NOTABLE_PCT:
        findings.append(
            finding(
                "info",
                f"{summary.top_organization} causes "
                f"{percent(summary.top_organization_share_percent)} of the cost",
                f"{usd(known[0].monthly_cost)} a month, of {counted(len(known), 'organization')}.",
            )
        )
    expensive = _expensive(data, known)
    if expensive:
        findings.append(_expensive_finding(expensive))
    return findings


def _expensive_finding(expensive: Sequence[Tuple[Chargeback, float]]) -> Finding:
    row, excess = expensive[0]
    verb = "pays" if len(expensive) == 1 else "pay"
    above = (config.DEAR_ORGANIZATION_FACTOR - 1) * 100
    who = counted(len(expensive), "organization")
    return finding(
        "warning",
        f"{who} {verb} over {above:.0f}% more a token than average",
        f"{row.organization_id} first: {usd(row.cost_per_1k_tokens * 1000)} per 1M tokens; "
        f"at the average it would cost {usd(excess)} less a month.",
        math.fsum(worth for _, worth in expensive),
    )


def _recommendations(
    data: Rollups, summary: AlignmentSummary, known: Sequence[Chargeback]
) -> List[str]:
    advice = [
        f"Review the models that {row.organization_id} uses: at the average price a token it "
        f"would cost {usd(worth)} less a month."
        for row, worth in _expensive(data, known)[: config.RECOMMENDED_SUBJECTS]
    ]
    if summary.unallocated_cost > 0:
        monthly = data.period.monthly(summary.unallocated_cost)
        advice.append(
            f"Tag calls with organization and product where they are made: {usd(monthly)} a month "
            "cannot be charged to anybody."
        )
    few = _few_with_half(known)
    if few:
        cost = math.fsum(row.monthly_cost for row in few)
        share = math.fsum(row.share_percent for row in few)
        advice.append(
            f"Agree on budgets with {counted(len(few), 'organization')}, "
            f"{few[0].organization_id} first: {usd(cost)} a month is {percent(share)} of the "
            f"cost, while {counted(len(known), 'organization')} share it."
        )
    return advice


def _few_with_half(known: Sequence[Chargeback]) -> Sequence[Chargeback]:
    """Return the largest organizations that cause half of the cost, if these are few."""
    half = math.fsum(row.total_cost for row in known) / 2
    most = int(len(known) * config.BUDGET_ORGANIZATIONS_PCT / 100)
    for count in range(1, most + 1):
        if half and math.fsum(row.total_cost for row in known[:count]) >= half:
            return known[:count]
    return []
