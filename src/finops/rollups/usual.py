"""How the values of groups stand to what is usual: the local twin of what an engine works out.

Of a provider's hours, say, the values themselves are as many as calls, and what is asked of them
is two numbers an hour: their 95th percentile, and how many lie far above the usual one.
"""

from __future__ import annotations

from bisect import bisect_right
from fractions import Fraction
from math import floor
from typing import Dict, List, Optional, Sequence

from finops.rollups.measures import (
    TIME_DIMENSIONS,
    Distribution,
    Standing,
    Usual,
    measure_of,
)
from finops.rollups.spec import Key, Table, Values


def with_standings(table: Table, groups: Dict[Key, Values]) -> Dict[Key, Values]:
    """Return the groups of a table with their standings in the place of values."""
    for place, measure in enumerate(map(measure_of, table.measures)):
        if isinstance(measure, Distribution) and measure.usual is not None:
            listed = {key: values[place] for key, values in groups.items()}
            found = _standings(measure.usual, time_place(table), listed)
            groups = {
                key: (*values[:place], found[key], *values[place + 1 :])
                for key, values in groups.items()
            }
    return groups


def time_place(table: Table) -> int:
    """Return where the keys of a table have their time; the table has one."""
    return next(p for p, name in enumerate(table.dimension_names) if name in TIME_DIMENSIONS)


def half_factor(usual: Usual) -> Fraction:
    """Return the factor by which values lie beyond what is usual, for twice of that.

    Twice a median is a whole number, so that nothing is rounded in any engine.
    """
    return Fraction(str(usual.factor)) / 2


def _standings(usual: Usual, place: int, listed: Dict[Key, Sequence[int]]) -> Dict[Key, Standing]:
    """Return the standing of each group; its values are in ascending order."""
    percentiles: Dict[Key, Optional[int]] = {}
    alike: Dict[Key, List[int]] = {}
    for key, values in listed.items():
        found = _percentile(values, usual.percent)
        percentiles[key] = found
        if found is not None and len(values) >= usual.least:
            alike.setdefault(without(key, place), []).append(found)
    twice = {key: _twice_the_median(found) for key, found in alike.items()}
    factor = half_factor(usual)
    standings = {}
    for key, values in listed.items():
        both = twice.get(without(key, place))
        standings[key] = Standing(
            len(values),
            percentiles[key],
            None if both is None else both / 2,
            None if both is None else len(values) - bisect_right(values, floor(both * factor)),
        )
    return standings


def without(key: Key, place: int) -> Key:
    """Return a key without the part at a place."""
    return (*key[:place], *key[place + 1 :])


def _percentile(values: Sequence[int], percent: int) -> Optional[int]:
    """Return the nearest-rank percentile of ascending values, None of nothing."""
    return values[(len(values) * percent + 99) // 100 - 1] if len(values) else None


def _twice_the_median(values: List[int]) -> int:
    values.sort()
    return values[(len(values) - 1) // 2] + values[len(values) // 2]
