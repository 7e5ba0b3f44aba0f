"""CSV and other delimited text as records, by the names of the columns."""

from __future__ import annotations

import csv
import io
from typing import BinaryIO, Iterator, List, Tuple

from finops.importers.json_records import MAX_RECORD_BYTES, Item
from finops.importers.sources import READ_ERRORS, Source
from finops.importers.tally import Tally
from finops.importers.values import Fields

DELIMITERS = ",;\t|"
_LONGEST_HEADER = 1 << 20
_NO_SEPARATORS = {ord(mark): " " for mark in "\0\r\n"}


def header_of(source: Source) -> List[str]:
    """Return the names of the columns, [] where the first line names none.  Raises OSError."""
    with source.open() as stream:
        return _header(stream)[0]


def table_records(source: Source, tally: Tally) -> Iterator[Item]:
    """Yield the rows of a delimited file as fields by column name, all of them text.

    A row with fewer cells than columns lacks the last ones.  Raises OSError where the file
    cannot be opened.
    """
    csv.field_size_limit(MAX_RECORD_BYTES)
    try:
        with source.open() as stream:
            names, delimiter, before = _header(stream)
            rows = csv.reader(_lines(stream), delimiter=delimiter)
            yield from _rows(rows, names, before)
    except csv.Error:
        tally.reject(source.label, 0, "not a table")
    except READ_ERRORS:
        tally.reject(source.label, 0, "cannot be read to its end")


def _rows(rows: Iterator[List[str]], names: List[str], line: int) -> Iterator[Item]:
    start = line + 1
    for cells in rows:
        # `line_num` of the reader counts physical lines, of which a quoted cell may have several.
        following = line + 1 + getattr(rows, "line_num", 0)
        if any(cells):
            yield Item(start, Fields(dict(zip(names, cells))), "\x1f".join(cells))
        start = following


def _header(stream: BinaryIO) -> Tuple[List[str], str, int]:
    """Return the names of the columns, what separates them, and the number of their line."""
    line = ""
    number = 0
    while not line.strip():
        raw = stream.readline(_LONGEST_HEADER)
        if not raw:
            return [], ",", number
        number += 1
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
    delimiter = max(DELIMITERS, key=line.count)
    # What could end a line for csv has not ended this one.
    line = line.translate(_NO_SEPARATORS)
    try:
        cells = next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        cells = []  # a field longer than any name
    return [cell.strip() for cell in cells], delimiter, number


def _lines(stream: BinaryIO) -> Iterator[str]:
    text = io.TextIOWrapper(stream, "utf-8", errors="replace", newline="")
    for line in text:
        yield line.replace("\0", " ") if "\0" in line else line
