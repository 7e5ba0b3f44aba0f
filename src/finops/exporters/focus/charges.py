"""Charges: what calls cost by day, account, model and class of tokens, in exact amounts.

A charge has one list price, and its list cost is the exact product with its quantity.  The
recorded cost of a group of calls is shared among its charges by their list costs; what the
division leaves goes to the largest, so that all charges add up to the recorded cost.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema
from finops.business.price_table import PriceTable
from finops.business.usage import TokenClasses, token_classes
from finops.exporters.focus.parties import RESELLERS
from finops.exporters.focus.prices import Calls, ListPrice, ListPrices
from finops.exporters.numbers import exact_decimal, usd
from finops.reader.encoding import COST, CREDIT
from finops.rollups.expressions import (
    Expression,
    above,
    all_of,
    any_of,
    column,
    equal,
    known,
    negated,
    number,
    one_of,
    plus,
    when,
)
from finops.rollups.measures import Dimension, Measure
from finops.rollups.spec import Rollups, Table

USAGE, CREDIT_CHARGE = "Usage", "Credit"
TOKENS, MILLION_TOKENS, SEARCHES, DOLLARS = "Tokens", "1000000 Tokens", "Searches", "USD"
STANDARD = "standard"
_DAY = len("2026-01-01")
_PICO = Fraction(1, schema.PICO_PER_USD)
_SEARCH, _CHARGE = "web-search", "charge"
# What a class of tokens is called: in ids, and as a meter.
_METERS = {
    "text": ("input", "Input Tokens"),
    "audio": ("input-audio", "Audio Input Tokens"),
    "read": ("cached-input", "Cached Input Tokens"),
    "write": ("cache-write-5m", "Cache Write 5m Tokens"),
    "write_1h": ("cache-write-1h", "Cache Write 1h Tokens"),
    "output": ("output", "Output Tokens"),
    "reasoning": ("reasoning-output", "Reasoning Output Tokens"),
    "output_audio": ("output-audio", "Audio Output Tokens"),
    _SEARCH: (_SEARCH, "Web Searches"),
    _CHARGE: (_CHARGE, "Recorded Charges"),
}

_IS_CREDIT = above(CREDIT, 0)
_UNPRICED = one_of("cost_kind", "unpriced")
# What an imported bill calls a correction of an earlier one.
CORRECTION = "correction"
_IS_CORRECTION = one_of("task_type", CORRECTION)
_OF_ONE_CALL = all_of(equal("calls", 1), any_of(negated(known("bucket_s")), equal("bucket_s", 0)))
_PLACE = ("day", "organization_id", "product_id", "environment", "region", "source", "provider")
_TOKEN_MEASURES = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)
# Amounts of money as whole pico-dollars, which no float can round.
_COST = Measure("cost_pico", column(COST), schema.MAX_COST_PICO)
_CREDITED = Measure("credit_pico", column(CREDIT), schema.MAX_COST_PICO)
_LISTED = Measure("list_cost_pico", column("list_cost_usd"), schema.MAX_COST_PICO)
_LISTED_ROWS = Measure("listed_rows", when(known("list_cost_usd"), 1))
ADJUSTMENTS = Table(
    (*_PLACE, "model", Dimension(CORRECTION, _IS_CORRECTION)),
    (_COST, _CREDITED),
    any_of(_IS_CREDIT, _IS_CORRECTION),
)
UNPRICED = Table((), ("unpriced",))


class Place(NamedTuple):
    """What a charge is for, and whose it is; `day` is one of UTC."""

    day: str
    organization: str = config.UNKNOWN
    product: str = config.UNKNOWN
    environment: str = config.UNKNOWN
    region: str = config.UNKNOWN
    source: str = config.UNKNOWN
    provider: str = config.UNKNOWN
    model: str = config.UNKNOWN


class Charge(NamedTuple):
    """A charge.  Amounts are in USD; `unit_price` is that of one pricing unit.

    Of a credit and of a correction all of the costs are the same amount, and there is no quantity.
    A correction is billed on the day `corrected_on`.
    """

    place: Place
    category: str
    billed: Decimal
    list_cost: Decimal
    meter: str = ""
    sku: str = ""
    sku_price: str = ""
    tier: str = ""
    consumed: Optional[Decimal] = None
    consumed_unit: str = ""
    quantity: Optional[Decimal] = None
    unit: str = ""
    unit_price: Optional[Decimal] = None
    corrected_on: str = ""


class Charges(NamedTuple):
    """All charges of a dataset, and how many calls are in none.

    `unpriced` calls have neither a cost nor a price; `unlisted_free` rows have tokens that
    cost nothing and have no list price.
    """

    charges: List[Charge]
    unpriced: int
    unlisted_free: int


class UsageTable(NamedTuple):
    """The declared table of what is charged, which depends on where prices change.

    `limits`: the fewest tokens of context from which any long-context price holds, ascending.
    """

    table: Table
    limits: Sequence[int]

    @classmethod
    def of(cls, prices: PriceTable) -> UsageTable:
        """Return the table for a price table."""
        limits = prices.context_limits() or (config.MAX_TOKENS + 1,)
        passed: Expression = number(0)
        for limit in limits:
            passed = plus(passed, when(above("input_tokens", limit - 1), 1))
        band = Dimension("context_band", when(_OF_ONE_CALL, passed))
        left_out = any_of(_IS_CREDIT, _IS_CORRECTION, _UNPRICED)
        measures = (*_TOKEN_MEASURES, _COST, _LISTED, _LISTED_ROWS, "records")
        return cls(
            Table((*_PLACE, "model", "service_tier", band), measures, negated(left_out)), limits
        )


def charges_of(data: Rollups, usage: UsageTable) -> Charges:
    """Return the charges of a dataset, by day and what they are for, usage before credits."""
    prices = ListPrices(data.prices)
    amounts: Dict[_Sku, _Amount] = {}
    unlisted_free = 0
    for key, sums in data[usage.table].items():
        *names, tier, band = key
        place = _place(names)
        *tokens, cost, listed, listed_rows, rows = sums
        calls = Calls(
            place.provider,
            place.model,
            place.day,
            STANDARD if tier == config.UNKNOWN else tier,
            place.region,
            usage.limits[band - 1] if band else 0,
            token_classes(*tokens),
            listed if listed_rows == rows else None,
            rows,
        )
        price = prices.price_of(calls)
        if price is None and not cost and any(tokens):
            unlisted_free += rows
        for sku, amount in _charged(place, calls, price, cost):
            amounts[sku] = amount.plus(amounts.get(sku, _Amount()))
    charges = [_charge(sku, amount) for sku, amount in amounts.items()]
    charges += _adjustments(data)
    charges.sort(key=lambda charge: (charge.place.day, charge.sku == ""))
    (unpriced,) = data[UNPRICED].get((), (0,))
    return Charges(charges, unpriced, unlisted_free)


def _place(names: Sequence[str]) -> Place:
    """Return what a charge is for; where its calls were read from counts only if that bills."""
    place = Place(*names)
    return place if place.source in RESELLERS else place._replace(source=config.UNKNOWN)


def _adjustments(data: Rollups) -> Iterator[Charge]:
    """Yield credits and corrections."""
    today = (data.context.now_text or "")[:_DAY]
    amounts: Dict[Tuple[Place, bool], int] = {}
    for (*names, is_correction), (cost, credit) in data[ADJUSTMENTS].items():
        key = (_place(names), bool(is_correction))
        amounts[key] = amounts.get(key, 0) + cost - credit
    for (place, is_correction), pico in amounts.items():
        amount = usd(pico)
        if is_correction:
            yield Charge(place, USAGE, amount, amount, corrected_on=today or place.day)
        else:
            yield Charge(place, CREDIT_CHARGE, amount, amount)


class _Sku(NamedTuple):
    """What has one price: a class of tokens in some conditions, at `price` in USD per unit."""

    place: Place
    kind: str
    conditions: Tuple[str, ...]
    price: Fraction


class _Amount(NamedTuple):
    """How many units, and what was recorded for them in pico-dollars."""

    units: int = 0
    billed: int = 0

    def plus(self, other: _Amount) -> _Amount:
        """Return the sums of both."""
        return _Amount(self.units + other.units, self.billed + other.billed)


def _charged(
    place: Place, calls: Calls, price: Optional[ListPrice], cost: int
) -> Iterator[Tuple[_Sku, _Amount]]:
    """Yield what a group that cost so many pico-dollars consists of."""
    units = {} if price is None else _units(calls.classes, price)
    if price is None or not units:
        if cost:  # so many pico-dollars at one each
            yield _Sku(place, _CHARGE, (calls.tier,), _PICO), _Amount(cost, cost)
        return
    context = (f"context-{price.context // 1000}k",) if price.context else ()
    conditions = (calls.tier, *context, *((price.region,) if price.region else ()))
    shares = shared(cost, [count * each for count, each in units.values()])
    for (kind, (count, each)), share in zip(units.items(), shares):
        yield _Sku(place, kind, conditions, each), _Amount(count, share)


def _units(classes: TokenClasses, price: ListPrice) -> Dict[str, Tuple[int, Fraction]]:
    """Return units and their price by kind; reasoning at the price of output is output."""
    by_class = dict(zip(TokenClasses._fields, zip(classes, price.prices)))
    reasoning, output = by_class["reasoning"], by_class["output"]
    if reasoning[0] and reasoning[1] == output[1]:
        by_class["output"] = (output[0] + reasoning[0], output[1])
        del by_class["reasoning"]
    units = {kind: (n, each or Fraction(0)) for kind, (n, each) in by_class.items() if n}
    if price.searches:
        units[_SEARCH] = (price.searches, price.fee)
    return units


def shared(amount: int, weights: Sequence[Fraction]) -> List[int]:
    """Return a whole amount in whole parts by weight; what is left goes to the heaviest.

    >>> shared(100, [Fraction(1), Fraction(2)])
    [33, 67]
    """
    heaviest = weights.index(max(weights))
    total = sum(weights, Fraction(0))
    parts = [int(amount * weight / total) if total else 0 for weight in weights]
    parts[heaviest] += amount - sum(parts)
    return parts


class _Unit(NamedTuple):
    """The units that a charge is consumed and priced in.

    A priced unit is `per` consumed ones, and a consumed one is `counted` units of an `_Amount`.
    """

    consumed: str
    priced: str
    per: int
    counted: int = 1


_TOKEN = _Unit(TOKENS, MILLION_TOKENS, 10**6)
_UNITS = {
    _SEARCH: _Unit(SEARCHES, SEARCHES, 1),
    _CHARGE: _Unit(DOLLARS, DOLLARS, 1, schema.PICO_PER_USD),
}


def _charge(sku: _Sku, amount: _Amount) -> Charge:
    unit = _UNITS.get(sku.kind, _TOKEN)
    word, meter = _METERS[sku.kind]
    name = f"{sku.place.provider}/{sku.place.model}/{word}"
    return Charge(
        sku.place,
        USAGE,
        usd(amount.billed),
        exact_decimal(amount.units * sku.price),
        meter,
        name,
        "/".join([name, *sku.conditions]),
        sku.conditions[0],
        exact_decimal(Fraction(amount.units, unit.counted)),
        unit.consumed,
        exact_decimal(Fraction(amount.units, unit.counted * unit.per)),
        unit.priced,
        exact_decimal(sku.price * unit.counted * unit.per),
    )
