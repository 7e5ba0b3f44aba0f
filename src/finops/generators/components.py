"""The parts of a page other than tables and charts: each is a pure function to a `Part`.

A part is markup together with the data that its script needs.  Texts, labels and values may
come from the data; names (`name=`) are the report's own constants.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.generators import formatting
from finops.generators.markup import Markup, Token, escape, fill, join, token
from finops.generators.recompute import Recompute
from finops.results.base import Finding, from_dict

Data = Mapping[str, Any]
_WORTH = re.compile(r"-?\$[0-9][0-9,]*(?:\.[0-9]+)?(?:[KMB])?|[0-9][0-9,.]{0,30} USD")
_SHOWN_FINDINGS = 6

# What per-call metadata changes, in this order on every page.
# Severity: word and a sign that is not a colour.
_SEVERITY: Dict[str, Tuple[str, str]] = {
    "critical": ("Critical", "✕"),
    "warning": ("Warning", "!"),
    "info": ("Info", "i"),
    "success": ("Good", "✓"),
}


# Before a lower bound.
AT_LEAST = "≥ "
_NO_DATA: Data = MappingProxyType({})
# The kind of a part's data that holds titles of sections by their id, for the table of contents.
CONTENTS = "contents"
_NO_LETTER = re.compile(r"[^a-z0-9]+")


class Part(NamedTuple):
    """Markup and the data its script needs: {"charts" | "tables" | …: {name: …}}."""

    markup: Markup
    data: Data = _NO_DATA


class Card(NamedTuple):
    """One metric: label, value and kind of value (a key of `formatting.KINDS`).

    `note` is a short text under the figure (the unit's meaning, the period, a comparison).
    `recompute` lets the figure follow the chosen dates, from measures of the page's `Daily`.
    `at_least` marks a sum over calls some of whose costs are not known: a lower bound.
    """

    label: str
    value: object
    kind: str = "count"
    note: str = ""
    recompute: Optional[Recompute] = None
    at_least: bool = False


def combine(parts: Iterable[Part]) -> Part:
    """Return parts as one, in order.  Raises ValueError where two share a name."""
    markup: List[Markup] = []
    data: Dict[str, Dict[str, Any]] = {}
    for part in parts:
        markup.append(part.markup)
        for kind, named in part.data.items():
            into = data.setdefault(kind, {})
            twice = set(into) & set(named)
            if twice:
                raise ValueError(f"two {kind} share the name {sorted(twice)[0]}")
            into.update(named)
    return Part(join(markup), data)


def section(title: str, *parts: Part, lead: str = "") -> Part:
    """Return a titled section around parts; `lead` is a sentence under the title."""
    inner = combine(parts)
    name = "s-" + _NO_LETTER.sub("-", title.lower()).strip("-")
    markup = fill(
        '<section class="section" id="$name"><h2>$title</h2>$lead$inner</section>',
        name=token(name),
        title=title,
        lead=_paragraph(lead, "lead"),
        inner=inner.markup,
    )
    return Part(markup, dict(inner.data, **{CONTENTS: {name: title}}))


def where_any(rows: Sequence[object], part: Part) -> Part:
    """Return a part about rows; nothing where there are none, which the drawer says."""
    return part if rows else combine(())


def folded(title: str, *parts: Part) -> Part:
    """Return parts behind a disclosure: what few readers want beside what is shown."""
    inner = combine(parts)
    return Part(
        fill("<details><summary>$title</summary>$inner</details>", title=title, inner=inner.markup),
        inner.data,
    )


def drawer(*parts: Part) -> Part:
    """Return parts in the drawer at the foot of a page: what figures rest on."""
    inner = combine(parts)
    title = "Data quality, limits and method"
    markup = fill(
        '<details class="drawer" id="s-drawer"><summary>$title</summary>$inner</details>',
        title=title,
        inner=inner.markup,
    )
    return Part(markup, dict(inner.data, **{CONTENTS: {"s-drawer": title}}))


def columns(*parts: Part, uneven: bool = False) -> Part:
    """Return parts side by side where there is room, below each other where there is not.

    Of two `uneven` parts the second is half as wide again as the first: a table beside a chart.
    """
    inner = combine(parts)
    style = Token("columns uneven" if uneven else "columns")
    markup = fill('<div class="$style">$inner</div>', style=style, inner=inner.markup)
    return Part(markup, inner.data)


def stack(*parts: Part) -> Part:
    """Return parts below each other as one, to stand beside others in columns."""
    inner = combine(parts)
    return Part(fill("<div>$inner</div>", inner=inner.markup), inner.data)


def text(sentence: str) -> Part:
    """Return one paragraph."""
    return Part(_paragraph(sentence, "text"))


def _paragraph(sentence: str, style: str) -> Markup:
    if not sentence:
        return Markup("")
    return fill('<p class="$style">$sentence</p>', style=token(style), sentence=sentence)


def cards(metrics: Sequence[Card]) -> Part:
    """Return the row of metric cards; the first figure is the most important and largest."""
    items = [_card(number, metric) for number, metric in enumerate(metrics)]
    ranged = {
        f"card-{number}": {
            "over": metric.recompute.script_form,
            "kind": metric.kind,
            **({"least": True} if metric.at_least else {}),
        }
        for number, metric in enumerate(metrics)
        # What is not known of the whole period is not 0 on chosen days.
        if metric.recompute and metric.value is not None
    }
    markup = fill('<dl class="cards">$items</dl>', items=join(items))
    return Part(markup, {"cards": ranged} if ranged else {})


def _card(number: int, metric: Card) -> Markup:
    known = None if metric.at_least and not metric.value else metric.value
    return fill(
        '<div class="card" id="card-$number"><dt>$label</dt>'
        '<dd class="figure" title="$exact">$value</dd>$note</div>',
        number=token(number),
        label=metric.label,
        value=_figure(metric),
        exact=exact_with_unit(metric.kind, known),
        note=fill('<dd class="note">$note</dd>', note=metric.note) if metric.note else Markup(""),
    )


def _figure(metric: Card) -> Markup:
    shown = formatting.readable(metric.kind, metric.value)
    return small_unit(lower_bound(shown, metric.value) if metric.at_least else shown)


def lower_bound(shown: str, value: object) -> str:
    """Return an amount, given as it is shown, as a lower bound; one of 0 says nothing.

    >>> lower_bound("$3.00", 3.0), lower_bound("$0.00", 0.0)
    ('≥ $3.00', 'n/a')
    """
    return f"{AT_LEAST}{shown}" if value else formatting.MISSING


def small_unit(shown: str) -> Markup:
    """Return a figure with its unit in small letters, where that is a word."""
    if not shown.endswith(" tokens"):
        return escape(shown)
    return fill("$number <small>tokens</small>", number=shown[: -len(" tokens")])


def exact_with_unit(kind: str, value: object) -> str:
    """Return the exact number and its unit, for a title attribute."""
    unit = formatting.KINDS[kind].unit
    shown = formatting.exact(value)
    return f"{shown} {unit}".strip() if shown != formatting.MISSING else "not known"


def severity_badge(severity: str) -> Markup:
    """Return the sign and word of a severity; an unknown one is shown as info."""
    key = severity if severity in _SEVERITY else "info"
    word, sign = _SEVERITY[key]
    return fill(
        '<span class="severity $key"><span class="sign" aria-hidden="true">$sign</span>'
        "$word</span>",
        key=token(key),
        word=word,
        sign=sign,
    )


def findings(data: Data) -> Part:
    """Return `data["findings"]` as alerts, the most severe first: six, the others behind a
    disclosure.
    """
    listed = [from_dict(Finding, finding) for finding in data.get("findings") or ()]
    listed.sort(key=lambda finding: _rank(finding.severity))
    if not listed:
        return section("Findings", text("Nothing in this data crosses a configured threshold."))
    alerts = [_alert(finding) for finding in listed]
    shown = fill('<ul class="alerts">$alerts</ul>', alerts=join(alerts[:_SHOWN_FINDINGS]))
    rest = alerts[_SHOWN_FINDINGS:]
    if rest:
        shown = join((shown, _disclosed_alerts(rest)))
    return section("Findings", Part(shown))


def _rank(severity: Optional[str]) -> int:
    order = list(_SEVERITY)
    return order.index(severity) if severity in order else len(order)


def _disclosed_alerts(alerts: Sequence[Markup]) -> Markup:
    return fill(
        '<details><summary>$count more</summary><ul class="alerts">$alerts</ul></details>',
        count=len(alerts),
        alerts=join(alerts),
    )


def _alert(finding: Finding) -> Markup:
    severity = finding.severity if finding.severity in _SEVERITY else "info"
    return fill(
        '<li class="alert $severity">$badge<div><strong>$title</strong>'
        '<span class="detail">$detail</span></div>$worth</li>',
        severity=token(severity),
        badge=severity_badge(severity),
        title=formatting.with_dates(finding.title or ""),
        detail=formatting.with_dates(finding.detail or ""),
        worth=worth(finding.impact_usd_per_month),
    )


def worth(usd_per_month: Optional[float]) -> Markup:
    """Return what acting is worth per month, nothing where that is not known or 0."""
    if not usd_per_month:
        return Markup("")
    return fill(
        '<span class="worth" title="$exact USD per month">$value<small>per month</small></span>',
        exact=formatting.exact(usd_per_month),
        value=formatting.money(usd_per_month),
    )


def recommendations(data: Data) -> Part:
    """Return `data["recommendations"]` as a numbered list, sums of money set off."""
    sentences = [
        formatting.with_dates(str(sentence)) for sentence in data.get("recommendations") or ()
    ]
    if not sentences:
        return section(
            "Recommendations", text("No condition for a recommendation is met by this data.")
        )
    items = [fill("<li>$sentence</li>", sentence=_emphasised(sentence)) for sentence in sentences]
    markup = fill('<ol class="recommendations">$items</ol>', items=join(items))
    return section("Recommendations", Part(markup))


def _emphasised(sentence: str) -> Markup:
    pieces: List[Markup] = []
    end = 0
    for match in _WORTH.finditer(sentence):
        pieces.append(escape(sentence[end : match.start()]))
        pieces.append(fill("<strong>$sum</strong>", sum=match.group()))
        end = match.end()
    pieces.append(escape(sentence[end:]))
    return join(pieces, "")


def not_found(sentences: Sequence[str]) -> Part:
    """Return what was checked without a finding, one sentence each."""
    if not sentences:
        return section(
            "Checks with no findings",
            text("Every section of this report has something to show."),
        )
    items = join(fill("<li>$sentence</li>", sentence=sentence) for sentence in sentences)
    return section(
        "Checks with no findings", Part(fill('<ul class="plain">$items</ul>', items=items))
    )
