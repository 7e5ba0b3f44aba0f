"""Chart builder: a saved, multi-dimensional chart definition, rendered to a standalone page.

A definition names a measure, the dimension along x, a second one as series, filters and a kind
of drawing.  It is a small JSON file, so charts can be reviewed, versioned and drawn again on
next month's data.  The page has no scripts and needs no network.

Use case: a question that comes up every month, a chart for a slide or a ticket.
Pattern: declarative definition, validated; one aggregation; escaped inline SVG plus table.
Performance: one pass over the calls.  The results block shows the seconds and the page's size.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

from _calls import COLUMNS, DERIVED, Call, dimension_of, open_calls
from _chart_page import Chart, render
from _console import benefits, note, require, results, run, step, title
from _output import Row, narrative, options, row, write

KINDS = ("bar", "stacked", "line")
OTHER = "other"
MAX_POINTS = 1000
# Measure: unit, and how it is made from (calls, nano-USD, tokens, latency in ms, errors).
Sums = List[int]
MEASURES: Dict[str, Tuple[str, Callable[[Sums], float]]] = {
    "cost": ("USD", lambda s: s[1] / 1e9),
    "calls": ("calls", lambda s: float(s[0])),
    "tokens": ("tokens", lambda s: float(s[2])),
    "avg_cost": ("USD per call", lambda s: s[1] / 1e9 / s[0] if s[0] else 0.0),
    "avg_latency": ("ms", lambda s: s[3] / s[0] if s[0] else 0.0),
    "error_rate": ("%", lambda s: 100 * s[4] / s[0] if s[0] else 0.0),
}


@dataclass(frozen=True)
class ChartDefinition:
    """What to draw.  `filters` are {column: value}; `top` series are kept, the rest summed.

    Raises ValueError for a kind, measure or dimension that does not exist.
    """

    title: str
    measure: str = "cost"
    x: str = "day"
    series: str = "provider"
    kind: str = "stacked"
    top: int = 6
    filters: Dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = (*COLUMNS, *DERIVED)
        _one_of("kind", self.kind, KINDS)
        _one_of("measure", self.measure, MEASURES)
        for name in ("x", "series"):
            _one_of(name, getattr(self, name), known)
        for name in self.filters:
            _one_of("filter", name, known)
        if not self.title or not 1 <= self.top <= 7:
            raise ValueError("a chart needs a title, and 1 to 7 series besides other")

    def save(self, path: Path) -> None:
        """Write the definition as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> ChartDefinition:
        """Read a definition.  Raises OSError, or ValueError for one that makes no sense."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        try:
            return cls(**fields)
        except TypeError as error:
            raise ValueError(f"{path}: {error}") from error


def _one_of(what: str, value: Any, known: Iterable[str]) -> None:
    names = sorted(known)
    if value not in names:
        raise ValueError(f"{what} {value!r} is unknown; use one of {', '.join(names)}")


class ChartBuilder:
    """Aggregate calls as a definition says, and draw them."""

    def __init__(self, definition: ChartDefinition) -> None:
        self.definition = definition
        self.taken = 0
        self._cells: Dict[Tuple[str, str], Sums] = {}

    def consume(self, calls: Iterable[Call]) -> None:
        """Add all calls that pass the filters."""
        x_of, series_of = dimension_of(self.definition.x), dimension_of(self.definition.series)
        wanted = [(dimension_of(name), value) for name, value in self.definition.filters.items()]
        for call in calls:
            if any(of(call) != value for of, value in wanted):
                continue
            self.taken += 1
            cell = self._cells.setdefault((x_of(call), series_of(call)), [0, 0, 0, 0, 0])
            _add(cell, (1, call.nano_usd, call.tokens, call.latency_ms, int(call.failed)))

    def rows(self) -> List[Row]:
        """Return one row per point and series, with the chart's measure as `measure`."""
        unit, measure_of = MEASURES[self.definition.measure]
        name = f"{self.definition.x}+{self.definition.series}"
        return [
            row(name, f"{x} | {series}", sums[0], sums[1], measure=measure_of(sums), unit=unit)
            for (x, series), sums in sorted(self._cells.items())
        ]

    def chart(self) -> Chart:
        """Return the chart's data: the dearest series by name, the others summed as one.

        Raises ValueError where nothing passes the filters, or x has too many points to draw.
        """
        points = sorted({x for x, _ in self._cells})
        if not points:
            raise ValueError("no call passes the chart's filters")
        if len(points) > MAX_POINTS:
            raise ValueError(
                f"{len(points):,} points along {self.definition.x}; draw at most 1,000"
            )
        unit, measure_of = MEASURES[self.definition.measure]
        folded = self._folded()
        names = sorted({series for _, series in folded}, key=lambda name: (name == OTHER, name))
        nothing = [0, 0, 0, 0, 0]
        series = {
            name: [measure_of(folded.get((x, name), nothing)) for x in points] for name in names
        }
        definition = self.definition
        return Chart(
            definition.title,
            definition.kind,
            definition.x,
            definition.measure,
            unit,
            points,
            series,
        )

    def _folded(self) -> Dict[Tuple[str, str], Sums]:
        """Return the cells with all but the dearest series summed under one name."""
        totals: Dict[str, int] = {}
        for (_, series), sums in self._cells.items():
            totals[series] = totals.get(series, 0) + sums[1]
        ordered = sorted(totals, key=lambda name: (-totals[name], name))
        kept = set(ordered[: self.definition.top])
        folded: Dict[Tuple[str, str], Sums] = {}
        for (x, series), sums in self._cells.items():
            name = series if series in kept else OTHER
            _add(folded.setdefault((x, name), [0, 0, 0, 0, 0]), sums)
        return folded


