"""The executive summary and the headlines, taken from the results beside the reports.

The static index computes the same with the same function, so that the two cannot differ.
Reading the results takes longer than a status may, so the monitor's thread does it when they
have changed.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from finops.errors import DataError
from finops.generators.action_list import most_worth
from finops.generators.event_marks import with_events
from finops.generators.first_screen import first_screen
from finops.generators.formatting import with_dates
from finops.generators.markup import Markup
from finops.json_files import read_object
from finops.manifest import MANIFEST, PeriodEntry, StoredManifest, read_manifest
from finops.reader.event_log import events_beside, read_events
from finops.registry import ANALYZER_REGISTRY
from finops.viewer.datasets import Dataset, regular_file

# Beyond what any analysis finds; a file that says more was not written by one.
_MAX_WORTH_USD = 1e15
_MAX_TEXT = 1000
Stamp = Tuple[int, int]


class Summary:
    """The latest findings of one folder of reports.  `refresh` in one thread, read in any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Optional[Path] = None
        self._stamps: Dict[str, Optional[Stamp]] = {}
        self._briefs: Dict[str, Dict[str, Any]] = {}
        self._findings: List[Dict[str, Any]] = []
        self._screen = Markup("")

    def refresh(self, dataset: Dataset) -> None:
        """Read the results that have changed since the last time."""
        if dataset.reports != self._folder:
            with self._lock:
                self._findings, self._briefs, self._stamps = [], {}, {}
                self._screen = Markup("")
            self._folder = dataset.reports
        changed = [name for name in ANALYZER_REGISTRY if self._has_changed(dataset, name)]
        for name in changed:
            brief = read_findings(dataset.reports / f"{name}.json")
            with self._lock:
                self._briefs[name] = brief
        if changed:
            screen = _first_screen(dataset)
            with self._lock:
                self._screen = screen
            self._rank()

    def first_screen(self) -> Markup:
        """Return the figures and the daily cost of the index, nothing where there are none."""
        with self._lock:
            return self._screen

    def findings(self) -> List[Dict[str, Any]]:
        """Return the most valuable findings, list by list, at most five of each.

        Each has the title of its list, title, detail, severity, kind, confidence, effort,
        impact_usd_per_month (None where unknown), report (its id) and report_title.
        """
        with self._lock:
            return list(self._findings)

    def headline(self, name: str) -> str:
        """Return the top finding of a report, "" where nothing is known."""
        with self._lock:
            findings = self._briefs.get(name, {}).get("findings") or ()
        return findings[0]["title"] if findings else ""

    def _has_changed(self, dataset: Dataset, name: str) -> bool:
        status = regular_file(dataset.reports / f"{name}.json")
        stamp = (status.st_ino, status.st_mtime_ns) if status else None
        if self._stamps.get(name) == stamp:
            return False
        self._stamps[name] = stamp
        return True

    def _rank(self) -> None:
        reports = [
            {"id": analysis.id, "title": analysis.title} for analysis in ANALYZER_REGISTRY.values()
        ]
        with self._lock:
            self._findings = [
                {
                    **{key: with_dates(str(ranked.finding.get(key) or "")) for key in _SHOWN},
                    "impact_usd_per_month": round(ranked.worth, 2) if ranked.worth else None,
                    "report": ranked.report["id"],
                    "report_title": ranked.report["title"],
                    "list": title,
                }
                for title, ranked in most_worth(self._briefs, reports)
            ]


_SHOWN = ("title", "detail", "severity", "kind", "confidence", "effort")
_TEXTS = (*_SHOWN, "overlaps")


def _first_screen(dataset: Dataset) -> Markup:
    """Return the first screen of a folder's results; nothing of files that somebody edited."""
    names = ("understanding", "profitability", "alignment")
    results = {name: read_object(dataset.reports / f"{name}.json") or {} for name in names}
    stored = read_manifest(dataset.reports / MANIFEST)
    period = stored.content.dataset.period if stored and stored.content else PeriodEntry(None, None)
    context = {"period_start": period.start, "period_end": period.end}
    try:
        part = first_screen(results, context)
        charts = part.data.get("charts", {})
        return with_events(part.markup, charts, _events(dataset, stored))
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError):
        return Markup("")


def _events(dataset: Dataset, stored: Optional[StoredManifest]) -> List[Dict[str, str]]:
    """Return the events that the pages of a folder mark; none where they cannot be read."""
    given = stored.content.options.reading.events if stored else ""
    path = Path(given) if given else events_beside(dataset.path)
    try:
        return [event._asdict() for event in read_events(path)] if path.is_file() else []
    except DataError:
        return []


def read_findings(path: Path) -> Dict[str, Any]:
    """Return {"findings": […]} of a result; nothing else of it is kept in memory."""
    result = read_object(path) or {}
    listed = result.get("findings")
    if not isinstance(listed, list):
        return {}
    return {"findings": [_finding(entry) for entry in listed if isinstance(entry, dict)]}


def _finding(entry: Mapping[str, Any]) -> Dict[str, Any]:
    worth = entry.get("impact_usd_per_month")
    number = isinstance(worth, (int, float)) and abs(worth) <= _MAX_WORTH_USD
    finding: Dict[str, Any] = {key: _text(entry.get(key)) for key in _TEXTS}
    finding["impact_usd_per_month"] = worth if number else 0
    return finding


def _text(value: Any) -> str:
    return value[:_MAX_TEXT] if isinstance(value, str) else ""
