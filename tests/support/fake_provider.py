"""A provider of chat completions on loopback: every question is answered, and counted."""

from __future__ import annotations

import itertools
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator


class FakeProvider(ThreadingHTTPServer):
    """Answers as OpenAI does; `answered` maps the id of each completion to its question."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answered: Dict[str, str] = {}
        self.numbers = itertools.count()


class _Handler(BaseHTTPRequestHandler):
    server: FakeProvider
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a question; the tokens are those of `usage_of`."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])).decode())
        number = next(self.server.numbers)
        question = asked["messages"][-1]["content"]
        self.server.answered[f"chatcmpl-{number}"] = question
        body = json.dumps(_completion(number, asked["model"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def usage_of(number: int) -> Dict[str, int]:
    """Return the tokens of the completion of this number."""
    tokens_in, tokens_out = 200 + number % 50, 30 + number % 7
    return {
        "prompt_tokens": tokens_in,
        "completion_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


def _completion(number: int, model: str) -> Dict[str, Any]:
    message = {"role": "assistant", "content": "answer"}
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1_740_823_200,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage_of(number),
    }


@contextmanager
def fake_provider() -> Iterator[FakeProvider]:
    """Serve from a thread until the end of the block."""
    server = FakeProvider()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
