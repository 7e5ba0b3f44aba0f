"""Which tier each customer has: who comes to call much more than at first moves up, step by step.

Without that a business could not grow for years: what its customers' calls cost would grow, and
what they pay would not.
"""

from __future__ import annotations

import math
from typing import Container, List, Sequence, Tuple

from finops import config
from finops.simulator.population import Customer
from finops.simulator.rng import Rng


def _ladder() -> Tuple[str, ...]:
    """Return the tiers that are simulated, the cheapest first."""
    return tuple(sorted(config.TIER_SHARES, key=lambda tier: config.SUBSCRIPTION_TIERS[tier]))


class Subscriptions:
    """The tiers that customers have and have had; a customer is known by its position.

    `slots` are the customers, once for each tier that they have had, in the order in which it
    came about.  Slots are only ever added, so the number of one stays the same.
    """

    def __init__(self, seed: int) -> None:
        self.slots: List[Customer] = []
        # By position: its slot; how many times the calls with which it came to a tier it makes
        # when it moves up; its calls from which on it does so next.
        self.current: List[int] = []
        self._rises: List[float] = []
        self._limits: List[float] = []
        self._rng = Rng(seed, "tiers")
        self._ladder = _ladder()

    def add(self, customer: Customer, weight: float) -> None:
        """Take in the customer of the next position, who comes with calls of this weight."""
        self.current.append(len(self.slots))
        self.slots.append(customer)
        self._rises.append(self._rng.between(*config.TIER_UP_GROWTH))
        self._limits.append(self._limit(len(self._limits), customer.tier, weight))

    def renew(
        self,
        day: int,
        customers: List[Customer],
        weights: Sequence[float],
        leaving: Container[int],
    ) -> None:
        """Let those whose subscription is renewed on this day move up one tier, if it is time.

        `customers` and the weights of their calls are by position; who moves up is replaced.
        Nobody moves up who is about to leave.
        """
        for position in range(day % config.RENEWAL_DAYS, len(customers), config.RENEWAL_DAYS):
            weight = weights[position]
            if weight >= self._limits[position] and position not in leaving:
                customer = customers[position]
                above = self._ladder[self._ladder.index(customer.tier) + 1]
                customer = customers[position] = customer._replace(tier=above)
                self.current[position] = len(self.slots)
                self.slots.append(customer)
                self._limits[position] = self._limit(position, above, weight)

    def _limit(self, position: int, tier: str, weight: float) -> float:
        """Return the calls from which on a customer leaves a tier that it came to with these."""
        return math.inf if tier == self._ladder[-1] else weight * self._rises[position]
