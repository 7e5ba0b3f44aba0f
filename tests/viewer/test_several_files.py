"""A dataset of several files in the viewer: a folder, a pattern, or files given one by one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence

import pytest

from finops import config
from finops.cli import main
from finops.viewer.datasets import Datasets
from finops.viewer.file_watcher import FilesWatcher
from finops.viewer.monitor import Intervals
from finops.viewer.tasks import Commands
from tests.support.live import Live, live
from tests.support.reference import call
from tests.support.rows import write_csv
from tests.support.tools import run_finops

EVERY = Intervals(interval_s=0.1, gap_s=0.0, growth_bytes=1)


def rows(day: int, count: int = 3) -> List[Dict[str, str]]:
    times = (f"2026-01-{day:02}T{hour:02}:30:00" for hour in range(count))
    return [call(timestamp=time, call_id=f"c{time}") for time in times]


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with a table for each of three weeks, beside another dataset."""
    folder = tmp_path / "data" / "logs"
    folder.mkdir(parents=True)
    for week in range(3):
        days = range(1 + 7 * week, 8 + 7 * week)
        write_csv(folder / f"week{week}.csv", [row for day in days for row in rows(day)])
    write_csv(tmp_path / "data" / "other.csv", rows(1))
    return folder


def served(logs: Path, locations: Sequence[Path], **changes: Any) -> Any:
    words = [str(location) for location in locations]
    folder = logs.parent.parent
    return live(folder, Commands(), data=Path(words[0]), locations=words, **changes)


def run(running: Live, target: str, body: Any = None) -> None:
    assert running.post(target, body).status == 202
    running.idle()


def calls_of(reports: Path) -> int:
    overview = json.loads((reports / "dataset_overview.json").read_text(encoding="utf-8"))
    calls: int = overview["summary"]["total_calls"]
    return calls


def test_a_folder_is_analyzed_whole_from_the_page(logs: Path) -> None:
    with served(logs, [logs]) as running:
        status = running.status()["csv"]
        size = sum(path.stat().st_size for path in logs.iterdir())
        assert (status["name"], status["exists"]) == ("logs", True)
        assert status["size_mb"] == round(size / config.MEGABYTE, 2)
        run(running, "/api/run-all")
        reports = logs.parent.parent / "reports"
        assert calls_of(reports) == 63
        running.wait(lambda status: status["csv"]["calls"] == 63)
        assert not any(r["stale"] for r in running.status()["reports"].values())
        write_csv(logs / "week3.csv", rows(22))
        running.viewer.monitor.look_again()
        running.wait(lambda status: all(r["stale"] for r in status["reports"].values()))
        run(running, "/api/run-analyzer?id=dataset_overview")
        assert calls_of(reports) == 66


def test_the_monitor_sees_a_file_join_and_another_grow(logs: Path) -> None:
    pattern = logs / "*.csv"
    reports = logs.parent.parent / "reports"
    with served(logs, [pattern], monitor=True, pace=EVERY) as running:
        running.wait(lambda status: status["monitor"]["last_check"])
        more = write_csv(logs.parent / "more.csv", rows(9, 5)[3:])
        with open(str(logs / "week1.csv"), "ab") as file:
            file.write(more.read_bytes().split(b"\n", 1)[1])
        write_csv(logs / "week3.csv", rows(22))
        running.wait(lambda status: status["csv"]["calls"] == 68)

        def made(status: Dict[str, Any]) -> bool:
            return (reports / "index.html").exists() and calls_of(reports) == 68

        running.wait(made)
        running.idle()


def test_reports_of_the_same_files_are_current_and_of_others_are_not(logs: Path) -> None:
    reports = logs.parent.parent / "reports"
    given = [f"--data={logs / name}" for name in ("week0.csv", "week1.csv")]
    assert main(["analyze", *given, "--reports", str(reports), "--quiet", "--no-cache"]) == 0
    both = [logs / "week0.csv", logs / "week1.csv"]
    with served(logs, both) as running:
        status = running.status()
        assert status["csv"]["name"] == "week0.csv and 1 more"
        assert not any(report["stale"] for report in status["reports"].values())
    with served(logs, [*both, logs / "week2.csv"]) as running:
        assert all(report["stale"] for report in running.status()["reports"].values())


