"""The few operating system calls that change a dataset, in one object that a test can break.

Everything that writes a CSV or its mark goes through a `Files`, so that a test can let the
n-th operation fail, write short, or end the process there.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import Tuple

from finops.atomic import aside_of, is_aside, replace
from finops.storage.sidecars import open_own

if sys.platform != "win32":
    import fcntl

APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND
NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL

# macOS keeps fsync'ed data in the drive's cache unless asked to flush; the constant has a
# name in `fcntl` since Python 3.9.
_F_FULLFSYNC = 51


class Files:
    """Plain system calls; each may raise OSError."""

    def open(self, path: str, flags: int) -> int:
        """Open a regular file for writing, following no link, and return the descriptor."""
        return open_own(path, flags)

    def write(self, fd: int, data: memoryview) -> int:
        """Write some of the data and return how many bytes that was, as `os.write` does."""
        return os.write(fd, data)

    def fsync(self, fd: int) -> None:
        """Flush what was written to the disk itself."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, _F_FULLFSYNC)
        else:
            os.fsync(fd)

    def truncate(self, fd: int, length: int) -> None:
        """Cut the file to this length."""
        os.ftruncate(fd, length)

    def replace(self, source: str, target: str) -> None:
        """Rename over the target, as `finops.atomic.replace` does."""
        replace(source, target)

    def unlink(self, path: str) -> None:
        """Remove a file."""
        os.unlink(path)

    def write_all(self, fd: int, data: bytes) -> None:
        """Write all the data: a disk that fills up first writes short, then refuses."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(fd, rest) :]

    def put(self, path: str, data: bytes, durable: bool = False) -> None:
        """Put a whole small file in place of the present one, or change nothing.

        `durable` flushes the bytes before the rename, and the folder after it.
        """
        temporary = aside_of(path)
        try:
            self._write_file(temporary, data, durable)
            self.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                self.unlink(temporary)
            raise
        if durable:
            self.sync_folder(path)

    def open_aside(self, path: str) -> Tuple[str, int]:
        """Make a file beside `path` that is to take its place; return its name and a descriptor.

        What several processes write to that is appended, one whole write behind the other.
        """
        aside = aside_of(path)
        return aside, self.open(aside, NEW_FILE | os.O_APPEND)

    def remove_left(self, path: str, older_than_s: float = 0) -> None:
        """Remove what killed processes left of `put`.

        Where others may be putting the same file just now, `older_than_s` spares theirs.
        """
        folder, name = os.path.split(path)
        with suppress(OSError):
            for left in os.listdir(folder or os.curdir):
                if left.startswith(f"{name}.") and is_aside(left):
                    aside = os.path.join(folder, left)
                    age = time.time() - os.lstat(aside).st_mtime
                    if not older_than_s or age >= older_than_s:
                        self.unlink(aside)

    def _write_file(self, path: str, data: bytes, durable: bool) -> None:
        fd = self.open(path, NEW_FILE)
        try:
            self.write_all(fd, data)
            if durable:
                self.fsync(fd)
        finally:
            os.close(fd)

    def sync_folder(self, path: str) -> None:
        """Flush the folder that holds this file, where the system can (not on Windows)."""
        if sys.platform == "win32":
            return
        fd = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


FILES = Files()
