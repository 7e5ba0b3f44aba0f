"""Langfuse: observations of version 3, events of version 4, and the download of one trace.

A generation around another generation is a wrapper of the same call.  The keys of `usageDetails`
are disjoint or nested, which their total tells.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Dict, Iterator, NamedTuple, Optional

from finops.importers.base import (
    Entry,
    Format,
    Names,
    Session,
    Span,
    Spans,
    error_kind,
    is_page_of,
    unpaged,
)
from finops.importers.call import Call, Tokens
from finops.importers.json_records import Item, json_records
from finops.importers.kinds import is_table
from finops.importers.sources import Source
from finops.importers.spans import ancestors
from finops.importers.table_records import table_records
from finops.importers.values import Fields, RejectedError

_MODEL_TYPES = frozenset({"GENERATION", "EMBEDDING"})
# What an observation is: a model's call with usage, one that failed without, another type with
# usage, or nothing that counts.
_CALL, _FAILED, _OTHER = "call", "failed", "other"
_OF_TRACE = {
    "userId": "userId",
    "sessionId": "sessionId",
    "environment": "environment",
    "traceName": "name",
}
_SECOND_MS = 1000


class Langfuse(Format):
    """Observations exported from Langfuse."""

    id = "langfuse"
    title = "Langfuse observations, events, trace downloads"
    has_independent_lines = True

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an observation, or a trace with its observations."""
        if "usageDetails" in record or is_page_of(record, "usageDetails"):
            return True
        return isinstance(record.value("trace"), dict) and "observations" in record

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is a table of observations."""
        return "usageDetails" in names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield each observation's place in its trace, and the calls among them."""
        reader = table_records if is_table(source) else json_records
        items = unpaged(reader(source, session.tally), "usageDetails")
        for item in _observations(items, source, session):
            try:
                usage = _usage(item.fields, session)
                kind = _kind(item.fields, usage)
                call = _call(item, usage, source, session) if kind else None
            except RejectedError as error:
                session.tally.reject(source.label, item.line, str(error))
                continue
            node = item.fields.text("id")
            if node:
                parent = item.fields.text("parentObservationId")
                yield Span(node, parent, kind)
            if call is None:
                is_model = _is_of_model(item.fields)
                session.tally.skipped["no usage" if is_model else "other records"] += 1
            else:
                yield session.described(call._replace(node=node or call.id), item.fields)

    def wrappers(self, spans: Spans) -> Iterator[str]:
        """Yield generations with a generation inside, and others with a counted call below."""
        for kind in (_CALL, _OTHER):
            for span in spans.of_kind(kind):
                for distance, around in enumerate(ancestors(span, spans)):
                    is_direct = distance == 0 and kind == _CALL
                    if around.kind == _OTHER or (is_direct and around.kind in (_CALL, _FAILED)):
                        yield around.node


class _Usage(NamedTuple):
    """The tokens of an observation, and whether it names any."""

    tokens: Tokens
    is_given: bool


def _observations(items: Iterator[Item], source: Source, session: Session) -> Iterator[Item]:
    """Yield the observations; those of a trace with what only the trace says."""
    for item in items:
        if "observations" not in item.fields:
            yield item
            continue
        try:
            trace = item.fields.part("trace")
            around = {name: trace.value(key) for name, key in _OF_TRACE.items()}
            for observation in item.fields.parts("observations"):
                own = {k: v for k, v in observation.values.items() if v is not None}
                yield Item(item.line, Fields({**around, **own}), "")
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))


def _kind(record: Fields, usage: _Usage) -> str:
    if _is_of_model(record):
        if usage.is_given:
            return _CALL
        return _FAILED if _failed(record) else ""
    return _OTHER if usage.is_given else ""


def _is_of_model(record: Fields) -> bool:
    return record.text("type").upper() in _MODEL_TYPES


def _failed(record: Fields) -> bool:
    return record.text("level").upper() == "ERROR"


def _call(item: Item, usage: _Usage, source: Source, session: Session) -> Call:
    record = item.fields
    model = record.text("model", "providedModelName")
    return Call(
        id=record.text("id") or session.id_of("langfuse", source, item.text),
        time=record.time("startTime"),
        provider=session.provider_of(model),
        model=model,
        tokens=usage.tokens,
        cost=_cost(record),
        latency=_latency(record),
        error=error_kind(_code(record.text("statusMessage"))) if _failed(record) else None,
        customer=record.text("userId"),
        product=record.text("traceName"),
        feature=record.text("name"),
        environment=record.text("environment"),
        session=record.text("sessionId"),
        trace=record.text("traceId"),
    )


def _code(message: str) -> str:
    """Return the status at the beginning of a message, or the message: only its kind is kept."""
    first = message.split(" ", 1)[0].strip(":,.")
    return first if first.isdigit() else message


def _latency(record: Fields) -> Optional[int]:
    given = record.milliseconds("latencyMs")
    return record.milliseconds("latency", unit_ms=_SECOND_MS) if given is None else given


def _cost(record: Fields) -> Optional[Decimal]:
    details = record.part("costDetails")
    cost = record.money("totalCost")
    if cost is not None and not cost and not details.values:
        return None  # Langfuse had no price
    return details.money("total") if cost is None else cost


def _usage(record: Fields, session: Session) -> _Usage:
    """Return the tokens by class; `inputUsage` and its like add up what is nested, and are not
    read.
    """
    details = record.part("usageDetails")
    counts = {name: details.count(name) for name in details if name != "total"}
    given = any(counts.values())
    total = details.known_count("total")
    plain = sum(count for name, count in counts.items() if _is_plain(name))
    is_nested = total is not None and total != sum(counts.values()) and total == plain
    if given and total is not None and not is_nested and total != sum(counts.values()):
        session.tally.flags["usage total mismatch, a lower bound"] += 1
    return _Usage(_tokens(counts, is_nested), given)


def _is_plain(name: str) -> bool:
    return name.lower() in (
        "input",
        "output",
        "prompt",
        "completion",
        "input_tokens",
        "output_tokens",
        "prompt_tokens",
        "completion_tokens",
    )


def _tokens(counts: Dict[str, int], is_nested: bool) -> Tokens:
    sums = {"input": 0, "output": 0}
    parts = {"cached": 0, "written": 0, "written_1h": 0, "reasoning": 0}
    audio = {"input": 0, "output": 0}
    for name, count in counts.items():
        part = _part(name)
        side = _side(name, part)
        if part:
            parts[part] += count
        elif side and "audio" in name.lower():
            audio[side] += count
        if part == "written_1h":
            parts["written"] += count
        if side and (_is_plain(name) or not is_nested):
            sums[side] += count
    return Tokens(
        input=sums["input"],
        output=sums["output"],
        input_audio=audio["input"],
        output_audio=audio["output"],
        **parts,
    )


def _part(name: str) -> str:
    """Return which part of the input or output a key counts, "" where it is none of ours."""
    plain = name.lower()
    if "cache_creation" in plain or "cache_write" in plain:
        return "written_1h" if "1h" in plain else "written"
    if "cached" in plain or ("cache" in plain and "read" in plain):
        return "cached"
    return "reasoning" if "reasoning" in plain else ""


def _side(name: str, part: str) -> str:
    plain = name.lower()
    if part in ("cached", "written", "written_1h") or plain.startswith(("input", "prompt")):
        return "input"
    if part == "reasoning" or plain.startswith(("output", "completion")):
        return "output"
    return ""


FORMAT = Langfuse()
