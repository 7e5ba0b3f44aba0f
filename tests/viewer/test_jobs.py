"""Jobs: run, fail, hang, crash, queue, cancel; a limit that ends every process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional

import pytest

from finops import config
from finops.viewer.job_output import Output
from finops.viewer.jobs import Ending, Job, JobConflictError, JobRunner, QueueFullError, Task
from finops.viewer.process import COMPLETE, ERROR, TIMEOUT, Command, run_limited
from finops.viewer.tasks import Commands, GenerateRequest, presentable
from finops.viewer.viewer_state import ALL_IDS
from tests.support.live import FakeCommands, Live, live, some_rows
from tests.support.rows import varied_rows, write_csv
from tests.support.shared import PATIENCE_S

# The limit of one that hangs, and one that others do not reach even on a busy machine.
LIMIT_S = 3.0
LONG_LIMIT_S = 12.0
# What a hanging fake command waits for; whatever ends before has been ended.
HANG_S = 60.0


def processes_with(mark: str) -> List[str]:
    """Return the command lines of running processes that hold a text."""
    found = subprocess.run(["ps", "-eo", "args"], stdout=subprocess.PIPE, check=True)
    lines = found.stdout.decode("utf-8", "replace").splitlines()
    return [line for line in lines if mark in line and "ps -eo" not in line]


def state_of(running: Live, name: str) -> Dict[str, Any]:
    found: Dict[str, Any] = running.status()["analyzer_status"][name]
    return found


def test_a_job_runs_and_its_report_is_there(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running:
        assert running.get("/reports/pricing.html").status == 404
        answer = running.post("/api/run-analyzer?id=pricing")
        assert answer.status == 202
        assert answer.json["job"]["kind"] == "analyzer"
        status = running.idle()
        state = status["analyzer_status"]["pricing"]
        assert state["status"] == "complete"
        assert state["success"] is True
        assert state["error"] is None
        assert state["started_at"] <= state["completed_at"]
        assert state["seconds"] > 0
        report = status["reports"]["pricing.html"]
        assert report["exists"]
        assert report["stale"] is False
        assert b"pricing" in running.get("/reports/pricing.html").body


def test_all_reports_are_one_command(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running:
        assert running.post("/api/run-all").status == 202
        status = running.idle()
        assert running.commands.analyses == [ALL_IDS]
        assert set(status["analyzer_status"]) == set(ALL_IDS)
        assert {s["status"] for s in status["analyzer_status"].values()} == {"complete"}


def test_nothing_runs_without_a_dataset(tmp_path: Path) -> None:
    with live(tmp_path) as running:
        for target in ("/api/run-all", "/api/run-analyzer?id=pricing"):
            answer = running.post(target)
            assert answer.status == 409
            assert "no dataset" in answer.json["error"]


@pytest.mark.parametrize("mode", ["sleep", "stubborn", "busy", "grandchild"])
def test_analyzer_hangs(tmp_path: Path, mode: str) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": mode}), time_limit_s=LIMIT_S) as running:
        running.post("/api/run-analyzer?id=pricing")
        running.idle(HANG_S / 2)  # long before it would have ended by itself
        state = state_of(running, "pricing")
        assert state["status"] == "timeout"
        assert state["success"] is False
        assert state["error"] == "Timed out after 3 s."
        assert processes_with(str(tmp_path)) == []


def test_one_that_hangs_costs_only_its_own_report(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": "sleep"}), time_limit_s=LONG_LIMIT_S) as running:
        running.post("/api/run-all")
        status = running.idle()
        states = {name: s["status"] for name, s in status["analyzer_status"].items()}
        assert states.pop("pricing") == "timeout"
        assert set(states.values()) == {"complete"}
        after = [name for name in ALL_IDS[ALL_IDS.index("pricing") + 1 :]]
        assert running.commands.analyses == [ALL_IDS, tuple(after)]


DEATHS = [
    ("crash", "Ended with status 3."),
    ("torn crash", "Ended with status 3."),
    ("abort", "Ended by signal 6."),
    ("torn segfault", "Ended by signal 11."),
]


@pytest.mark.parametrize(("mode", "said"), DEATHS)
def test_analyzer_dies(tmp_path: Path, mode: str, said: str) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": mode})) as running:
        running.post("/api/run-analyzer?id=pricing")
        running.idle()
        state = state_of(running, "pricing")
        assert state["status"] == "error"
        assert state["error"] == said
        assert processes_with(str(tmp_path)) == []


@pytest.mark.parametrize("mode", ["crash", "segfault", "torn crash", "torn abort"])
def test_one_that_dies_costs_only_its_own_report(tmp_path: Path, mode: str) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": mode, "features": mode})) as running:
        running.post("/api/run-all")
        status = running.idle()
        states = {name: s["status"] for name, s in status["analyzer_status"].items()}
        assert (states.pop("pricing"), states.pop("features")) == ("error", "error")
        assert set(states.values()) == {"complete"}
        assert status["jobs"][0]["error"] == f"2 of {len(ALL_IDS)} reports failed."
        assert len(running.commands.analyses) == 3


def test_failed_reports_say_why_and_the_others_are_complete(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": "fail", "features": "fail"})) as running:
        running.post("/api/run-all")
        status = running.idle()
        states = status["analyzer_status"]
        assert [name for name in ALL_IDS if states[name]["status"] == "error"] == [
            "pricing",
            "features",
        ]
        assert states["pricing"]["error"] == "x.py broke"
        assert states["performance"]["status"] == "complete"
        assert status["jobs"][0]["status"] == "error"
        assert status["jobs"][0]["error"] == f"2 of {len(ALL_IDS)} reports failed."


def test_reports_are_complete_as_soon_as_they_are_told(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({ALL_IDS[1]: "wait 60"}), time_limit_s=60.0) as running:
        job = running.post("/api/run-all").json["job"]["id"]

        def first_is_there(status: Dict[str, Any]) -> Any:
            return status["analyzer_status"][ALL_IDS[0]]["status"] == "complete" and status

        status = running.wait(first_is_there)
        states = [status["analyzer_status"][name]["status"] for name in ALL_IDS]
        assert states == ["complete"] + ["running"] * (len(ALL_IDS) - 1)
        assert 50 < status["jobs"][0]["progress_pct"] < 100
        running.post(f"/api/cancel?job={job}")
        status = running.idle()
        assert status["jobs"][0]["status"] == "cancelled"
        assert status["analyzer_status"][ALL_IDS[0]]["status"] == "complete"
        others = [status["analyzer_status"][name] for name in ALL_IDS[1:]]
        assert {(s["status"], s["error"]) for s in others} == {("error", "Cancelled.")}


PLACES = (ALL_IDS[0], "pricing", ALL_IDS[-1])
ENDS = (
    ("noisy", "complete", None),
    ("fail", "error", "x.py broke"),
    ("noisy torn crash", "error", "a last word"),
    ("torn abort", "error", "Ended by signal 6."),
)
TIMED_OUT = ("timeout", f"Timed out after {LONG_LIMIT_S:g} s.")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("name", "mode", "status", "error"),
    [
        *((name, *end) for end in ENDS for name in PLACES),
        (ALL_IDS[0], "torn sleep", *TIMED_OUT),
        ("pricing", "noisy sleep", *TIMED_OUT),
        (ALL_IDS[-1], "torn sleep", *TIMED_OUT),
    ],
)
def test_the_right_analyzer_is_named_whatever_is_printed(
    tmp_path: Path, name: str, mode: str, status: str, error: Optional[str]
) -> None:
    some_rows(tmp_path)
    limit_s = LONG_LIMIT_S if status == "timeout" else HANG_S
    with live(tmp_path, FakeCommands({name: mode}), time_limit_s=limit_s) as running:
        running.post("/api/run-all")
        states = running.idle()["analyzer_status"]
        assert (states[name]["status"], states[name]["error"]) == (status, error)
        assert {s["status"] for other, s in states.items() if other != name} == {"complete"}


def test_an_exceeded_budget_is_no_failure_of_a_job(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "alerted"})) as running:
        running.post("/api/run-analyzer?id=pricing")
        status = running.idle()
        assert status["analyzer_status"]["pricing"]["status"] == "complete"
        assert [job["status"] for job in status["jobs"]] == ["complete"]


def test_an_end_that_was_not_told_is_that_of_the_command(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"pricing": "silent"})) as running:
        running.post("/api/run-all")
        states = running.idle()["analyzer_status"]
        assert {s["status"] for s in states.values()} == {"complete"}


def test_the_real_commands_tell_what_the_viewer_shows(tmp_path: Path) -> None:
    """With a page that cannot be written, a file that cannot be read, and one that is fine."""
    folder = tmp_path / "data"
    folder.mkdir()
    write_csv(folder / "calls.csv", varied_rows(200))
    (tmp_path / "reports" / "pricing.html").mkdir(parents=True)
    with live(tmp_path, Commands(), time_limit_s=120.0, target_mb=1.0) as running:
        running.post("/api/run-all")
        states = running.idle(120)["analyzer_status"]
        assert set(states) == set(ALL_IDS)
        failed = [name for name, state in states.items() if state["status"] != "complete"]
        assert failed == ["pricing"]
        assert states["pricing"]["error"].startswith("Is a directory: pricing.html")
        assert str(tmp_path) not in states["pricing"]["error"]
        (folder / "calls.csv").write_bytes(b"no,usage,data\n1,2,3\n")
        running.post("/api/run-analyzer?id=features")
        error = running.idle(120)["analyzer_status"]["features"]["error"]
        assert error.startswith("calls.csv: no header")
        assert str(tmp_path) not in error


def test_a_failed_run_keeps_the_last_good_report(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path) as running:
        running.post("/api/run-analyzer?id=pricing")
        running.idle()
        first = running.get("/reports/pricing.html").body
        running.commands.modes["pricing"] = "crash"
        running.post("/api/run-analyzer?id=pricing")
        running.idle()
        assert running.get("/reports/pricing.html").body == first


def test_at_most_five_at_once_and_thirteen_wait(tmp_path: Path) -> None:
    running_now: List[int] = []
    most: List[int] = []
    go = threading.Event()

    class Waits(Task):
        def run(self, job: Job) -> Ending:
            running_now.append(1)
            most.append(len(running_now))
            go.wait(300)
            running_now.pop()
            return Ending(COMPLETE)

    runner = JobRunner()
    try:
        jobs = [runner.submit(Waits(f"job {n}", "", (str(n),))) for n in range(5 + 13)]
        with pytest.raises(QueueFullError):
            runner.submit(Waits("one more", "", ("more",)))
        with pytest.raises(JobConflictError):
            runner.submit(Waits("again", "", ("3",)))
        deadline = time.monotonic() + 300
        while len(most) < config.MAX_RUNNING_JOBS and time.monotonic() < deadline:
            time.sleep(0.01)
        go.set()
        while runner.active() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert [job.state.status for job in jobs] == [COMPLETE] * 18
        assert max(most) == config.MAX_RUNNING_JOBS
    finally:
        runner.stop(1)


def test_a_full_queue_is_429(tmp_path: Path) -> None:
    some_rows(tmp_path)
    slow = FakeCommands({"*": "wait 5"})
    with live(tmp_path, slow, showcase=examples(tmp_path, 19)) as running:
        answers = [running.post(f"/api/run-example?id=queries.wait{n}") for n in range(19)]
        statuses = [answer.status for answer in answers]
        assert statuses == [202] * 18 + [429]
        assert answers[-1].headers["retry-after"] == "5"
        assert running.get("/api/status").status == 200
        running.wait(lambda s: [job["status"] for job in s["jobs"]].count("running") == 5)


def examples(folder: Path, count: int) -> Path:
    room = folder / "showcase" / "queries"
    room.mkdir(parents=True)
    for n in range(count):
        (room / f"wait{n}.py").write_text('"""Wait."""\nimport time\ntime.sleep(20)\n')
    return folder / "showcase"


def at_work(status: Dict[str, Any]) -> bool:
    """Return whether every running job has told that it is past the reading of the data."""
    shares = [job["progress_pct"] for job in status["jobs"] if job["status"] == "running"]
    return set(shares) == {50}


def test_cancel(tmp_path: Path) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "stubborn"})) as running:
        job = running.post("/api/run-analyzer?id=pricing").json["job"]["id"]
        running.wait(at_work)
        assert running.post(f"/api/cancel?job={job}").status == 202
        status = running.idle(HANG_S / 2)
        assert status["jobs"][0]["status"] == "cancelled"
        assert status["analyzer_status"]["pricing"]["status"] == "error"
        assert running.post(f"/api/cancel?job={job}").status == 404
        assert running.post("/api/cancel?job=nothing").status == 404
        assert processes_with(str(tmp_path)) == []


def test_generate_shows_progress_and_can_be_cancelled(tmp_path: Path) -> None:
    with live(tmp_path, FakeCommands(generate_s=60), target_mb=1.0) as running:
        answer = running.post("/api/generate", {"size_mb": 2})
        assert answer.status == 202
        assert running.post("/api/generate", {"size_mb": 2}).status == 409
        seen = running.wait(lambda s: 0 < s["jobs"][0]["progress_pct"] < 100 and s)
        assert seen["csv"]["target_mb"] == 2
        assert seen["csv"]["size_mb"] > 0
        assert running.post(f"/api/cancel?job={seen['jobs'][0]['id']}").status == 202
        running.idle()
        assert running.status()["csv"]["size_mb"] < 2


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"size_mb": 0}, {"size_mb": -1}, {"size_mb": "5"}, {"size_mb": True}),
        *({"size_mb": 1e9}, {"size_mb": None}, {"size_mb": 1, "seed": -1}),
        *({"size_mb": 1, "seed": 1.5}, {"size_mb": 1, "seed": "1"}),
        *({"size_mb": 1, "scenarios": "base_traffic"}, {"size_mb": 1, "scenarios": ["--fresh"]}),
        *({"size_mb": 1, "scenarios": [1]}, {"size_mb": 1, "scenarios": {}}),
    ],
)
def test_generate_refuses(tmp_path: Path, body: Any) -> None:
    with live(tmp_path) as running:
        assert running.post("/api/generate", body).status == 422
        assert running.status()["jobs"] == []


def test_the_real_commands_are_absolute() -> None:
    from finops.viewer.datasets import Dataset

    where = Dataset("a.csv", Path("data/a.csv"), Path("reports"))
    argv = Commands().analyze(where, ("pricing", "features")).argv
    words = argv[argv.index("analyze") :]
    assert words[1:5:2] == ["--data", "--reports"]
    assert all(os.path.isabs(word) for word in words[2:5:2])
    assert words[5:] == ["--only", "pricing", "--only", "features", "--progress", "json"]
    grown = Commands().generate(where, GenerateRequest(1.5, 7, ("base_traffic",))).argv
    assert grown[grown.index("--size") + 1] == "1.5MB"
    assert grown[-4:] == ["--seed", "7", "--scenario", "base_traffic"]
    assert grown[grown.index("--progress") + 1] == "json"


def test_clock_jumps_do_not_end_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some_rows(tmp_path)
    with live(tmp_path, FakeCommands({"*": "wait 0.5"})) as running:
        running.post("/api/run-analyzer?id=pricing")
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + 10 * 365 * 86400)
        status = running.idle()
        assert status["analyzer_status"]["pricing"]["status"] == "complete"
        assert status["analyzer_status"]["pricing"]["seconds"] < PATIENCE_S


def test_output_without_end_is_ended(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "while True: print('x' * 100000)"]
    output = Output()
    outcome = run_limited(Command(words, str(tmp_path)), output, PATIENCE_S, threading.Event())
    assert outcome.kind == ERROR
    assert output.size() < 200 * config.MEGABYTE
    output.close()
    assert output.size() == len(output.tail()) == config.JOB_OUTPUT_SHOWN_BYTES


def test_a_limit_ends_the_whole_session(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import time; time.sleep(60)", str(tmp_path)]
    begun = time.monotonic()
    outcome = run_limited(Command(words, str(tmp_path)), Output(), 0.3, threading.Event())
    assert outcome.kind == TIMEOUT
    assert time.monotonic() - begun < HANG_S / 2
    assert processes_with(str(tmp_path)) == []


def test_a_command_that_is_not_there(tmp_path: Path) -> None:
    command = Command(["/nowhere/at/all"], str(tmp_path))
    outcome = run_limited(command, Output(), 5, threading.Event())
    assert (outcome.kind, outcome.code) == (ERROR, None)


def test_stopping_ends_everything(tmp_path: Path) -> None:
    some_rows(tmp_path)
    before = threading.active_count()
    with live(tmp_path, FakeCommands({"*": "stubborn"})) as running:
        for name in ALL_IDS[:8]:
            running.post(f"/api/run-analyzer?id={name}")
        running.wait(at_work)
        begun = time.monotonic()
    assert time.monotonic() - begun < HANG_S / 2
    assert processes_with(str(tmp_path)) == []
    assert threading.active_count() == before


def test_presentable_hides_folders() -> None:
    assert presentable("cannot read /home/ann/x y/data/calls.csv: no") == (
        "cannot read x y/data/calls.csv: no"
    )
    assert presentable(r"finops: C:\Users\ann\calls.csv is empty") == "calls.csv is empty"
    assert presentable("ratio 1/2 and a\x1b[31mb") == "ratio 1/2 and a[31mb"
    assert len(presentable("x" * 1000)) == 300
