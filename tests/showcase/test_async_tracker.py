"""The asynchronous tracker in trouble: cancellation, full queues, endpoints that hang."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from typing import Any, Dict

import pytest

from tests.showcase.running import load
from tests.showcase.server import FaultyServer
from tests.support.patience import allowed_s

pytestmark = pytest.mark.unmeasured

(tracking,) = load("instrumentation", ["revenium_async"])
CALL = ("openai", "gpt-4o", 10, 5, 0.001, 100, {"customer_id": "cust_0001"})


# Longer than any busy machine needs; tests of what a limit does set their own.
PATIENT = {"stop_timeout": 60, "request_timeout": 60}


def make(server: FaultyServer, **changes: Any) -> Any:
    return tracking.ReveniumAsyncTracker(server.key, base_url=server.url, **{**PATIENT, **changes})


def check_sum(stats: Any, pending: Any = 0) -> None:
    """Every tracked event is accounted for, once."""
    assert stats.tracked == (
        stats.delivered + stats.rejected + stats.dropped + stats.undelivered + pending
    )


def test_signature_of_the_tracker() -> None:
    tracker = tracking.ReveniumAsyncTracker("key", batch_size=100, flush_interval=5.0)
    assert isinstance(tracker, tracking.ReveniumAsyncTracker)
    assert tracking.AICallEvent.__dataclass_fields__


def test_call_ids_are_unique_text_and_may_be_awaited() -> Any:
    async def main(server: Any) -> Any:
        async with make(server) as tracker:
            plain = tracker.track_ai_call(*CALL)
            awaited = await tracker.track_ai_call(*CALL)
        assert isinstance(plain, str)
        assert plain.startswith("call_")
        return {plain, awaited}

    with FaultyServer() as server:
        ids = asyncio.run(main(server))
        assert len(ids) == 2
        assert set(server.stored) == ids


def test_keyword_call_and_metadata_arrive() -> None:
    async def main(server: Any) -> None:
        async with make(server) as tracker:
            metadata = {"customer_id": "cust_9", "feature_id": "chat", "empty": None}
            tracker.track_ai_call(
                provider="anthropic",
                model="claude-instant",
                input_tokens=7,
                output_tokens=3,
                cost_usd=0.25,
                latency_ms=12.6,
                metadata=metadata,
            )
            metadata["customer_id"] = "changed afterwards"

    with FaultyServer() as server:
        asyncio.run(main(server))
        (event,) = server.stored.values()
    assert event["customer_id"] == "cust_9"
    assert event["feature_id"] == "chat"
    assert event["latency_ms"] == 13
    assert event["cost_usd"] == 0.25
    assert "empty" not in event


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, 10**400, "many", None])
def test_impossible_figures_are_refused_at_once(bad: Any) -> None:
    tracker = tracking.ReveniumAsyncTracker("key")
    with pytest.raises(ValueError, match="input_tokens"):
        tracker.track_ai_call("openai", "gpt-4o", bad, 1, 0.1, 1, {})
    assert tracker.stats.tracked == 0


def test_full_batches_leave_before_the_interval() -> None:
    async def main(server: Any) -> None:
        async with make(server, batch_size=10, flush_interval=600) as tracker:
            for _ in range(25):
                tracker.track_ai_call(*CALL)
            while tracker.stats.delivered < 20:
                await asyncio.sleep(0.01)
            assert server.batches == [10, 10]
        assert server.batches == [10, 10, 5]

    with FaultyServer() as server:
        asyncio.run(asyncio.wait_for(main(server), 60))


def test_interval_flushes_when_traffic_stops() -> Any:
    async def main(server: Any) -> Any:
        async with make(server, flush_interval=0.3) as tracker:
            begin = time.monotonic()
            tracker.track_ai_call(*CALL)
            while not server.stored:
                await asyncio.sleep(0.01)
            return server.requests[0][0] - begin

    with FaultyServer() as server:
        waited = asyncio.run(asyncio.wait_for(main(server), 60))
    assert waited >= 0.29, "it waited for company"


def test_full_queue_drops_the_newest_and_counts() -> Any:
    async def main(server: Any) -> Any:
        tracker = make(server, batch_size=10, max_queue=10)
        ids = [tracker.track_ai_call(*CALL) for _ in range(15)]
        await tracker.start()
        return ids, await tracker.stop()

    with FaultyServer() as server:
        ids, stats = asyncio.run(main(server))
        assert list(server.stored) == ids[:10]
    assert stats.dropped == 5
    check_sum(stats)


def test_stop_twice_and_track_afterwards() -> Any:
    async def main(server: Any) -> Any:
        tracker = make(server)
        await tracker.start()
        await tracker.start()
        tracker.track_ai_call(*CALL)
        first = await tracker.stop()
        tracker.track_ai_call(*CALL)
        second = await tracker.stop()
        assert first is second
        with pytest.raises(RuntimeError, match="create a new one"):
            await tracker.start()
        return second

    with FaultyServer() as server:
        stats = asyncio.run(main(server))
        assert len(server.stored) == 1
    assert (stats.delivered, stats.dropped) == (1, 1)
    check_sum(stats)


def test_stop_without_start_sends_what_is_queued() -> Any:
    async def main(server: Any) -> Any:
        tracker = make(server)
        tracker.track_ai_call(*CALL)
        return await tracker.stop()

    with FaultyServer() as server:
        assert asyncio.run(main(server)).delivered == 1
        assert len(server.stored) == 1


@pytest.mark.parametrize("fate", ["hang", "drip", "fail"])
def test_stop_is_bounded_when_the_endpoint_does_not_answer(fate: str) -> Any:
    async def main(server: Any) -> Any:
        tracker = make(server, batch_size=10, stop_timeout=0.6, request_timeout=30)
        await tracker.start()
        for _ in range(25):
            tracker.track_ai_call(*CALL)
        begin = time.monotonic()
        stats = await tracker.stop()
        return tracker, stats, time.monotonic() - begin

    with FaultyServer(lambda request: fate) as server:
        tracker, stats, seconds = asyncio.run(main(server))
    assert seconds < allowed_s(5)
    assert stats.delivered == 0
    assert stats.undelivered == 25
    assert len(tracker.undelivered) == 25
    check_sum(stats)


def test_stop_is_bounded_when_nobody_listens() -> Any:
    async def main() -> Any:
        tracker = tracking.ReveniumAsyncTracker(
            "k", base_url="http://127.0.0.1:9", stop_timeout=0.3
        )
        tracker.track_ai_call(*CALL)
        return await tracker.stop()

    begin = time.monotonic()
    stats = asyncio.run(main())
    assert time.monotonic() - begin < allowed_s(5)
    assert stats.undelivered == 1
    assert stats.last_error


def test_request_timeout_is_a_total_one() -> Any:
    async def main(server: Any) -> Any:
        # Long enough for a whole answer on a busy machine, too.
        tracker = make(server, batch_size=1, request_timeout=min(10.0, allowed_s(2)))
        await tracker.start()
        tracker.track_ai_call(*CALL)
        return await tracker.stop()

    with FaultyServer(lambda request: "drip" if request == 1 else "ok") as server:
        stats = asyncio.run(main(server))
    assert stats.delivered == 1
    assert stats.retries == 1


def test_failures_are_retried_without_loss_or_repeats() -> Any:
    async def main(server: Any) -> Any:
        async with make(server, batch_size=10) as tracker:
            for _ in range(100):
                tracker.track_ai_call(*CALL)
        return tracker.stats

    fates = {2: "fail", 5: "cut", 7: "empty", 8: "fail"}
    with FaultyServer(lambda request: fates.get(request, "ok")) as server:
        stats = asyncio.run(main(server))
        assert len(server.stored) == 100
    assert stats.delivered == 100
    check_sum(stats)


def test_retry_after_is_honoured() -> Any:
    async def main(server: Any) -> Any:
        async with make(server, batch_size=1) as tracker:
            tracker.track_ai_call(*CALL)
        return tracker.stats

    with FaultyServer(lambda request: "limit" if request == 1 else "ok") as server:
        stats = asyncio.run(main(server))
        moments = [moment for moment, _, _, _ in server.requests]
    assert stats.delivered == 1
    assert moments[1] - moments[0] >= 1.0


def test_wrong_key_gives_the_batch_up_at_once() -> Any:
    async def main(server: Any) -> Any:
        tracker = tracking.ReveniumAsyncTracker("wrong", base_url=server.url)
        tracker.track_ai_call(*CALL)
        return await tracker.stop()

    with FaultyServer() as server:
        stats = asyncio.run(main(server))
        assert len(server.requests) == 1
    assert stats.undelivered == 1
    assert "401" in stats.last_error


def test_cancelled_tasks_and_a_cancelled_stop_lose_nothing() -> Any:
    async def worker(tracker: Any) -> None:
        while True:
            tracker.track_ai_call(*CALL)
            await asyncio.sleep(0.001)

    async def main(server: Any) -> Any:
        tracker = make(server, batch_size=10)
        await tracker.start()
        tasks = [asyncio.ensure_future(worker(tracker)) for _ in range(5)]
        while tracker.stats.tracked <= 50:
            await asyncio.sleep(0.005)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        stopping = asyncio.ensure_future(tracker.stop())
        await asyncio.sleep(0)
        stopping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopping
        return await tracker.stop()

    with FaultyServer() as server:
        stats = asyncio.run(main(server))
        assert len(server.stored) == stats.tracked == stats.delivered > 50


def test_event_loop_runs_on_while_the_endpoint_hangs() -> Any:
    async def main(server: Any) -> Any:
        tracker = make(server, batch_size=1, stop_timeout=0.2)
        await tracker.start()
        tracker.track_ai_call(*CALL)
        worst = 0.0
        for _ in range(40):
            begin = time.perf_counter()
            await asyncio.sleep(0.005)
            worst = max(worst, time.perf_counter() - begin)
        await tracker.stop()
        return worst

    with FaultyServer(lambda request: "hang") as server:
        assert asyncio.run(main(server)) < allowed_s(2), "the endpoint hangs for ever"


def test_tracking_from_other_threads() -> Any:
    async def main(server: Any) -> Any:
        async with make(server) as tracker:
            threads = [
                threading.Thread(target=lambda: [tracker.track_ai_call(*CALL) for _ in range(200)])
                for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        return tracker.stats

    with FaultyServer() as server:
        stats = asyncio.run(main(server))
        assert len(server.stored) == 800
    check_sum(stats)


@pytest.mark.parametrize(
    "bad", [{"batch_size": 0}, {"batch_size": 1001}, {"max_queue": 5}, {"flush_interval": 0}]
)
def test_senseless_settings_are_refused(bad: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"need|must"):
        tracking.ReveniumAsyncTracker("key", **bad)
