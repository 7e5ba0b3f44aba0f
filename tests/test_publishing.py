"""What lies among the reports: pairs that change together, and files of anybody's making."""

from __future__ import annotations

import errno
import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import pytest

from finops import registry
from finops.atomic import replacing
from finops.errors import StorageError
from finops.pipeline import Job, analyze
from tests.storage.test_sidecars import HOSTILE
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows

OLD, NEW = ReferenceDataset(varied_rows(40)), ReferenceDataset(varied_rows(80, seed=2))
SOME = ("features", "pricing", "optimization")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three reports; do not change it."""
    folder = tmp_path_factory.mktemp("some") / "reports"
    analyze(Job(OLD, folder, only=SOME))
    return folder


@pytest.fixture
def reports(some: Path, tmp_path: Path) -> Path:
    """A folder with the reports of a run, to be changed."""
    shutil.copytree(str(some), str(tmp_path / "reports"))
    return tmp_path / "reports"


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all reports; do not change it."""
    folder = tmp_path_factory.mktemp("all") / "reports"
    assert analyze(Job(OLD, folder)).failed == []
    return folder


def content_of(folder: Path) -> Dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


# --- pairs ----------------------------------------------------------------------------------------


def refusing(monkeypatch: pytest.MonkeyPatch, name: str, due: Callable[..., bool]) -> None:
    """Let a call of the system fail as on a full disk where it is due."""
    original = getattr(os, name)

    def wrapped(*words: Any, **more: Any) -> Any:
        if due(*words):
            raise OSError(errno.ENOSPC, "No space left on device", str(words[0]))
        return original(*words, **more)

    monkeypatch.setattr(os, name, wrapped)


