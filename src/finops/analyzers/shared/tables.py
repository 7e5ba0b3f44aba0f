"""The tables that the FinOps analyses share, and how to fold them to fewer dimensions."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any, Callable, Dict, Iterable, List, Tuple

from finops.analyzers.base import Row, ordered
from finops.rollups.spec import Rollups, Table
from finops.stats import percent, ratio

CALLS = Table(
    ("provider", "model", "feature_id", "task_type", "environment"), ("calls", "cost", "tokens")
)
ACCOUNTS = Table(("customer_id", "organization_id", "product_id"), ("calls", "cost", "tokens"))
DAYS = Table(("day",), ("calls", "cost", "errors"))
# From these a page recomputes its tables for chosen dates.
MODEL_DAYS = Table(("day", "provider", "model"), ("calls", "cost", "tokens"))
ACCOUNT_DAYS = Table(
    ("day", "customer_id", "organization_id", "product_id"), ("calls", "cost", "tokens")
)
USE_DAYS = Table(("day", "feature_id", "task_type", "environment"), ("calls", "cost", "tokens"))

Sums = Tuple[Any, ...]


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


def shares(data: Rollups, table: Table, *by: str) -> List[Row]:
    """Return who caused what, by total_cost descending; for tables of calls, cost and tokens.

    Rows are [the dimensions, call_count, total_cost, total_tokens, avg_cost_per_call,
    share_percent of the whole cost].
    """
    rows = []
    for key, (calls, cost, tokens) in fold(data, table, *by).items():
        row: Row = dict(zip(by, key if len(by) > 1 else (key,)))
        row["call_count"] = calls
        row["total_cost"] = cost
        row["total_tokens"] = tokens
        row["avg_cost_per_call"] = ratio(cost, calls)
        row["share_percent"] = percent(cost, data.totals.cost)
        rows.append(row)
    return ordered(rows, "total_cost", by)


def daily(data: Rollups) -> List[Row]:
    """Return [date, call_count, total_cost] for every active day, ascending; needs `DAYS`."""
    return [
        {"date": day, "call_count": calls, "total_cost": cost}
        for (day,), (calls, cost, _) in data[DAYS].items()
    ]
