"""Rows into an engine: plain ones by its own statement, all others by the local reader.

After this the engine has `finops_rows`, every row that may be a call, and the driver knows what
became of every other line.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Dict, Iterable, List, NamedTuple, Sequence, Set, Tuple

from finops import schema
from finops.engines.calls import ROW_COLUMNS, repeated_ids_sql, rows_sql
from finops.engines.dialect import Dialect
from finops.engines.engine import Engine
from finops.engines.odd_rows import (
    Line,
    OddRows,
    Row,
    refuse_records_of_lines,
    stretches_to_look_at,
)
from finops.engines.parsing import LINE, parsed
from finops.engines.prices import NUMBERS, TEXTS, Asked, asked_sql, day_of, price_rows
from finops.engines.sources import (
    Source,
    SourceFile,
    ends_with_newline,
    has_bare_returns,
    lines_of,
)
from finops.errors import DataError
from finops.reader.accounts import Accounts
from finops.reader.options import ReadingRules


class TakenIn(NamedTuple):
    """What became of lines that are no plain rows: accounts by file, whose `lines` are all lines
    behind the header; and whether some ids are there more than once.

    `missing` are by file the numbers of lines that the engine could not take in, `starts` what
    the numbers of its own begin with.
    """

    accounts: Dict[str, Accounts]
    missing: Dict[str, List[int]]
    starts: Dict[str, int]
    has_repeats: bool

    def number(self, source: Source, address: str, number: int) -> int:
        """Return the number behind the header of the line of a row in `finops_rows`."""
        (shifted,) = _shifted([number], self.missing.get(address, ()))
        return shifted - lines_before(source.file(address))

    def texts(
        self, engine: Engine, source: Source, address: str, numbers: Sequence[int]
    ) -> List[Tuple[int, bytes]]:
        """Return the lines of rows in `finops_rows`, with their numbers behind the header."""
        file = source.file(address)
        if file.path:
            wanted = _shifted(numbers, self.missing.get(address, ()))
            before = lines_before(file)
            return [(line.number - before, line.data) for line in lines_of(file, wanted)]
        own = ", ".join(str(number + self.starts[address]) for number in numbers)
        where = f"file = {engine.dialect.literal(address)} and n in ({own})"
        relation = source.groups[0].relation
        rows = engine.rows(f"select n, line from ({relation}) l where {where} order by n")
        return [
            (self.number(source, address, int(n) - self.starts[address]), str(line).encode("utf-8"))
            for n, line in rows
        ]


def take_in(engine: Engine, source: Source, rules: ReadingRules, most_rows: int) -> TakenIn:
    """Read all rows into `finops_rows`, and the files in their order into `finops_files`.

    Raises DataError where more than `most_rows` are not plain.
    """
    taken = _Intake(engine, source, rules, most_rows).run(with_said=False)
    if not any(True for _ in engine.rows(repeated_ids_sql())):
        return taken
    taken = _Intake(engine, source, rules, most_rows).run(with_said=True)
    return taken._replace(has_repeats=True)


class _Intake:
    """One reading of all rows."""

    def __init__(self, engine: Engine, source: Source, rules: ReadingRules, most_rows: int) -> None:
        self._engine = engine
        self._source = source
        self._rules = rules
        self._most_rows = most_rows
        self._files = {file.address: file for file in source.files}
        self._lines: Dict[str, int] = {}
        self._starts: Dict[str, int] = {}
        self._missing: Dict[str, List[int]] = defaultdict(list)

    def run(self, with_said: bool) -> TakenIn:
        """Read everything; return what became of the lines that the local reader judged."""
        engine = self._engine
        options = self._rules.options
        branches = [
            f"select * from ({parsed(engine.dialect, lines, options, with_said)}) branch"
            for lines in self._source.groups
        ]
        engine.keep_lines("finops_parsed", "\nunion all\n".join(branches))
        odd = self._odd_lines()
        readers = {file.address: self._read(file, odd[file.address]) for file in self._source.files}
        self._load_files()
        self._load_rows([self._own(row) for reader in readers.values() for row in reader.rows])
        engine.forget("finops_parsed")
        engine.forget("finops_odd_rows")
        for address, reader in readers.items():
            reader.accounts.lines = self._lines.get(address, 0)
        accounts = {address: reader.accounts for address, reader in readers.items()}
        return TakenIn(accounts, self._missing, self._starts, has_repeats=False)

    # --- odd lines -------------------------------------------------------------------------------

    def _odd_lines(self) -> Dict[str, List[Line]]:
        """Return by file the lines that are not plain, those of its header left out."""
        engine = self._engine
        bad = engine.bad_lines() if self._source.is_text else []
        counts = {f: (int(c), int(o)) for f, c, o in engine.rows(_COUNTS)}
        many = sum(of_file[1] for of_file in counts.values())
        if many > self._most_rows + sum(file.header.lines for file in self._source.files):
            raise DataError(
                f"{self._source.name}: {many:,} rows are not written plainly, more than"
                f" --max-rows {self._most_rows:,} that are read one by one; make a plain CSV of it"
                " with 'finops import', or a Parquet file"
            )
        rows: Dict[str, List[Tuple[int, str]]] = defaultdict(list)
        for file, n, line in engine.rows(_ODD):
            rows[file].append((int(n), str(line)))
        if not self._source.is_text:
            self._lines = {file: count for file, (count, _) in counts.items()}
            self._starts = dict.fromkeys(self._files, _FIRST_ROW)
            return {
                address: [
                    Line(n - _FIRST_ROW, text.encode("utf-8")) for n, text in rows.get(address, ())
                ]
                for address in self._files
            }
        for file, number in bad:
            self._missing[file].append(number)
        return self._numbered(rows, {f: count for f, (count, _) in counts.items()})

    def _numbered(
        self, rows: Dict[str, List[Tuple[int, str]]], counts: Dict[str, int]
    ) -> Dict[str, List[Line]]:
        """Return lines with their numbers in their files, those among them that an engine could
        not take in.
        """
        missing = self._missing
        numbered: Dict[str, List[Line]] = {}
        for address, file in self._files.items():
            odd = rows.get(address, [])
            count = counts.get(address, 0) + len(missing[address])
            before = lines_before(file)
            if file.path and (len(odd) > before or missing[address]) and has_bare_returns(file):
                missing[address], self._starts[address] = [], 0
                numbered[address] = self._all_lines(file)
                continue
            start = self._starts[address] = odd[0][0] - 1 if odd else 0
            numbers = _shifted([n - start for n, _ in odd], missing[address])
            lines = [Line(k, text.encode("utf-8")) for k, (_, text) in zip(numbers, odd)]
            lines = self._with_bytes(file, lines, missing[address])
            self._lines[address] = count - before
            self._refuse_records(file, lines, start)
            numbered[address] = [line for line in sorted(lines) if line.number > before]
        return numbered

    def _with_bytes(
        self, file: SourceFile, lines: List[Line], missing: Sequence[int]
    ) -> List[Line]:
        """Return lines, and those that are missing, with their bytes where they are no UTF-8."""
        spoilt = (
            {line.number for line in lines if _REPLACEMENT in line.data} if file.path else set()
        )
        if not (spoilt or missing):
            return lines
        if not file.path:  # what they say cannot be read any more
            return lines + [Line(number, _REPLACEMENT) for number in missing]
        others = [line for line in lines if line.number not in spoilt]
        return others + lines_of(file, [*spoilt, *missing])

    def _all_lines(self, file: SourceFile) -> List[Line]:
        """Return all lines of a file behind its header, of which the engine forgets the rows."""
        where = f"file <> {self._engine.dialect.literal(file.address)}"
        self._engine.keep("finops_others", f"select * from finops_parsed where {where}")
        self._engine.keep("finops_parsed", "select * from finops_others")
        self._engine.forget("finops_others")
        before = lines_before(file)
        lines = list(file.lines())
        if not lines[-1].data:
            lines.pop()
        self._lines[file.address] = len(lines) - before
        if len(lines) > self._most_rows:
            raise DataError(
                f"{file.name} has carriage returns within its lines; make a plain CSV of it with"
                " 'finops import'"
            )
        for opener, closer in stretches_to_look_at(lines):
            stretch = [line.data for line in lines[opener.number - 1 : closer.number]]
            refuse_records_of_lines(file.name, file.header, stretch)
        return lines[before:]

    def _refuse_records(self, file: SourceFile, lines: Sequence[Line], start: int) -> None:
        """Raise DataError where a record takes several lines."""
        for opener, closer in stretches_to_look_at(sorted(lines)):
            if file.path:
                numbers = range(opener.number, closer.number + 1)
                stretch = [line.data for line in lines_of(file, numbers)]
            else:
                between = f"n between {start + opener.number} and {start + closer.number}"
                relation = self._source.groups[0].relation
                found = self._engine.rows(
                    f"select line from ({relation}) l where {between} order by n"
                )
                stretch = [str(row[0]).encode("utf-8") for row in found]
            refuse_records_of_lines(file.name, file.header, stretch)

    def _read(self, file: SourceFile, lines: List[Line]) -> OddRows:
        """Judge the odd lines of a file."""
        reader = OddRows(file.address, file.header, self._rules)
        if self._source.is_text and lines and file.path:
            before = lines_before(file)
            is_last = lines[-1].number == self._lines[file.address] + before
            if is_last and not ends_with_newline(file):
                reader.read(lines[:-1])
                reader.read_tail(lines[-1])
                return reader
        reader.read(lines)
        return reader

    # --- rows ------------------------------------------------------------------------------------

    def _own(self, row: Row) -> Row:
        """Return a row with the number that the engine would have given it."""
        file, number, *values = row
        missing = self._missing.get(file)
        return (file, number - sum(k < number for k in missing), *values) if missing else row

    def _load_files(self) -> None:
        text = self._engine.dialect.text
        files = [file.address for file in self._ordered()]
        columns = [("file", text), ("file_number", "int"), ("start", "bigint")]
        rows = [(file, number, self._starts[file]) for number, file in enumerate(files)]
        self._engine.load("finops_files", columns, rows)

    def _ordered(self) -> Sequence[SourceFile]:
        """Return the files in the order of their first times."""
        if self._source.in_order:
            return self._source.files
        firsts = dict(self._engine.rows(_FIRST_TIMES))
        return sorted(self._source.files, key=lambda f: (firsts.get(f.address, 1 << 62), f.address))

    def _load_rows(self, odd_rows: List[Row]) -> None:
        engine = self._engine
        day = day_of(engine.dialect, self._rules.prices, "us")
        asked = [
            Asked(str(provider), str(model), str(tier), int(number))
            for provider, model, tier, number in engine.rows(asked_sql(day))
        ]
        if asked:
            columns = [(name, engine.dialect.text) for name in TEXTS]
            columns += [(name, engine.dialect.big) for name in NUMBERS]
            prices = price_rows(self._rules.prices, asked)
            engine.load("finops_prices", columns, [(*row.texts, *row.numbers) for row in prices])
        rows = rows_sql(engine.dialect, day.replace("us", "r.us"), bool(asked))
        if odd_rows:
            engine.load("finops_odd_rows", row_types(engine.dialect), odd_rows)
            listed = ", ".join(f"o.{name}" for name in ROW_COLUMNS)
            rows += (
                f"\nunion all select f.file_number, {listed}"
                " from finops_odd_rows o join finops_files f on f.file = o.file"
            )
        engine.keep("finops_rows", rows)


# Rows without lines are numbered as those behind a header of one line.
_FIRST_ROW = -2
# What an engine puts in the place of bytes that are no UTF-8.
_REPLACEMENT = "\ufffd".encode("utf-8")
_COUNTS = f"select file, count(*), count({LINE}) from finops_parsed group by file"
_ODD = f"select file, n, {LINE} from finops_parsed where {LINE} is not null order by file, n"
_FIRST_TIMES = f"select file, min(us) from finops_parsed where {LINE} is null group by file"


def lines_before(file: SourceFile) -> int:
    """Return how many lines of a file stand before its rows."""
    return file.header.blank + file.header.comments + file.header.lines


def row_types(dialect: Dialect) -> List[Tuple[str, str]]:
    """Return the columns of rows with their types."""
    money: Set[str] = {c.name for c in schema.NUMBERS if c.kind == "money"}
    money |= {"cost", "tier_price_usd"}
    whole: Set[str] = {c.name for c in schema.NUMBERS} - money | {"n", "us"}
    return [
        (name, dialect.big if name in money else "bigint" if name in whole else dialect.text)
        for name in ROW_COLUMNS
    ]


def _shifted(numbers: Iterable[int], missing: Sequence[int]) -> List[int]:
    """Return the numbers of lines among which some are missing, as if these were there.

    >>> _shifted([1, 2, 3], [2])
    [1, 3, 4]
    """
    shifted: List[int] = []
    gone = sorted(missing)
    place = 0
    for number in numbers:
        while place < len(gone) and gone[place] <= number + place:
            place += 1
        shifted.append(number + place)
    return shifted
