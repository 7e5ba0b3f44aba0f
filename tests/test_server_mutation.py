"""Every defence of the server is needed: with it switched off, its attack succeeds.

`tests/test_security.py` does the same for the checks of the gate that browsers are held off by.
Each attack is a function that fails where it succeeds, and passes with all defences in place.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from contextlib import ExitStack
from http.server import HTTPServer
from pathlib import Path
from typing import Any, Callable, List, Tuple

import pytest

from finops import config
from finops.viewer import http
from finops.viewer.datasets import Dataset, Datasets
from finops.viewer.http import Response
from finops.viewer.job_output import Output
from finops.viewer.process import TIMEOUT, Command, run_limited
from finops.viewer.security import Head
from finops.viewer.server import Limits
from tests import test_security
from tests.support.live import FakeCommands, live, parse, some_rows
from tests.support.patience import allowed_s
from tests.support.processes import gone_within, wait_until
from tests.viewer.test_collector import BATCH, COMPLETION, SDK, stored
from tests.viewer.test_collector import RECORD as EVENT

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
Attack = Callable[[Path], None]


def careless_head(raw: bytes) -> Head:
    """Parse a head as forgiving servers do."""
    first, *rest = raw.decode("latin-1").splitlines() or [""]
    method, target = [*first.split(), "GET", "/"][:2]
    pairs = [line.partition(":") for line in rest if ":" in line]
    headers = tuple((name.strip().lower(), value.strip()) for name, _, value in pairs)
    return Head(method.upper(), target, headers)


def heads(folder: Path) -> None:
    with live(folder) as running:
        test_security.framings_are_refused(running)


def bodies_of_reads(folder: Path) -> None:
    with live(folder) as running:
        assert running.send("GET", "/healthz", {"Content-Length": "3"}).status == 400


def packed_bodies(folder: Path) -> None:
    with live(folder) as running:
        answer = running.post("/api/run-all", gzip.compress(b"{}"), Content_Encoding="gzip")
        assert answer.status == 415


def long_bodies(folder: Path) -> None:
    with live(folder) as running:
        body = b"{" + b" " * config.MEGABYTE + b"}"
        assert running.post("/api/run-analyzer?id=pricing", body).status == 413


def many_headers(folder: Path) -> None:
    with live(folder) as running:
        head = f"GET / HTTP/1.1\r\nHost: {running.host}\r\n" + "X-A: b\r\n" * 64 + "\r\n"
        assert parse(head.encode(), running).status == 431


def missing_key(folder: Path) -> None:
    with live(folder, collect=True, collect_key="k1") as running:
        assert running.post(SDK, COMPLETION).status == 401


def answers_without_protection(folder: Path) -> None:
    with live(folder) as running:
        found = running.get("/healthz").headers
        for name in ("x-content-type-options", "content-security-policy", "cache-control"):
            assert name in found


def split_headers(folder: Path) -> None:
    with pytest.raises(ValueError, match="control"):
        Response(200, b"", "text/plain", (("X-A", "b\r\nX-Evil: 1"),)).head()


def reports_outside_a_sandbox(folder: Path) -> None:
    (folder / "reports").mkdir()
    (folder / "reports" / "pricing.html").write_text("<!DOCTYPE html>")
    with live(folder) as running:
        test_security.test_reports_are_sandboxed(running)


def forged_escapes_in_the_log(folder: Path) -> None:
    with live(folder) as running:
        running.get("/a\\x1b[31m")
        wait_until(lambda: running.log)
        assert "a\\\\x1b" in running.log[-1]


def telling_errors(folder: Path) -> None:
    with live(folder) as running:
        test_security.test_errors_reveal_nothing(running, folder)


def talkative(status: int, text: str, *headers: Any) -> Response:
    return http.failure(status, traceback.format_exc())


def floods(folder: Path) -> None:
    limits = Limits(head_s=2.0, request_s=2.0, slots=4)
    with live(folder, limits=limits) as running, ExitStack() as stack:
        before = threading.active_count()
        for _ in range(30):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
            one.sendall(b"GET / HTTP/1.1\r\n")
        until = time.monotonic() + allowed_s(0.3)
        while time.monotonic() < until:
            assert threading.active_count() <= before + 4
            time.sleep(0.01)


class Generous(threading.Semaphore):
    """Slots for everybody."""

    def __init__(self, value: int) -> None:
        super().__init__(99)


def crowds(folder: Path) -> None:
    limits = Limits(head_s=2.0, request_s=2.0, slots=1)
    with live(folder, limits=limits) as running, ExitStack() as stack:
        for _ in range(60):
            address = ("127.0.0.1", running.port)
            stack.enter_context(socket.create_connection(address, timeout=0.5))


def neighbours(folder: Path) -> None:
    with live(folder) as running:
        test_security.test_only_loopback_listens(running)


def everywhere(self: Any, address: Any, how: Any, plain: Any = HTTPServer.__init__) -> None:
    plain(self, ("0.0.0.0", address[1]), how)


def links(folder: Path) -> None:
    test_security.test_symlink_report_refused(folder)


def follow(path: Path) -> Any:
    return path.read_bytes() if path.is_file() else None


def other_datasets(folder: Path) -> None:
    some_rows(folder)
    (folder / "canary.csv").write_text("header\n")
    with live(folder) as running:
        assert running.post("/api/dataset?name=../canary.csv").status == 404


def any_dataset(self: Datasets, name: str) -> Dataset:
    self._current = Dataset(name, self.folder / name, self.folder)
    return self._current


def unknown_ids(folder: Path) -> None:
    some_rows(folder)
    with live(folder) as running:
        assert running.post("/api/run-analyzer?id=--debug").status == 404


class Everything(dict):  # type: ignore[type-arg]
    def __contains__(self, name: object) -> bool:
        return True


def runs_at_once(folder: Path) -> None:
    some_rows(folder)
    with live(folder, FakeCommands({"*": "wait 0.3"})) as running:
        assert running.post("/api/run-analyzer?id=pricing").status == 202
        assert running.post("/api/run-analyzer?id=pricing").status == 409


def two_readings_of_json(folder: Path) -> None:
    twice = json.dumps(COMPLETION)[:-1] + ', "model": "another"}'
    with live(folder, collect=True) as running:
        assert running.post(SDK, twice.encode()).status == 400
        assert stored(running) == []


def formulas(folder: Path) -> None:
    with live(folder, collect=True) as running:
        answer = running.post(BATCH, [{**EVENT, "call_id": "=1+1"}])
        assert answer.json["accepted"] == 0


def bombs(folder: Path) -> None:
    bomb = gzip.compress(b"[" + b" " * (config.MEGABYTE * 9) + b"]")
    with live(folder, collect=True) as running:
        assert running.post(BATCH, bomb, Content_Encoding="gzip").status == 413


def repeated_ids(folder: Path) -> None:
    for _ in range(2):
        with live(folder, collect=True) as running:
            running.post(BATCH, [EVENT])
            assert len(stored(running)) == 1


def hanging_jobs(folder: Path) -> None:
    words = [sys.executable, "-c", "import time; time.sleep(1)"]
    outcome = run_limited(Command(words, str(folder)), Output(), 0.2, threading.Event())
    assert outcome.kind == TIMEOUT


def without_limit(process: Any, output: Any, limit_s: Any, cancel: Any, watch: Any) -> None:
    process.wait()


def orphans(folder: Path) -> None:
    """A child's child must be gone with it."""
    file = folder / "pid"
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    start = f"subprocess.Popen([sys.executable, '-c', {child!r}])"
    words = [sys.executable, "-c", f"import subprocess, sys, time; {start}; time.sleep(60)"]
    cancel = threading.Event()

    def cancel_when_started() -> None:
        wait_until(lambda: file.exists() and file.read_text())
        cancel.set()

    threading.Thread(target=cancel_when_started, daemon=True).start()
    run_limited(Command(words, str(folder)), Output(), 60, cancel)
    pid = int(file.read_text())
    if not gone_within([pid], allowed_s(2)):
        os.kill(pid, signal.SIGKILL)
        raise AssertionError("the child of a job that was ended is still running")


