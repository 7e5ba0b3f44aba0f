"""`finops generate`: simulate calls into a CSV until it has the size that was asked for."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from finops import config
from finops.commands.base import (
    Console,
    add_data,
    add_progress,
    add_quiet,
    add_workers,
    inert,
    local_path,
    parse_size,
    settings_of,
)
from finops.commands.reading import add_prices, prices_of
from finops.errors import UsageError
from finops.progress import megabytes
from finops.progress_events import StartEvent

if TYPE_CHECKING:
    from finops.config import Settings
    from finops.simulator.engine import GenerateResult


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    add_size(parser)
    add_data(parser)
    add_seed(parser)
    parser.add_argument(
        "--start",
        metavar="DATE",
        help="the first day of the simulated time"
        f" (default: that of the file, else {config.SIMULATION_START[:10]})",
    )
    parser.add_argument(
        "--scenario",
        metavar="ID",
        action="append",
        help="use only this scenario; may be given more than once"
        " (default: those of the file, else all; see 'finops list scenarios')",
    )
    parser.add_argument(
        "--no-incidents",
        action="store_true",
        help="do not inject incidents (default: as the file, else inject)",
    )
    add_prices(parser)
    add_workers(parser)
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="start over; without it an existing file is continued",
    )
    add_quiet(parser)
    add_progress(parser)


def add_size(parser: argparse.ArgumentParser) -> None:
    """Add `--size`."""
    parser.add_argument(
        "--size",
        metavar="SIZE",
        type=parse_size,
        default=config.TARGET_SIZE_MB * config.MEGABYTE,
        help="target file size: 500MB, 2GB, 750KB, a bare number is MB"
        f" (default: {config.TARGET_SIZE_MB}MB)",
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add `--seed`."""
    parser.add_argument(
        "--seed",
        metavar="N",
        type=_parse_seed,
        help="random seed; the same seed gives an identical file"
        f" (default: that of the file, else {config.DEFAULT_SEED})",
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Generate, print what there is now, and return 0."""
    result = generated(args, settings_of(args), console)
    for sentence in result.repaired:
        console.remark(f"finops: {sentence}")
    console.say(inert(summary(result)))
    return 0


def generated(args: argparse.Namespace, settings: Settings, console: Console) -> GenerateResult:
    """Run the simulator with progress."""
    from finops.api import generate

    console.tell(StartEvent("generate"))
    progress = console.progress("generating", args.quiet)
    try:
        return generate(
            local_path(settings.data),
            size_mb=args.size / config.MEGABYTE,
            seed=args.seed,
            start=args.start,
            scenarios=args.scenario,
            incidents=False if args.no_incidents else None,
            workers=args.workers or os.cpu_count() or 1,
            fresh=args.fresh,
            prices=prices_of(args.prices or ()),
            progress=progress.update,
        )
    finally:
        progress.finish()


def summary(result: GenerateResult) -> str:
    """Return size, calls, calls a second and period as one line."""
    made = ", large enough already"
    if result.new_calls:
        rate = result.new_calls / result.seconds if result.seconds else 0.0
        grown = f"{result.new_calls:,} of them new, " if result.new_calls < result.calls else ""
        made = f", {grown}{rate:,.0f} calls/s"
    period = f"{result.period_start[:16]} to {result.period_end[:16]}".replace("T", " ")
    calls = "1 call" if result.calls == 1 else f"{result.calls:,} calls"
    return f"{megabytes(result.size_bytes)}, {calls}{made}, {period} UTC"


def _parse_seed(text: str) -> int:
    if not re.fullmatch("[0-9]{1,18}", text):
        raise UsageError(f"'{text}' is not a seed; write a whole number")
    return int(text)
