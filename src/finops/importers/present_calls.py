"""The CSV of an earlier import, and what becomes of it: lines that do not change are copied.

It is looked through once for the calls that were read again and for their relatives, and copied
once, with the rows that are new in their places.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Iterable, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from finops.errors import DataError
from finops.importers import find_format
from finops.importers.base import Format
from finops.importers.call import Record, cells_of
from finops.importers.calls_csv import (
    Block,
    block_of,
    cells_of_line,
    id_in,
    key_of,
    line_of,
    read_blocks,
)
from finops.importers.index import CallIndex
from finops.importers.totals import Totals
from finops.regular_files import open_regular

_ROWS_AT_A_TIME = 1000


class _Seen(NamedTuple):
    """Where a block of lines is, its first place, and whether it can be copied as it is."""

    start: int
    end: int
    first_key: str
    is_settled: bool


class PresentCalls:
    """The rows of a CSV that an import wrote before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._blocks: List[_Seen] = []
        # Whether the sums that were given to `changed` are exact.
        self.has_exact_totals = True

    def take_in(self, index: CallIndex) -> None:
        """Add the rows to the index that what was read may change.

        Raises DataError where the CSV is none of an import, or not in order.
        """
        index.prepare_for_rows()
        marks = [(_format(name), marks) for name, marks in index.family_marks().items()]
        last = ""
        for block in read_blocks(self._path):
            keys = [last, *block.keys]
            if any(map(str.__gt__, keys, block.keys)):
                raise DataError(f"{self._path} is not in order of time; start anew with --fresh")
            last = keys[-1]
            places = _candidates(block, index, marks)
            for place in sorted(places):
                record = Record(*cells_of_line(block.lines[place]))
                family = _family(record)
                if index.concerns(record.call_id, family):
                    index.take_in(record, family)
            end = block.start + len(block.content)
            is_settled = block.is_as_written and not places
            self._blocks.append(_Seen(block.start, end, keys[1], is_settled))

    def changed(self, index: CallIndex, totals: Totals) -> Iterator[bytes]:
        """Yield the lines of the CSV as the index changes it, and `totals` with them."""
        new = _Rows(index.in_order())
        with open_regular(self._path) as stream:
            for number, seen in enumerate(self._blocks):
                following = self._blocks[number + 1 :][:1]
                rows = new.before(following[0].first_key if following else None)
                stream.seek(seen.start)
                content = stream.read(seen.end - seen.start)
                if seen.is_settled and not rows:
                    yield content
                else:
                    block = block_of(seen.start, content, self._path)
                    yield from self._mixed(block, rows, index, totals)
        yield from added(new.before(None), totals)

    def _mixed(
        self, block: Block, rows: Sequence[str], index: CallIndex, totals: Totals
    ) -> Iterator[bytes]:
        lines = []
        for key, line in zip(block.keys, block.lines):
            if index.leaves_out(id_in(key)):
                self.has_exact_totals &= totals.remove(cells_of_line(line))
            else:
                lines.append((key, f"{line}\n"))
        cells = [cells_of(text) for text in rows]
        totals.add_all(cells)
        lines += [(f"{row[0]},{row[1]}", line_of(row)) for row in cells]
        lines.sort()
        yield "".join(line for _, line in lines).encode("utf-8")


class _Rows:
    """Rows in order, taken up to a place."""

    def __init__(self, texts: Iterator[str]) -> None:
        self._texts = texts
        self._next: Optional[str] = next(texts, None)

    def before(self, key: Optional[str]) -> List[str]:
        """Return the rows that are left before a place, all without one."""
        rows: List[str] = []
        while self._next is not None and (key is None or key_of(self._next) < key):
            rows.append(self._next)
            self._next = next(self._texts, None)
        return rows


def added(texts: Iterable[str], totals: Totals) -> Iterator[bytes]:
    """Yield the lines of rows that are in order, and take them into account."""
    remaining = iter(texts)
    while True:
        rows = [cells_of(text) for text in islice(remaining, _ROWS_AT_A_TIME)]
        if not rows:
            return
        totals.add_all(rows)
        yield "".join(map(line_of, rows)).encode("utf-8")


def counted(pieces: Iterable[bytes], totals: Totals) -> Iterator[bytes]:
    """Yield lines of the CSV, and take them into account."""
    for piece in pieces:
        lines = piece.decode("utf-8", "replace").split("\n")
        totals.add_all([cells_of_line(line) for line in lines if line])
        yield piece


def totals_of(path: Path) -> Totals:
    """Return the sums over the rows of a CSV.  Raises DataError and OSError."""
    totals = Totals()
    for block in read_blocks(path):
        totals.add_all([cells_of_line(line) for line in block.lines])
    return totals


def _candidates(
    block: Block, index: CallIndex, marks: Sequence[Tuple[Format, Set[str]]]
) -> Set[int]:
    """Return the places of the lines that may be calls of the index, or relatives of such."""
    ids = list(map(id_in, block.keys))
    if not index.is_at_hand:
        return set(range(len(ids)))
    places: Set[int] = set()
    if index.holds_any(ids):
        places.update(place for place, call_id in enumerate(ids) if index.holds(call_id))
    for format, wanted in marks:
        of_lines = format.family_marks(block.keys)
        places.update(place for place, mark in enumerate(of_lines) if mark in wanted)
    return places


def _format(name: str) -> Format:
    format = find_format(name)
    assert format is not None  # an index has calls of formats only
    return format


def _family(record: Record) -> str:
    format = find_format(record.source)
    return "" if format is None else format.family(record)
