"""`finops summary`: what calls cost, in one table on the terminal; no report is written."""

from __future__ import annotations

import argparse
import gc
import json
import os
from typing import Iterator, List, Tuple

from finops.commands.base import Console, add_quiet, add_workers
from finops.commands.foreign import with_imports
from finops.commands.nearest import nearest
from finops.commands.reading import Reading, add_reading, reading_of
from finops.errors import DataError, UsageError
from finops.reader.column_names import ALIASES
from finops.reader.header import NoSuchColumnError
from finops.reader.options import ReadingOptions
from finops.rollups.dataset import open_dataset
from finops.rollups.workers import OBJECTS_BETWEEN_COLLECTIONS
from finops.summary.display import visible, wrapped
from finops.summary.export import as_csv, as_dict
from finops.summary.figures import columns_of, sentences_of
from finops.summary.grouping import DAY, DIMENSIONS, SESSION, Grouping, Summary
from finops.summary.layout import lay_out

_SESSION_FIELD = "session_id"
_BOLD = "1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--by",
        metavar="DIM,…",
        default=DAY,
        help=f"one dimension or two: {', '.join(DIMENSIONS)} (default: {DAY})",
    )
    parser.add_argument(
        "--json", action="store_true", help="print JSON with every figure, and no table"
    )
    parser.add_argument(
        "--csv", action="store_true", help="print CSV with every figure, and no table"
    )
    add_reading(parser)
    add_workers(parser)
    add_quiet(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the table and return 0."""
    grouping = _grouping(args.by)
    if args.json and args.csv:
        raise UsageError("--json or --csv? give one of them")
    width = console.width or _asked_width()
    wrapping = console._replace(note=lambda text: console.note("\n".join(wrapped(text, width))))
    args = with_imports(args, wrapping)
    reading = reading_of(args)
    reading.configure()
    summary = _summarized(grouping, args, reading, console)
    if args.json:
        console.say(json.dumps(as_dict(summary), allow_nan=False))
    elif args.csv:
        console.say(as_csv(summary).rstrip("\n"))
    else:
        console.say("\n".join(_table(summary, console, width)))
    return 0


def _grouping(text: str) -> Grouping:
    """Return the dimensions of `--by`.  Raises UsageError."""
    names = [name.strip().lower() for name in text.split(",")]
    for name in names:
        if name not in DIMENSIONS:
            raise UsageError(
                f"--by {visible(name)}: no such dimension{nearest(name, DIMENSIONS)};"
                f" choose from {', '.join(DIMENSIONS)}"
            )
    try:
        return Grouping(names)
    except ValueError as error:
        raise UsageError(f"--by {text}: {error}") from None


def _asked_width() -> int:
    """Return the width that COLUMNS asks for where the output is no terminal, 0 for any."""
    asked = os.environ.get("COLUMNS", "")
    return int(asked) if asked.isdigit() and len(asked) < 6 else 0


def _summarized(
    grouping: Grouping, args: argparse.Namespace, reading: Reading, console: Console
) -> Summary:
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    for options in _options(grouping, reading.options):
        progress = console.progress("reading", args.quiet)
        try:
            dataset = open_dataset(
                reading.source, args.workers, reading.prices, progress.update, options=options
            )
            return grouping.summarize(dataset)
        except NoSuchColumnError:
            if not grouping.has_sessions:
                raise
        finally:
            progress.finish()
    raise DataError(
        f"--by {SESSION}: no column has the sessions; --map {_SESSION_FIELD}=COLUMN names it"
    )


def _options(grouping: Grouping, options: ReadingOptions) -> Iterator[ReadingOptions]:
    """Yield how to read: sessions in the place of task types, by each name that they may have."""
    if not grouping.has_sessions:
        yield options
        return
    given = dict(options.columns)
    mapped = given.pop(_SESSION_FIELD, None)
    columns: Tuple[str, ...] = (mapped,) if mapped else (_SESSION_FIELD, *ALIASES[_SESSION_FIELD])
    place = DIMENSIONS[SESSION]
    for column in columns:
        yield options._replace(columns=tuple({**given, place: column}.items()))


def _table(summary: Summary, console: Console, width: int) -> List[str]:
    layout = lay_out(columns_of(summary), width)
    heading, *rows, total = layout.lines
    lines = [console.paint(heading, _BOLD), *rows, console.paint(total, _BOLD)]
    for sentence in sentences_of(summary, layout.left_out):
        lines += wrapped(sentence, width)
    return lines
