"""Providers, models and prices, and the questions that everybody asks of them.

Adding a provider or a model is one entry in `CATALOG`.  Prices are USD per 1,000 tokens.
"""

from __future__ import annotations

from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from finops import config

PRICES_SOURCE = "built-in list prices"
PRICES_DATE = "2026-08"

# Capability classes from the strongest to the plainest.
CLASSES: Tuple[str, ...] = ("frontier", "standard", "economy")


class Model(NamedTuple):
    """One model: prices in USD per 1,000 tokens, class, share of its provider's calls, speed.

    `speed` multiplies the latency: 1.0 is usual, higher is slower.
    """

    provider: str
    name: str
    input_price: float
    output_price: float
    capability: str
    share: float
    speed: float

    @property
    def blended_price_per_1m(self) -> float:
        """Mean of input and output price, in USD per 1M tokens."""
        return (self.input_price + self.output_price) / 2 * 1000

    def cost(self, input_tokens: float, output_tokens: float) -> float:
        """Return what these tokens cost on this model, in USD."""
        return input_tokens / 1000 * self.input_price + output_tokens / 1000 * self.output_price


# Latency multiplier of each provider.
PROVIDER_SPEED: Dict[str, float] = {
    "openai": 1.0,
    "anthropic": 1.1,
    "google": 0.9,
    "aws-bedrock": 1.2,
    "azure": 1.05,
    "mistral": 0.85,
    "cohere": 1.15,
}

CATALOG: Tuple[Model, ...] = (
    Model("openai", "gpt-4", 0.03, 0.06, "frontier", 26, 1.5),
    Model("openai", "gpt-4o", 0.0025, 0.01, "standard", 13, 1.0),
    Model("openai", "gpt-4.1", 0.002, 0.008, "standard", 15, 1.0),
    Model("openai", "gpt-5", 0.00125, 0.01, "frontier", 28, 1.25),
    Model("openai", "gpt-5-mini", 0.00025, 0.002, "economy", 11, 0.8),
    Model("openai", "gpt-4o-mini", 0.00015, 0.0006, "economy", 7, 0.75),
    Model("anthropic", "claude-opus-4-1", 0.015, 0.075, "frontier", 22, 1.5),
    Model("anthropic", "claude-opus-4-8", 0.005, 0.025, "frontier", 32, 1.3),
    Model("anthropic", "claude-sonnet-4-6", 0.003, 0.015, "standard", 32, 1.0),
    Model("anthropic", "claude-haiku-4-5", 0.001, 0.005, "economy", 9, 0.7),
    Model("anthropic", "claude-instant", 0.0008, 0.0024, "economy", 5, 0.75),
    Model("google", "gemini-2.5-pro", 0.00125, 0.01, "frontier", 40, 1.2),
    Model("google", "gemini-2.5-flash", 0.0003, 0.0025, "standard", 40, 0.8),
    Model("google", "gemini-2.5-flash-lite", 0.0001, 0.0004, "economy", 20, 0.6),
    Model("aws-bedrock", "bedrock-claude-sonnet-4-5", 0.003, 0.015, "standard", 50, 1.05),
    Model("aws-bedrock", "nova-pro", 0.0008, 0.0032, "standard", 32, 0.95),
    Model("aws-bedrock", "nova-lite", 0.00006, 0.00024, "economy", 18, 0.7),
    Model("azure", "azure-gpt-4o", 0.0025, 0.01, "standard", 40, 1.0),
    Model("azure", "azure-gpt-4.1", 0.002, 0.008, "standard", 35, 1.0),
    Model("azure", "azure-gpt-4o-mini", 0.000165, 0.00066, "economy", 25, 0.75),
    Model("mistral", "mistral-large", 0.002, 0.006, "standard", 60, 1.0),
    Model("mistral", "ministral-8b", 0.0001, 0.0001, "economy", 40, 0.6),
    Model("cohere", "command-a", 0.0025, 0.01, "standard", 60, 1.1),
    Model("cohere", "command-r", 0.00015, 0.0006, "economy", 40, 0.8),
)


class PriceTable:
    """The models whose prices are known, with where the prices come from.

    `source` and `date` are printed on reports.  Look-ups fold provider aliases.
    """

    def __init__(
        self,
        models: Tuple[Model, ...] = CATALOG,
        source: str = PRICES_SOURCE,
        date: str = PRICES_DATE,
    ) -> None:
        self.source = source
        self.date = date
        self._by_key: Dict[Tuple[str, str], Model] = {(m.provider, m.name): m for m in models}
        self._by_name: Dict[str, List[Model]] = {}
        for model in models:
            self._by_name.setdefault(model.name, []).append(model)

    def __iter__(self) -> Iterator[Model]:
        return iter(self._by_key.values())

    def find(self, provider: str, name: str) -> Optional[Model]:
        """Return the model, or None where its price is unknown.

        A provider that does not list the model falls back to the model's name, if exactly
        one provider sells a model of that name.
        """
        provider = config.PROVIDER_ALIASES.get(provider, provider)
        found = self._by_key.get((provider, name))
        if found is None:
            same_name = self._by_name.get(name, [])
            found = same_name[0] if len(same_name) == 1 else None
        return found

    def alternatives(self, model: Model, downgradable: bool) -> List[Model]:
        """Return the models that may replace `model`: its own class, or one class lower
        where the task tolerates it (`downgradable`).  The model itself is not among them; a
        model of no known class has none.
        """
        if model.capability not in CLASSES:
            return []
        rank = CLASSES.index(model.capability)
        allowed = CLASSES[rank : rank + 2] if downgradable else CLASSES[rank : rank + 1]
        return [m for m in self if m.capability in allowed and m is not model]

    def cheapest(self) -> Model:
        """Return the model with the lowest blended price (ties: first provider, then name)."""
        return min(self, key=lambda m: (m.blended_price_per_1m, m.provider, m.name))


DEFAULT_PRICES = PriceTable()
