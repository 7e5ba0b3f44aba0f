"""Organizational alignment: who caused which cost, so that it can be charged to them.

A cost belongs to the organization and product of its call.  Calls without either are
unallocated; those without an organization are charged to a row of their own, so that the
chargeback sums to the total.
"""

from __future__ import annotations

import math
from typing import (
    Callable,
    ClassVar,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.budgets import (
    BUDGET_TABLES,
    budget_advice,
    budget_findings,
    budget_uses,
)
from finops.analyzers.shared.coverage import count_named
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.known_costs import known_cost, known_share, known_total, unit_cost
from finops.analyzers.shared.tables import (
    ACCOUNT_GRID,
    ACCOUNTS,
    CALLS,
    DAYS,
    RECENT_ACCOUNT_DAYS,
    USE_DAYS,
    fold,
    shares,
)
from finops.analyzers.shared.wording import caveats, cost_words, counted, per_month, percent, usd
from finops.results.alignment import (
    AlignmentByDay,
    AlignmentResult,
    AlignmentSummary,
    AllocatedDay,
    BudgetUse,
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
from finops.results.long_lists import MadeRows
from finops.rollups.expressions import any_of, one_of
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.stats import percent as percent_of
from finops.stats import ratio

WEEKS = Table(("week", "organization_id"), ("calls", "cost", "unpriced"))
_Share = TypeVar("_Share")
UNALLOCATED: Tuple[str, ...] = ("", config.UNKNOWN)
UNALLOCATED_DAYS = Table(
    ("day",),
    ("cost", "unpriced"),
    any_of(one_of("organization_id", *UNALLOCATED), one_of("product_id", *UNALLOCATED)),
)


class Account:
    """What one organization used: {product: (calls, cost, unpriced calls)}, tokens, customers.

    `latest` is the customer that was counted last: the cells of one stand together.
    """

    def __init__(self) -> None:
        self.products: Dict[str, Tuple[int, float, int]] = {}
        self.tokens = 0
        self.customers = 0
        self.latest: Optional[str] = None


class AlignmentAnalyzer(Analyzer):
    """Chargeback by organization and product, shares by feature and environment, efficiency.

    `fair_share` puts each organization's share of cost beside its share of calls;
    `cost_with_unallocated` is its cost when the cost without an organization is spread over the
    known ones in proportion to theirs.  `by_day` holds the breakdowns by day, None where they
    are too many to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        ACCOUNTS,
        CALLS,
        WEEKS,
        DAYS,
        UNALLOCATED_DAYS,
        ACCOUNT_GRID,
        RECENT_ACCOUNT_DAYS,
        USE_DAYS,
        *BUDGET_TABLES,
    )

    def result(self, data: Rollups) -> AlignmentResult:
        """Return the result; costs in USD over the period unless the name says monthly."""
        span = covered_days(data)
        budgets = budget_uses(data, span, config.BUDGETS)
        chargeback = _chargeback(data, span, budgets)
        known = [row for row in chargeback if row.organization_id not in UNALLOCATED]
        summary = _summary(data, span, known)
        expensive = _expensive(data, span, known)
        environments = _monthly_shares(data, span, CALLS, EnvironmentShare, "environment")
        return AlignmentResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            chargeback=chargeback,
            fair_share=_fair_share(data, chargeback, known),
            budgets=budgets,
            by_product=_monthly_shares(data, span, ACCOUNTS, ProductShare, "product_id"),
            by_feature=_monthly_shares(data, span, CALLS, FeatureShare, "feature_id"),
            by_environment=environments,
            weekly=_weekly(data),
            daily=_daily(data),
            by_day=AlignmentByDay(
                accounts=by_day(data, ACCOUNT_GRID, "customer_id", "organization_id", "product_id"),
                features=by_day(data, USE_DAYS, "feature_id"),
                environments=by_day(data, USE_DAYS, "environment"),
            ),
            efficiency=_efficiency(known),
            findings=[
                *_without_customer(data),
                *by_impact(
                    _findings(data, summary, known, expensive)
                    + budget_findings(budgets)
                    + caveats(span, data.totals)
                ),
            ],
            recommendations=[
                *budget_advice(budgets),
                *_recommendations(data, span, summary, known, expensive),
            ],
        )


def _accounts(data: Rollups) -> Dict[str, Account]:
    accounts: Dict[str, Account] = {}
    for (customer, organization, product), sums in data[ACCOUNTS].items():
        calls, cost, tokens, unpriced = sums
        account = accounts.setdefault(organization, Account())
        before = account.products.get(product, (0, 0.0, 0))
        account.products[product] = (
            before[0] + calls,
            before[1] + cost,
            before[2] + unpriced,
        )
        account.tokens += tokens
        account.customers += customer != account.latest
        account.latest = customer
    return accounts


def _chargeback(data: Rollups, span: CoveredDays, budgets: Sequence[BudgetUse]) -> List[Chargeback]:
    uses = {use.subject: use for use in budgets if use.scope == "organization"}
    rows = []
    for organization, account in _accounts(data).items():
        use = uses.get(organization)
        products = account.products
        unpriced = sum(product[2] for product in products.values())
        cost = known_cost(math.fsum(product[1] for product in products.values()), unpriced)
        rows.append(
            Chargeback(
                organization_id=organization,
                total_cost=cost,
                monthly_cost=span.monthly(cost),
                call_count=sum(product[0] for product in products.values()),
                customer_count=account.customers,
                share_percent=known_share(data, cost),
                cost_per_1k_tokens=unit_cost((cost or 0.0) * 1000, account.tokens, unpriced),
                budget=None if use is None else use.monthly_budget,
                pace_percent=None if use is None else use.pace_percent,
                product_breakdown={
                    name: ProductCost(known_cost(amount, missing), calls, missing)
                    for name, (calls, amount, missing) in sorted(products.items())
                },
            )
        )
    return sorted(rows, key=lambda r: (-(r.total_cost or 0.0), r.organization_id))


def _known_sum(rows: Sequence[Chargeback]) -> float:
    """Return what organizations cost together, as far as it is known."""
    return math.fsum(row.total_cost or 0.0 for row in rows)


def _summary(data: Rollups, span: CoveredDays, known: Sequence[Chargeback]) -> AlignmentSummary:
    unallocated_sums = [
        (cost, unpriced)
        for (_, organization, product), (_, cost, _, unpriced) in data[ACCOUNTS].items()
        if organization in UNALLOCATED or product in UNALLOCATED
    ]
    unallocated = known_cost(
        math.fsum(cost for cost, _ in unallocated_sums),
        sum(unpriced for _, unpriced in unallocated_sums),
    )
    return AlignmentSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        monthly_cost=span.monthly(known_total(data)),
        organization_count=count_named(data, len(known)),
        top_organization=known[0].organization_id if known else "",
        top_organization_share_percent=known[0].share_percent if known else None,
        unallocated_cost=unallocated,
        unallocated_percent=None
        if unallocated is None
        else percent_of(unallocated, data.totals.cost),
        unpriced_calls=data.totals.unpriced,
    )


def _fair_share(
    data: Rollups, chargeback: Sequence[Chargeback], known: Sequence[Chargeback]
) -> List[FairShare]:
    """Return the organizations by cost, with what each would carry of the cost nobody owns."""
    owned = _known_sum(known)
    factor = ratio(_known_sum(chargeback), owned)
    return [
        FairShare(
            organization_id=row.organization_id,
            cost=row.total_cost,
            share_percent=row.share_percent,
            call_count=row.call_count,
            call_share_percent=percent_of(row.call_count, data.totals.calls),
            cost_with_unallocated=None
            if row.total_cost is None
            else row.total_cost * (0.0 if row.organization_id in UNALLOCATED else factor),
            unpriced_calls=sum(part.unpriced_calls for part in row.product_breakdown.values()),
        )
        for row in chargeback
    ]


def _monthly_shares(
    data: Rollups, span: CoveredDays, table: Table, make: Callable[..., _Share], by: str
) -> List[_Share]:
    def monthly(key: str, calls: int, cost: Optional[float], *others: Optional[float]) -> _Share:
        return make(key, calls, cost, *others, span.monthly(cost))

    return shares(data, table, monthly, by)


def _weekly(data: Rollups) -> Sequence[OrganizationWeek]:
    """Return [week, organization_id, call_count, total_cost], in that order."""
    return MadeRows(data[WEEKS].items(), _organization_week)


def _organization_week(cell: Tuple[Key, Values]) -> OrganizationWeek:
    (week, organization), (calls, cost, unpriced) = cell
    return OrganizationWeek(week, organization, calls, known_cost(cost, unpriced))


def _daily(data: Rollups) -> List[AllocatedDay]:
    """Return [date, call_count, total_cost, unallocated_cost] for every active day, ascending."""
    unallocated = {day: known_cost(*sums) for (day,), sums in data[UNALLOCATED_DAYS].items()}
    return [
        AllocatedDay(
            date=day,
            call_count=calls,
            total_cost=known_cost(cost, unpriced),
            unallocated_cost=unallocated.get(day, 0.0),
        )
        for (day,), (calls, cost, _, unpriced, _) in data[DAYS].items()
    ]


def _efficiency(known: Sequence[Chargeback]) -> TokenCosts:
    """The organizations that pay least and most per token, where all of the cost is known."""
    rows = [
        TokenCost(
            organization_id=row.organization_id,
            cost_per_1k_tokens=row.cost_per_1k_tokens,
            total_cost=row.total_cost,
            call_count=row.call_count,
        )
        for row in known
        if row.cost_per_1k_tokens is not None and row.total_cost is not None
    ]
    listed = config.EFFICIENCY_LISTED
    return TokenCosts(
        most=sorted(rows, key=lambda r: (r.cost_per_1k_tokens, r.organization_id))[:listed],
        least=sorted(rows, key=lambda r: (-r.cost_per_1k_tokens, r.organization_id))[:listed],
    )


# --- sentences -------------------------------------------------------------------------------


class Expensive(NamedTuple):
    """An organization that pays far more per token than the average, and the excess.

    `excess` is in USD over the last 30 whole days, `monthly_excess` the same per month.
    """

    row: Chargeback
    cost_per_1m_tokens: float
    excess: float
    monthly_excess: Optional[float]


def _expensive(data: Rollups, span: CoveredDays, known: Sequence[Chargeback]) -> List[Expensive]:
    """Return the organizations that pay far more per token than the average, most excess first.

    Those with calls of unknown cost are not judged, nor is anybody where the average is not
    known.
    """
    if data.totals.unpriced:
        return []
    average = ratio(data.totals.cost, data.totals.tokens) * 1000
    limit = average * config.EXPENSIVE_ORGANIZATION_FACTOR
    recent = _recent_costs(data, span)
    expensive = []
    for row in known:
        price = row.cost_per_1k_tokens
        if price is None or price <= limit or row.call_count < config.MODEL_MIN_CALLS:
            continue
        above = 1 - ratio(average, price)
        days = {day: cost * above for day, cost in recent.get(row.organization_id, {}).items()}
        excess = math.fsum(days.values()) if span.has_rates else (row.total_cost or 0.0) * above
        if excess > 0:
            expensive.append(Expensive(row, price * 1000, excess, span.monthly_now(days)))
    return sorted(expensive, key=lambda r: (-r.excess, r.row.organization_id))


def _recent_costs(data: Rollups, span: CoveredDays) -> Dict[str, Dict[str, float]]:
    """Return {organization: {day: cost}} of the last 30 whole days.

    Where days are not known, "now" is all of the data: what it costs stands on its first date.
    """
    costs: Dict[str, Dict[str, float]] = {}
    if not span.by_day:
        for organization, (_, cost, _, _) in fold(data, ACCOUNTS, "organization_id").items():
            costs[organization] = {span.dates[0]: cost}
        return costs
    recent = set(span.recent)
    for (day, _, organization, _), (_, cost, _) in data[RECENT_ACCOUNT_DAYS].items():
        if day in recent:
            days = costs.setdefault(organization, {})
            days[day] = days.get(day, 0.0) + cost
    return costs


def _without_customer(data: Rollups) -> List[Finding]:
    """Return the finding that comes before all others: how much cost names no customer."""
    cost = math.fsum(
        cost
        for (customer, _, _), (_, cost, _, _) in data[ACCOUNTS].items()
        if customer == config.UNALLOCATED
    )
    share = percent_of(cost, data.totals.cost)
    if share <= config.UNALLOCATED_NOTABLE_PCT or share == 100:
        return []
    return [
        finding(
            "warning",
            f"{percent(share)} of {cost_words(data.totals)} names no customer",
            f"Calls for {usd(cost)} belong to the customer '{config.UNALLOCATED}'.",
            kind="quality",
            subject={"customer_id": config.UNALLOCATED},
        )
    ]


def _names_owners(data: Rollups) -> bool:
    """Return whether any call names an organization, and any a product.

    What none does is said of the data once, and is no finding.
    """
    named = [set(names) - {config.UNKNOWN} for names in zip(*data[ACCOUNTS])]
    return bool(named) and all(named[1:])


def _is_bill(data: Rollups) -> bool:
    """Return whether there are calls, and anything that they are known to cost."""
    return data.totals.calls > 0 and data.totals.cost > 0


def _all_have_owners(data: Rollups) -> bool:
    """Return whether every call, what it costs or not, names an organization and a product."""
    return not any(set(UNALLOCATED).intersection(owners) for _, *owners in data[ACCOUNTS])


def _findings(
    data: Rollups,
    summary: AlignmentSummary,
    known: Sequence[Chargeback],
    expensive: Sequence[Expensive],
) -> List[Finding]:
    findings = []
    cost, share = summary.unallocated_cost or 0.0, summary.unallocated_percent or 0.0
    if share >= config.UNALLOCATED_NOTABLE_PCT and _names_owners(data):
        findings.append(
            finding(
                "warning",
                f"{percent(share)} of {cost_words(data.totals)} is unallocated",
                f"Calls for {usd(cost)} name no organization or no product.",
                kind="quality",
            )
        )
    elif _is_bill(data) and _all_have_owners(data) and not _without_customer(data):
        findings.append(
            finding(
                "success",
                "Every dollar has an owner",
                "The only call names an organization and a product."
                if data.totals.calls == 1
                else f"All {data.totals.calls:,} calls name an organization and a product.",
            )
        )
    share = summary.top_organization_share_percent or 0.0
    if len(known) > 1 and share >= config.TOP_ORGANIZATION_NOTABLE_PCT:
        findings.append(
            finding(
                "info",
                f"{summary.top_organization} causes {percent(share)} of {cost_words(data.totals)}",
                f"{per_month(known[0].monthly_cost, known[0].total_cost or 0.0)}, of "
                f"{counted(len(known), 'organization')}.",
            )
        )
    few = _few_with_half(known)
    if len(few) > 1:
        share = math.fsum(row.share_percent or 0.0 for row in few)
        findings.append(
            finding(
                "info",
                f"{len(few)} of {counted(len(known), 'organization')} cause {percent(share)} of "
                f"{cost_words(data.totals)}",
                f"The largest is {few[0].organization_id} with "
                f"{percent(few[0].share_percent or 0.0)}.",
            )
        )
    if expensive:
        findings.append(_expensive_finding(expensive))
    return findings


def _expensive_finding(expensive: Sequence[Expensive]) -> Finding:
    first = expensive[0]
    verb = "pays" if len(expensive) == 1 else "pay"
    above = (config.EXPENSIVE_ORGANIZATION_FACTOR - 1) * 100
    rates = [row.monthly_excess for row in expensive]
    known = [rate for rate in rates if rate is not None]
    return finding(
        "warning",
        f"{counted(len(expensive), 'organization')} {verb} over {above:.0f}% more per token "
        "than average",
        f"The largest: {first.row.organization_id} at {usd(first.cost_per_1m_tokens)} per 1M "
        f"tokens; at the average it would cost {per_month(first.monthly_excess, first.excess)} "
        "less.",
        math.fsum(known) if len(known) == len(rates) else None,
        confidence="low",
        effort="medium",
        subject={"organization_id": first.row.organization_id},
    )


def _recommendations(
    data: Rollups,
    span: CoveredDays,
    summary: AlignmentSummary,
    known: Sequence[Chargeback],
    expensive: Sequence[Expensive],
) -> List[str]:
    advice = [
        f"Review the models that {row.row.organization_id} uses: at the average price per token "
        f"it would cost {per_month(row.monthly_excess, row.excess)} less."
        for row in expensive[: config.RECOMMENDED_SUBJECTS]
    ]
    cost = summary.unallocated_cost or 0.0
    if cost > 0:
        advice.append(
            "Tag calls with organization and product where they are made: "
            f"{per_month(span.monthly(cost), cost)} cannot be charged to anybody."
        )
    few = _few_with_half(known)
    if few:
        cost = _known_sum(few)
        share = math.fsum(row.share_percent or 0.0 for row in few)
        advice.append(
            f"Agree on budgets with {counted(len(few), 'organization')}, starting with "
            f"{few[0].organization_id}: {per_month(span.monthly(cost), cost)} is "
            f"{percent(share)} of {cost_words(data.totals)} of "
            f"{counted(len(known), 'organization')}."
        )
    return advice


def _few_with_half(known: Sequence[Chargeback]) -> Sequence[Chargeback]:
    """Return the largest organizations that cause half of the cost, if these are few."""
    half = _known_sum(known) / 2
    most = int(len(known) * config.BUDGET_ORGANIZATIONS_PCT / 100)
    for count in range(1, most + 1):
        if half and _known_sum(known[:count]) >= half:
            return known[:count]
    return []
