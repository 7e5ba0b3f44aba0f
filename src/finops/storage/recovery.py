"""What a killed writer, a full disk or a power cut left behind, put right before appending.

The rules, under the writer's lock: a pending batch that is there in full is kept; one that
is not is moved aside; whole lines that another program appended are adopted and never cut; a
missing or damaged mark is rebuilt from the lines themselves; and what an unclean end left
unflushed is looked through for damage.  Nothing is deleted: torn bytes go to `CSV.torn-N`.
"""

from __future__ import annotations

import os
import zlib
from typing import List, NamedTuple, Optional, Tuple

from finops import config
from finops.regular_files import open_regular
from finops.schema import WRITTEN_NAMES
from finops.storage.commit import CommitRecord, head_hash, last_newline, read_commit, write_commit
from finops.storage.file_operations import APPEND, Files

_PIECE = 1 << 20
_COMMAS = len(WRITTEN_NAMES) - 1


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
    exactly the columns of the record, and a line that has not is damage.
    Raises OSError where the disk refuses.
    """
    size = os.fstat(fd).st_size
    found = read_commit(path)
    adopted_from = None
    if found is None or size < found.end:
        mark, said = _rebuild(path, size, strict, found)
    else:
        mark, said = _settle(path, found, size)
        torn = found.pending is not None and not said
        mark, given_up = _check_unsynced(path, mark, strict)
        said += given_up
        if size > mark.end and not torn and not given_up:
            adopted_from = mark.end
            mark = _adopt(path, mark, size)
    said += _cut_tail(path, fd, files, mark.end)
    if mark != found:
        write_commit(path, mark, files)
    return Recovered(mark, tuple(said), found is None and size > 0, adopted_from)


def _rebuild(
    path: str, size: int, strict: bool, found: Optional[CommitRecord]
) -> Tuple[CommitRecord, List[str]]:
    end, lines = _whole_lines(path, 0, size, strict)
    rows = max(0, lines - 1)
    mark = CommitRecord(
        end,
        rows,
        synced_end=0,
        synced_rows=0,
        head_hash=head_hash(path, end),
        clock=last_timestamp(path, end),
        simulation=found.simulation if found else None,
    )
    return mark, [f"Counted the rows anew: {rows:,} are whole."] if size else []


def _settle(path: str, mark: CommitRecord, size: int) -> Tuple[CommitRecord, List[str]]:
    """Keep the pending batch if it is there in full; say so."""
    pending = mark.pending
    if pending is None:
        return mark, []
    stop = mark.end + pending.length
    mark = mark._replace(pending=None)
    if size < stop or _crc32(path, mark.end, stop) != pending.crc32:
        return mark, []
    mark = _moved(path, mark, stop, mark.rows + pending.rows)
    return mark, [f"Kept a batch of {pending.rows:,} rows that was written in full."]


def _adopt(path: str, mark: CommitRecord, size: int) -> CommitRecord:
    """Take in the whole lines behind the committed end."""
    end, lines = _whole_lines(path, mark.end, size, strict=False)
    return _moved(path, mark, end, mark.rows + lines)


def _check_unsynced(path: str, mark: CommitRecord, strict: bool) -> Tuple[CommitRecord, List[str]]:
    """Look through what was never flushed; after a power cut it may be full of NULs."""
    end, lines = _whole_lines(path, mark.synced_end, mark.end, strict)
    if end == mark.end:
        return mark, []
    rows = max(0, mark.synced_rows + lines - (1 if mark.synced_end == 0 else 0))
    said = f"Gave up {mark.rows - rows:,} damaged rows that had not been flushed to the disk."
    return _moved(path, mark, end, rows), [said]


def _moved(path: str, mark: CommitRecord, end: int, rows: int) -> CommitRecord:
    """Return the mark with another committed end."""
    return mark._replace(
        end=end, rows=rows, head_hash=head_hash(path, end), clock=last_timestamp(path, end)
    )


def _whole_lines(path: str, start: int, stop: int, strict: bool) -> Tuple[int, int]:
    """Return where the sound lines from `start` end, and how many they are.

    A sound line ends with a newline; with `strict` it also has all columns and no NUL.
    """
    end, lines = start, 0
    with open_regular(path) as file:
        file.seek(start)
        while end < stop:
            file.seek(end)
            piece = file.read(min(_PIECE, stop - end))
            whole = piece[: piece.rfind(b"\n") + 1]
            if not whole:
                break
            sound = _sound_part(whole, strict)
            end += len(sound)
            lines += sound.count(b"\n")
            if len(sound) < len(whole):
                break
    return end, lines


def _sound_part(whole: bytes, strict: bool) -> bytes:
    if b"\0" not in whole and not strict:
        return whole
    sound = 0
    for line in whole.splitlines(keepends=True):
        if b"\0" in line or (strict and line.count(b",") != _COMMAS):
            break
        sound += len(line)
    return whole[:sound]


def _crc32(path: str, start: int, stop: int) -> int:
    with open_regular(path) as file:
        file.seek(start)
        return zlib.crc32(file.read(stop - start))


def _cut_tail(path: str, fd: int, files: Files, end: int) -> List[str]:
    size = os.fstat(fd).st_size
    if size <= end:
        return []
    aside = _free_name(path)
    with open_regular(path) as file:
        file.seek(end)
        copy = files.open(aside, APPEND)
        try:
            for piece in iter(lambda: file.read(_PIECE), b""):
                files.write_all(copy, piece)
            files.fsync(copy)
        finally:
            os.close(copy)
    files.truncate(fd, end)
    return [f"Moved {size - end:,} torn bytes from the end to {os.path.basename(aside)}."]


def _free_name(path: str) -> str:
    number = 1
    while os.path.exists(f"{path}.torn-{number}"):
        number += 1
    return f"{path}.torn-{number}"


def last_timestamp(path: str, end: int) -> str:
    """Return the first field of the last line before `end`, "" where there is no row."""
    start = last_newline(path, max(0, end - 1))
    if not start:
        return ""
    with open_regular(path) as file:
        file.seek(start)
        line = file.read(min(end - start, config.MAX_LINE_BYTES))
    return line.split(b",")[0].decode("utf-8", "replace").strip()


def first_line(path: str) -> Optional[bytes]:
    """Return the file's first line with its newline, None where there is none."""
    with open_regular(path) as file:
        line = file.readline(config.MAX_LINE_BYTES)
    return line if line.endswith(b"\n") else None
