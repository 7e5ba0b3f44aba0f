"""Coverage: the share of calls that carry a value, column by column.

A sentence about the data may rest on a column only where the calls have it, so this is measured
once and goes with every page.
"""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Tuple

from finops import config
from finops.rollups.memo import memoized
from finops.rollups.spec import Key, Rollups, Table, Values
from finops.stats import percent

_CUSTOMER_COLUMNS = (
    *("customer_id", "subscription_tier", "organization_id", "product_id"),
    *("customer_archetype", "tier_price_usd"),
)
_CALL_COLUMNS = ("feature_id", "task_type", "environment", "region")
_BY_CUSTOMER = Table(_CUSTOMER_COLUMNS, ("calls", "records"))
_BY_CALL = Table(_CALL_COLUMNS, ("calls", "records"))
_KNOWN = Table((), ("calls", "records", "latency_known", "status_known", "unpriced"))
_NO_VALUES = frozenset({None, config.UNKNOWN, config.UNALLOCATED})
COVERAGE_TABLES: Tuple[Table, ...] = (_BY_CUSTOMER, _BY_CALL, _KNOWN)


@memoized
def coverage_of(data: Rollups) -> Dict[str, Optional[float]]:
    """Return for each optional column the percentage of calls, 0 to 100, that have a value.

    `data` holds `COVERAGE_TABLES`.  Where no row says for how many calls it stands, each counts as
    one.  Without rows every share is None.
    """
    calls, records, latency, status, unpriced = data[_KNOWN].get((), (0, 0, 0, 0, 0))
    weight = 0 if calls else 1
    in_all = records if weight else calls
    counts = {
        **_known_counts(_CUSTOMER_COLUMNS, data[_BY_CUSTOMER], weight),
        **_known_counts(_CALL_COLUMNS, data[_BY_CALL], weight),
        "latency_ms": latency,
        "status": status,
        "cost_usd": in_all - unpriced,
    }
    return {name: count / in_all * 100 if in_all else None for name, count in counts.items()}


def status_known(data: Rollups) -> int:
    """Return how many calls say whether they succeeded; `data` holds `COVERAGE_TABLES`."""
    known: int = data[_KNOWN].get((), (0, 0, 0, 0, 0))[3]
    return known


def count_named(data: Rollups, names: int) -> Optional[int]:
    """Return how many customers, organizations and so on the calls name; `names` as counted.

    None where there are calls and none of them names one: how many there are is not known.  `data`
    holds `COVERAGE_TABLES`.
    """
    records = data[_KNOWN].get((), (0, 0))[1]
    return None if records and not names else names


def error_rate(errors: int, known: int, calls: int) -> Optional[float]:
    """Return failed calls in percent of those that say whether they succeeded.

    None where none of the calls does.

    >>> error_rate(1, 4, 10), error_rate(0, 0, 10), error_rate(0, 0, 0)
    (25.0, None, 0.0)
    """
    return None if calls and not known else percent(errors, known)


def has_prices(data: Rollups) -> bool:
    """Return whether any row says, or its tier does, what its customer pays.

    `data` holds `COVERAGE_TABLES`.
    """
    return any(price is not None for *_, price in data[_BY_CUSTOMER])


def _known_counts(
    columns: Tuple[str, ...], cells: Mapping[Key, Values], weight: int
) -> Dict[str, int]:
    """Return for each column how many calls, or rows, have a value in it.

    `weight`: which of both measures counts.
    """
    amounts = [measures[weight] for measures in cells.values()]
    counts = dict.fromkeys(columns, sum(amounts))
    for name, values in zip(columns, zip(*cells)):
        if not _NO_VALUES.isdisjoint(values):  # most columns are there throughout
            counts[name] -= sum(n for n, value in zip(amounts, values) if value in _NO_VALUES)
    return counts
