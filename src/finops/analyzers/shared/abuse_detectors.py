"""What looks like abuse: the four signals by customer, from the tables that they need.

Days of unusual usage, hours full of rate-limit errors, days of unusual cost, and impossible
travel.  What is unusual is decided in `anomalies`.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Tuple

from finops import config, stats
from finops.analyzers.shared.abuse_signals import Raised, Signals, raised_by
from finops.analyzers.shared.anomalies import CALLS, COST, DayDetector, History, histories
from finops.analyzers.shared.covered_days import CoveredDays
from finops.results import abuse_detection as results
from finops.rollups.measures import OF_MOMENTS, REGION_CHANGE_MEASURES
from finops.rollups.memo import memoized
from finops.rollups.spec import Having, Rollups, Table

# The calls of an aggregate are not known one by one, so none of them looks suspicious.
DAILY = Table(("customer_id", "day"), ("calls", "cost", "rate_limits"), OF_MOMENTS)
HOURLY = Table(
    ("customer_id", "hour"),
    ("calls", "errors", "rate_limits", "status_known"),
    OF_MOMENTS,
    Having("rate_limits", ">", config.RATE_LIMIT_ERRORS_PER_HOUR),
)
REGION_CHANGES = Table(("customer_id", "day"), REGION_CHANGE_MEASURES)
ABUSE_TABLES: Tuple[Table, ...] = (DAILY, HOURLY, REGION_CHANGES)


class Evidence(NamedTuple):
    """What was seen: the days of each customer, the signals, and what raises a risk."""

    days: Mapping[str, History]
    costs: DayDetector
    signals: Signals
    raised: List[Raised]


@memoized
def evidence_of(data: Rollups) -> Evidence:
    """Return the signals of all customers; `data` holds `ABUSE_TABLES`."""
    days = histories(data[DAILY])
    costs = DayDetector(data[DAILY], days, COST)
    signals = Signals(
        unusual_usage=_unusual_usage(days, DayDetector(data[DAILY], days, CALLS)),
        rate_limit_abuse=_rate_limit_abuse(data),
        cost_spikes=_cost_spikes(days, costs),
        suspicious_access=_suspicious_access(data),
    )
    return Evidence(days, costs, signals, raised_by(signals))


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
    rows = [_rate_limit_row(name, hour, *values) for (name, hour), values in data[HOURLY].items()]
    return sorted(rows, key=lambda r: (-r.rate_limit_errors, r.customer_id, r.hour))


def _rate_limit_row(
    name: str, hour: str, calls: int, errors: int, limited: int, known: int
) -> results.RateLimitHour:
    critical = limited > config.RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR
    return results.RateLimitHour(
        customer_id=name,
        hour=hour,
        total_calls=calls,
        rate_limit_errors=limited,
        error_rate_percent=stats.percent(errors, known),
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


# --- what it costs ---------------------------------------------------------------------------


class Exposure:
    """What flagged customer-days cost beyond the customer's usual day, in USD per month.

    It is a rate of the last 30 whole days; None under 7 covered days.
    """

    def __init__(self, data: Rollups, span: CoveredDays, evidence: Evidence) -> None:
        self._data = data
        self._span = span
        self._costs = evidence.costs

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
