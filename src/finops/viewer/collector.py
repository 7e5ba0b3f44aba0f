"""The collector: takes events over HTTP in two dialects and answers when they are on the disk.

A real application is pointed at it with one variable, and the showcase's trackers speak to
it too.  An answer of 200 or 201 is a promise: the rows are in the file and flushed, as they
were sent.  What comes under a known id but differs is refused, never taken for a repetition.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import zlib
from typing import Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.viewer.event_store import (
    EventStore,
    Stored,
    StoreUnavailableError,
    TooManyWaitingError,
    Waiting,
)
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
from finops.viewer.idempotency import AnswerCache, KeyReusedError, digest
from finops.viewer.jobs import now_text
from finops.viewer.strict_json import JsonError, decode_array, in_turn, parse_object, refusal

Rejection = Dict[str, Any]

_RETRY: Headers = (("Retry-After", str(config.COLLECT_LOCK_WAIT_S)),)
_LABEL = "metered-event"
_OTHER_CONTENT = "is stored already with other content"
_INFLATE_STEP = 65_536


class Collector:
    """Both endpoints over one store.

    `key` is what clients must send, None where any will do; `accepted` is called with the
    number of new rows.  `prices` are those of events that do not say what they cost.
    """

    def __init__(
        self,
        store: EventStore,
        key: Optional[str] = None,
        accepted: Callable[[int], None] = lambda count: None,
        prices: PriceTable = DEFAULT_PRICES,
    ) -> None:
        self._store = store
        self._key = key
        self._accepted = accepted
        self._prices = prices
        self._secret = os.urandom(16)
        self._answers = AnswerCache()

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
        key = digest(request.headers.get("idempotency-key", "").encode("latin-1"))
        row, body = in_turn(lambda: _read_completion(request.body, key, self._prices))
        try:
            answer = self._answers.claim(key, body)
        except KeyReusedError:
            raise refuse(409, "The Idempotency-Key was used with another body.") from None
        if answer is None:
            try:
                self._store_one(row)
            except RequestRefusedError:
                self._answers.release(key)
                raise
            answer = self._answers.keep(key, body, self._resource(row))
        return json_response(201, answer)

    def batch(self, request: Request) -> Response:
        """Store up to a thousand events in the call record's names."""
        gzipped = "content-encoding" in request.headers

        def read() -> Tuple[List[int], List[Rejection], Optional[Waiting]]:
            pieces = inflate(request.body) if gzipped else (request.body,)
            rows, rejected = _read_batch(pieces, self._prices)
            # Into the queue before the next body is parsed: what waits is bounded there.
            waiting = self._enqueue([row for _, row in rows]) if rows else None
            return [place for place, _ in rows], rejected, waiting

        places, rejected, waiting = in_turn(read)
        stored = self._finish(waiting) if waiting else Stored(0, 0)
        rejected += [_rejection(places[row], "call_id", _OTHER_CONTENT) for row in stored.conflicts]
        rejected.sort(key=lambda rejection: rejection["index"])
        return json_response(
            200,
            {"accepted": stored.accepted, "duplicates": stored.duplicates, "rejected": rejected},
        )

    def _store_one(self, row: Row) -> None:
        if self._finish(self._enqueue([row])).conflicts:
            raise refuse(409, f"This event {_OTHER_CONTENT}.")

    def _enqueue(self, rows: List[Row]) -> Waiting:
        try:
            return self._store.enqueue(rows)
        except TooManyWaitingError:
            raise RequestRefusedError(
                failure(429, "Too many events are waiting; slow down.", _RETRY)
            ) from None

    def _finish(self, waiting: Waiting) -> Stored:
        try:
            stored = self._store.finish(waiting)
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


def _read_completion(body: bytes, key: str, prices: PriceTable) -> Tuple[Row, str]:
    """Return the row of a completion, and a digest of what it says.

    Without a transactionId, the Idempotency-Key (by its digest) makes the call's id.
    """
    event = parse_object(body)
    said = digest(json.dumps(event, sort_keys=True).encode("ascii")) if key else ""
    if key and event.get("transactionId") is None:
        event["transactionId"] = f"call_{key}"
    try:
        return from_completion(event, prices), said
    except FieldError as error:
        raise refuse(422, error_text(error)) from None


def _read_batch(
    pieces: Iterable[bytes], prices: PriceTable
) -> Tuple[List[Tuple[int, Row]], List[Rejection]]:
    """Return the rows of a batch with their places in it, and what was not taken and why."""
    rows: List[Tuple[int, Row]] = []
    rejected: List[Rejection] = []
    try:
        for index, event in enumerate(decode_array(pieces)):
            try:
                rows.append((index, from_record(event, prices)))
            except FieldError as error:
                rejected.append(_rejection(index, error.field, error.reason))
    except JsonError as error:
        raise refusal(error) from None
    return rows, rejected


def _rejection(index: int, field: str, reason: str) -> Rejection:
    return {"index": index, "field": field, "reason": reason}


def inflate(body: bytes) -> Iterator[bytes]:
    """Yield a gzip body inflated, piece by piece, within the limit.

    Raises RequestRefusedError: 413 where it grows beyond the limit, 400 where it is no whole
    gzip stream.
    """
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    left = config.HTTP_INFLATED_BYTES
    data = body
    while data and not machine.eof:
        try:
            piece = machine.decompress(data, min(_INFLATE_STEP, left + 1))
        except zlib.error:
            raise refuse(400, "The body is not gzip.") from None
        left -= len(piece)
        if left < 0:
            raise refuse(413, "The uncompressed body is too large.")
        data = machine.unconsumed_tail
        if piece:
            yield piece
        elif not data:
            break
    if not machine.eof or machine.unused_data:
        raise refuse(400, "The gzip body is not one whole stream.")
