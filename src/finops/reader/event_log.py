"""A file of events: launches, price changes, incidents, which charts over time mark.

It is a CSV with the columns `start`, `end`, `title` and `subject`, of which `start` and `title`
are needed; times are dates or ISO times in UTC.  The simulator writes one beside its data, and a
team can give its own.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import List, NamedTuple

from finops import regular_files
from finops.errors import DataError
from finops.reader.header import shown_name
from finops.regular_files import PathLike
from finops.timestamps import date_of

EVENTS_SUFFIX = ".events.csv"
_MOST_BYTES = 1 << 20
_MOST_EVENTS = 500
_MOST_CHARACTERS = 120


class Event(NamedTuple):
    """What happened: first and last date (YYYY-MM-DD), title, and whom it concerns, "" for all."""

    start: str
    end: str
    title: str
    subject: str


def events_beside(path: PathLike) -> Path:
    """Return where the events of a table of calls are expected."""
    return Path(path).with_suffix(EVENTS_SUFFIX)


def read_events(path: PathLike) -> List[Event]:
    """Return the events of a file by date, at most 500.

    Raises DataError where it cannot be read or has a row without a date or a title.
    """
    name = Path(path).name
    try:
        text = regular_files.read_regular(Path(path), _MOST_BYTES).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text in UTF-8"
        raise DataError(f"cannot read events from {name}: {reason}") from error
    # The module's limit of a cell holds for the whole process: here the size of the file bounds it.
    csv.field_size_limit(max(csv.field_size_limit(), _MOST_BYTES))
    rows = csv.DictReader(io.StringIO(text, newline=""))  # so that any line end ends a line
    try:
        events = [_event(row, f"{name}, line {rows.line_num}") for row in rows]
    except csv.Error as error:
        raise DataError(f"{name}, line {rows.line_num + 1}: it is not CSV: {error}") from error
    return sorted(events)[:_MOST_EVENTS]


def _event(row: dict[str, str], place: str) -> Event:
    start, title = (row.get("start") or "").strip(), (row.get("title") or "").strip()
    end = (row.get("end") or "").strip() or start
    if not title:
        raise DataError(f"{place}: an event needs a title")
    subject = (row.get("subject") or "").strip()
    return Event(
        _date(start, place),
        _date(end, place),
        title[:_MOST_CHARACTERS],
        subject[:_MOST_CHARACTERS],
    )


def _date(text: str, place: str) -> str:
    try:
        return date_of(text).isoformat()
    except ValueError as error:
        given = f"{shown_name(text)} is not a date" if text else "the start is missing"
        raise DataError(f"{place}: {given}; write 2025-01-31") from error
