"""Every address of the viewer and what answers it: plain functions from request to response.

The table is built once from exact strings; nothing else is ever served.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from finops import config
from finops.generators.chartjs import CHARTJS_FILE
from finops.generators.navigation import EXPLORE_FILE
from finops.registry import ANALYZER_REGISTRY
from finops.viewer import pages
from finops.viewer.collector import Collector
from finops.viewer.documents import Document
from finops.viewer.http import (
    TEXT_TYPE,
    Request,
    RequestRefusedError,
    Response,
    failure,
    json_response,
    refuse,
)
from finops.viewer.jobs import Job, JobConflictError, QueueFullError
from finops.viewer.metrics import CONTENT_TYPE, MetricsError
from finops.viewer.openapi import describe_api
from finops.viewer.security import Route, Routes
from finops.viewer.showcase import Example
from finops.viewer.status import build_status
from finops.viewer.strict_json import in_turn, parse_object
from finops.viewer.tasks import GenerateRequest
from finops.viewer.viewer_state import NoDatasetError, RedactedReportsError, Viewer

_MAX_SEED = 10**18 - 1
_MIN_GENERATE_MB = 0.01


def build_routes(
    viewer: Viewer,
    examples: Mapping[str, Example],
    collector: Optional[Collector] = None,
    documents: Optional[Mapping[str, Document]] = None,
) -> Routes:
    """Return the table: path to method to route."""
    routes: Routes = {
        **_pages(viewer, dict(examples)),
        **_documents(viewer, documents or {}),
        **_reports(viewer, examples),
        **Api(viewer, examples).routes(),
    }
    if collector is not None:
        key = collector.has_key
        routes["/meter/v2/ai/completions"] = {"POST": Route(collector.completion, key=key)}
        routes["/v1/events/batch"] = {"POST": Route(collector.batch, gzip=True, key=key)}
    return routes


def _pages(viewer: Viewer, examples: Dict[str, Example]) -> Routes:
    routes: Routes = {
        "/": _page(lambda request: pages.dashboard(viewer)),
        "/first-screen": _page(lambda request: pages.first_screen(viewer)),
        "/showcase": _page(lambda request: pages.showcase_index(viewer, examples)),
        "/assets/report.css": _page(pages.report_style),
        "/healthz": _page(lambda request: Response(200, b"ok", TEXT_TYPE)),
        "/metrics": _page(lambda request: _metrics(viewer)),
        "/favicon.ico": _page(lambda request: Response(204, b"", "image/x-icon")),
    }
    for name in pages.ASSET_TYPES:
        routes[f"/assets/{name}"] = _page(pages.asset_route(name))
    for example in examples.values():
        routes[f"/showcase/{example.id}"] = _page(_example_page(viewer, example))
    return routes


def _metrics(viewer: Viewer) -> Response:
    """Answer with the counters of the dataset for Prometheus."""
    try:
        text = viewer.metrics_text()
    except NoDatasetError:
        raise refuse(503, "There is no dataset; generate or import one first.") from None
    except MetricsError:
        raise refuse(503, "The counters cannot be made of this dataset.") from None
    if text is None:
        again = (("Retry-After", "10"),)
        raise refuse(503, "The counters are being made; ask again soon.", again)
    return Response(200, text, CONTENT_TYPE)


def _documents(viewer: Viewer, documents: Mapping[str, Document]) -> Routes:
    routes: Routes = {"/docs": _page(lambda request: pages.document_index(viewer, documents))}
    for document in documents.values():
        routes[f"/docs/{document.name}"] = _page(_document_page(viewer, document, documents))
    return routes


def _document_page(
    viewer: Viewer, document: Document, documents: Mapping[str, Document]
) -> Callable[[Request], Response]:
    return lambda request: pages.document_page(viewer, document, documents)


def _page(respond: Callable[[Request], Response]) -> Dict[str, Route]:
    return {"GET": Route(respond)}


def _example_page(viewer: Viewer, example: Example) -> Callable[[Request], Response]:
    return lambda request: pages.showcase_page(viewer, example)


def _reports(viewer: Viewer, examples: Mapping[str, Example]) -> Routes:
    names = ["index.html", EXPLORE_FILE, "manifest.json", CHARTJS_FILE]
    for analysis in ANALYZER_REGISTRY.values():
        names += [analysis.filename, f"{analysis.id}.json"]
    names += [f"{e.path.stem}.html" for e in examples.values() if e.room == "scenarios"]
    return {f"/reports/{name}": _page(pages.report_route(viewer, name)) for name in names}


class Api:
    """The JSON interface of one viewer."""

    def __init__(self, viewer: Viewer, examples: Mapping[str, Example]) -> None:
        self._viewer = viewer
        self._examples = examples

    def routes(self) -> Routes:
        """Return the addresses of the interface."""

        def get(respond: Callable[[Request], Response]) -> Dict[str, Route]:
            return {"GET": Route(respond, api=True)}

        def post(respond: Callable[[Request], Response]) -> Dict[str, Route]:
            return {"POST": Route(respond, api=True)}

        return {
            "/api/status": get(self.status),
            "/api/datasets": get(self.datasets),
            "/api/job": get(self.job),
            "/api/openapi.json": get(self.openapi),
            "/api/run-analyzer": post(self.run_analyzer),
            "/api/run-all": post(self.run_all),
            "/api/generate": post(self.generate),
            "/api/cancel": post(self.cancel),
            "/api/dataset": post(self.switch),
            "/api/run-example": post(self.run_example),
        }

    def status(self, request: Request) -> Response:
        """Answer with the whole status."""
        return json_response(200, build_status(self._viewer))

    def datasets(self, request: Request) -> Response:
        """Answer with the datasets that there are."""
        return json_response(200, {"datasets": self._viewer.datasets.describe()})

    def openapi(self, request: Request) -> Response:
        """Answer with the description of this interface."""
        document = describe_api(self._viewer, list(self._examples))
        return json_response(200, document)

    def job(self, request: Request) -> Response:
        """Answer with one job and the end of what it has printed."""
        job = self._viewer.jobs.find(_parameter(request, "job"))
        if job is None:
            raise refuse(404, "There is no such job.")
        shown = job.output.tail() if job.task.kind == "example" else ""
        return json_response(200, {"job": job.as_dict(), "output": shown})

    def run_analyzer(self, request: Request) -> Response:
        """Start one analyzer."""
        name = _parameter(request, "id")
        _no_fields(request)
        if name not in ANALYZER_REGISTRY:
            raise refuse(404, "There is no such analyzer.")
        return _started(lambda: self._viewer.run_analyzer(name))

    def run_all(self, request: Request) -> Response:
        """Start all analyzers."""
        _no_fields(request)
        return _started(self._viewer.run_all)

    def generate(self, request: Request) -> Response:
        """Start to grow the dataset."""
        growth = in_turn(lambda: self._growth(parse_object(request.body)))
        if self._viewer.dataset.name == config.COLLECTED_NAME:
            raise refuse(409, "Simulated calls are not mixed into collected ones.")
        if not self._viewer.dataset.is_one_file:
            raise refuse(409, "Only a dataset of one file can grow; this one has several.")
        return _started(lambda: self._viewer.generate(growth))

    def cancel(self, request: Request) -> Response:
        """Stop a job."""
        name = _parameter(request, "job")
        _no_fields(request)
        job = self._viewer.cancel(name)
        if job is None:
            raise refuse(404, "There is no such job, or it has ended.")
        return json_response(202, {"success": True, "job": job.as_dict()})

    def switch(self, request: Request) -> Response:
        """Switch to another dataset."""
        name = _parameter(request, "name")
        _no_fields(request)
        if not self._viewer.switch(name):
            raise refuse(404, "There is no such dataset.")
        return json_response(200, {"success": True, "name": self._viewer.dataset.name})

    def run_example(self, request: Request) -> Response:
        """Run an example of the showcase."""
        example = self._examples.get(_parameter(request, "id"))
        _no_fields(request)
        if example is None:
            raise refuse(404, "There is no such example.")
        chosen = example
        return _started(lambda: self._viewer.run_example(chosen.id, chosen.title, chosen.path))

    def _growth(self, body: Dict[str, Any]) -> GenerateRequest:
        """Return what a body asks to generate.  Raises RequestRefusedError (422)."""
        size: Any = body.get("size_mb")
        seed, names = body.get("seed"), body.get("scenarios")
        if not _is_number(size) or not _MIN_GENERATE_MB <= size <= config.MAX_GENERATE_MB:
            limits = f"from {_MIN_GENERATE_MB} to {config.MAX_GENERATE_MB}"
            raise refuse(422, f"size_mb must be a number {limits}.")
        whole = isinstance(seed, int) and not isinstance(seed, bool)
        if seed is not None and not (whole and 0 <= seed <= _MAX_SEED):
            raise refuse(422, f"seed must be a whole number from 0 to {_MAX_SEED}.")
        known = {name for name, _ in self._viewer.scenarios()}
        listed = names if isinstance(names, list) else []
        if (names is not None and names != listed) or not all(
            isinstance(name, str) and name in known for name in listed
        ):
            raise refuse(422, "scenarios must be a list of known ids.")
        return GenerateRequest(float(size), seed, tuple(dict.fromkeys(listed)))


def _no_fields(request: Request) -> None:
    """Check a body of which nothing is used.  Raises RequestRefusedError where it is no object."""
    in_turn(lambda: parse_object(request.body))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parameter(request: Request, name: str) -> str:
    """Return a query parameter.  Raises RequestRefusedError (400) where it is missing."""
    value = request.query.get(name)
    if value is None:
        raise refuse(400, f"The query parameter {name} is required.")
    return value


def _started(start: Callable[[], Job]) -> Response:
    """Start a job and answer with it, or with why it could not be started."""
    try:
        job = start()
    except NoDatasetError:
        raise refuse(409, "There is no dataset; generate or import one first.") from None
    except RedactedReportsError:
        raise refuse(
            409, "These reports are made for sharing; start the viewer with other --reports."
        ) from None
    except JobConflictError:
        raise refuse(409, "This is already running.") from None
    except QueueFullError:
        full = failure(429, "The queue is full; try again soon.", (("Retry-After", "5"),))
        raise RequestRefusedError(full) from None
    return json_response(202, {"success": True, "job": job.as_dict()})
