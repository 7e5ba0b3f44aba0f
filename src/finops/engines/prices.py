"""List prices as a relation: what a row without a cost costs, worked out by the engine.

The driver is asked which prices are needed, for only it knows how models are spelled; the engine
multiplies.  Where two entries fit a model, a call has a price only if they agree on it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops.business.catalog import PriceTable
from finops.business.rates import FREE_TIERS, NO_LIMIT, Conditions, Rates, Tariff
from finops.business.usage import token_classes
from finops.engines.dialect import Dialect
from finops.errors import DataError
from finops.reader.row_parser import COST_KINDS, LISTED, PAID, UNPRICED
from finops.schema import PICO_PER_USD
from finops.timestamps import EPOCH, add_days

_CLASSES = ("text", "read", "write", "write_1h", "output", "reasoning")
_PLACES = tuple(token_classes(0, 0)._fields.index(name) for name in _CLASSES)
_FREE = Tariff((0,) * len(token_classes(0, 0)), 1)
_FAST = "fast"
_MOST = 2  # tariffs that an engine compares

# Texts, then whole numbers.
TEXTS = ("provider", "model", "tier", "seller")
_LIMITS = ("day", "low", "high")
_OF_TARIFF = (*(f"{name}_price" for name in _CLASSES), "shared")
NUMBERS = (*_LIMITS, "tariffs", *(f"{t}{name}" for t in ("a_", "b_") for name in _OF_TARIFF))


class Asked(NamedTuple):
    """Whose price is asked for, as a row names it, "" where it names none; `day` is counted from
    1970 on, 0 where prices do not depend on it.
    """

    provider: str
    model: str
    tier: str
    day: int


class PriceRow(NamedTuple):
    """What holds for a model within some limits of its context: `TEXTS` and `NUMBERS`."""

    texts: Tuple[str, ...]
    numbers: Tuple[Optional[int], ...]


def price_rows(prices: PriceTable, asked: Iterable[Asked]) -> Iterator[PriceRow]:
    """Yield the prices of models, at least one row for each.

    Raises DataError where more entries fit a model than an engine compares.
    """
    for each in asked:
        day = add_days(EPOCH.date(), each.day) if each.day else ""
        rates = prices.rates_of(each.provider, each.model, day)
        seller = prices.provider_of(each.model)
        edges = sorted({0, *(context for one in rates for context in one.contexts)})
        for low, high in zip(edges, [*edges[1:], NO_LIMIT]):
            tariffs = list(dict.fromkeys(_in_pico(t) for t in _tariffs(rates, each.tier, low)))
            if len(tariffs) > _MOST:
                raise DataError(
                    f"more than {_MOST} prices fit the model {each.model}, which differ; an engine"
                    " compares no more, so give a --prices that names one, or --engine local"
                )
            padded = [*tariffs, *[(None,) * len(_OF_TARIFF)] * (_MOST - len(tariffs))]
            numbers = (each.day, low, high, len(tariffs), *(n for tariff in padded for n in tariff))
            yield PriceRow((each.provider, each.model, each.tier, seller), numbers)


def _tariffs(rates: Sequence[Rates], tier: str, context: int) -> List[Tariff]:
    """Return the prices of calls by each entry, none where one of them is not known."""
    if tier in FREE_TIERS:
        return [_FREE]
    conditions = Conditions(tier, context, fast=tier == _FAST)
    given = [one.tariff(conditions) for one in rates]
    known = [tariff for tariff in given if tariff is not None]
    return known if len(known) == len(given) else []


def _in_pico(tariff: Tariff) -> Tuple[Optional[int], ...]:
    """Return the prices of `_CLASSES` in pico-dollars, over one shared denominator, and that."""
    numerators = [tariff.numerators[place] for place in _PLACES]
    exact = [
        None if n is None else Fraction(n * PICO_PER_USD, tariff.denominator) for n in numerators
    ]
    shared = 1
    for price in exact:
        shared *= (price * shared).denominator if price is not None else 1
    return (*(None if price is None else int(price * shared) for price in exact), shared)


def day_of(dialect: Dialect, prices: PriceTable, us: str) -> str:
    """Return the SQL of the day on which a row's prices depend, 0 where on none."""
    return dialect.whole_quotient(us, "86400000000") if prices.has_dates else "0"


def asked_sql(day: str) -> str:
    """Return the SQL of whose prices the rows in `finops_parsed` need, as `Asked` has them."""
    return (
        f"select distinct provider_given, model, service_tier, {day} as day from finops_parsed"
        " where line is null and (cost is null or provider = '')"
    )


class Priced(NamedTuple):
    """SQL of a row's provider, its cost, how that came about, and where it is from."""

    provider: str
    cost: str
    kind: str
    source: str
    join: str


def priced(dialect: Dialect, day: str, with_prices: bool) -> Priced:
    """Return the SQL over rows as `r`, joined to the list prices as `p` where any is needed."""
    known, listed, unpriced = (COST_KINDS[kind].source for kind in (PAID, LISTED, UNPRICED))
    if not with_prices:
        kind = "coalesce(r.cost_kind, case when r.cost = 0 then 'free' else 'paid' end)"
        source = f"coalesce(nullif(r.cost_source, ''), {dialect.literal(known)})"
        return Priced("r.provider", "r.cost", kind, source, "")
    list_price = _list_price(dialect)
    cost = f"coalesce(r.cost, {list_price}, 0)"
    kind = (
        f"coalesce(r.cost_kind, case when r.cost is null and {list_price} is null then 'unpriced'"
        f" when {cost} = 0 then 'free' else 'paid' end)"
    )
    default = (
        f"case when r.cost is not null then {dialect.literal(known)} when {list_price} is null"
        f" then {dialect.literal(unpriced)} else {dialect.literal(listed)} end"
    )
    context = "case when r.calls = 1 and coalesce(r.bucket_s, 0) = 0 then r.input_tokens else 0 end"
    join = (
        "left join finops_prices p on (r.cost is null or r.provider = '')"
        " and p.provider = r.provider_given and p.model = r.model and p.tier = r.service_tier"
        f" and p.day = {day} and {context} >= p.low and {context} < p.high"
    )
    provider = "coalesce(nullif(r.provider, ''), nullif(p.seller, ''), 'unknown')"
    return Priced(provider, cost, kind, f"coalesce(nullif(r.cost_source, ''), {default})", join)


def _list_price(dialect: Dialect) -> str:
    """Return the cost by the price table in pico-dollars, halves up; null where it is not known."""
    a, b = (_cost(dialect, tariff) for tariff in ("a_", "b_"))
    return (
        "case when r.input_tokens = 0 and r.output_tokens = 0 then 0"
        f" when p.tariffs = 1 then {a} when p.tariffs = 2 and {a} = {b} then {a} end"
    )


def _cost(dialect: Dialect, tariff: str) -> str:
    parts = {
        "text": "r.input_tokens - r.cached_input_tokens - r.cache_write_tokens",
        "read": "r.cached_input_tokens",
        "write": "r.cache_write_tokens - r.cache_write_1h_tokens",
        "write_1h": "r.cache_write_1h_tokens",
        "output": "r.output_tokens - r.reasoning_tokens",
        "reasoning": "r.reasoning_tokens",
    }
    total = " + ".join(
        f"case when {tokens} = 0 then 0 else cast({tokens} as {dialect.big})"
        f" * p.{tariff}{name}_price end"
        for name, tokens in parts.items()
    )
    shared = f"p.{tariff}shared"
    return dialect.big_quotient(f"2 * ({total}) + {shared}", f"2 * {shared}")
