"""Events and incidents on charts over time: a numbered line where each began, and a list below.

A chart leaves room for them when it is made, and the page, which knows the events, puts them in
or takes the room away.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Set

from finops.generators import formatting
from finops.generators.markup import Markup, Token, fill, join, token
from finops.generators.svg import HEIGHT

# Events that a chart marks, the last ones; more would hide it.
_MOST_MARKS = 16
# Share of an axis below which the numbers of two lines run into each other.
_LEAST_GAP = 0.04
# The same for a narrow chart, which leaves out the second number.
_NARROW_GAP = 0.1
# Width of a digit, and of a narrow chart between its axes: labels such as `13–14` need more.
_DIGIT_PX = 7
_NARROW_PX = 240
# Kinds of an axis whose labels begin with their date.
TIMES = ("date", "hour")


class Mark(NamedTuple):
    """An event on a chart: its number, its date, and the place of its label."""

    number: int
    date: str
    words: str
    place: int


def room(name: str) -> Markup:
    """Return where the lines of a chart's events go."""
    return fill('<g id="events-$name"></g>', name=token(name))


def room_below(name: str) -> Markup:
    """Return where the list of a chart's events goes."""
    return fill('<p id="event-list-$name"></p>', name=token(name))


def with_events(
    markup: str, charts: Mapping[str, Dict[str, Any]], events: Sequence[Mapping[str, str]]
) -> Markup:
    """Return a page's markup with the events in the room of its charts, which list them.

    `charts` are the data of charts by name; those over dates get `events` for the script.
    `events` are {start, end, title, subject}.  A chart with the events of the one before says so
    instead of listing them again.
    """
    listed = Markup("")
    for name, data in charts.items():
        marks = marks_of(data, events)
        lines = _by_place(marks)
        labels = _labels(lines, len(data["labels"]))
        if marks:
            data["events"] = [[same[0].date, label] for same, label in zip(lines, labels)]
        narrow = _far_apart(lines, labels, len(data["labels"]))
        drawn = join(
            (
                _line(same[0], label, data, at in narrow)
                for at, (same, label) in enumerate(zip(lines, labels))
            ),
            "",
        )
        markup = markup.replace(room(name), drawn)
        here = _list(marks, len(_inside(data, events)) - len(marks))
        markup = markup.replace(room_below(name), _same(marks) if here == listed else here)
        listed = here or listed
    return Markup(markup)


def marks_of(data: Mapping[str, Any], events: Sequence[Mapping[str, str]]) -> List[Mark]:
    """Return the events within the days or hours of a chart, the last ones where they are many."""
    labels = _days(data)
    return [
        Mark(
            number,
            event["start"],
            event_words(event),
            _place(labels, event["start"]),
        )
        for number, event in enumerate(_inside(data, events)[-_MOST_MARKS:], start=1)
    ]


def _days(data: Mapping[str, Any]) -> List[str]:
    """Return the date that each label of a chart over time begins with."""
    return [str(label)[:10] for label in data["labels"]]


def _inside(
    data: Mapping[str, Any], events: Sequence[Mapping[str, str]]
) -> List[Mapping[str, str]]:
    """Return the events of a chart's days or hours; none of a chart of anything else."""
    labels = _days(data)
    if data["x"]["kind"] not in TIMES or len(labels) < 2 or labels != sorted(labels):
        return []
    return [event for event in events if labels[0] <= event["start"] <= _end(labels, data)]


def _place(labels: Sequence[str], date: str) -> int:
    """Return the first label of a date, else the last before it."""
    first = bisect_left(labels, date)
    return first if first < len(labels) and labels[first] == date else first - 1


def _end(labels: Sequence[str], data: Mapping[str, Any]) -> str:
    # A label of several days stands for the first of them, so the chart says the last of all.
    return str(data.get("end", labels[-1]))


def event_words(event: Mapping[str, str]) -> str:
    """Return an event as a list of events says it: title, subject and the day it began."""
    subject = event.get("subject") or ""
    for kind in ("provider", "feature", "product"):
        subject = formatting.name(kind, subject)
    title = f"{event['title']} ({subject})" if subject else event["title"]
    return f"{title}, {formatting.short_day(event['start'])}"


def _by_place(marks: Sequence[Mark]) -> List[List[Mark]]:
    """Return marks with those together that would be drawn over each other."""
    together: Dict[int, List[Mark]] = {}
    for mark in marks:
        together.setdefault(mark.place, []).append(mark)
    return list(together.values())


def _labels(lines: Sequence[Sequence[Mark]], count: int) -> List[str]:
    """Return what stands over each line: numbers that follow each other, `2` or `2–4`.

    Lines that stand so close that their numbers would read as one share a label, which the
    first of them has.
    """
    labels = [""] * len(lines)
    first = 0
    for at, line in enumerate(lines):
        if (line[0].place - lines[first][0].place) / count > _LEAST_GAP:
            first = at
        start, end = lines[first][0].number, line[-1].number
        labels[first] = str(start) if start == end else f"{start}–{end}"
    return labels


def _far_apart(lines: Sequence[Sequence[Mark]], labels: Sequence[str], count: int) -> Set[int]:
    """Return which labels have room in a narrow chart."""
    kept: List[int] = []
    for at, line in enumerate(lines):
        before, shown = (lines[kept[-1]][0].place, labels[kept[-1]]) if kept else (-count, "")
        gap = max(_NARROW_GAP, ((len(shown) + len(labels[at])) / 2 * _DIGIT_PX + 6) / _NARROW_PX)
        if labels[at] and (line[0].place - before) / count > gap:
            kept.append(at)
    return set(kept)


def _line(mark: Mark, label: str, data: Mapping[str, Any], narrow: bool) -> Markup:
    count = len(data["labels"])
    line = data["shape"] == "line"
    share = mark.place / (count - 1) if line else (mark.place + 0.5) / count
    x = token(f"{share * 100:.2f}%")
    return fill(
        '<line class="event" x1="$x" x2="$x" y1="0" y2="$height"/>'
        '<text class="$side" x="$x" y="-4">$number</text>',
        side=Token("mid" if narrow else "mid wide"),
        x=x,
        height=token(HEIGHT),
        number=label,
    )


def _same(marks: Sequence[Mark]) -> Markup:
    if not marks:
        return Markup("")
    numbers = f"Events 1–{len(marks)}" if len(marks) > 1 else "Event 1"
    return fill(
        '<p class="events">$numbers: as in the previous chart over time.</p>', numbers=numbers
    )


def _list(marks: Sequence[Mark], unmarked: int) -> Markup:
    if not marks:
        return Markup("")
    named = "; ".join(f"{mark.number}: {mark.words}" for mark in marks)
    if unmarked:
        earlier = "earlier one is" if unmarked == 1 else "earlier ones are"
        named += f"; {formatting.count(unmarked)} {earlier} not marked"
    return fill('<p class="events">Events: $named.</p>', named=named)
