"""One writer at a time: a lock file beside the CSV, released by the kernel when its holder dies.

The lock is the operating system's, not the file's existence, so there are no stale locks to
clean up.  The text in the file only names the holder.  Children started by `subprocess` do
not inherit the lock; a forked one would keep it, so nothing forks that holds one (see
`finops.parallel`).  Network file systems may not honour it.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, Union

from finops.errors import LockError, StorageError
from finops.regular_files import read_regular

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_PAUSE_S = 0.02
_HOLDER_BYTES = 64
# Windows locks byte ranges, and a locked byte cannot be read: lock one far past the text.
_LOCKED_BYTE = 1 << 30

_thread_locks: Dict[str, threading.Lock] = {}
_thread_locks_guard = threading.Lock()


def lock_path(path: Union[str, Path]) -> Path:
    """Return where the lock of a CSV is."""
    return Path(f"{path}.lock")


@contextmanager
def writer_lock(path: Union[str, Path], wait_s: float = 0) -> Iterator[None]:
    """Hold the right to write this CSV while the block runs; wait at most `wait_s` for it.

    Raises LockError naming the holder where another process or thread has it, StorageError
    where the lock file cannot be made.
    """
    deadline = time.monotonic() + wait_s
    in_process = _thread_lock(path)
    if not in_process.acquire(timeout=wait_s if wait_s > 0 else -1, blocking=wait_s > 0):
        raise _refusal(path)
    try:
        fd = _open(path)
        try:
            _acquire(fd, path, deadline)
            _name_holder(fd)
            yield
        finally:
            os.close(fd)
    finally:
        in_process.release()


def _thread_lock(path: Union[str, Path]) -> threading.Lock:
    key = os.path.realpath(str(path))
    with _thread_locks_guard:
        return _thread_locks.setdefault(key, threading.Lock())


def _open(path: Union[str, Path]) -> int:
    try:
        return os.open(str(lock_path(path)), os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageError(
            f"cannot lock {path}: {error.strerror}; check that its folder exists and is writable"
        ) from error


def _acquire(fd: int, path: Union[str, Path], deadline: float) -> None:
    while not _try_lock(fd):
        if time.monotonic() >= deadline:
            raise _refusal(path)
        time.sleep(_PAUSE_S)


def _try_lock(fd: int) -> bool:
    try:
        if sys.platform == "win32":
            os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
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


def _refusal(path: Union[str, Path]) -> LockError:
    try:
        holder = read_regular(lock_path(path), _HOLDER_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        holder = ""
    who = f"process {holder}" if holder.isdigit() else "another process"
    return LockError(
        f"{path} is being written by {who}; wait until it has finished, or stop it first"
    )
