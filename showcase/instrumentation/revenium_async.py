"""Asynchronous tracking: fire and forget, sent in batches by a thread beside the event loop.

`track_ai_call` checks the figures, puts an event into a bounded queue and returns its id.  A
sender thread posts full batches, and partial ones when the oldest event has waited for the
flush interval, also when traffic stops.  No HTTP ever runs on the event loop.

Loss policy, in full: while the queue is full, new events are dropped and counted.  An endpoint
that fails is tried again with growing waits, the batch in hand first.  `stop()` sends all that
is queued; what an endpoint did not confirm before its time limit is in `undelivered`.

Use case: web services and agents that make many AI calls and must not wait for metering.
Pattern: bounded queue, batching by size and age, background sender, bounded shutdown.
Performance: microseconds per call, one request per `batch_size` calls; the demonstration
measures both over 10,000 calls.
"""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import os
import socket
import sys
import threading
import time
import uuid
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Callable, Deque, Dict, Generator, List, Mapping, Optional, Sequence
from urllib.parse import urlsplit

FIRST_RETRY_WAIT_S = 0.05
LONGEST_RETRY_WAIT_S = 5.0
LONGEST_ASKED_WAIT_S = 60.0
STUCK_GRACE_S = 1.0


class CallId(str):
    """An id that may also be awaited, which gives the event loop a turn and returns the id."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, str]:
        yield
        return self


@dataclass
class TrackerStats:
    """What became of the tracked events, as counts.

    tracked = delivered + rejected + dropped + undelivered + those still queued.
    """

    tracked: int = 0
    delivered: int = 0
    rejected: int = 0
    dropped: int = 0
    undelivered: int = 0
    requests: int = 0
    retries: int = 0
    last_error: str = ""


class ReveniumAsyncTracker:
    """Track AI calls from asyncio code without waiting for the network.

    `flush_interval`, `request_timeout` and `stop_timeout` are seconds, `batch_size` (at most
    1,000) and `max_queue` events.  `undelivered` holds the events that nobody confirmed, for
    the application to spool.  All methods but `stop` may be called from any thread.
    """

    def __init__(
        self,
        api_key: str,
        batch_size: int = 100,
        flush_interval: float = 5.0,
        base_url: Optional[str] = None,
        max_queue: int = 20_000,
        request_timeout: float = 5.0,
        stop_timeout: float = 10.0,
    ) -> None:
        """Raise ValueError for sizes and times that make no sense."""
        if not 1 <= batch_size <= 1000 or max_queue < batch_size:
            raise ValueError("need 1 <= batch_size <= 1000 and max_queue >= batch_size")
        if min(flush_interval, request_timeout, stop_timeout) <= 0:
            raise ValueError("intervals and time limits must be above 0")
        self.stats = TrackerStats()
        self.undelivered: Deque[AICallEvent] = deque(maxlen=max_queue)
        self._client = EventClient(api_key, base_url, request_timeout)
        self._batch_size, self._flush_interval = batch_size, flush_interval
        self._max_queue, self._stop_timeout = max_queue, stop_timeout
        self._queue: Deque[AICallEvent] = deque()
        self._in_hand: List[AICallEvent] = []  # The batch that is being sent.
        self._oldest = 0.0
        self._wake = threading.Condition()
        self._deadline: Optional[float] = None  # Set by stop(); then the sender empties and ends.
        self._sender: Optional[threading.Thread] = None

    # --- what the application calls ----------------------------------------------------------

    async def start(self) -> None:
        """Start sending.  Starting twice does no harm.  Raises RuntimeError after `stop`."""
        if self._deadline is not None:
            raise RuntimeError("a stopped tracker cannot be started again; create a new one")
        if self._sender is None:
            self._sender = threading.Thread(target=self._run, name="revenium", daemon=True)
            self._sender.start()

    def track_ai_call(
        self,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Optional[Mapping[str, Any]] = None,
    ) -> CallId:
        """Queue one call and return its id at once; `await` is allowed and not needed.

        Raises ValueError for impossible figures.  A full queue or a stopped tracker drops the
        event and counts it; an application must not fail because its metering does.
        """
        event = AICallEvent.create(
            provider, model, input_tokens, output_tokens, cost_usd, latency_ms, metadata
        )
        with self._wake:
            self.stats.tracked += 1
            if len(self._queue) >= self._max_queue or self._deadline is not None:
                self.stats.dropped += 1
            else:
                self._put(event)
        return CallId(event.call_id)

    async def stop(self) -> TrackerStats:
        """Send what is queued, end the sender, return the counts.

        Takes at most `stop_timeout` and a second, whatever the endpoint does.  Stopping twice
        does no harm; after a cancelled stop, call it again.
        """
        if self._sender is None and self._queue:
            await self.start()
        with self._wake:
            if self._deadline is None:
                self._deadline = time.monotonic() + self._stop_timeout
            self._wake.notify_all()
        while self._sender is not None and self._sender.is_alive():
            late_s = time.monotonic() - self._deadline
            if late_s > STUCK_GRACE_S:
                break  # Stuck where no time limit reaches, such as a name look-up.
            if late_s > 0:
                self._client.abort()
            await asyncio.sleep(0.01)
        self._give_up()
        return self.stats

    async def __aenter__(self) -> ReveniumAsyncTracker:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # --- the sender thread -------------------------------------------------------------------

    def _put(self, event: AICallEvent) -> None:
        """Append an event; wake the sender for the first one and for a full batch."""
        self._queue.append(event)
        if len(self._queue) == 1:
            self._oldest = time.monotonic()
        if len(self._queue) in (1, self._batch_size):
            self._wake.notify()

    def _run(self) -> None:
        while self._take_batch():
            self._deliver()
        self._client.close()

    def _take_batch(self) -> bool:
        """Wait for a full batch, the flush interval or the end; False means the end."""
        with self._wake:
            while not self._due():
                if self._deadline is not None:
                    return False
                age = time.monotonic() - self._oldest
                self._wake.wait(self._flush_interval - age if self._queue else None)
            size = min(self._batch_size, len(self._queue))
            self._in_hand = [self._queue.popleft() for _ in range(size)]
            self._oldest = time.monotonic()
            return True

    def _due(self) -> bool:
        """Whether a batch should leave now.  The caller holds the lock."""
        full = len(self._queue) >= self._batch_size or self._deadline is not None
        old = time.monotonic() - self._oldest >= self._flush_interval
        return bool(self._queue) and (full or old)

    def _deliver(self) -> None:
        """Send the batch in hand until it is confirmed, hopeless, or time to stop is over."""
        records = [event.to_record() for event in self._in_hand]
        attempt = 0
        while not self._too_late():
            self.stats.requests += 1
            try:
                self._confirm(len(self._client.send(records).rejected))
                return
            except DeliveryError as error:
                self.stats.last_error = str(error)
                if not error.retryable:
                    break
                attempt += 1
                self.stats.retries += 1
                self._pause(error, attempt)
            except (ValueError, TypeError) as error:  # Metadata that JSON cannot hold.
                self.stats.last_error = str(error)
                break
        self._give_up()

    def _confirm(self, rejected: int) -> None:
        """Count the batch in hand as delivered, unless `stop` has given it up meanwhile."""
        with self._wake:
            if self._in_hand:
                self.stats.rejected += rejected
                self.stats.delivered += len(self._in_hand) - rejected
                self._in_hand = []

    def _pause(self, error: DeliveryError, attempt: int) -> None:
        """Wait before the next try; the wait ends early when time to stop runs out."""
        wait = min(FIRST_RETRY_WAIT_S * 2 ** min(attempt - 1, 10), LONGEST_RETRY_WAIT_S)
        asked = min(error.retry_after_s or 0.0, LONGEST_ASKED_WAIT_S)
        until = time.monotonic() + max(wait, asked)
        while time.monotonic() < until and not self._too_late():
            time.sleep(0.01)

    def _too_late(self) -> bool:
        return self._deadline is not None and time.monotonic() > self._deadline

    def _give_up(self) -> None:
        """Count the batch in hand as undelivered, and the queue too once it is too late."""
        with self._wake:
            lost = self._in_hand
            self._in_hand = []
            if self._too_late():
                lost += self._queue
                self._queue.clear()
            self.undelivered.extend(lost)
            self.stats.undelivered += len(lost)


async def demonstrate() -> Dict[str, float]:
    """Show overhead, batching, flushing and shutdown; return the measured figures."""
    from _demo_async import demonstrate as demonstration

    return await demonstration()


# --- the same as in _event.py ---------------------------------------------------------------------


def new_call_id() -> str:
    """Return a fresh id.  The endpoint stores an id once, which makes retries safe."""
    return "call_" + uuid.uuid4().hex


def utc_now() -> str:
    """Return the time as `2025-01-01T09:30:00.417000`, in UTC."""
    return datetime.now(timezone.utc).replace(tzinfo=None).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class AICallEvent:
    """One AI call: tokens as counts, `cost_usd` in USD, `latency_ms` in milliseconds.

    `metadata` holds the business fields (customer_id, organization_id, …); it is flattened
    into the record when the event is sent.
    """

    call_id: str
    timestamp: str
    provider: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float
    latency_ms: int
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def create(
        cls,
        provider: str,
        model: str,
        input_tokens: int,
        output_tokens: int,
        cost_usd: float,
        latency_ms: float,
        metadata: Optional[Mapping[str, Any]] = None,
        call_id: Optional[str] = None,
    ) -> AICallEvent:
        """Return a checked event with an id and the current time.

        Raises ValueError for empty names and for negative or non-finite numbers.
        """
        if not provider or not model:
            raise ValueError("provider and model must not be empty")
        for name, value in (
            ("input_tokens", input_tokens),
            ("output_tokens", output_tokens),
            ("cost_usd", cost_usd),
            ("latency_ms", latency_ms),
        ):
            if not _is_amount(value):
                raise ValueError(f"{name} must be a number of at least 0, not {value!r}")
        return cls(
            call_id=call_id or new_call_id(),
            timestamp=utc_now(),
            provider=provider,
            model=model,
            input_tokens=int(input_tokens),
            output_tokens=int(output_tokens),
            cost_usd=float(cost_usd),
            latency_ms=round(latency_ms),
            metadata=_plain(metadata or {}),
        )

    def to_record(self) -> Dict[str, Any]:
        """Return the flat record that goes on the wire.  Metadata never hides a measured field."""
        record: Dict[str, Any] = dict(self.metadata)
        record.update(
            call_id=self.call_id,
            timestamp=self.timestamp,
            provider=self.provider,
            model=self.model,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=self.cost_usd,
            latency_ms=self.latency_ms,
        )
        return record


def _is_amount(value: Any) -> bool:
    """Whether a value is a finite number of at least 0."""
    try:
        return value >= 0 and isfinite(value)
    except (TypeError, OverflowError):
        return False


def _plain(metadata: Mapping[str, Any]) -> Dict[str, Any]:
    """Return a copy that JSON can hold; later changes by the caller do not reach it."""
    return {
        str(name): value if isinstance(value, (str, int)) or _is_amount(value) else str(value)
        for name, value in metadata.items()
        if value is not None
    }


# --- end of _event.py -----------------------------------------------------------------------------


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
    sys.exit(run_demonstration(lambda: asyncio.run(demonstrate())))
