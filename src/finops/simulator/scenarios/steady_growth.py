"""Steady growth: business is going well."""

from __future__ import annotations

from finops import config
from finops.simulator.scenarios.base import Scenario


class SteadyGrowth(Scenario):
    """Calls triple, linearly."""

    id = "steady_growth"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return 1 rising linearly."""
        return 1 + config.GROWTH_RISE * since / self.shape.hours
