"""The data-quality section of every page: where each line of the file went, and the prices.

Every figure comes from `data["_context"]`; what is not given is said to be unknown.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from finops.generators import formatting
from finops.generators.components import Part, section, text
from finops.generators.markup import Markup, fill, join

Data = Mapping[str, Any]
_SHOWN_LINES = 5


def data_quality(context: Data) -> Part:
    """Return the accounting of lines, the reasons for skipped ones, and the price source."""
    accounting: Data = context.get("accounting") or {}
    sentences: List[str] = [_lines(accounting), *_notes(accounting), *_prices(context)]
    shown = [text(sentence) for sentence in sentences]
    reasons = list(accounting.get("skipped") or ())
    if reasons:
        shown.insert(1, Part(_reasons(reasons)))
    if context.get("thresholds"):
        shown.append(Part(_thresholds(context["thresholds"])))
    return section("Data quality", *shown)


def _lines(accounting: Data) -> str:
    if not accounting:
        return "This page was made without the accounting of the file's lines."
    number = formatting.count
    terms = [
        f"{number(accounting.get('header', 0))} header",
        f"{number(accounting.get('used', 0))} used",
        f"{number(skipped_rows(accounting))} skipped",
        f"{number(accounting.get('repeated_headers', 0))} repeated headers",
        f"{number(accounting.get('blank', 0))} blank",
        f"{number(accounting.get('incomplete_tail', 0))} incomplete tail",
    ]
    return f"{number(accounting.get('lines', 0))} lines = " + " + ".join(terms) + "."


def skipped_rows(accounting: Data) -> int:
    """Return the rows left out, all reasons together."""
    return sum(int(one.get("rows", 0)) for one in accounting.get("skipped") or ())


def _reasons(reasons: Sequence[Data]) -> Markup:
    items = join(
        fill(
            "<li>$reason: $rows, $lines</li>",
            reason=one.get("reason", "no reason given"),
            rows=_counted(int(one.get("rows", 0)), "row"),
            lines=_first_lines(list(one.get("lines") or ()), int(one.get("rows", 0))),
        )
        for one in reasons
    )
    return fill('<ul class="plain">$items</ul>', items=items)


def _counted(number: int, word: str) -> str:
    return f"{formatting.count(number)} {word}" + ("" if number == 1 else "s")


def _first_lines(lines: Sequence[int], rows: int) -> str:
    if not lines:
        return "line numbers not kept"
    shown = ", ".join(str(line) for line in lines[:_SHOWN_LINES])
    more = " and others" if rows > len(lines[:_SHOWN_LINES]) else ""
    return f"line{'s' if len(lines) > 1 else ''} {shown}{more}"


def _notes(accounting: Data) -> List[str]:
    return [f"Note: {note}" for note in accounting.get("notes") or ()]


def _prices(context: Data) -> List[str]:
    prices: Data = context.get("prices") or {}
    if not prices:
        return ["The source of the prices was not recorded."]
    sentences = [
        f"Prices: {prices.get('source', 'unknown')}, as of {prices.get('date', 'unknown')}."
    ]
    unpriced = int(context.get("unpriced_calls") or 0)
    if unpriced:
        sentences.append(
            f"Costs are a lower bound: {_counted(unpriced, 'call')} gave no cost and used a model"
            " whose price is not known; they count as free."
        )
    return sentences


def _thresholds(thresholds: Dict[str, Any]) -> Markup:
    items = join(
        fill("<div><dt>$name</dt><dd>$value</dd></div>", name=name, value=_threshold(value))
        for name, value in thresholds.items()
    )
    return fill(
        '<details><summary>Thresholds used</summary><dl class="pairs">$items</dl></details>',
        items=items,
    )


def _threshold(value: Any) -> str:
    return formatting.exact(value) if isinstance(value, (int, float)) else str(value)
