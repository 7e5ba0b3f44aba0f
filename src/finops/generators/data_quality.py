"""What the figures of a page rest on, and the data's quality: where each line of the file went.

Every figure comes from `data["_context"]`; what is not given is reported as unknown.
"""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence, Tuple

from finops import config
from finops.generators import formatting
from finops.generators.components import Part, section, text
from finops.generators.markup import Markup, fill, join

Data = Mapping[str, Any]
_SHOWN_LINES = 5
_CONFLICTS_SHOWN = 5
# Values up to this length stay on one line.
_ONE_LINE = 16


def basis(context: Data, thresholds: Sequence[Tuple[str, str]]) -> Part:
    """Return over which period, from how many calls, with which prices and limits (what each
    decides, its value) the page's figures were computed.
    """
    shown = [text(sentence) for sentence in (_scope(context), _costs(context), *_prices(context))]
    if thresholds:
        shown.append(Part(_thresholds(thresholds)))
    return section("Basis of these figures", *shown)


def _scope(context: Data) -> str:
    start, end = context.get("period_start"), context.get("period_end")
    calls = context.get("calls")
    if not start or not end:
        return "The period of the data was not recorded."
    of = f", {formatting.counted(int(calls), 'call')}" if calls is not None else ""
    return (
        f"All figures cover {formatting.moment(start)} to {formatting.moment(end)}{of}, unless "
        f"they say otherwise. Figures per month scale this period to {config.DAYS_PER_MONTH} days; "
        "a subscription is a monthly price already."
    )


def _costs(context: Data) -> str:
    return (
        "A call costs what its record says; where that is missing, its tokens at the list price "
        "of its model. Alternatives are priced from the same list."
    )


def data_quality(context: Data) -> Part:
    """Return the accounting of lines, the reasons for skipped ones with their money, the values
    that were left out, and how the data was read.
    """
    accounting: Data = context.get("accounting") or {}
    shown = [text(_lines(accounting))]
    reasons = list(accounting.get("skipped") or ())
    if reasons:
        shown += [Part(_reasons(reasons)), text(_unused_cost(context, accounting))]
    blanked = list(accounting.get("blanked") or ())
    if blanked:
        shown += [text(_BLANKED), Part(_blanked(blanked))]
    shown += [text(sentence) for sentence in (*_reading(context), *_notes(accounting))]
    return section("Data quality", *shown)


_BLANKED = "Values that could not be read count as missing; their rows are used:"


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
        *(
            f"{number(accounting[key])} {words}"
            for key, words in _RARE.items()
            if accounting.get(key)
        ),
        f"{number(accounting.get('incomplete_tail', 0))} incomplete tail",
    ]
    return f"{number(accounting.get('lines', 0))} lines = " + " + ".join(terms) + "."


# Kinds of lines that most files do not have.
_RARE = {
    "repeated_records": "repeated records",
    "outside": "outside the range",
    "comments": "comments",
    "continuation": "continuation lines",
}


def _unused_cost(context: Data, accounting: Data) -> str:
    """Return how much of the file's cost is in rows that were not used."""
    unused = accounting.get("unused_cost")
    if unused is None:
        return "The cost in rows that were not used was not recorded."
    whole = float(context.get("cost") or 0) + unused
    share = f", {formatting.percent(unused / whole * 100)} of the whole" if whole > 0 else ""
    return f"The rows that were not used name a cost of {formatting.money(unused)}{share}."


def skipped_rows(accounting: Data) -> int:
    """Return the rows left out, all reasons together."""
    return sum(int(skipped.get("rows", 0)) for skipped in accounting.get("skipped") or ())


def _reasons(reasons: Sequence[Data]) -> Markup:
    items = join(
        fill(
            "<li>$reason: $rows, $lines</li>",
            reason=skipped.get("reason", "no reason given"),
            rows=formatting.counted(int(skipped.get("rows", 0)), "row"),
            lines=_where(list(skipped.get("places") or ()), int(skipped.get("rows", 0))),
        )
        for skipped in reasons
    )
    return fill('<ul class="plain">$items</ul>', items=items)


