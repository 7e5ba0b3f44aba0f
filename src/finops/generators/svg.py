"""Charts as inline SVG: what is there without scripts, without a network and on paper.

A drawing fills its frame at any width without being scaled: places along the axis are
percentages, texts are of one size, and only lines and bars lie in an inner picture that is
stretched.  Colours are classes of the style sheet, so a drawing follows the theme.
"""

from __future__ import annotations

import math
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.markup import Markup, Token, fill, inert, join, outline, token
from finops.generators.ticks import Scale, scale_of, tick_labels

Numbers = Sequence[Optional[float]]

HEIGHT = 180
# Of a plane whose points have names, or signs that a legend explains.
_PLANE_HEIGHT = 240
# Units across the stretched picture of lines and bars.
WIDTH = 1000
_GROUP = 0.8
_WIDEST_BAR = 60
_ROW = 36
_BAR = 14
# Below lying bars, so that what takes the place of the drawing finds room for an axis.
_AIR = 12
_DASHES = 4
_LONG_LABEL = 26
_SLANTED = 52  # labels that find room beside each other when slanted
# Width of a character and of a narrow chart, to decide whether labels lie beside each other.
_CHARACTER_PX = 7
_NARROW_PX = 560
# Of a chart that shows every label that it may.
_WIDE_PX = 1120
# Labels of an axis that has an order need not all be written.
_DATES = 6
_ORDERED = 12
_NAMED_POINTS = 24


class Stroke(NamedTuple):
    """One row of numbers with its colour's class and style ("", "dashed", "points",
    "hollow", "low", "high").

    `colours` are the classes of its bars one by one, where they have their own.
    """

    label: str
    values: Numbers
    colour: str
    style: str = ""
    colours: Sequence[str] = ()


class Plot(NamedTuple):
    """What is drawn: labels along one axis as they are read, and the kind of the numbers.

    `over` is what else is drawn on top; `lengths` are those of the labels as they are in the
    data, where they are written with escapes here.
    """

    labels: Sequence[str]
    strokes: Sequence[Stroke]
    kind: str
    dates: bool = False
    over: Markup = Markup("")
    lengths: Sequence[int] = ()


class Point(NamedTuple):
    """A point of a plane: name, class of colour, number of its shape, and the name's length as
    it is in the data.
    """

    name: str
    x: float
    y: float
    colour: str
    shape: int
    length: int


def lines(plot: Plot) -> Markup:
    """Return lines over the labels, bands between low and high, and marks."""
    scale = _scale(plot)
    inner, marks = [], []
    low: Optional[Stroke] = None
    many = sum(1 for stroke in plot.strokes if not stroke.style) > _DASHES - 1
    for number, stroke in enumerate(plot.strokes):
        places = list(_places(stroke.values, scale))
        if stroke.style == "low":
            low = stroke
        elif stroke.style == "high" and low is not None:
            inner.append(_band(list(_places(low.values, scale)), places, stroke.colour))
        elif stroke.style in ("points", "hollow"):
            hollow = stroke.style == "hollow"
            marks += [_dot(at, y, stroke.colour, 4, hollow) for at, y in _known(places)]
        else:
            dash = number // 2 % _DASHES if many else 0
            inner.append(_line(places, stroke, dash))
            marks += [_dot(at, y, stroke.colour, 3) for at, y in _alone(places)]
    return _frame(scale, plot.kind, _along(plot, edges=True), inner, [*marks, plot.over])


def bars(plot: Plot, stacked: bool) -> Markup:
    """Return upright bars beside each other, or on top of each other where `stacked`."""
    boxes = [stroke for stroke in plot.strokes if stroke.style != "dashed"]
    scale = _scale(plot, stacked)
    slot = WIDTH / len(plot.labels)
    group = min(slot * _GROUP, _WIDEST_BAR * (1 if stacked else len(boxes)))
    inner = []
    tops, bottoms = [0.0] * len(plot.labels), [0.0] * len(plot.labels)
    for number, stroke in enumerate(boxes):
        width = group if stacked else group / len(boxes)
        shift = 0.0 if stacked else number * width
        for colour, places in _by_colour(stroke):
            path = []
            for at in places:
                value = stroke.values[at] or 0.0
                floor = 0.0
                if stacked:
                    grown = tops if value >= 0 else bottoms
                    floor = grown[at]
                    grown[at] += value
                left = at * slot + (slot - group) / 2 + shift
                path.append(_box(left, width, _y(floor, scale), _y(floor + value, scale)))
            inner.append(_path(path, "hollow" if stroke.style == "hollow" else "box", colour))
    inner += [
        _line([(at * slot + slot / 2, y) for at, (_, y) in enumerate(_places(s.values, scale))], s)
        for s in plot.strokes
        if s.style == "dashed"
    ]
    return _frame(scale, plot.kind, _along(plot, edges=False), inner, [plot.over])


