"""Append batches of rows so that a crash at any moment costs at most the batch in flight.

Per batch: the mark announces it (pending), all its bytes are written, the mark commits it.
Whatever goes wrong in between is cut back at once where that is possible, and otherwise by
the next writer.  The simulator and the collector all write through here.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Iterator, Optional, Tuple, Type, Union

from finops import config
from finops.errors import DataError, StorageError
from finops.schema import FULL_HEADER_LINE, HEADER_LINE
from finops.storage.commit import HEAD_BYTES, CommitRecord, commit_path, head_hash, write_commit
from finops.storage.file_operations import APPEND, FILES, Files
from finops.storage.lock import lock_data, writer_lock
from finops.storage.pending import Pending
from finops.storage.recovery import recover
from finops.storage.sidecars import open_data, real_path

HEADER = HEADER_LINE.encode("ascii")
FULL_HEADER = FULL_HEADER_LINE.encode("ascii")


class Appender:
    """An open CSV at whose end whole batches can be put; hold `writer_lock` while it lives.

    Opening repairs what an earlier writer left and puts the header into an empty file.
    `repaired` are sentences on that; `rebuilt` says that the mark had to be made from the
    lines; `adopted_from` is where lines begin that no mark knew of, None if there were none.

    `simulation` is given by the simulator only: what makes the rows, kept in the mark.  Where
    lines were adopted, it then has to `describe` anew and `sync`.
    `sync_every`: batches between flushes to the disk; closing always flushes.
    `new_header`: of a file that is made; one with `FULL_HEADER` may be appended to only by who
    would make such a file.  `header` says which one the file has: rows must be of its columns.

    Raises StorageError where the disk refuses, DataError where the file has other columns, and
    LockError where it is being written under another name.
    """

    def __init__(
        self,
        path: Union[str, Path],
        simulation: Optional[Dict[str, Any]] = None,
        sync_every: int = config.SYNC_EVERY_BATCHES,
        files: Files = FILES,
        new_header: bytes = HEADER,
    ) -> None:
        self.path = real_path(path)
        self.header = new_header
        self._files = files
        self._sync_every = sync_every
        self._unsynced = 0
        self._broken = False
        self._fd = self._open()
        try:
            self._begin(simulation)
        except BaseException:
            os.close(self._fd)
            raise

    def _open(self) -> int:
        try:
            fd = self._files.open(self.path, APPEND)
        except OSError as error:
            raise self._refusal(error) from error
        try:
            lock_data(fd, self.path)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _begin(self, simulation: Optional[Dict[str, Any]]) -> None:
        try:
            self._settle_header()
            self._files.remove_left(str(commit_path(self.path)))
            recovered = recover(self.path, self._fd, self._files, strict=simulation is not None)
        except OSError as error:
            raise self._refusal(error) from error
        self._mark = recovered.mark
        self.repaired: Tuple[str, ...] = recovered.repaired
        self.rebuilt = recovered.rebuilt
        self.adopted_from = recovered.adopted_from
        if self._mark.simulation is None:
            self.describe(simulation)
        if simulation is not None and self.adopted_from is not None:
            pass  # until whose lines these are is described, the mark stays as it was
        elif self.repaired or self.adopted_from is not None:
            self.sync()  # what was looked through now need not be looked through again
        if self._mark.end == 0:
            self.append(self.header, 0)

    def _settle_header(self) -> None:
        """Find out which header the file has or gets.

        Raises DataError, before anything is touched, unless it is a dataset or becomes one.
        """
        with open_data(self.path) as file:
            start = file.read(len(FULL_HEADER)).rstrip(b"\0")  # a power cut may leave NULs
        for header in (self.header, HEADER):
            if header.startswith(start[: len(header)]):
                self.header = header
                return
        raise DataError(
            f"{self.path} has other columns than the call record; write to another file"
        )

    @property
    def mark(self) -> CommitRecord:
        """What is committed now."""
        return self._mark

    @property
    def rows(self) -> int:
        """Committed rows, without the header."""
        return self._mark.rows

    @property
    def end(self) -> int:
        """Committed bytes, header included."""
        return self._mark.end

    def describe(self, simulation: Optional[Dict[str, Any]]) -> None:
        """Say what makes the rows; the next commit puts it into the mark."""
        self._mark = self._mark._replace(simulation=simulation)

    def append(self, data: bytes, rows: int, clock: str = "") -> None:
        """Append whole lines (`rows` of them, each ending in a newline) and commit them.

        `clock` is the timestamp of the last one.  Raises StorageError where the disk
        refuses; then nothing of this batch is in the file, and the appender is of no more use.
        """
        if self._broken:
            raise StorageError(f"{self.path} could not be written earlier; run the command again")
        before = self._mark
        self._refuse_if_not(before.end)
        try:
            self._put_batch(data, rows, clock)
        except OSError as error:
            self._cut_back(before, data)
            raise self._refusal(error) from error
        except BaseException:
            self._cut_back(before, data)
            raise
        self._unsynced += 1
        if self._unsynced >= self._sync_every:
            self.sync()

    def _put_batch(self, data: bytes, rows: int, clock: str) -> None:
        mark = self._mark
        pending = Pending.of(data, rows)
        write_commit(self.path, mark._replace(pending=pending), self._files)
        self._files.write_all(self._fd, data)
        self._refuse_if_not(mark.end + len(data))
        mark = mark._replace(
            end=mark.end + len(data), rows=mark.rows + rows, clock=clock or mark.clock
        )
        if self._mark.end < HEAD_BYTES:
            mark = mark._replace(head_hash=head_hash(self.path, mark.end))
        write_commit(self.path, mark, self._files)
        self._mark = mark

    def _refuse_if_not(self, size: int) -> None:
        """Raise StorageError where the file has another size than what was written here gives."""
        if os.fstat(self._fd).st_size != size:
            self._broken = True
            raise StorageError(
                f"another program is writing to {self.path}; wait until it has finished,"
                " then run the same command again: its whole lines are kept"
            )

    def _cut_back(self, before: CommitRecord, data: bytes) -> None:
        """Undo a failed batch as far as the disk lets us; the next writer does the rest.

        Where there is anything but the beginning of the batch, that one tells whose it is.
        """
        self._broken = True
        self._mark = before
        with suppress(OSError):
            with open_data(self.path) as file:
                file.seek(before.end)
                there = file.read(len(data) + 1)
            if data.startswith(there):
                self._files.truncate(self._fd, before.end)
                write_commit(self.path, before, self._files)

    def sync(self) -> None:
        """Flush rows, then mark, then folder to the disk.

        Raises StorageError where that fails; it is not tried again, for the system may
        have dropped the data already.
        """
        if self._mark.synced_end == self._mark.end:
            return
        synced = self._mark._replace(synced_end=self._mark.end, synced_rows=self._mark.rows)
        try:
            self._files.fsync(self._fd)
            write_commit(self.path, synced, self._files, durable=True)
        except OSError as error:
            self._broken = True
            raise self._refusal(error) from error
        self._mark = synced
        self._unsynced = 0

    def close(self) -> None:
        """Flush, unless writing failed before, and close.  Raises StorageError as `sync` does."""
        try:
            if not self._broken:
                self.sync()
        finally:
            os.close(self._fd)

    def __enter__(self) -> Appender:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()

    def _refusal(self, error: OSError) -> StorageError:
        return storage_error(self.path, error)


def storage_error(path: Union[str, Path], error: OSError) -> StorageError:
    """Return the disk's refusal as one sentence with a remedy."""
    return StorageError(
        f"cannot write {path}: {error.strerror or error}; "
        "free disk space or check the disk, then run the same command again"
    )


@contextmanager
def appending(
    path: Union[str, Path],
    wait_s: float = 0,
    files: Files = FILES,
    new_header: bytes = HEADER,
) -> Iterator[Appender]:
    """Hold the writer's lock (waiting at most `wait_s` for it) and an appender on this CSV.

    Raises LockError, and what `Appender` raises.
    """
    lock = writer_lock(path, wait_s)
    with lock, Appender(path, files=files, new_header=new_header) as appender:
        yield appender
