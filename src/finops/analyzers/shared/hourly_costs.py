"""The hours of a period, one after the other, and what each of them cost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Dict, Iterator

from finops.rollups.spec import Period, Rollups, Table

HOURS = Table(("hour",), ("cost",))


def hours_of(period: Period) -> Iterator[str]:
    """Yield every hour of the period, from that of the first to that of the last call."""
    if not period.start:
        return
    now = datetime.strptime(period.start[:13], "%Y-%m-%dT%H")
    last = datetime.strptime(period.end[:13], "%Y-%m-%dT%H")
    while now <= last:
        yield now.isoformat()
        now += timedelta(hours=1)


def hourly_costs(data: Rollups) -> Dict[str, float]:
    """Return {hour: cost} for every hour of the period, those without calls included."""
    seen = {hour: cost for (hour,), (cost,) in data[HOURS].items()}
    return {hour: seen.get(hour, 0.0) for hour in hours_of(data.period)}
