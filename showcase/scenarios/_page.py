"""What a scenario's page shows, and where and how it is written.

A page has four cards: the problem with its metrics, the solution, the results before and
after with a chart, and the steps of the implementation.  Inside the project it is built from
the report parts and looks like the other reports; anywhere else from a template of its own.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence, Tuple

import _own_page
import _shared_page

# Kinds of values and what is printed before and behind them.
KINDS = {"money": ("$", ""), "percent": ("", " %"), "count": ("", ""), "number": ("", "")}


class Metric(NamedTuple):
    """One figure: label, value, kind (a key of KINDS), and a few words on it."""

    label: str
    value: float
    kind: str
    note: str = ""

    def shown(self) -> str:
        """Return the value as text: `$1,204.55`, `96.2 %`, `1,250`."""
        return shown(self.kind, self.value)


class Chart(NamedTuple):
    """A chart: bars or lines, one series of values for each name, over the labels."""

    name: str
    caption: str
    shape: str
    x_title: str
    y_title: str
    y_kind: str
    labels: Sequence[str]
    series: Sequence[Tuple[str, Sequence[float]]]


class Table(NamedTuple):
    """A table: columns as (heading, kind, or "text"), rows as tuples."""

    name: str
    caption: str
    columns: Sequence[Tuple[str, str]]
    rows: Sequence[Tuple[object, ...]]


class ScenarioPage(NamedTuple):
    """Everything on a scenario's page.  `id` is the name of its file, without the ending.

    `contrast` holds (what, without Revenium, with Revenium).  `period` is the first and last
    day of the workload, as ISO dates.
    """

    id: str
    title: str
    purpose: str
    workload: str
    period: Tuple[str, str]
    problem: str
    problem_metrics: Sequence[Metric]
    solution: Sequence[str]
    result_metrics: Sequence[Metric]
    charts: Sequence[Chart]
    tables: Sequence[Table]
    contrast: Sequence[Tuple[str, str, str]]
    steps: Sequence[str]


def shown(kind: str, value: float) -> str:
    """Return a value as text for people."""
    before, behind = KINDS[kind]
    places = {"money": 2, "percent": 1, "count": 0, "number": 1}[kind]
    sign = "-" if round(value, places) < 0 else ""
    return f"{sign}{before}{abs(value):,.{places}f}{behind}"


def project() -> Optional[Path]:
    """Return the project's folder if these files lie in one, else None."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "finops.py").is_file() else None


def default_directory() -> Path:
    """Return where pages go: FINOPS_REPORTS, else the project's reports, else here."""
    chosen = os.environ.get("FINOPS_REPORTS")
    if chosen:
        return Path(chosen)
    root = project()
    return root / "reports" / "html" if root else Path.cwd()


def write_page(page: ScenarioPage, directory: Path) -> Path:
    """Write the page into a directory and return its path.  Raises OSError where that fails.

    A description for programs, ID.json, goes beside it: by that an index can list the page.
    """
    root = project()
    html = (_shared_page.render(page, root) if root else None) or _own_page.render(page)
    about = {"id": page.id, "title": page.title, "purpose": page.purpose}
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{page.id}.html"
    _write(path, html)
    _write(path.with_suffix(".json"), json.dumps(about) + "\n")
    return path


def _write(path: Path, text: str) -> None:
    """Write aside and move into place, so that nobody sees half a file.  Raises OSError."""
    handle, aside = tempfile.mkstemp(dir=str(path.parent), suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        os.chmod(aside, 0o644)
        os.replace(aside, str(path))
    except OSError:
        os.unlink(aside)
        raise


def contrast_lines(page: ScenarioPage) -> List[str]:
    """Return the contrast as lines for the terminal."""
    lines = []
    for what, without, with_it in page.contrast:
        lines += [
            f"{what}:",
            f"    without Revenium  {without}",
            f"    with Revenium     {with_it}",
        ]
    return lines
