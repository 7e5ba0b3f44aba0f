"""What there is to read of a file: its header, its whole lines, and how they are shared out."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, BinaryIO, List, NamedTuple, Tuple

from finops import config, timestamps
from finops.context import RunContext
from finops.errors import DataError
from finops.reader.fields import BadValueError, parse_time
from finops.reader.header import Header, read_header
from finops.reader.options import END_OF_TIME
from finops.storage.commit import read_commit, readable_end

Span = Tuple[int, int]  # bytes [from, to), both at line starts
# What a process reads in the time that it takes to start another one and to hear from it.
_AHEAD_BYTES = 4 * config.MEGABYTE
# How much is read at a time in looking for the end of a line.
_LOOK_BYTES = 65_536


class FileReplacedError(DataError):
    """The path leads to another file than the one that is being read, or the file was cut."""

    def __init__(self, path: str) -> None:
        super().__init__(
            f"{path} was replaced or cut again and again while it was read;"
            " try again when that has ended"
        )


class FileLayout(NamedTuple):
    """A file as it stands: whole lines lie in [header.data_start, whole_end), what follows up to
    `end` is a line without an end.  `latest` is the last canonical time that is plausible, and
    `clock` what a simulation's own clock says, "" where there is none.  `inode` is device and
    number of the file, by which others recognise it.
    """

    path: str
    header: Header
    whole_end: int
    end: int
    latest: bytes
    clock: str
    inode: Tuple[int, int]

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return os.path.basename(self.path)


def inspect(stream: BinaryIO, path: str, context: RunContext) -> FileLayout:
    """Look at an opened file.

    The run's clock decides which times lie too far ahead; without one, none do.
    Raises DataError where it is no usage data, FileReplacedError where the path leads to another
    file by now: its commit record is not that of this one.
    """
    header = read_header(stream, os.path.basename(path))
    try:
        end = max(header.data_start, readable_end(path))
        clock = _clock(path)
        refuse_replaced(stream, path)
    except FileNotFoundError:
        raise FileReplacedError(path) from None
    whole_end = _whole_end(stream, header.data_start, end)
    latest = _latest(context, clock)
    return FileLayout(path, header, whole_end, end, latest, clock, inode_of(stream))


def inode_of(stream: BinaryIO) -> Tuple[int, int]:
    """Return device and number of an open file."""
    about = os.fstat(stream.fileno())
    return about.st_dev, about.st_ino


def refuse_replaced(stream: BinaryIO, path: str) -> None:
    """Raise FileReplacedError unless the path leads to the open file."""
    about = os.stat(path)
    if (about.st_dev, about.st_ino) != inode_of(stream):
        raise FileReplacedError(path)


def spans(stream: Any, start: int, end: int, count: int) -> List[Span]:
    """Cut [start, end) at line ends into at most `count` parts of about the same size.

    The first one is longer, by less than half a part: whoever reads it has started already.
    """
    cuts = [start]
    ahead = min(_AHEAD_BYTES, (end - start) // (2 * count))
    for k in range(1, count):
        cut = _next_line(stream, start + ahead + (end - start - ahead) * k // count, end)
        if cuts[-1] < cut < end:
            cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], end]))


def _whole_end(stream: Any, start: int, end: int) -> int:
    """Return the offset behind the last line end in [start, end), `start` where there is none."""
    upper = end
    while upper > start:
        lower = max(start, upper - _LOOK_BYTES)
        stream.seek(lower)
        found: int = stream.read(upper - lower).rfind(b"\n")
        if found >= 0:
            return lower + found + 1
        upper = lower
    return start


def _next_line(stream: Any, offset: int, end: int) -> int:
    """Return the offset of the first line that starts after `offset`, at most `end`."""
    stream.seek(offset)
    while offset < end:
        chunk = stream.read(_LOOK_BYTES)
        if not chunk:
            break
        found: int = chunk.find(b"\n")
        if found >= 0:
            return min(end, offset + found + 1)
        offset += len(chunk)
    return end


def _clock(path: str) -> str:
    """Return the time of the last row that a simulation has written, "" where none is known."""
    mark = read_commit(path)
    try:
        return parse_time(mark.clock.encode("utf-8")).decode("ascii") if mark else ""
    except BadValueError:
        return ""


def _latest(context: RunContext, clock: str) -> bytes:
    """Return the last time that is plausible.

    A simulated dataset's own clock may run ahead of the wall's.
    """
    if context.now is None:
        return END_OF_TIME
    now = timestamps.from_seconds(int(context.now))
    ahead = timedelta(hours=config.FUTURE_TOLERANCE_HOURS)
    return max(timestamps.timestamp(now + ahead), clock).encode("ascii")
