"""Gradual decline: named customers leave one by one and do not come back."""

from __future__ import annotations

from typing import Sequence

from finops import config
from finops.simulator.incidents import Incident, departure
from finops.simulator.scenarios.base import Scenario, Stretch


class GradualDecline(Scenario):
    """Calls fall linearly while customers leave."""

    id = "gradual_decline"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return 1 falling linearly."""
        return 1 - config.DECLINE_DROP * since / self.shape.hours

    def plant(self, stretch: Stretch) -> Sequence[Incident]:
        """Return the leavers, evenly over the week."""
        leavers = stretch.departures.pick(stretch.dice, config.DECLINE_LEAVERS_SHARE)
        step = stretch.hours / (len(leavers) + 1)
        return [
            departure(self.id, stretch.start + round(step * (i + 1)), id)
            for i, id in enumerate(leavers)
        ]
