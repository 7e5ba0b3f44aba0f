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
from finops.business.rates import FREE_TIERS, Conditions, Rates, Tariff
from finops.business.usage import TokenClasses, Usage, token_classes
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
        self._tariffs = _Tariffs(prices)
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
        if call.currency == USD:
            return as_money(call.cost)
        rate = self._rates.get((call.currency or USD).upper())
        if rate is None:
            raise RejectedError("currency without --rate")
        return as_money(call.cost * rate)

    def _list_cost(self, call: Call) -> Optional[Decimal]:
        """Return the sum of the prices of each sampling, None where the model has none."""
        if not call.samplings:
            return self._price(call, call.tokens, call.web_searches)
        total = Decimal(0)
        for number, tokens in enumerate(call.samplings):
            price = self._price(call, tokens, 0 if number else call.web_searches)
            if price is None:
                return None
            total += price
        return total

    def _price(self, call: Call, tokens: Tokens, searches: int) -> Optional[Decimal]:
        if not searches and not any(tokens):
            return Decimal(0)
        tariff = None if searches else self._tariffs.of(call, tokens)
        if tariff is not None:
            numerator = tariff.numerator(_classes(tokens))
            return None if numerator is None else Decimal(numerator) / tariff.denominator
        price = self._prices.price_of(_usage(call, tokens, time_text(call.time)[:10], searches))
        return None if price is None else exact(price)


class _Tariffs:
    """The prices of a token by what decides about them, each looked up once."""

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._changing: Dict[Tuple[str, str], bool] = {}
        self._rates: Dict[Tuple[str, str, str], Optional[Rates]] = {}
        self._tariffs: Dict[Tuple[str, ...], Optional[Tariff]] = {}

    def of(self, call: Call, tokens: Tokens) -> Optional[Tariff]:
        """Return the prices of a call; None where `PriceTable.price_of` has to decide."""
        key = (call.provider, call.model, self._day(call))
        if key not in self._rates:
            self._rates[key] = self._only_rates(*key)
        rates = self._rates[key]
        context = _context(call)
        if rates is None or (tokens.input if context is None else context) >= rates.shortest_limit:
            return None
        conditions = (*key, call.service_tier, call.geo, call.speed)
        if conditions not in self._tariffs:
            self._tariffs[conditions] = _tariff(rates, call)
        return self._tariffs[conditions]

    def _day(self, call: Call) -> str:
        """Return the day of a call where the price of its model depends on it, else ""."""
        model = (call.provider, call.model)
        if model not in self._changing:
            self._changing[model] = self._prices.changes(*model)
        return time_text(call.time)[:10] if self._changing[model] else ""

    def _only_rates(self, provider: str, model: str, day: str) -> Optional[Rates]:
        """Return the prices of a model, None unless exactly one entry has them."""
        fitting = self._prices.rates_of(provider, model, day)
        return fitting[0] if len(fitting) == 1 else None


def _tariff(rates: Rates, call: Call) -> Optional[Tariff]:
    tier, speed = call.service_tier.strip().lower(), call.speed.strip().lower()
    if tier in FREE_TIERS:
        return None
    fast = "fast" in (tier, speed)
    return rates.tariff(Conditions(tier, 0, call.geo.strip().lower(), fast))


def _classes(tokens: Tokens) -> TokenClasses:
    return token_classes(
        tokens.input,
        tokens.output,
        tokens.cached,
        tokens.written,
        tokens.written_1h,
        tokens.reasoning,
        tokens.input_audio,
        tokens.output_audio,
    )


def _usage(call: Call, tokens: Tokens, day: str, searches: int) -> Usage:
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
        web_searches=searches,
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
