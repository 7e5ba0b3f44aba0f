from __future__ import annotations

import doctest
import math
from collections import defaultdict
from typing import Any, DefaultDict, Dict, List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.shared import cost_change
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.business.catalog import DEFAULT_PRICES
from finops.results.base import to_dict
from tests.analyzers.samples import at
from tests.support.reference import ReferenceDataset, call

Rows = List[Dict[str, str]]
Spent = DefaultDict[Tuple[str, str], Dict[Tuple[str, str], List[float]]]
PARTS = ("price_effect", "mix_effect", "volume_effect", "new_subjects_effect")


def change_of(rows: Rows) -> Optional[Dict[str, Any]]:
    """Return the section of a result; the rest of it, forecasts above all, takes longer."""
    data = ReferenceDataset(rows).rollups((HOURLY_CALLS, *cost_change.CHANGE_TABLES))
    change = cost_change.cost_change(data, covered_days(data))
    return None if change is None else to_dict(change)


def days(first: int, end: int, cost: float, **changes: Any) -> Rows:
    """Return a call in the first and the last hour of each day, of half the cost each."""
    return [
        call(timestamp=at(day, hour), cost_usd=str(cost / 2), **changes)
        for day in range(first, end)
        for hour in (0, 23)
    ]


def effects(change: Optional[Dict[str, Any]]) -> List[float]:
    assert change is not None
    return [round(change[name], 9) for name in PARTS]


# Work (feature, task), model, day from the first, cost, input, output and cached tokens.
CALLS = st.lists(
    st.tuples(
        st.sampled_from([("chat", "chat"), ("analysis", "reasoning"), ("", "")]),
        st.sampled_from([("openai", "gpt-4o"), ("anthropic", "claude-haiku-4-5"), ("acme", "m")]),
        st.integers(0, 29),
        st.integers(0, 500_000),  # micro-dollars
        st.integers(0, 3000),
        st.integers(0, 800),
        st.integers(0, 3000),
        st.sampled_from(["ann", "bob", ""]),
    ),
    max_size=60,
)


def rows_of(calls: List[Tuple[Any, ...]]) -> Rows:
    rows = [
        call(
            timestamp=at(day, 12),
            provider=model[0],
            model=model[1],
            feature_id=work[0],
            task_type=work[1],
            cost_usd=f"{micro / 1e6:.6f}",
            input_tokens=inputs,
            output_tokens=outputs,
            cached_input_tokens=min(cached, inputs),
            customer_id=customer,
        )
        for work, model, day, micro, inputs, outputs, cached, customer in calls
    ]
    return days(0, 30, 0.02) + rows  # so that all days are whole


def brute_force(rows: Rows, window: int, length: int) -> Dict[str, float]:
    """Return the parts from the rows, one by one; `length` is the number of all days."""
    spent: Tuple[Spent, Spent] = (defaultdict(dict), defaultdict(dict))
    for row in rows:
        day = next(day for day in range(length) if row["timestamp"][:10] == at(day)[:10])
        if day < length - 2 * window:
            continue
        work = (row["feature_id"] or "unknown", row["task_type"] or "unknown")
        sums = spent[day >= length - window][work].setdefault(
            (row["provider"], row["model"]), [0.0] * 3
        )
        cached = int(row["cached_input_tokens"] or 0)
        inputs, outputs = int(row["input_tokens"]), int(row["output_tokens"])
        model = DEFAULT_PRICES.find(row["provider"], row["model"])
        listed = 0.0
        if model is not None:
            read = model.cache_read_price
            assert read is not None
            listed = (
                (inputs - cached) * model.input_price + cached * read + outputs * model.output_price
            ) / 1000
        for place, value in enumerate((float(row["cost_usd"]), inputs + outputs, listed)):
            sums[place] += value
    before, now = spent
    parts = dict.fromkeys(PARTS, 0.0)
    for work in {**before, **now}:
        costs = [sum(s[0] for s in side.get(work, {}).values()) for side in spent]
        if work not in before or work not in now:
            parts["new_subjects_effect"] += costs[1] - costs[0]
            continue
        price = 0.0
        for model_key, (cost, _, listed) in now[work].items():
            cost_before, _, listed_before = before[work].get(model_key, [0.0] * 3)
            if listed_before:
                price += cost - listed * cost_before / listed_before
        tokens = [sum(s[1] for s in side[work].values()) for side in spent]
        volume = (
            costs[0] * (tokens[1] / tokens[0] - 1) if tokens[0] else costs[1] - costs[0] - price
        )
        parts["price_effect"] += price
        parts["volume_effect"] += volume
        parts["mix_effect"] += costs[1] - costs[0] - price - volume
    return parts


