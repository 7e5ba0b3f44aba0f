"""Lines and bars over days whose first or last day is only partly covered: hollow, not dips.

Half a day looks like a collapse, so it is no point of the line.  A long line, whose points stand
for several days, keeps it.
"""

from __future__ import annotations

import math
import re
from typing import Any, List, Mapping, Sequence, Set

from finops import config
from finops.generators.charts import MAX_DAYS, MAX_MOMENTS, MAX_POINTS, PERIOD_ENDS, Series
from finops.generators.components import Part, combine, text
from finops.generators.quiet_days import every_moment
from finops.results.base import Basis, from_dict

_NOT_BY_DAY = (
    "Too much of the cost is in records that each stand for more than a day, such as the bill of a "
    "month. What a single day cost is not known, so nothing is drawn over time."
)
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)")


def known_by_day(data: Mapping[str, Any]) -> bool:
    """Return whether a result knows what its days cost, which the bill of a month does not.

    Its basis says so: of a week or more of days, none is whole.
    """
    basis = from_dict(Basis, data.get("basis") or {})
    return bool(basis.whole_days) or (basis.covered_days or 0) < config.SHORT_PERIOD_DAYS


def where_days_are_known(data: Mapping[str, Any], *parts: Part) -> Part:
    """Return parts that draw a result over time, or a sentence where no day is known."""
    return combine(parts) if known_by_day(data) else text(_NOT_BY_DAY)


def partial_dates(data: Mapping[str, Any]) -> Set[str]:
    """Return the first and the last date of a result's period, where they are not whole.

    `data["_context"]` says which they are: a date is whole where all calls of a typical day are
    within its covered hours.  Where it does not say, the first and the last hour of the period
    decide, or else the times of its calls.  Without these nothing is known to be partial.
    """
    context = data.get("_context") or {}
    if "partial_dates" in context:
        return set(context["partial_dates"])
    first, last = (
        _TIME.match(str(context.get(of_hour) or context.get(of_call) or ""))
        for of_hour, of_call in PERIOD_ENDS
    )
    partial = set()
    if first and first.group(2) > "00":
        partial.add(first.group(1))
    if last and last.group(2) < "23":
        partial.add(last.group(1))
    return partial


def day_lines(lines: Sequence[Series], dates: Sequence[str], partial: Set[str]) -> List[Series]:
    """Return lines over dates without the partial ones, and these as hollow marks.

    >>> [line.values for line in day_lines([Series("Cost", [1, 2])], ["d1", "d2"], {"d2"})]
    [[1, None], [None, 2]]
    """
    is_partial = [date in partial for date in dates]
    drawn = len(every_moment(dates) or dates)
    most = min(MAX_MOMENTS, MAX_POINTS // (2 * max(1, len(lines))))
    if not any(is_partial) or all(is_partial) or drawn > most:
        return list(lines)
    whole = [
        line._replace(values=[None if p else v for v, p in zip(line.values, is_partial)])
        for line in lines
    ]
    marks = [
        Series(
            _label(line, lines),
            [v if p else None for v, p in zip(line.values, is_partial)],
            line.colour or "accent",
            "hollow",
        )
        for line in lines
    ]
    return [*whole, *marks]


def stacked_days(bars: Sequence[Series], dates: Sequence[str], partial: Set[str]) -> List[Series]:
    """Return stacked bars over dates without the partial ones, and these as hollow bars of sums.

    >>> made = stacked_days([Series("A", [1, 2]), Series("B", [3, 4])], ["d1", "d2"], {"d2"})
    >>> [list(bar.values) for bar in made]
    [[1, None], [3, None], [None, 6.0]]
    """
    is_partial = [date in partial for date in dates]
    if not any(is_partial) or all(is_partial) or len(every_moment(dates) or dates) > MAX_DAYS:
        return list(bars)
    whole = [
        bar._replace(values=[None if p else v for v, p in zip(bar.values, is_partial)])
        for bar in bars
    ]
    sums = [math.fsum(v or 0.0 for v in values) for values in zip(*(bar.values for bar in bars))]
    return [
        *whole,
        Series(
            "Partial day", [s if p else None for s, p in zip(sums, is_partial)], "muted", "hollow"
        ),
    ]


def _label(line: Series, lines: Sequence[Series]) -> str:
    return "Partial day" if len(lines) == 1 else f"{line.label}, partial day"
