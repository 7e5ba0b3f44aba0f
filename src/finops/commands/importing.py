"""`finops import`: usage logs of vendors, gateways and coding agents into a CSV of calls."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Dict, Iterator, List, Sequence, Tuple

from finops.commands.base import Console, add_quiet, add_workers, inert
from finops.commands.reading import add_prices, add_times, options_of, prices_of
from finops.errors import UsageError
from finops.importers import format_ids
from finops.importers.base import ImportOptions
from finops.importers.inputs import inputs_of, tool_names
from finops.importers.places import import_path
from finops.importers.run import Input, Job, Result
from finops.importers.run import run as run_import
from finops.importers.summary import lines_of
from finops.importers.tally import Tally
from finops.importers.values import RejectedError, as_number, as_time
from finops.reading_choices import ReadingChoices

STANDARD_INPUT = "-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the format, the paths and the options."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="[FORMAT] PATH",
        help="files or folders, - for standard input; before them a format ('finops list formats'),"
        " which is detected where it is not given; alone it finds the logs of a tool on this"
        " machine, local those of all",
    )
    parser.add_argument(
        "--out",
        metavar="CSV",
        help="where to write, extended where it exists (default: a file in data/imports)",
    )
    parser.add_argument(
        "--map",
        metavar="F=SRC,…",
        action="append",
        default=[],
        help="take a field of the call record from this column or key of the source",
    )
    parser.add_argument(
        "--map-model",
        metavar="NAME=MODEL,…",
        action="append",
        default=[],
        help="the models behind names of deployments or inference profiles",
    )
    add_prices(parser)
    add_times(parser)
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="price calls by the price table although their source names a cost",
    )
    parser.add_argument(
        "--rate",
        metavar="EUR=1.08",
        action="append",
        default=[],
        help="what one unit of a currency costs in USD; may be repeated",
    )
    parser.add_argument(
        "--effective",
        action="store_true",
        help="take the effective cost of a bill instead of the billed one",
    )
    parser.add_argument(
        "--rejects", metavar="FILE", help="list the records that were rejected, and why"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="start anew, without the calls imported before"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be imported")
    add_workers(parser)
    add_quiet(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Import and print what that did; return 0."""
    tally = Tally()
    with _standard_input(args.what) as words:
        name, paths = _split(words)
        inputs = inputs_of(name, paths, tally, os.environ, os.path.expanduser("~"))
        progress = console.progress("importing", args.quiet)
        try:
            result = run_import(_job(args, name, paths, inputs)._replace(progress=progress.update))
        finally:
            progress.finish()
    result.tally.add_findings(tally)
    _print(result, args, console)
    return 0


def _job(
    args: argparse.Namespace, name: str, paths: Sequence[str], inputs: Tuple[Input, ...]
) -> Job:
    out = Path(args.out) if args.out else import_path(name, paths, inputs)
    return Job(
        inputs,
        out,
        prices_of(args.prices or ()),
        _options(args),
        rejects=Path(args.rejects) if args.rejects else None,
        dry_run=args.dry_run,
        fresh=args.fresh,
        workers=args.workers or 0,
    )


def _print(result: Result, args: argparse.Namespace, console: Console) -> None:
    lines = lines_of(result, recompute=args.recompute, dry_run=args.dry_run)
    console.say(inert(lines[0]))
    for line in lines[1:]:
        console.remark(line)


def _split(words: Sequence[str]) -> Tuple[str, Sequence[str]]:
    """Return the format, "" where none is named, and the paths."""
    first = words[0] if words else ""
    if first in format_ids() or (first in tool_names() and not os.path.exists(first)):
        return first, words[1:]
    return "", words


@contextmanager
def _standard_input(words: Sequence[str]) -> Iterator[List[str]]:
    """Give the words with a file that has the content of standard input in place of `-`."""
    if STANDARD_INPUT not in words:
        yield list(words)
        return
    descriptor, path = tempfile.mkstemp(prefix="finops-stdin-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        yield [path if word == STANDARD_INPUT else word for word in words]
    finally:
        os.unlink(path)


def _options(args: argparse.Namespace) -> ImportOptions:
    times = options_of(
        ReadingChoices(
            timezone=args.timezone or "",
            input_timezone=args.input_timezone or "",
            since=args.since or "",
            until=args.until or "",
        )
    )
    return ImportOptions(
        columns=_pairs(args.map, "--map"),
        models=_pairs(args.map_model, "--map-model"),
        rates={
            currency.upper(): _rate(rate) for currency, rate in _pairs(args.rate, "--rate").items()
        },
        recompute=args.recompute,
        effective=args.effective,
        since=as_time(times.since) if times.since else None,
        until=as_time(times.until) if times.until else None,
        input_timezone=times.input_timezone,
    )


def _pairs(given: Sequence[str], flag: str) -> Dict[str, str]:
    pairs = {}
    for text in ",".join(given).split(","):
        name, mark, value = text.partition("=")
        if text.strip() and not (mark and name.strip() and value.strip()):
            raise UsageError(f"{flag} {text}: write NAME=VALUE, several with commas between")
        if mark:
            pairs[name.strip()] = value.strip()
    return pairs


def _rate(text: str) -> Decimal:
    try:
        rate = as_number(text)
    except RejectedError:
        rate = None
    if rate is None or rate <= 0:
        raise UsageError(f"--rate {text}: write what one unit costs in USD, as EUR=1.08")
    return rate
