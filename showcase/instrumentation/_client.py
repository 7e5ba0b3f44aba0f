"""A small HTTP client for event batches: one kept connection, a hard time limit, clear errors.

`http.client` instead of `urllib.request`: it keeps the connection open between batches, does
not follow redirects with the key in hand, and does not route loopback through a proxy.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Dict, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

DEFAULT_BASE_URL = "http://127.0.0.1:8000"
BATCH_PATH = "/v1/events/batch"
HEALTH_PATH = "/healthz"
MAX_ANSWER_BYTES = 1_048_576
RETRYABLE_STATUS = frozenset({408, 425, 429})


class DeliveryError(OSError):
    """A batch was not taken.

    `status` is the HTTP status, None where no answer came.  `retry_after_s` is what the
    endpoint asked for.  `retryable` is False where the same request can never succeed.
    """

    def __init__(
        self, message: str, status: Optional[int] = None, retry_after_s: Optional[float] = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def retryable(self) -> bool:
        """Whether sending the same batch again can help."""
        return self.status is None or self.status >= 500 or self.status in RETRYABLE_STATUS


@dataclass(frozen=True)
class BatchAnswer:
    """What the endpoint did with a batch; `rejected` holds {index, field, reason}."""

    accepted: int
    duplicates: int
    rejected: List[Dict[str, Any]]


class EventClient:
    """Send batches of records to `{base_url}/v1/events/batch`.

    `timeout` (seconds) limits a whole request, also against an endpoint that answers one byte
    at a time.  An instance belongs to one thread; only `abort` may be called from another.
    """

    def __init__(self, api_key: str, base_url: Optional[str] = None, timeout: float = 5.0) -> None:
        """Raise ValueError unless the base URL is http(s) with a host."""
        self.base_url = base_url or os.environ.get("REVENIUM_BASE_URL") or DEFAULT_BASE_URL
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"base URL must be http(s)://HOST[:PORT], not {self.base_url!r}")
        self._prefix = parts.path.rstrip("/")
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._socket: Optional[socket.socket] = None
        self._api_key = api_key
        self._aborted = False
        self.timeout = timeout

    def send(self, records: Sequence[Mapping[str, Any]], compress: bool = False) -> BatchAnswer:
        """Deliver records as one JSON array.  Raises DeliveryError."""
        body = json.dumps(list(records), allow_nan=False, separators=(",", ":")).encode()
        return self.send_body(gzip.compress(body, 1) if compress else body, compress)

    def send_body(self, body: bytes, gzipped: bool = False) -> BatchAnswer:
        """Deliver a ready JSON array, plain or gzipped.  Raises DeliveryError."""
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "Content-Type": "application/json",
        }
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        return _understand(self._exchange("POST", BATCH_PATH, body, headers))

    def healthy(self) -> bool:
        """Whether the endpoint answers its health check with 200."""
        try:
            self._exchange("GET", HEALTH_PATH, None, {})
        except DeliveryError:
            return False
        return True

    def close(self) -> None:
        """Close the connection; the next request opens a new one."""
        self._connection.close()

    def abort(self) -> None:
        """End a request under way, from another thread: its caller gets a DeliveryError."""
        self._aborted = True
        sock = self._connection.sock or self._socket
        if sock is not None:
            with suppress(OSError):  # Already closed is what we want.
                sock.shutdown(socket.SHUT_RDWR)

    def _exchange(
        self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str]
    ) -> bytes:
        """Return the body of a 2xx answer; anything else is a DeliveryError."""
        watchdog = threading.Timer(self.timeout, self.abort)
        watchdog.daemon = True
        reused = self._connection.sock is not None
        self._aborted = False
        watchdog.start()
        try:
            return self._attempt(method, path, body, headers)
        except DeliveryError:
            raise
        except (ConnectionError, http.client.RemoteDisconnected):
            self.close()
            if self._aborted:
                raise DeliveryError(f"no answer within {self.timeout:g} s") from None
            if not reused:
                raise DeliveryError("the endpoint closed the connection") from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise DeliveryError(f"no answer: {error or type(error).__name__}") from error
        finally:
            watchdog.cancel()
        # A kept connection may have been closed while it was idle; a fresh one decides.
        return self._exchange(method, path, body, headers)

    def _attempt(
        self, method: str, path: str, body: Optional[bytes], headers: Dict[str, str]
    ) -> bytes:
        self._connection.request(method, self._prefix + path, body=body, headers=headers)
        self._socket = self._connection.sock
        response = self._connection.getresponse()
        length = MAX_ANSWER_BYTES if response.length is None else response.length
        answer = response.read(min(length, MAX_ANSWER_BYTES))
        if not response.isclosed():
            self.close()  # The rest of an oversized answer would be taken for the next one.
        if not 200 <= response.status < 300:
            wait = _retry_after(response.getheader("Retry-After"))
            raise DeliveryError(f"HTTP {response.status}", response.status, wait)
        return answer


def _understand(answer: bytes) -> BatchAnswer:
    """Parse an answer of the batch endpoint; one that makes no sense is a DeliveryError."""
    try:
        fields = json.loads(answer.decode("utf-8"))
        return BatchAnswer(
            int(fields["accepted"]), int(fields["duplicates"]), list(fields["rejected"])
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DeliveryError(f"answer not understood: {type(error).__name__}") from error


def _retry_after(value: Optional[str]) -> Optional[float]:
    """Return the wait in seconds of a Retry-After header: a number, or an HTTP date."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, IndexError):
        return None
