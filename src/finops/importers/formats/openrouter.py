"""OpenRouter: the activity CSV, a row a generation, and the daily activity of its API.

`cost_total` already contains the other costs, but for what was paid with an own key.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Iterator, Optional

from finops.business.names import fold_provider
from finops.importers.base import Entry, Format, Names, Session, calls_of, digest_of
from finops.importers.call import FREE, STANDARD, Call, Tokens
from finops.importers.json_records import Item, json_records
from finops.importers.kinds import is_table
from finops.importers.sources import Source
from finops.importers.table_records import table_records
from finops.importers.values import Fields, RejectedError

OPENROUTER = "openrouter"
_DAY_S = 86400


class OpenRouter(Format):
    """Activity of OpenRouter."""

    id = OPENROUTER
    title = "OpenRouter activity CSV and API"

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is an answer of the activity API, or a day of it."""
        days = record.value("data")
        first = days[0] if isinstance(days, list) and days else record.values
        return isinstance(first, dict) and "endpoint_id" in first and "requests" in first

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is the activity CSV."""
        return "generation_id" in names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield a call for each row, or an aggregate for each day and endpoint."""
        if is_table(source):
            rows = table_records(source, session.tally)
            return calls_of(rows, lambda item: _generation(item, source, session), source, session)
        days = _days(json_records(source, session.tally), source, session)
        return calls_of(days, _day, source, session)


def _days(items: Iterator[Item], source: Source, session: Session) -> Iterator[Item]:
    for item in items:
        try:
            rows = item.fields.parts("data") if "data" in item.fields else [item.fields]
        except RejectedError as error:
            session.tally.reject(source.label, item.line, str(error))
            continue
        for row in rows:
            yield Item(item.line, row, "")


def _generation(item: Item, source: Source, session: Session) -> Optional[Call]:
    record = item.fields
    failed = record.text("finish_reason_normalized").lower() == "error"
    return Call(
        id=record.text("generation_id") or session.id_of(OPENROUTER, source, item.text),
        time=record.time("created_at"),
        provider=fold_provider(record.text("provider_name")),
        model=record.text("model_permaslug", "model"),
        tokens=Tokens(
            input=record.count("tokens_prompt"),
            output=record.count("tokens_completion"),
            cached=record.count("tokens_cached"),
            reasoning=record.count("tokens_reasoning"),
        ),
        cost=_cost(record, "cost_total"),
        latency=record.milliseconds("generation_time_ms"),
        error="other" if failed else None,
        customer=record.text("user"),
        product=record.text("app_name"),
        feature=record.text("api_key_name"),
        request=record.text("generation_id"),
        service_tier=FREE if record.text("variant").lower() == FREE else STANDARD,
    )


def _day(item: Item) -> Optional[Call]:
    record = item.fields
    start = record.time("date")
    names = ("date", "endpoint_id", "model", "model_permaslug", "provider_name", "api_key_hash")
    return Call(
        id=digest_of(*(record.text(name) for name in names)),
        time=start,
        provider=fold_provider(record.text("provider_name")),
        model=record.text("model_permaslug", "model"),
        tokens=Tokens(
            input=record.count("prompt_tokens"),
            output=record.count("completion_tokens"),
            reasoning=record.count("reasoning_tokens"),
        ),
        cost=_cost(record, "usage"),
        calls=record.count("requests"),
        bucket_s=_DAY_S,
    )


def _cost(record: Fields, name: str) -> Optional[Decimal]:
    total, own_key = record.money(name), record.money("byok_usage_inference")
    if total is None and own_key is None:
        return None
    return (total or Decimal(0)) + (own_key or Decimal(0))


FORMAT = OpenRouter()
