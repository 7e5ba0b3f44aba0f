"""The forecast on the calls of each simulated scenario: not worse than repeating the last week.

Days are forecast from every fifth day on which there were three weeks to forecast from; the
long version, over costs and more seeds, is `scripts/backtest.py`.
"""

from __future__ import annotations

import functools
import math
import statistics
from typing import List, NamedTuple, Optional

import pytest

from finops.analyzers.shared.forecast import forecast
from finops.simulator.plan import Plan
from finops.simulator.scenarios import SCENARIOS
from finops.simulator.simulation_spec import SimulationSpec

DAYS, LEAST_SEEN, AHEAD, STEP = 62, 21, 14, 5
ALL = "all in turn"


class Errors(NamedTuple):
    """Errors of each forecast day in percent, and how many of how many days lie in the interval."""

    ours: List[float]
    naive: List[float]
    inside: int
    days: int


def calls_by_day(name: str) -> List[float]:
    scenarios: Optional[List[str]] = None if name == ALL else [name]
    found = [0.0] * DAYS
    for hour in Plan(SimulationSpec.of(scenarios=scenarios)).hours():
        if hour.number >= DAYS * 24:
            return found
        found[hour.number // 24] += hour.calls
    raise AssertionError("the hours go on for ever")


@functools.lru_cache(maxsize=None)
def errors_of(name: str) -> Errors:
    values = calls_by_day(name)
    ours, naive, inside = [], [], []
    for origin in range(LEAST_SEEN, DAYS - AHEAD + 1, STEP):
        seen = values[:origin]
        for i, guess in enumerate(forecast(seen, AHEAD)):
            actual = values[origin + i]
            ours.append(100 * abs(guess.value - actual) / actual)
            naive.append(100 * abs(seen[origin - 7 + i % 7] - actual) / actual)
            inside.append(guess.low <= actual <= guess.high)
    return Errors(ours, naive, sum(inside), len(inside))


@pytest.mark.parametrize("name", [ALL, *SCENARIOS])
def test_it_is_no_worse_than_repeating_the_last_week(name: str) -> None:
    """What chance alone may add to the mean difference of so many days is no difference."""
    errors = errors_of(name)
    worse = [ours - naive for ours, naive in zip(errors.ours, errors.naive)]
    by_chance = 2 * statistics.stdev(worse) / math.sqrt(len(worse))
    assert min(errors.ours) >= 0
    assert statistics.mean(worse) <= by_chance


def test_four_of_five_days_lie_in_the_interval() -> None:
    found = [errors_of(name) for name in (ALL, *SCENARIOS)]
    share = sum(one.inside for one in found) / sum(one.days for one in found)
    assert 0.70 <= share <= 0.90
