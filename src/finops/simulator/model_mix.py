"""What is called: the models on offer, how often each is chosen, and what a token costs."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.business import catalog
from finops.business.catalog import Model, PriceTable
from finops.business.usage import Usage

Weights = Tuple[float, ...]
_A_THOUSAND = ((1000, 0), (0, 1000))  # input, and output, each by itself


class ModelMix(NamedTuple):
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

        A provider's share of the model mix stays what it is; one that has no such model is
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

    def by_taste(self, weights: Weights, expensive_share: float) -> Tuple[Weights, Weights]:
        """Split weights by taste: ordinary customers, and those who prefer expensive models.

        The latter, who make `expensive_share` of the calls, choose a provider's most expensive
        models more often; together the two choose as `weights` say.
        """
        totals: Dict[str, float] = {}
        priciest: Dict[str, float] = {}
        for model, weight in zip(self.models, weights):
            totals[model.provider] = totals.get(model.provider, 0.0) + weight
            if model.name in config.DEAREST_MODELS:
                priciest[model.provider] = priciest.get(model.provider, 0.0) + weight
        ordinary: List[float] = []
        expensive: List[float] = []
        for model, weight in zip(self.models, weights):
            usual = priciest.get(model.provider, 0.0) / (totals[model.provider] or 1.0)
            wanted = _expensive_part(usual, expensive_share)
            left = (usual - expensive_share * wanted) / (1 - expensive_share)
            if model.name not in config.DEAREST_MODELS:
                usual, wanted, left = 1 - usual, 1 - wanted, 1 - left
            expensive.append(weight * wanted / usual if usual > 0 else 0.0)
            ordinary.append(weight * left / usual if usual > 0 else 0.0)
        return tuple(ordinary), tuple(expensive)


def _expensive_part(usual: float, expensive_share: float) -> float:
    """Return the share of calls that expensive tastes give to a provider's top models."""
    most = min(1.0, usual / expensive_share) if expensive_share else usual
    return min(usual * config.DEAR_TASTE_FACTOR, most)


def build() -> ModelMix:
    """Return the model mix of the catalogue."""
    return ModelMix(catalog.CATALOG, _weights(catalog.CATALOG, catalog.CATALOG))


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
    return tuple(_prices_of(model, prices) for model in models)


def _prices_of(model: Model, prices: PriceTable) -> Tuple[float, float]:
    read, written = (
        prices.price_of(Usage(model.provider, model.name, *tokens)) for tokens in _A_THOUSAND
    )
    if read is None or written is None:
        return model.input_price, model.output_price
    return float(read), float(written)
