"""A model as analyses compare models: who sells it, for how much, and what it can do."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

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

    @property
    def blended_price_per_1m(self) -> float:
        """Mean of input and output price, in USD per 1M tokens."""
        return (self.input_price + self.output_price) / 2 * 1000

    def cost(self, input_tokens: float, output_tokens: float) -> float:
        """Return what these tokens cost on this model, in USD."""
        return input_tokens / 1000 * self.input_price + output_tokens / 1000 * self.output_price
