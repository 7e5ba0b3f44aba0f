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
import re
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any, Dict, Mapping, NamedTuple, Optional

from finops.json_files import parse_object
from finops.regular_files import PathLike
from finops.storage.file_operations import FILES, Files
from finops.storage.lock import has_writer
from finops.storage.pending import Pending, examine_tail
from finops.storage.sidecars import open_data, read_own, sidecar

MARK_VERSION = 1
HEAD_BYTES = 4096
# Above what a record of the largest batch takes.
_RECORD_BYTES = 1 << 20
_MOST = 2**62
_TAIL_PIECE = 65_536
_TEXT = re.compile("[ -~]{0,200}").fullmatch


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
    return sidecar(path, ".commit")


def head_hash(path: PathLike, end: int) -> str:
    """Return a hash of the first 4 KiB of the file, or of what lies before `end`.

    Raises OSError if the file cannot be read.
    """
    with open_data(path) as file:
        return hashlib.sha256(file.read(min(HEAD_BYTES, end))).hexdigest()


def encode(mark: CommitRecord) -> bytes:
    """Return the mark as the bytes of its file, with a checksum of its own."""
    body: Dict[str, Any] = {"version": MARK_VERSION}
    body.update(mark._asdict())
    if mark.pending is not None:
        lines = b64encode(mark.pending.lines).decode("ascii")
        body["pending"] = {**mark.pending._asdict(), "lines": lines}
    body["checksum"] = _checksum(body)
    return json.dumps(body, sort_keys=True).encode("ascii")


def decode(raw: bytes) -> Optional[CommitRecord]:
    """Return the record in these bytes, or None where they are none of this version.

    The checksum tells damage, not intent, so every value is checked as well.
    """
    try:
        body = parse_object(raw)
        checksum = body.pop("checksum")
        if checksum != _checksum(body) or body.pop("version") != MARK_VERSION:
            return None
        pending = body.pop("pending")
        record = CommitRecord(pending=_pending(pending), **body)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return record if _is_sound(record) else None


def _pending(body: Optional[Mapping[str, Any]]) -> Optional[Pending]:
    if body is None:
        return None
    pending = Pending(**{**body, "lines": b64decode(body.get("lines", ""), validate=True)})
    if not all(map(_is_count, pending[:3])):
        raise ValueError("not a batch")
    return pending


def _is_sound(record: CommitRecord) -> bool:
    counts = (record.end, record.rows, record.synced_end, record.synced_rows)
    return (
        all(map(_is_count, counts))
        and record.synced_end <= record.end
        and _is_text(record.head_hash)
        and _is_text(record.clock)
        and (record.simulation is None or _is_simulation(record.simulation))
    )


def _is_simulation(made: object) -> bool:
    """Return whether this can be what a simulation says of itself; what is missing may be."""
    if not isinstance(made, dict):
        return False
    scenarios = made.get("scenarios", [])
    return (
        all(_is_count(made.get(name, 0)) for name in ("version", "prices", "adopted_rows"))
        and type(made.get("seed", 0)) is int
        and _is_text(made.get("start", ""))
        and isinstance(made.get("incidents", True), bool)
        and isinstance(scenarios, list)
        and all(map(_is_text, scenarios))
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST


def _is_text(value: object) -> bool:
    return isinstance(value, str) and _TEXT(value) is not None


def _checksum(body: Mapping[str, Any]) -> int:
    return zlib.crc32(json.dumps(body, sort_keys=True).encode("ascii"))


def read_commit(path: PathLike) -> Optional[CommitRecord]:
    """Return the mark of this CSV; None where there is none, or it is damaged or of another file.

    A mark belongs to another file when the CSV was replaced: its first bytes differ.
    """
    try:
        mark = decode(read_own(commit_path(path), _RECORD_BYTES))
        if mark is None or head_hash(path, mark.end) != mark.head_hash:
            return None
    except (OSError, ValueError):
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

    That is the committed end, where a batch is being appended or was when its writer was
    killed; the last newline where other programs appended behind that; and the whole file where
    there is no mark (the reader then meets an incomplete last line itself).  Raises OSError if
    the file is not there.
    """
    while True:
        # The size comes first: bytes that were there before the mark was read are either
        # committed in it, announced in it, or not this writer's.
        size = os.stat(path).st_size
        mark = read_commit(path)
        if mark is None:
            return size
        if mark.end >= size or (mark.pending is not None and has_writer(path)):
            # The file may have grown since its size was taken; it may also have been cut.
            size = os.stat(path).st_size
            return mark.end if mark.end <= size else last_newline(path, size)
        # A failed batch may have been cut off again in between.
        size = min(size, os.stat(path).st_size)
        if mark.pending is None:
            return max(mark.end, last_newline(path, size))
        tail = examine_tail(path, mark.end, size, mark.pending)
        if read_commit(path) == mark:  # no other writer has begun meanwhile
            return tail.end if tail.foreign_lines else mark.end


def last_newline(path: PathLike, size: int) -> int:
    """Return the position behind the last newline in the first `size` bytes, 0 if there is none."""
    with open_data(path) as file:
        end = size
        while end > 0:
            start = max(0, end - _TAIL_PIECE)
            file.seek(start)
            position = file.read(end - start).rfind(b"\n")
            if position >= 0:
                return start + position + 1
            end = start
    return 0