def _blanked(blanked: Sequence[Data]) -> Markup:
    items = join(
        fill(
            "<li>$column, $reason: $values, $lines</li>",
            column=item.get("column", "a column"),
            reason=item.get("reason", "no reason given"),
            values=formatting.counted(int(item.get("values", 0)), "value"),
            lines=_where(list(item.get("places") or ()), int(item.get("values", 0))),
        )
        for item in blanked
    )
    return fill('<ul class="plain">$items</ul>', items=items)


def _reading(context: Data) -> List[str]:
    """Return what was asked of the reading, where it changes what the figures mean."""
    reading: Data = context.get("reading") or {}
    sentences = [
        f"Amounts in {currency} are counted as {rate} USD each."
        for currency, rate in reading.get("rates") or ()
    ]
    zone = reading.get("timezone", "UTC")
    if zone != "UTC":
        sentences.append(f"Days, weeks and hours are those of the time zone {zone}.")
    given = reading.get("input_timezone", "UTC")
    if given != "UTC":
        sentences.append(f"Times that name no time zone are taken as {given}.")
    if reading.get("since"):
        sentences.append(f"Only calls from {formatting.moment(reading['since'])} on.")
    if reading.get("until"):
        sentences.append(f"Only calls before {formatting.moment(reading['until'])}.")
    return sentences


def _where(places: Sequence[Data], rows: int) -> str:
    """Return where the first rows of a reason are: their lines, or else how they begin."""
    if not places:
        return "places not kept"
    shown = places[:_SHOWN_LINES]
    more = " and others" if rows > len(shown) else ""
    if all(place.get("line") is not None for place in shown):
        lines = ", ".join(str(place["line"]) for place in shown)
        return f"line{'s' if len(shown) > 1 else ''} {lines}{more}"
    return "; ".join(f"{place.get('file')}: {place.get('text')}" for place in shown) + more


def _notes(accounting: Data) -> List[str]:
    return [f"Note: {note}" for note in accounting.get("notes") or ()]


def _prices(context: Data) -> List[str]:
    prices: Data = context.get("prices") or {}
    if not prices:
        return ["The source of the prices was not recorded."]
    sentences = [
        f"Prices: {prices.get('source', 'unknown')}, as of {prices.get('date', 'unknown')}."
    ]
    if prices.get("dated") is False:
        sentences.append("They are the same for every day of the data.")
    unpriced = int(context.get("unpriced_calls") or 0)
    if unpriced:
        sentences.append(
            f"Costs are a lower bound: {formatting.counted(unpriced, 'call')} gave no cost and "
            "used a model whose price is not known; they are missing from every cost."
        )
    conflicts: Sequence[Data] = prices.get("conflicts") or ()
    sentences += [_conflict(conflict) for conflict in conflicts[:_CONFLICTS_SHOWN]]
    if len(conflicts) > _CONFLICTS_SHOWN:
        others = formatting.counted(len(conflicts) - _CONFLICTS_SHOWN, "other model")
        sentences.append(f"The same holds for {others}.")
    return sentences


def _conflict(conflict: Data) -> str:
    """Return why a model with several prices has none."""
    keys = ", ".join(map(str, conflict.get("keys") or ()))
    return (
        f"The price table has different prices for {conflict.get('model')} of"
        f" {conflict.get('provider')}: {keys}. None of them was used."
    )


def _thresholds(thresholds: Sequence[Tuple[str, str]]) -> Markup:
    items = join(
        fill(
            '<div><dt>$words</dt><dd class="short">$value</dd></div>'
            if len(value) <= _ONE_LINE
            else "<div><dt>$words</dt><dd>$value</dd></div>",
            words=words,
            value=value,
        )
        for words, value in thresholds
    )
    return fill('<h3>Limits and assumptions</h3><dl class="pairs">$items</dl>', items=items)
