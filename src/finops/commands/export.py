"""`finops export`: the calls, or what was found in them, in a format that other tools take."""

from __future__ import annotations

import argparse
import gc
import os
import time
from pathlib import Path
from typing import Optional

from finops.atomic import replacing
from finops.commands.base import Console, add_quiet, add_workers, check_writable
from finops.commands.foreign import with_imports
from finops.commands.nearest import nearest
from finops.commands.reading import STANDARD_INPUT, add_reading, reading_of
from finops.commands.redaction import add_redact, redacted, redactor_of, without_names
from finops.config import MEGABYTE
from finops.errors import StorageError, UsageError
from finops.exporters import exporter_ids, find_exporter
from finops.exporters.base import Export, Exporter, Request
from finops.reader.options import UTC
from finops.regular_files import read_regular
from finops.rollups.dataset import open_dataset
from finops.rollups.workers import OBJECTS_BETWEEN_COLLECTIONS

_MOST_BYTES = 16 * MEGABYTE  # of an earlier export that is continued


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--format",
        metavar="FORMAT",
        default="",
        help=f"what to write: {', '.join(exporter_ids())} ('finops list exports' explains them)",
    )
    parser.add_argument(
        "--out",
        metavar="PATH",
        help="the file to write, replaced where it exists (default: standard output)",
    )
    add_redact(parser)
    _add_requests(parser)
    add_reading(parser)
    add_workers(parser)
    add_quiet(parser)


def _add_requests(parser: argparse.ArgumentParser) -> None:
    """Add what some formats take; each option is a field of `Request`."""
    group = parser.add_argument_group("options of formats")
    group.add_argument(
        "--table",
        metavar="ANALYZER.SECTION",
        default="",
        help="csv: which list of which report, as understanding.by_customer",
    )
    group.add_argument(
        "--no-guard",
        action="store_true",
        help="csv: leave text cells as they are that a spreadsheet takes for formulas (default:"
        " they get a leading ')",
    )
    group.add_argument(
        "--bom",
        action="store_true",
        help="csv: begin with a byte order mark, without which Excel misreads umlauts",
    )
    group.add_argument(
        "--focus",
        metavar="VERSION",
        default="",
        help="focus: the version, 1.4 or 1.2 (default: 1.4)",
    )
    group.add_argument(
        "--billing-account",
        metavar="ID",
        default="",
        help="focus: the account that the provider bills (default: that of the configuration file,"
        " else the provider)",
    )
    group.add_argument(
        "--organization", metavar="ID", default="", help="statement: whose usage it is"
    )
    group.add_argument(
        "--month",
        metavar="YYYY-MM",
        default="",
        help="statement: a calendar month of --timezone",
    )


def run(args: argparse.Namespace, console: Console) -> int:
    """Print or write the export and return 0."""
    exporter = _exporter(args.format)
    request = Request(**{name: getattr(args, name) for name in Request._fields})
    exporter.check(request)
    out = Path(args.out) if args.out and args.out != STANDARD_INPUT else None
    if out is not None:
        check_writable(out.parent, "--out")
    export = _exported(exporter, request, args, out, console)
    if out is None:
        console.say(export.text.rstrip("\n"))
    else:
        _write(_continued(exporter, export, out), out)
    for remark in export.remarks:
        console.remark(remark)
    return 0


def _exporter(format_id: str) -> Exporter:
    """Return the exporter of a format.  Raises UsageError where there is none."""
    exporter = find_exporter(format_id)
    if exporter is not None:
        return exporter
    choices = f"choose from {', '.join(exporter_ids())}"
    if not format_id:
        raise UsageError(f"which format? give --format; {choices}")
    near = nearest(format_id, exporter_ids())
    raise UsageError(f"--format {format_id!r}: there is no such export{near}; {choices}")


def _exported(
    exporter: Exporter,
    request: Request,
    args: argparse.Namespace,
    out: Optional[Path],
    console: Console,
) -> Export:
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    args = with_imports(args, console)
    reading = reading_of(args)
    if out is not None and any(_is_same(out, path) for path in reading.choices.data):
        raise UsageError(f"--out {out} is the data itself; give another --out")
    redactor = redactor_of(args, console)
    reading = reading._replace(budgets=without_names(reading.budgets, redactor))
    reading.configure()
    options = reading.options._replace(timezone=UTC) if exporter.in_utc else reading.options
    progress = console.progress("reading", args.quiet)
    try:
        dataset = open_dataset(
            reading.source, args.workers, reading.prices, progress.update, options=options
        )
        if not request.billing_account:
            request = request._replace(billing_account=reading.billing_account)
        if redactor is not None:  # the user knows the organization by its name
            request = request._replace(organization=redactor.organization(request.organization))
        return exporter.export(redacted(dataset, redactor), request)
    finally:
        progress.finish()


def _is_same(out: Path, data: str) -> bool:
    """Return whether a file to write is one that is read."""
    try:
        return os.path.samefile(str(out), data)
    except OSError:  # one of them is not there, or is no path
        return False


def _continued(exporter: Exporter, export: Export, out: Path) -> Export:
    """Return an export as it takes the place of an earlier one."""
    if exporter.continued is None or not out.is_file():
        return export
    try:
        earlier = read_regular(out, _MOST_BYTES).decode("utf-8")
    except (OSError, ValueError):
        return export
    return export._replace(chunks=[exporter.continued(earlier, export.text, time.time())])


def _write(export: Export, out: Path) -> None:
    """Write the file aside and move it into place.  Raises StorageError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as (aside,), open(
            str(aside), "x", encoding="utf-8", newline=""
        ) as file:
            file.writelines(export.chunks)
    except OSError as error:
        raise StorageError(f"cannot write {out}: {error.strerror}; give another --out") from error
