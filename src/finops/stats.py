"""Pure statistics over small sequences and histograms; no input is changed.

Percentiles are nearest-rank and exact; standard deviations are those of the population.
Every function has an answer for empty input, so that callers need no special cases.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from itertools import accumulate
from typing import Iterable, Mapping, Optional, Sequence, Tuple, Union, overload


def ratio(part: float, whole: float) -> float:
    """Return part / whole, and 0.0 where whole is 0.

    >>> ratio(1, 4), ratio(1, 0)
    (0.25, 0.0)
    """
    return part / whole if whole else 0.0


def percent(part: float, whole: float) -> float:
    """Return part / whole × 100, and 0.0 where whole is 0."""
    return ratio(part, whole) * 100


def share_percent(part: float, whole: float) -> Optional[float]:
    """Return part / whole × 100, and None where there is no whole to be a share of.

    >>> share_percent(1, 4), share_percent(0, 0)
    (25.0, None)
    """
    return ratio(part, whole) * 100 if whole > 0 else None


def mean(values: Sequence[float]) -> float:
    """Return the arithmetic mean, 0.0 of nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def std_dev(values: Sequence[float]) -> float:
    """Return the population standard deviation, 0.0 of nothing.

    >>> std_dev([2, 4, 4, 4, 5, 5, 7, 9])
    2.0
    """
    if not values:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / len(values))


def rank_index(count: int, share: float) -> int:
    """Return the 0-based nearest-rank index ceil(count × share) − 1, at least 0.

    The product is rounded to 9 decimals first: 100 × 0.07 is 7.000000000000001 in binary.
    """
    return max(0, math.ceil(round(count * share, 9)) - 1)


def percentile(values: Iterable[float], share: float) -> float:
    """Return the nearest-rank percentile, `share` from 0 to 1; 0 of nothing.

    >>> percentile([15, 20, 35, 40, 50], 0.40)
    20
    """
    ordered = sorted(values)
    return ordered[rank_index(len(ordered), share)] if ordered else 0


def histogram_percentiles(histogram: Mapping[int, int], shares: Sequence[float]) -> Tuple[int, ...]:
    """Return exact nearest-rank percentiles of {value: count} for ascending `shares`.

    >>> histogram_percentiles({10: 3, 50: 1}, (0.5, 0.75, 1.0))
    (10, 10, 50)
    """
    values = sorted(histogram)
    running = list(accumulate(map(histogram.__getitem__, values)))
    total = running[-1] if running else 0
    if not total:
        return tuple(0 for _ in shares)
    return tuple(values[bisect_right(running, rank_index(total, share))] for share in shares)


def median(values: Iterable[float]) -> float:
    """Return the middle value, or the mean of the two middle ones; 0.0 of nothing."""
    return sorted_median(sorted(values))


def sorted_median(ordered: Sequence[float]) -> float:
    """Return the median of ascending values; 0.0 of nothing."""
    half = len(ordered) // 2
    if not len(ordered):
        return 0.0
    if len(ordered) % 2:
        return float(ordered[half])
    return (ordered[half - 1] + ordered[half]) / 2


class SortedWithout(Sequence[float]):
    """Ascending values without the one at a place, which takes no copy of them."""

    def __init__(self, ordered: Sequence[float], place: int) -> None:
        self._ordered = ordered
        self._place = place

    def __len__(self) -> int:
        return len(self._ordered) - 1

    @overload
    def __getitem__(self, place: int) -> float: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[float]: ...

    def __getitem__(self, place: Union[int, slice]) -> Union[float, Sequence[float]]:
        if isinstance(place, slice):
            return [self[k] for k in range(*place.indices(len(self)))]
        place = range(len(self))[place]  # raises IndexError; negative ones are from the end
        return self._ordered[place if place < self._place else place + 1]


def sorted_median_distance(ordered: Sequence[float], centre: float) -> float:
    """Return the median distance of ascending values from a centre; 0.0 of nothing.

    Looks at as many values as their number has binary digits, not at all of them: the distances
    below the centre and those above it are two ascending sequences, and a binary search finds
    how many of the smallest distances are below.
    """
    count, split = len(ordered), bisect_left(ordered, centre)
    if not count:
        return 0.0

    def below(place: int) -> float:
        return centre - ordered[split - 1 - place]

    def above(place: int) -> float:
        return ordered[split + place] - centre

    def smallest(wanted: int) -> float:
        """Return the greatest of the `wanted` smallest distances."""
        fewest, most = max(0, wanted - (count - split)), min(wanted, split)
        while fewest < most:
            taken = (fewest + most) // 2
            if above(wanted - taken - 1) > below(taken):
                fewest = taken + 1
            else:
                most = taken
        lower = below(fewest - 1) if fewest else 0.0
        return max(lower, above(wanted - fewest - 1)) if wanted > fewest else lower

    half = count // 2
    if count % 2:
        return smallest(half + 1)
    return (smallest(half) + smallest(half + 1)) / 2


def median_absolute_deviation(values: Sequence[float]) -> float:
    """Return the median distance from the median (unscaled); 0.0 of nothing."""
    centre = median(values)
    return median(abs(v - centre) for v in values)


def growth_percent(now: float, before: float) -> float:
    """Return the change from `before` to `now` in percent, 0.0 where `before` is 0."""
    return (now - before) / before * 100 if before else 0.0


def improbable(count: int, expected: float, chance: float) -> bool:
    """Return whether so many are beyond chance, where `expected` > 0 are usual.

    The chance of `count` or more of a Poisson-distributed number is at most
    exp(count − expected) × (expected / count)^count (Chernoff's bound); it is compared with
    `chance`, 0 to 1.

    >>> improbable(2, 0.4, 1e-6), improbable(12, 0.4, 1e-6), improbable(3, 3.0, 1e-6)
    (False, True, False)
    """
    if count <= expected:
        return False
    return count - expected + count * math.log(expected / count) < math.log(chance)


# Two-sided quantiles of Student's t at 95 %, by degrees of freedom from 1 on.
_T_95 = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)
_Z_95 = 1.959964


def t_quantile_95(freedom: int) -> float:
    """Return what 95 % of Student's t with so many degrees of freedom stay within.

    Beyond the table it is the expansion of Cornish and Fisher.

    >>> t_quantile_95(1), t_quantile_95(30), round(t_quantile_95(60), 3)
    (12.706, 2.042, 2.0)
    """
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    z = _Z_95
    second = (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    return z + (z**3 + z) / (4 * freedom) + second


def slope_interval(values: Sequence[float]) -> Tuple[float, float, float]:
    """Return the slope of the line through equally spaced values, within its 95 % interval.

    Low, slope, high; at least three values.

    >>> slope_interval([1.0, 2.0, 3.0])
    (1.0, 1.0, 1.0)
    """
    count = len(values)
    middle, centre = (count - 1) / 2, mean(values)
    width = math.fsum((at - middle) ** 2 for at in range(count))
    slope = math.fsum((at - middle) * (v - centre) for at, v in enumerate(values)) / width
    left = math.fsum((v - centre - slope * (at - middle)) ** 2 for at, v in enumerate(values))
    error = t_quantile_95(count - 2) * math.sqrt(left / (count - 2) / width)
    return slope - error, slope, slope + error
