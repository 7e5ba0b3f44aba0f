"""The manifest: what is in the report folder, for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Mapping, Sequence, Union

from finops.atomic import write_aside
from finops.config import MEGABYTE

Data = Mapping[str, Any]
REPORT_KEYS = (
    "id",
    "title",
    "domain",
    "filename",
    "size_kb",
    "generated_at",
    "seconds",
    "status",
)


def write_manifest(reports: Sequence[Data], context: Data, output_path: Union[str, Path]) -> None:
    """Write `manifest.json`: `reports` as for the index, of which the keys of `REPORT_KEYS`
    are kept; sizes in MB and KB of 1,048,576 and 1,024 bytes.  Raises OSError.
    """
    text = json.dumps(manifest(reports, context), allow_nan=False, indent=1) + "\n"
    write_aside(output_path, text)


def manifest(reports: Sequence[Data], context: Data) -> Dict[str, Any]:
    """Return what `write_manifest` writes; `progress_pct` is from 0 to 100."""
    size_bytes = int(context.get("size_bytes") or 0)
    size_mb = size_bytes / MEGABYTE
    target_mb = context.get("target_size_mb") or 0
    return {
        "generated_at": context.get("generated_at"),
        "call_count": int(context.get("calls") or 0),
        "data_size_mb": round(size_mb, 3),
        "target_size_mb": target_mb,
        "progress_pct": round(min(100.0, size_mb / target_mb * 100), 2) if target_mb else 0.0,
        "dataset": {
            "name": context.get("dataset"),
            "size_bytes": size_bytes,
            "period": {
                "start": context.get("period_start"),
                "end": context.get("period_end"),
            },
        },
        "reports": [{key: report.get(key) for key in REPORT_KEYS} for report in reports],
    }
