"""Viral spike: a few customers' products take off at once."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence

from finops import config
from finops.simulator.incidents import VIRAL_CUSTOMER, Incident
from finops.simulator.model_mix import Weights
from finops.simulator.population import Population
from finops.simulator.scenarios.base import Scenario, ScenarioRun


class ViralSpike(Scenario):
    """Exponential growth to the peak, then a plateau; named customers carry the growth."""

    id = "viral_spike"

    def multiplier(self, since: int, hour_of_day: int, weekday: int) -> float:
        """Return how many times the usual calls come."""
        climbed = min(1.0, since / (self.shape.hours * config.VIRAL_PEAK_SHARE))
        return round(math.pow(config.VIRAL_PEAK, climbed), 9)

    def customer_weights(
        self, since: int, hour_of_day: int, population: Population, planted: Sequence[Incident]
    ) -> Optional[Weights]:
        """Return usual activity, with everything above it on the viral customers."""
        viral = {i.subject for i in planted if i.kind == VIRAL_CUSTOMER}
        if not viral:
            return None
        extra = self._extra(self.multiplier(since, 0, 0), population, len(viral))
        return tuple(c.activity + (extra if c.id in viral else 0.0) for c in population.customers)

    @staticmethod
    def _extra(multiplier: float, population: Population, carriers: int) -> float:
        """Return the weight that each viral customer carries on top of its own."""
        return sum(population.activities) * (multiplier - 1) / carriers

    def plant(self, run: ScenarioRun) -> Sequence[Incident]:
        """Return the customers who go viral; the size is how many times their usual calls."""
        customer_table = run.population
        extra = self._extra(config.VIRAL_PEAK, customer_table, len(customer_table.troubled))
        incidents: List[Incident] = []
        for position in customer_table.troubled:
            customer = customer_table.customers[position]
            size = round(self.shape.rate * (1 + extra / customer.activity), 1)
            end = run.start + run.hours
            incidents.append(Incident(VIRAL_CUSTOMER, self.id, run.start, end, customer.id, size))
        return incidents
