"""The page around the parts: skeleton, navigation, data quality, and the security policy.

A report file declares a `Report` and calls `write_report`; the order of the sections and
what every report must have are settled here.  Everything a page needs beyond the result
(dataset, period, neighbours) comes in `data["_context"]`; what is missing there becomes a
sentence.  The same dict gives the same bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union
from urllib.parse import urlsplit

from finops.atomic import write_aside
from finops.generators import components, formatting
from finops.generators.basis_line import basis_line, unanswered
from finops.generators.chartjs import CHARTJS_FILE, CHARTJS_INTEGRITY, CHARTJS_URL
from finops.generators.compact import compact_script, compact_style
from finops.generators.components import Card, Data, Part
from finops.generators.contrast import Contrast, contrast
from finops.generators.data_quality import basis, data_quality
from finops.generators.date_range import Daily, range_bar
from finops.generators.event_marks import with_events
from finops.generators.markup import Markup, Token, fill, join, json_block, token
from finops.generators.navigation import PRODUCT, navigation, page_link
from finops.generators.partial_days import known_by_day, partial_dates
from finops.generators.sparklines import SPARKLINES, settle, with_sparklines
from finops.generators.tables import shortened
from finops.generators.thresholds import thresholds_of
from finops.resources import read_text
from finops.results.base import Basis, from_dict

MAX_PAGE_BYTES = 200_000
_TOO_MANY_DAYS = (
    "Dates cannot be chosen here, since the data covers too many days for one page; Explore, or a "
    "run with --since and --until, shows a part of them."
)
# Where the dark colours go in report.css.
_DARK_RULES = "/* dark colours */"


class Bundle(NamedTuple):
    """The constant script and style of a kind of page: files of the assets folder, in order."""

    scripts: Tuple[str, ...]
    styles: Tuple[str, ...]


REPORT_BUNDLE = Bundle(
    (
        "format.js",
        "place.js",
        "tables.js",
        "charts.js",
        "sums.js",
        "sparklines.js",
        "ranges.js",
        "report.js",
    ),
    ("report.css",),
)
EXPLORE_BUNDLE = Bundle(
    ("format.js", "place.js", "inflate.js", "cube.js", "explore.js"), ("report.css", "explore.css")
)


class Report(NamedTuple):
    """What a report file says of itself: id (its file is ID.html), title, one sentence."""

    id: str
    title: str
    purpose: str

    @property
    def filename(self) -> str:
        """Name of the page's file."""
        return f"{self.id}.html"


def write_report(
    report: Report,
    data: Data,
    output_path: Union[str, Path],
    cards: Sequence[Card],
    body: Sequence[Part],
    about: Contrast,
    not_found: Sequence[str] = (),
    daily: Optional[Daily] = None,
) -> None:
    """Write the report's page: cards, findings, `body`, recommendations, value, the rest.

    `about` says what the answer rests on (see `contrast`); with `daily` the reader can choose
    dates.  Raises OSError where the file cannot be written; what was there before stays; and
    ValueError where a card is recomputed from a measure that `daily` does not hold.
    """
    write_aside(output_path, report_page(report, data, cards, body, about, not_found, daily))


def report_page(
    report: Report,
    data: Data,
    cards: Sequence[Card],
    body: Sequence[Part],
    about: Contrast,
    not_found: Sequence[str] = (),
    daily: Optional[Daily] = None,
) -> str:
    """Return the page that `write_report` writes.

    Where it would be over `MAX_PAGE_BYTES`, it is one on which no dates can be chosen, and says so;
    and where that is too long, its longest tables hold fewer rows, and say so.
    """
    made = functools.partial(_page, report, data, cards, body, about, not_found)
    page = made(daily)
    if daily is not None and len(page.encode("utf-8")) > MAX_PAGE_BYTES:
        return made(None, _TOO_MANY_DAYS)
    return page


