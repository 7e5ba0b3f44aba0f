"""Packed sums and percentile windows, unpacked here and in a browser against brute force."""

from __future__ import annotations

import doctest
import json
import math
import random
from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any, Dict, Iterator, List, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.shared.daily_sums import daily_sums
from finops.analyzers.shared.latency_percentiles import percentile_windows
from finops.generators import packed_sums
from finops.generators.packed_sums import ALPHABET, pack, pack_window, packed
from finops.results.base import DailySums
from finops.rollups.spec import Period
from tests.generators.pages import unpacked
from tests.generators.test_browser import Visit, write_sample

START = date(2025, 1, 1)
DAYS = [(START + timedelta(days=n)).isoformat() for n in range(40)]
PERIOD = Period("2025-01-01T05:00:00.000000", f"{DAYS[-1]}T04:00:00.000000")


def test_doctests() -> None:
    assert doctest.testmod(packed_sums).failed == 0


def test_no_digit_needs_an_escape_in_the_page() -> None:
    assert len(set(ALPHABET)) == 88
    assert json.dumps(ALPHABET) == f'"{ALPHABET}"'
    assert not set(ALPHABET) & set("<>&")


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_numbers_come_back(numbers: List[int]) -> None:
    assert unpacked(packed(numbers), len(numbers)) == numbers


def daily(keys: int, largest: int = 99, below: bool = False) -> DailySums:
    draw = random.Random(keys)
    calls = [[draw.randrange(largest) for _ in DAYS] for _ in range(keys)]
    if below:
        calls[0][0] = -1
    return DailySums(DAYS, ["name"], [[f"k{n}"] for n in range(keys)], {"calls": calls})


def test_cells_become_days_without_gaps() -> None:
    cells = {
        (DAYS[3], "a", "x"): (2, 0.5),
        (DAYS[3], "a", "y"): (1, 0.25),
        (DAYS[39], "b", "x"): (7, 1.0),
    }
    found = daily_sums(PERIOD, cells, ("day", "name", "other"), ("calls", "cost"), ("name",))
    assert found is not None
    assert found.days == DAYS
    assert found.keys == [["a"], ["b"]]
    assert found.sums["calls"][0] == [3 if day == DAYS[3] else 0 for day in DAYS]
    assert found.sums["cost"][0][3] == 0.75
    assert found.sums["calls"][1] == [0] * 39 + [7]


def test_too_many_cells_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = {(day, "a"): (1,) for day in DAYS}
    monkeypatch.setattr(config, "DAILY_SUMS_MAX_CELLS", 40)
    assert daily_sums(PERIOD, cells, ("day", "name"), ("calls",), ("name",))
    monkeypatch.setattr(config, "DAILY_SUMS_MAX_CELLS", 39)
    assert daily_sums(PERIOD, cells, ("day", "name"), ("calls",), ("name",)) is None


@pytest.mark.parametrize(("most", "step"), [(2000, 1), (200, 7), (110, 14), (80, 28)])
def test_what_is_too_long_shares_sums_over_days(most: int, step: int) -> None:
    sums_of = daily(10)
    made = pack({"one": sums_of, "absent": None}, most)
    assert made["absent"] is None
    assert made["one"] is not None
    data = made["one"].data
    assert (data["step"], data["bins"]) == (step, math.ceil(40 / step))
    ends = list(range(40, 0, -step))[::-1]
    for row, text in zip(sums_of.sums["calls"], data["measures"]["calls"]["rows"]):
        wanted = [sum(row[max(0, end - step) : end]) for end in ends]
        assert unpacked(text, data["bins"]) == wanted


def test_what_never_fits_or_is_negative_is_left_out() -> None:
    assert pack({"one": daily(5000)}, most=12_000) == {"one": None}
    assert pack({"one": daily(2, below=True)}) == {"one": None}


def test_the_largest_gives_way_first() -> None:
    made = pack({"small": daily(5), "large": daily(60)}, most=4_000)
    assert [one.data["step"] for one in made.values() if one] == [1, 7]


SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def nearest_rank(values: List[int], share: float) -> int:
    return sorted(values)[max(0, math.ceil(round(len(values) * share, 9)) - 1)]


def latencies() -> Dict[str, List[int]]:
    """Days of very different speed and size, some without a call, one with few slow ones."""
    draw = random.Random(3)
    made = {
        day: [int(draw.lognormvariate(6, 0.5)) for _ in range(draw.randrange(1, 300))]
        for day in DAYS
    }
    made[DAYS[11]] = [9000, 9001]
    del made[DAYS[5]], made[DAYS[6]]
    return made


SCRIPT = """([windows, last, ranges]) => {
  const made = sums.start({ windows }, last).windows;
  return ranges.map((range) => Object.entries(made).map(([name, one]) =>
    [name, one.covers(range), one.percentile(range)]));
}"""


@pytest.mark.parametrize(("most", "steps"), [(10**6, {1}), (3_400, {1, 7})])
def test_a_browser_finds_the_percentiles_of_any_days(
    visit: Visit, most: int, steps: Set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "PERCENTILE_WINDOWS_MAX_COUNTS", most)
    calls = latencies()
    histograms = {day: dict(Counter(of)) for day, of in calls.items()}
    windows = percentile_windows(PERIOD, histograms, SHARES)
    assert {one.step for one in windows.values() if one} == steps
    made = {name: pack_window(one) for name, one in windows.items() if one}
    ranges = [{"from": a, "to": b} for a, b in combinations(DAYS[::3], 2)]
    ranges += [{"from": day, "to": day} for day in DAYS]
    found = visit.page.evaluate(SCRIPT, [made, DAYS[-1], ranges])
    for wanted, of_range in zip(ranges, found):
        assert len(of_range) == len(made)
        for name, covers, value in of_range:
            assert covers["from"] <= wanted["from"]
            assert wanted["to"] <= covers["to"]
            days = [of for day, of in calls.items() if covers["from"] <= day <= covers["to"]]
            inside = [ms for of in days for ms in of]
            assert value == (nearest_rank(inside, SHARES[name]) if inside else None)


@pytest.fixture
def visit(browser: Any, address: str, site: Path) -> Iterator[Visit]:
    """A page opened; any will do, as all have the same scripts."""
    write_sample(site / "sums.html")
    opened = Visit(browser, f"{address}/sums.html")
    yield opened
    opened.context.close()


def test_without_calls_there_are_no_windows() -> None:
    assert percentile_windows(Period(), {}, {"p50": 0.5}) == {"p50": None}
