"""The monitor: when it regenerates, what it notices, that it stops and outlives trouble."""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from finops.viewer.file_watcher import FileState, FileWatcher
from finops.viewer.monitor import Intervals, Monitor, RegenerationPolicy
from finops.viewer.viewer_state import ALL_IDS
from tests.support.live import FakeCommands, Live, live, some_rows

MB = 1_048_576
PACE = Intervals(interval_s=10, gap_s=30, growth_bytes=5 * MB, max_pause_s=600)
FAST = Intervals(interval_s=0.2, gap_s=0.5, growth_bytes=5 * MB, max_pause_s=2)


def file(size: int, generation: int = 1) -> FileState:
    return FileState(exists=True, generation=generation, size_bytes=size)


def looks(cadence: RegenerationPolicy, *sizes: int, begin: float = 0.0) -> List[bool]:
    """Look every ten seconds at a file of these sizes."""
    return [cadence.is_due(begin + 10 * i, file(size)) for i, size in enumerate(sizes)]


def go_on(reports: Path) -> None:
    """Let held work go on; the folder is there as soon as its process has started."""
    reports.mkdir(exist_ok=True)
    (reports / "go-on").touch()


def test_a_file_that_stays_as_it_was_is_never_due() -> None:
    assert looks(RegenerationPolicy(PACE), 100, 100, 100, 100) == [False] * 4


def test_five_megabytes_are_due_at_once() -> None:
    assert looks(RegenerationPolicy(PACE), 100, 100 + 5 * MB - 1) == [False, False]
    assert looks(RegenerationPolicy(PACE), 100, 100 + 5 * MB) == [False, True]


def test_less_is_due_when_it_stands_still() -> None:
    assert looks(RegenerationPolicy(PACE), 100, 101, 102, 103, 103) == [
        False,
        False,
        False,
        False,
        True,
    ]


def test_not_again_before_the_gap() -> None:
    cadence = RegenerationPolicy(PACE)
    looks(cadence, 100, 100 + 5 * MB)
    cadence.began(10.0)
    cadence.ended(12.0, file(100 + 5 * MB).version)
    grown = 100 + 10 * MB
    assert not cadence.is_due(20.0, file(grown))
    assert not cadence.is_due(41.9, file(grown))
    assert cadence.is_due(42.0, file(grown))


def test_a_replaced_file_is_due_when_it_stands_still() -> None:
    cadence = RegenerationPolicy(PACE)
    assert not cadence.is_due(0, file(100, 1))
    assert not cadence.is_due(10, file(100, 2))
    assert cadence.is_due(20, file(100, 2))


def test_nothing_is_due_without_a_file() -> None:
    cadence = RegenerationPolicy(PACE)
    assert not cadence.is_due(0, file(100, 1))
    for moment in (10, 20, 30):
        assert not cadence.is_due(moment, FileState(exists=False, generation=2))
        assert not cadence.is_due(moment, file(0, 3))


def test_failures_are_tried_again_ever_later() -> None:
    cadence = RegenerationPolicy(PACE)
    looks(cadence, 100, 200, 200)
    now, waits = 20.0, []
    for _ in range(8):
        cadence.began(now)
        cadence.ended(now, None)
        waits.append(cadence.wait_s(now))
        assert not cadence.is_due(now + waits[-1] - 0.1, file(200))
        now += waits[-1]
        assert cadence.is_due(now, file(200))
    assert waits == [60, 120, 240, 480, 600, 600, 600, 600]
    cadence.ended(now, file(200).version)
    assert cadence.failures == 0
    assert not cadence.is_due(now + 1000, file(200))


def grow(path: Path, rows: int = 10) -> None:
    with open(str(path), "ab") as out:
        out.write(b"row\n" * rows)


def regenerations(running: Live) -> int:
    return len(running.commands.analyses)


def until(running: Live, count: int) -> Dict[str, Any]:
    found: Dict[str, Any] = running.wait(lambda s: regenerations(running) >= count and s)
    running.idle()
    return found


