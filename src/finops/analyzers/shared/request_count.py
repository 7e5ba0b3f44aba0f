"""Sources that do not say how many calls there were: their counts are unknown, and never 0."""

from __future__ import annotations

import re
from typing import Any

from finops.rollups.spec import Rollups

# Figures that are counts of calls, or are taken per call or as a share of calls.
_OF_CALLS = re.compile(
    r"(?:^|_)calls?(?:_|$)|^(?:error|success)_(?:count|rate_percent)$"
    r"|^total_records$|^unknown_status_count$"
).search
# Calls by what they are.
_COUNTS = ("status_distribution", "error_types")


def is_known(data: Rollups) -> bool:
    """Return whether anything says how many calls there were; there may be none."""
    totals = data.totals
    return bool(totals.calls) or not (totals.tokens or totals.cost)


def has_usage(data: Rollups) -> bool:
    """Return whether there was any use, of a known number of calls or not."""
    totals = data.totals
    return bool(totals.calls or totals.tokens or totals.cost)


def without_counts(value: Any) -> Any:
    """Return a result with None in the place of every figure that counts calls.

    >>> without_counts({"call_count": 0, "rows": [{"cost": 1.5, "avg_cost_per_call": 0.0}]})
    {'call_count': None, 'rows': [{'cost': 1.5, 'avg_cost_per_call': None}]}
    """
    if isinstance(value, dict):
        return {name: _figure(name, inner) for name, inner in value.items()}
    return [without_counts(inner) for inner in value] if isinstance(value, list) else value


def _figure(name: Any, value: Any) -> Any:
    if name in _COUNTS and isinstance(value, dict):
        return dict.fromkeys(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and isinstance(name, str) and _OF_CALLS(name):
        return None
    return without_counts(value)
