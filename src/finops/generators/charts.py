"""Charts: a drawing, a caption, and the same numbers as a table in a disclosure beneath.

The drawing is SVG and needs nothing; where Chart.js loads, a canvas takes its place.

Colours are places in one palette of Okabe and Ito's hues: a provider, model, tier, feature
or region has the same place on every page.  The style sheet holds the hues for light and
dark; the script reads them there.
"""

from __future__ import annotations

import re
import zlib
from itertools import takewhile
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from finops import config
from finops.business.catalog import CATALOG
from finops.generators import event_marks, formatting, quiet_days, svg
from finops.generators.components import Part
from finops.generators.markup import Markup, Token, fill, inert, join, json_number, token
from finops.generators.precision import column_cell, places_of
from finops.generators.recompute import Recompute

MAX_POINTS = 1000
MAX_LABELS = 400
# Of a plane: each takes three texts of the page.
MAX_PLANE_POINTS = 200
# Points of a line over time: more are put together, and chosen dates show every day again.
MAX_MOMENTS = 250
# Of more weeks than five years have, and of more days or hours than `MAX_POINTS`, fewer are drawn;
# weeks since a first call count as weeks.
MAX_WEEKS = 265
MANY_MOMENTS = 100
# Bars over time: more are averages of several days.
MAX_DAYS = 124
_WEEK = 7
HUES = 8
COLOURS = 24  # eight hues in three shades; providers of many models have more of theirs
ROLES = ("accent", "muted", "critical", "warning", "success")
# A remark for the caption of costs of which some are not known.
UNKNOWN_COSTS = "; calls of unknown cost are left out"


def _shades() -> Dict[str, int]:
    """Return the place of the colour of each model: a shade of its provider's hue for each."""
    hues = {name: index % HUES for index, name in enumerate(config.PROVIDER_WEIGHTS)}
    seen: Dict[str, int] = {}
    places = {}
    for model in CATALOG:
        shade = seen[model.provider] = seen.get(model.provider, -1) + 1
        places[model.name] = hues[model.provider] + HUES * shade
    return places


_ORDER: Dict[str, Dict[str, int]] = {
    "provider": {name: index for index, name in enumerate(config.PROVIDER_WEIGHTS)},
    "model": _shades(),
    "tier": {name: index for index, name in enumerate(config.SUBSCRIPTION_TIERS)},
    "feature": {name: index for index, name in enumerate(config.FEATURES)},
    "region": {name: index for index, name in enumerate(config.REGIONS)},
    "product": {name: index for index, name in enumerate(config.PRODUCTS)},
}

# Kinds of an axis whose labels are dates, as the drawing has them.
_ORDERED_IN_TIME = (*event_marks.TIMES, "week")
_NO_COMPARISON = "There is nothing to compare."
# Styles of series that are no points of what is drawn: limits, and the edges of a range.
_NO_POINTS = ("dashed", "low", "high")
# What the pages' context says of the first and of the last hour of the data, and of its call.
PERIOD_ENDS = (("first_hour", "period_start"), ("last_hour", "period_end"))
_CLOCK = re.compile(r"(?<=T)(\d\d):\d\d")

Colour = Union[str, Tuple[str, object], None]


class Axis(NamedTuple):
    """Title of an axis with its unit in words ("Cost (USD)"), and the kind of its values."""

    title: str
    kind: str = "count"


class Series(NamedTuple):
    """One row of numbers, None where there is none.

    `colour` is a role of `ROLES` or an entity as ("provider", "openai"); without one the
    accent for the first and the palette's order for the others.  `style` is "" (line or
    bar), "dashed", "points" (marks without a line), "hollow" (empty ones), "low" and "high" (the
    edges of a band; the low edge stands directly before the high one).  `recompute` lets a line
    over days be drawn day by day for chosen dates, as in a `Card`.
    """

    label: str
    values: Sequence[Optional[float]]
    colour: Colour = None
    style: str = ""
    recompute: Optional[Recompute] = None


