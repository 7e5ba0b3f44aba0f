"""`finops verify`: is this a sound dataset, and what of it would be used?"""

from __future__ import annotations

import argparse

from finops.commands.base import Console, add_quiet, add_workers, inert, settings_of
from finops.errors import DataError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the path and the options."""
    parser.add_argument(
        "data",
        nargs="?",
        metavar="PATH",
        help="the CSV to check (default: FINOPS_DATA, else data/simulated_calls.csv)",
    )
    add_workers(parser)
    add_quiet(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print what was found; return 0.  Raises DataError where the dataset is not sound."""
    from finops.verify import verify

    progress = console.progress("checking", args.quiet)
    try:
        found = verify(settings_of(args).data, args.workers, progress.update)
    finally:
        progress.finish()
    console.say(inert("\n".join(found.lines)))
    if found.faults:
        raise DataError("; ".join(found.faults))
    console.say("sound")
    return 0
