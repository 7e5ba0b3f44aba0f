"""Anthropic's usage: pages of the usage API, and the CSV of the console.

A row is an aggregate, and nothing says of how many requests.  Token classes are disjoint.
"""

from __future__ import annotations

from typing import Iterator, Optional, Tuple

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
from finops.importers.call import BATCH, FAST, FLEX, PRIORITY, STANDARD, Call, Tokens
from finops.importers.json_records import Item
from finops.importers.sources import Source
from finops.importers.values import MICROSECONDS, Fields, RejectedError

ANTHROPIC = "anthropic"
_DAY = 86400 * MICROSECONDS
_SHORT_CONTEXT = 200_000
# Parts of a result that are figures; all others are dimensions.
_FIGURES = frozenset(
    {"cache_creation", "server_tool_use", "web_search_count", "starting_at", "ending_at"}
    | {"amount", "cost_usd"}
)


class AnthropicUsage(Format):
    """Aggregates of Anthropic's usage API and console."""

    id = "anthropic-usage"
    title = "Anthropic usage API pages, console CSV"
    remarks = ("daily totals without a request count, not single calls",)

    def recognizes(self, record: Fields) -> bool:
        """Return whether this is a page, or a bucket of one."""
        buckets = record.value("data")
        first = buckets[0] if isinstance(buckets, list) and buckets else record.values
        return isinstance(first, dict) and "starting_at" in first and "results" in first

    def recognizes_columns(self, names: Names) -> bool:
        """Return whether this is the console's CSV, of usage or of costs."""
        return "usage_date_utc" in names

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield an aggregate for each result of each bucket, or each row."""
        items = _items(source, session)
        return calls_of(items, lambda item: _call(item, session), source, session)

    def charges(self, source: Source, session: Session) -> Iterator[Charge]:
        """Yield the amounts of a cost report, of the API in cents, of the console in dollars."""
        return charges_of(_items(source, session), _charge, source, session)


def _items(source: Source, session: Session) -> Iterator[Item]:
    return bucket_results(source, session, ("starting_at", "ending_at"), ("results",))


def _call(item: Item, session: Session) -> Optional[Call]:
    record = item.fields
    if _is_charge(record):
        session.tally.skipped["rows of a bill"] += 1
        session.tally.note("a cost report is a bill: compare it with 'analyze --bill'")
        return None
    start, end = _period(record)
    geo = record.text("inference_geo")
    geo = "" if geo in ("not_available", "global") else geo
    return Call(
        id=_id(record, start, end),
        time=start,
        provider=ANTHROPIC,
        model=record.text("model", "model_version"),
        tokens=_tokens(record),
        organization=record.text("workspace_id", "workspace"),
        feature=record.text("api_key_id", "api_key"),
        region=geo,
        geo=geo,
        speed=record.text("speed"),
        service_tier=_tier(record),
        web_searches=_web_searches(record),
        context_tokens=_context(record.text("context_window")),
        calls=0,
        bucket_s=(end - start) // MICROSECONDS,
    )


def _is_charge(record: Fields) -> bool:
    return "amount" in record or "cost_usd" in record


def _charge(item: Item) -> Optional[Charge]:
    record = item.fields
    if not _is_charge(record):
        return None
    cents = record.money("amount")
    amount = record.money("cost_usd") if cents is None else cents / 100
    if amount is None:
        raise RejectedError("no cost")
    start, end = _period(record)
    return Charge(
        _id(record, start, end),
        start,
        end,
        ANTHROPIC,
        record.text("model", "model_version"),
        amount,
        record.text("currency"),
    )


def _period(record: Fields) -> Tuple[int, int]:
    start = record.time("starting_at", "usage_date_utc")
    end = record.time("ending_at") if "ending_at" in record else start + _DAY
    if end <= start:
        raise RejectedError("ends before it starts")
    return start, end


def _tokens(record: Fields) -> Tokens:
    created = record.part("cache_creation")
    brief = created.count("ephemeral_5m_input_tokens")
    brief += record.count("usage_input_tokens_cache_write_5m")
    long = created.count("ephemeral_1h_input_tokens")
    long += record.count("usage_input_tokens_cache_write_1h")
    cached = record.count("cache_read_input_tokens", "usage_input_tokens_cache_read")
    plain = record.count("uncached_input_tokens", "usage_input_tokens_no_cache")
    return Tokens(
        input=plain + cached + brief + long,
        output=record.count("output_tokens", "usage_output_tokens"),
        cached=cached,
        written=brief + long,
        written_1h=long,
    )


def _web_searches(record: Fields) -> int:
    tools = record.part("server_tool_use")
    return tools.count("web_search_requests") + record.count("web_search_count")


def _context(window: str) -> int:
    """Return tokens that stand for a context window, 0 where it is the short one or not said."""
    plain = window.replace(" ", "").lower()
    is_short = not plain or plain.startswith(("0-", "≤", "<"))
    return 0 if is_short else _SHORT_CONTEXT + 1


def _tier(record: Fields) -> str:
    words = f"{record.text('service_tier')} {record.text('usage_type')}".lower()
    if record.text("speed").lower() == FAST:
        return FAST
    for tier in (BATCH, PRIORITY, FLEX):
        if tier in words:
            return tier
    return STANDARD


def _id(record: Fields, start: int, end: int) -> str:
    """Return an id made of the period and all dimensions, and of no figures."""
    names = [name for name in sorted(record) if name not in _FIGURES and "tokens" not in name]
    return digest_of(str(start), str(end), *(f"{name}={record.text(name)}" for name in names))


FORMAT = AnthropicUsage()
