"""The CSV of calls that imports write: rows in order of time, then of ids, one a line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import BinaryIO, Iterable, Iterator, List, NamedTuple, Sequence

from finops.errors import DataError
from finops.importers.call import COLUMNS, Record, cells_of
from finops.regular_files import open_regular

HEADER = ",".join(COLUMNS) + "\n"
_COMMAS = len(COLUMNS) - 1
_BLOCK_BYTES = 1 << 18


class Block(NamedTuple):
    """Some lines of the CSV: the bytes from `start` on, and their texts without ends.

    `keys`: the place of each line in the order of the CSV, see `key_of`.  `is_as_written`:
    whether an import wrote these very bytes.
    """

    start: int
    content: bytes
    lines: List[str]
    keys: List[str]
    is_as_written: bool


def key_of(text: str) -> str:
    """Return the place of a row's text in the order of the CSV: its time, then its id.

    A time has always as many characters, so that keys sort as both do.
    """
    cells = cells_of(text, 2)
    return f"{cells[0]},{cells[1]}"


def id_in(key: str) -> str:
    """Return the id of the call at a place."""
    return key[key.find(",") + 1 :]


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield the lines of a CSV that an import wrote, some at a time.

    Raises DataError where the file is another one, OSError where it cannot be read.
    """
    with open_regular(path) as stream:
        if stream.readline().decode("utf-8", "replace").rstrip("\r\n") != HEADER.rstrip("\n"):
            raise DataError(f"{path} was not made by 'finops import'; give another file to --out")
        number = 2
        while True:
            start = stream.tell()
            content = stream.read(_BLOCK_BYTES)
            if not content:
                return
            block = block_of(start, content + stream.readline(), path, number)
            yield block
            number += len(block.lines)


def block_of(start: int, content: bytes, path: Path, number: int = 0) -> Block:
    """Return lines as a block; the first one has this number.  Raises DataError."""
    text = content.decode("utf-8", "replace")
    lines = text.split("\n")
    is_whole = not lines[-1]
    if is_whole:
        lines.pop()
    if '"' in text or "\r" in text or {line.count(",") for line in lines} != {_COMMAS}:
        lines = [line.rstrip("\r") for line in lines]
        keys = [_checked_key(line, path, place) for place, line in enumerate(lines, number)]
    else:
        keys = [line[: line.find(",", line.find(",") + 1)] for line in lines]
    return Block(start, content, lines, keys, is_whole and "\r" not in text)


def _checked_key(line: str, path: Path, number: int) -> str:
    cells = cells_of_line(line)
    if len(cells) != len(COLUMNS):
        raise DataError(
            f"{path} line {number}: {len(cells)} columns instead of {len(COLUMNS)};"
            " give another file to --out, or start anew with --fresh"
        )
    return f"{cells[0]},{cells[1]}"


def cells_of_line(line: str) -> List[str]:
    """Return the cells of a line, [] where it is none."""
    if '"' not in line:
        return line.split(",")
    try:
        return next(csv.reader([line]))
    except csv.Error:
        return []


def read_calls(path: Path) -> Iterator[Record]:
    """Yield the rows of a CSV that an import wrote.  Raises DataError and OSError."""
    for block in read_blocks(path):
        for line in block.lines:
            yield Record(*cells_of_line(line))


def write_calls(pieces: Iterable[bytes], stream: BinaryIO) -> None:
    """Write the header and the lines."""
    stream.write(HEADER.encode("ascii"))
    for piece in pieces:
        stream.write(piece)


def line_of(cells: Sequence[str]) -> str:
    """Return the line of a row, with its end."""
    line = ",".join(cells)
    if '"' not in line and line.count(",") == _COMMAS:
        return line + "\n"
    quoted = io.StringIO()
    csv.writer(quoted, lineterminator="\n").writerow(cells)
    return quoted.getvalue()
