"""What the figures of a result rest on: covered days, and what the calls carry."""

from __future__ import annotations

from typing import Sequence, Tuple

from finops.analyzers.shared.coverage import COVERAGE_TABLES, coverage_of, has_prices
from finops.analyzers.shared.covered_days import HOURLY_CALLS, CoveredDays
from finops.results.base import Basis
from finops.rollups.spec import Rollups, Table

BASIS_TABLES: Tuple[Table, ...] = (*COVERAGE_TABLES, HOURLY_CALLS)


def basis_of(data: Rollups, span: CoveredDays, needs: Sequence[str] = ()) -> Basis:
    """Return the basis of a result; `data` holds `BASIS_TABLES`.

    `needs` are the columns without which the report says nothing; those that no call has are
    `missing`.  Without calls nothing is known to be missing.
    """
    coverage = coverage_of(data)
    revenue_known = has_prices(data)
    absent = {column for column, share in coverage.items() if share == 0}
    if revenue_known:  # by the tier, where the price itself is not given
        absent.discard("tier_price_usd")
    return Basis(
        covered_days=span.days,
        whole_days=len(span.whole),
        priced_share_percent=coverage["cost_usd"],
        latency_share_percent=coverage["latency_ms"],
        customer_share_percent=coverage["customer_id"],
        revenue_known=revenue_known,
        missing=[column for column in needs if column in absent],
    )
