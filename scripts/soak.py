"""The long versions of what the tests prove in small: half an hour of killing, reading, asking.

    PYTHONPATH=src:. .venv/bin/python scripts/soak.py [PART ...] [--folder DIR]

`kills`: 100 `kill -9` of `finops generate --size 500MB` as a user starts it, at random moments
and every other time while a batch is seen being written; each state is checked, and then the
bytes are those of a run without kills.  `read`: 2 GB, and all reports of it.
`requests`: 100,000 to a viewer.  `files`: 5,000 mutations in every Python, a million customers.
`caches`: 300 histories of a dataset and 300 damages of what is kept of it.
`tests`: those marked `soak`.  `engines`: their tests, Spark's among them, in a session and on a
cluster of two workers, where `make engines-env` has prepared its environment.
`fuzz`: ten minutes of each target of `scripts.fuzz`.
Needs 5 GB of disk below the folder (default: a temporary one).  Prints figures; the exit status
is 1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

from finops.config import BATCH_SIZE
from finops.storage.commit import read_commit
from scripts.fuzz.__main__ import fuzz_all
from scripts.fuzz.targets import TARGETS
from tests.reader.test_malformed import READ_ALONE, other_pythons, outcomes_elsewhere
from tests.support.live import some_rows
from tests.viewer.test_load import Served

ROOT = Path(__file__).resolve().parents[1]

SEED = 7
KILLS = 100
MB = 1 << 20
REQUESTS = 100_000
FUZZ_SECONDS = 600
GROWTH_MB = 8


def finops(*words: Any, **options: Any) -> subprocess.Popen[bytes]:
    """Start the command line."""
    command = [sys.executable, "-m", "finops", *(str(word) for word in words)]
    return subprocess.Popen(command, cwd=str(ROOT), **options)


def done(*words: Any) -> float:
    """Run the command line to its end; return the seconds.  Raises AssertionError if it fails."""
    begun = time.monotonic()
    status = finops(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).wait()
    assert status == 0, (words, status)
    return time.monotonic() - begun


def same(first: Path, other: Path, start: int, end: int) -> bool:
    """Whether two files hold the same bytes from `start` to `end`."""
    with open(str(first), "rb") as left, open(str(other), "rb") as right:
        for file in (left, right):
            file.seek(start)
        while start < end:
            size = min(4 * MB, end - start)
            if left.read(size) != right.read(size):
                return False
            start += size
    return True


def wait_for_a_batch(path: Path, seconds: float = 1.0) -> None:
    """Wait until a batch is seen being written: that takes a moment of each tenth of a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mark = read_commit(path)
        if mark is not None and (mark.pending is not None or path.stat().st_size > mark.end):
            return


