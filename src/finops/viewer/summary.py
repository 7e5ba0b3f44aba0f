"""The executive summary and the headlines, taken from the results beside the reports.

The static index computes the same with the same function, so that the two cannot differ.
Reading the results takes longer than a status may, so the monitor's thread does it when they
have changed.
"""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple

from finops import config
from finops.generators.reports.index import most_worth
from finops.registry import ANALYZER_REGISTRY
from finops.regular_files import read_regular
from finops.viewer.datasets import Dataset, regular_file

_RESULT_BYTES = 64 * config.MEGABYTE
Stamp = Tuple[int, int]


class Summary:
    """The latest findings of one folder of reports.  `refresh` in one thread, read in any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Optional[Path] = None
        self._stamps: Dict[str, Optional[Stamp]] = {}
        self._briefs: Dict[str, Dict[str, Any]] = {}
        self._findings: List[Dict[str, Any]] = []

    def refresh(self, dataset: Dataset) -> None:
        """Read the results that have changed since the last time."""
        if dataset.reports != self._folder:
            with self._lock:
                self._findings, self._briefs, self._stamps = [], {}, {}
            self._folder = dataset.reports
        changed = [name for name in ANALYZER_REGISTRY if self._has_changed(dataset, name)]
        for name in changed:
            brief = _brief(dataset.reports / f"{name}.json")
            with self._lock:
                self._briefs[name] = brief
        if changed:
            self._rank()

    def findings(self) -> List[Dict[str, Any]]:
        """Return the findings of most worth, at most five.

        Each has title, detail, severity, impact_usd_per_month (None where unknown), report
        (its id) and report_title.
        """
        with self._lock:
            return list(self._findings)

    def headline(self, name: str) -> str:
        """Return what a report found first, "" where nothing is known."""
        with self._lock:
            found = self._briefs.get(name, {}).get("findings") or ()
        return found[0]["title"] if found else ""

    def _has_changed(self, dataset: Dataset, name: str) -> bool:
        status = regular_file(dataset.reports / f"{name}.json")
        stamp = (status.st_ino, status.st_mtime_ns) if status else None
        if self._stamps.get(name) == stamp:
            return False
        self._stamps[name] = stamp
        return True

    def _rank(self) -> None:
        reports = [{"id": one.id, "title": one.title} for one in ANALYZER_REGISTRY.values()]
        with self._lock:
            self._findings = [
                {
                    **{key: str(one.finding.get(key) or "") for key in _TEXTS},
                    "impact_usd_per_month": round(one.worth, 2) if one.worth else None,
                    "report": one.report["id"],
                    "report_title": one.report["title"],
                }
                for one in most_worth(self._briefs, reports)
            ]


_TEXTS = ("title", "detail", "severity")


def _brief(path: Path) -> Dict[str, Any]:
    """Return {"findings": […]} of a result; nothing else of it is kept in memory."""
    status = regular_file(path)
    if status is None or status.st_size > _RESULT_BYTES:
        return {}
    try:
        result = json.loads(read_regular(path).decode("utf-8"))
        listed = result.get("findings")
        return {"findings": [_finding(one) for one in listed]} if listed else {}
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return {}


def _finding(one: Mapping[str, Any]) -> Dict[str, Any]:
    worth = one.get("impact_usd_per_month")
    kept: Dict[str, Any] = {key: str(one.get(key) or "") for key in _TEXTS}
    kept["impact_usd_per_month"] = worth if isinstance(worth, (int, float)) else 0
    return kept
