from __future__ import annotations

import math
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.advanced.token_economics import TokenEconomicsAnalyzer
from finops.business.catalog import DEFAULT_PRICES
from finops.business.usage import Usage
from tests.analyzers.samples import at, many, run
from tests.support.reference import call

Rows = List[Dict[str, str]]
OPUS = {"provider": "anthropic", "model": "claude-opus-4-8"}


def result_of(rows: Rows) -> Dict[str, Any]:
    return run(TokenEconomicsAnalyzer, rows)


def classes_of(rows: Rows) -> Any:
    return {row["class"]: row for row in result_of(rows)["token_classes"]}


def test_a_cost_is_split_by_list_prices() -> None:
    """claude-opus-4-8, USD of 1,000: 0.005 in, 0.0005 read, 0.00625 written, 0.01 for an hour,
    0.025 out: 1.00 + 0.20 + 1.25 + 1.00 + 2.00 + 0.50 = 5.95, paid at half price.
    """
    tokens = {
        "input_tokens": 900_000,
        "cached_input_tokens": 400_000,
        "cache_write_tokens": 300_000,
        "cache_write_1h_tokens": 100_000,
        "output_tokens": 100_000,
        "reasoning_tokens": 20_000,
    }
    rows = classes_of([call(cost_usd="2.975", **OPUS, **tokens)])
    assert {name: row["cost"] for name, row in rows.items()} == pytest.approx(
        {"input": 0.5, "cached": 0.1, "cache_write": 1.125, "output": 1.0, "reasoning": 0.25}
    )
    assert {name: row["tokens"] for name, row in rows.items()} == {
        **{"input": 200_000, "cached": 400_000, "cache_write": 300_000},
        **{"output": 80_000, "reasoning": 20_000},
    }
    assert math.fsum(row["share_percent"] for row in rows.values()) == pytest.approx(100)


def test_what_has_no_list_price_cannot_be_split() -> None:
    rows = classes_of([call(provider="acme", model="m", cost_usd="1"), call(cost_usd="1")])
    assert rows["unknown"] == {
        "class": "unknown",
        "tokens": 0,
        "cost": 1.0,
        "share_percent": 50.0,
    }
    assert rows["input"]["tokens"] == 1000


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["gpt-4o", "gpt-4", "m"]),
        *(st.integers(0, 5000) for _ in range(4)),
        st.integers(0, 10**6),
    ),
    max_size=20,
)


@given(CALLS)
def test_classes_add_up_to_tokens_and_cost(calls: Any) -> None:
    rows = [
        call(
            model=model,
            input_tokens=inputs,
            cached_input_tokens=min(cached, inputs),
            output_tokens=outputs,
            reasoning_tokens=min(reasoning, outputs),
            cost_usd=f"{micro / 1e6:.6f}",
        )
        for model, inputs, cached, outputs, reasoning, micro in calls
    ]
    result = result_of(rows)
    classes, summary = result["token_classes"], result["summary"]
    total = summary["total_input_tokens"] + summary["total_output_tokens"]
    assert sum(row["tokens"] for row in classes) == total
    assert math.fsum(row["cost"] or 0.0 for row in classes) == pytest.approx(
        summary["total_cost"] or 0.0
    )
    cached = sum(int(row["cached_input_tokens"]) for row in rows)
    assert summary["cached_input_tokens"] == (cached or None)


def test_a_source_that_says_nothing_of_caching_has_no_hit_rate() -> None:
    result = result_of(many(50))
    assert (result["cache"], result["daily_cache"]) == ([], [])
    assert result["summary"]["cached_input_tokens"] is None
    assert result["summary"]["cache_hit_percent"] is None


def silent(tokens: int, **given: Any) -> Dict[str, str]:
    """Return a call of a source that does not report cached tokens."""
    return call(source="plain", input_tokens=tokens, **given)


