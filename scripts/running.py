"""Commands run to their end: how long they take, and how much memory their processes hold."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path
from typing import List, NamedTuple, Sequence

from yardsticks import SRC


class Run(NamedTuple):
    """One command: wall seconds, and the most memory that its processes held together, in MB."""

    seconds: float
    megabytes: float


def run(command: Sequence[str]) -> Run:
    """Run a command to its end; raises CalledProcessError where it fails."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, cwd=str(SRC), stdout=subprocess.DEVNULL)
    memory = _Memory(process.pid)
    memory.start()
    status = process.wait()
    seconds = time.perf_counter() - begun
    memory.stop()
    if status:
        raise subprocess.CalledProcessError(status, command)
    return Run(seconds, memory.peak / 1024)


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
    try:
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
