"""Measure generating, reading and reporting against a columnar database, in one run.

    make bench                                  the whole table (takes a while, wants 6 GB of disk)
    .venv/bin/python scripts/bench.py --quick   what takes least
    … --only grown --only years                 some of the measurements
    … --json FILE                               the same figures as JSON

Machines are shared and noisy, so what counts are ratios: every yardstick runs in turn with what
it is compared to, and the ratios of the rounds are shown as their median and their spread.
DuckDB gets two threads, the same file, and the very tables that the analyzers declare, as GROUP
BYs.  chdb and polars, where they are installed (see `yardsticks`), are run beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from paint import PAINT_LIMIT_S, painted
from running import Run, TooSlowError, after_reading, run
from variants import (
    a_day_each,
    a_model_each,
    append,
    many_customers,
    spoil,
    ten_years,
    unordered_ids,
)
from yardsticks import DUCKDB_PROGRAM, SRC, WRITE, Program, other_programs

WORKERS = 2
MEGABYTE = 1_048_576
START = "2023-01-01"  # of the simulated calls: 2 GB of them are some 27 months
# The last commit whose scan split each line at its commas.
BEFORE_THE_PATTERN = "e178ace"
# Run in the `src` of either checkout, so it knows nothing but the name of the function to time.
SCAN_PROGRAM = """
import sys, time
from pathlib import Path
from finops import pipeline
from finops.rollups import dataset
users = [each for each in sys.modules.values() if hasattr(each, "scan_partition")]
scan, spent = users[0].scan_partition, []
def timed(*arguments, **named):
    begun = time.process_time()
    try:
        return scan(*arguments, **named)
    finally:
        spent.append(time.process_time() - begun)
for user in users:
    user.scan_partition = timed
