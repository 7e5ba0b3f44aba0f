"""The options of engines: which one fills the tables, and what it may take."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, List, Sequence, Tuple

from finops import config
from finops.commands.base import parse_count
from finops.commands.reading import Reading
from finops.engines import ENGINES
from finops.engines.engine import EngineOptions
from finops.errors import UsageError
from finops.rollups.protocol import Source

if TYPE_CHECKING:
    from finops.engines.sources import Opening

LOCAL = "local"
ROWS = "rows"
_FORMATS = ("csv", "parquet", "table")
_MEMORY = re.compile("[0-9]{1,6}(?:[.][0-9]{1,3})?(?:KB|MB|GB|TB)", re.IGNORECASE).fullmatch
# Of an engine alone: what is said of them without one is a mistake.
_ONLY_ENGINES = ("format", "threads", "memory", "temp", "master", "conf")
# Of the local scan alone.
_ONLY_LOCAL = ("workers", "bill")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Add `--engine`, `--rows` and what goes with them."""
    group = parser.add_argument_group("options of engines")
    group.add_argument(
        "--engine",
        choices=[LOCAL, *ENGINES],
        default=LOCAL,
        help="what fills the tables (default: local, a scan by this program)",
    )
    group.add_argument(
        "--rows",
        metavar="DIR",
        help="take the tables from the rows of the statements of 'finops sql', saved here as CSV",
    )
    group.add_argument(
        "--format",
        choices=_FORMATS,
        help="what an engine reads (default: what the name of --data says)",
    )
    group.add_argument("--threads", metavar="N", type=parse_count, help="threads of an engine")
    group.add_argument(
        "--memory", metavar="SIZE", type=_parse_memory, help="memory of an engine, such as 2GB"
    )
    group.add_argument(
        "--temp", metavar="DIR", help="the folder for what an engine has no memory for"
    )
    group.add_argument(
        "--max-rows",
        metavar="N",
        type=_parse_rows,
        help="the most rows that a table may bring back (default: 2000000); of a local scan the"
        " most customers, kinds of calls, or hours, a day counting as eight"
        f" (default: {config.MOST_KEYS})",
    )
    group.add_argument(
        "--master", metavar="URL", help="the cluster of Spark (default: this machine)"
    )
    group.add_argument(
        "--conf",
        metavar="NAME=VALUE",
        action="append",
        type=_parse_setting,
        help="a setting of the engine; may be given more than once",
    )


def is_foreign_to_the_scan(args: argparse.Namespace) -> bool:
    """Return whether the tables come from an engine, or from its rows."""
    return getattr(args, "engine", LOCAL) != LOCAL or bool(getattr(args, "rows", None))


def source_of(args: argparse.Namespace, reading: Reading) -> Source:
    """Return what to open: the data itself, or a dataset that an engine fills.

    Raises UsageError where the engine is not installed.
    """
    if not is_foreign_to_the_scan(args):
        return reading.source
    from finops.engines.dataset import MOST_ROWS, EngineDataset

    most_rows = getattr(args, "max_rows", None) or MOST_ROWS
    if getattr(args, "rows", None):
        from finops.engines.dialect import DuckDBDialect
        from finops.engines.script import RowsDataset

        return RowsDataset(args.rows, DuckDBDialect(), opening_of(args, reading), most_rows)
    options = EngineOptions(
        args.threads, args.memory, args.temp, getattr(args, "master", None), tuple(args.conf or ())
    )
    engine = ENGINES[args.engine].open(options)
    opening = opening_of(args, reading)
    return EngineDataset(engine, args.engine, reading.choices.data, opening, most_rows)


def opening_of(args: argparse.Namespace, reading: Reading) -> Opening:
    """Return how an engine is to read the data."""
    from finops.context import RunContext
    from finops.engines.sources import Opening

    format_given = getattr(args, "format", None) or ""
    return Opening(reading.prices, reading.options, RunContext.current(), format_given)


def check_engine(args: argparse.Namespace) -> None:
    """Raise UsageError where options of engines do not go together."""
    if getattr(args, "rows", None) and getattr(args, "engine", LOCAL) != LOCAL:
        raise UsageError("--rows needs no --engine: its rows were made by one already")
    if is_foreign_to_the_scan(args):
        for name in _given(args, _ONLY_LOCAL):
            raise UsageError(f"--{name} is for the local scan; leave out --engine and --rows")
    if getattr(args, "engine", LOCAL) == LOCAL:
        for name in _given(args, _ONLY_ENGINES):
            raise UsageError(f"--{name} is for engines; add --engine {next(iter(ENGINES))}")


def _given(args: argparse.Namespace, names: Sequence[str]) -> List[str]:
    return [name.replace("_", "-") for name in names if getattr(args, name, None)]


def _parse_memory(text: str) -> str:
    if not _MEMORY(text):
        raise UsageError(f"'{text}' is no amount of memory; write 500MB or 2GB")
    return text


def _parse_rows(text: str) -> int:
    if not re.fullmatch("[0-9]{1,12}", text) or int(text) < 1:
        raise UsageError(f"'{text}' is not a number of rows; write 2000000")
    return int(text)


def _parse_setting(text: str) -> Tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch("[A-Za-z_][A-Za-z0-9_.]*", name):
        raise UsageError(f"'{text}' sets nothing; write NAME=VALUE")
    return name, value
