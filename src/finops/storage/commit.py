"""The commit mark: a small file beside the CSV that says how far its rows are valid.

A batch of rows is not written in one instant: a killed writer leaves part of it, and a reader
that trusts the file's size sees part of it.  So the writer says first what it is about to
append (pending), then appends, then says that it has (committed).  Readers take their limit
from the mark, and need nothing else.  The price is two tiny file replacements a batch.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any, Dict, NamedTuple, Optional, Union

from finops.regular_files import open_regular, read_regular
from finops.storage.file_operations import FILES, Files

PathLike = Union[str, Path]

MARK_VERSION = 1
HEAD_BYTES = 4096
_TAIL_PIECE = 65_536


class Pending(NamedTuple):
    """A batch that is being appended behind the committed end: bytes, CRC-32 of them, rows."""

    length: int
    crc32: int
    rows: int


class CommitRecord(NamedTuple):
    """What is committed: `end` in bytes (header included) and `rows` before it.

    `synced_end` and `synced_rows` are what has been flushed to the disk.  `head_hash` ties
    the mark to this very file.  `clock` is the timestamp of the last committed row, "" if
    unknown.  `simulation` says what made the rows, None where they were not simulated.
    """

    end: int
    rows: int
    synced_end: int
    synced_rows: int
    head_hash: str
    clock: str = ""
    simulation: Optional[Dict[str, Any]] = None
    pending: Optional[Pending] = None


def commit_path(path: PathLike) -> Path:
    """Return where the mark of a CSV is."""
    return Path(f"{path}.commit")


def head_hash(path: PathLike, end: int) -> str:
    """Return a hash of the first 4 KiB of the file, or of what lies before `end`.

    Raises OSError if the file cannot be read.
    """
    with open_regular(path) as file:
        return hashlib.sha256(file.read(min(HEAD_BYTES, end))).hexdigest()


def encode(mark: CommitRecord) -> bytes:
    """Return the mark as the bytes of its file, with a checksum of its own."""
    body: Dict[str, Any] = {"version": MARK_VERSION}
    body.update(mark._asdict())
    body["pending"] = mark.pending._asdict() if mark.pending else None
    body["checksum"] = _checksum(body)
    return json.dumps(body, sort_keys=True).encode("ascii")


def decode(raw: bytes) -> Optional[CommitRecord]:
    """Return the mark in these bytes, or None where they are damaged or of another version."""
    try:
        body = json.loads(raw.decode("ascii"))
        checksum = body.pop("checksum")
        if body.pop("version") != MARK_VERSION or checksum != _checksum(
            {**body, "version": MARK_VERSION}
        ):
            return None
        pending = body.pop("pending")
        return CommitRecord(pending=Pending(**pending) if pending else None, **body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checksum(body: Dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode("ascii"))


def read_commit(path: PathLike) -> Optional[CommitRecord]:
    """Return the mark of this CSV; None where there is none, or it is damaged or of another file.

    A mark belongs to another file when the CSV was replaced: its first bytes differ.
    """
    try:
        raw = read_regular(commit_path(path))
        mark = decode(raw)
        if mark is None or head_hash(path, mark.end) != mark.head_hash:
            return None
    except OSError:
        return None
    return mark


def write_commit(
    path: PathLike, mark: CommitRecord, files: Files = FILES, durable: bool = False
) -> None:
    """Put this mark in place of the present one, whole or not at all.

    `durable` flushes it to the disk.  Raises OSError where the disk refuses.
    """
    files.put(str(commit_path(path)), encode(mark), durable)


def readable_end(path: PathLike) -> int:
    """Return how many bytes of the CSV a reader may read.

    That is the committed end while a batch is being appended; the last newline where another
    program appended behind the mark; and the whole file where there is no mark (the reader
    then meets an incomplete last line itself).  Raises OSError if the file is not there.
    """
    # The size comes first: bytes that were there before the mark was read are either
    # committed in it, announced in it, or not this writer's.
    size = os.stat(path).st_size
    mark = read_commit(path)
    if mark is None:
        return size
    if mark.end >= size or mark.pending is not None:
        # The file may have grown since its size was taken; it may also have been cut.
        size = os.stat(path).st_size
        return mark.end if mark.end <= size else last_newline(path, size)
    # A failed batch may have been cut off again in between.
    size = min(size, os.stat(path).st_size)
    return max(mark.end, last_newline(path, size))


def last_newline(path: PathLike, size: int) -> int:
    """Return the position behind the last newline in the first `size` bytes, 0 if there is none."""
    with open_regular(path) as file:
        end = size
        while end > 0:
            start = max(0, end - _TAIL_PIECE)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
