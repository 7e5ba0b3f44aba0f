"""Pages and files: the dashboard, the showcase, the assets, and the reports as they lie there.

The dashboard is complete HTML before any script runs: what there is and where it leads.  The
script only keeps it up to date.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional

from finops import __version__, config, regular_files
from finops.generators import page
from finops.generators.markup import Markup, Token, escape, fill, join, token
from finops.generators.navigation import EXPLORE_FILE, navigation
from finops.manifest import MANIFEST, NOT_RUN, STALE, read_manifest
from finops.progress_events import FAILED, OK
from finops.registry import ANALYZER_REGISTRY, DOMAINS, Analysis
from finops.resources import read_text
from finops.viewer import showcase
from finops.viewer.datasets import regular_file
from finops.viewer.documents import Document, outlines, rendered
from finops.viewer.http import HTML_TYPE, JSON_TYPE, PAGE_CSP, Request, Response, refuse
from finops.viewer.showcase import Example
from finops.viewer.status import build_status
from finops.viewer.viewer_state import Viewer

_FILE_BYTES = 64 << 20
SCRIPT_TYPE = "text/javascript; charset=utf-8"
STYLE_TYPE = "text/css; charset=utf-8"
_PAGE_HEADERS = (("Content-Security-Policy", PAGE_CSP),)

_SHA = "'sha256-[A-Za-z0-9+/]{43}='"
_POLICY = re.compile(
    f"default-src 'none'; script-src {_SHA} "
    r"(https://cdn\.jsdelivr\.net/npm/chart\.js@[0-9.]+/dist/chart\.umd\.js) 'self'; "
    rf"style-src {_SHA}; (connect-src \1; worker-src data:; )?"
    "img-src data:; base-uri 'none'; form-action 'none'"
)

# Between paragraphs of a docstring: an empty line, or the next "Use case: …".
_PARAGRAPHS = re.compile(r"\n[ \t]*\n|\n(?=[A-Z][a-z]+(?: [a-z]+)?: )")

ASSET_TYPES = {
    "dashboard.css": STYLE_TYPE,
    "dashboard.js": SCRIPT_TYPE,
    "render.js": SCRIPT_TYPE,
    "api.js": SCRIPT_TYPE,
    "place.js": SCRIPT_TYPE,
    "showcase.js": SCRIPT_TYPE,
}


@lru_cache(maxsize=None)
def asset(name: str) -> str:
    """Return the text of one of our own files, or of the one that reports share with us."""
    if name == "place.js":
        return page.asset(name)
    return read_text("finops.viewer", f"assets/{name}")


def asset_route(name: str) -> Callable[[Request], Response]:
    """Return what answers with one of our own files."""
    return lambda request: Response(200, asset(name).encode("utf-8"), ASSET_TYPES[name])


def report_style(request: Request) -> Response:
    """Answer with the look of the reports, which the dashboard shares."""
    return Response(200, page.with_themes(page.asset("report.css")).encode("utf-8"), STYLE_TYPE)


def read_regular(path: Path) -> Optional[bytes]:
    """Return the content of a regular file, read whole; None for links and everything else."""
    try:
        return regular_files.read_regular(path, _FILE_BYTES, follow=False)
    except (OSError, ValueError):
        return None


def report_route(viewer: Viewer, filename: str) -> Callable[[Request], Response]:
    """Return what answers with one file of the current dataset's reports."""

    def respond(request: Request) -> Response:
        content = read_regular(viewer.dataset.reports / filename)
        if content is None and "text/html" in request.headers.get("accept", ""):
            return _not_made(viewer)
        if content is None:
            raise refuse(404, "This report has not been generated yet.")
        if filename == EXPLORE_FILE:
            policy = page.content_security_policy(header=True, bundle=page.EXPLORE_BUNDLE)
            return Response(200, content, HTML_TYPE, (("Content-Security-Policy", policy),))
        if filename.endswith(".html"):
            policy = report_policy(_declared_policy(viewer.dataset.reports, filename))
            return Response(200, content, HTML_TYPE, (("Content-Security-Policy", policy),))
        if filename.endswith(".js"):
            # Reports are sandboxed, so to the browser even this server is another origin.
            allowed = (("Cross-Origin-Resource-Policy", "cross-origin"),)
            return Response(200, content, SCRIPT_TYPE, allowed)
        return Response(200, content, JSON_TYPE)

    return respond


def _not_made(viewer: Viewer) -> Response:
    """Return what a person sees of a report that is not there."""
    return _missing_page(
        viewer,
        "Not generated yet",
        "This page appears once its analysis has run.",
        Markup('<p><a href="/">Make it on the live dashboard.</a></p>'),
    )


def not_found(viewer: Viewer) -> Response:
    """Return what a person sees at an address that nothing is at."""
    return _missing_page(
        viewer,
        "Page not found",
        "There is nothing at this address.",
        Markup(
            '<p><a href="/">Go to the live dashboard</a> or to '
            '<a href="/reports/index.html">all reports</a>.</p>'
        ),
    )


