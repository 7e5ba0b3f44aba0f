"""One record into one checked call, or the reason it is skipped: the careful path.

The fast path (`block_reader`) reads whole blocks of well-formed rows; every record that it doubts
comes here, so this module alone decides what is a valid row.
"""

from __future__ import annotations

import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema
from finops.business.catalog import PriceTable
from finops.reader.fields import BadValueError, parse_integer, parse_money, parse_time
from finops.reader.header import Header
from finops.reader.options import ReadingRules
from finops.reader.pricing import CallPricer
from finops.reader.records import split_record

# C0 but tab-free (a tab is a control character too), DEL, and C1 as decoded text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]").search
TOO_LONG = "line too long"
WRONG_WIDTH = "wrong number of fields"

# How a call's cost came about.
PAID, FREE, UNPRICED = b"paid", b"free", b"unpriced"

CALL_TEXTS: Tuple[str, ...] = (
    "provider",
    "model",
    "feature_id",
    "task_type",
    "environment",
    "region",
    "status",
    "error_type",
)
# Those that only some files have: where one has none of them the key of a call is shorter.
FURTHER_TEXTS: Tuple[str, ...] = ("service_tier", "cost_source", "source")
CUSTOMER_TEXTS: Tuple[str, ...] = (
    "customer_id",
    "subscription_tier",
    "organization_id",
    "product_id",
    "customer_archetype",
    "tier_price_usd",
)


class Call(NamedTuple):
    """One checked row: raw key parts as bytes in the orders above, numbers converted.

    `time` is canonical; `cost` in pico-dollars; `kind` is PAID, FREE or UNPRICED; `numbers`
    are those of `schema.NUMBERS` in order, None where one is not known; `further` are the
    `FURTHER_TEXTS`, or nothing where the file has none of these columns; `cells` are those that
    the parser was asked for, as they are in the row.
    """

    time: bytes
    customer: Tuple[bytes, ...]
    texts: Tuple[bytes, ...]
    cost: int
    kind: bytes
    numbers: Tuple[Optional[int], ...]
    further: Tuple[bytes, ...] = ()
    cells: Tuple[bytes, ...] = ()

    @property
    def call_key(self) -> Tuple[bytes, ...]:
        """The raw key that describes the call."""
        return (*self.texts, self.kind, *self.further)


class RowParser:
    """Parses single lines against a header, by the rules of a run.

    `cells` names further columns of which calls have the cells as they are.
    """

    def __init__(self, header: Header, rules: ReadingRules, cells: Sequence[str] = ()) -> None:
        self._header = header
        self._price = price_in_pico(rules.prices)
        self._further = FURTHER_TEXTS if header.positions.keys() & set(FURTHER_TEXTS) else ()
        self._cells = cells

    def parse(self, line: bytes) -> Call:
        """Return the call of one line without its end; raise BadValue with the reason."""
        fields = self._fields(line)
        row = _checked({name: fields[i] for name, i in self._header.positions.items()})
        for name in schema.REQUIRED_COLUMNS:
            if not row[name]:
                raise BadValueError(f"empty {name}")
        return self._call(row, parse_time(row["timestamp"]))

    def _call(self, row: Dict[str, bytes], time: bytes) -> Call:
        numbers = {column.name: _number(row, column) for column in schema.NUMBERS}
        if row.get("total_tokens"):
            parse_integer(row["total_tokens"], "total_tokens", 2 * config.MAX_TOKENS)
        if row.get("tier_price_usd"):
            parse_money(row["tier_price_usd"], "tier_price_usd")
        if row.get("cost_usd"):
            cost = parse_money(row["cost_usd"], "cost_usd")
            kind = PAID if cost else FREE
        else:
            tokens = (numbers["input_tokens"] or 0, numbers["output_tokens"] or 0)
            cost, kind = self._price(row["provider"], row["model"], *tokens)
        customer = tuple(row.get(name, b"") for name in CUSTOMER_TEXTS)
        texts = tuple(row.get(name, b"") for name in CALL_TEXTS)
        further = tuple(row.get(name, b"") for name in self._further)
        cells = tuple(row[name] for name in self._cells)
        return Call(time, customer, texts, cost, kind, tuple(numbers.values()), further, cells)

    def _fields(self, line: bytes) -> List[bytes]:
        if len(line) > config.MAX_LINE_BYTES:
            raise BadValueError(TOO_LONG)
        fields = split_record(line, self._header.delimiter)
        if len(fields) != self._header.width:
            raise BadValueError(WRONG_WIDTH)
        return fields


def _checked(row: Dict[str, bytes]) -> Dict[str, bytes]:
    """Return the fields of a row; raise BadValueError where they are not clean text."""
    try:
        text = b"".join(row.values()).decode("utf-8")
    except UnicodeDecodeError:
        raise BadValueError("invalid UTF-8") from None
    if _CONTROL(text):
        raise BadValueError("control character")
    return row


def _number(row: Dict[str, bytes], column: schema.Column) -> Optional[int]:
    """Return one number of a row, its default where there is none."""
    text = row.get(column.name)
    if not text:
        return column.default
    if column.kind == "money":
        return parse_money(text, column.name)
    return parse_integer(text, column.name, column.limit)


def price_in_pico(
    prices: PriceTable,
) -> Callable[[bytes, bytes, int, int], Tuple[int, bytes]]:
    """Return a function (provider, model, input, output tokens) -> (pico-dollars, kind)."""
    pico = CallPricer(prices).pico

    def price(provider: bytes, model: bytes, inputs: int, outputs: int) -> Tuple[int, bytes]:
        cost = pico(provider, model, inputs, outputs)
        if cost is None:
            return 0, UNPRICED
        return cost, PAID if cost else FREE

    return price
