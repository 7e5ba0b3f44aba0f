"""Churn and growth: who left, who is leaving, who outgrows its tier, week by week.

A customer is gone after a configured silence before the last date of the data, so nobody can
be known to have left in the last weeks; those are covered by the comparison of two windows.
"""

from __future__ import annotations

import math
from typing import Dict, Iterable, List, Mapping, Optional, Sequence

from finops import config, stats
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.cohorts import (
    COHORT_TABLES,
    cohorts,
    growth_rows,
    weekly_growth,
    weekly_rows,
)
from finops.analyzers.shared.coverage import count_named
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customer_advice import ADVICE_TABLES, Advice, advice_of, rows_of
from finops.analyzers.shared.customer_trends import (
    Trend,
    at_risk_customers,
    expansion_of,
    trends_of,
)
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.known_costs import known_total
from finops.analyzers.shared.overlaps import ENDANGERED_CUSTOMERS, GONE_CUSTOMERS
from finops.analyzers.shared.request_count import has_usage
from finops.analyzers.shared.retention import RETENTION_TABLES, Retention, cohort_of, retention_of
from finops.analyzers.shared.revenue import CUSTOMER_TABLE, days_inactive, is_gone, ungone
from finops.analyzers.shared.wording import caveats, counted, percent, usd
from finops.results.base import CustomerAdvice, Finding
from finops.results.churn_growth import (
    ChurnedCustomer,
    ChurnGrowthResult,
    ChurnSummary,
    CustomerAtRisk,
    Expansion,
    WeekActivity,
)
from finops.results.unchecked import checked_only
from finops.rollups.spec import Customer, Rollups


class ChurnGrowthAnalyzer(Analyzer):
    """Churned, endangered and outgrowing customers; weekly growth; retention by cohort."""

    TABLES = (*BASIS_TABLES, *ADVICE_TABLES, *RETENTION_TABLES, *COHORT_TABLES)
    NEEDS = ("customer_id",)

    def result(self, data: Rollups) -> ChurnGrowthResult:
        """Return churn, risk, expansion, weeks, growth between full weeks, and cohorts."""
        span = covered_days(data)
        weekly = weekly_rows(data, span)
        churned = _churned(data, span)
        trends = trends_of(data, span)
        at_risk = at_risk_customers(data, trends)
        advice = advice_of(data, span)
        expansion = [_in_one_voice(row, advice) for row in expansion_of(data, span, trends)]
        rate, retention = _churn_rate(data, span), retention_of(data, span)
        unchecked = _unchecked(data, span, trends)
        summary = checked_only(
            "churn_growth",
            _summary(data, rate, retention, churned, at_risk, expansion, weekly),
            unchecked,
        )
        return ChurnGrowthResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            churned=churned,
            at_risk=at_risk,
            expansion=expansion,
            weekly=weekly,
            growth=growth_rows(weekly),
            cohorts=cohorts(data, span),
            findings=by_impact(_findings(data, span, summary, unchecked)),
            recommendations=_recommendations(advice, churned, at_risk, expansion),
            unchecked=unchecked,
        )


def _unchecked(data: Rollups, span: CoveredDays, trends: Mapping[str, Trend]) -> Dict[str, str]:
    """Return why customers who left, call less or outgrow their tier could not be checked."""
    window, least = config.TREND_WINDOW_DAYS, config.TREND_MIN_PREVIOUS_CALLS
    few = f"no customer had {least} calls in the {window} days before the last {window}"
    trend = few if trends else f"it needs {2 * window} whole days"
    if any(each.previous >= least for each in trends.values()):
        trend = ""
    customers = customers_of(data)
    if not customers:
        trend = "no call names a customer"
    reasons = {
        "churned": ungone(data, span),
        "at_risk": trend,
        "expansion": trend or _incomparable(data, customers),
    }
    return {name: reason for name, reason in reasons.items() if reason and has_usage(data)}


def _incomparable(data: Rollups, customers: Mapping[str, Customer]) -> str:
    """Return why no customer's cost can be held against its price; "" where one can be."""
    if all(customer.price is None for customer in customers.values()):
        return "no subscription price is known"
    priced = (name for name, customer in customers.items() if customer.price is not None)
    if all(unpriced for _, _, unpriced in (data[CUSTOMER_TABLE][(name,)] for name in priced)):
        return "calls of every customer have no known cost"
    return ""


def _in_one_voice(row: Expansion, advice: Advice) -> Expansion:
    """Return the row without a tier where something graver is advised for the customer."""
    given = advice.get(row.customer_id)
    return row if given and given.reason == "outgrown" else row._replace(suggested_tier=None)


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
    there = cohort_of(data, span)
    lost = sum(is_gone(data.customers[name], span) for name in there)
    return stats.percent(lost, len(there)) if there else None


# --- words -----------------------------------------------------------------------------------


