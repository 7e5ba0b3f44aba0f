"""Abuse detection: accounts that behave as no ordinary customer does.

Four signals: days of unusual usage, hours full of rate-limit errors, days of unusual cost, and
region changes that no traveller makes.  What is unusual is decided in `unusual`.

The risk score of a customer adds, for each signal it shows, `config.ABUSE_POINTS`, and
`config.ABUSE_SEVERE_POINTS` more where the signal is severe at least once; at most 100.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Dict, Iterable, List, Mapping, NamedTuple, Set, Tuple

from finops import config, stats
from finops.analyzers.base import Analyzer, Result, Row, by_impact, finding, ordered
from finops.analyzers.shared.anomalies import CALLS, COST, DayDetector, History, histories
from finops.analyzers.shared.wording import caveats, counted, usd
from finops.rollups.spec import REGION_CHANGE_MEASURES, Rollups, Table

DAILY = Table(("customer_id", "day"), ("calls", "cost", "rate_limits"))
DAYS = Table(("day",), ("calls", "cost"))
HOURLY = Table(("customer_id", "hour"), ("calls", "errors", "rate_limits"), having="rate_limits")
REGION_CHANGES = Table(("customer_id", "day"), REGION_CHANGE_MEASURES)

SIGNALS: Tuple[str, ...] = (
    "suspicious_access",
    "rate_limit_abuse",
    "unusual_usage",
    "cost_spikes",
)


class AbuseDetectionAnalyzer(Analyzer):
    """Unusual usage, rate-limit abuse, cost spikes, suspicious access, and a score for each."""

    TABLES = (DAILY, HOURLY, REGION_CHANGES, DAYS)

    def compute(self, data: Rollups) -> Result:
        """Return the four lists of signals, the customers that show them, and the daily sums."""
        found = histories(data[DAILY])
        calls = DayDetector(data[DAILY], found, CALLS)
        costs = DayDetector(data[DAILY], found, COST)
        signals: Dict[str, List[Row]] = {
            "unusual_usage": _unusual_usage(found, calls),
            "rate_limit_abuse": _rate_limit_abuse(data),
            "cost_spikes": _cost_spikes(found, costs),
            "suspicious_access": _suspicious_access(data),
        }
        exposure = _Exposure(data, costs)
        customers = _customers(data, found, signals)
        summary = _summary(data, customers, exposure.of(_counting(signals)))
        return {
            "summary": summary,
            **signals,
            "customers": customers,
            "daily": _daily(data, signals),
            "findings": by_impact(_findings(data, signals, exposure)),
            "recommendations": _recommendations(signals, customers, exposure),
        }


# --- signals ---------------------------------------------------------------------------------


def _unusual_usage(found: Mapping[str, History], calls: DayDetector) -> List[Row]:
    """Return the days of unusual usage, rises and falls, by distance from zero descending."""
    rows = [
        {
            "customer_id": name,
            "date": history.dates[day.position],
            "call_count": day.amount,
            "baseline_mean": day.baseline,
            "z_score": day.z_score,
            "severity": "high" if abs(day.z_score) > config.UNUSUAL_HIGH_Z else "medium",
        }
        for name, history in found.items()
        for days in (calls.rises(name), calls.falls(name))
        for day in days
    ]
    return sorted(rows, key=lambda r: (-abs(r["z_score"]), r["customer_id"], r["date"]))


def _cost_spikes(found: Mapping[str, History], costs: DayDetector) -> List[Row]:
    """Return the days of unusual cost, by multiplier descending.

    The baseline is the dearer of the one that `unusual` settles on and the mean of the
    customer's other active days, of which the day must exceed the configured multiple.
    """
    rows = []
    for name, history in found.items():
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
                    {
                        "customer_id": name,
                        "date": history.dates[day.position],
                        "cost": day.amount,
                        "baseline_mean": baseline,
                        "multiplier": multiplier,
                        "z_score": day.z_score,
                    }
                )
    return ordered(rows, "multiplier", ("customer_id", "date"))


def _rate_limit_abuse(data: Rollups) -> List[Row]:
    """Return the hours with too many rate-limit errors of one customer, the most errors first."""
    rows = [
        _rate_limit_row(name, hour, *values)
        for (name, hour), values in data[HOURLY].items()
        if values[2] > config.RATE_LIMIT_ERRORS_PER_HOUR
    ]
    return ordered(rows, "rate_limit_errors", ("customer_id", "hour"))


def _rate_limit_row(name: str, hour: str, calls: int, errors: int, limited: int) -> Row:
    critical = limited > config.RATE_LIMIT_CRITICAL_ERRORS_PER_HOUR
    return {
        "customer_id": name,
        "hour": hour,
        "total_calls": calls,
        "rate_limit_errors": limited,
        "error_rate_percent": stats.percent(errors, calls),
        "severity": "critical" if critical else "warning",
    }


def _suspicious_access(data: Rollups) -> List[Row]:
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
                {
                    "customer_id": name,
                    "date": day,
                    "switches": switches,
                    "regions": list(regions),
                    "shortest_gap_minutes": seconds / 60,
                    "usual_switches": usual,
                    "pattern": "habit" if habit else "hopping",
                }
            )
    return ordered(rows, "switches", ("customer_id", "date"))


def _by_habit(switches: int, expected: float) -> bool:
    """Return whether so many changes are no more than chance makes of the expected number.

    One trip there and back is two changes, so trips are what chance strews; square roots of
    counts stray by one half, however many they are (Anscombe).  Where none is expected, nothing
    says that the customer has two places.
    """
    trips = math.sqrt(switches / 2 + 3 / 8) - math.sqrt(expected / 2 + 3 / 8)
    return expected > 0 and 2 * trips <= config.SUSPICIOUS_Z_SCORE


def _severe(signal: str, row: Row) -> bool:
    """Return whether a row of a signal is a grave one."""
    if signal == "suspicious_access":
        return bool(row["switches"] > config.SUSPICIOUS_SEVERE_SWITCHES_PER_DAY)
    if signal == "cost_spikes":
        return bool(row["multiplier"] > config.COST_SPIKE_SEVERE_MULTIPLIER)
    return row["severity"] in ("high", "critical")


def _counts(signal: str, row: Row) -> bool:
    """Return whether a row raises the risk of its customer.

    Using less than usual does not, nor changing region by habit.
    """
    if signal == "suspicious_access":
        return bool(row["pattern"] == "hopping")
    return signal != "unusual_usage" or row["z_score"] > 0


def _counting(signals: Mapping[str, List[Row]]) -> List[List[Row]]:
    """Return the lists of signals with the rows that raise a risk."""
    return [[row for row in rows if _counts(name, row)] for name, rows in signals.items()]


# --- customers -------------------------------------------------------------------------------


class _Exposure:
    """What flagged customer-days cost beyond the customer's usual day, in USD a month."""

    def __init__(self, data: Rollups, costs: DayDetector) -> None:
        self._data = data
        self._costs = costs

    def of(self, lists: Iterable[List[Row]], customer: str = "") -> float:
        """Return the excess of all days in lists of signals (of one customer), each day once."""
        days: Set[Tuple[str, str]] = {
            (row["customer_id"], (row.get("date") or row["hour"])[:10])
            for rows in lists
            for row in rows
            if customer in ("", row["customer_id"])
        }
        excess = (
            self._data[DAILY][name, day][1] - self._costs.usual[name] for name, day in sorted(days)
        )
        return self._data.period.monthly(math.fsum(max(0.0, amount) for amount in excess))


