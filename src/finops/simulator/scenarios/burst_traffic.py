"""Burst traffic: now and then one customer makes many times its calls for some hours."""

from __future__ import annotations

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

        def is_large(position: int, customer: Customer) -> bool:
            long = long_share(customer.profile)
            return stage.share(position) >= config.BURST_SHARE and long >= config.BURST_LONG_SHARE

        picked = stage.pick(1, is_large) or stage.pick(1, _is_heavy)
        if not picked:
            return None
        customer, share = stage.customers[picked[0]], stage.share(picked[0])
        smallest, largest = config.BURST_SIZE
        least = min(max(smallest, config.BURST_LEAST_SHARE / share), largest)
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


def _is_heavy(_: int, customer: Customer) -> bool:
    return customer.archetype == "heavy"


def _working_hour(stage: Stage, index: int, customer: Customer) -> int:
    """Return an hour soon after `index` in which the customer is at work."""
    ahead = config.REGION_UTC_OFFSET_HOURS[customer.region]
    wanted = stage.rng.pick(_WORKING_HOURS)
    while True:
        hour, weekday = stage.calendar.local(index, ahead)
        if hour == wanted and weekday < _SATURDAY:
            return index
        index += 1
