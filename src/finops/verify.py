"""Checking a dataset: structure, rows, what would be skipped and why, the commit mark.

The file is read exactly as the analyses read it, so what is said here holds for the reports.
Nothing is changed; what an interrupted writer left is repaired by the next `generate`.
"""

from __future__ import annotations

import os
from typing import Any, List, NamedTuple, Optional, Tuple

from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Accounting, Rollups, Skipped
from finops.storage.commit import CommitRecord, commit_path, read_commit

SHOWN_LINES = 5


class Verification(NamedTuple):
    """What was found, line by line, and what is wrong: no `faults`, no trouble."""

    lines: List[str]
    faults: List[str]


def verify(path: Any, workers: Optional[int] = None, progress: Any = None) -> Verification:
    """Read the whole file and return what is in it.

    Raises DataError where the file as a whole cannot be read.
    """
    before = read_commit(path)
    data = open_dataset(path, workers=workers, progress=progress).rollups(())
    after = read_commit(path)
    said, faults = _of_mark(path, data, after)
    if before is None or before != after:
        faults = [f for f in faults if f is not _ROWS_DIFFER]  # somebody is writing just now
    if not data.accounting.balanced:
        faults.append("the lines do not add up; this is a defect of this program")
    return Verification([*_of_rows(data), *said], faults)


def _of_rows(data: Rollups) -> List[str]:
    accounting, totals = data.accounting, data.totals
    lines = [
        f"{data.file.name}: {_size_of(data)}{totals.calls:,} calls",
        f"period: {data.period.start or 'no calls'}"
        + (f" to {data.period.end}" if data.period.end else ""),
        _sum_of(accounting),
    ]
    for skipped in accounting.skipped:
        lines.append(f"  skipped {skipped.rows:,}: {skipped.reason} ({_where(skipped)})")
    if totals.unpriced:
        lines.append(f"  {totals.unpriced:,} calls have neither a cost nor a known price")
    return [*lines, *(f"note: {note}" for note in accounting.notes)]


def _size_of(data: Rollups) -> str:
    return "" if data.file.size_bytes is None else f"{data.file.size_bytes:,} bytes, "


def _where(skipped: Skipped) -> str:
    """Return the first lines of the rows of one reason; of a source without lines, the rows."""
    shown = skipped.places[:SHOWN_LINES]
    more = ", …" if skipped.rows > SHOWN_LINES else ""
    if any(place.line is None for place in shown):
        return "; ".join(f"{place.file}: {place.text}" for place in shown) + more
    return "line " + ", ".join(str(place.line) for place in shown) + more


def _sum_of(accounting: Accounting) -> str:
    return (
        f"lines: {accounting.lines:,} = {accounting.header} header + {accounting.used:,} used"
        f" + {accounting.skipped_rows:,} skipped + {accounting.repeated_headers:,} repeated headers"
        f" + {accounting.blank:,} blank + {accounting.incomplete_tail} incomplete tail"
    )


_ROWS_DIFFER = "the commit mark counts other rows than the file holds"


def _of_mark(path: Any, data: Rollups, mark: Optional[CommitRecord]) -> Tuple[List[str], List[str]]:
    """Return what the mark says, and where the file contradicts it."""
    if mark is None:
        return _without_mark(path)
    size = os.stat(path).st_size
    if size < mark.end:
        lost = mark.end - size
        return [], [f"{lost:,} committed bytes are missing at the end; 'generate' repairs the file"]
    said = [f"commit mark: {mark.rows:,} rows in {mark.end:,} bytes are committed"]
    if mark.pending is not None:
        said.append(
            f"  a batch of {mark.pending.rows:,} rows is being written, or its writer was killed;"
            " the next 'generate' keeps it if it is whole, else moves it aside"
        )
    elif size > mark.end:
        said.append(f"  {size - mark.end:,} bytes behind it were appended by another program")
    accounting = data.accounting
    rows = accounting.lines - accounting.header - accounting.incomplete_tail
    if data.file.size_bytes == mark.end and rows != mark.rows:
        return said, [_ROWS_DIFFER]
    return said, []


def _without_mark(path: Any) -> Tuple[List[str], List[str]]:
    beside = commit_path(path)
    if not beside.exists():
        return ["commit mark: none; the file was not written by this program"], []
    return [], [f"{beside.name} is damaged or belongs to another file; delete it to go on"]
