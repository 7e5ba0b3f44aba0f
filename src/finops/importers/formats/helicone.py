"""Helicone: exported requests.  The total tells whether cached tokens are inside the prompt's."""

from __future__ import annotations

from decimal import Decimal
from typing import Iterator, Optional

from finops.business.names import fold_provider
from finops.importers.base import (
    Entry,
    Format,
    Names,
    Session,
    calls_of,
    error_kind,
    is_page_of,
    unpaged,
)
from finops.importers.call import RESPONSE_CACHE, STANDARD, Call, Tokens
from finops.importers.json_records import Item, json_records
from finops.importers.kinds import is_table
from finops.importers.sources import Source
from finops.importers.table_records import table_records
from finops.importers.values import Fields, milliseconds_between

_CREATED = "request_created_at"
_FIRST_STATUS, _FIRST_ERROR = 100, 400


class Helicone(Format):
    """Requests exported from Helicone."""

    id = "helicone"
    title = "Helicone requests"
    has_independent_lines = True

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is a request."""
        return _CREATED in record or is_page_of(record, _CREATED)

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is a table of requests."""
        return _CREATED in names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the requests that were finished."""
        reader = table_records if is_table(source) else json_records
        items = unpaged(reader(source, session.tally), _CREATED)
        return calls_of(items, lambda item: _call(item, source, session), source, session)


def _call(item: Item, source: Source, session: Session) -> Optional[Call]:
    record = item.fields
    status = record.number("response_status")
    if status is not None and status < _FIRST_STATUS:
        session.tally.skipped["unfinished"] += 1
        return None
    started = record.time(_CREATED)
    code = "" if status is None or status < _FIRST_ERROR else str(int(status))
    is_cached = bool(record.text("cache_reference_id").strip("0-"))
    return Call(
        id=record.text("request_id", "helicone-id") or session.id_of("helicone", source, item.text),
        time=started,
        provider=fold_provider(record.text("provider")),
        model=record.text("model", "response_model", "model_override", "request_model"),
        tokens=_tokens(record, session),
        cost=Decimal(0) if is_cached else record.money("costUSD", "cost"),
        latency=_latency(record, started),
        error=error_kind(code) if code else None,
        customer=record.text("request_user_id"),
        session=_session(record),
        request=record.text("request_id", "helicone-id"),
        service_tier=RESPONSE_CACHE if is_cached else STANDARD,
    )


def _tokens(record: Fields, session: Session) -> Tokens:
    inputs, outputs = record.count("prompt_tokens"), record.count("completion_tokens")
    cached = record.count("prompt_cache_read_tokens")
    written = record.count("prompt_cache_write_tokens")
    total = record.known_count("total_tokens")
    if cached + written:
        is_nested = total == inputs + outputs
        if not is_nested and total != inputs + outputs + cached + written:
            session.tally.flags["total fits no sum of token classes"] += 1
            is_nested = cached + written <= inputs
        inputs += 0 if is_nested else cached + written
    return Tokens(
        inputs,
        outputs,
        cached,
        written,
        input_audio=record.count("prompt_audio_tokens"),
        output_audio=record.count("completion_audio_tokens"),
    )


def _latency(record: Fields, started: int) -> Optional[int]:
    given = record.milliseconds("delay_ms")
    if given is not None:
        return given
    return milliseconds_between(started, record.known_time("response_created_at"))


def _session(record: Fields) -> str:
    for name in ("request_properties", "properties"):
        session = record.part(name).text("Helicone-Session-Id")
        if session:
            return session
    return ""


FORMAT = Helicone()
