"""What a scenario is: a pattern over time, and nothing about how a row looks.

The engine owns the loop.  A scenario answers, for one hour, how many times the usual calls
there are, and where it must, by whom, with which model, and for which feature.  Answers are
plain tuples that repeat from hour to hour, so that the engine can turn each distinct one
into a look-up table once.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.simulator.incidents import Churn, Incident
from finops.simulator.model_mix import ModelMix, Weights
from finops.simulator.population import Population
from finops.simulator.rng import Rng
from finops.simulator.traffic import Calendar


class ScenarioRun(NamedTuple):
    """One run of a scenario: its first hour since the simulation began, its own randomness."""

    start: int
    hours: int
    rng: Rng
    calendar: Calendar
    population: Population
    churn: Churn


class Scenario:
    """Base of the scenarios: a subclass sets `id` and overrides what is special about it."""

    id: ClassVar[str] = ""

    @property
    def shape(self) -> config.ScenarioShape:
        """Title, duration in hours, base rate."""
        return config.SCENARIO_SHAPES[self.id]

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return how many times the usual calls come, `since` hours after the scenario began.

        `hour_of_day` is in UTC, `weekday` 0 on Monday.
        """
        return 1.0

    def customer_weights(
        self, since: int, hour_of_day: int, population: Population, planted: Sequence[Incident]
    ) -> Optional[Weights]:
        """Return the weight of each customer, None where everybody is as active as usual.

        `planted` are the incidents of this run of the scenario.
        """
        return None

    def model_weights(self, since: int, mix: ModelMix) -> Optional[Weights]:
        """Return the weight of each model, None for the model mix's."""
        return None

    def feature_share(self, since: int) -> Optional[Tuple[str, float]]:
        """Return a feature and the share of calls (0 to 1) that it takes from the others."""
        return None

    def plant(self, run: ScenarioRun) -> Sequence[Incident]:
        """Return the incidents that belong to this run of the scenario."""
        return ()
