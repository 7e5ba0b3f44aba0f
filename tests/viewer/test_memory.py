"""What the worst bodies cost in memory, with every slot of the server taken."""

from __future__ import annotations

import gzip
import json
import re
import sys
from pathlib import Path
from typing import Callable, Dict, List, Tuple

import pytest

from finops import config
from tests.support.live import in_parallel
from tests.viewer.test_collector import BATCH, RECORD, SDK
from tests.viewer.test_load import MB, Served, served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.once,
    pytest.mark.unmeasured,
    pytest.mark.long,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]
PATIENCE_S = 400  # 64 clients have to share what other tests leave of the machine

LIMIT = 256 * MB
WIDE = "\U0001f600"  # one such character makes all of a text four bytes a character


def long_rows(size: int) -> bytes:
    """Return a batch whose rows are as long as rows can be."""
    texts = ("customer_id", "organization_id", "product_id", "feature_id", "task_type", "region")
    more = ("environment", "request_id", "trace_id", "user_agent", "session_id")
    wide = {name: "é" * config.COLLECT_MAX_TEXT for name in (*texts, *more)}
    event = {**RECORD, "metadata": wide}
    count = min(config.COLLECT_MAX_EVENTS, size // (len(json.dumps(event, ensure_ascii=False)) * 2))
    events = [{**event, "call_id": f"r{n}"} for n in range(count)]
    return json.dumps(events, ensure_ascii=False).encode()


WHOLE = config.HTTP_INFLATED_BYTES
INFLATED: Dict[str, Callable[[], bytes]] = {
    "empty objects": lambda: b"[" + b"{}," * (WHOLE // 3 - 1) + b"{}]",
    "nested lists": lambda: b"[[" + b"[]," * (WHOLE // 3 - 2) + b"[]]]",
    "one text": lambda: b'["' + WIDE.encode() + b"a" * (WHOLE - 10) + b'"]',
    "long rows": lambda: long_rows(WHOLE // 4),
}
PLAIN: Dict[str, Callable[[], bytes]] = {
    "empty lists": lambda: b'{"a":[' + b"[]," * (MB // 3 - 4) + b"[]]}",
    "one text": lambda: b'{"a":"' + WIDE.encode() + b"a" * (MB - 20) + b'"}',
}


def peak(server: Served) -> int:
    """Return the most resident bytes that the server ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match is not None
    return int(match[1]) * 1024


def ask_64_times(server: Served, target: str, body: bytes, coding: str = "") -> List[int]:
    """Send one body from as many clients as there are slots; return the statuses."""
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n{coding}\r\n"
    request = head.encode() + body

    def ask() -> int:
        return int(server.send(request, PATIENCE_S).split(b" ", 2)[1])

    answers = in_parallel([ask] * config.HTTP_SLOTS, timeout=PATIENCE_S)
    return [answer for answer in answers if isinstance(answer, int)]


def test_64_of_the_worst_bodies(tmp_path: Path) -> None:
    statuses: List[Tuple[str, List[int]]] = []
    with served(tmp_path, "--collect", "--no-monitor") as server:
        for name, make in INFLATED.items():
            body = gzip.compress(make(), 9)
            assert len(body) <= config.HTTP_BODY_BYTES, name
            answers = ask_64_times(server, BATCH, body, "Content-Encoding: gzip\r\n")
            statuses.append((name, answers))
            assert peak(server) < LIMIT, f"{name}: {peak(server) / MB:.0f} MB"
        for target in (SDK, BATCH, "/api/generate"):
            for name, make in PLAIN.items():
                statuses.append((name, ask_64_times(server, target, make())))
                assert peak(server) < LIMIT, f"{name}: {peak(server) / MB:.0f} MB"
    for name, answers in statuses:
        assert answers, name
        assert set(answers) <= {200, 400, 413, 422, 429}, (name, answers)
