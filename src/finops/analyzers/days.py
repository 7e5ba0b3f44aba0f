"""Sums by key and calendar day, from which a page recomputes its figures for chosen dates."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.analyzers.base import Row
from finops.dataset.rollup import Period, Rollups, Table

DAY_FORM = "%Y-%m-%d"
Cells = Mapping[Tuple[Any, ...], Tuple[Any, ...]]


def calendar_days(period: Period) -> List[str]:
    """Return the calendar days that a period touches, those without a call included."""
    if not period.start:
        return []
    first, last = (datetime.strptime(at[:10], DAY_FORM) for at in (period.start, period.end))
    return [
        (first + timedelta(days=after)).strftime(DAY_FORM)
        for after in range((last - first).days + 1)
    ]


def by_day(data: Rollups, table: Table, *by: str) -> Optional[Row]:
    """Return a filled table with the dimension "day" as rows of daily sums; see `daily_sums`."""
    return daily_sums(data.period, data[table], table.by, table.measures, by)


def daily_sums(
    period: Period,
    cells: Cells,
    dimensions: Sequence[str],
    measures: Sequence[str],
    by: Sequence[str],
) -> Optional[Row]:
    """Return {days, by, keys, sums: {measure: one row of daily sums for each key}}.

    `days` are calendar days without a gap; `keys` ascend.  None where that would be more than
    `config.DAILY_SUMS_MAX_CELLS` sums of one measure, or where there is no call.
    """
    days = calendar_days(period)
    key_of = itemgetter(*(list(dimensions).index(name) for name in by))
    parts: Dict[Tuple[Any, ...], Dict[str, List[Tuple[Any, ...]]]] = {}
    at = list(dimensions).index("day")
    for cell, values in cells.items():
        key = key_of(cell) if len(by) > 1 else (key_of(cell),)
        parts.setdefault(key, {}).setdefault(cell[at], []).append(values)
    if not days or len(parts) * len(days) > config.DAILY_SUMS_MAX_CELLS:
        return None
    keys = sorted(parts)
    sums: Dict[str, List[List[Any]]] = {name: [] for name in measures}
    for key in keys:
        grid = {day: _added(measures, rows) for day, rows in parts[key].items()}
        for place, name in enumerate(measures):
            sums[name].append([grid[day][place] if day in grid else 0 for day in days])
    return {
        "days": days,
        "by": list(by),
        "keys": [list(key) for key in keys],
        "sums": sums,
    }


def _added(measures: Sequence[str], rows: Sequence[Tuple[Any, ...]]) -> List[Any]:
    if len(rows) == 1:
        return list(rows[0])
    return [
        math.fsum(column) if name == "cost" else sum(column)
        for name, column in zip(measures, zip(*rows))
    ]
