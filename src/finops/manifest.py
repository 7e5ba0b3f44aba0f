"""The manifest: what is in a report folder, for programs.  `manifest.json` is read and written
here and nowhere else.

`SCHEMA_VERSION` is that of the keys.  Keys may be added under the same version; a manifest of
another one, or with a value of the wrong type, counts as none at all.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Tuple

from finops.atomic import write_aside
from finops.config import MEGABYTE
from finops.progress_events import FAILED, OK
from finops.reading_choices import ReadingChoices
from finops.regular_files import read_regular
from finops.typed_json import from_json, refuse_constant, to_json

MANIFEST = "manifest.json"
SCHEMA_VERSION = 1
# The page is of other data than the manifest's; there is no page and no run failed to make one.
STALE = "stale"
NOT_RUN = "not_run"
# The names in the reports are replaced, so that they can be shared.
REDACTED = "redacted"
STATUSES = (OK, FAILED, STALE, NOT_RUN)
_MAX_BYTES = 4 * MEGABYTE
# A page that is newer than its manifest by no more than this was copied with it.  Where it was
# made anew, its age is wrong by this at most.
_SAME_TIME_S = 60


class PeriodEntry(NamedTuple):
    """First and last call, ISO 8601, None where there are no calls."""

    start: Optional[str]
    end: Optional[str]


class DatasetEntry(NamedTuple):
    """The data of the last run: the file's name without its folder, its size, its period."""

    name: Optional[str]
    size_bytes: int
    period: PeriodEntry


class PricesEntry(NamedTuple):
    """Where prices came from, and of which date they are."""

    source: str
    date: str


class RunOptions(NamedTuple):
    """How the last run was called: `only` which ids (none is all), None for the default.

    `reading` is how the data was to be read, so that a later run can read it the same way.
    `names` is `REDACTED` where those of customers and organizations are replaced.
    """

    data: Optional[str]
    prices: PricesEntry
    only: Tuple[str, ...] = ()
    workers: Optional[int] = None
    reading: ReadingChoices = ReadingChoices()
    names: str = ""


class ReportEntry(NamedTuple):
    """One report.  `reason` says why it is not `ok`; `generated_at`, `seconds` and `size_bytes`
    are of the page that is there, which an earlier run may have made; `headline` is its first
    finding; `content_security_policy` is the one that the page was written for.
    """

    id: str
    title: str
    domain: str
    filename: str
    status: str
    reason: str
    size_kb: float
    size_bytes: int
    generated_at: Optional[str]
    seconds: Optional[float]
    headline: str
    content_security_policy: str


class Manifest(NamedTuple):
    """The whole; sizes in MB of 1,048,576 bytes, `progress_pct` is 0 to 100 of the target."""

    schema_version: int
    generated_at: Optional[str]
    call_count: int
    data_size_mb: float
    target_size_mb: float
    progress_pct: float
    dataset: DatasetEntry
    options: RunOptions
    reports: Tuple[ReportEntry, ...]


class StoredManifest(NamedTuple):
    """A manifest and when it was written, in seconds since 1970."""

    content: Manifest
    written_at: float

    @property
    def entries(self) -> Dict[str, ReportEntry]:
        """The reports by id."""
        return {entry.id: entry for entry in self.content.reports}

    def entry_of(self, name: str, page: os.stat_result) -> Optional[ReportEntry]:
        """Return the entry that describes a page with this status.

        None for a page that a run has made since and not published, as one that was killed.
        """
        entry = self.entries.get(name)
        same = entry is not None and entry.size_bytes == page.st_size
        return entry if same and page.st_mtime <= self.written_at + _SAME_TIME_S else None


def manifest_of(
    generated_at: Optional[str],
    call_count: int,
    target_size_mb: float,
    dataset: DatasetEntry,
    options: RunOptions,
    reports: Tuple[ReportEntry, ...],
) -> Manifest:
    """Return the manifest with what follows from its other values."""
    size_mb = dataset.size_bytes / MEGABYTE
    share = min(100.0, size_mb / target_size_mb * 100) if target_size_mb > 0 else 0.0
    return Manifest(
        SCHEMA_VERSION,
        generated_at,
        call_count,
        round(size_mb, 3),
        target_size_mb,
        round(share, 2),
        dataset,
        options,
        reports,
    )


def write_manifest(manifest: Manifest, path: Path) -> None:
    """Write the manifest, whole or not at all.  Raises OSError."""
    write_aside(path, json.dumps(to_json(manifest), allow_nan=False, indent=1) + "\n")


def read_manifest(path: Path) -> Optional[StoredManifest]:
    """Return what `write_manifest` wrote; None for everything else, links included."""
    try:
        status = os.lstat(str(path))
        if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
            return None
        content = json.loads(read_regular(path).decode("utf-8"), parse_constant=refuse_constant)
        manifest = from_json(Manifest, content)
    except (OSError, ValueError, RecursionError):
        return None
    return StoredManifest(manifest, status.st_mtime) if _is_sound(manifest) else None


def _is_sound(manifest: Manifest) -> bool:
    """Return whether the values are possible, beyond their types."""
    reports = manifest.reports
    numbers = [manifest.call_count, manifest.dataset.size_bytes]
    numbers += [report.size_bytes for report in reports]
    return (
        manifest.schema_version == SCHEMA_VERSION
        and min(numbers) >= 0
        and all(report.status in STATUSES for report in reports)
        and len({report.id for report in reports}) == len(reports)
    )
