"""Metadata propagation: set the business context once, find it on every call below.

A context holds the hierarchy organization → product → customer → feature and whatever
enrichers add (request id, trace id, environment).  It lives in a context variable: asyncio
tasks inherit it by themselves, threads through `ContextThreadPool`.  Inner levels add to the
outer ones and end with their `with` block, so nothing leaks into a neighbour's call.

Use case: services in which an AI call is made far below the code that knows the customer.
Pattern: context variables, nested scopes, enrichment, validation before sending.
Performance: entering a scope and reading the context take microseconds; the demonstration
measures both.
"""

from __future__ import annotations

import asyncio
import contextvars
import gzip
import http.client
import json
import os
import socket
import sys
import threading
import time
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
)
from urllib.parse import urlsplit

HIERARCHY: Tuple[str, ...] = ("organization_id", "product_id", "customer_id", "feature_id")
REQUIRED: Tuple[str, ...] = (*HIERARCHY, "subscription_tier", "environment", "task_type")
EMPTY: Mapping[str, str] = {}
Enricher = Callable[[Mapping[str, str]], Mapping[str, str]]

_current: contextvars.ContextVar[Mapping[str, str]] = contextvars.ContextVar("revenium_metadata")


class MetadataError(ValueError):
    """A call's context is incomplete or contradicts its hierarchy."""


def current_metadata() -> Dict[str, str]:
    """Return a copy of the metadata in force here."""
    return dict(_current.get(EMPTY))


@contextmanager
def metadata_scope(**fields: str) -> Iterator[Dict[str, str]]:
    """Add fields for the calls inside the block, in this task or thread and those it starts.

    A level of the hierarchy may be set under its parents only, and once: a block cannot move
    to another customer while it works for the first.  Raises MetadataError.
    """
    outer = _current.get(EMPTY)
    _check_hierarchy(outer, fields)
    merged = {**outer, **fields}
    token = _current.set(merged)
    try:
        yield dict(merged)
    finally:
        _current.reset(token)


def _check_hierarchy(outer: Mapping[str, str], fields: Mapping[str, str]) -> None:
    """Raise MetadataError where a level changes or lacks a parent."""
    merged = {**outer, **fields}
    for depth, level in enumerate(HIERARCHY):
        if level in fields and outer.get(level, fields[level]) != fields[level]:
            raise MetadataError(f"{level} is already {outer[level]}; leave that scope first")
        missing = [parent for parent in HIERARCHY[:depth] if parent not in merged]
        if level in fields and missing:
            raise MetadataError(f"{level} needs {missing[0]} around it")


def validate(metadata: Mapping[str, str]) -> List[str]:
    """Return the required fields that are missing or empty, in a stable order."""
    return [name for name in REQUIRED if not str(metadata.get(name, "")).strip()]


class ContextThreadPool(ThreadPoolExecutor):
    """A thread pool whose jobs see the submitter's metadata; a plain pool's jobs do not."""

    def submit(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:  # type: ignore[override]
        """Run `fn` in a copy of the caller's context."""
        context = contextvars.copy_context()
        return super().submit(context.run, fn, *args, **kwargs)


class MetadataTracker:
    """Collect calls with the context in force, enriched and validated, and send them.

    `enrichers` run in order; each returns fields to add and never overrides what is set.
    """

    def __init__(self, client: EventClient, enrichers: Sequence[Enricher] = ()) -> None:
        self._client = client
        self._enrichers = tuple(enrichers)
        self.events: List[AICallEvent] = []

    def track(self, provider: str, model: str, tokens_in: int, tokens_out: int) -> AICallEvent:
        """Record one call in the current context.  Raises MetadataError if that is incomplete."""
        metadata = current_metadata()
        for enrich in self._enrichers:
            metadata = {**enrich(metadata), **metadata}
        missing = validate(metadata)
        if missing:
            raise MetadataError(f"missing {', '.join(missing)}; open the scope that sets it")
        price = cost(provider, model, tokens_in, tokens_out)
        latency_ms = 100 + (tokens_in + tokens_out) // 10
        event = AICallEvent.create(
            provider, model, tokens_in, tokens_out, price, latency_ms, metadata
        )
        self.events.append(event)
        return event

    def flush(self) -> int:
        """Send what was recorded; return how many events the endpoint took.

        Raises DeliveryError.  Events stay recorded until they are confirmed.
        """
        taken = 0
        while self.events:
            batch = self.events[:1000]
            answer = self._client.send([event.to_record() for event in batch])
            taken += len(batch) - len(answer.rejected)
            del self.events[: len(batch)]
        return taken


def add_environment(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Enricher: where this process runs."""
    return {"environment": "production", "region": "us-east"}


def add_request_id(metadata: Mapping[str, str]) -> Mapping[str, str]:
    """Enricher: a fresh request id for every call."""
    return {"request_id": f"req_{uuid.uuid4().hex[:12]}"}


async def demonstrate() -> Dict[str, float]:
    """Run a nested workflow and check every event's context; return the measured figures."""
    from _demo_metadata import demonstrate as demonstration

    return await demonstration()


# --- the same as in _prices.py --------------------------------------------------------------------


# USD per 1,000 tokens, input and output.
PRICES: Dict[Tuple[str, str], Tuple[float, float]] = {
    ("openai", "gpt-4o"): (0.0025, 0.01),
    ("openai", "gpt-4o-mini"): (0.00015, 0.0006),
    ("anthropic", "claude-sonnet-4-6"): (0.003, 0.015),
    ("anthropic", "claude-haiku-4-5"): (0.001, 0.005),
    ("google", "gemini-2.5-flash"): (0.0003, 0.0025),
}


def cost(provider: str, model: str, input_tokens: int, output_tokens: int) -> float:
    """Return the price of a call in USD.  Raises KeyError for a model without a price."""
    price_in, price_out = PRICES[provider, model]
    return round(input_tokens / 1000 * price_in + output_tokens / 1000 * price_out, 6)


# --- end of _prices.py ----------------------------------------------------------------------------


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
