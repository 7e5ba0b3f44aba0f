"""A user's own price table, read from a file: our JSON, or LiteLLM's price map.

Which of the two it is, and so the unit, follows from the structure, never from how large the
numbers are.  Ours is an object with a list `models` in USD per 1,000 tokens:

    {"source": "our contract", "date": "2026-08", "models": [
        {"provider": "openai", "model": "gpt-4o", "input_per_1k": 0.002,
         "output_per_1k": 0.008, "class": "standard"}]}

LiteLLM's is an object by model name with `input_cost_per_token` and `output_cost_per_token`
in USD per single token.  A price of 0 is a price; a missing one leaves the model unpriced.
The class (frontier, standard, economy) may be left out: a model of the catalogue's keeps its
own, any other is in none and no analysis offers it as an alternative.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from typing import Any, BinaryIO, Dict, Iterator, List, Optional

from finops import config
from finops.business.catalog import CLASSES, DEFAULT_PRICES, Model, PriceTable
from finops.errors import DataError
from finops.regular_files import open_regular

_MAX_BYTES = 64 * config.MEGABYTE
_TOKENS = 1000
_SHOWN_CHARACTERS = 200
# LiteLLM's names of providers, where they are not ours.
_LITELLM_PROVIDERS: Dict[str, str] = {
    "bedrock_converse": "aws-bedrock",
    "cohere_chat": "cohere",
    "gemini": "google",
    "text-completion-openai": "openai",
    "azure_ai": "azure",
}
_LITELLM_PREFIXES: Dict[str, str] = {"vertex_ai": "google"}
_LITELLM_EXAMPLE = "sample_spec"


def load_prices(path: Any) -> PriceTable:
    """Return the prices of a file.

    Raises DataError where it cannot be read, is neither of the two formats, or holds a price
    that is not a number from 0 up.
    """
    try:
        with open_regular(path) as file:
            raw = file.read(_MAX_BYTES + 1)
            date = _file_date(file)
    except OSError as error:
        raise DataError(f"cannot read the price file {path}: {error.strerror}") from None
    return parse_prices(raw, os.path.basename(os.fspath(path)), date)


def parse_prices(raw: bytes, name: str, date: str) -> PriceTable:
    """Return the prices in the bytes of a file called `name`.

    `date` is that of the prices where the file does not say.  Raises DataError as `load_prices`.
    """
    content = _object(raw, name)
    if isinstance(content.get("models"), list):
        models = [_own(entry, name, n) for n, entry in enumerate(content["models"], 1)]
        given = _shown(content.get("date") or date)
        return _table(models, _shown(content.get("source") or name), given, name)
    return _table(list(_litellm(content, name)), f"LiteLLM price map {name}", date, name)


def _object(raw: bytes, name: str) -> Dict[str, Any]:
    try:
        content = json.loads(raw[:_MAX_BYTES].decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise DataError(
            f"{name} is not JSON; give a price table as 'analyze --help' says"
        ) from None
    if not isinstance(content, dict):
        raise DataError(f"{name} holds no price table: an object is expected at the top")
    return content


def _table(models: List[Model], source: str, date: str, name: str) -> PriceTable:
    if not models:
        raise DataError(f"{name} holds no price of any model")
    # The same model under several names (regions, gateways): the first one stands.
    first = {(m.provider, m.name): m for m in reversed(models)}
    return PriceTable(tuple(first.values()), source, date)


def _own(entry: Any, name: str, number: int) -> Model:
    where = f"{name}: model {number}"
    if not isinstance(entry, dict):
        raise DataError(f"{where} is not an object")
    for key in ("provider", "model"):
        if not _is_name(entry.get(key)):
            raise DataError(f"{where} has no {key}")
    capability = entry.get("class")
    if capability is not None and capability not in CLASSES:
        raise DataError(f"{where}: class must be one of {', '.join(CLASSES)}")
    prices = [_price(entry.get(key), where, key) for key in ("input_per_1k", "output_per_1k")]
    return _model(entry["provider"], entry["model"], prices[0], prices[1], capability)


def _litellm(content: Dict[str, Any], name: str) -> Iterator[Model]:
    """Yield the models of a price map that are sold by the token."""
    for key, entry in content.items():
        if key == _LITELLM_EXAMPLE or not isinstance(entry, dict):
            continue
        if not _is_name(key) or not _is_name(entry.get("litellm_provider") or "-"):
            continue
        costs = [entry.get("input_cost_per_token"), entry.get("output_cost_per_token")]
        if None in costs:
            continue
        first, last = (
            _price(c, f"{name}: {_shown(key)}", "cost per token") * _TOKENS for c in costs
        )
        provider = _litellm_provider(str(entry.get("litellm_provider") or ""))
        yield _model(provider, key.rsplit("/", 1)[-1], first, last, None)


def _litellm_provider(given: str) -> str:
    for prefix, ours in _LITELLM_PREFIXES.items():
        if given.startswith(prefix):
            return ours
    return _LITELLM_PROVIDERS.get(given, given)


def _is_name(value: Any) -> bool:
    return (
        isinstance(value, str) and 0 < len(value) <= config.COLLECT_MAX_TEXT and value.isprintable()
    )


def _shown(value: Any) -> str:
    """Return a value as it may stand in a sentence: on one line, cut."""
    return "".join(c if c.isprintable() else "?" for c in str(value))[:_SHOWN_CHARACTERS]


def _price(value: Any, where: str, key: str) -> float:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not 0 <= value <= config.MAX_COST_USD:
        raise DataError(f"{where}: {key} is not a price in USD: {_shown(value)[:40]}")
    return float(value)


def _model(provider: str, name: str, first: float, last: float, given: Optional[str]) -> Model:
    provider = config.PROVIDER_ALIASES.get(provider, provider)
    known = DEFAULT_PRICES.find(provider, name)
    if known is None:
        return Model(provider, name, first, last, given or "", share=0, speed=1.0)
    return known._replace(
        provider=provider,
        name=name,
        input_price=first,
        output_price=last,
        capability=given or known.capability,
    )


def _file_date(file: BinaryIO) -> str:
    """Return the day a file was changed, "" where its time is beyond the calendar."""
    try:
        changed = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return changed.strftime("%Y-%m-%d")
