"""Files that are imported: opened as UTF-8 bytes, whatever they are packed in.

Gzip is known by its first bytes, UTF-8 and UTF-16 by their byte order marks.
"""

from __future__ import annotations

import codecs
import gzip
import io
import os
import zlib
from typing import BinaryIO, Callable, NamedTuple, Optional, Tuple, Type, cast

from finops.regular_files import open_regular

_GZIP = b"\x1f\x8b"
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BUFFER_BYTES = 1 << 18
# What reading a file, or a damaged archive, may raise.
READ_ERRORS: Tuple[Type[BaseException], ...] = (OSError, EOFError, zlib.error, UnicodeError)


def _nobody(count: int) -> None:
    """Take no notice of bytes that were read."""


class Source(NamedTuple):
    """One file of an import: where it is, and what it is called in messages.

    `on_bytes` is called with the number of bytes of each piece that is read of it.  A source
    with a `start` or an `end` is a part of a file: whole lines of JSON, between these bytes.
    """

    path: str
    label: str
    on_bytes: Callable[[int], None] = _nobody
    start: int = 0
    end: Optional[int] = None

    @property
    def is_part(self) -> bool:
        """Whether this is only a part of a file."""
        return bool(self.start) or self.end is not None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return os.path.basename(self.path)

    def open(self) -> BinaryIO:
        """Open the file as UTF-8 without a mark.  Raises OSError."""
        raw = _Counted(open_regular(self.path, buffering=0), self.on_bytes, self.start, self.end)
        stream = cast(BinaryIO, io.BufferedReader(raw, _BUFFER_BYTES))
        if self.start:
            return stream
        if _peek(stream, 2) == _GZIP:
            unpacked = gzip.GzipFile(fileobj=stream)
            stream = io.BufferedReader(cast(io.RawIOBase, unpacked), _BUFFER_BYTES)
        start = _peek(stream, 3)
        if start[:2] in _WIDE:
            return cast(BinaryIO, io.BufferedReader(_Recoded(stream), _BUFFER_BYTES))
        if start == codecs.BOM_UTF8:
            stream.read(3)
        return stream


class _Counted(io.RawIOBase):
    """A file, or the bytes of it from `start` to `end`, that says how much of it is read."""

    def __init__(
        self,
        stream: BinaryIO,
        on_bytes: Callable[[int], None],
        start: int = 0,
        end: Optional[int] = None,
    ) -> None:
        self._stream = cast(io.RawIOBase, stream)
        self._on_bytes = on_bytes
        self._left = None if end is None else end - start
        if start:
            self._stream.seek(start)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        count = self._stream.readinto(view[: self._left]) or 0
        if self._left is not None:
            self._left -= count
        self._on_bytes(count)
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Recoded(io.RawIOBase):
    """UTF-16 with a mark as UTF-8."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._waiting = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        while not self._waiting:
            raw = self._stream.read(_BUFFER_BYTES)
            self._waiting = self._decoder.decode(raw, final=not raw).encode("utf-8", "replace")
            if not raw:
                break
        size = min(len(view), len(self._waiting))
        view[:size] = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()


def _peek(stream: BinaryIO, size: int) -> bytes:
    return cast(io.BufferedReader, stream).peek(size)[:size]
