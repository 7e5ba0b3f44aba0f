"""Which format a file is of: by the keys of its first record that any format knows.

A key counts wherever it stands in a record, and however long a prompt stands before it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import List, NamedTuple, Optional, Tuple

from finops.errors import DataError
from finops.importers import all_formats
from finops.importers.base import Format, shown_names
from finops.importers.json_records import json_records
from finops.importers.kinds import is_database, is_table
from finops.importers.sources import READ_ERRORS, Source
from finops.importers.table_records import header_of
from finops.importers.tally import Tally
from finops.importers.values import Fields, RejectedError, as_text

# A session of a coding agent may begin with many lines that say nothing of its format.
_LOOKED_AT_RECORDS = 1000
_PHOENIX = "spans of Phoenix or of a console exporter are not read: export them as OTLP"


class Match(NamedTuple):
    """The formats that fit a file, and the keys that it was judged by."""

    formats: Tuple[Format, ...]
    keys: Tuple[str, ...]


def detect(source: Source) -> Format:
    """Return the format of a file.

    Raises DataError where none fits or several do, naming the keys, and OSError where the file
    cannot be read.
    """
    match = match_of(source)
    if len(match.formats) == 1:
        return match.formats[0]
    keys = shown_names(match.keys)
    if match.formats:
        several = " and ".join(format.id for format in match.formats)
        raise DataError(f"{source.label} may be {several} (keys: {keys}); name the format")
    raise DataError(
        f"{source.label} is of no known format (keys: {keys}); 'finops list formats' lists them,"
        " and 'finops import csv FILE --map FIELD=COLUMN,…' reads any table"
    )


def match_of(source: Source, formats: Optional[Tuple[Format, ...]] = None) -> Match:
    """Return which of some formats fit a file, or which of all.

    Raises OSError, and DataError for a file that is refused.
    """
    formats = all_formats() if formats is None else formats
    try:
        if is_database(source):
            return _of_database(source, formats)
        if is_table(source):
            names = header_of(source)
            known = frozenset(names)
            return Match(tuple(f for f in formats if f.recognizes_columns(known)), tuple(names))
        return _of_records(source, formats)
    except READ_ERRORS as error:
        raise DataError(f"cannot read {source.label}: {error}") from None


def _of_records(source: Source, wanted: Tuple[Format, ...]) -> Match:
    first: Tuple[str, ...] = ()
    for number, item in enumerate(json_records(source, Tally())):
        if number == _LOOKED_AT_RECORDS:
            break
        first = first or _keys(item.fields)
        formats = tuple(format for format in wanted if _recognizes(format, item.fields))
        if formats:
            return Match(formats, _keys(item.fields))
        if _is_phoenix(item.fields):
            raise DataError(f"{source.label}: {_PHOENIX}")
    return Match((), first)


def _recognizes(format: Format, record: Fields) -> bool:
    try:
        return format.recognizes(record)
    except RejectedError:
        return False


def _keys(record: Fields) -> Tuple[str, ...]:
    return tuple(as_text(name) for name in record)


def _is_phoenix(record: Fields) -> bool:
    context = record.value("context")
    return isinstance(context, dict) and "trace_id" in context and "attributes" in record


def _of_database(source: Source, wanted: Tuple[Format, ...]) -> Match:
    tables = frozenset(tables_of(source))
    formats = tuple(format for format in wanted if format.recognizes_database(tables))
    return Match(formats, tuple(sorted(tables)))


def tables_of(source: Source) -> List[str]:
    """Return the names of the tables of a database, [] where it cannot be read."""
    try:
        with closing(open_database(source)) as database:
            rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            return [as_text(name) for (name,) in rows]
    except sqlite3.Error:
        return []


def open_database(source: Source) -> sqlite3.Connection:
    """Open a database for reading only; the newest rows may be in its write-ahead log.

    Raises sqlite3.Error.
    """
    return sqlite3.connect(f"{Path(source.path).absolute().as_uri()}?mode=ro", uri=True)
