"""A local collector for trying trackers out: real HTTP on a free loopback port, with faults.

It speaks the batch endpoint's protocol: a JSON array in, `{"accepted", "duplicates",
"rejected"}` out, an id is stored once.  `Faults` makes it fail, cut the line after it stored
a batch, answer late, limit the rate or be down.  `endpoint()` yields it, or the service that
REVENIUM_BASE_URL and REVENIUM_API_KEY name.
"""

from __future__ import annotations

import gzip
import hmac
import json
import os
import random
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import monotonic
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

MAX_BATCH = 1000
REQUIRED = ("call_id", "timestamp", "provider", "model", "input_tokens", "output_tokens")
Answer = Tuple[int, Dict[str, Any], Dict[str, str]]


@dataclass
class Faults:
    """What goes wrong, changeable while the collector runs.

    `fail_rate`: share of requests answered 503 unread.  `cut_rate`: share that is stored, but
    whose answer is never sent.  `delay_s`: wait before each answer.  `limit_per_s`: requests
    taken in a second, the others get 429 with Retry-After.  `outage`: everything gets 503.
    """

    fail_rate: float = 0.0
    cut_rate: float = 0.0
    delay_s: float = 0.0
    limit_per_s: Optional[int] = None
    outage: bool = False


class LocalCollector:
    """Collect events on 127.0.0.1 until the `with` block ends.

    `remember=False` counts events without keeping them, for measuring the memory of a sender.
    Attributes: `events` by call id, in order of arrival; `requests`, `received_bytes`, `stored`
    and `duplicates` as counts.
    """

    api_key = "local-demo-key"

    def __init__(
        self, faults: Optional[Faults] = None, seed: int = 1, remember: bool = True
    ) -> None:
        self.faults = faults or Faults()
        self.remember = remember
        self.events: Dict[str, Dict[str, Any]] = {}
        self.requests = self.received_bytes = self.stored = self.duplicates = 0
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._window: Tuple[int, int] = (0, 0)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.collector = self
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    @property
    def url(self) -> str:
        """Base URL of this collector."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LocalCollector:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fault(self) -> Optional[Answer]:
        """Return the refusal that is due for this request, or None to go on."""
        with self._lock:
            self.requests += 1
            second, used = int(monotonic()), self._window[1] + 1
            self._window = (second, used if second == self._window[0] else 1)
            limit = self.faults.limit_per_s
            if limit is not None and self._window[1] > limit:
                return 429, {"error": "too many requests"}, {"Retry-After": "1"}
            if self.faults.outage or self._chance.random() < self.faults.fail_rate:
                return 503, {"error": "unavailable"}, {}
        return None

    def cut(self) -> bool:
        """Whether the answer of this request gets lost; waits the injected delay first."""
        self._closing.wait(self.faults.delay_s)
        with self._lock:
            return self._chance.random() < self.faults.cut_rate

    def take(self, body: bytes) -> Answer:
        """Store a batch and return the answer: status, JSON, extra headers."""
        self.received_bytes += len(body)
        try:
            batch = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            return 400, {"error": "not JSON"}, {}
        if not isinstance(batch, list) or len(batch) > MAX_BATCH:
            return 400, {"error": f"expected an array of at most {MAX_BATCH} events"}, {}
        accepted, duplicates, rejected = 0, 0, []
        for index, event in enumerate(batch):
            missing = _first_missing(event)
            if missing:
                rejected.append({"index": index, "field": missing, "reason": "missing"})
            elif self._store(event):
                accepted += 1
            else:
                duplicates += 1
        return 200, {"accepted": accepted, "duplicates": duplicates, "rejected": rejected}, {}

    def _store(self, event: Dict[str, Any]) -> bool:
        """Keep an event; False where its id is known."""
        record = {k: v for k, v in event.items() if k != "metadata"}
        record.update(event.get("metadata") or {})
        with self._lock:
            if record["call_id"] in self.events:
                self.duplicates += 1
                return False
            self.stored += 1
            if self.remember:
                self.events[record["call_id"]] = record
        return True


def _first_missing(event: Any) -> str:
    """Name the first required field that an event lacks, empty where none."""
    if not isinstance(event, dict):
        return "event"
    for name in REQUIRED:
        if event.get(name) in (None, ""):
            return name
    return ""


class _Server(ThreadingHTTPServer):
    """Threaded server that neither looks names up nor prints about clients that left."""

    daemon_threads = True
    collector: LocalCollector

    def server_bind(self) -> None:
        """Bind without asking a name server who we are."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: injected faults cut connections on purpose."""


class _Handler(BaseHTTPRequestHandler):
    """One connection; all decisions are the collector's."""

    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = -1  # Head and body leave in one packet; two would wait for each other.
    server: _Server

    def do_GET(self) -> None:
        """Answer the health check."""
        down = self.server.collector.faults.outage
        self._answer((503 if down else 200, {"status": "down" if down else "ok"}, {}))

    def do_POST(self) -> None:
        """Take a batch, unless a fault is due."""
        collector = self.server.collector
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self._refusal() or collector.fault()
        if answer is None:
            answer = self._take(body)
            if collector.cut():
                self.close_connection = True
                return
        self._answer(answer)

    def _refusal(self) -> Optional[Answer]:
        if self.path != "/v1/events/batch":
            return 404, {"error": "not found"}, {}
        expected = f"Bearer {self.server.collector.api_key}"
        if not hmac.compare_digest(self.headers.get("Authorization") or "", expected):
            return 401, {"error": "wrong key"}, {}
        return None

    def _take(self, body: bytes) -> Answer:
        if self.headers.get("Content-Encoding") == "gzip":
            try:
                body = gzip.decompress(body)
            except (OSError, EOFError):
                return 400, {"error": "not gzip"}, {}
        return self.server.collector.take(body)

    def _answer(self, answer: Answer) -> None:
        status, fields, headers = answer
        body = json.dumps(fields).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing; the examples own the terminal."""


class Endpoint(NamedTuple):
    """Where an example sends to; `collector` is None when it is not ours."""

    base_url: str
    api_key: str
    collector: Optional[LocalCollector]

    @property
    def described(self) -> str:
        """The endpoint in words, for the output."""
        return f"{self.base_url} ({'local collector' if self.collector else 'REVENIUM_BASE_URL'})"


@contextmanager
def endpoint(
    faults: Optional[Faults] = None, seed: int = 1, remember: bool = True
) -> Iterator[Endpoint]:
    """Yield the endpoint of REVENIUM_BASE_URL, or else a local collector with these faults."""
    base_url = os.environ.get("REVENIUM_BASE_URL")
    if base_url:
        yield Endpoint(base_url, os.environ.get("REVENIUM_API_KEY", ""), None)
        return
    with LocalCollector(faults, seed, remember) as collector:
        yield Endpoint(collector.url, collector.api_key, collector)


def arrived(target: Endpoint) -> Optional[List[Dict[str, Any]]]:
    """Return the events that the local collector holds, None for a foreign endpoint."""
    return None if target.collector is None else list(target.collector.events.values())
