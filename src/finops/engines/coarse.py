"""A table whose keys are merged, so that no more groups than a bound come to this process.

Where an engine runs the statements it adds up as well: this process says only which parts of keys
become one.  Rows of a folder are added up as they are read.
"""

from __future__ import annotations

from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops.engines.decode import KeyReader
from finops.engines.engine import Engine
from finops.engines.statements import KeyPart, groups_by_numbers, numbered_keys
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.measures import CUSTOMER_DIMENSIONS
from finops.rollups.spec import Table

Place = Tuple[int, int, int]
_PARTS = ("times", "customers", "calls")


class _Numbering(Dict[Any, int]):
    """A number for each part of a key, in the order in which they came."""

    def __missing__(self, part: Any) -> int:
        self[part] = number = len(self)
        return number


class _Names:
    """The parts of merged keys: the time, the dimensions of the customer, those of the call.

    The table is by a time first, then by dimensions of the customer, then by those of the call.
    """

    def __init__(self, table: Table, coarsening: Coarsening) -> None:
        split = 1 + sum(name in CUSTOMER_DIMENSIONS for name in table.dimension_names[1:])
        self.count = len(table.by)
        self.spans = ((0, 1), (1, split), (split, self.count))
        self.parts = (_Numbering(), _Numbering(), _Numbering())
        self._keys = KeyReader(table)
        self._merge = (
            lambda part: coarsening.time(part[0]),
            coarsening.customer,
            coarsening.call,
        )

    def number(self, kind: int, values: Sequence[Any]) -> int:
        """Return the number of what a part of a key becomes."""
        part = self._keys.part(values, self.spans[kind][0])
        return self.parts[kind][self._merge[kind](part)]

    def place(self, row: Sequence[Any]) -> Place:
        """Return the numbers of what the key of a row becomes."""
        time, customer, call = (
            self.number(kind, row[first:end]) for kind, (first, end) in enumerate(self.spans)
        )
        return time, customer, call

    def groups(self, added: Dict[Place, List[int]]) -> CoarseGroups:
        """Return the groups by these numbers."""
        times, customers, calls = map(list, self.parts)
        time_at, customer_at, call_at = ([place[kind] for place in added] for kind in range(3))
        sums = [list(column) for column in zip(*added.values())]
        return CoarseGroups(times, customers, calls, time_at, customer_at, call_at, sums)


def coarse_groups(
    table: Table, rows: Iterable[Sequence[Any]], coarsening: Coarsening, most: int
) -> Optional[CoarseGroups]:
    """Return the merged groups of the rows of a table, None where there are more than `most`."""
    names = _Names(table, coarsening)
    added: Dict[Place, List[int]] = {}
    for row in rows:
        place = names.place(row)
        sums = [int(value) for value in row[names.count :]]
        known = added.get(place)
        added[place] = sums if known is None else [a + b for a, b in zip(known, sums)]
        if len(added) > most:
            return None
    return names.groups(added)


class EngineCells(NamedTuple):
    """The groups of a table that an engine keeps, with a number for each part of a key."""

    engine: Engine
    table: Table

    def keep(self) -> None:
        """Keep the groups; those of numbered keys take a fraction of the memory of named ones."""
        engine, table = self.engine, self.table
        parts = []
        for kind, (first, end) in zip(_PARTS, _Names(table, Coarsening()).spans):
            part = KeyPart(f"finops_cells_{kind}", first, end)
            engine.keep(part.relation, numbered_keys(engine.dialect, table, part))
            parts.append(part)
        engine.keep("finops_cells", groups_by_numbers(engine.dialect, table, parts))

    def groups(self, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return the merged groups, None where there are more than `most`."""
        names = _Names(self.table, coarsening)
        for kind, name in enumerate(_PARTS):
            self.engine.load(
                f"finops_merged_{name}",
                (("id", "bigint"), ("number", "bigint")),
                list(self._numbers(names, kind, name)),
            )
        numbers = ", ".join(f"{name}.number as {name}" for name in _PARTS)
        joins = "".join(
            f" join finops_merged_{name} {name} on {name}.id = c.n{place}"
            for place, name in enumerate(_PARTS)
        )
        # They are counted before anything is added up: most ways to merge keys leave too many.
        distinct = f"select distinct {numbers} from finops_cells c{joins}"
        ((count,),) = self.engine.rows(f"select count(*) from ({distinct}) merged")
        if int(count) > most:
            return None
        sums = ", ".join(f"sum(m{place})" for place in range(len(self.table.measures)))
        rows = self.engine.rows(
            f"select {numbers}, {sums} from finops_cells c{joins} group by 1, 2, 3"
        )
        added = {
            (int(row[0]), int(row[1]), int(row[2])): [int(value) for value in row[3:]]
            for row in rows
        }
        return names.groups(added)

    def _numbers(self, names: _Names, kind: int, name: str) -> Iterator[Tuple[int, int]]:
        first, end = names.spans[kind]
        keys = ", ".join(["id", *(f"k{place}" for place in range(first, end))])
        for number, *values in self.engine.rows(f"select {keys} from finops_cells_{name}"):
            yield int(number), names.number(kind, values)
