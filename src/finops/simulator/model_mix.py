"""What is called: the models on offer, how often each is chosen, and what a token costs."""

from __future__ import annotations

import math
from typing import Dict, List, NamedTuple, Sequence, Tuple

from finops import config
from finops.business import catalog
from finops.business.catalog import Model, PriceTable
from finops.business.usage import Usage

Weights = Tuple[float, ...]
# Tokens of input and output, and those of the input that are cached: each price by itself.
_A_THOUSAND = (((1000, 0), 0), ((0, 1000), 0), ((1000, 0), 1000))


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

    def for_long_contexts(self, weights: Weights) -> Weights:
        """Return the weights of features with long contexts: strong models that cache.

        A provider's share of the model mix stays what it is; one that has no such model is
        called for what it has.
        """
        fitting = tuple(
            weight * _long_context_factor(model) for model, weight in zip(self.models, weights)
        )
        return self._same_providers(weights, fitting)

    def saving(self, weights: Weights) -> Weights:
        """Return the weights where part of the frontier models' calls go to standard ones."""
        share = config.PROGRAMME_MODEL_SHARE
        cheaper = tuple(
            weight * (1 - share if model.capability == "frontier" else 1.0)
            if model.capability != "standard"
            else weight + share * self._frontier_part(weights, model)
            for model, weight in zip(self.models, weights)
        )
        return self._same_providers(weights, cheaper)

    def _frontier_part(self, weights: Weights, model: Model) -> float:
        """Return the share of a provider's frontier calls that falls to one standard model."""
        own = [(m, w) for m, w in zip(self.models, weights) if m.provider == model.provider]
        frontier = math.fsum(weight for m, weight in own if m.capability == "frontier")
        standard = math.fsum(m.share for m, _ in own if m.capability == "standard")
        return frontier * model.share / standard

    def _same_providers(self, before: Weights, after: Weights) -> Weights:
        """Return weights `after`, scaled so that each provider has what it had before."""
        had: Dict[str, float] = {}
        has: Dict[str, float] = {}
        for model, old, new in zip(self.models, before, after):
            had[model.provider] = had.get(model.provider, 0.0) + old
            has[model.provider] = has.get(model.provider, 0.0) + new
        return tuple(
            new * had[model.provider] / has[model.provider] if has[model.provider] else old
            for model, old, new in zip(self.models, before, after)
        )

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


def _long_context_factor(model: Model) -> float:
    if model.name in config.SHORT_CONTEXT_MODELS:
        return 0.0
    factor = config.LONG_CONTEXT_CLASSES[model.capability]
    return factor if model.cache_read_price is not None else factor * config.UNCACHED_MODELS_SHARE


def moved(weights: Weights, old: int, new: int, share: float) -> Weights:
    """Return the weights with a share (0 to 1) of one model's moved to another, by position."""
    changed = list(weights)
    changed[old] -= weights[old] * share
    changed[new] += weights[old] * share
    return tuple(changed)


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


def prices_of(models: Sequence[Model], prices: PriceTable) -> Tuple[Tuple[float, ...], ...]:
    """Return the prices of input, output and cached input of each model, USD per 1,000 tokens.

    A model that the table does not know keeps the catalogue's price.
    """
    return tuple(_prices_of(model, prices) for model in models)


def _prices_of(model: Model, prices: PriceTable) -> Tuple[float, ...]:
    known = [
        prices.price_of(Usage(model.provider, model.name, *tokens, cached_input_tokens=cached))
        for tokens, cached in _A_THOUSAND
    ]
    if any(price is None for price in known):
        cached = model.input_price if model.cache_read_price is None else model.cache_read_price
        return model.input_price, model.output_price, cached
    return tuple(float(price) for price in known if price is not None)
