"""Providers and models that the simulator plays and that analyses compare.

Adding a provider or a model is one entry in `CATALOG`.  Prices are USD per 1,000 tokens.
`list_prices` has those of further models.
"""

from __future__ import annotations

from typing import Dict, Tuple

from finops.business.list_prices import list_prices
from finops.business.model import CLASSES, Model
from finops.business.price_table import PriceTable
from finops.business.rates import (
    CACHE_READ,
    CACHE_WRITE,
    CACHE_WRITE_1H,
    FAST,
    INPUT,
    INPUT_AUDIO,
    OUTPUT,
    REGION,
    TIERS,
)

__all__ = ["CATALOG", "CLASSES", "DEFAULT_PRICES", "PROVIDER_SPEED", "Model", "PriceTable"]

PRICES_SOURCE = "built-in list prices"
PRICES_DATE = "2026-11"

# Latency multiplier of providers that are not of ordinary speed, which is 1.
PROVIDER_SPEED: Dict[str, float] = {
    "openai": 1.0,
    "anthropic": 1.1,
    "google": 0.9,
    "aws-bedrock": 1.2,
    "azure": 1.05,
    "mistral": 0.85,
    "cohere": 1.15,
}

# How the name of a price says that it holds for a long context.
_LONG = "_above_200k_tokens"
_PRIORITY = TIERS["priority"]

