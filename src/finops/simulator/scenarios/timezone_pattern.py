"""Timezone pattern: the world works in shifts."""

from __future__ import annotations

from typing import Optional, Sequence

from finops import config
from finops.simulator.incidents import Incident
from finops.simulator.model_mix import Weights
from finops.simulator.population import Population
from finops.simulator.scenarios.base import Scenario


class TimezonePattern(Scenario):
    """Volume follows the hour in UTC; who calls follows the hour where the customer is."""

    id = "timezone_pattern"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return the factor of the hour in UTC."""
        return activity_at(hour_of_day)

    def customer_weights(
        self, since: int, hour_of_day: int, population: Population, planted: Sequence[Incident]
    ) -> Optional[Weights]:
        """Return usual activity × factor of the customer's local hour."""
        offsets = config.REGION_UTC_OFFSET_HOURS
        local = {
            region: activity_at((hour_of_day + ahead) % 24) for region, ahead in offsets.items()
        }
        return tuple(c.activity * local[c.region] for c in population.customers)


def activity_at(hour: int) -> float:
    """Return the configured factor of an hour of the day, 1 where none is configured."""
    for first, end, factor in config.TIMEZONE_FACTORS:
        if first <= hour < end:
            return factor
    return 1.0
