"""What goes with the reports: index, manifest, a copy of Chart.js where one is at hand.

Several runs may end at once, each with some of the reports, so whoever publishes holds a
lock, starts from what the last one left, and puts its own reports into it.
"""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from finops import registry
from finops.errors import StorageError
from finops.generators.chartjs import copy_library
from finops.generators.manifest import write_manifest
from finops.generators.reports.index import generate_index
from finops.registry import Analysis
from finops.storage.lock import writer_lock

Row = Dict[str, Any]

COMPLETE = "complete"
FAILED = "failed"
OLDER = "older"
MISSING = "missing"

MANIFEST = "manifest.json"
INDEX = "index.html"
_LOCK_WAIT_S = 30
_SCENARIO_NAME = re.compile(r"scenario_[a-z0-9_]+\.html")
_HEADING = re.compile("<h1>([^<]*)</h1>")
_PURPOSE = re.compile('<p class="purpose">([^<]*)</p>')


class Made(NamedTuple):
    """How one report of this run went; `reason` says why it failed, "" if it did not.

    `seconds` is analysis and page together, without the scan.
    """

    analysis: Analysis
    seconds: float = 0.0
    size_bytes: int = 0
    headline: str = ""
    reason: str = ""
    trace: str = ""


def publish(
    folder: Path,
    made: Mapping[str, Made],
    results: Mapping[str, Row],
    context: Mapping[str, Any],
) -> Path:
    """Write index and manifest for this run's reports and those of earlier runs.

    Returns the index page.  Raises StorageError where they cannot be written, LockError where
    another run does not finish publishing.
    """
    index = folder / INDEX
    with writer_lock(folder / ".publishing", _LOCK_WAIT_S):
        before = _Before(folder, context)
        reports = [
            before.row(one) if one.id not in made else _row(folder, made[one.id], before, context)
            for one in registry.ANALYZER_REGISTRY.values()
        ]
        shown = {one["id"]: results.get(one["id"]) or before.result(one["id"]) for one in reports}
        known = {name: result for name, result in shown.items() if result}
        try:
            copy_library(folder)
            linked = dict(context, scenarios=scenario_pages(folder))
            generate_index(known, reports, linked, index)
            write_manifest(reports, context, folder / MANIFEST)
        except OSError as error:
            raise StorageError(
                f"cannot write {error.filename or index}: {error.strerror}; the reports are there"
            ) from error
    return index


class _Before:
    """What the last run left: the rows of its manifest and the results beside the pages."""

    def __init__(self, folder: Path, context: Mapping[str, Any]) -> None:
        self._folder = folder
        content = _read_json(folder / MANIFEST) or {}
        listed = content.get("reports")
        rows = listed if isinstance(listed, list) else []
        self._rows = {str(row.get("id")): row for row in rows if isinstance(row, dict)}
        self._same_data = content.get("dataset") == dataset_of(context)

    def row(self, analysis: Analysis) -> Row:
        """Return the row of a report that this run did not touch."""
        row = _about(analysis)
        page = self._folder / analysis.filename
        if not page.is_file():
            return dict(row, status=MISSING, reason="It has not been asked for yet.")
        old = self._rows.get(analysis.id, {})
        row.update(self.facts(analysis))
        if not self._same_data:
            return dict(row, status=OLDER, reason="The data has changed since it was made.")
        return dict(row, status=old.get("status") or COMPLETE)

    def facts(self, analysis: Analysis) -> Row:
        """Return size, time and seconds of the page that is there, Nones where none is."""
        page = self._folder / analysis.filename
        if not page.is_file():
            return {}
        old = self._rows.get(analysis.id, {})
        facts = {key: old.get(key) for key in ("generated_at", "seconds")}
        facts["generated_at"] = facts["generated_at"] or _changed_at(page)
        return dict(facts, size_kb=_kilobytes(page.stat().st_size))

    def result(self, name: str) -> Optional[Row]:
        """Return the last good result of an analysis, None where there is none."""
        if not (self._folder / f"{name}.html").is_file():
            return None
        return _read_json(self._folder / f"{name}.json")


def dataset_of(context: Mapping[str, Any]) -> Row:
    """Return what the manifest says of a dataset, by which it is recognised."""
    period = {"start": context.get("period_start"), "end": context.get("period_end")}
    return {
        "name": context.get("dataset"),
        "size_bytes": context.get("size_bytes"),
        "period": period,
    }


def scenario_pages(folder: Path) -> List[Dict[str, str]]:
    """Return filename, title and purpose of the showcase's pages among the reports."""
    found = []
    for page in sorted(folder.glob("scenario_*.html")):
        if _SCENARIO_NAME.fullmatch(page.name) and page.is_file():
            text = page.read_text(encoding="utf-8", errors="replace")
            said = [pattern.search(text) for pattern in (_HEADING, _PURPOSE)]
            words = [html.unescape(match.group(1)) if match else "" for match in said]
            found.append(
                {"filename": page.name, "title": words[0] or page.stem, "purpose": words[1]}
            )
    return found


def _about(analysis: Analysis) -> Row:
    return {
        "id": analysis.id,
        "title": analysis.title,
        "domain": analysis.domain,
        "purpose": analysis.purpose,
        "filename": analysis.filename,
        "size_kb": 0.0,
        "generated_at": None,
        "seconds": None,
        "status": COMPLETE,
        "reason": "",
    }


def _row(folder: Path, made: Made, before: _Before, context: Mapping[str, Any]) -> Row:
    row = _about(made.analysis)
    if made.reason:
        return dict(row, **before.facts(made.analysis), status=FAILED, reason=made.reason)
    return dict(
        row,
        size_kb=_kilobytes(made.size_bytes),
        generated_at=context.get("generated_at"),
        seconds=round(made.seconds, 3),
    )


def _kilobytes(size: int) -> float:
    return round(size / 1024, 1)


def _changed_at(page: Path) -> str:
    return utc_text(page.stat().st_mtime)


def utc_text(seconds: float) -> str:
    """Return seconds since 1970 as ISO 8601 in UTC, whole seconds.

    >>> utc_text(0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_json(path: Path) -> Optional[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
