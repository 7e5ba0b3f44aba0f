"""The end of a server: by any signal, whatever it does, whatever lies where its dataset should.

A few combinations run always, each in a few seconds; all of them with EVERY_END=1.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
import urllib.error
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Dict, Iterator, List, Set, Tuple

import pytest

from finops.simulator.engine import generate
from tests.support.odd_files import ODD_FILES
from tests.support.patience import allowed_s
from tests.support.processes import Served, wait_until
from tests.support.tools import ROOT, clean_environment, run_finops
from tests.viewer.test_collector import RECORD

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.long,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc"),
]

SIGNALS = ("SIGHUP", "SIGTERM", "SIGINT", "SIGUSR1", "SIGALRM", "SIGKILL")
WORK = ("idle", "generating", "analyzing", "collecting")
FILES = ("regular", "pipe", "socket", "directory", "dangling link")
Case = Tuple[str, str, str]

ALWAYS: List[Case] = [
    *((name, "generating", "regular") for name in SIGNALS),
    ("SIGKILL", "analyzing", "regular"),
    ("SIGTERM", "analyzing", "regular"),
    ("SIGKILL", "collecting", "regular"),
    ("SIGTERM", "collecting", "pipe"),
    *(("SIGTERM", "idle", kind) for kind in FILES),
    ("SIGINT", "generating", "pipe"),
]
CASES = list(product(SIGNALS, WORK, FILES)) if os.environ.get("EVERY_END") else ALWAYS


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Path]:
    """Simulated datasets by the work that they are for: one takes a moment to analyze."""
    small, large = (tmp_path_factory.mktemp(name) / "calls.csv" for name in ("small", "large"))
    generate(small, 100_000)
    generate(large, 4_000_000, workers=2)
    return {"idle": small, "generating": small, "analyzing": large}


def marked(mark: str) -> Set[int]:
    """Return the processes whose environment holds a mark, the server and all it started."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark.encode() in (entry / "environ").read_bytes():
                found.add(int(entry.name))
    return found


@pytest.fixture
def stop_posting() -> Iterator[threading.Event]:
    stop = threading.Event()
    yield stop
    stop.set()


def post(served: Served, path: str, body: object = None) -> int:
    """Return the status of a request, whatever it is; 0 where nobody answered."""
    try:
        return served.post(path, body)
    except urllib.error.HTTPError as error:
        return error.code
    except (OSError, ValueError):
        return 0


def begin(work: str, served: Served, kind: str, mark: str, stop: threading.Event) -> None:
    """Let the server do something, and return when it is at it."""
    odd = kind not in ("regular", "dangling link")  # through a link a file can be made
    if work == "generating":
        assert post(served, "/api/generate", {"size_mb": 2000}) == 202
        if not odd:  # the server, the generator and one worker at least
            wait_until(lambda: len(marked(mark)) >= 3)
    elif work == "analyzing":
        assert post(served, "/api/run-all") == (202 if kind == "regular" else 409)
        if kind == "regular":
            wait_until(lambda: len(marked(mark)) >= 2)
    elif work == "collecting":
        answers: List[int] = []

        def send() -> None:
            while not stop.is_set():
                number = len(answers)
                record = {**RECORD, "call_id": f"call-{number}"}
                answers.append(post(served, "/v1/events/batch", [record]))

        threading.Thread(target=send, daemon=True).start()
        wait_until(lambda: len(answers) >= 3)
        assert set(answers[:3]) <= ({500, 503} if odd else {200})


@pytest.mark.sampled
@pytest.mark.parametrize(("name", "work", "kind"), CASES, ids=lambda value: value)
def test_a_server_ends_and_leaves_nothing(
    name: str,
    work: str,
    kind: str,
    datasets: Dict[str, Path],
    tmp_path: Path,
    stop_posting: threading.Event,
) -> None:
    data = tmp_path / ("collected_calls.csv" if work == "collecting" else "calls.csv")
    if kind == "regular":
        if work in datasets:  # collecting begins a file of its own
            for source in datasets[work].parent.glob("calls.csv*"):
                shutil.copy(str(source), str(tmp_path))
    elif kind != "directory":
        ODD_FILES[kind](data)
    mark = f"MARK_OF_THIS_TEST={tmp_path}"
    environment = {**clean_environment(), **dict([mark.split("=")])}
    command = [sys.executable, "-m", "finops", "serve", "--port", "0", "--collect", "--quiet"]
    places = ["--data", str(data), "--reports", str(tmp_path / "reports")]
    with Served([*command, *places], str(ROOT), environment) as served:
        if kind == "directory":  # a server is started for a file
            ODD_FILES[kind](data)
        begin(work, served, kind, mark, stop_posting)
        begun = time.monotonic()
        served.process.send_signal(getattr(signal, name))
        served.process.wait(300)
        assert time.monotonic() - begun < allowed_s(5)
        ended = time.monotonic()
        wait_until(lambda: not marked(mark), 60)
        assert time.monotonic() - ended < allowed_s(2)
        expected = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 143}
        assert served.process.returncode == expected.get(name, -getattr(signal, name))
    stop_posting.set()
    if kind == "regular":
        checked = run_finops("verify", data)
        assert checked.returncode == 0, checked.stdout + checked.stderr
    elif kind != "dangling link":  # through which a dataset may have been made
        assert not data.is_file()
