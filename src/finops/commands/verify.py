"""`finops verify`: what of a dataset would be used, what not and why, and the money in it."""

from __future__ import annotations

import argparse
import re

from finops.commands.base import Console, add_quiet, add_workers, inert
from finops.commands.foreign import with_imports
from finops.commands.reading import add_reading, reading_of
from finops.errors import DataError, UsageError

TOO_MANY_SKIPPED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the paths and the options."""
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="the data to check, as --data",
    )
    add_reading(parser)
    parser.add_argument(
        "--max-skipped",
        metavar="PERCENT",
        type=_parse_percent,
        default=0.0,
        help="how many of 100 rows may be skipped without exit status 1 (default: 0)",
    )
    add_workers(parser)
    add_quiet(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print what there is; return 0, or 1 where more rows are skipped than --max-skipped allows.

    Raises DataError where the dataset is damaged.
    """
    from finops.verify import verify

    args = with_imports(args, console)
    reading = reading_of(args, args.paths)
    reading.configure()
    progress = console.progress("checking", args.quiet)
    try:
        report = verify(
            reading.source, args.workers, progress.update, reading.prices, reading.options
        )
    finally:
        progress.finish()
    console.say(inert("\n".join(report.lines)))
    if report.faults:
        raise DataError("; ".join(report.faults))
    if report.skipped_percent > args.max_skipped:
        console.remark(
            f"finops: {report.skipped_rows:,} of {report.rows:,} rows"
            f" {'is' if report.skipped_rows == 1 else 'are'} skipped, more than"
            f" --max-skipped {args.max_skipped:g} (percent) allows"
        )
        return TOO_MANY_SKIPPED
    console.say(report.verdict)
    return 0


def _parse_percent(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]+)?", text) or float(text) > 100:
        raise UsageError(f"'{text}' is not a percentage; write a number from 0 to 100")
    return float(text)
