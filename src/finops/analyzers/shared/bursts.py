"""Bursts: hours that cost many times what the hours around them cost.

An hour may be far above the mean of the whole period because everything is busier that day,
which is growth and no incident.  A burst stands out from its own surroundings: from a high
quantile of the hours before and after it, so that neither a slope, nor the step from a quiet
to a busy day, nor another burst nearby decides.
"""

from __future__ import annotations

from typing import Sequence

from finops import config
from finops.stats import percentile

BURST, BUSY = "burst", "busy"


def cost_around(costs: Sequence[float], place: int) -> float:
    """Return what the hours around an hour cost, in the unit of `costs`, one value an hour.

    That is `config.BURST_AROUND_PERCENTILE` (0 to 1) of the `config.BURST_AROUND_HOURS` before
    and after it; 0 where there are none.

    >>> cost_around([1, 1, 9, 2, 2], 2)
    2
    """
    first = max(0, place - config.BURST_AROUND_HOURS)
    end = place + 1 + config.BURST_AROUND_HOURS
    return percentile(
        [*costs[first:place], *costs[place + 1 : end]], config.BURST_AROUND_PERCENTILE
    )


def pattern(cost: float, around: float) -> str:
    """Return "burst" for an hour beyond the configured multiple of those around, else "busy".

    >>> pattern(9.0, 2.0), pattern(9.0, 6.0)
    ('burst', 'busy')
    """
    return BURST if cost > config.BURST_FACTOR * around else BUSY
