"""A block of whole lines into a batch of calls: the fast path, and the way round what it doubts.

Well-formed rows are handled a column at a time: one split for the whole block, every check on a
joined column, every conversion in one `map`.  That is about six times as fast as row by row and
is what makes large files pleasant.  The checks prove a block well-formed or find the lines that
are in doubt; those go to `lines.RowParser`, which alone decides what is valid.  So the fast
path may doubt too much, never too little.
"""

from __future__ import annotations

import copy
import re
from itertools import compress
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Tuple,
)

from finops import config, schema
from finops.reader.encoding import COST, Batch, KeyEncoder, Numbers
from finops.reader.fields import BadValueError, parse_money, parse_time
from finops.reader.header import Header
from finops.reader.identity import CALL_ID, IdRule
from finops.reader.options import ReadingRules
from finops.reader.records import QUOTE, has_odd_line, spans_of_records, without_quotes
from finops.reader.row_parser import (
    CALL_TEXTS,
    CUSTOMER_TEXTS,
    FREE,
    FURTHER_TEXTS,
    PAID,
    TOO_LONG,
    WRONG_WIDTH,
    Call,
    RowParser,
    price_in_pico,
)
from finops.reader.row_selection import IMPLAUSIBLE, RowSelection

_PRINTABLE_ASCII = bytes(range(0x20, 0x7F)) + b"\n"
_DIGITS_TO_ZERO = bytes(ord("0") if 0x30 <= i <= 0x39 else i for i in range(256))
_TIME_SHAPE = b"0000-00-00T00:00:00.000000\n"
_TIME_WIDTH = len(_TIME_SHAPE)
_SIX_DECIMALS = re.compile(rb"(?:[0-9]{1,10}\.[0-9]{6},)*[0-9]{1,10}\.[0-9]{6}").fullmatch
# Digits of which every number is within the bound; longer ones are for the careful path.
_DIGITS = {c.name: len(str(c.limit)) - 1 for c in schema.NUMBERS if c.kind == "int"}
_DIGITS["total_tokens"] = len(str(2 * config.MAX_TOKENS)) - 1
# Where a value is required, an empty one is for the careful path, too.
_FEWEST = {column.name: int(column.required) for column in schema.NUMBERS}
_MONEY = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,12})?").fullmatch
_MONEY_IF_ANY = re.compile(rb"(?:[0-9]{1,9}(?:\.[0-9]{1,12})?)?").fullmatch
_TIME = re.compile(
    rb"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-5][0-9]:[0-5][0-9]\.[0-9]{6}"
).fullmatch
_NUMBER_SHAPES: Dict[str, Callable[[bytes], Any]] = {
    name: re.compile(b"[0-9]{%d,%d}" % (_FEWEST.get(name, 0), digits)).fullmatch
    for name, digits in _DIGITS.items()
}
_NUMBER_SHAPES["cost_usd"] = _MONEY
_NUMBER_SHAPES.update({c.name: _MONEY_IF_ANY for c in schema.NUMBERS if c.kind == "money"})
_PICO_PER_MICRO = b"000000,"
# In so many bytes are the characters that are kept of a line left out, however long each is.
LINE_START_BYTES = 4 * config.SKIPPED_TEXT_KEPT