class _Flag(NamedTuple):
    """What one customer shows: its signals, in the order of `SIGNALS`, and the severe ones."""

    signals: List[str]
    severe: List[str]

    @property
    def score(self) -> int:
        """Risk from 0 to 100."""
        points = sum(config.ABUSE_POINTS[signal] for signal in self.signals)
        return min(100, points + config.ABUSE_SEVERE_POINTS * len(self.severe))


def _flags(signals: Mapping[str, List[Row]]) -> Dict[str, _Flag]:
    """Return the customers that show at least one signal."""
    flags: Dict[str, _Flag] = {}
    for signal in SIGNALS:
        for row in signals[signal]:
            if _counts(signal, row):
                flag = flags.setdefault(row["customer_id"], _Flag([], []))
                if signal not in flag.signals:
                    flag.signals.append(signal)
                if _severe(signal, row) and signal not in flag.severe:
                    flag.severe.append(signal)
    return flags


def _customers(
    data: Rollups, found: Mapping[str, History], signals: Mapping[str, List[Row]]
) -> List[Row]:
    """Return the flagged customers, by risk_score descending."""
    rows = [
        {
            "customer_id": name,
            "risk_score": flag.score,
            "signals": flag.signals,
            "monthly_cost": data.period.monthly(math.fsum(found[name].amounts[COST])),
            "recommended_action": _action(flag.signals[0], "its"),
        }
        for name, flag in _flags(signals).items()
    ]
    return ordered(rows, "risk_score", ("customer_id",))


