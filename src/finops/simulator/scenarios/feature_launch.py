"""Feature launch: everybody tries the new feature, and interest settles slowly."""

from __future__ import annotations

import math
from typing import Optional, Sequence

from finops import config
from finops.simulator.scenarios.base import Episode, Scenario, Stage


class FeatureLaunch(Scenario):
    """From nothing to the peak, then towards the steady level, at which it stays."""

    id = "feature_launch"
    later_features = config.LAUNCHED_FEATURES

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Launch the next of the configured features."""
        if stage.number >= len(config.LAUNCHED_FEATURES):
            return None
        feature = config.LAUNCHED_FEATURES[stage.number]
        title = f"Launch of {config.FEATURES[feature]}"
        end = stage.start + self.shape.hours
        return Episode(self.id, title, stage.start, end, feature, features=(feature,))

    def feature_level(self, episode: Episode, since: int) -> float:
        """Return how far the launch has got."""
        peak = episode.hours * config.LAUNCH_PEAK_SHARE
        if since < peak:
            return config.LAUNCH_PEAK * since / peak
        faded = math.exp(-config.LAUNCH_DECAY_PER_HOUR * (since - peak))
        return round(1 + (config.LAUNCH_PEAK - 1) * faded, 9)

    def prompts_changed(self, episode: Episode) -> Sequence[int]:
        """Return the begin: a new prompt is in no cache."""
        return (0,)
