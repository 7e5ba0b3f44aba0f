"""The figures of a summary as cells of a table, and the sentences below it."""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple

from finops.summary.display import visible
from finops.summary.grouping import CHANGE_DAYS, TIMES, Figures, Row, Summary
from finops.summary.layout import Column

NOT_KNOWN = "-"
_AT_LEAST = "≥ "
_MOST_MODELS = 5
TOTAL = "total"
COST_HEADING = "cost USD"


class _Measure(NamedTuple):
    """A column of token figures: what is counted, and whether 0 in all means not known.

    The value of a group is None where none of its sources says.
    """

    heading: str
    value: Callable[[Figures], Optional[int]]
    dropped: int
    may_be_unknown: bool = False


_TOKENS: Tuple[_Measure, ...] = (
    _Measure("tokens", lambda figures: figures.tokens, 8),
    _Measure("input", lambda figures: figures.input_tokens, 7),
    _Measure("cached", lambda figures: figures.known_cached_tokens, 5, True),
    _Measure("cache write", lambda figures: figures.cache_write_tokens, 2, True),
    _Measure("output", lambda figures: figures.output_tokens, 6),
    _Measure("reasoning", lambda figures: figures.reasoning_tokens, 1, True),
)


def columns_of(summary: Summary) -> List[Column]:
    """Return the columns of the table.

    Token classes of which the data has none are left out: few sources know them all.
    """
    columns = [
        Column(name, (*(visible(row.names[place]) for row in summary.rows), _total_name(place)), 0)
        for place, name in enumerate(summary.by)
    ]
    columns = [column._replace(is_name=True) for column in columns]
    columns.append(Column(COST_HEADING, _costs(summary)))
    columns.append(Column("calls", _each(summary, lambda row: calls_text(row.figures)), 9))
    for measure in _TOKENS:
        if measure.value(summary.total) or not measure.may_be_unknown:
            columns.append(_tokens(summary, measure))
    if summary.total.cached_input_tokens:
        columns.append(Column("cached %", _each(summary, _cached_share), 4))
    if any(row.change_percent is not None for row in summary.rows):
        columns.append(Column(change_heading(summary), _each(summary, _change), 3))
    return columns


def _total_name(place: int) -> str:
    return "" if place else TOTAL


def _each(summary: Summary, text: Callable[[Row], str]) -> Tuple[str, ...]:
    return tuple(map(text, (*summary.rows, Row((), summary.total, None))))


def _tokens(summary: Summary, measure: _Measure) -> Column:
    def text(row: Row) -> str:
        tokens = measure.value(row.figures)
        return NOT_KNOWN if tokens is None else f"{tokens:,}"

    return Column(measure.heading, _each(summary, text), measure.dropped)


def change_heading(summary: Summary) -> str:
    """Return what the change is called: from one time to the next, or of the last days."""
    return "change" if set(summary.by) & set(TIMES) else f"change {CHANGE_DAYS}d"


def calls_text(figures: Figures) -> str:
    """Return the number of calls as far as it is known.

    >>> calls_text(Figures(calls=1200)), calls_text(Figures(calls=2, calls_unknown=1))
    ('1,200', '≥ 2')
    >>> calls_text(Figures(calls_unknown=1))
    '-'
    """
    calls = figures.known_calls
    if calls is None:
        return NOT_KNOWN
    return f"{_AT_LEAST if figures.calls_unknown else ''}{calls:,}"


def _cached_share(row: Row) -> str:
    percent = row.figures.cached_percent
    return NOT_KNOWN if percent is None else f"{percent:.1f}"


def _change(row: Row) -> str:
    return NOT_KNOWN if row.change_percent is None else f"{row.change_percent:+,.1f}%"


def _costs(summary: Summary) -> Tuple[str, ...]:
    decimals = 2 if abs(summary.total.cost) >= 1 else 6
    return _each(summary, lambda row: cost_text(row.figures, decimals))


def cost_text(figures: Figures, decimals: int = 2) -> str:
    """Return a cost; as a bound where calls have no price, and never 0 for what is not 0.

    >>> cost_text(Figures(cost=1234.5)), cost_text(Figures(cost=0.001))
    ('1,234.50', '<0.01')
    >>> cost_text(Figures(cost=2.0, unpriced=1)), cost_text(Figures(unpriced=1))
    ('≥ 2.00', '-')
    """
    smallest = 10.0**-decimals
    if figures.unpriced and not figures.cost:
        return NOT_KNOWN
    if 0 < figures.cost < smallest / 2:
        text = f"<{smallest:.{decimals}f}"
    else:
        text = f"{figures.cost:,.{decimals}f}"
    return f"{_AT_LEAST}{text}" if figures.unpriced else text


def sentences_of(summary: Summary, left_out: Sequence[str] = ()) -> List[str]:
    """Return what is to be said of the figures, each in a sentence."""
    total, accounting = summary.total, summary.accounting
    sentences = [
        f"not shown at this width: {', '.join(left_out)}" if left_out else "",
        _unpriced(summary),
        "- in calls: this source has no request count" if total.calls_unknown else "",
        _unknown_cache(total),
        _caching(summary.saved_by_caching),
        f"costs are net of credits of {total.credits:,.2f} USD" if total.credits else "",
        _skipped(accounting.skipped_rows),
        _repeated(accounting.repeated_records),
        f"days are those of {summary.period.timezone}" if set(summary.by) & set(TIMES) else "",
    ]
    return [visible(sentence) for sentence in sentences if sentence]


def _unpriced(summary: Summary) -> str:
    if not summary.total.unpriced:
        return ""
    models = summary.unpriced_models
    more = f" and {len(models) - _MOST_MODELS} more" if len(models) > _MOST_MODELS else ""
    calls = _counted(summary.total.unpriced, "call")
    return (
        f"≥: no price for {', '.join(models[:_MOST_MODELS])}{more} ({calls});"
        " --prices FILE gives prices"
    )


def _unknown_cache(total: Figures) -> str:
    """Return what the cached share leaves out, where a share is shown at all."""
    unknown = total.input_tokens - total.cache_input_tokens
    if not total.cached_input_tokens or not unknown:
        return ""
    return f"cached %: without {unknown:,} input tokens of sources that do not say what was cached"


def _caching(saved: Optional[float]) -> str:
    """Return what caching saved, or cost more, in a sentence.

    >>> _caching(12.345), _caching(-0.5), _caching(None)
    ('caching saved 12.35 USD at list prices', 'caching cost 0.500000 USD more at list prices', '')
    """
    if not saved:
        return ""
    amount = cost_text(Figures(cost=abs(saved)), 2 if abs(saved) >= 1 else 6)
    if saved > 0:
        return f"caching saved {amount} USD at list prices"
    return f"caching cost {amount} USD more at list prices"


def _skipped(rows: int) -> str:
    return f"{_counted(rows, 'row')} could not be used; 'finops verify' says why" if rows else ""


def _repeated(records: int) -> str:
    return f"{_counted(records, 'repeated record')} left out" if records else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def percent_or_none(value: Optional[float]) -> Optional[float]:
    """Return a percentage with one decimal, as programs get it."""
    return None if value is None else round(value, 1)
