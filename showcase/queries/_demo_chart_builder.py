"""Define, save, aggregate and draw a chart of the calls of a file."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import List, Optional, Sequence

import chart_builder
from _console import benefits, note, require, results, step, title
from _dataset import dataset
from _output import narrative, options, write
from chart_builder import (
    DERIVED,
    KINDS,
    MEASURES,
    CallFile,
    ChartBuilder,
    ChartDefinition,
    Row,
    render,
)


def _write_page(html: str, target: Optional[str]) -> Optional[Path]:
    """Write the page aside and move it into place; without a target nothing is written."""
    if target is None:
        return None
    path = Path(target)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=str(path.parent), suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(html)
    os.replace(aside, str(path))
    return path


def _definition(arguments: argparse.Namespace) -> ChartDefinition:
    """Return the definition of `--definition`, else the default with the options applied."""
    if arguments.definition:
        return ChartDefinition.load(Path(arguments.definition))
    wrong = [text for text in arguments.filter if "=" not in text]
    if wrong:
        raise ValueError(f"--filter {wrong[0]}: write it as COLUMN=VALUE")
    filters = dict(text.split("=", 1) for text in arguments.filter)
    name = f"{arguments.measure} by {arguments.x} and {arguments.series}"
    return ChartDefinition(
        arguments.title or name.replace("_", " ").capitalize(),
        arguments.measure,
        arguments.x,
        arguments.series,
        arguments.kind,
        filters=filters,
    )


def _round_trip(definition: ChartDefinition, target: Optional[str]) -> None:
    """Save the definition where asked, else aside for the proof only, and read it back."""
    with tempfile.TemporaryDirectory(prefix="chart_") as folder:
        path = Path(target or Path(folder) / "chart.json")
        definition.save(path)
        require(
            ChartDefinition.load(path) == definition, "the saved definition reads back the same"
        )


def demonstrate(argv: Optional[Sequence[str]] = None) -> List[Row]:
    """Define, save, aggregate and draw a chart; return the aggregated rows."""
    parser = options(chart_builder.__doc__ or "")
    parser.add_argument("--definition", metavar="FILE", help="draw this saved definition")
    parser.add_argument("--save", metavar="FILE", help="keep the definition")
    parser.add_argument("--out", metavar="FILE", help="keep the page")
    parser.add_argument("--title")
    parser.add_argument("--measure", default="cost", help=", ".join(MEASURES))
    parser.add_argument("--x", default="day", help="a column, or " + ", ".join(DERIVED))
    parser.add_argument("--series", default="provider", help="likewise")
    parser.add_argument("--kind", default="stacked", help=", ".join(KINDS))
    parser.add_argument("--filter", action="append", default=[], metavar="COLUMN=VALUE")
    arguments = parser.parse_args(argv)
    with narrative(arguments):
        rows = _draw(arguments)
    write(arguments, rows)
    return rows


def _draw(arguments: argparse.Namespace) -> List[Row]:
    title("Query: chart builder")
    step(1, "Define the chart and save the definition")
    definition = _definition(arguments)
    note(json.dumps(asdict(definition)))
    _round_trip(definition, arguments.save)

    step(2, "Aggregate the calls")
    builder = ChartBuilder(definition)
    begin = time.perf_counter()
    with dataset(arguments.path) as chosen:
        calls = CallFile(*chosen)
        builder.consume(calls)
        note(calls.described())
    rows, chart = builder.rows(), builder.chart()
    money = builder.total.money
    note(f"{len(chart.points):,} points, {len(chart.series)} series, {money.calls:,} calls")

    step(3, "Draw the page")
    html = render(chart, [("Calls", f"{money.calls:,}"), ("Cost", money.shown())])
    path = _write_page(html, arguments.out)
    note(f"Page: {path}" if path else "Not kept; --out FILE keeps it")
    require(html.count('<th scope="row">') == len(chart.points), "every point is on the page")
    results(
        [
            ("Points × series", f"{len(chart.points):,} × {len(chart.series)}"),
            ("Calls drawn", f"{money.calls:,}"),
            ("Cost drawn", money.shown(6)),
            ("Page", f"{len(html.encode()) / 1024:.1f} KB"),
            ("Duration", f"{time.perf_counter() - begin:.2f} s"),
        ]
    )
    benefits(
        [
            "A definition in a file: reviewed once, drawn every month",
            "A page that needs no server, no scripts and no network",
            "The same numbers as a table, for screen readers and for copying",
        ]
    )
    return rows