tables = set(pipeline._all_declared())
pipeline.analyze(pipeline.Job(sys.argv[1], Path(sys.argv[2]), workers=1))
print(sum(spent), len(tables))
"""


class Row(NamedTuple):
    """One line of the table.  `reached` is None where there is no target."""

    what: str
    target: str
    measured: str
    reached: Any


# --- ours and the yardsticks ---------------------------------------------------------------


def finops(*words: Any) -> List[str]:
    """Return one of our commands."""
    return [sys.executable, "-m", "finops", *map(str, words)]


def generate(size: str, path: Path, workers: int = WORKERS) -> List[str]:
    """Return the command that makes a dataset anew, all of it in the past: what lies ahead of the
    clock is read twice, and nothing of it is kept for later calls.
    """
    options = ("--start", START, "--fresh", "--workers", workers, "--quiet")
    return finops("generate", "--size", size, "--data", path, *options)


def analyze(path: Path, reports: Path, *more: str) -> List[str]:
    """Return the command that makes all reports."""
    command = ("analyze", "--data", path, "--reports", reports, "--workers", WORKERS, "--quiet")
    return finops(*command, *more)


def duckdb_generate(path: Path, rows: int) -> List[str]:
    """Return the command that writes a CSV of as many similar rows."""
    program = f"import duckdb; base = duckdb.connect(config={{'threads': {WORKERS}}})"
    statement = WRITE.format(path=path, rows=rows)
    return [sys.executable, "-c", f"{program}; base.execute({statement!r})"]


class Scan(NamedTuple):
    """CPU seconds of reading a file in one process, and how many tables it fills."""

    cpu_seconds: float
    tables: int


def scan_of(source: Path, path: Path, reports: Path) -> Scan:
    """Return what one analysis by the package in the folder `source` spent on its scan."""
    output = subprocess.run(
        [sys.executable, "-c", SCAN_PROGRAM, str(path), str(reports)],
        cwd=str(source),
        stdout=subprocess.PIPE,
        check=True,
        encoding="ascii",
    ).stdout.split()
    return Scan(float(output[0]), int(output[1]))


# --- measuring -------------------------------------------------------------------------------


def interleaved(runs: int, *commands: Callable[[], Run]) -> List[List[Run]]:
    """Run commands in turn and return the runs of each."""
    results: List[List[Run]] = [[] for _ in commands]
    for _ in range(runs):
        for place, command in enumerate(commands):
            results[place].append(command())
    return results


def seconds_of(runs: Sequence[Run]) -> float:
    """Return the median of the wall seconds."""
    return float(statistics.median(run.seconds for run in runs))


def ratio_row(
    what: str,
    ours: Sequence[Run],
    yardstick: Sequence[Run],
    most: Optional[float],
    of: Callable[[Run], float] = lambda run: run.seconds,
) -> Row:
    """Return a line that sets runs in relation, round by round; `most` is the target."""
    pairs = [(of(mine), of(theirs)) for mine, theirs in zip(ours, yardstick)]
    ratios = [mine / theirs for mine, theirs in pairs]
    middle = statistics.median(ratios)
    mine, theirs = (statistics.median(side) for side in zip(*pairs))
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    measured = f"{middle:.2f}x, {spread} ({mine:.2f} s against {theirs:.2f} s)"
    target = "" if most is None else f"<= {most}x"
    return Row(what, target, measured, None if most is None else middle <= most)


class Bench:
    """The measurements, each adding rows to `rows`."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.rows: List[Row] = []
        self.programs = [DUCKDB_PROGRAM, *other_programs()]

    def path(self, megabytes: int) -> Path:
        """Return a dataset of that size, made once."""
        path = self.folder / f"calls-{megabytes}.csv"
        if not path.exists():
            run(generate(f"{megabytes}MB", path))
        return path

    def asked(self, program: Program, path: Path) -> List[str]:
        """Return the command with which a program loads a file and fills every declared table."""
        statements = self.folder / f"{path.stem}-{program.name}.json"
        command: List[str] = program.command(path, statements, WORKERS)
        return command

    def generating(self, megabytes: int) -> None:
        """Writing rows, against the database writing as many."""
        ours, theirs = self.folder / "ours.csv", self.folder / "theirs.csv"
        with open(str(self.path(megabytes)), "rb") as lines:
            rows = sum(1 for _ in lines)
        mine, yardstick = interleaved(
            self.runs,
            lambda: run(generate(f"{megabytes}MB", ours)),
            lambda: run(duckdb_generate(theirs, rows)),
        )
        what = f"generate {megabytes} MB, {WORKERS} workers, against DuckDB writing a similar CSV"
        self.rows.append(ratio_row(what, mine, yardstick, 0.8))
        memory = max(each.megabytes for each in mine) / (WORKERS + 1)
        self.rows.append(
            Row("memory of a generating process", "<= 64 MB", f"{memory:.0f} MB", memory <= 64)
        )

    def second_worker(self, megabytes: int) -> None:
        """What a second process gains."""
        path = self.folder / "ours.csv"
        two, single = interleaved(
            self.runs,
            lambda: run(generate(f"{megabytes}MB", path, 2)),
            lambda: run(generate(f"{megabytes}MB", path, 1)),
        )
        gains = [one.seconds / both.seconds for one, both in zip(single, two)]
        gain = statistics.median(gains)
        measured = (
            f"{gain:.2f}x, {min(gains):.2f} to {max(gains):.2f}"
            f" ({seconds_of(single):.2f} s, {seconds_of(two):.2f} s)"
        )
        what = f"2 workers against 1, {megabytes} MB"
        self.rows.append(Row(what, ">= 1.7x", measured, gain >= 1.7))

    def cold(self, megabytes: int) -> List[Run]:
        """Reading a file for the first time, reports included; return our runs."""
        path, reports = self.path(megabytes), self.folder / "reports"
        ours, theirs, *others = interleaved(
            self.runs,
            lambda: run(analyze(path, reports, "--no-cache")),
            *(partial(run, self.asked(program, path)) for program in self.programs),
        )
        what = f"analyze cold, {megabytes} MB, against DuckDB"
        self.rows.append(ratio_row(what, ours, theirs, 1.0))
        self.rows.append(ratio_row("... and then", ours, theirs, 0.8))
        for program, runs in zip(self.programs[1:], others):
            what = f"... {program.name} against DuckDB, {megabytes} MB"
            self.rows.append(ratio_row(what, runs, theirs, None))
        held = [max(each.megabytes for each in runs) for runs in (ours, theirs)]
        what = f"... memory of all processes, {megabytes} MB (DuckDB)"
        most = 350 if megabytes == 500 else None
        self.rows.append(
            Row(
                what,
                "" if most is None else f"<= {most} MB",
                f"{held[0]:.0f} MB ({held[1]:.0f} MB)",
                None if most is None else held[0] <= most,
            )
        )
        return ours

    def scan(self, megabytes: int) -> None:
        """What a row costs the scan, against the last commit that split lines at their commas."""
        before = self.folder / "before"
        before.mkdir()
        archive = self.folder / "before.tar"
        command = ["git", "archive", f"--output={archive}", BEFORE_THE_PATTERN, "src"]
        what = f"CPU a row of the scan, {megabytes} MB, against {BEFORE_THE_PATTERN}"
        if subprocess.run(command, cwd=str(SRC.parent), stderr=subprocess.DEVNULL).returncode:
            self.rows.append(Row(what, "<= 0.6x", "no history here", None))
            return
        shutil.unpack_archive(str(archive), str(before))
        path = self.path(megabytes)
        ours, theirs = interleaved(
            self.runs,
            lambda: scan_of(SRC, path, self.folder / "reports"),
            lambda: scan_of(before / "src", path, self.folder / "reports"),
        )
        with open(str(path), "rb") as lines:
            rows = sum(1 for _ in lines) - 1
        ratios = [mine.cpu_seconds / other.cpu_seconds for mine, other in zip(ours, theirs)]
        each = [
            1e6 * statistics.median(scan.cpu_seconds for scan in side) / rows
            for side in (ours, theirs)
        ]
        middle = statistics.median(ratios)
        measured = (
            f"{middle:.2f}x, {min(ratios):.2f} to {max(ratios):.2f} ({each[0]:.1f} µs for "
            f"{ours[0].tables} tables against {each[1]:.1f} µs for {theirs[0].tables})"
        )
        self.rows.append(Row(what, "<= 0.6x", measured, middle <= 0.6))

    def warm(self, megabytes: int, cold: Sequence[Run]) -> None:
        """After 5 MB were appended to an analysed file, and with nothing appended."""
        path, reports = self.folder / "growing.csv", self.folder / "reports"
        shutil.copy(str(self.path(megabytes)), str(path))
        longer = self.path(megabytes + 5 * self.runs)
        run(analyze(path, reports))
        appended, unchanged = [], []
        for _ in range(self.runs):
            append(longer, path, 5 * MEGABYTE)
            appended.append(run(analyze(path, reports)))
            unchanged.append(run(analyze(path, reports)))
        what = f"after 5 MB were appended to an analysed {megabytes} MB, against cold"
        self.rows.append(ratio_row(what, appended, cold, 0.1))
        what = f"an unchanged dataset of {megabytes} MB analysed again, against cold"
        self.rows.append(ratio_row(what, unchanged, cold, 0.03))
        seconds = seconds_of(unchanged)
        self.rows.append(Row("... in seconds", "<= 0.4 s", f"{seconds:.2f} s", seconds <= 0.4))

    def after_the_scan(self, megabytes: int) -> None:
        """From the first analyzer on to the end of the command: tables, results, pages, index."""
        command = analyze(self.path(megabytes), self.folder / "reports", "--no-cache")
        command.remove("--quiet")
        seconds = statistics.median(after_reading(command) for _ in range(self.runs))
        what = f"analyzers and pages after the scan, {megabytes} MB"
        self.rows.append(Row(what, "<= 0.8 s", f"{seconds:.2f} s", seconds <= 0.8))

    def first_paint(self, megabytes: int) -> None:
        """The slowest page of the reports in a browser, opened from the disk."""
        reports = self.folder / "reports"
        run(analyze(self.path(megabytes), reports))
        pages = list(painted(sorted(reports.glob("*.html")), self.runs))
        slowest = max((page.seconds for page in pages), default=None)
        self.rows.append(
            Row(
                f"first contentful paint, the slowest of {len(pages)} pages, {megabytes} MB",
                f"<= {PAINT_LIMIT_S} s",
                "no Chromium here" if slowest is None else f"{slowest:.3f} s",
                None if slowest is None else slowest <= PAINT_LIMIT_S,
            )
        )

    def customers(self, megabytes: int) -> None:
        """50,000 customers against the usual number, in CPU seconds."""
        path, reports = self.folder / "unusual.csv", self.folder / "reports"
        many_customers(self.path(megabytes), path)
        many, usual = interleaved(
            self.runs,
            lambda: run(analyze(path, reports, "--no-cache")),
            lambda: run(analyze(self.path(megabytes), reports, "--no-cache")),
        )
        what = f"50,000 customers against the usual number, {megabytes} MB, CPU"
        self.rows.append(ratio_row(what, many, usual, 2.5, lambda each: each.cpu_seconds))
        held = max(each.megabytes for each in many)
        self.rows.append(
            Row("... memory of all processes", "<= 1,024 MB", f"{held:.0f} MB", held <= 1024)
        )

    def a_million(self, megabytes: int) -> None:
        """As many customers, models or days as there are rows: it ends, with reports or one line.

        The limits on what reports hold in memory are kept, so a line that says so (status 2) is
        an end too.
        """
        source, path, reports = (
            self.path(megabytes),
            self.folder / "unusual.csv",
            self.folder / "reports",
        )
        variants: Dict[str, Callable[[Path, Path], None]] = {
            "a customer for each call": partial(many_customers, count=1_000_003),
            "a model for each call": a_model_each,
            "a day for each call": a_day_each,
        }
        for what, vary in variants.items():
            vary(source, path)
            what, target = f"{what}, {megabytes} MB", "<= 120 s, 2,048 MB"
            try:
                one = run(analyze(path, reports, "--no-cache"), limit_s=240, expected=(0, 2))
            except TooSlowError:
                self.rows.append(Row(what, target, "no end within 240 s", False))
                continue
            end = "one line that names the limit" if one.status else "all reports"
            measured = f"{end}, {one.seconds:.0f} s, {one.megabytes:.0f} MB held"
            reached = one.seconds <= 120 and one.megabytes <= 2048
            self.rows.append(Row(what, target, measured, reached))

    def years(self, megabytes: int) -> None:
        """Ten years, all hours of them."""
        path, reports = self.folder / "unusual.csv", self.folder / "reports"
        ten_years(self.path(megabytes), path)
        one = run(analyze(path, reports, "--no-cache"))
        measured = f"{one.megabytes:.0f} MB held, {one.seconds:.1f} s"
        what = f"analyze {megabytes} MB, ten years"
        self.rows.append(Row(what, "<= 1,024 MB held", measured, one.megabytes <= 1024))

    def dirty(self, megabytes: int) -> None:
        """Reading a file in which every hundredth row is broken."""
        clean, spoiled = self.path(megabytes), self.folder / "dirty.csv"
        spoil(clean, spoiled)
        reports = self.folder / "reports"
        bad, good = interleaved(
            self.runs,
            lambda: run(analyze(spoiled, reports, "--no-cache")),
            lambda: run(analyze(clean, reports, "--no-cache")),
        )
        self.rows.append(ratio_row(f"1 % dirty rows against clean, {megabytes} MB", bad, good, 2.0))

    def ids(self, megabytes: int) -> None:
        """Reading ids in no order, and with 5% of the rows repeated, against ids that ascend."""
        ascending, path = self.path(megabytes), self.folder / "ids.csv"
        reports = self.folder / "reports"
        for what, every in (("ids in no order", 0), ("… and 5% of the rows repeated", 20)):
            unordered_ids(ascending, path, every)
            ours, others = interleaved(
                self.runs,
                lambda: run(analyze(path, reports, "--no-cache")),
                lambda: run(analyze(ascending, reports, "--no-cache")),
            )
            ratio = seconds_of(ours) / seconds_of(others)
            held = max(one.megabytes for one in ours)
            self.rows.append(
                Row(
                    f"analyze {megabytes} MB, {what}, against ids that ascend",
                    "<= 1,024 MB held",
                    f"{ratio:.2f}x ({seconds_of(ours):.1f} s), {held:.0f} MB held",
                    held <= 1024,
                )
            )

    def start_up(self) -> None:
        """A command that does next to nothing."""
        (runs,) = interleaved(max(5, self.runs), lambda: run(finops("list", "analyzers")))
        seconds = seconds_of(runs)
        self.rows.append(Row("start-up (list)", "<= 0.10 s", f"{seconds:.3f} s", seconds <= 0.1))

    def curve(self, sizes: Sequence[int]) -> None:
        """Seconds and memory by size, and how straight the line through them is."""
        points = []
        for megabytes in sizes:
            runs = [run(analyze(self.path(megabytes), self.folder / "reports", "--no-cache"))]
            seconds, held = seconds_of(runs), runs[0].megabytes
            points.append((megabytes, seconds))
            measured = f"{seconds:.1f} s, {megabytes / seconds:.0f} MB/s, {held:.0f} MB held"
            reached = held <= 1024 if megabytes >= 2000 else None
            target = "<= 1,024 MB held" if megabytes >= 2000 else ""
            self.rows.append(Row(f"analyze {megabytes} MB", target, measured, reached))
        fixed, each, off = straight(points)
        measured = f"{fixed:.1f} s + {1 / each:.0f} MB/s; the farthest point is {off:.0f} % off"
        self.rows.append(Row("a straight line through these", "<= 20 % off", measured, off <= 20))


