"""The customers of the data, without the calls that name none."""

from __future__ import annotations

from typing import Dict

from finops import config
from finops.rollups.memo import memoized
from finops.rollups.spec import Customer, Rollups


@memoized
def customers_of(data: Rollups) -> Dict[str, Customer]:
    """Return the customers of the data; calls that name none belong to nobody.

    `data` holds `CUSTOMER_RECORDS`.
    """
    return {name: each for name, each in data.customers.items() if name != config.UNALLOCATED}
