"""Timezone pattern: the world works in shifts."""

from __future__ import annotations

from finops import config
from finops.simulator.scenarios.base import Scenario


class TimezonePattern(Scenario):
    """Who calls follows the hour where the customer is."""

    id = "timezone_pattern"

    def rhythm(self, hour: int, weekday: int) -> float:
        """Return the configured factor of an hour of the day, 1 where none is configured."""
        for first, end, factor in config.TIMEZONE_FACTORS:
            if first <= hour < end:
                return factor
        return 1.0
