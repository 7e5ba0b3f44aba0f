"""Claude Code: session files, one line an event, an answer in several lines.

The lines of an answer have one `message.id` and `requestId`; the whole line with most output is
the answer, and its time is that of the first line.  Resumed sessions and side chains repeat
history, so answers are distinguished over all files.  Token classes are disjoint.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.business.sources import AT_LIST_PRICES
from finops.importers.base import (
    Entry,
    Format,
    Session,
    error_kind,
)
from finops.importers.call import DESCRIBING, STANDARD, Call, Record, Tokens
from finops.importers.discovery import files_below
from finops.importers.json_records import Item, json_records
from finops.importers.sources import Source
from finops.importers.values import Fields, RejectedError

ANTHROPIC, BEDROCK = "anthropic", "aws-bedrock"
_BEDROCK_ID = re.compile(r"(?:[a-z]+\.)?anthropic\.").match
MAIN, SUBAGENT = "main", "subagent"
_SYNTHETIC = "<synthetic>"
_OWN_ITERATIONS = ("compaction", "advisor_message")
_TOP_LEVEL_ITERATIONS = ("message", "fallback_message")
_MARKS = (b'"usage"', b"isApiErrorMessage")


class _Line(NamedTuple):
    """A line of an answer: which answer, its output, and the calls that it stands for."""

    message: str
    request: str
    output: int
    calls: Tuple[Call, ...]


class ClaudeCode(Format):
    """Session files of Claude Code."""

    id = "claude-code"
    title = "Claude Code session files"
    mapped = tuple(name for name in DESCRIBING if name not in ("request_id", "feature_id"))
    suffixes = (".jsonl",)
    home_variable = "CLAUDE_CONFIG_DIR"
    remarks = (
        AT_LIST_PRICES[id],
        "a log keeps about 30 days of one user, which is not a customer base",
    )

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an assistant's line, by its keys."""
        return record.text("type") == "assistant" and "sessionId" in record

    def folders(self, environment: Mapping[str, str], home: str) -> List[str]:
        """Return the folders of CLAUDE_CONFIG_DIR, else both usual ones."""
        given = environment.get(self.home_variable, "")
        if given.strip():
            return [folder.strip() for folder in given.split(",") if folder.strip()]
        return [os.path.join(home, ".config", "claude"), os.path.join(home, ".claude")]

    def files(self, folder: str) -> Iterable[str]:
        """Return the session files of all projects."""
        return files_below(os.path.join(folder, "projects"), self.suffixes)

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the answers of a file, each once."""
        answers: Dict[Tuple[str, str], _Line] = {}
        for item in json_records(source, session.tally, _MARKS):
            try:
                line = _line_of(item, session)
            except RejectedError as error:
                session.tally.reject(source.label, item.line, str(error))
                continue
            if line is None:
                session.tally.skipped["other records"] += 1
                continue
            key = line.message, line.request
            before = answers.get(key)
            if before is not None:
                session.tally.duplicates += 1
                line = _later(before, line)
            answers[key] = line
        for line in answers.values():
            yield from line.calls

    def family(self, record: Record) -> str:
        """Return the id of the message."""
        answer = record.call_id.split("#", 1)[0]
        request = f":{record.request_id}"
        return answer[: -len(request)] if answer.endswith(request) else answer

    def family_marks(self, keys: Sequence[str]) -> List[str]:
        """Return what is sure to be of the message's id: what is before any further mark."""
        ids = (key[key.find(",") + 1 :] for key in keys)
        return [call_id.split(":", 2)[1].split("#", 1)[0] for call_id in ids]

    def settle(self, family: Sequence[Record]) -> List[str]:
        """Return the replays of a message in side chains, and lines without their request's id."""
        requests: Dict[str, List[Record]] = {}
        for record in family:
            requests.setdefault(record.request_id, []).append(record)
        replays = [name for name, of in requests.items() if of[0].feature_id == SUBAGENT]
        if len(replays) == len(requests):
            # By its name, which stays: an earlier line of another may be read in a later import,
            # when the line of it with most output has been left out.
            replays.remove(min(replays, key=lambda name: (not name, name)))
        if len(requests) - len(replays) > 1 and "" in requests and "" not in replays:
            replays.append("")
        return [record.call_id for name in replays for record in requests[name]]


def _line_of(item: Item, session: Session) -> Optional[_Line]:
    """Return what a line says of an answer, None where it is of something else."""
    record = _unwrapped(item.fields)
    message = record.value("message")
    if record.text("type") not in ("assistant", "") or not isinstance(message, dict):
        return None
    inner = Fields(message)
    is_error = record.flag("isApiErrorMessage") is True
    model = inner.text("model")
    usage = inner.part("usage")
    if is_error:
        return _answer(record, inner, usage, "", session)
    if model == _SYNTHETIC or "input_tokens" not in usage:
        return None
    return _answer(record, inner, usage, model, session)


