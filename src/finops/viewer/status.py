"""The status as the API gives it: every field, always, from what is already known.

Nothing here reads a dataset or waits for a job: sizes come from one `lstat` each, counts from
the monitor, states from the job runner, figures from the manifest that `analyze` wrote.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any, Dict, Optional

from finops import __version__, config
from finops.registry import ANALYZER_REGISTRY
from finops.viewer.datasets import Dataset, regular_file
from finops.viewer.jobs import now_text
from finops.viewer.viewer_state import Viewer

_MANIFEST_BYTES = 4 * config.MEGABYTE
# What the manifest says of a report whose page was made by an earlier run.
_NOT_OF_THE_LAST_RUN = ("older", "failed")


def build_status(viewer: Viewer) -> Dict[str, Any]:
    """Return the whole status."""
    manifest = read_manifest(viewer.dataset)
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


def read_manifest(dataset: Dataset) -> Dict[str, Any]:
    """Return the manifest of a dataset's reports; {} where there is none that can be read."""
    path = dataset.reports / "manifest.json"
    status = regular_file(path)
    if status is None or status.st_size > _MANIFEST_BYTES:
        return {}
    try:
        found = json.loads(path.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _csv(viewer: Viewer, manifest: Dict[str, Any]) -> Dict[str, Any]:
    state = viewer.file_state()
    size_mb = state.size_bytes / config.MEGABYTE
    target = viewer.target_mb
    share = min(100.0, 100 * size_mb / target) if target > 0 else 100.0
    described = manifest.get("dataset")
    period = described.get("period") if isinstance(described, dict) else None
    return {
        "name": viewer.dataset.name,
        "exists": state.exists,
        "size_mb": round(size_mb, 2),
        "target_mb": target,
        "progress_pct": round(share, 1),
        "line_count": state.line_count,
        "calls": max(0, state.line_count - 1),
        "counting": state.counted_bytes < state.size_bytes,
        "complete": size_mb >= target,
        "modified_at": _moment(state.modified_at),
        "period": period,
    }


def _reports(viewer: Viewer, manifest: Dict[str, Any]) -> Dict[str, Dict[str, Any]]:
    listed = manifest.get("reports")
    told = {
        entry.get("id"): entry
        for entry in (listed if isinstance(listed, list) else [])
        if isinstance(entry, dict)
    }
    described = manifest.get("dataset")
    other_data = isinstance(described, dict) and described.get("name") != viewer.dataset.name
    found = {}
    for analysis in ANALYZER_REGISTRY.values():
        status = regular_file(viewer.dataset.reports / analysis.filename)
        older = other_data or told.get(analysis.id, {}).get("status") in _NOT_OF_THE_LAST_RUN
        found[analysis.filename] = {
            "id": analysis.id,
            "name": analysis.title,
            "domain": analysis.domain,
            "purpose": analysis.purpose,
            "exists": status is not None,
            "size_kb": round(status.st_size / 1024, 1) if status else 0.0,
            "generated_at": _moment(status.st_mtime) if status else None,
            "stale": status is not None and viewer.is_stale(analysis.id, status, older),
            "headline": viewer.summary.headline(analysis.id),
        }
    return found


def _moment(stamp: Optional[float]) -> Optional[str]:
    """Return a file's time as ISO 8601 UTC; None where it is beyond the calendar."""
    if stamp is None:
        return None
    try:
        moment = datetime.fromtimestamp(stamp, timezone.utc).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return moment.isoformat(timespec="seconds") + "Z"
