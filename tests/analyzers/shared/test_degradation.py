from __future__ import annotations

import doctest
import math
import random
from typing import Any, Dict, List, Tuple

import pytest

from finops import stats
from finops.analyzers.shared import degradation
from finops.analyzers.shared.degradation import degraded_hours
from finops.rollups.measures import Distribution
from finops.stats import improbable
from tests.support.reference import standings_of

CHANCE = 1e-6
Cells = Dict[Tuple[Any, ...], Tuple[Any, ...]]


def cell(latencies: List[int], errors: int = 0) -> Tuple[Any, ...]:
    return (len(latencies), errors, sorted(latencies))


def degraded(cells: Cells) -> List[degradation.Degraded]:
    """The bad hours of cells with lists of latencies."""
    (distribution,) = degradation.PROVIDER_LATENCIES.measures
    assert isinstance(distribution, Distribution)
    assert distribution.usual is not None
    found = standings_of({key: cell[2] for key, cell in cells.items()}, distribution.usual, 0)
    return degraded_hours({key: (*cell[:2], found[key]) for key, cell in cells.items()})


def ordinary(hours: int, calls: int, seed: int, provider: str = "openai") -> Cells:
    """Hours as they are: most calls take some hundred ms, one in fifty runs into a timeout."""
    draw = random.Random(seed)
    cells: Cells = {}
    for hour in range(hours):
        latencies = [
            5000 if draw.random() < 0.02 else draw.randrange(120, 600) for _ in range(calls)
        ]
        errors = sum(draw.random() < 0.05 for _ in range(calls))
        cells[f"2025-01-{1 + hour // 24:02d}T{hour % 24:02d}:00:00", provider] = cell(
            latencies, errors
        )
    return cells


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(degradation).failed == 0 == doctest.testmod(stats).failed


@pytest.mark.unmeasured
@pytest.mark.parametrize("calls", [3, 12, 20, 40, 100])
def test_ordinary_hours_are_quiet(calls: int) -> None:
    for seed in range(3):
        assert degraded(ordinary(700, calls, seed)) == []


@pytest.mark.parametrize("calls", [20, 40, 100])
def test_a_slow_stretch_is_found_hour_by_hour(calls: int) -> None:
    cells = ordinary(400, calls, 9)
    slow = ["2025-01-05T10:00:00", "2025-01-05T11:00:00", "2025-01-05T12:00:00"]
    for hour in slow:
        count, errors, usual = cells[hour, "openai"]
        latencies = [min(5000, ms * 5) for ms in usual]
        cells[hour, "openai"] = cell(latencies, errors)
        assert count == calls
    found = degraded(cells)
    assert [d.hour for d in found] == slow
    assert {d.kind for d in found} == {"latency"}


def test_providers_are_measured_against_themselves() -> None:
    cells = {(f"2025-01-01T{h:02d}:00:00", "azure"): cell([3000] * 30) for h in range(12)}
    cells.update({(f"2025-01-01T{h:02d}:00:00", "google"): cell([300] * 30) for h in range(12)})
    assert degraded(cells) == []
    cells["2025-01-01T07:00:00", "google"] = cell([1000] * 30)
    (found,) = degraded(cells)
    assert found == ("google", "2025-01-01T07:00:00", "latency", 1000, 300, 900)


def test_three_times_is_not_yet_degraded() -> None:
    cells = {(f"2025-01-01T{h:02d}:00:00", "azure"): cell([300] * 30) for h in range(12)}
    cells["2025-01-01T07:00:00", "azure"] = cell([900] * 30)
    assert degraded(cells) == []


def test_hours_with_few_calls_say_nothing() -> None:
    cells = {(f"2025-01-01T{h:02d}:00:00", "azure"): cell([300] * 30) for h in range(12)}
    cells["2025-01-01T07:00:00", "azure"] = cell([5000] * 9)
    assert degraded(cells) == []


def test_a_burst_of_errors() -> None:
    cells = {(f"2025-01-01T{h:02d}:00:00", "azure"): cell([300] * 40, 1) for h in range(12)}
    cells["2025-01-01T07:00:00", "azure"] = cell([300] * 40, 20)
    (found,) = degraded(cells)
    usual = 31 / 480 * 100
    assert found.kind == "errors"
    assert found.value == 50.0
    assert found.usual == pytest.approx(usual)
    assert found.threshold == pytest.approx(5 * usual)


def poisson_tail(count: int, expected: float) -> float:
    """The exact chance of `count` or more."""
    below = sum(math.exp(-expected) * expected**n / math.factorial(n) for n in range(count))
    return max(0.0, 1 - below)


@pytest.mark.parametrize("expected", [0.05, 0.4, 2.0, 9.0])
def test_what_is_called_improbable_is(expected: float) -> None:
    first = next(n for n in range(1, 60) if improbable(n, expected, CHANCE))
    assert poisson_tail(first, expected) < CHANCE * 1.0001
    assert all(improbable(n, expected, CHANCE) for n in range(first, first + 20))
    assert not improbable(int(expected), expected, CHANCE)
