"""Seasonal pattern: a slow wave over a week."""

from __future__ import annotations

import math

from finops import config
from finops.simulator.scenarios.base import Scenario

_WEEK_HOURS = 168


class SeasonalPattern(Scenario):
    """0.5 + 0.5 sin(2π × (h mod 168) / 168), with a floor that keeps the lights on."""

    id = "seasonal_pattern"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return the wave's height."""
        wave = 0.5 + 0.5 * math.sin(2 * math.pi * (since % _WEEK_HOURS) / _WEEK_HOURS)
        return max(config.SEASONAL_FLOOR, round(wave, 9))
