"""Which incidents are in the rows so far: the plan, walked a second time beside the writing.

The writer mostly waits for its workers, so walking along costs it nothing, and the truth is
at hand whenever the run ends.
"""

from __future__ import annotations

from typing import Dict, List

from finops.simulator.ground_truth import Entry, entries, stories, unsettled
from finops.simulator.plan import Plan
from finops.simulator.simulation_spec import SimulationSpec


class IncidentLog:
    """Walks the plan alongside the rows, and knows what has been planted in them."""

    def __init__(self, spec: SimulationSpec) -> None:
        self._plan = Plan(spec)
        self._hours = self._plan.beginnings()
        self._walked = 0

    def follow(self, clock: str) -> None:
        """Walk on to the hour of this timestamp; "" is before the first."""
        reached = self._plan.calendar.hour_of(clock) if clock else -1
        while self._walked <= reached:
            next(self._hours)
            self._walked += 1

    def truth(self, clock: str) -> Dict[str, List[Entry]]:
        """Return what there is to be found in rows up to `clock`, and what has only begun."""
        self.follow(clock)
        planted, calendar = self._plan.incidents, self._plan.calendar
        return {
            "incidents": entries(planted, calendar, clock),
            "unsettled": unsettled(planted, calendar, clock),
            "episodes": stories(self._plan.episodes, calendar, clock),
        }
