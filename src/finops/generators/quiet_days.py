"""Days and weeks without a call between others: a line has them, or its ends would be neighbours.

The data covers every date between its first and its last.  So a sum is 0 there, while what is
taken of calls, such as a latency or a rate, is not there, and its line breaks.
"""

from __future__ import annotations

import re
from typing import Callable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops.generators.recompute import Recompute, Sum
from finops.timestamps import days_between, monday_of, weeks_between

Values = Sequence[Optional[float]]

_DAY = re.compile(r"\d{4}-\d\d-\d\d$").match
_WEEK = re.compile(r"\d{4}-W\d\d$").match
# Kinds of numbers that are sums of a day.
_SUMS = ("money", "count", "tokens")
_LIMIT, _EDGES = "dashed", ("low", "high")


class Line(NamedTuple):
    """The values of a series, its style, and how they are made anew, as in `charts.Series`."""

    values: Values
    style: str
    recompute: Optional[Recompute]


def every_moment(labels: Sequence[object]) -> List[str]:
    """Return dates or ISO weeks with those between them; none where labels are neither, or in no
    order, or lack none.

    >>> every_moment(["2025-01-01", "2025-01-03"]), every_moment(["2025-W01", "2025-W03"])
    (['2025-01-01', '2025-01-02', '2025-01-03'], ['2025-W01', '2025-W02', '2025-W03'])
    >>> every_moment(["2025-01-01", "2025-01-02"]), every_moment(["a", "b"])
    ([], [])
    """
    texts = [str(label) for label in labels]
    if len(texts) < 2 or texts != sorted(set(texts)):
        return []
    between: Callable[[str, str], List[str]] = days_between
    ends = texts[0], texts[-1]
    weeks = all(map(_WEEK, texts))
    if not weeks and not all(map(_DAY, texts)):
        return []
    try:
        if weeks:
            ends = monday_of(texts[0]).isoformat(), monday_of(texts[-1]).isoformat()
            between = weeks_between
        made = between(*ends)
    except (ValueError, OverflowError):  # no such day or week
        return []
    return made if len(made) > len(texts) and set(texts) <= set(made) else []


def spread(
    labels: Sequence[object], lines: Sequence[Line], kind: str, moments: Sequence[str]
) -> List[List[Optional[float]]]:
    """Return the values of lines at every moment; `kind` is that of their numbers."""
    place = {str(label): at for at, label in enumerate(labels)}
    known = [
        str(labels[at])
        for line in lines
        if line.style not in (_LIMIT, *_EDGES)  # limits and forecasts
        for at, value in enumerate(line.values)
        if value is not None
    ]
    first, last = min(known, default=""), max(known, default="")
    inside = [(moment, first < moment < last) for moment in moments]
    return [_spread(line, place, kind, inside) for line in lines]


def _spread(
    line: Line, place: Mapping[str, int], kind: str, moments: Sequence[Tuple[str, bool]]
) -> List[Optional[float]]:
    constant = line.style == _LIMIT and len(set(line.values)) == 1
    adds_up = kind in _SUMS and (line.recompute is None or isinstance(line.recompute, Sum))
    nothing: Optional[float] = None
    if not line.style and adds_up and any(value is not None for value in line.values):
        nothing = 0.0
    return [
        line.values[place[moment]]
        if moment in place
        else line.values[0]
        if constant
        else nothing
        if inside
        else None
        for moment, inside in moments
    ]
