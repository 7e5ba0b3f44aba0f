"""What reports say of prices: where they are from, for which days, and where two disagree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict

from finops.business.prices import load_prices
from finops.pipeline import CONTEXT_TABLES, context_of
from finops.rollups.dataset import Dataset

ROWS = """timestamp,provider,model,input_tokens,output_tokens,customer_id
2025-03-01T12:00:00Z,google,gemini-x,1000,10,c1
2025-03-01T12:00:01Z,gemini,gemini-y,1000,10,c1
2025-03-01T12:00:02Z,groq,llama,1000,10,c1
"""


def entry(price: float, provider: str) -> Dict[str, Any]:
    prices = {"input_cost_per_token": price, "output_cost_per_token": price}
    return {**prices, "litellm_provider": provider}


def test_a_model_with_two_prices_is_unpriced_and_named(tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_text(ROWS)
    content = {
        "gemini-x": entry(1e-6, "vertex_ai"),
        "gemini/gemini-x": entry(2e-6, "gemini"),
        "gemini-y": entry(1e-6, "vertex_ai"),
        "gemini/gemini-y": entry(2e-6, "gemini"),
    }
    (tmp_path / "map.json").write_text(json.dumps(content))
    prices = load_prices(tmp_path / "map.json")
    data = Dataset(str(tmp_path / "calls.csv"), 1, prices, None, False).rollups(CONTEXT_TABLES)
    context = context_of(data, prices)
    assert (context["unpriced_calls"], context["cost"]) == (2, 0.00202)
    assert context["prices"]["dated"] is False
    assert context["prices"]["conflicts"] == [
        {"provider": "google", "model": "gemini-x", "keys": ["gemini-x", "gemini/gemini-x"]}
    ]
