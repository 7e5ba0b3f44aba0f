"""Price files: ours and LiteLLM's, their units, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from finops.business.prices import load_prices
from finops.errors import DataError

OURS = {
    "source": "our contract",
    "date": "2026-07",
    "models": [
        {"provider": "openai", "model": "gpt-4o", "input_per_1k": 0.002, "output_per_1k": 0.008},
        {
            "provider": "bedrock",
            "model": "house-model",
            "input_per_1k": 0,
            "output_per_1k": 0.5,
            "class": "economy",
        },
        {"provider": "other", "model": "unclassified", "input_per_1k": 1, "output_per_1k": 2},
    ],
}
LITELLM = {
    "sample_spec": {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
    "gpt-4o": {
        "input_cost_per_token": 2.5e-06,
        "output_cost_per_token": 1e-05,
        "litellm_provider": "openai",
        "mode": "chat",
    },
    "free-model": {
        "input_cost_per_token": 0,
        "output_cost_per_token": 0,
        "litellm_provider": "openrouter",
    },
    "no-output-price": {"input_cost_per_token": 1e-06, "litellm_provider": "openai"},
    "gemini/gemini-2.5-pro": {
        "input_cost_per_token": 1.25e-06,
        "output_cost_per_token": 1e-05,
        "litellm_provider": "vertex_ai-language-models",
    },
    "eu/gemini-2.5-pro": {
        "input_cost_per_token": 9e-06,
        "output_cost_per_token": 9e-05,
        "litellm_provider": "gemini",
    },
    "dall-e": {"output_cost_per_image": 0.04, "litellm_provider": "openai"},
}


def written(folder: Path, content: Any) -> Path:
    path = folder / "prices.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_ours_is_in_dollars_per_thousand(tmp_path: Path) -> None:
    prices = load_prices(written(tmp_path, OURS))
    model = prices.find("openai", "gpt-4o")
    assert model is not None
    assert model.cost(1000, 2000) == pytest.approx(0.002 + 0.016)
    assert (prices.source, prices.date) == ("our contract", "2026-07")


def test_only_the_models_of_the_file_have_a_price(tmp_path: Path) -> None:
    prices = load_prices(written(tmp_path, OURS))
    assert sorted(model.name for model in prices) == ["gpt-4o", "house-model", "unclassified"]
    assert prices.find("anthropic", "claude-instant") is None


def test_a_price_of_zero_is_a_price(tmp_path: Path) -> None:
    model = load_prices(written(tmp_path, OURS)).find("aws-bedrock", "house-model")
    assert model is not None
    assert (model.input_price, model.capability) == (0.0, "economy")


def test_a_known_model_keeps_its_class_and_an_unknown_one_is_no_alternative(tmp_path: Path) -> None:
    prices = load_prices(written(tmp_path, OURS))
    known, unknown = prices.find("openai", "gpt-4o"), prices.find("other", "unclassified")
    assert known is not None
    assert unknown is not None
    assert (known.capability, unknown.capability) == ("standard", "")
    assert prices.alternatives(unknown, downgradable=True) == []
    assert [m.name for m in prices.alternatives(known, downgradable=True)] == ["house-model"]


def test_litellm_is_in_dollars_per_token(tmp_path: Path) -> None:
    model = load_prices(written(tmp_path, LITELLM)).find("openai", "gpt-4o")
    assert model is not None
    assert model.cost(1_000_000, 1_000_000) == pytest.approx(2.5 + 10)


def test_litellm_missing_is_not_zero_and_the_example_is_no_model(tmp_path: Path) -> None:
    prices = load_prices(written(tmp_path, LITELLM))
    names = sorted(model.name for model in prices)
    assert names == ["free-model", "gemini-2.5-pro", "gpt-4o"]
    free = prices.find("openrouter", "free-model")
    assert free is not None
    assert free.cost(10, 10) == 0


def test_litellm_providers_are_folded_and_the_first_of_a_name_stands(tmp_path: Path) -> None:
    model = load_prices(written(tmp_path, LITELLM)).find("google", "gemini-2.5-pro")
    assert model is not None
    assert model.input_price == pytest.approx(0.00125)
    assert model.provider == "google"


def test_a_file_without_a_date_has_that_of_its_last_change(tmp_path: Path) -> None:
    path = written(tmp_path, {"models": OURS["models"]})
    os.utime(str(path), (1_750_000_000, 1_750_000_000))  # 15 June 2025
    prices = load_prices(path)
    assert (prices.source, prices.date) == ("prices.json", "2025-06-15")


def entry(**changes: Any) -> Any:
    model = {"provider": "p", "model": "m", "input_per_1k": 1, "output_per_1k": 1, **changes}
    return {"models": [model]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no price table"),
        ({}, "no price of any model"),
        ({"models": []}, "no price of any model"),
        ({"models": ["x"]}, "model 1 is not an object"),
        (entry(provider=""), "model 1 has no provider"),
        (entry(model=3), "model 1 has no model"),
        (entry(input_per_1k=-1), "input_per_1k is not a price"),
        (entry(output_per_1k="cheap"), "output_per_1k is not a price"),
        (entry(output_per_1k="nan"), "output_per_1k is not a price"),
        (entry(cache_read_per_1k=-1), "cache_read_per_1k is not a price"),
        (entry(input_per_1k=None), "model 1 has no input_per_1k"),
        (entry(**{"from": "August"}), "from is not a day"),
        (entry(**{"from": "2026-8-1"}), "from is not a day"),
        (entry(output_per_1k=True), "output_per_1k is not a price"),
        ('{"models": [{"provider": "p", "model": "m", "input_per_1k": NaN}]}', "not a price"),
        (entry(**{"class": "huge"}), "class must be one of frontier, standard, economy"),
        (
            {"m": {"input_cost_per_token": "a", "output_cost_per_token": 1}},
            "m: input_cost_per_token",
        ),
        (
            {"m": {"input_cost_per_token": 1, "provider_specific_entry": {"a\nb": -1}}},
            "m: provider_specific_entry is not a price",
        ),
        (entry(input_per_1k=10**400), "input_per_1k is not a price"),
        (entry(input_per_1k="a\nb\x1b"), "input_per_1k is not a price in USD: a?b?"),
        (entry(model="half \ud800"), "model 1 has no model"),
        (entry(provider="two\nlines"), "model 1 has no provider"),
        (entry(model="m" * 600), "model 1 has no model"),
        ({"a\nb": {"input_cost_per_token": 1, "output_cost_per_token": 1}}, "no price of any"),
    ],
)
def test_what_is_no_price_table_is_refused_in_one_line(
    tmp_path: Path, content: Any, said: str
) -> None:
    with pytest.raises(DataError) as caught:
        load_prices(written(tmp_path, content))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_file_says_of_itself_fits_into_a_sentence(tmp_path: Path) -> None:
    content = {**entry(), "source": "two\nlines \ud800" + "x" * 1000, "date": ["2025"]}
    prices = load_prices(written(tmp_path, content))
    assert prices.source.startswith("two?lines ?x")
    assert len(prices.source) == 200
    assert prices.date == "['2025']"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read the price file .*nothing\.json"):
        load_prices(tmp_path / "nothing.json")
