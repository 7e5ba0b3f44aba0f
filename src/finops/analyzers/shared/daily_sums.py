"""Sums by key and calendar day, from which a page recomputes its figures for chosen dates."""

from __future__ import annotations

import math
from operator import itemgetter
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from finops import config
from finops.results.base import DailySums
from finops.rollups.spec import Period, Rollups, Table

Cells = Mapping[Tuple[Any, ...], Tuple[Any, ...]]


def calendar_days(period: Period) -> List[str]:
    """Return the calendar days that a period touches, those without a call included."""
    return period.dates()


def by_day(data: Rollups, table: Table, *by: str) -> Optional[DailySums]:
    """Return a filled table with the dimension "day" as rows of daily sums; see `daily_sums`."""
    return daily_sums(data.period, data[table], table.dimension_names, table.measure_names, by)


def daily_sums(
    period: Period,
    cells: Cells,
    dimensions: Sequence[str],
    measures: Sequence[str],
    by: Sequence[str],
) -> Optional[DailySums]:
    """Return {days, by, keys, sums: {measure: one row of daily sums for each key}}.

    `days` are calendar days without a gap; `keys` ascend.  None where that would be more than
    `config.DAILY_SUMS_MAX_CELLS` sums of one measure, or where there is no call.
    """
    days = calendar_days(period)
    key_of = itemgetter(*map(list(dimensions).index, by))
    keys = sorted(set(map(key_of, cells)))
    if not days or len(keys) * len(days) > config.DAILY_SUMS_MAX_CELLS:
        return None
    grid = _grid(cells, key_of, list(dimensions).index("day"), days, measures)
    sums: Dict[str, List[List[Any]]] = {name: [] for name in measures}
    for key in keys:
        for name, column in zip(measures, zip(*grid[key])):
            sums[name].append(list(column))
    return DailySums(
        days=days,
        by=list(by),
        keys=[list(key) if len(by) > 1 else [key] for key in keys],
        sums=sums,
    )


def without_known(sums: Optional[DailySums], known: str, calls: str) -> Optional[DailySums]:
    """Return sums without those of `known` where they say of all `calls` the same."""
    if sums is None or sums.sums[known] != sums.sums[calls]:
        return sums
    return sums._replace(sums={name: rows for name, rows in sums.sums.items() if name != known})


def _grid(
    cells: Cells,
    key_of: Callable[[Tuple[Any, ...]], Any],
    at: int,
    days: Sequence[str],
    measures: Sequence[str],
) -> Dict[Any, List[Sequence[Any]]]:
    """Return for each key the measures of every day, zeros where there is nothing."""
    place_of = {day: place for place, day in enumerate(days)}
    nothing = (0,) * len(measures)
    grid: Dict[Any, List[Sequence[Any]]] = {}
    more: Dict[Tuple[Any, int], List[Sequence[Any]]] = {}
    for cell, values in cells.items():
        key, place = key_of(cell), place_of[cell[at]]
        row = grid.get(key)
        if row is None:
            row = grid[key] = [nothing] * len(days)
        if row[place] is nothing:
            row[place] = values
        else:
            more.setdefault((key, place), [row[place]]).append(values)
    for (key, place), rows in more.items():
        grid[key][place] = _added(measures, rows)
    return grid


def _added(measures: Sequence[str], rows: Sequence[Sequence[Any]]) -> List[Any]:
    return [
        math.fsum(column) if name == "cost" else sum(column)
        for name, column in zip(measures, zip(*rows))
    ]
