"""Gradual decline: named customers leave one by one and do not come back."""

from __future__ import annotations

from typing import Sequence

from finops import config
from finops.simulator.incidents import Incident, departure
from finops.simulator.scenarios.base import Scenario, ScenarioRun


class GradualDecline(Scenario):
    """Calls fall linearly while customers leave."""

    id = "gradual_decline"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return 1 falling linearly."""
        return 1 - config.DECLINE_DROP * since / self.shape.hours

    def plant(self, run: ScenarioRun) -> Sequence[Incident]:
        """Return the leavers, evenly over the week."""
        leavers = run.churn.pick(run.rng, config.DECLINE_LEAVERS_SHARE)
        step = run.hours / (len(leavers) + 1)
        return [
            departure(self.id, run.start + round(step * (i + 1)), id)
            for i, id in enumerate(leavers)
        ]
