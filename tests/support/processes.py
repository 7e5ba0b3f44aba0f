"""Processes seen from outside: who descends from whom, who is left, and a server to speak to."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Set, Type


def parents() -> Dict[int, int]:
    """Return the parent of each running process; zombies have ended."""
    listed = subprocess.run(["ps", "-eo", "pid,ppid,stat"], stdout=subprocess.PIPE, check=True)
    rows = [line.split() for line in listed.stdout.decode().splitlines()[1:]]
    return {int(pid): int(parent) for pid, parent, state in rows if not state.startswith("Z")}


def descendants(pid: int) -> Set[int]:
    """Return the children of a process, theirs, and so on."""
    parent_of = parents()
    found: Set[int] = set()
    front = {pid}
    while front:
        front = {child for child, parent in parent_of.items() if parent in front} - found
        found |= front
    return found


def wait_until(condition: Callable[[], Any], seconds: float = 60) -> Any:
    """Return what the condition returns as soon as it is true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it never became so"
        time.sleep(0.02)


def wait_for_children(pid: int, count: int) -> Set[int]:
    """Return the descendants of a process once there are so many."""

    def enough() -> Set[int]:
        children = descendants(pid)
        return children if len(children) >= count else set()

    result: Set[int] = wait_until(enough)
    return result


def running(pids: Iterable[int]) -> Set[int]:
    """Return which of these processes still run."""
    return set(pids) & set(parents())


def gone_within(pids: Iterable[int], seconds: float) -> bool:
    """Return whether all of these have ended, at the latest after so many seconds."""
    deadline = time.monotonic() + seconds
    while running(pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Served:
    """A viewer as a process; however the block is left, it has ended."""

    def __init__(self, command: List[str], cwd: str, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if "http://localhost:" not in line:
            raise AssertionError(self.process.communicate())
        self.address = "http://127.0.0.1:" + line.split("http://localhost:")[1].split("/")[0]

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.communicate(timeout=300)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def get(self, path: str) -> Any:
        """Return the JSON at an address."""
        with urllib.request.urlopen(self.address + path, timeout=300) as answer:
            return json.loads(answer.read().decode("utf-8"))

    def post(self, path: str, body: Any = None, **headers: str) -> int:
        """Post JSON and return the status."""
        request = urllib.request.Request(
            self.address + path,
            data=json.dumps({} if body is None else body).encode("utf-8"),
            headers={"Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return int(answer.status)

    def ended_job(self) -> Dict[str, Any]:
        """Return the latest job once it has ended."""

        def ended() -> Optional[Dict[str, Any]]:
            job: Dict[str, Any] = self.get("/api/status")["jobs"][-1]
            return None if job["status"] in ("queued", "running") else job

        result: Dict[str, Any] = wait_until(ended, 240)
        return result
