"""Post a text to a webhook, as chat services take it: `{"text": …}`.

The address is a secret: anyone who has it can write to the channel.  So it goes nowhere but to the
server that it names (https, or a server on this machine), redirects are not followed, and no
message of ours shows more of it than that server's name.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
import threading
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import SplitResult, urlsplit

from finops.errors import FinOpsError, UsageError

LIMIT_S = 10.0
_MOST_CHARACTERS = 2000
_MOST_PORT = 65_535
_PLAIN = re.compile(r"[!-~]+").fullmatch
_HTTPS, _HTTP = "https", "http"


class WebhookError(FinOpsError):
    """A post was not taken; the text says why without the address."""


class Webhook:
    """Where to post to.

    `limit_s` is how long one post may take in all.  Raises UsageError for an address that is
    neither https nor on this machine, or is none.
    """

    def __init__(self, url: str, limit_s: float = LIMIT_S) -> None:
        self._url = url
        self._limit_s = limit_s
        self._address = _checked(url)
        self.server = str(self._address.hostname)

    def post(self, text: str) -> None:
        """Post a text; raises WebhookError unless the server answers within the limit that it
        took it.
        """
        body = json.dumps({"text": _inert(text)}).encode("ascii")
        request = urllib.request.Request(
            self._url, body, {"Content-Type": "application/json", "User-Agent": "finops"}
        )
        attempt = _Attempt(self._opener(), request, self._limit_s)
        attempt.start()
        # A limit of the socket would be one for each byte that comes.
        attempt.join(self._limit_s)
        if attempt.is_alive() or attempt.is_late:
            raise self._failure(f"gave no answer within {self._limit_s:g} s")
        if attempt.problem:
            raise self._failure(attempt.problem)

    def _opener(self) -> urllib.request.OpenerDirector:
        """Return what opens the address: through a proxy only what that cannot read."""
        proxies = urllib.request.getproxies() if self._address.scheme == _HTTPS else {}
        return urllib.request.build_opener(
            _NoRedirect,
            urllib.request.ProxyHandler({k: v for k, v in proxies.items() if k == _HTTPS}),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        )

    def _failure(self, problem: str) -> WebhookError:
        return WebhookError(f"the webhook at {self.server} {problem}; the next run tries again")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for the answer that it is."""

    def redirect_request(self, *args: Any, **options: Any) -> None:
        """Return no further request."""
        return


class _Attempt(threading.Thread):
    """One post; `problem` says what went wrong, "" where nothing did, `is_late` that no answer
    came in time.
    """

    def __init__(
        self,
        opener: urllib.request.OpenerDirector,
        request: urllib.request.Request,
        limit_s: float,
    ) -> None:
        super().__init__(name="webhook", daemon=True)
        self._opener = opener
        self._request = request
        self._limit_s = limit_s
        self.problem = ""
        self.is_late = False

    def run(self) -> None:
        """Post; whatever the address makes a library say stays here."""
        try:
            with self._opener.open(self._request, timeout=self._limit_s):
                return
        except urllib.error.HTTPError as error:
            redirected = 300 <= error.code < 400
            followed = ", and redirects are not followed" if redirected else ""
            self.problem = f"answered {error.code}{followed}"
            error.close()
        except (OSError, HTTPException, ValueError) as error:
            cause = getattr(error, "reason", error)
            self.is_late = isinstance(cause, socket.timeout)
            self.problem = f"cannot be reached: {_words(cause)}"


def _words(cause: object) -> str:
    """Return what went wrong, in words that never contain the address."""
    if isinstance(cause, ssl.SSLError):
        return "its certificate or its TLS is not accepted"
    if isinstance(cause, OSError) and cause.strerror:
        return str(cause.strerror)
    return type(cause).__name__


def _checked(url: str) -> SplitResult:
    problem = "is not an address; write https://HOST/PATH"
    try:
        address = urlsplit(url)
        port, host = address.port, address.hostname
    except ValueError:
        raise UsageError(f"--webhook {problem}") from None
    if not _PLAIN(url) or not host or (port is not None and not 0 < port <= _MOST_PORT):
        raise UsageError(f"--webhook {problem}")
    if "@" in address.netloc:
        raise UsageError("--webhook takes no user name and no password in the address")
    if address.scheme != _HTTPS and not (address.scheme == _HTTP and _is_here(host)):
        raise UsageError(
            "--webhook takes https only, or http to this machine: anybody on the way could read"
            " the text and the address"
        )
    return address


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _inert(text: str) -> str:
    """Return a text whose names cannot mention a channel or hide a link: `<` begins either."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain.replace("<", "‹").replace(">", "›")[:_MOST_CHARACTERS]
