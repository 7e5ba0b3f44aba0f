"""Multi-tenant: a few large organizations make most of the calls."""

from __future__ import annotations

from finops.simulator.population import Customer
from finops.simulator.scenarios.base import Scenario


class MultiTenant(Scenario):
    """Customers are as active as their organization is large; sizes stay with organizations."""

    id = "multi_tenant"

    def weight(self, customer: Customer) -> float:
        """Return the size of the organization."""
        return customer.size