def test_a_hit_rate_is_that_of_the_sources_that_say() -> None:
    """750 of 1,000 tokens were read from a cache; of 9,000 others that is not known."""
    told = {"source": "codex", "input_tokens": 500}
    rows = [
        call(cached_input_tokens=450, **told),
        call(timestamp=at(1), cached_input_tokens=300, **told),
        silent(9_000, feature_id="search"),
    ]
    result = result_of(rows)
    summary = result["summary"]
    assert (summary["cached_input_tokens"], summary["cache_hit_percent"]) == (750, 75.0)
    assert summary["input_tokens_of_unknown_cache"] == 9_000
    assert [row["input_tokens"] for row in result["cache"]] == [1_000]
    assert [row["input_tokens"] for row in result["daily_cache"]] == [500, 500]


def test_a_source_that_only_writes_to_caches_reports_them() -> None:
    summary = result_of([call(input_tokens=100, cache_write_tokens=40, **OPUS)])["summary"]
    assert (summary["cached_input_tokens"], summary["cache_hit_percent"]) == (0, 0.0)
    assert summary["input_tokens_of_unknown_cache"] == 0


TOLD = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5000), st.integers(0, 5000)))
SILENT = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10**6)), min_size=1)


@given(TOLD, SILENT)
def test_calls_of_silent_sources_change_nothing_that_is_said_of_a_cache(
    told: Any, others: Any
) -> None:
    rows = [
        call(timestamp=at(day), input_tokens=tokens, cached_input_tokens=min(cached, tokens))
        for day, tokens, cached in told
    ]
    more = [silent(tokens, timestamp=at(day)) for day, tokens in others]
    before, after = result_of(rows), result_of([*rows, *more])
    for name in ("cached_input_tokens", "cache_hit_percent"):
        assert after["summary"][name] == before["summary"][name]
    assert (after["cache"], after["daily_cache"]) == (before["cache"], before["daily_cache"])
    unknown = after["summary"]["input_tokens_of_unknown_cache"]
    assert unknown - before["summary"]["input_tokens_of_unknown_cache"] == sum(
        tokens for _, tokens in others
    )


def test_what_a_cache_saves_is_the_difference_of_prices() -> None:
    """Of 10,000 tokens 4,000 read and 1,000 written: against the price of the same call."""
    tokens = {
        "input_tokens": 10_000,
        "cached_input_tokens": 4_000,
        "cache_write_tokens": 1_000,
        "output_tokens": 0,
    }
    result = result_of([call(feature_id="chat", **OPUS, **tokens)])
    (row,) = result["cache"]
    name = ("anthropic", "claude-opus-4-8")
    prices = [
        DEFAULT_PRICES.price_of(Usage(*name, 10_000, 0, read, written))
        for read, written in ((0, 0), (4_000, 1_000), (9_000, 1_000))
    ]
    plain, now, best = (float(price or 0) for price in prices)
    assert row["saved_usd"] == pytest.approx(plain - now)
    assert row["missed_usd"] == pytest.approx(now - best)
    assert (row["hit_percent"], row["writes_never_read_percent"]) == (40.0, 0.0)
    assert result["summary"]["cache_hit_percent"] == 40.0
    assert result["daily_cache"] == [
        {
            "date": "2025-01-01",
            "input_tokens": 10_000,
            "cached_input_tokens": 4_000,
            "hit_percent": 40.0,
        }
    ]


def test_writes_that_nobody_reads_cost_more_than_they_save() -> None:
    written = {"input_tokens": 1_000, "cache_write_tokens": 1_000, "cached_input_tokens": 0}
    (row,) = result_of([call(**OPUS, **written)])["cache"]
    assert row["saved_usd"] == pytest.approx(0.005 - 0.00625)
    assert (row["missed_usd"], row["writes_never_read_percent"]) == (0.0, 100.0)


def test_what_could_be_saved_most_comes_first() -> None:
    rows = [
        call(timestamp=at(0), feature_id=name, input_tokens=tokens, cached_input_tokens=1)
        for name, tokens in (("a", 100), ("b", 900), ("c", 500))
    ]
    rows.append(call(provider="acme", model="m", feature_id="d", cost_usd="1"))
    uses = result_of(rows)["cache"]
    assert [row["feature_id"] for row in uses] == ["b", "c", "a", "d"]
    assert (uses[-1]["saved_usd"], uses[-1]["missed_usd"]) == (None, None)
