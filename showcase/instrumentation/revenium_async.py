"""Asynchronous tracking: fire and forget, sent in batches by a thread beside the event loop.

`track_ai_call` checks the figures, puts an event into a bounded queue and returns its id.  A
sender thread posts full batches, and partial ones when the oldest event has waited for the
flush interval, also when traffic stops.  No HTTP ever runs on the event loop.

Loss policy, in full: while the queue is full, new events are dropped and counted.  An endpoint
that fails is tried again with growing waits, the batch in hand first.  `stop()` sends all that
is queued; what an endpoint did not confirm before its time limit is in `undelivered`.

Use case: web services and agents that make many AI calls and must not wait for metering.
Pattern: bounded queue, batching by size and age, background sender, bounded shutdown.
Performance: microseconds per call, one request per `batch_size` calls; the demonstration
measures both over 10,000 calls.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Deque, Dict, Generator, List, Mapping, Optional, Tuple

from _client import DeliveryError, EventClient
from _collector import Endpoint, arrived, endpoint
from _console import benefits, note, require, results, run, step, title
from _event import AICallEvent
from _sample import nearest_rank, sample_calls

FIRST_RETRY_WAIT_S = 0.05
LONGEST_RETRY_WAIT_S = 5.0
LONGEST_ASKED_WAIT_S = 60.0
STUCK_GRACE_S = 1.0
DEMO_CALLS = 10_000
OVERHEAD_TARGET_MS = 1.0


class CallId(str):
    """An id that may also be awaited, which gives the event loop a turn and returns the id."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, str]:
        yield
        return self


@dataclass
class TrackerStats:
    """What became of the tracked events, as counts.

    tracked = delivered + rejected + dropped + undelivered + those still queued.
    """

    tracked: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0
    undelivered: int = 0
    requests: int = 0
    retries: int = 0
    last_error: str = ""


