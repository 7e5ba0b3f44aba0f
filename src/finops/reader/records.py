"""Lines to records: where a record of several lines begins and ends, and what its fields are.

A quoted field may contain line ends, so a record may take several lines.  Such a record begins
at a line with an odd number of quotes and ends at the next one like it; whether the lines make
up a record is then checked as a whole.  Where they do not, the quote was a stray one: the first
line stands alone, and the next line is read on its own.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.reader.fields import BadValueError

QUOTE = b'"'
BROKEN_QUOTING = "broken quoting"
_NO_QUOTE_OR_NEWLINE = bytes(byte for byte in range(256) if byte not in b'"\n')


class Dialect(NamedTuple):
    """How fields are divided, and how many a record has (0 where it is not known yet)."""

    delimiter: bytes = b","
    width: int = 0


def has_odd_line(lines: bytes) -> bool:
    """Return whether any line has an odd number of quotes, so that it may open a record."""
    if QUOTE not in lines:
        return False
    # Of the quotes of one line pairs are removed, which leaves one where their number is odd.
    return QUOTE in lines.translate(None, _NO_QUOTE_OR_NEWLINE).replace(QUOTE * 2, b"")


def without_quotes(lines: bytes, delimiter: bytes) -> Optional[bytes]:
    r"""Return whole lines without the quotes around fields, where these are needed by no field.

    Returns None where a field has a quote, a delimiter or a line end within, or where quoting
    is broken.  Fields are then split as if they had never been quoted.

    >>> without_quotes(b'"a",b,""\n', b","), without_quotes(b'"a,b",c\n', b",")
    (b'a,b,\n', None)
    """
    text = b"\n" + lines
    before = text.count(delimiter + QUOTE) + text.count(b"\n" + QUOTE)
    behind = text.count(QUOTE + delimiter) + text.count(QUOTE + b"\n")
    # Each quote stands at the beginning of a field or at its end, and none at both ...
    alone = (a + QUOTE + b for a in (delimiter, b"\n") for b in (delimiter, b"\n"))
    if before + behind != text.count(QUOTE) or any(field in text for field in alone):
        return None
    # ... and every field has two of them or none.
    others = bytes(byte for byte in range(256) if byte not in QUOTE + b"\n" + delimiter)
    if QUOTE in lines.translate(None, others).replace(QUOTE * 2, b""):
        return None
    return lines.replace(QUOTE, b"")


def split_record(record: bytes, delimiter: bytes = b",") -> List[bytes]:
    r"""Return the fields of one record; raise BadValueError where its quoting is broken.

    A field is quoted as a whole, quotes within doubled, or holds no quote at all.  (Python's csv
    module takes a stray quote for text, and refuses fields over 128 KB.)

    >>> split_record(b'a,"b ""c"", d\n",')
    [b'a', b'b "c", d\n', b'']
    """
    first, *others = record.split(QUOTE)
    fields = first.split(delimiter)
    if len(others) % 2:
        raise BadValueError(BROKEN_QUOTING)
    quoted: List[bytes] = []  # what lies between the doubled quotes of the field at hand
    for inside, outside in zip(others[::2], others[1::2]):
        if fields[-1] and not quoted:
            raise BadValueError(BROKEN_QUOTING)
        quoted.append(inside)
        if outside:
            before, *more = outside.split(delimiter)
            if before or b"\n" in outside:
                raise BadValueError(BROKEN_QUOTING)
            fields[-1:] = [QUOTE.join(quoted), *more]
            quoted = []
    if quoted:
        fields[-1] = QUOTE.join(quoted)
    return fields


def spans_of_records(
    lines: Sequence[bytes], dialect: Dialect, more: bool = False
) -> Iterator[Tuple[int, int]]:
    """Yield for each record the place of its first line and of the line after its last one.

    With `more`, lines are still to come: the last one yielded ends before a record that they may
    close.  It may have so many lines and bytes as the configuration says.
    """
    odd = [place for place, line in enumerate(lines) if line.count(QUOTE) % 2]
    start = 0
    for number, opener in enumerate(odd):
        if opener < start:
            continue  # it has closed the record before
        yield from _single(start, opener)
        end = opener + 1
        if number + 1 < len(odd):
            closer = odd[number + 1]
            if _is_record(lines[opener : closer + 1], dialect):
                end = closer + 1
        elif more and _fits(lines[opener:]):
            return
        yield opener, end
        start = end
    yield from _single(start, len(lines))


def _single(start: int, end: int) -> Iterator[Tuple[int, int]]:
    return ((place, place + 1) for place in range(start, end))


def _is_record(lines: Sequence[bytes], dialect: Dialect) -> bool:
    """Return whether lines are one record: a stray quote that is closed by chance gives none."""
    if not _fits(lines):
        return False
    try:
        fields = split_record(b"\n".join(lines).rstrip(b"\r"), dialect.delimiter)
    except BadValueError:
        return False
    return dialect.width in (0, len(fields))


def _fits(lines: Sequence[bytes]) -> bool:
    if len(lines) > config.MAX_RECORD_LINES:
        return False
    size = sum(len(line) - line.endswith(b"\r") for line in lines) + len(lines) - 1
    return size <= config.MAX_LINE_BYTES
