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
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise DataError(f"cannot read events from {name}: {reason}") from error
    rows = csv.DictReader(io.StringIO(text, newline=""))  # so that any line end ends a line
    try:
        events = [_event(row, f"{name}, line {line}") for line, row in enumerate(rows, start=2)]
    except csv.Error as error:
        raise DataError(f"{name}, line {rows.line_num + 1}: it is no CSV: {error}") from error
    return sorted(events)[:_MOST_EVENTS]


def _event(row: dict[str, str], place: str) -> Event:
    start, title = (row.get("start") or "").strip(), (row.get("title") or "").strip()
    end = (row.get("end") or "").strip() or start
    if not title:
        raise DataError(f"{place}: an event needs a title")
    try:
        dates = [date_of(text).isoformat() for text in (start, end)]
    except ValueError as error:
        given = shown_name(start) or "no date"
        raise DataError(f"{place}: {given} is no date; write 2025-01-31") from error
    subject = (row.get("subject") or "").strip()
    return Event(dates[0], dates[1], title[:_MOST_CHARACTERS], subject[:_MOST_CHARACTERS])
