"""Weekdays on which clearly less is spent: regular, not anomalous, and worth knowing.

It says when capacity is idle.
"""

from __future__ import annotations

from datetime import date
from typing import Dict, List, Mapping, Sequence

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.wording import percent
from finops.results.base import Finding
from finops.stats import mean, median
from finops.stats import percent as percent_of
from finops.timestamps import date_of

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A rhythm is what came back this many times.
_LEAST_WEEKS = 3


def quiet_weekdays(costs: Mapping[str, float], dates: Sequence[str]) -> List[int]:
    """Return the weekdays (0 is Monday) that cost clearly less than a usual day.

    `dates` are whole days in order, `costs` those of the dates with any.  None where there are
    not three of each weekday, or where most weekdays would be quiet.
    """
    by_weekday: Dict[int, List[float]] = {weekday: [] for weekday in range(len(WEEKDAYS))}
    for day in dates:
        by_weekday[_weekday(day)].append(costs.get(day, 0.0))
    if min(len(amounts) for amounts in by_weekday.values()) < _LEAST_WEEKS:
        return []
    limit = (1 - config.QUIET_WEEKDAY_PCT / 100) * median(costs.get(day, 0.0) for day in dates)
    quiet = [weekday for weekday, amounts in by_weekday.items() if median(amounts) < limit]
    return quiet if 2 * len(quiet) < len(WEEKDAYS) else []


def week_findings(costs: Mapping[str, float], span: CoveredDays) -> List[Finding]:
    """Return the weekday pattern of the daily cost, if there is one; all costs are known."""
    quiet = quiet_weekdays(costs, span.whole)
    if not quiet:
        return []
    on_quiet = mean([costs.get(day, 0.0) for day in span.whole if _weekday(day) in quiet])
    on_others = mean([costs.get(day, 0.0) for day in span.whole if _weekday(day) not in quiet])
    names = [WEEKDAYS[weekday] for weekday in quiet]
    verb = "costs" if len(names) == 1 else "cost"
    return [
        finding(
            "info",
            f"{_listed(names)} {verb} {percent(100 - percent_of(on_quiet, on_others))} less than "
            "other days",
            f"The weekly pattern of {len(span.whole)} whole days. The forecast and the limits of "
            "anomalous hours allow for it.",
        )
    ]


def _weekday(day: str) -> int:
    moment: date = date_of(day)
    return moment.weekday()


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
