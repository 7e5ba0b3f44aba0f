"""OpenTelemetry: AI calls as GenAI spans, and what each trace and each of its steps costs.

Spans carry the attributes of the OpenTelemetry semantic conventions for generative AI
(`gen_ai.operation.name`, `gen_ai.provider.name`, `gen_ai.usage.input_tokens`, …) and the
business metadata beside them.  They are written as OTLP/JSON, read back, and metered as call
records.  Agent spans repeat the usage of the calls below them, so only leaves are counted.

Use case: applications that are traced already, agents whose cost must be seen step by step.
Pattern: attribute mapping in both directions, cost by trace from leaf spans.
Performance: mapping takes microseconds a span; the demonstration measures it.
"""

from __future__ import annotations

import contextvars
import os
import sys
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import isfinite
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

# The conventions name some providers differently.
PROVIDER_TO_OTEL: Dict[str, str] = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "gcp.gemini",
    "aws-bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "cohere": "cohere",
}
PROVIDER_FROM_OTEL = {otel: ours for ours, otel in PROVIDER_TO_OTEL.items()}
# Today's attribute first, then the names that older instrumentations send.
PROVIDER_KEYS = ("gen_ai.provider.name", "gen_ai.system")
INPUT_KEYS = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUT_KEYS = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
MODEL_KEYS = ("gen_ai.response.model", "gen_ai.request.model")
BUSINESS_PREFIX = "revenium."
COST_KEY = BUSINESS_PREFIX + "cost_usd"
KIND_INTERNAL, KIND_CLIENT = 1, 3
STATUS_OK, STATUS_ERROR = 1, 2
Value = Union[str, int, float, bool]


@dataclass
class GenAISpan:
    """One span: ids in hex as OTLP has them, times in nanoseconds since 1970."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    kind: int = KIND_INTERNAL
    end_ns: int = 0
    status: int = STATUS_OK
    attributes: Dict[str, Value] = field(default_factory=dict)

    def first(self, keys: Sequence[str]) -> Optional[Value]:
        """Return the first of these attributes that is set."""
        return next((self.attributes[key] for key in keys if key in self.attributes), None)

    @property
    def cost_usd(self) -> float:
        """Cost of this span's own call in USD, 0.0 where it has none."""
        return float(self.attributes.get(COST_KEY, 0.0))


_active: contextvars.ContextVar[Optional[GenAISpan]] = contextvars.ContextVar("span", default=None)


class AgentTracer:
    """Record nested spans in `finished`; a span started inside another becomes its child."""

    def __init__(self, metadata: Mapping[str, str]) -> None:
        self.finished: List[GenAISpan] = []
        self._metadata = {BUSINESS_PREFIX + name: value for name, value in metadata.items()}

    @contextmanager
    def span(self, operation: str, subject: str, **attributes: Value) -> Iterator[GenAISpan]:
        """Open a span called `OPERATION SUBJECT`; an exception inside marks it as failed."""
        parent = _active.get()
        opened = GenAISpan(
            name=f"{operation} {subject}",
            trace_id=parent.trace_id if parent else uuid.uuid4().hex,
            span_id=uuid.uuid4().hex[:16],
            parent_id=parent.span_id if parent else "",
            start_ns=time.time_ns(),
            attributes={"gen_ai.operation.name": operation, **self._metadata, **attributes},
        )
        token = _active.set(opened)
        try:
            yield opened
        except Exception as error:
            opened.status = STATUS_ERROR
            opened.attributes["error.type"] = type(error).__name__
            raise
        finally:
            _active.reset(token)
            opened.end_ns = time.time_ns()
            self.finished.append(opened)

    def record_call(
        self, provider: str, model: str, tokens_in: int, tokens_out: int, seconds: float
    ) -> GenAISpan:
        """Record one model call as a client span, priced.  `seconds` is how long it takes."""
        with self.span("chat", model) as call:
            call.kind = KIND_CLIENT
            call.attributes.update(
                {
                    "gen_ai.provider.name": PROVIDER_TO_OTEL.get(provider, provider),
                    "gen_ai.request.model": model,
                    "gen_ai.response.model": model,
                    "gen_ai.usage.input_tokens": tokens_in,
                    "gen_ai.usage.output_tokens": tokens_out,
                    COST_KEY: cost(provider, model, tokens_in, tokens_out),
                }
            )
            time.sleep(seconds)
        return call


# --- OTLP/JSON -----------------------------------------------------------------------------------


