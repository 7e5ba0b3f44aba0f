"""Wasters of prompts: who is one by habit, and who only seems so among many."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Dict, List, Mapping, Set, Tuple

import pytest

from finops import config
from finops.analyzers.shared import prompt_waste

OTHERS = {f"o{i}": 10_000 for i in range(5)}
DAYS = [str(date(2026, 1, 1) + timedelta(days=day)) for day in range(240)]


def wasteful_customers(wasteful: Mapping[str, int], calls: Mapping[str, int]) -> Set[str]:
    """Return the wasters among customers with so many such prompts and calls, all on one day."""
    prompts, all_calls = (
        [(name, DAYS[0], number) for name, number in cells.items()] for cells in (wasteful, calls)
    )
    return habitual_wasters(prompts, all_calls, DAYS[:1])


def habitual_wasters(
    wasteful: List[Tuple[str, str, int]], calls: List[Tuple[str, str, int]], days: List[str]
) -> Set[str]:
    """Return the wasters; the calls of who has few such prompts are known as part of all only."""
    of_all = [(day, number) for _, day, number in calls]
    prompts: Dict[str, int] = {}
    for name, _, number in wasteful:
        prompts[name] = prompts.get(name, 0) + number
    least = config.PROMPT_WASTER_MIN_CALLS
    few = [cell for cell in calls if prompts.get(cell[0], 0) >= least]
    habitual = prompt_waste.habitual_wasters(wasteful, few, of_all, days)
    assert prompt_waste.habitual_wasters(wasteful, calls, of_all, days) == habitual
    return habitual


def daily(customer: str, each: int, days: List[str]) -> List[Tuple[str, str, int]]:
    return [(customer, day, each) for day in days]


@pytest.mark.parametrize(
    ("number", "calls", "found"),
    [
        (20, 1333, True),  # 1.50 percent
        (20, 1334, False),
        (19, 100, False),
        (20, 20, True),
    ],
)
def test_a_waster_has_many_such_prompts_and_a_large_share(
    number: int, calls: int, found: bool
) -> None:
    assert (config.PROMPT_WASTER_MIN_CALLS, config.PROMPT_WASTER_MIN_SHARE_PCT) == (20, 1.5)
    assert wasteful_customers({"a": number}, {**OTHERS, "a": calls}) == ({"a"} if found else set())


@pytest.mark.parametrize(("number", "found"), [(60, False), (61, True)])
def test_a_waster_has_three_times_the_share_of_the_others(number: int, found: bool) -> None:
    """Of 49,900 other calls 999 are such: with the one in a hundred added, 2 percent."""
    others = {"b": 49_900}
    assert wasteful_customers({"a": number, "b": 999}, {"a": 1000, **others}) == (
        {"a"} if found else set()
    )


def test_wasters_do_not_hide_each_other() -> None:
    """The largest has 20 percent of all calls, the smallest would be ordinary beside it."""
    wasteful = {"large": 12_000, "middle": 900, "small": 40}
    calls = {**OTHERS, "large": 12_500, "middle": 9_000, "small": 1_300}
    assert wasteful_customers(wasteful, calls) == {"large", "middle", "small"}


def test_alone_a_waster_is_held_against_one_prompt_in_a_hundred() -> None:
    assert wasteful_customers({"a": 30}, {"a": 100}) == {"a"}
    assert wasteful_customers({"a": 40}, {"a": 2_000}) == set()
    assert wasteful_customers({}, {}) == set()


@pytest.mark.unmeasured
def test_among_fifty_thousand_ordinary_customers_nobody_is_one() -> None:
    """Everybody wastes 1.2 percent: thousands are above the least share by chance alone."""
    draw = random.Random(5)
    calls: Dict[str, int] = {f"c{i}": draw.choice((50, 400, 1500, 3000)) for i in range(50_000)}
    wasteful = {
        name: max(0, round(draw.gauss(0.012 * count, (0.012 * count) ** 0.5)))
        for name, count in calls.items()
    }
    tempting = [
        name
        for name, number in wasteful.items()
        if number >= config.PROMPT_WASTER_MIN_CALLS
        and 100 * number >= config.PROMPT_WASTER_MIN_SHARE_PCT * calls[name]
    ]
    assert len(tempting) > 1000
    assert wasteful_customers(wasteful, calls) == set()
    assert wasteful_customers({**wasteful, "c1": 300}, {**calls, "c1": 1500}) == {"c1"}


@pytest.mark.parametrize("first", [0, 117, 234])
def test_a_habit_of_six_days_is_seen_in_a_long_file_too(first: int) -> None:
    """180 of 14,400 calls are 1.25 percent; in a month of 1,800 they are up to 10."""
    calls = daily("a", 60, DAYS) + daily("b", 60, DAYS)
    wasteful = daily("a", 30, DAYS[first : first + 6])
    assert habitual_wasters(wasteful, calls, DAYS) == {"a"}
    assert habitual_wasters(wasteful, calls, []) == set()  # no month of it is known
    assert habitual_wasters(daily("a", 3, DAYS[first : first + 6]), calls, DAYS) == set()


def test_a_habit_that_is_small_every_month_is_seen_in_the_whole() -> None:
    """Three prompts a month are too few of a month, twenty-four of the year are not."""
    calls = daily("a", 1, DAYS) + daily("b", 60, DAYS)
    assert habitual_wasters(daily("a", 1, DAYS[::10]), calls, DAYS) == {"a"}
    assert habitual_wasters(daily("a", 1, DAYS[:60:10]), calls, DAYS) == set()


def test_chance_is_given_less_the_more_months_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """31 prompts where 10 are usual: chance makes them at most in exp(21 - 31 ln 3.1) = 8e-7."""
    usual = [*daily("b", 10_000, DAYS), *daily("a", 1_000, DAYS[:1])]
    wasteful = [*daily("b", 100, DAYS), ("a", DAYS[0], 31)]
    assert habitual_wasters(wasteful, usual, DAYS[:59]) == {"a"}
    assert habitual_wasters(wasteful, usual, DAYS) == set()
    monkeypatch.setattr(config, "PROMPT_WASTER_CHANCE", 1e-5)
    assert habitual_wasters(wasteful, usual, DAYS) == {"a"}


def test_months_are_equal_and_at_least_thirty_days_long() -> None:
    for count in (0, 1, 30, 59, 60, 61, 89, 90, 240):
        months = prompt_waste._months(DAYS[:count])
        lengths = {list(months.values()).count(month) for month in set(months.values())}
        assert set(months) == (set(DAYS[:count]) if count >= 60 else set())
        assert not lengths or (min(lengths) >= 30 and max(lengths) - min(lengths) <= 1)
