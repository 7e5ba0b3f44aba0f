"""`analyze --redact`: no byte that is written names a customer, a user or an organization."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Dict, List, Sequence

import pytest

from finops.cli import main
from finops.manifest import MANIFEST, REDACTED, read_manifest
from tests.support.live import live
from tests.support.rows import varied_rows, write_csv

KEY = "0123456789abcdef"
CANARY = re.compile("canary", re.IGNORECASE)
Capture = pytest.CaptureFixture[str]


def canary_rows() -> List[Dict[str, str]]:
    """Return rows whose customers and organizations are canaries, and some that are skipped."""
    rows = varied_rows(900)
    for row in rows:
        row["customer_id"] = f"Canary {row['customer_id']} <x@canary.example>"
        row["organization_id"] = f"CANARY-{row['organization_id']}"
    skipped = dict(rows[5], call_id="bad", input_tokens="-5")
    blanked = dict(rows[6], call_id="blank", latency_ms="slow")
    return [*rows, skipped, blanked]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = write_csv(tmp_path / "calls.csv", canary_rows())
    path.with_name("calls.events.csv").write_text(
        "start,end,title,subject\n2025-01-09,,Canary cust_0001 migrated,Canary\n"
    )
    budgets = {"organization": {"CANARY-org_001": 0.01}, "customer": {"Canary nobody": 5}}
    (tmp_path / "finops.json").write_text(json.dumps({"budgets": budgets}))
    return path


def analyze(data: Path, reports: Path, *words: str) -> int:
    common = ["--data", str(data), "--reports", str(reports), "--json", str(reports / "json")]
    return main(["analyze", *common, "--quiet", *words])


def with_canaries(folder: Path) -> List[str]:
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if CANARY.search(path.name)
        or (path.is_file() and CANARY.search(path.read_bytes().decode("utf-8", "replace")))
    ]


def test_no_byte_that_is_written_has_a_name(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    reports = tmp_path / "shared"
    assert analyze(data, reports, "--redact") == 3
    printed = capsys.readouterr()
    assert not CANARY.search(printed.out.replace(str(tmp_path), ""))
    assert not CANARY.search(printed.err)
    assert "budget exceeded: organization organization-" in printed.err
    assert (reports / "explore.html").is_file()
    assert with_canaries(reports) == []
    new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
    assert all(reports in path.parents for path in new), "nothing is kept beside the data"


def test_a_name_is_replaced_the_same_way_on_all_pages_and_in_all_runs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    first, second = tmp_path / "a", tmp_path / "b"
    for reports in (first, second):
        analyze(data, reports, "--redact", "--only", "understanding", "--only", "profitability")
    names = [
        set(re.findall("customer-[0-9a-f]{12}", (folder / f"{name}.json").read_text()))
        for folder in (first, second)
        for name in ("understanding", "profitability")
    ]
    assert len(names[0]) == len({row["customer_id"] for row in canary_rows()})
    assert all(name == names[0] for name in names[1:])


def test_the_figures_are_those_of_the_same_reports_with_names(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    results = []
    for reports, words in ((tmp_path / "a", ()), (tmp_path / "b", ("--redact",))):
        analyze(data, reports, "--only", "understanding", *words)
        results.append(json.loads((reports / "understanding.json").read_text()))
    named, shared = results
    assert shared["summary"] == named["summary"]
    assert shared["daily"] == named["daily"]
    costs = [sorted(row["total_cost"] for row in r["by_customer"]) for r in results]
    assert costs[0] == costs[1]


def test_a_key_that_is_made_is_printed_once_and_in_no_file(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FINOPS_REDACT_KEY", raising=False)
    reports = tmp_path / "r"
    analyze(data, reports, "--redact", "--only", "pricing")
    keys = re.findall("FINOPS_REDACT_KEY=([0-9a-f]{32})", capsys.readouterr().err)
    assert len(keys) == 1
    written = [path for path in reports.rglob("*") if path.is_file()]
    assert not any(keys[0].encode() in path.read_bytes() for path in written)


def test_a_key_that_could_be_guessed_is_refused(
    data: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", "short")
    assert analyze(data, tmp_path / "r", "--redact") == 2
    assert "too short to hide names" in capsys.readouterr().err


def test_earlier_reports_with_names_do_not_show_in_those_without(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index of a run of some analyzers is made of the earlier results of the others."""
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    reports = tmp_path / "r"
    analyze(data, reports, "--only", "alignment")
    assert CANARY.search((reports / "index.html").read_text(encoding="utf-8"))
    analyze(data, reports, "--redact", "--only", "pricing")
    for name in ("index.html", MANIFEST, "pricing.html", "pricing.json"):
        assert not CANARY.search((reports / name).read_text(encoding="utf-8")), name
    stored = read_manifest(reports / MANIFEST)
    assert stored is not None
    assert stored.content.options.names == REDACTED


def test_the_viewer_does_not_write_names_into_shared_reports(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    reports = tmp_path / "reports"
    analyze(data, reports, "--redact", "--only", "pricing")
    with live(tmp_path, data=data, reports=reports) as viewer:
        for target in ("/api/run-all", "/api/run-analyzer?id=pricing"):
            answer = viewer.post(target)
            assert answer.status == 409
            assert "made for sharing" in answer.json["error"]
        assert viewer.commands.analyses == []


@pytest.mark.parametrize(
    "words",
    [
        ("csv", "--table", "understanding.by_customer"),
        ("csv", "--table", "alignment.chargeback"),
        ("focus",),
        ("openmetrics",),
        ("statement", "--organization", "CANARY-org_001", "--month", "2025-01"),
    ],
)
def test_exports_have_no_names_either(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str]
) -> None:
    monkeypatch.setenv("FINOPS_REDACT_KEY", KEY)
    out = tmp_path / "export"
    common = ["--data", str(data), "--out", str(out), "--quiet", "--redact"]
    assert main(["export", "--format", *words, *common]) == 0
    text = out.read_text(encoding="utf-8")
    assert not CANARY.search(text)
    if words != ("openmetrics",):
        assert re.search("(customer|organization)-[0-9a-f]{12}", text)
