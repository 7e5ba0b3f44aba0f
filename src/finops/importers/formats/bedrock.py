"""Amazon Bedrock: model invocation logs, from S3 or CloudWatch.  Token classes are disjoint."""

from __future__ import annotations

from typing import Iterator, List, Optional

from finops.importers.base import Entry, Format, Session, calls_of, error_kind
from finops.importers.call import Call, Tokens
from finops.importers.json_records import Item, json_records
from finops.importers.sources import Source
from finops.importers.strict_json import InvalidJsonError, parse
from finops.importers.values import Fields, RejectedError

BEDROCK = "aws-bedrock"
_SCHEMA = "ModelInvocationLog"
_STREAM_METRICS = "amazon-bedrock-invocationMetrics"


class Bedrock(Format):
    """Model invocation logs of Amazon Bedrock."""

    id = "bedrock"
    title = "Amazon Bedrock model invocation logs"
    has_independent_lines = True

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an invocation, or events of CloudWatch that carry some."""
        if record.text("schemaType") == _SCHEMA:
            return True
        if "modelId" in record and "requestId" in record:
            counts = record.value("input")
            return isinstance(counts, dict) and "inputTokenCount" in counts
        return any(event.text("schemaType") == _SCHEMA for event in _events(record)[:1])

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the invocations of a file."""
        items = _invocations(json_records(source, session.tally), source, session)
        return calls_of(items, lambda item: _call(item, source, session), source, session)


def _invocations(items: Iterator[Item], source: Source, session: Session) -> Iterator[Item]:
    for item in items:
        if "events" not in item.fields:
            yield item
            continue
        try:
            events = _events(item.fields)
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
            continue
        for event in events:
            yield Item(item.line, event, item.text)


def _events(record: Fields) -> List[Fields]:
    """Return the invocations in the messages of CloudWatch's events."""
    invocations = []
    for event in record.parts("events", "logEvents"):
        message = event.value("message")
        try:
            value = parse(message) if isinstance(message, str) else message
        except InvalidJsonError:
            raise RejectedError("not JSON") from None
        if isinstance(value, dict):
            invocations.append(Fields(value))
    return invocations


def _call(item: Item, source: Source, session: Session) -> Optional[Call]:
    record = item.fields
    counts, answer = record.part("input"), record.part("output")
    cached = counts.count("cacheReadInputTokenCount")
    written = counts.count("cacheWriteInputTokenCount")
    model = record.text("modelId").rsplit("/", 1)[-1]
    code = record.text("errorCode")
    return Call(
        id=record.text("requestId") or session.id_of("bedrock", source, item.text),
        time=record.time("timestamp"),
        provider=BEDROCK,
        model=session.options.models.get(model, model),
        tokens=Tokens(
            input=counts.count("inputTokenCount") + cached + written,
            output=answer.count("outputTokenCount"),
            cached=cached,
            written=written,
        ),
        latency=_latency(answer),
        error=error_kind(code) if code else None,
        customer=record.part("identity").text("arn"),
        organization=record.text("accountId"),
        request=record.text("requestId"),
        region=record.text("inferenceRegion", "region"),
    )


def _latency(answer: Fields) -> Optional[int]:
    """Return the latency that Converse reports in the body or in the events of a stream."""
    body = answer.value("outputBodyJson")
    for part in body if isinstance(body, list) else [body]:
        if not isinstance(part, dict):
            continue
        metadata = part.get("metadata", part)
        for holder, name in ((metadata, "metrics"), (part, _STREAM_METRICS)):
            metrics = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(metrics, dict):
                latency = Fields(metrics).milliseconds("latencyMs")
                return (
                    Fields(metrics).milliseconds("invocationLatency")
                    if latency is None
                    else latency
                )
    return None


FORMAT = Bedrock()
