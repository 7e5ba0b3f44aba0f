"""Which time zone a vendor's days are in: the one in which the bill agrees with the calls.

Only zones of whole hours are tried, the whole period in one; where the clocks change within it
the days do not fit, and nothing is claimed.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Dict, Mapping, Optional, Tuple

# Hours ahead of UTC, the nearest first.
OFFSETS: Tuple[int, ...] = tuple(sorted((*range(-12, 0), *range(1, 15)), key=abs))
_FORM = "%Y-%m-%dT%H:%M:%S"
_LEAST_DAYS = 2
_ROUNDING = Decimal("0.000001")
_SHARE = Decimal("0.001")

Place = Tuple[str, str]  # model, day or hour
Amounts = Mapping[Place, Decimal]


def hours_ahead(billed: Amounts, hourly: Amounts) -> Optional[int]:
    """Return how many hours ahead of UTC the days are in which all of `billed`, in USD by model
    and day, is what the calls of `hourly`, by model and hour of UTC, cost; None for none.

    >>> calls = {("m", "2026-09-01T22:00:00"): Decimal(1), ("m", "2026-09-02T10:00:00"): Decimal(2)}
    >>> hours_ahead({("m", "2026-09-01"): Decimal(0), ("m", "2026-09-02"): Decimal(3)}, calls)
    2
    """
    if len({day for _, day in billed}) < _LEAST_DAYS:
        return None
    return next((hours for hours in OFFSETS if _fits(billed, _by_day(hourly, hours))), None)


def _fits(billed: Amounts, recorded: Amounts) -> bool:
    """Return whether two sides agree, up to rounding, on each day of the first."""
    models = {model for model, _ in billed}
    days = {day for _, day in billed}
    return all(
        _is_equal(billed.get((model, day), Decimal(0)), recorded.get((model, day), Decimal(0)))
        for model in models
        for day in days
    )


def _is_equal(billed: Decimal, recorded: Decimal) -> bool:
    return abs(billed - recorded) <= max(_ROUNDING, _SHARE * abs(recorded))


def _by_day(hourly: Amounts, hours: int) -> Dict[Place, Decimal]:
    ahead = timedelta(hours=hours)
    sums: Dict[Place, Decimal] = defaultdict(Decimal)
    for (model, hour), amount in hourly.items():
        day = (datetime.strptime(hour, _FORM) + ahead).strftime("%Y-%m-%d")
        sums[model, day] += amount
    return sums
