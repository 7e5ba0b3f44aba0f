"""What a file is by its first bytes: JSON, a table of delimited text, or a database."""

from __future__ import annotations

from finops.importers.sources import READ_ERRORS, Source

SQLITE_MARK = b"SQLite format 3\0"
_LOOKED_AT_BYTES = 4096


def first_bytes(source: Source) -> bytes:
    """Return the first bytes of a file, b"" where it cannot be read."""
    try:
        with source.open() as stream:
            return stream.read(_LOOKED_AT_BYTES)
    except READ_ERRORS:
        return b""


def is_database(source: Source) -> bool:
    """Return whether a file is a database of SQLite."""
    return first_bytes(source).startswith(SQLITE_MARK)


def is_table(source: Source) -> bool:
    """Return whether a file is text in lines, or columns, that does not begin as JSON does."""
    if source.is_part:
        return False
    start = first_bytes(source).lstrip()
    if not start or start.startswith(SQLITE_MARK) or start[:1] in (b"{", b"["):
        return False
    return any(mark in start for mark in (b"\n", b",", b";", b"\t", b"|"))
