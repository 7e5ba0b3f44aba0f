"""The file that collected events go to: appended in groups, on the disk before anyone is answered.

Requests that arrive while another is flushing are written together by the next request, so
that one flush serves many clients.  Ids already in the file are known by a hash each, and so is
what stands there under them: a row that is there already is not written again, and another row
under a known id is a conflict.  What other programs append is read before the next group is
written.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema
from finops.errors import DataError, FinOpsError, LockError
from finops.reader.fields import BadValueError
from finops.reader.records import split_record
from finops.regular_files import open_regular
from finops.storage.appender import FULL_HEADER, Appender, appending
from finops.viewer.events import Row

_ID_COLUMN = schema.WRITTEN_NAMES.index("call_id")


class StoreUnavailableError(Exception):
    """The events could not be stored now; nothing of them is in the file.

    `busy`: another program is writing; trying again soon will do.
    """

    def __init__(self, busy: bool) -> None:
        super().__init__("busy" if busy else "failed")
        self.busy = busy


class TooManyWaitingError(Exception):
    """Too many requests wait to be stored."""


class Stored(NamedTuple):
    """What became of the rows of a request.

    `accepted` rows were written and `duplicates` stood in the file already, equal in all;
    `conflicts` are the places, among the rows, of those whose id is taken by another row.
    """

    accepted: int
    duplicates: int
    conflicts: Tuple[int, ...] = ()


class Waiting:
    """The rows of one request, until they are stored or refused."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.size = sum(len(row.line) for row in rows)
        self.stored: Optional[Stored] = None
        self.trouble: Optional[StoreUnavailableError] = None


class EventStore:
    """Puts rows into one CSV, each id once.  Safe to call from any thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()
        self._queue_lock = threading.Lock()
        self._queue: List[Waiting] = []
        self._inside = 0
        self._inside_bytes = 0
        self._known: Dict[int, int] = {}  # hash of the id: hash of the row
        self._read_to = 0
        self._identity: Optional[Tuple[int, int]] = None

    def add(self, rows: Sequence[Row]) -> Stored:
        """Store the rows and flush them to the disk: `enqueue`, then `finish`."""
        return self.finish(self.enqueue(rows))

    def enqueue(self, rows: Sequence[Row]) -> Waiting:
        """Put rows into the queue; `finish` must follow.

        Raises TooManyWaitingError where too many requests, or too many bytes, wait already.
        """
        waiting = Waiting(rows)
        with self._queue_lock:
            full = self._inside >= config.COLLECT_MAX_WAITING
            if full or self._inside_bytes + waiting.size > config.COLLECT_WAITING_BYTES:
                raise TooManyWaitingError
            self._inside += 1
            self._inside_bytes += waiting.size
            self._queue.append(waiting)
        return waiting

    def finish(self, waiting: Waiting) -> Stored:
        """Return when the rows are on the disk.

        Raises StoreUnavailableError where the file is held by another writer or the disk
        refuses; then none of them is stored.
        """
        try:
            with self._writing:
                if waiting.stored is None and waiting.trouble is None:
                    self._write_group()
        finally:
            with self._queue_lock:
                self._inside -= 1
                self._inside_bytes -= waiting.size
        if waiting.stored is None:
            raise waiting.trouble or StoreUnavailableError(busy=False)
        return waiting.stored

    def _write_group(self) -> None:
        """Write all that waits, in one append and one flush."""
        with self._queue_lock:
            group, self._queue = self._queue, []
        try:
            results = self._append(group)
        except FinOpsError as error:
            for waiting in group:
                waiting.trouble = StoreUnavailableError(busy=isinstance(error, LockError))
            return
        for waiting, stored in zip(group, results):
            waiting.stored = stored

    def _append(self, group: Sequence[Waiting]) -> List[Stored]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot make {self.path.parent}: {error.strerror}") from error
        wait_s = config.COLLECT_LOCK_WAIT_S
        with appending(self.path, wait_s, new_header=FULL_HEADER) as appender:
            self._learn_ids(appender)
            added: Dict[int, int] = {}
            lines: List[bytes] = []
            is_full = appender.header == FULL_HEADER
            results = [self._sort_out(one.rows, is_full, added, lines) for one in group]
            if lines:
                clock = max(row.time for waiting in group for row in waiting.rows)
                appender.append(b"".join(lines), len(lines), clock)
            end = appender.end
        # Only now, flushed and closed, are the rows what we said they are.
        self._known.update(added)
        self._read_to = end
        return results

    def _sort_out(
        self, rows: Sequence[Row], is_full: bool, added: Dict[int, int], lines: List[bytes]
    ) -> Stored:
        """Put the lines of new rows into `lines`, their hashes into `added`; count the others.

        A file of an earlier version, which is not `is_full`, has the first columns only.
        """
        before = len(lines)
        conflicts = []
        for place, row in enumerate(rows):
            line = row.line if is_full else row.first_columns()
            key, content = _key(row.call_id.encode("utf-8")), _content(line)
            known = self._known.get(key, added.get(key))
            if known is None:
                added[key] = content
                lines.append(line)
            elif known != content:
                conflicts.append(place)
        new = len(lines) - before
        return Stored(new, len(rows) - new - len(conflicts), tuple(conflicts))

    def _learn_ids(self, appender: Appender) -> None:
        """Read the ids of rows that others have written since the last group."""
        try:
            with open_regular(self.path) as stream:
                status = os.fstat(stream.fileno())
                identity = (status.st_dev, status.st_ino)
                if identity != self._identity or appender.end < self._read_to:
                    self._known, self._read_to, self._identity = {}, 0, identity
                stream.seek(self._read_to)
                while stream.tell() < appender.end:
                    # A longer line is no row; its parts are ids that nobody sends.
                    line = stream.readline(config.MAX_LINE_BYTES)
                    self._known.setdefault(_key(_id_of(line)), _content(line))
        except OSError as error:
            raise DataError(f"cannot read {self.path}: {error.strerror}") from error
        self._read_to = appender.end


def _id_of(line: bytes) -> bytes:
    """Return the call id of a row as it stands in the file; rubbish for a rubbish row."""
    if b'"' not in line:
        cells = line.split(b",", _ID_COLUMN + 1)
        return cells[_ID_COLUMN] if len(cells) > _ID_COLUMN else b""
    try:
        cells = split_record(line.rstrip(b"\r\n"))
    except BadValueError:
        return b""
    return cells[_ID_COLUMN] if len(cells) > _ID_COLUMN else b""


def _content(line: bytes) -> int:
    """Return 64 bits that stand for all of a row."""
    return _key(line.rstrip(b"\r\n"))


def _key(text: bytes) -> int:
    """Return 64 bits that stand for a text; a million of them fit where the texts would not."""
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
