"""A table whose keys are merged as its rows come in, so that no more than a bound is held."""

from __future__ import annotations

from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

from finops.engines.decode import KeyReader
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.measures import CUSTOMER_DIMENSIONS
from finops.rollups.spec import Table


class _Numbering(Dict[Any, int]):
    """A number for each part of a key, in the order in which they came."""

    def __missing__(self, part: Any) -> int:
        self[part] = number = len(self)
        return number


def coarse_groups(
    table: Table, rows: Iterable[Sequence[Any]], coarsening: Coarsening, most: int
) -> Optional[CoarseGroups]:
    """Return the merged groups of the rows of a table, None where there are more than `most`.

    The table is by a time first, then by dimensions of the customer, then by those of the call.
    """
    keys = KeyReader(table)
    split = 1 + sum(name in CUSTOMER_DIMENSIONS for name in table.dimension_names[1:])
    times, customers, calls = _Numbering(), _Numbering(), _Numbering()
    added: Dict[Tuple[int, int, int], List[int]] = {}
    for row in rows:
        key = keys.of(row)
        place = (
            times[coarsening.time(key[0])],
            customers[coarsening.customer(key[1:split])],
            calls[coarsening.call(key[split:])],
        )
        sums = [int(value) for value in row[keys.count :]]
        known = added.get(place)
        added[place] = sums if known is None else [a + b for a, b in zip(known, sums)]
        if len(added) > most:
            return None
    return CoarseGroups(
        list(times),
        list(customers),
        list(calls),
        [time for time, _, _ in added],
        [customer for _, customer, _ in added],
        [call for _, _, call in added],
        [list(column) for column in zip(*added.values())],
    )
