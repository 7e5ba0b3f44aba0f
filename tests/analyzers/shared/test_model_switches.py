from __future__ import annotations

import doctest
import random
from typing import List, Optional, Tuple

import pytest

from finops.analyzers.shared import model_switches
from finops.analyzers.shared.model_switches import SwitchRule, undominated
from finops.business.catalog import CATALOG, CLASSES, DEFAULT_PRICES, Model, PriceTable

RULE = SwitchRule(DEFAULT_PRICES)


def best_by_search(model: Model, lower: bool, inputs: int, outputs: int) -> Tuple[float, str, str]:
    rank = CLASSES.index(model.capability)
    classes = [model.capability] + ([CLASSES[rank + 1]] if lower and rank < 2 else [])
    return min(
        (inputs * m.input_price / 1000 + outputs * m.output_price / 1000, m.provider, m.name)
        for m in CATALOG
        if m.capability in classes and (m.provider, m.name) != (model.provider, model.name)
    )


def test_the_example_in_the_text_holds() -> None:
    assert doctest.testmod(model_switches).failed == 0


def test_gpt_4_for_a_task_that_needs_its_class() -> None:
    # 1,000 in and out: gpt-4 0.03 + 0.06; gpt-5 and gemini-2.5-pro both 0.00125 + 0.01.
    found = RULE("openai", "gpt-4", False, 1000, 1000, 0.09)
    assert found is not None
    assert (found.model.provider, found.model.name) == ("google", "gemini-2.5-pro")
    assert found.cost == pytest.approx(0.01125)
    assert found.savings == pytest.approx(0.07875)
    assert found.savings_percent == pytest.approx(87.5)


def test_gpt_4_for_a_task_that_tolerates_one_class_lower() -> None:
    # Frontier or standard: gemini-2.5-flash at 0.0003 + 0.0025; never an economy model.
    found = RULE("openai", "gpt-4", True, 1000, 1000, 0.09)
    assert found is not None
    assert found.model.name == "gemini-2.5-flash"
    assert found.cost == pytest.approx(0.0028)


def test_the_mix_of_tokens_decides() -> None:
    # nova-lite 0.00006/0.00024 against ministral-8b 0.0001/0.0001, USD per 1,000.
    much_in = RULE("openai", "gpt-5-mini", False, 10_000, 100, 1.0)
    much_out = RULE("openai", "gpt-5-mini", False, 100, 10_000, 1.0)
    assert much_in is not None
    assert much_out is not None
    assert (much_in.model.name, much_out.model.name) == ("nova-lite", "ministral-8b")


@pytest.mark.parametrize(
    ("provider", "model", "cost"),
    [
        ("acme", "mystery-1", 5.0),  # no known price, hence no class
        ("mistral", "ministral-8b", 0.0002),  # the cheapest already
        ("openai", "gpt-4", 0.0),  # nothing was paid
        ("openai", "gpt-5", 0.011250000000000001),  # gemini-2.5-pro costs the same
    ],
)
def test_no_alternative(provider: str, model: str, cost: float) -> None:
    assert RULE(provider, model, False, 1000, 1000, cost) is None


def test_a_class_that_is_not_ours_has_no_alternative() -> None:
    odd = PriceTable((Model("acme", "odd", 1.0, 1.0, "unrated", 1, 1.0), *CATALOG))
    assert SwitchRule(odd)("acme", "odd", True, 1000, 1000, 2.0) is None


def test_every_model_against_a_search_of_the_whole_catalogue() -> None:
    draw = random.Random(3)
    compared = 0
    for model in CATALOG:
        for lower in (False, True):
            for _ in range(20):
                tokens = (draw.randrange(1, 5000), draw.randrange(1, 2000))
                paid = model.cost(*tokens)
                cost, provider, name = best_by_search(model, lower, *tokens)
                found = RULE(model.provider, model.name, lower, *tokens, paid)
                if (paid - cost) / paid < 1e-11:
                    assert found is None
                else:
                    assert found is not None
                    assert (found.model.provider, found.model.name) == (provider, name)
                    assert found.cost == pytest.approx(cost)
                    compared += 1
    assert compared > 500


def test_only_models_that_are_dearer_both_ways_are_left_out() -> None:
    draw = random.Random(4)
    models = [
        Model("p", f"m{i}", draw.randrange(6) / 10, draw.randrange(6) / 10, "economy", 1, 1.0)
        for i in range(40)
    ]
    kept: List[str] = [m.name for m in undominated(models)]
    for one in models:
        undercut: Optional[Model] = next(
            (
                other
                for other in models
                if other.input_price < one.input_price and other.output_price < one.output_price
            ),
            None,
        )
        assert (one.name in kept) is (undercut is None)
