"""Any table of calls: columns by their names, or by `--map`.

Numbers are plain: a thousands separator is rejected, for it may be a decimal comma.
"""

from __future__ import annotations

from typing import Dict, Iterator, Mapping, Optional

from finops.business.names import fold_provider
from finops.errors import DataError
from finops.importers.base import Entry, Format, Session, calls_of, error_kind, shown_names
from finops.importers.call import COLUMNS, DESCRIBING, STANDARD, Call, Tokens
from finops.importers.json_records import Item
from finops.importers.sources import Source
from finops.importers.table_records import header_of, table_records
from finops.importers.values import Fields, RejectedError, as_time_of
from finops.timestamps import zone_of

_REQUIRED = ("timestamp", "model", "input_tokens", "output_tokens")
_CURRENCY = "currency"
_FAILURES = frozenset(
    {"error", "failure", "failed", "timeout", "cancelled", "canceled", "rate_limit", "rate_limited"}
)


class CsvFile(Format):
    """A table of calls."""

    id = "csv"
    title = "any table of calls, with --map"
    reads_any_table = True
    mapped = (*COLUMNS, _CURRENCY)

    def read(self, source: Source, session: Session) -> Iterator[Entry]:
        """Yield the calls of a table.  Raises DataError where a required column is missing."""
        columns = _columns(source, session.options.columns)
        rows = table_records(source, session.tally)
        items = (Item(row.line, _renamed(row.fields, columns), row.text) for row in rows)
        return calls_of(items, lambda item: _call(item, source, session), source, session)


def _columns(source: Source, mapped: Mapping[str, str]) -> Dict[str, str]:
    """Return which column holds each field that the table has."""
    header = header_of(source)
    by_name = {name.lower(): name for name in reversed(header)}
    columns = {field: by_name[field] for field in CsvFile.mapped if field in by_name}
    for field, column in mapped.items():
        if column not in header and column.lower() not in by_name:
            raise DataError(f"{source.label} has no column {column}; it has {shown_names(header)}")
        columns[field] = column if column in header else by_name[column.lower()]
    missing = [field for field in _REQUIRED if field not in columns]
    if missing:
        raise DataError(
            f"{source.label} has no column {', '.join(missing)}; name the columns with"
            f" --map {missing[0]}=COLUMN,… (it has {shown_names(header)})"
        )
    return columns


def _renamed(row: Fields, columns: Mapping[str, str]) -> Fields:
    return Fields({field: row.values.get(column) for field, column in columns.items()})


def _call(item: Item, source: Source, session: Session) -> Optional[Call]:
    record = item.fields
    tokens = _tokens(record)
    cost = record.money("cost_usd")
    if cost == 0 and any(tokens):
        session.tally.flags["cost 0 with tokens"] += 1
    error = _error(record)
    calls = record.known_count("calls")
    extra = [(name, record.text(name)) for name in DESCRIBING if name != "customer_id"]
    return Call(
        id=record.text("call_id") or session.id_of("csv", source, item.text),
        time=as_time_of(record.value("timestamp"), zone_of(session.options.input_timezone)),
        provider=fold_provider(record.text("provider"))
        or session.provider_of(record.text("model")),
        model=record.text("model"),
        tokens=tokens,
        cost=cost,
        latency=record.milliseconds("latency_ms"),
        error=error,
        customer=record.text("customer_id"),
        service_tier=record.text("service_tier").lower() or STANDARD,
        calls=1 if calls is None else calls,
        bucket_s=record.known_count("bucket_s") or None,
        currency=record.text(_CURRENCY) or "USD",
        extra=tuple((name, text) for name, text in extra if text),
    )


def _tokens(record: Fields) -> Tokens:
    if record.value("input_tokens") in (None, "") and not record.text("cost_usd"):
        raise RejectedError("no tokens")
    tokens = Tokens(
        input=record.count("input_tokens"),
        output=record.count("output_tokens"),
        cached=record.count("cached_input_tokens"),
        written=record.count("cache_write_tokens"),
        written_1h=record.count("cache_write_1h_tokens"),
        reasoning=record.count("reasoning_tokens"),
    )
    if tokens.cached + tokens.written > tokens.input:
        raise RejectedError("cached above input")
    return tokens


def _error(record: Fields) -> Optional[str]:
    status = record.text("status").lower().replace(" ", "_").replace("-", "_")
    kind = record.text("error_type")
    is_code = len(status) == 3 and status.isdigit() and status[0] in "45"
    if not (status in _FAILURES or is_code):
        return None
    return kind or error_kind(status if is_code or status != "error" else "")


FORMAT = CsvFile()
