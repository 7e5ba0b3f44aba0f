"""Codex: session files with running totals of tokens, events repeated, histories replayed.

A call is an event whose total differs from that of the event before; its tokens are the
difference.  A fork, or a subagent, begins with its parent's events, written anew at the time of
the fork: they are left out, and set what the first difference is taken from.
"""

from __future__ import annotations

import os
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from finops.business.sources import AT_LIST_PRICES
from finops.importers.base import Entry, Format, Session
from finops.importers.call import Call, Tokens
from finops.importers.discovery import files_below
from finops.importers.json_records import Item, json_records
from finops.importers.sources import Source
from finops.importers.tally import Tally
from finops.importers.values import MICROSECONDS, Fields, RejectedError

OPENAI = "openai"
ACTIVE, ARCHIVED = "sessions", "archived_sessions"
_MARKS = (b'"token_count"', b'"session_meta"', b'"turn_context"')
_CLASSES = (
    "input_tokens",
    "cached_input_tokens",
    "cache_write_input_tokens",
    "output_tokens",
    "reasoning_output_tokens",
)
_REPLAY_S = 1
Total = Tuple[int, ...]


class _Event(NamedTuple):
    """A count of tokens: when, the total so far, what the last call used, and around it."""

    line: int
    time: int
    total: Total
    last: Optional[Total]
    model: str
    folder: str


class Codex(Format):
    """Session files of Codex."""

    id = "codex"
    title = "Codex session files"
    suffixes = (".jsonl",)
    home_variable = "CODEX_HOME"
    remarks = (AT_LIST_PRICES[id],)

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is the head of a session, or a count of tokens."""
        kind = record.text("type")
        if kind == "event_msg":
            payload = record.value("payload")
            return isinstance(payload, dict) and payload.get("type") == "token_count"
        return kind == "session_meta" and "payload" in record

    def folders(self, environment: Mapping[str, str], home: str) -> List[str]:
        """Return the folder of CODEX_HOME, else the usual one."""
        return [environment.get(self.home_variable) or os.path.join(home, ".codex")]

    def files(self, folder: str) -> Iterable[str]:
        """Return the session files; of a session that is in both places the active one."""
        active = list(files_below(os.path.join(folder, ACTIVE), self.suffixes))
        names = {os.path.basename(path) for path in active}
        archived = files_below(os.path.join(folder, ARCHIVED), self.suffixes)
        return [*active, *(path for path in archived if os.path.basename(path) not in names)]

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the calls of a session."""
        reader = _SessionReader(source, session.tally)
        events = list(reader.events())
        replayed = _replayed(events, reader, session)
        total: Total = ()
        number = 0
        for place, event in enumerate(events):
            is_new = event.total != total
            used = _difference(total, event)
            total = event.total
            if place < replayed or not is_new:
                session.tally.duplicates += 1
                continue
            number += 1
            call = _call(event, used, reader, f"{reader.id or source.name}:{number}", session)
            yield session.described(call, Fields({"cwd": event.folder}))


class _SessionReader:
    """Reads the events of a session file, and what its first lines say of the session."""

    def __init__(self, source: Source, tally: Tally) -> None:
        self._source = source
        self._tally = tally
        self._model = ""
        self._folder = ""
        self.id = ""
        self.session = ""
        self.forked_from = ""
        self.start: Optional[int] = None

    def events(self) -> Iterator[_Event]:
        """Yield the counts of tokens in their order."""
        for item in json_records(self._source, self._tally, _MARKS):
            try:
                event = self._event(item)
            except RejectedError as error:
                self._tally.reject(self._source.label, item.line, str(error))
                continue
            if event is not None:
                yield event

    def _event(self, item: Item) -> Optional[_Event]:
        record = item.fields
        kind = record.text("type")
        if kind == "session_meta":
            self._take_head(record, record.part("payload"))
        elif kind == "turn_context":
            payload = record.part("payload")
            self._model = payload.text("model") or self._model
            self._folder = payload.text("cwd") or self._folder
        elif kind == "event_msg":
            return self._count(item.line, record, record.part("payload"))
        return None

    def _take_head(self, record: Fields, payload: Fields) -> None:
        """Take what the first head of a file says; a second one is that of the parent."""
        if self.start is not None:
            return
        self.start = record.time("timestamp")
        self.id = payload.text("id")
        self.session = payload.text("session_id") or self.id
        self.forked_from = payload.text("forked_from_id")
        self._folder = payload.text("cwd")

    def _count(self, line: int, record: Fields, payload: Fields) -> Optional[_Event]:
        if payload.text("type") != "token_count":
            return None
        info = payload.part("info")
        if info.value("total_token_usage") is None:
            return None
        last = info.part("last_token_usage")
        return _Event(
            line,
            record.time("timestamp"),
            _counts(info.part("total_token_usage")),
            _counts(last) if last.values else None,
            self._model,
            self._folder,
        )


def _counts(usage: Fields) -> Total:
    return tuple(usage.count(name) for name in _CLASSES)


def _difference(before: Total, event: _Event) -> Total:
    """Return what a call used: the growth of the total, or what the event says of its last call
    where there is no total before, or where the total fell.
    """
    if before:
        growth = tuple(now - then for now, then in zip(event.total, before))
        if min(growth) >= 0:
            return growth
    return event.last or event.total


def _replayed(events: List[_Event], reader: _SessionReader, session: Session) -> int:
    """Return how many of the first events are the parent's."""
    if not reader.forked_from:
        return 0
    totals = _totals_of(reader.forked_from, session)
    for place, event in enumerate(events):
        # The parent may be missing, or there only in an older copy that lacks its last events.
        start = event.time if reader.start is None else reader.start
        is_written_anew = abs(event.time - start) <= _REPLAY_S * MICROSECONDS
        if not is_written_anew and event.total not in totals:
            return place
    return len(events)


def _totals_of(session_id: str, session: Session) -> Set[Total]:
    """Return all totals of a session among the files of this import, none where it is missing."""
    known: Dict[str, Set[Total]] = session.memory.setdefault("codex totals", {})
    if session_id not in known:
        parent = next((s for s in session.sources if session_id in s.name), None)
        known[session_id] = set() if parent is None else _read_totals(parent)
    return known[session_id]


def _read_totals(source: Source) -> Set[Total]:
    try:
        return {event.total for event in _SessionReader(source, Tally()).events()}
    except OSError:
        return set()


def _call(event: _Event, used: Total, reader: _SessionReader, id: str, session: Session) -> Call:
    inputs, cached, written, outputs, reasoning = used
    return Call(
        id=id,
        time=event.time,
        provider=OPENAI,
        model=event.model,
        tokens=Tokens(inputs, outputs, cached, written, reasoning=reasoning),
        product=session.project(event.folder),
        session=reader.session,
    )


FORMAT = Codex()
