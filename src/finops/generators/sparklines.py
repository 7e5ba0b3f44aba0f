"""Sparklines: what a row of a table had day by day, as a small line at its end.

A table leaves room for them when it is made, and the page, which knows how many bytes it has
left, draws those of whole tables in order or takes the room away.  The page's script draws the
lines of other rows, and of chosen dates, from the same sums (`assets/sparklines.js`).
"""

from __future__ import annotations

import math
import re
from typing import (
    AbstractSet,
    Any,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from finops.generators import formatting
from finops.generators.markup import Markup, fill, inert, outline, token
from finops.generators.packed_sums import Sums
from finops.generators.recompute import Ratio, Sum

# The kind of a part's data that holds what the lines of tables are drawn from, by table.
SPARKLINES = "sparklines"
# Fewer points are no line; more than fit into its width are averages.
LEAST_POINTS = 5
MOST_POINTS = 24
# Pixels across and down, the line's own breadth left out.
WIDTH = 58
HEIGHT = 14
_ROOM = re.compile(r'<t([hd]) id="spark-([\w.-]+)-(\d+)"></t[hd]>')

Points = Sequence[Optional[float]]


class Source(NamedTuple):
    """What the lines of a table are drawn from: the figure, its name and kind, and the sums.

    `row_of` gives for each key of the sums the place of its row.  `unknown` rows, of which the
    figure is not known, have no line.
    """

    label: str
    kind: str
    figure: Union[Sum, Ratio]
    sums: Sums
    row_of: Sequence[int]
    unknown: AbstractSet[int] = frozenset()


def room(table: str, row: int, head: bool = False) -> Markup:
    """Return where the line of a row goes, or the heading above the lines."""
    template = '<th id="spark-$table-$row"></th>' if head else '<td id="spark-$table-$row"></td>'
    return fill(template, table=token(table), row=token(row))


def script_form(source: Source) -> Dict[str, Any]:
    """Return what the script needs beside the table's sums to draw its lines."""
    form = {"over": source.figure.script_form, "kind": source.kind}
    return {**form, "unknown": sorted(source.unknown)} if source.unknown else form


def settle(
    tables: Mapping[str, Dict[str, Any]], sources: Mapping[str, Source], partial: AbstractSet[str]
) -> None:
    """Tell the script which bins the lines of tables are drawn from, as `with_sparklines` does."""
    for name, source in sources.items():
        tables[name]["spark"]["bins"] = whole_bins(source.sums, partial)


def with_sparklines(
    page: str, sources: Mapping[str, Source], partial: AbstractSet[str], most: int
) -> Markup:
    """Return a page with the lines of its tables, as many tables as fit into `most` bytes.

    `partial` are the days that the data covers only in part; they would look like a dip.
    """
    left = most - len(_ROOM.sub("", page).encode("utf-8"))
    cells: Dict[str, List[str]] = {}
    for name, source in sources.items():
        rows = sum(1 for match in _ROOM.finditer(page) if match.group(2) == name) - 1
        made = _cells(source, rows, partial)
        size = sum(len(cell.encode("utf-8")) for cell in made)
        if made and size <= left:
            left -= size
            cells[name] = made
    return Markup(
        _ROOM.sub(
            lambda match: (
                cells[match.group(2)][int(match.group(3)) + (match.group(1) == "d")]
                if match.group(2) in cells
                else ""
            ),
            page,
        )
    )


def _cells(source: Source, rows: int, partial: AbstractSet[str]) -> List[str]:
    """Return the heading and the cells of the first rows; none where there is no line to draw."""
    first, after = whole_bins(source.sums, partial)
    if after - first < LEAST_POINTS:
        return []
    heading = fill(
        '<th scope="col" class="spark" title="$about">$label by day</th>',
        about=_about(after - first, source.sums.step),
        label=source.label,
    )
    return [
        heading,
        *(
            _cell([] if row in source.unknown else points(source, row, first, after), source.kind)
            for row in range(rows)
        ),
    ]


def whole_bins(sums: Sums, partial: AbstractSet[str]) -> Tuple[int, int]:
    """Return the first bin to draw and the one after the last: without those of part of a day,
    and without a first one of fewer days than the others.
    """
    days = sums.days
    if sums.step > 1:
        return (1 if len(days) % sums.step else 0, sums.bins)
    return (int(days[0] in partial), sums.bins - int(days[-1] in partial))


def _about(bins: int, step: int) -> str:
    days = -(-bins // MOST_POINTS) * step
    return "Each point is a day" if days == 1 else f"Each point is the average of {days} days"


def points(source: Source, row: int, first: int, after: int) -> List[Optional[float]]:
    """Return the points of a row: the figure of each day, or of several; None without a call."""
    spans = _spans(first, after)
    figure, step = source.figure, source.sums.step
    amounts = _added(source, figure.measure, row, spans)
    if isinstance(figure, Sum):
        lengths = [(end - start) * step for start, end in spans]
        return [amount / length for amount, length in zip(amounts, lengths)]
    divisors = _added(source, figure.by, row, spans)
    return [
        amount / divisor * figure.times if divisor else None
        for amount, divisor in zip(amounts, divisors)
    ]


def _spans(first: int, after: int) -> List[Tuple[int, int]]:
    """Return the first bin of each point and the one after its last; a short one comes first.

    >>> _spans(0, 5), _spans(0, 26)[:2]
    ([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], [(0, 2), (2, 4)])
    """
    width = -(-(after - first) // MOST_POINTS)
    ends = range(after, first, -width)
    return [(max(first, end - width), end) for end in reversed(ends)]


def _added(source: Source, measure: str, row: int, spans: Sequence[Tuple[int, int]]) -> List[float]:
    """Return what a row has of a measure in each span, all its keys together."""
    whole = source.sums.whole[measure]
    scale = source.sums.data["measures"][measure].get("scale", 1)
    own = [whole[key] for key, at in enumerate(source.row_of) if at == row]
    return [sum(sum(numbers[start:end]) for numbers in own) / scale for start, end in spans]


def _cell(amounts: Points, kind: str) -> Markup:
    known = [amount for amount in amounts if amount is not None]
    if not known:
        return Markup('<td class="spark"></td>')
    return fill(
        '<td class="spark"><svg role="img"><title>$words</title><path d="$d"></path></svg></td>',
        words=inert(words(known, kind)),
        d=outline(path(amounts)),
    )


def words(known: Sequence[float], kind: str) -> str:
    """Return a line in words.

    >>> words([1.5, 4, 2], "money")
    'First $1.50, last $2.00, highest $4.00'
    """
    ends = (known[0], known[-1], max(known))
    first, last, highest = (formatting.readable(kind, amount) for amount in ends)
    return f"First {first}, last {last}, highest {highest}"


def path(amounts: Points) -> str:
    """Return the line in whole pixels, from 0 at the bottom to the highest amount at the top.

    >>> path([0, 2, 1]), path([1, None, 1])
    ('M1 15l29-14 29 7', 'M1 1M59 1')
    """
    highest = max((amount for amount in amounts if amount is not None), default=0) or 1
    last = max(1, len(amounts) - 1)
    made, before = "", None
    for number, amount in enumerate(amounts):
        if amount is None:
            before = None
            continue
        x = 1 + math.floor(number / last * WIDTH + 0.5)
        y = 1 + HEIGHT - math.floor(max(0.0, amount) / highest * HEIGHT + 0.5)
        if before is None:
            made += f"M{x} {y}"
        else:
            step = f"{x - before[0]} {y - before[1]}".replace(" -", "-")
            made += f"{' ' if 'l' in made.rpartition('M')[2] else 'l'}{step}"
        before = (x, y)
    return made
