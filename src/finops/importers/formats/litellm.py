"""LiteLLM: the proxy's spend logs, as JSON, JSON Lines, CSV, or text from psql.

`prompt_tokens` contain what was read from and written to caches; where the parts exceed them the
row is of an earlier version that did not, and they are added.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Iterator, Optional, Sequence

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
from finops.importers.tally import Tally
from finops.importers.values import Fields, RejectedError, milliseconds_between

LITELLM = "litellm"


class LiteLlm(Format):
    """Spend logs of the LiteLLM proxy."""

    id = "litellm"
    title = "LiteLLM spend logs"
    has_independent_lines = True
    makes_up_sessions = True

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is a spend log, or an object with a list of them."""
        if "startTime" in record and "spend" in record:
            return True
        return is_page_of(record, "startTime") and is_page_of(record, "spend")

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is a table of spend logs."""
        return {"startTime", "spend"} <= names or {"starttime", "spend"} <= names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the calls of a file."""
        items = self._items(source, session.tally)
        return calls_of(items, lambda item: _call(item, source, session), source, session)

    def _items(self, source: Source, tally: Tally) -> Iterator[Item]:
        """Yield the rows of a file, also those in lists of an object."""
        items = table_records(source, tally) if is_table(source) else json_records(source, tally)
        return unpaged(items, "startTime")


def _call(item: Item, source: Source, session: Session) -> Call:
    record = item.fields
    metadata = record.part("metadata")
    _refuse_summary(record)
    started = record.time("startTime", "starttime")
    failed = record.text("status").lower() == "failure" or _status(metadata) == "failure"
    is_cache_hit = record.flag("cache_hit") is True
    model = record.text("model")
    provider = fold_provider(record.text("custom_llm_provider"))
    tags = record.texts("request_tags")
    refused_by_proxy = failed and not model and not provider
    return Call(
        id=record.text("request_id") or session.id_of(LITELLM, source, item.text),
        time=started,
        provider=LITELLM if refused_by_proxy else provider,
        model=model,
        tokens=_tokens(record, metadata, session),
        cost=Decimal(0) if is_cache_hit or refused_by_proxy else record.money("spend"),
        latency=_latency(record, started),
        error=_error(metadata) if failed else None,
        customer=record.text("end_user", "user"),
        organization=record.text("organization_id", "team_id"),
        product=record.text("model_group"),
        feature=_tag(tags, "feature:"),
        environment=_tag(tags, "env:"),
        session=record.text("session_id"),
        trace=record.text("litellm_call_id"),
        request=record.text("request_id"),
        service_tier=RESPONSE_CACHE if is_cache_hit else _tier(metadata),
        calls=_calls(metadata),
    )


def _refuse_summary(record: Fields) -> None:
    if "startTime" in record and "request_id" not in record and "prompt_tokens" not in record:
        raise RejectedError("a summary, not single calls: add summarize=false")


def _status(metadata: Fields) -> str:
    return metadata.text("status").lower()


def _tokens(record: Fields, metadata: Fields, session: Session) -> Tokens:
    usage = metadata.part("additional_usage_values", "usage_object")
    details = usage.part("prompt_tokens_details")
    outputs = usage.part("completion_tokens_details")
    cached = usage.known_count("cache_read_input_tokens")
    if cached is None:
        cached = details.count("cached_tokens")
    written = usage.known_count("cache_creation_input_tokens")
    if written is None:
        written = details.count("cache_creation_tokens", "cache_write_tokens")
    inputs = record.count("prompt_tokens")
    if cached + written > inputs:
        inputs += cached + written
        session.tally.flags["prompt tokens without cached ones"] += 1
    return Tokens(
        inputs,
        record.count("completion_tokens"),
        cached,
        written,
        _written_1h(usage, details) if written else 0,
        reasoning=outputs.count("reasoning_tokens"),
        input_audio=details.count("audio_tokens"),
        output_audio=outputs.count("audio_tokens"),
    )


def _written_1h(usage: Fields, details: Fields) -> int:
    parts = usage.part("cache_creation_token_details")
    if not parts.values:
        parts = details.part("cache_creation_token_details")
    return parts.count("ephemeral_1h_input_tokens")


def _latency(record: Fields, started: int) -> Optional[int]:
    given = record.milliseconds("request_duration_ms")
    if given is not None:
        return given
    return milliseconds_between(started, record.known_time("endTime", "endtime"))


def _error(metadata: Fields) -> str:
    information = metadata.part("error_information")
    code = information.text("error_code")
    if code:
        return error_kind(code)
    kind = error_kind(information.text("error_class"))
    return error_kind(information.text("error_message")) if kind == "other" else kind


def _tag(tags: Sequence[str], prefix: str) -> str:
    for tag in tags:
        if tag.startswith(prefix):
            return tag[len(prefix) :].strip()
    return ""


def _tier(metadata: Fields) -> str:
    usage = metadata.part("usage_object")
    tier = usage.text("service_tier").lower()
    return STANDARD if tier in ("", "default", "auto") else tier


def _calls(metadata: Fields) -> int:
    """Return how many calls a row stands for: 1, but in rows with the cost of a batch."""
    succeeded = metadata.known_count("batch_successful_requests")
    failed = metadata.known_count("batch_failed_requests")
    if succeeded is None and failed is None:
        return 1
    return (succeeded or 0) + (failed or 0)


FORMAT = LiteLlm()
