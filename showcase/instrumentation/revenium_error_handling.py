"""Error handling: deliver metering events through failures, rate limits and outages.

A batch that fails is tried again with growing, jittered waits, never sooner than a
`Retry-After` asks.  After some failures in a row a circuit breaker stops asking.  Batches that
could not be delivered go to a spool on disk and are replayed when the service is back.  Every
event keeps its id on the way, so a batch that was stored although its answer got lost is
counted once.

Use case: production services whose metering must survive what networks do.
Pattern: retry with backoff and jitter, circuit breaker, spool and replay, health check.
Performance: nothing added on success; during an outage a submission costs one file write.  The
demonstration measures delivery against a collector that fails 20 % of the time and is down in
the middle.
"""

from __future__ import annotations

import gzip
import http.client
import json
import os
import random
import socket
import sys
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import urlsplit

DELIVERED, SPOOLED, REFUSED, LOST = "delivered", "spooled", "refused", "lost"


@dataclass(frozen=True)
class RetryPolicy:
    """Up to `attempts` tries; waits double from `base_s` to at most `cap_s`, with full jitter.

    A Retry-After is honoured up to `longest_asked_s`.  All in seconds.
    """

    attempts: int = 4
    base_s: float = 0.5
    cap_s: float = 20.0
    longest_asked_s: float = 120.0

    def wait_s(self, attempt: int, error: DeliveryError, chance: random.Random) -> float:
        """Return the seconds to wait after failed attempt number `attempt`, from 1."""
        backoff = chance.random() * min(self.cap_s, self.base_s * 2.0 ** (attempt - 1))
        return max(backoff, min(error.retry_after_s or 0.0, self.longest_asked_s))


@dataclass(frozen=True)
class Health:
    """State of the delivery: for a health endpoint or an alert."""

    breaker: str
    spooled_batches: int
    lost_events: int
    last_error: str
    endpoint_healthy: bool

    @property
    def ok(self) -> bool:
        """Whether events flow and none wait."""
        return self.breaker == CLOSED and not self.spooled_batches and not self.lost_events


