"""Churn and growth: who left, who is leaving, who outgrows its tier, week by week.

A customer is gone after a configured silence before the last date of the data, so nobody can
be known to have left in the last weeks; those are covered by the comparison of two windows.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, stats
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.cohorts import (
    cohorts,
    growth_rows,
    weekly_growth,
    weekly_rows,
    weeks_of,
)
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.overlaps import ENDANGERED_CUSTOMERS, GONE_CUSTOMERS
from finops.analyzers.shared.revenue import (
    days_inactive,
    is_gone,
    own_days,
    own_monthly,
)
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import Finding
from finops.results.churn_growth import (
    ChurnedCustomer,
    ChurnGrowthResult,
    ChurnSummary,
    CustomerAtRisk,
    Expansion,
    WeekActivity,
)
from finops.rollups.spec import Customer, Rollups, Table
from finops.timestamps import date_of

DAILY = Table(("customer_id", "day"), ("calls",))
WEEKLY = Table(("week", "customer_id"), ("calls", "cost"))
CUSTOMERS = Table(("customer_id",), ("cost", "unpriced"))


class ChurnGrowthAnalyzer(Analyzer):
    """Churned, endangered and outgrowing customers; weekly growth; retention by cohort."""

    TABLES = (*BASIS_TABLES, DAILY, WEEKLY, CUSTOMERS)
    NEEDS = ("customer_id",)

    def result(self, data: Rollups) -> ChurnGrowthResult:
        """Return churn, risk, expansion, weeks, growth between full weeks, and cohorts."""
        span = covered_days(data)
        weeks = weeks_of(span)
        weekly = weekly_rows(data[WEEKLY], span)
        churned = _churned(data, span)
        trends = _trends(data, span)
        at_risk = _at_risk(data, trends)
        expansion = _expansion(data, span, trends)
        rate = _churn_rate(data, span)
        summary = _summary(data, rate, churned, at_risk, expansion, weekly)
        return ChurnGrowthResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            churned=churned,
            at_risk=at_risk,
            expansion=expansion,
            weekly=weekly,
            growth=growth_rows(weekly),
            cohorts=cohorts(data[WEEKLY], weeks),
            findings=by_impact(_findings(data, span, summary)),
            recommendations=_recommendations(data, churned, at_risk, expansion),
        )


def _revenue(customer: Customer) -> float:
    """Return the subscription in USD per month, 0.0 where no price is known."""
    return customer.price or 0.0


# --- customers -------------------------------------------------------------------------------


def _churned(data: Rollups, span: CoveredDays) -> List[ChurnedCustomer]:
    """Return the customers gone silent, by lost_monthly_revenue descending."""
    rows = [
        ChurnedCustomer(
            customer_id=name,
            subscription_tier=customer.tier,
            last_activity_date=span.date(customer.last_seen),
            days_inactive=days_inactive(customer, span),
            lost_monthly_revenue=customer.price,
        )
        for name, customer in customers_of(data).items()
        if is_gone(customer, span)
    ]
    return sorted(rows, key=lambda r: (-(r.lost_monthly_revenue or 0.0), r.customer_id))


def _churn_rate(data: Rollups, span: CoveredDays) -> Optional[float]:
    """Return which part of those active at the start of the last 30 days they lost, in percent.

    None where the data covers too few days, or where nobody was active then.
    """
    if span.days < config.CHURN_MIN_DAYS:
        return None
    silence = config.CHURN_INACTIVE_DAYS
    start = (date_of(span.dates[-1]) - timedelta(days=silence)).isoformat()
    there = [
        days_inactive(customer, span)
        for customer in customers_of(data).values()
        if span.date(customer.first_seen) <= start and days_inactive(customer, span) < 2 * silence
    ]
    return stats.percent(sum(days >= silence for days in there), len(there)) if there else None


class _Trend(NamedTuple):
    """Calls of one customer in the last window of days and in the one before it.

    The typical days are the medians of the windows' days, quiet ones included.
    """

    recent: int
    previous: int
    typical_recent: float
    typical_previous: float

    @property
    def percent(self) -> float:
        """Change in percent of the earlier window."""
        return stats.growth_percent(self.recent, self.previous)


def _windows(span: CoveredDays) -> Tuple[Sequence[str], Sequence[str]]:
    """Return the whole dates of the last window and of the one before; none where too few."""
    length = config.TREND_WINDOW_DAYS
    if len(span.whole) < 2 * length:
        return [], []
    return span.whole[-length:], span.whole[-2 * length : -length]


def _trends(data: Rollups, span: CoveredDays) -> Dict[str, _Trend]:
    """Return each customer's calls in the last window of days and in the one before."""
    recent, previous = _windows(span)
    if not recent:
        return {}
    cells = data[DAILY]
    trends = {}
    for name in customers_of(data):
        now, before = (
            [cells[name, day][0] if (name, day) in cells else 0 for day in days]
            for days in (recent, previous)
        )
        trends[name] = _Trend(sum(now), sum(before), stats.median(now), stats.median(before))
    return trends


