"""The status as the API gives it: every field, always, from what is already known.

Nothing here reads a dataset or waits for a job: sizes come from one `stat` each, counts from
the monitor, states from the job runner, figures from the manifest that `analyze` wrote.
"""

from __future__ import annotations

import os
from typing import Any, Dict, Optional

from finops import __version__, config
from finops.manifest import MANIFEST, NOT_RUN, STALE, ReportEntry, StoredManifest, read_manifest
from finops.progress_events import FAILED, OK
from finops.registry import ANALYZER_REGISTRY, Analysis
from finops.timestamps import utc_text
from finops.viewer.datasets import regular_file
from finops.viewer.jobs import now_text
from finops.viewer.remembered import is_of
from finops.viewer.viewer_state import Viewer

Manifest = Optional[StoredManifest]


def build_status(viewer: Viewer) -> Dict[str, Any]:
    """Return the whole status."""
    manifest = read_manifest(viewer.dataset.reports / MANIFEST)
    return {
        "timestamp": now_text(),
        "version": __version__,
        "csv": _csv(viewer, manifest),
        "reports": _reports(viewer, manifest),
        "analyzer_status": viewer.jobs.analyzer_states(viewer.dataset.name),
        "jobs": [job.as_dict() for job in reversed(viewer.jobs.snapshot())],
        "monitor": viewer.monitor.as_dict(),
        "datasets": viewer.datasets.describe(),
        "summary": viewer.summary.findings(),
        "activity": viewer.activity.entries(),
        "collector": {
            "enabled": viewer.settings.collect,
            "dataset": config.COLLECTED_NAME if viewer.settings.collect else None,
            "events": viewer.collected_events,
        },
    }


def _csv(viewer: Viewer, manifest: Manifest) -> Dict[str, Any]:
    state = viewer.file_state()
    size_mb = state.size_bytes / config.MEGABYTE
    target = viewer.target_mb
    share = min(100.0, 100 * size_mb / target) if target > 0 else 100.0
    return {
        "name": viewer.dataset.name,
        "exists": state.exists,
        "size_mb": round(size_mb, 2),
        "target_mb": target,
        "progress_pct": round(share, 1),
        "line_count": state.line_count,
        "calls": max(0, state.line_count - state.files),
        "counting": state.counted_bytes < state.size_bytes,
        "complete": size_mb >= target,
        "modified_at": _moment(state.modified_at),
        "period": manifest.content.dataset.period._asdict() if manifest else None,
    }


def _reports(viewer: Viewer, manifest: Manifest) -> Dict[str, Dict[str, Any]]:
    return {
        analysis.filename: _report(viewer, analysis, manifest)
        for analysis in ANALYZER_REGISTRY.values()
    }


def _report(viewer: Viewer, analysis: Analysis, manifest: Manifest) -> Dict[str, Any]:
    """Return one report: what the manifest says of it, as far as that is of the page there is."""
    last = manifest.entries.get(analysis.id) if manifest else None
    page = regular_file(viewer.dataset.reports / analysis.filename)
    entry = manifest.entry_of(analysis.id, page) if manifest and page else None
    known = last if page is None else entry
    stale = page is not None and viewer.is_stale(
        analysis.id, page, _is_of_other_data(viewer, manifest, entry)
    )
    status = STALE if stale else OK if page is not None else NOT_RUN
    if known is not None and known.status == FAILED:
        status = FAILED
    reason = known.reason if known is not None and known.status == status else ""
    return {
        "id": analysis.id,
        "name": analysis.title,
        "domain": analysis.domain,
        "purpose": analysis.purpose,
        "exists": page is not None,
        "size_kb": round(page.st_size / 1024, 1) if page else 0.0,
        "generated_at": _generated_at(page, entry),
        "seconds": entry.seconds if entry else None,
        "stale": stale,
        "status": status,
        "reason": reason,
        "headline": viewer.summary.headline(analysis.id) or (last.headline if last else ""),
    }


def _is_of_other_data(viewer: Viewer, manifest: Manifest, entry: Optional[ReportEntry]) -> bool:
    """Return whether the manifest says that a page is not of the data that there is."""
    if manifest is None:
        return False
    if viewer.dataset.is_one_file:
        other = manifest.content.dataset.name != viewer.dataset.name
    else:
        other = not is_of(manifest.content.options.reading, viewer.dataset)
    return other or (entry is not None and entry.status in (STALE, FAILED))


def _generated_at(page: Optional[os.stat_result], entry: Optional[ReportEntry]) -> Optional[str]:
    """Return when a page was made; its file's time where no manifest describes it."""
    if page is None:
        return None
    known = entry.generated_at if entry else None
    return known or _moment(page.st_mtime)


def _moment(stamp: Optional[float]) -> Optional[str]:
    """Return a file's time as ISO 8601 UTC; None where it is beyond the calendar."""
    if stamp is None:
        return None
    try:
        return utc_text(stamp)
    except (ValueError, OverflowError):
        return None