def straight(points: Sequence[Tuple[float, float]]) -> Tuple[float, float, float]:
    """Return the line y = fixed + each × x through points, and how far the farthest is off in %.

    Least squares of the relative distances: of 1 s a tenth counts as much as of 100 s.
    """
    weights = [1 / y**2 for _, y in points]
    total = sum(weights)
    x_mean = sum(w * x for w, (x, _) in zip(weights, points)) / total
    y_mean = sum(w * y for w, (_, y) in zip(weights, points)) / total
    spread = sum(w * (x - x_mean) ** 2 for w, (x, _) in zip(weights, points))
    each = sum(w * (x - x_mean) * (y - y_mean) for w, (x, y) in zip(weights, points)) / spread
    fixed = y_mean - each * x_mean
    return fixed, each, max(100 * abs(fixed + each * x - y) / y for x, y in points)


# --- the table -------------------------------------------------------------------------------


def markdown(rows: Sequence[Row], machine: str) -> str:
    """Return the table as Markdown."""
    lines = [machine, "", "| what | target | measured | |", "| --- | --- | --- | --- |"]
    marks = {True: "reached", False: "**missed**", None: ""}
    lines += [f"| {r.what} | {r.target} | {r.measured} | {marks[r.reached]} |" for r in rows]
    return "\n".join(lines)


