"""Error handling: deliver metering events through failures, rate limits and outages.

A batch that fails is tried again with growing, jittered waits, never sooner than a
`Retry-After` asks.  After some failures in a row a circuit breaker stops asking.  Batches that
could not be delivered go to a spool on disk and are replayed when the service is back.  Every
event keeps its id on the way, so a batch that was stored although its answer got lost is
counted once.

Use case: production services whose metering must survive what networks do.
Pattern: retry with backoff and jitter, circuit breaker, spool and replay, health check.
Performance: nothing added on success; during an outage a submission costs one file write.  The
demonstration measures delivery against a collector that fails 20 % of the time and is down in
the middle.
"""

from __future__ import annotations

import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

from _breaker import CLOSED, CircuitBreaker
from _client import DeliveryError, EventClient
from _collector import Endpoint, Faults, endpoint
from _console import benefits, note, require, results, run, step, title
from _event import AICallEvent
from _sample import sample_calls
from _spool import Record, Spool

DELIVERED, SPOOLED, REFUSED, LOST = "delivered", "spooled", "refused", "lost"
DEMO_BATCHES = 300
DEMO_FAULTS = Faults(fail_rate=0.15, cut_rate=0.05)
DEMO_SECONDS = 9.0
TARGET_PERCENT = 99.9


@dataclass(frozen=True)
class RetryPolicy:
    """Up to `attempts` tries; waits double from `base_s` to at most `cap_s`, with full jitter.

    A Retry-After is honoured up to `longest_asked_s`.  All in seconds.
    """

    attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 20.0
    longest_asked_s: float = 120.0

    def wait_s(self, attempt: int, error: DeliveryError, chance: random.Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt`, from 1."""
        backoff = chance.random() * min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))
        return max(backoff, min(error.retry_after_s or 0.0, self.longest_asked_s))


@dataclass(frozen=True)
class Health:
    """State of the delivery: for a health endpoint or an alert."""

    breaker: str
    spooled_batches: int
    lost_events: int
    last_error: str
    endpoint_healthy: bool

    @property
    def ok(self) -> bool:
        """Whether events flow and none wait."""
        return self.breaker == CLOSED and not self.spooled_batches and not self.lost_events


class ResilientTracker:
    """Deliver batches of events, whatever happens on the way.

    Counts `confirmed` and `rejected` events and failed tries (`retries`).  Not to be shared
    between threads; use one for each, with spools of their own.
    """

    def __init__(
        self,
        client: EventClient,
        spool: Spool,
        breaker: CircuitBreaker,
        retry: RetryPolicy = RetryPolicy(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._spool, self._breaker = client, spool, breaker
        self._retry, self._sleep = retry, sleep
        self._chance = random.Random()
        self.retries = self.confirmed = self.rejected = 0
        self.last_error = ""

    def submit(self, events: Sequence[AICallEvent]) -> str:
        """Deliver a batch or spool it; return DELIVERED, SPOOLED, REFUSED or LOST.

        REFUSED is a batch that the endpoint will never take; it is kept aside in the spool.
        LOST happens only when the spool is full.
        """
        records = [event.to_record() for event in events]
        outcome = self._attempt(records)
        if outcome == DELIVERED:
            self.replay(limit=2)
            return outcome
        path = self._spool.add(records)
        if path is None:
            return LOST
        if outcome == REFUSED:
            self._spool.set_aside(path, ".refused")
        return outcome

    def replay(self, limit: int = 1_000_000) -> int:
        """Deliver waiting batches, oldest first, at most `limit`; return how many went."""
        done = 0
        for path in self._spool.paths()[:limit]:
            records = self._spool.read(path)
            outcome = self._attempt(records) if records else DELIVERED
            if outcome == SPOOLED:
                break
            if outcome == REFUSED:
                self._spool.set_aside(path, ".refused")
            else:
                self._spool.remove(path)
                done += 1
        return done

    def drain(self, seconds: float) -> int:
        """Replay until the spool is empty or the seconds are over; return batches left."""
        until = time.monotonic() + seconds
        while len(self._spool) and time.monotonic() < until:
            if not self.replay():
                self._sleep(0.02)
        return len(self._spool)

    def health(self) -> Health:
        """Return the state of delivery, asking the endpoint too."""
        return Health(
            self._breaker.state,
            len(self._spool),
            self._spool.lost_events,
            self.last_error,
            self._client.healthy(),
        )

    def _attempt(self, records: Sequence[Record]) -> str:
        """Try to deliver while the breaker permits and tries are left."""
        for attempt in range(1, self._retry.attempts + 1):
            if not self._breaker.allow():
                return SPOOLED
            try:
                answer = self._client.send(records)
            except DeliveryError as error:
                self.last_error = str(error)
                self._report(error)
                if not error.retryable:
                    return REFUSED
                self.retries += 1
                if attempt < self._retry.attempts and self._breaker.state == CLOSED:
                    self._sleep(self._retry.wait_s(attempt, error, self._chance))
            else:
                self._breaker.success()
                self.rejected += len(answer.rejected)
                self.confirmed += len(records) - len(answer.rejected)
                return DELIVERED
        return SPOOLED

    def _report(self, error: DeliveryError) -> None:
        """Tell the breaker: an endpoint that limits or refuses us is alive all the same."""
        if error.status is not None and error.status < 500:
            self._breaker.success()
        else:
            self._breaker.failure()


# --- demonstration -------------------------------------------------------------------------------


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


if __name__ == "__main__":
    sys.exit(run(demonstrate, DeliveryError))
