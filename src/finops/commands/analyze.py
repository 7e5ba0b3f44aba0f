"""`finops analyze`: run the analyzers, write reports, show the top finding of each."""

from __future__ import annotations

import argparse
import gc
import json
from pathlib import Path
from typing import TYPE_CHECKING, Optional, Tuple

from finops import config, registry
from finops.commands import alerting, bill, redaction
from finops.commands.base import (
    Console,
    add_progress,
    add_quiet,
    add_reports,
    add_workers,
    inert,
    settings_of,
    table,
)
from finops.commands.engines import add_engine, check_engine, is_foreign_to_the_scan, source_of
from finops.commands.foreign import with_imports
from finops.commands.reading import Reading, add_reading, reading_of
from finops.progress_events import (
    FAILED,
    OK,
    PhaseEvent,
    ReportFinishedEvent,
    ReportStartedEvent,
    StartEvent,
)

if TYPE_CHECKING:
    from finops.pipeline import Outcome
    from finops.publishing import Made
    from finops.rollups.redaction import Redactor

SOME_FAILED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_reading(parser)
    add_reports(parser)
    parser.add_argument(
        "--only",
        metavar="ID",
        action="append",
        choices=list(registry.ANALYZER_REGISTRY),
        help="run this analyzer only; may be given more than once ('finops list analyzers')",
    )
    parser.add_argument(
        "--json",
        metavar="DIR",
        help="also write the results as ID.json into this folder; - prints them as one object",
    )
    parser.add_argument(
        "--all-rows",
        action="store_true",
        help="write all rows of long lists into the results, instead of the first "
        f"{config.LISTED_ROWS:,} and one row on the rest",
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="read the whole file again, and keep nothing beside it",
    )
    parser.add_argument(
        "--bill",
        metavar="FILE",
        action="append",
        help="compare the calls with what a vendor billed, which is never added: a cost report of"
        " OpenAI or Anthropic, or a FOCUS file; may be given more than once",
    )
    parser.add_argument(
        "--effective",
        action="store_true",
        help="take the effective cost of a FOCUS bill instead of the billed one",
    )
    parser.add_argument(
        "--events",
        metavar="FILE",
        help="CSV of events (start,end,title,subject) for charts over time to mark (default: "
        "NAME.events.csv beside the data)",
    )
    alerting.add_arguments(parser)
    redaction.add_redact(parser)
    add_engine(parser)
    add_workers(parser)
    add_quiet(parser)
    add_progress(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Analyze; return 0, 1 where some reports failed, 3 where there are alerts."""
    from finops.pipeline import write_results

    check_engine(args)
    if not is_foreign_to_the_scan(args):
        args = with_imports(args, console)
    reading = reading_of(args)
    watch = alerting.watch_of(args, reading)
    redactor = redaction.redactor_of(args, console)
    reading = reading._replace(budgets=redaction.without_names(watch.budgets, redactor))
    reading.configure()
    compared = bill.compared(args, reading, console) if getattr(args, "bill", None) else None
    outcome = analyzed(args, reading, console, redactor)
    results = {**outcome.results, **(bill.as_result(compared) if compared else {})}
    if args.json == "-":
        console.say(json.dumps(results, allow_nan=False))
    else:
        if args.json:
            write_results(results, Path(args.json))
        console.say(summary(outcome, console))
        if compared:
            console.say("\n".join(["", *bill.table_of(compared, console)]))
    if watch.report(outcome, console):
        return alerting.ALERTED
    return SOME_FAILED if outcome.failed else 0


def analyzed(
    args: argparse.Namespace,
    reading: Reading,
    console: Console,
    redactor: Optional[Redactor] = None,
) -> Outcome:
    """Run the pipeline with progress, and note what failed on standard error."""
    from finops import pipeline
    from finops.rollups.workers import OBJECTS_BETWEEN_COLLECTIONS

    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    console.tell(StartEvent("analyze", tuple(args.only or registry.ANALYZER_REGISTRY)))
    progress = console.progress("reading", args.quiet)

    def step(name: str, number: int, total: int) -> None:
        if number == 1:
            progress.finish()
            console.tell(PhaseEvent("analyzing"))
        progress.step(f"analyzing {name} ({number} of {total})")
        console.tell(ReportStartedEvent(name))

    job = pipeline.Job(
        source_of(args, reading),
        settings_of(args).reports,
        only=tuple(args.only or ()),
        workers=args.workers,
        prices=reading.prices,
        cache=not getattr(args, "no_cache", False),
        scanned=progress.update,
        step=step,
        finished=lambda made: console.tell(_finished(made)),
        options=reading.options,
        choices=reading.choices,
        events=Path(reading.choices.events) if reading.choices.events else None,
        budgets=reading.budgets,
        redactor=redactor,
        most_keys=getattr(args, "max_rows", None) or config.MOST_KEYS,
        all_rows=getattr(args, "all_rows", False),
    )
    try:
        outcome = pipeline.analyze(job)
    finally:
        progress.finish()
    for made in outcome.failed:
        _note_failure(made, console)
    return outcome


def _finished(made: Made) -> ReportFinishedEvent:
    status = FAILED if made.reason else OK
    seconds = round(made.seconds, 3)
    return ReportFinishedEvent(made.analysis.id, status, made.reason, seconds, made.size_bytes)


def _note_failure(made: Made, console: Console) -> None:
    """Name the analyzer; where it crashed, show where."""
    if made.trace:
        console.remark(made.trace)
    console.remark(
        f"finops: {made.analysis.id} failed; the previous report was kept: {made.reason}"
    )


def summary(outcome: Outcome, console: Console) -> str:
    """Return the table of reports and the path to open."""
    rows = [("report", "top finding", "size", "seconds")]
    rows += [_row(made) for made in outcome.reports]
    heading, *lines = table(rows, right=(2, 3), width=console.width)
    painted = [
        console.paint(line, "31") if made.reason else line
        for line, made in zip(lines, outcome.reports)
    ]
    return "\n".join(
        [console.paint(heading, "1"), *painted, "", inert(f"open {outcome.index_page}")]
    )


def _row(made: Made) -> Tuple[str, str, str, str]:
    first = f"failed: {made.reason}" if made.reason else made.headline
    size = f"{made.size_bytes / 1024:.0f} KB" if made.size_bytes else "-"
    return made.analysis.title, inert(first).replace("\n", " "), size, f"{made.seconds:.2f}"
