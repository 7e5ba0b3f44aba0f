"""Tasks shared out between a process and its fork.

Each case is a Python of its own: only a process with one thread may be copied.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.forked import can_fork
from finops.parallel import TaskSet, run_in_two_processes
from finops.registry import ANALYZER_REGISTRY
from finops.simulator.engine import generate
from tests.support.patience import allowed_s
from tests.support.processes import gone_within, wait_for_children

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")

SOURCE = str(Path(__file__).resolve().parents[1] / "src")

RECORDING = """
import json, os, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
from finops.forked import can_fork
from finops.parallel import TaskSet, run_in_two_processes

ORIGIN = os.getpid()

class Recorded(TaskSet):
    count = 12
    def __init__(self):
        self.begun, self.here, self.absorbed = [], [], {}
    def begin(self, number):
        self.begun.append(number)
    def do(self, number):
        time.sleep(0.02)
        self.trouble(number)
        self.here.append(number)
    def trouble(self, number):
        pass
    def serialize(self, number):
        return ("%d " % number * 40000).encode()  # more than a pipe holds
    def absorb(self, number, found):
        self.absorbed[number] = len(found.split())

def in_copy():
    return os.getpid() != ORIGIN

def run(jobs, together=True):
    raised = ""
    try:
        run_in_two_processes(jobs, together)
    except ValueError as error:
        raised = str(error)
    try:
        os.waitpid(-1, os.WNOHANG)
        left = True
    except ChildProcessError:
        left = False
    print(json.dumps(dict(begun=sorted(set(jobs.begun)), here=jobs.here, absorbed=jobs.absorbed,
                          raised=raised, left=left, files=len(os.listdir("/dev/fd")))))
"""


def shared(case: str) -> Dict[str, Any]:
    """Return what the jobs of a case have recorded."""
    done = subprocess.run(
        [sys.executable, "-c", RECORDING + case, SOURCE],
        capture_output=True,
        timeout=300,
        check=True,
    )
    assert not done.stderr
    found: Dict[str, Any] = json.loads(done.stdout.decode("utf-8"))
    found["absorbed"] = {int(number): words for number, words in found["absorbed"].items()}
    return found


def test_each_job_is_done_once_and_both_take_part() -> None:
    found = shared("run(Recorded())")
    assert sorted([*found["here"], *found["absorbed"]]) == list(range(12)) == found["begun"]
    assert found["here"]
    assert found["absorbed"]
    assert set(found["absorbed"].values()) == {40000}
    assert not found["left"]


@pytest.mark.parametrize(
    "trouble",
    [
        "os.kill(os.getpid(), signal.SIGKILL)",
        "raise SystemExit(3)",
        "os.close(1); raise KeyboardInterrupt",
    ],
)
def test_what_a_lost_copy_took_is_done_here(trouble: str) -> None:
    case = f"""
class Lost(Recorded):
    def trouble(self, number):
        if in_copy() and number > 3:
            {trouble}
run(Lost())
"""
    found = shared(case)
    assert set(found["here"]) == set(range(12))
    assert not found["absorbed"]
    assert not found["left"]


@pytest.mark.unmeasured
@pytest.mark.parametrize("deaf", ["", "signal.signal(signal.SIGINT, signal.SIG_IGN)"])
def test_what_is_raised_here_ends_the_copy_whether_it_listens_or_not(deaf: str) -> None:
    case = f"""
{deaf}
class Failing(Recorded):
    def trouble(self, number):
        if in_copy():
            time.sleep(60)
        raise ValueError("no")
run(Failing())
"""
    found = shared(case)
    assert found["raised"] == "no"
    assert not found["left"]


def test_the_child_ends_when_its_parent_is_killed() -> None:
    case = """
class Slow(Recorded):
    count = 2
    def trouble(self, number):
        if in_copy():
            print("started", flush=True)
        time.sleep(60)
run(Slow())
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", RECORDING + case, SOURCE], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"started\n"
    children = wait_for_children(parent.pid, 1)
    parent.kill()
    parent.wait()
    assert gone_within(children, allowed_s(2))
    parent.stdout.close()


def test_nothing_stays_open() -> None:
    case = """
class Quiet(Recorded):
    count = 3
    def serialize(self, number):
        return b"x"
before = len(os.listdir("/dev/fd"))
jobs = Quiet()
run(jobs)
assert len(os.listdir("/dev/fd")) == before
"""
    assert shared(case)["begun"] == [0, 1, 2]


@pytest.mark.parametrize(
    "case",
    [
        "run(Recorded(), together=False)",
        "threading.Thread(target=time.sleep, args=(1,), daemon=True).start(); run(Recorded())",
        "del os.fork; run(Recorded())",
        "def refused(): raise BlockingIOError(11, 'no more processes')\n"
        "os.fork = refused; run(Recorded())",
    ],
)
def test_without_a_copy_all_is_done_here_in_order(case: str) -> None:
    found = shared(case)
    assert found["here"] == list(range(12)) == found["begun"]
    assert not found["absorbed"]


def test_no_job_is_nothing_to_do() -> None:
    run_in_two_processes(TaskSet())
    assert isinstance(can_fork(), bool)


ANALYSIS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from finops import pipeline, parallel
steps, copies = [], []
plain = parallel._Fork.__init__
def noted(self, jobs):
    copies.append(1)
    plain(self, jobs)
parallel._Fork.__init__ = noted
job = pipeline.Job(sys.argv[2], Path(sys.argv[3]), workers=int(sys.argv[4]),
                   step=lambda name, number, total: steps.append([name, number, total]))
done = pipeline.analyze(job)
del done.results["dataset_overview"]["file"]["analyzed_at"]
steps = [step for at, step in enumerate(steps) if step not in steps[:at]]
print(json.dumps([list(done.results), done.results, sorted(steps), len(copies),
                  [[r.analysis.id, r.size_bytes, r.headline, r.reason] for r in done.reports]]))
"""


def test_reports_are_the_same_from_one_process_and_from_two(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    generate(path, 400_000, seed=7)
    found: List[Any] = []
    for workers in ("1", "2"):
        done = subprocess.run(
            [sys.executable, "-c", ANALYSIS, SOURCE, str(path), str(tmp_path / workers), workers],
            stdout=subprocess.PIPE,
            check=True,
        )
        found.append(json.loads(done.stdout.decode("utf-8")))
    one, two = found
    assert (one.pop(3), two.pop(3)) == (0, 1)
    assert one == two
    assert one[0] == list(ANALYZER_REGISTRY)
    for name in one[0]:
        if name == "dataset_overview":
            continue  # it says when it was made
        pages = [(tmp_path / workers / f"{name}.json").read_bytes() for workers in ("1", "2")]
        assert pages[0] == pages[1]
