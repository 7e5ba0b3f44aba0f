"""Percentiles of latency for any range of days, from a few counts.

Of several groups of calls, the nearest-rank percentile of all of them lies between the smallest
and the largest of the groups' own: at the largest, every group has its share of calls at or
below it, so all together have; below the smallest, none has its share.  To find the percentile
of any range of days it is therefore enough to know, of each day, how many calls it had, how
many were faster than the smallest percentile of a day, and the exact latencies from there up
to the largest.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from finops import config
from finops.analyzers.base import Row
from finops.analyzers.days import calendar_days
from finops.dataset.rollup import Period
from finops.stats import rank_index

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
    entries = {steps[0]: _entries(days, histograms, steps[0])}
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
            if step not in entries:
                entries[step] = _entries(days, histograms, step)
            windows[largest] = _window(entries[step], shares[largest], step)
    found.update(windows)
    return found


class _Entry(NamedTuple):
    """The latencies in ms of some days, ascending, and how many calls had at most each."""

    values: Sequence[int]
    running: Sequence[int]

    def percentile(self, share: float) -> int:
        """Return the nearest-rank percentile."""
        return self.values[bisect_right(self.running, rank_index(self.calls, share))]

    @property
    def calls(self) -> int:
        """All calls."""
        return self.running[-1] if self.running else 0

    def below(self, place: int) -> int:
        """Return how many calls were faster than the value at a place."""
        return self.running[place - 1] if place else 0

    def inside(self, low: int, high: int) -> List[List[int]]:
        """Return [ms above low, calls] for the latencies from low to high."""
        first, last = bisect_left(self.values, low), bisect_right(self.values, high)
        return [[self.values[k] - low, self.running[k] - self.below(k)] for k in range(first, last)]


def _window(entries: Sequence[_Entry], share: float, step: int) -> Row:
    found = [one.percentile(share) for one in entries if one.calls]
    low, high = min(found), max(found)
    return {
        "share": share,
        "step": step,
        "from_ms": low,
        "calls": [one.calls for one in entries],
        "below": [one.below(bisect_left(one.values, low)) for one in entries],
        "inside": [one.inside(low, high) for one in entries],
    }


def _pairs(window: Row) -> int:
    return sum(map(len, window["inside"]))


def _entries(days: Sequence[str], histograms: Mapping[str, Histogram], step: int) -> List[_Entry]:
    """Return an entry for each `step` days, the last ones ending with the last day."""
    bins: List[Dict[int, int]] = [{} for _ in range(-(-len(days) // step))]
    for back, day in enumerate(reversed(days)):
        _add(bins[-1 - back // step], histograms.get(day, {}))
    found = []
    for one in bins:
        values = sorted(one)
        found.append(_Entry(values, list(accumulate(map(one.__getitem__, values)))))
    return found


def _add(into: Dict[int, int], histogram: Histogram) -> None:
    if not into:
        into.update(histogram)
        return
    for ms, calls in histogram.items():
        into[ms] = into.get(ms, 0) + calls
