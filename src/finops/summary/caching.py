"""What prompt caching saved: the same tokens at list prices, with caches and without."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Mapping, Optional, Sequence, Tuple

from finops.business.price_table import PriceTable
from finops.business.usage import Usage
from finops.rollups.spec import Table

_MEASURES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
)
CACHING = Table(("provider", "model"), _MEASURES)


def saved_by_caching(
    cells: Mapping[Tuple[str, ...], Sequence[Any]], prices: PriceTable
) -> Optional[float]:
    """Return what caching saved in USD, less than 0 where writing cost more than reading saved.

    `cells` are the groups of `CACHING`.  Models without a price are left out, and prices for long
    contexts do not count.  None where no model with a price used a cache.
    """
    saved = [_difference(prices, key, values) for key, values in cells.items()]
    known = [difference for difference in saved if difference is not None]
    return float(sum(known)) if known else None


def _difference(
    prices: PriceTable, key: Tuple[str, ...], values: Sequence[Any]
) -> Optional[Fraction]:
    (provider, model), (inputs, cached, written, written_1h) = key, values
    if not cached and not written:
        return None
    without = Usage(provider, model, inputs, 0, context_tokens=0)
    with_caches = without._replace(
        cached_input_tokens=cached,
        cache_write_tokens=written,
        cache_write_1h_tokens=written_1h,
    )
    cost, less = prices.price_of(without), prices.price_of(with_caches)
    return None if cost is None or less is None else cost - less
