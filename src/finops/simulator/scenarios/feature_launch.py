"""Feature launch: everybody tries the new feature, and interest fades slowly."""

from __future__ import annotations

import math
from typing import Optional, Tuple

from finops import config
from finops.simulator.scenarios.base import Scenario

# The launched feature's share moves in steps of this size, so that hours share a table.
_STEPS = 64


class FeatureLaunch(Scenario):
    """Rises from 1 to the peak, then decays towards 1; the launched feature takes the extra."""

    id = "feature_launch"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return how far the launch has got."""
        peak = self.shape.hours * config.LAUNCH_PEAK_SHARE
        extra = config.LAUNCH_PEAK - 1
        if since < peak:
            return 1 + extra * since / peak
        return round(1 + extra * math.exp(-config.LAUNCH_DECAY_PER_HOUR * (since - peak)), 9)

    def feature_share(self, since: int) -> Optional[Tuple[str, float]]:
        """Return the launched feature and the extra calls' share of all."""
        extra = 1 - 1 / self.multiplier(since, 0, 0)
        return config.LAUNCHED_FEATURE, round(extra * _STEPS) / _STEPS
