"""A summary for programs: every figure whole, what is not known empty."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Dict, Optional, Union

from finops.csv_lines import CsvLines
from finops.summary.figures import percent_or_none
from finops.summary.grouping import Figures, Row, Summary

Value = Union[str, int, float, bool, None]


def as_dict(summary: Summary) -> Dict[str, object]:
    """Return the summary as JSON has it: `by`, `period`, `rows` and `total`."""
    period = summary.period
    return {
        "by": list(summary.by),
        "period": {"start": period.start, "end": period.end, "timezone": period.timezone},
        "rows": [_named(summary, row) for row in summary.rows],
        "total": _figures(summary.total, summary.total),
        "saved_by_caching_usd": summary.saved_by_caching,
        "unpriced_models": list(summary.unpriced_models),
        "skipped_rows": summary.accounting.skipped_rows,
    }


def as_csv(summary: Summary) -> str:
    """Return the rows as CSV with a header, without the total."""
    header = [*summary.by, *_figures(Figures(), Figures()), "change_percent"]
    stream = io.StringIO()
    writer = CsvLines(stream)
    writer.writerow(header)
    for row in summary.rows:
        writer.writerow([_cell(value) for value in _named(summary, row).values()])
    return stream.getvalue()


def _named(summary: Summary, row: Row) -> Dict[str, Value]:
    named: Dict[str, Value] = dict(zip(summary.by, row.names))
    named.update(_figures(row.figures, summary.total))
    named["change_percent"] = percent_or_none(row.change_percent)
    return named


def _figures(figures: Figures, total: Figures) -> Dict[str, Value]:
    """Return the figures of a group; classes of tokens that the data has none of are not known."""
    is_unpriced = bool(figures.unpriced)
    return {
        "cost_usd": None if is_unpriced and not figures.cost else figures.cost,
        "cost_is_lower_bound": is_unpriced,
        "unpriced_calls": figures.unpriced,
        "calls": figures.known_calls,
        "calls_is_lower_bound": bool(figures.calls_unknown),
        "tokens": figures.tokens,
        "input_tokens": figures.input_tokens,
        "cached_input_tokens": figures.known_cached_tokens,
        "cache_write_tokens": _known(figures.cache_write_tokens, total.cache_write_tokens),
        "output_tokens": figures.output_tokens,
        "reasoning_tokens": _known(figures.reasoning_tokens, total.reasoning_tokens),
        "cached_percent": percent_or_none(figures.cached_percent),
    }


def _known(tokens: int, in_all: int) -> Optional[int]:
    return tokens if in_all else None


def _cell(value: Value) -> str:
    """Return a value as a cell: numbers without an exponent, nothing for what is not known."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value)