def to_otlp(spans: Sequence[GenAISpan], service: str) -> Dict[str, Any]:
    """Return spans as an OTLP/JSON document."""
    resource = {"attributes": [_pair("service.name", service)]}
    scope = {"scope": {"name": "revenium"}, "spans": [_otlp_span(span) for span in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _otlp_span(span: GenAISpan) -> Dict[str, Any]:
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": [_pair(name, value) for name, value in sorted(span.attributes.items())],
        "status": {"code": span.status},
    }


def _pair(name: str, value: Value) -> Dict[str, Any]:
    """Return one attribute; OTLP/JSON writes 64-bit integers as strings."""
    if isinstance(value, bool):
        return {"key": name, "value": {"boolValue": value}}
    if isinstance(value, int):
        return {"key": name, "value": {"intValue": str(value)}}
    if isinstance(value, float):
        return {"key": name, "value": {"doubleValue": value}}
    return {"key": name, "value": {"stringValue": value}}


def from_otlp(document: Mapping[str, Any]) -> List[GenAISpan]:
    """Return the spans of an OTLP/JSON document.  Raises ValueError if it is none."""
    try:
        return [
            _read_span(span)
            for resource in document["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an OTLP/JSON trace document: {error!r}") from error


def _read_span(span: Mapping[str, Any]) -> GenAISpan:
    return GenAISpan(
        name=span["name"],
        trace_id=span["traceId"],
        span_id=span["spanId"],
        parent_id=span.get("parentSpanId") or "",
        start_ns=int(span["startTimeUnixNano"]),
        end_ns=int(span["endTimeUnixNano"]),
        kind=int(span.get("kind", KIND_INTERNAL)),
        status=int(span.get("status", {}).get("code", 0)),
        attributes={
            pair["key"]: _attribute_value(pair["value"]) for pair in span.get("attributes", ())
        },
    )


def _attribute_value(value: Mapping[str, Any]) -> Value:
    if "intValue" in value:
        return int(value["intValue"])
    plain: Value = next(iter(value.values()), "")
    return plain


# --- metering ------------------------------------------------------------------------------------


def metered(spans: Sequence[GenAISpan]) -> List[GenAISpan]:
    """Return the spans that are model calls of their own: with usage, without such children."""
    using = [span for span in spans if span.first(INPUT_KEYS) is not None]
    by_id = {span.span_id: span for span in spans}
    above = set()
    for span in using:
        parent = by_id.get(span.parent_id)
        while parent is not None and parent.span_id not in above:
            above.add(parent.span_id)
            parent = by_id.get(parent.parent_id)
    return [span for span in using if span.span_id not in above]


def to_event(span: GenAISpan) -> AICallEvent:
    """Return the call record of a model call's span; its span id makes the call id."""
    provider = str(span.first(PROVIDER_KEYS) or "unknown")
    metadata = {
        name[len(BUSINESS_PREFIX) :]: value
        for name, value in span.attributes.items()
        if name.startswith(BUSINESS_PREFIX) and name != COST_KEY
    }
    metadata["trace_id"] = f"trace_{span.trace_id}"
    metadata["status"] = "error" if span.status == STATUS_ERROR else "success"
    moment = datetime.fromtimestamp(span.start_ns / 1e9, timezone.utc).replace(tzinfo=None)
    return AICallEvent(
        call_id=f"call_{span.span_id}",
        timestamp=moment.isoformat(timespec="microseconds"),
        provider=PROVIDER_FROM_OTEL.get(provider, provider),
        model=str(span.first(MODEL_KEYS) or "unknown"),
        input_tokens=int(span.first(INPUT_KEYS) or 0),
        output_tokens=int(span.first(OUTPUT_KEYS) or 0),
        cost_usd=span.cost_usd,
        latency_ms=(span.end_ns - span.start_ns) // 1_000_000,
        metadata=metadata,
    )


def cost_by_trace(spans: Sequence[GenAISpan]) -> Dict[str, float]:
    """Return the USD of each trace that made model calls, counting leaves only."""
    costs: Dict[str, float] = {}
    for call in metered(spans):
        costs[call.trace_id] = costs.get(call.trace_id, 0.0) + call.cost_usd
    return costs


class StepCost(NamedTuple):
    """What one step below a trace's root used."""

    name: str
    calls: int
    tokens: int
    cost_usd: float
    milliseconds: float


def cost_by_step(spans: Sequence[GenAISpan], trace_id: str) -> List[StepCost]:
    """Return the direct children of the trace's root, in order, with all calls below them."""
    inside = [span for span in spans if span.trace_id == trace_id]
    by_id = {span.span_id: span for span in inside}
    roots = {span.span_id for span in inside if span.parent_id not in by_id}
    calls: Dict[str, List[GenAISpan]] = {}
    for call in metered(inside):
        top = call
        while top.parent_id in by_id and top.parent_id not in roots:
            top = by_id[top.parent_id]
        calls.setdefault(top.span_id, []).append(call)
    steps = sorted((s for s in inside if s.parent_id in roots), key=lambda span: span.start_ns)
    return [_step_cost(step, calls.get(step.span_id, [])) for step in steps]


def _step_cost(span: GenAISpan, calls: Sequence[GenAISpan]) -> StepCost:
    tokens = sum(int(c.first(INPUT_KEYS) or 0) + int(c.first(OUTPUT_KEYS) or 0) for c in calls)
    price = sum(call.cost_usd for call in calls)
    return StepCost(span.name, len(calls), tokens, price, (span.end_ns - span.start_ns) / 1e6)


def demonstrate() -> Dict[str, float]:
    """Trace an agent, write and read OTLP/JSON, meter it; return the figures."""
    from _demo_otel import demonstrate as demonstration

    return demonstration()


# --- the same as in _prices.py --------------------------------------------------------------------


# USD per 1,000 tokens, input and output.
PRICES: Dict[Tuple[str, str], Tuple[float, float]] = {
    ("openai", "gpt-4o"): (0.0025, 0.01),
    ("openai", "gpt-4o-mini"): (0.00015, 0.0006),
    ("anthropic", "claude-sonnet-4-6"): (0.003, 0.015),
    ("anthropic", "claude-haiku-4-5"): (0.001, 0.005),
    ("google", "gemini-2.5-flash"): (0.0003, 0.0025),
}


def cost(provider: str, model: str, input_tokens: int, output_tokens: int) -> float:
    """Return the price of a call in USD.  Raises KeyError for a model without a price."""
    price_in, price_out = PRICES[provider, model]
    return round(input_tokens / 1000 * price_in + output_tokens / 1000 * price_out, 6)


# --- end of _prices.py ----------------------------------------------------------------------------


# --- the same as in _event.py ---------------------------------------------------------------------


def new_call_id() -> str:
    """Return a fresh id.  The endpoint stores an id once, which makes retries safe."""
    return "call_" + uuid.uuid4().hex


def utc_now() -> str:
    """Return the time as `2025-01-01T09:30:00.417000`, in UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class AICallEvent:
    """One AI call: tokens as counts, `cost_usd` in USD, `latency_ms` in milliseconds.

    `metadata` holds the business fields (customer_id, organization_id, …); it is flattened
    into the record when the event is sent.
    """

    call_id: str
    timestamp: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Optional[Mapping[str, Any]] = None,
        call_id: Optional[str] = None,
    ) -> AICallEvent:
        """Return a checked event with an id and the current time.

        Raises ValueError for empty names and for negative or non-finite numbers.
        """
        if not provider or not model:
            raise ValueError("provider and model must not be empty")
        for name, value in (
            ("input_tokens", input_tokens),
            ("output_tokens", output_tokens),
            ("cost_usd", cost_usd),
            ("latency_ms", latency_ms),
        ):
            if not _is_amount(value):
                raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
        return cls(
            call_id=call_id or new_call_id(),
            timestamp=utc_now(),
            provider=provider,
            model=model,
            input_tokens=int(input_tokens),
            output_tokens=int(output_tokens),
            cost_usd=float(cost_usd),
            latency_ms=round(latency_ms),
            metadata=_plain(metadata or {}),
        )

    def to_record(self) -> Dict[str, Any]:
        """Return the flat record that goes on the wire.  Metadata never hides a measured field."""
        record: Dict[str, Any] = dict(self.metadata)
        record.update(
            call_id=self.call_id,
            timestamp=self.timestamp,
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
            latency_ms=self.latency_ms,
        )
        return record


def _is_amount(value: Any) -> bool:
    """Whether a value is a finite number of at least 0."""
    try:
        return value >= 0 and isfinite(value)
    except (TypeError, OverflowError):
        return False


def _plain(metadata: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a copy that JSON can hold; later changes by the caller do not reach it."""
    return {
        str(name): value if isinstance(value, (str, int)) or _is_amount(value) else str(value)
        for name, value in metadata.items()
        if value is not None
    }


# --- end of _event.py -----------------------------------------------------------------------------


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(run_demonstration(demonstrate))