def rows(plot: Plot, stacked: bool) -> Markup:
    """Return lying bars, each under its label; the number stands at the end of the row."""
    many = 1 if stacked else len(plot.strokes)
    height = _ROW + (many - 1) * _BAR
    scale = _scale(plot, stacked)
    inner: List[Markup] = []
    for number, stroke in enumerate(plot.strokes):
        for colour, places in _by_colour(stroke):
            for at in places:
                value = stroke.values[at] or 0.0
                before = sum(s.values[at] or 0.0 for s in plot.strokes[:number]) if stacked else 0.0
                top = at * height + 20 + (0 if stacked else number * _BAR)
                inner.append(_lying(scale.share(before), scale.share(before + value), top, colour))
    texts = [
        fill(
            '<text y="$y">$label</text><text class="end" x="100%" y="$y">$value</text>',
            y=token(at * height + 14),
            label=_cut(label, 44),
            value=_row_value(plot, at, stacked),
        )
        for at, label in enumerate(plot.labels)
    ]
    return fill(
        '<svg class="rows" height="$height" aria-hidden="true">$inner$texts</svg>',
        height=token(len(plot.labels) * height + _AIR * min(2, len(plot.strokes))),
        inner=join(inner, ""),
        texts=join(texts, ""),
    )


def plane(points: Sequence[Point], kinds: Tuple[str, str], named: bool) -> Markup:
    """Return points in a plane of two kinds of numbers, with names where there is room."""
    height = _PLANE_HEIGHT if named or any(point.shape for point in points) else HEIGHT
    across = scale_of([point.x for point in points], from_zero=False)
    up = scale_of([point.y for point in points], from_zero=False)
    marks = [
        _shape(_percent(across.share(point.x)), _y(point.y, up, height), point.colour, point.shape)
        for point in points
    ]
    if named:
        marks += _names(points, across, up)
    ticks = [
        (_percent(across.share(tick)), label)
        for tick, label in zip(across.ticks, tick_labels(kinds[0], across.ticks))
    ]
    return _frame(up, kinds[1], _dates_below(ticks, height), [], marks, height)


def _scale(plot: Plot, stacked: bool = False) -> Scale:
    if stacked:
        columns = list(zip(*(stroke.values for stroke in plot.strokes)))
        sums = [sum(value for value in c if value and value > 0) for c in columns]
        sums += [sum(value for value in c if value and value < 0) for c in columns]
        values = [float(value) for value in sums]
    else:
        values = [float(v) for stroke in plot.strokes for v in stroke.values if v is not None]
    finite = [value for value in values if math.isfinite(value)]
    return scale_of(finite, whole=plot.kind == "count")


def _y(value: float, scale: Scale, height: int = HEIGHT) -> float:
    return height * (1 - scale.share(value))


def _places(values: Numbers, scale: Scale) -> Iterator[Tuple[float, Optional[float]]]:
    """Yield x in units of the picture and y in pixels, None where there is no number."""
    last = max(1, len(values) - 1)
    for at, value in enumerate(values):
        x = WIDTH / 2 if len(values) == 1 else at / last * WIDTH
        known = value is not None and math.isfinite(value)
        yield x, _y(float(value or 0.0), scale) if known else None


def _known(
    places: Sequence[Tuple[float, Optional[float]]],
) -> Iterator[Tuple[float, float]]:
    return ((x, y) for x, y in places if y is not None)


def _alone(places: Sequence[Tuple[float, Optional[float]]]) -> Iterator[Tuple[float, float]]:
    """Yield the places that have no neighbour, of which a line shows nothing."""
    gaps = [None, *(y for _, y in places), None]
    for at, (x, y) in enumerate(places):
        if y is not None and gaps[at] is None and gaps[at + 2] is None:
            yield x, y


