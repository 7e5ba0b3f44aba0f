"""From a received event to a row of the CSV, checked so that every reader will use it.

Two dialects come in: completions as Revenium's SDK sends them, and events in the call
record's own names.  Both become a dict by column and pass the same checks; whatever the
reader would skip is refused here, while the sender can still be answered.
"""

from __future__ import annotations

import csv
import io
import re
import time
import uuid
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema, timestamps
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.business.names import GATEWAYS, behind_gateway, fold_provider
from finops.business.usage import Usage
from finops.reader.fields import BadValueError, parse_time
from finops.reader.header import Header
from finops.reader.options import ReadingRules
from finops.reader.row_validator import RowValidator
from finops.reader.words import SERVER_ERROR, error_of_code, error_type_of, status_of

Event = Mapping[str, Any]

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]").search
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
_STAMP = re.compile(r"[0-9]{9,16}(?:\.[0-9]{1,9})?").fullmatch
_MILLISECONDS_FROM = 1e11  # as seconds this would be the year 5138
_FIRST_TIME = timestamps.timestamp(timestamps.EPOCH)
_PICO_DOLLAR = Decimal("1e-12")
_DAY = len("2025-01-01")
_COLUMNS = {column.name: column for column in schema.COLUMNS}
_KINDS = {name: _COLUMNS[name].kind for name in schema.FULL_NAMES}
# Tokens that are part of other tokens.
_PARTS = (
    ("cached_input_tokens", "input_tokens"),
    ("cache_write_tokens", "input_tokens"),
    ("cache_write_1h_tokens", "cache_write_tokens"),
    ("reasoning_tokens", "output_tokens"),
)

# The reader's own judgement on a finished row; times ahead of now are refused before it.
_READER = RowValidator(
    Header(
        {name: index for index, name in enumerate(schema.FULL_NAMES)},
        len(schema.FULL_NAMES),
        schema.FULL_HEADER_LINE.rstrip("\n").encode("ascii"),
        len(schema.FULL_HEADER_LINE),
        (),
    ),
    ReadingRules(),
)

# What the SDK calls the columns that are taken over as they are.
_SDK_TEXTS = {
    "transactionId": "call_id",
    "subscriptionTier": "subscription_tier",
    "organizationName": "organization_id",
    "productName": "product_id",
    "taskType": "task_type",
    "traceId": "trace_id",
    "environment": "environment",
    "region": "region",
}
SDK_REQUIRED = (
    "model",
    "provider",
    "inputTokenCount",
    "outputTokenCount",
    "totalTokenCount",
    "requestTime",
    "completionStartTime",
    "responseTime",
    "requestDuration",
    "stopReason",
)
_FAILED = {"ERROR": SERVER_ERROR, "TIMEOUT": "timeout", "CANCELLED": "cancelled"}


