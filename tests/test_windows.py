"""What differs on Windows, by injected errors: files held open, byte locks, process trees."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, List

import pytest

from finops import atomic
from finops.atomic import replacing, write_aside
from finops.storage.file_operations import FILES
from finops.viewer import process as job_process
from finops.viewer.job_output import Output

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there the errors are real")

ROOT = Path(__file__).resolve().parents[1]
# What `os.replace` raises there for a target that somebody has open: access denied, in use.
WINDOWS_ERRORS = (5, 32)


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class Holding:
    """`os.replace` of a system where the target is held open for the first `tries`."""

    def __init__(self, tries: int, number: int) -> None:
        self.tries, self.number, self.calls = tries, number, 0
        self._replace = os.replace

    def __call__(self, source: str, target: str) -> None:
        self.calls += 1
        if self.calls <= self.tries:
            raise PermissionError(13, f"[WinError {self.number}] held open", source)
        self._replace(source, target)


def put_three_ways(target: Path) -> List[Callable[[], None]]:
    def together() -> None:
        with replacing(target) as (aside,):
            aside.write_text("new")

    return [
        lambda: write_aside(target, "new"),
        together,
        lambda: FILES.put(str(target), b"new"),
    ]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(atomic, "_WINDOWS", True)
    monkeypatch.setattr("finops.atomic.time", clock)
    return clock


@pytest.mark.parametrize("number", WINDOWS_ERRORS)
@pytest.mark.parametrize("way", range(3))
def test_a_file_that_a_reader_holds_for_a_moment_is_replaced_when_it_lets_go(
    way: int, number: int, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pricing.html"
    target.write_text("old")
    holding = Holding(7, number)
    monkeypatch.setattr(os, "replace", holding)
    put_three_ways(target)[way]()
    assert (target.read_text(), holding.calls) == ("new", 8)
    assert os.listdir(str(tmp_path)) == [target.name]


@pytest.mark.parametrize("number", WINDOWS_ERRORS)
@pytest.mark.parametrize("way", range(3))
def test_a_file_that_stays_open_keeps_its_content_and_the_error_comes_after_seconds(
    way: int, number: int, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pricing.html"
    target.write_text("old")
    monkeypatch.setattr(os, "replace", Holding(10**6, number))
    with pytest.raises(PermissionError):
        put_three_ways(target)[way]()
    assert 2.5 <= clock.now - 1000 < 3
    assert target.read_text() == "old"
    assert os.listdir(str(tmp_path)) == [target.name]


def test_a_missing_right_is_an_error_at_once_on_other_systems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pricing.html"
    target.write_text("old")
    holding = Holding(10**6, 5)
    monkeypatch.setattr(os, "replace", holding)
    with pytest.raises(PermissionError):
        write_aside(target, "new")
    assert holding.calls == 1
    assert target.read_text() == "old"


# The C runtime's byte locks by those of POSIX, which are byte ranges between processes too.
BYTE_LOCKS = """
import fcntl, os, subprocess, sys, types
from pathlib import Path

msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_NBLCK = 2
def locking(fd, mode, size):
    assert mode == msvcrt.LK_NBLCK
    start = os.lseek(fd, 0, os.SEEK_CUR)
    writable = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
    kind = fcntl.LOCK_EX if writable else fcntl.LOCK_SH  # POSIX refuses the first where one reads
    fcntl.lockf(fd, kind | fcntl.LOCK_NB, size, start, os.SEEK_SET)
msvcrt.locking = locking
sys.modules["msvcrt"] = msvcrt
import finops.storage.sidecars
sys.platform = "win32"
from finops.errors import LockError
from finops.storage.lock import has_writer, lock_path, writer_lock
data = Path(sys.argv[1])
"""
FIRST = """
with writer_lock(data):
    print("held", os.getpid(), flush=True)
    sys.stdin.read()
print("free", flush=True)
sys.stdin.close()
"""
SECOND = """
try:
    with writer_lock(data):
        print("written")
except LockError as error:
    print(error)
print(has_writer(data), lock_path(data).read_text().strip())
"""


def program(text: str, data: Path) -> List[str]:
    return [sys.executable, "-c", textwrap.dedent(BYTE_LOCKS) + text, str(data)]


def test_a_locked_byte_keeps_a_second_writer_away_and_leaves_the_holder_readable(
    tmp_path: Path,
) -> None:
    data = tmp_path / "calls.csv"
    environment: Any = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    first = subprocess.Popen(
        program(FIRST, data), env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdin is not None
    assert first.stdout is not None
    holder = first.stdout.readline().decode().split()[1]
    refused = subprocess.check_output(program(SECOND, data), env=environment).decode().splitlines()
    assert f"process {holder}" in refused[0]
    assert str(data) in refused[0]
    assert refused[1] == f"True {holder}"
    first.stdin.close()
    assert first.stdout.readline().decode().strip() == "free"
    assert first.wait() == 0
    first.stdout.close()
    after = subprocess.check_output(program(SECOND, data), env=environment).decode().splitlines()
    assert after[0] == "written"
    assert after[1].startswith("False ")


def test_output_that_cannot_be_removed_while_it_is_open_is_removed_after(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    unlink = os.unlink

    def refusing(path: str) -> None:
        raise PermissionError(13, "[WinError 32] in use", path)

    monkeypatch.setattr(os, "unlink", refusing)
    output = Output()
    output.sink().write(b"done")
    assert len(os.listdir(str(tmp_path))) == 1
    monkeypatch.setattr(os, "unlink", unlink)
    output.close()
    assert os.listdir(str(tmp_path)) == []
    assert output.tail() == "done"


class Windows:
    """The module `os` as the code of processes sees it on Windows."""

    name = "nt"

    def __getattr__(self, attribute: str) -> Any:
        assert attribute not in ("killpg", "getpgid"), "Windows has no process groups"
        return getattr(os, attribute)


def test_a_job_is_ended_with_its_children_by_the_tool_of_windows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands: List[List[str]] = []
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)

    def taskkill(command: List[str], **options: Any) -> int:
        commands.append(command)
        child.kill()
        return 0

    monkeypatch.setattr(job_process, "os", Windows())
    monkeypatch.setattr(subprocess, "call", taskkill)
    job_process._end(child)
    assert commands == [["taskkill", "/T", "/F", "/PID", str(child.pid)]]
    assert child.poll() is not None
    if child.stdin is not None:
        child.stdin.close()
