"""What a team should have been alerted to: expensive days, failing days, degraded providers.

Days and hours that follow each other with the same cause are one alert: the first, the last and
how many there were, with the worst of their values.  A provider that is slow and fails in the
same hours is one cause, named by its latency.
"""

from __future__ import annotations

from datetime import timedelta
from operator import attrgetter
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.degradation import (
    FAULT_CUSTOMERS,
    PROVIDER_HOURS,
    PROVIDER_LATENCIES,
    SLOW_CUSTOMERS,
    Degraded,
    degraded_hours,
    led_by_one_customer,
    provider_hours,
    surges_of_one_customer,
)
from finops.analyzers.shared.provider_names import provider_name
from finops.analyzers.shared.tables import DAYS
from finops.analyzers.shared.wording import counted, hour_words, percent, usd, with_status
from finops.results.realtime import Alert
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of
from finops.timestamps import date_of, moment_of

ALERT_TABLES: Tuple[Table, ...] = (
    DAYS,
    HOURLY_CALLS,
    PROVIDER_HOURS,
    PROVIDER_LATENCIES,
    FAULT_CUSTOMERS,
    SLOW_CUSTOMERS,
)
# From the gravest.
ALERT_TYPES: Tuple[str, ...] = ("high_daily_cost", "high_error_rate", "provider_degraded")
LATENCY, ERRORS = "latency", "errors"
_MEASURES = {LATENCY: "p95_latency_ms", ERRORS: "error_rate_percent"}


class Day(NamedTuple):
    """One active day: what it cost in USD, its calls, how many of them failed, how many do not say
    whether they did, and how many have no known cost.
    """

    date: str
    calls: int
    cost: float
    errors: int
    unknown: int
    unpriced: int = 0

    @property
    def known(self) -> int:
        """Calls that say whether they succeeded."""
        return self.calls - self.unknown

    @property
    def error_rate(self) -> float:
        """Failed calls in percent of those that say whether they succeeded."""
        return percent_of(self.errors, self.known)


def active_days(data: Rollups) -> List[Day]:
    """Return every day with a call in order; needs `DAYS`."""
    return [
        Day(day, calls, cost, errors, calls - known, unpriced)
        for (day,), (calls, cost, errors, unpriced, known) in data[DAYS].items()
    ]


def alerts(data: Rollups) -> List[Alert]:
    """Return the alerts by severity, then type, time and subject; needs `ALERT_TABLES`."""
    days = active_days(data) if covered_days(data).by_day else []
    made = [*_day_alerts(days), *_provider_alerts(data)]
    return sorted(made, key=lambda a: (ALERT_TYPES.index(a.type), a.time, a.subject))


# --- days ------------------------------------------------------------------------------------


def _day_alerts(days: Sequence[Day]) -> List[Alert]:
    most, rate = config.HIGH_COST_THRESHOLD_USD, config.HIGH_ERROR_RATE_PCT
    expensive = _runs([day for day in days if day.cost > most])
    fewest = config.HIGH_ERROR_RATE_MIN_ERRORS
    failing = _runs([day for day in days if day.error_rate > rate and day.errors >= fewest])
    return [
        *(_day_alert("high_daily_cost", "critical", run, _cost, most) for run in expensive),
        *(_day_alert("high_error_rate", "warning", run, _error_rate, rate) for run in failing),
    ]


_cost: Callable[[Day], float] = attrgetter("cost")
_error_rate: Callable[[Day], float] = attrgetter("error_rate")


def _runs(days: Sequence[Day]) -> List[List[Day]]:
    """Return days in order as runs of days that follow each other."""
    runs: List[List[Day]] = []
    for day in days:
        if runs and date_of(day.date) - date_of(runs[-1][-1].date) == timedelta(days=1):
            runs[-1].append(day)
        else:
            runs.append([day])
    return runs


def _day_alert(
    kind: str, severity: str, run: Sequence[Day], value: Callable[[Day], float], limit: float
) -> Alert:
    worst = max(run, key=value)
    return Alert(
        type=kind,
        severity=severity,
        subject=run[0].date,
        time=run[0].date,
        value=value(worst),
        threshold=limit,
        message=_several(run, worst, kind) if len(run) > 1 else f"{_day_words(worst, kind)}.",
        end=run[-1].date,
        length=len(run),
    )


