"""Prices for the examples; an application puts its own table here."""

from __future__ import annotations

from typing import Dict, Tuple

# USD per 1,000 tokens, input and output.
PRICES: Dict[Tuple[str, str], Tuple[float, float]] = {
    ("openai", "gpt-4o"): (0.0025, 0.01),
    ("openai", "gpt-4o-mini"): (0.00015, 0.0006),
    ("anthropic", "claude-sonnet-4-6"): (0.003, 0.015),
    ("anthropic", "claude-haiku-4-5"): (0.001, 0.005),
    ("google", "gemini-2.5-flash"): (0.0003, 0.0025),
}


def cost(provider: str, model: str, input_tokens: int, output_tokens: int) -> float:
    """Return the price of a call in USD.  Raises KeyError for a model without a price."""
    price_in, price_out = PRICES[provider, model]
    return round(input_tokens / 1000 * price_in + output_tokens / 1000 * price_out, 6)
