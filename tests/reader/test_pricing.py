"""The costs of rows by the price table: the same as of single calls, and the traps by name."""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import DEFAULT_PRICES, Model, PriceTable
from finops.business.prices import Usage, parse_prices
from finops.reader.pricing import CallPricer


def table(content: Any) -> PriceTable:
    return parse_prices(json.dumps(content).encode(), "p.json", "2026-08-01")


# Dates, a long context, tiers, a fine price and two doors, in one table.
ODD = table(
    {
        "models": [
            {"provider": "a", "model": "dated", "from": f"2026-0{month}-01", "input_per_1k": month}
            for month in (3, 5)
        ]
        + [{"provider": "a", "model": "fine", "input_per_1k": 7e-13, "output_per_1k": 3e-13}]
    }
).over(
    table(
        {
            "a/long": {
                "input_cost_per_token": 1e-6,
                "output_cost_per_token": 2e-6,
                "input_cost_per_token_above_200k_tokens": 3e-6,
                "cache_read_input_token_cost": 1e-7,
                "cache_read_input_token_cost_flex": 5e-8,
                "provider_specific_entry": {"fast": 2},
                "litellm_provider": "a",
            },
            "no-output": {"input_cost_per_token": 1e-6, "litellm_provider": "a"},
            "x": {"input_cost_per_token": 1e-6, "litellm_provider": "vertex_ai"},
            "gemini/x": {"input_cost_per_token": 2e-6, "litellm_provider": "gemini"},
        }
    )
)
counts = st.one_of(st.integers(0, 3), st.integers(199_998, 200_003), st.integers(0, 10**7))


def in_pico(cost: Optional[Fraction]) -> Optional[int]:
    if cost is None:
        return None
    exact = cost * 10**12
    return int((Decimal(exact.numerator) / exact.denominator).to_integral_value(ROUND_HALF_UP))


@given(
    st.sampled_from(["dated", "fine", "long", "no-output", "x", "other"]),
    st.sampled_from(["a", "A ", "google", "gemini", "b", ""]),
    st.tuples(counts, counts, *[st.one_of(st.just(0), counts)] * 4),
    st.sampled_from(["", "standard", "batch", "Flex", "priority", "fast", "free"]),
    st.sampled_from(["", "2026-01-01", "2026-03-01", "2026-04-30", "2026-05-01"]),
    st.sampled_from([None, 0, 200_001]),
)
def test_a_row_costs_what_the_call_costs(
    model: str, provider: str, tokens: Any, tier: str, day: str, context: Optional[int]
) -> None:
    usage = Usage(provider, model, *tokens)
    usage = usage._replace(service_tier=tier, day=day, context_tokens=context)
    pricer = CallPricer(ODD)
    time = (day and f"{day}T10:00:00.000000").encode()
    for _ in range(2):  # the second one from memory
        call: Any = (provider.encode(), model.encode(), *tokens, tier.encode(), time, context)
        found = pricer.pico(*call)
        assert found == in_pico(ODD.price_of(usage))


prices = st.decimals(0, 1, places=12)


@given(prices, prices, st.integers(0, 10**6), st.integers(0, 10**6))
def test_tokens_are_priced_to_the_nearest_pico_dollar(
    input_price: Decimal, output_price: Decimal, inputs: int, outputs: int
) -> None:
    model = Model("p", "m", float(input_price), float(output_price), "economy", 1, 1)
    found = CallPricer(PriceTable((model,))).pico(b"p", b"m", inputs, outputs)
    exact = (inputs * input_price + outputs * output_price) * 10**9
    assert found == exact.to_integral_value(ROUND_HALF_UP)


MILLION = 1_000_000


@pytest.mark.parametrize(
    ("call", "usd"),
    [
        ((b"openai", b"gpt-4o", MILLION, 1000, 900_000), "1.385"),
        ((b"OpenAI", b"openai/gpt-4o-2024-08-06", 1000, 500), "0.0075"),
        ((b"anthropic", b"claude-sonnet-4.6", 1000, 500), "0.0105"),
        ((b"google", b"models/gemini-2.5-pro", 400_000, 1000), "1.015"),
        # An aggregate of many calls that are not long.
        ((b"google", b"gemini-2.5-pro", 400_000, 1000, 0, 0, 0, 0, b"", b"", 0), "0.51"),
        ((b"openai", b"gpt-5", 200_000, 10_000, 0, 0, 0, 0, b"batch"), "0.175"),
        ((b"ollama", b"command-r", MILLION, MILLION), None),
        ((b"self-hosted", b"gpt-4", MILLION, MILLION), None),
        ((b"ollama", b"command-r", 0, 0), "0"),
    ],
)
def test_calls_by_the_catalogue(call: Any, usd: Optional[str]) -> None:
    found = CallPricer(DEFAULT_PRICES).pico(*call)
    assert found == (None if usd is None else int(Decimal(usd) * 10**12))
