"""Burst traffic: now and then one customer makes many times its calls for some hours."""

from __future__ import annotations

from functools import partial
from typing import List, Optional

from finops import config
from finops.simulator.incidents import HOUR_BURST, Incident
from finops.simulator.population import Customer, long_share
from finops.simulator.scenarios.base import Episode, Scenario, Stage

_WORKING_HOURS = range(10, 15)
_SATURDAY = 5
_WEEKEND_HOURS = 3 * 24


class BurstTraffic(Scenario):
    """Bursts of one customer, spread over weeks; each is an incident."""

    id = "burst_traffic"

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Pick a customer that is large enough to be noticed, and the hours of its bursts."""
        picked = _picked(stage)
        if not picked:
            return None
        customer = stage.customers[picked[0]]
        smallest, largest = config.BURST_SIZE
        long = stage.share(picked[0]) * long_share(customer.profile)
        least = min(max(smallest, config.BURST_LONG_CALLS / long), largest)
        most = min(least * config.BURST_MOST_OVER_LEAST, largest)
        incidents: List[Incident] = []
        step = self.shape.hours // config.BURSTS_PER_EPISODE
        for place in range(config.BURSTS_PER_EPISODE):
            at = stage.start + place * step + stage.rng.below(step - _WEEKEND_HOURS)
            start = _working_hour(stage, at, customer)
            hours = stage.rng.whole_between(*config.BURST_HOURS)
            size = stage.rng.between(least, most)
            incidents.append(
                Incident(HOUR_BURST, self.id, start, start + hours, customer.id, round(size, 3))
            )
        return Episode(
            self.id,
            "Burst",
            stage.start,
            stage.start + self.shape.hours,
            customer.id,
            (picked[0],),
            incidents=tuple(incidents),
        )

    def surge(self, episode: Episode, since: int) -> float:
        """Return what a burst of this hour brings."""
        hour = episode.start + since
        return max([i.size - 1 for i in episode.incidents if i.start <= hour < i.end], default=0.0)


def _picked(stage: Stage) -> List[int]:
    """Return the position of a customer whose bursts can be seen, the best that there is."""
    for expensive, least in config.BURST_CAST:
        picked = stage.pick(1, partial(_is_seen, stage, expensive, least))
        if picked:
            return picked
    return []


def _is_seen(
    stage: Stage, expensive: bool, least: float, position: int, customer: Customer
) -> bool:
    """Return whether a customer has this taste and makes so many long calls, as a share of all."""
    long = stage.share(position) * long_share(customer.profile)
    return customer.expensive == expensive and long >= least


def _working_hour(stage: Stage, index: int, customer: Customer) -> int:
    """Return an hour soon after `index` in which the customer is at work.

    A multiple of hardly any calls would not show, so it is one in which other scenarios leave
    at least the average of calls.
    """
    ahead = config.REGION_UTC_OFFSET_HOURS[customer.region]
    busy = [hour for hour in _WORKING_HOURS if _is_busy(stage, hour)]
    wanted = stage.rng.pick(busy or _WORKING_HOURS)
    while True:
        hour, weekday = stage.calendar.local(index, ahead)
        if hour == wanted and weekday < _SATURDAY:
            return index
        index += 1


def _is_busy(stage: Stage, hour: int) -> bool:
    return all(stage.rhythm(hour, weekday) >= 1 for weekday in range(_SATURDAY))
