"""The manifest: what a real run says for programs, and what is not taken for one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple, Type

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import registry
from finops.analyzers.base import Analyzer
from finops.business.prices import load_prices
from finops.generators.page import content_security_policy
from finops.manifest import (
    MANIFEST,
    SCHEMA_VERSION,
    STATUSES,
    Manifest,
    ReportEntry,
    manifest_of,
    read_manifest,
    write_manifest,
)
from finops.pipeline import Job, analyze
from finops.reading_choices import ReadingChoices
from finops.registry import ANALYZER_REGISTRY, Analysis
from finops.rollups.spec import Rollups
from finops.typed_json import to_json
from tests.support.manifests import AT, some_entry, some_manifest
from tests.support.rows import varied_rows, write_csv

IDS = list(ANALYZER_REGISTRY)
# By hand, so that a key that is renamed or dropped is noticed: other programs read them.
REPORT_KEYS = {
    *("id", "title", "domain", "filename", "size_kb", "generated_at", "seconds", "status"),
    *("reason", "size_bytes", "headline", "content_security_policy"),
}
KEYS = {
    *("schema_version", "generated_at", "call_count", "data_size_mb", "target_size_mb"),
    *("progress_pct", "dataset", "options", "reports"),
}


def raw(folder: Path) -> Dict[str, Any]:
    content: Dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return content


def entries(folder: Path) -> Dict[str, ReportEntry]:
    stored = read_manifest(folder / MANIFEST)
    assert stored is not None
    return stored.entries


def failing(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Put an analyzer that fails in the place of a registered one."""

    class Failing(Analyzer):
        def compute(self, data: Rollups) -> Dict[str, Any]:
            raise ValueError("a test")

    class Replaced(Analysis):
        @property
        def analyzer(self) -> Type[Analyzer]:
            return Failing

    monkeypatch.setitem(registry.ANALYZER_REGISTRY, name, Replaced(*ANALYZER_REGISTRY[name]))


# --- what a run writes --------------------------------------------------------------------------


def test_the_manifest_has_its_keys_and_no_path(small_csv: Path, tmp_path: Path) -> None:
    analyze(Job(small_csv, tmp_path))
    content = raw(tmp_path)
    assert set(content) == KEYS
    assert set(content["dataset"]) == {"name", "size_bytes", "period"}
    assert set(content["options"]) == {"data", "prices", "only", "workers", "reading", "names"}
    assert {key for report in content["reports"] for key in report} == REPORT_KEYS
    assert [report["id"] for report in content["reports"]] == IDS
    assert content["schema_version"] == SCHEMA_VERSION
    text = json.dumps(content)
    assert str(small_csv.parent) not in text
    assert str(tmp_path) not in text


def test_each_report_is_described(small_csv: Path, tmp_path: Path) -> None:
    outcome = analyze(Job(small_csv, tmp_path))
    for made in outcome.reports:
        entry = entries(tmp_path)[made.analysis.id]
        page = tmp_path / made.analysis.filename
        findings = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["findings"]
        assert entry.title == made.analysis.title
        assert (entry.status, entry.reason) == ("ok", "")
        assert entry.size_bytes == page.stat().st_size
        assert entry.headline == (findings[0]["title"] if findings else entry.headline)
        assert entry.headline
        assert entry.content_security_policy == content_security_policy()


def test_the_options_of_the_run_are_kept(small_csv: Path, tmp_path: Path) -> None:
    prices = tmp_path / "prices.json"
    model = {"provider": "openai", "model": "gpt-4", "input_per_1k": 1, "output_per_1k": 2}
    content = {"source": "our contract", "date": "2026-08", "models": [model]}
    prices.write_text(json.dumps(content))
    only = ("pricing", "features")
    analyze(Job(small_csv, tmp_path / "r", only=only, workers=1, prices=load_prices(str(prices))))
    options = raw(tmp_path / "r")["options"]
    assert not any(options.pop("reading").values())  # a program of Python gave no flags
    assert options == {
        "data": "calls.csv",
        "prices": {"source": "our contract", "date": "2026-08"},
        "only": ["pricing", "features"],
        "workers": 1,
        "names": "",
    }


