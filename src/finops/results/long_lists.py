"""Long lists of a result: its JSON has their first rows, and one row on all others.

So a result of a million customers is a file of some megabytes.  A page needs the whole list all
the same: how many rows there are, what is drawn of them.  So a list in the memory of a run has
both, until its page is written.  Where there are many more rows than customers, rows are made only
while they are walked.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import islice
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterator,
    List,
    Optional,
    Sequence,
    Type,
    TypeVar,
    Union,
    overload,
)

Row = TypeVar("Row")

# The key of the row on all others: how many these are.
REST = "rest"
# First fields of rows that are a series in time: no chart has a use for a part of one.  Where a
# name is the second field, the list is one of names by time, and as long as there are names.
_TIMES = ("Date", "Hour", "Week", "Month", "Timestamp")
# The first field of findings, of which there are few, and none is left out.
_FINDING = "severity"
# What adds up over the rows of a list: calls, tokens, money.
_ADDED = frozenset(
    {
        *("call_count", "total_calls", "unpriced_calls", "recent_calls", "previous_calls"),
        *("rate_limit_errors", "switches", "tokens", "total_tokens"),
        *("cost", "total_cost", "monthly_cost", "wasted_cost", "current_cost", "alternative_cost"),
        *("savings", "estimated_savings", "monthly_savings"),
        *("monthly_revenue", "monthly_margin", "lost_monthly_revenue"),
        *("flat_rate", "usage_based", "tiered", "hybrid"),
    }
)


class MadeRows(Sequence[Row]):
    """Rows that are made of something each as they are walked, and let go of then.

    `of` are as many things in order, such as the names of the rows or the groups of a table, and
    `make` returns the row of one.
    """

    def __init__(
        self, of: Collection[Any], make: Callable[[Any], Row], places: Optional[range] = None
    ) -> None:
        self._of = of
        self._make = make
        self._places = range(len(of)) if places is None else places

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Row]:
        return map(self._make, islice(self._of, self._places.start, self._places.stop))

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Row]: ...

    def __getitem__(self, place: Union[int, slice]) -> Union[Row, Sequence[Row]]:
        places = self._places[place]
        if isinstance(places, int):
            return next(iter(MadeRows(self._of, self._make, range(places, places + 1))))
        if places.step != 1:
            return list(self)[place]
        return MadeRows(self._of, self._make, places)


class LongList(List[Dict[str, Any]]):
    """The rows that the JSON has, the last one being that on all others.

    `rows` are all of the list as the sections that they are, None once they were let go.
    """

    def __init__(self, listed: Sequence[Dict[str, Any]], rows: Optional[Sequence[Any]]) -> None:
        super().__init__(listed)
        self.rows = rows


def is_cut(kind: Type[Any], count: int, most: Optional[int]) -> bool:
    """Return whether a list of so many rows of a section is cut to `most`; None cuts none."""
    if most is None or count <= most or kind._fields[0] == _FINDING:
        return False
    first, second = (*map(partial(_annotation, kind), kind._fields[:2]), "")[:2]
    return first not in _TIMES or second == "str"


def _annotation(kind: Type[Any], field: str) -> str:
    given = kind.__annotations__[field]
    return str(getattr(given, "__forward_arg__", given))


def rest_of(rows: Sequence[Any]) -> Dict[str, Any]:
    """Return the row on some rows of a list: how many there are, and the sums of what adds up.

    A sum is None where one of its amounts is not known.
    """
    fields: Sequence[str] = rows[0]._fields
    rest: Dict[str, Any] = {REST: len(rows)}
    for place, name in enumerate(fields):
        if name in _ADDED:
            rest[name] = _sum([row[place] for row in rows])
    return rest


def _sum(values: Sequence[Any]) -> Any:
    if None in values:
        return None
    return sum(values) if all(isinstance(value, int) for value in values) else math.fsum(values)


def listed(rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows of a list of a result's JSON without that on all others."""
    is_cut_short = bool(rows) and isinstance(rows[-1], dict) and REST in rows[-1]
    return rows[:-1] if is_cut_short else rows


def count_of(rows: Sequence[Any]) -> int:
    """Return how many rows a list of a result's JSON stands for."""
    few = listed(rows)
    return len(few) + sum(int(row[REST]) for row in rows[len(few) :])


def let_go(result: Any) -> None:
    """Let go of the rows of long lists that the JSON does not have."""
    if isinstance(result, dict):
        for value in result.values():
            let_go(value)
    elif isinstance(result, LongList):
        result.rows = None
