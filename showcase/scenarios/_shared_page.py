"""Build a scenario's page from the project's report parts, where they are at hand.

The parts are imported from the project's source folder by the import machinery, so nothing
has to be installed and no path is edited.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from datetime import datetime, timezone
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

if TYPE_CHECKING:
    from _page import Chart, Metric, ScenarioPage, Table

PARTS = ("page", "components", "charts", "tables", "markup")


class ReportParts(NamedTuple):
    """The modules of the project that make pages."""

    page: Any
    components: Any
    charts: Any
    tables: Any
    markup: Any


def render(page: ScenarioPage, root: Path) -> Optional[str]:
    """Return the page in the look of the reports; None where the parts are not (all) there."""
    try:
        return _rendered(_load(root), page)
    except (ImportError, OSError):
        return None


def _rendered(parts: ReportParts, page: ScenarioPage) -> str:
    report = parts.page.Report(page.id, page.title, page.purpose)
    sections = [_problem(parts, page), _solution(parts, page), _results(parts, page)]
    context = {
        "dataset": page.workload,
        "period_start": page.period[0],
        "period_end": page.period[1],
        "size_bytes": None,
        "generated_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }
    text: str = parts.page.render(report, context, [*sections, _steps(parts, page)])
    return text


def _load(root: Path) -> ReportParts:
    """Return the project's modules.  Raises ImportError or OSError where they are not there."""
    _package(root / "src" / "finops")
    return ReportParts(*(importlib.import_module(f"finops.generators.{n}") for n in PARTS))


def _package(folder: Path) -> ModuleType:
    """Return the project's package from its folder, unless it is imported already."""
    if "finops" in sys.modules:
        return sys.modules["finops"]
    spec = importlib.util.spec_from_file_location(
        "finops", str(folder / "__init__.py"), submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"no package in {folder}")
    package = importlib.util.module_from_spec(spec)
    sys.modules["finops"] = package
    spec.loader.exec_module(package)
    return package


def _problem(parts: ReportParts, page: ScenarioPage) -> Any:
    sentences = [parts.components.text(sentence) for sentence in (page.problem, _basis(page))]
    return parts.components.section("Problem", *sentences, _cards(parts, page.problem_metrics))


def _basis(page: ScenarioPage) -> str:
    """Say why the figures are not those of the reports beside this page."""
    return (
        f"{page.workload}, made for this page: one problem and nothing else, so that its cause and "
        "its remedy can be followed. The other reports are about another dataset, in which "
        "everything happens at once, so their figures differ."
    )


def _cards(parts: ReportParts, metrics: Any) -> Any:
    return parts.components.cards([_card(parts, metric) for metric in metrics])


def _card(parts: ReportParts, metric: Metric) -> Any:
    return parts.components.Card(metric.label, metric.value, metric.kind, metric.note)


def _solution(parts: ReportParts, page: ScenarioPage) -> Any:
    return parts.components.section("Solution", *map(parts.components.text, page.solution))


def _results(parts: ReportParts, page: ScenarioPage) -> Any:
    """Return before and after: figures, charts, contrast and tables."""
    contrast = parts.tables.table(
        "contrast",
        "Without Revenium, with Revenium",
        [
            parts.tables.Column(itemgetter(0), "What"),
            parts.tables.Column(itemgetter(1), "Without Revenium"),
            parts.tables.Column(itemgetter(2), "With Revenium"),
        ],
        page.contrast,
    )
    charts = [_chart(parts, part) for part in page.charts]
    tables = [_table(parts, part) for part in page.tables]
    cards = _cards(parts, page.result_metrics)
    return parts.components.section("Results, before and after", cards, *charts, contrast, *tables)


def _chart(parts: ReportParts, chart: Chart) -> Any:
    series = [
        parts.charts.Series(
            name, list(values), "muted" if place < len(chart.series) - 1 else "accent"
        )
        for place, (name, values) in enumerate(chart.series)
    ]
    draw = parts.charts.line_chart if chart.shape == "line" else parts.charts.bar_chart
    x, y = parts.charts.Axis(chart.x_title, "text"), parts.charts.Axis(chart.y_title, chart.y_kind)
    return draw(chart.name, chart.caption, x, y, list(chart.labels), series)


def _table(parts: ReportParts, table: Table) -> Any:
    columns = [
        parts.tables.Column(itemgetter(place), heading, kind)
        for place, (heading, kind) in enumerate(table.columns)
    ]
    return parts.tables.table(table.name, table.caption, columns, table.rows)


def _steps(parts: ReportParts, page: ScenarioPage) -> Any:
    items = parts.markup.join(parts.markup.fill("<li>$step</li>", step=step) for step in page.steps)
    listed = parts.markup.fill('<ol class="recommendations">$items</ol>', items=items)
    return parts.components.section("Implementation steps", parts.components.Part(listed))