def _summary(
    data: Rollups,
    churn_rate: Optional[float],
    retention: Retention,
    churned: List[ChurnedCustomer],
    at_risk: List[CustomerAtRisk],
    expansion: List[Expansion],
    weekly: List[WeekActivity],
) -> ChurnSummary:
    customers = customers_of(data)
    known = not customers or any(each.price is not None for each in customers.values())
    lost = sum(row.lost_monthly_revenue or 0.0 for row in churned)
    at_stake = sum(row.monthly_revenue or 0.0 for row in at_risk)
    return ChurnSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        total_customers=count_named(data, len(customers)),
        churned_customers=len(churned),
        churn_rate_percent=churn_rate,
        grr_percent=retention.gross_percent,
        nrr_percent=retention.net_percent,
        lost_monthly_revenue=lost if known else None,
        at_risk_customers=len(at_risk),
        at_risk_monthly_revenue=at_stake if known else None,
        expansion_customers=sum(bool(row.suggested_tier) for row in expansion),
        expansion_monthly_revenue=sum(_uplift(data, row) for row in expansion) if known else None,
        weekly_growth_percent=weekly_growth([row.call_count for row in weekly if not row.partial]),
        customers_without_price=sum(c.price is None for c in customers.values()),
    )


def _uplift(data: Rollups, row: Expansion) -> float:
    """Return what the suggested tier adds per month for an expansion row, in USD."""
    price = data.customers[row.customer_id].price or 0.0
    return config.SUBSCRIPTION_TIERS[row.suggested_tier] - price if row.suggested_tier else 0.0


def _findings(
    data: Rollups, span: CoveredDays, summary: ChurnSummary, unchecked: Mapping[str, str]
) -> List[Finding]:
    findings = caveats(span, data.totals)
    if summary.churned_customers:
        findings.append(_churn_finding(summary, summary.churned_customers))
    if summary.at_risk_customers:
        verb = "pays" if summary.at_risk_customers == 1 else "pay"
        findings.append(
            finding(
                "warning",
                f"{counted(summary.at_risk_customers, 'customer')} called half as often or less",
                f"The last {config.TREND_WINDOW_DAYS} whole days against the "
                f"{config.TREND_WINDOW_DAYS} before"
                f"{_paying(verb, summary.at_risk_customers, summary.at_risk_monthly_revenue)}.",
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
                "Their calls grew permanently, or their costs are close to the price; the next "
                "suitable tiers would bring "
                f"{usd(summary.expansion_monthly_revenue or 0.0)} more per month.",
                summary.expansion_monthly_revenue,
                confidence="medium",
                effort="medium",
            )
        )
    findings += _trend_findings(summary, unchecked)
    return findings


def _paying(verb: str, customers: int, revenue: Optional[float]) -> str:
    """Return what customers pay for the end of a sentence, "" where nobody's price is known."""
    who = "it" if customers == 1 else "they"
    return "" if revenue is None else f"; {who} {verb} {usd(revenue)} per month"


def _churn_finding(summary: ChurnSummary, churned: int) -> Finding:
    rate = summary.churn_rate_percent
    monthly = "" if rate is None else f"; the last month's churn is {percent(rate)}"
    return finding(
        "critical" if (rate or 0.0) >= config.CHURN_RATE_CRITICAL_PCT else "warning",
        f"{counted(churned, 'customer')} left",
        f"No call for {config.CHURN_INACTIVE_DAYS} days or more{monthly}"
        f"{_paying('paid', churned, summary.lost_monthly_revenue)}.",
        summary.lost_monthly_revenue,
        kind="revenue_lost",
        effort="high",
        overlaps=GONE_CUSTOMERS,
    )


def _trend_findings(summary: ChurnSummary, unchecked: Mapping[str, str]) -> List[Finding]:
    growth = summary.weekly_growth_percent
    findings = []
    if growth:
        findings.append(
            finding(
                "info" if growth > 0 else "warning",
                f"Calls {'grow' if growth > 0 else 'shrink'} by {percent(abs(growth))} per week",
                "Through all whole weeks of the data, as a constant weekly rate.",
            )
        )
    quiet = not summary.churned_customers and not summary.at_risk_customers
    judged = summary.churn_rate_percent is not None and not {"churned", "at_risk"} & set(unchecked)
    if judged and quiet:
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
    advice: Advice,
    churned: Sequence[ChurnedCustomer],
    at_risk: Sequence[CustomerAtRisk],
    expansion: Sequence[Expansion],
) -> List[str]:
    """Return advice on the customers worth most, then one sentence for the others of a kind."""
    risky = _by_reason(advice, "at_risk", (row.customer_id for row in at_risk))
    gone = _by_reason(advice, "gone", (row.customer_id for row in churned))
    growing = _by_reason(advice, "outgrown", (row.customer_id for row in expansion))
    named = config.RECOMMENDED_SUBJECTS
    return [
        *(row.advice for row in risky[:named]),
        *_rest("Contact", risky[named:], "other customer", "at stake"),
        *(row.advice for row in gone[:named]),
        *_rest("Win back", gone[named:], "other silent customer", "lost"),
        *(row.advice for row in growing[:named]),
    ]


def _by_reason(advice: Advice, reason: str, names: Iterable[str]) -> Sequence[CustomerAdvice]:
    """Return the advice for customers for whom there is no graver reason, what is most first."""
    return rows_of(advice, (name for name in names if advice.reason(name) == reason))


def _rest(verb: str, rows: Sequence[CustomerAdvice], noun: str, what: str) -> List[str]:
    """Return one sentence on the customers that were not named, none where all were."""
    if not rows:
        return []
    worth = math.fsum(row.monthly_worth or 0.0 for row in rows)
    return [f"{verb} {counted(len(rows), noun)} as well: {usd(worth)} per month {what}."]
