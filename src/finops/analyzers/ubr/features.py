"""Feature economics: which features earn their cost, and who uses them.

Subscriptions do not say what they are for.  Each customer's is split over the features that
the customer used, in proportion to its calls; so the features' revenue sums to the monthly
revenue.  Cost is that of all calls, also of customers without a known price.
"""

from __future__ import annotations

import math
from typing import ClassVar, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.revenue import (
    CUSTOMER_TABLE,
    Account,
    Book,
    open_book,
    price_advice,
    price_caveats,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.features import FeatureReturn, FeaturesResult, FeaturesSummary, FeatureWeek
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as share_of
from finops.stats import ratio

FEATURE_TABLE = Table(("feature_id",), ("calls", "cost"))
WEEKLY_TABLE = Table(("week", "feature_id", "customer_id"), ("calls",))

UNCLASSIFIED = "insufficient_data"


class Usage(NamedTuple):
    """Who used a feature in the period: {customer: calls}."""

    feature_id: str
    calls: Dict[str, int]


class FeaturesAnalyzer(Analyzer):
    """Revenue, cost, return and adoption by feature; adoption by week.

    A feature under `config.MIN_FEATURE_CALLS` is listed with `classified` false; it is best or
    worst only where no feature has more.  A return on no cost is given as 0.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (FEATURE_TABLE, WEEKLY_TABLE, CUSTOMER_TABLE)

    def result(self, data: Rollups) -> FeaturesResult:
        """Return the result; revenue and monthly figures in USD a month."""
        book = open_book(data)
        accounts = {account.customer_id: account for account in book.paying}
        features = sorted(
            (_feature_row(data, usage, _revenue(usage, accounts)) for usage in _usages(data)),
            key=lambda r: (-r.roi_percent, r.feature_id),
        )
        judged = [row for row in features if row.classified] or features
        return FeaturesResult(
            summary=_summary(data, book, features, judged),
            features=features,
            adoption_trend=_adoption_trend(data),
            without_price=book.without_price,
            findings=by_impact(
                _findings(features) + price_caveats(book) + caveats(data.period, data.totals)
            ),
            recommendations=_recommendations(features) + price_advice(book),
        )


def _usages(data: Rollups) -> List[Usage]:
    users_of: Dict[str, Dict[str, int]] = {}
    for (_, feature, customer), (calls,) in data[WEEKLY_TABLE].items():
        users = users_of.setdefault(feature, {})
        users[customer] = users.get(customer, 0) + calls
    return [Usage(feature, users_of[feature]) for feature in sorted(users_of)]


def _revenue(usage: Usage, accounts: Mapping[str, Account]) -> float:
    """Return a feature's part of its users' subscriptions, USD a month."""
    return math.fsum(
        accounts[customer].price * calls / accounts[customer].calls
        for customer, calls in usage.calls.items()
        if customer in accounts
    )


def _feature_row(data: Rollups, usage: Usage, revenue: float) -> FeatureReturn:
    calls, cost = data[FEATURE_TABLE][(usage.feature_id,)]
    monthly_cost = data.period.monthly(cost)
    users = len(usage.calls)
    adoption = share_of(users, len(data.customers))
    roi = return_percent(revenue, monthly_cost)
    classified = calls >= config.MIN_FEATURE_CALLS
    return FeatureReturn(
        feature_id=usage.feature_id,
        call_count=calls,
        cost=cost,
        monthly_cost=monthly_cost,
        revenue=revenue,
        roi_percent=roi,
        customer_count=users,
        adoption_percent=adoption,
        cost_per_customer=ratio(cost, users),
        classification=classify(adoption, roi) if classified else UNCLASSIFIED,
        classified=classified,
    )


def return_percent(revenue: float, cost: float) -> float:
    """Return (revenue − cost) / cost × 100, and 0 where there is no cost to return."""
    return (revenue - cost) / cost * 100 if cost > config.NEGLIGIBLE_USD else 0.0


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
    data: Rollups, book: Book, features: Sequence[FeatureReturn], judged: Sequence[FeatureReturn]
) -> FeaturesSummary:
    return FeaturesSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        monthly_cost=data.period.monthly(data.totals.cost),
        monthly_revenue=book.revenue,
        total_customers=len(data.customers),
        customers_without_price=len(book.without_price),
        feature_count=len(features),
        best_feature=judged[0].feature_id if judged else "",
        worst_feature=judged[-1].feature_id if judged else "",
        unpriced_calls=data.totals.unpriced,
    )


def _adoption_trend(data: Rollups) -> List[FeatureWeek]:
    cells: Dict[Tuple[str, str], List[int]] = {}
    for (week, feature, _), (calls,) in data[WEEKLY_TABLE].items():
        cell = cells.setdefault((week, feature), [0, 0])
        cell[0] += 1
        cell[1] += calls
    return [
        FeatureWeek(week=week, feature_id=feature, customers=customers, call_count=calls)
        for (week, feature), (customers, calls) in sorted(cells.items())
    ]


def _name(row: FeatureReturn) -> str:
    """Return a feature as its owner writes it; an unknown one by its id."""
    return config.FEATURES.get(row.feature_id, row.feature_id)


def _findings(features: Sequence[FeatureReturn]) -> List[Finding]:
    findings = [_loss_finding(row) for row in features if row.roi_percent < 0 and row.classified]
    invest = [row for row in features if row.classification == "invest"]
    if invest:
        best = invest[0]
        findings.append(
            finding(
                "success",
                f"{_name(best)} returns most",
                f"It brings {usd(best.revenue)} for {usd(best.monthly_cost)} a month, "
                f"and {percent(best.adoption_percent)} of the customers use it.",
            )
        )
    judged = [row for row in features if row.classified]
    if len(judged) > 1 and judged[-1].roi_percent >= 0:
        findings.append(_least_finding(judged[-1]))
    few = [row.feature_id for row in features if not row.classified]
    if few:
        findings.append(
            finding(
                "info",
                f"{counted(len(few), 'feature')} with too few calls to judge",
                f"Under {config.MIN_FEATURE_CALLS} calls in the period: {', '.join(few)}.",
            )
        )
    return findings


def _least_finding(row: FeatureReturn) -> Finding:
    return finding(
        "info",
        f"{_name(row)} returns least",
        f"It still brings {usd(row.revenue)} for {usd(row.monthly_cost)} a month; "
        f"{percent(row.adoption_percent)} of the customers use it.",
    )


def _loss_finding(row: FeatureReturn) -> Finding:
    gap = row.monthly_cost - row.revenue
    return finding(
        "critical" if row.classification == "sunset" else "warning",
        f"{_name(row)} costs more than it earns",
        f"Its share of the subscriptions is {usd(row.revenue)}, its calls cost "
        f"{usd(row.monthly_cost)} a month; {percent(row.adoption_percent)} of the "
        "customers use it.",
        gap,
    )


def _recommendations(features: Sequence[FeatureReturn]) -> List[str]:
    losing = [row for row in features if row.classification in ("sunset", "optimize")]
    losing = sorted(losing, key=lambda r: (r.revenue - r.monthly_cost, r.feature_id))
    advice = [_mend(row) for row in losing]
    invest = [row for row in features if row.classification == "invest"]
    if invest:
        best = invest[0]
        advice.append(
            f"Invest in {_name(best)}: it returns most and earns "
            f"{usd(best.revenue - best.monthly_cost)} a month above its cost."
        )
    return advice


def _mend(row: FeatureReturn) -> str:
    gap = usd(row.monthly_cost - row.revenue)
    if row.classification == "sunset":
        return (
            f"Retire {_name(row)} or charge for it apart: it loses {gap} a month and only "
            f"{percent(row.adoption_percent)} of the customers use it."
        )
    return (
        f"Reduce the cost of {_name(row)}, by cheaper models or shorter prompts: it loses "
        f"{gap} a month."
    )
