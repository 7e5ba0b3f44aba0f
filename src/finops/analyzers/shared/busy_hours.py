"""The hours of the day in which most calls of a region begin.

They say when capacity is needed where, and which hours a change had better avoid.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence

from finops import config
from finops.analyzers.base import finding
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.wording import counted, percent
from finops.results.base import Finding
from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Rollups, Table
from finops.stats import percent as percent_of

REGION_HOURS = Table(("region", "hour_of_day"), ("calls",), OF_MOMENTS)
_DAY_HOURS = 24


class BusyHours(NamedTuple):
    """The hours in a row in which most calls of a region begin; `first` is an hour in UTC."""

    region: str
    first: int
    share_percent: float
    calls: int


def busy_hours(data: Rollups) -> List[BusyHours]:
    """Return the regions that have busy hours, most calls first; needs `REGION_HOURS`.

    These are `config.BUSY_HOURS` hours in a row with `config.BUSY_HOURS_SHARE_PCT` of the calls.
    """
    by_region: Dict[str, List[int]] = {}
    for (region, hour), (calls,) in data[REGION_HOURS].items():
        by_region.setdefault(region, [0] * _DAY_HOURS)[hour] += calls
    rows = [_busiest(region, calls) for region, calls in by_region.items()]
    busy = [
        row
        for row in rows
        if row.share_percent >= config.BUSY_HOURS_SHARE_PCT
        and row.calls >= config.MODEL_MIN_CALLS
        and row.region != config.UNKNOWN
    ]
    return sorted(busy, key=lambda row: (-row.calls, row.region))


def _busiest(region: str, calls: Sequence[int]) -> BusyHours:
    sums = [
        sum(calls[(first + k) % _DAY_HOURS] for k in range(config.BUSY_HOURS))
        for first in range(_DAY_HOURS)
    ]
    first = max(range(_DAY_HOURS), key=lambda hour: sums[hour])
    return BusyHours(region, first, percent_of(sums[first], sum(calls)), sum(calls))


def hour_findings(data: Rollups, span: CoveredDays) -> List[Finding]:
    """Return the profile of the hours by region, if there is one; needs `REGION_HOURS`.

    None under `config.SHORT_PERIOD_DAYS` covered days: a day is no rhythm.
    """
    rows = busy_hours(data) if span.has_rates else []
    if not rows:
        return []
    named = rows[: config.CHANGE_SUBJECTS]
    more = len(rows) - len(named)
    rest = f", and those of {counted(more, 'more region')}" if more else ""
    top = rows[0]
    return [
        finding(
            "info",
            f"{top.region} makes {percent(top.share_percent)} of its calls in "
            f"{config.BUSY_HOURS} hours of the day",
            f"The busiest hours by region, in UTC: {'; '.join(map(_hours_words, named))}{rest}.",
            kind="quality",
            subject={"region": top.region},
        )
    ]


def _hours_words(row: BusyHours) -> str:
    end = (row.first + config.BUSY_HOURS) % _DAY_HOURS
    return f"{row.region} {row.first:02d}:00 to {end:02d}:00 ({percent(row.share_percent)})"
