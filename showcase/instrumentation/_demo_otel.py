"""Trace an agent, write and read OTLP/JSON, meter its calls."""

from __future__ import annotations

import json
import time
from typing import Dict, Sequence

from _client import EventClient
from _collector import Endpoint, endpoint
from _console import benefits, note, require, results, step, title
from _sample import sample_metadata
from revenium_otel import (
    COST_KEY,
    INPUT_KEYS,
    KIND_CLIENT,
    OUTPUT_KEYS,
    AgentTracer,
    AICallEvent,
    GenAISpan,
    StepCost,
    cost_by_step,
    cost_by_trace,
    from_otlp,
    metered,
    to_event,
    to_otlp,
)


def run_agent(tracer: AgentTracer) -> str:
    """Run a pretended support agent in three steps and return its trace id."""
    agent = {"gen_ai.agent.name": "support-agent"}
    with tracer.span("invoke_agent", "support-agent", **agent) as root:
        with tracer.span("invoke_agent", "planner"):
            tracer.record_call("openai", "gpt-4o-mini", 620, 180, 0.01)
        with tracer.span("execute_tool", "search_orders"):
            tracer.record_call("google", "gemini-2.5-flash", 2400, 90, 0.01)
            tracer.record_call("openai", "gpt-4o-mini", 900, 60, 0.01)
        with tracer.span("invoke_agent", "writer"):
            tracer.record_call("anthropic", "claude-sonnet-4-6", 3100, 540, 0.02)
        calls = [span for span in tracer.finished if span.kind == KIND_CLIENT]
        # As frameworks do: the agent's span repeats the usage of everything below it.
        for keys in (INPUT_KEYS, OUTPUT_KEYS):
            root.attributes[keys[0]] = sum(int(call.first(keys) or 0) for call in calls)
        root.attributes[COST_KEY] = sum(call.cost_usd for call in calls)
    return root.trace_id


def _check_metered(target: Endpoint, events: Sequence[AICallEvent], expected: float) -> float:
    """Send the events; return the trace's cost as the collector's copies have it."""
    client = EventClient(target.api_key, target.base_url)
    answer = client.send([event.to_record() for event in events])
    client.close()
    require(not answer.rejected, f"{answer.accepted} call records metered")
    stored = [event.cost_usd for event in events]
    if target.collector is not None:
        stored = [record["cost_usd"] for record in target.collector.events.values()]
    require(abs(sum(stored) - expected) < 1e-9, f"metered cost equals the trace's ${expected:.6f}")
    return sum(stored)


def _print_steps(steps: Sequence[StepCost]) -> None:
    total = sum(taken.cost_usd for taken in steps)
    for taken in steps:
        share = 100 * taken.cost_usd / total if total else 0.0
        note(
            f"{taken.name:<28} {taken.calls} calls {taken.tokens:>6,} tokens "
            f"${taken.cost_usd:.6f} {share:5.1f} %"
        )


def _mapping_us(spans: Sequence[GenAISpan], rounds: int = 200) -> float:
    """Return the mean microseconds to map a span to OTLP, back, and to a call record."""
    begin = time.perf_counter()
    for _ in range(rounds):
        for span in from_otlp(to_otlp(spans, "support")):
            to_event(span)
    return (time.perf_counter() - begin) / rounds / len(spans) * 1e6


def demonstrate() -> Dict[str, float]:
    """Trace an agent, write and read OTLP/JSON, meter it; return the figures."""
    title("Revenium: OpenTelemetry GenAI conventions")
    step(1, "Run an agent in three steps")
    tracer = AgentTracer({k: str(v) for k, v in sample_metadata(11, 3).items()})
    trace_id = run_agent(tracer)
    note(f"{len(tracer.finished)} spans in trace {trace_id}")

    step(2, "Write OTLP/JSON and read it back")
    document = json.dumps(to_otlp(tracer.finished, "support"))
    spans = from_otlp(json.loads(document))
    require(spans == tracer.finished, f"{len(document):,} bytes, every span came back unchanged")

    step(3, "Cost by step, counting leaves only")
    steps = cost_by_step(spans, trace_id)
    _print_steps(steps)
    total, naive = cost_by_trace(spans)[trace_id], sum(span.cost_usd for span in spans)
    note(f"trace {trace_id} in all: ${total:.6f}")

    step(4, "Meter the calls")
    with endpoint() as target:
        note(f"Endpoint: {target.described}")
        stored = _check_metered(target, [to_event(span) for span in metered(spans)], total)
    mapping_us = _mapping_us(spans)
    costliest = max(steps, key=lambda spent: spent.cost_usd)
    results(
        [
            ("Cost of the trace", f"${stored:.6f}"),
            ("Most expensive step", f"{costliest.name} ({100 * costliest.cost_usd / total:.1f} %)"),
            ("Every span summed naively", f"${naive:.6f} ({naive / total:.1f}×)"),
            ("Mapping, both ways", f"{mapping_us:.0f} µs a span"),
        ]
    )
    benefits(
        [
            "One instrumentation for tracing and for cost",
            "The cost of an agent's answer, step by step",
            "No double counting of agent and framework spans",
        ]
    )
    return {"cost_usd": stored, "naive_usd": naive, "steps": len(steps), "mapping_us": mapping_us}
