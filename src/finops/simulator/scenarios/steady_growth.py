"""Steady growth: business is going well."""

from __future__ import annotations

import math

from finops import config
from finops.simulator.scenarios.base import Scenario

_WEEK = 7


class SteadyGrowth(Scenario):
    """The business doubles: customers join, and those who are there call more."""

    id = "steady_growth"
    growth = (
        round(
            math.pow(2, 1 / config.GROWTH_DOUBLING_DAYS)
            / math.pow(1 + config.JOINING_PER_WEEK_GROWING, 1 / _WEEK),
            9,
        ),
        config.JOINING_PER_WEEK_GROWING,
    )
