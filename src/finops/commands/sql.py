"""`finops sql`: the statements that fill the tables of reports, for any warehouse; runs nothing."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Sequence

from finops import registry, schema
from finops.commands.base import Console
from finops.commands.engines import opening_of
from finops.commands.reading import add_how, reading_of
from finops.errors import StorageError, UsageError
from finops.locations import TABLE

if TYPE_CHECKING:
    from finops.engines.engine import Columns
    from finops.engines.script import Statement

_DEFAULT = f"{TABLE}calls"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[.][A-Za-z_][A-Za-z0-9_]*)*").fullmatch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    from finops.engines.dialect import DIALECTS

    parser.add_argument(
        "analyzers",
        nargs="*",
        metavar="ANALYZER",
        help="the analyzers whose tables are wanted (default: all; 'finops list analyzers')",
    )
    parser.add_argument(
        "--dialect", choices=list(DIALECTS), default="duckdb", help="whose SQL (default: duckdb)"
    )
    parser.add_argument(
        "--data",
        metavar="table:NAME",
        default=_DEFAULT,
        help=f"the table of calls (default: {_DEFAULT})",
    )
    parser.add_argument(
        "--columns",
        metavar="NAME,NAME",
        help="the columns of the table (default: those of a call record)",
    )
    parser.add_argument(
        "--out", metavar="DIR", help="write each statement as NAME.sql into this folder"
    )
    add_how(parser)


def run(args: argparse.Namespace, console: Console) -> int:
    """Print the statements, or write them; return 0.

    Raises UsageError for an analyzer or a table that cannot be, StorageError where the folder
    cannot be written.
    """
    from finops.engines.dialect import DIALECTS
    from finops.engines.script import script
    from finops.pipeline import declared_tables

    _refuse_unknown(args.analyzers)
    columns = _columns(args)
    reading = reading_of(argparse.Namespace(**{**vars(args), "data": None}))
    reading.configure()
    tables = declared_tables(args.analyzers, reading.budgets)
    made = script(DIALECTS[args.dialect](), columns, tables, opening_of(args, reading))
    if args.out:
        _write(made, Path(args.out))
        console.say(
            f"{len(made)} statements in {args.out}; run them in their order, those that begin with"
            " a number first, save the rows of each other one as NAME.csv, and give the folder of"
            " these to 'finops analyze --rows'"
        )
    else:
        console.say("\n\n".join(f"-- {each.name}\n{each.sql};" for each in made))
    return 0


def _refuse_unknown(names: Sequence[str]) -> None:
    known = registry.ANALYZER_REGISTRY
    for name in names:
        if name not in known:
            raise UsageError(f"no analyzer {name}; choose from {', '.join(known)}")


def _columns(args: argparse.Namespace) -> Columns:
    from finops.engines.engine import Columns

    name = args.data[len(TABLE) :] if args.data.startswith(TABLE) else ""
    if not _NAME(name):
        raise UsageError(f"{args.data!r} is no table; write table:calls or table:lake.usage.calls")
    given = [column.strip() for column in (args.columns or "").split(",") if column.strip()]
    names = given or list(schema.FULL_NAMES)
    return Columns(names, f"select '{name}' as file, 0 as n, * from {name}", [name])


def _write(made: Sequence[Statement], folder: Path) -> None:
    try:
        os.makedirs(str(folder), exist_ok=True)
        for each in made:
            (folder / f"{each.name}.sql").write_text(f"{each.sql};\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"cannot write statements to {folder}: {error.strerror}; give another folder to --out"
        ) from error
