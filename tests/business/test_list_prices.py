"""The list prices that come with the product, against LiteLLM's map and by hand."""

from __future__ import annotations

from fractions import Fraction
from typing import Iterator, Optional

import pytest

from finops.business.catalog import CATALOG, CLASSES, DEFAULT_PRICES
from finops.business.list_prices import list_prices
from finops.business.prices import PriceTable, Usage, load_prices
from tests.business.test_litellm_package import map_path

CALL = Usage("", "", 20000, 1000, 5000, 3000, 1000, 300, day="2026-10-01")
# Anthropic sells them no more; others serve them at the same prices.
RETIRED = {
    "claude-opus-4": "anthropic.claude-opus-4-20250514-v1:0",
    "claude-sonnet-4": "anthropic.claude-sonnet-4-20250514-v1:0",
    "claude-3-7-sonnet": "anthropic.claude-3-7-sonnet-20250219-v1:0",
    "claude-3-5-sonnet": "anthropic.claude-3-5-sonnet-20241022-v2:0",
    "claude-3-5-haiku": "anthropic.claude-3-5-haiku-20241022-v1:0",
    "claude-3-opus": "anthropic.claude-3-opus-20240229-v1:0",
    "claude-3-haiku": "vertex_ai/claude-3-haiku",
}


# What the map calls the catalogue's models, and their sellers.
CATALOGUE = {
    "gpt-4": "openai:gpt-4",
    "gpt-4o": "openai:gpt-4o",
    "gpt-4.1": "openai:gpt-4.1",
    "gpt-5": "openai:gpt-5",
    "gpt-5-mini": "openai:gpt-5-mini",
    "gpt-4o-mini": "openai:gpt-4o-mini",
    "claude-opus-4-8": "anthropic:claude-opus-4-8",
    "claude-sonnet-4-6": "anthropic:claude-sonnet-4-6",
    "claude-haiku-4-5": "anthropic:claude-haiku-4-5",
    "gemini-2.5-pro": "gemini:gemini-2.5-pro",
    "gemini-2.5-flash": "gemini:gemini-2.5-flash",
    "gemini-2.5-flash-lite": "gemini:gemini-2.5-flash-lite",
    "bedrock-claude-sonnet-4-5": "bedrock:anthropic.claude-sonnet-4-5-20250929-v1:0",
    "nova-pro": "bedrock:amazon.nova-pro-v1:0",
    "nova-lite": "bedrock:amazon.nova-lite-v1:0",
    "azure-gpt-4o": "azure:gpt-4o",
    "azure-gpt-4.1": "azure:gpt-4.1",
}


def calls() -> Iterator[Usage]:
    """Yield a call of each kind that has a price of its own."""
    for context in (20000, 150000, 250000, 300000):
        for tier in ("", "batch", "flex", "priority"):
            yield CALL._replace(input_tokens=context, service_tier=tier)
    yield CALL._replace(region="us")
    yield CALL._replace(speed="fast")
    yield CALL._replace(web_searches=2)
    yield CALL._replace(input_audio_tokens=4000)


@pytest.fixture(scope="module")
def package() -> PriceTable:
    return load_prices(map_path())


@pytest.mark.unmeasured
@pytest.mark.once
@pytest.mark.parametrize("name", [e.key for e in list_prices() if e.key not in RETIRED])
def test_each_call_costs_what_the_package_s_map_says(name: str, package: PriceTable) -> None:
    provider = next(entry.provider for entry in list_prices() if entry.key == name)
    # Google sells at two doors; ours are the prices of the Gemini API.
    door = "gemini" if provider == "google" else provider
    for call in calls():
        ours = DEFAULT_PRICES.price_of(call._replace(provider=provider, model=name))
        assert ours == package.price_of(call._replace(provider=door, model=name)), call


@pytest.mark.unmeasured
@pytest.mark.once
@pytest.mark.parametrize("name", list(CATALOGUE))
def test_each_call_of_the_catalogue_s_models_costs_what_the_map_says(
    name: str, package: PriceTable
) -> None:
    model = next(model for model in CATALOG if model.name == name)
    seller, _, key = CATALOGUE[name].partition(":")
    for call in calls():
        theirs = package.price_of(call._replace(provider=seller, model=key))
        if call.web_searches and theirs is None:
            continue  # the map leaves out the fee for some models
        ours = DEFAULT_PRICES.price_of(call._replace(provider=model.provider, model=name))
        assert ours == theirs, call


@pytest.mark.unmeasured
@pytest.mark.once
@pytest.mark.parametrize("name", list(RETIRED))
def test_a_retired_model_costs_what_another_seller_takes_for_it(
    name: str, package: PriceTable
) -> None:
    plain = Usage("anthropic", name, 20000, 1000)
    seller = "vertex_ai" if RETIRED[name].startswith("vertex_ai") else "bedrock"
    theirs = plain._replace(provider=seller, model=RETIRED[name])
    assert DEFAULT_PRICES.price_of(plain) == package.price_of(theirs)


def usd(model: str, provider: str, call: Usage) -> Optional[float]:
    cost = DEFAULT_PRICES.price_of(call._replace(provider=provider, model=model))
    return None if cost is None else float(cost)


def test_prices_worked_out_by_hand() -> None:
    # 12,000 x 3 + 5,000 x 0.30 + 2,000 x 3.75 + 1,000 x 6 + 1,000 x 15 millionths
    assert usd("claude-sonnet-4-5-20250929", "anthropic", CALL) == 0.066
    long = Usage("", "", 300000, 1000, service_tier="priority")
    assert usd("gpt-5.6-terra", "openai", long) == (300000 * 8 + 1000 * 36) / 1e6
    flex = Usage("", "", 1000, 1000, 500, service_tier="flex")
    assert usd("gemini-3.5-flash-lite", "google", flex) == (500 * 0.15 + 500 * 0.02 + 1250) / 1e6
    batch = Usage("", "", 1000, 1000, service_tier="batch")
    assert usd("claude-3-5-haiku-20241022", "anthropic", batch) == (400 + 2000) / 1e6
    assert usd("gpt-3.5-turbo-1106", "openai", batch) == (1000 + 2000) / 1e6


def test_products_with_a_factor_are_exact() -> None:
    for entry in list_prices():
        for name, price in entry.prices:
            assert Fraction(repr(price)).limit_denominator(10**9) == Fraction(repr(price)), name


def test_a_model_has_one_price_and_no_class() -> None:
    """A model of the catalogue stands there alone, and no other is offered as a replacement."""
    listed = [(entry.provider, entry.key) for entry in list_prices()]
    assert len(set(listed)) == len(listed)
    assert not set(listed) & {(model.provider, model.name) for model in CATALOG}
    keys = {key for _, key in listed}
    for model in CATALOG:
        for offered in DEFAULT_PRICES.alternatives(model, downgradable=True):
            assert offered.name not in keys
    assert DEFAULT_PRICES.cheapest().capability in CLASSES
