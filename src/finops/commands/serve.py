"""`finops serve`: the live viewer, until it is interrupted."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from finops import config
from finops.commands.base import (
    Console,
    add_quiet,
    add_reports,
    parse_port,
    parse_size,
    settings_of,
)
from finops.commands.foreign import with_imports
from finops.commands.reading import add_reading, reading_of
from finops.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the viewer."""
    add_server(parser)
    parser.add_argument(
        "--target-size",
        metavar="SIZE",
        type=parse_size,
        default=config.TARGET_SIZE_MB * config.MEGABYTE,
        help=f"target size of the progress bar (default: {config.TARGET_SIZE_MB}MB)",
    )
    add_quiet(parser, "log no requests")


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add what `demo` offers too."""
    parser.add_argument(
        "--port",
        metavar="N",
        type=parse_port,
        help=f"the port, 0 for any free one (default: FINOPS_PORT, else {config.VIEWER_PORT})",
    )
    add_reading(parser)
    add_reports(parser)
    parser.add_argument("--open", action="store_true", help="open a browser")
    parser.add_argument(
        "--no-monitor", action="store_true", help="do not regenerate reports automatically"
    )
    parser.add_argument(
        "--time-limit",
        metavar="SECONDS",
        type=_parse_seconds,
        default=float(config.JOB_TIME_LIMIT_S),
        help=f"time limit of one analyzer (default: {config.JOB_TIME_LIMIT_S})",
    )
    parser.add_argument(
        "--collect", action="store_true", help=f"accept events into {config.COLLECTED_NAME}"
    )
    parser.add_argument("--collect-key", metavar="KEY", help="the API key that senders must send")


def run(args: argparse.Namespace, console: Console) -> int:
    """Serve until a signal comes; return 130 or 143, or 2 where the port cannot be used."""
    from finops.viewer.app import serve

    args = with_imports(args, console)
    settings = settings_of(args)
    reading = reading_of(args)
    target = getattr(args, "target_size", None) or args.size
    return serve(
        port=settings.port,
        data=Path(reading.lasting[0]),
        locations=reading.lasting,
        reports=settings.reports,
        target_mb=target / config.MEGABYTE,
        monitor=not args.no_monitor,
        collect=args.collect,
        collect_key=args.collect_key,
        time_limit_s=args.time_limit,
        open_browser=args.open,
        quiet=args.quiet,
        reading=reading.flags,
        prices=reading.prices,
    )


def _parse_seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]+)?", text) or float(text) <= 0:
        raise UsageError(f"'{text}' is not a time limit; write a number of seconds above 0")
    return float(text)
