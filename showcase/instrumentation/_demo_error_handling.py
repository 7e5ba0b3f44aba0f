"""Measure delivery through failures, a rate limit and an outage."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Sequence

from _collector import Endpoint, Faults, endpoint
from _console import benefits, note, require, results, step, title
from _sample import sample_calls
from revenium_error_handling import (
    DELIVERED,
    LOST,
    REFUSED,
    SPOOLED,
    AICallEvent,
    CircuitBreaker,
    EventClient,
    ResilientTracker,
    RetryPolicy,
    Spool,
)

DEMO_BATCHES = 300
DEMO_FAULTS = Faults(fail_rate=0.15, cut_rate=0.05)
DEMO_SECONDS = 9.0
TARGET_PERCENT = 99.9


def _batches(count: int, size: int) -> List[List[AICallEvent]]:
    """Return sample events in batches."""
    events = [AICallEvent.create(*call) for call in sample_calls(count * size, seed=20)]
    return [events[at : at + size] for at in range(0, len(events), size)]


def _show_retry_after(target: Endpoint, tracker: ResilientTracker) -> float:
    """Submit against a rate limit; return the seconds that the submission took."""
    collector = target.collector
    if collector is None:
        note("A foreign endpoint is not told to limit; skipped.")
        return 0.0
    collector.faults = Faults(limit_per_s=0)
    lift = threading.Timer(0.3, lambda: setattr(collector, "faults", Faults()))
    lift.start()
    begin = time.monotonic()
    outcome = tracker.submit(_batches(1, 10)[0])
    waited = time.monotonic() - begin
    lift.join()
    require(
        outcome == DELIVERED and waited >= 1.0, f"429 with Retry-After: 1, waited {waited:.2f} s"
    )
    return waited


def _send_all(
    target: Endpoint, tracker: ResilientTracker, batches: Sequence[List[AICallEvent]]
) -> Dict[str, int]:
    """Submit every batch, with an outage in the middle third; return counts by outcome."""
    outcomes = {DELIVERED: 0, SPOOLED: 0, REFUSED: 0, LOST: 0}
    begin = time.monotonic()
    for number, batch in enumerate(batches):
        third = 3 * number // len(batches)
        if target.collector is not None:
            target.collector.faults = Faults(outage=True) if third == 1 else DEMO_FAULTS
        outcomes[tracker.submit(batch)] += 1
        # Against an endpoint that hangs, stop asking in time: the rest waits in the spool.
        if time.monotonic() - begin > DEMO_SECONDS:
            note(f"Stopped after {number + 1} batches: {tracker.last_error}")
            break
        time.sleep(0.004)
    return outcomes


def _compare(target: Endpoint, events: Sequence[AICallEvent], confirmed: int) -> Dict[str, Any]:
    """Compare what was submitted with what the collector stored, or what was confirmed."""
    figures: Dict[str, Any] = {"sent": len(events), "delivered": confirmed}
    collector = target.collector
    if collector is not None:
        stored = [collector.events[e.call_id] for e in events if e.call_id in collector.events]
        figures["delivered"] = len(stored)
        figures["stored_twice"] = collector.stored - len(collector.events)
        figures["repeats"] = collector.duplicates
        billed = sum(record["cost_usd"] for record in stored)
        used = sum(event.cost_usd for event in events)
        require(figures["stored_twice"] == 0, f"each id stored once: {len(stored):,} events")
        require(abs(billed - used) < 1e-6, f"billed ${billed:.4f}, used ${used:.4f}")
    figures["percent"] = 100 * figures["delivered"] / figures["sent"]
    claim = f"{figures['percent']:.3f} % delivered, at least {TARGET_PERCENT} % wanted"
    require(figures["percent"] >= TARGET_PERCENT, claim)
    return figures


def _print_transitions(breaker: CircuitBreaker) -> None:
    for change in breaker.transitions:
        note(f"{change.at_s:6.2f} s  {change.before} → {change.after}: {change.reason}")
    if not breaker.transitions:
        note("The endpoint never failed often enough: the breaker stayed closed.")


def _run_steps(target: Endpoint, spool: Spool) -> Dict[str, Any]:
    """Run all steps against one endpoint and return the measured figures."""
    client = EventClient(target.api_key, target.base_url, timeout=1.0)
    breaker = CircuitBreaker(threshold=5, cooldown_s=0.15)
    tracker = ResilientTracker(client, spool, breaker, RetryPolicy(attempts=6, base_s=0.005))
    batches = _batches(DEMO_BATCHES, 50 if target.collector else 10)

    step(1, "Meet a rate limit: wait as long as it asks")
    waited = _show_retry_after(target, tracker)

    step(2, f"Send {sum(map(len, batches)):,} events, with failures and an outage")
    note(f"Endpoint: {target.described}")
    confirmed_before = tracker.confirmed
    outcomes = _send_all(target, tracker, batches)
    note(", ".join(f"{count} batches {name}" for name, count in outcomes.items() if count))
    note(f"Health: {tracker.health()}")

    step(3, "Replay the spool")
    if target.collector is not None:
        target.collector.faults = DEMO_FAULTS
    left = tracker.drain(seconds=6.0)
    note(f"{left} batches left in the spool")

    step(4, "The breaker's transitions")
    _print_transitions(breaker)

    step(5, "Compare what was sent with what was stored")
    tried = [event for batch in batches[: sum(outcomes.values())] for event in batch]
    figures = _compare(target, tried, tracker.confirmed - confirmed_before)
    client.close()
    states = [change.after for change in breaker.transitions]
    return {**figures, "retries": tracker.retries, "waited_s": waited, "states": states}


def demonstrate() -> Dict[str, Any]:
    """Deliver through failures and an outage; return the measured figures."""
    title("Revenium: error handling")
    spool = tempfile.TemporaryDirectory(prefix="revenium_spool_")
    with spool as directory, endpoint(Faults(), seed=3) as target:
        got = _run_steps(target, Spool(Path(directory)))
    results(
        [
            ("Events sent", f"{got['sent']:,}"),
            ("Delivered", f"{got['delivered']:,} ({got['percent']:.3f} %)"),
            ("Stored twice", f"{got.get('stored_twice', 'only the endpoint knows')}"),
            ("Repeats recognised by id", f"{got.get('repeats', 'only the endpoint knows')}"),
            ("Failed tries", f"{got['retries']:,}"),
            ("Transitions of the breaker", f"{len(got['states'])}"),
        ]
    )
    benefits(
        [
            "An outage of metering is no outage of the application",
            "Events survive restarts in the spool and are billed once",
            "A service that is down is left alone until it is back",
        ]
    )
    return got
