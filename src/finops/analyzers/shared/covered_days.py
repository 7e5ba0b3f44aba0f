"""Which dates the data covers, how much of the first and the last one, and rates over them.

Data starts and stops in the middle of a day.  Between its first and its last date every date
counts as one day; of these two only the hours that the data covers do.  An hour counts for as
many calls as a typical day has in it, so that a job that runs once a day at nine covers five
days in five dates, and a file that ends at seven in the morning has hardly begun its last day.

A rate is a sum over covered days, for a month of 30 of them; under `config.SHORT_PERIOD_DAYS`
there is none.
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config, schema
from finops.reader.encoding import COST
from finops.reader.fields import PICO
from finops.rollups.expressions import above, column, when
from finops.rollups.measures import DAY_S, Measure
from finops.rollups.memo import memoized
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.timestamps import days_between

# What aggregates of more than a day cost, which all stands on their first day.
LONGER_COST = Measure(
    "longer_cost", when(above("bucket_s", DAY_S), column(COST)), schema.MAX_COST_PICO, PICO
)
HOURLY_CALLS = Table(("hour",), ("calls", LONGER_COST))
_HOURS = range(24)


class CoveredDays:
    """The dates of the data in order, each with the share of it that the data covers, 0 to 1.

    `days` is the sum of the shares, `whole` the dates with a share of 1, `partial` the others,
    `recent` the last 30 whole dates, or all where there are fewer: what "now" is measured by.
    `local` gives a timestamp in UTC in the time zone of the dates.  `by_day` says whether nearly
    all cost is known by day; where it is not, no date is whole, and "now" is all of the data.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        local: Callable[[str], str] = lambda time: time,
        by_day: bool = True,
    ) -> None:
        self.shares = shares
        self._local = local
        self.dates: Sequence[str] = list(shares)
        self.days = math.fsum(shares.values())
        self.by_day = by_day
        self.whole = [date for date, share in shares.items() if share == 1 and by_day]
        self.partial: Tuple[str, ...] = tuple(d for d, share in shares.items() if share != 1)
        self.recent = self.whole[-config.DAYS_PER_MONTH :] if by_day else self.dates
        self._place = {date: place for place, date in enumerate(self.dates)}
        self._before = [0.0, *accumulate(shares.values())]

    @property
    def has_rates(self) -> bool:
        """Whether the data covers enough days for figures per month."""
        return self.days >= config.SHORT_PERIOD_DAYS

    def monthly(self, amount: Optional[float]) -> Optional[float]:
        """Return an amount of the whole period as one of 30 days; None under 7 covered days."""
        if amount is None or not self.has_rates:
            return None
        return amount * config.DAYS_PER_MONTH / self.days

    def monthly_now(self, by_day: Mapping[str, float]) -> Optional[float]:
        """Return {date: amount} of the last 30 whole days as an amount of 30 days.

        None under 7 covered days; dates that are missing have none.
        """
        return self.monthly_recent(math.fsum(by_day.get(date, 0.0) for date in self.recent))

    def monthly_recent(self, amount: float) -> Optional[float]:
        """Return an amount of the last 30 whole days, or of fewer, as one of 30 days.

        None under 7 covered days.
        """
        if not self.has_rates:
            return None
        return amount * config.DAYS_PER_MONTH / len(self.recent)

    def date(self, timestamp: str) -> str:
        """Return the date of a timestamp in UTC, or the nearest date of the data."""
        date = min(max(self._local(timestamp)[:10], self.dates[0]), self.dates[-1])
        return self.dates[self._place[date]]  # one text for all who ask

    def between(self, first: str, last: str) -> float:
        """Return the covered days from one date of the data to another, both included."""
        return self._before[self._place[last] + 1] - self._before[self._place[first]]


@memoized
def covered_days(data: Rollups) -> CoveredDays:
    """Return the dates of the data and how much of each is covered; needs `HOURLY_CALLS`."""
    cells = data[HOURLY_CALLS]
    longer = math.fsum(cost for _, cost in cells.values())
    # Credits may outweigh what calls cost; the share is one of the amount.
    by_day = abs(longer) <= abs(data.totals.cost) * config.LONG_AGGREGATES_SHARE_PCT / 100
    return CoveredDays(day_shares(cells, data.period.ends), data.period.local, by_day)


def day_shares(cells: Mapping[Key, Values], ends: Tuple[str, str] = ("", "")) -> Dict[str, float]:
    """Return {date: covered share} for all dates from the first to the last hour.

    `cells` are those of `HOURLY_CALLS`, `ends` the first and the last hour that the data covers
    where these are not the first and the last with a call.  The first date is covered from the
    first hour on, the last up to the last one; their share is that of a typical day's calls in
    those hours, typical being all dates between.  Where fewer than two dates are between, or
    these have no calls, each hour counts alike.
    """
    if not cells:
        return {}
    hours = [hour for (hour,) in cells]
    first, last = ends[0] or min(hours), ends[1] or max(hours)
    dates = days_between(first, last)
    begin, end = int(first[11:13]), int(last[11:13])
    if len(dates) == 1:
        return {dates[0]: (end + 1 - begin) / len(_HOURS)}
    typical = _calls_by_hour(cells, dates[1:-1])
    whole = sum(typical)
    shares = dict.fromkeys(dates, 1.0)
    shares[dates[0]] = sum(typical[begin:]) / whole
    shares[dates[-1]] = sum(typical[: end + 1]) / whole
    return shares


def _calls_by_hour(cells: Mapping[Key, Values], between: Sequence[str]) -> List[int]:
    """Return the calls of dates by hour of day; one each where that says nothing."""
    calls = [0 for _ in _HOURS]
    inside = set(between)
    for (hour,), values in cells.items():
        if hour[:10] in inside:
            calls[int(hour[11:13])] += values[0]
    return calls if len(between) > 1 and any(calls) else [1 for _ in _HOURS]