@pytest.mark.parametrize("operation", ["fsync", "replace"])
def test_page_and_json_of_a_report_change_together(
    operation: str, reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is full from some moment on, and where one file cannot be moved."""
    before = content_of(reports)
    at, reached = 0, True
    while reached:
        at += 1
        count: List[int] = []

        def due(*words: Any, count: List[int] = count, at: int = at) -> bool:
            count.append(1)
            return len(count) >= at if operation == "fsync" else len(count) == at

        with monkeypatch.context() as patch, suppress(StorageError):
            refusing(patch, operation, due)
            analyze(Job(NEW if at % 2 else OLD, reports, only=SOME))
        reached = len(count) >= at
        after = content_of(reports)
        changed = {name for name in after if after[name] != before.get(name)}
        assert set(after) == set(before), "nothing is left"
        for one in SOME:
            assert (f"{one}.html" in changed) == (f"{one}.json" in changed), at
        assert ("index.html" in changed) >= ("manifest.json" in changed), at
        before = after
    assert at > 8


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_page_or_json_that_cannot_be_replaced_leaves_the_other(reports: Path, kind: str) -> None:
    before = content_of(reports)
    other = "json" if kind == "html" else "html"
    (reports / f"pricing.{kind}").unlink()
    (reports / f"pricing.{kind}").mkdir()
    outcome = analyze(Job(NEW, reports, only=SOME))
    assert [one.analysis.id for one in outcome.failed] == ["pricing"]
    assert outcome.failed[0].reason == f"Is a directory: pricing.{kind}"
    assert content_of(reports)[f"pricing.{other}"] == before[f"pricing.{other}"]
    assert content_of(reports)["features.json"] != before["features.json"]


def test_a_full_disk_is_said_with_the_reports_that_are_there(
    reports: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: List[str] = []

    def due(source: str, target: str) -> bool:
        moved.append(os.path.basename(target))
        return len(moved) > 2

    refusing(monkeypatch, "replace", due)
    with pytest.raises(StorageError) as caught:
        analyze(Job(NEW, reports, only=SOME))
    said = str(caught.value)
    assert "\n" not in said
    written = [name for name in SOME if f"{name}.html" in moved[:2]]
    assert "of 3 reports of this run 0 were written" in said or all(n in said for n in written)
    assert "the others are unchanged" in said
    assert ".tmp" not in said


def test_a_run_whose_index_alone_cannot_be_written_says_that_all_reports_are_there(
    reports: Path,
) -> None:
    (reports / "index.html").unlink()
    (reports / "index.html").mkdir()
    before = (reports / "manifest.json").read_bytes()
    with pytest.raises(
        StorageError, match=r"index\.html.*; all 3 reports of this run were written"
    ):
        analyze(Job(NEW, reports, only=SOME))
    assert (reports / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("there", [(True, True), (True, False), (False, True), (False, False)])
def test_files_are_replaced_together_or_not_at_all(
    there: Tuple[bool, bool], links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets = [tmp_path / "a", tmp_path / "b"]
    for target, exists in zip(targets, there):
        if exists:
            target.write_bytes(b"old")
    before = content_of(tmp_path)
    if not links:  # as on a file system that has none
        refusing(monkeypatch, "link", lambda *words: os.path.exists(words[0]))

    def write(then: Callable[[], object] = lambda: None) -> None:
        with replacing(*targets) as paths:
            for path in paths:
                path.write_bytes(b"new")
            then()

    with pytest.raises(ZeroDivisionError):
        write(lambda: 1 / 0)
    assert content_of(tmp_path) == before
    with monkeypatch.context() as patch:
        refusing(patch, "replace", lambda source, target: target.endswith("b"))
        with pytest.raises(OSError, match="No space"):
            write()
    assert content_of(tmp_path) == before
    write()
    assert content_of(tmp_path) == {"a": b"new", "b": b"new"}


# --- files of anybody's making -----------------------------------------------------------------


def headline_of(folder: Path, name: str) -> str:
    """Return what the index shows of a report."""
    index = (folder / "index.html").read_text(encoding="utf-8")
    tile = index.split(f'href="{name}.html"', 1)[1]
    return tile.split('class="headline">', 1)[1].split("</p>", 1)[0]


def test_results_of_earlier_runs_are_shown(everything: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    shutil.copytree(str(everything), str(folder))
    before = {name: headline_of(folder, name) for name in registry.ANALYZER_REGISTRY}
    analyze(Job(OLD, folder, only=("features",)))
    assert {name: headline_of(folder, name) for name in registry.ANALYZER_REGISTRY} == before
    assert not [name for name, shown in before.items() if "no result" in shown]


NO_RESULTS: Dict[str, bytes] = {
    **HOSTILE,
    "findings of numbers": b'{"findings": [1, 2], "summary": {}}',
    "findings of no list": b'{"findings": {"a": 1}}',
    "worth in words": b'{"findings": [{"title": "a", "impact_usd_per_month": "much"}]}',
    "a summary of texts": b'{"summary": "all is well"}',
    "figures in words": b'{"summary": {"total_monthly_savings": "much", "total_calls": "some"}}',
    "figures in lists": b'{"summary": {"total_calls": [[]], "overall_margin_percent": {}}}',
}


@pytest.mark.sampled
@pytest.mark.parametrize("raw", NO_RESULTS.values(), ids=NO_RESULTS.keys())
def test_a_result_of_any_content_does_not_stop_the_index(raw: bytes, reports: Path) -> None:
    names = ("pricing", "optimization")
    for name in names:
        (reports / f"{name}.json").write_bytes(raw)
    outcome = analyze(Job(OLD, reports, only=("features",)))
    assert outcome.failed == []
    for name in names:
        assert "nan" not in headline_of(reports, name).lower()
    assert 'href="features.html"' in (reports / "index.html").read_text(encoding="utf-8")


ROW: Dict[str, Any] = {
    "id": "pricing",
    "generated_at": "2025-01-01T00:00:00Z",
    "seconds": 1.5,
    "status": "complete",
}
NO_MANIFESTS: Dict[str, bytes] = {
    **HOSTILE,
    "rows of no list": b'{"reports": {"pricing": 1}}',
    "rows of numbers": b'{"reports": [1, null, "a", []]}',
    **{
        f"{key} is {value!r}": json.dumps({"reports": [{**ROW, key: value}]}).encode()
        for key, value in [
            *(("id", value) for value in (None, 7, ["pricing"], {"a": 1})),
            *(("generated_at", value) for value in (7, [1], "now", "<b>")),
            *(("seconds", value) for value in ("1", True, -1, [1], 10**30)),
            *(("status", value) for value in (7, ["complete"], "<script>", None)),
        ]
    },
}


@pytest.mark.sampled
@pytest.mark.parametrize("raw", NO_MANIFESTS.values(), ids=NO_MANIFESTS.keys())
def test_a_manifest_of_any_content_does_not_stop_the_next_one(raw: bytes, reports: Path) -> None:
    (reports / "manifest.json").write_bytes(raw)
    assert analyze(Job(OLD, reports, only=("features",))).failed == []
    manifest = json.loads((reports / "manifest.json").read_text())
    rows = {row["id"]: row for row in manifest["reports"]}
    assert set(rows) == set(registry.ANALYZER_REGISTRY)
    assert rows["features"]["status"] == "ok"
    assert rows["pricing"]["status"] in ("ok", "stale")
    assert rows["pricing"]["seconds"] is None or rows["pricing"]["seconds"] >= 0


def test_a_page_from_beyond_the_calendar_does_not_stop_the_manifest(reports: Path) -> None:
    (reports / "manifest.json").unlink()
    try:
        os.utime(str(reports / "pricing.html"), (2**40, 2**40))
    except OSError:
        pytest.skip("this file system has no such times")
    assert analyze(Job(OLD, reports, only=("features",))).failed == []
