"""The CSV of calls that imports write: read and written in order of time, a row at a time."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Iterable, Iterator, List, TextIO

from finops.errors import DataError
from finops.importers.call import COLUMNS, Record
from finops.regular_files import open_regular

_HEADER = ",".join(COLUMNS)
_COMMAS = len(COLUMNS) - 1


def read_calls(path: Path) -> Iterator[Record]:
    """Yield the rows of a CSV that an import wrote.

    Raises DataError where the file is another one, OSError where it cannot be read.
    """
    with open_regular(path) as stream:
        lines = io.TextIOWrapper(stream, "utf-8", errors="replace", newline="")
        if lines.readline().rstrip("\r\n") != _HEADER:
            raise DataError(f"{path} was not made by 'finops import'; give another file to --out")
        for number, line in enumerate(lines, 2):
            yield _record(line, path, number)


def _record(line: str, path: Path, number: int) -> Record:
    cells = _cells(line)
    if len(cells) != len(COLUMNS):
        raise DataError(
            f"{path} line {number}: {len(cells)} columns instead of {len(COLUMNS)};"
            " give another file to --out, or start anew with --fresh"
        )
    return Record(*cells)


def _cells(line: str) -> List[str]:
    if '"' not in line:
        return line.rstrip("\r\n").split(",")
    try:
        return next(csv.reader([line]))
    except csv.Error:
        return []


def write_calls(records: Iterable[Record], stream: TextIO) -> None:
    """Write the header and the rows."""
    writer = csv.writer(stream, lineterminator="\n")
    stream.write(_HEADER + "\n")
    for record in records:
        line = ",".join(record)
        if '"' in line or line.count(",") != _COMMAS:
            writer.writerow(record)
        else:
            stream.write(line + "\n")
