"""A block of whole lines into a batch of calls: the fast path, and the way round odd lines.

Well-formed lines are split a block at a time (see `row_pattern`), and all values are checked and
converted a column at a time (see `values`).  That is about six times as fast as row by row and is
what makes large files pleasant.  Where a block holds lines that are not plain, each record of it
is split on its own; their cells then go the same way, so that a row is read the same whatever
stands beside it.
"""

from __future__ import annotations

import copy
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.reader.accounts import Accounts
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.fields import BadValueError
from finops.reader.header import Header
from finops.reader.identity import CALL_ID, IdRule
from finops.reader.key_texts import KEY_OF, KeyTexts
from finops.reader.options import ReadingRules
from finops.reader.records import (
    QUOTE,
    has_odd_line,
    spans_of_records,
    split_record,
    without_quotes,
)
from finops.reader.row_parser import TOO_LONG, WRONG_WIDTH
from finops.reader.row_pattern import Group, RowPattern
from finops.reader.row_selection import IMPLAUSIBLE, RowSelection
from finops.reader.values import READ_COLUMNS, Cells, ValueReader

_PRINTABLE_ASCII = bytes(range(0x20, 0x7F)) + b"\n"
_NUL = "NUL byte"
_NUL_BYTE = b"\0"


class Record(NamedTuple):
    """Lines that may be a call: the place of the first one, all of them, and the fields."""

    place: int
    lines: bytes
    fields: List[bytes]


