"""What the product promises of killed processes, full disks and writers at the same time.

Everything here is done to real processes.  Random choices print their seed.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, List

import pytest

from finops.config import BATCH_SIZE
from finops.dataset.mark import read_mark
from tests.support.tools import ROOT, clean_environment, run_finops

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX")

COMPLETE_MACHINE = bool(os.environ.get("CI"))
KILLS = 100 if COMPLETE_MACHINE else 25
SIZE = "12MB"
SEED = 7


def start(*words: Any, **options: Any) -> subprocess.Popen[str]:
    """Start the command line and return at once."""
    return subprocess.Popen(
        [sys.executable, "-m", "finops", *(str(word) for word in words)],
        cwd=str(ROOT),
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,
    )


def generate_words(path: Path, size: str = SIZE) -> List[Any]:
    return ["generate", "--size", size, "--seed", SEED, "--data", path]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an uninterrupted run makes."""
    path = tmp_path_factory.mktemp("golden") / "calls.csv"
    assert run_finops(*generate_words(path)).returncode == 0
    return path


def committed_rows(path: Path) -> int:
    mark = read_mark(path)
    return mark.rows if mark else 0


def test_kill9_generator(golden: Path, tmp_path: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    draw = random.Random(seed)
    path = tmp_path / "calls.csv"
    whole = golden.read_bytes()
    torn = 0
    number = 0
    while number < KILLS or (torn < KILLS / 10 and number < 4 * KILLS):
        number += 1
        process = start(*generate_words(path), "--workers", 1 + number % 2)
        assert process.stderr is not None
        process.stderr.readline()  # the first line of progress
        time.sleep(draw.uniform(0, 0.1))
        process.kill()
        process.communicate()
        mark = read_mark(path)
        assert mark is not None
        torn += path.stat().st_size != mark.end or mark.pending is not None
        assert mark.rows % BATCH_SIZE == 0 or mark.end == len(whole)
        assert path.read_bytes()[: mark.end] == whole[: mark.end]
        if mark.end >= len(whole) * 0.8:
            for left in tmp_path.iterdir():
                left.unlink()
    verified = run_finops("verify", path) if path.exists() else None
    assert verified is None or verified.returncode == 0, verified.stderr
    assert run_finops(*generate_words(path)).returncode == 0
    assert digest(path) == digest(golden)
    assert torn >= KILLS / 10, "no kill left anything to repair, so nothing was proved"


LIMITED = (
    "import resource, sys\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))\n"
    "from finops.cli import main\n"
    "sys.exit(main(sys.argv[2:]))\n"
)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_one_line_and_whole_batches(
    workers: int, golden: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calls.csv"
    words = [5_000_000, *generate_words(path), "--workers", workers, "--quiet"]
    done = run_finops(*words, launcher=("-c", LIMITED), cwd=ROOT / "src")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("finops: ")
    mark = read_mark(path)
    assert mark is not None
    assert mark.rows > 0
    assert mark.rows % BATCH_SIZE == 0
    assert path.stat().st_size == mark.end
    assert path.read_bytes() == golden.read_bytes()[: mark.end]
    assert run_finops(*generate_words(path)).returncode == 0
    assert digest(path) == digest(golden)


def test_reports_on_a_full_disk_leave_the_old_ones(golden: Path, tmp_path: Path) -> None:
    words = ["analyze", "--data", golden, "--reports", tmp_path, "--quiet"]
    assert run_finops(*words).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.html")}
    done = run_finops(10_000, *words, launcher=("-c", LIMITED), cwd=ROOT / "src")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.html")} == before
    assert list(tmp_path.glob("*.tmp")) == []


def test_of_two_generators_one_writes(golden: Path, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    running = [start(*generate_words(path), "--quiet", "--workers", 1) for _ in range(4)]
    ends = [(process.communicate(timeout=120), process) for process in running]
    refused = [errors for (_, errors), process in ends if process.returncode == 2]
    assert sorted(process.returncode for process in running) == [0, 2, 2, 2]
    for errors in refused:
        assert re.fullmatch(r"finops: .*calls\.csv is being written by .*\n", errors), errors
    assert digest(path) == digest(golden)


def test_a_killed_writer_holds_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    process = start(*generate_words(path, "200MB"), "--workers", 2)
    assert process.stderr is not None
    process.stderr.readline()
    process.kill()
    killed = time.monotonic()
    rows = committed_rows(path)
    while run_finops(*generate_words(path, "1MB"), "--quiet").returncode != 0:
        assert time.monotonic() - killed < 5
    process.communicate()
    assert committed_rows(path) >= rows


def test_reports_of_a_growing_file_hold_whole_batches(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    writer = start(*generate_words(path, "60MB"), "--workers", 1)
    assert writer.stderr is not None
    writer.stderr.readline()
    counts: List[int] = []
    words = ["--data", path, "--reports", tmp_path / "r", "--only", "features", "--json", "-"]
    while writer.poll() is None and len(counts) < 30:
        done = run_finops("analyze", *words, "--quiet", "--workers", 1)
        assert done.returncode == 0, done.stderr
        still_writing = writer.poll() is None
        calls = json.loads(done.stdout)["features"]["summary"]["total_calls"]
        assert calls % BATCH_SIZE == 0 or not still_writing
        counts.append(calls)
    writer.kill()
    writer.communicate()
    assert counts
    assert counts == sorted(counts)
