"""One writer at a time, among processes and threads, and no lock outlives its holder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import List

import pytest

from finops.errors import LockError, StorageError
from finops.storage.lock import lock_path, writer_lock
from tests.support.patience import allowed_s
from tests.support.tools import ROOT

HOLD = """
import subprocess, sys, time
from finops.storage.lock import writer_lock
with writer_lock(sys.argv[1]):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    print(child.pid, flush=True)
    time.sleep(30)
"""


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "calls.csv"


def holder(csv: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock, and has a child that does not."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(csv)],
        cwd=str(ROOT / "src"),
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    return process


def test_a_second_process_is_refused_and_told_who_holds_it(csv: Path) -> None:
    process = holder(csv)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        with pytest.raises(LockError, match=f"process {process.pid}"), writer_lock(csv):
            pass
        began = time.monotonic()
        with pytest.raises(LockError), writer_lock(csv, wait_s=0.3):
            pass
        assert 0.3 <= time.monotonic() - began < allowed_s(2)
        process.kill()
        process.wait()
        began = time.monotonic()
        with writer_lock(csv, wait_s=allowed_s(1)):
            assert time.monotonic() - began < allowed_s(1)
            os.kill(child, 0)  # the child outlives its parent, and does not keep the lock
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.kill(child, signal.SIGTERM)


def test_a_second_thread_is_refused(csv: Path) -> None:
    refused: List[LockError] = []

    def other() -> None:
        try:
            with writer_lock(csv):
                pass
        except LockError as error:
            refused.append(error)

    with writer_lock(csv):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1


def test_waits_for_another_thread(csv: Path) -> None:
    entered, leaving = threading.Event(), threading.Event()

    def other() -> None:
        with writer_lock(csv):
            entered.set()
            time.sleep(0.2)
            leaving.set()

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    with writer_lock(csv, wait_s=5):
        assert leaving.is_set()  # not before the other one was through
    thread.join()


def test_is_free_after_an_exception(csv: Path) -> None:
    with pytest.raises(KeyError), writer_lock(csv):
        raise KeyError
    with writer_lock(csv):
        assert lock_path(csv).read_text() == f"{os.getpid()}\n"


def test_different_files_have_different_locks(tmp_path: Path) -> None:
    with writer_lock(tmp_path / "a.csv"), writer_lock(tmp_path / "b.csv"):
        held = {lock_path(tmp_path / name).read_text() for name in ("a.csv", "b.csv")}
    assert held == {f"{os.getpid()}\n"}


def test_missing_folder_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="folder"), writer_lock(tmp_path / "no" / "a.csv"):
        pass
