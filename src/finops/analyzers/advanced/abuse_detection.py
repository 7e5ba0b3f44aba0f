"""Abuse detection: accounts with abnormal behaviour.

Four signals: days of unusual usage, hours full of rate-limit errors, days of unusual cost, and
impossible travel.  What is unusual is decided in `anomalies`.

The risk score of a customer adds, for each signal it shows, `config.ABUSE_POINTS`, and
`config.ABUSE_SEVERE_POINTS` more where the signal is severe at least once; at most 100.
"""

from __future__ import annotations

import math
from typing import Dict, Iterable, List, Mapping, Optional, Sequence, Set, Tuple

from finops import config, stats
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.abuse_detectors import (
    ABUSE_TABLES,
    Evidence,
    Exposure,
    evidence_of,
)
from finops.analyzers.shared.abuse_signals import SIGNALS, Raised, action_for, flags_of
from finops.analyzers.shared.anomalies import CALLS, COST
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.coverage import count_named, coverage_of
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customer_advice import suspected
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.known_costs import known_cost, known_total
from finops.analyzers.shared.overlaps import UNUSUAL_USAGE
from finops.analyzers.shared.request_count import has_usage
from finops.analyzers.shared.revenue import own_days, own_monthly
from finops.analyzers.shared.wording import caveats, counted, nothing_known_to_cost
from finops.results import abuse_detection as results
from finops.results.base import CustomerAdvice, Finding
from finops.results.unchecked import checked_only
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Rollups, Table

# The calls of an aggregate are not known one by one, so none of them looks suspicious.
DAYS = Table(("day",), ("calls", "cost", "unpriced"), OF_MOMENTS)


class AbuseDetectionAnalyzer(Analyzer):
    """Unusual usage, rate-limit abuse, cost spikes, suspicious access, and a score for each."""

    TABLES = (*BASIS_TABLES, *CUSTOMER_RECORDS, *ABUSE_TABLES, DAYS)
    NEEDS = ("customer_id",)

    def result(self, data: Rollups) -> results.AbuseDetectionResult:
        """Return the four lists of signals, the customers that show them, and the daily sums."""
        span = covered_days(data)
        evidence = evidence_of(data)
        signals, raised = evidence.signals, evidence.raised
        exposure = Exposure(data, span, evidence)
        unchecked = _unchecked(data, evidence)
        customers = _customers(data, span, evidence)
        summary = checked_only(
            "abuse_detection", _summary(data, customers, exposure.of(raised)), unchecked
        )
        return results.AbuseDetectionResult(
            summary=summary,
            basis=basis_of(data, span, self.NEEDS),
            unusual_usage=signals.unusual_usage,
            rate_limit_abuse=signals.rate_limit_abuse,
            cost_spikes=signals.cost_spikes,
            suspicious_access=signals.suspicious_access,
            customers=customers,
            daily=_daily(data, raised, summary.flagged_customers is not None),
            findings=by_impact(_findings(data, span, evidence, exposure, unchecked)),
            recommendations=_recommendations(suspected(data, span, evidence), customers),
            unchecked=unchecked,
        )


def _judged(evidence: Evidence) -> int:
    """Return how many customers have a day of enough calls, and enough others to compare it."""
    least, others = config.ABUSE_MIN_DAILY_CALLS, config.ABUSE_MIN_BASELINE_DAYS
    return sum(
        len(history.dates) > others and max(history.amounts[CALLS]) >= least
        for history in evidence.days.values()
    )


def _unchecked(data: Rollups, evidence: Evidence) -> Dict[str, str]:
    """Return why a signal could not be checked."""
    least, others = config.ABUSE_MIN_DAILY_CALLS, config.ABUSE_MIN_BASELINE_DAYS
    coverage, totals = coverage_of(data), data.totals
    few = f"no customer has a day of {least} calls and {others} other active days"
    usage = "" if _judged(evidence) else few
    reasons = {
        "unusual_usage": usage,
        "cost_spikes": usage or nothing_known_to_cost(totals),
        "rate_limit_abuse": "" if coverage["status"] else "no call says whether it succeeded",
        "suspicious_access": "" if coverage["region"] else "no call names a region",
    }
    if not customers_of(data):
        reasons = dict.fromkeys(reasons, "no call names a customer")
    return {signal: reason for signal, reason in reasons.items() if reason and has_usage(data)}


# --- customers -------------------------------------------------------------------------------


def _customers(
    data: Rollups, span: CoveredDays, evidence: Evidence
) -> List[results.FlaggedCustomer]:
    """Return the flagged customers, by risk_score descending."""
    rows = [
        results.FlaggedCustomer(
            customer_id=name,
            risk_score=flag.score,
            signals=flag.signals,
            monthly_cost=own_monthly(
                math.fsum(evidence.days[name].amounts[COST]), own_days(data.customers[name], span)
            ),
            recommended_action=action_for(flag.signals[0], "its"),
        )
        for name, flag in flags_of(evidence.raised).items()
    ]
    return sorted(rows, key=lambda r: (-r.risk_score, r.customer_id))


def _daily(data: Rollups, raised: Iterable[Raised], is_checked: bool) -> List[results.FlaggedDay]:
    """Return calls and cost of each date, and how many customers were flagged on it if checked."""
    flagged: Dict[str, Set[str]] = {}
    for sign in raised:
        flagged.setdefault(sign.day, set()).add(sign.customer_id)
    return [
        results.FlaggedDay(
            date=day,
            call_count=calls,
            total_cost=known_cost(cost, unpriced),
            flagged_customers=len(flagged.get(day, ())) if is_checked else None,
        )
        for (day,), (calls, cost, unpriced) in data[DAYS].items()
    ]