def test_reports_made_with_other_options_are_stale(small_csv: Path, tmp_path: Path) -> None:
    choices = ReadingChoices(data=(str(small_csv),), timezone="+02:00")
    analyze(Job(small_csv, tmp_path, only=("pricing", "features"), choices=choices))
    elsewhere = choices._replace(data=("/moved.csv",))
    analyze(Job(small_csv, tmp_path, only=("alignment",), choices=elsewhere))
    assert entries(tmp_path)["features"].status == "ok"
    analyze(Job(small_csv, tmp_path, only=("pricing",), choices=ReadingChoices()))
    described = entries(tmp_path)
    assert (described["pricing"].status, described["features"].status) == ("ok", "stale")
    assert "other prices, time zone or range" in described["features"].reason


def test_each_status_comes_from_a_run(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And stays through runs that do not touch the report, as long as the data is the same."""
    analyze(Job(small_csv, tmp_path, only=("pricing", "features", "alignment")))
    other = write_csv(tmp_path / "calls.csv", varied_rows(300))
    failing(monkeypatch, "pricing")
    failing(monkeypatch, "realtime")
    analyze(Job(other, tmp_path, only=("pricing", "realtime")))
    analyze(Job(other, tmp_path, only=("features",)))
    stati = {name: (entry.status, entry.reason) for name, entry in entries(tmp_path).items()}
    assert stati["features"] == ("ok", "")
    assert stati["pricing"] == ("failed", "ValueError: a test")
    assert stati["realtime"] == ("failed", "ValueError: a test")
    assert stati["alignment"] == ("stale", "The data has changed since it was generated.")
    assert stati["churn_growth"] == ("not_run", "It has not been run yet.")
    assert {status for status, _ in stati.values()} == set(STATUSES)
    assert entries(tmp_path)["pricing"].generated_at is not None, "its previous page is kept"
    assert entries(tmp_path)["realtime"].generated_at is None


def test_a_page_that_a_killed_run_left_is_described_by_its_file(
    small_csv: Path, tmp_path: Path
) -> None:
    analyze(Job(small_csv, tmp_path, only=("pricing", "features")))
    page, manifest = tmp_path / "pricing.html", tmp_path / MANIFEST
    page.write_text(page.read_text(encoding="utf-8") + "<!-- more -->", encoding="utf-8")
    os.utime(str(manifest), (1_000_000_000, 1_000_000_000))
    analyze(Job(small_csv, tmp_path, only=("alignment",)))
    entry = entries(tmp_path)["pricing"]
    assert (entry.status, entry.size_bytes) == ("ok", page.stat().st_size)
    assert entry.seconds is None
    findings = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["findings"]
    assert entry.headline == findings[0]["title"]


# --- reading ------------------------------------------------------------------------------------


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / MANIFEST
    written = some_manifest("calls.csv", some_entry(), some_entry("features", seconds=None))
    write_manifest(written, path)
    stored = read_manifest(path)
    assert stored is not None
    assert stored.content == written
    assert stored.written_at == path.stat().st_mtime
    assert raw(tmp_path)["dataset"]["period"]["start"] == "2025-01-01T00:00:13.000000"
    assert (written.data_size_mb, written.progress_pct, written.generated_at) == (50, 50, AT)


@pytest.mark.parametrize(
    ("size", "target", "expected"), [(0, 50, 0), (10**9, 50, 100), (5, 0, 0), (26_214_400, 100, 25)]
)
def test_progress_stays_between_0_and_100(size: int, target: float, expected: float) -> None:
    some = some_manifest("calls.csv")
    dataset = some.dataset._replace(size_bytes=size)
    assert manifest_of(AT, 1, target, dataset, some.options, ()).progress_pct == expected


def test_an_entry_is_of_one_page_only(tmp_path: Path) -> None:
    page, path = tmp_path / "pricing.html", tmp_path / MANIFEST
    page.write_bytes(b"x" * 100)
    write_manifest(some_manifest("calls.csv", some_entry(size_bytes=100)), path)
    stored = read_manifest(path)
    assert stored is not None
    assert stored.entry_of("pricing", page.stat()) == some_entry(size_bytes=100)
    assert stored.entry_of("features", page.stat()) is None
    os.utime(str(page), (stored.written_at + 3600, stored.written_at + 3600))
    assert stored.entry_of("pricing", page.stat()) is None
    page.write_bytes(b"x" * 101)
    os.utime(str(page), (stored.written_at - 1, stored.written_at - 1))
    assert stored.entry_of("pricing", page.stat()) is None


def places(value: Any, path: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """Yield where each value of a JSON document is, the containers included."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items if isinstance(value, (dict, list)) else ():
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))
        else:
            yield (*path, key)


