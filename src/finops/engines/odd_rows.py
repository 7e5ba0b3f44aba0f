"""Rows that are not plain, read by the local reader, with their line numbers.

What counts as a call, what is blanked and why, and what is not a call is decided here as it is
for any file; an engine only says which lines to read.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.engines.parsing import CALL_TEXTS, CUSTOMER_TEXTS, LINK_IDS, NUMBERS, UNUSED
from finops.errors import DataError
from finops.reader.accounts import Accounts
from finops.reader.block_reader import BlockReader
from finops.reader.encoding import COST, DEFAULTS, Batch, KeyEncoder
from finops.reader.header import Header
from finops.reader.identity import CALL_ID, id_of
from finops.reader.options import END_OF_TIME, ReadingRules
from finops.reader.records import QUOTE, spans_of_records
from finops.schema import PICO_PER_USD
from finops.timestamps import MicrosecondClock

Row = Tuple[Any, ...]  # as `calls.ROW_COLUMNS`
_LINES_AT_A_TIME = 1000


class Line(NamedTuple):
    """A line of a file by its number, from 1 on, and its bytes without the line feed."""

    number: int
    data: bytes


class OddRows:
    """Reads odd lines of one file in their order; `rows` are the calls, `accounts` the rest.

    Times outside any range and ids that repeat are left to who has all rows.
    """

    def __init__(self, file: str, header: Header, rules: ReadingRules) -> None:
        self.rows: List[Row] = []
        self._file = file
        self._encoder = KeyEncoder(rules)
        self._clock = MicrosecondClock()
        rules = _taking_all(rules)
        self._reader = BlockReader(header, self._encoder, rules, _Cells(self._take), LINK_IDS)
        self._without_ids = CALL_ID not in header.positions
        self._before = header.blank + header.comments + header.lines
        self._number = 0

    @property
    def accounts(self) -> Accounts:
        """What became of the lines, by their numbers behind the header."""
        return self._reader.accounts

    def read(self, lines: Sequence[Line]) -> None:
        """Read whole lines, in the order of their numbers."""
        for run in self._runs(lines):
            self._at(run[0])
            self._kept(self._reader.read(b"".join(line.data + b"\n" for line in run)))

    def read_tail(self, line: Line) -> None:
        """Read a last line that has no end."""
        self._at(line)
        for batch in self._reader.read_tail(line.data):
            self._kept(batch)

    def _runs(self, lines: Sequence[Line]) -> Iterator[List[Line]]:
        """Yield lines that follow each other; one by one where rows do not say their places."""
        run: List[Line] = []
        for line in lines:
            joins = run and line.number == run[-1].number + 1 and len(run) < _LINES_AT_A_TIME
            if run and (self._without_ids or not joins):
                yield run
                run = []
            run.append(line)
        if run:
            yield run

    def _at(self, line: Line) -> None:
        self._number = line.number
        self._reader.accounts.lines = line.number - self._before - 1

    def _kept(self, batch: Optional[Batch]) -> None:
        if batch is not None and self._without_ids:
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        """Note the rows of a batch, each with the number of its line."""
        places = batch.places or [0] * len(batch.times)
        self.rows += [self._row(batch, row, self._number + at) for row, at in enumerate(places)]

    def _row(self, batch: Batch, place: int, number: int) -> Row:
        customer = self._encoder.customer_keys[batch.customers[place]]
        call = self._encoder.call_keys[batch.calls[place]]
        numbers = [
            batch.numbers[name][place] if name in batch.numbers else DEFAULTS[name]
            for name in NUMBERS
        ]
        price = customer.tier_price_usd
        return (
            *(self._file, number, self._clock.of(batch.times[place])),
            *(self._id(batch, place, CALL_ID), self._said(batch, place)),
            *(self._id(batch, place, name) for name in LINK_IDS),
            *(getattr(call, name) for name in CALL_TEXTS),
            *(getattr(customer, name) for name in CUSTOMER_TEXTS),
            None if price is None else round(price * PICO_PER_USD),
            *(*numbers, batch.numbers[COST][place]),
        )

    def _id(self, batch: Batch, place: int, column: str) -> str:
        if column not in batch.cells:
            return ""
        return id_of(batch.cells[column][place]).decode("utf-8", "replace")

    def _said(self, batch: Batch, place: int) -> str:
        cells = {name: batch.cells[name][place].strip() for name in UNUSED if name in batch.cells}
        texts = {name: cell.decode("utf-8", "replace") for name, cell in cells.items()}
        return "".join(f"{name}={texts.get(name, '')}\x1f" for name in UNUSED)


Take = Callable[[Batch], None]


class _Cells:
    """Shows all rows of a batch, with their ids, to somebody."""

    columns: Tuple[str, ...] = (CALL_ID, *UNUSED)

    def __init__(self, take: Take) -> None:
        self._take = take

    def select(
        self, batch: Batch, encoder: KeyEncoder, accounts: Accounts, first_line: int
    ) -> Batch:
        """Return the batch as it is."""
        self._take(batch)
        return batch


def _taking_all(rules: ReadingRules) -> ReadingRules:
    """Return rules by which no time is left out."""
    options = rules.options._replace(since="", until="")
    return rules._replace(options=options, earliest=b"", latest=END_OF_TIME, implausible_used=True)


def stretches_to_look_at(lines: Sequence[Line]) -> Iterator[Tuple[Line, Line]]:
    """Yield lines with an odd number of quotes that may begin and end a record of several lines."""
    odd = [line for line in lines if line.data.count(QUOTE) % 2]
    for opener, closer in zip(odd, odd[1:]):
        if closer.number - opener.number < config.MAX_RECORD_LINES:
            yield opener, closer


def refuse_records_of_lines(name: str, header: Header, lines: Sequence[bytes]) -> None:
    """Raise DataError where lines begin with a record of several of them."""
    for start, end in spans_of_records(list(lines), header.dialect):
        if end - start > 1:
            raise DataError(
                f"{name}: records over several lines are not for an engine; make a plain CSV of it"
                " with 'finops import', or a Parquet file"
            )
        return
