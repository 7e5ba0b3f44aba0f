"""Results in order from two processes.

Each case is a Python of its own: only a process with one thread may be copied.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict

import pytest

from finops.ordered_results import in_order

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")

SOURCE = str(Path(__file__).resolve().parents[1] / "src")
COUNT = 40

PROGRAM = """
import json, os, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
from finops.ordered_results import in_order

ORIGIN = os.getpid()
here = []

def in_copy():
    return os.getpid() != ORIGIN

def trouble(number):
    pass

def compute(number):
    time.sleep(0.002)
    trouble(number)
    here.append(number)
    return json.dumps([number, in_copy(), "x" * 70000]).encode()  # more than a pipe holds

def run(count=40, together=True):
    raised, got = "", []
    try:
        for result in in_order(count, compute, together):
            number, copied, text = json.loads(result)
            got.append([number, copied, len(text)])
    except ValueError as error:
        raised = str(error)
    try:
        os.waitpid(-1, os.WNOHANG)
        left = True
    except ChildProcessError:
        left = False
    print(json.dumps({"got": got, "here": here, "raised": raised, "left": left}))

"""


def outcome(case: str) -> Dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + case, SOURCE],
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    )
    found: Dict[str, Any] = json.loads(done.stdout.decode("utf-8"))
    assert not found["left"], "a copy outlived the work"
    return found


def numbers(outcome: Dict[str, Any]) -> Any:
    return [number for number, _, length in outcome["got"] if length == 70000]


def test_results_come_in_order_from_both_processes() -> None:
    seen = outcome("run()")
    assert numbers(seen) == list(range(COUNT))
    copied = [number for number, in_copy, _ in seen["got"] if in_copy]
    assert sorted([*seen["here"], *copied]) == list(range(COUNT))  # nothing was done twice
    assert copied
    assert seen["here"]


@pytest.mark.parametrize(
    "case",
    [
        "def trouble(number):\n  if in_copy() and number > 9: os.kill(os.getpid(), signal.SIGKILL)",
        "def trouble(number):\n  if in_copy(): raise ValueError('only there')",
        "def refused(): raise BlockingIOError(11, 'no more processes')\nos.fork = refused",
        "del os.fork",
        "threading.Thread(target=time.sleep, args=(0.5,), daemon=True).start()",
    ],
    ids=["killed", "raises", "refused", "no fork", "threads"],
)
def test_what_the_copy_does_not_report_is_computed_here(case: str) -> None:
    assert numbers(outcome(case + "\nrun()")) == list(range(COUNT))


def test_an_error_is_raised_here_wherever_it_occurred() -> None:
    case = "def trouble(number):\n  if number == 30: raise ValueError('as it should')\nrun()"
    seen = outcome(case)
    assert seen["raised"] == "as it should"
    assert numbers(seen) == list(range(len(seen["got"])))
    assert len(seen["got"]) <= 30


def test_results_that_nobody_wants_any_more_end_the_copy() -> None:
    case = """
results = in_order(40, compute)
next(results)
results.close()
run(0)
"""
    assert outcome(case)["got"] == []


def test_nothing_stays_open() -> None:
    case = """
before = len(os.listdir("/dev/fd"))
list(in_order(9, compute))
assert len(os.listdir("/dev/fd")) == before
run(1)
"""
    assert numbers(outcome(case)) == [0]


def test_one_process_computes_all_in_turn() -> None:
    assert list(in_order(3, lambda number: b"%d" % number, together=False)) == [b"0", b"1", b"2"]
