"""A viewer to test against: started on a free loopback port, with fake or real commands."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence

from finops import config
from finops.reading_choices import ReadingChoices
from finops.viewer import app
from finops.viewer.datasets import Dataset
from finops.viewer.monitor import Intervals
from finops.viewer.process import Command
from finops.viewer.server import Limits
from finops.viewer.tasks import Commands, GenerateRequest
from finops.viewer.viewer_state import ALL_IDS, Settings
from tests.support.shared import PATIENCE_S

FAKE = Path(__file__).with_name("fake_work.py")
QUIET = Intervals(interval_s=0.2, gap_s=3600, growth_bytes=1 << 40)


class Answer(NamedTuple):
    """A response as it came over the wire."""

    status: int
    headers: Dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body.decode("utf-8"))


class FakeCommands(Commands):
    """Commands that do as they are told: `modes` maps an analyzer id, or `*`, to a mode."""

    def __init__(self, modes: Optional[Mapping[str, str]] = None, generate_s: float = 0.1) -> None:
        self.modes: Dict[str, str] = dict(modes or {})
        self.generate_s = generate_s
        self.analyses: List[Sequence[str]] = []

    def analyze(
        self, dataset: Dataset, ids: Sequence[str], choices: ReadingChoices = ReadingChoices()
    ) -> Command:
        """Return the fake analysis; remembers what was asked for."""
        self.analyses.append(tuple(ids) or ALL_IDS)
        words = ["analyze", str(dataset.reports), json.dumps(self.modes), *(ids or ALL_IDS)]
        return self._fake(*words)

    def generate(self, dataset: Dataset, growth: GenerateRequest) -> Command:
        """Return the fake generator."""
        size = int(growth.size_mb * config.MEGABYTE)
        return self._fake("generate", str(dataset.path), str(size), str(self.generate_s))

    def _fake(self, *words: str) -> Command:
        # Without `site` it starts sooner, and coverage does not start in it.
        return Command([sys.executable, "-S", str(FAKE), *words], str(FAKE.parent))


class Live:
    """A running viewer and ways to speak to it."""

    def __init__(self, running: app.Running, commands: Any, log: List[str]) -> None:
        self.running = running
        self.viewer = running.viewer
        self.commands = commands
        self.log = log
        self.port = running.server.port
        self.host = f"127.0.0.1:{self.port}"

    def raw(self, data: bytes, timeout: float = PATIENCE_S) -> bytes:
        """Send bytes and return everything that comes back."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            with suppress(OSError):  # refused before all was sent; the answer may still be there
                connection.sendall(data)
            return read_all(connection)

    def send(
        self,
        method: str,
        target: str,
        headers: Optional[Mapping[str, str]] = None,
        body: Any = None,
    ) -> Answer:
        """Send a request with our Host; a body that is not bytes goes as JSON."""
        fields = {"Host": self.host}
        data = b""
        if method == "POST":
            data = (
                body
                if isinstance(body, bytes)
                else json.dumps({} if body is None else body).encode()
            )
            fields["Content-Type"] = "application/json"
            fields["Content-Length"] = str(len(data))
        fields.update(headers or {})
        lines = [f"{method} {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        return parse("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data, self)

    def get(self, target: str, **headers: str) -> Answer:
        """Read an address."""
        return self.send("GET", target, {k.replace("_", "-"): v for k, v in headers.items()})

    def post(self, target: str, body: Any = None, **headers: str) -> Answer:
        """Post JSON."""
        named = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.send("POST", target, named, body)

    def status(self) -> Dict[str, Any]:
        """Return the status."""
        found: Dict[str, Any] = self.get("/api/status").json
        return found

    def wait(self, condition: Callable[[Dict[str, Any]], Any], seconds: float = PATIENCE_S) -> Any:
        """Poll the status until the condition holds and return what it returned."""
        deadline = time.monotonic() + seconds
        while True:
            found = condition(self.status())
            if found:
                return found
            assert time.monotonic() < deadline, "the status never became so"
            time.sleep(0.05)

    def idle(self, seconds: float = PATIENCE_S) -> Dict[str, Any]:
        """Wait until no job is queued or running and return the status."""

        def done(status: Dict[str, Any]) -> Any:
            active = [job for job in status["jobs"] if job["status"] in ("queued", "running")]
            return None if active else status

        found: Dict[str, Any] = self.wait(done, seconds)
        return found


def parse(request: bytes, live: Live) -> Answer:
    """Send a raw request and return the parsed answer."""
    raw = live.raw(request)
    head, _, body = raw.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    return Answer(int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, body)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes; what there was where it resets."""
    pieces = []
    try:
        for piece in iter(lambda: connection.recv(65_536), b""):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)


@contextmanager
def live(
    folder: Path,
    commands: Any = None,
    limits: Optional[Limits] = None,
    showcase: Optional[Path] = None,
    project: Path = config.PROJECT_ROOT,
    **changes: Any,
) -> Iterator[Live]:
    """Run a viewer over `folder`/data/calls.csv; `changes` are settings."""
    (folder / "data").mkdir(exist_ok=True)
    made: Dict[str, Any] = {"monitor": False, "pace": QUIET, "time_limit_s": PATIENCE_S}
    made.update(data=folder / "data" / "calls.csv", reports=folder / "reports")
    made.update(changes)
    fake = commands if commands is not None else FakeCommands()
    log: List[str] = []
    running = app.start(
        Settings(**made), 0, log.append, fake, limits, showcase or folder / "no-showcase", project
    )
    try:
        yield Live(running, fake, log)
    finally:
        app.stop(running, grace_s=0)


def some_rows(folder: Path, rows: int = 50) -> Path:
    """Write a dataset with so many lines after the header and return its path."""
    path = folder / "data" / "calls.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"header\n" + b"row\n" * rows)
    return path


def open_sockets() -> int:
    """Return how many file descriptors of this process are sockets (Linux)."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except OSError:
            continue
    return count


def in_parallel(jobs: Sequence[Callable[[], Any]], timeout: float = 60) -> List[Any]:
    """Run all callables at once, from one barrier, and return their results in order."""
    barrier = threading.Barrier(len(jobs))
    results: List[Any] = [None] * len(jobs)

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = jobs[index]()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.1, deadline - time.monotonic()))
    return results
