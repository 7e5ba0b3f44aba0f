"""What stands before and in the header of a table: which delimiter, which line, which names.

Comments, blank lines and the `sep=` line of spreadsheets may precede the header.  The delimiter
is the one by which most names in the header are names of the call record.
"""

from __future__ import annotations

import re
from typing import List, NamedTuple, Optional, Tuple

from finops import config
from finops.reader.column_names import known
from finops.reader.fields import BadValueError
from finops.reader.records import QUOTE, split_record

DELIMITERS: Tuple[bytes, ...] = (b",", b";", b"\t", b"|")
_BOM = b"\xef\xbb\xbf"
_SEPARATOR_LINE = re.compile(rb'(?i)"?sep=([,;\t|])"?').fullmatch


class HeaderLine(NamedTuple):
    """The header of a table and what precedes it.

    `line` is the header without its end; `start` and `end` are the offsets of its first byte and
    of the first one behind its end, `end` 0 where it has none.  `blank` and `comments` count the
    lines before it.  `declared` is the delimiter that a `sep=` line names, b"" if none does.
    """

    line: bytes
    start: int
    end: int
    blank: int
    comments: int
    declared: bytes
    has_bom: bool


def find_header(text: bytes) -> Optional[HeaderLine]:
    """Return the first line of a text that is no comment, not blank, and no `sep=` line.

    Returns None where there is none.
    """
    has_bom = text.startswith(_BOM)
    start, blank, comments, declared = len(_BOM) if has_bom else 0, 0, 0, b""
    while start < len(text):
        newline = text.find(b"\n", start)
        end = newline + 1
        line = text[start : newline if end else len(text)].rstrip(b"\r")
        separator = _SEPARATOR_LINE(line)
        if separator:
            declared = separator.group(1)
        if separator or line.startswith(b"#"):
            comments += 1
        elif not line.strip():
            blank += 1
        else:
            line, end = _whole(text, start, line, end)
            return HeaderLine(line, start, end, blank, comments, declared, has_bom)
        start = end or len(text)
    return None


def _whole(text: bytes, start: int, line: bytes, end: int) -> Tuple[bytes, int]:
    """Return a header with the lines on which its quoted names go on, and its end."""
    whole, whole_end = line, end
    for _ in range(config.MAX_RECORD_LINES):
        if whole.count(QUOTE) % 2 == 0:
            return whole, whole_end
        newline = text.find(b"\n", whole_end) if whole_end else -1
        if newline < 0:
            break
        whole, whole_end = text[start:newline].replace(b"\r\n", b"\n").rstrip(b"\r"), newline + 1
    return line, end


def split_names(line: bytes, delimiter: bytes) -> List[str]:
    """Return the names in a header; raise BadValueError or UnicodeDecodeError where it is none."""
    return [name.decode("utf-8").strip() for name in split_record(line, delimiter)]


def delimiter_of(header: HeaderLine) -> bytes:
    """Return the delimiter of a header: the declared one, or the one that gives most known names.

    Where none gives any it is a comma.
    """
    if header.declared:
        return header.declared
    best, most = DELIMITERS[0], 0
    for delimiter in DELIMITERS:
        try:
            count = known(split_names(header.line, delimiter))
        except (BadValueError, UnicodeDecodeError):
            continue
        if count > most:
            best, most = delimiter, count
    return best