def nothing(*words: Any, **more: Any) -> None:
    """Do nothing, as a defence that is switched off."""


VIEWER = "finops.viewer"
DEFENCES: List[Tuple[str, Any, Attack]] = [
    (f"{VIEWER}.handler.parse_head", careless_head, heads),
    (f"{VIEWER}.security.Gate.check_no_body", nothing, bodies_of_reads),
    (f"{VIEWER}.security.Gate.check_encoding", nothing, packed_bodies),
    ("finops.config.HTTP_BODY_BYTES", 1 << 40, long_bodies),
    ("finops.config.HTTP_HEADERS", 10**6, many_headers),
    (f"{VIEWER}.security.Gate.check_key", nothing, missing_key),
    (f"{VIEWER}.http._STRICT", (), answers_without_protection),
    (f"{VIEWER}.http._CONTROL", nothing, split_headers),
    (f"{VIEWER}.pages.report_policy", lambda content: "img-src *", reports_outside_a_sandbox),
    (f"{VIEWER}.handler.escape", str, forged_escapes_in_the_log),
    (f"{VIEWER}.handler.failure", talkative, telling_errors),
    (f"{VIEWER}.server.threading.Semaphore", Generous, floods),
    (f"{VIEWER}.server.ViewerServer.request_queue_size", 5, crowds),
    (f"{VIEWER}.server.HTTPServer.__init__", everywhere, neighbours),
    (f"{VIEWER}.pages.read_regular", follow, links),
    (f"{VIEWER}.datasets.Datasets.switch", any_dataset, other_datasets),
    (f"{VIEWER}.routes.ANALYZER_REGISTRY", Everything(), unknown_ids),
    (f"{VIEWER}.jobs.JobRunner._active", lambda self: [], runs_at_once),
    (f"{VIEWER}.collector.parse_object", json.loads, two_readings_of_json),
    (f"{VIEWER}.events._FORMULA", (), formulas),
    ("finops.config.HTTP_INFLATED_BYTES", 1 << 40, bombs),
    (f"{VIEWER}.event_store.EventStore._learn_ids", nothing, repeated_ids),
    (f"{VIEWER}.process._wait", without_limit, hanging_jobs),
    (f"{VIEWER}.process._signal_group", nothing, orphans),
]


@pytest.mark.once
@pytest.mark.parametrize(
    ("target", "weak", "attack"), DEFENCES, ids=[attack.__name__ for _, _, attack in DEFENCES]
)
def test_defences_have_teeth(
    target: str, weak: Any, attack: Attack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("strong", "weak"):
        (tmp_path / name).mkdir()
    attack(tmp_path / "strong")
    monkeypatch.setattr(target, weak)
    with pytest.raises((AssertionError, OSError, pytest.fail.Exception)):
        attack(tmp_path / "weak")