def _page(
    report: Report,
    data: Data,
    cards: Sequence[Card],
    body: Sequence[Part],
    about: Contrast,
    not_found: Sequence[str],
    daily: Optional[Daily],
    remark: str = "",
) -> str:
    context: Data = data.get("_context") or {}
    rests_on = from_dict(Basis, data.get("basis"))
    if rests_on.missing:
        parts = [unanswered(rests_on.missing), data_quality(context)]
        return render(report, context, parts, basis_line(rests_on))
    if daily and not known_by_day(data):
        daily = None
    if daily:
        for card in cards:
            daily.check(card.recompute)
    parts = [
        *([range_bar(daily, partial_dates(data))] if daily else []),
        *([components.text(remark)] if remark else []),
        components.cards(cards),
        components.findings(data),
        *body,
        components.recommendations(data),
        components.drawer(
            data_quality(context),
            basis(context, thresholds_of(report.id)),
            components.not_found(not_found),
            contrast(about, data),
        ),
    ]
    return render(report, context, parts, basis_line(rests_on))


def render(
    report: Report,
    context: Data,
    parts: Sequence[Part],
    rests_on: str = "",
    bundle: Bundle = REPORT_BUNDLE,
) -> str:
    """Return a whole page of parts as HTML text; `rests_on` stands under the title."""
    body = components.combine(parts)
    contents = body.data.get(components.CONTENTS, {})
    aside = (components.CONTENTS, SPARKLINES)
    carried = {kind: part for kind, part in body.data.items() if kind not in aside}
    charts = bundle is REPORT_BUNDLE
    # Without dates to choose the script has no sums to draw other rows from.
    lines = body.data.get(SPARKLINES, {}) if "ranged" in body.data else {}
    partial = partial_dates({"_context": context})
    settle(carried.get("tables", {}), lines, partial)
    markup = with_events(body.markup, carried.get("charts", {}), context.get("events") or ())
    whole = functools.partial(
        fill,
        asset("page.html"),
        policy=_attribute(content_security_policy(bundle=bundle)),
        style=Markup(style_text(bundle)),
        script=Markup(script_text(bundle)),
        library=_library(context.get("chart_library", True)) if charts else Markup(""),
        product=PRODUCT,
        title=report.title,
        purpose=report.purpose,
        about=_about(context),
        basis=fill('<p class="basis">$line</p>', line=rests_on) if rests_on else Markup(""),
        top=navigation(report.id, context.get("reports") or (), contents),
        neighbours=_neighbours(report, context),
        missing=_MISSING_LIBRARY if charts and carried.get("charts") else Markup(""),
    )
    page = whole(data=json_block(dict(carried, report=report.id)), body=markup)
    excess = len(page.encode("utf-8")) - MAX_PAGE_BYTES
    if excess > 0 and "ranged" not in body.data:
        carried["tables"] = {name: dict(each) for name, each in carried.get("tables", {}).items()}
        markup = shortened(markup, carried["tables"], excess)
        page = whole(data=json_block(dict(carried, report=report.id)), body=markup)
    return with_sparklines(page, lines, partial, MAX_PAGE_BYTES)


def _library(beside: bool) -> Markup:
    """Return where the script finds Chart.js: the copy `beside` the page, and the network, which
    it asks only for a reader who points to a chart or chooses dates.
    """
    copy = fill('<script src="$file"></script>', file=token(CHARTJS_FILE))
    return fill(
        '<template id="chart-library">$copy'
        '<script src="$url" integrity="$integrity" crossorigin="anonymous"></script></template>\n',
        copy=copy if beside else Markup(""),
        url=_attribute(CHARTJS_URL),
        integrity=_attribute(CHARTJS_INTEGRITY),
    )


# Shown by the script while Chart.js is not there, and where no script runs.
_MISSING_LIBRARY = fill(
    '<p class="unavailable" id="chart-missing" role="status" hidden>'
    '<span id="chart-waits">Charts have no tooltips until Chart.js is loaded. '
    "Point to a chart to load it from $host.</span>"
    '<span id="chart-failed">Chart.js could not be loaded. '
    "The charts are drawn without tooltips and show the whole period.</span></p>\n"
    '<noscript><p class="unavailable">Scripts are off. Charts are drawn without tooltips, and '
    "tables show their first rows.</p></noscript>\n",
    host=urlsplit(CHARTJS_URL).netloc,
)


def _attribute(constant: str) -> Token:
    """Return a constant of the product for an attribute; never called with data."""
    return Token(constant)


@lru_cache(maxsize=None)
def asset(name: str) -> str:
    """Return the text of a file of the assets folder."""
    return read_text("finops.generators", f"assets/{name}")


