"""What rows of several sections have in common, for parts of a page that show any of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from finops.results.base import Basis, Count, Milliseconds, Percent, Tokens, Usd, UsdPerMonth

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


def is_lower_bound(row: object) -> bool:
    """Return whether the cost of a row is a lower bound: some of its calls have no known cost.

    A row says so by their number, or by having no ratio to a cost that has one.
    """
    if getattr(row, "unpriced_calls", 0):
        return True
    cost = getattr(row, "total_cost", None)
    if cost is not None and cost <= 0:  # nothing, or credits: such a cost has no ratio either
        return False
    return any(hasattr(row, name) and getattr(row, name) is None for name in _RATIOS)


def costs_are_lower_bounds(result: Judged) -> bool:
    """Return whether the costs of a result are lower bounds: some of its calls have no known cost.

    Their number is not known where the source has no request count; the share of its records is.
    """
    share = result.basis.priced_share_percent
    return bool(result.summary.unpriced_calls) or (share is not None and share < 100)


# Figures that a row with calls of unknown cost does not have.
_RATIOS = ("avg_cost_per_call", "cost_per_1k_tokens", "tokens_per_dollar", "cost_per_1m_tokens")


class Summed(Protocol):
    """A summary of some calls."""

    @property
    def total_cost(self) -> Optional[Usd]:
        """What the calls cost, None where nothing of it is known."""

    @property
    def unpriced_calls(self) -> Count:
        """Calls without a known cost."""


class Judged(Protocol):
    """A result with its summary and what it rests on."""

    @property
    def summary(self) -> Summed:
        """Its sums."""

    @property
    def basis(self) -> Basis:
        """What it rests on."""


class Called(Protocol):
    """A row of some calls."""

    @property
    def call_count(self) -> Count:
        """Calls."""


class Shared(Protocol):
    """A row with a share of the whole."""

    @property
    def share_percent(self) -> Optional[Percent]:
        """Share of the known cost, None where nothing is known of its own part."""


class CostShare(Called, Shared, Protocol):
    """A row of a breakdown of the cost, whatever it is broken down by."""

    @property
    def total_cost(self) -> Optional[Usd]:
        """Cost over the period, None where nothing of it is known."""


class TokenShare(CostShare, Protocol):
    """A row of a breakdown of the cost that has tokens, too."""

    @property
    def total_tokens(self) -> Tokens:
        """Input and output tokens."""

    @property
    def avg_cost_per_call(self) -> Optional[Usd]:
        """Cost of a call on average, None where the cost of some is not known."""


class MonthlyShare(CostShare, Protocol):
    """A row of a breakdown of the cost that has the cost per month, too."""

    @property
    def monthly_cost(self) -> Optional[UsdPerMonth]:
        """Cost per month, None where the data is too short to tell."""


class Timed(Protocol):
    """A row with a mean latency."""

    @property
    def avg_latency_ms(self) -> Optional[Milliseconds]:
        """Mean latency in ms, None where it is not known of any call."""
