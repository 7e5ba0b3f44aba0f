"""What is called: the models on offer, how often each is chosen, and what a token costs."""

from __future__ import annotations

from typing import Dict, NamedTuple, Sequence, Tuple

from finops import catalog, config
from finops.catalog import Model, PriceTable

Weights = Tuple[float, ...]


class Market(NamedTuple):
    """The models in catalogue order and their usual weights: provider's share × model's in it."""

    models: Tuple[Model, ...]
    weights: Weights

    def position(self, provider: str, name: str) -> int:
        """Return where a model stands.  Raises KeyError for one that is not sold."""
        for i, model in enumerate(self.models):
            if (model.provider, model.name) == (provider, name):
                return i
        raise KeyError(f"{provider} sells no {name}")

    def of_class(self, capability: str) -> Weights:
        """Return the weights where everybody uses this class of models.

        A provider's share of the market stays what it is; one that has no such model is
        called for its nearest.
        """
        wanted = catalog.CLASSES.index(capability)

        def distance(model: Model) -> int:
            return abs(catalog.CLASSES.index(model.capability) - wanted)

        nearest: Dict[str, int] = {}
        for model in self.models:
            nearest[model.provider] = min(
                nearest.get(model.provider, len(catalog.CLASSES)), distance(model)
            )
        kept = [model for model in self.models if distance(model) == nearest[model.provider]]
        return _weights(self.models, kept)


def build() -> Market:
    """Return the market of the catalogue."""
    return Market(catalog.CATALOG, _weights(catalog.CATALOG, catalog.CATALOG))


def _weights(models: Sequence[Model], sold: Sequence[Model]) -> Weights:
    shares: Dict[str, float] = {}
    for model in sold:
        shares[model.provider] = shares.get(model.provider, 0.0) + model.share
    return tuple(
        config.PROVIDER_WEIGHTS[m.provider] * m.share / shares[m.provider] if m in sold else 0.0
        for m in models
    )


def prices_of(models: Sequence[Model], prices: PriceTable) -> Tuple[Tuple[float, float], ...]:
    """Return input and output price of each model, USD per 1,000 tokens.

    A model that the table does not know keeps the catalogue's price.
    """
    found = [prices.find(model.provider, model.name) or model for model in models]
    return tuple((model.input_price, model.output_price) for model in found)
