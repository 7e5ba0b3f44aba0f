"""CSV as we write it for other programs: lines end with a line feed, odd cells are quoted."""

from __future__ import annotations

import csv
from typing import Iterable, TextIO

_END = "\r\n"


class CsvLines:
    r"""Rows written to a stream as CSV.

    A cell with a bare carriage return is quoted, which `csv.writer` does before Python 3.10 only
    where that is part of the end of a line; a spreadsheet would end the row there.

    >>> import io
    >>> stream = io.StringIO()
    >>> CsvLines(stream).writerow(["a\rb", 1])
    >>> stream.getvalue()
    '"a\rb",1\n'
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._writer = csv.writer(self, lineterminator=_END)

    def writerow(self, cells: Iterable[object]) -> None:
        """Write a row."""
        self._writer.writerow(cells)

    def write(self, line: str) -> None:
        """Write a line that ends as the writer made it."""
        self._stream.write(line[: -len(_END)] + "\n")