class ReveniumAsyncTracker:
    """Track AI calls from asyncio code without waiting for the network.

    `flush_interval`, `request_timeout` and `stop_timeout` are seconds, `batch_size` (at most
    1,000) and `max_queue` events.  `undelivered` holds the events that nobody confirmed, for
    the application to spool.  All methods but `stop` may be called from any thread.
    """

    def __init__(
        self,
        api_key: str,
        batch_size: int = 100,
        flush_interval: float = 5.0,
        base_url: Optional[str] = None,
        max_queue: int = 20_000,
        request_timeout: float = 5.0,
        stop_timeout: float = 10.0,
    ) -> None:
        """Raise ValueError for sizes and times that make no sense."""
        if not 1 <= batch_size <= 1000 or max_queue < batch_size:
            raise ValueError("need 1 <= batch_size <= 1000 and max_queue >= batch_size")
        if min(flush_interval, request_timeout, stop_timeout) <= 0:
            raise ValueError("intervals and time limits must be above 0")
        self.stats = TrackerStats()
        self.undelivered: Deque[AICallEvent] = deque(maxlen=max_queue)
        self._client = EventClient(api_key, base_url, request_timeout)
        self._batch_size, self._flush_interval = batch_size, flush_interval
        self._max_queue, self._stop_timeout = max_queue, stop_timeout
        self._queue: Deque[AICallEvent] = deque()
        self._in_hand: List[AICallEvent] = []  # The batch that is being sent.
        self._oldest = 0.0
        self._wake = threading.Condition()
        self._deadline: Optional[float] = None  # Set by stop(); then the sender empties and ends.
        self._sender: Optional[threading.Thread] = None

    # --- what the application calls ----------------------------------------------------------

    async def start(self) -> None:
        """Start sending.  Starting twice does no harm.  Raises RuntimeError after `stop`."""
        if self._deadline is not None:
            raise RuntimeError("a stopped tracker cannot be started again; create a new one")
        if self._sender is None:
            self._sender = threading.Thread(target=self._run, name="revenium", daemon=True)
            self._sender.start()

    def track_ai_call(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> CallId:
        """Queue one call and return its id at once; `await` is allowed and not needed.

        Raises ValueError for impossible figures.  A full queue or a stopped tracker drops the
        event and counts it; an application must not fail because its metering does.
        """
        event = AICallEvent.create(
            provider, model, input_tokens, output_tokens, cost_usd, latency_ms, metadata
        )
        with self._wake:
            self.stats.tracked += 1
            if len(self._queue) >= self._max_queue or self._deadline is not None:
                self.stats.dropped += 1
            else:
                self._put(event)
        return CallId(event.call_id)

    async def stop(self) -> TrackerStats:
        """Send what is queued, end the sender, return the counts.

        Takes at most `stop_timeout` and a second, whatever the endpoint does.  Stopping twice
        does no harm; after a cancelled stop, call it again.
        """
        if self._sender is None and self._queue:
            await self.start()
        with self._wake:
            if self._deadline is None:
                self._deadline = time.monotonic() + self._stop_timeout
            self._wake.notify_all()
        while self._sender is not None and self._sender.is_alive():
            late_s = time.monotonic() - self._deadline
            if late_s > STUCK_GRACE_S:
                break  # Stuck where no time limit reaches, such as a name look-up.
            if late_s > 0:
                self._client.abort()
            await asyncio.sleep(0.01)
        self._give_up()
        return self.stats

    async def __aenter__(self) -> ReveniumAsyncTracker:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- the sender thread -------------------------------------------------------------------

    def _put(self, event: AICallEvent) -> None:
        """Append an event; wake the sender for the first one and for a full batch."""
        self._queue.append(event)
        if len(self._queue) == 1:
            self._oldest = time.monotonic()
        if len(self._queue) in (1, self._batch_size):
            self._wake.notify()

    def _run(self) -> None:
        while self._take_batch():
            self._deliver()
        self._client.close()

    def _take_batch(self) -> bool:
        """Wait for a full batch, the flush interval or the end; False means the end."""
        with self._wake:
            while not self._due():
                if self._deadline is not None:
                    return False
                age = time.monotonic() - self._oldest
                self._wake.wait(self._flush_interval - age if self._queue else None)
            size = min(self._batch_size, len(self._queue))
            self._in_hand = [self._queue.popleft() for _ in range(size)]
            self._oldest = time.monotonic()
            return True

    def _due(self) -> bool:
        """Whether a batch should leave now.  The caller holds the lock."""
        full = len(self._queue) >= self._batch_size or self._deadline is not None
        old = time.monotonic() - self._oldest >= self._flush_interval
        return bool(self._queue) and (full or old)

    def _deliver(self) -> None:
        """Send the batch in hand until it is confirmed, hopeless, or time to stop is over."""
        records = [event.to_record() for event in self._in_hand]
        attempt = 0
        while not self._too_late():
            self.stats.requests += 1
            try:
                self._confirm(len(self._client.send(records).rejected))
                return
            except DeliveryError as error:
                self.stats.last_error = str(error)
                if not error.retryable:
                    break
                attempt += 1
                self.stats.retries += 1
                self._pause(error, attempt)
            except (ValueError, TypeError) as error:  # Metadata that JSON cannot hold.
                self.stats.last_error = str(error)
                break
        self._give_up()

    def _confirm(self, rejected: int) -> None:
        """Count the batch in hand as delivered, unless `stop` has given it up meanwhile."""
        with self._wake:
            if self._in_hand:
                self.stats.rejected += rejected
                self.stats.delivered += len(self._in_hand) - rejected
                self._in_hand = []

    def _pause(self, error: DeliveryError, attempt: int) -> None:
        """Wait before the next try; the wait ends early when time to stop runs out."""
        wait = min(FIRST_RETRY_WAIT_S * 2 ** min(attempt - 1, 10), LONGEST_RETRY_WAIT_S)
        asked = min(error.retry_after_s or 0.0, LONGEST_ASKED_WAIT_S)
        until = time.monotonic() + max(wait, asked)
        while time.monotonic() < until and not self._too_late():
            time.sleep(0.01)

    def _too_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _give_up(self) -> None:
        """Count the batch in hand as undelivered, and the queue too once it is too late."""
        with self._wake:
            lost = self._in_hand
            self._in_hand = []
            if self._too_late():
                lost += self._queue
                self._queue.clear()
            self.undelivered.extend(lost)
            self.stats.undelivered += len(lost)


# --- demonstration -------------------------------------------------------------------------------


async def _track_many(tracker: ReveniumAsyncTracker, count: int) -> Tuple[List[str], List[float]]:
    """Track sample calls; return their ids and the milliseconds that each call took."""
    ids, durations = [], []
    for number, call in enumerate(sample_calls(count)):
        begin = time.perf_counter()
        call_id = tracker.track_ai_call(*call)
        durations.append((time.perf_counter() - begin) * 1000)
        ids.append(str(call_id))
        if number % 50 == 49:
            await asyncio.sleep(0)
    return ids, durations


async def _loop_lag_ms(stop: asyncio.Event) -> float:
    """Return the longest time by which a 5 ms sleep on this event loop was late."""
    worst = 0.0
    while not stop.is_set():
        begin = time.perf_counter()
        await asyncio.sleep(0.005)
        worst = max(worst, (time.perf_counter() - begin) * 1000 - 5)
    return worst


async def _show_slow_endpoint(target: Endpoint) -> float:
    """Track against an endpoint that answers after 300 ms; return the event loop's worst lag."""
    if target.collector is not None:
        target.collector.faults.delay_s = 0.3
    done = asyncio.Event()
    lag = asyncio.ensure_future(_loop_lag_ms(done))
    async with ReveniumAsyncTracker(target.api_key, base_url=target.base_url) as tracker:
        await _track_many(tracker, 250)
    done.set()
    if target.collector is not None:
        target.collector.faults.delay_s = 0.0
    return await lag


async def _show_interval(target: Endpoint) -> float:
    """Track seven calls, then nothing; return the seconds until all were delivered."""
    tracker = ReveniumAsyncTracker(target.api_key, flush_interval=0.3, base_url=target.base_url)
    async with tracker:
        begin = time.monotonic()
        await _track_many(tracker, 7)
        while tracker.stats.delivered < 7 and time.monotonic() - begin < 5:
            await asyncio.sleep(0.01)
        waited = time.monotonic() - begin
        require(tracker.stats.delivered == 7, f"7 events left by themselves after {waited:.2f} s")
    return waited


async def _show_full_queue(target: Endpoint) -> int:
    """Fill a small queue whose sender is not started; return the number of dropped events."""
    tracker = ReveniumAsyncTracker(target.api_key, base_url=target.base_url, max_queue=100)
    await _track_many(tracker, 120)
    await tracker.start()
    stats = await tracker.stop()
    require(
        stats.dropped == 20 and stats.delivered == 100,
        f"queue of 100, 120 calls: {stats.delivered} delivered, {stats.dropped} dropped, counted",
    )
    return stats.dropped


def _check_nothing_lost(target: Endpoint, ids: List[str], stats: TrackerStats) -> None:
    """Compare what was tracked with what the endpoint has, or confirmed."""
    require(stats.delivered == len(ids), f"{len(ids):,} tracked, {stats.delivered:,} confirmed")
    events = arrived(target)
    if events is not None:
        received = {event["call_id"] for event in events}
        require(received >= set(ids), f"sent = received: {len(received & set(ids)):,} ids match")


async def _measure(target: Endpoint) -> Dict[str, float]:
    """Run all steps and return the measured figures."""
    step(1, f"Track {DEMO_CALLS:,} calls and time each")
    note(f"Endpoint: {target.described}")
    tracker = ReveniumAsyncTracker(target.api_key, base_url=target.base_url)
    await tracker.start()
    begin = time.perf_counter()
    ids, durations = await _track_many(tracker, DEMO_CALLS)
    tracking_s = time.perf_counter() - begin
    stats = await tracker.stop()
    total_s = time.perf_counter() - begin
    note(f"Tracked in {tracking_s:.2f} s, all confirmed after {total_s:.2f} s")

    step(2, "Compare what was sent with what was received")
    _check_nothing_lost(target, ids, stats)

    step(3, "Stop the traffic: the flush interval sends what is left")
    await _show_interval(target)

    step(4, "Slow the endpoint down to 300 ms: the event loop goes on")
    lag = await _show_slow_endpoint(target)
    note(f"Longest delay of a 5 ms timer on the event loop: {lag:.1f} ms")

    step(5, "Fill a small queue: the stated policy drops and counts")
    dropped = await _show_full_queue(target)
    return {
        "median_ms": nearest_rank(durations, 0.5),
        "p99_ms": nearest_rank(durations, 0.99),
        "calls": len(ids),
        "requests": stats.requests,
        "reduction": len(ids) / stats.requests,
        "loop_lag_ms": lag,
        "dropped": dropped,
        "events_per_s": len(ids) / total_s,
    }


async def demonstrate() -> Dict[str, float]:
    """Show overhead, batching, flushing and shutdown; return the measured figures."""
    title("Revenium: asynchronous tracking")
    with endpoint() as target:
        got = await _measure(target)
    results(
        [
            ("Overhead per call, median", _overhead(got["median_ms"])),
            ("Overhead per call, p99", _overhead(got["p99_ms"])),
            ("Calls", f"{got['calls']:,.0f}"),
            ("Requests", f"{got['requests']:,.0f}"),
            ("Requests reduced", f"{got['reduction']:.0f}×"),
            ("Delivered per second", f"{got['events_per_s']:,.0f} events"),
            ("Event loop's longest lag", f"{got['loop_lag_ms']:.1f} ms"),
        ]
    )
    benefits(
        [
            "Users never wait for metering",
            "One request instead of a hundred",
            "A stated loss policy, counted, instead of silent loss",
        ]
    )
    return got


def _overhead(value_ms: float) -> str:
    verdict = "under" if value_ms < OVERHEAD_TARGET_MS else "OVER"
    return f"{value_ms:.4f} ms ({verdict} {OVERHEAD_TARGET_MS:g} ms)"


if __name__ == "__main__":
    sys.exit(run(lambda: asyncio.run(demonstrate()), DeliveryError))