def _add(cell: Sums, more: Iterable[int]) -> None:
    for place, value in enumerate(more):
        cell[place] += value


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


def demonstrate(arguments: argparse.Namespace) -> List[Row]:
    """Define, save, aggregate and draw a chart; return the aggregated rows."""
    title("Query: chart builder")
    step(1, "Define the chart and save the definition")
    definition = _definition(arguments)
    note(json.dumps(asdict(definition)))
    _round_trip(definition, arguments.save)

    step(2, "Aggregate the calls")
    builder = ChartBuilder(definition)
    begin = time.perf_counter()
    with open_calls(arguments.path) as calls:
        builder.consume(calls)
        note(calls.described())
    rows, chart = builder.rows(), builder.chart()
    cost = sum(row["total_cost"] for row in rows)
    note(f"{len(chart.points):,} points, {len(chart.series)} series, {builder.taken:,} calls")

    step(3, "Draw the page")
    facts = [("Calls", f"{builder.taken:,}"), ("Cost", f"${cost:,.2f}")]
    html = render(chart, facts)
    path = _write_page(html, arguments.out)
    note(f"Page: {path}" if path else "Not kept; --out FILE keeps it")
    require(html.count('<th scope="row">') == len(chart.points), "every point is on the page")
    results(
        [
            ("Points × series", f"{len(chart.points):,} × {len(chart.series)}"),
            ("Calls drawn", f"{builder.taken:,}"),
            ("Cost drawn", f"${cost:,.6f}"),
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


def main() -> int:
    """Parse the options, build the chart, write what was asked for."""
    parser = options(__doc__ or "")
    parser.add_argument("--definition", metavar="FILE", help="draw this saved definition")
    parser.add_argument("--save", metavar="FILE", help="keep the definition")
    parser.add_argument("--out", metavar="FILE", help="keep the page")
    parser.add_argument("--title")
    parser.add_argument("--measure", default="cost", help=", ".join(MEASURES))
    parser.add_argument("--x", default="day", help="a column, or " + ", ".join(DERIVED))
    parser.add_argument("--series", default="provider", help="likewise")
    parser.add_argument("--kind", default="stacked", help=", ".join(KINDS))
    parser.add_argument("--filter", action="append", default=[], metavar="COLUMN=VALUE")
    arguments = parser.parse_args()

    def query() -> None:
        with narrative(arguments):
            rows = demonstrate(arguments)
        write(arguments, rows)

    return run(query)


if __name__ == "__main__":
    sys.exit(main())