@pytest.mark.unmeasured
@given(CALLS)
def test_the_parts_are_those_of_the_rows_and_add_up(calls: List[Tuple[Any, ...]]) -> None:
    rows = rows_of(calls)
    change = change_of(rows)
    assert change is not None
    assert (change["days"], change["start"], change["end"]) == (14, at(16)[:10], at(29)[:10])
    difference = change["cost_now"] - change["previous_period_cost"]
    assert math.fsum(change[name] for name in PARTS) == pytest.approx(difference, abs=1e-9)
    for name, value in brute_force(rows, 14, 30).items():
        assert change[name] == pytest.approx(value, abs=1e-6), name
    customers = change["customers"]
    by_customer = [customers[f"{state}_effect"] for state in ("new", "gone", "stayed")]
    assert math.fsum(by_customer) == pytest.approx(difference, abs=1e-9)


def test_the_longest_window_that_the_days_hold_twice() -> None:
    lengths = {length: change_of(days(0, length, 1)) for length in (13, 14, 27, 28, 59, 60, 90)}
    assert lengths[13] is None
    known = {length: change["days"] for length, change in lengths.items() if change}
    assert known == {14: 7, 27: 7, 28: 14, 59: 14, 60: 30, 90: 30}


def test_a_higher_price_for_the_same_tokens_is_price() -> None:
    change = change_of(days(0, 7, 1) + days(7, 14, 1.5))
    assert effects(change) == [3.5, 0, 0, 0]
    assert change
    assert change["subjects"]["price"] == [
        {
            "kind": "price",
            "subject": {"provider": "openai", "model": "gpt-4o"},
            "effect": pytest.approx(3.5),
        }
    ]


def test_twice_the_tokens_are_volume() -> None:
    twice = {"input_tokens": 1000, "output_tokens": 600}
    assert effects(change_of(days(0, 7, 1) + days(7, 14, 2, **twice))) == [0, 0, 7, 0]


def test_another_model_for_the_same_work_is_mix() -> None:
    cheap = {"provider": "anthropic", "model": "claude-haiku-4-5"}
    assert effects(change_of(days(0, 7, 1) + days(7, 14, 0.25, **cheap))) == [0, -5.25, 0, 0]


def test_cached_tokens_at_the_list_price_are_mix_and_not_price() -> None:
    """gpt-4o: 1,000,000 tokens of input for 2.50, cached ones for 1.25."""
    plain = {"input_tokens": 1_000_000, "output_tokens": 0}
    cached = {**plain, "cached_input_tokens": 1_000_000}
    assert effects(change_of(days(0, 7, 5, **plain) + days(7, 14, 2.5, **cached))) == [
        0,
        -17.5,
        0,
        0,
    ]


def test_new_and_gone_work() -> None:
    rows = days(0, 14, 1) + days(0, 7, 2, feature_id="old") + days(7, 14, 3, feature_id="new")
    change = change_of(rows)
    assert effects(change) == [0, 0, 0, 7]
    assert change is not None
    assert [
        (row["kind"], row["subject"], row["effect"]) for row in change["subjects"]["new_or_gone"]
    ] == [
        ("new", {"feature_id": "new", "task_type": "chat"}, 21),
        ("gone", {"feature_id": "old", "task_type": "chat"}, -14),
    ]


def test_customers_who_came_and_went() -> None:
    rows = days(0, 14, 1, customer_id="c") + days(0, 7, 2, customer_id="a")
    change = change_of(rows + days(7, 14, 3, customer_id="b"))
    assert change is not None
    customers = change["customers"]
    assert (customers["new_effect"], customers["gone_effect"], customers["stayed_effect"]) == (
        21,
        -14,
        0,
    )
    assert [(row["customer_id"], row["state"]) for row in customers["largest"]] == [
        ("b", "new"),
        ("a", "gone"),
        ("c", "stayed"),
    ]


def test_free_failures_are_calls_without_tokens() -> None:
    free = {"status": "error", "error_type": "rate_limit", "cost_usd": "0"}
    failed = [call(timestamp=at(day, 12), **free) for day in range(7, 14)]
    assert effects(change_of(days(0, 14, 1) + failed)) == [0, 0, 0, 0]


def test_nothing_is_said_where_a_cost_is_not_known() -> None:
    unknown = call(timestamp=at(3, 12), provider="acme", model="mystery-1", cost_usd="")
    assert change_of([*days(0, 14, 1), unknown]) is None
    assert change_of([*days(0, 18, 1), unknown]) is not None


def test_a_part_of_a_last_day_changes_nothing() -> None:
    rows = days(0, 20, 1) + days(13, 20, 1)
    part = [call(timestamp=at(20, 3), cost_usd="9")]
    assert change_of(rows + part) == change_of(rows)


def test_the_example_in_the_text_holds() -> None:
    assert doctest.testmod(cost_change).failed == 0
