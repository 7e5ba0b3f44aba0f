"""Choosing dates on a page: sums by day, from which the browser recomputes what it shows.

A page that opts in carries one `Daily`.  The reader picks a preset or two dates; cards that
declare `over` are recomputed and compared with the days before, charts and tables over dates
are cut to the chosen days, and everything else is marked as covering the whole period.  The
choice stands in the address (`#range=30`, `#range=2025-01-01..2025-01-31`) and goes along
to the other reports.
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Sequence, Tuple

from finops.generators.components import Part
from finops.generators.markup import Markup, fill, inert, join, json_number, token

PRESETS: Tuple[int, ...] = (7, 30, 90)


class Daily(NamedTuple):
    """Sums by day: `days` (YYYY-MM-DD, ascending) and as many numbers for each measure."""

    days: Sequence[str]
    measures: Mapping[str, Sequence[Any]]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], measures: Sequence[str]) -> Daily:
        """Return the days of rows that have a `date` and the named measures."""
        days = [str(row.get("date")) for row in rows]
        return cls(days, {name: [row.get(name) or 0 for row in rows] for name in measures})


def range_bar(daily: Daily) -> Part:
    """Return the controls for choosing dates, shown where scripts run; nothing without days."""
    if not daily.days:
        return Part(Markup(""))
    presets = join(
        fill('<button type="button" id="range-$days">$days days</button>', days=token(days))
        for days in PRESETS
        if days < len(daily.days)
    )
    markup = fill(
        '<form class="range" id="range" hidden aria-label="Dates shown">'
        '<button type="button" id="range-all" aria-pressed="true">Whole period</button>$presets'
        '<label>From <input type="date" id="range-from"></label>'
        '<label>to <input type="date" id="range-to"></label>'
        '<span class="chosen" role="status"></span></form>',
        presets=presets,
    )
    data: Dict[str, Any] = {
        "days": [inert(day) for day in daily.days],
        "measures": {
            name: [json_number(value) for value in values]
            for name, values in daily.measures.items()
        },
    }
    return Part(markup, {"ranged": data})
