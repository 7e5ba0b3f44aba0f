"""What there is to read of a file: its header, its whole lines, and how they are shared out.

A file may be cut where no record can be open: a quote that opened one before would have had to
close within so many lines and bytes (see `records`), and there is none.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, BinaryIO, List, NamedTuple, Tuple

from finops import config, timestamps
from finops.context import RunContext
from finops.errors import DataError
from finops.locations import STANDARD_INPUT, name_of
from finops.reader.containers import Container, TextStream, container_of, text_of
from finops.reader.fields import BadValueError, parse_time
from finops.reader.header import Header, read_header
from finops.reader.options import END_OF_TIME, ReadingOptions
from finops.reader.records import has_odd_line
from finops.storage.commit import read_commit, readable_end

Span = Tuple[int, int]  # bytes [from, to), both at line starts
# What a process reads in the time that it takes to start another one and to hear from it.
_AHEAD_BYTES = 4 * config.MEGABYTE
# How much is read at a time in looking for the end of a line.
_LOOK_BYTES = 65_536
# A place to cut is searched so often, each time this much farther on.
_CUT_TRIES = 8
_CUT_STEP_BYTES = config.MEGABYTE
# The length of a text that is not decoded yet is not known.
ENDLESS = 1 << 62


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

    Offsets are those of the file where its `container` is plain, else those of the decoded text,
    of which the end is not known.  `size` is how many bytes of the file are taken in.
    """

    path: str
    header: Header
    whole_end: int
    end: int
    latest: bytes
    clock: str
    inode: Tuple[int, int]
    container: Container = Container()
    size: int = 0

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return name_of(self.path)

    @property
    def is_spooled(self) -> bool:
        """Whether it came in through standard input: no path leads to it."""
        return self.path == STANDARD_INPUT

    @property
    def notes(self) -> Tuple[str, ...]:
        """Sentences on what is unusual in the file but harmless."""
        return self.container.notes + self.header.notes

    def text(self, stream: BinaryIO) -> TextStream:
        """Return the text of the opened file."""
        return text_of(stream, self.container, self.name)


def inspect(
    stream: BinaryIO, path: str, context: RunContext, options: ReadingOptions = ReadingOptions()
) -> FileLayout:
    """Look at an opened file.

    The run's clock decides which times lie too far ahead; without one, none do.
    Raises DataError where it is no usage data, FileReplacedError where the path leads to another
    file by now: its commit record is not that of this one.
    """
    name = name_of(path)
    container = container_of(stream, name)
    header = read_header(text_of(stream, container, name), name, options)
    try:
        size = _size(stream, path)
        clock = _clock(path)
        refuse_replaced(stream, path)
    except FileNotFoundError:
        raise FileReplacedError(path) from None
    end = max(header.data_start, size) if container.is_plain else ENDLESS
    whole_end = _whole_end(stream, header.data_start, end) if container.is_plain else ENDLESS
    latest, inode = latest_plausible(context, clock), inode_of(stream)
    return FileLayout(path, header, whole_end, end, latest, clock, inode, container, size)


def _size(stream: BinaryIO, path: str) -> int:
    if path == STANDARD_INPUT:
        return os.fstat(stream.fileno()).st_size
    return readable_end(path)


def inode_of(stream: BinaryIO) -> Tuple[int, int]:
    """Return device and number of an open file."""
    about = os.fstat(stream.fileno())
    return about.st_dev, about.st_ino


def refuse_replaced(stream: BinaryIO, path: str) -> None:
    """Raise FileReplacedError unless the path leads to the open file."""
    if path == STANDARD_INPUT:
        return
    about = os.stat(path)
    if (about.st_dev, about.st_ino) != inode_of(stream):
        raise FileReplacedError(path)


def spans(stream: Any, start: int, end: int, count: int) -> List[Span]:
    """Cut [start, end) between records into at most `count` parts of about the same size.

    The first one is longer, by less than half a part: its reader has started already.
    There are fewer where there is no place that is known to be between records.
    """
    cuts = [start]
    ahead = min(_AHEAD_BYTES, (end - start) // (2 * count))
    for k in range(1, count):
        cut = _safe_cut(stream, start, start + ahead + (end - start - ahead) * k // count, end)
        if cuts[-1] < cut < end:
            cuts.append(cut)
    return list(zip(cuts, [*cuts[1:], end]))


def _safe_cut(stream: Any, start: int, offset: int, end: int) -> int:
    """Return the offset of a line after `offset` before which no record is open, else `end`."""
    for _ in range(_CUT_TRIES):
        cut = _next_line(stream, offset, end)
        if cut >= end or _is_between_records(stream, start, cut):
            return cut
        offset = max(cut, offset + _CUT_STEP_BYTES)
    return end


def _is_between_records(stream: Any, start: int, cut: int) -> bool:
    """Return whether the lines before a cut, as many as a record may have, open or close none."""
    # Line ends may be of two bytes, of which one does not count.
    begin = max(start, cut - config.MAX_LINE_BYTES - config.MAX_RECORD_LINES - 2)
    stream.seek(begin)
    before = stream.read(cut - begin)
    if begin > start:  # it begins within a line, which is part of what is too long for a record
        before = before[before.find(b"\n") + 1 :]
    lines = before.split(b"\n")[-config.MAX_RECORD_LINES - 1 :]
    return not has_odd_line(b"\n".join(lines))


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
    mark = None if path == STANDARD_INPUT else read_commit(path)
    try:
        return parse_time(mark.clock.encode("utf-8")).decode("ascii") if mark else ""
    except BadValueError:
        return ""


def latest_plausible(context: RunContext, clock: str = "") -> bytes:
    """Return the last time that is plausible.

    A simulated dataset's own clock may run ahead of the wall's.
    """
    if context.now is None:
        return END_OF_TIME
    now = timestamps.from_seconds(int(context.now))
    ahead = timedelta(hours=config.FUTURE_TOLERANCE_HOURS)
    return max(timestamps.timestamp(now + ahead), clock).encode("ascii")
