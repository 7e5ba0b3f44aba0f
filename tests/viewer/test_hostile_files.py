"""Files beside the reports, edited, cut or replaced by anything: status and pages stay up."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops import json_files
from finops.manifest import PricesEntry, RunOptions
from finops.publishing import publish
from finops.registry import ANALYZER_REGISTRY
from tests.support.live import live, some_rows

OPTIONS = RunOptions(None, PricesEntry("built in", "2025-01"))
PRICING: Dict[str, Any] = {"id": "pricing", "status": "older"}


def manifest(**changes: Any) -> bytes:
    """Return a manifest as JSON; NaN and infinity as Python writes them."""
    whole = {
        "dataset": {"name": "calls.csv", "period": {"start": "2025-01-01", "end": "2025-01-02"}},
        "reports": [PRICING],
    }
    return json.dumps({**whole, **changes}).encode()


NAN = float("nan")
HOSTILE: Dict[str, bytes] = {
    "NaN in the period": manifest(dataset={"period": {"start": NAN, "end": NAN}}),
    "infinite": manifest(reports=[{**PRICING, "seconds": float("inf")}]),
    "1e999": b'{"reports": [{"id": "pricing", "seconds": 1e999}]}',
    "a list as id": manifest(reports=[{"id": [1]}]),
    "an object as id": manifest(reports=[{"id": {"a": []}}]),
    "reports as object": manifest(reports={"id": 1}),
    "numbers as reports": manifest(reports=[1, None, "x", [[]]]),
    "odd status": manifest(reports=[{**PRICING, "status": ["failed"], "generated_at": {}}]),
    "odd times": manifest(reports=[{**PRICING, "seconds": "x", "generated_at": 5}]),
    "odd dataset": manifest(dataset=[{"period": 5}]),
    "odd period": manifest(dataset={"name": ["x"], "period": {"start": [], "end": {}}}),
    "deep": b'{"dataset":' + b'{"period":' * 50_000,
    "deep and whole": b'{"dataset":{"period":' + b"[" * 900 + b"]" * 900 + b"}}",
    "half a pair": b'{"dataset": {"period": {"start": "\\ud800"}}}',
    "long digits": b'{"reports": [{"id": "pricing", "seconds": ' + b"9" * 5000 + b"}]}",
    "a list": b"[]",
    "null": b"null",
    "empty": b"",
    "binary": bytes(range(256)),
    "cut": manifest()[:-9],
}


def finding(**changes: Any) -> Dict[str, Any]:
    usual = {"title": "T", "detail": "D", "severity": "high", "impact_usd_per_month": 5}
    return {**usual, **changes}


RESULTS: Dict[str, bytes] = {
    name: json.dumps({"findings": found, "summary": {}}).encode()
    for name, found in {
        "NaN": [finding(impact_usd_per_month=NAN)],
        "infinite": [finding(impact_usd_per_month=float("-inf"))],
        "huge": [finding(impact_usd_per_month=10**400)],
        "text as worth": [finding(impact_usd_per_month="12")],
        "list as title": [finding(title=[1], detail={}, severity=[[]])],
        "half a pair": [finding(title="\ud800")],
        "numbers": [1, None, "x"],
        "a number": 7,
        "an object": {"a": 1},
        "long": [finding(title="x" * 100_000)] * 50,
    }.items()
}
RESULTS["odd summary"] = b'{"summary": [1], "findings": []}'
RESULTS["odd figures"] = b'{"summary": {"total_calls": [], "total_cost": {}}, "daily": [5]}'


@pytest.mark.parametrize("name", list(HOSTILE))
def test_a_hostile_manifest(tmp_path: Path, name: str) -> None:
    some_rows(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "manifest.json").write_bytes(HOSTILE[name])
    with live(tmp_path) as running:
        for target in ("/api/status", "/", "/api/openapi.json", "/showcase"):
            assert running.get(target).status == 200, target
        assert len(running.status()["reports"]) == len(ANALYZER_REGISTRY)
        assert not [line for line in running.log if "defect" in line]


@pytest.mark.parametrize("name", list(RESULTS))
def test_a_hostile_result(tmp_path: Path, name: str) -> None:
    some_rows(tmp_path)
    reports = tmp_path / "reports"
    reports.mkdir()
    (reports / "pricing.json").write_bytes(RESULTS[name])
    good = json.dumps({"findings": [finding(title="Good", impact_usd_per_month=9e9)]})
    (reports / "features.json").write_text(good)
    with live(tmp_path) as running:
        running.viewer.summary.refresh(running.viewer.dataset)
        running.wait(lambda s: s["summary"] and s["summary"][0]["title"] == "Good")
        assert running.get("/").status == 200
        assert len(running.get("/api/status").body) < 200_000
        assert not [line for line in running.log if "defect" in line]


@pytest.mark.sampled
@pytest.mark.parametrize("name", [*HOSTILE, *RESULTS])
def test_publishing_beside_what_cannot_be_used(tmp_path: Path, name: str) -> None:
    """A run makes index and manifest anew, whatever stands where the last one left its own."""
    for analysis in ANALYZER_REGISTRY.values():
        (tmp_path / analysis.filename).write_text("<html>")
        if name in RESULTS:
            (tmp_path / f"{analysis.id}.json").write_bytes(RESULTS[name])
    if name in HOSTILE:
        (tmp_path / "manifest.json").write_bytes(HOSTILE[name])
    index = publish(tmp_path, {}, {}, {"dataset": "calls.csv"}, OPTIONS).page
    assert "<html" in index.read_text(encoding="utf-8")
    written = json_files.read_object(tmp_path / "manifest.json")
    assert written is not None
    assert len(written["reports"]) == len(ANALYZER_REGISTRY)


def test_what_is_not_a_regular_file_is_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    assert json_files.read_object(path) is None
    path.mkdir()
    assert json_files.read_object(path) is None
    other = tmp_path / "other.json"
    other.write_text('{"a": 1}')
    assert json_files.read_object(other) == {"a": 1}
    assert json_files.read_object(other, max_bytes=8) == {"a": 1}
    assert json_files.read_object(other, max_bytes=7) is None
    links: List[Path] = []
    if hasattr(os, "mkfifo"):
        links.append(tmp_path / "pipe.json")
        os.mkfifo(str(links[-1]))  # would be waited for for ever
        links.append(tmp_path / "link.json")
        links[-1].symlink_to(other)
    for link in links:
        assert json_files.read_object(link) is None
