"""What a job prints: in a file while it runs, and the end of it in memory afterwards.

A file and not a pipe, because a pipe would stay open as long as any grandchild holds it.  Its
name is given up as soon as it is open, so that nothing is left of it however the server ends.
"""

from __future__ import annotations

import os
import re
import tempfile
import threading
from contextlib import suppress
from typing import BinaryIO, Optional

from finops import config

_READ_BYTES = 65_536
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


class Output:
    """The output of one job.  Safe to read from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._path = ""
        self._sink: Optional[BinaryIO] = None
        self._source: Optional[BinaryIO] = None
        self._kept = b""

    def sink(self) -> BinaryIO:
        """Return the file to write to, always at its end.  Raises OSError."""
        with self._lock:
            if self._sink is None:
                self._open()
            assert self._sink is not None
            return self._sink

    def size(self) -> int:
        """Return how many bytes there are; once closed, how many were kept."""
        with self._lock:
            if self._source is None:
                return len(self._kept)
            return os.fstat(self._source.fileno()).st_size

    def read_from(self, offset: int, size: int = _READ_BYTES) -> bytes:
        """Return at most `size` bytes from an offset; b"" at the end, and once closed."""
        with self._lock:
            if self._source is None:
                return b""
            self._source.seek(offset)
            return self._source.read(size)

    def tail(self, size: int = config.JOB_OUTPUT_SHOWN_BYTES) -> str:
        """Return the last `size` bytes as text, without terminal sequences."""
        with self._lock:
            end = self._kept[-size:] if self._source is None else _end_of(self._source, size)
        return _ANSI.sub("", end.decode("utf-8", "replace").replace("\r", "\n"))

    def close(self) -> None:
        """Keep the end in memory and give the file back; it is not written to any more."""
        with self._lock:
            if self._source is None or self._sink is None:
                return
            self._kept = _end_of(self._source, config.JOB_OUTPUT_SHOWN_BYTES)
            self._sink.close()
            self._source.close()
            self._sink = self._source = None
            with suppress(OSError):
                os.unlink(self._path)  # on Windows it could not be removed before

    def _open(self) -> None:
        handle, self._path = tempfile.mkstemp(prefix="finops-job-")
        self._source = os.fdopen(handle, "rb")
        self._sink = open(self._path, "ab", buffering=0)  # noqa: SIM115
        with suppress(OSError):
            os.unlink(self._path)


def _end_of(source: BinaryIO, size: int) -> bytes:
    end = source.seek(0, os.SEEK_END)
    source.seek(max(0, end - size))
    return source.read(size)