@lru_cache(maxsize=None)
def style_text(bundle: Bundle = REPORT_BUNDLE) -> str:
    """Return the constant style of a kind of page."""
    return compact_style(with_themes("\n".join(map(asset, bundle.styles))))


def with_themes(style: str) -> str:
    """Return a style with the colours of dark.css where the system, or the reader, wants them."""
    colours = asset("dark.css").partition(":root")[2]
    of_system = f":root:not(.paper):not(.light){colours}"
    of_reader = f":root.dark:not(.paper){colours}"
    rules = (
        f"@media screen and (prefers-color-scheme: dark) {{\n{of_system}\n}}\n"
        f"@media screen {{\n{of_reader}\n}}"
    )
    return style.replace(_DARK_RULES, rules)


@lru_cache(maxsize=None)
def script_text(bundle: Bundle = REPORT_BUNDLE) -> str:
    """Return the constant script of a kind of page."""
    return compact_script("\n".join(map(asset, bundle.scripts)))


def content_security_policy(
    header: bool = False, copy: str = "'self'", bundle: Bundle = REPORT_BUNDLE
) -> str:
    """Return the policy of a report page; `header` adds what only an HTTP header can say.

    Script and style are constants, so their hashes allow them; the only other script is
    Chart.js, from its exact address or from the copy beside the page.  A server that knows
    the copy's address gives it as `copy`.  A page sent with `header` is sandboxed, so the
    copy must be sent with `Cross-Origin-Resource-Policy: cross-origin`.
    """
    policy = [
        "default-src 'none'",
        f"script-src '{_hash(script_text(bundle))}' {CHARTJS_URL} {copy}",
        f"style-src '{_hash(style_text(bundle))}'",
        *(
            [f"connect-src {CHARTJS_URL}", "worker-src data:"]
            if "charts.js" in bundle.scripts
            else []
        ),
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    if header:
        policy += ["frame-ancestors 'self'", "sandbox allow-scripts allow-downloads"]
    return "; ".join(policy)


@lru_cache(maxsize=None)
def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")


def _size(context: Data) -> List[Tuple[str, str, str]]:
    """Return the term of the size; none where the source has no size: its context gives None."""
    size = context.get("size_bytes")
    if size is not None:
        return [("Size", formatting.size(size), f"{size} bytes")]
    return [] if "size_bytes" in context else [("Size", "not known", "")]


def _calls(count: Any) -> str:
    return "no request count" if count is None else formatting.count(count)


def _about(context: Data) -> Markup:
    """Return dataset, period, size and time of generation as a list of terms."""
    start, end = context.get("period_start"), context.get("period_end")
    period = f"{formatting.day(start)} to {formatting.day(end)}" if start and end else "not known"
    calls = context.get("calls")
    made = context.get("generated_at")
    facts: List[Tuple[str, str, str]] = [
        ("Dataset", context.get("dataset") or "not named", ""),
        ("Period", period, f"{start} to {end}" if start and end else ""),
        *([("Calls", _calls(calls), "")] if "calls" in context else []),
        *_size(context),
        ("Generated", formatting.moment(made) if made else "time not recorded", str(made or "")),
    ]
    return fill(
        '<dl class="about">$facts</dl>',
        facts=join(
            fill(
                '<div><dt>$term</dt><dd title="$exact">$value</dd></div>'
                if exact
                else "<div><dt>$term</dt><dd>$value</dd></div>",
                term=term,
                value=value,
                exact=exact,
            )
            for term, value, exact in facts
        ),
    )


def _neighbours(report: Report, context: Data) -> Markup:
    """Return links to the report before and after in the context's list of reports."""
    listed: List[Dict[str, Any]] = list(context.get("reports") or ())
    places = [at for at, other in enumerate(listed) if other.get("id") == report.id]
    if not places:
        return Markup("")
    at = places[0]
    links = []
    if at > 0:
        links.append(_neighbour("Previous", listed[at - 1]))
    if at + 1 < len(listed):
        links.append(_neighbour("Next", listed[at + 1]))
    return fill(
        '<footer><nav aria-label="Neighbouring reports">$links</nav></footer>\n',
        links=join(links),
    )


def _neighbour(direction: str, other: Data) -> Markup:
    return fill(
        '<span class="$style"><small>$direction</small> $link</span>',
        style=token(direction.lower()),
        direction=direction,
        link=page_link(f"{other['id']}.html", other["title"]),
    )
