"""A model as analyses compare models: who sells it, for how much, and what it can do."""

from __future__ import annotations

from typing import Dict, NamedTuple, Optional, Tuple

from finops.business import rates

# Capability classes from the strongest to the plainest.
CLASSES: Tuple[str, ...] = ("frontier", "standard", "economy")


class Model(NamedTuple):
    """One model: prices in USD per 1,000 tokens, class, share of its provider's calls, speed.

    `speed` multiplies the latency: 1.0 is usual, higher is slower.  A price that is None is not
    known, which is not zero.  `cache_write_price` is that of five minutes, `search_price` USD for
    one web search.  `since`: first day of these prices, "" where they hold for all time before.
    `retired`: day from which the provider serves the model no more; `successor`: the model that
    it names instead.  `further`: pairs of the name of a price (see `rates`) and that price.
    """

    provider: str
    name: str
    input_price: float
    output_price: float
    capability: str
    share: float
    speed: float
    cache_read_price: Optional[float] = None
    cache_write_price: Optional[float] = None
    cache_write_1h_price: Optional[float] = None
    search_price: Optional[float] = None
    since: str = ""
    retired: str = ""
    successor: str = ""
    further: Tuple[Tuple[str, float], ...] = ()

    def with_tier(self, tier: str, factor: str, reads: str = "") -> Model:
        """Return the model with the prices of a tier of service (batch, flex, priority).

        `factor` is what they are times the ordinary prices, at every length of context, as a
        decimal text; `reads` is the factor of cache reads where it is another.
        """
        added = tuple(
            (
                name + rates.TIERS[tier],
                rates.times(
                    price, reads if reads and name.startswith(rates.CACHE_READ) else factor
                ),
            )
            for name, price in self.prices().items()
            if rates.is_token_price(name) and not name.endswith(tuple(rates.TIERS.values()))
        )
        return self._replace(further=(*self.further, *added))

    def prices(self) -> Dict[str, float]:
        """Return the known prices by their names in `rates`, in USD per 1,000 tokens, with fees
        and multipliers."""
        prices = {
            rates.INPUT: self.input_price,
            rates.OUTPUT: self.output_price,
            rates.CACHE_READ: self.cache_read_price,
            rates.CACHE_WRITE: self.cache_write_price,
            rates.CACHE_WRITE_1H: self.cache_write_1h_price,
            rates.WEB_SEARCH: self.search_price,
            **dict(self.further),
        }
        return {name: price for name, price in prices.items() if price is not None}

    @property
    def blended_price_per_1m(self) -> float:
        """Mean of input and output price, in USD per 1M tokens."""
        return (self.input_price + self.output_price) / 2 * 1000

    def cost(self, input_tokens: float, output_tokens: float) -> float:
        """Return what these tokens cost on this model, in USD."""
        return input_tokens / 1000 * self.input_price + output_tokens / 1000 * self.output_price
