"""The vendor's SDK against the collector: every event once, priced, attributed, reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path
from typing import Any, Dict, Set

import pytest

from finops import config
from finops.business.catalog import DEFAULT_PRICES
from finops.viewer.http import Request, Response, failure
from finops.viewer.tasks import Commands
from tests.support.fake_provider import fake_provider, usage_of
from tests.support.live import Live, live
from tests.support.tools import ROOT, need
from tests.viewer.test_collector import SDK, stored

pytestmark = pytest.mark.unmeasured

APPLICATION = ROOT / "tests" / "support" / "sdk_application.py"
KEY = "hak_0123456789abcdef0123456789abcdef"
THREADS = 32
CALLS = 16  # of each thread, in each of the two ways: 1,024 events


def run_application(kind: str, running: Live, key: str, *counts: int, **environ: str) -> Any:
    variables = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("REVENIUM_", "OPENAI_"))},
        "REVENIUM_METERING_BASE_URL": f"http://127.0.0.1:{running.port}",
        "REVENIUM_METERING_API_KEY": key,
        "REVENIUM_LOG_LEVEL": "WARNING",
        **environ,
    }
    return subprocess.run(
        [sys.executable, str(APPLICATION), kind, *map(str, counts)],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=120,
    )


def lose_some_answers(running: Live) -> Set[str]:
    """Answer one event in twenty with 503 after it was stored, so that the SDK sends it again."""
    methods = running.running.server.gate._routes[SDK]
    route = methods["POST"]
    lost: Set[str] = set()
    lock = threading.Lock()

    def respond(request: Request) -> Response:
        answer = route.respond(request)
        name = json.loads(request.body.decode())["transactionId"]
        with lock:
            if name in lost or zlib.crc32(name.encode()) % 20:
                return answer
            lost.add(name)
        return failure(503, "The answer was lost.")

    methods["POST"] = route._replace(respond=respond)
    return lost


def price(tokens_in: int, tokens_out: int) -> Any:
    model = DEFAULT_PRICES.find("openai", "gpt-4o")
    assert model is not None
    dollars = (model.input_price * tokens_in + model.output_price * tokens_out) / 1000
    return pytest.approx(dollars, abs=1e-11)


@pytest.mark.long
def test_a_thousand_events_of_the_vendor_s_sdk(tmp_path: Path) -> None:
    need("revenium_middleware")
    need("openai")
    options: Dict[str, Any] = {"collect": True, "collect_key": KEY, "time_limit_s": 60.0}
    with live(tmp_path, Commands(), **options) as running, fake_provider() as provider:
        lost = lose_some_answers(running)
        ran = run_application("client", running, KEY, THREADS, CALLS)
        assert ran.returncode == 0, ran.stdout.decode()
        clients = stored(running)
        assert len(lost) > 10, "no retry was provoked"
        ran = run_application(
            *("middleware", running, KEY, THREADS, CALLS),
            OPENAI_BASE_URL=f"http://127.0.0.1:{provider.server_port}/v1",
            OPENAI_API_KEY="sk-of-nobody",
        )
        assert ran.returncode == 0, ran.stdout.decode()
        rows = stored(running)
        check_clients(clients)
        check_middleware(rows[len(clients) :], provider.answered)
        check_reports(running, rows)


def check_clients(rows: Any) -> None:
    wanted = {f"sdk-{t}-{n}" for t in range(THREADS) for n in range(CALLS)}
    assert len(rows) == len(wanted)
    assert {row["call_id"] for row in rows} == wanted
    for row in rows:
        thread, number = map(int, row["call_id"].split("-")[1:])
        assert (row["provider"], row["model"]) == ("openai", "gpt-4o")
        assert row["input_tokens"] == str(100 + number)
        assert row["status"] == ("error" if number % 10 == 9 else "success")
        assert float(row["cost_usd"]) == price(100 + number, 50)
        assert row["customer_id"] == f"cust_{thread:04d}"
        assert (row["organization_id"], row["product_id"]) == ("org_001", "product_a")
        assert (row["subscription_tier"], row["tier_price_usd"]) == ("pro", "199")
        assert (row["environment"], row["region"]) == ("production", "us-east")


def check_middleware(rows: Any, answered: Dict[str, str]) -> None:
    assert len(answered) == THREADS * CALLS
    assert len(rows) == len(answered)
    assert {row["call_id"] for row in rows} == set(answered)
    for row in rows:
        _, thread, number = answered[row["call_id"]].split()
        usage = usage_of(int(row["call_id"].split("-")[1]))
        assert (row["provider"], row["model"], row["status"]) == ("openai", "gpt-4o", "success")
        assert row["input_tokens"] == str(usage["prompt_tokens"])
        assert row["output_tokens"] == str(usage["completion_tokens"])
        assert float(row["cost_usd"]) == price(usage["prompt_tokens"], usage["completion_tokens"])
        assert row["customer_id"] == f"cust_{int(thread):04d}"
        assert (row["organization_id"], row["product_id"]) == ("org_002", "product_b")
        assert (row["task_type"], row["environment"]) == ("summary", "staging")
        assert row["trace_id"] == f"trace-{thread}"
        assert 0 <= int(number) < CALLS


def check_reports(running: Live, rows: Any) -> None:
    """Switching to the collected events makes their first reports; those show the events."""
    assert running.post(f"/api/dataset?name={config.COLLECTED_NAME}").status == 200
    status = running.wait(lambda s: s["csv"]["calls"] == len(rows) and s)
    assert status["csv"]["name"] == config.COLLECTED_NAME
    status = running.idle(60)
    assert all(report["exists"] for report in status["reports"].values())
    summary = running.get("/reports/understanding.json").json["summary"]
    assert summary["total_calls"] == len(rows)
    wanted = sum(float(row["cost_usd"]) for row in rows)
    assert summary["total_cost"] == pytest.approx(wanted, abs=1e-6)
    page = running.get("/reports/alignment.html").body.decode()
    assert "org_001" in page
    assert "org_002" in page


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    need("revenium_middleware")
    with live(tmp_path, collect=True, collect_key=KEY) as running:
        assert run_application("client", running, "hak_wrong0123456789", 1, 1).returncode == 1
        assert stored(running) == []
