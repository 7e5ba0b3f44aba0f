"""Write a query's rows as CSV and JSON, and parse the options that all queries share."""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import sys
from pathlib import Path
from typing import Any, Iterator, List, Optional, Sequence, TextIO

from _calls import Row

FIRST_COLUMNS = ("dimension", "value", "count", "avg_cost", "total_cost")
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")


def options(description: str) -> argparse.ArgumentParser:
    """Return a parser with the options that every query has."""
    parser = argparse.ArgumentParser(
        description=description.strip().splitlines()[0],
        epilog="Without a path: FINOPS_DATA, else the project's dataset, else a small sample.",
    )
    parser.add_argument("path", nargs="?", help="CSV of AI calls")
    parser.add_argument("--csv", metavar="FILE", help="write the rows as CSV, - for the terminal")
    parser.add_argument("--json", metavar="FILE", help="write the rows as JSON, - likewise")
    return parser


def usd(item: Row, places: int = 4) -> str:
    """Return a row's cost as text: a lower bound where it has unpriced calls, or unknown."""
    cost = item["total_cost"]
    if cost is None:
        return "unknown"
    bound = "≥ " if item["unpriced_calls"] else ""
    return f"{bound}{'-' if cost < 0 else ''}${abs(cost):,.{places}f}"


def percent(value: Optional[float], form: str = ".1f") -> str:
    """Return a share or a change as text, a dash where it is not known."""
    return "–" if value is None else f"{value:{form}} %"


def number(value: Optional[float], form: str = ",.0f") -> str:
    """Return a number as text, a dash where it is not known."""
    return "–" if value is None else f"{value:{form}}"


def per_second(count: int, seconds: float) -> str:
    """Return a speed as text."""
    return f"{count / max(seconds, 1e-9):,.0f} rows a second"


@contextlib.contextmanager
def narrative(arguments: argparse.Namespace) -> Iterator[None]:
    """Keep the framed output off the terminal where the rows themselves go there."""
    if "-" in (arguments.csv, arguments.json):
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    else:
        yield


def write(arguments: argparse.Namespace, rows: Sequence[Row], extra: Optional[Row] = None) -> None:
    """Write the rows where the options say; `extra` is added to the JSON object.

    Raises ValueError instead of overwriting a dataset.
    """
    if arguments.csv:
        _to(arguments.csv, csv_text(rows))
    if arguments.json:
        document = {**(extra or {}), "rows": list(rows)}
        _to(arguments.json, json.dumps(document, indent=2, allow_nan=False) + "\n")


def csv_text(rows: Sequence[Row]) -> str:
    """Return the rows as CSV: the shared columns first, text cells inert in a spreadsheet."""
    names: List[str] = list(FIRST_COLUMNS)
    for row in rows:
        names.extend(name for name in row if name not in names)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return buffer.getvalue()


def _inert(value: Any) -> Any:
    """Return a cell that no spreadsheet runs as a formula."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def _to(target: str, text: str) -> None:
    if target == "-":
        _terminal().write(text)
        return
    path = Path(target)
    if path.is_file():
        with path.open("rb") as file:
            if file.read(10) == b"timestamp,":
                raise ValueError(f"{target} is a dataset; it is not overwritten with results")
    path.write_text(text, encoding="utf-8")
    print(f"\nWritten: {target}")


def _terminal() -> TextIO:
    assert sys.__stdout__ is not None
    return sys.__stdout__
