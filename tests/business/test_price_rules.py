"""What a call costs, worked out by hand: token classes, tiers, multipliers, fees, look-ups."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, Dict, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import CATALOG, DEFAULT_PRICES, Model
from finops.business.names import fold_provider
from finops.business.prices import PriceTable, Usage, parse_prices
from finops.business.usage import token_classes

MILLION = 1_000_000


def in_micro(**prices: Any) -> Dict[str, Any]:
    """Return prices in USD per million tokens as a map has them: per token."""
    names = {
        "input": "input_cost_per_token",
        "output": "output_cost_per_token",
        "read": "cache_read_input_token_cost",
        "write": "cache_creation_input_token_cost",
        "hour": "cache_creation_input_token_cost_above_1hr",
        "reasoning": "output_cost_per_reasoning_token",
        "audio": "input_cost_per_audio_token",
        "spoken": "output_cost_per_audio_token",
    }
    found = {}
    for name, price in prices.items():
        base, _, rest = name.partition("_")
        found[names[base] + ("_" + rest if rest else "")] = float(f"{price}e-6")
    return found


def table(**entries: Dict[str, Any]) -> PriceTable:
    return parse_prices(json.dumps(entries).encode(), "map.json", "2026-08-01")


def map_of(entries: Dict[str, Any]) -> PriceTable:
    return parse_prices(json.dumps(entries).encode(), "map.json", "2026-08-01")


FULL = {
    **in_micro(input=10, output=40, read=1, write=12.5, hour=20, reasoning=60, audio=30, spoken=80),
    "litellm_provider": "acme",
}


def cost(prices: PriceTable, inputs: int, outputs: int, **more: Any) -> Optional[Fraction]:
    provider = more.pop("provider", "acme")
    model = more.pop("model", "m")
    return prices.price_of(Usage(provider, model, inputs, outputs, **more))


def micro(amount: Optional[Fraction]) -> Optional[Fraction]:
    return None if amount is None else amount * MILLION


# --- classes of tokens -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usage", "micro_usd"),
    [
        ({}, 10 * 1000 + 40 * 100),
        ({"cached_input_tokens": 600}, 10 * 400 + 1 * 600 + 40 * 100),
        ({"cache_write_tokens": 600}, 10 * 400 + 12.5 * 600 + 40 * 100),
        (
            {"cache_write_tokens": 600, "cache_write_1h_tokens": 200},
            10 * 400 + 12.5 * 400 + 20 * 200 + 40 * 100,
        ),
        ({"reasoning_tokens": 30}, 10 * 1000 + 40 * 70 + 60 * 30),
        ({"input_audio_tokens": 100}, 10 * 900 + 30 * 100 + 40 * 100),
        ({"output_audio_tokens": 100}, 10 * 1000 + 80 * 100),
        (
            {
                "cached_input_tokens": 300,
                "cache_write_tokens": 200,
                "cache_write_1h_tokens": 200,
                "input_audio_tokens": 100,
                "reasoning_tokens": 50,
                "output_audio_tokens": 20,
            },
            10 * 400 + 1 * 300 + 20 * 200 + 30 * 100 + 40 * 30 + 60 * 50 + 80 * 20,
        ),
    ],
)
def test_each_class_of_tokens_has_its_price(usage: Dict[str, int], micro_usd: float) -> None:
    assert micro(cost(table(m=FULL), 1000, 100, **usage)) == micro_usd


def test_a_cached_token_is_not_billed_twice() -> None:
    prices = table(m=FULL)
    assert cost(prices, 1000, 0, cached_input_tokens=1000) == Fraction(1000, MILLION)


counts = st.integers(0, 10**9)


@given(st.tuples(*[counts] * 8))
def test_the_classes_together_are_all_tokens(given_counts: Any) -> None:
    inputs, outputs, *parts = given_counts
    classes = token_classes(inputs, outputs, *parts)
    assert sum(classes) == inputs + outputs
    assert min(classes) >= 0
    assert sum(classes[:5]) == inputs


@given(counts, counts, st.tuples(*[counts] * 4), st.sampled_from(["", "batch", "flex"]))
def test_a_cost_is_the_sum_of_its_classes_and_grows_with_them(
    inputs: int, outputs: int, parts: Any, tier: str
) -> None:
    prices = table(m=FULL)
    read, written, hour, reasoning = parts
    usage = Usage("acme", "m", inputs, outputs, read, written, hour, reasoning, tier)
    classes = usage.classes()
    per_million = (10, 30, 1, 12.5, 20, 40, 60, 80)
    half = Fraction(1, 2) if tier == "batch" else 1
    by_hand = sum(tokens * Fraction(price) for tokens, price in zip(classes, per_million))
    assert prices.price_of(usage) == by_hand * half / MILLION
    more = prices.price_of(usage._replace(input_tokens=inputs + 1, output_tokens=outputs + 1))
    assert more is not None
    assert more > by_hand * half / MILLION


def test_costs_are_exact() -> None:
    prices = table(m=in_micro(input=0.1, output=0.3))
    assert cost(prices, 3, 1) == Fraction(6, 10**7)


# --- absent is not zero ----------------------------------------------------------------------

ABSENT = in_micro(input=2, output=8)


def test_without_a_read_or_write_price_it_is_the_input_price() -> None:
    prices = table(m=ABSENT)
    parts = {"cached_input_tokens": 700, "cache_write_tokens": 200, "cache_write_1h_tokens": 100}
    assert micro(cost(prices, 1000, 0, **parts)) == 2000


def test_without_a_price_for_an_hour_it_is_the_write_price() -> None:
    prices = table(m={**ABSENT, **in_micro(write=3)})
    parts = {"cache_write_tokens": 200, "cache_write_1h_tokens": 100}
    assert micro(cost(prices, 200, 0, **parts)) == 600


def test_without_a_reasoning_price_it_is_the_output_price() -> None:
    assert micro(cost(table(m=ABSENT), 0, 100, reasoning_tokens=40)) == 800


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"cache_read_input_token_cost": 0.0}, "0.208"),
        ({}, "2.008"),
        ({"cache_read_input_token_cost": None}, "2.008"),
        ({"cache_read_input_token_cost": "0.0000002"}, "0.388"),
        ({"input_cost_per_token": "2e-06", "cache_read_input_token_cost": "2E-7"}, "0.388"),
        ({"input_cost_per_token": 0, "output_cost_per_token": 0}, "0"),
        ({"input_cost_per_token": None, "output_cost_per_token": None}, None),
    ],
    ids=["free-read", "absent", "null", "text", "text-input", "free", "no-price"],
)
def test_null_is_absent_zero_is_zero_and_text_is_a_number(
    entry: Dict[str, Any], expected: Optional[str]
) -> None:
    prices = table(other=ABSENT, m={**ABSENT, **entry})
    found = cost(prices, MILLION, 1000, cached_input_tokens=900_000)
    assert found == (None if expected is None else Fraction(expected))


def test_no_output_price_is_needed_without_output() -> None:
    prices = table(m=in_micro(input=0.1))
    assert cost(prices, MILLION, 0) == Fraction("0.1")
    assert cost(prices, MILLION, 1) is None


def test_a_model_listed_without_a_price_is_not_priced_by_a_shorter_name() -> None:
    prices = map_of({"m": ABSENT, "m-2026-01-01": {"mode": "chat"}})
    assert cost(prices, 1, 1) is not None
    assert cost(prices, 1, 1, model="m-2026-01-01") is None


def test_a_call_of_nothing_costs_nothing_whatever_the_model() -> None:
    assert cost(table(m=ABSENT), 0, 0, model="never heard of") == 0


# --- long contexts ---------------------------------------------------------------------------

LONG = {
    **in_micro(input=1, output=10, read=0.1, hour=4),
    **in_micro(input_above_200k_tokens=2, output_above_200k_tokens=15),
    **in_micro(read_above_200k_tokens=0.2, input_above_500k_tokens=3),
}


@pytest.mark.parametrize(
    ("inputs", "more", "micro_usd"),
    [
        (200_000, {}, 200_000 * 1 + 10 * 10),
        (200_001, {}, 200_001 * 2 + 10 * 15),
        # Cached input counts for the limit, and costs the price of the tier itself.
        (241_000, {"cached_input_tokens": 240_000}, 1000 * 2 + 240_000 * 0.2 + 10 * 15),
        # Without a price of its own in the largest tier a class keeps that of the next.
        (500_001, {}, 500_001 * 3 + 10 * 15),
        # An aggregate of many calls has no context.
        (900_000, {"context_tokens": 0}, 900_000 * 1 + 10 * 10),
        # The source names the context of an aggregate.
        (900, {"context_tokens": 200_001}, 900 * 2 + 10 * 15),
    ],
)
def test_a_long_context_changes_the_price_of_the_whole_call(
    inputs: int, more: Dict[str, int], micro_usd: float
) -> None:
    assert micro(cost(table(m=LONG), inputs, 10, **more)) == Fraction(repr(micro_usd))


def test_the_limit_itself_is_long_for_xai() -> None:
    entry = {**in_micro(input=3, input_above_128k_tokens=6), "litellm_provider": "xai"}
    prices = map_of({"xai/grok": entry})
    assert micro(cost(prices, 127_999, 0, provider="xai", model="grok")) == 127_999 * 3
    assert micro(cost(prices, 128_000, 0, provider="xai", model="grok")) == 128_000 * 6


def test_ranges_of_context_are_limits() -> None:
    ranges = [
        {"range": [0, 32000], **in_micro(input=1, output=2)},
        {"range": [32000.0, 1e6], **in_micro(input=3, output=4)},
    ]
    prices = table(m={"tiered_pricing": ranges})
    assert micro(cost(prices, 32_000, 1)) == 32_000 + 2
    assert micro(cost(prices, 32_001, 1)) == 32_001 * 3 + 4


# --- tiers of service, multipliers, fees -----------------------------------------------------

TIERED = {
    **FULL,
    **in_micro(input_batches=4, input_flex=5, output_flex=20, read_flex=0.5, input_priority=18),
}


@pytest.mark.parametrize(
    ("tier", "micro_usd"),
    [
        ("", 10 * 400 + 1 * 600 + 40 * 100),
        ("standard", 10 * 400 + 1 * 600 + 40 * 100),
        ("batch", 4 * 400 + 0.5 * 600 + 20 * 100),
        ("Batch ", 4 * 400 + 0.5 * 600 + 20 * 100),
        ("flex", 5 * 400 + 0.5 * 600 + 20 * 100),
        ("priority", 18 * 400 + 1 * 600 + 40 * 100),
        ("response-cache", 0),
        ("free", 0),
    ],
)
def test_a_tier_of_service_has_its_prices_else_the_plain_ones(tier: str, micro_usd: float) -> None:
    usage = {"cached_input_tokens": 600, "service_tier": tier}
    assert micro(cost(table(m=TIERED), 1000, 100, **usage)) == Fraction(micro_usd)


def test_a_tier_within_a_long_context() -> None:
    prices = table(m={**LONG, **in_micro(input_above_200k_tokens_batches=1.5)})
    found = micro(cost(prices, 300_000, 10, service_tier="batch"))
    assert found == 300_000 * Fraction("1.5") + 10 * Fraction("7.5")


def test_reasoning_costs_what_output_does_in_a_tier_that_has_a_price_for_output() -> None:
    prices = table(m={**in_micro(output=4, reasoning=4, output_priority=9)})
    assert micro(cost(prices, 0, 10, reasoning_tokens=10, service_tier="priority")) == 90


SPECIAL = {
    **in_micro(input=5, output=25),
    "provider_specific_entry": {"US": "1.1", "fast": 2.0, "mode": "odd"},
    "search_context_cost_per_query": {"search_context_size_medium": 0.01},
}


@pytest.mark.parametrize(
    ("usage", "micro_usd"),
    [
        ({"region": "us"}, "8250"),
        ({"region": "US"}, "8250"),
        ({"region": "global"}, "7500"),
        ({"speed": "fast"}, "15000"),
        ({"service_tier": "fast"}, "15000"),
        ({"region": "us", "speed": "fast"}, "16500"),
        ({"web_searches": 2}, "27500"),
        ({"web_searches": 2, "speed": "fast"}, "35000"),
    ],
)
def test_multipliers_are_on_tokens_and_not_on_fees(usage: Dict[str, Any], micro_usd: str) -> None:
    assert micro(cost(table(m=SPECIAL), 1000, 100, **usage)) == Fraction(micro_usd)


def test_a_fast_mode_or_a_fee_that_nobody_knows_leaves_a_call_unpriced() -> None:
    prices = table(m=ABSENT)
    assert cost(prices, 1, 1, speed="fast") is None
    assert cost(prices, 1, 1, web_searches=1) is None


def test_a_regional_uplift() -> None:
    prices = table(m={**ABSENT, "regional_processing_uplift_multiplier_eu": 1.1})
    assert micro(cost(prices, 1000, 0, region="eu")) == 2200
    assert micro(cost(prices, 1000, 0, region="us")) == 2000


# --- days ------------------------------------------------------------------------------------


def ours(*models: Dict[str, Any]) -> PriceTable:
    filled = [{"provider": "acme", "model": "m", "output_per_1k": 0, **one} for one in models]
    return parse_prices(json.dumps({"models": filled}).encode(), "ours.json", "2026-08-01")


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-01-31", None),
        ("2026-02-01", 1),
        ("2026-02-28", 1),
        ("2026-03-01", 2),
        ("2030-01-01", 2),
        ("", 2),
    ],
)
def test_a_call_has_the_price_of_its_day(day: str, expected: Optional[int]) -> None:
    prices = ours(
        {"from": "2026-03-01", "input_per_1k": 2}, {"from": "2026-02-01", "input_per_1k": 1}
    )
    assert prices.has_dates
    assert cost(prices, 1000, 0, day=day) == expected
    model = prices.find("acme", "m")
    assert model is not None
    assert model.input_price == 2


def test_a_table_without_days_holds_for_all_time() -> None:
    prices = ours({"input_per_1k": 1})
    assert not prices.has_dates
    assert cost(prices, 1000, 0, day="1999-01-01") == 1


def test_the_catalogue_keeps_what_a_model_cost_before() -> None:
    usage = Usage("openai", "gpt-4o", 1000, 1000, day="2024-10-01")
    assert DEFAULT_PRICES.price_of(usage) == Fraction("0.02")
    assert DEFAULT_PRICES.price_of(usage._replace(day="2024-10-02")) == Fraction("0.0125")


# --- which price -----------------------------------------------------------------------------


def test_another_providers_entry_of_the_same_name_is_not_taken() -> None:
    local = {**in_micro(input=0, output=0), "litellm_provider": "ollama"}
    prices = map_of({"ollama/llama3": local, "gpt-4o": {**ABSENT, "litellm_provider": "openai"}})
    assert cost(prices, 1, 1, provider="groq", model="llama3") is None
    assert cost(prices, 1, 1, provider="groq", model="ollama/llama3") is None
    assert cost(prices, 1, 1, provider="ollama", model="llama3") == 0
    assert cost(prices, 1, 1, provider="self-hosted", model="gpt-4o") is None


def test_local_models_and_gateways_of_ones_own_are_unpriced() -> None:
    for provider in ("ollama", "vllm", "self-hosted", "litellm"):
        assert cost(DEFAULT_PRICES, 1, 1, provider=provider, model="gpt-4o") is None


def test_an_entry_without_a_provider_is_anybodys() -> None:
    assert micro(cost(table(m=ABSENT), 1, 1, provider="whoever")) == 10


def test_azure_looks_under_its_own_path_first() -> None:
    def mini(price: float, provider: str = "azure") -> Dict[str, Any]:
        return {**in_micro(input=price), "litellm_provider": provider}

    prices = map_of(
        {
            "azure/global-standard/gpt-4o-mini": mini(15),
            "gpt-4o-mini": mini(14, "openai"),
            "azure/gpt-4o-mini": mini(16.5),
            "azure/eu/gpt-4o-mini": mini(18),
        }
    )
    for model in ("gpt-4o-mini", "azure/gpt-4o-mini", "gpt-4o-mini-2024-07-18"):
        assert micro(cost(prices, 10, 0, provider="azure", model=model)) == 165
    assert micro(cost(prices, 10, 0, provider="azure", model="azure/eu/gpt-4o-mini")) == 180
    assert micro(cost(prices, 10, 0, provider="openai", model="gpt-4o-mini")) == 140
    assert cost(prices, 10, 0, provider="azure", model="my-deployment") is None


def test_two_doors_with_two_prices_are_told_apart_or_said() -> None:
    prices = map_of(
        {
            "gemini-x": {**in_micro(input=1), "litellm_provider": "vertex_ai-language-models"},
            "gemini/gemini-x": {**in_micro(input=3), "litellm_provider": "gemini"},
        }
    )
    assert micro(cost(prices, 10, 0, provider="vertex_ai", model="gemini-x")) == 10
    assert micro(cost(prices, 10, 0, provider="gemini", model="gemini-x")) == 30
    assert micro(cost(prices, 10, 0, provider="google", model="gemini/gemini-x")) == 30
    assert cost(prices, 10, 0, provider="google", model="gemini-x") is None
    assert prices.keys_of("google", "gemini-x") == ("gemini-x", "gemini/gemini-x")
    assert prices.find("google", "gemini-x") is None
    assert prices.conflict("google", "gemini-x") == ("gemini-x", "gemini/gemini-x")
    assert prices.conflict("gemini", "gemini-x") == ()
    # They agree about what costs nothing.
    assert cost(prices, 0, 0, provider="google", model="gemini-x") == 0


def test_two_doors_that_agree_on_a_call_price_it() -> None:
    plain = in_micro(input=1, output=2)
    prices = map_of(
        {
            "g": {**plain, **in_micro(read=0.1), "litellm_provider": "vertex_ai"},
            "gemini/g": {**plain, "litellm_provider": "gemini"},
        }
    )
    assert micro(cost(prices, 10, 1, provider="google", model="g")) == 12
    assert cost(prices, 10, 1, provider="google", model="g", cached_input_tokens=5) is None
    assert prices.conflict("google", "g") == ("g", "gemini/g")


@pytest.mark.parametrize(
    ("provider", "model", "key"),
    [
        ("vertex_ai", "gemini-2.5-pro", "vertex_ai/gemini-2.5-pro"),
        ("gemini", "gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("bedrock_converse", "anthropic.claude-3-v1:0", "anthropic.claude-3-v1:0"),
        ("bedrock", "eu.anthropic.claude-3-v1:0", "eu.anthropic.claude-3-v1:0"),
        ("aws-bedrock", "us.anthropic.claude-3-v1:0", "anthropic.claude-3-v1:0"),
        ("vertex_ai", "claude-3@20240307", "vertex_ai/claude-3@20240307"),
        ("Groq", "llama3", "groq/llama3"),
        ("groq", "groq/llama3", "groq/llama3"),
    ],
)
def test_names_as_litellm_writes_them(provider: str, model: str, key: str) -> None:
    sold_by = {
        "vertex_ai/gemini-2.5-pro": "vertex_ai-language-models",
        "gemini/gemini-2.5-pro": "gemini",
        "openrouter/google/gemini-2.5-pro": "openrouter",
        "anthropic.claude-3-v1:0": "bedrock_converse",
        "eu.anthropic.claude-3-v1:0": "bedrock_converse",
        "vercel_ai_gateway/anthropic.claude-3-v1:0": "vercel_ai_gateway",
        "vertex_ai/claude-3@20240307": "vertex_ai-anthropic_models",
        "groq/llama3": "groq",
    }
    prices = map_of({k: {**ABSENT, "litellm_provider": p} for k, p in sold_by.items()})
    assert prices.keys_of(provider, model) == (key,)


def test_a_key_spelled_as_the_call_is_wins_over_a_shorter_one() -> None:
    prices = map_of({"m": in_micro(input=1), "m[1m]": in_micro(input=2)})
    assert micro(cost(prices, 1, 0, model="m[1m]")) == 2
    assert micro(cost(prices, 1, 0, model="m@20260101")) == 1


def test_a_key_with_its_path_wins_where_it_is_spelled_so() -> None:
    by_path = {**in_micro(input=1), "litellm_provider": "gemini"}
    prices = map_of({"gemini/x": by_path, "x": {**in_micro(input=2), "litellm_provider": "gemini"}})
    assert micro(cost(prices, 1, 0, provider="gemini", model="gemini/x")) == 1
    assert micro(cost(prices, 1, 0, provider="gemini", model="x")) == 2
    assert micro(cost(prices, 1, 0, provider="", model="gemini/x")) == 1


def test_without_a_provider_a_name_means_its_own_entry() -> None:
    prices = map_of(
        {
            "gpt-x": {**in_micro(input=1), "litellm_provider": "openai"},
            "azure/gpt-x": {**in_micro(input=2), "litellm_provider": "azure"},
            "a/dup": {**in_micro(input=1), "litellm_provider": "a"},
            "b/dup": {**in_micro(input=2), "litellm_provider": "b"},
        }
    )
    assert prices.provider_of("gpt-x") == "openai"
    assert micro(cost(prices, 1, 0, provider="", model="gpt-x")) == 1
    assert prices.provider_of("dup") == ""
    assert cost(prices, 1, 0, provider="unknown", model="dup") is None
    assert DEFAULT_PRICES.provider_of("gpt-4o") == "openai"


def test_of_several_tables_the_later_wins() -> None:
    first = map_of(
        {
            "m": {**in_micro(input=1), "litellm_provider": "acme"},
            "retired": {**in_micro(input=5), "litellm_provider": "acme"},
        }
    )
    second = ours({"input_per_1k": 0.007, "from": "2026-01-01"})
    merged = second.over(first)
    assert micro(cost(merged, 1, 0, day="2026-02-01")) == 7
    assert cost(merged, 1, 0, day="2025-02-01") is None
    assert micro(cost(merged, 1, 0, model="retired")) == 5
    assert micro(cost(first.over(second), 1, 0)) == 1
    assert merged.source == "LiteLLM price map map.json, then ours.json"


def test_a_local_model_that_costs_nothing_is_not_the_cheapest() -> None:
    free = {**in_micro(input=0, output=0), "litellm_provider": "ollama"}
    mini = {**in_micro(input=0.15, output=0.6), "litellm_provider": "openai"}
    assert map_of({"ollama/free": free, "gpt-4o-mini": mini}).cheapest().name == "gpt-4o-mini"
    assert map_of({"ollama/free": free}).cheapest().name == "free"


# --- the table as data -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "prices", [DEFAULT_PRICES, map_of({"m": FULL, "n": LONG}).over(ours({"input_per_1k": 3}))]
)
def test_a_table_that_travelled_gives_the_same_costs(prices: PriceTable) -> None:
    there = PriceTable.from_plain(json.loads(json.dumps(prices.plain())))
    assert json.dumps(there.plain()) == json.dumps(prices.plain())
    assert list(there) == list(prices)
    for model in prices:
        usage = Usage(model.provider, model.name, 300_000, 100, 1000, 500, 100, 50, "batch")
        assert there.price_of(usage) == prices.price_of(usage)


@pytest.mark.parametrize("model", CATALOG, ids=lambda model: model.name)
def test_every_model_of_the_catalogue_is_priced_as_it_says(model: Model) -> None:
    assert model == DEFAULT_PRICES.find(model.provider, model.name)
    assert fold_provider(model.provider) == model.provider
    usage = Usage(model.provider, model.name, 1000, 1000)
    by_hand = Fraction(repr(model.input_price)) + Fraction(repr(model.output_price))
    assert DEFAULT_PRICES.price_of(usage) == by_hand
    if model.cache_read_price is not None:
        assert 0 < model.cache_read_price < model.input_price
        read = Usage(model.provider, model.name, 1000, 0, 1000)
        assert DEFAULT_PRICES.price_of(read) == Fraction(repr(model.cache_read_price))
