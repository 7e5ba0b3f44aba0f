"""Statistics of sorted values: the same as those of all values, from a few of them."""

from __future__ import annotations

import statistics
from typing import List, Sequence, Union, overload

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.stats import (
    SortedWithout,
    median_absolute_deviation,
    sorted_median,
    sorted_median_distance,
)

AMOUNTS = st.one_of(
    st.integers(0, 9).map(float), st.floats(0, 1e9, allow_nan=False, allow_subnormal=False)
)


@given(st.lists(AMOUNTS, max_size=40), AMOUNTS)
def test_the_median_distance_of_sorted_values(values: List[float], centre: float) -> None:
    ordered = sorted(values)
    distances = [abs(value - centre) for value in values]
    assert sorted_median(ordered) == (statistics.median(values) if values else 0.0)
    expected = statistics.median(distances) if values else 0.0
    assert sorted_median_distance(ordered, centre) == expected


@given(st.lists(AMOUNTS, min_size=1, max_size=20), st.data())
def test_values_without_one_of_them(values: List[float], data: st.DataObject) -> None:
    ordered = sorted(values)
    place = data.draw(st.integers(0, len(ordered) - 1))
    others = ordered[:place] + ordered[place + 1 :]
    left = SortedWithout(ordered, place)
    assert (list(left), len(left), left[1:], left[-1:]) == (others, len(others), others[1:],
                                                             others[-1:])  # fmt: skip
    assert sorted_median(left) == sorted_median(others)
    centre = sorted_median(left)
    assert sorted_median_distance(left, centre) == median_absolute_deviation(others)
    with pytest.raises(IndexError):
        left[len(others)]


class Counted(Sequence[float]):
    """Values that count how often one is looked at."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = values
        self.looks = 0

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, place: int) -> float: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[float]: ...

    def __getitem__(self, place: Union[int, slice]) -> Union[float, Sequence[float]]:
        self.looks += 1
        return self.values[place]


def test_few_of_many_sorted_values_are_looked_at() -> None:
    """An hour of each of 80,000 days is held against all others: 6.4 billion values else."""
    values = Counted([float(k * k) for k in range(80_000)])
    others = SortedWithout(values, 40_000)
    assert sorted_median_distance(others, sorted_median(others)) > 0
    assert values.looks < 200
