"""What an imported call costs: what its source says, else what the price table says.

A call that neither prices is unpriced: its cost is empty, never 0.  With `recompute` the price
table comes first, save for answers from a gateway's own cache, credits and bills.
"""

from __future__ import annotations

import heapq
from decimal import Decimal
from fractions import Fraction
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from finops.business.price_table import PriceTable
from finops.business.usage import Usage
from finops.importers.call import (
    FROM_BILL,
    FROM_LIST,
    FROM_SOURCE,
    NO_COST,
    RESPONSE_CACHE,
    Call,
    Cost,
    Tokens,
    time_text,
)
from finops.importers.values import RejectedError, as_money

USD = "USD"
_LARGEST_SHOWN = 10
_FREE_OF_CHARGE = Cost(Decimal(0), FROM_SOURCE, Decimal(0))


class Difference(NamedTuple):
    """A call whose recorded cost is not its list cost, in USD."""

    size: Decimal
    call_id: str
    recorded: Decimal
    listed: Decimal


class Comparison:
    """Sums of recorded and listed costs, and the calls that differ most."""

    def __init__(self) -> None:
        self.recorded = Decimal(0)
        self.listed = Decimal(0)
        self._largest: List[Difference] = []

    def add(self, call_id: str, recorded: Decimal, listed: Decimal) -> None:
        """Take a call into account that has both costs."""
        self.recorded += recorded
        self.listed += listed
        difference = Difference(abs(listed - recorded), call_id, recorded, listed)
        if difference.size:
            heapq.heappush(self._largest, difference)
            if len(self._largest) > _LARGEST_SHOWN:
                heapq.heappop(self._largest)

    def largest(self) -> List[Difference]:
        """Return the calls that differ most, the largest difference first."""
        return sorted(self._largest, reverse=True)


class CostRules:
    """Prices calls.  `rates`: what one unit of a currency costs in USD."""

    def __init__(
        self, prices: PriceTable, rates: Mapping[str, Decimal], recompute: bool = False
    ) -> None:
        self._prices = prices
        self._rates: Dict[str, Decimal] = {USD: Decimal(1), **rates}
        self._recompute = recompute
        self.comparison = Comparison()

    def cost_of(self, call: Call) -> Cost:
        """Return what a call costs.  Raises RejectedError for a currency without a rate."""
        recorded = self._in_usd(call)
        if call.bill:
            return Cost(recorded or Decimal(0), FROM_BILL, None)
        if call.service_tier == RESPONSE_CACHE:
            return _FREE_OF_CHARGE
        if recorded is not None and recorded < 0:
            return Cost(recorded, FROM_SOURCE, None)
        listed = self._list_cost(call)
        if recorded is None:
            return Cost(listed, NO_COST if listed is None else FROM_LIST, listed)
        if self._recompute and listed is not None:
            self.comparison.add(call.id, recorded, listed)
            return Cost(listed, FROM_LIST, listed)
        return Cost(recorded, FROM_SOURCE, listed)

    def _in_usd(self, call: Call) -> Optional[Decimal]:
        if call.cost is None:
            return None
        rate = self._rates.get((call.currency or USD).upper())
        if rate is None:
            raise RejectedError("currency without --rate")
        return as_money(call.cost * rate)

    def _list_cost(self, call: Call) -> Optional[Decimal]:
        """Return the sum of the prices of each sampling, None where the model has none."""
        day = time_text(call.time)[:10]
        total = Decimal(0)
        for number, tokens in enumerate(call.samplings or (call.tokens,)):
            if not any(tokens) and not call.web_searches:
                continue
            price = self._prices.price_of(_usage(call, tokens, day, first=number == 0))
            if price is None:
                return None
            total += exact(price)
        return total


def _usage(call: Call, tokens: Tokens, day: str, first: bool) -> Usage:
    return Usage(
        provider=call.provider,
        model=call.model,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cached_input_tokens=tokens.cached,
        cache_write_tokens=tokens.written,
        cache_write_1h_tokens=tokens.written_1h,
        reasoning_tokens=tokens.reasoning,
        service_tier=call.service_tier,
        day=day,
        input_audio_tokens=tokens.input_audio,
        output_audio_tokens=tokens.output_audio,
        web_searches=call.web_searches if first else 0,
        region=call.geo,
        speed=call.speed,
        context_tokens=_context(call),
    )


def _context(call: Call) -> Optional[int]:
    """Return what decides about long-context prices; an aggregate has them where it says so."""
    if call.samplings:
        return None
    is_aggregate = call.bucket_s is not None
    return 0 if is_aggregate and call.context_tokens is None else call.context_tokens


def exact(price: Union[Decimal, Fraction]) -> Decimal:
    """Return a price as a decimal number."""
    if isinstance(price, Fraction):
        return Decimal(price.numerator) / Decimal(price.denominator)
    return price


def parse_rates(pairs: Tuple[Tuple[str, str], ...]) -> Dict[str, Decimal]:
    """Return what a unit of each currency costs in USD."""
    return {currency.upper(): Decimal(rate) for currency, rate in pairs}
