"""The batch that is being appended, and whose bytes lie behind the committed end.

A writer that was killed leaves part of its batch there; other programs, which know nothing of
commit records, may append behind that.  Their lines must never be taken for torn bytes, so a
pending batch is announced with a check of each of its lines: what does not begin as the batch
does belongs to another program.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from typing import NamedTuple, Optional, Tuple

from finops.regular_files import PathLike
from finops.storage.sidecars import open_data

_PIECE = 1 << 20


class Pending(NamedTuple):
    """A batch that is being appended behind the committed end: bytes, CRC-32 of them, rows.

    `lines` are the `line_checks` of the bytes; empty where an earlier version announced it.
    """

    length: int
    crc32: int
    rows: int
    lines: bytes = b""

    @classmethod
    def of(cls, data: bytes, rows: int) -> Pending:
        """Return what announces these bytes."""
        return cls(len(data), zlib.crc32(data), rows, line_checks(data))


class Tail(NamedTuple):
    """What counts of the bytes behind the committed end.

    `is_whole` says that the pending batch is there in full.  `foreign_start` and `end` enclose
    `foreign_lines` whole lines that other programs appended; both are the end of what is
    committed or whole where there are none.  What follows `end` is torn.
    """

    is_whole: bool
    foreign_start: int
    foreign_lines: int
    end: int


def line_checks(data: bytes) -> bytes:
    """Return one byte for each whole line: the lowest of its CRC-32."""
    lines = data.split(b"\n")[:-1]
    checks = array("I", map(zlib.crc32, lines))
    lowest = 0 if sys.byteorder == "little" else checks.itemsize - 1
    return checks.tobytes()[lowest :: checks.itemsize]


def examine_tail(path: PathLike, committed: int, size: int, pending: Optional[Pending]) -> Tail:
    """Tell what the bytes from `committed` to `size` are, given what was pending.

    Lines count as other programs' where nothing was pending, behind a batch that is there in
    full, and where they are not the first ones of the batch.  Part of a batch with lines of
    others behind it cannot be distinguished from these without its text, and counts with them.
    Raises OSError.
    """
    start, is_whole = committed, False
    if pending is not None:
        stop = committed + pending.length
        is_whole = size >= stop and _crc32(path, committed, stop) == pending.crc32
        if is_whole:
            start = stop
        elif _is_only_torn(path, committed, size, pending):
            return Tail(False, committed, 0, committed)
    end, lines = whole_lines(path, start, size)
    return Tail(is_whole, start, lines, end)


def _is_only_torn(path: PathLike, committed: int, size: int, pending: Pending) -> bool:
    """Return whether nothing but the beginning of the batch was written."""
    if size - committed > pending.length:
        return False
    with open_data(path) as file:
        file.seek(committed)
        there = file.read(size - committed)
    return not pending.lines or pending.lines.startswith(line_checks(there))


def whole_lines(path: PathLike, start: int, stop: int, strict: bool = False) -> Tuple[int, int]:
    """Return where the sound lines from `start` end, and how many they are.

    A sound line ends with a newline and has no NUL; with `strict` it also has all columns of the
    header.
    """
    end, lines = start, 0
    with open_data(path) as file:
        commas = file.readline(_PIECE).count(b",") if strict else None
        while end < stop:
            file.seek(end)
            piece = file.read(min(_PIECE, stop - end))
            whole = piece[: piece.rfind(b"\n") + 1]
            if not whole:
                break
            sound = _sound_part(whole, commas)
            end += len(sound)
            lines += sound.count(b"\n")
            if len(sound) < len(whole):
                break
    return end, lines


def _sound_part(whole: bytes, commas: Optional[int]) -> bytes:
    if b"\0" not in whole and commas is None:
        return whole
    sound = 0
    for line in whole.splitlines(keepends=True):
        if b"\0" in line or (commas is not None and line.count(b",") != commas):
            break
        sound += len(line)
    return whole[:sound]


def _crc32(path: PathLike, start: int, stop: int) -> int:
    checksum = 0
    with open_data(path) as file:
        file.seek(start)
        while start < stop:
            piece = file.read(min(_PIECE, stop - start))
            if not piece:
                break
            checksum = zlib.crc32(piece, checksum)
            start += len(piece)
    return checksum