def test_growth_regenerates_all_reports(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path, monitor=True, pace=FAST) as running:
        running.wait(lambda s: s["csv"]["line_count"] == 51)
        time.sleep(0.6)
        assert regenerations(running) == 0
        grow(path)
        until(running, 1)
        assert running.commands.analyses == [ALL_IDS]
        status = running.wait(lambda s: s["monitor"]["last_regeneration"] and s)
        assert status["csv"]["line_count"] == 61
        assert status["monitor"]["last_error"] is None
        assert not any(report["stale"] for report in status["reports"].values())
        time.sleep(1.2)
        assert regenerations(running) == 1


def shorter(path: Path) -> None:
    os.truncate(str(path), 20)


def other_content(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"row", b"wor"))


def renamed(path: Path) -> None:
    some = path.with_name("x")
    some.write_bytes(b"header\n" + b"new\n" * 70)
    os.replace(str(some), str(path))


def emptied_and_past(path: Path) -> None:
    path.write_bytes(b"")
    path.write_bytes(b"header\n" + b"different\n" * 90)


@pytest.mark.parametrize("change", [shorter, other_content, renamed, emptied_and_past])
def test_monitor_replacement(tmp_path: Path, change: Any) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path, monitor=True, pace=FAST) as running:
        running.wait(lambda s: s["csv"]["line_count"] == 51)
        running.post("/api/run-all")
        running.idle()
        running.commands.modes["*"] = "held"  # so that what is stale can be seen to be
        change(path)
        lines = path.read_bytes().count(b"\n")
        running.wait(
            lambda s: (
                s["csv"]["line_count"] == lines and all(r["stale"] for r in s["reports"].values())
            )
        )
        go_on(tmp_path / "reports")
        until(running, 2)
        status = running.idle()
        assert not any(report["stale"] for report in status["reports"].values())


