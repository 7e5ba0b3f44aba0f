"""A statement as a page of its own: no scripts, no links, one sheet of paper when printed."""

from __future__ import annotations

from datetime import date
from typing import Iterable, Iterator, List, Sequence, Tuple

from finops import config
from finops.analyzers.shared.wording import counted
from finops.exporters.statement.figures import Line, Statement
from finops.generators.components import lower_bound
from finops.generators.markup import Markup, escape, fill

_MOST_LINES = 18  # more do not fit on one sheet
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_STYLE = """
@page { size: A4; margin: 16mm; }
body { font: 11pt/1.4 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 178mm; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 18pt; margin: 0 0 .2em; }
h2 { font-size: 12pt; margin: 1.4em 0 .4em; }
p { margin: .2em 0; }
.total { font-size: 20pt; font-weight: 600; margin: .6em 0 0; }
.note { color: #444; font-size: 9pt; }
table { border-collapse: collapse; width: 100%; font-size: 9pt; }
th, td { text-align: left; padding: 3px 6px; border-bottom: 1px solid #ccc;
  overflow-wrap: anywhere; }
td.name { max-width: 52mm; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
th.n, td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tfoot td, tfoot th { font-weight: 600; border-bottom: 0; }
.days td { width: 14%; vertical-align: top; text-align: right; }
.days .day { color: #444; float: left; }
@media print { body { margin: 0; padding: 0; max-width: none; } tr { break-inside: avoid; } }
"""


def page_of(statement: Statement, source: str, prices: str) -> str:
    """Return the page.  `source` is the name of the data, `prices` where list prices are from."""
    month = _month_name(statement.month)
    return fill(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<title>$organization, $month: AI usage statement</title>\n<style>$style</style>\n"
        "</head>\n<body>\n<main>\n<h1>AI usage statement</h1>\n"
        "<p><strong>$organization</strong>, $month</p>\n$period"
        '<p class="total">$total</p>\n<p>$counts</p>\n'
        "<h2>By product and model</h2>\n$lines<h2>By day</h2>\n$days$notes"
        "</main>\n</body>\n</html>\n",
        organization=statement.organization,
        month=month,
        style=Markup(_STYLE),
        period=_period(statement),
        total=_amount(statement, statement.cents),
        counts=_counts(statement),
        lines=_lines(statement),
        days=_days(statement),
        notes=_notes(statement, source, prices),
    )


def money(cents: int) -> str:
    """Return an amount of cents in USD.

    >>> money(123456), money(-5)
    ('$1,234.56', '-$0.05')
    """
    sign = "-" if cents < 0 else ""
    return f"{sign}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def _month_name(month: str) -> str:
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"


def _amount(statement: Statement, cents: int) -> str:
    return _bounded(cents, bool(statement.total.unpriced))


def _bounded(cents: int, is_lower_bound: bool) -> str:
    """Return an amount; a lower bound as such, and n/a where nothing of it is known."""
    return lower_bound(money(cents), cents) if is_lower_bound else money(cents)


def _period(statement: Statement) -> Markup:
    """Return which days are meant, and which of them the data has where these are not all."""
    days = list(statement.days)
    first, last = statement.covered
    parts = [f"{days[0]} to {days[-1]}, days of {statement.timezone}"]
    if not first:
        parts.append("the data covers none of these days")
    elif (first, last) != (days[0], days[-1]):
        parts.append(f"the data covers {first} to {last}")
    return fill("<p>$text.</p>\n", text="; ".join(parts))


def _counts(statement: Statement) -> str:
    usage = statement.total
    calls = counted(usage.calls, "call") if usage.calls or not usage.calls_unknown else ""
    tokens = f"{usage.input_tokens:,} input and {usage.output_tokens:,} output tokens"
    return f"{calls}, {tokens}." if calls else f"{tokens}."