def _at_risk(data: Rollups, trends: Mapping[str, _Trend]) -> List[CustomerAtRisk]:
    """Return the customers whose calls fell by half or more, by monthly_revenue descending."""
    rows = [
        CustomerAtRisk(
            customer_id=name,
            subscription_tier=data.customers[name].tier,
            recent_calls=trend.recent,
            previous_calls=trend.previous,
            change_percent=trend.percent,
            monthly_revenue=data.customers[name].price,
            risk=_risk(-trend.percent),
        )
        for name, trend in trends.items()
        if trend.previous >= config.TREND_MIN_PREVIOUS_CALLS
        and trend.percent <= -config.AT_RISK_DROP_PCT
    ]
    return sorted(rows, key=lambda r: (-(r.monthly_revenue or 0.0), r.customer_id))


def _risk(drop_percent: float) -> str:
    """Return how grave a fall of calls is."""
    if drop_percent >= config.AT_RISK_CRITICAL_DROP_PCT:
        return "critical"
    return "high" if drop_percent >= config.AT_RISK_HIGH_DROP_PCT else "medium"


def _expansion(data: Rollups, span: CoveredDays, trends: Mapping[str, _Trend]) -> List[Expansion]:
    """Return the customers that outgrow their tier, by change_percent descending.

    They were there before both windows, a higher tier exists, and they either grew as
    `_grew` has it, or do not call less and use up most of what they pay.  Those with calls of
    unknown cost are left out.
    """
    tide = (sum(t.recent for t in trends.values()), sum(t.previous for t in trends.values()))
    rows = []
    for name, trend in trends.items():
        price, cost = _revenue(data.customers[name]), _known_monthly_cost(data, span, name)
        if cost is None or price <= config.NEGLIGIBLE_USD or not _settled(data, span, name, trend):
            continue
        burn, tier = stats.percent(cost, price), suggested_tier(price, cost)
        full = burn >= config.BURN_MEDIUM_PCT and trend.recent >= trend.previous
        if tier and (full or _grew(trend, *tide)):
            rows.append(
                Expansion(
                    customer_id=name,
                    change_percent=trend.percent,
                    subscription_tier=data.customers[name].tier,
                    burn_percent=burn,
                    suggested_tier=tier,
                )
            )
    return sorted(rows, key=lambda r: (-r.change_percent, r.customer_id))


def _known_monthly_cost(data: Rollups, span: CoveredDays, name: str) -> Optional[float]:
    """Return what a customer costs per month over its own days, None where that is not known."""
    cost, unpriced = data[CUSTOMERS][(name,)]
    return None if unpriced else own_monthly(cost, own_days(data.customers[name], span))


def _settled(data: Rollups, span: CoveredDays, name: str, trend: _Trend) -> bool:
    """Return whether a customer was there before both windows and called enough to compare."""
    first = _windows(span)[1][0]
    there = span.date(data.customers[name].first_seen) <= first
    return there and trend.previous >= config.TREND_MIN_PREVIOUS_CALLS


def _grew(trend: _Trend, all_recent: int, all_previous: int) -> bool:
    """Return whether the calls rose by the configured share: in sum, on the typical day, which
    a few wild days do not move, and against the other customers, whose tide lifts everybody.
    """
    factor = 1 + config.EXPANSION_GROWTH_PCT / 100
    others_recent, others_previous = all_recent - trend.recent, all_previous - trend.previous
    return (
        trend.recent >= factor * trend.previous
        and trend.typical_recent >= factor * trend.typical_previous
        and trend.recent * others_previous >= factor * trend.previous * others_recent
    )


def suggested_tier(price: float, monthly_cost: float) -> str:
    """Return the cheapest tier above `price` that covers the monthly cost (both in USD).

    Where none covers it, the highest tier; "" where no tier is above the present one.
    """
    higher = sorted((p, name) for name, p in config.SUBSCRIPTION_TIERS.items() if p > price)
    covering = [name for p, name in higher if p >= monthly_cost]
    return (covering or [name for _, name in higher[-1:]] or [""])[0]


# --- words -----------------------------------------------------------------------------------


def _summary(
    data: Rollups,
    churn_rate: Optional[float],
    churned: List[ChurnedCustomer],
    at_risk: List[CustomerAtRisk],
    expansion: List[Expansion],
    weekly: List[WeekActivity],
) -> ChurnSummary:
    customers = customers_of(data)
    return ChurnSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        total_customers=len(customers),
        churned_customers=len(churned),
        churn_rate_percent=churn_rate,
        lost_monthly_revenue=sum(row.lost_monthly_revenue or 0.0 for row in churned),
        at_risk_customers=len(at_risk),
        at_risk_monthly_revenue=sum(row.monthly_revenue or 0.0 for row in at_risk),
        expansion_customers=len(expansion),
        expansion_monthly_revenue=sum(_uplift(data, row) for row in expansion),
        weekly_growth_percent=weekly_growth([row.call_count for row in weekly if not row.partial]),
        customers_without_price=sum(c.price is None for c in customers.values()),
    )


def _uplift(data: Rollups, row: Expansion) -> float:
    """Return what the suggested tier adds per month for an expansion row, in USD."""
    price = data.customers[row.customer_id].price or 0.0
    return config.SUBSCRIPTION_TIERS[row.suggested_tier] - price