def machine_of(runs: int) -> str:
    """Return when, where and how it was measured."""
    return (
        f"{date.today().isoformat()}, Python {platform.python_version()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}; medians of {runs} interleaved runs."
    )


# The measurements in their order: what `--only` calls them, and whether `--quick` has them.
MEASUREMENTS: Tuple[Tuple[str, bool, Callable[[Bench], object]], ...] = (
    ("start-up", True, lambda bench: bench.start_up()),
    ("cold-50", True, lambda bench: bench.cold(50)),
    ("scan", True, lambda bench: bench.scan(50)),
    ("dirty", True, lambda bench: bench.dirty(50)),
    ("customers-50", True, lambda bench: bench.customers(50)),
    ("after-50", True, lambda bench: bench.after_the_scan(50)),
    ("paint", True, lambda bench: bench.first_paint(50)),
    ("generate", True, lambda bench: bench.generating(500)),
    ("workers", False, lambda bench: bench.second_worker(200)),
    ("cold-100", False, lambda bench: bench.cold(100)),
    ("cold-200", False, lambda bench: bench.cold(200)),
    ("grown", False, lambda bench: bench.warm(500, bench.cold(500))),
    ("after-500", False, lambda bench: bench.after_the_scan(500)),
    ("customers-200", False, lambda bench: bench.customers(200)),
    ("a-million", False, lambda bench: bench.a_million(50)),
    ("years", False, lambda bench: bench.years(200)),
    ("sizes", False, lambda bench: bench.curve([10, 50, 200, 500, 2000])),
    ("ids", False, lambda bench: bench.ids(500)),
)


def measure(bench: Bench, asked: Sequence[str]) -> None:
    """Take the measurements and say each row as it is known; one that fails costs only itself."""
    for name, _, take in MEASUREMENTS:
        if name not in asked:
            continue
        before = len(bench.rows)
        try:
            take(bench)
        except subprocess.CalledProcessError as error:
            bench.rows.append(Row(name, "an end", f"status {error.returncode}", False))
        for row in bench.rows[before:]:
            print(f"{name}: {row.what}: {row.measured}", file=sys.stderr, flush=True)


def main(words: Sequence[str]) -> int:
    """Run the benchmark; return 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [name for name, _, _ in MEASUREMENTS]
    parser.add_argument("--quick", action="store_true", help="what takes least")
    parser.add_argument("--only", action="append", choices=names, help="one of the measurements")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
        bench = Bench(Path(folder), args.runs)
        measure(bench, args.only or [n for n, quick, _ in MEASUREMENTS if quick >= args.quick])
    machine = machine_of(args.runs)
    print(markdown(bench.rows, machine))
    if args.json:
        figures: Dict[str, Any] = {"machine": machine, "rows": [r._asdict() for r in bench.rows]}
        Path(args.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.reached is not False for row in bench.rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
