"""Feature economics: which features earn their cost, and who uses them.

Subscriptions do not say what they are for.  Each active customer's is split over the features
that the customer used, in proportion to its calls; so the features' revenue sums to the monthly
revenue.  The monthly cost that it is compared with is that of the same customers, each over its
own days.
"""

from __future__ import annotations

import math
from array import array
from itertools import groupby
from typing import ClassVar, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.coverage import count_named
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.known_costs import known_cost, known_total, unit_cost
from finops.analyzers.shared.overlaps import UNPROFITABLE_CUSTOMERS
from finops.analyzers.shared.revenue import (
    CUSTOMER_TABLE,
    Account,
    Book,
    open_book,
    own_days,
    price_advice,
    price_caveats,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.features import FeatureReturn, FeaturesResult, FeaturesSummary, FeatureWeek
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as share_of
from finops.stats import ratio
from finops.timestamps import monday_of

USE_TABLE = Table(("feature_id", "customer_id"), ("calls", "cost", "unpriced"))
WEEKLY_TABLE = Table(("week", "feature_id"), ("customers", "calls"))

UNCLASSIFIED = "insufficient_data"


class Return(NamedTuple):
    """What a feature brings and costs, in USD per month, of the customers who pay."""

    revenue: float
    monthly_cost: float
    unpriced: int


class Usage(NamedTuple):
    """What was used of a feature in the period, by how many named customers, and what it brings.

    `cost` is None where it is not known, and a lower bound where calls are `unpriced`; `earned` is
    None where nobody pays.
    """

    feature_id: str
    users: int
    calls: int
    cost: Optional[float]
    unpriced: int
    earned: Optional[Return]

    def cost_per(self, count: int) -> Optional[float]:
        """Return the cost by so many users or calls; a lower bound where calls are unpriced."""
        return None if self.cost is None else unit_cost(self.cost, count, 0)


class FeaturesAnalyzer(Analyzer):
    """Revenue, cost, return and adoption by feature; adoption by week.

    A feature under `config.MIN_FEATURE_CALLS` is listed with `classified` false; it is best or
    worst only where no feature has more.  A return on no cost is given as 0; without any revenue,
    or where some of the cost is not known, there is none.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        *CUSTOMER_RECORDS,
        USE_TABLE,
        WEEKLY_TABLE,
        CUSTOMER_TABLE,
    )
    NEEDS: ClassVar[Tuple[str, ...]] = ("feature_id",)

    def result(self, data: Rollups) -> FeaturesResult:
        """Return the result; revenue and monthly figures in USD a month."""
        span = covered_days(data)
        book = open_book(data, span)
        accounts = {
            account.customer_id: (account, own_days(data.customers[account.customer_id], span))
            for account in book.paying
        }
        features = sorted(
            (_feature_row(data, usage) for usage in _usages(data, accounts)),
            key=_highest_return_first,
        )
        known = [row for row in features if row.roi_percent is not None]
        judged = [row for row in known if row.classified] or known
        return FeaturesResult(
            summary=_summary(data, span, book, features, judged),
            basis=basis_of(data, span, self.NEEDS),
            features=features,
            adoption_trend=_adoption_trend(data),
            without_price=book.without_price,
            findings=by_impact(
                _findings(features)
                + _new_findings(data, features)
                + price_caveats(book)
                + caveats(span, data.totals)
            ),
            recommendations=_recommendations(features) + price_advice(book),
        )


def _usages(data: Rollups, accounts: Mapping[str, Tuple[Account, float]]) -> Iterator[Usage]:
    """Yield what was used of each feature; `accounts` are those who pay, with their own days.

    The customers of a feature stand together, and only their sums outlive it.
    """
    for feature, cells in groupby(data[USE_TABLE].items(), lambda cell: str(cell[0][0])):
        users = calls = unpriced = unknown = 0
        costs, revenue, monthly_costs = array("d"), array("d"), array("d")
        for (_, customer), (count, cost, without_price) in cells:
            users += customer != config.UNALLOCATED
            calls += count
            unpriced += without_price
            costs.append(cost)
            if customer in accounts:
                account, days = accounts[customer]
                monthly = cost * config.DAYS_PER_MONTH / days
                revenue.append(_part_of_price(account, count, monthly))
                monthly_costs.append(monthly)
                unknown += without_price
        paid = Return(math.fsum(revenue), math.fsum(monthly_costs), unknown)
        cost = known_cost(math.fsum(costs), unpriced)
        yield Usage(feature, users, calls, cost, unpriced, paid if accounts else None)


def _part_of_price(account: Account, calls: int, monthly_cost: float) -> float:
    """Return the part of a subscription that calls stand for, in USD per month.

    Where the number of calls is not known, their cost stands for them.
    """
    if account.calls:
        return account.price * calls / account.calls
    return account.price * ratio(monthly_cost, account.monthly_cost)


def _feature_row(data: Rollups, usage: Usage) -> FeatureReturn:
    users, earned = usage.users, usage.earned
    adoption = share_of(users, len(customers_of(data)))
    known = earned is not None and not earned.unpriced
    roi = return_percent(earned.revenue, earned.monthly_cost) if earned and known else None
    classified = roi is not None and usage.calls >= config.MIN_FEATURE_CALLS
    classification = None
    if roi is not None:
        classification = classify(adoption, roi) if classified else UNCLASSIFIED
    return FeatureReturn(
        feature_id=usage.feature_id,
        call_count=usage.calls,
        cost=usage.cost,
        monthly_cost=known_cost(earned.monthly_cost, earned.unpriced) if earned else None,
        revenue=earned.revenue if earned else None,
        roi_percent=roi,
        customer_count=users,
        adoption_percent=adoption,
        cost_per_customer=usage.cost_per(users),
        classification=classification,
        classified=classified,
        unpriced_calls=usage.unpriced,
    )


def _highest_return_first(row: FeatureReturn) -> Tuple[bool, float, str]:
    """Order features by return, those whose return is not known last."""
    return row.roi_percent is None, -(row.roi_percent or 0.0), row.feature_id


def return_percent(revenue: float, cost: float) -> Optional[float]:
    """Return (revenue − cost) / cost × 100, and None where there is no cost to return.

    >>> return_percent(30, 20), return_percent(30, 0)
    (50.0, None)
    """
    return (revenue - cost) / cost * 100 if cost > config.NEGLIGIBLE_USD else None


def classify(adoption: float, roi: float) -> str:
    """Return what to do with a feature, from its adoption and return in percent.

    >>> classify(80, 1250), classify(10, 1250), classify(80, -5), classify(10, -5)
    ('invest', 'maintain', 'optimize', 'sunset')
    """
    if roi < config.FEATURE_LOSS_ROI_PCT:
        return "sunset" if adoption < config.FEATURE_SUNSET_ADOPTION_PCT else "optimize"
    wanted = adoption >= config.FEATURE_INVEST_ADOPTION_PCT
    return "invest" if wanted and roi >= config.FEATURE_INVEST_ROI_PCT else "maintain"


def _summary(
    data: Rollups,
    span: CoveredDays,
    book: Book,
    features: Sequence[FeatureReturn],
    judged: Sequence[FeatureReturn],
) -> FeaturesSummary:
    return FeaturesSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        monthly_cost=span.monthly(known_total(data)),
        monthly_revenue=book.revenue,
        total_customers=count_named(data, len(customers_of(data))),
        customers_without_price=len(book.without_price),
        feature_count=len(features),
        best_feature=judged[0].feature_id if judged else None,
        worst_feature=judged[-1].feature_id if judged else None,
        unpriced_calls=data.totals.unpriced,
    )


def _adoption_trend(data: Rollups) -> List[FeatureWeek]:
    return [
        FeatureWeek(week=week, feature_id=feature, customers=customers, call_count=calls)
        for (week, feature), (customers, calls) in data[WEEKLY_TABLE].items()
    ]


def _name(row: FeatureReturn) -> str:
    """Return a feature as its owner writes it; an unknown one by its id."""
    return config.FEATURES.get(row.feature_id, row.feature_id)


def _findings(features: Sequence[FeatureReturn]) -> List[Finding]:
    findings = [_loss_finding(row) for row in _classified(features) if (row.roi_percent or 0.0) < 0]
    invest = [row for row in features if row.classification == "invest"]
    if invest and _are_compared(features):
        best = invest[0]
        findings.append(
            finding(
                "success",
                f"{_name(best)} has the highest return",
                f"It brings {usd(best.revenue or 0.0)} for "
                f"{usd(best.monthly_cost or 0.0)} per month, "
                f"and {percent(best.adoption_percent)} of the customers use it.",
                subject={"feature_id": best.feature_id},
            )
        )
    judged = _classified(features)
    if len(judged) > 1 and (judged[-1].roi_percent or 0.0) >= 0:
        findings.append(_least_finding(judged[-1]))
    few = [row.feature_id for row in features if row.classification == UNCLASSIFIED]
    if few:
        findings.append(
            finding(
                "info",
                f"{counted(len(few), 'feature')} with too few calls to judge",
                f"Under {config.MIN_FEATURE_CALLS} calls in the period: {', '.join(few)}.",
                kind="quality",
            )
        )
    return findings


def _new_findings(data: Rollups, features: Sequence[FeatureReturn]) -> List[Finding]:
    """Return who uses each new feature since when and what it earns, the latest first.

    A feature is new that had no call in the first `config.NEW_FEATURE_WEEKS` weeks of the data,
    and has had `config.MIN_FEATURE_CALLS` since, so that chance did not keep it away.
    """
    weeks = sorted({week for week, _ in data[WEEKLY_TABLE]})
    since: Dict[str, str] = {}
    for week, feature in sorted(data[WEEKLY_TABLE]):
        since.setdefault(feature, week)
    fresh = [
        row
        for row in features
        if row.call_count >= config.MIN_FEATURE_CALLS
        and row.feature_id != config.UNALLOCATED
        and since[row.feature_id] in weeks[config.NEW_FEATURE_WEEKS :]
    ]
    fresh.sort(key=lambda row: since[row.feature_id], reverse=True)
    return [
        _new_finding(row, since[row.feature_id]) for row in fresh[: config.RECOMMENDED_SUBJECTS]
    ]


def _new_finding(row: FeatureReturn, week: str) -> Finding:
    return finding(
        "info",
        f"{_name(row)} is new since the week of {monday_of(week)}",
        f"{counted(row.customer_count, 'customer')}, {percent(row.adoption_percent)} of all, have "
        f"used it; {_brings(row)}.",
        confidence="high",
        subject={"feature_id": row.feature_id},
    )


def _brings(row: FeatureReturn) -> str:
    """Return what a feature earns and costs, as far as it is known."""
    if row.roi_percent is None:
        if row.cost is None:
            return "what its calls have cost is not known"
        return f"its calls have cost {usd(row.cost)} so far"
    return f"it brings {usd(row.revenue or 0.0)} for {usd(row.monthly_cost or 0.0)} per month"


def _least_finding(row: FeatureReturn) -> Finding:
    return finding(
        "info",
        f"{_name(row)} has the lowest return",
        f"It still brings {usd(row.revenue or 0.0)} for {usd(row.monthly_cost or 0.0)} per month; "
        f"{percent(row.adoption_percent)} of the customers use it.",
        subject={"feature_id": row.feature_id},
    )


def _loss_finding(row: FeatureReturn) -> Finding:
    return finding(
        "critical" if row.classification == "sunset" else "warning",
        f"{_name(row)} costs more than it earns",
        f"Its share of the subscriptions is {usd(row.revenue or 0.0)}, its calls cost "
        f"{usd(row.monthly_cost or 0.0)} per month; {percent(row.adoption_percent)} of the "
        "customers use it.",
        _gap(row),
        kind="loss",
        confidence="medium",
        effort="high",
        subject={"feature_id": row.feature_id},
        overlaps=UNPROFITABLE_CUSTOMERS,
    )


def _gap(row: FeatureReturn) -> float:
    """Return what a feature costs above what it brings, in USD per month."""
    return (row.monthly_cost or 0.0) - (row.revenue or 0.0)


def _classified(features: Sequence[FeatureReturn]) -> List[FeatureReturn]:
    return [row for row in features if row.classified]


def _are_compared(features: Sequence[FeatureReturn]) -> bool:
    """Return whether any return may be the highest: of one alone it says nothing."""
    return len(_classified(features)) > 1


def _recommendations(features: Sequence[FeatureReturn]) -> List[str]:
    losing = [row for row in features if row.classification in ("sunset", "optimize")]
    losing = sorted(losing, key=lambda r: (-_gap(r), r.feature_id))
    advice = [_mend(row) for row in losing]
    invest = [row for row in features if row.classification == "invest"]
    if invest and _are_compared(features):
        best = invest[0]
        advice.append(
            f"Invest in {_name(best)}: it has the highest return and earns "
            f"{usd(-_gap(best))} per month above its cost."
        )
    return advice


def _mend(row: FeatureReturn) -> str:
    gap = usd(_gap(row))
    if row.classification == "sunset":
        return (
            f"Retire {_name(row)} or charge for it separately: it loses {gap} per month and only "
            f"{percent(row.adoption_percent)} of the customers use it."
        )
    return (
        f"Reduce the cost of {_name(row)}, by cheaper models or shorter prompts: it loses "
        f"{gap} per month."
    )
