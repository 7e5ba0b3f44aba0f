"""Wasters of prompts: who is one by habit, and who only seems so among many."""

from __future__ import annotations

import random
from typing import Dict

import pytest

from finops import config
from finops.analyzers.shared.prompt_waste import wasteful_customers

OTHERS = {f"o{i}": 10_000 for i in range(5)}


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
