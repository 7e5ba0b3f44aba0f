"""The pieces that deliver: client, breaker, spool, token bucket, collector, context, spans."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Optional

import pytest

from tests.showcase.running import load
from tests.showcase.server import FaultyServer
from tests.support.patience import allowed_s

pytestmark = pytest.mark.unmeasured

NAMES = [
    "_client",
    "_collector",
    "_event",
    "_spool",
    "_breaker",
    "revenium_basic",
    "revenium_error_handling",
    "revenium_batch",
    "revenium_metadata",
    "revenium_otel",
]
(client, collector, event, spool, breaker, basic, resilient, batch, context, otel) = load(
    "instrumentation", NAMES
)


def an_event(**changes: Any) -> Any:
    return event.AICallEvent.create(
        "openai", "gpt-4o", 1, 1, 0.1, 1, {"customer_id": "c"}, **changes
    )


# --- client --------------------------------------------------------------------------------------


def test_retry_after_in_seconds_and_as_date() -> None:
    assert client._retry_after("7") == 7
    assert 60 - allowed_s(2) < client._retry_after(formatdate(time.time() + 60, usegmt=True)) <= 60
    assert client._retry_after(formatdate(time.time() - 60, usegmt=True)) == 0
    assert client._retry_after("soon") is None
    assert client._retry_after(None) is None


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(None, True), (500, True), (503, True), (429, True), (408, True), (400, False), (401, False)],
)
def test_what_is_worth_a_retry(status: Optional[int], retryable: bool) -> None:
    assert client.DeliveryError("x", status).retryable is retryable


def test_one_connection_is_kept_and_a_stale_one_is_replaced() -> None:
    with FaultyServer(lambda request: "cut" if request == 2 else "ok") as server:
        sender = client.EventClient(server.key, server.url)
        for number in range(3):
            sender.send([an_event(call_id=f"call_{number}").to_record()])
        sender.close()
        assert len(server.stored) == 3
        assert server.times_sent["call_1"] == 2


def test_metadata_cannot_hide_a_measured_field() -> None:
    record = event.AICallEvent.create("openai", "m", 5, 6, 0.1, 7, {"cost_usd": "0"}).to_record()
    assert record["cost_usd"] == 0.1


# --- breaker -------------------------------------------------------------------------------------


def test_breaker_goes_through_all_states() -> None:
    now = [0.0]
    subject = breaker.CircuitBreaker(threshold=3, cooldown_s=10, clock=lambda: now[0])
    for _ in range(3):
        assert subject.allow()
        subject.failure()
    assert not subject.allow()
    now[0] = 9.9
    assert not subject.allow()
    now[0] = 10
    assert subject.allow(), "one probe"
    assert not subject.allow(), "and no second one"
    subject.failure()
    now[0] = 19.9
    assert not subject.allow()
    now[0] = 20
    assert subject.allow()
    subject.success()
    assert subject.allow()
    assert [(t.before, t.after) for t in subject.transitions] == [
        ("closed", "open"),
        ("open", "half-open"),
        ("half-open", "open"),
        ("open", "half-open"),
        ("half-open", "closed"),
    ]


def test_breaker_counts_failures_in_a_row_only() -> None:
    subject = breaker.CircuitBreaker(threshold=2)
    for _ in range(5):
        subject.failure()
        subject.success()
    assert subject.state == "closed"


# --- spool ---------------------------------------------------------------------------------------


def test_spool_keeps_order_survives_restart_and_states_its_loss(tmp_path: Path) -> None:
    first = spool.Spool(tmp_path, max_batches=2)
    assert first.add([{"n": 1}])
    assert first.add([{"n": 2}])
    assert first.add([{"n": 3}, {"n": 4}]) is None
    assert first.lost_events == 2
    (tmp_path / "torn.tmp").write_text("half a ba")
    again = spool.Spool(tmp_path)
    assert [again.read(path) for path in again.paths()] == [[{"n": 1}], [{"n": 2}]]
    assert not list(tmp_path.glob("*.tmp"))


def test_spool_sets_unreadable_batches_aside(tmp_path: Path) -> None:
    subject = spool.Spool(tmp_path)
    (tmp_path / "1.json").write_text('[{"cut of')
    (tmp_path / "2.json").write_text('{"no": "list"}')
    assert [subject.read(path) for path in subject.paths()] == [None, None]
    assert len(subject) == 0
    assert len(list(tmp_path.glob("*.bad"))) == 2


# --- resilient tracker ---------------------------------------------------------------------------


def resilient_tracker(
    server: Any,
    tmp_path: Path,
    cooldown_s: Any = 0.05,
    timeout: float = 60,
    clock: Callable[[], float] = time.monotonic,
    **policy: Any,
) -> Any:
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        time.sleep(seconds)

    tracker = resilient.ResilientTracker(
        resilient.EventClient(server.key, server.url, timeout=timeout),
        resilient.Spool(tmp_path),
        resilient.CircuitBreaker(threshold=3, cooldown_s=cooldown_s, clock=clock),
        resilient.RetryPolicy(attempts=2, base_s=0.001, **policy),
        sleep=sleep,
    )
    return tracker, slept


def test_waits_grow_jittered_and_bounded() -> None:
    policy = resilient.RetryPolicy(base_s=1, cap_s=8)
    error = client.DeliveryError("x", 503)
    waits = {n: [policy.wait_s(n, error, random.Random(s)) for s in range(200)] for n in (1, 2, 9)}
    assert min(waits[1]) >= 0
    assert max(waits[1]) <= 1
    assert 1 < max(waits[2]) <= 2
    assert 7 < max(waits[9]) <= 8
    assert len(set(waits[1])) > 100
    asked = client.DeliveryError("x", 429, retry_after_s=30)
    assert policy.wait_s(1, asked, random.Random(1)) == 30
    unreasonable = client.DeliveryError("x", 429, retry_after_s=1e9)
    assert policy.wait_s(1, unreasonable, random.Random(1)) == policy.longest_asked_s


def test_spooled_events_are_replayed_when_the_service_is_back(tmp_path: Path) -> None:
    down, now = [True], [0.0]
    with FaultyServer(lambda request: "fail" if down[0] else "ok") as server:
        tracker, _ = resilient_tracker(server, tmp_path, cooldown_s=3, clock=lambda: now[0])
        outcomes = [tracker.submit([an_event()]) for _ in range(5)]
        assert outcomes == ["spooled"] * 5
        assert not tracker.health().ok
        assert tracker.health().spooled_batches == 5
        asked_while_down = len(server.requests)
        assert asked_while_down <= 4, "the open breaker keeps the other batches at home"
        down[0], now[0] = False, 3.0
        assert tracker.drain(seconds=60) == 0
        assert len(server.stored) == 5
        assert tracker.health().ok


def test_refused_batches_are_kept_for_a_person(tmp_path: Path) -> None:
    with FaultyServer(lambda request: "bad") as server:
        tracker, _ = resilient_tracker(server, tmp_path)
        assert tracker.submit([an_event()]) == "refused"
        assert len(server.requests) == 1
    assert len(list(tmp_path.glob("*.refused"))) == 1
    assert tracker.drain(seconds=0.1) == 0


def test_an_endpoint_that_never_answers_costs_bounded_time(tmp_path: Path) -> None:
    with FaultyServer(lambda request: "hang") as server:
        tracker, _ = resilient_tracker(server, tmp_path, timeout=0.3)
        begin = time.monotonic()
        outcomes = [tracker.submit([an_event()]) for _ in range(20)]
        assert time.monotonic() - begin < allowed_s(10)
    assert outcomes == ["spooled"] * 20
    assert len(list(tmp_path.glob("*.json"))) == 20


def test_full_spool_says_lost(tmp_path: Path) -> None:
    with FaultyServer(lambda request: "fail") as server:
        tracker, _ = resilient_tracker(server, tmp_path)
        tracker._spool._max_batches = 1
        assert [tracker.submit([an_event()]) for _ in range(2)] == ["spooled", "lost"]
        assert tracker.health().lost_events == 1


# --- batch ---------------------------------------------------------------------------------------


def test_token_bucket_paces_and_grants_one_burst() -> None:
    bucket = batch.TokenBucket(rate_per_s=1000, burst=100)
    begin = time.monotonic()
    for _ in range(5):
        bucket.take(100)
    seconds = time.monotonic() - begin
    assert 0.38 <= seconds < allowed_s(5)


def test_chunks_hold_one_chunk_at_a_time() -> None:
    taken = []

    def source() -> Iterator[Any]:
        for number in range(10):
            taken.append(number)
            yield {"n": number}

    stream = batch.chunks(source(), 4)
    assert [one["n"] for one in next(stream)] == [0, 1, 2, 3]
    assert taken == [0, 1, 2, 3]
    assert [len(chunk) for chunk in stream] == [4, 2]


def test_submitting_again_adds_nothing() -> None:
    records = [an_event().to_record() for _ in range(30)]
    with FaultyServer() as server:
        submitter = batch.BatchSubmitter(batch.EventClient(server.key, server.url), batch_size=10)
        assert submitter.submit(records).accepted == 30
        again = submitter.submit(records)
    assert (again.accepted, again.duplicates) == (0, 30)
    assert again.compression_ratio > 1


def test_basic_tracker_raises_what_went_wrong() -> None:
    with FaultyServer(lambda request: "fail") as server:
        tracker = basic.ReveniumBasicTracker(server.key, server.url, attempts=2)
        with pytest.raises(basic.DeliveryError, match="503"):
            tracker.track_ai_call("openai", "gpt-4o", 1, 1, 0.1, 1, {})
        assert len(server.requests) == 2


# --- collector -----------------------------------------------------------------------------------


def post(url: Any, body: Any, **headers: Any) -> Any:
    request = urllib.request.Request(f"{url}/v1/events/batch", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_collector_accepts_knows_and_rejects() -> None:
    good = dict(an_event().to_record())
    nested = {**an_event().to_record(), "metadata": {"customer_id": "cust_7"}}
    lacking = {**an_event().to_record(), "model": ""}
    body = json.dumps([good, good, nested, lacking, "text"]).encode()
    with collector.LocalCollector() as subject:
        key = f"Bearer {subject.api_key}"
        status, answer = post(subject.url, body, Authorization=key)
        assert status == 200
        assert (answer["accepted"], answer["duplicates"]) == (2, 1)
        assert [(r["index"], r["field"]) for r in answer["rejected"]] == [
            (3, "model"),
            (4, "event"),
        ]
        assert subject.events[nested["call_id"]]["customer_id"] == "cust_7"
        packed = gzip.compress(body)
        again = post(subject.url, packed, Authorization=key, **{"Content-Encoding": "gzip"})
        assert again[1]["duplicates"] == 3
        assert post(subject.url, body, Authorization="Bearer no")[0] == 401
        assert post(subject.url, b"[", Authorization=key)[0] == 400
        assert post(subject.url, json.dumps([good] * 1001).encode(), Authorization=key)[0] == 400


def test_collector_faults() -> None:
    with collector.LocalCollector(collector.Faults(fail_rate=0.2), seed=4) as subject:
        key = f"Bearer {subject.api_key}"
        codes = [post(subject.url, b"[]", Authorization=key)[0] for _ in range(300)]
        assert 0.12 < codes.count(503) / 300 < 0.28
        subject.faults = collector.Faults(outage=True)
        assert post(subject.url, b"[]", Authorization=key)[0] == 503
        subject.faults = collector.Faults(limit_per_s=0)
        assert post(subject.url, b"[]", Authorization=key)[0] == 429
        subject.faults = collector.Faults(delay_s=0.2)
        begin = time.monotonic()
        post(subject.url, b"[]", Authorization=key)
        assert time.monotonic() - begin >= 0.2


# --- context -------------------------------------------------------------------------------------


def test_hierarchy_is_enforced() -> None:
    needs = pytest.raises(context.MetadataError, match="customer_id needs organization_id")
    with needs, context.metadata_scope(customer_id="c"):
        pass
    with context.metadata_scope(organization_id="o", product_id="p", customer_id="c"):
        other = pytest.raises(context.MetadataError, match="already c")
        with other, context.metadata_scope(customer_id="other"):
            pass
        with context.metadata_scope(feature_id="f"):
            assert context.current_metadata()["feature_id"] == "f"
        assert "feature_id" not in context.current_metadata()
    assert context.current_metadata() == {}


def test_scopes_end_with_exceptions_and_do_not_leak_between_tasks() -> Any:
    async def named_task(name: str, pause: Any) -> Any:
        with context.metadata_scope(organization_id=name):
            await asyncio.sleep(pause)
            return context.current_metadata()["organization_id"]

    async def main() -> None:
        names = [f"org_{n}" for n in range(50)]
        got = await asyncio.gather(*(named_task(n, random.Random(n).random() / 50) for n in names))
        assert got == names

    asyncio.run(main())
    with pytest.raises(KeyError), context.metadata_scope(organization_id="o"):
        raise KeyError
    assert context.current_metadata() == {}


def test_pool_carries_the_context_of_each_submission() -> None:
    with context.ContextThreadPool(2) as pool, ThreadPoolExecutor(1) as plain:
        with context.metadata_scope(organization_id="o1"):
            first = pool.submit(context.current_metadata)
            without = plain.submit(context.current_metadata)
        with context.metadata_scope(organization_id="o2"):
            second = pool.submit(context.current_metadata)
        assert first.result() == {"organization_id": "o1"}
        assert second.result() == {"organization_id": "o2"}
        assert without.result() == {}


# --- otel ----------------------------------------------------------------------------------------


def otlp_span(span_id: Any, parent: Any, usage: Any = None, old_names: Any = False) -> Any:
    names = (
        ("prompt_tokens", "completion_tokens") if old_names else ("input_tokens", "output_tokens")
    )
    pairs = [
        {"key": f"gen_ai.usage.{name}", "value": {"intValue": str(value)}}
        for name, value in zip(names, usage or ())
    ]
    provider = "gen_ai.system" if old_names else "gen_ai.provider.name"
    pairs.append({"key": provider, "value": {"stringValue": "aws.bedrock"}})
    pairs.append({"key": "gen_ai.request.model", "value": {"stringValue": "nova-pro"}})
    return {
        "traceId": "a" * 32,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": span_id,
        "startTimeUnixNano": "1735723800417000000",
        "endTimeUnixNano": "1735723801000000000",
        "attributes": pairs,
    }


def test_only_leaves_with_usage_are_metered() -> None:
    spans = [
        otlp_span("agent", "", (30, 3)),
        otlp_span("step", "agent"),
        otlp_span("call1", "step", (10, 1)),
        otlp_span("call2", "agent", (20, 2), old_names=True),
        otlp_span("tool", "call2"),
    ]
    document = {"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}
    events = [otel.to_event(span) for span in otel.metered(otel.from_otlp(document))]
    assert [(e.call_id, e.input_tokens, e.output_tokens) for e in events] == [
        ("call_call1", 10, 1),
        ("call_call2", 20, 2),
    ]
    assert {e.provider for e in events} == {"aws-bedrock"}
    assert events[0].timestamp == "2025-01-01T09:30:00.417000"
    assert events[0].latency_ms == 583


def test_cost_by_trace_and_step_of_two_agents() -> None:
    tracer = otel.AgentTracer({})
    for tokens in (1000, 2000):
        with tracer.span("invoke_agent", "a"):
            with tracer.span("execute_tool", "t"):
                tracer.record_call("openai", "gpt-4o", tokens, 100, 0)
            with tracer.span("invoke_agent", "b"):
                tracer.record_call("openai", "gpt-4o", tokens, 300, 0)
    costs = otel.cost_by_trace(tracer.finished)
    by_hand = [(t * 2 * 2.5 + 400 * 10) / 1e6 for t in (1000, 2000)]
    assert list(costs.values()) == pytest.approx(by_hand)
    for trace_id, tokens in zip(costs, (1000, 2000)):
        steps = otel.cost_by_step(tracer.finished, trace_id)
        assert [step.tokens for step in steps] == [tokens + 100, tokens + 300]
        assert sum(step.cost_usd for step in steps) == pytest.approx(costs[trace_id])


@pytest.mark.parametrize("bad", [{}, {"resourceSpans": [{}]}, {"resourceSpans": 3}])
def test_other_documents_are_refused(bad: Dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="OTLP"):
        otel.from_otlp(bad)


def test_failed_span_is_marked() -> None:
    tracer = otel.AgentTracer({})
    with pytest.raises(KeyError), tracer.span("chat", "x"):
        raise KeyError("k")
    (span,) = tracer.finished
    assert span.status == otel.STATUS_ERROR
    assert span.attributes["error.type"] == "KeyError"
