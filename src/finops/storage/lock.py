"""One writer at a time: a lock file beside the CSV, released by the kernel when its holder dies.

The lock is the operating system's, not the file's existence, so there are no stale locks to
clean up.  The text in the file only names the holder.  Children started by `subprocess` do
not inherit the lock; a forked one would keep it, so nothing forks that holds one (see
`finops.parallel`).  Network file systems may not honour it.

The lock file belongs to the real path of what is written, so it is the same through every
symbolic link.  Hard links are recognized by `lock_data`, where the system has advisory locks.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, Union

from finops.errors import LockError, StorageError
from finops.storage.sidecars import open_own, read_own, sidecar

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PAUSE_S = 0.02
# A check whether there is a writer holds the lock for an instant; a writer outlasts that.
_PROBE_S = 0.1
# Windows locks byte ranges, and a locked byte cannot be read: lock one far past the text.
_LOCKED_BYTE = 1 << 30
_TEXT_BYTES = 32
_HOLDER = re.compile(rb"(?:[0-9]{1,20}\n?)?").fullmatch

_thread_locks: Dict[str, threading.Lock] = {}
_thread_locks_guard = threading.Lock()


def lock_path(path: Union[str, Path]) -> Path:
    """Return where the lock of a CSV is."""
    return sidecar(path, ".lock")


@contextmanager
def writer_lock(path: Union[str, Path], wait_s: float = 0) -> Iterator[None]:
    """Hold the right to write this CSV while the block runs; wait at most `wait_s` for it.

    Raises LockError naming the holder where another process or thread has it, StorageError
    where the lock file cannot be made or is not one.
    """
    with file_lock(lock_path(path), path, wait_s):
        yield


@contextmanager
def file_lock(lock: Path, what: Union[str, Path], wait_s: float = 0) -> Iterator[None]:
    """Hold the lock file `lock`, which says who may write `what`, as `writer_lock` does."""
    deadline = time.monotonic() + max(wait_s, _PROBE_S)
    in_process = _thread_lock(lock)
    if not in_process.acquire(timeout=wait_s if wait_s > 0 else -1, blocking=wait_s > 0):
        raise _refusal(lock, what)
    try:
        fd = _open(lock, what)
        try:
            _acquire(fd, lock, what, deadline)
            _name_holder(fd)
            yield
        finally:
            os.close(fd)
    finally:
        in_process.release()


def has_writer(path: Union[str, Path]) -> bool:
    """Return whether somebody holds the lock of this CSV just now."""
    try:
        fd = open_own(lock_path(path))
    except OSError:
        return False  # nobody ever locked it
    try:
        return not _try_lock(fd, shared=True)
    except StorageError:
        return True
    finally:
        os.close(fd)


def lock_data(fd: int, path: Union[str, Path]) -> None:
    """Lock the opened CSV itself until it is closed, against writers under another hard link.

    Raises LockError where one has it.  Windows would keep readers away, so nothing is locked there.
    """
    if sys.platform != "win32" and not _try_lock(fd):
        raise LockError(f"{path} is being written under another name; wait until it has finished")


def _thread_lock(lock: Path) -> threading.Lock:
    with _thread_locks_guard:
        return _thread_locks.setdefault(str(lock), threading.Lock())


def _open(lock: Path, what: Union[str, Path]) -> int:
    """Open the lock file, made where there is none; nobody else's file is opened for it."""
    try:
        fd = open_own(lock, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EINVAL):
            raise StorageError(
                f"cannot lock {what}: {lock} is not a regular file; remove it"
            ) from error
        raise StorageError(
            f"cannot lock {what}: {error.strerror}; check that its folder exists and is writable"
        ) from error
    if not _HOLDER(os.read(fd, _TEXT_BYTES)):
        os.close(fd)
        raise StorageError(f"cannot lock {what}: {lock} is not a lock file of finops; move it away")
    return fd


def _acquire(fd: int, lock: Path, what: Union[str, Path], deadline: float) -> None:
    while not _try_lock(fd):
        if time.monotonic() >= deadline:
            raise _refusal(lock, what)
        time.sleep(_PAUSE_S)


def _try_lock(fd: int, shared: bool = False) -> bool:
    """Take the lock if it is free; several may have a `shared` one at a time, where there are such.

    Raises StorageError where the file system has no locks.
    """
    try:
        if sys.platform == "win32":
            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise StorageError(
            f"this file system cannot lock files ({error.strerror}); put the data on a local disk"
        ) from error
    return True


def _name_holder(fd: int) -> None:
    try:
        os.ftruncate(fd, 0)
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, b"%d\n" % os.getpid())
    except OSError:
        pass  # a full disk leaves the holder unnamed, not unlocked


def _refusal(lock: Path, what: Union[str, Path]) -> LockError:
    try:
        holder = read_own(lock, _TEXT_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        holder = ""
    who = f"process {holder}" if holder.isdigit() else "another process"
    return LockError(
        f"{what} is being written by {who}; wait until it has finished, or stop it first"
    )