class FieldError(Exception):
    """A field that cannot be taken: its name as the sender wrote it, and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class Row(NamedTuple):
    """A checked row: its id, its time in canonical form, and its line with the line end.

    `cells` are those of the line, which has all columns that writers know.
    """

    call_id: str
    time: str
    line: bytes
    cells: Tuple[str, ...]

    def first_columns(self) -> bytes:
        """Return the line of a file that has none of the further columns."""
        return _line(self.cells[: len(schema.WRITTEN_NAMES)])


def from_completion(event: Event, prices: PriceTable = DEFAULT_PRICES) -> Row:
    """Return the row of a completion as the SDK sends it.  Raises FieldError."""
    for name in SDK_REQUIRED:
        if _is_blank(event.get(name)):
            raise FieldError(name, "is required")
    row = {column: _text(event, name) for name, column in _SDK_TEXTS.items()}
    source = _text(event, "modelSource")
    provider, model = _folded(_text(event, "provider"), _text(event, "model"), source)
    row.update(provider=provider, model=model)
    row["timestamp"] = _time(event, "requestTime")
    row.update(_input_tokens(event, provider, model))
    row["output_tokens"] = str(_integer(event, "outputTokenCount", config.MAX_TOKENS))
    row["reasoning_tokens"] = _count(event, "reasoningTokenCount")
    _integer(event, "totalTokenCount", 2 * config.MAX_TOKENS)
    row["latency_ms"] = str(_integer(event, "requestDuration", config.MAX_LATENCY_MS))
    row["cost_usd"] = _money(event, "totalCost")
    row["customer_id"] = _customer(event)
    row.update(_status(event))
    return _finish(row, prices)


def from_record(event: Any, prices: PriceTable = DEFAULT_PRICES) -> Row:
    """Return the row of an event in the call record's names, flat or under `metadata`.

    Raises FieldError.
    """
    if not isinstance(event, dict):
        raise FieldError("", "an event must be an object")
    nested = event.get("metadata")
    if nested is not None and not isinstance(nested, dict):
        raise FieldError("metadata", "must be an object")
    flat = {name: _either(event, nested or {}, name) for name in _KINDS}
    for name in schema.REQUIRED_COLUMNS:
        if _is_blank(flat[name]):
            raise FieldError(name, "is required")
    row = {name: _record_value(flat, name) for name in _KINDS}
    provider = row["provider"] or prices.provider_of(row["model"]) or config.UNKNOWN
    row["provider"], row["model"] = _folded(provider, row["model"])
    row["customer_id"] = row["customer_id"] or config.UNALLOCATED
    status = status_of(row["status"])
    if status.status != config.UNKNOWN:
        row["status"] = status.status
        row["error_type"] = error_type_of(row["error_type"]) or status.error_type
    return _finish(row, prices)


def _folded(provider: str, model: str, source: str = "") -> Tuple[str, str]:
    """Return who is paid for which model, as the catalogue names them as far as it knows them.

    `source` is who made the model, behind a gateway.  A name that is not known stays as it came.
    """
    paid = fold_provider(provider)
    if paid in GATEWAYS:
        paid = behind_gateway(model, source) or paid
    known = DEFAULT_PRICES.find(paid, model)
    return paid, (model if known is None or known.provider != paid else known.name)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip(" "))


def _either(event: Event, nested: Event, name: str) -> Any:
    value = event.get(name)
    return nested.get(name) if value is None else value


def _record_value(event: Event, name: str) -> str:
    kind = _KINDS[name]
    if kind == "time":
        return _time(event, name)
    if kind == "money":
        return _money(event, name)
    if kind == "int":
        if event.get(name) is None:
            return ""
        return str(_integer(event, name, _COLUMNS[name].limit or 2 * config.MAX_TOKENS))
    return _text(event, name)


def _finish(row: Dict[str, str], prices: PriceTable) -> Row:
    """Fill in what follows from the rest, check the texts, and return the row."""
    tokens_in, tokens_out = int(row["input_tokens"]), int(row["output_tokens"])
    row["call_id"] = row.get("call_id") or f"call_{uuid.uuid4().hex}"
    row["total_tokens"] = str(tokens_in + tokens_out)
    _check_parts(row)
    _settle_cost(row, prices)
    if not row.get("tier_price_usd"):
        price = config.tier_price(row.get("subscription_tier", ""))
        row["tier_price_usd"] = "" if price is None else _plain(price)
    cells = tuple(row.get(name, "") for name in schema.FULL_NAMES)
    line = _line(cells)
    try:
        _READER.validate(line[:-1])
    except BadValueError as error:
        raise FieldError("", f"the row would not be read: {error}") from None
    return Row(row["call_id"], row["timestamp"], line, cells)


def _line(cells: Sequence[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue().encode("utf-8")


def _text(event: Event, name: str) -> str:
    """Return a text as it may stand in the CSV; "" where it is absent or null."""
    value = event.get(name)
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise FieldError(name, "must be text")
    text = value.strip(" ")
    if len(text) > config.COLLECT_MAX_TEXT:
        raise FieldError(name, f"is longer than {config.COLLECT_MAX_TEXT} characters")
    if _CONTROL(text):
        raise FieldError(name, "holds a control character")
    column = _SDK_TEXTS.get(name, name)
    if _KINDS.get(column, "id") == "id" and text.startswith(_FORMULA):
        raise FieldError(name, "begins like a spreadsheet formula")
    return text


def _integer(event: Event, name: str, limit: int) -> int:
    """Return a whole number from 0 to `limit`; fractions of counts are rounded."""
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(name, "must be a number")
    if value < 0 or value > limit:
        raise FieldError(name, f"must be from 0 to {limit}")
    return round(value)


def _money(event: Event, name: str) -> str:
    """Return an amount of USD in plain digits; "" where it is absent or null."""
    value = event.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise FieldError(name, "must be a number")
    if value < 0 or value > config.MAX_COST_USD:
        raise FieldError(name, f"must be from 0 to {config.MAX_COST_USD:.0f}")
    return _plain(value)


def _plain(amount: float) -> str:
    return _decimal(Decimal(repr(amount)))


def _decimal(amount: Decimal) -> str:
    """Return USD in plain digits, to the pico-dollar."""
    return format(amount.quantize(_PICO_DOLLAR, ROUND_HALF_UP).normalize() + 0, "f")


def _check_parts(row: Mapping[str, str]) -> None:
    """Raise FieldError where tokens that are part of others are more than these."""
    for part, whole in _PARTS:
        if _tokens(row, part) > _tokens(row, whole):
            raise FieldError(part, f"is part of {whole} and must not be more")
    if _tokens(row, "cached_input_tokens") + _tokens(row, "cache_write_tokens") > _tokens(
        row, "input_tokens"
    ):
        raise FieldError("cache_write_tokens", "and what was read are more than input_tokens")


def _tokens(row: Mapping[str, str], name: str) -> int:
    return int(row.get(name) or 0)


def _settle_cost(row: Dict[str, str], prices: PriceTable) -> None:
    """Fill in what the price table says, and the cost where none was sent."""
    row["list_cost_usd"] = _list_price(row, prices)
    if row.get("cost_usd"):
        row["cost_source"] = row.get("cost_source") or "source"
    else:
        row["cost_usd"] = row["list_cost_usd"]
        row["cost_source"] = "list" if row["cost_usd"] else "none"


def _list_price(row: Mapping[str, str], prices: PriceTable) -> str:
    """Return what the price table says of a row, "" where it does not know.

    A guess in its place could never be distinguished from a cost that was recorded.
    """
    usage = Usage(
        row["provider"],
        row["model"],
        _tokens(row, "input_tokens"),
        _tokens(row, "output_tokens"),
        _tokens(row, "cached_input_tokens"),
        _tokens(row, "cache_write_tokens"),
        _tokens(row, "cache_write_1h_tokens"),
        _tokens(row, "reasoning_tokens"),
        row.get("service_tier", ""),
        row["timestamp"][:_DAY],
        context_tokens=0 if _is_aggregate(row) else None,
    )
    cost = prices.price_of(usage)
    return "" if cost is None else _decimal(Decimal(cost.numerator) / cost.denominator)


def _is_aggregate(row: Mapping[str, str]) -> bool:
    return bool(row.get("bucket_s")) or row.get("calls", "") not in ("", "1")


def _time(event: Event, name: str) -> str:
    """Return a time in the canonical form; seconds and milliseconds since 1970 are taken."""
    value = event.get(name)
    try:
        if isinstance(value, str) and not _STAMP(value):
            text = parse_time(value.encode("utf-8")).decode("ascii")
        elif isinstance(value, (int, float, str)) and not isinstance(value, bool):
            text = _from_stamp(float(value))
        else:
            raise FieldError(name, "must be a time")
    except (BadValueError, ValueError, OverflowError):
        raise FieldError(name, "is not an ISO 8601 time or a Unix time") from None
    ahead = timedelta(hours=config.FUTURE_TOLERANCE_HOURS)
    if text < _FIRST_TIME:
        raise FieldError(name, "is not an ISO 8601 time or a Unix time")
    if text > timestamps.timestamp(timestamps.from_seconds(time.time()) + ahead):
        raise FieldError(name, "lies in the future")
    return text


def _from_stamp(stamp: float) -> str:
    seconds = stamp / 1000 if stamp >= _MILLISECONDS_FROM else stamp
    if seconds < 0:
        raise ValueError
    return timestamps.timestamp(timestamps.from_seconds(seconds))


def _customer(event: Event) -> str:
    subscriber = event.get("subscriber")
    if subscriber is None:
        return config.UNALLOCATED
    if not isinstance(subscriber, dict):
        raise FieldError("subscriber", "must be an object")
    for name in ("id", "email"):
        try:
            text = _text(subscriber, name)
        except FieldError as error:
            raise FieldError(f"subscriber.{name}", error.reason) from None
        if text:
            return text
    return config.UNALLOCATED


def _status(event: Event) -> Dict[str, str]:
    failure = _FAILED.get(_text(event, "stopReason").upper())
    if failure is None:
        return {"status": schema.STATUS_SUCCESS, "error_type": ""}
    code = event.get("errorCode")
    if failure == SERVER_ERROR and isinstance(code, int) and 400 <= code < 600:
        failure = error_of_code(code)
    return {"status": schema.STATUS_ERROR, "error_type": failure}


def _input_tokens(event: Event, provider: str, model: str) -> Dict[str, str]:
    """Return all input tokens, each once, and which of them went through a cache.

    The SDK counts tokens written to a cache beside the input.  Tokens read from one are
    inside it for OpenAI, Azure and Google, and beside it for Claude models, whichever
    provider serves them.
    """
    tokens = _integer(event, "inputTokenCount", config.MAX_TOKENS)
    written = _optional_count(event, "cacheCreationTokenCount")
    read = _optional_count(event, "cacheReadTokenCount")
    beside = provider in ("anthropic", "aws-bedrock") or "claude" in model.lower()
    total = tokens + written + (read if beside or read > tokens else 0)
    if total > config.MAX_TOKENS:
        raise FieldError("inputTokenCount", f"must be from 0 to {config.MAX_TOKENS}")
    return {
        "input_tokens": str(total),
        "cached_input_tokens": _count(event, "cacheReadTokenCount"),
        "cache_write_tokens": _count(event, "cacheCreationTokenCount"),
    }


def _count(event: Event, name: str) -> str:
    """Return a count as text, "" where it is absent or null."""
    return "" if event.get(name) is None else str(_integer(event, name, config.MAX_TOKENS))


def _optional_count(event: Event, name: str) -> int:
    if event.get(name) is None:
        return 0
    return _integer(event, name, config.MAX_TOKENS)


def error_text(error: FieldError) -> str:
    """Return a field error as one sentence; field names are ours, never the sender's text."""
    subject: Optional[str] = error.field or None
    return f"{subject} {error.reason}." if subject else f"{error.reason.capitalize()}."
