"""Spark on a cluster: a master and two workers on this machine, of which one loses its executor."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

from tests.support.engines import dirty_csv, dirty_rows
from tests.support.tools import need

pytestmark = [pytest.mark.once, pytest.mark.soak]

ROOT = Path(__file__).resolve().parents[2]
REPORTS = ("features", "abuse_detection", "pricing")
EXECUTOR = "CoarseGrainedExecutorBackend"
SECONDS = 900.0
SETTINGS = (
    *("spark.executor.memory=512m", "spark.driver.memory=1g", "spark.cores.max=2"),
    *("spark.executor.cores=1", "spark.sql.shuffle.partitions=2", "spark.driver.host=127.0.0.1"),
    *("spark.driver.bindAddress=127.0.0.1", "spark.network.timeout=600s"),
)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start a master and two workers of one core each; yield the address, and end them."""
    spark = Path(need("pyspark").__file__).parent
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    master = ["master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", free_port()]
    commands: List[List[object]] = [master]
    for number in range(2):
        worker = ["worker.Worker", "--host", "127.0.0.1", "--cores", 1, "--memory", "600m"]
        place = ["--work-dir", folder / f"worker{number}", "--webui-port", free_port()]
        commands.append([*worker, *place, address])
    started = []
    environment = {**os.environ, "SPARK_LOCAL_DIRS": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    try:
        for number, (name, *words) in enumerate(commands):
            log = folder / f"cluster{number}.log"
            with open(str(log), "wb") as out:
                program = [str(spark / "bin" / "spark-class"), f"{deploy}.{name}"]
                started.append(
                    subprocess.Popen(
                        [*program, *map(str, words)], stdout=out, stderr=out, env=environment
                    )
                )
            leads, joins = "I have been elected leader", "Successfully registered with master"
            wait_until(log, joins if number else leads)
        yield address
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait()


def wait_until(log: Path, said: str) -> None:
    """Wait until a log says something."""
    end = time.monotonic() + SECONDS
    while said not in log.read_text(errors="replace"):
        assert time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.2)


def executors(folder: Path) -> List[int]:
    """Return the processes of executors of the workers below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
            place = os.readlink(str(entry / "cwd"))
        except OSError:
            continue
        if any(EXECUTOR in word for word in words) and place.startswith(str(folder)):
            found.append(int(entry.name))
    return found


def results(path: Path, *options: str, killing: Path = Path()) -> Dict[str, object]:
    """Run reports; kill an executor of the workers below `killing` after the first report."""
    words = ["analyze", "--data", str(path), "--reports", str(path.parent / "reports"), "--json"]
    words += ["-", "--no-cache", "--progress", "json", *options]
    for name in REPORTS:
        words += ["--only", name]
    process = subprocess.Popen(
        [sys.executable, "-m", "finops", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert process.stderr is not None
    assert process.stdout is not None
    said: List[bytes] = []
    killed: List[int] = []
    for line in process.stderr:
        said.append(line)
        if killing.name and not killed and b"report_started" in line and b"abuse" in line:
            killed = executors(killing)[:1]
            for number in killed:
                os.kill(number, signal.SIGKILL)
    printed = process.stdout.read()
    assert process.wait() == 0, b"".join(said)
    assert bool(killed) is bool(killing.name)
    found: Dict[str, object] = json.loads(printed)
    return found


def test_two_workers_of_which_one_loses_its_executor(tmp_path: Path) -> None:
    rows = dirty_rows(300, seed=21)
    paths = [dirty_csv(tmp_path / f"part{k}.csv", rows[k::3]) for k in range(3)]
    wanted = results(tmp_path / "part*.csv")
    assert len(paths) == 3
    with cluster(tmp_path) as address:
        conf = [word for setting in SETTINGS for word in ("--conf", setting)]
        found = results(
            tmp_path / "part*.csv",
            *("--engine", "spark", "--master", address),
            *conf,
            killing=tmp_path,
        )
        assert found == wanted
