"""Measure the viewer with a large dataset: start-up, and the status while everything runs.

    make load                                          500 MB, made in a temporary folder
    .venv/bin/python scripts/load_viewer.py --folder DIR   keep the dataset there and use it again

The server runs as a user starts it, from another folder.  Fifty clients then ask for the
status once a second each, as open dashboards do, from before all analyzers are started through
the viewer until the last has ended.  Ends with status 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

ROOT = Path(__file__).resolve().parent.parent
START_S = 1.0
STATUS_S = 0.100
EVERY_S = 1.0


class Server:
    """`viewer/server.py` over a dataset, started from the folder of the temporary files."""

    def __init__(self, python: str, data: Path, reports: Path) -> None:
        words = ("--port", "0", "--data", str(data), "--reports", str(reports), "--quiet")
        self._begun = time.perf_counter()
        self._process = subprocess.Popen(
            [python, str(ROOT / "viewer" / "server.py"), *words],
            cwd=tempfile.gettempdir(),
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        self.port = int(line.split("http://localhost:")[1].split("/")[0])

    def ready_after(self) -> float:
        """Return the seconds from its start to the end of its first answer."""
        self.request("GET", "/api/status")
        return time.perf_counter() - self._begun

    def request(self, method: str, target: str) -> Any:
        """Send a request and return the JSON answer.  Raises OSError where there is none."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        body = b"{}" if method == "POST" else None
        connection.request(method, target, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answered = json.loads(answer.read().decode("utf-8"))
        connection.close()
        if answer.status not in (200, 202):
            raise OSError(f"{target}: {answer.status}")
        return answered

    def stop(self) -> None:
        """Stop it; twice, so that it does not wait for jobs."""
        self._process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


class Clients:
    """So many threads that ask for the status once a second, spread over the second."""

    def __init__(self, server: Server, count: int) -> None:
        self.seconds: List[float] = []
        self.failures = 0
        self._server = server
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._poll, args=(n * EVERY_S / count,)) for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each finish its request."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _poll(self, offset: float) -> None:
        due = time.perf_counter() + offset
        while not self._stop.wait(max(0.0, due - time.perf_counter())):
            begun = time.perf_counter()
            try:
                self._server.request("GET", "/api/status")
                self.seconds.append(time.perf_counter() - begun)
            except OSError:
                self.failures += 1
            due = max(due + EVERY_S, time.perf_counter())


def analyze_all(server: Server, singly: bool) -> Tuple[float, Dict[str, int]]:
    """Run all analyzers to their end; return the seconds and how many ended how."""
    ids = [entry["id"] for entry in server.request("GET", "/api/status")["reports"].values()]
    begun = time.perf_counter()
    for target in [f"/api/run-analyzer?id={name}" for name in ids] if singly else ["/api/run-all"]:
        server.request("POST", target)
    while True:
        time.sleep(0.2)
        status = server.request("GET", "/api/status")
        if not any(job["status"] in ("queued", "running") for job in status["jobs"]):
            break
    ends = [state["status"] for state in status["analyzer_status"].values()]
    return time.perf_counter() - begun, {end: ends.count(end) for end in sorted(set(ends))}


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that so many of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def measure(server: Server, clients: int, singly: bool) -> bool:
    """Print one measurement; return whether the target was reached."""
    polling = Clients(server, clients)
    try:
        took, ends = analyze_all(server, singly)
    finally:
        polling.stop()
    p50, p99 = quantile(polling.seconds, 0.5), quantile(polling.seconds, 0.99)
    how = "a job for each report, five at once" if singly else "one pass"
    print(
        f"{how}, {took:.1f} s, {ends}: {len(polling.seconds)} answers to {clients} clients, "
        f"{polling.failures} failures; median {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms "
        f"(target {STATUS_S * 1000:.0f}), slowest {max(polling.seconds) * 1000:.0f} ms"
    )
    return p99 < STATUS_S and not polling.failures and set(ends) == {"complete"}


def prepare(data: Path, size: str) -> None:
    """Make the dataset where it is missing, and forget what an analysis kept beside it."""
    data.parent.mkdir(parents=True, exist_ok=True)
    command = ("-m", "finops", "generate", "--seed", "7", "--size", size, "--data", str(data))
    subprocess.run([sys.executable, *command, "--quiet"], cwd=str(ROOT), check=True)
    forget(data)


def forget(data: Path) -> None:
    """Remove what an analysis keeps, so that the next one reads the whole file."""
    kept = data.with_name(data.name + ".cache")
    if kept.exists():
        os.unlink(str(kept))


def run(folder: Path, size: str, clients: int, python: str) -> bool:
    """Print every figure; return whether all targets were reached."""
    data = folder / "simulated_calls.csv"
    prepare(data, size)
    reached = True
    for singly in (False, True):
        server = Server(python, data, folder / "reports")
        try:
            ready = server.ready_after()
            print(f"first answer after {ready:.2f} s (target {START_S:.0f}) beside {size}")
            reached = measure(server, clients, singly) and ready < START_S and reached
        finally:
            server.stop()
        forget(data)
    return reached


def main(argv: Optional[Sequence[str]] = None) -> int:
    """Measure as the arguments say; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the dataset is kept")
    parser.add_argument("--size", default="500MB")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--python", default=sys.executable, help="what runs the server")
    args = parser.parse_args(argv)
    if args.folder is not None:
        return 0 if run(args.folder.resolve(), args.size, args.clients, args.python) else 1
    with tempfile.TemporaryDirectory() as folder:
        return 0 if run(Path(folder), args.size, args.clients, args.python) else 1


if __name__ == "__main__":
    sys.exit(main())
