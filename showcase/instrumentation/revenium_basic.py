"""Basic tracking: one AI call, metered with its full business metadata.

The smallest useful integration.  After an AI call the application reports what the call used
(tokens, cost, latency) and on whose behalf it was made (customer, organization, product,
feature).  The report is one HTTP request that either succeeds or raises.

Use case: scripts, jobs and low-traffic services in which a report may take some milliseconds.
Pattern: synchronous client, complete event, explicit error.
Performance: one request per call; the demonstration measures its duration.  Above some calls a
second use `revenium_async.py`.
"""

from __future__ import annotations

import sys
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from _client import DeliveryError, EventClient
from _collector import Endpoint, endpoint
from _console import DemonstrationError, benefits, note, require, results, run, step, title
from _event import AICallEvent
from _sample import cost, sample_metadata

RETRY_WAIT_S = 0.2


class Completion(NamedTuple):
    """What an AI provider's answer tells about the call."""

    text: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int


class ReveniumBasicTracker:
    """Report AI calls one by one, each confirmed before the method returns.

    `timeout` (seconds) limits one request.  A call is tried `attempts` times; the id stays the
    same, so a repeated report is counted once.  Use it as a context manager, or `close` it.
    """

    def __init__(
        self,
        api_key: str,
        base_url: Optional[str] = None,
        timeout: float = 5.0,
        attempts: int = 3,
    ) -> None:
        """Raise ValueError for a base URL that is not http(s), or for fewer than one attempt."""
        if attempts < 1:
            raise ValueError("attempts must be at least 1")
        self._client = EventClient(api_key, base_url, timeout)
        self._attempts = attempts

    def track_ai_call(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Mapping[str, Any],
    ) -> AICallEvent:
        """Report one call and return the event as it was sent.

        Raises ValueError for impossible figures or an event that the endpoint rejects, and
        DeliveryError where it cannot be delivered.
        """
        event = AICallEvent.create(
            provider, model, input_tokens, output_tokens, cost_usd, latency_ms, metadata
        )
        answer = self._send(event)
        if answer:
            raise ValueError(f"rejected: {answer[0].get('field')} {answer[0].get('reason')}")
        return event

    def track(self, call: Callable[[], Completion], metadata: Mapping[str, Any]) -> Completion:
        """Make an AI call, measure and price it, report it, and return its completion."""
        begin = time.perf_counter()
        done = call()
        latency_ms = (time.perf_counter() - begin) * 1000
        price = cost(done.provider, done.model, done.input_tokens, done.output_tokens)
        self.track_ai_call(
            done.provider,
            done.model,
            done.input_tokens,
            done.output_tokens,
            price,
            latency_ms,
            metadata,
        )
        return done

    def _send(self, event: AICallEvent) -> List[Dict[str, Any]]:
        """Deliver the event, trying again where that can help; return rejections."""
        for attempt in range(1, self._attempts + 1):
            try:
                return self._client.send([event.to_record()]).rejected
            except DeliveryError as error:
                if not error.retryable or attempt == self._attempts:
                    raise
                time.sleep(min(error.retry_after_s or RETRY_WAIT_S * attempt, 5.0))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def __enter__(self) -> ReveniumBasicTracker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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


if __name__ == "__main__":
    sys.exit(run(demonstrate, DeliveryError))
