"""The collector: what is taken, what is refused, what is stored once, what is promised."""

from __future__ import annotations

import csv
import gzip
import json
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from finops import config
from finops.business.catalog import Model, PriceTable
from finops.schema import COLUMN_NAMES, HEADER_LINE, WRITTEN_NAMES
from finops.storage.lock import writer_lock
from tests.support.live import Answer, Live, in_parallel, live
from tests.support.shared import PATIENCE_S

COMPLETION: Dict[str, Any] = {
    "transactionId": "tx-1",
    "model": "gpt-4o",
    "provider": "OPENAI",
    "inputTokenCount": 1000,
    "outputTokenCount": 500,
    "totalTokenCount": 1500,
    "requestTime": "2025-03-01T10:00:00Z",
    "completionStartTime": "2025-03-01T10:00:01Z",
    "responseTime": "2025-03-01T10:00:02Z",
    "requestDuration": 2000,
    "stopReason": "END",
    "costType": "AI",
    "isStreamed": False,
}
RECORD: Dict[str, Any] = {
    "timestamp": "2025-03-01T10:00:00.250000",
    "call_id": "call-1",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1000,
    "output_tokens": 500,
    "cost_usd": 0.0075,
    "latency_ms": 800,
    "metadata": {"customer_id": "cust_0007", "product_id": "product_a"},
}
SDK = "/meter/v2/ai/completions"
BATCH = "/v1/events/batch"


@pytest.fixture
def open_to_all(tmp_path: Path) -> Iterator[Live]:
    with live(tmp_path, collect=True) as running:
        yield running


