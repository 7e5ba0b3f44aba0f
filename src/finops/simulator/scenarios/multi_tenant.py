"""Multi-tenant: a few large organizations make most of the calls."""

from __future__ import annotations

from typing import Optional, Sequence

from finops.simulator.incidents import Incident
from finops.simulator.model_mix import Weights
from finops.simulator.population import Population
from finops.simulator.scenarios.base import Scenario


class MultiTenant(Scenario):
    """Customers are as active as their organization is large; sizes stay with organizations."""

    id = "multi_tenant"

    def customer_weights(
        self, since: int, hour_of_day: int, population: Population, planted: Sequence[Incident]
    ) -> Optional[Weights]:
        """Return usual activity × size of the organization."""
        sizes = population.tenant_sizes
        return tuple(c.activity * sizes[c.organization] for c in population.customers)
