"""The listening socket: a bounded number of threads, and a clock that no client can stop.

A thread per connection is simple and enough for one user, as long as two things hold: there
are never more than a fixed number of them, and a client that stalls loses its connection.  A
socket's own timeout starts again at every byte, so a reaper thread cuts connections at total
deadlines instead.
"""

from __future__ import annotations

import os
import socket
import socketserver
import sys
import threading
import time
from http.server import HTTPServer
from typing import Any, Callable, Dict, Optional, Tuple

from finops import config
from finops.viewer.handler import Handler
from finops.viewer.http import Response
from finops.viewer.security import Gate, Routes

_STARVED_PAUSE_S = 0.05
_SLOT_WAIT_S = 0.1
_REAPER_STEP_S = 0.25
_FINISH_S = 1.0


class Limits:
    """Time and number limits of a server, in seconds and connections."""

    def __init__(
        self,
        head_s: float = config.HTTP_HEAD_S,
        request_s: float = config.HTTP_REQUEST_S,
        slots: int = config.HTTP_SLOTS,
    ) -> None:
        self.head_s = head_s
        self.request_s = request_s
        self.slots = slots


class Reaper:
    """Shuts connections down that have been open for too long."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._deadlines: Dict[socket.socket, Tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reaper", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching and wait for the thread."""
        self._stop.set()
        self._thread.join()

    def watch(self, connection: socket.socket) -> None:
        """Start the clocks of a new connection: one for the head, one for everything."""
        now = time.monotonic()
        with self._lock:
            self._deadlines[connection] = (
                now + min(self._limits.head_s, self._limits.request_s),
                now + self._limits.request_s,
            )

    def head_complete(self, connection: socket.socket) -> None:
        """From now on only the deadline of the whole request counts."""
        with self._lock:
            if connection in self._deadlines:
                final = self._deadlines[connection][1]
                self._deadlines[connection] = (final, final)

    def forget(self, connection: socket.socket) -> None:
        """Stop the clocks; call it before the socket is closed."""
        with self._lock:
            self._deadlines.pop(connection, None)

    def _run(self) -> None:
        step = min(_REAPER_STEP_S, self._limits.head_s / 4)
        while not self._stop.wait(step):
            now = time.monotonic()
            with self._lock:
                late = [c for c, (deadline, _) in self._deadlines.items() if deadline <= now]
                for connection in late:
                    self._deadlines.pop(connection)
                    _cut(connection)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has gone by itself


class ViewerServer(HTTPServer):
    """The local web server, bound to 127.0.0.1 and to nothing else.

    Routes are given after construction, since some depend on the port.  `log` takes one line
    for each request.
    """

    request_queue_size = config.HTTP_BACKLOG
    # On Windows the option would let another program take the same port.
    allow_reuse_address = os.name != "nt"

    def __init__(
        self, port: int, log: Callable[[str], None], limits: Optional[Limits] = None
    ) -> None:
        self.limits = limits or Limits()
        self.reaper = Reaper(self.limits)
        self.log = log
        self.gate = Gate(port, {})
        self.not_found: Optional[Callable[[], Response]] = None
        self._slots = threading.Semaphore(self.limits.slots)
        self._closing = False
        self._loop: Optional[threading.Thread] = None
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def port(self) -> int:
        """The port that the server really listens on."""
        return int(self.server_address[1])

    def set_routes(
        self, routes: Routes, not_found: Optional[Callable[[], Response]] = None
    ) -> None:
        """Answer with these routes from now on, and browsers by `not_found` at other addresses."""
        self.gate = Gate(self.port, routes)
        self.not_found = not_found

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name."""
        exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE", None)
        if exclusive is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.port

    def start(self) -> None:
        """Serve from a thread of its own."""
        self.reaper.start()
        self._loop = threading.Thread(
            target=self.serve_forever, args=(0.1,), name="accept", daemon=True
        )
        self._loop.start()

    def stop(self) -> None:
        """Stop accepting and close the socket; requests in progress run on (see `finish`)."""
        self._closing = True
        if self._loop is not None:
            self.shutdown()
            self._loop.join()
        self.server_close()

    def finish(self) -> None:
        """Let requests in progress end, for a short while, and then the reaper.

        An event that is being stored when the server is asked to stop is stored and answered.
        """
        if self._loop is not None:
            end = time.monotonic() + _FINISH_S
            for _ in range(self.limits.slots):
                if not self._slots.acquire(timeout=max(0.0, end - time.monotonic())):
                    break
            self.reaper.stop()

    def get_request(self) -> Tuple[socket.socket, Any]:
        """Accept a connection; when file descriptors run out, pause instead of spinning."""
        try:
            return super().get_request()
        except OSError:
            time.sleep(_STARVED_PAUSE_S)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread as soon as there is a slot for it."""
        while not self._slots.acquire(timeout=_SLOT_WAIT_S):
            if self._closing:
                self.shutdown_request(request)
                return
        self.reaper.watch(request)
        thread = threading.Thread(target=self._serve, args=(request, client_address), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads on this machine
            self._release(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log in one line what went wrong before a connection had its thread."""
        kind = sys.exc_info()[0]
        self.log(f"defect: {kind.__name__ if kind else 'unknown'} before a request was read")

    def _serve(self, request: socket.socket, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the client left, or was cut; the handler has logged the request
        finally:
            self._release(request)

    def _release(self, request: socket.socket) -> None:
        self.reaper.forget(request)
        try:
            self.shutdown_request(request)
        finally:
            self._slots.release()
