"""Burst traffic: ordinary hours, and now and then one of many times the calls."""

from __future__ import annotations

from typing import List, Sequence

from finops import config
from finops.simulator.incidents import HOUR_BURST, Incident, burst_size
from finops.simulator.scenarios.base import Scenario, ScenarioRun


class BurstTraffic(Scenario):
    """Each hour is a burst with the configured chance; bursts are incidents."""

    id = "burst_traffic"

    def plant(self, run: ScenarioRun) -> Sequence[Incident]:
        """Return the bursts of these two days."""
        incidents: List[Incident] = []
        for since in range(run.hours):
            index = run.start + since
            level = self.shape.rate * run.calendar.moment(index, since, run.hours).curve
            burst = run.rng.chance(config.BURST_CHANCE)
            size = burst_size(level, run.rng)
            if burst and size:
                incidents.append(Incident(HOUR_BURST, self.id, index, index + 1, "", size))
        return incidents
