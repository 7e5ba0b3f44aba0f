"""A server for pages, shared by the browser tests of this folder."""

from __future__ import annotations

import functools
import shutil
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from finops.analyzers.shared.explore_cube import explore_cubes
from finops.generators.chartjs import CHARTJS_FILE
from finops.generators.explore import write_explore
from finops.generators.navigation import EXPLORE_FILE
from finops.generators.page import (
    EXPLORE_BUNDLE,
    REPORT_BUNDLE,
    content_security_policy,
)
from finops.generators.reports.index import generate_index
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import CONTEXT, results_of
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows
from tests.support.tools import need


class Handler(SimpleHTTPRequestHandler):
    """Serves pages with the policy that the viewer sends."""

    def end_headers(self) -> None:
        if self.path.endswith(".html"):
            bundle = EXPLORE_BUNDLE if self.path.endswith(EXPLORE_FILE) else REPORT_BUNDLE
            policy = content_security_policy(header=True, bundle=bundle)
            self.send_header("Content-Security-Policy", policy)
            self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="session")
def site() -> Iterator[Path]:
    """A folder for pages, with Chart.js in it."""
    with tempfile.TemporaryDirectory() as folder:
        library = need("node_modules/chart.js/dist/chart.umd.js")
        shutil.copy(library, str(Path(folder) / CHARTJS_FILE))
        yield Path(folder)


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The address under which that folder is served."""
    serve = functools.partial(Handler, directory=str(site))
    server = ThreadingHTTPServer(("127.0.0.1", 0), serve)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def pages(site: Path) -> Dict[str, int]:
    """All reports, the index and a sample, written; their numbers of charts by name."""
    rows = varied_rows(1500)
    results = results_of(rows)
    first, last = rows[0]["timestamp"][:10], rows[-1]["timestamp"][:10]
    events = [
        {"start": day, "end": day, "title": title, "subject": "chat"}
        for day, title in ((first, "Launch"), (last, "Outage"), ("2199-01-01", "Too late"))
    ]
    context = dict(CONTEXT, events=events)
    write_explore(explore_cubes(ReferenceDataset(rows)), results, context, site / EXPLORE_FILE)
    results["dataset_overview"]["daily"] = [
        dict(row, total_tokens=5, success_count=1) for row in results["understanding"]["daily"]
    ]
    reports: List[Dict[str, Any]] = []
    for name, one in ANALYZER_REGISTRY.items():
        one.generator(results[name], str(site / one.filename))
        about = {"id": name, "title": one.title, "domain": one.domain, "purpose": one.purpose}
        reports.append(dict(about, generated_at="2025-01-01T00:00:00Z", status="ok"))
    generate_index(results, reports, CONTEXT, site / "index.html")
    from tests.generators.test_browser import write_sample

    write_sample(site / "sample.html")
    names = [*ANALYZER_REGISTRY, "index", "sample"]
    return {name: _charts(site / f"{name}.html") for name in names}


def _charts(path: Path) -> int:
    return path.read_text(encoding="utf-8").count("<canvas ")
