"""Cost optimization: cheaper models, then shorter prompts and answers, then better caching."""

from __future__ import annotations

from typing import Optional, Sequence

from finops import config
from finops.simulator.scenarios.base import Episode, Scenario, Stage

_STEPS = 3


class CostOptimization(Scenario):
    """The unit cost of some features falls in three steps, and stays low."""

    id = "cost_optimization"

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Take the next of the configured programmes."""
        if stage.number >= len(config.COST_PROGRAMMES):
            return None
        features = config.COST_PROGRAMMES[stage.number]
        return Episode(
            self.id,
            "Cost programme",
            stage.start,
            stage.start + self.shape.hours,
            "; ".join(features),
            features=features,
        )

    def saving_steps(self, episode: Episode, since: int) -> int:
        """Return the steps begun: the first at once, the others after a third each."""
        return min(_STEPS, 1 + _STEPS * since // episode.hours)

    def prompts_changed(self, episode: Episode) -> Sequence[int]:
        """Return when prompts become shorter: with the second step."""
        return (episode.hours // _STEPS,)