CATALOG: Tuple[Model, ...] = (
    Model(
        *("openai", "gpt-4", 0.03, 0.06, "frontier", 26, 1.5),
        retired="2026-10-23",
        successor="gpt-5.6-sol",
    ),
    Model(
        *("openai", "gpt-4o", 0.0025, 0.01, "standard", 13, 1.0),
        cache_read_price=0.00125,
        since="2024-10-02",
        retired="2027-01-14",
    ).with_tier("priority", "1.7"),
    Model(
        *("openai", "gpt-4.1", 0.002, 0.008, "standard", 15, 1.0),
        cache_read_price=0.0005,
        search_price=0.025,
        retired="2027-01-14",
    ).with_tier("priority", "1.75"),
    Model(
        *("openai", "gpt-5", 0.00125, 0.01, "frontier", 28, 1.25),
        cache_read_price=0.000125,
        search_price=0.01,
        retired="2026-12-11",
        successor="gpt-6.1-sol",
    )
    .with_tier("flex", "0.5")
    .with_tier("priority", "2"),
    Model(
        *("openai", "gpt-5-mini", 0.00025, 0.002, "economy", 11, 0.8),
        cache_read_price=0.000025,
        search_price=0.01,
        retired="2026-12-11",
        successor="gpt-6.1-terra",
    )
    .with_tier("flex", "0.5")
    .with_tier("priority", "1.8"),
    Model(
        *("openai", "gpt-4o-mini", 0.00015, 0.0006, "economy", 7, 0.75),
        cache_read_price=0.000075,
        search_price=0.025,
        retired="2027-01-14",
        successor="gpt-6-luna",
        further=(
            (INPUT + _PRIORITY, 0.00025),
            (OUTPUT + _PRIORITY, 0.001),
            (CACHE_READ + _PRIORITY, 0.000125),
        ),
    ),
    Model(
        *("anthropic", "claude-opus-4-1", 0.015, 0.075, "frontier", 22, 1.5),
        cache_read_price=0.0015,
        cache_write_price=0.01875,
        cache_write_1h_price=0.03,
        search_price=0.01,
        retired="2026-08-05",
    ),
    Model(
        *("anthropic", "claude-opus-4-8", 0.005, 0.025, "frontier", 32, 1.3),
        cache_read_price=0.0005,
        cache_write_price=0.00625,
        cache_write_1h_price=0.01,
        search_price=0.01,
        further=((FAST, 2.0), (f"{REGION}us", 1.1)),
    ),
    Model(
        *("anthropic", "claude-sonnet-4-6", 0.003, 0.015, "standard", 32, 1.0),
        cache_read_price=0.0003,
        cache_write_price=0.00375,
        cache_write_1h_price=0.006,
        search_price=0.01,
        further=((f"{REGION}us", 1.1),),
    ),
    Model(
        *("anthropic", "claude-haiku-4-5", 0.001, 0.005, "economy", 9, 0.7),
        cache_read_price=0.0001,
        cache_write_price=0.00125,
        cache_write_1h_price=0.002,
        search_price=0.01,
    ),
    Model(
        *("anthropic", "claude-instant", 0.0008, 0.0024, "economy", 5, 0.75),
        retired="2024-11-06",
        successor="claude-3-5-haiku-20241022",
    ),
    Model(
        *("google", "gemini-2.5-pro", 0.00125, 0.01, "frontier", 40, 1.2),
        cache_read_price=0.000125,
        search_price=0.035,
        retired="2026-12-01",
        successor="gemini-3.8-flash",
        further=((INPUT + _LONG, 0.0025), (OUTPUT + _LONG, 0.015), (CACHE_READ + _LONG, 0.00025)),
    )
    .with_tier("batch", "0.5", reads="1")
    .with_tier("flex", "0.5", reads="1")
    .with_tier("priority", "1.8"),
    Model(
        *("google", "gemini-2.5-flash", 0.0003, 0.0025, "standard", 40, 0.8),
        cache_read_price=0.00003,
        search_price=0.035,
        retired="2026-12-01",
        successor="gemini-3.5-flash-lite",
        further=((INPUT_AUDIO, 0.001),),
    )
    .with_tier("batch", "0.5", reads="1")
    .with_tier("flex", "0.5", reads="1")
    .with_tier("priority", "1.8"),
    Model(
        *("google", "gemini-2.5-flash-lite", 0.0001, 0.0004, "economy", 20, 0.6),
        cache_read_price=0.00001,
        search_price=0.035,
        further=((INPUT_AUDIO, 0.0003),),
    )
    .with_tier("batch", "0.5", reads="1")
    .with_tier("flex", "0.5", reads="1")
    .with_tier("priority", "1.8"),
    Model(
        *("aws-bedrock", "bedrock-claude-sonnet-4-5", 0.003, 0.015, "standard", 50, 1.05),
        cache_read_price=0.0003,
        cache_write_price=0.00375,
        cache_write_1h_price=0.006,
        search_price=0.01,
        further=(
            (INPUT + _LONG, 0.006),
            (OUTPUT + _LONG, 0.0225),
            (CACHE_READ + _LONG, 0.0006),
            (CACHE_WRITE + _LONG, 0.0075),
            (CACHE_WRITE_1H + _LONG, 0.012),
        ),
    ),
    Model(
        *("aws-bedrock", "nova-pro", 0.0008, 0.0032, "standard", 32, 0.95),
        cache_read_price=0.0002,
    )
    .with_tier("flex", "0.5")
    .with_tier("priority", "1.75"),
    Model(
        *("aws-bedrock", "nova-lite", 0.00006, 0.00024, "economy", 18, 0.7),
        cache_read_price=0.000015,
    ),
    Model(
        *("azure", "azure-gpt-4o", 0.0025, 0.01, "standard", 40, 1.0),
        cache_read_price=0.00125,
        retired="2027-04-14",
    ),
    Model(
        *("azure", "azure-gpt-4.1", 0.002, 0.008, "standard", 35, 1.0),
        cache_read_price=0.0005,
        search_price=0.014,
        retired="2027-04-14",
    ).with_tier("priority", "1.75"),
    Model(
        *("azure", "azure-gpt-4o-mini", 0.000165, 0.00066, "economy", 25, 0.75),
        retired="2027-04-14",
    ),
    Model("mistral", "mistral-large", 0.002, 0.006, "standard", 60, 1.0),
    Model("mistral", "ministral-8b", 0.0001, 0.0001, "economy", 40, 0.6),
    Model("cohere", "command-a", 0.0025, 0.01, "standard", 60, 1.1),
    Model("cohere", "command-r", 0.00015, 0.0006, "economy", 40, 0.8),
)
# What models of the catalogue cost before; calls of those days are priced by it.
SUPERSEDED: Tuple[Model, ...] = (Model("openai", "gpt-4o", 0.005, 0.015, "standard", 0, 1.0),)

DEFAULT_PRICES = PriceTable((*CATALOG, *SUPERSEDED), PRICES_SOURCE, PRICES_DATE, list_prices())
