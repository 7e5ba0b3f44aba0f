"""LiteLLM's price map: an object by model name, prices in USD per single token.

Every entry is kept under its key, those without a price per token too: a model that is listed
without one is not priced by another's.  `null` is an absent price.
"""

from __future__ import annotations

from typing import Any, Dict, Iterator, List, Tuple

from finops.business import price_values
from finops.business.catalog import DEFAULT_PRICES
from finops.business.names import seller_of
from finops.business.price_table import Entry
from finops.business.rates import FAST, REGION, WEB_SEARCH, is_token_price

_EXAMPLE = "sample_spec"
_SEARCH_SIZES = ("medium", "low", "high")
_UPLIFT = "regional_processing_uplift_multiplier_"
_BRACKETS = "tiered_pricing"
_SPECIAL = "provider_specific_entry"


def entries_of(content: Dict[str, Any], name: str) -> List[Entry]:
    """Return the entries of a map in the file `name`.

    Raises DataError for a price that is not a number from 0 up.
    """
    reader = _MapReader(name)
    return list(reader.entries(content))


class _MapReader:
    """Reads one map; what it learns about names of prices and providers serves all entries."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_price: Dict[str, bool] = {}
        self._classes: Dict[Tuple[str, str], Tuple[str, float]] = {}
        for model in DEFAULT_PRICES:
            self._classes[(model.provider, model.name)] = (model.capability, model.speed)
        self._provider_ids: Dict[str, str] = {}

    def entries(self, content: Dict[str, Any]) -> Iterator[Entry]:
        """Yield the entries that can be used, in order."""
        for key, fields in content.items():
            if key == _EXAMPLE or not isinstance(fields, dict) or not price_values.is_name(key):
                continue
            provider = fields.get("litellm_provider") or ""
            if provider and not price_values.is_name(provider):
                continue
            capability, speed = self._class_of(provider, key)
            prices = tuple(self._prices(key, fields).items())
            yield Entry(key, provider, "", 1, prices, capability, speed)

    def _class_of(self, provider: str, key: str) -> Tuple[str, float]:
        """Return class and speed of a model that the catalogue has, too."""
        short = key.rsplit("/", 1)[-1]
        owner = self._provider_ids.get(provider)
        if owner is None:
            owner = self._provider_ids[provider] = seller_of(provider).provider
        known = self._classes.get((owner, short))
        if known is None and any(owner == other for other, _ in self._classes):
            model = DEFAULT_PRICES.find(owner, short)
            known = ("", 1.0) if model is None else (model.capability, model.speed)
        return known or ("", 1.0)

    def _prices(self, key: str, fields: Dict[str, Any]) -> Dict[str, float]:
        where = f"{self._name}: {price_values.shown(key)}"
        prices: Dict[str, float] = {}
        for name, value in fields.items():
            if value is not None and self._is_token_price(name):
                prices[name] = price_values.price(value, where, name)
        brackets = fields.get(_BRACKETS)
        if isinstance(brackets, list):
            prices.update(self._bracket_prices(brackets, where))
        prices.update(_fees_and_multipliers(fields, where))
        return prices

    def _is_token_price(self, name: str) -> bool:
        known = self._is_price.get(name)
        if known is None:
            known = self._is_price[name] = is_token_price(name)
        return known

    def _bracket_prices(self, brackets: List[Any], where: str) -> Iterator[Tuple[str, float]]:
        """Yield the prices of a list of ranges of context, named by where the range begins."""
        for bracket in brackets:
            bounds = bracket.get("range") if isinstance(bracket, dict) else None
            if not isinstance(bounds, list) or not bounds:
                continue
            begin = int(price_values.price(bounds[0], where, "range"))
            above = f"_above_{begin}_tokens" if begin else ""
            for name, value in bracket.items():
                if value is not None and self._is_token_price(name):
                    yield name + above, price_values.price(value, where, name)


def _fees_and_multipliers(fields: Dict[str, Any], where: str) -> Iterator[Tuple[str, float]]:
    sizes = fields.get("search_context_cost_per_query")
    if isinstance(sizes, dict):
        fees = [sizes.get(f"search_context_size_{size}") for size in _SEARCH_SIZES]
        for fee in [fee for fee in fees if fee is not None][:1]:
            yield WEB_SEARCH, price_values.price(fee, where, "web search")
    special = fields.get(_SPECIAL)
    for name, value in special.items() if isinstance(special, dict) else ():
        if price_values.is_number(value):
            kind = FAST if name == FAST else REGION + name.lower()
            yield kind, price_values.price(value, where, _SPECIAL)
    for name, value in fields.items():
        if name.startswith(_UPLIFT) and value is not None:
            yield REGION + name[len(_UPLIFT) :].lower(), price_values.price(value, where, _UPLIFT)
