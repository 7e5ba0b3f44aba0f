"""Choosing dates on a page: sums by day, from which the browser recomputes what it shows.

A page that opts in carries one `Daily`.  The reader picks a preset or two dates; cards that
declare `over` are recomputed and compared with the days before, charts and tables over dates
are cut to the chosen days, tables with `Over` and charts that `follow` them are recomputed from
sums by key and day, and everything else is marked as covering the whole period.  The choice
stands in the address (`#range=30`, `#range=2025-01-01..2025-01-31`) and goes along to the
other reports.
"""

from __future__ import annotations

import math
from datetime import timedelta
from types import MappingProxyType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Collection,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
)

from finops.generators.charts import MAX_LABELS, Colour, colour_data
from finops.generators.components import Part
from finops.generators.markup import Markup, fill, inert, join, json_number, token
from finops.generators.packed_sums import Sums, pack_window, packed
from finops.generators.recompute import Percentile, Recompute, measures_of
from finops.generators.tables import Column
from finops.results.performance import PercentileWindow
from finops.timestamps import date_of

PRESETS: Tuple[int, ...] = (7, 30, 90)
# Fractions travel as whole numbers of a millionth, of less where all are small.
_SCALE = 10**6
_FINE_SCALE = 10**9


_Row = TypeVar("_Row")

if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object


class Dated(Protocol):
    """A row of one day."""

    @property
    def date(self) -> str:
        """The day as YYYY-MM-DD."""


_Day = TypeVar("_Day", bound=Dated)


class Daily(NamedTuple):
    """Sums by day: `days` (YYYY-MM-DD, ascending) and as many numbers for each measure.

    `sums` are those by key and day that tables of the page are recomputed from, `windows` what
    an analyzer gives to tell percentiles of any days, by name.
    """

    days: Sequence[str]
    measures: Mapping[str, Sequence[Any]]
    sums: Sequence[Optional[Sums]] = ()
    windows: Mapping[str, PercentileWindow] = MappingProxyType({})

    @classmethod
    def of(
        cls,
        rows: Sequence[_Day],
        measures: Mapping[str, Callable[[_Day], Optional[float]]],
        sums: Sequence[Optional[Sums]] = (),
    ) -> Daily:
        """Return the days of rows that have a `date`, and what each measure makes of a row.

        What it does not know of a day is None.
        """
        days = [str(row.date) for row in rows]
        made = {name: list(map(get, rows)) for name, get in measures.items()}
        return cls(days, made, sums)

    def check(self, recompute: Optional[Recompute]) -> None:
        """Raise ValueError where a figure is recomputed from what the page does not carry."""
        there = self.windows if isinstance(recompute, Percentile) else self.measures
        for name in measures_of(recompute) if recompute else ():
            if name not in there:
                raise ValueError(f"the page has no daily {name} to recompute a figure from")


def follow(
    chart: Part,
    table: str,
    columns: Sequence[Column[_Row]],
    label: Column[_Row],
    values: Sequence[Column[_Row]],
    most: int = MAX_LABELS,
    colours: Sequence[Colour] = (),
    groups: Sequence[str] = (),
    highest: Optional[Column[_Row]] = None,
    split: Optional[Column[_Row]] = None,
) -> Part:
    """Return a bar chart of a table's first rows as one that follows chosen dates with it.

    `columns` are those of the table named `table`; `label` and `values` (one for each series)
    are among them; `most` is how many rows are drawn; `colours` and `groups` are those of
    all rows of the table, in its order, where bars or points have their own.  The rows come in
    the table's order, or the `highest` of that column first.  With `split` a chart of one value
    has a series for each text of that column.
    """
    place = list(columns).index
    follows: Dict[str, Any] = {
        "table": table,
        "label": place(label),
        "values": [place(column) for column in values],
        "most": most,
    }
    if colours:
        follows["colours"] = [colour_data(colour) for colour in colours]
    if highest:
        follows["highest"] = place(highest)
    if split:
        follows["split"] = place(split)
    if groups:
        follows["groups"] = [inert(group) for group in groups]
    charts = {
        name: dict(data, follows=follows) for name, data in chart.data.get("charts", {}).items()
    }
    return Part(chart.markup, dict(chart.data, charts=charts)) if charts else chart


def range_bar(daily: Daily, partial: Collection[str] = ()) -> Part:
    """Return the controls for choosing dates, shown where scripts run; nothing without days,
    or where these are no dates.

    Presets end on the last day that is not `partial`, and nothing is compared with a partial first
    one: two hours of a day would look like a fall.
    """
    calendar = _calendar(daily.days)
    if not calendar:
        return Part(Markup(""))
    whole = [day for day in daily.days if day not in partial]
    if whole and len(whole) < len(daily.days):
        calendar["whole"] = [whole[0], whole[-1]]
    presets = join(
        fill('<button type="button" id="range-$days">Last $days days</button>', days=token(days))
        for days in PRESETS
        if days < len(whole or daily.days)
    )
    markup = fill(
        '<form class="range" id="range" hidden aria-label="Dates shown">'
        '<button type="button" id="range-all" aria-pressed="true">Whole period</button>$presets'
        '<label>From <input type="date" id="range-from" aria-describedby="range-wrong"></label>'
        '<label>to <input type="date" id="range-to" aria-describedby="range-wrong"></label>'
        '<span class="wrong" id="range-wrong" role="alert"></span>'
        '<span class="chosen" role="status"></span></form>',
        presets=presets,
    )
    measures = {name: _packed(values) for name, values in daily.measures.items()}
    data: Dict[str, Any] = dict(calendar, measures=measures)
    parts: Dict[str, Dict[str, Any]] = {
        "ranged": data,
        "sums": {item.name: dict(item.data) for item in daily.sums if item},
        "windows": {name: pack_window(item) for name, item in daily.windows.items()},
    }
    return Part(markup, {kind: part for kind, part in parts.items() if part})


def _calendar(days: Sequence[str]) -> Dict[str, Any]:
    """Return the first day, the number of calendar days, and the places of absent ones."""
    try:
        dates = [date_of(day) for day in days]
    except (TypeError, ValueError):
        return {}
    if not dates or [each.isoformat() for each in dates] != sorted(days):
        return {}
    places = {(each - dates[0]) // timedelta(1) for each in dates}
    length = max(places) + 1
    absent = [place for place in range(length) if place not in places]
    return {"first": dates[0].isoformat(), "length": length, "absent": absent}


def _packed(values: Sequence[Any]) -> Dict[str, Any]:
    """Return a measure's values as digits and their scale, or as they are if some are below 0.

    `unknown` are the places of those that are not known, if there are any.
    """
    found = [json_number(value) for value in values]
    numbers = [number or 0 for number in found]
    unknown = {"unknown": [at for at, number in enumerate(found) if number is None]}
    if any(number < 0 for number in numbers):
        return {"values": numbers, **(unknown if None in found else {})}
    scale = 1
    if any(isinstance(number, float) for number in numbers):
        scale = _SCALE if math.fsum(numbers) >= 1 else _FINE_SCALE
    whole: List[int] = [round(number * scale) for number in numbers]
    return {
        "scale": scale,
        "digits": packed(whole),
        **(unknown if None in found else {}),
    }
