"""Measure the asynchronous tracker: overhead, batching, flushing, a slow endpoint, a full queue."""

from __future__ import annotations

import asyncio
import time
from typing import Dict, List, Tuple

from _collector import Endpoint, arrived, endpoint
from _console import benefits, note, require, results, step, title
from _sample import nearest_rank, sample_calls
from revenium_async import ReveniumAsyncTracker, TrackerStats

DEMO_CALLS = 10_000
OVERHEAD_TARGET_MS = 1.0
PATIENCE_S = 60.0  # for what takes a second where the machine has nothing else to do


def _tracker(
    target: Endpoint, flush_interval: float = 5.0, max_queue: int = 20_000
) -> ReveniumAsyncTracker:
    return ReveniumAsyncTracker(
        target.api_key,
        flush_interval=flush_interval,
        base_url=target.base_url,
        max_queue=max_queue,
        stop_timeout=PATIENCE_S,
    )


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
    async with _tracker(target) as tracker:
        await _track_many(tracker, 250)
    done.set()
    if target.collector is not None:
        target.collector.faults.delay_s = 0.0
    return await lag


async def _show_interval(target: Endpoint) -> float:
    """Track seven calls, then nothing; return the seconds until all were delivered."""
    tracker = _tracker(target, flush_interval=0.3)
    async with tracker:
        begin = time.monotonic()
        await _track_many(tracker, 7)
        while tracker.stats.delivered < 7 and time.monotonic() - begin < PATIENCE_S:
            await asyncio.sleep(0.01)
        waited = time.monotonic() - begin
        require(tracker.stats.delivered == 7, f"7 events left by themselves after {waited:.2f} s")
    return waited


async def _show_full_queue(target: Endpoint) -> int:
    """Fill a small queue whose sender is not started; return the number of dropped events."""
    tracker = _tracker(target, max_queue=100)
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
    tracker = _tracker(target)
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