def _day_words(day: Day, kind: str) -> str:
    if kind == "high_daily_cost":
        limit = usd(config.HIGH_COST_THRESHOLD_USD)
        return f"{day.date} cost {usd(day.cost)}, more than {limit}"
    calls = with_status(day.known, day.calls)
    return f"{percent(day.error_rate)} of {calls} failed on {day.date}"


def _several(run: Sequence[Day], worst: Day, kind: str) -> str:
    return (
        f"{counted(len(run), 'day')} in a row, {run[0].date} to {run[-1].date}; the worst: "
        f"{_day_words(worst, kind)}."
    )


# --- providers -------------------------------------------------------------------------------


class Episode(NamedTuple):
    """Bad hours of one provider by one measure that follow each other."""

    hours: List[Degraded]

    @property
    def start(self) -> str:
        """The first hour."""
        return self.hours[0].hour

    @property
    def end(self) -> str:
        """The last hour."""
        return self.hours[-1].hour

    @property
    def worst(self) -> Degraded:
        """The hour with the highest value."""
        return max(self.hours, key=lambda hour: hour.value)


def _provider_alerts(data: Rollups) -> List[Alert]:
    bad = degraded_hours(provider_hours(data))
    made_by_one = {
        LATENCY: surges_of_one_customer(data[SLOW_CUSTOMERS]),
        ERRORS: led_by_one_customer(data[FAULT_CUSTOMERS], data.totals.customers),
    }
    own = [hour for hour in bad if (hour.hour, hour.provider) not in made_by_one[hour.kind]]
    by_measure: Dict[Tuple[str, str], List[Degraded]] = {}
    for hour in sorted(own, key=lambda hour: hour.hour):
        by_measure.setdefault((hour.provider, hour.kind), []).append(hour)
    made = []
    for provider in sorted({provider for provider, _ in by_measure}):
        slow = _episodes(by_measure.get((provider, LATENCY), []))
        failing = _episodes(by_measure.get((provider, ERRORS), []))
        made += [_degraded(each, [f for f in failing if _touch(each, f)]) for each in slow]
        made += [_degraded(each, []) for each in failing if not any(_touch(each, s) for s in slow)]
    return made


def _episodes(hours: Sequence[Degraded]) -> List[Episode]:
    episodes: List[Episode] = []
    for hour in hours:
        if episodes and _follows(episodes[-1].end, hour.hour):
            episodes[-1].hours.append(hour)
        else:
            episodes.append(Episode([hour]))
    return episodes


def _follows(before: str, hour: str) -> bool:
    return moment_of(hour) - moment_of(before) <= timedelta(hours=1)


def _touch(one_episode: Episode, other: Episode) -> bool:
    """Return whether two episodes overlap or follow each other."""
    first, second = sorted([one_episode, other], key=lambda episode: episode.start)
    return _follows(first.end, second.start)


def _degraded(episode: Episode, failing: Sequence[Episode]) -> Alert:
    worst = episode.worst
    details = [_measured(worst), *(_measured(each.worst) for each in failing)]
    return Alert(
        type="provider_degraded",
        severity="warning",
        subject=worst.provider,
        time=episode.start,
        value=worst.value,
        threshold=worst.threshold,
        message=f"{provider_name(worst.provider)} {_when(episode)}: {'; '.join(details)}.",
        measure=_MEASURES[worst.kind],
        end=episode.end,
        length=len(episode.hours),
    )


def _when(episode: Episode) -> str:
    if len(episode.hours) == 1:
        return f"at {hour_words(episode.start)}"
    return f"from {hour_words(episode.start)}, {counted(len(episode.hours), 'hour')} in a row"


def _measured(hour: Degraded) -> str:
    if hour.kind == LATENCY:
        return f"p95 was {hour.value:,.0f} ms, usually {hour.usual:,.0f} ms"
    return f"{percent(hour.value)} of the calls failed, usually {percent(hour.usual)}"
