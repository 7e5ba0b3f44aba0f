"""A server on this machine that takes what is posted to it, or does not, as a test wants."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Dict, Iterator, List, Mapping


class Receiver:
    """What was posted: `texts` of those that were answered with `status`.

    `delay_s` is waited before an answer, `drip_s` between the bytes of one that never ends.
    """

    def __init__(self, port: int = 0) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {}
        self.delay_s = 0.0
        self.drip_s = 0.0
        self.bodies: List[Dict[str, Any]] = []
        self.requests: List[str] = []
        self.content_types: List[str] = []
        self.done = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self.server.daemon_threads = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])

    @property
    def url(self) -> str:
        """Its address with a path that is a secret."""
        return f"http://127.0.0.1:{self.port}/services/T0/s3cr3t?key=t0k3n"

    @property
    def texts(self) -> List[str]:
        """The texts that were posted."""
        return [body["text"] for body in self.bodies]


def _handler(receiver: Receiver) -> Any:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.requests.append(self.path)
            receiver.content_types.append(self.headers["Content-Type"])
            receiver.bodies.append(json.loads(body))
            if receiver.drip_s:
                self._drip()
                return
            receiver.done.wait(receiver.delay_s)
            self.send_response(receiver.status)
            for name, value in receiver.headers.items():
                self.send_header(name, value)
            self.end_headers()

        def do_GET(self) -> None:
            receiver.requests.append(self.path)
            self.send_response(200)
            self.end_headers()

        def _drip(self) -> None:
            while not receiver.done.is_set():
                try:
                    self.wfile.write(b"H")
                except OSError:
                    return
                time.sleep(receiver.drip_s)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing."""

    return Handler


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.done.set()
        receiver.server.shutdown()
        receiver.server.server_close()
        thread.join()
