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
# Pixels that the picture surely has, by the class of a text which a narrower one does not show:
# the style sheet knows how wide the drawing is.  First that of a phone.
_ROOM = (("", 228), ("wide", 480), ("widest", 820))
_BESIDE_PX = 76  # of a drawing, beside its picture
_GAP_PX = 8
_LINE_PX = 13  # a line of text
_MARK_PX = 6  # from the middle of a point to its edge
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
    drawn = any(value for stroke in boxes for value in stroke.values)
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
                if not value and drawn:
                    continue  # without height, only its edge would be seen
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
        _row_texts(label, _row_value(plot, at, stacked), at * height + 14)
        for at, label in enumerate(plot.labels)
    ]
    return fill(
        '<svg class="rows" height="$height" aria-hidden="true">$inner$texts</svg>',
        height=token(len(plot.labels) * height + _AIR * min(2, len(plot.strokes))),
        inner=join(inner, ""),
        texts=join(texts, ""),
    )


def _row_texts(label: str, value: str, y: int) -> Markup:
    """Return a bar's name and number in one line; a narrow drawing shows less of a long name."""
    name = _cut(label, 44)
    room = (_ROOM[0][1] + _BESIDE_PX - _GAP_PX) // _CHARACTER_PX - len(value)
    names = fill('<text y="$y">$name</text>', y=token(y), name=name)
    if len(name) > room:
        names = fill(
            '<text class="wide" y="$y">$name</text><text class="narrow" y="$y">$short</text>',
            y=token(y),
            name=name,
            short=_without_middle(inert(label), max(room, 8)),
        )
    return fill(
        '$names<text class="end" x="100%" y="$y">$value</text>',
        names=names,
        y=token(y),
        value=value,
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
        (across.share(tick), label)
        for tick, label in zip(across.ticks, tick_labels(kinds[0], across.ticks))
    ]
    return _frame(up, kinds[1], _below(ticks, height), [], marks, height)


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


class _Beside(NamedTuple):
    """Where a name stands to its point: pixels across and down, and the class that anchors it."""

    across: int
    down: int
    anchor: str

    def box(self, x: float, y: float, width: float) -> Tuple[float, float, float]:
        """Return left, right and middle of a name of some pixels whose point is at (x, y)."""
        start = {"start": 0.0, "mid": 0.5, "end": 1.0}[self.anchor] * width
        left = x + self.across - start
        return left, left + width, y + self.down


_BESIDE = (
    _Beside(8, 0, "start"),
    _Beside(-8, 0, "end"),
    _Beside(0, -14, "mid"),
    _Beside(0, 14, "mid"),
)


def _names(points: Sequence[Point], across: Scale, up: Scale) -> List[Markup]:
    """Return the names of points that cover neither one another nor a point.

    A narrow drawing may show a name elsewhere, or not at all.
    """
    named = points[:_NAMED_POINTS]
    places = [(across.share(point.x), _y(point.y, up, _PLANE_HEIGHT)) for point in points]
    lengths = [min(point.length, _LONG_LABEL) for point in named]
    narrow, wide = (_free_places(places, lengths, room) for _, room in _ROOM[:2])
    written = []
    for point, (share, y), small, large in zip(named, places, narrow, wide):
        shown = [(large, "")] if small == large else [(small, " narrow"), (large, " wide")]
        for beside, style in shown:
            if beside is None:
                continue
            written.append(
                fill(
                    '<svg x="$x" y="$y"><text class="$classes" x="$dx" y="$dy">$name</text></svg>',
                    x=_percent(share),
                    y=token(_short(y)),
                    classes=Token(f"name {beside.anchor}{style}"),
                    dx=Token(str(beside.across)),
                    dy=Token(str(beside.down + 4)),
                    name=_cut(point.name, _LONG_LABEL),
                )
            )
    return written


def _free_places(
    places: Sequence[Tuple[float, float]], lengths: Sequence[int], room: int
) -> List[Optional[_Beside]]:
    """Return where each name stands, None where it finds no room in a picture `room` pixels wide.

    `places` are those of all points: (share of the width, pixels from the top).
    """
    taken = [(x * room - _MARK_PX, x * room + _MARK_PX, y) for x, y in places]
    found: List[Optional[_Beside]] = []
    for (share, y), length in zip(places, lengths):
        boxes = ((one, one.box(share * room, y, length * _CHARACTER_PX)) for one in _BESIDE)
        free = next(((one, box) for one, box in boxes if _is_free(box, taken, room)), None)
        if free is not None:
            taken.append(free[1])
        found.append(free[0] if free else None)
    return found


def _is_free(
    box: Tuple[float, float, float], taken: Sequence[Tuple[float, float, float]], room: int
) -> bool:
    left, right, y = box
    inside = left >= -_GAP_PX and right <= room + _GAP_PX and 0 <= y <= _PLANE_HEIGHT
    return inside and not any(
        abs(y - other) < _LINE_PX and left < end and start < right for start, end, other in taken
    )


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
    return _below([(place(at), plot.labels[at]) for at in chosen])


def _below(ticks: Sequence[Tuple[float, str]], height: int = HEIGHT) -> Markup:
    """Return labels below the axis, at shares of its width: the narrower, the fewer, evenly."""
    labels = [_cut(label, _LONG_LABEL) for _, label in ticks]
    sides = ["start" if x == 0 else "end" if x == 1 else "mid" for x, _ in ticks]
    classes: List[Optional[str]] = [None] * len(ticks)  # None is shown at no width
    step = 1
    for narrower, room in reversed(_ROOM):
        shown = step
        while step < len(ticks) and not _fit(ticks, labels, sides, step, room):
            step += shown
        for at in range(0, len(ticks), step):
            classes[at] = narrower
    texts = []
    for (x, _), label, side, style in zip(ticks, labels, sides, classes):
        if style is None:
            continue
        texts.append(
            fill(
                '<text class="$classes" x="$x" y="$y">$label</text>',
                classes=Token(f"{side} {style}".strip()),
                x=_percent(x),
                y=token(height + 18),
                label=label,
            )
        )
    return join(texts, "")


def _fit(
    ticks: Sequence[Tuple[float, str]],
    labels: Sequence[str],
    sides: Sequence[str],
    step: int,
    room: int,
) -> bool:
    """Return whether each label that is `step` further stands beside the one before it."""
    free = -math.inf
    for at in range(0, len(ticks), step):
        width = len(labels[at]) * _CHARACTER_PX
        left = ticks[at][0] * room - {"start": 0.0, "mid": 0.5, "end": 1.0}[sides[at]] * width
        if left < free:
            return False
        free = left + width + _GAP_PX
    return True


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


def _without_middle(text: str, most: int) -> str:
    """Return a long text with its beginning and end, which tell names apart."""
    if len(text) <= most:
        return text
    end = (most - 1) // 3
    return f"{text[: most - 1 - end].rstrip()}…{text[len(text) - end :].lstrip()}"
