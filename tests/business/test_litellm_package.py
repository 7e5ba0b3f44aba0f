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
from typing import Any, Dict, Optional, Tuple

import pytest

from finops.business.prices import PriceTable, Usage, load_prices
from tests.support.tools import missing

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

MILLION = 1_000_000
A_MILLION = Usage("", "", MILLION, MILLION)
EACH_CLASS = Usage("", "", 20000, 1000, 5000, 3000, 1000, 300)
CHAT = ("chat", "responses", "completion")
# Prints what the package says of each chat model of its map: of a million tokens in and out, and
# of a call with every class of tokens (null where it refuses).
PROGRAM = """
import contextlib, json, sys
import litellm
from litellm.litellm_core_utils.llm_cost_calc.utils import generic_cost_per_token
from litellm.types.utils import (
    CacheCreationTokenDetails, CompletionTokensDetailsWrapper, PromptTokensDetailsWrapper, Usage)

written = CacheCreationTokenDetails(ephemeral_5m_input_tokens=2000, ephemeral_1h_input_tokens=1000)
usage = Usage(
    prompt_tokens=20000, completion_tokens=1000, total_tokens=21000,
    cache_creation_input_tokens=3000, cache_read_input_tokens=5000,
    prompt_tokens_details=PromptTokensDetailsWrapper(
        cached_tokens=5000, cache_creation_tokens=3000, cache_creation_token_details=written),
    completion_tokens_details=CompletionTokensDetailsWrapper(
        reasoning_tokens=300, text_tokens=700))

def by_class(key, provider):
    try:
        return sum(generic_cost_per_token(model=key, usage=usage, custom_llm_provider=provider))
    except Exception:
        return None

# Some models cost less at night: the answer must not depend on when this runs.
for entry in litellm.model_cost.values():
    entry.pop("off_peak_pricing", None)
said = {}
with contextlib.redirect_stdout(sys.stderr):
    for key, entry in json.load(open(sys.argv[1], encoding="utf-8")).items():
        provider = entry.get("litellm_provider")
        if entry.get("mode") in sys.argv[2].split(",") and key != "sample_spec":
            plain = sum(litellm.cost_per_token(
                model=key, prompt_tokens=10**6, completion_tokens=10**6,
                custom_llm_provider=provider))
            said[key] = (plain, by_class(key, provider))
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


def not_comparable_by_class(entry: Dict[str, Any], key: str) -> str:
    """Return why the price of a call with cached tokens need not be the package's."""
    if entry.get("litellm_provider") == "fireworks_ai":
        return "the package derives a price for cache reads that is not in its map"
    if key in ("deepseek-chat", "gemini-exp-1206"):
        return "the package takes another key, that of the name behind its provider"
    return ""


@pytest.fixture(scope="module")
def said() -> Dict[str, Tuple[float, Optional[float]]]:
    command = [sys.executable, "-c", PROGRAM, str(map_path()), ",".join(CHAT)]
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    answer = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    costs: Dict[str, Tuple[float, Optional[float]]] = json.loads(
        answer.stdout.decode().splitlines()[-1]
    )
    return costs


@pytest.fixture(scope="module")
def entries() -> Dict[str, Any]:
    content: Dict[str, Any] = json.loads(map_path().read_text(encoding="utf-8"))
    return content


def our_cost(
    prices: PriceTable, entries: Dict[str, Any], key: str, usage: Usage
) -> Optional[float]:
    provider = entries[key].get("litellm_provider") or ""
    cost = prices.price_of(usage._replace(provider=provider, model=key))
    return None if cost is None else float(cost)


def test_a_million_tokens_of_each_chat_model_cost_what_the_package_says(
    said: Dict[str, Tuple[float, Optional[float]]], entries: Dict[str, Any]
) -> None:
    prices = load_prices(map_path())
    compared, differing = 0, {}
    for key, (theirs, _) in said.items():
        ours = our_cost(prices, entries, key, A_MILLION)
        if ours == pytest.approx(theirs, rel=1e-9):
            compared += 1
        elif not not_comparable(entries[key], key, ours, theirs):
            differing[key] = (ours, theirs)
    assert differing == {}
    assert compared > 0.9 * len(said)


def test_every_class_of_tokens_costs_what_the_package_says(
    said: Dict[str, Tuple[float, Optional[float]]], entries: Dict[str, Any]
) -> None:
    prices = load_prices(map_path())
    compared, differing = 0, {}
    for key, (_, theirs) in said.items():
        ours = our_cost(prices, entries, key, EACH_CLASS)
        if theirs is None:
            continue
        if ours == pytest.approx(theirs, rel=1e-9):
            compared += 1
        elif not (
            not_comparable(entries[key], key, ours, theirs)
            or not_comparable_by_class(entries[key], key)
        ):
            differing[key] = (ours, theirs)
    assert differing == {}
    assert compared > 0.8 * len(said)
