"""What a location means to an engine: lines of CSV files, Parquet files, or a table."""

from __future__ import annotations

import csv
import gzip
import io
import os
from pathlib import Path
from typing import BinaryIO, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, cast

from finops.business.catalog import PriceTable
from finops.context import RunContext
from finops.engines.dialect import Dialect
from finops.engines.engine import Columns, Engine
from finops.engines.odd_rows import Line
from finops.engines.parsing import Lines
from finops.errors import DataError
from finops.locations import STANDARD_INPUT, is_elsewhere, name_of
from finops.locations import TABLE as TABLE_PREFIX
from finops.reader.containers import UTF_8
from finops.reader.event_log import Event, events_beside, read_events
from finops.reader.header import Header, read_header
from finops.reader.layout import FileLayout, latest_plausible
from finops.reader.options import ReadingOptions
from finops.reader.sources import Locations
from finops.regular_files import open_regular
from finops.rollups.file_scan import ScanSettings
from finops.rollups.file_set import FileSet
from finops.rollups.planner import Plan
from finops.storage.truth import read_truth

CSV, PARQUET, TABLE = FORMATS = ("csv", "parquet", "table")
_PARQUET_SUFFIXES = (".parquet", ".pq")
_FIRST_LINES = 30  # among which the header of a file elsewhere has to be


class SourceFile(NamedTuple):
    """One file, or one table: its address, what to call it, where its columns are, and notes.

    `path` is that on this machine, "" where it is elsewhere or has no lines.
    """

    address: str
    name: str
    header: Header
    notes: Sequence[str]
    path: str = ""
    compressed: bool = False

    def lines(self) -> Iterator[Line]:
        """Yield the lines of a file on this machine; the last one may be empty."""
        with self._opened() as stream:
            number, data = 0, b"\n"
            for number, data in enumerate(stream, 1):
                yield Line(number, data[:-1] if data.endswith(b"\n") else data)
            if data.endswith(b"\n"):
                yield Line(number + 1, b"")

    def _opened(self) -> BinaryIO:
        if self.compressed:
            return cast(BinaryIO, gzip.open(self.path, "rb"))
        return open_regular(self.path)


class Source(NamedTuple):
    """All that is read together.

    `is_text`: it has lines; else rows, whose numbers say nothing.  `latest` is the last time that
    is plausible, `size` bytes, None where it is not given; `notes` are on what was left out.
    """

    name: str
    files: Sequence[SourceFile]
    groups: Sequence[Lines]
    latest: bytes
    is_text: bool
    size: Optional[int] = None
    notes: Sequence[str] = ()
    # Files on this machine are in the order of time already.
    in_order: bool = True
    single_path: str = ""
    beside: Optional[Path] = None  # where its events are expected

    def file(self, address: str) -> SourceFile:
        """Return a file by its address."""
        return next(file for file in self.files if file.address == address)

    def truth(self) -> Optional[Dict[str, object]]:
        """Return which incidents the simulator planted, None where it is not known."""
        return read_truth(self.single_path) if self.single_path else None

    def events(self) -> Sequence[Event]:
        """Return the events of the file beside the data, none where there is no such file.

        Raises DataError where it cannot be read.
        """
        return read_events(self.beside) if self.beside and self.beside.is_file() else []


class Opening(NamedTuple):
    """How data is opened: as for a scan, and in which format, "" for what its name says."""

    prices: PriceTable
    options: ReadingOptions
    context: RunContext
    format: str = ""


def open_source(engine: Engine, locations: Sequence[str], opening: Opening) -> Source:
    """Return what locations stand for; raises DataError where an engine cannot read it."""
    formats = {opening.format or format_of(location) for location in locations}
    if len(formats) > 1 or (formats != {CSV} and len(locations) > 1):
        raise DataError("an engine reads one --data of Parquet or of a table, or CSV files alone")
    if formats == {CSV}:
        if any(map(is_elsewhere, locations)):
            return _text_elsewhere(engine, locations, opening)
        return _text_here(engine, locations, opening)
    (location,) = locations
    if formats == {PARQUET}:
        pattern = _parquet_pattern(location)
        return _columns_source(engine.dialect, engine.parquet(pattern), location, opening)
    name = location[len(TABLE_PREFIX) :] if location.startswith(TABLE_PREFIX) else location
    return _columns_source(engine.dialect, engine.table(name), name, opening)


def format_of(location: str) -> str:
    """Return the format that a location says.

    >>> format_of("s3://b/calls/**/*.parquet"), format_of("table:lake.calls"), format_of("a.csv.gz")
    ('parquet', 'table', 'csv')
    """
    if location.startswith(TABLE_PREFIX):
        return TABLE
    if location.lower().endswith(_PARQUET_SUFFIXES):
        return PARQUET
    if os.path.isdir(location) and any(
        name.lower().endswith(_PARQUET_SUFFIXES) for name in os.listdir(location)
    ):
        return PARQUET
    return CSV


def _parquet_pattern(location: str) -> str:
    return os.path.join(location, "*.parquet") if os.path.isdir(location) else location


# --- lines ---------------------------------------------------------------------------------------


def _text_here(engine: Engine, locations: Sequence[str], opening: Opening) -> Source:
    if STANDARD_INPUT in locations:
        raise DataError("an engine reads files, not standard input; give the path of a CSV file")
    found = Locations(locations)
    settings = ScanSettings(Plan(()), opening.prices, opening.options, opening.context)
    files = FileSet(found.files(), settings, None)
    made = [_file_of(layout) for layout in files.layouts]
    return Source(
        files.name,
        made,
        _groups(engine, made),
        files.rules.latest,
        is_text=True,
        size=files.size,
        notes=files.notes,
        single_path=found.first if found.is_single_file else "",
        beside=events_beside(found.first) if found.is_single_path else None,
    )