class ResilientTracker:
    """Deliver batches of events, whatever happens on the way.

    Counts `confirmed` and `rejected` events and failed tries (`retries`).  Not to be shared
    between threads; use one for each, with spools of their own.
    """

    def __init__(
        self,
        client: EventClient,
        spool: Spool,
        breaker: CircuitBreaker,
        retry: RetryPolicy = RetryPolicy(),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client, self._spool, self._breaker = client, spool, breaker
        self._retry, self._sleep = retry, sleep
        self._chance = random.Random()
        self.retries = self.confirmed = self.rejected = 0
        self.last_error = ""

    def submit(self, events: Sequence[AICallEvent]) -> str:
        """Deliver a batch or spool it; return DELIVERED, SPOOLED, REFUSED or LOST.

        REFUSED is a batch that the endpoint will never take; it is kept aside in the spool.
        LOST happens only when the spool is full.
        """
        records = [event.to_record() for event in events]
        outcome = self._attempt(records)
        if outcome == DELIVERED:
            self.replay(limit=2)
            return outcome
        path = self._spool.add(records)
        if path is None:
            return LOST
        if outcome == REFUSED:
            self._spool.set_aside(path, ".refused")
        return outcome

    def replay(self, limit: int = 1_000_000) -> int:
        """Deliver waiting batches, oldest first, at most `limit`; return how many went."""
        done = 0
        for path in self._spool.paths()[:limit]:
            records = self._spool.read(path)
            outcome = self._attempt(records) if records else DELIVERED
            if outcome == SPOOLED:
                break
            if outcome == REFUSED:
                self._spool.set_aside(path, ".refused")
            else:
                self._spool.remove(path)
                done += 1
        return done

    def drain(self, seconds: float) -> int:
        """Replay until the spool is empty or the seconds are over; return batches left."""
        until = time.monotonic() + seconds
        while len(self._spool) and time.monotonic() < until:
            if not self.replay():
                self._sleep(0.02)
        return len(self._spool)

    def health(self) -> Health:
        """Return the state of delivery, asking the endpoint too."""
        return Health(
            self._breaker.state,
            len(self._spool),
            self._spool.lost_events,
            self.last_error,
            self._client.healthy(),
        )

    def _attempt(self, records: Sequence[Record]) -> str:
        """Try to deliver while the breaker permits and tries are left."""
        for attempt in range(1, self._retry.attempts + 1):
            if not self._breaker.allow():
                return SPOOLED
            try:
                answer = self._client.send(records)
            except DeliveryError as error:
                self.last_error = str(error)
                self._report(error)
                if not error.retryable:
                    return REFUSED
                self.retries += 1
                if attempt < self._retry.attempts and self._breaker.state == CLOSED:
                    self._sleep(self._retry.wait_s(attempt, error, self._chance))
            else:
                self._breaker.success()
                self.rejected += len(answer.rejected)
                self.confirmed += len(records) - len(answer.rejected)
                return DELIVERED
        return SPOOLED

    def _report(self, error: DeliveryError) -> None:
        """Tell the breaker: an endpoint that limits or refuses us is alive all the same."""
        if error.status is not None and error.status < 500:
            self._breaker.success()
        else:
            self._breaker.failure()


def demonstrate() -> Dict[str, Any]:
    """Deliver through failures and an outage; return the measured figures."""
    from _demo_error_handling import demonstrate as demonstration

    return demonstration()


# --- the same as in _breaker.py -------------------------------------------------------------------


CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Transition(NamedTuple):
    """A change of state, `at_s` seconds after the breaker was made, and its reason."""

    at_s: float
    before: str
    after: str
    reason: str


class CircuitBreaker:
    """Decide whether a request may go out.  Safe to share between threads.

    `threshold` is failures in a row, `cooldown_s` seconds; `clock` is for tests.
    """

    def __init__(
        self,
        threshold: int = 5,
        cooldown_s: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = CLOSED
        self.transitions: List[Transition] = []
        self._threshold, self._cooldown_s, self._clock = threshold, cooldown_s, clock
        self._failures = 0
        self._probing = False
        self._began = self._opened = clock()
        self._lock = threading.Lock()

    def allow(self) -> bool:
        """Whether a request may go out now.  Each permitted one must report its outcome."""
        with self._lock:
            if self.state == OPEN and self._clock() - self._opened >= self._cooldown_s:
                self._change(HALF_OPEN, f"{self._cooldown_s:g} s have passed")
            if self.state == HALF_OPEN:
                permitted = not self._probing
                self._probing = True
                return permitted
            return self.state == CLOSED

    def success(self) -> None:
        """Report that the service answered."""
        with self._lock:
            self._failures = 0
            self._probing = False
            if self.state == HALF_OPEN:
                self._change(CLOSED, "the probe succeeded")

    def failure(self) -> None:
        """Report that the service failed."""
        with self._lock:
            self._failures += 1
            self._probing = False
            if self.state == HALF_OPEN:
                self._change(OPEN, "the probe failed")
            elif self.state == CLOSED and self._failures >= self._threshold:
                self._change(OPEN, f"{self._failures} failures in a row")

    def _change(self, state: str, reason: str) -> None:
        """Change the state and record it.  The caller holds the lock."""
        now = self._clock()
        self.transitions.append(Transition(now - self._began, self.state, state, reason))
        self.state = state
        self._failures = 0
        if state == OPEN:
            self._opened = now


# --- end of _breaker.py ---------------------------------------------------------------------------


# --- the same as in _spool.py ---------------------------------------------------------------------


Record = Dict[str, Any]


class Spool:
    """Batches in a directory, at most `max_batches` of them.

    Raises OSError where the directory cannot be made or written.
    """

    def __init__(self, directory: Path, max_batches: int = 10_000) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._max_batches = max_batches
        self.lost_events = 0
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink()

    def __len__(self) -> int:
        return len(self.paths())

    def paths(self) -> List[Path]:
        """Return the waiting batches, oldest first."""
        return sorted(self._directory.glob("*.json"))

    def add(self, records: Sequence[Record]) -> Optional[Path]:
        """Keep a batch and return its file; None (and counted) where the spool is full."""
        if len(self) >= self._max_batches:
            self.lost_events += len(records)
            return None
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        aside = self._directory / f"{name}.tmp"
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(list(records), file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        path = aside.with_suffix(".json")
        os.replace(str(aside), str(path))
        return path

    def read(self, path: Path) -> Optional[List[Record]]:
        """Return a batch; one that cannot be read is set aside as `.bad` and is None."""
        try:
            records = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            records = None
        if isinstance(records, list):
            return records
        self.set_aside(path, ".bad")
        return None

    def remove(self, path: Path) -> None:
        """Forget a batch that was confirmed."""
        if path.exists():
            path.unlink()

    def set_aside(self, path: Path, suffix: str) -> None:
        """Keep a batch for a person to look at, out of the way of replays."""
        if path.exists():
            os.replace(str(path), str(path.with_suffix(suffix)))


# --- end of _spool.py -----------------------------------------------------------------------------


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
    sys.exit(run_demonstration(demonstrate))
