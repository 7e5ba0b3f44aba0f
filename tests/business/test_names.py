"""Names of providers and models, as people and price maps write them."""

from __future__ import annotations

import doctest
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business import names, usage
from finops.business.names import behind_gateway, fold_provider, seller_of, spellings


@pytest.mark.parametrize("module", [names, usage], ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "provider"),
    [
        ("OPENAI", "openai"),
        (" OpenAI ", "openai"),
        ("text-completion-openai", "openai"),
        ("vertex_ai", "google"),
        ("vertex_ai-anthropic_models", "google"),
        ("gemini", "google"),
        ("gcp.vertex_ai", "google"),
        ("bedrock_converse", "aws-bedrock"),
        ("aws.bedrock", "aws-bedrock"),
        ("azure_ai", "azure"),
        ("Azure OpenAI", "azure"),
        ("cohere_chat", "cohere"),
        ("mistral_ai", "mistral"),
        ("groq", "groq"),
        ("", ""),
    ],
)
def test_a_provider_has_one_id(written: str, provider: str) -> None:
    assert fold_provider(written) == provider


@given(st.text(max_size=20))
def test_an_id_is_its_own_id(written: str) -> None:
    assert fold_provider(fold_provider(written)) == fold_provider(written)


def test_two_doors_of_one_provider_differ() -> None:
    assert seller_of("vertex_ai").channel != seller_of("gemini").channel
    assert seller_of("vertex_ai").provider == seller_of("gemini").provider


@pytest.mark.parametrize(
    ("model", "listed"),
    [
        ("GPT-4o", "gpt-4o"),
        ("models/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-4o:free", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-4-6-20260115", "claude-sonnet-4-6"),
        ("claude-sonnet-4.6", "claude-sonnet-4-6"),
        ("claude-opus-4-8[1m]", "claude-opus-4-8"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
        ("claude-haiku-4-5@default", "claude-haiku-4-5"),
        ("claude-haiku-4-5@20251001[1m]", "claude-haiku-4-5"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("jp.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0"),
        ("mistral-large-latest", "mistral-large"),
    ],
)
def test_a_listed_name_is_within_the_spelling(model: str, listed: str) -> None:
    assert listed in spellings(model)


@pytest.mark.parametrize(
    ("model", "other"),
    [
        ("gpt-4o-mini", "gpt-4o"),
        ("gpt-5-codex", "gpt-5"),
        ("claude-opus-4-9[1m]", "claude-opus-4"),
        ("claude-opus-4-8", "claude-opus-4"),
        ("gpt-4-0613", "gpt-4"),
        ("gemini-2.5-flash-lite", "gemini-2.5-flash"),
        ("llama3.1", "1"),
        ("ft:gpt-4o-mini-2024-07-18:acme::id", "gpt-4o-mini"),
    ],
)
def test_another_model_is_not(model: str, other: str) -> None:
    assert other not in spellings(model)


@given(st.text("ab/.:-@[]1m2024", min_size=1, max_size=30))
def test_spellings_begin_with_the_name_and_get_shorter(model: str) -> None:
    lengths: List[int] = [len(name) for name in spellings(model)]
    assert next(spellings(model)) == model.strip().lower()
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize(
    ("model", "source", "provider"),
    [
        ("anthropic/claude-sonnet-4-6", "", "anthropic"),
        ("claude-opus-4-8", "ANTHROPIC", "anthropic"),
        ("vertex_ai/gemini-2.5-pro", "", "google"),
        ("gpt-4o", "", ""),
        ("team-a/gpt-4o", "", ""),
    ],
)
def test_a_gateway_is_not_who_is_paid(model: str, source: str, provider: str) -> None:
    assert behind_gateway(model, source) == provider