def _file_of(layout: FileLayout) -> SourceFile:
    """Return a file; raises DataError where it is no plain CSV."""
    name, header = layout.name, layout.header
    if layout.container.encoding != UTF_8:
        raise DataError(_other_kind(name, "is not in UTF-8"))
    if header.delimiter != b",":
        raise DataError(_other_kind(name, "has no commas between its fields"))
    if os.path.getsize(layout.path) > layout.size:
        raise DataError(f"{name} is being written; try again when that has ended")
    return SourceFile(
        layout.path, name, header, layout.notes, layout.path, layout.container.compressed
    )


def _other_kind(name: str, why: str) -> str:
    return (
        f"{name} {why}; engines read plain CSV lines, so make some of it with 'finops import', or"
        " a Parquet file"
    )


def _groups(engine: Engine, files: Sequence[SourceFile]) -> List[Lines]:
    """Return the lines of files, those together that have their columns at the same places."""
    alike: Dict[object, List[SourceFile]] = {}
    for file in files:
        header = file.header
        places = tuple(sorted(header.positions.items()))
        alike.setdefault((places, header.width, header.currency, file.compressed), []).append(file)
    return [
        _lines(engine, group[0].header, [f.address for f in group], group[0].compressed)
        for group in alike.values()
    ]


def _lines(engine: Engine, header: Header, addresses: Sequence[str], compressed: bool) -> Lines:
    """Return the lines of files that have one header."""
    text = engine.text(addresses, compressed)
    return Lines(header, text.relation, unnumbered=text.unnumbered)


def _text_elsewhere(engine: Engine, locations: Sequence[str], opening: Opening) -> Source:
    """Return CSV files in an object store; they have one header, that of the first of them."""
    addresses = [address for location in locations for address in engine.matching(location)]
    if not addresses:
        raise DataError(f"no file matches {locations[0]}; give the address of CSV files")
    compressed = addresses[0].endswith(".gz")
    first = engine.text(addresses[:1], compressed).relation
    lines = [str(row[2]) for row in engine.rows(f"{first} limit {_FIRST_LINES}")]
    engine.bad_lines()
    text = "".join(line + "\n" for line in lines).encode("utf-8")
    header = read_header(io.BytesIO(text), name_of(addresses[0]), opening.options)
    if header.delimiter != b",":
        raise DataError(_other_kind(name_of(addresses[0]), "has no commas between its fields"))
    files = [SourceFile(a, name_of(a), header, header.notes) for a in addresses]
    return Source(
        _name_of_all(addresses),
        files,
        [_lines(engine, header, addresses, compressed)],
        latest_plausible(opening.context),
        is_text=True,
        in_order=False,
    )


def _name_of_all(addresses: Sequence[str]) -> str:
    first, others = name_of(addresses[0]), len(addresses) - 1
    return f"{first} and {others} more file{'s' * (others > 1)}" if others else first


# --- columns -------------------------------------------------------------------------------------


def _columns_source(dialect: Dialect, columns: Columns, location: str, opening: Opening) -> Source:
    """Return typed columns as rows of texts, which are read by the rules for lines."""
    header = header_of(columns.names, location, opening.options)
    relation = typed_relation(dialect, columns)
    files = [SourceFile(file, name_of(file), header, header.notes) for file in columns.files]
    return Source(
        _name_of_all(columns.files),
        files,
        [Lines(header, relation, typed=True)],
        latest_plausible(opening.context),
        is_text=False,
        size=columns.size,
        in_order=False,
    )


def header_of(names: Sequence[str], location: str, options: ReadingOptions) -> Header:
    """Return the header of a table with these columns; raises DataError as for a file."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow(names)
    text = buffer.getvalue().encode("utf-8")
    return read_header(io.BytesIO(text), name_of(location), options)


def typed_relation(dialect: Dialect, columns: Columns) -> str:
    """Return the SQL of rows with the texts of their columns, and all of these as one line."""
    texts = [
        f"coalesce(cast({dialect.identifier(name)} as {dialect.text}), '')"
        for name in columns.names
    ]
    fields = [
        f"case when contains({text}, '\"') or contains({text}, ',')"
        f" then concat('\"', replace({text}, '\"', '\"\"'), '\"') else {text} end"
        for text in texts
    ]
    line = "concat(" + ", ',', ".join(fields) + ")"
    listed = dialect.list_of(texts)
    return f"select file, n, {line} as line, {listed} as f from ({columns.relation}) columns_given"


def ends_with_newline(file: SourceFile) -> bool:
    """Return whether the last line of a file on this machine has an end."""
    last = b"\n"
    for line in file.lines():
        last = line.data
    return last == b""


def has_bare_returns(file: SourceFile) -> bool:
    """Return whether a file on this machine has a carriage return within a line."""
    return any(b"\r" in _without_return(line.data) for line in file.lines())


def _without_return(data: bytes) -> bytes:
    return data[:-1] if data.endswith(b"\r") else data


def lines_of(file: SourceFile, numbers: Iterable[int]) -> List[Line]:
    """Return some lines of a file on this machine."""
    wanted = set(numbers)
    return [line for line in file.lines() if line.number in wanted]
