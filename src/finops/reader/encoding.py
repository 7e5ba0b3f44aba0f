"""Codes for keys, and batches of calls as columns.

What follows from the customer and what describes the call are two joint keys, each a small
integer from a dictionary that grows as keys are met.  All that is added up later needs only
these codes, so texts are checked and normalised once per distinct key, not once per row.
"""

from __future__ import annotations

from itertools import compress
from typing import (
    Callable,
    Dict,
    Generic,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops import config, schema
from finops.reader.fields import PICO, BadValueError, parse_money
from finops.reader.row_parser import Call

# What the cost of a call and the amount of a credit are called among the numbers of a batch.
COST, CREDIT = "cost_pico", "credit_pico"
# What each number is in rows of which it is not said.
DEFAULTS: Dict[str, Optional[int]] = {c.name: c.default for c in schema.NUMBERS}
DEFAULTS[CREDIT] = 0

RawCustomer = Tuple[bytes, ...]  # `row_parser.CUSTOMER_TEXTS` in order
# `row_parser.CALL_TEXTS` in order, how the cost came about, and the `FURTHER_TEXTS` if any.
RawCall = Tuple[bytes, ...]
Numbers = List[Optional[int]]
_Raw = TypeVar("_Raw")


class CustomerKey(NamedTuple):
    """What follows from the customer of a call; the price in USD a month, None where unknown."""

    customer_id: str
    subscription_tier: str
    organization_id: str
    product_id: str
    customer_archetype: str
    tier_price_usd: Optional[float]


class CallKey(NamedTuple):
    """What describes a call but for its time and its numbers.

    `error_type` is "" on success; `cost_kind` is paid, free (a cost of 0) or unpriced (neither
    a cost nor a known price); `status_given` is the row's own word, "" where it has none.
    `service_tier`, `cost_source` (what says the cost) and `source` (what the row was imported
    from) are unknown where the file does not say them.
    """

    provider: str
    model: str
    feature_id: str
    task_type: str
    environment: str
    region: str
    status: str
    error_type: str
    cost_kind: str
    status_given: str
    service_tier: str
    cost_source: str
    source: str


class Batch(NamedTuple):
    """Calls as columns of equal length.

    `times` are canonical timestamps, `customers` and `calls` codes of a `KeyEncoder`; `numbers`
    are the columns of `schema.NUMBERS`, None where a call has none, and `COST` in pico-dollars.
    A column that is absent from `numbers` has its default in every row.
    Until it is decided which rows count there are also `cells`, further columns as they are in
    the file, and `places`, the lines of the block in which the rows begin, counted from 0.
    """

    times: List[bytes]
    customers: List[int]
    calls: List[int]
    numbers: Dict[str, Numbers]
    cells: Mapping[str, List[bytes]] = {}
    places: Sequence[int] = ()

    def number(self, name: str) -> Numbers:
        """Return one column of numbers."""
        if name in self.numbers:
            return self.numbers[name]
        return [DEFAULTS[name]] * len(self.calls)

    def part(self, start: int, end: int) -> Batch:
        """Return the rows [start, end)."""
        return Batch(
            self.times[start:end],
            self.customers[start:end],
            self.calls[start:end],
            {name: column[start:end] for name, column in self.numbers.items()},
        )

    def reordered(self, order: Sequence[int]) -> Batch:
        """Return the rows in the given order of places."""
        return Batch(
            [self.times[k] for k in order],
            [self.customers[k] for k in order],
            [self.calls[k] for k in order],
            {name: [column[k] for k in order] for name, column in self.numbers.items()},
            {name: [column[k] for k in order] for name, column in self.cells.items()},
            [self.places[k] for k in order] if self.places else (),
        )

    def selected(self, keep: Sequence[object]) -> Batch:
        """Return the rows for which `keep` is true, in their order."""
        return self.reordered(list(compress(range(len(keep)), keep)))

    def followed_by(self, more: Batch) -> Batch:
        """Return these rows and then those of another batch, their places not given."""
        names = [*self.numbers, *(name for name in more.numbers if name not in self.numbers)]
        numbers = {name: self.number(name) + more.number(name) for name in names}
        cells = {name: column + more.cells[name] for name, column in self.cells.items()}
        return Batch(
            self.times + more.times,
            self.customers + more.customers,
            self.calls + more.calls,
            numbers,
            cells,
        )


class KeyEncoder:
    """The two dictionaries: raw key to code, code to normalised key.

    `tier_prices` are pairs of a tier and its price in USD a month, beside the built-in ones.
    """

    def __init__(self, tier_prices: Sequence[Tuple[str, str]] = ()) -> None:
        self._tier_prices = {tier: float(price) for tier, price in tier_prices}
        self.customer_codes: Dict[RawCustomer, int] = _Codes(self._new_customer)
        self.call_codes: Dict[RawCall, int] = _Codes(self._new_call)
        self.customer_keys: List[CustomerKey] = []
        self.call_keys: List[CallKey] = []
        self._known_customers: Dict[CustomerKey, int] = {}
        self._known_calls: Dict[CallKey, int] = {}

    def batch_of(self, calls: Iterable[Call], cells: Sequence[str] = ()) -> Batch:
        """Return single calls as columns; `cells` are the names of their further cells."""
        rows = list(calls)
        numbers: Dict[str, Numbers] = {COST: [row.cost for row in rows]}
        for place, column in enumerate(schema.NUMBERS):
            values = [row.numbers[place] for row in rows]
            if column.required or any(value != column.default for value in values):
                numbers[column.name] = values
        return Batch(
            [row.time for row in rows],
            [self.customer_codes[row.customer] for row in rows],
            [self.call_codes[row.call_key] for row in rows],
            numbers,
            {name: [row.cells[place] for row in rows] for place, name in enumerate(cells)},
        )

    def _new_customer(self, raw: RawCustomer) -> int:
        if not raw[0]:
            raise BadValueError("empty customer_id")
        customer, tier, organization, product, archetype = (
            part.decode("utf-8") or config.UNKNOWN for part in raw[:5]
        )
        price = (
            parse_money(raw[5], "tier_price_usd") / PICO
            if raw[5]
            else self._tier_prices.get(tier, config.tier_price(tier))
        )
        key = CustomerKey(customer, tier, organization, product, archetype, price)
        return _code(key, self._known_customers, self.customer_keys)

    def _new_call(self, raw: RawCall) -> int:
        if not raw[0] or not raw[1]:
            raise BadValueError("empty provider or model")
        texts = [part.decode("utf-8") for part in raw]
        provider, model, feature, task, environment, region, status, error, cost_kind = texts[:9]
        tier, cost_source, source = texts[9:] or ("", "", "")
        failed = status == schema.STATUS_ERROR
        key = CallKey(
            config.PROVIDER_ALIASES.get(provider, provider),
            model,
            feature or config.UNKNOWN,
            task or config.UNKNOWN,
            environment or config.UNKNOWN,
            region or config.UNKNOWN,
            status or schema.STATUS_SUCCESS,
            error or (config.UNKNOWN if failed else ""),
            cost_kind,
            status,
            tier or config.UNKNOWN,
            cost_source or config.UNKNOWN,
            source or config.UNKNOWN,
        )
        return _code(key, self._known_calls, self.call_keys)


def _code(key: _Raw, known: Dict[_Raw, int], keys: List[_Raw]) -> int:
    """Return the code of a normalised key, new or known."""
    code = known.get(key)
    if code is None:
        code = known[key] = len(keys)
        keys.append(key)
    return code


class _Codes(Dict[_Raw, int], Generic[_Raw]):
    """A dict that makes the code of a key when it is first asked for."""

    def __init__(self, make: Callable[[_Raw], int]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, raw: _Raw) -> int:
        code = self[raw] = self._make(raw)
        return code
