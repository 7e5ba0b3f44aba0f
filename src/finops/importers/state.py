"""What an import remembers beside its CSV: which files it read, and how spans contain each other.

The next import skips files that did not change, knows calls that contain others although they
come in different files, and which row a file ended in that may not have been whole.  If this
file is lost, everything is read again, and such a row stays.  It holds no prompt and no answer.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Iterator, List, Optional, Set, Tuple, Union

from finops.importers.base import Span, Spans
from finops.importers.last_line import LastLine
from finops.importers.sources import Source
from finops.importers.totals import Totals
from finops.storage.sidecars import sidecar

_VERSION = 3
_SCHEMA = """
CREATE TABLE IF NOT EXISTS about (csv TEXT, options TEXT, totals TEXT);
CREATE TABLE IF NOT EXISTS files (path TEXT PRIMARY KEY, mark TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS spans (
    format TEXT, node TEXT, parent TEXT, kind TEXT, id TEXT,
    PRIMARY KEY (format, node)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS last_lines (
    path TEXT PRIMARY KEY, start INTEGER, length INTEGER, digest TEXT, call_id TEXT
) WITHOUT ROWID;
"""
NOWHERE = ":memory:"


def state_path(csv: Union[str, Path]) -> Path:
    """Return where the state of an imported CSV is."""
    return sidecar(csv, ".import")


class State:
    """Opened for one import; nothing is remembered before `commit`."""

    def __init__(self, csv: Path, options: str, fresh: bool = False, keep: bool = True) -> None:
        """Open the state of a CSV; `options` is what else decides how files are read.

        `fresh` forgets what is remembered, `keep` False remembers nothing.
        """
        self._csv = csv
        self._options = options
        self._database = _opened(state_path(csv), keep)
        self._database.execute("BEGIN")
        if fresh:
            self._database.execute("DELETE FROM files")
            self._database.execute("DELETE FROM spans")
            self._database.execute("DELETE FROM last_lines")
        self._keep = keep
        self._marks = dict(self._database.execute("SELECT path, mark FROM files"))
        self._there: Set[str] = set()  # files that were met
        self._is_current = not fresh and self._about() == (_mark(str(csv)), options)

    def _about(self) -> Optional[Tuple[str, str]]:
        row = self._database.execute("SELECT csv, options FROM about").fetchone()
        return None if row is None else (str(row[0]), str(row[1]))

    def is_unchanged(self, source: Source) -> bool:
        """Return whether a file was read before, and is as it was, and the CSV too."""
        if not self._is_current:
            return False
        mark = self._marks.get(source.path)
        is_unchanged = bool(mark) and mark == _mark(source.path)
        if is_unchanged:
            self._there.add(source.path)
        return is_unchanged

    def read(self, source: Source, mark: str) -> None:
        """Remember a file as it was when it was opened."""
        self._database.execute("INSERT OR REPLACE INTO files VALUES (?, ?)", (source.path, mark))

    def last_line(self, source: Source) -> Optional[LastLine]:
        """Return the last line of a file as it was read before, None where it had an end."""
        query = "SELECT start, length, digest, call_id FROM last_lines WHERE path = ?"
        row = self._database.execute(query, (source.path,)).fetchone()
        return None if row is None else LastLine(*row)

    def keep_last_line(self, source: Source, line: Optional[LastLine]) -> None:
        """Remember the last line of a file, None where it has an end."""
        self._database.execute("DELETE FROM last_lines WHERE path = ?", (source.path,))
        if line is not None:
            values = (source.path, *line)
            self._database.execute("INSERT INTO last_lines VALUES (?, ?, ?, ?, ?)", values)

    def gone(self) -> int:
        """Return how many files that were read before are not there any more."""
        paths = self._database.execute("SELECT path FROM files").fetchall()
        return sum(path not in self._there and not os.path.exists(path) for (path,) in paths)

    def add_span(self, format_id: str, span: Tuple[str, str, str]) -> None:
        """Remember a span: its node, its parent and its kind, see `Span`."""
        self._database.execute(
            "INSERT OR IGNORE INTO spans VALUES (?, ?, ?, ?, '')", (format_id, *span)
        )

    def spans(self, format_id: str) -> Spans:
        """Return the spans of a format."""
        return _Spans(self._database, format_id)

    def count(self, format_id: str, node: str, call_id: str) -> None:
        """Remember under which id a span stands in the CSV, "" where it does not."""
        self._database.execute(
            "UPDATE spans SET id = ? WHERE format = ? AND node = ?", (call_id, format_id, node)
        )

    def counted_id(self, format_id: str, node: str) -> str:
        """Return under which id a span stands in the CSV, "" where it does not."""
        query = "SELECT id FROM spans WHERE format = ? AND node = ?"
        row = self._database.execute(query, (format_id, node)).fetchone()
        return "" if row is None else str(row[0])

    def totals(self) -> Optional[Totals]:
        """Return the sums over the CSV as they were kept, None where it may have other ones."""
        if not self._is_current:
            return None
        (text,) = self._database.execute("SELECT totals FROM about").fetchone()
        try:
            return Totals.from_plain(json.loads(text))
        except (ValueError, TypeError, ArithmeticError):
            return None

    def commit(self, totals: Totals) -> None:
        """Keep all that was remembered, together with the CSV as it is now, and its sums."""
        self._database.execute("DELETE FROM about")
        about = (_mark(str(self._csv)), self._options, json.dumps(totals.plain()))
        self._database.execute("INSERT INTO about VALUES (?, ?, ?)", about)
        self._database.execute("COMMIT")

    def close(self) -> None:
        """Close; what was not committed is forgotten."""
        with suppress(sqlite3.Error):
            self._database.close()


class _Spans(Spans):
    def __init__(self, database: sqlite3.Connection, format_id: str) -> None:
        self._database = database
        self._format = format_id

    def parent_of(self, node: str) -> Optional[Span]:
        query = (
            "SELECT node, parent, kind FROM spans WHERE format = ? AND node ="
            " (SELECT parent FROM spans WHERE format = ? AND node = ?)"
        )
        row = self._database.execute(query, (self._format, self._format, node)).fetchone()
        return None if row is None else Span(*row)

    def of_kind(self, kind: str) -> Iterator[Span]:
        query = "SELECT node, parent, kind FROM spans WHERE format = ? AND kind = ?"
        rows: List[Tuple[str, str, str]] = self._database.execute(
            query, (self._format, kind)
        ).fetchall()
        return (Span(*row) for row in rows)


def _opened(path: Path, keep: bool) -> sqlite3.Connection:
    """Return a connection to the database; one in memory where there can be none."""
    if not keep and not path.exists():
        return _connected(NOWHERE)
    if path.is_symlink():
        return _connected(NOWHERE)
    with suppress(sqlite3.Error):
        return _connected(str(path))
    with suppress(OSError, sqlite3.Error):
        path.unlink()  # it is damaged, and nothing of it is needed
        return _connected(str(path))
    return _connected(NOWHERE)


def _connected(path: str) -> sqlite3.Connection:
    database = sqlite3.connect(path, isolation_level=None)
    try:
        if database.execute("PRAGMA user_version").fetchone()[0] not in (0, _VERSION):
            raise sqlite3.DatabaseError("of another version")
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")
    except sqlite3.Error:
        database.close()
        raise
    return database


def mark_of(source: Source) -> str:
    """Return what changes when a file changes: its size, and when it was written."""
    return _mark(source.path)


def size_of(source: Source) -> int:
    """Return the size of a file in bytes, 0 where it is not there."""
    try:
        return os.stat(source.path).st_size
    except OSError:
        return 0


def _mark(path: str) -> str:
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"
