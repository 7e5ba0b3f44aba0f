"""Draw a chart as inline SVG on a standalone HTML page; everything from the data is escaped."""

from __future__ import annotations

from html import escape
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

# Okabe–Ito, safe for the colour-blind; grey is for "other".
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#B8A800", "#808080")
WIDTH, HEIGHT = 1000, 420
LEFT, RIGHT, TOP, BOTTOM = 84, 12, 12, 64
MAX_LABELS = 14
NOTHING = "–"
# Light and dark by the system's preference, prints cleanly.
CSS = """
:root {
  color-scheme: light dark;
  --ink: #1c2430;
  --soft: #566073;
  --line: #d8dde6;
  --paper: #ffffff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8ecf3;
    --soft: #a4aec0;
    --line: #343c4a;
    --paper: #12161d;
  }
}
body {
  margin: 0 auto;
  max-width: 1080px;
  padding: 24px 16px;
  background: var(--paper);
  color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif;
}
h1 { margin: 0 0 8px; font-size: 1.6rem; }
p, caption, dt { color: var(--soft); }
dl { display: flex; flex-wrap: wrap; gap: 24px; margin: 24px 0; }
dd { margin: 0; font-size: 1.6rem; font-variant-numeric: tabular-nums; }
figure { margin: 24px 0; overflow-x: auto; }
svg { width: 100%; min-width: 560px; height: auto; }
svg text { fill: var(--soft); font-size: 12px; }
svg .grid { stroke: var(--line); }
.legend { display: flex; flex-wrap: wrap; gap: 8px 16px; padding: 0; list-style: none; }
.legend svg { width: 12px; min-width: 0; height: 12px; margin-right: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 12px; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child { text-align: left; }
caption { text-align: left; }
"""


class Chart(NamedTuple):
    """A chart's data: points along x, and for each series a value per point, None: not known."""

    title: str
    kind: str
    x_name: str
    measure: str
    unit: str
    points: List[str]
    series: Dict[str, List[Optional[float]]]


def render(chart: Chart, facts: Sequence[Tuple[str, str]]) -> str:
    """Return the whole page: facts, drawing, legend, and the same numbers as a table."""
    heading = escape(chart.title)
    cards = "".join(f"<div><dt>{escape(n)}</dt><dd>{escape(v)}</dd></div>" for n, v in facts)
    caption = escape(f"{chart.measure} ({chart.unit}) by {chart.x_name}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{heading}</title>\n<style>\n{CSS}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{heading}</h1>\n<p>{caption}</p>\n<dl>{cards}</dl>\n"
        f'<figure tabindex="0">\n{_drawing(chart)}\n'
        f"<figcaption>{_legend(chart)}</figcaption>\n</figure>\n"
        '<div class="scroll" tabindex="0" role="group" aria-label="The numbers">\n'
        f"{_table(chart)}\n</div>\n</main>\n</body>\n</html>\n"
    )


def _highest(chart: Chart) -> float:
    """Return the top of the value axis: the largest total (stacked) or value."""
    columns = list(zip(*chart.series.values()))
    known = [[value for value in column if value is not None] or [0.0] for column in columns]
    tops = [sum(column) if chart.kind == "stacked" else max(column) for column in known]
    return _round_up(max(tops, default=0.0))


def _round_up(value: float) -> float:
    """Return the next value of 1, 2, 2.5, 5 × a power of ten."""
    if value <= 0:
        return 1.0
    power = 10.0 ** (len(f"{value:.0f}") - 1) if value >= 1 else 1.0
    while power > value:
        power /= 10
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= value)


def _drawing(chart: Chart) -> str:
    highest = _highest(chart)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">']
    parts += _grid(highest, chart.unit) + _labels(chart)
    parts += _lines(chart, highest) if chart.kind == "line" else _bars(chart, highest)
    return "\n".join([*parts, "</svg>"])


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - value / highest * (HEIGHT - TOP - BOTTOM)


