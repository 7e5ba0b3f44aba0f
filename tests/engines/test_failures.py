"""Runs of an engine that end early: one line is said, and the pages that were there stay."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Callable, Dict, List, Optional, Tuple

import pytest

from finops import generate
from finops.cli import main
from finops.engines import ENGINES
from finops.engines.engine import EngineOptions
from finops.engines.spark import _sentence as spark_sentence
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

# Coverage holds a lock in moments in which a handler of signals may raise.
pytestmark = [pytest.mark.once, pytest.mark.unmeasured]

ROOT = Path(__file__).resolve().parents[2]
LIMIT_FILES = (
    "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20)); "
    "sys.argv[0] = 'finops'; runpy.run_module('finops', run_name='__main__')"
)


def old_pages(path: Path) -> Dict[str, bytes]:
    """Make the reports of a file by the local scan; return what was written."""
    reports = path.parent / "reports"
    assert main(["analyze", "--data", str(path), "--reports", str(reports), "--quiet"]) == 0
    return pages(reports)


def pages(reports: Path) -> Dict[str, bytes]:
    return {page.name: page.read_bytes() for page in reports.iterdir() if page.is_file()}


def command(path: Path, *options: str, start: Tuple[str, ...] = ("-m", "finops")) -> List[str]:
    words = ["analyze", "--engine", "duckdb", "--data", str(path), "--threads", "1", *options]
    return [sys.executable, *start, *words, "--reports", str(path.parent / "reports")]


def environment() -> Dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


class Ended(BaseException):
    """Raised by a handler of signals, as the command line does."""


def end(number: int, frame: Optional[FrameType]) -> None:
    raise Ended


def ended_after(seconds: float, ask: Callable[[], object]) -> None:
    """Ask again and again until a signal comes; what its handler raises must come through."""
    before = signal.signal(signal.SIGTERM, end)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM))

    def ask_forever() -> None:
        timer.start()
        while True:
            ask()

    try:
        with pytest.raises(Ended):
            ask_forever()
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)


def test_a_signal_within_a_statement() -> None:
    need("duckdb")
    engine = ENGINES["duckdb"].open(EngineOptions(threads=1))
    long = "select sum(a.range * b.range % 7) from range(1000000) a, range(1000000) b"
    ended_after(0.3, lambda: list(engine.rows(long)))


@pytest.mark.parametrize("after_ms", range(0, 100, 7))
def test_a_signal_at_any_time(after_ms: int) -> None:
    need("duckdb")
    engine = ENGINES["duckdb"].open(EngineOptions(threads=1))
    ended_after(after_ms / 1000, lambda: list(engine.rows("select * from range(20000)")))
    assert list(engine.rows("select 1")) == [(1,)]


def test_what_is_kept_on_disk_goes_with_the_engine(tmp_path: Path) -> None:
    need("duckdb")
    engine = ENGINES["duckdb"].open(EngineOptions(threads=1, temp=str(tmp_path / "temp")))
    engine.keep("numbers", "select hash(range) as n from range(500000)")
    (folder,) = (tmp_path / "temp").iterdir()
    # The file with the numbers has no name any more: it goes with the process, however that ends.
    assert sum(path.stat().st_size for path in folder.iterdir()) < 500_000
    assert list(engine.rows("select count(distinct n) from numbers")) == [(500_000,)]
    del engine
    gc.collect()
    assert not list((tmp_path / "temp").iterdir())


def test_a_folder_that_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    need("duckdb")
    path = write_csv(tmp_path / "calls.csv", varied_rows(5))
    assert main(command(path, "--temp", str(path), "--quiet")[3:]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"cannot write to {path}: File exists; give another folder to --temp" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_a_run_that_is_ended(number: signal.Signals, tmp_path: Path) -> None:
    need("duckdb")
    path = write_csv(tmp_path / "calls.csv", varied_rows(300))
    before = old_pages(path)
    process = subprocess.Popen(
        command(path, "--progress", "json"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(),
    )
    assert process.stderr is not None
    for line in process.stderr:
        if b"report_started" in line:
            break
    process.send_signal(number)
    said = [line for line in process.stderr if b'"error"' in line]
    assert process.wait() == (-number if number == signal.SIGKILL else 128 + number)
    assert len(said) == int(number != signal.SIGKILL)
    assert not any(b"Traceback" in line for line in said)
    after = pages(tmp_path / "reports")
    assert set(before) <= set(after)
    assert after["index.html"] == before["index.html"]
    assert after["manifest.json"] == before["manifest.json"]


def test_an_engine_without_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    need("duckdb")
    path = write_csv(tmp_path / "calls.csv", varied_rows(100))
    before = old_pages(path)
    capsys.readouterr()
    assert main(command(path, "--memory", "2MB", "--quiet")[3:]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "give it more --memory, or a --temp folder on a disk with more space" in said
    assert pages(tmp_path / "reports") == before


@pytest.mark.soak
def test_a_folder_for_the_rest_that_is_full(tmp_path: Path) -> None:
    need("duckdb")
    path = tmp_path / "calls.csv"
    generate(path, size_mb=20)
    before = old_pages(path)
    temp = tmp_path / "temp"
    temp.mkdir()
    options = ("--memory", "60MB", "--temp", str(temp), "--quiet")
    done = subprocess.run(
        command(path, *options, start=("-c", LIMIT_FILES)),
        capture_output=True,
        env=environment(),
    )
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert b"File too large; give it more --memory, or a --temp folder" in done.stderr
    assert pages(tmp_path / "reports") == before
    assert not list(temp.iterdir())


class SparkError(Exception):
    """An error as Spark raises it: what caused it is in its stack alone."""

    def __init__(self, text: str, stack: str) -> None:
        super().__init__(text)
        self._stackTrace = stack


@pytest.mark.parametrize(
    ("cause", "said"),
    [
        (
            "java.util.concurrent.TimeoutException: Futures timed out after [300 seconds]",
            "spark: org.apache.spark.SparkException: Exception thrown in awaitResult:"
            " java.util.concurrent.TimeoutException: Futures timed out after [300 seconds]",
        ),
        (
            "java.lang.OutOfMemoryError: Java heap space",
            "spark has too little memory; give it more --memory",
        ),
    ],
)
def test_what_spark_does_not_say_of_a_failure(cause: str, said: str) -> None:
    text = "org.apache.spark.SparkException: Exception thrown in awaitResult: "
    error = SparkError(text, f"{text}\n\tat org.apache.spark\nCaused by: {cause}\n\t... 9 more")
    assert spark_sentence(error) == said
