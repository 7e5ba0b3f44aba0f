"""What an hour usually costs: measured by the hours like it.

A nightly job, a weekly report or office hours are no incident, however quiet the hours between
them are, and neither are the days of a higher level of use.  So an hour is held against the other
hours, with a call, of the same hour of the week, of the same hour of the day, of those in the
week before and in the week after, and of the same hour and day of the month; the one that
explains it best counts.  Where there is none of these, it is held against all hours with a call.

The days of a month fall on working days and weekends alike, so how far they stray says nothing:
a schedule by month shows in their middle only.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Dict, Iterator, List, Mapping, NamedTuple, Sequence, Tuple

from finops import config
from finops.stats import SortedWithout, sorted_median, sorted_median_distance
from finops.timestamps import date_of

# Median absolute deviation to standard deviation, for a normal distribution.
_SCALE = 1.4826
# So many days before or after show the level of use; and the same day of so many other months
# makes a schedule: of fewer it may be chance.
_DAYS = 7
_FEWEST_DAYS = 3
_MONTHS = 2


class Usual(NamedTuple):
    """What like hours cost, in USD: their median, and how far they stray from it."""

    cost: float
    spread: float

    @property
    def limit(self) -> float:
        """The cost above which an hour is far from it."""
        return self.cost + max(config.ANOMALY_MULTIPLIER * self.spread, config.ANOMALY_MIN_USD)


class LikeHours:
    """The hours with a call of a period, {hour: USD}, grouped by what could repeat them."""

    def __init__(self, active: Mapping[str, float]) -> None:
        self._costs = active
        self._groups: Dict[Tuple[object, ...], List[float]] = {}
        for hour, cost in active.items():
            for key in (*_keys(hour), ()):
                self._groups.setdefault(key, []).append(cost)
        for costs in self._groups.values():
            costs.sort()
        self._clocks: Dict[str, List[str]] = {}
        for hour in sorted(active):
            self._clocks.setdefault(hour[11:13], []).append(hour)

    def usual(self, hour: str) -> Usual:
        """Return what the others of the like hours that cost most cost; `hour` is one with a call.

        Without any other hour it is what the hour itself cost.
        """
        cost = self._costs[hour]
        by_week, by_day, by_month = (self._others(key, cost) for key in _keys(hour))
        alike = [others for others in (by_week, by_day, *self._near(hour)) if others]
        usual = [_usual_of(others) for others in alike]
        if len(by_month) >= _MONTHS:
            usual.append(_usual(sorted_median(by_month), 0.0))
        if not usual:
            usual.append(_usual_of(self._others((), cost) or (cost,)))
        return max(usual, key=lambda each: each.limit)

    def _near(self, hour: str) -> Iterator[Sequence[float]]:
        """Yield what the same hour of the last and of the next days with it cost, ascending."""
        hours = self._clocks[hour[11:13]]
        place = bisect_left(hours, hour)
        for part in (hours[max(0, place - _DAYS) : place], hours[place + 1 : place + 1 + _DAYS]):
            if len(part) >= _FEWEST_DAYS:
                yield sorted(self._costs[each] for each in part)

    def _others(self, key: Tuple[object, ...], cost: float) -> Sequence[float]:
        """Return the costs of a group, ascending, without one occurrence of a cost in it."""
        costs = self._groups[key]
        return SortedWithout(costs, bisect_left(costs, cost))


def _keys(hour: str) -> Tuple[Tuple[object, ...], ...]:
    """Return what an hour could come back by: hour of the week, of the day, of the month."""
    clock = hour[11:13]
    return ("week", date_of(hour).weekday(), clock), ("day", clock), ("month", hour[8:10], clock)


def _usual_of(costs: Sequence[float]) -> Usual:
    """Return what ascending costs are usually; their number hardly counts, for each hour of a
    long period may have as many others as there are days.
    """
    centre = sorted_median(costs)
    return _usual(centre, _SCALE * sorted_median_distance(costs, centre))


def _usual(centre: float, spread: float) -> Usual:
    """Return costs about a centre whose spread is at least the configured share of it."""
    return Usual(centre, max(spread, centre * config.ANOMALY_SPREAD_FLOOR_PCT / 100))
