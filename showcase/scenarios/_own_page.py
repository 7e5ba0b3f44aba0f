"""A scenario's page without the project: one template, everything escaped, charts as SVG."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Iterable, List, Sequence, Tuple

if TYPE_CHECKING:
    from _page import Chart, Metric, ScenarioPage, Table

WIDTH, HEIGHT = 960, 340
LEFT, RIGHT, TOP, BOTTOM = 92, 12, 12, 40
MAX_LABELS = 8
GRID_LINES = 4


def render(page: ScenarioPage) -> str:
    """Return the whole page as HTML."""
    css = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    sections = (
        _section("Problem", _paragraphs([page.problem]) + _cards(page.problem_metrics)),
        _section("Solution", _paragraphs(page.solution)),
        _section(
            "Results, before and after",
            _cards(page.result_metrics)
            + "".join(map(_chart, page.charts))
            + _contrast(page)
            + "".join(map(_table, page.tables)),
        ),
        _section("Implementation steps", f"<ol>{_items(page.steps)}</ol>"),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(page.title)}</title>\n<style>\n{css}</style>\n</head>\n<body>\n<main>\n"
        f'<h1>{escape(page.title)}</h1>\n<p class="purpose">{escape(page.purpose)}</p>\n'
        f'<p class="note">{escape(page.workload)}, {escape(" to ".join(page.period))}</p>\n'
        + "\n".join(sections)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, inner: str) -> str:
    return f"<section>\n<h2>{escape(title)}</h2>\n{inner}\n</section>"


def _paragraphs(sentences: Iterable[str]) -> str:
    return "".join(f"<p>{escape(sentence)}</p>\n" for sentence in sentences)


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{escape(text)}</li>" for text in texts)


def _cards(metrics: Iterable[Metric]) -> str:
    cards = (
        f'<div><dt>{escape(metric.label)}</dt><dd class="figure">{escape(metric.shown())}</dd>'
        f'<dd class="note">{escape(metric.note)}</dd></div>'
        for metric in metrics
    )
    return f"<dl>{''.join(cards)}</dl>\n"


def _contrast(page: ScenarioPage) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(what)}</th><td>{escape(a)}</td><td>{escape(b)}</td></tr>'
        for what, a, b in page.contrast
    )
    head = '<th scope="col">Without Revenium</th><th scope="col">With Revenium</th>'
    return (
        '<div class="scroll" tabindex="0" role="group" aria-label="What changes">'
        "<table><caption>Without Revenium, with Revenium</caption>"
        f'<tr><th scope="col">What</th>{head}</tr>{rows}</table></div>\n'
    )


def _table(table: Table) -> str:
    head = "".join(_cell("th", heading, kind, ' scope="col"') for heading, kind in table.columns)
    rows = "".join(
        "<tr>"
        + "".join(_cell("td", value, kind) for value, (_, kind) in zip(row, table.columns))
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(table.caption)}">'
        f"<table><caption>{escape(table.caption)}</caption>"
        f"<tr>{head}</tr>{rows}</table></div>\n"
    )


def _cell(tag: str, value: object, kind: str, more: str = "") -> str:
    from _page import shown  # Imported late: `_page` imports this module.

    style = "" if kind == "text" else ' class="number"'
    text = shown(kind, value) if isinstance(value, (int, float)) else str(value)
    return f"<{tag}{more}{style}>{escape(text)}</{tag}>"


def _chart(chart: Chart) -> str:
    """Return a figure: drawing, legend, caption."""
    highest = max((max(values, default=0) for _, values in chart.series), default=0) or 1.0
    lowest = min(0.0, min((min(values, default=0) for _, values in chart.series), default=0))
    drawn = _polylines if chart.shape == "line" else _bars
    parts = [*_grid(chart, lowest, highest), *_labels(chart), *drawn(chart, lowest, highest)]
    legend = "".join(
        f'<li><svg viewBox="0 0 12 12" aria-hidden="true">'
        f'<rect class="{_style(chart, place)}" width="12" '
        f'height="12"/></svg>{escape(name)}</li>'
        for place, (name, _) in enumerate(chart.series)
    )
    return (
        f"<figure><figcaption>{escape(chart.caption)}. {escape(chart.y_title)}</figcaption>"
        f'<ul class="legend">{legend}</ul><div class="scroll" tabindex="0" role="group" '
        f'aria-label="{escape(chart.caption)}"><svg viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" aria-label="{escape(chart.caption)}">{"".join(parts)}</svg></div></figure>\n'
    )


def _y(value: float, lowest: float, highest: float) -> float:
    share = (value - lowest) / (highest - lowest)
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _band(chart: Chart, place: int) -> Tuple[float, float]:
    """Return the left edge and the width of a label's band."""
    width = (WIDTH - LEFT - RIGHT) / max(1, len(chart.labels))
    return LEFT + place * width, width


def _grid(chart: Chart, lowest: float, highest: float) -> List[str]:
    parts = []
    for number in range(GRID_LINES + 1):
        value = lowest + (highest - lowest) * number / GRID_LINES
        y = _y(value, lowest, highest)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_tick(value)}</text>'
        )
    return parts


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.3g}"


def _style(chart: Chart, lane: int) -> str:
    """Return the style of a series: the last one is "after", those before it are "before"."""
    return "s1" if lane == len(chart.series) - 1 else "s0"


def _labels(chart: Chart) -> List[str]:
    every = -(-len(chart.labels) // MAX_LABELS) or 1
    parts = []
    for place in range(0, len(chart.labels), every):
        left, width = _band(chart, place)
        parts.append(
            f'<text x="{left + width / 2:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">'
            f"{escape(chart.labels[place][:14])}</text>"
        )
    return parts


def _bars(chart: Chart, lowest: float, highest: float) -> List[str]:
    parts = []
    lanes = len(chart.series)
    foot = _y(0.0, lowest, highest)
    for lane, (name, values) in enumerate(chart.series):
        for place, value in enumerate(values):
            left, width = _band(chart, place)
            y = _y(value, lowest, highest)
            parts.append(
                f'<rect class="{_style(chart, lane)}" '
                f'x="{left + width * (0.1 + 0.8 * lane / lanes):.2f}" '
                f'y="{min(y, foot):.2f}" width="{width * 0.8 / lanes:.2f}" '
                f'height="{abs(foot - y):.2f}"><title>'
                f"{escape(f'{chart.labels[place]}, {name}: {value:,.6g}')}</title></rect>"
            )
    return parts


def _polylines(chart: Chart, lowest: float, highest: float) -> List[str]:
    return [
        f'<polyline class="{_style(chart, lane)}" '
        f'points="{_points(chart, values, lowest, highest)}">'
        f"<title>{escape(name)}</title></polyline>"
        for lane, (name, values) in enumerate(chart.series)
    ]


def _points(chart: Chart, values: Sequence[float], lowest: float, highest: float) -> str:
    spots = []
    for place, value in enumerate(values):
        left, width = _band(chart, place)
        spots.append(f"{left + width / 2:.2f},{_y(value, lowest, highest):.2f}")
    return " ".join(spots)
