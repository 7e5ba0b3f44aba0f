"""Which of a table's groups are delivered where there would be too many: the last days, the first.

What is said of them is said of filled groups, so that it means the same whatever filled them.
"""

from __future__ import annotations

from datetime import date
from itertools import islice
from typing import Dict, Iterable

from finops.rollups.spec import Key, Table, Values
from finops.timestamps import date_of

_DATE = len("2025-01-31")


def first_day(table: Table, times: Iterable[str]) -> str:
    """Return the first date that a table has groups of, given all times that there are groups of.

    "" where `since` leaves out nothing.
    """
    last = max(times, default="") if table.since else ""
    if not last:
        return ""
    ordinal = date_of(last[:_DATE]).toordinal() - table.since + 1
    return date.fromordinal(max(1, ordinal)).isoformat()


def bounded(table: Table, groups: Dict[Key, Values]) -> Dict[Key, Values]:
    """Return the groups, which are in key order, that `since` and `limit` leave of a table."""
    if table.since:
        place = table.by.index("day" if "day" in table.by else "hour")
        first = first_day(table, (key[place] for key in groups))
        groups = {key: values for key, values in groups.items() if key[place] >= first}
    if table.limit and len(groups) > table.limit:
        groups = dict(islice(groups.items(), table.limit))
    return groups
