"""From the cells of records to checked calls: what is used, what is blanked, what is left out.

A bad value in an optional column counts as missing, is counted by column and reason, and its row
and its money stay.  Only a row without a usable time, model or token count is left out; one that
names its cost and no tokens is kept with none.  All of this is decided by column, so that a file
in which every row has some odd form costs little more than a plain one.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import compress
from operator import gt
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, cast

from finops import schema
from finops.reader.accounts import Accounts
from finops.reader.currencies import DOLLAR, Currencies, converted
from finops.reader.encoding import COST, Batch, KeyEncoder
from finops.reader.faults import EMPTY, Faults
from finops.reader.fields import OUT_OF_BOUNDS, PICO, BadValueError, fault_of_text
from finops.reader.header import Header
from finops.reader.key_texts import CALL, COST_KIND, CUSTOMER, KeyCodes, KeyTexts
from finops.reader.numbers import TIER_PRICE, TOTAL, AmountColumn, NumberColumn, Numbers
from finops.reader.options import ReadingRules
from finops.reader.pricing import CallPricer
from finops.reader.row_parser import (
    CALL_TEXTS,
    CUSTOMER_TEXTS,
    FREE,
    FURTHER_TEXTS,
    LISTED,
    LISTED_FREE,
    PAID,
    UNPRICED,
)
from finops.reader.times import TimeColumn
from finops.reader.words import is_empty

Cells = Dict[str, List[bytes]]  # by column
# The number of the line of a row, and the line.
LineOf = Callable[[int], Tuple[int, bytes]]

KEY_TEXTS: Tuple[str, ...] = (*CALL_TEXTS, *CUSTOMER_TEXTS, *FURTHER_TEXTS)
# The columns of which the values are used.
READ_COLUMNS: Tuple[str, ...] = (
    "timestamp",
    "cost_usd",
    TOTAL.name,
    schema.CURRENCY,
    *(column.name for column in schema.NUMBERS),
    *KEY_TEXTS,
)
_TEXT_KINDS = frozenset({"text", "id"})
_TEXTS = frozenset(column.name for column in schema.COLUMNS if column.kind in _TEXT_KINDS)
# What the key of a call is made of, in the order in which an encoder takes it.
RAW_CALL: Tuple[str, ...] = (*CALL_TEXTS, COST_KIND, *FURTHER_TEXTS)
_TOKENS = ("input_tokens", "output_tokens")
_LIST_COST = "list_cost_usd"
_CACHED = ("cached_input_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_PRICED_PARTS = (*_CACHED, "reasoning_tokens")
# Tokens that are part of other tokens; those of a cache have further rules together.
_PARTS: Tuple[Tuple[str, str], ...] = (
    ("cached_input_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("reasoning_tokens", "output_tokens"),
)


class Rows:
    """The rows of a block as columns, of which rows can be left out.

    `places` are those of the rows in the block.  `keys` and the `kept` cells are raw.
    """

    def __init__(
        self,
        times: List[bytes],
        numbers: Dict[str, Numbers],
        costs: Numbers,
        keys: KeyTexts,
        kept: Cells,
    ) -> None:
        self.places: Sequence[int] = range(len(times))
        self.times = times
        self.numbers = numbers
        self.costs = costs
        self.keys = keys
        self.kept = kept

    def __len__(self) -> int:
        return len(self.times)

    def keep(self, wanted: List[bool]) -> None:
        """Leave out the other rows."""
        self.places = list(compress(self.places, wanted))
        self.times = list(compress(self.times, wanted))
        self.costs = list(compress(self.costs, wanted))
        self.numbers = {name: list(compress(c, wanted)) for name, c in self.numbers.items()}
        self.keys = self.keys.kept(wanted)
        self.kept = {name: list(compress(c, wanted)) for name, c in self.kept.items()}


class ValueReader:
    """Checks and converts the cells of records, counting in `accounts` what it cannot use.

    Batches keep the cells of the columns `kept`, where the file has them.
    """

    def __init__(
        self,
        header: Header,
        encoder: KeyEncoder,
        rules: ReadingRules,
        accounts: Accounts,
        kept: Sequence[str] = (),
    ) -> None:
        self._kept = [name for name in kept if name in header.positions]
        delimiter = header.delimiter
        self._customer_codes = KeyCodes(encoder.customer_code, CUSTOMER_TEXTS, delimiter)
        self._call_codes = KeyCodes(encoder.call_code, RAW_CALL, delimiter)
        self._accounts = accounts
        self._times = TimeColumn(rules)
        self._columns = {
            column.name: NumberColumn(column, header.decimal_comma)
            for column in (*schema.NUMBERS, TOTAL, TIER_PRICE)
        }
        self._amounts = AmountColumn(header.decimal_comma)
        self._decimal_comma = header.decimal_comma
        self._currencies = Currencies(rules.options.rates, header.currency)
        self._pico = CallPricer(rules.prices).pico

    def batch(
        self, cells: Cells, keys: KeyTexts, line_of: LineOf, odd: Iterable[int] = ()
    ) -> Batch:
        """Return the calls of records in their order, with the places of their rows.

        `cells` and `keys` have the `READ_COLUMNS` that the file has.  The bytes of all rows but
        the `odd` ones are printable ASCII; where there are odd ones, `cells` has all texts.
        """
        faults = Faults()
        self._blank_odd_texts(cells, odd, faults)
        rows = self._rows(cells, keys, faults)
        self._settle_tokens(rows, faults)
        self._settle_currencies(rows, cells, faults)
        self._leave_out(rows, faults)
        self._check_parts(rows, cells, faults)
        batch = self._encoded(rows, faults)
        if faults:
            self._account(faults, line_of)
        return batch

    # --- cells ---------------------------------------------------------------------------------

    def _blank_odd_texts(self, cells: Cells, odd: Iterable[int], faults: Faults) -> None:
        """Blank the texts that are no text."""
        for row in odd:
            for name in cells.keys() & _TEXTS:
                cell = cells[name][row]
                reason = fault_of_text(cell)
                if not reason:
                    continue
                cells[name][row] = b""
                if name == "model":
                    faults.skip(row, name, reason)
                else:
                    faults.blank(row, name, reason, cell)

    def _rows(self, cells: Cells, keys: KeyTexts, faults: Faults) -> Rows:
        times = self._times.read(cells["timestamp"], faults)
        count = len(times)
        costs = self._costs(cells, count, faults)
        numbers = {
            column.name: self._numbers(column, cells[column.name], costs, faults)
            for column in schema.NUMBERS
            if column.name in cells
        }
        if TOTAL.name in cells:
            self._numbers(TOTAL, cells[TOTAL.name], costs, faults)
        return Rows(times, numbers, costs, keys, {name: cells[name] for name in self._kept})

    def _costs(self, cells: Cells, count: int, faults: Faults) -> Numbers:
        """Return the costs that the rows name, in pico-dollars, negative those of credits."""
        given = cells.get("cost_usd")
        if given is None:
            return [None] * count
        bad: Dict[int, str] = {}
        costs = self._amounts.read(given, bad)
        for row, reason in bad.items():
            faults.blank(row, "cost_usd", reason, given[row])
        return costs

    def _numbers(
        self, column: schema.Column, given: List[bytes], costs: Numbers, faults: Faults
    ) -> Numbers:
        """Return a column of numbers, its default where there is none."""
        bad: Dict[int, str] = {}
        numbers = self._columns[column.name].read(given, bad)
        for row, reason in bad.items():
            if not column.required:
                faults.blank(row, column.name, reason, given[row])
            elif not _is_credit(costs[row]):
                faults.skip(row, column.name, reason)
        if column.default is not None and None in numbers:
            return [column.default if number is None else number for number in numbers]
        return numbers

    # --- rows ----------------------------------------------------------------------------------

    def _settle_tokens(self, rows: Rows, faults: Faults) -> None:
        """Leave out rows without tokens, but for those that name their cost: these have none."""
        for name in _TOKENS:
            tokens = rows.numbers[name]
            if None not in tokens:
                continue
            for row in [k for k, number in enumerate(tokens) if number is None]:
                cost = rows.costs[row]
                if cost is None:
                    faults.skip(row, name, EMPTY)
                elif not _is_credit(cost):
                    faults.without_tokens.add(row)
                tokens[row] = 0

    def _settle_currencies(self, rows: Rows, cells: Cells, faults: Faults) -> None:
        """Convert amounts that are not in US dollars; without a rate their rows are left out."""
        if schema.CURRENCY not in cells and self._currencies.usual is DOLLAR:
            return
        given = cells.get(schema.CURRENCY) or [b""] * len(rows)
        if all(self._currencies.of(cell) is DOLLAR for cell in set(given)):
            return
        amounts = {"cost_usd": rows.costs}
        if _LIST_COST in rows.numbers and schema.CURRENCY in cells:
            amounts[_LIST_COST] = rows.numbers[_LIST_COST]
        for row, cell in enumerate(given):
            currency = self._currencies.of(cell)
            if currency is DOLLAR or all(column[row] is None for column in amounts.values()):
                continue
            if currency.rate is None:
                _skip_without_model(rows, [row], faults)
                faults.skip(row, schema.CURRENCY, f"{currency.code} without a rate")
                faults.currencies[row] = currency.code
                rows.costs[row] = None
                continue
            for name, column in amounts.items():
                amount = column[row]
                column[row] = _in_dollars(amount, currency.rate)
                if column[row] is None and amount is not None:
                    faults.blank(row, name, OUT_OF_BOUNDS, cells[name][row])

    def _leave_out(self, rows: Rows, faults: Faults) -> None:
        """Leave out rows that cannot be used; what they cost is counted."""
        if not faults.skipped:
            return
        wanted = [place not in faults.skipped for place in rows.places]
        if all(wanted):
            return
        for place, cost in zip(rows.places, rows.costs):
            if place in faults.skipped:
                self._accounts.leave_money(faults.skipped[place], cost or 0)
        rows.keep(wanted)

    def _check_parts(self, rows: Rows, cells: Cells, faults: Faults) -> None:
        """Blank tokens that are said to be part of others and are more than these."""
        there = rows.numbers

        def blank(part: str, whole: str, where: List[bool]) -> None:
            for row in compress(range(len(rows)), where):
                place = rows.places[row]
                if not _is_credit(rows.costs[row]):
                    faults.blank(place, part, f"more than {whole}", cells[part][place])
            if where:
                there[part] = [0 if bad else n for bad, n in zip(where, there[part])]

        for part, whole in _PARTS:
            if part in cells:
                blank(part, whole, _exceeds(there[part], there[whole]))
        cached, written, stays = _CACHED
        if cached in cells and written in cells:
            both: Numbers = [(a or 0) + (b or 0) for a, b in zip(there[cached], there[written])]
            beyond = _exceeds(both, there["input_tokens"])
            blank(cached, f"input_tokens with {written}", beyond)
            blank(written, f"input_tokens with {cached}", beyond)
        if stays in cells:
            nothing: Numbers = [0] * len(rows)
            blank(stays, written, _exceeds(there[stays], there.get(written, nothing)))

    # --- keys ----------------------------------------------------------------------------------

    def _encoded(self, rows: Rows, faults: Faults) -> Batch:
        if self._decimal_comma:
            self._settle_prices(rows, faults)
        try:
            return self._batch(rows)
        except BadValueError:
            self._settle_prices(rows, faults)
            _skip_without_model(rows, range(len(rows)), faults)
            self._leave_out(rows, faults)
            return self._batch(rows)

    def _batch(self, rows: Rows) -> Batch:
        """Return rows by their keys; raises BadValueError where a text of a key cannot be used."""
        costs, kinds = self._priced(rows)
        customers, calls = rows.keys.of_key(CUSTOMER), rows.keys.of_key(CALL)
        return Batch(
            rows.times,
            self._customer_codes.of(customers),
            self._call_codes.of({**calls, (COST_KIND,): kinds}),
            {**rows.numbers, COST: costs},
            rows.kept,
            rows.places,
        )

    def _priced(self, rows: Rows) -> Tuple[Numbers, List[bytes]]:
        """Return what each row cost, and how that came about."""
        costs = rows.costs
        if None in costs:
            return self._partly_priced(rows)
        if 0 in costs:
            return costs, [PAID if cost else FREE for cost in costs]
        return costs, [PAID] * len(costs)

    def _partly_priced(self, rows: Rows) -> Tuple[Numbers, List[bytes]]:
        """Price the rows that name no cost."""
        costs = list(rows.costs)
        kinds = [PAID if cost else FREE for cost in costs]
        quantities = self._quantities(rows)
        for row in [k for k, cost in enumerate(costs) if cost is None]:
            cost = self._pico(*[column[row] for column in quantities])
            kinds[row] = UNPRICED if cost is None else LISTED if cost else LISTED_FREE
            costs[row] = cost or 0
        return costs, kinds

    def _quantities(self, rows: Rows) -> List[Sequence[Any]]:
        """Return what a price depends on, as `CallPricer.pico` takes it."""
        numbers, keys = rows.numbers, rows.keys
        nothing = [0] * len(rows)
        providers = keys.of("provider")
        sellers = {cell: b"" if is_empty(cell.decode("utf-8")) else cell for cell in set(providers)}
        contexts: Sequence[Optional[int]] = numbers["input_tokens"]
        if numbers.keys() & {"calls", "bucket_s"}:  # of many calls each one's is not known
            calls, buckets = numbers.get("calls", [1] * len(rows)), numbers.get("bucket_s", nothing)
            contexts = [
                n if count == 1 and not bucket else 0
                for n, count, bucket in zip(contexts, calls, buckets)
            ]
        return [
            [sellers[cell] for cell in providers],
            keys.of("model"),
            *(numbers[name] for name in _TOKENS),
            *(numbers.get(name, nothing) for name in _PRICED_PARTS),
            keys.of("service_tier"),
            rows.times,
            contexts,
        ]

    def _settle_prices(self, rows: Rows, faults: Faults) -> None:
        """Bring the prices of tiers into plain form; blank those that are none."""
        given = rows.keys.of(TIER_PRICE.name)
        bad: Dict[int, str] = {}
        prices = self._columns[TIER_PRICE.name].read(given, bad)
        for row, reason in bad.items():
            faults.blank(rows.places[row], TIER_PRICE.name, reason, given[row])
        plain = [b"" if price is None else b"%d.%012d" % divmod(price, PICO) for price in prices]
        rows.keys.replace(TIER_PRICE.name, plain)

    # --- accounts ------------------------------------------------------------------------------

    def _account(self, faults: Faults, line_of: LineOf) -> None:
        """Count what could not be used, in the order of the lines."""
        accounts = self._accounts
        for row, reason in sorted(faults.skipped.items()):
            number, line = line_of(row)
            accounts.skip(reason, number, line)
            if row in faults.currencies and reason.startswith(schema.CURRENCY):
                accounts.currencies.setdefault(faults.currencies[row], number)
        for value in sorted(faults.blanked, key=lambda blanked: blanked.row):
            if value.row not in faults.skipped:
                number, _ = line_of(value.row)
                accounts.blank_value(value.column, value.reason, number, value.cell)
        accounts.without_tokens += len(faults.without_tokens - faults.skipped.keys())


def _skip_without_model(rows: Rows, which: Iterable[int], faults: Faults) -> None:
    models = rows.keys.of("model")
    for row in which:
        if is_empty(models[row].decode("utf-8")):
            faults.skip(rows.places[row], "model", EMPTY)


def _is_credit(cost: Optional[int]) -> bool:
    return cost is not None and cost < 0


def _in_dollars(amount: Optional[int], rate: Fraction) -> Optional[int]:
    """Return an amount at a rate, None where it is none or beyond the bound of one call."""
    if amount is None:
        return None
    dollars = converted(amount, rate)
    return dollars if abs(dollars) <= schema.MAX_COST_PICO else None


def _exceeds(parts: Numbers, wholes: Numbers) -> List[bool]:
    """Return of which rows the part is more than the whole; nothing where there is no such row."""
    if not any(map(gt, cast("List[int]", parts), cast("List[int]", wholes))):
        return []
    return [(part or 0) > (whole or 0) for part, whole in zip(parts, wholes)]