def _short(number: float) -> str:
    """Return a place in the picture, to a tenth of a pixel."""
    text = f"{max(0.0, number):.1f}"
    return text[:-2] if text.endswith(".0") else text


def _line(places: Sequence[Tuple[float, Optional[float]]], stroke: Stroke, dash: int = 0) -> Markup:
    path, pen = [], "M"
    heights = [None, *(y for _, y in places), None]
    for at, (x, y) in enumerate(places):
        if y is None:
            pen = "M"
            continue
        if heights[at] == y == heights[at + 2]:
            continue  # within a level stretch
        path.append(f"{pen}{_short(x)} {_short(y)}")
        pen = "L"
    style = "dashed" if stroke.style == "dashed" else f"line d{dash}"
    return _path(path, style, stroke.colour)


def _path(parts: Sequence[str], style: str, colour: str) -> Markup:
    if not parts:
        return Markup("")
    names = join([token(name) for name in (*style.split(), colour)], " ")
    return fill('<path class="$names" d="$d"/>', names=Token(names), d=outline("".join(parts)))


def _band(
    low: Sequence[Tuple[float, Optional[float]]],
    high: Sequence[Tuple[float, Optional[float]]],
    colour: str,
) -> Markup:
    corners = list(_known(high)) + list(_known(low))[::-1]
    if not corners:
        return Markup("")
    path = "L".join(f"{_short(x)} {_short(y)}" for x, y in corners)
    return _path([f"M{path}z"], "band", colour)


def _by_colour(stroke: Stroke) -> List[Tuple[str, List[int]]]:
    """Return the bars that have a number, by the class of their colour."""
    places = [at for at, value in enumerate(stroke.values) if value is not None]
    if not stroke.colours:
        return [(stroke.colour, places)]
    return [
        (colour, [at for at in places if stroke.colours[at] == colour])
        for colour in dict.fromkeys(stroke.colours)
    ]


def _box(left: float, width: float, start: float, end: float) -> str:
    wide = _short(width)
    return f"M{_short(left)} {_short(start)}V{_short(end)}h{wide}V{_short(start)}z"


def _lying(start: float, end: float, top: float, colour: str) -> Markup:
    left, right = sorted((start, end))
    return fill(
        '<rect class="box $colour" x="$x" y="$y" width="$width" height="10"/>',
        colour=token(colour),
        x=_percent(left),
        y=token(f"{top:g}"),
        width=_percent(right - left),
    )


def _row_value(plot: Plot, at: int, stacked: bool) -> str:
    values = [stroke.values[at] for stroke in plot.strokes]
    if stacked:
        known = [value for value in values if value is not None]
        return formatting.readable(plot.kind, sum(known)) if known else formatting.MISSING
    return " · ".join(formatting.readable(plot.kind, value) for value in values)


def _percent(share: float) -> Token:
    return token(f"{share * 100:.2f}".rstrip("0").rstrip(".") + "%")


def _dot(x: float, y: float, colour: str, radius: int, hollow: bool = False) -> Markup:
    return fill(
        '<circle class="$kind $colour" cx="$x" cy="$y" r="$r"/>',
        kind=token("hollow" if hollow else "box"),
        colour=token(colour),
        x=_percent(x / WIDTH),
        y=token(_short(y)),
        r=token(radius),
    )


_SHAPES = ("", "M-4 4L0 -4L4 4z", "M-4 -4h8v8h-8z", "M0 -5L5 0L0 5L-5 0z")


def _shape(x: Token, y: float, colour: str, number: int) -> Markup:
    path = _SHAPES[number % len(_SHAPES)]
    if not path:
        return fill(
            '<circle class="mark $colour" cx="$x" cy="$y" r="4"/>',
            colour=token(colour),
            x=x,
            y=token(_short(y)),
        )
    return fill(
        '<svg x="$x" y="$y"><path class="mark $colour" d="$d"/></svg>',
        colour=token(colour),
        x=x,
        y=token(_short(y)),
        d=outline(path),
    )


