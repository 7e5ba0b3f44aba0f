"""An independent collector for tests: raw sockets and its own bookkeeping, faults on demand.

It shares nothing with the showcase's collector, so that a mistake there cannot hide itself.
`plan(number)` decides each request by its number from 1: "ok", "fail" (503), "cut" (stored,
no answer), "limit" (429 with Retry-After: 1), "bad" (400), "hang" (no answer), "drip" (one
byte every 0.2 s), "empty" (200 with an answer that is no JSON).
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections import Counter
from typing import Any, Callable, Dict, List, Tuple

Plan = Callable[[int], str]


class FaultyServer:
    """Listen on loopback until the `with` block ends."""

    def __init__(self, plan: Plan = lambda number: "ok", key: str = "test-key") -> None:
        self.plan, self.key = plan, key
        self.requests: List[Tuple[float, str, Dict[str, str], int]] = []
        self.stored: Dict[str, Dict[str, Any]] = {}
        self.times_sent: Counter[str] = Counter()
        self.batches: List[int] = []
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._socket = (
            socket.create_server(("127.0.0.1", 0), backlog=64)
            if hasattr(socket, "create_server")
            else _listen()
        )
        self._socket.settimeout(0.1)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def env(self) -> Dict[str, str]:
        return {"REVENIUM_BASE_URL": self.url, "REVENIUM_API_KEY": self.key}

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(20)
        with connection, connection.makefile("rb") as stream:
            try:
                while self._one(connection, stream):
                    pass
            except OSError:
                pass

    def _one(self, connection: socket.socket, stream: Any) -> bool:
        line = stream.readline().decode()
        if not line.strip():
            return False
        headers = {}
        while True:
            name, _, value = stream.readline().decode().partition(":")
            if not name.strip():
                break
            headers[name.strip().lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        method, path, _ = line.split()
        if method == "GET":
            return self._answer(connection, 200, b"ok")
        with self._lock:
            self.requests.append((time.monotonic(), path, headers, len(body)))
            fate = self.plan(len(self.requests))
        return self._decide(connection, fate, headers, body)

    def _decide(
        self, connection: socket.socket, fate: str, headers: Dict[str, str], body: bytes
    ) -> bool:
        if fate in ("hang", "drip"):
            while fate == "hang" and not self._closing.wait(0.05):
                pass
            while not self._closing.wait(0.2):
                connection.sendall(b"H")
            return False
        if fate == "fail":
            return self._answer(connection, 503, b"{}")
        if fate == "limit":
            return self._answer(connection, 429, b"{}", "Retry-After: 1\r\n")
        if fate == "bad":
            return self._answer(connection, 400, b"{}")
        if fate == "empty":
            return self._answer(connection, 200, b"<html>")
        if headers.get("authorization") != f"Bearer {self.key}":
            return self._answer(connection, 401, b"{}")
        answer = self._store(headers, body)
        if fate == "cut":
            return False
        return self._answer(connection, 200, json.dumps(answer).encode())

    def _store(self, headers: Dict[str, str], body: bytes) -> Dict[str, Any]:
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        batch = json.loads(body.decode())
        new = 0
        with self._lock:
            self.batches.append(len(batch))
            for event in batch:
                self.times_sent[event["call_id"]] += 1
                new += event["call_id"] not in self.stored
                self.stored.setdefault(event["call_id"], event)
        return {"accepted": new, "duplicates": len(batch) - new, "rejected": []}

    @staticmethod
    def _answer(connection: socket.socket, status: int, body: bytes, extra: str = "") -> bool:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
        connection.sendall(head.encode() + body)
        return True


def _listen() -> socket.socket:
    """Stand in for `socket.create_server`, which Python 3.7 lacks."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(64)
    return listening