def cut_short(data: Mapping[str, Any]) -> str:
    """Return a remark on the first and the last day of a result's period, for the caption of a
    line over days: "; the last day ends at 09:12".  Nothing where they are whole to an hour, or
    known to be whole.
    """
    remarks = list(filter(None, partial_ends(data)))
    return "; " + ", ".join(remarks) if remarks else ""


def partial_ends(data: Mapping[str, Any]) -> Tuple[str, str]:
    """Return what `cut_short` says of the first and of the last day, "" of one that is whole."""
    context = data.get("_context") or {}
    first, last = (_clock(context, *keys) for keys in PERIOD_ENDS)
    of_first, of_last = (_is_cut_short(context, *keys) for keys in PERIOD_ENDS)
    return (
        f"the first day begins at {first}" if first and first[:2] > "00" and of_first else "",
        f"the last day ends at {last}" if last and last[:2] < "23" and of_last else "",
    )


def of_known_costs(data: Mapping[str, Any]) -> str:
    """Return a remark for the caption of costs over time where some are not known: days on which
    they are missing look like a fall.
    """
    unpriced = (data.get("_context") or {}).get("unpriced_calls")
    return UNKNOWN_COSTS if unpriced else ""


def _is_cut_short(context: Mapping[str, Any], of_hour: str, of_call: str) -> bool:
    """Return whether the first or the last day may be partial, as far as the context says."""
    partial = context.get("partial_dates")
    day = str(context.get(of_hour) or context.get(of_call) or "")[: len("2025-01-31")]
    return partial is None or day in partial


def _clock(context: Mapping[str, Any], of_hour: str, of_call: str) -> str:
    """Return when the first or the last hour that the data covers has its call, "" if unknown.

    The hour is in the reporting time zone; a record of a whole day covers more than its own time.
    """
    hour, call = (_CLOCK.search(str(context.get(key))) for key in (of_hour, of_call))
    if hour is None or call is None or hour.group(1) == call.group(1):
        return call.group() if call else ""
    return hour.group()


def colour_of(kind: str, value: object) -> int:
    """Return the place of an entity's colour in the palette, the same on every page.

    Known names take the order of the configuration and the catalogue, each model of the latter a
    shade of its own; a name never heard of takes one of the first 24 places, which depends on the
    name alone.
    """
    known = _ORDER.get(kind, {})
    text = str(value)
    if text in known:
        return known[text] if kind == "model" else known[text] % COLOURS
    return zlib.crc32(text.encode("utf-8", "backslashreplace")) % COLOURS


def line_chart(
    name: str,
    caption: str,
    x: Axis,
    y: Axis,
    labels: Sequence[object],
    series: Sequence[Series],
    bins: str = "sum",
    empty: str = "There is nothing to draw: the data holds no such time series.",
) -> Part:
    """Return a line chart.  Long series are put into wider bins by `bins`: sum, mean or max.

    `labels` are the places on the x axis (dates, hours, weeks, names); every series has as
    many values.  Raises ValueError where it has not.  Days and weeks between are filled in.
    """
    labels, series = _with_quiet_moments(y, labels, series)
    width = _bin_width(len(labels), len(series), _moments(x))
    options: Dict[str, Any] = {}
    if width > 1:
        options.update(_binned_days(x, labels, width))
        labels, series = _rebin(labels, series, width, bins)
        caption = f"{caption}. Each point is {_BIN_WORDS[bins]} {width} {_moments(x)}"
    return _chart("line", name, caption, x, y, labels, series, empty, options)


