"""Tokens by the class that they are billed in, and what each class of a model costs by list.

A cost is known for a whole call only.  What its classes of tokens cost follows from their list
prices, which also tell a change of prices from a change of what was bought.
"""

from __future__ import annotations

from typing import Dict, Optional, Sequence, Tuple

from finops import schema
from finops.business.prices import PriceTable
from finops.business.rates import Conditions, Tariff
from finops.business.usage import TokenClasses, token_classes
from finops.rollups.expressions import all_of, one_of
from finops.rollups.measures import Dimension

# Whether a call failed and cost nothing: its tokens were not billed.
FREE_FAILURE = Dimension(
    "free_failure", all_of(one_of("status", schema.STATUS_ERROR), one_of("cost_kind", "free"))
)
# The measures from which `classes_of` works, in its order.
TOKEN_MEASURES: Tuple[str, ...] = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)


def classes_of(sums: Sequence[int]) -> TokenClasses:
    """Return sums of `TOKEN_MEASURES` by class, each token in exactly one."""
    return token_classes(*sums)


class ListPrices:
    """What tokens cost by list, from one price table; look-ups are kept."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._tariffs: Dict[Tuple[str, str], Optional[Tariff]] = {}

    def costs(
        self, provider: str, model: str, classes: TokenClasses
    ) -> Optional[Tuple[float, ...]]:
        """Return the cost in USD of each class of tokens in the order of `TokenClasses`.

        None where the model, or a class that has tokens, has no price for certain.
        """
        tariff = self._tariff(provider, model)
        if tariff is None:
            return None
        if any(tokens and price is None for tokens, price in zip(classes, tariff.numerators)):
            return None
        return tuple(
            tokens * (price or 0) / tariff.denominator
            for tokens, price in zip(classes, tariff.numerators)
        )

    def _tariff(self, provider: str, model: str) -> Optional[Tariff]:
        key = (provider, model)
        if key not in self._tariffs:
            rates = self._prices.rates_of(provider, model)
            self._tariffs[key] = rates[0].tariff(Conditions()) if len(rates) == 1 else None
        return self._tariffs[key]
