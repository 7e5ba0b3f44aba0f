"""Measure engines beside the local scan: time and memory of `finops analyze` on the same file.

    PYTHONPATH=src:. .venv/bin/python scripts/bench_engines.py [--sizes 50MB,500MB] [--engines ...]
    … --data calls.csv --engines local,duckdb --memory 2GB
    … --reading --sizes 94MB                      DuckDB's statement beside its own typed reader

Each run is a process of its own, without caches.  Spark is measured where `make engines-env` has
prepared its environment.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Dict, List

from finops import schema
from finops.business.catalog import DEFAULT_PRICES
from finops.context import RunContext
from finops.engines.duckdb import DuckDB
from finops.engines.engine import EngineOptions
from finops.engines.parsing import parsed
from finops.engines.sources import Opening, open_source
from finops.reader.options import ReadingOptions

ROOT = Path(__file__).resolve().parents[1]
MB = 1 << 20
ROUNDS = 5
PYTHONS: Dict[str, Path] = {
    "local": Path(sys.executable),
    "duckdb": Path(sys.executable),
    "spark": ROOT / ".venv-engines" / "bin" / "python",
}


def finops(python: Path, *words: str) -> float:
    """Run a command to its end; return the seconds.  Raises CalledProcessError if it fails."""
    begun = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [str(python), "-m", "finops", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - begun


def measured(engine: str, path: Path, folder: Path, options: List[str]) -> str:
    """Return the seconds that an analysis took, of the clock and of processors, and its memory."""
    if not PYTHONS[engine].exists():
        return "not installed"
    words = ["analyze", "--engine", engine, "--data", str(path), "--reports", str(folder / engine)]
    code = (
        "import resource, subprocess, sys; "
        "status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL); "
        "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
        "print(used.ru_maxrss // 1024, used.ru_utime + used.ru_stime); sys.exit(status)"
    )
    command = [str(PYTHONS[engine]), "-m", "finops", *words, "--no-cache", "--quiet", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, env=environment
    )
    seconds = time.monotonic() - begun
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().split("\n")[-1]
        return f"failed after {seconds:.1f} s: {said}"
    megabytes, of_processors = done.stdout.split()
    used = f"{float(of_processors):.1f} s of processors"
    return f"{seconds:.1f} s, {used}, {int(megabytes):,} MB of memory"


def read_by_statement(path: Path) -> float:
    """Return the seconds in which DuckDB's statement makes rows of a file, on one thread."""
    context = RunContext.current()
    engine = DuckDB(EngineOptions(threads=1))
    source = open_source(engine, [str(path)], Opening(DEFAULT_PRICES, ReadingOptions(), context))
    (lines,) = source.groups
    sql = parsed(engine.dialect, lines, ReadingOptions(), with_said=False)
    begun = time.process_time()
    engine.keep_lines("finops_parsed", sql)
    return time.process_time() - begun


def read_by_types(path: Path) -> float:
    """Return the seconds in which DuckDB's own reader makes rows of a file, with their types."""
    engine = DuckDB(EngineOptions(threads=1))
    names = path.open(encoding="utf-8").readline().strip().split(",")
    kinds = {column.name: column.kind for column in schema.COLUMNS}
    types = {"time": "TIMESTAMP", "money": "DECIMAL(18, 12)", "int": "BIGINT"}
    columns = ", ".join(f"'{name}': '{types.get(kinds[name], 'VARCHAR')}'" for name in names)
    begun = time.process_time()
    engine.keep(
        "typed",
        f"select * from read_csv({engine.dialect.literal(str(path))}, header = true,"
        f" auto_detect = false, delim = ',', quote = '\"', columns = {{{columns}}})",
    )
    return time.process_time() - begun


def reading(path: Path) -> str:
    """Return what DuckDB's statement takes, in times of its own reader, over some rounds."""
    pairs = [(read_by_statement(path), read_by_types(path)) for _ in range(ROUNDS)]
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    ours, theirs = (median(times) for times in zip(*pairs))
    return (
        f"{median(ratios):.2f}x ({ratios[0]:.2f} to {ratios[-1]:.2f}; {ours:.2f} s against"
        f" {theirs:.2f} s of processors)"
    )


def main() -> None:
    """Print a line for each size and engine."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", default="50MB,500MB")
    parser.add_argument("--engines", default="local,duckdb,spark")
    parser.add_argument("--memory", help="what an engine may take")
    parser.add_argument("--reading", action="store_true", help="measure how DuckDB reads alone")
    parser.add_argument("--data", help="a file to measure with, instead of sizes")
    args = parser.parse_args()
    print(f"{os.cpu_count()} cores", flush=True)
    for size in [args.data] if args.data else args.sizes.split(","):
        with tempfile.TemporaryDirectory() as name:
            path = Path(args.data or Path(name) / "calls.csv")
            if not args.data:
                words = ["generate", "--size", size, "--data", str(path), "--quiet"]
                finops(Path(sys.executable), *words)
            print(f"{size}: {path.stat().st_size // MB:,} MB", flush=True)
            if args.reading:
                print(f"  statement beside typed reader: {reading(path)}", flush=True)
                continue
            for engine in args.engines.split(","):
                options = ["--memory", args.memory] if args.memory and engine != "local" else []
                print(f"  {engine}: {measured(engine, path, Path(name), options)}", flush=True)


if __name__ == "__main__":
    main()