# --- words -----------------------------------------------------------------------------------


def _summary(
    data: Rollups, customers: List[results.FlaggedCustomer], exposure: Optional[float]
) -> results.AbuseSummary:
    return results.AbuseSummary(
        total_calls=data.totals.calls,
        total_cost=known_total(data),
        total_customers=count_named(data, len(customers_of(data))),
        flagged_customers=len(customers),
        flagged_percent=stats.percent(len(customers), len(customers_of(data))),
        critical_count=sum(c.risk_score >= config.ABUSE_CRITICAL_SCORE for c in customers),
        estimated_exposure_usd_per_month=exposure,
    )


_TITLES: Mapping[str, Tuple[str, str, str]] = {
    # signal: severity, what the customers did, and how that is decided
    "suspicious_access": (
        "critical",
        "with impossible travel",
        f"More than {config.SUSPICIOUS_SWITCHES_PER_DAY} changes of region on one day, each "
        "within an hour, beyond the customer's usual pattern.",
    ),
    "rate_limit_abuse": (
        "critical",
        "repeatedly hit rate limits",
        f"More than {config.RATE_LIMIT_ERRORS_PER_HOUR} rate-limit errors within one hour.",
    ),
    "unusual_usage": (
        "warning",
        "had days of unusual usage",
        "Far more calls than on the customer's other days, the same weekdays included, while the "
        "other customers called as usual.",
    ),
    "cost_spikes": (
        "warning",
        "had days of unusual cost",
        f"More than {config.COST_SPIKE_MULTIPLIER} times the customer's usual daily cost; neither "
        "the weekday nor a rise among the other customers explains it.",
    ),
}


# Signals of which each is a matter of its own; the others are more use than usual.
_ATTACKS = ("suspicious_access", "rate_limit_abuse")


def _first_signals(raised: Sequence[Raised]) -> Dict[Tuple[str, str], str]:
    """Return the gravest signal of each customer and day: its cost counts there, and once."""
    first: Dict[Tuple[str, str], str] = {}
    for sign in raised:
        first.setdefault((sign.customer_id, sign.day), sign.signal)
    return first


def _findings(
    data: Rollups,
    span: CoveredDays,
    evidence: Evidence,
    exposure: Exposure,
    unchecked: Mapping[str, str],
) -> List[Finding]:
    raised = evidence.raised
    findings = caveats(span, data.totals)
    first = _first_signals(raised)
    for signal in SIGNALS:
        of_kind = [sign for sign in raised if sign.signal == signal]
        if of_kind:
            severity, what, how = _TITLES[signal]
            worth = [sign for sign in of_kind if first[sign.customer_id, sign.day] == signal]
            who = counted(len({sign.customer_id for sign in of_kind}), "customer")
            findings.append(
                finding(
                    severity,
                    f"{who} {what}",
                    f"{how} {_since(of_kind)}",
                    exposure.of(worth) if worth else None,
                    kind="exposure",
                    confidence="medium",
                    effort="medium",
                    overlaps=signal if signal in _ATTACKS else UNUSUAL_USAGE,
                )
            )
    if customers_of(data) and not any(evidence.signals) and "unusual_usage" not in unchecked:
        findings.append(_none_abnormal(len(customers_of(data)), _judged(evidence), unchecked))
    return findings


def _none_abnormal(customers: int, judged: int, unchecked: Mapping[str, str]) -> Finding:
    """Return the finding that nobody is abnormal, of what the data shows."""
    checked = ["unusual usage" if "cost_spikes" in unchecked else "unusual usage and cost"]
    if "rate_limit_abuse" not in unchecked:
        checked.append("rate-limit abuse")
    if "suspicious_access" not in unchecked:
        checked.append("impossible travel")
    *first, last = checked
    what = f"{', '.join(first)} and {last}" if first else last
    few = customers - judged
    have = "has" if few == 1 else "have"
    more = f" {counted(few, 'customer')} {have} too few calls for the first." if few else ""
    return finding(
        "success",
        "No abnormal accounts",
        f"{counted(customers, 'customer')} checked for {what}.{more}",
    )


def _since(signs: Sequence[Raised]) -> str:
    """Return who shows a signal since when: the first few, and how many more."""
    first: Dict[str, str] = {}
    for sign in signs:
        first[sign.customer_id] = min(sign.day, first.get(sign.customer_id, sign.day))
    names = sorted(first, key=lambda name: (first[name], name))
    named = [f"{name} since {first[name]}" for name in names[: config.RECOMMENDED_SUBJECTS]]
    more = len(names) - len(named)
    rest = f" and {counted(more, 'more customer')}" if more else ""
    return f"{', '.join(named)}{rest}."


def _recommendations(
    advice: Sequence[CustomerAdvice], customers: Sequence[results.FlaggedCustomer]
) -> List[str]:
    """Return what to do about the riskiest customers, then one sentence for the others."""
    named = config.RECOMMENDED_SUBJECTS
    sentence_for = {row.customer_id: row.advice for row in advice}
    sentences = [sentence_for[row.customer_id] for row in customers[:named]]
    rest = customers[named:]
    if rest:
        sentences.append(f"Review {counted(len(rest), 'more flagged customer')} in the table.")
    return sentences