def _lines(statement: Statement) -> Markup:
    body = _join(_row(*cells) for cells in _cells(statement))
    return fill(
        '<table>\n<thead><tr><th scope="col">Product</th><th scope="col">Model</th>'
        '<th scope="col" class="n">Calls</th><th scope="col" class="n">Input tokens</th>'
        '<th scope="col" class="n">Output tokens</th><th scope="col" class="n">Cost</th></tr>'
        "</thead>\n<tbody>\n$body$credits</tbody>\n"
        '<tfoot><tr><th scope="row" colspan="5">Total</th>'
        '<td class="n">$total</td></tr></tfoot>\n</table>\n',
        body=body,
        credits=_credits(statement),
        total=_amount(statement, statement.cents),
    )


_Cells = Tuple[str, str, Sequence[Line]]


def _cells(statement: Statement) -> Iterator[_Cells]:
    """Yield what the rows are called, and the lines that each sums up."""
    lines = statement.lines
    shown = lines if len(lines) <= _MOST_LINES else lines[: _MOST_LINES - 1]
    for line in shown:
        provider = config.PROVIDER_NAMES.get(line.provider, line.provider)
        yield line.product, f"{provider} {line.model}", [line]
    rest = lines[len(shown) :]
    if rest:
        yield f"{len(rest)} others", "", rest


def _row(product: str, model: str, lines: Sequence[Line]) -> Markup:
    calls = sum(line.usage.calls for line in lines)
    cents = sum(line.cents for line in lines)
    unpriced = any(line.usage.unpriced for line in lines)
    return fill(
        '<tr><td class="name" title="$product">$product</td>'
        '<td class="name" title="$model">$model</td><td class="n">$calls</td>'
        '<td class="n">$input</td><td class="n">$output</td><td class="n">$cost</td></tr>\n',
        product=product,
        model=model,
        calls=f"{calls:,}" if calls else "",
        input=f"{sum(line.usage.input_tokens for line in lines):,}",
        output=f"{sum(line.usage.output_tokens for line in lines):,}",
        cost=_bounded(cents, unpriced),
    )


def _credits(statement: Statement) -> Markup:
    """Return the row of the credits; nothing where there are none."""
    if not statement.total.credit:
        return Markup()
    return fill(
        '<tr><td colspan="5">Credits</td><td class="n">$credits</td></tr>\n',
        credits=money(-statement.credits),
    )


def _days(statement: Statement) -> Markup:
    """Return a calendar of the month with the amount of each day that the data covers."""
    days = list(statement.days)
    lead = date(int(days[0][:4]), int(days[0][5:7]), 1).weekday()
    cells: List[Markup] = [Markup("<td></td>")] * lead
    cells += [_day(statement, day) for day in days]
    cells += [Markup("<td></td>")] * (-len(cells) % len(_WEEKDAYS))
    weeks = (cells[n : n + len(_WEEKDAYS)] for n in range(0, len(cells), len(_WEEKDAYS)))
    return fill(
        '<table class="days">\n<thead><tr>$names</tr></thead>\n<tbody>\n$weeks</tbody>\n</table>\n',
        names=_join(fill('<th scope="col" class="n">$name</th>', name=name) for name in _WEEKDAYS),
        weeks=_join(fill("<tr>$cells</tr>\n", cells=_join(week)) for week in weeks),
    )


def _day(statement: Statement, day: str) -> Markup:
    first, last = statement.covered
    amount = money(statement.days[day]) if first and first <= day <= last else "–"
    return fill(
        '<td><span class="day">$number</span>$amount</td>', number=int(day[8:]), amount=amount
    )


def _notes(statement: Statement, source: str, prices: str) -> Markup:
    notes = [
        "Costs are those recorded with each call, else list prices: an estimate, not the"
        " provider's invoice.",
        "Amounts are rounded so that the statements of all organizations of the month add up to"
        " its total.",
        f"Data: {source}. Prices: {prices}.",
    ]
    if statement.total.unpriced:
        notes.insert(
            0,
            f"{counted(statement.total.unpriced, 'call')} with neither a cost nor a price:"
            " not included.",
        )
    return _join(fill('<p class="note">$text</p>\n', text=note) for note in notes)


def _join(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(map(escape, parts)))
