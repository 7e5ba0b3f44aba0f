"""Run every detector over the calls of a file, and print the strongest findings."""

from __future__ import annotations

import argparse
import math
import time
from typing import Dict, List, Optional, Sequence

import anomaly_detection
from _console import benefits, note, results, step, title
from _dataset import dataset
from _output import narrative, number, options, per_second, usd, write
from anomaly_detection import (
    DEFAULT_SIGMAS,
    DEFAULT_SPIKE,
    DETECTORS,
    CallFile,
    Limits,
    Row,
    Tables,
    budget_of,
)

SHOWN = 5


def _show(rows: Sequence[Row]) -> None:
    for entry in rows[:SHOWN]:
        note(
            f"{entry['value']:<36} {entry['count']:>7,} calls {usd(entry):>14} "
            f"score {entry['score']:.1f}"
        )
    if len(rows) > SHOWN:
        note(f"… and {len(rows) - SHOWN:,} more")
    if not rows:
        note("None.")


def demonstrate(argv: Optional[Sequence[str]] = None) -> List[Row]:
    """Run every detector, print the strongest findings, return all."""
    parser = options(anomaly_detection.__doc__ or "")
    for name, default, meaning in (
        ("sigmas", DEFAULT_SIGMAS, "standard deviations of the statistical detector"),
        ("budget", None, "USD a day of the threshold detector (default: 1.5 × the median day)"),
        ("spike", DEFAULT_SPIKE, "times the usual day of the spike detector"),
    ):
        parser.add_argument(f"--{name}", type=_above_zero, default=default, help=meaning)
    arguments = parser.parse_args(argv)
    with narrative(arguments):
        rows = _detect(arguments)
    write(arguments, rows)
    return rows


def _detect(arguments: argparse.Namespace) -> List[Row]:
    limits = Limits(arguments.sigmas, arguments.budget, arguments.spike)
    title("Query: anomaly detection")
    step(1, "Read the calls once into hours, days and customer days")
    tables = Tables()
    with dataset(arguments.path) as chosen:
        calls = CallFile(*chosen)
        begin = time.perf_counter()
        tables.consume(calls)
        seconds = time.perf_counter() - begin
        note(calls.described())
    note(f"{len(tables.hours):,} hours with calls, {len(tables.whole_days())} whole days")
    if not tables.total.complete:
        note("Some calls have no cost: hours, budgets and spikes that rest on them are not judged.")
    findings: Dict[str, List[Row]] = {}
    for place, (kind, detector, meaning) in enumerate(DETECTORS, 2):
        step(place, f"{kind.capitalize()}: {meaning}")
        findings[kind] = detector(tables, limits)
        _show(findings[kind])
    results(
        [(f"{kind.capitalize()} findings", f"{len(rows):,}") for kind, rows in findings.items()]
        + [
            ("Budget, USD a day", number(budget_of(tables, limits), ",.4f")),
            ("Speed", per_second(calls.used, seconds)),
        ]
    )
    benefits(
        [
            "Each detector sees what the others miss",
            "Baselines that a bad day cannot hide in",
            "Every finding names its subject, its cost and its limit",
        ]
    )
    return [row for rows in findings.values() for row in rows]


def _above_zero(text: str) -> float:
    """Parse an option that must be a finite number above 0."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError("must be above 0")
    return value
