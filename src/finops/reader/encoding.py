"""Codes for keys, and batches of calls as columns.

What follows from the customer and what describes the call are two joint keys, each a small
integer from a dictionary that grows as keys are met.  All that is added up later needs only
these codes, so texts are checked and normalised once per distinct key, not once per row.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import compress
from typing import (
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops import config, schema
from finops.business.names import fold_provider
from finops.reader.fields import PICO, BadValueError, parse_money
from finops.reader.options import ReadingRules
from finops.reader.row_parser import COST_KINDS
from finops.reader.words import environment_of, error_type_of, is_empty, status_of, tier_of

# What the cost of a call and the amount of a credit are called among the numbers of a batch.
COST, CREDIT = "cost_pico", "credit_pico"
# What each number is in rows of which it is not said.
DEFAULTS: Dict[str, Optional[int]] = {c.name: c.default for c in schema.NUMBERS}
DEFAULTS[CREDIT] = 0

RawCustomer = Tuple[bytes, ...]  # `row_parser.CUSTOMER_TEXTS` in order
# `row_parser.CALL_TEXTS` in order, how the cost came about, and the `FURTHER_TEXTS`.
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

    `status` is success, error, or unknown where a row has no word or one that is neither;
    `status_given` is its own word, "" where it has none; `error_type` is "" on success.
    `cost_kind` is paid, free (a cost of 0) or unpriced (neither a cost nor a known price);
    `cost_source` what says the cost: the source of the row, a list of prices, a bill, or none.
    `service_tier` and `source` (what the row was imported from) are unknown where no column says.
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
    """Codes of normalised keys, and the keys by their codes.

    `rules` say which prices providers and tiers have.
    """

    def __init__(self, rules: ReadingRules = ReadingRules()) -> None:
        self._prices = rules.prices
        self._tier_prices = {tier_of(t): float(usd) for t, usd in rules.options.tier_prices}
        self.customer_keys: List[CustomerKey] = []
        self.call_keys: List[CallKey] = []
        self._known_customers: Dict[CustomerKey, int] = {}
        self._known_calls: Dict[CallKey, int] = {}

    def customer_code(self, raw: RawCustomer) -> int:
        """Return the code of a customer; raises BadValueError where its price cannot be read."""
        customer = _text(raw[0])
        tier, organization, product, archetype = map(_word, raw[1:5])
        tier = tier_of(tier)
        pico = parse_money(raw[5])
        if pico is not None and pico < 0:
            raise BadValueError("negative tier_price_usd")
        key = CustomerKey(
            customer or config.UNALLOCATED,
            tier or config.UNKNOWN,
            organization or config.UNKNOWN,
            product or config.UNKNOWN,
            archetype or config.UNKNOWN,
            self._tier_price(tier) if pico is None else pico / PICO,
        )
        return _code(key, self._known_customers, self.customer_keys)

    def call_code(self, raw: RawCall) -> int:
        """Return the code of a kind of call; raises BadValueError where it names no model."""
        texts = list(map(_word, raw))
        provider, model, feature, task, environment, region, given, error = texts[:8]
        if not model:
            raise BadValueError("empty model")
        kind = COST_KINDS[raw[8]]
        tier, _, source = texts[9:]
        # Among the sources of costs "none" is a word of its own.
        cost_source = raw[10].decode("utf-8").strip().lower()
        status, implied = status_of(given)
        failed = status == schema.STATUS_ERROR
        key = CallKey(
            self._provider(provider, model),
            model,
            feature or config.UNKNOWN,
            task or config.UNKNOWN,
            environment_of(environment) or config.UNKNOWN,
            region or config.UNKNOWN,
            status,
            error_type_of(error) or implied or (config.UNKNOWN if failed else ""),
            kind.cost,
            given,
            tier.lower() or config.UNKNOWN,
            cost_source or kind.source,
            source or config.UNKNOWN,
        )
        return _code(key, self._known_calls, self.call_keys)

    def _tier_price(self, tier: str) -> Optional[float]:
        return self._tier_prices.get(tier, config.tier_price(tier))

    def _provider(self, named: str, model: str) -> str:
        """Return the provider that a row names, else the only one that sells the model."""
        return fold_provider(named) if named else self._prices.provider_of(model) or config.UNKNOWN


def _text(raw: bytes) -> str:
    """Return a text without the blanks around it, "" where it stands for no value."""
    text = raw.decode("utf-8").strip()
    return "" if is_empty(text) else text


# What describes calls, and customers but for their names, is the same few words in many keys.
_word = lru_cache(maxsize=4096)(_text)


def _code(key: _Raw, known: Dict[_Raw, int], keys: List[_Raw]) -> int:
    """Return the code of a normalised key, new or known."""
    code = known.get(key)
    if code is None:
        code = known[key] = len(keys)
        keys.append(key)
    return code
