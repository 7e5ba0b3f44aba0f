"""From the socket to a `Request`, and from a `Response` to the socket; no decisions here.

One request a connection, HTTP/1.0: no pipelining, no keep-alive, nothing to smuggle into.
"""

from __future__ import annotations

import io
import socket
import time
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Optional, Tuple

from finops import config
from finops.viewer.http import JSON_TYPE, RequestRefusedError, Response, failure, refuse
from finops.viewer.security import Admitted, Head, parse_head

if TYPE_CHECKING:
    from finops.viewer.server import ViewerServer

_LOG_CHARACTERS = 300
_DRAIN_BYTES = 4 * config.HTTP_BODY_BYTES
_DRAIN_S = 0.5


class Handler(BaseHTTPRequestHandler):
    """Serves the one request of a connection."""

    server: ViewerServer
    protocol_version = "HTTP/1.0"
    rbufsize = io.DEFAULT_BUFFER_SIZE

    def handle(self) -> None:
        """Read, pass the gate, answer, log."""
        begun = time.monotonic()
        raw = self._read_head()
        if raw == b"":
            return  # opened and closed, or cut before a whole head had come
        self.server.reaper.head_complete(self.connection)
        head, response = self._respond(raw)
        sent = self._send(response, head is not None and head.method == "HEAD")
        milliseconds = (time.monotonic() - begun) * 1000
        self.log_message(
            "%s %s %s %.0f ms%s",
            head.method if head else "-",
            head.target.partition("?")[0] if head else "-",
            response.status,
            milliseconds,
            "" if sent else " (client left)",
        )
        if sent:
            self._drain()

    def _read_head(self) -> bytes:
        """Return the head with its empty line; b"" at the end of the stream.

        Oversized headers are truncated and then rejected.
        """
        lines = []
        left = config.HTTP_HEAD_BYTES
        while left > 0:
            try:
                line = self.rfile.readline(left)
            except OSError:
                return b""
            if not line:
                return b""
            lines.append(line)
            left -= len(line)
            if line in (b"\r\n", b"\n"):
                break
        return b"".join(lines)

    def _respond(self, raw: bytes) -> Tuple[Optional[Head], Response]:
        """Return the head, as far as it could be read, and the answer."""
        head = None
        try:
            if len(raw) >= config.HTTP_HEAD_BYTES:
                raise refuse(431, "The request head is too large.")
            head = parse_head(raw)
            admitted = self.server.gate.admit(head)
            response = admitted.route.respond(self._with_body(admitted))
            response.head()  # a header that cannot be sent is a defect too
            return head, response
        except RequestRefusedError as refused:
            return head, self._for_a_reader(head, refused.response)
        except Exception as error:  # a defect must not end the server nor show its insides
            self.log_error("defect: %s", _place(error))
            return head, failure(500, "The server failed to answer; its log says where.")

    def _for_a_reader(self, head: Optional[Head], response: Response) -> Response:
        """Return a page instead of JSON where a browser asks for an address that is not there."""
        page = self.server.not_found
        if page is None or head is None or response.status != 404 or head.method == "POST":
            return response
        reads_pages = any("text/html" in value for value in head.all("accept"))
        return page() if reads_pages and response.content_type == JSON_TYPE else response

    def _with_body(self, admitted: Admitted) -> Any:
        if not admitted.length:
            return admitted.request
        try:
            body = self.rfile.read(admitted.length)
        except OSError:
            body = b""
        if len(body) < admitted.length:
            raise refuse(400, "The body is shorter than its Content-Length.")
        return admitted.request._replace(body=body)

    def _send(self, response: Response, head_only: bool) -> bool:
        """Send the answer in one piece; return whether the client was there to take it."""
        head = response.head()
        try:
            self.wfile.write(head if head_only else head + response.body)
        except OSError:
            return False
        return True

    def _drain(self) -> None:
        """Read what the client still sends, for a short while and within a limit.

        Closing a socket with unread bytes resets it, and the client would lose an answer that
        came before its body was read.
        """
        left, end = _DRAIN_BYTES, time.monotonic() + _DRAIN_S
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_DRAIN_S)
            while left > 0 and time.monotonic() < end:
                data = self.connection.recv(min(left, 65_536))
                if not data:
                    return
                left -= len(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Log one line: escaped, cut, without query, key or body."""
        stamp = time.strftime("%H:%M:%S")
        self.server.log(f"{stamp} {escape(format % args)}"[:_LOG_CHARACTERS])


def escape(text: str) -> str:
    """Return text on one line in which control characters and backslashes are visible.

    >>> escape("a\\x1b[2Jb\\n")
    'a\\\\x1b[2Jb\\\\n'
    """
    return "".join(
        c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def _place(error: Exception) -> str:
    """Return what went wrong and in which line of ours, on one line."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {frames[-1].name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"
