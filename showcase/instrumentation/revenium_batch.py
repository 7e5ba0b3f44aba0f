"""Bulk submission: stream any number of events from an iterator, compressed and rate limited.

Events are taken from an iterator a batch at a time, so memory stays flat however many there
are.  Each batch is one gzipped request; a token bucket keeps the rate under what the endpoint
allows; progress is reported as it goes.

Use case: backfills from logs, nightly uploads, migrations.
Pattern: generator in, chunks, gzip, token bucket, retry of a chunk under the same ids.
Performance: more than 10,000 events a second through loopback HTTP; the demonstration measures
rate, memory and compression.
"""

from __future__ import annotations

import gzip
import http.client
import itertools
import json
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

Record = Mapping[str, object]
MAX_BATCH = 1000
GZIP_LEVEL = 1  # Faster than the line; higher levels gain little on repetitive records.


class TokenBucket:
    """Let `rate_per_s` tokens through each second, and up to `burst` at once after a pause."""

    def __init__(self, rate_per_s: float, burst: float) -> None:
        """Raise ValueError unless both are above 0."""
        if rate_per_s <= 0 or burst <= 0:
            raise ValueError("rate and burst must be above 0")
        self._rate, self._burst = rate_per_s, burst
        self._tokens = burst
        self._filled = time.monotonic()

    def take(self, tokens: float) -> float:
        """Wait until the tokens are there; return the seconds waited.

        More tokens than the burst are paid for by the wait of the next caller.
        """
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        waited = max(0.0, min(tokens, self._burst) - self._tokens) / self._rate
        if waited:
            time.sleep(waited)
        self._tokens -= tokens
        return waited


@dataclass
class BatchReport:
    """What a submission did: counts, bytes before and after compression, seconds."""

    accepted: int = 0
    duplicates: int = 0
    rejected: int = 0
    requests: int = 0
    raw_bytes: int = 0
    sent_bytes: int = 0
    seconds: float = 0.0

    @property
    def events(self) -> int:
        """Events that were submitted and answered."""
        return self.accepted + self.duplicates + self.rejected

    @property
    def events_per_s(self) -> float:
        """Rate over the whole submission."""
        return self.events / self.seconds if self.seconds else 0.0

    @property
    def compression_ratio(self) -> float:
        """Bytes before compression per byte sent."""
        return self.raw_bytes / self.sent_bytes if self.sent_bytes else 0.0


class BatchSubmitter:
    """Submit records in gzipped batches of at most 1,000.

    `rate_per_s` limits events a second, `attempts` the tries of one batch.  `progress` is
    called with the report after each batch.
    """

    def __init__(
        self,
        client: EventClient,
        batch_size: int = MAX_BATCH,
        rate_per_s: Optional[float] = None,
        attempts: int = 4,
        progress: Callable[[BatchReport], None] = lambda report: None,
    ) -> None:
        """Raise ValueError for a batch size outside 1 to 1,000."""
        if not 1 <= batch_size <= MAX_BATCH:
            raise ValueError(f"batch_size must be 1 to {MAX_BATCH}")
        self._client, self._batch_size, self._attempts = client, batch_size, attempts
        self._bucket = TokenBucket(rate_per_s, batch_size) if rate_per_s else None
        self._progress = progress

    def submit(self, records: Iterable[Record]) -> BatchReport:
        """Stream all records; return the report.

        Raises DeliveryError when a batch could not be delivered; the ones before it are.
        Submitting the same records again is safe, because an id is stored once.
        """
        report = BatchReport()
        begin = time.perf_counter()
        for batch in chunks(records, self._batch_size):
            if self._bucket is not None:
                self._bucket.take(len(batch))
            body = json.dumps(batch, allow_nan=False, separators=(",", ":")).encode()
            packed = gzip.compress(body, GZIP_LEVEL)
            answer = self._send(packed)
            report.requests += 1
            report.raw_bytes += len(body)
            report.sent_bytes += len(packed)
            report.accepted += answer.accepted
            report.duplicates += answer.duplicates
            report.rejected += len(answer.rejected)
            report.seconds = time.perf_counter() - begin
            self._progress(report)
        return report

    def _send(self, packed: bytes) -> BatchAnswer:
        """Deliver one batch, trying again where that can help."""
        for attempt in range(1, self._attempts + 1):
            try:
                return self._client.send_body(packed, gzipped=True)
            except DeliveryError as error:
                if not error.retryable or attempt == self._attempts:
                    raise
                time.sleep(min(max(0.1 * attempt, error.retry_after_s or 0.0), 60.0))
        raise ValueError("attempts must be at least 1")


def chunks(records: Iterable[Record], size: int) -> Iterator[List[Record]]:
    """Yield lists of up to `size` records, holding one list at a time."""
    iterator = iter(records)
    while True:
        chunk = list(itertools.islice(iterator, size))
        if not chunk:
            return
        yield chunk


def demonstrate() -> Dict[str, float]:
    """Measure rate, memory, compression and rate limit; return the figures."""
    from _demo_batch import demonstrate as demonstration

    return demonstration()


# --- the same as in _client.py --------------------------------------------------------------------


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


# --- end of _client.py ----------------------------------------------------------------------------


# --- the same as in _start.py ---------------------------------------------------------------------


def run_demonstration(demonstration: Callable[[], object]) -> int:
    """Run what needs the showcase's helper files; return the exit status.

    It is 2, after one line on standard error, where they are missing.
    """
    try:
        from _console import run

        return run(demonstration)
    except ImportError as error:
        print(
            f"{os.path.basename(sys.argv[0])}: its demonstration needs {error.name}.py and the "
            "other files of its folder whose names begin with _; to import it needs none of them",
            file=sys.stderr,
        )
        return 2


# --- end of _start.py -----------------------------------------------------------------------------


if __name__ == "__main__":
    sys.exit(run_demonstration(demonstrate))