def _findings(data: Rollups, span: CoveredDays, summary: ChurnSummary) -> List[Finding]:
    findings = caveats(span, data.totals)
    if summary.churned_customers:
        findings.append(_churn_finding(summary))
    if summary.at_risk_customers:
        findings.append(
            finding(
                "warning",
                f"{counted(summary.at_risk_customers, 'customer')} called half as often or less",
                f"The last {config.TREND_WINDOW_DAYS} whole days against the "
                f"{config.TREND_WINDOW_DAYS} before; they pay "
                f"{usd(summary.at_risk_monthly_revenue)} per month.",
                summary.at_risk_monthly_revenue,
                kind="revenue_at_risk",
                confidence="medium",
                effort="medium",
                overlaps=ENDANGERED_CUSTOMERS,
            )
        )
    if summary.expansion_customers:
        findings.append(
            finding(
                "info",
                f"{counted(summary.expansion_customers, 'customer')} outgrew a tier",
                "Calls that grew for good, or costs close to the price; the next fitting tiers "
                f"would bring "
                f"{usd(summary.expansion_monthly_revenue)} per month more.",
                summary.expansion_monthly_revenue,
                confidence="medium",
                effort="medium",
            )
        )
    findings += _trend_findings(summary)
    return findings


def _churn_finding(summary: ChurnSummary) -> Finding:
    rate = summary.churn_rate_percent
    monthly = "" if rate is None else f"; the last month's churn is {percent(rate)}"
    return finding(
        "critical" if (rate or 0.0) >= config.CHURN_RATE_CRITICAL_PCT else "warning",
        f"{counted(summary.churned_customers, 'customer')} left",
        f"No call for {config.CHURN_INACTIVE_DAYS} days or more{monthly}; they paid "
        f"{usd(summary.lost_monthly_revenue)} per month.",
        summary.lost_monthly_revenue,
        kind="revenue_lost",
        effort="high",
        overlaps=GONE_CUSTOMERS,
    )


def _trend_findings(summary: ChurnSummary) -> List[Finding]:
    growth = summary.weekly_growth_percent
    findings = []
    if growth:
        findings.append(
            finding(
                "info" if growth > 0 else "warning",
                f"Calls {'grow' if growth > 0 else 'shrink'} by {percent(abs(growth))} per week",
                "From the first to the last full week of the data, as a constant weekly rate.",
            )
        )
    quiet = not summary.churned_customers and not summary.at_risk_customers
    if summary.churn_rate_percent is not None and quiet:
        findings.append(
            finding(
                "success",
                "No churned or at-risk customers",
                f"No customer was silent for {config.CHURN_INACTIVE_DAYS} days or lost half of "
                "its calls.",
            )
        )
    return findings


def _recommendations(
    data: Rollups,
    churned: List[ChurnedCustomer],
    at_risk: List[CustomerAtRisk],
    expansion: List[Expansion],
) -> List[str]:
    """Return advice on the customers worth most, then one sentence for the others of a kind."""
    named = config.RECOMMENDED_SUBJECTS
    advice = [_save(row) for row in at_risk[:named]]
    others = [row.monthly_revenue or 0.0 for row in at_risk[named:]]
    advice += _rest("Contact", others, "other customer", "at stake")
    advice += [_win_back(row) for row in churned[:named]]
    silent = [row.lost_monthly_revenue or 0.0 for row in churned[named:]]
    advice += _rest("Win back", silent, "other silent customer", "lost")
    by_worth = sorted(expansion, key=lambda row: (-_uplift(data, row), row.customer_id))
    advice += [_upgrade(data, row) for row in by_worth[:named]]
    return advice


def _rest(verb: str, revenues: Sequence[float], noun: str, what: str) -> List[str]:
    """Return one sentence on the subjects that were not named, none where all were.

    `revenues` are what each of them pays, in USD per month.
    """
    if not revenues:
        return []
    return [
        f"{verb} {counted(len(revenues), noun)} as well: {usd(sum(revenues))} per month {what}."
    ]


def _save(row: CustomerAtRisk) -> str:
    fall = (
        f"{row.recent_calls:,} calls in {config.TREND_WINDOW_DAYS} days after "
        f"{row.previous_calls:,} before"
    )
    return f"Contact {row.customer_id}: {fall}{_worth(row.monthly_revenue, 'at stake')}."


def _win_back(row: ChurnedCustomer) -> str:
    silence = f"no call since {row.last_activity_date}"
    return f"Win back {row.customer_id}: {silence}{_worth(row.lost_monthly_revenue, 'lost')}."


def _worth(amount: Optional[float], what: str) -> str:
    return f", {usd(amount)} per month {what}" if amount else ""


def _upgrade(data: Rollups, row: Expansion) -> str:
    growth = row.change_percent
    calls = f"calls up by {percent(growth)}, " if growth > 0 else ""
    return (
        f"Offer {row.customer_id} the {row.suggested_tier} tier: {calls}"
        f"costs at {percent(row.burn_percent)} of the subscription, "
        f"{usd(_uplift(data, row))} per month more."
    )