def test_several_files_do_not_grow_and_one_beside_them_does(logs: Path) -> None:
    with served(logs, [logs]) as running:
        answer = running.post("/api/generate", {"size_mb": 1})
        assert (answer.status, "one file" in answer.json["error"]) == (409, True)
        names = {each["name"]: each for each in running.status()["datasets"]}
        assert sorted(names) == ["logs", "other.csv"]
        assert all(each["exists"] for each in names.values())
        assert running.post("/api/dataset?name=other.csv").status == 200
        running.idle()
        assert running.status()["csv"]["name"] == "other.csv"
        assert running.viewer.datasets.current.is_one_file
        assert running.post("/api/dataset?name=logs").status == 200
        assert not running.viewer.datasets.current.is_one_file


def test_a_folder_without_tables_is_no_dataset_yet(tmp_path: Path) -> None:
    (tmp_path / "data" / "empty").mkdir(parents=True)
    folder = tmp_path / "data" / "empty"
    with served(folder, [folder]) as running:
        assert running.status()["csv"]["exists"] is False
        assert running.post("/api/run-all").status == 409
        write_csv(folder / "calls.csv", rows(1))
        running.viewer.monitor.look_again()
        running.wait(lambda status: status["csv"]["exists"])
        run(running, "/api/run-all")
    assert calls_of(tmp_path / "reports") == 3


def test_versions_never_come_back(tmp_path: Path) -> None:
    """Whatever joins, leaves, is replaced or grows: no two contents have one version."""
    files = {name: tmp_path / name for name in ("a.csv", "b.csv", "c.csv")}
    files["a.csv"].write_bytes(b"h\nx\n")
    watcher = FilesWatcher(lambda: sorted(path for path in files.values() if path.exists()))
    seen = [watcher.poll().version]

    def replace(name: str, content: bytes) -> None:
        aside = tmp_path / "aside"
        aside.write_bytes(content)
        os.replace(str(aside), str(files[name]))

    def leave(*names: str) -> None:
        for name in names:
            files[name].unlink()

    steps: List[Callable[[], object]] = [
        lambda: files["b.csv"].write_bytes(b"h\ny\n"),
        lambda: replace("b.csv", b"h\nz\n"),
        lambda: leave("b.csv"),
        lambda: files["b.csv"].write_bytes(b"h\nz\n"),
        lambda: files["a.csv"].write_bytes(b"h\nx\nx\n"),
        lambda: replace("a.csv", b"h\nv\n"),
        lambda: files["c.csv"].write_bytes(b"h\n"),
        lambda: leave("a.csv", "b.csv"),
    ]
    for step in steps:
        step()
        seen.append(watcher.poll().version)
        assert watcher.poll().version == seen[-1]
    assert len(set(seen)) == len(seen)
    assert (watcher.state.line_count, watcher.state.files) == (1, 1)


def test_one_location_that_is_a_file_is_a_dataset_of_one_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    assert Datasets(path, tmp_path, [str(path)]).current.is_one_file
    assert not Datasets(path, tmp_path, [str(path), str(path)]).current.is_one_file


def test_serve_gives_all_locations_and_refuses_what_cannot_be_read_again(
    logs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: List[Dict[str, Any]] = []

    def taken(**words: Any) -> int:
        given.append(words)
        return 0

    monkeypatch.setattr("finops.viewer.app.serve", taken)
    assert main(["serve", f"--data={logs / 'week0.csv'}", f"--data={logs}"]) == 0
    assert given[0]["locations"] == (str(logs / "week0.csv"), str(logs))
    assert given[0]["data"] == logs / "week0.csv"
    for command in ("serve", "demo", "evaluate"):
        done = run_finops(command, "--data", "-")
        assert done.returncode == 2
        assert "more than once, which standard input does not allow" in done.stderr
