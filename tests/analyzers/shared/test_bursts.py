"""Bursts stand out from the hours around them, and nothing else is one."""

from __future__ import annotations

import doctest
import math
from typing import List

import pytest

from finops import config
from finops.analyzers.shared import bursts
from finops.analyzers.shared.bursts import cost_around, pattern


def found(costs: List[float]) -> List[int]:
    return [i for i, c in enumerate(costs) if pattern(c, cost_around(costs, i)) == "burst"]


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(bursts).failed == 0


def test_by_hand() -> None:
    """Of the twelve hours around, the ninth from below counts: three bursts do not hide one."""
    costs = [1.0] * 6 + [10.0] + [1.0] * 6
    assert cost_around(costs, 6) == 1.0
    costs[0:3] = [8.0, 8.0, 8.0]
    assert (cost_around(costs, 6), pattern(10.0, 1.0)) == (1.0, "burst")
    costs[3] = 8.0
    assert (cost_around(costs, 6), pattern(10.0, 8.0)) == (8.0, "busy")


@pytest.mark.parametrize("place", [0, 1, 24, 46, 47])
def test_a_burst_is_found_wherever_it_is(place: int) -> None:
    costs = [5.0] * 48
    costs[place] = 5.0 * config.BURST_FACTOR + 0.01
    assert found(costs) == [place]
    costs[place] = 5.0 * config.BURST_FACTOR
    assert found(costs) == []


def test_growth_days_and_steps_are_no_bursts() -> None:
    day = [1 + 0.45 * math.sin(2 * math.pi * (h - 8) / 24) for h in range(24)]
    assert found(day * 5) == []
    assert found([1.1**h for h in range(72)]) == [] == found([1.1**-h for h in range(72)])
    assert found([1.0] * 30 + [8.0] * 30 + [1.0] * 30) == []


def test_one_hour_alone_has_nothing_around_it() -> None:
    assert cost_around([3.0], 0) == 0.0
    assert pattern(3.0, 0.0) == "burst"