def bar_chart(
    name: str,
    caption: str,
    x: Axis,
    y: Axis,
    labels: Sequence[object],
    series: Sequence[Series],
    horizontal: bool = False,
    stacked: bool = False,
    colours: Optional[Sequence[Colour]] = None,
    empty: str = "There is nothing to draw: no row of this data qualifies.",
) -> Part:
    """Return a bar chart.  `x` is the axis of the labels, `y` that of the numbers, also when
    the bars are `horizontal`.  `colours` colours the bars of a single series one by one.

    Bars of more days than `MAX_DAYS` are averages of several; others beyond the limit of points
    are left out and counted in the caption.  Days between are filled in.
    """
    if x.kind in ("date", "week"):
        labels, series = _with_quiet_moments(y, labels, series)
    most = max(1, min(MAX_LABELS, MAX_POINTS // max(1, len(series))))
    options: Dict[str, Any] = {}
    if x.kind == "date" and len(labels) > min(most, MAX_DAYS):
        width = -(-len(labels) // min(most, MAX_DAYS))
        options.update(_binned_days(x, labels, width))
        labels, series = _rebin(labels, series, width, "mean")
        caption = f"{caption}. Each bar is {_BIN_WORDS['mean']} {width} {_moments(x)}"
    if len(labels) > most:
        caption = f"{caption}. The first {most} of {len(labels)} are drawn"
        series = [line._replace(values=line.values[:most]) for line in series]
        labels = labels[:most]
    if horizontal:
        options["horizontal"] = 1
    if stacked:
        options["stacked"] = 1
    if colours:
        options["colours"] = [colour_data(colour, 0) for colour in colours[: len(labels)]]
    return _chart("bar", name, caption, x, y, labels, series, empty, options)


def scatter_chart(
    name: str,
    caption: str,
    x: Axis,
    y: Axis,
    points: Sequence[Tuple[str, Optional[float], Optional[float]]],
    colours: Optional[Sequence[Colour]] = None,
    groups: Optional[Sequence[str]] = None,
    named: bool = False,
    empty: str = "There is nothing to draw: no row of this data qualifies.",
) -> Part:
    """Return points (name, x, y) in a plane; both axes hold numbers, None where one is not known.

    `groups` says for each point what its colour and shape stand for, in the legend; `named`
    writes the names beside the points, as far as there is room.
    """
    note = f". The first {MAX_PLANE_POINTS} of {len(points)} are drawn"
    caption = caption + note if len(points) > MAX_PLANE_POINTS else caption
    points = points[:MAX_PLANE_POINTS]
    series = [
        Series(x.title, [point[1] for point in points]),
        Series(y.title, [point[2] for point in points]),
    ]
    options: Dict[str, Any] = {"named": 1} if named else {}
    if colours:
        options["colours"] = [colour_data(colour, 0) for colour in colours[:MAX_PLANE_POINTS]]
    if groups:
        options["groups"] = [inert(group) for group in groups[:MAX_PLANE_POINTS]]
    labels = [point[0] for point in points]
    return _chart("scatter", name, caption, x, y, labels, series, empty, options)


def _with_quiet_moments(
    y: Axis, labels: Sequence[object], series: Sequence[Series]
) -> Tuple[Sequence[object], Sequence[Series]]:
    """Return days or weeks with those between them, see `quiet_days`."""
    moments = quiet_days.every_moment(labels)
    if not moments or any(len(line.values) != len(labels) for line in series):
        return labels, series
    lines = [quiet_days.Line(line.values, line.style, line.recompute) for line in series]
    spread = quiet_days.spread(labels, lines, y.kind, moments)
    return moments, [line._replace(values=values) for line, values in zip(series, spread)]


_BIN_WORDS = {"sum": "the sum of", "mean": "the average of", "max": "the highest of"}


def _moments(axis: Axis) -> str:
    """Return what the places on an axis are: days, hours, weeks, or values."""
    if axis.kind == "week":
        return "weeks"
    words = axis.title.split(" (")[0].lower().split()
    return f"{words[-1]}s" if words and words[-1] in ("day", "hour", "week") else "values"


def _bin_width(labels: int, series: int, moments: str) -> int:
    """Return how many labels share a point: of many years fewer points, as a page has its limit.

    Days are put together by whole weeks, or every weekend would be a dip.
    """
    many = labels > (MAX_POINTS if moments in ("days", "hours") else MAX_WEEKS)
    most = min(MANY_MOMENTS if many else MAX_MOMENTS, MAX_POINTS // max(1, series))
    if labels <= most:
        return 1
    width = -(-labels // most)
    return -(-width // _WEEK) * _WEEK if moments == "days" else width


def _binned_days(x: Axis, labels: Sequence[object], width: int) -> Dict[str, Any]:
    """Return what a chart says of points that hold several labels: how many, and the last day."""
    if x.kind not in event_marks.TIMES:
        return {"width": width}
    return {"width": width, "end": str(labels[-1])[: len("2025-01-31")]}


def _rebin(
    labels: Sequence[object], series: Sequence[Series], width: int, bins: str
) -> Tuple[List[object], List[Series]]:
    starts = range(0, len(labels), width)
    joined = [
        line._replace(values=[_binned(line.values[at : at + width], bins) for at in starts])
        for line in series
    ]
    return [labels[at] for at in starts], joined


def _binned(values: Sequence[Optional[float]], bins: str) -> Optional[float]:
    there = [value for value in values if value is not None]
    if not there:
        return None
    if len(there) < len(values) and not any(there):
        return None  # nothing beside what is not known
    if bins == "max":
        return max(there)
    return sum(there) / len(there) if bins == "mean" else sum(there)


def _chart(
    shape: str,
    name: str,
    caption: str,
    x: Axis,
    y: Axis,
    labels: Sequence[object],
    series: Sequence[Series],
    empty: str,
    options: Dict[str, Any],
) -> Part:
    if any(len(line.values) != len(labels) for line in series):
        raise ValueError(f"chart {name}: every series needs one value for each label")
    if not labels or not series:
        return _sentence_instead(caption, empty)
    nothing = (
        _says_nothing(shape, x, y, labels, series)
        if shape != "scatter"
        else _one_point(x, y, labels, series)
    )
    if nothing:
        return _sentence_instead(caption, nothing)
    data = {
        "shape": shape,
        "x": _axis_data(x),
        "y": _axis_data(y),
        "labels": [
            inert(_label(x, label)) if shape != "scatter" else inert(label) for label in labels
        ],
        "series": [_series_data(line, index) for index, line in enumerate(series)],
    }
    data.update(options)
    markup = fill(
        '<figure class="chart" id="chart-$name"><figcaption id="about-$name">$caption</figcaption>'
        '<div class="drawn" role="img" aria-labelledby="about-$name">$drawing</div>'
        '<div class="canvas" hidden><canvas role="img" aria-labelledby="about-$name"></canvas>'
        "</div>$events"
        "<details><summary>The numbers</summary>"
        '<div class="scroll" tabindex="0" role="group" aria-labelledby="about-$name">'
        "$numbers</div></details></figure>",
        name=token(name),
        caption=caption,
        drawing=_drawing(name, data, [len(str(label)) for label in labels]),
        events=event_marks.room_below(name),
        numbers=_numbers(shape, x, y, labels, series),
    )
    return Part(markup, {"charts": {name: data}})


def _says_nothing(
    shape: str, x: Axis, y: Axis, labels: Sequence[object], series: Sequence[Series]
) -> str:
    """Return why a drawing would say nothing, "" where it says something."""
    values = [value for line in series if line.style != "dashed" for value in line.values]
    known = [value for value in values if value is not None]
    if not known:
        return "Not drawn: none of these values is known."
    if not any(known):  # unknown costs add up to 0, too
        what = "no amount above 0 is known" if y.kind == "money" else "every value is 0"
        return f"Not drawn: {what}."
    same = len(known) == len(values) and len({round(value, 9) for value in known}) == 1
    lines = [line for line in series if line.style not in _NO_POINTS]
    places = [at for at in range(len(labels)) if any(line.values[at] is not None for line in lines)]
    if len(places) == 1 and (shape == "line" or len(lines) == 1 or same):
        (place,) = places
        there = [line for line in lines if line.values[place] is not None]
        amounts = [formatting.readable(y.kind, line.values[place]) for line in there]
        if len(there) > 1:
            amounts = [f"{line.label} {amount}" for line, amount in zip(there, amounts)]
        label = formatting.cell(x.kind, labels[place])
        if x.kind in event_marks.TIMES:
            label = formatting.moment(label)
        label = f"Week starting {label}" if x.kind == "week" else label
        return f"{label}: {', '.join(amounts)}. {_NO_COMPARISON}"
    if shape == "bar" and same and x.kind not in _ORDERED_IN_TIME:
        value = formatting.readable(y.kind, known[0])
        return f"{value} for each of {len(labels)}. {_NO_COMPARISON}"
    return ""


def _one_point(x: Axis, y: Axis, labels: Sequence[object], series: Sequence[Series]) -> str:
    """Return what the only point of a plane says, or that none is known, "" for several."""
    across, up = (line.values for line in series)
    known = [at for at in range(len(labels)) if across[at] is not None and up[at] is not None]
    if not known:
        return "Not drawn: none of these values is known."
    if len(known) > 1:
        return ""
    (place,) = known
    amounts = (
        f"{axis.title.split(' (')[0].lower()} {formatting.readable(axis.kind, values[place])}"
        for axis, values in ((x, across), (y, up))
    )
    return f"{labels[place]}: {', '.join(amounts)}. {_NO_COMPARISON}"


def _label(x: Axis, label: object) -> str:
    """Return a label as the drawing and the script need it: of a week the date of its Monday."""
    return formatting.monday(label) if x.kind == "week" else formatting.cell(x.kind, label)


def _sentence_instead(caption: str, sentence: str) -> Part:
    """Return a sentence where a drawing would say nothing."""
    return Part(
        fill(
            '<figure class="chart"><figcaption>$caption</figcaption>'
            '<p class="empty">$sentence</p></figure>',
            caption=caption,
            sentence=sentence,
        )
    )


def _drawing(name: str, data: Mapping[str, Any], lengths: Sequence[int]) -> Markup:
    """Return the drawing of a chart's data with the titles of its axes and its legend."""
    lying = data.get("horizontal")
    return fill(
        '<p class="axis">$up</p>$picture$across$legend',
        up=data["y"]["title"],
        picture=_picture(name, data, lengths),
        across=Markup("")
        if lying
        else fill('<p class="axis across">$title</p>', title=data["x"]["title"]),
        legend=_legend(_legend_entries(data)),
    )


def _picture(name: str, data: Mapping[str, Any], lengths: Sequence[int]) -> Markup:
    labels, series = data["labels"], data["series"]
    own = [_style_class(colour) for colour in data.get("colours") or ()]
    if data["shape"] == "scatter":
        groups = data.get("groups") or [""] * len(labels)
        shapes = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        points = [
            svg.Point(label, across, up, colour, shapes[group], length)
            for label, across, up, colour, group, length in zip(
                labels,
                series[0]["values"],
                series[1]["values"],
                own or ["accent"] * len(labels),
                groups,
                lengths,
            )
            if across is not None and up is not None
        ]
        return svg.plane(points, (data["x"]["kind"], data["y"]["kind"]), bool(data.get("named")))
    strokes = [
        svg.Stroke(
            line["label"],
            line["values"],
            _style_class(line["colour"]),
            line.get("style", ""),
            own,
        )
        for line in series
    ]
    kind = data["x"]["kind"]
    dates = kind in _ORDERED_IN_TIME
    over = event_marks.room(name) if kind in event_marks.TIMES else Markup("")
    shown = as_read(labels) if dates else labels
    plot = svg.Plot(shown, strokes, data["y"]["kind"], dates, over, lengths)
    if data["shape"] == "line":
        return svg.lines(plot)
    stacked = bool(data.get("stacked"))
    return svg.rows(plot, stacked) if data.get("horizontal") else svg.bars(plot, stacked)


def as_read(dates: Sequence[str]) -> List[str]:
    """Return dates or hours as an axis shows them: with their year only where there are several.

    Weeks are the dates of their Mondays.
    """
    one_year = dates[0][:4] == dates[-1][:4]
    return [formatting.short_day(day, year=not one_year) for day in dates]


def _style_class(colour: Union[int, str]) -> str:
    return f"c{colour}" if isinstance(colour, int) else colour


def _legend_entries(data: Mapping[str, Any]) -> List[Tuple[str, str]]:
    """Return (classes of the mark, name) for what a reader has to tell apart."""
    if data["shape"] == "scatter":
        groups = data.get("groups") or []
        colours = data.get("colours") or ["accent"] * len(groups)
        first = {group: _style_class(colour) for group, colour in zip(groups[::-1], colours[::-1])}
        return [(first[group], group) for group in dict.fromkeys(groups)]
    entries = []
    low = ""
    for line in data["series"]:
        if line.get("style") == "low":
            low = line["label"]
        elif line.get("style") == "high":
            entries.append((f"{_style_class(line['colour'])} band", _band_name(low, line["label"])))
        else:
            entries.append((_mark_classes(line), line["label"]))
    return entries if len(entries) > 1 else []


def _band_name(low: str, high: str) -> str:
    """Return what the legend says of the band between two lines: the words that both begin with.

    >>> _band_name("Range from", "Range to"), _band_name("Low", "High")
    ('Range', 'Low to high')
    """
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(low.split(), high.split()))
    return " ".join(word for word, _ in shared) or f"{low} to {high[:1].lower()}{high[1:]}"


def _mark_classes(line: Mapping[str, Any]) -> str:
    colour = _style_class(line["colour"])
    return f"{colour} hollow" if line.get("style") == "hollow" else colour


def _legend(entries: Sequence[Tuple[str, str]]) -> Markup:
    if not entries:
        return Markup("")
    items = (
        fill(
            '<span><i class="dot $classes"></i>$name</span>',
            classes=Token(join([token(word) for word in classes.split()], " ")),
            name=name,
        )
        for classes, name in entries
    )
    return fill('<p class="legend">$items</p>', items=join(items, ""))


def _numbers(
    shape: str, x: Axis, y: Axis, labels: Sequence[object], series: Sequence[Series]
) -> Markup:
    scatter = shape == "scatter"
    kinds = [x.kind, y.kind] if scatter else [y.kind] * len(series)
    first = "Name" if scatter else x.title
    alone = len(series) == 1
    heads = [y.title if alone else line.label for line in series]
    together = [value for line in series for value in line.values]
    columns = [
        (kind, line.values, places_of(kind, line.values if scatter else together))
        for kind, line in zip(kinds, series)
    ]
    head = join((fill('<th scope="col">$label</th>', label=h) for h in heads), "")
    rows = (
        fill(
            '<tr><th scope="row">$label</th>$cells</tr>',
            label=label if scatter else formatting.cell(x.kind, label),
            cells=join(
                (
                    fill("<td>$value</td>", value=_number(kind, values[at], places))
                    for kind, values, places in columns
                ),
                "",
            ),
        )
        for at, label in enumerate(labels)
    )
    return fill(
        '<table><thead><tr><th scope="col">$first</th>$head</tr></thead>'
        "<tbody>$rows</tbody></table>",
        first=first,
        head=head,
        rows=join(rows),
    )


def _number(kind: str, value: object, places: Optional[int]) -> str:
    # A series that begins later or ends earlier has gaps: blank reads calmer than "n/a".
    return "" if value is None else column_cell(kind, value, places)


def _axis_data(axis: Axis) -> Dict[str, str]:
    return {"title": axis.title, "kind": axis.kind}


def _series_data(line: Series, index: int) -> Dict[str, Any]:
    data: Dict[str, Any] = {
        "label": inert(line.label),
        "colour": colour_data(line.colour, index),
        "values": [json_number(value) for value in line.values],
    }
    if line.style:
        data["style"] = line.style
    if line.recompute:
        data["over"] = line.recompute.script_form
    return data


def colour_data(colour: Colour, index: int = 0) -> Union[int, str]:
    """Return a palette place, or a role's name; `index` is the place among several series."""
    if isinstance(colour, tuple):
        return colour_of(*colour)
    if colour in ROLES:
        return str(colour)
    return "accent" if index == 0 else index % COLOURS
