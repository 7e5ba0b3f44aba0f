"""From a dataset to reports: what is written, what a failure costs, what stays."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Type

import pytest

from finops import publishing, registry
from finops.analyzers.base import Analyzer
from finops.config import MEGABYTE
from finops.errors import DataError, StorageError
from finops.generators import chartjs
from finops.pipeline import Job, Outcome, analyze, compute, json_text
from finops.registry import ANALYZER_REGISTRY, Analysis
from finops.rollups.dataset import Dataset
from finops.rollups.spec import Rollups, Table
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

pytestmark = pytest.mark.long

IDS = list(ANALYZER_REGISTRY)


TWO = ("pricing", "features")


class Run(NamedTuple):
    """What a run over `small_csv` returned, and the folder of its reports; change neither."""

    outcome: Outcome
    folder: Path

    def copied(self, folder: Path) -> None:
        """Let a folder be as after this run."""
        folder.rmdir()
        shutil.copytree(str(self.folder), str(folder))


@pytest.fixture(scope="module")
def whole_run(small_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("reports")
    return Run(analyze(Job(small_csv, folder)), folder)


def manifest_of(folder: Path) -> Dict[str, Any]:
    content: Dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    return content


def states(folder: Path) -> Dict[str, str]:
    return {row["id"]: row["status"] for row in manifest_of(folder)["reports"]}


def with_analyzer(monkeypatch: pytest.MonkeyPatch, name: str, analyzer: Type[Analyzer]) -> None:
    """Put another analyzer in the place of a registered one."""

    class Replaced(Analysis):
        @property
        def analyzer(self) -> Type[Analyzer]:
            return analyzer

    monkeypatch.setitem(registry.ANALYZER_REGISTRY, name, Replaced(*ANALYZER_REGISTRY[name]))


def failing(error: Callable[[], BaseException]) -> Type[Analyzer]:
    class Failing(Analyzer):
        def compute(self, data: Rollups) -> Dict[str, Any]:
            raise error()

    return Failing


def endless() -> Any:
    return endless()


def test_every_report_its_json_the_index_and_the_manifest_are_written(whole_run: Run) -> None:
    outcome, folder = whole_run
    assert outcome.failed == []
    for name in IDS:
        assert (folder / f"{name}.html").stat().st_size > 10_000
        assert json.loads((folder / f"{name}.json").read_text()) == outcome.results[name]
    assert outcome.index_page == folder / "index.html"
    assert outcome.index_page.stat().st_size > 10_000
    assert list(folder.glob("*.tmp")) == []


def test_the_manifest_says_what_there_is(small_csv: Path, whole_run: Run) -> None:
    manifest = manifest_of(whole_run.folder)
    size = small_csv.stat().st_size
    rows = small_csv.read_text().splitlines()[1:]
    assert manifest["call_count"] == 400
    assert manifest["data_size_mb"] == round(size / MEGABYTE, 3)
    assert manifest["dataset"] == {
        "name": "calls.csv",
        "size_bytes": size,
        "period": {"start": rows[0].split(",")[0], "end": rows[-1].split(",")[0]},
    }
    assert [row["id"] for row in manifest["reports"]] == IDS
    for row in manifest["reports"]:
        page = whole_run.folder / row["filename"]
        assert row["status"] == "ok"
        assert row["size_kb"] == round(page.stat().st_size / 1024, 1)
        assert row["generated_at"] == manifest["generated_at"]
        assert row["seconds"] > 0


def test_the_results_do_not_hold_what_was_added_for_the_pages(whole_run: Run) -> None:
    assert all("_context" not in result for result in whole_run.outcome.results.values())


def test_pages_account_for_every_line(small_csv: Path, tmp_path: Path) -> None:
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert "401 lines = 1 header + 400 used" in (tmp_path / "pricing.html").read_text("utf-8")


class Planted(ReferenceDataset):
    """A dataset that is no file and knows what was planted in it."""

    def truth(self) -> Dict[str, Any]:
        incident = {
            "kind": "departed_customer",
            "scenario": "gradual_decline",
            "subject": "cust_1",
            "start": "2025-01-05T00:00:00.000000",
            "end": "2025-01-06T00:00:00.000000",
        }
        return {"incidents": [incident], "unsettled": []}


@pytest.mark.parametrize("kind", [ReferenceDataset, Planted])
def test_detectors_are_scored_of_any_dataset_that_knows_the_truth(
    kind: Type[ReferenceDataset], tmp_path: Path
) -> None:
    rows = [call(timestamp=f"2025-01-{day:02d}T09:00:00") for day in range(1, 31)]
    analyze(Job(kind(rows), tmp_path, only=("churn_growth", "dataset_overview")))
    page = (tmp_path / "churn_growth.html").read_text("utf-8")
    assert ("Detector accuracy" in page) == (kind is Planted)


@pytest.mark.parametrize("opened", [False, True])
def test_charts_mark_the_events_beside_the_data(
    opened: bool, small_csv: Path, tmp_path: Path
) -> None:
    """A dataset that was opened before knows them as well as a path does."""
    path = tmp_path / "calls.csv"
    path.write_bytes(small_csv.read_bytes())
    day = small_csv.read_text().splitlines()[1][:10]
    (tmp_path / "calls.events.csv").write_text(f"start,title\n{day},A launch\n")
    source: Any = Dataset(path) if opened else path
    analyze(Job(source, tmp_path, only=("understanding",)))
    assert "A launch" in (tmp_path / "understanding.html").read_text("utf-8")


def test_one_analysis_alone_leaves_the_others_to_be_asked_for(
    small_csv: Path, tmp_path: Path
) -> None:
    steps: List[Any] = []
    analyze(Job(small_csv, tmp_path, only=("pricing",), step=lambda *step: steps.append(step)))
    assert steps == [("pricing", 1, 1)]
    assert [path.name for path in tmp_path.glob("*.json")].count("pricing.json") == 1
    expected = {name: "ok" if name == "pricing" else "not_run" for name in IDS}
    assert states(tmp_path) == expected


def test_runs_of_single_analyses_add_up(small_csv: Path, tmp_path: Path) -> None:
    some = IDS[::4]
    for name in some:
        analyze(Job(small_csv, tmp_path, only=(name,)))
    assert states(tmp_path) == {name: "ok" if name in some else "not_run" for name in IDS}
    index = (tmp_path / "index.html").read_text("utf-8")
    assert all((f'href="{name}.html"' in index) == (name in some) for name in IDS)


def test_reports_of_other_data_are_marked_stale(small_csv: Path, tmp_path: Path) -> None:
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    grown = write_csv(tmp_path / "calls.csv", varied_rows(300))
    analyze(Job(grown, tmp_path, only=("features",)))
    assert states(tmp_path)["pricing"] == "stale"
    assert states(tmp_path)["features"] == "ok"


@pytest.mark.parametrize(
    "error",
    [
        lambda: ZeroDivisionError("a test"),
        lambda: SystemExit(3),
        lambda: MemoryError(),
        lambda: endless(),
        lambda: KeyError("lost"),
    ],
)
def test_an_analyzer_that_raises_costs_only_its_own_report(
    error: Callable[[], BaseException],
    small_csv: Path,
    whole_run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole_run.copied(tmp_path)
    good = (tmp_path / "pricing.html").read_bytes(), (tmp_path / "pricing.json").read_bytes()
    with_analyzer(monkeypatch, "pricing", failing(error))
    outcome = analyze(Job(small_csv, tmp_path, only=TWO))
    assert [made.analysis.id for made in outcome.failed] == ["pricing"]
    assert list(outcome.results) == ["features"]
    assert "Traceback" in outcome.failed[0].trace
    assert good == (
        (tmp_path / "pricing.html").read_bytes(),
        (tmp_path / "pricing.json").read_bytes(),
    )
    assert states(tmp_path) == {n: "failed" if n == "pricing" else "ok" for n in IDS}
    assert "Showing the previous report" in (tmp_path / "index.html").read_text("utf-8")


def test_the_tables_of_an_analysis_are_let_go_of_after_it_also_where_it_fails(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Analyzer):
        TABLES = (Table(("region", "status")),)

        def compute(self, data: Rollups) -> Dict[str, Any]:
            raise ValueError("a test")

    forgotten: List[Table] = []
    monkeypatch.setattr(Dataset, "forget", lambda self, tables: forgotten.extend(tables))
    with_analyzer(monkeypatch, "pricing", Failing)
    analyze(Job(small_csv, tmp_path))
    declared = {table for one in ANALYZER_REGISTRY.values() for table in one.analyzer.TABLES}
    assert Failing.TABLES[0] in declared
    assert sorted(forgotten, key=repr) == sorted(declared, key=repr)


def test_a_file_that_is_deleted_when_it_has_been_read_is_reported_on(
    small_csv: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(small_csv.read_bytes())

    def delete(done: int, total: int) -> None:
        if done == total:
            path.unlink()

    outcome = analyze(Job(path, tmp_path / "reports", scanned=delete))
    assert not path.exists()
    assert not outcome.failed
    assert len(outcome.results) == len(IDS)


def test_a_report_that_was_never_made_is_not_linked(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_analyzer(monkeypatch, "pricing", failing(lambda: ValueError("<b>bad</b>")))
    analyze(Job(small_csv, tmp_path, only=TWO))
    index = (tmp_path / "index.html").read_text("utf-8")
    assert 'href="pricing.html"' not in index
    assert "&lt;b&gt;bad&lt;/b&gt;" in index
    assert manifest_of(tmp_path)["reports"][IDS.index("pricing")]["generated_at"] is None


def test_a_result_that_is_no_json_fails_its_report(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NotANumber(Analyzer):
        def compute(self, data: Rollups) -> Dict[str, Any]:
            return {"summary": {"total_calls": float("nan")}}

    with_analyzer(monkeypatch, "features", NotANumber)
    outcome = analyze(Job(small_csv, tmp_path, only=TWO))
    assert [made.analysis.id for made in outcome.failed] == ["features"]
    assert not (tmp_path / "features.json").exists()


def test_a_declaration_that_cannot_be_filled_costs_only_its_own_report(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Wishful(Analyzer):
        TABLES = (Table(("phase_of_the_moon",)),)

    with_analyzer(monkeypatch, "features", Wishful)
    outcome = analyze(Job(small_csv, tmp_path, only=TWO))
    assert [made.analysis.id for made in outcome.failed] == ["features"]
    assert "phase_of_the_moon" in outcome.failed[0].reason


def test_a_page_that_cannot_be_written_costs_only_itself(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "alignment.html").mkdir()
    outcome = analyze(Job(small_csv, tmp_path))
    assert [made.analysis.id for made in outcome.failed] == ["alignment"]
    assert str(tmp_path) not in outcome.failed[0].reason
    assert outcome.failed[0].trace == ""
    complete = {name for name, state in states(tmp_path).items() if state == "ok"}
    assert complete == set(ANALYZER_REGISTRY) - {"alignment"}
    assert list(tmp_path.glob("*.tmp")) == []


def test_an_index_that_cannot_be_written_is_said(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "index.html").mkdir()
    with pytest.raises(StorageError, match=r"index\.html"):
        analyze(Job(small_csv, tmp_path, only=TWO))
    assert (tmp_path / "pricing.html").is_file()


def test_a_folder_that_cannot_be_made_is_said(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="give another --reports"):
        analyze(Job(small_csv, tmp_path / "file" / "reports"))


def test_an_unusable_file_leaves_the_reports_alone(whole_run: Run, tmp_path: Path) -> None:
    whole_run.copied(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(DataError):
        analyze(Job(tmp_path / "nothing.csv", tmp_path))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_an_ended_run_left_is_removed_but_not_a_running_ones(
    small_csv: Path, tmp_path: Path
) -> None:
    old, new = tmp_path / "pricing.html.11.tmp", tmp_path / "pricing.html.12.tmp"
    for path in (old, new):
        path.write_text("half a page")
    os.utime(str(old), (0, 0))
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert (old.exists(), new.exists()) == (False, True)


def test_an_opened_dataset_is_analysed_as_it_is(tmp_path: Path) -> None:
    rows = [call(cost_usd="1.25"), call(cost_usd="2.50", call_id="call_00000002")]
    outcome = analyze(Job(ReferenceDataset(rows), tmp_path))
    assert outcome.failed == []
    assert outcome.results["understanding"]["summary"]["total_cost"] == 3.75


def test_compute_writes_nothing_and_gives_the_same(small_csv: Path, tmp_path: Path) -> None:
    results = compute(Job(small_csv, tmp_path, only=("pricing", "features")))
    written = analyze(Job(small_csv, tmp_path / "reports", only=("pricing", "features")))
    assert results == written.results
    assert [path.name for path in tmp_path.iterdir()] == ["reports"]


def test_strict_json_refuses_what_json_cannot_say() -> None:
    assert json.loads(json_text({"a": 1})) == {"a": 1}
    with pytest.raises(ValueError, match="JSON"):
        json_text({"a": float("inf")})


def test_a_damaged_manifest_is_no_obstacle(small_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{not json")
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert states(tmp_path)["pricing"] == "ok"


def test_runs_at_the_same_time_lose_nothing(small_csv: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from finops.pipeline import Job, analyze; "
        "analyze(Job(Path(sys.argv[1]), Path(sys.argv[2]), only=(sys.argv[3],)))"
    )
    source = str(Path(publishing.__file__).resolve().parents[1])
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(small_csv), str(tmp_path), name], cwd=source
        )
        for name in IDS[:5]
    ]
    assert [process.wait(300) for process in running] == [0] * 5
    assert [states(tmp_path)[name] for name in IDS[:5]] == ["ok"] * 5


def test_the_local_chart_library_is_put_beside_the_pages(small_csv: Path, tmp_path: Path) -> None:
    script = Path(need("node_modules/chart.js/dist/chart.umd.js"))
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert (tmp_path / "chart.umd.js").read_bytes() == script.read_bytes()
    assert '<script src="chart.umd.js">' in (tmp_path / "pricing.html").read_text("utf-8")


def test_pages_ask_for_no_chart_library_that_is_not_beside_them(
    small_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chartjs, "AT_HAND", tmp_path / "nowhere.js")
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    for name in ("pricing.html", "index.html"):
        assert '<script src="chart.umd.js">' not in (tmp_path / name).read_text("utf-8")


def test_the_showcases_pages_are_linked_from_the_index(small_csv: Path, tmp_path: Path) -> None:
    about = {"title": "Spikes & limits", "purpose": "Stop <them> early.", "more": 1}
    for name in ("scenario_viral_spike", "scenario_X y", "scenario_without_a_page"):
        (tmp_path / f"{name}.json").write_text(json.dumps(about))
    for name in ("scenario_viral_spike", "scenario_X y", "scenario_not_described"):
        (tmp_path / f"{name}.html").write_text("<h1>Something else</h1>")
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    index = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert '<a href="scenario_viral_spike.html">Spikes &amp; limits</a>' in index
    assert "Stop &lt;them&gt; early." in index
    for name in ("scenario_X", "scenario_without_a_page", "scenario_not_described"):
        assert name not in index


def test_a_run_of_one_report_makes_the_page_that_its_names_lead_to(
    small_csv: Path, tmp_path: Path
) -> None:
    """What it says of customers is from this run, or from an earlier one of the same data."""
    page = tmp_path / "explore.html"
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert "Revenue per month" not in page.read_text(encoding="utf-8")
    analyze(Job(small_csv, tmp_path, only=("profitability",)))
    assert "Revenue per month" in page.read_text(encoding="utf-8")
    analyze(Job(small_csv, tmp_path, only=("pricing",)))
    assert "Revenue per month" in page.read_text(encoding="utf-8")
