"""The provider of a model, where a source names the model only."""

from __future__ import annotations

import re
from typing import Dict, Tuple

from finops.business.price_table import PriceTable

_PATH = re.compile(r"publishers/([a-z0-9-]+)/").search
# How the names of models begin that one provider makes and sells.
_BEGINNINGS: Tuple[Tuple[str, Tuple[str, ...]], ...] = (
    ("openai", ("gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "codex-")),
    ("anthropic", ("claude-",)),
    ("google", ("gemini-", "gemma-")),
    ("mistral", ("mistral-", "ministral-", "codestral-", "magistral-")),
    ("cohere", ("command-", "embed-english", "embed-multilingual")),
    ("deepseek", ("deepseek-",)),
    ("xai", ("grok-",)),
    ("aws-bedrock", ("amazon.", "us.", "eu.", "apac.", "anthropic.")),
)


class ModelProviders:
    """Providers by model: what the price table says, else what the name says."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._known: Dict[str, str] = {}

    def provider_of(self, model: str) -> str:
        """Return the provider of a model, "" where neither says."""
        if model not in self._known:
            self._known[model] = self._prices.provider_of(model) or _by_name(model)
        return self._known[model]


def _by_name(model: str) -> str:
    """Return the provider whose models are named so.

    >>> _by_name("projects/x/locations/eu/publishers/google/models/gemini-2.5-flash")
    'google'
    """
    path = _PATH(model)
    if path:
        return path.group(1)
    name = model.lower()
    for provider, beginnings in _BEGINNINGS:
        if name.startswith(beginnings):
            return provider
    return ""
