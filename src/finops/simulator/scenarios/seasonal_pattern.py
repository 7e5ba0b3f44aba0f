"""Seasonal pattern: a slow wave over four weeks."""

from __future__ import annotations

import math

from finops import config
from finops.simulator.scenarios.base import Scenario


class SeasonalPattern(Scenario):
    """Ordinary weeks, then a high and a low, so that no trend comes of it.

    The fifth power of a sine stays near its middle for longer than a sine does.
    """

    id = "seasonal_pattern"

    def level(self, day: float) -> float:
        """Return the wave's height."""
        low, high = config.SEASON_LEVELS
        wave = math.sin(2 * math.pi * (day - config.SEASON_FIRST_DAY) / config.SEASON_DAYS) ** 5
        return round((high + low) / 2 + (high - low) / 2 * wave, 9)