def _names(points: Sequence[Point], across: Scale, up: Scale) -> List[Markup]:
    """Return the names of points that do not cover one another in a narrow chart."""
    taken: List[Tuple[float, float, float]] = []
    written = []
    for point in points[:_NAMED_POINTS]:
        share, y = across.share(point.x), _y(point.y, up, _PLANE_HEIGHT)
        width = (point.length * _CHARACTER_PX + 12) / _NARROW_PX
        left = share if share < 0.6 else share - width
        overlaps = (abs(y - other) < 14 and left < end and start < left + width
                    for start, end, other in taken)  # fmt: skip
        if any(overlaps):
            continue
        taken.append((left, left + width, y))
        side = "name" if share < 0.6 else "name end"
        written.append(
            fill(
                '<svg x="$x" y="$y"><text class="$side" x="$dx" y="4">$name</text></svg>',
                x=_percent(share),
                y=token(_short(y)),
                side=Token(side),
                dx=Token("8" if share < 0.6 else "-8"),
                name=_cut(point.name, _LONG_LABEL),
            )
        )
    return written


def _frame(
    scale: Scale,
    kind: str,
    along: Union[Markup, Sequence[Markup]],
    inner: Sequence[Markup],
    marks: Sequence[Markup],
    height: int = HEIGHT,
) -> Markup:
    """Return grid, labels of both axes, the stretched picture, and marks on top of it."""
    grid = []
    for tick, label in zip(scale.ticks, tick_labels(kind, scale.ticks)):
        y = _y(tick, scale, height)
        grid.append(
            fill(
                '<line class="$style" x2="100%" y1="$y" y2="$y"/>'
                '<text class="end" x="-8" y="$text">$label</text>',
                style=token("zero" if tick == 0 else "grid"),
                y=token(_short(y)),
                text=token(_short(y + 4)),
                label=label,
            )
        )
    picture = Markup("")
    if inner:
        picture = fill(
            '<svg viewBox="0 0 $width $height" preserveAspectRatio="none">$inner</svg>',
            width=token(WIDTH),
            height=token(height),
            inner=join(inner, ""),
        )
    return fill(
        '<svg class="plot" height="$height" aria-hidden="true">$grid$picture$marks$along</svg>',
        height=token(height),
        grid=join(grid, ""),
        picture=picture,
        marks=join(marks, ""),
        along=along,
    )


def _along(plot: Plot, edges: bool) -> Markup:
    """Return the labels of the x axis; lines begin at the edge, bars in the middle of a slot."""
    count = len(plot.labels)
    last = max(1, count - 1)
    middle = 0.5 if count == 1 or not edges else 0.0

    def place(at: int) -> float:
        return at / last if edges and count > 1 else (at + 0.5) / count if not edges else middle

    crowded = count * (max(plot.lengths or map(len, plot.labels)) + 2) * _CHARACTER_PX > _NARROW_PX
    ordered = plot.dates or all(label[:1].isdigit() for label in plot.labels)
    if crowded and not ordered and count <= _SLANTED:
        return _slanted([(_percent(place(at)), text) for at, text in enumerate(plot.labels)])
    longest = min(_LONG_LABEL, max(map(len, plot.labels)))
    room = _WIDE_PX // ((longest + 2) * _CHARACTER_PX)
    most = min(room, _DATES if plot.dates else _ORDERED)
    thinned = plot.dates or (crowded and ordered) or count > 2 * _ORDERED
    step = math.ceil(count / most) if thinned else 1
    chosen = range(0, count, step)
    return _dates_below([(_percent(place(at)), plot.labels[at]) for at in chosen])


def _dates_below(ticks: Sequence[Tuple[Token, str]], height: int = HEIGHT) -> Markup:
    """Return labels below the axis; every second one leaves where there is little room."""
    texts = []
    for number, (x, label) in enumerate(ticks):
        side = "start" if x == "0%" else "end" if x == "100%" else "mid"
        if len(ticks) > 3 and number % 2:
            side += " wide"
        texts.append(
            fill(
                '<text class="$side" x="$x" y="$y">$label</text>',
                side=Token(side),
                x=x,
                y=token(height + 18),
                label=_cut(label, _LONG_LABEL),
            )
        )
    return join(texts, "")


def _slanted(labels: Sequence[Tuple[Token, str]]) -> Markup:
    return join(
        (
            fill(
                '<svg x="$x" y="$y"><text class="slant">$label</text></svg>',
                x=x,
                y=token(HEIGHT + 12),
                label=_cut(label, 16),
            )
            for x, label in labels
        ),
        "",
    )


def _cut(text: str, most: int) -> str:
    shown = inert(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"