def changed(document: Any, path: Tuple[Any, ...], value: object) -> Any:
    """Return a document with another value in one place."""
    if not path:
        return value
    copy = json.loads(json.dumps(document))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return copy


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.just([]), st.just({})
)


@given(st.data())
def test_any_value_in_any_place_is_refused_or_of_its_type(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    write_manifest(some_manifest("calls.csv", some_entry()), folder / MANIFEST)
    document = raw(folder)
    path = data.draw(st.sampled_from(list(places(document))))
    (folder / MANIFEST).write_text(json.dumps(changed(document, path, data.draw(anything))))
    stored = read_manifest(folder / MANIFEST)
    if stored is None:
        return
    content = stored.content
    assert content.call_count >= 0
    assert all(isinstance(entry, ReportEntry) for entry in content.reports)
    assert all(entry.status in STATUSES for entry in content.reports)
    write_manifest(content, folder / MANIFEST)  # what was read can be written again


def hostile() -> List[bytes]:
    some = some_manifest("calls.csv", some_entry())

    def text(manifest: Manifest) -> bytes:
        return json.dumps(to_json(manifest)).encode("utf-8")

    good = text(some)
    old = json.loads(good.decode("utf-8"))
    del old["schema_version"]
    return [
        *(b"", b"{", b"[1]", b'{"reports": 5}', b"\xff", b"[" * 100_000, b"null"),
        json.dumps(old).encode("utf-8"),
        text(some._replace(schema_version=SCHEMA_VERSION + 1)),
        text(some._replace(call_count=-1)),
        text(some._replace(reports=(some_entry(), some_entry()))),
        text(some._replace(reports=(some_entry(status="complete"),))),
        text(some._replace(reports=(some_entry(size_bytes=-1),))),
        good.replace(b"1000", b"NaN"),
        good.replace(b"1000", b"1e999"),
        good + b" " * (4 << 20),
    ]


@pytest.mark.parametrize("content", hostile(), ids=lambda content: content[:30].decode("latin-1"))
def test_what_is_no_manifest(content: bytes, tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    assert read_manifest(tmp_path / MANIFEST) is None


def test_neither_a_link_nor_a_folder_is_one(tmp_path: Path) -> None:
    write_manifest(some_manifest("calls.csv"), tmp_path / "real.json")
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    (tmp_path / "folder.json").mkdir()
    assert read_manifest(tmp_path / "real.json") is not None
    for name in ("link.json", "folder.json", "nothing.json"):
        assert read_manifest(tmp_path / name) is None


def test_a_run_over_an_old_manifest_starts_a_new_one(small_csv: Path, tmp_path: Path) -> None:
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    old = raw(tmp_path)
    del old["schema_version"]
    (tmp_path / MANIFEST).write_text(json.dumps(old))
    analyze(Job(small_csv, tmp_path, only=("features",)))
    assert entries(tmp_path)["pricing"].status == "stale"
    assert entries(tmp_path)["features"].status == "ok"
