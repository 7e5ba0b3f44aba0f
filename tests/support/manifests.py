"""Manifests as a run leaves them, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from finops.manifest import (
    DatasetEntry,
    Manifest,
    PeriodEntry,
    PricesEntry,
    ReportEntry,
    RunOptions,
    manifest_of,
)
from finops.registry import ANALYZER_REGISTRY

AT = "2025-04-01T08:15:30Z"


def some_entry(name: str = "pricing", **changes: Any) -> ReportEntry:
    """Return the entry of a report that went well."""
    analysis = ANALYZER_REGISTRY[name]
    entry = ReportEntry(
        *(name, analysis.title, analysis.domain, analysis.filename, "ok", ""),
        size_kb=61.4,
        size_bytes=62_874,
        generated_at=AT,
        seconds=0.42,
        headline="Two accounts cost more than they pay",
        content_security_policy="default-src 'none'",
    )
    return entry._replace(**changes)


def some_manifest(dataset: str, *entries: ReportEntry) -> Manifest:
    """Return the manifest of a dataset with these reports."""
    period = PeriodEntry("2025-01-01T00:00:13.000000", "2025-03-31T23:58:00.000000")
    options = RunOptions(dataset, PricesEntry("list prices", "2026-08"), ("pricing",), 2)
    return manifest_of(AT, 1000, 100, DatasetEntry(dataset, 52_428_800, period), options, entries)
