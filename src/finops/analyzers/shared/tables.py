"""The tables that the FinOps analyses share, and how to fold them to fewer dimensions."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any, Callable, Dict, Iterable, List, Tuple, TypeVar

from finops import config
from finops.analyzers.shared.covered_days import CoveredDays
from finops.analyzers.shared.known_costs import known_cost, known_share, unit_cost
from finops.results.base import DailyCost
from finops.rollups.spec import Rollups, Table

CALLS = Table(
    ("provider", "model", "feature_id", "task_type", "environment"),
    ("calls", "cost", "tokens", "unpriced"),
)
ACCOUNTS = Table(
    ("customer_id", "organization_id", "product_id"), ("calls", "cost", "tokens", "unpriced")
)
DAYS = Table(("day",), ("calls", "cost", "errors", "unpriced", "status_known"))
# From these a page recomputes its tables for chosen dates.
MODEL_DAYS = Table(("day", "provider", "model"), ("calls", "cost", "tokens"))
ACCOUNT_DAYS = Table(
    ("day", "customer_id", "organization_id", "product_id"), ("calls", "cost", "tokens")
)
# Of very many accounts no page has a table by day (see `daily_sums`): one group more says so.
ACCOUNT_GRID = ACCOUNT_DAYS._replace(limit=config.DAILY_SUMS_MAX_CELLS + 1)
# The last ones are enough for what is compared with now.
RECENT_ACCOUNT_DAYS = ACCOUNT_DAYS._replace(since=config.KEPT_ACCOUNT_DAYS)
USE_DAYS = Table(("day", "feature_id", "task_type", "environment"), ("calls", "cost", "tokens"))

Sums = Tuple[Any, ...]
_Row = TypeVar("_Row")


def fold(data: Rollups, table: Table, *by: str) -> Dict[Any, Sums]:
    """Return a filled table by fewer dimensions: {key: sums in the order of its measures}.

    The key is a plain value for one dimension and a tuple for more.  Only for measures that
    add up.  Costs are added exactly, so that the order of cells does not show.
    """
    key_of = itemgetter(*(table.by.index(name) for name in by))
    groups: Dict[Any, List[Sums]] = {}
    for key, values in data[table].items():
        groups.setdefault(key_of(key), []).append(values)
    # The built-in sum of floats rounds differently from one Python version to the next.
    adders: List[Callable[[Iterable[Any]], Any]] = [
        math.fsum if name == "cost" else sum for name in table.measures
    ]
    return {
        key: tuple(add(column) for add, column in zip(adders, zip(*rows)))
        for key, rows in groups.items()
    }


def shares(data: Rollups, table: Table, make: Callable[..., _Row], *by: str) -> List[_Row]:
    """Return who caused what, by total_cost descending; for `CALLS` and `ACCOUNTS`.

    `make` gets the key, call_count, total_cost (None where nothing of it is known), total_tokens,
    avg_cost_per_call (see `unit_cost`) and share_percent of the known
    cost (None where it has no part in it that is known), in this order.
    """
    groups = [
        (key if len(by) > 1 else (key,), *sums) for key, sums in fold(data, table, *by).items()
    ]
    return [
        make(
            *key,
            calls,
            known_cost(cost, unpriced),
            tokens,
            unit_cost(cost, calls, unpriced),
            known_share(data, known_cost(cost, unpriced)),
        )
        for key, calls, cost, tokens, unpriced in sorted(
            groups, key=lambda group: (-group[2], group[0])
        )
    ]


def daily(data: Rollups, span: CoveredDays) -> List[DailyCost]:
    """Return calls and cost of every active day, ascending; needs `DAYS`."""
    return [
        DailyCost(
            date=day,
            call_count=calls,
            total_cost=known_cost(cost, unpriced),
            partial=day in span.partial,
            unpriced_calls=unpriced,
        )
        for (day,), (calls, cost, _, unpriced, _) in data[DAYS].items()
    ]
