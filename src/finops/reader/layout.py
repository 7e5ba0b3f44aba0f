"""What there is to read of a file: its header, its whole lines, and how they are shared out."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, BinaryIO, List, NamedTuple, Tuple

from finops import config, timestamps
from finops.context import RunContext
from finops.reader.fields import BadValueError, parse_time
from finops.reader.header import Header, read_header
from finops.storage.commit import read_commit, readable_end

Span = Tuple[int, int]  # bytes [from, to), both at line starts
# What a process reads in the time that it takes to start another one and to hear from it.
_AHEAD_BYTES = 4 * config.MEGABYTE
# How much is read at a time in looking for the end of a line.
_LOOK_BYTES = 65_536
_END_OF_TIME = b"9999-12-31T23:59:59.999999"


class FileLayout(NamedTuple):
    """A file as it stands: whole lines lie in [header.data_start, whole_end), what follows up to
    `end` is a line without an end.  `latest` is the canonical time after which a row lies in
    the future.
    """

    path: str
    header: Header
    whole_end: int
    end: int
    latest: bytes

    @property
    def name(self) -> str:
        """The file's name without folders."""
        return os.path.basename(self.path)


def survey(stream: BinaryIO, path: str, context: RunContext) -> FileLayout:
    """Look at an opened file; raises DataError where it is no usage data.

    The run's clock decides which rows lie in the future; without one, none do.
    """
    header = read_header(stream, os.path.basename(path))
    end = max(header.data_start, readable_end(path))
    return FileLayout(
        path, header, _whole_end(stream, header.data_start, end), end, _latest(path, context)
    )


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


def _latest(path: str, context: RunContext) -> bytes:
    """Return the time after which a row lies in the future.

    A simulated dataset's own clock may run ahead of the wall's; its mark says how far.
    """
    if context.now is None:
        return _END_OF_TIME
    now = timestamps.from_seconds(int(context.now))
    ahead = timedelta(hours=config.FUTURE_TOLERANCE_HOURS)
    latest = timestamps.timestamp(now + ahead).encode("ascii")
    mark = read_commit(path)
    if mark is None or not mark.clock:
        return latest
    try:
        return max(latest, parse_time(mark.clock.encode("utf-8")))
    except BadValueError:
        return latest
