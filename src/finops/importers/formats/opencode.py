"""OpenCode: messages in a database, or in a file each.

Cached tokens are outside the input, reasoning is outside the output.  A cost of 0 with tokens is
that of a subscription.  Forks copy the messages of their parent under new ids.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence

from finops.business.names import fold_provider
from finops.business.sources import AT_LIST_PRICES
from finops.importers.base import Entry, Format, Names, Session, digest_of, error_kind
from finops.importers.call import Call, Record, Tokens
from finops.importers.detection import open_database
from finops.importers.discovery import files_below
from finops.importers.json_records import Item, json_records
from finops.importers.kinds import is_database
from finops.importers.sources import Source
from finops.importers.strict_json import InvalidJsonError, parse
from finops.importers.values import Fields, RejectedError, milliseconds_between

_TABLES = ("session_message", "message")


class OpenCode(Format):
    """Messages of OpenCode."""

    id = "opencode"
    title = "OpenCode messages (database, files)"
    suffixes = (".db", ".json")
    home_variable = "OPENCODE_DATA_DIR"
    remarks = (AT_LIST_PRICES[id],)

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an answer."""
        return "modelID" in record and "providerID" in record

    def recognizes_database(self, tables: Names) -> bool:
        """Return whether this is its database."""
        return bool(tables.intersection(_TABLES))

    def folders(self, environment: Mapping[str, str], home: str) -> List[str]:
        """Return the folder of OPENCODE_DATA_DIR, else the usual one."""
        usual = os.path.join(home, ".local", "share", "opencode")
        return [environment.get(self.home_variable) or usual]

    def files(self, folder: str) -> Iterable[str]:
        """Return the databases, and the files of messages."""
        names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
        databases = [n for n in names if n.startswith("opencode") and n.endswith(".db")]
        messages = files_below(os.path.join(folder, "storage", "message"), (".json",))
        return [*(os.path.join(folder, name) for name in databases), *messages]

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the answers of a database or of a file."""
        if is_database(source):
            items = _rows(source, session)
        else:
            items = json_records(source, session.tally)
        for item in items:
            try:
                call = _call(item.fields, session)
            except RejectedError as error:
                session.tally.reject(source.label, item.line, str(error))
                continue
            if call is None:
                session.tally.skipped["other records"] += 1
            else:
                yield session.described(call, item.fields)

    def family(self, record: Record) -> str:
        """Return what an answer shares with its copies in forks."""
        if record.total_tokens == "0":
            return ""
        shared = (record.timestamp, record.model, record.input_tokens, record.output_tokens)
        parts = (record.cached_input_tokens, record.cache_write_tokens, record.reasoning_tokens)
        return f"{self.id} {digest_of(*shared, *parts)}"

    def family_marks(self, keys: Sequence[str]) -> List[str]:
        """Return the times, which copies keep."""
        return [key[: key.find(",")] for key in keys]

    def settle(self, family: Sequence[Record]) -> List[str]:
        """Return the answers that are in other sessions than the first one's."""
        first = min(family, key=lambda record: record.call_id)
        return [r.call_id for r in family if r.session_id != first.session_id]


def _rows(source: Source, session: Session) -> Iterator[Item]:
    """Yield the messages of a database as its files would have them."""
    number = 0
    seen: Dict[str, None] = {}
    try:
        with closing(open_database(source)) as database:
            for table in _TABLES:
                columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
                if not {"id", "data"} <= set(columns):
                    continue
                cursor = database.execute(f"SELECT * FROM {table}")
                for row in cursor:
                    number += 1
                    fields = _fields(dict(zip(columns, row)), number, source, session)
                    if fields is None:
                        continue
                    if fields.text("id") in seen:
                        continue  # in the table of the version before too
                    seen[fields.text("id")] = None
                    yield Item(number, fields, "")
    except sqlite3.Error:
        session.tally.reject(source.label, number, "cannot be read to its end")


def _fields(row: Dict[str, Any], number: int, source: Source, session: Session) -> Optional[Fields]:
    try:
        data = parse(row["data"] if isinstance(row["data"], str) else "")
    except InvalidJsonError as error:
        session.tally.reject(source.label, number, str(error))
        return None
    if not isinstance(data, dict):
        session.tally.skipped["not an object"] += 1
        return None
    kind = {"role": row["type"]} if "type" in row else {}
    times = {"created": row.get("time_created")} if row.get("time_created") else {}
    own = {"id": row["id"], "sessionID": row.get("session_id"), **kind}
    time = {**times, **data.get("time", {})} if isinstance(data.get("time", {}), dict) else {}
    return Fields({**data, **own, "time": time})


def _call(record: Fields, session: Session) -> Optional[Call]:
    tokens = record.value("tokens")
    if record.text("role") not in ("assistant", "") or tokens is None:
        return None
    identity = record.text("id")
    if not identity:
        raise RejectedError("no id")
    model = record.part("model") if isinstance(record.value("model"), dict) else Fields({})
    times = record.part("time")
    used = _tokens(record.part("tokens"))
    failure = record.value("error")
    cost = record.money("cost")
    started, ended = times.time("created"), times.known_time("completed")
    return Call(
        id=identity,
        time=started,
        provider=fold_provider(record.text("providerID") or model.text("providerID")),
        model=record.text("modelID") or model.text("id"),
        tokens=used,
        cost=None if not cost and any(used) else cost,
        latency=milliseconds_between(started, ended),
        error=None if failure is None else _error(record),
        product=session.project(record.part("path").text("cwd", "root")),
        session=record.text("sessionID"),
    )


def _tokens(counts: Fields) -> Tokens:
    cache = counts.part("cache")
    cached, written = cache.count("read"), cache.count("write")
    reasoning = counts.count("reasoning")
    return Tokens(
        input=counts.count("input") + cached + written,
        output=counts.count("output") + reasoning,
        cached=cached,
        written=written,
        reasoning=reasoning,
    )


def _error(record: Fields) -> str:
    error = record.value("error")
    if not isinstance(error, dict):
        return "other"
    inner = Fields(error)
    details = inner.value("data")
    code = Fields(details).text("statusCode") if isinstance(details, dict) else ""
    return error_kind(code or inner.text("name", "type"))


FORMAT = OpenCode()
