"""Viral spike: a few customers' products take off."""

from __future__ import annotations

import math
from typing import Optional

from finops import config
from finops.simulator.incidents import VIRAL_CUSTOMER, Incident
from finops.simulator.population import Customer
from finops.simulator.scenarios.base import Episode, Scenario, Stage
from finops.simulator.traffic import DAY_HOURS


class ViralSpike(Scenario):
    """Exponential growth to the peak, a plateau, and a fall to a level above the old one."""

    id = "viral_spike"

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Pick who goes viral."""
        wanted = 1 + len(stage.customers) // config.VIRAL_CUSTOMERS_EACH
        wanted = min(wanted, config.VIRAL_MOST_CUSTOMERS)
        low, high = config.VIRAL_SHARE

        def is_promising(position: int, customer: Customer) -> bool:
            # Not large yet, but large enough to be seen when it grows.
            fits = customer.tier != "enterprise" and not customer.expensive
            return fits and low <= stage.share(position) <= high

        def is_large_enough(position: int, customer: Customer) -> bool:
            return stage.share(position) >= low

        picked = stage.pick(wanted, is_promising) or stage.pick(wanted, is_large_enough)
        if not picked:
            return None
        ids = [stage.customers[position].id for position in picked]
        end = stage.start + self.shape.hours
        return Episode(
            self.id,
            "Viral growth",
            stage.start,
            end,
            "; ".join(ids),
            tuple(picked),
            incidents=tuple(
                Incident(VIRAL_CUSTOMER, self.id, stage.start, end, id, config.VIRAL_PEAK)
                for id in ids
            ),
        )

    def customer_factor(self, episode: Episode, place: int, since: int) -> float:
        """Return what is left of the growth after the end, less and less."""
        if since < episode.hours:
            return 1.0
        settled = min(1.0, (since - episode.hours) / (config.VIRAL_SETTLES_DAYS * DAY_HOURS))
        return config.VIRAL_ENDS + (config.VIRAL_STAYS - config.VIRAL_ENDS) * settled

    def surge(self, episode: Episode, since: int) -> float:
        """Return what it makes on top of its calls."""
        done = since / episode.hours
        fall = 1 - config.VIRAL_FALL_SHARE
        if done >= 1:
            return 0.0
        if done > fall:
            part = (done - fall) / config.VIRAL_FALL_SHARE
            return config.VIRAL_PEAK + (config.VIRAL_ENDS - config.VIRAL_PEAK) * part - 1
        climbed = min(1.0, done / config.VIRAL_PEAK_SHARE)
        return round(math.pow(config.VIRAL_PEAK, climbed), 9) - 1
