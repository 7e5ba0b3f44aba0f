"""Gradual decline: the customers of one segment shrink, leave one by one, and do not come back."""

from __future__ import annotations

from typing import List, Optional

from finops import config
from finops.simulator.incidents import departure
from finops.simulator.population import Customer
from finops.simulator.scenarios.base import Episode, Scenario, Stage

_DAY = 24


class GradualDecline(Scenario):
    """Customers of one tier and product call less and less before they are gone."""

    id = "gradual_decline"

    def begin(self, stage: Stage) -> Optional[Episode]:
        """Pick the leavers; they go one after the other until the end."""
        products = list(config.PRODUCTS)
        product = products[stage.number % len(products)]

        def belongs(_: int, customer: Customer) -> bool:
            kind = (customer.tier, customer.product)
            return kind == (config.DECLINE_TIER, product) and not customer.expensive

        leavers = stage.pick(config.DECLINE_MOST_CUSTOMERS, belongs)
        if not leavers:
            return None
        gone = [stage.start + hours for hours in self._leaving(len(leavers))]
        return Episode(
            self.id,
            "Customers leave",
            stage.start,
            stage.start + self.shape.hours,
            f"{config.PRODUCTS[product]}; {config.DECLINE_TIER}",
            tuple(leavers),
            incidents=tuple(
                departure(self.id, hour, stage.customers[position].id)
                for hour, position in zip(gone, leavers)
            ),
        )

    def customer_factor(self, episode: Episode, place: int, since: int) -> float:
        """Return 1, falling linearly before the customer leaves."""
        gone = self._leaving(len(episode.customers))[place]
        shrinking = config.DECLINE_SHRINK_DAYS * _DAY
        progress = min(1.0, max(0.0, (since - gone + shrinking) / shrinking))
        return 1 - (1 - config.DECLINE_SHRINK_TO) * progress

    def _leaving(self, count: int) -> List[int]:
        """Return after how many hours each customer leaves, at midnight."""
        days = self.shape.hours // _DAY
        first = min(config.DECLINE_SHRINK_DAYS // 2, days // 4)
        step = (days - first) / count
        return [round(first + step * place) * _DAY for place in range(count)]
