"""Percentiles of latency for any range of days, from a few counts.

Of several groups of calls, the nearest-rank percentile of all of them lies between the smallest
and the largest of the groups' own: at the largest, every group has its share of calls at or
below it, so all together have; below the smallest, none has its share.  To find the percentile
of any range of days it is therefore enough to know, of each day, how many calls it had, how
many were faster than the smallest percentile of a day, and the exact latencies from there up
to the largest.
"""

from __future__ import annotations

from typing import Dict, List, Mapping, Optional, Sequence

from finops import config
from finops.analyzers.base import Row
from finops.analyzers.days import calendar_days
from finops.dataset.rollup import Period
from finops.stats import histogram_percentiles

Histogram = Mapping[int, int]


def percentile_windows(
    period: Period, histograms: Mapping[str, Histogram], shares: Mapping[str, float]
) -> Dict[str, Optional[Row]]:
    """Return what tells percentiles, from 0 to 1 by name, of any range of days.

    `histograms` are {day: {latency in ms: calls}}.  A window is {share, step (days that share
    an entry, the last ones ending with the last day), from_ms, calls, below (one for each
    entry), inside ([[ms above from_ms, calls], ...] for each entry)}.  All of them together
    keep `config.PERCENTILE_WINDOWS_MAX_COUNTS` pairs, less where days are many: the largest
    share entries over more days until they do, and are None where that does not help, or where
    there is no call.
    """
    days = calendar_days(period)
    steps = config.PERCENTILE_WINDOW_STEPS
    if not histograms:
        return {name: None for name in shares}
    entries = {step: _binned(days, histograms, step) for step in steps}
    place = {name: 0 for name in shares}
    windows = {name: _window(entries[steps[0]], share, steps[0]) for name, share in shares.items()}
    found: Dict[str, Optional[Row]] = {name: None for name in shares}
    less = config.PERCENTILE_WINDOWS_LESS_PER_DAY * len(days)
    most = max(0, config.PERCENTILE_WINDOWS_MAX_COUNTS - less)
    while sum(map(_pairs, windows.values())) > most:
        largest = max(windows, key=lambda name: _pairs(windows[name]))
        place[largest] += 1
        if place[largest] == len(steps):
            del windows[largest]
        else:
            step = steps[place[largest]]
            windows[largest] = _window(entries[step], shares[largest], step)
    found.update(windows)
    return found


def _window(entries: Sequence[Histogram], share: float, step: int) -> Row:
    found = [histogram_percentiles(one, (share,))[0] for one in entries if one]
    low, high = min(found), max(found)
    return {
        "share": share,
        "step": step,
        "from_ms": low,
        "calls": [sum(one.values()) for one in entries],
        "below": [sum(n for ms, n in one.items() if ms < low) for one in entries],
        "inside": [
            [[ms - low, one[ms]] for ms in sorted(one) if low <= ms <= high] for one in entries
        ],
    }


def _pairs(window: Row) -> int:
    return sum(map(len, window["inside"]))


def _add(into: Dict[int, int], histogram: Histogram) -> None:
    if not into:
        into.update(histogram)
        return
    for ms, calls in histogram.items():
        into[ms] = into.get(ms, 0) + calls


def _binned(
    days: List[str], histograms: Mapping[str, Histogram], step: int
) -> List[Dict[int, int]]:
    bins: List[Dict[int, int]] = [{} for _ in range(-(-len(days) // step))]
    for back, day in enumerate(reversed(days)):
        _add(bins[-1 - back // step], histograms.get(day, {}))
    return bins
