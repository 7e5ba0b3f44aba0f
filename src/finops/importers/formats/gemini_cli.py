"""Gemini CLI: chats, as one JSON object or as lines, a message rewritten under its id as it grows.

Thoughts are outside the output and tool tokens outside the input, unless the total says otherwise.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, Iterator, List, Mapping, Optional

from finops.business.sources import AT_LIST_PRICES
from finops.importers.base import Entry, Format, Session
from finops.importers.call import Call, Tokens
from finops.importers.discovery import files_below
from finops.importers.json_records import Item, json_records
from finops.importers.sources import Source
from finops.importers.values import Fields, RejectedError

GOOGLE = "google"
_CHATS = re.compile(r"[\\/]tmp[\\/]([^\\/]+)[\\/]chats[\\/]").search


class GeminiCli(Format):
    """Chats of Gemini CLI."""

    id = "gemini-cli"
    title = "Gemini CLI chats"
    suffixes = (".json", ".jsonl")
    remarks = (AT_LIST_PRICES[id],)

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is the head of a chat."""
        return "projectHash" in record

    def folders(self, environment: Mapping[str, str], home: str) -> List[str]:
        """Return the usual folder."""
        return [os.path.join(home, ".gemini")]

    def files(self, folder: str) -> Iterable[str]:
        """Return the chats of all projects, those of subagents too."""
        paths = files_below(os.path.join(folder, "tmp"), self.suffixes)
        return [path for path in paths if _CHATS(path)]

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the answers of a chat, each in its last version."""
        match = _CHATS(source.path)
        product = match.group(1) if match else ""
        chat = ""
        answers: Dict[str, Call] = {}
        for item in _messages(json_records(source, session.tally), source, session):
            if "projectHash" in item.fields:
                chat = item.fields.text("sessionId") or chat
                continue
            try:
                call = _call(item.fields, session)
            except RejectedError as error:
                session.tally.reject(source.label, item.line, str(error))
                continue
            if call is None:
                session.tally.skipped["other records"] += 1
                continue
            session.tally.duplicates += call.id in answers
            call = call._replace(product=product, session=chat)
            answers[call.id] = session.described(call, item.fields)
        yield from answers.values()


def _messages(items: Iterator[Item], source: Source, session: Session) -> Iterator[Item]:
    """Yield the head and the messages of a chat, also where one object holds all."""
    for item in items:
        yield item
        try:
            messages = item.fields.parts("messages")
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
            continue
        for message in messages:
            yield Item(item.line, message, "")


def _call(record: Fields, session: Session) -> Optional[Call]:
    if record.text("type") != "gemini" or record.value("tokens") is None:
        return None
    message_id = record.text("id")
    if not message_id:
        raise RejectedError("no id")
    return Call(
        id=message_id,
        time=record.time("timestamp"),
        provider=GOOGLE,
        model=record.text("model"),
        tokens=_tokens(record.part("tokens")),
    )


def _tokens(counts: Fields) -> Tokens:
    inputs, outputs = counts.count("input"), counts.count("output")
    thoughts, tools = counts.count("thoughts"), counts.count("tool")
    cached, total = counts.count("cached"), counts.known_count("total")
    if total != inputs + outputs + tools:
        if cached and total == inputs + outputs + tools + thoughts + cached:
            inputs += cached
        outputs += thoughts
    return Tokens(inputs + tools, outputs, cached, reasoning=thoughts)


FORMAT = GeminiCli()
