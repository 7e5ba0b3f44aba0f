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
from collections import defaultdict
from itertools import accumulate
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from finops import config
from finops.analyzers.shared.daily_sums import calendar_days
from finops.results.performance import PercentileWindow
from finops.rollups.spec import Period
from finops.stats import rank_index

Histogram = Mapping[int, int]


def percentile_windows(
    period: Period, histograms: Mapping[str, Histogram], shares: Mapping[str, float]
) -> Dict[str, Optional[PercentileWindow]]:
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
    if not any(histograms.values()):
        return {name: None for name in shares}
    entries = {steps[0]: _entries(days, histograms, steps[0])}
    place = {name: 0 for name in shares}
    windows = {name: _Window.of(entries[steps[0]], share) for name, share in shares.items()}
    less = config.PERCENTILE_WINDOWS_LESS_PER_DAY * len(days)
    most = max(0, config.PERCENTILE_WINDOWS_MAX_COUNTS - less)
    while sum(window.pairs for window in windows.values()) > most:
        largest = max(windows, key=lambda name: windows[name].pairs)
        place[largest] += 1
        if place[largest] == len(steps):
            del windows[largest]
        else:
            step = steps[place[largest]]
            if step not in entries:
                entries[step] = _entries(days, histograms, step)
            windows[largest] = _Window.of(entries[step], shares[largest])
    return {
        name: windows[name].row(share, steps[place[name]]) if name in windows else None
        for name, share in shares.items()
    }


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

    def places(self, low: int, high: int) -> range:
        """Return the places of the latencies from low to high."""
        return range(bisect_left(self.values, low), bisect_right(self.values, high))

    def inside(self, low: int, high: int) -> List[List[int]]:
        """Return [ms above low, calls] for the latencies from low to high."""
        return [
            [self.values[k] - low, self.running[k] - self.below(k)] for k in self.places(low, high)
        ]


class _Window(NamedTuple):
    """From the smallest to the largest percentile of some entries, and how many pairs that is."""

    entries: Sequence[_Entry]
    low: int
    high: int
    pairs: int

    @classmethod
    def of(cls, entries: Sequence[_Entry], share: float) -> _Window:
        """Look how wide the window of a share is; most that are looked at are not kept."""
        percentiles = [entry.percentile(share) for entry in entries if entry.calls]
        low, high = min(percentiles), max(percentiles)
        return cls(entries, low, high, sum(len(entry.places(low, high)) for entry in entries))

    def row(self, share: float, step: int) -> PercentileWindow:
        """Return the window as part of a result."""
        return PercentileWindow(
            share=share,
            step=step,
            from_ms=self.low,
            calls=[entry.calls for entry in self.entries],
            below=[entry.below(bisect_left(entry.values, self.low)) for entry in self.entries],
            inside=[entry.inside(self.low, self.high) for entry in self.entries],
        )


def _entries(days: Sequence[str], histograms: Mapping[str, Histogram], step: int) -> List[_Entry]:
    """Return an entry for each `step` days, the last ones ending with the last day."""
    bins: List[Dict[int, int]] = [defaultdict(int) for _ in range(-(-len(days) // step))]
    for back, day in enumerate(reversed(days)):
        into, histogram = bins[-1 - back // step], histograms.get(day, {})
        if not into:
            into.update(histogram)  # with days by themselves the only one, and copied at once
            continue
        for ms, calls in histogram.items():
            into[ms] += calls
    entries = []
    for histogram in bins:
        values = sorted(histogram)
        entries.append(_Entry(values, list(accumulate(map(histogram.__getitem__, values)))))
    return entries