class Accounts:
    """Where the lines went, as they are read: counters, and by reason the first lines that were
    left out, each as its number and how it begins.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.used = 0
        self.blank = 0
        self.comments = 0
        self.continuation = 0
        self.incomplete_tail = 0
        self.repeated_headers = 0
        self.repeated_records = 0
        self.outside = 0
        self.unused_pico = 0  # money of the rows that were left out
        self.implausible_used = 0
        self.ahead = 0  # of the implausible times those that lie ahead, used or not
        self.conflicting_ids = 0
        self.first_conflicts: List[Tuple[int, str]] = []
        self.skipped: Dict[str, int] = {}
        self.first_lines: Dict[str, List[Tuple[int, str]]] = {}

    def skip(self, reason: str, line_number: int, line: bytes) -> None:
        """Count a row left out; line numbers ascend within one part.

        Of `line` the first `LINE_START_BYTES` suffice.
        """
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        first = self.first_lines.setdefault(reason, [])
        if len(first) < config.SKIPPED_LINES_KEPT:
            text = line[:LINE_START_BYTES].decode("utf-8", "replace")
            first.append((line_number, text[: config.SKIPPED_TEXT_KEPT]))

    def conflict(self, new: bool, line_number: int, name: bytes) -> None:
        """Note a row whose id stood before with other content; `new`: for the first time."""
        self.conflicting_ids += new
        if new and len(self.first_conflicts) < config.SKIPPED_LINES_KEPT:
            text = name[:LINE_START_BYTES].decode("utf-8", "replace")
            self.first_conflicts.append((line_number, text[: config.SKIPPED_TEXT_KEPT]))


class Columns(NamedTuple):
    """The columns of a block as bytes, one list each; None for a column that is not there.

    `further` is empty where the file has none of those columns.
    """

    times: List[bytes]
    numbers: Dict[str, Optional[List[bytes]]]
    customers: List[List[bytes]]
    texts: List[List[bytes]]
    further: List[List[bytes]]
    cells: Dict[str, List[bytes]]


class BlockReader:
    """Turns blocks of whole lines into batches, counting every line in `accounts`.

    `ids` is the rule for ids that repeat, where there is one and the data has ids.
    """

    def __init__(
        self,
        header: Header,
        encoder: KeyEncoder,
        rules: ReadingRules,
        ids: Optional[IdRule] = None,
    ) -> None:
        self.accounts = Accounts()
        self._header = header
        self._encoder = encoder
        if CALL_ID not in header.positions:
            ids = None
        self._cells = [name for name in ids.columns if name in header.positions] if ids else []
        self._parser = RowParser(header, rules, self._cells)
        self._price = price_in_pico(rules.prices)
        self._selection = RowSelection(rules, encoder, self.accounts, ids)
        self._rules = rules
        self._good_hours: Set[bytes] = set()
        self._delimiter = header.delimiter
        self._end_of_line = header.delimiter + b"\n"
        self._plain_bytes = _PRINTABLE_ASCII + header.delimiter

    def read(self, piece: bytes) -> Optional[Batch]:
        """Return the calls of a block of whole lines that count, in file order; None where there
        are none.
        """
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n")
        lines = piece.count(b"\n")
        batch = self._fast(piece, lines)
        plausible = batch is not None and not self._rules.implausible_used
        if batch is None:
            batch = self._careful(piece)
        batch = self._selection.select(batch, piece, self.accounts.lines + 1, plausible)
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

    def _fast(self, piece: bytes, lines: int) -> Optional[Batch]:
        """Return the calls of a block in which every line is well-formed, else None."""
        if len(piece) > config.MAX_LINE_BYTES and _longest_line(piece) > config.MAX_LINE_BYTES:
            return None
        plain = without_quotes(piece, self._delimiter) if QUOTE in piece else piece
        if plain is None or plain.translate(None, self._plain_bytes):
            return None
        columns = self._columns(plain, lines)
        if columns is None:
            return None
        try:
            return self._encode(columns)
        except BadValueError:
            return None

    def _columns(self, piece: bytes, lines: int) -> Optional[Columns]:
        """Split a block into columns; None where a line has another number of fields.

        Newlines become part of the first field of the next line.  That there are lines × width
        fields and one newline in each first field proves that no short line and long line
        made up for each other.
        """
        width = self._header.width
        fields = piece.replace(b"\n", self._end_of_line).split(self._delimiter)
        if len(fields) != lines * width + 1:
            return None
        first = b"".join(fields[0:-1:width])
        if first.count(b"\n") != lines - 1:
            return None
        position = self._header.positions

        def column(name: str) -> Optional[List[bytes]]:
            index = position.get(name)
            if index is None:
                return None
            return first.split(b"\n") if index == 0 else fields[index:-1:width]

        def filled(names: Iterable[str]) -> List[List[bytes]]:
            return [column(name) or [b""] * lines for name in names]

        return Columns(
            column("timestamp") or [],
            {name: column(name) for name in _NUMBER_SHAPES},
            filled(CUSTOMER_TEXTS),
            filled(CALL_TEXTS),
            filled(FURTHER_TEXTS) if position.keys() & set(FURTHER_TEXTS) else [],
            dict(zip(self._cells, filled(self._cells))),
        )

    def _encode(self, columns: Columns) -> Batch:
        """Check and convert all columns; raise BadValue where any value is in doubt."""
        self._check_times(columns.times)
        numbers = {
            column.name: _numbers(cells, column)
            for column, cells in ((c, columns.numbers[c.name]) for c in schema.NUMBERS)
            if cells is not None
        }
        if columns.numbers["total_tokens"] is not None:
            _check_integers(columns.numbers["total_tokens"], "total_tokens", optional=True)
        numbers[COST], kinds = self._costs(columns, numbers)
        customer_code = self._encoder.customer_codes.__getitem__
        call_code = self._encoder.call_codes.__getitem__
        return Batch(
            columns.times,
            list(map(customer_code, zip(*columns.customers))),
            list(map(call_code, zip(*columns.texts, kinds, *columns.further))),
            numbers,
            columns.cells,
            range(len(columns.times)),
        )

    def _check_times(self, times: List[bytes]) -> None:
        joined = b"\n".join(times) + b"\n"
        if joined.translate(_DIGITS_TO_ZERO) != _TIME_SHAPE * len(times):
            raise BadValueError("timestamp")
        # Tens of minutes and of seconds; the rest of a time is its hour, checked once each.
        if max(joined[14::_TIME_WIDTH]) > 0x35 or max(joined[17::_TIME_WIDTH]) > 0x35:
            raise BadValueError("timestamp")
        hours = {time[:13] for time in times}
        if not hours <= self._good_hours:
            for hour in hours:
                self._check_hour(hour)

    def _check_hour(self, hour: bytes) -> None:
        """Raise BadValue unless every time within this hour is possible, and plausible where
        that matters.
        """
        if hour in self._good_hours:
            return
        parse_time(hour + b":00:00")
        first, last = self._rules.used_times
        if not first[:13] <= hour < last[:13]:
            raise BadValueError("timestamp")  # or just within the limits: row by row
        self._good_hours.add(hour)

    def _costs(
        self, columns: Columns, numbers: Mapping[str, Numbers]
    ) -> Tuple[Numbers, Sequence[bytes]]:
        """Return pico-dollars and how each cost came about."""
        cells = columns.numbers["cost_usd"]
        if cells is None:
            tokens = ([n or 0 for n in numbers[f"{kind}_tokens"]] for kind in ("input", "output"))
            priced = list(map(self._price, columns.texts[0], columns.texts[1], *tokens))
            return [cost for cost, _ in priced], [kind for _, kind in priced]
        joined = b",".join(cells)
        if _SIX_DECIMALS(joined):
            # Micro-dollars, widened while they are still text.
            digits = _PICO_PER_MICRO.join(cells).replace(b".", b"") + _PICO_PER_MICRO[:-1]
            costs: Numbers = list(map(int, digits.split(b",")))
        else:
            costs = [parse_money(cell, "cost_usd") for cell in cells]
        if 0 in costs:
            return costs, [PAID if cost else FREE for cost in costs]
        return costs, [PAID] * len(costs)

    # --- the way round doubtful lines --------------------------------------------------------

    def _careful(self, piece: bytes) -> Batch:
        """Return the calls of any block: plain lines by columns, the rest one by one."""
        plain: List[bytes] = []
        places: List[int] = []
        odd: List[Tuple[int, bytes]] = []
        for place, line in self._records(piece):
            if self._looks_plain(line):
                plain.append(line)
                places.append(place)
            else:
                odd.append((place, line))
        batch = self._encoder.batch_of((), self._cells)
        columns = self._columns(b"\n".join(plain) + b"\n", len(plain)) if plain else None
        if columns is not None:
            doubtful = self._doubtful(columns)
            odd += [(places[k], plain[k]) for k in sorted(doubtful)]
            fine = [k not in doubtful for k in range(len(plain))]
            if any(fine):
                batch = self._encode(_only(columns, fine))
            places = list(compress(places, fine))
        return self._with_singles(batch, places, sorted(odd))

    def _records(self, piece: bytes) -> Iterable[Tuple[int, bytes]]:
        """Return the records of a block, each with the place of its first line."""
        lines = piece.split(b"\n")[:-1]
        if not has_odd_line(piece):
            return enumerate(lines)
        spans = spans_of_records(lines, self._header.dialect)
        return [(start, b"\n".join(lines[start:end])) for start, end in spans]

    def _looks_plain(self, line: bytes) -> bool:
        return (
            line.count(self._delimiter) == self._header.width - 1
            and b'"' not in line
            and not line.translate(None, self._plain_bytes)
            and len(line) <= config.MAX_LINE_BYTES
            and line != self._header.line
            and bool(line)
        )

    def _doubtful(self, columns: Columns) -> Set[int]:
        """Return the rows of a block in which some value is not of the plainest form."""
        doubt: Set[int] = set()
        for name, shaped in _NUMBER_SHAPES.items():
            cells = columns.numbers[name]
            if cells is not None:
                doubt.update(k for k, cell in enumerate(cells) if not shaped(cell))
        for k, time in enumerate(columns.times):
            if not (_TIME(time) and self._is_good_hour(time[:13])):
                doubt.add(k)
        rows = list(zip(*columns.customers))
        bad = {key for key in set(rows) if not _accepts(self._encoder.customer_codes, key)}
        doubt.update(k for k, key in enumerate(rows) if key in bad)
        doubt.update(
            k
            for k, (provider, model) in enumerate(zip(*columns.texts[:2]))
            if not provider or not model
        )
        return doubt

    def _is_good_hour(self, hour: bytes) -> bool:
        try:
            self._check_hour(hour)
        except BadValueError:
            return False
        return True

    def _with_singles(self, batch: Batch, places: List[int], odd: List[Tuple[int, bytes]]) -> Batch:
        """Judge records one by one and put those that are calls where they stood in the file."""
        singles: List[Call] = []
        stood: List[int] = []
        for place, line in odd:
            call = self._single(line, self.accounts.lines + place + 1)
            if call is not None:
                singles.append(call)
                stood.append(place)
        if not singles:
            return batch._replace(places=places)
        both = batch.followed_by(self._encoder.batch_of(singles, self._cells))
        at = places + stood
        both = both._replace(places=at)
        return both.reordered(sorted(range(len(at)), key=at.__getitem__))

    def _single(self, line: bytes, number: int) -> Optional[Call]:
        """Return the call of one record; None, and counted, where it is none.

        `number` is that of its first line.
        """
        self.accounts.continuation += line.count(b"\n")
        if len(line) > config.MAX_LINE_BYTES:
            self.accounts.skip(TOO_LONG, number, line)
            return None
        line = line.rstrip(b"\r")
        if not line.strip():
            self.accounts.blank += 1
        elif line == self._header.line:
            self.accounts.repeated_headers += 1
        else:
            try:
                return self._parser.parse(line)
            except BadValueError as reason:
                if str(reason) == WRONG_WIDTH and line.startswith(b"#"):
                    self.accounts.comments += 1
                else:
                    self.accounts.skip(str(reason), number, line)
        return None


def _unreadable(skipped: Mapping[str, int]) -> int:
    """Return how many rows could not be read: a row of an implausible time could."""
    return sum(rows for reason, rows in skipped.items() if reason != IMPLAUSIBLE)


def _longest_line(piece: bytes) -> int:
    return max(map(len, piece.split(b"\n")))


def _numbers(cells: List[bytes], column: schema.Column) -> Numbers:
    """Return a column of plain numbers, its default where a value is missing."""
    if column.kind == "money":
        return [parse_money(cell, column.name) if cell else column.default for cell in cells]
    if _check_integers(cells, column.name, optional=not column.required):
        return list(map(int, cells))
    return [int(cell) if cell else column.default for cell in cells]


def _check_integers(cells: List[bytes], name: str, optional: bool) -> bool:
    """Return whether every cell has a number.

    Raises BadValue unless each cell is digits and not too many; none only where `optional`.
    """
    lengths = set(map(len, cells))
    joined = b"".join(cells)
    complete = 0 not in lengths
    if not (joined.isdigit() or (optional and not joined)) or max(lengths) > _DIGITS[name]:
        raise BadValueError(name)
    if not (complete or optional):
        raise BadValueError(name)
    return complete


def _only(columns: Columns, keep: List[bool]) -> Columns:
    def kept(cells: Any) -> Any:
        return None if cells is None else list(compress(cells, keep))

    return Columns(
        kept(columns.times),
        {name: kept(cells) for name, cells in columns.numbers.items()},
        [kept(cells) for cells in columns.customers],
        [kept(cells) for cells in columns.texts],
        [kept(cells) for cells in columns.further],
        {name: kept(cells) for name, cells in columns.cells.items()},
    )


def _accepts(codes: Dict[Any, int], key: Any) -> bool:
    try:
        codes[key]
    except BadValueError:
        return False
    return True
