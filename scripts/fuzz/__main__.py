"""Fuzz everything that reads bytes of others, guided by coverage; keep what breaks it.

    PYTHONPATH=src:. .venv/bin/python -m scripts.fuzz [TARGET ...] [--seconds N | --total N]

Each target runs in a fork of one process (`scripts.fuzz.forks`), as many at once as there are
cores.  An input that raises what is not documented, takes a second of the processor or
256 MB more than the target at rest ends its target; it is put into `tests/corpus/TARGET`, where
the tests replay it from then on.  The exit status is 1 where there is such an input.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import string
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterator, List, NamedTuple, Tuple

from scripts.fuzz.limits import MOST_MEGABYTES
from scripts.fuzz.targets import CORPUS, TARGETS, WORDS

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-fuzz" / ("Scripts" if os.name == "nt" else "bin") / "python"
# Interpreter, instrumented package and libFuzzer's tables, before the first input.
_AT_REST_MEGABYTES = 200
_FIGURES = re.compile(r"#(\d+)\s+\w+ *cov: (\d+) ft: (\d+) corp: (\d+)")
# Beyond its time a target may take so long to start, or to finish on a busy machine.
_GRACE_S = 600
_PLAIN = string.ascii_letters + string.digits


class Fuzzed(NamedTuple):
    """How one target went, whether an input broke it, and what libFuzzer printed."""

    name: str
    inputs: int
    coverage: int
    corpus: int
    broken: bool
    printed: str


class _Job(NamedTuple):
    """One target to be fuzzed: the options of libFuzzer, and where its output and crashes go."""

    name: str
    options: List[str]
    printed: str
    crashes: str


def _prepared(name: str, seconds: int, folder: Path) -> _Job:
    """Write what libFuzzer starts from into the folder."""
    target = TARGETS[name]
    inputs, crashes, words = folder / "inputs", folder / "crashes", folder / "words"
    for place in (inputs, crashes):
        place.mkdir(parents=True)
    for number, seed in enumerate(target.seeds):
        (inputs / f"seed-{number}").write_bytes(seed)
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in sorted(set(WORDS))))
    kept = [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
    options = [
        *(f"-max_total_time={seconds}", f"-max_len={target.most}", "-print_final_stats=1"),
        *(f"-rss_limit_mb={_AT_REST_MEGABYTES + MOST_MEGABYTES}", "-timeout=60"),
        f"-dict={words}",
        *(f"-artifact_prefix={crashes}{os.sep}", str(inputs), *kept),
    ]
    return _Job(name, options, str(folder / "printed"), str(crashes))


def _quoted(word: str) -> str:
    """Return a word as libFuzzer's dictionaries have it: plain ASCII, the rest in hexadecimal."""
    return "".join(letter if letter in _PLAIN else f"\\x{ord(letter):02x}" for letter in word)


def _keep(name: str, crashes: str) -> None:
    for path in Path(crashes).iterdir():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(str(path), str(CORPUS / name / path.name))


def _result(job: _Job, failed: bool) -> Fuzzed:
    printed = Path(job.printed).read_bytes().decode("utf-8", "replace")
    if failed:
        _keep(job.name, job.crashes)
    figures = _FIGURES.findall(printed)
    inputs, coverage, _, corpus = map(int, figures[-1]) if figures else (0, 0, 0, 0)
    executed = re.search(r"stat::number_of_executed_units: (\d+)", printed)
    count = int(executed[1]) if executed else inputs
    return Fuzzed(job.name, count, coverage, corpus, failed, printed)


def line_of(fuzzed: Fuzzed) -> str:
    """Return one line on a target."""
    state = "BROKEN" if fuzzed.broken else "ok"
    return (
        f"fuzz: {fuzzed.name:<14} {fuzzed.inputs:>9,} inputs, {fuzzed.coverage:>5} edges, "
        f"corpus {fuzzed.corpus:>4}: {state}"
    )


def fuzz_all(names: List[str], seconds: int) -> List[Fuzzed]:
    """Fuzz targets for so many seconds each, some at once, and print a line on each."""
    results = []
    with tempfile.TemporaryDirectory(prefix="finops-fuzz-") as folder:
        jobs = {name: _prepared(name, seconds, Path(folder) / name) for name in names}
        listed = Path(folder) / "jobs"
        listed.write_text(json.dumps([[j.name, j.printed, *j.options] for j in jobs.values()]))
        for name, status in _run(listed, 2 * seconds + _GRACE_S):
            results.append(_result(jobs[name], status != 0))
            print(line_of(results[-1]), flush=True)
    return results


def _run(listed: Path, limit_s: int) -> Iterator[Tuple[str, int]]:
    """Run jobs; yield the name and the status of each that has ended.

    Raises RuntimeError with what was printed where the process that forks does not end well.
    """
    process = subprocess.Popen(
        [str(PYTHON), "-m", "scripts.fuzz.forks", str(listed), str(limit_s)],
        cwd=str(ROOT),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said: List[str] = []  # which modules are instrumented, and a traceback if there is one
    reading = threading.Thread(target=lambda: said.extend(process.stderr or ()))
    reading.start()
    for line in process.stdout:
        name, status = line.split()
        yield name, int(status)
    reading.join()
    if process.wait():
        raise RuntimeError("".join(said[-40:]))


def main() -> int:
    """Fuzz what was asked for."""
    parser = argparse.ArgumentParser(prog="scripts.fuzz", description="coverage-guided fuzzing")
    parser.add_argument("targets", nargs="*", help=f"of {', '.join(TARGETS)} (default: all)")
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: 600)")
    parser.add_argument("--total", type=int, help="seconds for all targets together")
    parser.add_argument(
        "--if-possible",
        action="store_true",
        help="succeed where the fuzzer is not installed, unless CI is set",
    )
    args = parser.parse_args()
    names = args.targets or list(TARGETS)
    unknown = [name for name in names if name not in TARGETS]
    if unknown:
        parser.error(f"no such target: {', '.join(unknown)}")
    if not PYTHON.is_file():
        print("fuzz: no environment with atheris; run 'make setup'", file=sys.stderr)
        return 0 if args.if_possible and not os.environ.get("CI") else 2
    seconds = args.seconds
    if args.total is not None:
        seconds = max(1, args.total * (os.cpu_count() or 1) // len(names))
    broken = [fuzzed for fuzzed in fuzz_all(names, seconds) if fuzzed.broken]
    for fuzzed in broken:
        print(f"--- {fuzzed.name}\n{fuzzed.printed[-4000:]}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
