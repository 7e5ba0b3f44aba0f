"""The hours of a period, one after the other, and what each of them cost."""

from __future__ import annotations

from typing import Dict, List

from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Period, Rollups, Table

HOURS = Table(("hour",), ("cost",), OF_MOMENTS)


def hours_of(period: Period) -> List[str]:
    """Return every hour of the period, from that of the first to that of the last call."""
    return period.hours()


def hourly_costs(data: Rollups) -> Dict[str, float]:
    """Return {hour: cost} for every hour of the period, those without calls included."""
    seen = {hour: cost for (hour,), (cost,) in data[HOURS].items()}
    return {hour: seen.get(hour, 0.0) for hour in hours_of(data.period)}