def _unwrapped(record: Fields) -> Fields:
    """Return the line that a progress line carries; other lines as they are."""
    data = record.value("data")
    carried = data.get("message") if isinstance(data, dict) else None
    if not isinstance(carried, dict):
        return record
    outer = {name: value for name, value in record.values.items() if name not in ("data", "type")}
    inner = carried if isinstance(carried.get("message"), dict) else {"message": carried}
    return Fields({**outer, "isSidechain": True, **inner})


def _answer(record: Fields, message: Fields, usage: Fields, model: str, session: Session) -> _Line:
    """Return an answer; one without a model is an error, and used no tokens."""
    is_error = record.flag("isApiErrorMessage") is True
    request = record.text("requestId")
    message_id = message.text("id") or (request and f"request-{request}") or record.text("uuid")
    if not message_id:
        raise RejectedError("no id")
    tokens = Tokens() if is_error else _tokens(usage)
    cost = record.money("costUSD")
    if cost is not None and not cost and any(tokens):
        cost = None  # 0 stands for "not computed"
    call = Call(
        id=f"{message_id}:{request}" if request else message_id,
        time=record.time("timestamp"),
        provider=_provider(model),
        model=model,
        tokens=tokens,
        cost=None if is_error else cost,
        error=error_kind(record.text("error", "apiErrorStatus")) if is_error else None,
        product=session.project(record.text("cwd")),
        feature=SUBAGENT if record.flag("isSidechain") else MAIN,
        session=record.text("sessionId"),
        request=request,
        region=_place(usage.text("inference_geo")),
        geo=_place(usage.text("inference_geo")),
        speed=usage.text("speed"),
        service_tier=_tier(usage),
        web_searches=usage.part("server_tool_use").count("web_search_requests"),
    )
    call = session.described(call, record)
    calls = [call]
    iterations = [] if is_error else usage.parts("iterations")
    if iterations:
        calls = _with_iterations(call, iterations, session)
    return _Line(message_id, request, tokens.output, tuple(calls))


def _tokens(usage: Fields) -> Tokens:
    """Return the tokens of a usage, whose classes are disjoint."""
    parts = usage.part("cache_creation")
    brief = parts.known_count("ephemeral_5m_input_tokens")
    long = parts.count("ephemeral_1h_input_tokens")
    if brief is None and not long:
        brief = usage.count("cache_creation_input_tokens")
    written = (brief or 0) + long
    cached = usage.count("cache_read_input_tokens")
    return Tokens(
        input=usage.count("input_tokens") + cached + written,
        output=usage.count("output_tokens"),
        cached=cached,
        written=written,
        written_1h=long,
        reasoning=usage.part("output_tokens_details").count("thinking_tokens"),
    )


def _with_iterations(call: Call, iterations: Sequence[Fields], session: Session) -> List[Call]:
    """Return an answer that took several model runs: itself, and the runs it does not include."""
    included: List[Tokens] = []
    calls = []
    for number, iteration in enumerate(iterations):
        kind = iteration.text("type")
        tokens = _tokens(iteration)
        if kind in _TOP_LEVEL_ITERATIONS:
            included.append(tokens)
        elif kind in _OWN_ITERATIONS and any(tokens):
            own_model = iteration.text("model") or call.model
            calls.append(
                call._replace(
                    id=f"{call.id}#{number}",
                    model=own_model,
                    tokens=tokens,
                    cost=None,
                    web_searches=0,
                )
            )
    total = Tokens()
    for tokens in included:
        total = total.plus(tokens)
    if total.input + total.output > call.tokens.input + call.tokens.output:
        session.tally.flags["iterations exceed the message"] += 1
        call = call._replace(tokens=total)
    if (
        len(included) > 1
        and total.input == call.tokens.input
        and total.output == call.tokens.output
    ):
        call = call._replace(samplings=tuple(included))
    return [call, *calls]


def _provider(model: str) -> str:
    """Return who is paid: a model's id of Bedrock says that it is used there."""
    return BEDROCK if _BEDROCK_ID(model) else ANTHROPIC


def _place(geo: str) -> str:
    return "" if geo in ("not_available", "global") else geo


def _tier(usage: Fields) -> str:
    return "fast" if usage.text("speed") == "fast" else usage.text("service_tier") or STANDARD


def _later(before: _Line, line: _Line) -> _Line:
    """Return the line that stands of two of one answer, the answer with the time of the first."""
    chosen = line if line.output >= before.output else before
    start = min(before.calls[0].time, line.calls[0].time)
    answer, *others = chosen.calls
    return chosen._replace(calls=(answer._replace(time=start), *others))


FORMAT = ClaudeCode()
