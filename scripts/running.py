"""Commands run to their end: how long they take, and how much memory their processes hold."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import List, NamedTuple, Optional, Sequence

from yardsticks import SRC


class Run(NamedTuple):
    """One command: wall and CPU seconds, and the most memory that its processes held together."""

    seconds: float
    megabytes: float
    cpu_seconds: float
    status: int = 0


class TooSlowError(Exception):
    """A command did not end within its time."""


def run(
    command: Sequence[str], limit_s: Optional[float] = None, expected: Sequence[int] = (0,)
) -> Run:
    """Run a command to its end; raises CalledProcessError where its status is not an expected one.

    Raises TooSlowError where it takes longer than `limit_s`, and ends it.
    """
    begun, used = time.perf_counter(), _children_cpu()
    process = subprocess.Popen(command, cwd=str(SRC), stdout=subprocess.DEVNULL)
    memory = _Memory(process.pid)
    memory.start()
    try:
        status = process.wait(limit_s)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
        raise TooSlowError from None
    finally:
        memory.stop()
    seconds = time.perf_counter() - begun
    if status not in expected:
        raise subprocess.CalledProcessError(status, command)
    return Run(seconds, memory.peak / 1024, _children_cpu() - used, status)


def _children_cpu() -> float:
    used = os.times()
    return used.children_user + used.children_system


class _Memory(threading.Thread):
    """Watches the resident memory of a process and its children, in KB, on Linux."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak = 0
        self._pid = pid
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until asked to stop."""
        while not self._ended.wait(0.05):
            self.peak = max(self.peak, sum(map(_resident_kb, _family(self._pid))))

    def stop(self) -> None:
        """Stop looking."""
        self._ended.set()
        self.join()


def _family(pid: int) -> List[int]:
    family = [pid]
    for parent in family:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        except OSError:
            continue
        family.extend(map(int, children.split()))
    return family


def _resident_kb(pid: int) -> int:
    """Return the memory that a process holds: of pages that several share, its part of them.

    A forked copy shares nearly all of its pages with the process that it is a copy of.
    """
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


def after_reading(command: Sequence[str]) -> float:
    """Run an analysis; return the seconds from where it says that it analyzes to its end."""
    process = subprocess.Popen(
        command, cwd=str(SRC), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    begun = 0.0
    for line in process.stderr:
        if not begun and line.startswith(b"analyzing"):
            begun = time.perf_counter()
    if process.wait():
        raise subprocess.CalledProcessError(process.returncode, command)
    return time.perf_counter() - begun
