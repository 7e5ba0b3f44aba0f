"""The collector: takes events over HTTP in two dialects and answers when they are on the disk.

A real application is pointed at it with one variable, and the showcase's trackers speak to
it too.  An answer of 200 or 201 is a promise: the rows are in the file and flushed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import threading
import zlib
from collections import OrderedDict
from typing import Any, Callable, Dict, List, Mapping, Optional

from finops import config
from finops.viewer.event_store import EventStore, Stored, StoreUnavailableError, TooManyWaitingError
from finops.viewer.events import FieldError, Row, error_text, from_completion, from_record
from finops.viewer.http import (
    Headers,
    Request,
    RequestRefusedError,
    Response,
    failure,
    json_response,
    refuse,
)
from finops.viewer.jobs import now_text
from finops.viewer.strict_json import parse, parse_object

_RETRY: Headers = (("Retry-After", str(config.COLLECT_LOCK_WAIT_S)),)
_LABEL = "metered-event"
_INFLATE_STEP = 65_536


class Collector:
    """Both endpoints over one store.

    `key` is what clients must send, None where any will do; `accepted` is called with the
    number of new rows.
    """

    def __init__(
        self,
        store: EventStore,
        key: Optional[str] = None,
        accepted: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._store = store
        self._key = key
        self._accepted = accepted
        self._secret = os.urandom(16)
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Dict[str, Any]] = OrderedDict()

    def has_key(self, headers: Mapping[str, str]) -> bool:
        """Return whether the headers carry the key, as `x-api-key` or as a bearer token."""
        if self._key is None:
            return True
        wanted = self._key.encode("utf-8")
        scheme, _, token = headers.get("authorization", "").partition(" ")
        bearer = token.strip() if scheme.lower() == "bearer" else ""
        sent = (headers.get("x-api-key", ""), bearer)
        return any([hmac.compare_digest(text.encode("latin-1"), wanted) for text in sent])

    def completion(self, request: Request) -> Response:
        """Store one completion of the SDK."""
        idempotency = _digest(request.headers.get("idempotency-key", ""))
        answer = self._answer_of(idempotency)
        if answer is None:
            event = parse_object(request.body)
            if idempotency and event.get("transactionId") is None:
                event["transactionId"] = f"call_{idempotency}"
            try:
                row = from_completion(event)
            except FieldError as error:
                raise refuse(422, error_text(error)) from None
            self._add([row])
            answer = self._keep(idempotency, self._resource(row))
        return json_response(201, answer)

    def batch(self, request: Request) -> Response:
        """Store up to a thousand events in the call record's names."""
        gzipped = "content-encoding" in request.headers
        events = parse(inflate(request.body) if gzipped else request.body)
        if not isinstance(events, list):
            raise refuse(400, "The body must be a JSON array of events.")
        if len(events) > config.COLLECT_MAX_EVENTS:
            raise refuse(413, f"A batch holds at most {config.COLLECT_MAX_EVENTS} events.")
        rows: List[Row] = []
        rejected = []
        for index, event in enumerate(events):
            try:
                rows.append(from_record(event))
            except FieldError as error:
                rejected.append({"index": index, "field": error.field, "reason": error.reason})
        stored = self._add(rows) if rows else Stored(0, 0)
        return json_response(
            200,
            {"accepted": stored.accepted, "duplicates": stored.duplicates, "rejected": rejected},
        )

    def _add(self, rows: List[Row]) -> Stored:
        try:
            stored = self._store.add(rows)
        except TooManyWaitingError:
            raise RequestRefusedError(
                failure(429, "Too many events wait; slow down.", _RETRY)
            ) from None
        except StoreUnavailableError as error:
            reason = "is being written by another program" if error.busy else "cannot be written"
            raise RequestRefusedError(failure(503, f"The dataset {reason}.", _RETRY)) from None
        if stored.accepted:
            self._accepted(stored.accepted)
        return stored

    def _resource(self, row: Row) -> Dict[str, Any]:
        """Return the answer for a stored row; the same row has the same id."""
        identity = hashlib.blake2b(row.call_id.encode("utf-8"), digest_size=12).hexdigest()
        signature = hmac.new(self._secret, identity.encode("ascii"), "sha256").hexdigest()
        return {
            "id": identity,
            "label": _LABEL,
            "resourceType": _LABEL,
            "signature": signature,
            "created": now_text(),
        }

    def _answer_of(self, idempotency: str) -> Optional[Dict[str, Any]]:
        if not idempotency:
            return None
        with self._lock:
            return self._answers.get(idempotency)

    def _keep(self, idempotency: str, answer: Dict[str, Any]) -> Dict[str, Any]:
        """Remember an answer for its key, or return the one that was first."""
        if not idempotency:
            return answer
        with self._lock:
            kept = self._answers.setdefault(idempotency, answer)
            while len(self._answers) > config.COLLECT_KEPT_ANSWERS:
                self._answers.popitem(last=False)
        return kept


def _digest(text: str) -> str:
    """Return a short stand-in for a text of any length; "" for ""."""
    if not text:
        return ""
    return hashlib.blake2b(text.encode("latin-1"), digest_size=16).hexdigest()


def inflate(body: bytes) -> bytes:
    """Return an inflated gzip body, within the limit.

    Raises Refused: 413 where it grows beyond the limit, 400 where it is no whole gzip stream.
    """
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    pieces = []
    left = config.HTTP_INFLATED_BYTES
    data = body
    try:
        while data and not machine.eof:
            piece = machine.decompress(data, min(_INFLATE_STEP, left + 1))
            left -= len(piece)
            if left < 0:
                raise refuse(413, "The body inflates to more than is taken.")
            pieces.append(piece)
            data = machine.unconsumed_tail
            if not piece and not data:
                break
    except zlib.error:
        raise refuse(400, "The body is not gzip.") from None
    if not machine.eof or machine.unused_data:
        raise refuse(400, "The gzip body is not one whole stream.")
    return b"".join(pieces)
