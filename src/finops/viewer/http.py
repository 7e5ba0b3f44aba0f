"""Requests and responses as plain values, so that everything but the socket is a function.

A route takes a `Request` and returns a `Response`; the handler sends it.  Tests call routes
without a server, and the headers that every answer carries are in one place.
"""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, Mapping, NamedTuple, Tuple

Headers = Tuple[Tuple[str, str], ...]

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"

_LOCKED_CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
PAGE_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_STRICT: Headers = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "SAMEORIGIN"),
    ("Content-Security-Policy", _LOCKED_CSP),
)
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]").search


class Request(NamedTuple):
    """One admitted request: decoded path, query (one value a name), lower-cased headers."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


class Response(NamedTuple):
    """One answer.  `headers` override the strict ones of the same name."""

    status: int
    body: bytes
    content_type: str
    headers: Headers = ()

    def all_headers(self) -> Headers:
        """Return every header to send, the strict ones first.

        Raises ValueError where a header holds a control character.
        """
        own = {name.lower() for name, _ in self.headers}
        rest = tuple(pair for pair in _STRICT if pair[0].lower() not in own)
        headers = (
            *(("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))),
            *rest,
            *self.headers,
            ("Connection", "close"),
        )
        for name, value in headers:
            if _CONTROL(name) or _CONTROL(value):
                raise ValueError(f"control character in header {name!r}")
        return headers

    def head(self) -> bytes:
        """Return the status line and the headers as they go over the wire."""
        phrase = HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.0 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.all_headers()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class RequestRefusedError(Exception):
    """A request that is not let through; carries the answer that says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def json_response(status: int, value: Any, headers: Headers = ()) -> Response:
    """Return an answer whose body is the value as ASCII JSON; NaN is refused."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")
    return Response(status, body, JSON_TYPE, headers)


def failure(status: int, error: str, headers: Headers = ()) -> Response:
    """Return an error answer; `error` is a fixed sentence, never text of the request."""
    return json_response(status, {"success": False, "error": error}, headers)


def refuse(status: int, error: str, headers: Headers = ()) -> RequestRefusedError:
    """Return the exception that makes the server answer with this error."""
    return RequestRefusedError(failure(status, error, headers))