def _action(signal: str, whose: str) -> str:
    """Return what to do about the gravest signal of a customer."""
    return {
        "suspicious_access": f"Rotate {whose} API keys and confirm who calls from where",
        "rate_limit_abuse": f"Cap {whose} request rate and ask for retries with back-off",
        "unusual_usage": f"Ask what changed in {whose} usage and set a daily quota",
        "cost_spikes": f"Put a daily budget on {whose} spending and check the models in use",
    }[signal]


def _daily(data: Rollups, signals: Mapping[str, List[Row]]) -> List[Row]:
    """Return calls and cost of each date, and how many customers were flagged on it."""
    flagged: Dict[str, Set[str]] = {}
    for signal in SIGNALS:
        for row in signals[signal]:
            if _counts(signal, row):
                day = (row.get("date") or row["hour"])[:10]
                flagged.setdefault(day, set()).add(row["customer_id"])
    return [
        {
            "date": day,
            "call_count": calls,
            "total_cost": cost,
            "flagged_customers": len(flagged.get(day, ())),
        }
        for (day,), (calls, cost) in data[DAYS].items()
    ]


# --- words -----------------------------------------------------------------------------------


def _summary(data: Rollups, customers: List[Row], exposure: float) -> Row:
    return {
        "total_calls": data.totals.calls,
        "total_cost": data.totals.cost,
        "total_customers": len(data.customers),
        "flagged_customers": len(customers),
        "flagged_percent": stats.percent(len(customers), len(data.customers)),
        "critical_count": sum(c["risk_score"] >= config.ABUSE_CRITICAL_SCORE for c in customers),
        "estimated_exposure_usd_per_month": exposure,
    }


_TITLES: Mapping[str, Tuple[str, str, str]] = {
    # signal: severity, what the customers did, and how that is decided
    "suspicious_access": (
        "critical",
        "changed region faster than anybody travels",
        f"More than {config.SUSPICIOUS_SWITCHES_PER_DAY} changes of region within an hour each, "
        "on one day, more than the customer's habit and chance explain.",
    ),
    "rate_limit_abuse": (
        "critical",
        "ran into rate limits again and again",
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


def _findings(data: Rollups, signals: Mapping[str, List[Row]], exposure: _Exposure) -> List[Row]:
    found = caveats(data.period, data.totals)
    for signal in SIGNALS:
        rows = [row for row in signals[signal] if _counts(signal, row)]
        if rows:
            severity, what, how = _TITLES[signal]
            who = counted(len({row["customer_id"] for row in rows}), "customer")
            found.append(finding(severity, f"{who} {what}", how, exposure.of([rows])))
    if data.customers and not any(signals.values()):
        found.append(
            finding(
                "success",
                "No account behaves as no ordinary customer does",
                f"{counted(len(data.customers), 'customer')} checked for unusual usage and cost, "
                "rate-limit abuse and impossible region changes.",
            )
        )
    return found


def _recommendations(
    signals: Mapping[str, List[Row]], customers: List[Row], exposure: _Exposure
) -> List[str]:
    """Return what to do about the riskiest customers, then one sentence for the others."""
    named, counting = config.RECOMMENDED_SUBJECTS, _counting(signals)
    said = []
    for row in customers[:named]:
        worth = exposure.of(counting, row["customer_id"])
        beyond = f", {usd(worth)} a month beyond its usual cost" if worth else ""
        action = _action(row["signals"][0], f"{row['customer_id']}'s")
        said.append(f"{action}: risk {row['risk_score']} of 100{beyond}.")
    rest = customers[named:]
    if rest:
        said.append(f"Review {counted(len(rest), 'more flagged customer')} in the table.")
    return said
