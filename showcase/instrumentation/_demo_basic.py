"""Show the basic tracker: one pretended AI call, one report, what arrived."""

from __future__ import annotations

import time
from typing import Dict

from _collector import Endpoint, endpoint
from _console import DemonstrationError, benefits, note, require, results, step, title
from _sample import sample_metadata
from revenium_basic import AICallEvent, Completion, ReveniumBasicTracker, cost


def pretend_ai_call() -> Completion:
    """Stand in for a provider's client: takes a moment and reports its usage."""
    time.sleep(0.05)
    return Completion("Your invoice is attached.", "openai", "gpt-4o", 812, 143)


def _compare(target: Endpoint, event: AICallEvent) -> None:
    """Compare the collector's copy of an event with what was sent, field by field."""
    sent = event.to_record()
    if target.collector is None:
        note("The endpoint confirmed the event; its own copy is not visible from here.")
        return
    stored = target.collector.events.get(event.call_id, {})
    differing = [name for name in sent if stored.get(name) != sent[name]]
    require(not differing and len(stored) == len(sent), f"all {len(sent)} fields arrived as sent")


def _show_refusal(tracker: ReveniumBasicTracker) -> None:
    """Show that an impossible figure is refused before anything is sent."""
    try:
        tracker.track_ai_call("openai", "gpt-4o", -1, 10, 0.0, 5, {})
    except ValueError as error:
        note(f"Refused before sending: {error}")
        return
    raise DemonstrationError("a negative token count was accepted")


def demonstrate() -> Dict[str, float]:
    """Track one call end to end and return the measured figures."""
    title("Revenium: basic tracking")
    with endpoint() as target, ReveniumBasicTracker(
        target.api_key, target.base_url, timeout=3
    ) as tracker:
        step(1, "Make an AI call and report it with full metadata")
        note(f"Endpoint: {target.described}")
        metadata = sample_metadata(customer=41, request=7)
        completion = tracker.track(pretend_ai_call, metadata)
        note(f"Answer: {completion.text}")

        step(2, "Report one call by hand and time the report itself")
        price = cost("openai", "gpt-4o", completion.input_tokens, completion.output_tokens)
        begin = time.perf_counter()
        event = tracker.track_ai_call("openai", "gpt-4o", 812, 143, price, 212, metadata)
        report_ms = (time.perf_counter() - begin) * 1000
        for name, value in event.to_record().items():
            note(f"{name:<18} {value}")

        step(3, "Check what arrived")
        _compare(target, event)
        _show_refusal(tracker)
    figures = {"report_ms": report_ms, "fields": len(event.to_record()), "cost_usd": price}
    results(
        [
            ("Fields per event", f"{figures['fields']:.0f}"),
            ("Cost of the call", f"${price:.6f}"),
            ("Duration of the report", f"{report_ms:.2f} ms"),
        ]
    )
    benefits(
        [
            "Every dollar has a customer, a product and a feature from the first call on",
            "A report either arrived or raised; nothing is lost silently",
            "The id makes repeated reports harmless",
        ]
    )
    return figures
