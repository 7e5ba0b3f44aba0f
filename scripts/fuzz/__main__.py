"""Fuzz everything that reads bytes of others, guided by coverage; keep what breaks it.

    PYTHONPATH=src:. .venv/bin/python -m scripts.fuzz [TARGET ...] [--seconds N | --total N]

Each target runs in a process of its own (`scripts.fuzz.one_target`), as many at once as there
are cores.  An input that raises what is not documented, takes a second of the processor or
256 MB more than the target at rest ends its target; it is put into `tests/corpus/TARGET`, where
the tests replay it from then on.  The exit status is 1 where there is such an input.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import string
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import List, NamedTuple

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
    """How one target went; `broken` is what libFuzzer printed where an input broke it."""

    name: str
    inputs: int
    coverage: int
    corpus: int
    broken: str


def fuzz(name: str, seconds: int) -> Fuzzed:
    """Fuzz one target for so many seconds."""
    target = TARGETS[name]
    with tempfile.TemporaryDirectory(prefix="finops-fuzz-") as folder:
        inputs, crashes = Path(folder) / "inputs", Path(folder) / "crashes"
        for place in (inputs, crashes):
            place.mkdir()
        for number, seed in enumerate(target.seeds):
            (inputs / f"seed-{number}").write_bytes(seed)
        words = Path(folder) / "words"
        words.write_text("".join(f'"{_quoted(word)}"\n' for word in sorted(set(WORDS))))
        kept = [str(CORPUS / name)] if (CORPUS / name).is_dir() else []
        command = [
            *(str(PYTHON), "-m", "scripts.fuzz.one_target", name),
            *(f"-max_total_time={seconds}", f"-max_len={target.most}", "-print_final_stats=1"),
            *(f"-rss_limit_mb={_AT_REST_MEGABYTES + MOST_MEGABYTES}", "-timeout=60"),
            f"-dict={words}",
            *(f"-artifact_prefix={crashes}{os.sep}", str(inputs), *kept),
        ]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(("src", "."))}
        try:
            done = subprocess.run(
                command,
                cwd=str(ROOT),
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=2 * seconds + _GRACE_S,
            )
        except subprocess.TimeoutExpired as error:
            return _read(name, f"{error}\n{(error.output or b'').decode('utf-8', 'replace')}", True)
        printed = done.stdout.decode("utf-8", "replace")
        if done.returncode:
            _keep(name, crashes)
        return _read(name, printed, bool(done.returncode))


def _quoted(word: str) -> str:
    """Return a word as libFuzzer's dictionaries have it: plain ASCII, the rest in hexadecimal."""
    return "".join(letter if letter in _PLAIN else f"\\x{ord(letter):02x}" for letter in word)


def _keep(name: str, crashes: Path) -> None:
    for path in crashes.iterdir():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(str(path), str(CORPUS / name / path.name))


def _read(name: str, printed: str, failed: bool) -> Fuzzed:
    figures = _FIGURES.findall(printed)
    inputs, coverage, _, corpus = map(int, figures[-1]) if figures else (0, 0, 0, 0)
    executed = re.search(r"stat::number_of_executed_units: (\d+)", printed)
    return Fuzzed(
        name, int(executed[1]) if executed else inputs, coverage, corpus, printed if failed else ""
    )


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
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for fuzzed in pool.map(lambda name: fuzz(name, seconds), names):
            print(line_of(fuzzed), flush=True)
            results.append(fuzzed)
    return results


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
        print(f"--- {fuzzed.name}\n{fuzzed.broken[-4000:]}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