def _grid(highest: float, unit: str) -> List[str]:
    parts = []
    for number in range(5):
        value = highest * number / 4
        y = _y(value, highest)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        text = escape(f"{value:,.4g} {unit}" if highest < 1000 else f"{value:,.0f} {unit}")
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return parts


def _column(chart: Chart, number: int) -> Tuple[float, float]:
    """Return left edge and width of the band of a point."""
    width = (WIDTH - LEFT - RIGHT) / max(1, len(chart.points))
    return LEFT + number * width, width


def _labels(chart: Chart) -> List[str]:
    every = -(-len(chart.points) // MAX_LABELS) or 1
    parts = []
    for number in range(0, len(chart.points), every):
        left, width = _column(chart, number)
        x, y = left + width / 2, HEIGHT - BOTTOM + 16
        label = escape(chart.points[number][:18])
        turn = f' transform="rotate(20 {x:.1f} {y})"' if len(label) > 5 else ""
        parts.append(f'<text x="{x:.1f}" y="{y}"{turn}>{label}</text>')
    return parts


def _bars(chart: Chart, highest: float) -> List[str]:
    """Return rectangles: side by side, or stacked."""
    parts = []
    stacked = chart.kind == "stacked"
    lanes = 1 if stacked else max(1, len(chart.series))
    for number in range(len(chart.points)):
        left, width = _column(chart, number)
        base = 0.0
        for lane, (name, values) in enumerate(chart.series.items()):
            value = values[number]
            if value is None:
                continue
            x = left + width * 0.1 + (0 if stacked else lane) * width * 0.8 / lanes
            top, foot = _y(base + value, highest), _y(base, highest)
            parts.append(
                f'<rect x="{x:.2f}" y="{top:.2f}" width="{width * 0.8 / lanes:.2f}" '
                f'height="{max(0.0, foot - top):.2f}" fill="{COLOURS[lane % len(COLOURS)]}">'
                f"<title>{escape(f'{chart.points[number]}, {name}: {value:,.6g}')}</title></rect>"
            )
            base += value if stacked else 0.0
    return parts


def _lines(chart: Chart, highest: float) -> List[str]:
    parts = []
    for lane, (name, values) in enumerate(chart.series.items()):
        colour = COLOURS[lane % len(COLOURS)]
        for spots in _runs(chart, values, highest):
            parts.append(
                f'<polyline points="{" ".join(spots)}" fill="none" stroke="{colour}" '
                f'stroke-width="2" stroke-linecap="round"><title>{escape(name)}</title></polyline>'
            )
    return parts


def _runs(chart: Chart, values: Sequence[Optional[float]], highest: float) -> List[List[str]]:
    """Return the spots of a line, cut where a value is not known."""
    runs: List[List[str]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        left, width = _column(chart, number)
        runs[-1].append(f"{left + width / 2:.2f},{_y(value, highest):.2f}")
    return [spots for spots in runs if spots]


def _legend(chart: Chart) -> str:
    entries = "".join(
        f'<li><svg viewBox="0 0 12 12" aria-hidden="true"><rect width="12" height="12" '
        f'fill="{COLOURS[lane % len(COLOURS)]}"/></svg>{escape(name)}</li>'
        for lane, name in enumerate(chart.series)
    )
    return f'<ul class="legend">{entries}</ul>'


def _table(chart: Chart) -> str:
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in chart.series)
    lines = [f'<tr><th scope="col">{escape(chart.x_name)}</th>{names}</tr>']
    for number, point in enumerate(chart.points):
        shown = [values[number] for values in chart.series.values()]
        cells = "".join(f"<td>{NOTHING if v is None else format(v, ',.6g')}</td>" for v in shown)
        lines.append(f'<tr><th scope="row">{escape(point)}</th>{cells}</tr>')
    caption = escape(f"{chart.measure}, {chart.unit}")
    return f"<table><caption>{caption}</caption>\n" + "\n".join(lines) + "\n</table>"
