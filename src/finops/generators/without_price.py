"""The table of customers that reports on revenue leave out, since their price is not known."""

from __future__ import annotations

from typing import Sequence

from finops.generators.components import Part, where_any
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table
from finops.results.base import UnpricedCustomer
from finops.results.shares import is_lower_bound


def customers_without_price(customers: Sequence[UnpricedCustomer]) -> Part:
    """Return the table of these customers, nothing where there are none."""
    return where_any(
        customers,
        table(
            "without-price",
            "Customers left out: price not known",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                Column(lambda row: row.customer_archetype, "Archetype"),
                Column(
                    lambda row: row.monthly_cost,
                    "Cost per month",
                    "money",
                    order="descending",
                    at_least=is_lower_bound,
                ),
                Column(lambda row: row.call_count, "Calls", "count"),
            ],
            ShortenedRows(customers),
        ),
    )
