"""Weekend effect: business customers do not work on Saturdays and Sundays."""

from __future__ import annotations

from finops import config
from finops.simulator.scenarios.base import Scenario

_SATURDAY = 5


class WeekendEffect(Scenario):
    """A fraction of the calls on Saturday and Sunday, the usual number on other days."""

    id = "weekend_effect"

    def rhythm(self, hour: int, weekday: int) -> float:
        """Return the weekend's factor, or 1."""
        return config.WEEKEND_FACTOR if weekday >= _SATURDAY else 1.0