class Looks:
    """Counts the looks of a viewer's monitor, so that a test can wait for two whole ones."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        real = FileWatcher.poll

        def poll(follower: FileWatcher, stop: Any = lambda: False) -> FileState:
            self.begun += 1
            return real(follower, stop)

        monkeypatch.setattr(FileWatcher, "poll", poll)

    def two_more(self) -> None:
        """Wait until two looks that begin after this call have ended."""
        wanted, deadline = self.begun + 3, time.monotonic() + 300
        while self.begun < wanted:
            assert time.monotonic() < deadline, "the monitor does not look any more"
            time.sleep(0.01)


def test_every_change_is_noticed_within_two_intervals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Looks(monkeypatch)
    path = some_rows(tmp_path)
    kept = tmp_path / "kept"
    pace = Intervals(interval_s=0.1, gap_s=0, growth_bytes=1000, max_pause_s=0)

    def noticed(lines: int, regenerated: bool, before: int) -> None:
        looks.two_more()
        found = running.status()["csv"]
        assert (found["exists"], found["line_count"]) == (lines > 0, lines)
        # A change that takes two system calls may be seen half done, and then again.
        assert (regenerations(running) > before) == regenerated
        running.idle()

    with live(tmp_path, monitor=True, pace=pace) as running:
        looks.two_more()
        changes: List[Tuple[Callable[[], Any], int]] = [
            (lambda: grow(path, 500), 551),  # at once
            (lambda: grow(path, 1), 552),  # small, then stillness
            (lambda: shorter(path), 4),
            (lambda: renamed(path), 71),
            (lambda: emptied_and_past(path), 91),
        ]
        for change, lines in changes:
            before = regenerations(running)
            change()
            noticed(lines, True, before)
        before = regenerations(running)
        os.replace(str(path), str(kept))
        noticed(0, False, before)
        os.replace(str(kept), str(path))
        noticed(91, True, before)


def test_monitor_deleted(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path, monitor=True, pace=FAST) as running:
        running.post("/api/run-all")
        running.idle()
        content = path.read_bytes()
        path.unlink()
        status = running.wait(
            lambda s: not s["csv"]["exists"] and s["csv"]["line_count"] == 0 and s
        )
        assert all(report["exists"] and report["stale"] for report in status["reports"].values())
        assert running.post("/api/run-all").status == 409
        assert running.post("/api/run-analyzer?id=pricing").status == 409
        path.write_bytes(content)
        running.wait(lambda s: s["csv"]["line_count"] == 51)
        until(running, 2)
        assert not any(report["stale"] for report in running.idle()["reports"].values())


def test_a_failed_regeneration_is_shown_and_tried_again(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "crash"}), monitor=True, pace=FAST) as running:
        running.wait(lambda s: s["csv"]["line_count"] == 51)
        grow(path)
        until(running, 1)
        status = running.wait(lambda s: s["monitor"]["failures"] >= 1 and s)
        assert status["monitor"]["last_error"] == "Ended with status 3."
        until(running, 2)
        running.commands.modes.clear()
        status = running.wait(lambda s: s["monitor"]["failures"] == 0 and s)
        assert status["monitor"]["last_error"] is None
        assert not any(report["stale"] for report in running.idle()["reports"].values())


def test_clock_jumps_leave_the_cadence_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = some_rows(tmp_path)
    real = time.time
    with live(tmp_path, monitor=True, pace=FAST) as running:
        running.post("/api/run-all")
        running.idle()
        for jump in (-86400.0, 10 * 365 * 86400.0):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            for stamp in (0, 4_070_908_800):
                os.utime(str(path), (stamp, stamp))
                time.sleep(0.5)
        assert regenerations(running) == 1
        grow(path)
        until(running, 2)


def test_switched_off_it_counts_but_does_not_regenerate(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    with live(tmp_path, monitor=False, pace=FAST) as running:
        grow(path)
        running.wait(lambda s: s["csv"]["line_count"] == 61)
        time.sleep(1)
        assert regenerations(running) == 0
        assert running.status()["monitor"]["enabled"] is False


class Broken(FileWatcher):
    """A follower that fails at first."""

    calls = 0

    def poll(self, stop: Any = None) -> FileState:
        self.calls += 1
        if self.calls < 3:
            raise RuntimeError("boom")
        return super().poll()


def test_the_thread_outlives_trouble(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    follower = Broken(path)
    monitor = Monitor(lambda: follower, lambda: True, pace=Intervals(interval_s=0.05))
    monitor.start()
    deadline = time.monotonic() + 300
    while follower.state.line_count < 51 and time.monotonic() < deadline:
        time.sleep(0.02)  # it is there before its lines are counted
    assert follower.state.line_count == 51
    assert "RuntimeError" in str(monitor.as_dict()["last_error"])
    monitor.stop()


def test_stops_and_joins_within_a_second(tmp_path: Path) -> None:
    big = tmp_path / "big.csv"
    with open(str(big), "wb") as out:
        out.truncate(400 * MB)
    before = threading.active_count()
    monitor = Monitor(lambda: FileWatcher(big), lambda: True, pace=Intervals(interval_s=3600))
    monitor.start()
    time.sleep(0.05)
    begun = time.monotonic()
    monitor.stop()
    assert time.monotonic() - begun < 20, "it does not wait for the next look in an hour"
    assert threading.active_count() == before


def counted(lines: int, status: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """Return the status where that many lines were counted."""
    return status if status["csv"]["line_count"] == lines else None


def test_growth_while_a_run_lasts_asks_for_one_more(tmp_path: Path) -> None:
    path = some_rows(tmp_path)
    seen: List[int] = []
    with live(tmp_path, FakeCommands({"*": "held"}), monitor=True, pace=FAST) as running:
        running.wait(lambda s: s["csv"]["line_count"] == 51)
        grow(path)
        running.wait(lambda s: any(j["status"] == "running" for j in s["jobs"]))
        for lines in range(71, 121, 10):
            grow(path)
            status = running.wait(partial(counted, lines))
            seen.append(sum(j["status"] in ("queued", "running") for j in status["jobs"]))
        time.sleep(FAST.gap_s)
        assert regenerations(running) == 1
        assert seen == [1] * 5
        go_on(tmp_path / "reports")
        until(running, 2)
        running.wait(lambda s: not any(r["stale"] for r in s["reports"].values()))
        assert running.post("/api/run-analyzer?id=pricing").status == 202
