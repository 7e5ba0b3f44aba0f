"""`finops evaluate`: what the detectors found of what the simulator planted."""

from __future__ import annotations

import argparse
import json
from typing import Any, Dict, List, Sequence

from finops.commands.base import Console, add_quiet, add_workers, settings_of, table
from finops.commands.reading import add_reading, reading_of
from finops.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_reading(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    add_workers(parser)
    add_quiet(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print planted, found, precision, recall and F1 for each kind of incident; return 0.

    Raises DataError where the dataset has no ground truth beside it.
    """
    evaluation = _evaluated(args, console)
    if args.json:
        console.say(json.dumps(evaluation, allow_nan=False))
    else:
        heading, *lines = table(_rows(evaluation), right=range(1, 8), width=console.width)
        console.say("\n".join([console.paint(heading, "1"), *lines]))
    return 0


def _evaluated(args: argparse.Namespace, console: Console) -> Dict[str, Any]:
    from finops import pipeline
    from finops.evaluation import evaluate

    reading = reading_of(args)
    reading.configure()
    truth = _truth(reading.lasting)
    progress = console.progress("reading", args.quiet)
    job = pipeline.Job(
        reading.source,
        settings_of(args).reports,
        only=pipeline.EVALUATION_NEEDS,
        workers=args.workers,
        prices=reading.prices,
        scanned=progress.update,
        options=reading.options,
    )
    try:
        results = pipeline.compute(job)
    finally:
        progress.finish()
    return evaluate(results, truth)


def _truth(locations: Sequence[str]) -> Dict[str, Any]:
    """Return the ground truth beside the data; raises DataError where there is not one."""
    from finops.reader.sources import Locations
    from finops.storage.truth import read_truth

    sources = Locations(locations).files().files
    for source in sources:
        source.open().close()  # a missing file gets the same message from every command
    truths = [truth for truth in (read_truth(source.path) for source in sources) if truth]
    if not truths:
        given = " and ".join(locations)
        raise DataError(f"{given} has no ground truth; only a simulated dataset has one")
    if len(truths) > 1:
        raise DataError("several simulated datasets were given; evaluate them one by one")
    return truths[0]


def _rows(evaluation: Dict[str, Any]) -> List[List[str]]:
    rows = [["incident", "planted", "found", "missed", "false", "precision", "recall", "F1"]]
    for kind in evaluation["kinds"]:
        counts = [str(kind[key]) for key in ("planted", "found", "missed", "false_alarms")]
        # Nothing was planted, and nothing raised: that is no perfect score.
        to_score = kind["planted"] or kind["false_alarms"]
        rates = ("precision", "recall", "f1")
        shares = [f"{kind[key]:.2f}" if to_score else "n/a" for key in rates]
        rows.append([kind["kind"].replace("_", " "), *counts, *shares])
    return rows