def stored(running: Live) -> List[Dict[str, str]]:
    """Return the rows of the collected file as they stand there."""
    path = running.viewer.datasets.folder / config.COLLECTED_NAME
    if not path.exists():
        return []
    with open(str(path), encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def complete(running: Live, **changes: Any) -> Answer:
    """Send a completion with changes; a value of ... leaves the field out."""
    event = {k: v for k, v in {**COMPLETION, **changes}.items() if v is not ...}
    return running.post(SDK, event)


def one_row(running: Live, **changes: Any) -> Dict[str, str]:
    answer = complete(running, **changes)
    assert answer.status == 201, answer
    return stored(running)[-1]


def test_off_unless_enabled(tmp_path: Path) -> None:
    with live(tmp_path) as running:
        assert complete(running).status == 404
        assert running.post(BATCH, [RECORD]).status == 404


def test_a_completion_becomes_a_row(open_to_all: Live) -> None:
    answer = complete(
        open_to_all,
        subscriber={"id": "cust_0042", "email": "ann@example.com"},
        subscriptionTier="pro",
        organizationName="org_003",
        productName="product_b",
        taskType="chat",
        traceId="trace_9",
        environment="production",
        region="eu-west",
        agent=None,
        unknownField={"deep": [1, 2, {"x": None}]},
    )
    assert answer.status == 201
    body = answer.json
    assert set(body) == {"id", "label", "resourceType", "signature", "created"}
    assert body["label"] == body["resourceType"] == "metered-event"
    (row,) = stored(open_to_all)
    assert list(row) == list(COLUMN_NAMES)
    assert row == {
        "timestamp": "2025-03-01T10:00:00.000000",
        "call_id": "tx-1",
        "provider": "openai",
        "model": "gpt-4o",
        "input_tokens": "1000",
        "output_tokens": "500",
        "cost_usd": "0.0075",  # 1 × 0.0025 + 0.5 × 0.01
        "latency_ms": "2000",
        "customer_id": "cust_0042",
        "subscription_tier": "pro",
        "organization_id": "org_003",
        "product_id": "product_b",
        "feature_id": "",
        "task_type": "chat",
        "environment": "production",
        "request_id": "",
        "trace_id": "trace_9",
        "user_agent": "",
        "session_id": "",
        "total_tokens": "1500",
        "region": "eu-west",
        "status": "success",
        "error_type": "",
        "customer_archetype": "",
        "tier_price_usd": "199",
        "calls": "",
        "bucket_s": "",
        "cached_input_tokens": "",
        "cache_write_tokens": "",
        "cache_write_1h_tokens": "",
        "reasoning_tokens": "",
        "service_tier": "",
        "cost_source": "list",
        "list_cost_usd": "0.0075",
        "source": "",
    }


def test_customers(open_to_all: Live) -> None:
    assert one_row(open_to_all, transactionId="a")["customer_id"] == "unallocated"
    email = {"email": "ann@example.com"}
    assert (
        one_row(open_to_all, transactionId="b", subscriber=email)["customer_id"] == email["email"]
    )
    null = {"id": None, "email": "bo@example.com"}
    assert one_row(open_to_all, transactionId="c", subscriber=null)["customer_id"] == null["email"]


@pytest.mark.parametrize(
    ("stamp", "canonical"),
    [
        ("2025-03-01T12:00:00+02:00", "2025-03-01T10:00:00.000000"),
        ("2025-03-01T10:00:00.123456789Z", "2025-03-01T10:00:00.123456"),
        ("2025-03-01 10:00:00", "2025-03-01T10:00:00.000000"),
        (1740823200, "2025-03-01T10:00:00.000000"),
        (1740823200123, "2025-03-01T10:00:00.123000"),
        (1.7408232e9, "2025-03-01T10:00:00.000000"),
        ("1740823200", "2025-03-01T10:00:00.000000"),
        ("1740823200.5", "2025-03-01T10:00:00.500000"),
    ],
)
def test_times(open_to_all: Live, stamp: Any, canonical: str) -> None:
    assert one_row(open_to_all, requestTime=stamp)["timestamp"] == canonical


@pytest.mark.parametrize(
    ("changes", "status", "error_type"),
    [
        ({"stopReason": "END"}, "success", ""),
        ({"stopReason": "TOKEN_LIMIT"}, "success", ""),
        ({"stopReason": "TIMEOUT"}, "error", "timeout"),
        ({"stopReason": "CANCELLED"}, "error", "cancelled"),
        ({"stopReason": "ERROR"}, "error", "server_error"),
        ({"stopReason": "error", "errorCode": 429}, "error", "rate_limit"),
        ({"stopReason": "ERROR", "errorCode": 401}, "error", "auth_error"),
    ],
)
def test_stop_reasons(
    open_to_all: Live, changes: Dict[str, Any], status: str, error_type: str
) -> None:
    row = one_row(open_to_all, **changes)
    assert (row["status"], row["error_type"]) == (status, error_type)


@pytest.mark.parametrize(
    ("provider", "model", "source", "wanted"),
    [
        ("OPENAI", "gpt-4o-2024-08-06", None, ("openai", "gpt-4o")),
        ("Anthropic", "claude-haiku-4-5-20251001", None, ("anthropic", "claude-haiku-4-5")),
        ("Google", "models/gemini-2.5-flash", None, ("google", "gemini-2.5-flash")),
        ("azure openai", "gpt-4o-mini", None, ("azure", "azure-gpt-4o-mini")),
        ("bedrock", "amazon.nova-pro-v1:0", None, ("aws-bedrock", "nova-pro")),
        ("LITELLM", "anthropic/claude-sonnet-4-6", None, ("anthropic", "claude-sonnet-4-6")),
        ("LITELLM", "claude-opus-4-8", "ANTHROPIC", ("anthropic", "claude-opus-4-8")),
        ("xAI", "grok-9", None, ("xai", "grok-9")),
    ],
)
def test_names_are_folded(
    open_to_all: Live, provider: str, model: str, source: Any, wanted: Any
) -> None:
    row = one_row(open_to_all, provider=provider, model=model, modelSource=source)
    assert (row["provider"], row["model"]) == wanted
    assert bool(row["cost_usd"]) == (wanted[0] != "xai")


def test_events_have_the_prices_of_the_server(tmp_path: Path) -> None:
    prices = PriceTable((Model("acme", "house", 0.002, 0.008, "", 0, 1),))
    with live(tmp_path, collect=True, prices=prices) as running:
        row = one_row(running, provider="acme", model="house")
        assert row["cost_usd"] == "0.006"  # 1 × 0.002 + 0.5 × 0.008
        record = {**RECORD, "provider": "acme", "model": "house", "cost_usd": None}
        assert running.post(BATCH, [record]).status == 200
        assert stored(running)[-1]["cost_source"] == "list"


@pytest.mark.parametrize("provider", ["ollama", "self-hosted"])
def test_nobody_knows_what_a_local_model_costs(open_to_all: Live, provider: str) -> None:
    assert one_row(open_to_all, provider=provider, model="gpt-4")["cost_usd"] == ""


@pytest.mark.parametrize(
    ("changes", "cost"),
    [
        # 100,000 at $2.50 and 900,000 at $1.25 per million.
        (
            {"inputTokenCount": 1_000_000, "cacheReadTokenCount": 900_000},
            "1.375",
        ),
        # 1,000 at $3 and 900,000 at $0.30 per million: beside the input, as Claude counts.
        (
            {
                "provider": "Anthropic",
                "model": "claude-sonnet-4-6",
                "inputTokenCount": 1000,
                "cacheReadTokenCount": 900_000,
            },
            "0.273",
        ),
        # 1,000 at $3, 1,000 written at $3.75 per million.
        (
            {
                "provider": "Anthropic",
                "model": "claude-sonnet-4-6",
                "inputTokenCount": 1000,
                "cacheCreationTokenCount": 1000,
            },
            "0.00675",
        ),
    ],
    ids=["read-inside", "read-beside", "written"],
)
def test_cached_tokens_have_their_own_price(
    open_to_all: Live, changes: Dict[str, Any], cost: str
) -> None:
    assert one_row(open_to_all, outputTokenCount=0, **changes)["cost_usd"] == cost


@pytest.mark.parametrize(
    ("changes", "tokens"),
    [
        ({"provider": "openai", "cacheReadTokenCount": 400}, 1000),
        ({"provider": "openai", "cacheReadTokenCount": 400, "cacheCreationTokenCount": 30}, 1030),
        ({"provider": "anthropic", "model": "claude-haiku-4-5", "cacheReadTokenCount": 400}, 1400),
        ({"provider": "LITELLM", "model": "claude-x", "cacheCreationTokenCount": 7}, 1007),
    ],
)
def test_cached_tokens_count_once(open_to_all: Live, changes: Dict[str, Any], tokens: int) -> None:
    assert one_row(open_to_all, **changes)["input_tokens"] == str(tokens)


def test_token_classes_have_their_columns(open_to_all: Live) -> None:
    row = one_row(
        open_to_all, cacheReadTokenCount=400, cacheCreationTokenCount=30, reasoningTokenCount=200
    )
    assert (row["input_tokens"], row["cached_input_tokens"]) == ("1030", "400")
    assert (row["cache_write_tokens"], row["reasoning_tokens"]) == ("30", "200")
    sent = one_row(open_to_all, transactionId="sent", totalCost=0.5)
    assert (sent["cost_source"], sent["list_cost_usd"]) == ("source", "0.0075")
    unknown = one_row(open_to_all, transactionId="unknown", model="house-model")
    assert (unknown["cost_usd"], unknown["cost_source"]) == ("", "none")
    assert unknown["list_cost_usd"] == ""


def test_a_file_of_an_earlier_version_keeps_its_columns(open_to_all: Live) -> None:
    path = open_to_all.viewer.datasets.folder / config.COLLECTED_NAME
    path.write_text(HEADER_LINE)
    row = one_row(open_to_all, cacheReadTokenCount=400)
    assert list(row) == list(WRITTEN_NAMES)
    assert row["cost_usd"] == "0.007"  # 600 at $2.50, 400 at $1.25, 500 at $10 per million
    again = open_to_all.post(SDK, json.dumps({**COMPLETION, "cacheReadTokenCount": 400}).encode())
    assert again.status == 201
    assert len(stored(open_to_all)) == 1


def test_costs(open_to_all: Live) -> None:
    assert one_row(open_to_all, totalCost=0.25, transactionId="a")["cost_usd"] == "0.25"
    assert one_row(open_to_all, totalCost=0, transactionId="b")["cost_usd"] == "0"
    assert one_row(open_to_all, totalCost=1e-7, transactionId="c")["cost_usd"] == "0.0000001"
    assert one_row(open_to_all, totalCost=None, transactionId="d")["cost_usd"] == "0.0075"
    half = one_row(open_to_all, totalCost=5e-13, transactionId="e")["cost_usd"]
    assert half == "0.000000000001"  # half a pico-dollar rounds up
    body = json.dumps({**COMPLETION, "transactionId": "f"}).replace("1000,", "1.0e3,", 1).encode()
    assert open_to_all.post(SDK, body).status == 201
    assert stored(open_to_all)[-1]["input_tokens"] == "1000"


def values(*them: Any) -> Tuple[Any, ...]:
    return them


REFUSED: List[Dict[str, Any]] = [
    *({name: ...} for name in ("model", "provider", "inputTokenCount", "stopReason")),
    *({name: None} for name in ("requestTime", "responseTime", "completionStartTime")),
    *({"inputTokenCount": v} for v in values(-1, "5", True, [], 10**13)),
    *({"outputTokenCount": v} for v in values(-1, None, {})),
    *({"requestDuration": v} for v in values(-5, "fast", 10**10)),
    *({"totalCost": v} for v in values(-0.1, "1", 1e10, False)),
    *({"requestTime": v} for v in values("yesterday", "0001-01-01T00:00:00Z", "", -5, True, {})),
    *({"requestTime": v} for v in values("2025-02-30T00:00:00Z", "2999-01-01T00:00:00Z", 1e30)),
    *({"model": v} for v in values("", "  ", {}, [], 1.5, "a\x00b", "a\nb", "m" * 600)),
    *({"subscriber": v} for v in values("ann", [], 5, {"id": {}}, {"id": "a\x1b[2J"})),
    *(
        {"transactionId": v}
        for v in values("=1+1", "+1", "-1", "@x", "＝1", "＠x", " =1", "\tx", "a\rb")
    ),
    *({"subscriber": {"id": "=HYPERLINK(1)"}}, {"organizationName": "@SUM(A1)"}),
    *({"traceId": "-2+3"}, {"productName": "+49 30"}),
]


@pytest.mark.parametrize("changes", REFUSED, ids=lambda c: str(c)[:60])
def test_what_is_refused_and_not_written(open_to_all: Live, changes: Dict[str, Any]) -> None:
    answer = complete(open_to_all, **changes)
    assert answer.status == 422, answer
    field = next(iter(changes))
    assert answer.json["error"].startswith(field)
    assert stored(open_to_all) == []


def deep(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


HOSTILE = {
    "duplicate keys": b'{"model":"a","model":"b"}',
    "nested duplicate": b'{"subscriber":{"id":"a","id":"b"}}',
    "NaN": b'{"totalCost":NaN}',
    "Infinity": b'{"totalCost":-Infinity}',
    "overflow": b'{"totalCost":1e400}',
    "5000 digits": b'{"inputTokenCount":' + b"9" * 5000 + b"}",
    "5000 decimals": b'{"totalCost":0.' + b"1" * 5000 + b"}",
    "depth 40": deep(40),
    "depth 100000": deep(100_000),
    "lists": b"[" * 100_000,
    "lone surrogate": b'{"model":"\\ud800"}',
    "surrogate in key": b'{"\\udfff":1}',
    "not UTF-8": b'{"model":"\xff"}',
    "UTF-16": '{"model":"a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "truncated": b'{"model":',
    "two values": b"{} {}",
    "single quotes": b"{'model':1}",
    "not an object": b'"text"',
    "null": b"null",
    "control character": b'{"model":"a\x01"}',
}


@pytest.mark.parametrize("path", [SDK, BATCH])
@pytest.mark.parametrize("name", list(HOSTILE))
def test_collector_json_corpus(open_to_all: Live, path: str, name: str) -> None:
    begun = time.monotonic()
    answer = open_to_all.post(path, HOSTILE[name])
    assert answer.status in (400, 413, 422), answer
    assert time.monotonic() - begun < 20, "its cost must not grow with what is in it"
    assert stored(open_to_all) == []


def test_the_key(tmp_path: Path) -> None:
    with live(tmp_path, collect=True, collect_key="geheim-é") as running:
        for sent in ({}, {"x_api_key": "wrong"}, {"Authorization": "Bearer wrong"}):
            assert running.post(SDK, COMPLETION, **sent).status == 401
            assert running.post(BATCH, [RECORD], **sent).status == 401
        assert running.post(SDK, b"{", x_api_key="wrong").status == 401  # before the body
        right = "geheim-é".encode().decode("latin-1")
        assert running.post(SDK, COMPLETION, x_api_key=right).status == 201
        assert running.post(BATCH, [RECORD], Authorization=f"Bearer {right}").status == 200
        assert len(stored(running)) == 2


def test_idempotency_key_replays_the_answer(open_to_all: Live) -> None:
    first = open_to_all.post(SDK, COMPLETION, Idempotency_Key="k-1")
    again = open_to_all.post(SDK, COMPLETION, Idempotency_Key="k-1")
    assert (again.status, again.json) == (201, first.json)
    assert len(stored(open_to_all)) == 1
    long = "k" * 2000
    nameless = {k: v for k, v in COMPLETION.items() if k != "transactionId"}
    answers = in_parallel(
        [lambda: open_to_all.post(SDK, nameless, Idempotency_Key=long + "a")] * 8
        + [lambda: open_to_all.post(SDK, nameless, Idempotency_Key=long + "b")]
    )
    assert {answer.status for answer in answers} == {201}
    assert len({answer.json["id"] for answer in answers}) == 2
    assert len(stored(open_to_all)) == 3


def test_a_repeated_id_is_stored_once_also_after_a_restart(tmp_path: Path) -> None:
    with live(tmp_path, collect=True) as running:
        assert complete(running).json["id"] == complete(running).json["id"]
        record = {**RECORD, "call_id": 'quoted "id", really'}
        assert running.post(BATCH, [record, record, RECORD]).json == {
            "accepted": 2,
            "duplicates": 1,
            "rejected": [],
        }
        assert len(stored(running)) == 3
    with live(tmp_path, collect=True) as running:
        assert complete(running).status == 201
        assert running.post(BATCH, [record, RECORD]).json["duplicates"] == 2
        assert len(stored(running)) == 3


def test_a_batch_in_the_record_s_names(open_to_all: Live) -> None:
    flat = {**RECORD, "call_id": "call-2", "customer_id": "cust_0008", "status": "error"}
    broken = [
        {**RECORD, "input_tokens": -1},
        {**RECORD, "customer_id": "=cmd"},
        {k: v for k, v in RECORD.items() if k != "timestamp"},
        "text",
        {**RECORD, "metadata": [1]},
        {**RECORD, "model": " "},
    ]
    nobody = {**RECORD, "call_id": "call-3", "provider": "", "metadata": {}, "status": "429"}
    answer = open_to_all.post(BATCH, [RECORD, *broken, flat, nobody])
    assert answer.status == 200
    body = answer.json
    assert (body["accepted"], body["duplicates"]) == (3, 0)
    assert [(r["index"], r["field"]) for r in body["rejected"]] == [
        (1, "input_tokens"),
        (2, "customer_id"),
        (3, "timestamp"),
        (4, ""),
        (5, "metadata"),
        (6, "model"),
    ]
    first, second, third = stored(open_to_all)
    assert (third["customer_id"], third["provider"]) == ("unallocated", "openai")
    assert (third["status"], third["error_type"]) == ("error", "rate_limit")
    assert (first["customer_id"], first["product_id"]) == ("cust_0007", "product_a")
    assert first["timestamp"] == "2025-03-01T10:00:00.250000"
    assert (second["customer_id"], second["status"]) == ("cust_0008", "error")
    assert open_to_all.post(BATCH, []).json == {"accepted": 0, "duplicates": 0, "rejected": []}


def test_batches_are_bounded(open_to_all: Live) -> None:
    small = {k: v for k, v in RECORD.items() if k != "call_id"}
    assert open_to_all.post(BATCH, [small] * 1000).json["accepted"] == 1000
    assert open_to_all.post(BATCH, [small] * 1001).status == 413


def test_gzip_refused(open_to_all: Live) -> None:
    body = gzip.compress(json.dumps([RECORD]).encode())
    assert open_to_all.post(BATCH, body, Content_Encoding="gzip").json["accepted"] == 1
    for path in (SDK, "/api/run-all", "/api/generate"):
        assert open_to_all.post(path, body, Content_Encoding="gzip").status == 415
    for coding in ("br", "deflate", "gzip, gzip", "identity", "x-gzip"):
        assert open_to_all.post(BATCH, body, Content_Encoding=coding).status == 415
    bomb = gzip.compress(b"[" + b" " * (64 << 20) + b"]")
    assert len(bomb) < config.HTTP_BODY_BYTES
    assert open_to_all.post(BATCH, bomb, Content_Encoding="gzip").status == 413
    exact = b"[" + b" " * (config.HTTP_INFLATED_BYTES - 2) + b"]"
    assert open_to_all.post(BATCH, gzip.compress(exact), Content_Encoding="gzip").status == 200
    over = gzip.compress(exact + b" ")
    assert open_to_all.post(BATCH, over, Content_Encoding="gzip").status == 413
    for broken in (body[:-9], body[:20], body + b"x", body + body, b"plain", b""):
        answer = open_to_all.post(BATCH, broken, Content_Encoding="gzip")
        assert answer.status == 400, broken
    assert len(stored(open_to_all)) == 1


def test_collector_busy(open_to_all: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a generator holds the file, senders are told to come back; nothing is lost."""
    monkeypatch.setattr(config, "COLLECT_LOCK_WAIT_S", 0.2)
    path = open_to_all.viewer.datasets.folder / config.COLLECTED_NAME
    with writer_lock(path):
        answer = complete(open_to_all)
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert str(path.parent) not in answer.json["error"]
        assert open_to_all.get("/api/status").status == 200
    assert complete(open_to_all).status == 201
    assert len(stored(open_to_all)) == 1


def test_too_many_at_once_are_told_to_slow_down(
    open_to_all: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "COLLECT_LOCK_WAIT_S", PATIENCE_S)  # none gives up before
    path = open_to_all.viewer.datasets.folder / config.COLLECTED_NAME
    held, hold = threading.Event(), threading.Event()

    def send(number: int) -> Answer:
        """Send an event; the first that is refused lets those that wait go on."""
        answer = complete(open_to_all, transactionId=f"t{number}")
        if answer.status == 429:
            hold.set()
        return answer

    def holder() -> None:
        with writer_lock(path):
            held.set()
            hold.wait(300)

    thread = threading.Thread(target=holder)
    thread.start()
    assert held.wait(300)
    answers = in_parallel([partial(send, number) for number in range(50)])
    hold.set()
    thread.join()
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {201, 429}
    assert 429 in statuses
    assert len(stored(open_to_all)) == statuses.count(201)
    assert all(a.headers.get("retry-after") for a in answers if a.status == 429)


def test_many_clients_at_once(open_to_all: Live) -> None:
    def send(client: int) -> List[int]:
        return [complete(open_to_all, transactionId=f"{client}-{n}").status for n in range(20)]

    results = in_parallel([partial(send, c) for c in range(8)])
    assert [status for result in results for status in result] == [201] * 160
    assert len({row["call_id"] for row in stored(open_to_all)}) == 160


def test_collected_data_is_a_dataset_like_any_other(open_to_all: Live) -> None:
    from finops.rollups.dataset import open_dataset

    for n in range(5):
        complete(open_to_all, transactionId=f"t{n}")
    open_to_all.post(BATCH, [RECORD])
    assert open_to_all.post(f"/api/dataset?name={config.COLLECTED_NAME}").status == 200
    status = open_to_all.wait(lambda s: s["csv"]["calls"] == 6 and s)
    assert status["csv"]["name"] == config.COLLECTED_NAME
    assert status["collector"]["events"] == 6
    assert open_to_all.post("/api/generate", {"size_mb": 1}).status == 409
    dataset = open_dataset(open_to_all.viewer.dataset.path)
    found = dataset.rollups(())
    assert found.accounting.used == 6
    assert not found.accounting.skipped


# --- the same id again -----------------------------------------------------------------------

CHANGES: List[Dict[str, Any]] = [
    {"inputTokenCount": 1001},
    {"model": "gpt-4o-mini"},
    {"requestTime": "2025-03-01T10:00:00.000001Z"},
    {"totalCost": 0.5},
    {"subscriber": {"id": "cust_0009"}},
    {"stopReason": "ERROR"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_known_id_with_other_content_is_a_conflict(tmp_path: Path, change: Any) -> None:
    """A 201 says that what was sent is stored; also of rows that an earlier server stored."""
    with live(tmp_path, collect=True) as running:
        assert complete(running).status == 201
        first = stored(running)
        answer = complete(running, **change)
        assert answer.status == 409
        assert "other content" in answer.json["error"]
        assert complete(running).status == 201
        assert stored(running) == first
    with live(tmp_path, collect=True) as running:
        assert complete(running, **change).status == 409
        assert complete(running).status == 201
        assert stored(running) == first


def test_a_batch_says_which_ids_are_taken(tmp_path: Path) -> None:
    other = {**RECORD, "output_tokens": 501}
    broken = {**RECORD, "input_tokens": -1}
    conflict = {"field": "call_id", "reason": "is stored already with other content"}
    with live(tmp_path, collect=True) as running:
        # Within one batch the first of an id is stored.
        answer = running.post(BATCH, [RECORD, broken, other, RECORD]).json
        assert (answer["accepted"], answer["duplicates"]) == (1, 1)
        assert [entry["index"] for entry in answer["rejected"]] == [1, 2]
        assert answer["rejected"][1] == {"index": 2, **conflict}
    with live(tmp_path, collect=True) as running:
        fresh = {**other, "call_id": "call-2"}
        answer = running.post(BATCH, [other, fresh, RECORD]).json
        assert answer == {
            "accepted": 1,
            "duplicates": 1,
            "rejected": [{"index": 0, **conflict}],
        }
        assert [row["output_tokens"] for row in stored(running)] == ["500", "501"]


def test_of_two_contents_at_once_one_is_stored(open_to_all: Live) -> None:
    """Both may wait for the same flush; each answer still says what became of its own."""

    def client(tokens: int) -> Callable[[], Answer]:
        return lambda: complete(open_to_all, inputTokenCount=tokens)

    answers = in_parallel([client(tokens) for tokens in (1, 2) for _ in range(8)])
    (row,) = stored(open_to_all)
    winner = int(row["input_tokens"])
    expected = [201 if n == winner else 409 for n in (1, 2) for _ in range(8)]
    # Each client may also be told to come back, which says nothing about its event.
    assert [a.status for a in answers if a.status != 429] == [
        wanted for a, wanted in zip(answers, expected) if a.status != 429
    ]


def test_an_idempotency_key_belongs_to_one_body(tmp_path: Path) -> None:
    nameless = {k: v for k, v in COMPLETION.items() if k != "transactionId"}
    with live(tmp_path, collect=True) as running:
        first = running.post(SDK, nameless, Idempotency_Key="k-1")
        spaced = json.dumps(nameless, indent=2, sort_keys=True).encode()
        again = running.post(SDK, spaced, Idempotency_Key="k-1")
        assert (again.status, again.json) == (201, first.json)
        for changed in ({**nameless, "outputTokenCount": 1}, COMPLETION, {**nameless, "agent": 1}):
            answer = running.post(SDK, changed, Idempotency_Key="k-1")
            assert answer.status == 409, changed
            assert "Idempotency-Key" in answer.json["error"]
        assert len(stored(running)) == 1
    with live(tmp_path, collect=True) as running:  # the answers are gone, the row is not
        changed = {**nameless, "outputTokenCount": 1}
        assert running.post(SDK, changed, Idempotency_Key="k-1").status == 409
        assert running.post(SDK, nameless, Idempotency_Key="k-1").json["id"] == first.json["id"]
        assert len(stored(running)) == 1


def test_a_key_is_free_again_where_nothing_was_stored(
    open_to_all: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "COLLECT_LOCK_WAIT_S", 0.1)
    with writer_lock(open_to_all.viewer.datasets.folder / config.COLLECTED_NAME):
        assert open_to_all.post(SDK, COMPLETION, Idempotency_Key="k").status == 503
    changed = {**COMPLETION, "outputTokenCount": 1}
    assert open_to_all.post(SDK, changed, Idempotency_Key="k").status == 201
    assert [row["output_tokens"] for row in stored(open_to_all)] == ["1"]


def test_rows_of_other_programs_are_known_too(open_to_all: Live) -> None:
    """Rubbish that another program appended is no row, and no reason to fail for good."""
    assert complete(open_to_all).status == 201
    path = open_to_all.viewer.datasets.folder / config.COLLECTED_NAME
    with open(str(path), "ab") as out:
        out.write(b'a,"b\x00c"\n' + b'"' * 9 + b"\n" + b"x" * 200_000 + b"\n\n")
        out.write(path.read_bytes().splitlines()[1].replace(b"tx-1", b"tx-2") + b"\r\n")
    assert complete(open_to_all, transactionId="tx-2").status == 201
    assert complete(open_to_all, transactionId="tx-2", inputTokenCount=1).status == 409
    assert complete(open_to_all, transactionId="tx-3").status == 201
    assert path.read_bytes().count(b"tx-2") == 1