def kills(folder: Path) -> str:
    """Kill the generator 100 times on its way to 500 MB, every other time while it writes."""
    golden, path = folder / "golden.csv", folder / "killed.csv"
    words = ["generate", "--size", "500MB", "--seed", SEED, "--data"]
    usual = done(*words, golden)
    size = golden.stat().st_size
    seed = random.randrange(10**6)
    draw = random.Random(seed)
    killed = torn = bad = finished = checked = 0
    while killed < KILLS:
        process = finops(*words, path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert process.stderr is not None
        process.stderr.readline()  # the first line of progress
        time.sleep(draw.uniform(0, 0.3))
        if killed % 2:
            wait_for_a_batch(path)
        process.kill()
        ended = process.wait() != -9
        process.stderr.close()
        mark = read_commit(path)
        assert mark is not None
        killed += not ended
        torn += path.stat().st_size != mark.end or mark.pending is not None
        whole = mark.rows % BATCH_SIZE == 0 or mark.end == size
        bad += not (whole and same(path, golden, checked, mark.end))
        checked = mark.end
        if mark.end == size:
            finished += 1
            assert same(path, golden, 0, size)
            path.unlink()
            checked = 0
    done(*words, path)
    equal = path.stat().st_size == size and same(path, golden, 0, size)
    path.unlink()
    assert bad == 0
    assert equal
    assert torn >= KILLS / 10, f"only {torn} kills left anything to repair"
    return (
        f"{killed} kills (seed {seed}) on the way to {size / MB:.0f} MB (uninterrupted: "
        f"{usual:.0f} s): {bad} bad, {torn} left something to repair, "
        f"finished {finished + 1} times with the bytes of an uninterrupted run"
    )


def read(folder: Path) -> str:
    """Grow the file to 2 GB and analyze it."""
    path = folder / "golden.csv"
    made = done("generate", "--size", "2GB", "--seed", SEED, "--data", path)
    rows = sum(1 for _ in open(str(path), "rb")) - 1  # noqa: SIM115 - a count by other means
    process = finops(
        *("analyze", "--data", path, "--reports", folder / "reports", "--quiet", "--no-cache"),
        *("--json", "-"),
        stdout=subprocess.PIPE,
    )
    begun = time.monotonic()
    results = json.loads(process.communicate()[0].decode())
    seconds = time.monotonic() - begun
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    assert process.returncode == 0
    assert {result["summary"]["total_calls"] for result in results.values()} == {rows}
    size = path.stat().st_size
    return (
        f"{size / MB:.0f} MB and {rows:,} calls (grown in {made:.0f} s), all reports in "
        f"{seconds:.0f} s, all of them count every call; the largest process had {peak // 1024} MB"
    )


def requests(folder: Path) -> str:
    """Send 100,000 requests to a viewer and compare memory, threads and descriptors."""
    some_rows(folder)
    targets = ["/", "/api/status", "/healthz", "/nothing", "/api/job?job=x", "/assets/render.js"]
    server = Served(folder, "--collect", "--no-monitor")

    def some(count: int) -> None:
        for n in range(count):
            server.request(targets[n % len(targets)])

    some(1000)
    time.sleep(1)
    before = server.usage()
    begun = time.monotonic()
    clients = [threading.Thread(target=some, args=(REQUESTS // 4,)) for _ in range(4)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.monotonic() - begun
    time.sleep(1)
    after = server.usage()
    server.end()
    growth = (after[0] - before[0]) / MB
    assert growth <= GROWTH_MB, f"{growth:.1f} MB"
    assert after[1:] == before[1:]
    return (
        f"{REQUESTS:,} requests in {seconds:.0f} s: memory grew by {growth:.2f} MB, "
        f"threads {before[1]} -> {after[1]}, descriptors {before[2]} -> {after[2]}"
    )


def files(folder: Path) -> str:
    """Let every Python say what it makes of the odd files, and read a million customers."""
    seed = random.randrange(10**9)
    asked = {
        version: outcomes_elsewhere(python, seed, 5000)
        for version, python in {**other_pythons(), "this": sys.executable}.items()
    }
    digests = {
        v: hashlib.sha256(process.communicate()[0]).hexdigest() for v, process in asked.items()
    }
    assert len(set(digests.values())) == 1, digests
    path = folder / "customers.csv"
    with open(str(path), "wb") as out:
        out.write(b"timestamp,provider,model,input_tokens,output_tokens,customer_id\n")
        for n in range(1_000_000):
            moment = f"2025-01-{1 + n // 40_000:02d}T{n // 2000 % 20:02d}:00:00.000000"
            out.write(f"{moment},openai,gpt-4o,10,10,customer-{n:07d}\n".encode())
    printed = (
        subprocess.run(
            [sys.executable, "-c", READ_ALONE, str(path)],
            cwd=str(ROOT / "src"),
            stdout=subprocess.PIPE,
        )
        .stdout.decode()
        .split("\n")
    )
    assert printed[0] == "1000000 1000000 []"
    path.unlink()
    return (
        f"{len(asked)} Pythons ({', '.join(sorted(asked))}) say the same of all kinds of odd files "
        f"and of 5,000 mutations (seed {seed}); "
        f"a million customers take {int(printed[1]) // 1024} MB"
    )


def caches(folder: Path) -> str:
    """Let 300 random histories and 300 damages of the cache give the figures of a whole reading."""
    count = "300"
    environment = {
        **os.environ,
        "FINOPS_TEST_HISTORIES": count,
        "FINOPS_TEST_CORRUPTIONS": count,
    }
    command = ["pytest", "tests/rollups/test_cache.py", "-k", "whatever_the", "-q"]
    place = ["-p", "no:cacheprovider", "--basetemp", str(folder / "pytest")]
    ran = subprocess.run(
        [sys.executable, "-m", *command, *place],
        cwd=str(ROOT),
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert ran.returncode == 0, ran.stdout.decode("utf-8", "replace")
    return f"{count} histories and {count} damages give the figures of reading everything"


def tests(folder: Path) -> str:
    """Run the tests that take minutes: recipes followed word for word, ten seeds and more."""
    place = ["-p", "no:cacheprovider", "--basetemp", str(folder / "pytest")]
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "tests", "-m", "soak", "-q", *place],
        cwd=str(ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    printed = ran.stdout.decode("utf-8", "replace")
    assert ran.returncode == 0, printed
    return printed.splitlines()[-1]


def engines(folder: Path) -> str:
    """Run the tests of engines, those of Spark among them."""
    python = ROOT / ".venv-engines" / "bin" / "python"
    if not python.exists():
        return "left out: 'make engines-env' prepares what they need"
    place = ["-p", "no:cacheprovider", "--basetemp", str(folder / "engines")]
    program = [str(python), "-m", "pytest", "tests/engines", "-q", *place]
    ran = subprocess.run(program, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    printed = ran.stdout.decode("utf-8", "replace")
    assert ran.returncode == 0, printed
    return printed.splitlines()[-1]


def fuzz(folder: Path) -> str:
    """Fuzz every target for ten minutes."""
    results = fuzz_all(list(TARGETS), FUZZ_SECONDS)
    broken = [result for result in results if result.broken]
    assert not broken, "\n".join(result.printed[-2000:] for result in broken)
    return (
        f"{len(results)} targets for {FUZZ_SECONDS} s each, "
        f"{sum(result.inputs for result in results):,} inputs: none broke its target"
    )


PARTS: Dict[str, Callable[[Path], str]] = {
    "fuzz": fuzz,
    "kills": kills,
    "read": read,
    "requests": requests,
    "files": files,
    "caches": caches,
    "tests": tests,
    "engines": engines,
}


def main() -> int:
    """Run the parts that were asked for, all by default."""
    parser = argparse.ArgumentParser(description="the long versions of the tests")
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)} (default: all)")
    parser.add_argument("--folder", help="where to put gigabytes (default: a temporary folder)")
    args = parser.parse_args()
    broken: List[str] = []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        for name in args.parts or PARTS:
            begun = time.monotonic()
            try:
                summary = PARTS[name](Path(folder))
            except AssertionError as error:
                broken.append(name)
                summary = f"BROKEN: {error}"
            print(f"{name}: {summary} [{time.monotonic() - begun:.0f} s]", flush=True)
    return 1 if broken else 0


if __name__ == "__main__":
    os.nice(10)
    sys.exit(main())
