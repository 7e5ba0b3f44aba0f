"""Which sums of costs are known: where nothing of one is, it is None and never 0.

Calls without a price add nothing to a sum.  So a sum over calls some of which have none is a lower
bound, and one of 0 says nothing: free calls beside them may be all that it holds.
"""

from __future__ import annotations

from typing import Optional

from finops.rollups.spec import Rollups
from finops.stats import ratio, share_percent


def known_cost(cost: float, unpriced: float) -> Optional[float]:
    """Return what calls cost as far as it is known; `unpriced` of them have no known cost.

    Any other amount that rests on these calls alone is given likewise.

    >>> known_cost(3.0, 2), known_cost(0.0, 0), known_cost(0.0, 2)
    (3.0, 0.0, None)
    """
    return None if unpriced and not cost else cost


def unit_cost(cost: float, units: float, unpriced: float) -> Optional[float]:
    """Return what each of some calls, tokens or customers cost, 0 where there are none of them.

    None where some of the cost is not known, and where credits exceed it: that is no price.

    >>> unit_cost(3.0, 2, 0), unit_cost(3.0, 2, 1), unit_cost(-3.0, 2, 0)
    (1.5, None, None)
    """
    return None if unpriced or cost < 0 else ratio(cost, units)


def known_total(data: Rollups) -> Optional[float]:
    """Return what all calls cost as far as it is known."""
    return known_cost(data.totals.cost, data.totals.unpriced)


def known_share(data: Rollups, cost: Optional[float]) -> Optional[float]:
    """Return a cost's share of all that is known to cost, in percent; None where it has none."""
    return None if cost is None else share_percent(cost, data.totals.cost)
