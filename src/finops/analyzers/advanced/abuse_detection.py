"""Abuse detection: accounts with abnormal behaviour.

Four signals: days of unusual usage, hours full of rate-limit errors, days of unusual cost, and
impossible travel.  What is unusual is decided in `anomalies`.

The risk score of a customer adds, for each signal it shows, `config.ABUSE_POINTS`, and
`config.ABUSE_SEVERE_POINTS` more where the signal is severe at least once; at most 100.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from finops import config, stats
from finops.analyzers.base import Analyzer, by_impact, finding
from finops.analyzers.shared.abuse_signals import SIGNALS, Raised, Signals, raised_by
from finops.analyzers.shared.anomalies import CALLS, COST, DayDetector, History, histories
from finops.analyzers.shared.basis import BASIS_TABLES, basis_of
from finops.analyzers.shared.covered_days import CoveredDays, covered_days
from finops.analyzers.shared.customers import customers_of
from finops.analyzers.shared.overlaps import UNUSUAL_USAGE
from finops.analyzers.shared.revenue import own_days, own_monthly
from finops.analyzers.shared.wording import caveats, counted, usd
from finops.results import abuse_detection as results
from finops.results.base import Finding
from finops.rollups.measures import OF_MOMENTS, REGION_CHANGE_MEASURES
from finops.rollups.spec import Rollups, Table

# Nobody knows the calls of an aggregate one by one, so none of them looks suspicious.
DAILY = Table(("customer_id", "day"), ("calls", "cost", "rate_limits"), OF_MOMENTS)
DAYS = Table(("day",), ("calls", "cost"), OF_MOMENTS)
HOURLY = Table(
    ("customer_id", "hour"), ("calls", "errors", "rate_limits"), OF_MOMENTS, having="rate_limits"
)
REGION_CHANGES = Table(("customer_id", "day"), REGION_CHANGE_MEASURES)


class AbuseDetectionAnalyzer(Analyzer):
    """Unusual usage, rate-limit abuse, cost spikes, suspicious access, and a score for each."""

    TABLES = (*BASIS_TABLES, DAILY, HOURLY, REGION_CHANGES, DAYS)
    NEEDS = ("customer_id",)

    def result(self, data: Rollups) -> results.AbuseDetectionResult:
        """Return the four lists of signals, the customers that show them, and the daily sums."""
        span = covered_days(data)
        days = histories(data[DAILY])
        costs = DayDetector(data[DAILY], days, COST)
        signals = Signals(
            unusual_usage=_unusual_usage(days, DayDetector(data[DAILY], days, CALLS)),
            rate_limit_abuse=_rate_limit_abuse(data),
            cost_spikes=_cost_spikes(days, costs),
            suspicious_access=_suspicious_access(data),
        )
        raised = raised_by(signals)
        exposure = _Exposure(data, span, costs)
        customers = _customers(data, span, days, raised)
        return results.AbuseDetectionResult(
            summary=_summary(data, customers, exposure.of(raised)),
            basis=basis_of(data, span, self.NEEDS),
            unusual_usage=signals.unusual_usage,
            rate_limit_abuse=signals.rate_limit_abuse,
            cost_spikes=signals.cost_spikes,
            suspicious_access=signals.suspicious_access,
            customers=customers,
            daily=_daily(data, raised),
            findings=by_impact(_findings(data, span, signals, raised, exposure)),
            recommendations=_recommendations(raised, customers, exposure),
        )


# --- signals ---------------------------------------------------------------------------------


def _unusual_usage(days_of: Mapping[str, History], calls: DayDetector) -> List[results.UnusualDay]:
    """Return the days of unusual usage, rises and falls, by distance from zero descending."""
    rows = [
        results.UnusualDay(
            customer_id=name,
            date=history.dates[day.position],
            call_count=int(day.amount),
            baseline_mean=day.baseline,
            z_score=day.z_score,
            severity="high" if abs(day.z_score) > config.UNUSUAL_HIGH_Z else "medium",
        )
        for name, history in days_of.items()
        for days in (calls.rises(name), calls.falls(name))
        for day in days
    ]
    return sorted(rows, key=lambda r: (-abs(r.z_score), r.customer_id, r.date))


def _cost_spikes(days_of: Mapping[str, History], costs: DayDetector) -> List[results.CostSpike]:
    """Return the days of unusual cost, by multiplier descending.

    The baseline is the higher of the one that `anomalies` settles on and the mean of the
    customer's other active days, of which the day must exceed the configured multiple.
    """
    rows = []
    for name, history in days_of.items():
        amounts = history.amounts[COST]
        total = math.fsum(amounts)
        for day in costs.rises(name):
            others = (total - day.amount) / (len(amounts) - 1)
            baseline = max(day.baseline, others, config.NEGLIGIBLE_USD)
            multiplier = day.amount / baseline
            if (
                day.amount >= config.COST_SPIKE_MIN_USD
                and multiplier > config.COST_SPIKE_MULTIPLIER
            ):
                rows.append(
                    results.CostSpike(
                        customer_id=name,
                        date=history.dates[day.position],
                        cost=day.amount,
                        baseline_mean=baseline,
                        multiplier=multiplier,
                        z_score=day.z_score,
                    )
                )
    return sorted(rows, key=lambda r: (-r.multiplier, r.customer_id, r.date))


def _rate_limit_abuse(data: Rollups) -> List[results.RateLimitHour]:
    """Return the hours with too many rate-limit errors of one customer, the most errors first."""
    rows = [
        _rate_limit_row(name, hour, *values)
        for (name, hour), values in data[HOURLY].items()
        if values[2] > config.RATE_LIMIT_ERRORS_PER_HOUR
    ]
    return sorted(rows, key=lambda r: (-r.rate_limit_errors, r.customer_id, r.hour))


def _rate_limit_row(
    name: str, hour: str, calls: int, errors: int, limited: int
) -> results.RateLimitHour:
    critical = limited > config.RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR
    return results.RateLimitHour(
        customer_id=name,
        hour=hour,
        total_calls=calls,
        rate_limit_errors=limited,
        error_rate_percent=stats.percent(errors, calls),
        severity="critical" if critical else "warning",
    )


def _suspicious_access(data: Rollups) -> List[results.RegionHopping]:
    """Return the days with too many quick region changes of one customer, the most first.

    `usual_switches` are those of the customer's other active days, on average; `pattern` is
    "habit" where they, the number of calls and chance explain the day, as with people in two
    offices, else "hopping".
    """
    changes, daily = data[REGION_CHANGES], data[DAILY]
    known: Dict[str, int] = {}
    for (name, _), (switches, _, _) in changes.items():
        known[name] = known.get(name, 0) + switches
    active = Counter(name for name, _ in daily)
    calls: Dict[str, int] = {}
    for (name, _), (count, _, _) in daily.items():
        calls[name] = calls.get(name, 0) + count
    rows = []
    for (name, day), (switches, regions, seconds) in changes.items():
        if switches > config.SUSPICIOUS_SWITCHES_PER_DAY:
            others, today = known[name] - switches, daily[name, day][0]
            usual = stats.ratio(others, active[name] - 1)
            more = stats.ratio(today * (active[name] - 1), calls[name] - today)
            more = min(max(1.0, more), config.SUSPICIOUS_MOST_TIMES_USUAL)
            habit = _by_habit(switches, usual * more)
            rows.append(
                results.RegionHopping(
                    customer_id=name,
                    date=day,
                    switches=switches,
                    regions=list(regions),
                    shortest_gap_minutes=seconds / 60,
                    usual_switches=usual,
                    pattern="habit" if habit else "hopping",
                )
            )
    return sorted(rows, key=lambda r: (-r.switches, r.customer_id, r.date))


def _by_habit(switches: int, expected: float) -> bool:
    """Return whether so many changes are no more than chance makes of the expected number.

    One trip there and back is two changes, so trips are what chance strews; square roots of
    counts stray by one half, however many they are (Anscombe).  Where none is expected, nothing
    says that the customer has two places.
    """
    trips = math.sqrt(switches / 2 + 3 / 8) - math.sqrt(expected / 2 + 3 / 8)
    return expected > 0 and 2 * trips <= config.SUSPICIOUS_Z_SCORE


# --- customers -------------------------------------------------------------------------------


class _Exposure:
    """What flagged customer-days cost beyond the customer's usual day, in USD per month.

    It is a rate of the last 30 whole days; None under 7 covered days.
    """

    def __init__(self, data: Rollups, span: CoveredDays, costs: DayDetector) -> None:
        self._data = data
        self._span = span
        self._costs = costs

    def of(self, raised: Iterable[Raised], customer: str = "") -> Optional[float]:
        """Return the excess of all days with a signal (of one customer), each day once."""
        days = {
            (sign.customer_id, sign.day) for sign in raised if customer in ("", sign.customer_id)
        }
        excess: Dict[str, float] = {}
        for name, day in sorted(days):
            above = self._data[DAILY][name, day][1] - self._costs.usual[name]
            excess[day] = excess.get(day, 0.0) + max(0.0, above)
        return self._span.monthly_now(excess)


class _Flag(NamedTuple):
    """What one customer shows: its signals, in the order of `SIGNALS`, and the severe ones."""

    signals: List[str]
    severe: List[str]

    @property
    def score(self) -> int:
        """Risk from 0 to 100."""
        points = sum(config.ABUSE_POINTS[signal] for signal in self.signals)
        return min(100, points + config.ABUSE_SEVERE_POINTS * len(self.severe))


def _flags(raised: Iterable[Raised]) -> Dict[str, _Flag]:
    """Return the customers that show at least one signal."""
    flags: Dict[str, _Flag] = {}
    for sign in raised:
        flag = flags.setdefault(sign.customer_id, _Flag([], []))
        if sign.signal not in flag.signals:
            flag.signals.append(sign.signal)
        if sign.severe and sign.signal not in flag.severe:
            flag.severe.append(sign.signal)
    return flags


def _customers(
    data: Rollups, span: CoveredDays, days: Mapping[str, History], raised: Sequence[Raised]
) -> List[results.FlaggedCustomer]:
    """Return the flagged customers, by risk_score descending."""
    rows = [
        results.FlaggedCustomer(
            customer_id=name,
            risk_score=flag.score,
            signals=flag.signals,
            monthly_cost=own_monthly(
                math.fsum(days[name].amounts[COST]), own_days(data.customers[name], span)
            ),
            recommended_action=_action(flag.signals[0], "its"),
        )
        for name, flag in _flags(raised).items()
    ]
    return sorted(rows, key=lambda r: (-r.risk_score, r.customer_id))


def _action(signal: str, whose: str) -> str:
    """Return what to do about the gravest signal of a customer."""
    return {
        "suspicious_access": f"Rotate {whose} API keys and confirm who calls from where",
        "rate_limit_abuse": f"Cap {whose} request rate and ask for retries with back-off",
        "unusual_usage": f"Ask what changed in {whose} usage and set a daily quota",
        "cost_spikes": f"Put a daily budget on {whose} spending and check the models in use",
    }[signal]


def _daily(data: Rollups, raised: Iterable[Raised]) -> List[results.FlaggedDay]:
    """Return calls and cost of each date, and how many customers were flagged on it."""
    flagged: Dict[str, Set[str]] = {}
    for sign in raised:
        flagged.setdefault(sign.day, set()).add(sign.customer_id)
    return [
        results.FlaggedDay(
            date=day,
            call_count=calls,
            total_cost=cost,
            flagged_customers=len(flagged.get(day, ())),
        )
        for (day,), (calls, cost) in data[DAYS].items()
    ]


# --- words -----------------------------------------------------------------------------------


def _summary(
    data: Rollups, customers: List[results.FlaggedCustomer], exposure: Optional[float]
) -> results.AbuseSummary:
    return results.AbuseSummary(
        total_calls=data.totals.calls,
        total_cost=data.totals.cost,
        total_customers=len(customers_of(data)),
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
        f"More than {config.SUSPICIOUS_SWITCHES_PER_DAY} changes of region within an hour each, "
        "on one day, more than the customer's habit and chance explain.",
    ),
    "rate_limit_abuse": (
        "critical",
        "repeatedly hit rate limits",
        f"More than {config.RATE_LIMIT_ERRORS_PER_HOUR} rate-limit errors within one hour.",
    ),
    "unusual_usage": (
        "warning",
        "had days of unusual usage",
        "Calls far above the customer's other days, the same weekday and what all others did.",
    ),
    "cost_spikes": (
        "warning",
        "had days of unusual cost",
        f"More than {config.COST_SPIKE_MULTIPLIER} times the customer's daily cost, explained "
        "neither by the weekday nor by what all others did.",
    ),
}


def _findings(
    data: Rollups,
    span: CoveredDays,
    signals: Signals,
    raised: Sequence[Raised],
    exposure: _Exposure,
) -> List[Finding]:
    findings = caveats(span, data.totals)
    for signal in SIGNALS:
        of_kind = [sign for sign in raised if sign.signal == signal]
        if of_kind:
            severity, what, how = _TITLES[signal]
            who = counted(len({sign.customer_id for sign in of_kind}), "customer")
            findings.append(
                finding(
                    severity,
                    f"{who} {what}",
                    how,
                    exposure.of(of_kind),
                    kind="exposure",
                    confidence="medium",
                    effort="medium",
                    overlaps=UNUSUAL_USAGE,
                )
            )
    if customers_of(data) and not any(signals):
        findings.append(
            finding(
                "success",
                "No abnormal accounts",
                f"{counted(len(customers_of(data)), 'customer')} checked for unusual usage and "
                "cost, rate-limit abuse and impossible travel.",
            )
        )
    return findings


def _recommendations(
    raised: Sequence[Raised], customers: Sequence[results.FlaggedCustomer], exposure: _Exposure
) -> List[str]:
    """Return what to do about the riskiest customers, then one sentence for the others."""
    named = config.RECOMMENDED_SUBJECTS
    advice = []
    for row in customers[:named]:
        worth = exposure.of(raised, row.customer_id)
        beyond = f", {usd(worth)} per month beyond its usual cost" if worth else ""
        action = _action(row.signals[0], f"{row.customer_id}'s")
        advice.append(f"{action}: risk {row.risk_score} of 100{beyond}.")
    rest = customers[named:]
    if rest:
        advice.append(f"Review {counted(len(rest), 'more flagged customer')} in the table.")
    return advice
