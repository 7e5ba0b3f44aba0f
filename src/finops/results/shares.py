"""Who caused which part of the cost, by provider, feature, organization and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finops.results.base import Count, Percent, Tokens, Usd

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class CostShare(Protocol):
    """What every row of a breakdown of the cost has, whatever it is broken down by."""

    @property
    def call_count(self) -> Count:
        """Calls."""

    @property
    def total_cost(self) -> Usd:
        """Cost over the period."""

    @property
    def total_tokens(self) -> Tokens:
        """Input and output tokens."""

    @property
    def avg_cost_per_call(self) -> Usd:
        """Cost of a call on average."""

    @property
    def share_percent(self) -> Percent:
        """Share of the whole cost."""
