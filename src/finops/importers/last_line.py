"""The last line of a file that does not end: a table may have been read while it was written.

What is there of such a line counts as a row, for many tools end no last line.  Where the file has
grown since and the line goes on, the row that was read before it was whole is left out again.
"""

from __future__ import annotations

import hashlib
import os
from typing import NamedTuple, Optional

from finops.importers.sources import Source
from finops.regular_files import open_regular

_LONGEST = 1 << 16


class LastLine(NamedTuple):
    """A last line without an end: where its bytes are, their hash, and the id of its call."""

    start: int
    length: int
    digest: str
    call_id: str

    def goes_on(self, source: Source) -> bool:
        """Return whether a file has these bytes still, and more after them."""
        try:
            with open_regular(source.path) as stream:
                stream.seek(self.start)
                content = stream.read(self.length + 1)
        except OSError:
            return False
        return len(content) > self.length and _digest(content[: self.length]) == self.digest


def last_line(source: Source, call_id: str) -> Optional[LastLine]:
    """Return the last line of a file where it does not end, None where it does or is very long.

    `call_id`: the last call that was read from the file.
    """
    try:
        with open_regular(source.path) as stream:
            size = stream.seek(0, os.SEEK_END)
            start = max(0, size - _LONGEST)
            stream.seek(start)
            content = stream.read(_LONGEST)
    except OSError:
        return None
    cut = content.rfind(b"\n") + 1
    line = content[cut:]
    if not line or (not cut and start):
        return None
    return LastLine(start + cut, len(line), _digest(line), call_id)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
