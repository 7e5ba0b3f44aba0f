"""Real-time decisions: incidents that needed immediate attention."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import ClassVar, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.alerts import ALERT_TABLES, ALERT_TYPES, Day, active_days, alerts
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.bursts import cost_around, pattern
from finops.analyzers.shared.coverage import error_rate, status_known
from finops.analyzers.shared.covered_days import HOURLY_CALLS, CoveredDays, covered_days
from finops.analyzers.shared.customer_advice import ADVICE_TABLES, Advice, advice_of, rows_of
from finops.analyzers.shared.daily_sums import by_day
from finops.analyzers.shared.degradation import PROVIDER_HOURS
from finops.analyzers.shared.hourly_costs import HOURS, hourly_costs
from finops.analyzers.shared.known_costs import known_cost, known_total
from finops.analyzers.shared.like_hours import LikeHours
from finops.analyzers.shared.overlaps import UNPROFITABLE_CUSTOMERS, UNUSUAL_USAGE
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.request_count import has_usage
from finops.analyzers.shared.revenue import Book, open_book
from finops.analyzers.shared.tables import CALLS, fold
from finops.analyzers.shared.wording import (
    caveats,
    cost_words,
    counted,
    hour_words,
    nothing_known_to_cost,
    percent,
    usd,
    with_status,
)
from finops.results import realtime as results
from finops.results.base import Finding
from finops.results.unchecked import checked_only
from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Having, Rollups, Table
from finops.stats import mean, ratio, std_dev
from finops.stats import percent as percent_of
from finops.timestamps import moment_of

MODEL_HOURS = Table(("hour", "provider", "model"), ("cost",), OF_MOMENTS, top="cost")
CUSTOMER_HOURS = Table(("hour", "customer_id"), ("cost",), OF_MOMENTS, top="cost")
PROVIDER_DAYS = Table(("day", "provider"), ("calls", "cost"))
UNPRICED_HOURS = Table(("hour",), ("unpriced",), OF_MOMENTS, having=Having("unpriced"))


class RealtimeAnalyzer(Analyzer):
    """Anomalous hours, alerts, provider concentration, customers who use up their subscription.

    `hourly` is the cost of every hour, from which the baseline and the anomalies come; `by_day`
    holds the cost of each provider by day, None where that is too much to keep.
    """

    TABLES: ClassVar[Tuple[Table, ...]] = (
        *BASIS_TABLES,
        *ADVICE_TABLES,
        HOURS,
        MODEL_HOURS,
        CUSTOMER_HOURS,
        *ALERT_TABLES,
        CALLS,
        PROVIDER_DAYS,
        UNPRICED_HOURS,
    )

    def result(self, data: Rollups) -> results.RealtimeResult:
        """Return the result; hours and days in UTC, costs in USD."""
        span = covered_days(data)
        hourly = hourly_costs(data)
        baseline = _baseline(list(hourly.values()))
        anomalies = _anomalies(data, hourly, baseline)
        incidents = _incidents(anomalies)
        alerted = alerts(data)
        risk = _portfolio_risk(data)
        book = open_book(data, span)
        customers = _at_risk_customers(book)
        unchecked = _unchecked(data, book)
        judged, known = _has_hours(data), status_known(data)
        summary = results.RealtimeSummary(
            total_calls=data.totals.calls,
            total_cost=known_total(data),
            anomaly_count=len(anomalies) if judged else None,
            incident_count=len(incidents) if judged else None,
            alert_count=len(alerted),
            risk_level=risk.risk_level,
            error_rate_percent=error_rate(data.totals.errors, known, data.totals.calls),
            at_risk_customers=len(customers),
            unpriced_calls=data.totals.unpriced,
            unknown_status_calls=data.totals.calls - known,
        )
        return results.RealtimeResult(
            summary=checked_only("realtime", summary, unchecked),
            basis=basis_of(data, span, self.NEEDS),
            hourly_baseline=results.HourlyBaseline(
                *(baseline if known_total(data) is not None else [None] * 3)
            ),
            hourly=[
                results.HourCost(hour, known_cost(cost, (hour,) in data[UNPRICED_HOURS]))
                for hour, cost in hourly.items()
            ],
            daily=[_day_row(day) for day in active_days(data)],
            by_day=results.RealtimeByDay(providers=by_day(data, PROVIDER_DAYS, "provider")),
            anomalies=anomalies,
            incidents=incidents,
            alerts=alerted,
            portfolio_risk=risk,
            at_risk_customers=customers,
            findings=by_impact(
                _findings(data, span, incidents, baseline, alerted, risk, unchecked)
                + _burn_findings(book, customers)
                + caveats(span, data.totals)
            ),
            recommendations=_recommendations(
                data, incidents, alerted, risk, customers, advice_of(data, span)
            ),
            unchecked=unchecked,
        )


def _day_row(day: Day) -> results.DayErrors:
    cost = known_cost(day.cost, day.unpriced)
    return results.DayErrors(day.date, day.calls, cost, day.errors, day.unknown)


def _unchecked(data: Rollups, book: Book) -> Dict[str, str]:
    """Return why a section, or a type of alerts, could not be checked.

    That none was reported is no news where there was nothing to check.
    """
    totals = data.totals
    priceless = nothing_known_to_cost(totals)
    hours = "" if _has_hours(data) else f"it needs {config.ANOMALY_MIN_HOURS} hours with a call"
    known = status_known(data)
    status = "" if known else "no call says whether it succeeded"
    least = config.DEGRADED_MIN_CALLS
    enough = with_status(least, least if known == totals.calls else least + 1)
    busy = any(values[0] >= least for values in data[PROVIDER_HOURS].values())
    reasons = {
        "anomalies": priceless or hours,
        "high_daily_cost": priceless,
        "high_error_rate": status,
        "provider_degraded": status or ("" if busy else f"no provider has {enough} in an hour"),
        "at_risk_customers": book.unjudged,
    }
    return {name: reason for name, reason in reasons.items() if reason and has_usage(data)}


# --- hours -----------------------------------------------------------------------------------


class _Baseline(NamedTuple):
    """What an hour costs as far as it is known, in USD."""

    mean: float
    std_dev: float
    threshold: float


def _baseline(costs: Sequence[float]) -> _Baseline:
    centre, spread = mean(costs), std_dev(costs)
    return _Baseline(centre, spread, centre + config.ANOMALY_MULTIPLIER * spread)


def _anomalies(
    data: Rollups, hourly: Mapping[str, float], baseline: _Baseline
) -> List[results.Anomaly]:
    """Return the hours above the threshold and far above the hours like them.

    Each is held against the hours around it as well.
    """
    active = {hour: hourly[hour] for (hour,) in data[HOURLY_CALLS]}
    if len(active) < config.ANOMALY_MIN_HOURS:
        return []
    costs, alike = list(hourly.values()), LikeHours(active)
    usual = {hour: alike.usual(hour) for hour in active if hourly[hour] > baseline.threshold}
    above = [
        (i, hour) for i, hour in enumerate(hourly) if hour in usual and costs[i] > usual[hour].limit
    ]
    customers = {hour: customer for hour, customer in data[CUSTOMER_HOURS]}
    models = {hour: model for hour, *model in data[MODEL_HOURS]}
    rows = []
    for i, hour in above:
        provider, model = models[hour]
        around = cost_around(costs, i)
        rows.append(
            results.Anomaly(
                hour=hour,
                cost=costs[i],
                deviation=ratio(costs[i] - baseline.mean, baseline.std_dev),
                expected=usual[hour].cost,
                around_cost=around,
                pattern=pattern(costs[i], around),
                top_customer=customers[hour],
                top_model=model,
                top_provider=provider,
            )
        )
    return sorted(rows, key=lambda r: (-r.deviation, r.hour))


def _incidents(anomalies: Sequence[results.Anomaly]) -> List[results.Incident]:
    """Return the anomalies as incidents, by excess cost descending.

    Hours follow each other in one incident where the largest spender or the largest model
    stays the same.
    """
    runs: List[List[results.Anomaly]] = []
    for row in sorted(anomalies, key=lambda r: r.hour):
        if runs and _goes_on(runs[-1][-1], row):
            runs[-1].append(row)
        else:
            runs.append([row])
    return sorted(map(_incident, runs), key=lambda r: (-r.excess_cost, r.start))


def _goes_on(before: results.Anomaly, row: results.Anomaly) -> bool:
    if moment_of(row.hour) - moment_of(before.hour) > timedelta(hours=1):
        return False
    same_model = (before.top_provider, before.top_model) == (row.top_provider, row.top_model)
    return before.top_customer == row.top_customer or same_model


def _incident(rows: Sequence[results.Anomaly]) -> results.Incident:
    customers = list(dict.fromkeys(row.top_customer for row in rows))
    return results.Incident(
        start=rows[0].hour,
        end=rows[-1].hour,
        hours=len(rows),
        cost=math.fsum(row.cost for row in rows),
        excess_cost=math.fsum(row.cost - row.expected for row in rows),
        cause=customers[0] if len(customers) == 1 else rows[0].top_model,
        customers=customers,
    )


# --- risks -----------------------------------------------------------------------------------


def _portfolio_risk(data: Rollups) -> results.PortfolioRisk:
    """Provider concentration; shares are of cost, 0 to 1, and not known where none is."""
    costs = {name: sums[1] for name, sums in fold(data, CALLS, "provider").items()}
    total = math.fsum(costs.values())
    if total <= config.NEGLIGIBLE_USD:
        nothing = [results.ProviderCostShare(provider=name, share=None) for name in sorted(costs)]
        return results.PortfolioRisk(None, "", None, len(costs), None, nothing)
    shares = {name: ratio(cost, total) for name, cost in sorted(costs.items())}
    top = max(shares, key=lambda name: shares[name])
    return results.PortfolioRisk(
        max_provider_concentration=shares[top],
        top_provider=top,
        diversity_score=1 - math.fsum(s * s for s in shares.values()),
        provider_count=len(costs),
        risk_level=risk_level(shares[top]),
        shares=[
            results.ProviderCostShare(provider=name, share=share)
            for name, share in sorted(shares.items(), key=lambda item: (-item[1], item[0]))
        ],
    )


def risk_level(concentration: float) -> str:
    """Return high, medium or low for the largest provider's share of the cost, 0 to 1.

    >>> risk_level(0.61), risk_level(0.60), risk_level(0.40)
    ('high', 'medium', 'low')
    """
    if concentration > config.HIGH_CONCENTRATION:
        return "high"
    return "medium" if concentration > config.MEDIUM_CONCENTRATION else "low"


def _at_risk_customers(book: Book) -> List[results.BurningCustomer]:
    """Active customers by burn_percent.

    Those without a price, with a price of 0, with calls of unknown cost or with too few days of
    their own have none.
    """
    rows = []
    for account in book.paying:
        burn = percent_of(account.monthly_cost, account.price)
        if burn >= config.BURN_MEDIUM_PCT and not account.unpriced:
            rows.append(
                results.BurningCustomer(
                    customer_id=account.customer_id,
                    subscription_tier=account.tier,
                    monthly_revenue=account.price,
                    monthly_cost=account.monthly_cost,
                    burn_percent=burn,
                    risk=burn_risk(burn),
                )
            )
    return sorted(rows, key=lambda r: (-r.burn_percent, r.customer_id))


def burn_risk(burn: float) -> str:
    """Return the risk of a burn in percent that is at least `config.BURN_MEDIUM_PCT`.

    >>> burn_risk(80), burn_risk(100), burn_risk(150)
    ('medium', 'high', 'critical')
    """
    if burn >= config.BURN_CRITICAL_PCT:
        return "critical"
    return "high" if burn >= config.BURN_HIGH_PCT else "medium"


# --- sentences -------------------------------------------------------------------------------


def _findings(
    data: Rollups,
    span: CoveredDays,
    incidents: Sequence[results.Incident],
    baseline: _Baseline,
    alerted: Sequence[results.Alert],
    risk: results.PortfolioRisk,
    unchecked: Mapping[str, str],
) -> List[Finding]:
    findings = _alert_findings(alerted)
    if incidents:
        findings.append(_incident_finding(span, incidents))
    if _is_notable(risk):
        findings.append(
            finding(
                "warning" if risk.risk_level == "high" else "info",
                f"{provider_name(risk.top_provider)} accounts for "
                f"{_top_share(risk)} of {cost_words(data.totals)}",
                f"{counted(risk.provider_count, 'provider').capitalize()} are in use; an outage "
                "or a price rise there would be hard to avoid.",
                effort="high",
                subject={"provider": risk.top_provider},
            )
        )
    failing = percent_of(data.totals.errors, status_known(data)) > config.HIGH_ERROR_RATE_PCT
    quiet = not (incidents or alerted or failing or data.totals.unpriced)
    if quiet and _has_hours(data) and "anomalies" not in unchecked:
        findings.append(_all_quiet(baseline, unchecked))
    return findings


def _is_notable(risk: results.PortfolioRisk) -> bool:
    return risk.risk_level in ("high", "medium") and risk.provider_count > 1


def _top_share(risk: results.PortfolioRisk) -> str:
    return percent((risk.max_provider_concentration or 0.0) * 100)


def _all_quiet(baseline: _Baseline, unchecked: Mapping[str, str]) -> Finding:
    """Return the finding that nothing was out of the ordinary, of what could be checked."""
    checked = [f"no hour above {usd(baseline.threshold)} cost far more than hours like it"]
    if "high_error_rate" not in unchecked:
        checked.append("no day crossed a limit")
    if "provider_degraded" not in unchecked:
        checked.append("no provider was degraded")
    *first, last = checked
    sentence = f"{', '.join(first)}, and {last}." if first else f"{last}."
    return finding("success", "No anomalies and no alerts", f"{sentence[0].upper()}{sentence[1:]}")


def _has_hours(data: Rollups) -> bool:
    """Return whether there are enough hours with a call to tell one that is out of the ordinary."""
    return len(data[HOURLY_CALLS]) >= config.ANOMALY_MIN_HOURS


def _alert_findings(alerted: Sequence[results.Alert]) -> List[Finding]:
    titles = {
        "high_daily_cost": ("day", "cost more than the daily limit"),
        "high_error_rate": ("day", "with a high error rate"),
        "provider_degraded": ("period", "with a degraded provider"),
    }
    findings = []
    for kind in ALERT_TYPES:
        of_kind = [alert for alert in alerted if alert.type == kind]
        if of_kind:
            noun, what = titles[kind]
            by_day = kind != "provider_degraded"
            count = sum(alert.length for alert in of_kind) if by_day else len(of_kind)
            worst = max(of_kind, key=lambda a: a.value / a.threshold)
            findings.append(
                finding(
                    of_kind[0].severity,
                    f"{counted(count, noun)} {what}",
                    worst.message,
                    kind="information" if kind == "high_daily_cost" else "quality",
                    effort="medium",
                )
            )
    return findings


def _incident_finding(span: CoveredDays, incidents: Sequence[results.Incident]) -> Finding:
    """Return the finding on incidents; what they cost per month is that of the last 30 days."""
    excess: Dict[str, float] = {}
    for row in incidents:
        excess[row.start[:10]] = excess.get(row.start[:10], 0.0) + row.excess_cost
    monthly: Optional[float] = span.monthly_now(excess)
    worst = incidents[0]
    return finding(
        "critical" if monthly else "warning",
        f"{counted(len(incidents), 'incident')} of anomalous cost",
        f"The largest began at {hour_words(worst.start)} and cost {usd(worst.excess_cost)} more "
        f"than usual in {counted(worst.hours, 'hour')}; largest share: {worst.cause}.",
        monthly,
        kind="exposure",
        confidence="medium",
        effort="medium",
        overlaps=UNUSUAL_USAGE,
    )


def _burn_findings(book: Book, customers: Sequence[results.BurningCustomer]) -> List[Finding]:
    """Return the finding on customers who use up their subscription, or pay nothing for their use.

    The loss is that of all of them, the same as in every report.
    """
    losses = {a.customer_id: -(a.margin or 0.0) for a in book.paying if (a.margin or 0.0) < 0}
    loss = math.fsum(losses.values())
    free = [a for a in book.paying if a.customer_id in losses and not a.price]
    if customers:
        worst = customers[0]
        verb = "uses" if len(customers) == 1 else "use"
        severity = "critical" if worst.risk == "critical" else "warning"
        title = (
            f"{counted(len(customers), 'customer')} {verb} over {_common_limit(customers):g}% of "
            "the subscription"
        )
        detail = (
            f"{worst.customer_id} costs {usd(worst.monthly_cost)} per {config.DAYS_PER_MONTH} days "
            "and pays "
            f"{usd(worst.monthly_revenue)}{_together(len(customers), len(free), loss)}."
        )
    elif free:
        severity = "warning"
        title = (
            f"{counted(len(free), 'customer')} without a charge "
            f"{'costs' if len(free) == 1 else 'cost'} {usd(loss)} per month"
        )
        detail = "Their subscription price is 0, so everything that their calls cost is lost."
    else:
        return []
    return [
        finding(
            severity,
            title,
            detail,
            loss or None,
            kind="loss",
            effort="medium",
            overlaps=UNPROFITABLE_CUSTOMERS,
        )
    ]


def _common_limit(customers: Sequence[results.BurningCustomer]) -> float:
    """Return the highest limit of a burn, in percent, that all have reached."""
    least = min(row.burn_percent for row in customers)
    limits = (config.BURN_MEDIUM_PCT, config.BURN_HIGH_PCT, config.BURN_CRITICAL_PCT)
    return max(limit for limit in limits if limit <= least)


def _together(customers: int, free: int, loss: float) -> str:
    """Say what all lose where the worst is not the only one."""
    if free:
        return f"; with {counted(free, 'customer')} whose price is 0, {usd(loss)} per month is lost"
    return f"; together they lose {usd(loss)} per month" if customers > 1 and loss else ""


def _recommendations(
    data: Rollups,
    incidents: Sequence[results.Incident],
    alerted: Sequence[results.Alert],
    risk: results.PortfolioRisk,
    customers: Sequence[results.BurningCustomer],
    given: Advice,
) -> List[str]:
    most = config.RECOMMENDED_SUBJECTS
    advice = [row.advice for row in rows_of(given, (row.customer_id for row in customers))[:most]]
    if incidents:
        advice.append(_hourly_alarm(incidents))
    degraded = [alert for alert in alerted if alert.type == "provider_degraded"]
    if degraded:
        names = ", ".join(provider_name(name) for name in sorted({a.subject for a in degraded}))
        hours = counted(sum(a.length for a in degraded), "hour")
        advice.append(f"Prepare a fallback for {names}: {hours} of degraded service.")
    if _is_notable(risk):
        advice.append(
            f"Reduce dependence on {provider_name(risk.top_provider)}: it accounts for "
            f"{_top_share(risk)} of {cost_words(data.totals)}."
        )
    return advice


def _hourly_alarm(incidents: Sequence[results.Incident]) -> str:
    behind: Dict[str, int] = {}
    for row in incidents:
        for customer in row.customers:
            behind[customer] = behind.get(customer, 0) + 1
    first = min(behind, key=lambda name: (-behind[name], name))
    return (
        f"Alert on hourly cost: {counted(len(incidents), 'incident')} so far, and {first} was "
        f"the largest spender in {behind[first]} of them."
    )
