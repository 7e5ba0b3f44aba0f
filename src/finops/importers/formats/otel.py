"""OpenTelemetry: traces as OTLP/JSON, with the conventions for generative AI, their old names,
OpenInference's and Vercel's.

Tokens contain those of caches and of reasoning.  A span with usage that has another one below it
repeats its tokens, whatever it is called; what is below a tool is not in the span around the tool.
"""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

from finops import config
from finops.business.names import fold_provider
from finops.importers.base import Entry, Format, Session, Span, Spans, error_kind
from finops.importers.call import Call, Tokens
from finops.importers.json_records import Item, json_records
from finops.importers.sources import Source
from finops.importers.spans import ancestors
from finops.importers.values import Fields, RejectedError

_CALL, _FAILED, _TOOL = "call", "failed", "tool"
_HEX = re.compile("[0-9a-fA-F]+").fullmatch
_ID_BYTES = (8, 16)
_MODEL_OPERATIONS = frozenset(
    {"chat", "text_completion", "generate_content", "embeddings", "completion", "llm", "embedding"}
)
_INPUT = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
)
_OUTPUT = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
)
_CACHED = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
    "ai.usage.cachedInputTokens",
)
_WRITTEN = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
_REASONING = (
    "gen_ai.usage.reasoning.output_tokens",
    "gen_ai.usage.reasoning_tokens",
    "llm.token_count.completion_details.reasoning",
    "ai.usage.reasoningTokens",
)
_MODEL = (
    "gen_ai.response.model",
    "llm.model_name",
    "ai.response.model",
    "gen_ai.request.model",
    "ai.model.id",
)
_PROVIDER = ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "ai.model.provider")
_OPERATION = ("gen_ai.operation.name", "openinference.span.kind", "ai.operationId")
_ENVIRONMENT = ("deployment.environment.name", "deployment.environment")
_CONVERSATION = ("gen_ai.conversation.id", "session.id")


class _Placed(NamedTuple):
    """A span with the attributes of itself and of its resource."""

    span: Fields
    attributes: Fields


class OpenTelemetry(Format):
    """Traces as OTLP/JSON."""

    id = "otel"
    title = "OpenTelemetry traces (OTLP/JSON)"
    has_independent_lines = True

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an export of traces."""
        return "resourceSpans" in record or isinstance(record.value("batches"), list)

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield every span's place in its trace, and the calls among them."""
        for item in json_records(source, session.tally):
            try:
                spans = list(_spans(item.fields))
            except RejectedError as error:
                session.tally.reject(source.label, item.line, str(error))
                continue
            for placed in spans:
                try:
                    yield from _entries(placed, item, session)
                except RejectedError as error:
                    session.tally.reject(source.label, item.line, str(error))

    def wrappers(self, spans: Spans) -> Iterator[str]:
        """Yield the spans whose tokens are those of the calls below them."""
        for kind in (_CALL, _FAILED):
            for span in spans.of_kind(kind):
                for around in ancestors(span, spans):
                    if around.kind == _TOOL:
                        break
                    if around.kind == _FAILED or (around.kind == _CALL and kind == _CALL):
                        yield around.node


def _spans(record: Fields) -> Iterator[_Placed]:
    for resource_spans in record.parts("resourceSpans", "batches"):
        around = _attributes(resource_spans.part("resource"))
        for scope in resource_spans.parts("scopeSpans", "instrumentationLibrarySpans"):
            for span in scope.parts("spans"):
                yield _Placed(span, Fields({**around, **_attributes(span)}))


def _attributes(holder: Fields) -> Dict[str, Any]:
    """Return the attributes with a single value, by name."""
    attributes: Dict[str, Any] = {}
    for attribute in holder.parts("attributes"):
        value = attribute.value("value")
        if isinstance(value, dict):
            for kind in ("stringValue", "intValue", "doubleValue", "boolValue"):
                if kind in value:
                    attributes[attribute.text("key")] = value[kind]
    return attributes


def _entries(placed: _Placed, item: Item, session: Session) -> List[Entry]:
    span, attributes = placed
    trace, node = _hex(span.text("traceId")), _hex(span.text("spanId"))
    parent = _hex(span.text("parentSpanId"))
    tokens = _tokens(attributes, session)
    kind = _kind(span, attributes, tokens)
    if not node:
        raise RejectedError("no span id")
    place = Span(f"{trace}:{node}", f"{trace}:{parent}" if parent else "", kind)
    if kind not in (_CALL, _FAILED):
        return [place]
    call = _call(placed, tokens, trace, session)
    identity = attributes.text("gen_ai.response.id") or place.node
    described = session.described(call._replace(id=identity, node=place.node), attributes)
    return [place, described]


def _kind(span: Fields, attributes: Fields, tokens: Tokens) -> str:
    operation = attributes.text(*_OPERATION).lower()
    if operation in ("execute_tool", "tool", "ai.toolcall"):
        return _TOOL
    if any(tokens):
        return _CALL
    is_model = operation in _MODEL_OPERATIONS
    return _FAILED if is_model and _failed(span) else ""


def _failed(span: Fields) -> bool:
    return span.part("status").text("code") in ("2", "STATUS_CODE_ERROR")


def _call(placed: _Placed, tokens: Tokens, trace: str, session: Session) -> Call:
    span, attributes = placed
    model = attributes.text(*_MODEL)
    return Call(
        id="",
        time=span.time("startTimeUnixNano"),
        provider=_provider(attributes) or session.provider_of(model),
        model=model,
        tokens=tokens,
        latency=_latency(span),
        error=_error(span, attributes) if _failed(span) else None,
        customer=attributes.text("user.id", "enduser.id"),
        product=attributes.text("service.name"),
        feature=attributes.text(*_OPERATION),
        environment=attributes.text(*_ENVIRONMENT),
        session=attributes.text(*_CONVERSATION),
        trace=trace,
        region=attributes.text("cloud.region"),
    )


def _provider(attributes: Fields) -> str:
    """Return the provider; Vercel adds the kind of model to its name, as in `openai.chat`."""
    named = attributes.text(*_PROVIDER[:-1])
    return fold_provider(named or attributes.text(_PROVIDER[-1]).split(".", 1)[0])


def _tokens(attributes: Fields, session: Session) -> Tokens:
    inputs, outputs = attributes.count(*_INPUT), attributes.count(*_OUTPUT)
    cached, written = attributes.count(*_CACHED), attributes.count(*_WRITTEN)
    if cached + written > inputs:
        inputs += cached + written
        session.tally.flags["input tokens without cached ones"] += 1
    return Tokens(inputs, outputs, cached, written, reasoning=attributes.count(*_REASONING))


def _latency(span: Fields) -> Optional[int]:
    try:
        start, end = span.number("startTimeUnixNano"), span.number("endTimeUnixNano")
    except RejectedError:
        return None
    if start is None or end is None or end < start:
        return None
    latency = int((end - start) / 10**6 + Decimal("0.5"))
    return latency if latency <= config.MAX_LATENCY_MS else None


def _error(span: Fields, attributes: Fields) -> str:
    """Return the kind of an error; a message decides about it and is not kept."""
    kind = attributes.text("error.type", "http.response.status_code")
    return error_kind(kind or span.part("status").text("message"))


def _hex(text: str) -> str:
    """Return an id of a span or trace as hex, which base64 is turned into."""
    if len(text) in (2 * size for size in _ID_BYTES) and _HEX(text):
        return text.lower()
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text
    return raw.hex() if len(raw) in _ID_BYTES else text


FORMAT = OpenTelemetry()
