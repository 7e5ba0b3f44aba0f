"""The list price of a group of calls that share all that prices depend on.

A call record does not say everything: not how many web searches were made, not in which region a
provider was asked to run a model, and of an aggregate not how long its contexts were.  Where the
list cost of the calls is recorded, it says which of the possible prices are theirs.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import chain
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops import schema
from finops.business.price_table import PriceTable
from finops.business.rates import FREE_TIERS, REGION, Conditions, Rates, Tariff
from finops.business.usage import TokenClasses

_FAST = "fast"
_FREE = Tariff((0,) * len(TokenClasses._fields), 1)


class ListPrice(NamedTuple):
    """What calls cost by list.

    `prices`: USD per token by class, in the order of `TokenClasses`, None where there is none.
    `context`: tokens of context from which these prices hold, 0 for the ordinary ones.  `region`:
    where the provider was asked to run the model, "" where that changes no price.  `searches`:
    web searches, each at `fee` in USD.
    """

    prices: Tuple[Optional[Fraction], ...]
    context: int = 0
    region: str = ""
    searches: int = 0
    fee: Fraction = Fraction(0)

    def covers(self, classes: TokenClasses) -> bool:
        """Return whether every class that has tokens has a price."""
        return all(price is not None for n, price in zip(classes, self.prices) if n)

    def cost(self, classes: TokenClasses) -> Fraction:
        """Return what the tokens cost in USD; those of a class without a price count nothing."""
        costs = (n * price for n, price in zip(classes, self.prices) if price is not None)
        return sum(costs, Fraction(0))


class Calls(NamedTuple):
    """What the price of a group of calls depends on.

    `context`: the fewest tokens of context that its calls have.  `listed`: its recorded list cost
    in pico-dollars, None unless all of the rows, `rows` in number, have one.
    """

    provider: str
    model: str
    day: str
    tier: str
    region: str
    context: int
    classes: TokenClasses
    listed: Optional[int]
    rows: int


class ListPrices:
    """Finds the list prices of groups of calls in one price table."""

    def __init__(self, table: PriceTable) -> None:
        self._table = table

    def price_of(self, calls: Calls) -> Optional[ListPrice]:
        """Return the list price, None where a class that has tokens has none for certain."""
        if calls.tier in FREE_TIERS:
            return ListPrice(_exact(_FREE))
        rates = self._table.rates_of(calls.provider, calls.model, calls.day)
        possible = list(_possible(rates, calls))
        if not possible or calls.listed is None:
            return possible[0] if possible else None
        plain = (price for price in possible if not _rest(price, calls, calls.listed))
        searched = (_with_searches(price, rates, calls, calls.listed) for price in possible)
        fitting = chain(plain, (price for price in searched if price is not None))
        return next(fitting, possible[0])


def _possible(rates: Sequence[Rates], calls: Calls) -> Iterator[ListPrice]:
    """Yield the prices that may be those of calls, the likeliest first."""
    for context in _contexts(rates, calls.context):
        for region in _regions(rates, calls):
            conditions = Conditions(calls.tier, context, region, calls.tier == _FAST)
            tariffs = [one.tariff(conditions) for one in rates]
            prices = {None if tariff is None else _exact(tariff) for tariff in tariffs}
            agreed = prices.pop() if len(prices) == 1 else None
            if agreed is not None:
                price = ListPrice(agreed, context, region)
                if price.covers(calls.classes):
                    yield price


def _contexts(rates: Sequence[Rates], context: int) -> List[int]:
    """Return from where on prices hold: those for so long a context first, then the others."""
    limits = sorted({0, *(limit for one in rates for limit in one.context_limits)})
    own = max(limit for limit in limits if limit <= context)
    return [own, *(limit for limit in limits if limit != own)]


def _regions(rates: Sequence[Rates], calls: Calls) -> List[str]:
    """Return the regions that may decide: none, and the recorded one where it has a price."""
    has_price = calls.listed is not None and any(one.has(REGION + calls.region) for one in rates)
    return ["", calls.region] if has_price else [""]


def _rest(price: ListPrice, calls: Calls, listed: int) -> Fraction:
    """Return what the recorded list cost has beside the tokens, in pico-dollars.

    Each recorded amount is rounded to a pico-dollar; no more than that is nothing.
    """
    rest = listed - price.cost(calls.classes) * schema.PICO_PER_USD
    return rest if abs(rest) > calls.rows else Fraction(0)


def _with_searches(
    price: ListPrice, rates: Sequence[Rates], calls: Calls, listed: int
) -> Optional[ListPrice]:
    """Return a price with the web searches that make up the rest, None where none do."""
    fees = {one.web_search for one in rates}
    fee = fees.pop() if len(fees) == 1 else None
    rest = _rest(price, calls, listed)
    if not fee or rest <= 0:
        return None
    searches = round(rest / (fee * schema.PICO_PER_USD))
    if not searches or abs(rest - searches * fee * schema.PICO_PER_USD) > calls.rows:
        return None
    return price._replace(searches=searches, fee=fee)


def _exact(tariff: Tariff) -> Tuple[Optional[Fraction], ...]:
    return tuple(
        None if numerator is None else Fraction(numerator, tariff.denominator)
        for numerator in tariff.numerators
    )
