"""The calls of an import by id, in a temporary database: memory stays small however many.

Equal ids are one call.  Which of two records of it stands does not depend on the order of files:
the one with more output (a log may be read while an answer is still arriving), of an aggregate
the later one (its period was not over), else the lesser text.  The earliest time stands.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from finops.importers import find_format
from finops.importers.call import (
    COLUMNS,
    FROM_BILL,
    FROM_SOURCE,
    Record,
    record_of_text,
    text_of,
)
from finops.importers.calls_csv import id_in, key_of

_SCHEMA = """
CREATE TABLE calls (
    id TEXT PRIMARY KEY, family TEXT, origin INTEGER, old INTEGER, dropped INTEGER,
    row TEXT
);
CREATE TABLE staged (node TEXT PRIMARY KEY, origin INTEGER, row TEXT) WITHOUT ROWID;
CREATE TABLE seen (text TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
"""
# So many ids take some 20 MB.
_FEW_CALLS = 100_000
# A new call, an old one from the CSV that stays as it was, an old one that changed.
NEW, KEPT, CHANGED = 0, 1, 2
_RECORDED = frozenset({FROM_SOURCE, FROM_BILL})
_LISTED_PLACES = frozenset(map(COLUMNS.index, ("timestamp", "list_cost_usd")))
_COST_PLACES = _LISTED_PLACES | frozenset(map(COLUMNS.index, ("cost_usd", "cost_source")))


class Outcome(NamedTuple):
    """The record that stands of two of one call, and whether they said the same but for prices."""

    record: Record
    same: bool


def merge(first: Record, second: Record, recompute: bool = False) -> Outcome:
    """Return which of two records of one call stands; `second` was read later.

    Where only one has a cost of its source, it stands; with `recompute` the other one does.
    """
    earliest = min(first.timestamp, second.timestamp)
    if _content(first, second) == _content(second, first):
        priced = _better_priced(first, second, recompute)
        return Outcome(priced._replace(timestamp=earliest), True)
    if second.is_aggregate:
        return Outcome(second, False)
    more = int(second.output_tokens) - int(first.output_tokens)
    lesser = min(first, second, key=lambda record: _content(record, record))
    chosen = (second if more > 0 else first) if more else lesser
    return Outcome(chosen._replace(timestamp=earliest), False)


def _better_priced(first: Record, second: Record, recompute: bool) -> Record:
    recorded = [record.cost_source in _RECORDED for record in (first, second)]
    if recorded[0] != recorded[1]:
        return first if recorded[0] != recompute else second
    return second if second.cost_usd else first


def _content(record: Record, other: Record) -> Tuple[str, ...]:
    """Return what a record says of a call, without its time and what depends on prices.

    Costs are compared where both records have them from their source.
    """
    recorded = {record.cost_source, other.cost_source} <= _RECORDED
    without = _LISTED_PLACES if recorded else _COST_PLACES
    return tuple(text for place, text in enumerate(record) if place not in without)


class CallIndex:
    """Calls by id.  One import fills it, settles it and reads it in order of time."""

    def __init__(self, database: sqlite3.Connection, recompute: bool = False) -> None:
        self._database = database
        self._recompute = recompute
        database.executescript(_SCHEMA)
        database.execute("BEGIN")  # after the script, which ends any transaction
        self._has_families = False
        # The ids and the families of the calls, where they are few enough to be kept at hand.
        self._ids: Optional[Set[str]] = None
        self._families: Optional[Set[str]] = None
        self.origin = 0

    def add_all(self, rows: Sequence[Tuple[str, str, str]]) -> int:
        """Add calls that were read, each as its id, family and row; return how many of them were
        there already.
        """
        self._has_families = self._has_families or any(family for _, family, _ in rows)
        before = self._database.total_changes
        self._database.executemany(
            f"INSERT OR IGNORE INTO calls VALUES (?, ?, {self.origin:d}, {NEW:d}, 0, ?)", rows
        )
        ignored = len(rows) - (self._database.total_changes - before)
        return ignored and ignored - self._merge_all(rows)

    def _merge_all(self, rows: Sequence[Tuple[str, str, str]]) -> int:
        """Merge calls with what is there of them.

        Return how many of them came in place of the same call, made of what only contained it.
        """
        replacing = 0
        for call_id, _, text in rows:
            present = self._row_of(call_id)
            if not present:
                self._put(record_of_text(text), CHANGED)
                replacing += 1
            elif present != text:
                first, second = record_of_text(present), record_of_text(text)
                self._put(merge(first, second, self._recompute).record, NEW)
        return replacing

    def stage_all(self, rows: Sequence[Tuple[str, str]]) -> None:
        """Keep calls aside, nodes and rows, until it is known whether they contain others."""
        self._database.executemany(
            f"INSERT OR REPLACE INTO staged VALUES (?, {self.origin:d}, ?)", rows
        )

    def staged(self) -> Iterator[Tuple[str, str]]:
        """Yield the nodes and rows of calls that were kept aside, in the order of nodes."""
        yield from self._database.execute("SELECT node, row FROM staged ORDER BY node")

    def take_in(self, record: Record, family: str) -> None:
        """Add a call of the present CSV: an older state of one that was read, or its relative."""
        if self._insert(record, family, KEPT):
            return
        present = self._row_of(record.call_id)
        if present:
            merged = merge(record, record_of_text(present), self._recompute).record
            self._put(merged, KEPT if merged == record else CHANGED)

    @property
    def is_at_hand(self) -> bool:
        """Whether look-ups are quick, after `prepare_for_rows`: there are few calls."""
        return self._ids is not None

    def family_marks(self) -> Dict[str, Set[str]]:
        """Return the marks of the calls with families by format, see `Format.family_marks`."""
        keys: Dict[str, List[str]] = {}
        query = "SELECT row FROM calls WHERE family != '' AND row != ''"
        for (text,) in self._database.execute(query):
            key = key_of(text)
            keys.setdefault(id_in(key).partition(":")[0], []).append(key)
        formats = {name: find_format(name) for name in keys}
        return {
            name: set(format.family_marks(keys[name]))
            for name, format in formats.items()
            if format is not None
        }

    def holds_any(self, call_ids: Sequence[str]) -> bool:
        """Return whether there is a call with one of these ids, dropped ones included."""
        return self._ids is None or not self._ids.isdisjoint(call_ids)

    def concerns(self, call_id: str, family: str) -> bool:
        """Return whether a call, or a relative of it, was read in this import."""
        return self.holds(call_id) or (bool(family) and self._has_relatives(family))

    def holds(self, call_id: str) -> bool:
        """Return whether there is a call with this id, dropped ones included."""
        if self._ids is not None:
            return call_id in self._ids
        rows = self._database.execute("SELECT 1 FROM calls WHERE id = ?", (call_id,))
        return rows.fetchone() is not None

    def _has_relatives(self, family: str) -> bool:
        if self._families is not None:
            return family in self._families
        rows = self._database.execute("SELECT 1 FROM calls WHERE family = ? LIMIT 1", (family,))
        return rows.fetchone() is not None

    def drop(self, call_id: str) -> None:
        """Leave a call out of the result."""
        self._database.execute("UPDATE calls SET dropped = 1 WHERE id = ?", (call_id,))

    def drop_old(self, call_id: str) -> None:
        """Leave a call of the present CSV out of the result, unless it is added after this."""
        self._database.execute(
            "INSERT OR IGNORE INTO calls VALUES (?, '', 0, ?, 1, '')", (call_id, KEPT)
        )
        if self._ids is not None:
            self._ids.add(call_id)

    def forget_sessions(self) -> None:
        """Blank the sessions of the calls that were read since `origin` was set."""
        self._database.create_function("without_session", 1, _without_session)
        query = "UPDATE calls SET row = without_session(row) WHERE origin = ?"
        self._database.execute(query, (self.origin,))

    def prepare_for_rows(self) -> None:
        """Prepare for look-ups of each row of the present CSV, when all files are read."""
        self._database.execute("CREATE INDEX by_family ON calls (family) WHERE family != ''")
        if self._count("old >= ?", NEW) <= _FEW_CALLS:
            self._ids, self._families = set(), set()
            for call_id, family in self._database.execute("SELECT id, family FROM calls"):
                self._ids.add(call_id)
                self._families.add(family)

    def families(self) -> Iterator[List[Record]]:
        """Yield the calls of each family that has several, in the order of their ids."""
        if not self._has_families:
            return
        several = "SELECT family FROM calls WHERE family != '' GROUP BY family HAVING COUNT(*) > 1"
        members = "SELECT row FROM calls WHERE family = ? AND dropped = 0 ORDER BY id"
        for (family,) in self._database.execute(several).fetchall():
            yield [record_of_text(text) for (text,) in self._database.execute(members, (family,))]

    def changes(self) -> int:
        """Return how many rows of the CSV the result adds, changes or leaves out."""
        return self._count("(dropped = 0 AND old != ?) OR (dropped = 1 AND old != 0)", KEPT)

    def additions(self) -> int:
        """Return how many calls are new."""
        return self._count("dropped = 0 AND old = ?", NEW)

    def leaves_out(self, call_id: str) -> bool:
        """Return whether the row of a call in the CSV does not stay as it is."""
        if self._ids is not None and call_id not in self._ids:
            return False
        query = "SELECT 1 FROM calls WHERE id = ? AND (old = ? OR (dropped = 1 AND old != ?))"
        rows = self._database.execute(query, (call_id, CHANGED, NEW))
        return rows.fetchone() is not None

    def is_empty(self) -> bool:
        """Return whether nothing was read."""
        return self._database.execute("SELECT 1 FROM calls LIMIT 1").fetchone() is None

    def in_order(self) -> Iterator[str]:
        """Yield the rows that the CSV has not as they are, by time, then by id."""
        # Which is how rows sort: they begin with both, see `text_of`.
        query = f"SELECT row FROM calls WHERE dropped = 0 AND old != {KEPT:d} ORDER BY row"
        for (text,) in self._database.execute(query):
            yield text

    def any_again(self, texts: Sequence[str]) -> bool:
        """Return whether any of these texts was asked for before, or is there twice."""
        before = self._database.total_changes
        self._database.executemany(
            "INSERT OR IGNORE INTO seen VALUES (?, 1)", ((text,) for text in texts)
        )
        return self._database.total_changes - before < len(texts)

    def nth_of(self, text: str) -> int:
        """Return how often this was asked with the same text, this time included."""
        updated = self._database.execute(
            "UPDATE seen SET count = count + 1 WHERE text = ?", (text,)
        ).rowcount
        if not updated:
            self._database.execute("INSERT INTO seen VALUES (?, 1)", (text,))
            return 1
        row = self._database.execute("SELECT count FROM seen WHERE text = ?", (text,)).fetchone()
        return int(row[0])

    def _insert(self, record: Record, family: str, old: int) -> bool:
        values = (record.call_id, family, self.origin, old, text_of(record))
        inserted = self._database.execute(
            "INSERT OR IGNORE INTO calls VALUES (?, ?, ?, ?, 0, ?)", values
        )
        if inserted.rowcount <= 0:
            return False
        if self._ids is not None and self._families is not None:
            self._ids.add(record.call_id)
            self._families.add(family)
        return True

    def _row_of(self, call_id: str) -> str:
        rows = self._database.execute("SELECT row FROM calls WHERE id = ?", (call_id,))
        return str(rows.fetchone()[0])

    def _put(self, record: Record, old: int) -> None:
        self._database.execute(
            "UPDATE calls SET old = ?, dropped = 0, row = ? WHERE id = ?",
            (old, text_of(record), record.call_id),
        )

    def _count(self, condition: str, value: int) -> int:
        query = f"SELECT COUNT(*) FROM calls WHERE {condition}"
        return int(self._database.execute(query, (value,)).fetchone()[0])


def _without_session(text: str) -> str:
    return text_of(record_of_text(text)._replace(session_id=""))


@contextmanager
def temporary_index(recompute: bool = False) -> Iterator[CallIndex]:
    """Give an index in a temporary file, which SQLite removes however the import ends."""
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536"
        )
        yield CallIndex(database, recompute)
    finally:
        database.close()
