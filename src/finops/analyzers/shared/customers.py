"""The customers of the data, without the calls that name none."""

from __future__ import annotations

from typing import Mapping

from finops import config
from finops.rollups.customers import held
from finops.rollups.memo import memoized
from finops.rollups.spec import Customer, Rollups


@memoized
def customers_of(data: Rollups) -> Mapping[str, Customer]:
    """Return the customers of the data; calls that name none belong to nobody.

    `data` holds `CUSTOMER_RECORDS`.
    """
    customers = data.customers
    if config.UNALLOCATED not in customers:
        return customers
    return held(cell for cell in customers.items() if cell[0] != config.UNALLOCATED)