def _missing_page(viewer: Viewer, title: str, lead: str, body: Markup) -> Response:
    answer = html_page(
        fill(
            asset("showcase.html"),
            top=_navigation(viewer.dataset.reports),
            title=title,
            lead=lead,
            crumb=Markup(""),
            body=body,
            version=__version__,
        )
    )
    return answer._replace(status=404)


def _declared_policy(folder: Path, filename: str) -> str:
    """Return the policy that the manifest has for a page, "" where it says nothing of it."""
    manifest = read_manifest(folder / MANIFEST)
    status = regular_file(folder / filename)
    name = filename[: -len(".html")]
    entry = manifest.entry_of(name, status) if manifest and status else None
    return entry.content_security_policy if entry else ""


def report_policy(declared: str) -> str:
    """Return the policy to send with a report for which this one is declared, "" for none.

    A page that an earlier version made has other hashes in it, and stays readable: its own
    policy is sent, where it is one of ours in all but the hashes and the Chart.js release.
    """
    current = page.content_security_policy(header=True)
    if _POLICY.fullmatch(declared) is None:
        return current
    return declared + current[len(page.content_security_policy()) :]


def html_page(markup: Markup) -> Response:
    """Return one of our own pages as an answer; half a surrogate pair in a name becomes `?`."""
    return Response(200, markup.encode("utf-8", "replace"), HTML_TYPE, _PAGE_HEADERS)


# --- the dashboard ---------------------------------------------------------------------------

_OWN_PAGES = (
    Markup('<a href="/">Live dashboard</a>'),
    Markup('<a href="/showcase">Showcase</a>'),
    Markup('<a href="/docs">Documents</a>'),
    Markup('<a href="/api/openapi.json">API</a>'),
)


def _navigation(folder: Optional[Path]) -> Markup:
    """Return the head of our own pages: that of the reports, and the addresses beside them.

    Only reports that are in the folder are listed.
    """
    made = [
        {"id": one.id, "title": one.title, "domain": one.domain}
        for one in ANALYZER_REGISTRY.values()
        if folder is not None and regular_file(folder / one.filename) is not None
    ]
    return navigation("", made, {}, "/reports/", _OWN_PAGES)


def first_screen(viewer: Viewer) -> Response:
    """Answer with the figures and the daily cost as they are now, for the dashboard's script."""
    return html_page(_screen(viewer))


_NOTHING_YET = Markup(
    '<section class="section"><h2>Start with your own data</h2>'
    "<p>Import a usage export, a gateway log or a bill with "
    "<code>finops import FILE --out data/calls.csv</code>, or put a CSV of calls into the data "
    "folder and choose it below. To look around first, generate simulated calls below.</p>"
    "</section>"
)


def _screen(viewer: Viewer) -> Markup:
    """Return the first screen, or how to begin where there is nothing to show."""
    return viewer.summary.first_screen() or _NOTHING_YET


def dashboard(viewer: Viewer) -> Response:
    """Answer with the dashboard as it is now."""
    status = build_status(viewer)
    csv = status["csv"]
    reports = {entry["id"]: entry for entry in status["reports"].values()}
    return html_page(
        fill(
            asset("dashboard.html"),
            version=__version__,
            top=_navigation(viewer.dataset.reports),
            screen=_screen(viewer),
            poll=token(config.STATUS_POLL_INTERVAL_S),
            most=token(config.MAX_GENERATE_MB),
            name=csv["name"],
            size=f"{csv['size_mb']:,.1f} of {csv['target_mb']:,g} MB",
            calls=f"{csv['calls']:,}",
            domains=join(_domain(name, reports) for name in DOMAINS),
            scenarios=join(_scenario_option(*known) for known in viewer.scenarios()),
        )
    )


def _domain(name: str, reports: Dict[str, Dict[str, Any]]) -> Markup:
    inside = [analysis for analysis in ANALYZER_REGISTRY.values() if analysis.domain == name]
    return fill(
        '<h3 class="domain">$name</h3>\n<ul class="tiles">\n$cards\n</ul>',
        name=name,
        cards=join(_card(analysis, reports[analysis.id]) for analysis in inside),
    )


def _card(analysis: Analysis, report: Dict[str, Any]) -> Markup:
    return fill(
        asset("card.html"),
        id=token(analysis.id),
        title=analysis.title,
        purpose=analysis.purpose,
        headline=report["headline"],
        state=_state(report),
        open=_open_link(analysis, report["exists"]),
    )


_WORDS = {OK: "Ready", STALE: "Older than the data", FAILED: "Failed", NOT_RUN: "Not generated yet"}


def _state(report: Dict[str, Any]) -> str:
    return _WORDS[report["status"]]