class BlockReader:
    """Turns blocks of whole lines into batches, counting every line in `accounts`.

    `ids` is the rule for ids that repeat, where there is one and the data has ids.  Batches have
    the cells of the columns `kept`, where the file has them.
    """

    def __init__(
        self,
        header: Header,
        encoder: KeyEncoder,
        rules: ReadingRules,
        ids: Optional[IdRule] = None,
        kept: Sequence[str] = (),
    ) -> None:
        self.accounts = Accounts()
        self._header = header
        if CALL_ID not in header.positions:
            ids = None
        further = tuple(dict.fromkeys((*(ids.columns if ids else ()), *kept)))
        self._read_at = {
            name: header.positions[name]
            for name in (*READ_COLUMNS, *further)
            if name in header.positions
        }
        self._selection = RowSelection(rules, encoder, self.accounts, ids, kept)
        self._implausible_used = rules.implausible_used
        # By which a repeated header is suspected.
        names = split_record(header.line, header.delimiter)
        self._time_in_header = names[header.positions["timestamp"]]
        self._delimiter = header.delimiter
        self._plain_bytes = _PRINTABLE_ASCII + header.delimiter
        self._pattern = RowPattern(self._read_at, header.width, self._delimiter, KEY_OF)
        self._values = ValueReader(header, encoder, rules, self.accounts, further)

    def read(self, piece: bytes) -> Optional[Batch]:
        """Return the calls of a block of whole lines that count, in file order; None where there
        are none.
        """
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n")
        lines = piece.count(b"\n")
        start = self.accounts.lines + 1
        columns = self._plain_columns(piece, lines)
        if columns is None:
            batch = self._batch_of(self._records(piece))
            plausible = False
        else:
            cells, keys = columns
            batch = self._values.batch(cells, keys, _LinesOfBlock(piece, start).line_of)
            # Times that are taken as they came were found to count, one hour after the other.
            plausible = batch.times is cells["timestamp"] and not self._implausible_used
        batch = self._selection.select(batch, piece, start, plausible)
        self.accounts.lines += lines
        self.accounts.used += len(batch.times)
        return batch if batch.times else None

    def read_tail(self, tail: bytes) -> Iterator[Batch]:
        """Yield the calls of the end of a file: a line without an end, and the lines before it
        that may be of the same record.

        The last record is a call if it is complete, else its last line is an incomplete tail.
        """
        if not tail:
            return
        lines = tail.split(b"\n")
        *_, (start, _) = spans_of_records(lines, self._header.dialect)
        yield from self._batches(lines[:start])
        before = copy.deepcopy(vars(self.accounts))
        batches = self._batches(lines[start:])
        if _unreadable(self.accounts.skipped) != _unreadable(before["skipped"]):
            vars(self.accounts).update(before)
            batches = self._batches(lines[start:-1])
            self.accounts.lines += 1
            self.accounts.incomplete_tail += 1
        yield from batches

    def _batches(self, lines: List[bytes]) -> List[Batch]:
        """Return the calls of lines in a batch, if any."""
        batch = self.read(b"\n".join([*lines, b""])) if lines else None
        return [batch] if batch else []

    # --- the fast path -----------------------------------------------------------------------

    def _plain_columns(self, piece: bytes, lines: int) -> Optional[Tuple[Cells, KeyTexts]]:
        """Split a block into columns; None where a line of it is not plain."""
        if len(piece) > config.MAX_LINE_BYTES and _longest_line(piece) > config.MAX_LINE_BYTES:
            return None
        plain = without_quotes(piece, self._delimiter) if QUOTE in piece else piece
        if plain is None or plain.translate(None, self._plain_bytes):
            return None
        columns = self._pattern.columns(plain, lines)
        if columns is None:
            return None
        by_group = dict(zip(self._pattern.groups, columns))
        cells = {group[0]: c for group, c in by_group.items() if group[0] not in KEY_OF}
        if self._time_in_header in cells["timestamp"]:
            return None
        texts = {group: c for group, c in by_group.items() if group[0] in KEY_OF}
        return cells, KeyTexts(texts, self._delimiter, lines)

    # --- the way round odd lines -------------------------------------------------------------

    def _records(self, piece: bytes) -> List[Record]:
        """Return the lines that may be calls; count all others."""
        records: List[Record] = []
        for place, lines in self._lines_of_records(piece):
            self.accounts.continuation += lines.count(b"\n")
            try:
                fields = self._fields(lines)
            except BadValueError as error:
                if str(error) == WRONG_WIDTH and lines.startswith(b"#"):
                    self.accounts.comments += 1
                else:
                    self.accounts.skip(str(error), self.accounts.lines + place + 1, lines)
                continue
            if fields is not None:
                records.append(Record(place, lines, fields))
        return records

    def _lines_of_records(self, piece: bytes) -> Iterable[Tuple[int, bytes]]:
        """Return the records of a block, each with the place of its first line."""
        lines = piece.split(b"\n")[:-1]
        if not has_odd_line(piece):
            return enumerate(lines)
        spans = spans_of_records(lines, self._header.dialect)
        return [(start, b"\n".join(lines[start:end])) for start, end in spans]

    def _fields(self, lines: bytes) -> Optional[List[bytes]]:
        """Return the fields of a record, None where it is none; raises BadValueError."""
        if len(lines) > config.MAX_LINE_BYTES:
            raise BadValueError(TOO_LONG)
        lines = lines.rstrip(b"\r")
        if not lines.strip():
            self.accounts.blank += 1
            return None
        if lines == self._header.line:
            self.accounts.repeated_headers += 1
            return None
        if _NUL_BYTE in lines:
            raise BadValueError(_NUL)
        fields = split_record(lines, self._delimiter)
        if len(fields) != self._header.width:
            raise BadValueError(WRONG_WIDTH)
        return fields

    def _batch_of(self, records: List[Record]) -> Batch:
        """Return the calls of records."""
        start = self.accounts.lines + 1
        odd = [k for k, record in enumerate(records) if self._is_odd(record.lines)]
        wanted: Dict[str, int] = self._header.positions if odd else self._read_at
        rows = [record.fields for record in records]
        cells = {name: [fields[index] for fields in rows] for name, index in wanted.items()}

        def line_of(row: int) -> Tuple[int, bytes]:
            record = records[row]
            return start + record.place, record.lines

        texts: Dict[Group, List[bytes]] = {(n,): cells[n] for n in cells if n in KEY_OF}
        keys = KeyTexts(texts, self._delimiter, len(rows))
        batch = self._values.batch(cells, keys, line_of, odd)
        return batch._replace(places=[records[row].place for row in batch.places])

    def _is_odd(self, lines: bytes) -> bool:
        """Return whether some text of a record may be none."""
        return b"\n" in lines or bool(lines.translate(None, self._plain_bytes))


class _LinesOfBlock:
    """The lines of a block, split when one of them is asked for."""

    def __init__(self, piece: bytes, start: int) -> None:
        self._piece = piece
        self._start = start
        self._lines: List[bytes] = []

    def line_of(self, row: int) -> Tuple[int, bytes]:
        if not self._lines:
            self._lines = self._piece.split(b"\n")
        return self._start + row, self._lines[row]


def _unreadable(skipped: Mapping[str, int]) -> int:
    """Return how many rows could not be read: a row of an implausible time could."""
    return sum(rows for reason, rows in skipped.items() if reason != IMPLAUSIBLE)


def _longest_line(piece: bytes) -> int:
    return max(map(len, piece.split(b"\n")))
