"""OpenAI's usage: pages of the usage API, and the CSV of the dashboard.

A row is an aggregate of many requests.  `input_tokens` contain the cached ones;
`input_text_tokens` are the uncached text only and no total.
"""

from __future__ import annotations

from typing import Iterator, List, NamedTuple, Optional

from finops.importers.base import (
    Charge,
    Entry,
    Format,
    Names,
    Session,
    calls_of,
    charges_of,
    digest_of,
)
from finops.importers.buckets import bucket_results
from finops.importers.call import BATCH, STANDARD, Call, Tokens
from finops.importers.json_records import Item
from finops.importers.sources import Source
from finops.importers.values import MICROSECONDS, Fields, RejectedError

OPENAI = "openai"
_BILL = "organization.costs.result"
_FIGURES = frozenset(
    {"object", "num_model_requests", "num_requests", "amount", "amount_value", "quantity"}
)


_RESULT = ".result"


class _Bucket(NamedTuple):
    """A period, in microseconds since 1970."""

    start: int
    end: int


class OpenAiUsage(Format):
    """Aggregates of OpenAI's usage API and dashboard."""

    id = "openai-usage"
    title = "OpenAI usage API pages, dashboard CSV"
    remarks = ("daily totals, not single calls",)

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is a page, or a bucket of one."""
        if record.text("object") == "page":
            return "data" in record
        return record.text("object") == "bucket" and ("results" in record or "result" in record)

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is the dashboard's CSV."""
        return {"start_time_iso", "num_model_requests"} <= names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield an aggregate for each result of each bucket, or each row."""
        items = _items(source, session)
        return calls_of(items, lambda item: _call(item, session), source, session)

    def charges(self, source: Source, session: Session) -> Iterator[Charge]:
        """Yield the amounts of a cost report."""
        return charges_of(_items(source, session), _charge, source, session)


def _items(source: Source, session: Session) -> Iterator[Item]:
    return bucket_results(source, session, ("start_time", "end_time"), ("results", "result"))


def _call(item: Item, session: Session) -> Optional[Call]:
    record = item.fields
    if _is_charge(record):
        session.tally.skipped["rows of a bill"] += 1
        session.tally.note("a cost report is a bill: compare it with 'analyze --bill'")
        return None
    calls = record.known_count("num_model_requests", "num_requests")
    if _is_not_in_tokens(record):
        session.tally.skipped["usage not in tokens"] += 1
        session.tally.note("images, speech and storage are not counted in tokens: left out")
        return None
    tokens = _tokens(record)
    if calls is None and not any(tokens):
        session.tally.skipped["empty periods"] += 1
        return None
    model = record.text("model")
    if not model:
        session.tally.note("rows without a model have no price: export again grouped by model")
    bucket = _bucket(record)
    return Call(
        id=_id(record, bucket),
        time=bucket.start,
        provider=OPENAI,
        model=model,
        tokens=tokens,
        customer=record.text("user_id"),
        organization=record.text("project_id"),
        feature=record.text("api_key_id"),
        service_tier=_tier(record),
        calls=calls or 0,
        bucket_s=(bucket.end - bucket.start) // MICROSECONDS,
    )


def _is_not_in_tokens(record: Fields) -> bool:
    """Return whether this is a result of the API that has no key for tokens."""
    return record.text("object").endswith(_RESULT) and not any("tokens" in name for name in record)


def _is_charge(record: Fields) -> bool:
    return record.text("object") == _BILL or "amount" in record or "amount_value" in record


def _charge(item: Item) -> Optional[Charge]:
    """Return an amount of a cost report; a line item such as `gpt-4o, input` names the model."""
    record = item.fields
    if not _is_charge(record):
        return None
    inner = record.part("amount")
    amount = inner.money("value") if inner.values else record.money("amount_value")
    if amount is None:
        raise RejectedError("no cost")
    bucket = _bucket(record)
    return Charge(
        _id(record, bucket),
        bucket.start,
        bucket.end,
        OPENAI,
        record.text("line_item").partition(",")[0].strip(),
        amount,
        inner.text("currency") or record.text("amount_currency"),
    )


def _tokens(record: Fields) -> Tokens:
    return Tokens(
        input=record.count("input_tokens"),
        output=record.count("output_tokens"),
        cached=record.count("input_cached_tokens"),
        written=record.count("input_cache_write_tokens"),
        input_audio=record.count("input_audio_tokens"),
        output_audio=record.count("output_audio_tokens"),
    )


def _bucket(record: Fields) -> _Bucket:
    bucket = _Bucket(
        record.time("start_time", "start_time_iso"), record.time("end_time", "end_time_iso")
    )
    if bucket.end <= bucket.start:
        raise RejectedError("ends before it starts")
    return bucket


def _tier(record: Fields) -> str:
    if record.flag("batch"):
        return BATCH
    tier = record.text("service_tier").lower()
    return STANDARD if tier in ("", "default", "auto") else tier


def _id(record: Fields, bucket: _Bucket) -> str:
    """Return an id made of the period and all dimensions, and of no figures."""
    dimensions: List[str] = [str(bucket.start), str(bucket.end)]
    for name in sorted(record):
        if not (name.endswith("_tokens") or name in _FIGURES or "_time" in name):
            dimensions.append(f"{name}={_dimension(record, name)}")
    return digest_of(*dimensions)


def _dimension(record: Fields, name: str) -> str:
    flag = record.flag(name)
    return record.text(name) if flag is None else str(flag)


FORMAT = OpenAiUsage()
