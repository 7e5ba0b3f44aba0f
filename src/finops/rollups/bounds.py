"""Which of a table's groups are delivered where there would be too many: those of the last days,
changes alone, or the first ones.

What is said of them is said of filled groups, so that it means the same whatever filled them.
"""

from __future__ import annotations

from datetime import date
from itertools import groupby, islice
from typing import Dict, Iterable, Iterator, Tuple

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
    """Return the groups, in key order as they are, that the words of a table leave of them."""
    if table.since:
        place = table.by.index("day" if "day" in table.by else "hour")
        first = first_day(table, (key[place] for key in groups))
        groups = {key: values for key, values in groups.items() if key[place] >= first}
    if table.changes:
        groups = dict(_changes(table, groups))
    if table.limit and len(groups) > table.limit:
        groups = dict(islice(groups.items(), table.limit))
    return groups


def _changes(table: Table, groups: Dict[Key, Values]) -> Iterator[Tuple[Key, Values]]:
    """Yield the groups whose number is known and another than the last known one before."""
    place = table.measure_names.index(table.changes)
    for _, same in groupby(groups.items(), lambda group: group[0][0]):
        before = None
        for _, at_a_time in groupby(same, lambda group: group[0][1]):
            key, values = max(at_a_time, key=lambda group: (group[1][place], group[0][2] or 0))
            if key[2] is not None and key[2] != before:
                before = key[2]
                yield key, values
