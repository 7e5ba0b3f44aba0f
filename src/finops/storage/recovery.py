"""What a killed writer, a full disk or a power cut left behind, put right before appending.

The rules, under the writer's lock: a pending batch that is there in full is kept; one that
is not is moved aside; whole lines that another program appended are adopted and never cut; a
missing or damaged mark is rebuilt from the lines themselves; and what an unclean end left
unflushed is looked through for damage.  Nothing is deleted: torn bytes go to `CSV.torn-N`.
"""

from __future__ import annotations

import os
import re
from typing import List, NamedTuple, Optional, Tuple

from finops import config
from finops.storage.commit import CommitRecord, head_hash, last_newline, read_commit, write_commit
from finops.storage.file_operations import NEW_FILE, Files
from finops.storage.pending import examine_tail, whole_lines
from finops.storage.sidecars import open_data

_PIECE = 1 << 20
_TIMESTAMP = re.compile(rb"[ -~]{1,40}").fullmatch


class Recovered(NamedTuple):
    """The mark to go on from, and sentences on what was repaired.

    `rebuilt`: there was no usable mark, so nothing but the lines tells what the file is.
    `adopted_from`: where lines begin that no mark knew of; None where there were none.
    """

    mark: CommitRecord
    repaired: Tuple[str, ...]
    rebuilt: bool
    adopted_from: Optional[int]


def recover(path: str, fd: int, files: Files, strict: bool) -> Recovered:
    """Make the file end at a whole, committed line and put a mark that says so.

    `fd` is open for appending.  `strict`: the rows are the simulator's, so every line has
    exactly the columns of the record, and a line that has not is damage.  The mark is then not
    put where lines were adopted: only the simulator can tell which of them are its own.
    Raises OSError where the disk refuses.
    """
    size = os.fstat(fd).st_size
    record = read_commit(path)
    adopted_from = None
    if record is None or size < record.end:
        mark, repairs = _rebuild(path, size, strict, record)
    else:
        mark, repairs = _check_unsynced(path, record._replace(pending=None), strict)
        if not repairs:  # else nothing behind the damage counts
            mark, repairs, adopted_from = _settle(path, record, size)
    repairs += _cut_tail(path, fd, files, mark.end)
    if mark != record and not (strict and adopted_from is not None):
        write_commit(path, mark, files)
    return Recovered(mark, tuple(repairs), record is None and size > 0, adopted_from)


def _rebuild(
    path: str, size: int, strict: bool, record: Optional[CommitRecord]
) -> Tuple[CommitRecord, List[str]]:
    end, lines = whole_lines(path, 0, size, strict)
    rows = max(0, lines - 1)
    mark = CommitRecord(
        end,
        rows,
        synced_end=0,
        synced_rows=0,
        head_hash=head_hash(path, end),
        clock=last_timestamp(path, end),
        simulation=record.simulation if record else None,
    )
    return mark, [f"Recounted the rows: {rows:,} are complete."] if size else []


def _settle(
    path: str, record: CommitRecord, size: int
) -> Tuple[CommitRecord, List[str], Optional[int]]:
    """Keep the pending batch if it is there in full, and lines of other programs; say so.

    The third is where lines begin that no mark knew of, None where there are none.
    """
    tail = examine_tail(path, record.end, size, record.pending)
    mark, repairs = record._replace(pending=None), []
    if tail.is_whole and record.pending is not None:
        rows = record.pending.rows
        mark = _moved(path, mark, tail.foreign_start, mark.rows + rows)
        kept = "1 row" if rows == 1 else f"{rows:,} rows"
        repairs.append(f"Kept a batch of {kept} that was written in full.")
    if not tail.foreign_lines:
        return mark, repairs, None
    mark = _moved(path, mark, tail.end, mark.rows + tail.foreign_lines)
    if record.pending is not None:
        kept = "1 line" if tail.foreign_lines == 1 else f"{tail.foreign_lines:,} lines"
        repairs.append(f"Kept {kept} after an unfinished batch.")
    return mark, repairs, tail.foreign_start


def _check_unsynced(path: str, mark: CommitRecord, strict: bool) -> Tuple[CommitRecord, List[str]]:
    """Look through what was never flushed; after a power cut it may be full of NULs."""
    end, lines = whole_lines(path, mark.synced_end, mark.end, strict)
    if end == mark.end:
        return mark, []
    rows = max(0, mark.synced_rows + lines - (1 if mark.synced_end == 0 else 0))
    repairs = f"Dropped {mark.rows - rows:,} damaged rows that had not been flushed to the disk."
    return _moved(path, mark, end, rows), [repairs]


def _moved(path: str, mark: CommitRecord, end: int, rows: int) -> CommitRecord:
    """Return the mark with another committed end."""
    return mark._replace(
        end=end, rows=rows, head_hash=head_hash(path, end), clock=last_timestamp(path, end)
    )


def _cut_tail(path: str, fd: int, files: Files, end: int) -> List[str]:
    """Copy what is behind `end` to a new file, and cut it off."""
    size = os.fstat(fd).st_size
    if size <= end:
        return []
    lines = 0
    with open_data(path) as file:
        file.seek(end)
        aside, copy = _open_aside(path, files)
        try:
            for piece in iter(lambda: file.read(_PIECE), b""):
                lines += piece.count(b"\n")
                files.write_all(copy, piece)
            files.fsync(copy)
        finally:
            os.close(copy)
    files.truncate(fd, end)
    among = f", {lines:,} whole lines among them," if lines else ""
    return [f"Moved {size - end:,} torn bytes{among} from the end to {os.path.basename(aside)}."]


def _open_aside(path: str, files: Files) -> Tuple[str, int]:
    """Make a file that was not there, and return its path and descriptor."""
    number = 1
    while True:
        aside = f"{path}.torn-{number}"
        try:
            return aside, files.open(aside, NEW_FILE)
        except FileExistsError:
            number += 1


def last_timestamp(path: str, end: int) -> str:
    """Return the first field of the last line before `end`; "" where it can be no timestamp."""
    start = last_newline(path, max(0, end - 1))
    if not start:
        return ""
    with open_data(path) as file:
        file.seek(start)
        line = file.read(min(end - start, config.MAX_LINE_BYTES))
    first = line.split(b",")[0].strip()
    return first.decode("ascii") if _TIMESTAMP(first) else ""
