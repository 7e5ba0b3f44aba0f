"""Cost optimization: expensive models first, then the middle class, then economical ones."""

from __future__ import annotations

from typing import Optional

from finops import config
from finops.simulator.model_mix import ModelMix, Weights
from finops.simulator.scenarios.base import Scenario


class CostOptimization(Scenario):
    """Calls fall by half while the class of models steps down."""

    id = "cost_optimization"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return 1 falling linearly."""
        return 1 - config.OPTIMIZATION_DROP * since / self.shape.hours

    def model_weights(self, since: int, mix: ModelMix) -> Optional[Weights]:
        """Return the model mix within the class of this phase."""
        progress = since / self.shape.hours
        phases = config.OPTIMIZATION_PHASES
        current = next((phase for phase in phases if progress < phase[0]), phases[-1])
        return mix.of_class(current[1])