def _open_link(analysis: Analysis, exists: bool) -> Markup:
    opened = fill(
        '<a class="button open" href="/reports/$file" aria-label="$label">Open</a>',
        file=token(analysis.filename),
        # The title is a constant of the registry, so it may stand in an attribute.
        label=Token(escape(f"Open {analysis.title}")),
    )
    return opened if exists else Markup(opened.replace('">Open', '" hidden>Open'))


def _scenario_option(name: str, title: str) -> Markup:
    return fill('<option value="$name">$title</option>', name=token(name), title=title)


# --- the showcase ----------------------------------------------------------------------------


def showcase_index(viewer: Viewer, examples: Dict[str, Example]) -> Response:
    """Answer with the list of examples."""
    rooms = showcase.by_room(examples)
    body = join(_room(title, sentence, inside) for title, sentence, inside in rooms)
    if not rooms:
        body = Markup("<p>There are no examples in this installation.</p>")
    lead = "Runnable examples of metadata-driven cost tracking. Each runs alone."
    return html_page(
        fill(
            asset("showcase.html"),
            top=_navigation(viewer.dataset.reports),
            title="Showcase",
            lead=lead,
            crumb=Markup(""),
            body=body,
            version=__version__,
        )
    )


def _room(title: str, sentence: str, inside: List[Example]) -> Markup:
    tiles = join(
        fill(
            '<li><h3><a href="/showcase/$id">$title</a></h3><p class="purpose">$lead</p>'
            '<p class="made">$file</p></li>',
            id=token(example.id),
            title=example.title,
            lead=example.lead or example.text.partition("\n\n")[0],
            file=example.path.name,
        )
        for example in inside
    )
    return fill(
        '<section class="section"><h2>$title</h2><p class="lead">$sentence</p>'
        '<ul class="tiles">$tiles</ul></section>',
        title=title,
        sentence=sentence,
        tiles=tiles,
    )


def _paragraph(text: str) -> Markup:
    """Return one paragraph; lines that were only wrapped are joined, indented ones are kept.

    What stands between backticks becomes code.
    """
    kept = "\n " in text or "\n-" in text
    pieces = (text if kept else " ".join(text.split())).split("`")
    return fill(
        "<p>$pieces</p>",
        pieces=join(
            fill("<code>$piece</code>" if at % 2 else "$piece", piece=piece)
            for at, piece in enumerate(pieces)
        ),
    )


def showcase_page(viewer: Viewer, example: Example) -> Response:
    """Answer with one example: its text, a button to run it, what it made, its source."""
    source = showcase.source_of(example)
    body = fill(
        asset("example.html"),
        id=token(example.id),
        file=example.path.name,
        text=join(_paragraph(part) for part in _PARAGRAPHS.split(example.text) if part.strip()),
        page=_made_page(viewer, example),
        source=Markup(showcase.highlight(source)),
    )
    crumb = Markup('<p><a href="/showcase">All examples</a></p>')
    return html_page(
        fill(
            asset("showcase.html"),
            top=_navigation(viewer.dataset.reports),
            title=example.title,
            lead=example.lead,
            crumb=crumb,
            body=body,
            version=__version__,
        )
    )


def _made_page(viewer: Viewer, example: Example) -> Markup:
    """Return a link to the page that a scenario writes, hidden as long as there is none."""
    if example.room != "scenarios":
        return Markup("")
    name = f"{example.path.stem}.html"
    made = regular_file(viewer.dataset.reports / name) is not None
    link = fill(
        '<a class="button" id="example-page" href="/reports/$name">Open its page</a>',
        name=token(name),
    )
    return link if made else Markup(link.replace('">Open', '" hidden>Open'))


# --- the documents ---------------------------------------------------------------------------


def document_index(viewer: Viewer, documents: Mapping[str, Document]) -> Response:
    """Answer with the list of documents."""
    tiles = join(
        fill(
            '<li><h2><a href="/docs/$name">$title</a></h2><p class="purpose">$lead</p></li>',
            name=token(document.name),
            title=document.title,
            lead=document.lead,
        )
        for document in outlines(documents)
    )
    body = fill('<ul class="tiles">$tiles</ul>', tiles=tiles)
    if not documents:
        body = Markup("<p>There are no documents in this installation.</p>")
    return html_page(
        fill(
            asset("showcase.html"),
            top=_navigation(viewer.dataset.reports),
            title="Documents",
            lead="How it is built, what the figures mean, how to use and to extend it.",
            crumb=Markup(""),
            body=body,
            version=__version__,
        )
    )


def document_page(
    viewer: Viewer, document: Document, documents: Mapping[str, Document]
) -> Response:
    """Answer with one document."""
    page_of = rendered(document, documents)
    if page_of is None:
        raise refuse(404, "This document cannot be read any more.")
    return html_page(
        fill(
            asset("showcase.html"),
            top=_navigation(viewer.dataset.reports),
            title=page_of.title,
            lead="",
            crumb=Markup('<a href="/docs">All documents</a>'),
            body=fill('<div class="document">$body</div>', body=page_of.body),
            version=__version__,
        )
    )
