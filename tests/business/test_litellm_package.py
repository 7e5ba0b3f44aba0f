"""LiteLLM's whole price map, from its package: how fast it loads, and that each chat model
costs what the package itself says.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Optional

import pytest

from finops.business.prices import Usage, load_prices
from tests.support.tools import missing

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

MILLION = 1_000_000
CHAT = ("chat", "responses", "completion")
# Prints what the package says of a million tokens in and out of each chat model of its map.
PROGRAM = """
import contextlib, json, os, sys
import litellm
said = {}
with contextlib.redirect_stdout(sys.stderr):
    for key, entry in json.load(open(sys.argv[1], encoding="utf-8")).items():
        if entry.get("mode") in sys.argv[2].split(",") and key != "sample_spec":
            said[key] = sum(litellm.cost_per_token(
                model=key, prompt_tokens=10**6, completion_tokens=10**6,
                custom_llm_provider=entry.get("litellm_provider")))
print(json.dumps(said))
"""


def map_path() -> Path:
    spec = find_spec("litellm")
    if spec is None or not spec.origin:
        missing("needs litellm, which 'make setup' installs")
    assert spec is not None
    return Path(str(spec.origin)).parent / "model_prices_and_context_window_backup.json"


def cpu_of_loading(path: Path) -> float:
    before = time.process_time()
    load_prices(path)
    return time.process_time() - before


def test_the_whole_map_loads_in_under_a_third_of_a_second() -> None:
    path = map_path()
    assert len(json.loads(path.read_text(encoding="utf-8"))) > 2900
    assert min(cpu_of_loading(path) for _ in range(3)) < 0.3


def not_comparable(entry: Dict[str, Any], key: str, ours: Optional[float], theirs: float) -> str:
    """Return why a price of the package says nothing about ours, "" where it should agree."""
    if ours is None and "input_cost_per_token" not in entry and "tiered_pricing" not in entry:
        return "the package takes an absent price for zero"
    if ours is None and "output_cost_per_token" not in entry:
        return "the package takes an absent price for zero"
    if entry.get("litellm_provider") == "perplexity":
        return "the package leaves long contexts of this provider out, and prefers shorter names"
    if key == "gemini-exp-1206":
        return "the package takes another key, that of the name behind its provider"
    return ""


def test_a_million_tokens_of_each_chat_model_cost_what_the_package_says() -> None:
    path = map_path()
    command = [sys.executable, "-c", PROGRAM, str(path), ",".join(CHAT)]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    said: Dict[str, float] = json.loads(answer.stdout.decode().splitlines()[-1])
    entries = json.loads(path.read_text(encoding="utf-8"))
    prices = load_prices(path)
    compared, differing = 0, {}
    for key, theirs in said.items():
        provider = entries[key].get("litellm_provider") or ""
        cost = prices.price_of(Usage(provider, key, MILLION, MILLION))
        ours = None if cost is None else float(cost)
        if ours == pytest.approx(theirs, rel=1e-9):
            compared += 1
        elif not not_comparable(entries[key], key, ours, theirs):
            differing[key] = (ours, theirs)
    assert differing == {}
    assert compared > 0.9 * len(said)
