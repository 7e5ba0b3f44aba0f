"""Measure generating, reading and reporting against a columnar database, in one run.

    make bench                                  the whole table (takes a while, wants 6 GB of disk)
    .venv/bin/python scripts/bench.py --quick   50 MB only
    … --json FILE                               the same figures as JSON

Machines are shared and noisy, so what counts are ratios: every yardstick runs in turn with what
it is compared to, and the medians of the runs are divided.  DuckDB gets two threads, the same
file, and the very tables that the analyzers declare, as GROUP BYs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from paint import PAINT_LIMIT_S, painted
from running import Run, after_reading, run
from variants import append, many_customers, spoil, ten_years, unordered_ids
from yardsticks import LOAD, WRITE, declared, group_by

WORKERS = 2
MEGABYTE = 1_048_576


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
    """Return the command that makes a dataset anew."""
    return finops(
        "generate", "--size", size, "--data", path, "--fresh", "--workers", workers, "--quiet"
    )


def analyze(path: Path, reports: Path, *more: str) -> List[str]:
    """Return the command that makes all reports."""
    command = ("analyze", "--data", path, "--reports", reports, "--workers", WORKERS, "--quiet")
    return finops(*command, *more)


def duckdb_command(sql: str) -> List[str]:
    """Return a command that runs statements, separated by `;;`, in a database of its own."""
    program = (
        "import sys, duckdb\n"
        f"base = duckdb.connect(config={{'threads': {WORKERS}}})\n"
        "for one in sys.argv[1].split(';;'): base.execute(one).fetchall()\n"
    )
    return [sys.executable, "-c", program, sql]


def duckdb_analyze(path: Path) -> List[str]:
    """Return the command that loads the file and fills every declared table."""
    return duckdb_command(";;".join([LOAD.format(path=path), *map(group_by, declared())]))


def duckdb_generate(path: Path, rows: int) -> List[str]:
    """Return the command that writes a CSV of as many similar rows."""
    return duckdb_command(WRITE.format(path=path, rows=rows))


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


def ratio_row(what: str, ours: Sequence[Run], yardstick: Sequence[Run], most: float) -> Row:
    """Return a line that sets medians in relation; `most` is the target."""
    mine, theirs = seconds_of(ours), seconds_of(yardstick)
    measured = f"{mine / theirs:.2f}x ({mine:.2f} s against {theirs:.2f} s)"
    return Row(what, f"<= {most}x", measured, mine / theirs <= most)


class Bench:
    """The measurements, each adding rows to `rows`."""

    def __init__(self, folder: Path, runs: int) -> None:
        self.folder = folder
        self.runs = runs
        self.rows: List[Row] = []

    def path(self, megabytes: int) -> Path:
        """Return a dataset of that size, made once."""
        path = self.folder / f"calls-{megabytes}.csv"
        if not path.exists():
            run(generate(f"{megabytes}MB", path))
        return path

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
        gain = seconds_of(single) / seconds_of(two)
        measured = f"{gain:.2f}x ({seconds_of(single):.2f} s, {seconds_of(two):.2f} s)"
        what = f"2 workers against 1, {megabytes} MB"
        self.rows.append(Row(what, ">= 1.5x", measured, gain >= 1.5))

    def cold(self, megabytes: int, most: float, then: Optional[float] = None) -> List[Run]:
        """Reading a file for the first time, reports included; return our runs.

        `most` times the yardstick is the target, and `then` times the one after it.
        """
        path, reports = self.path(megabytes), self.folder / "reports"
        ours, theirs = interleaved(
            self.runs,
            lambda: run(analyze(path, reports, "--no-cache")),
            lambda: run(duckdb_analyze(path)),
        )
        self.rows.append(
            ratio_row(f"analyze cold, {megabytes} MB, against DuckDB", ours, theirs, most)
        )
        if then is not None:
            mine, theirs_s = seconds_of(ours), seconds_of(theirs)
            reached = mine <= then * theirs_s
            self.rows.append(Row("… and then", f"<= {then}x", f"{mine / theirs_s:.2f}x", reached))
        held = [max(each.megabytes for each in runs) for runs in (ours, theirs)]
        what = f"… memory of all processes, {megabytes} MB (DuckDB)"
        self.rows.append(Row(what, "", f"{held[0]:.0f} MB ({held[1]:.0f} MB)", None))
        return ours

    def warm(self, megabytes: int, cold: Sequence[Run]) -> None:
        """After 5 MB were appended to an analysed file."""
        path, reports = self.folder / "growing.csv", self.folder / "reports"
        shutil.copy(str(self.path(megabytes)), str(path))
        longer = self.path(megabytes + 5 * self.runs)
        run(analyze(path, reports))
        runs = []
        for _ in range(self.runs):
            append(longer, path, 5 * MEGABYTE)
            runs.append(run(analyze(path, reports)))
        what = f"after 5 MB were appended to an analysed {megabytes} MB, against cold"
        self.rows.append(ratio_row(what, runs, cold, 0.2))

    def after_the_scan(self, megabytes: int) -> None:
        """From the first analyzer on to the end of the command: tables, results, pages, index."""
        command = analyze(self.path(megabytes), self.folder / "reports")
        command.remove("--quiet")
        seconds = statistics.median(after_reading(command) for _ in range(self.runs))
        what = f"analyzers and pages after the scan, {megabytes} MB"
        self.rows.append(Row(what, "<= 1.0 s", f"{seconds:.2f} s", seconds <= 1.0))

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

    def unusual(self, megabytes: int) -> None:
        """Memory where groups are many: 50,000 customers, and ten years."""
        reports = self.folder / "reports"
        for what, made in (("50,000 customers", many_customers), ("ten years", ten_years)):
            path = self.folder / "unusual.csv"
            made(self.path(megabytes), path)
            analysis = run(analyze(path, reports, "--no-cache"))
            measured = f"{analysis.megabytes:.0f} MB held, {analysis.seconds:.1f} s"
            self.rows.append(
                Row(
                    f"analyze {megabytes} MB, {what}",
                    "<= 1,024 MB held",
                    measured,
                    analysis.megabytes <= 1024,
                )
            )

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
        self.rows.append(ratio_row(f"1 % dirty rows against clean, {megabytes} MB", bad, good, 2.5))

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
        self.rows.append(Row("start-up (list)", "<= 0.15 s", f"{seconds:.3f} s", seconds <= 0.15))

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


def measure(bench: Bench, quick: bool) -> None:
    """Measure everything, or the quick part."""
    bench.start_up()
    bench.cold(50, 1.3)
    bench.dirty(50)
    bench.after_the_scan(50)
    bench.first_paint(50)
    if quick:
        bench.generating(50)
        return
    bench.second_worker(200)
    bench.generating(500)
    cold = bench.cold(500, 1.5, then=1.0)
    bench.warm(500, cold)
    bench.after_the_scan(500)
    bench.unusual(200)
    bench.ids(500)
    bench.curve([10, 50, 200, 500, 2000])


def main(words: Sequence[str]) -> int:
    """Run the benchmark; return 1 where a target was missed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="50 MB only")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="default 5")
    parser.add_argument("--json", metavar="FILE", help="also write the figures here")
    args = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="finops-bench-") as folder:
        bench = Bench(Path(folder), args.runs)
        measure(bench, args.quick)
    machine = machine_of(args.runs)
    print(markdown(bench.rows, machine))
    if args.json:
        figures: Dict[str, Any] = {"machine": machine, "rows": [r._asdict() for r in bench.rows]}
        Path(args.json).write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0 if all(row.reached is not False for row in bench.rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
