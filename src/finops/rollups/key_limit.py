"""How many different keys calls may have: a million customers would fill hours and the memory.

Each customer, each kind of call and each hour is a row of dozens of tables that live in memory
while reports are made.  Mostly so many are a mistake: a column of request ids that was taken for
customers or models, or one of other numbers that was taken for times.  So the caller says how
many there may be, and reading ends with one line as soon as there are more.  Keys of rows that
are left out do not count.
"""

from __future__ import annotations

from typing import AbstractSet, Any, Dict, Iterable, Mapping, Optional, Sequence, Set

from finops.errors import DataError
from finops.reader.encoding import Batch, CallKey, CustomerKey, KeyEncoder
from finops.rollups.cells import CubeSpec, customer_codes, key_codes
from finops.rollups.columns import FilledCube
from finops.rollups.hours import hours_of
from finops.rollups.measures import TIMESTAMP

_CUSTOMERS, _CALLS = "customers", "kinds of calls"
_HOURS, _DAYS = "hours", "days"
_TIMES = {"hour": _HOURS, "day": _DAYS}  # by the time that cubes group by
# A day takes as much time and memory as so many other keys: it is a point of dozens of lines.
_KEYS_A_DAY = 8


class TooManyKeysError(DataError):
    """There are more than `most` keys of a kind in `file`, which may be said later.

    Of their columns `column` has the most values, and so many; of times these are hours or days.
    """

    def __init__(self, most: int, kind: str, column: str, values: int, file: str = "") -> None:
        unit = kind if column == TIMESTAMP else "values"
        super().__init__(
            f"{file}: more than {most:,} {kind} (column {column} has {values:,} {unit} so far),"
            " and reports hold many rows in memory for each; choose fewer calls with --since or"
            f" --until, another column with --map {column}=COLUMN, or a larger --max-rows"
        )
        self.facts = (most, kind, column, values)

    def within(self, file: str) -> TooManyKeysError:
        """Return the error that names the file."""
        return TooManyKeysError(*self.facts, file=file)


class KeyCounter:
    """Counts the keys of the calls of one part; `most` of a kind are allowed, None: any number."""

    def __init__(self, encoder: KeyEncoder, most: Optional[int]) -> None:
        self._encoder = encoder
        self._most = most
        self._customers: Set[int] = set()
        self._calls: Set[int] = set()
        self._times: Dict[str, Set[str]] = {_HOURS: set(), _DAYS: set()}

    def add(self, batch: Batch) -> None:
        """Count the keys of a batch in time order; raises TooManyKeysError."""
        if self._most is None:
            return
        self._customers.update(batch.customers)
        self._calls.update(batch.calls)
        if len(self._customers) > self._most:
            keys = self._encoder.customer_keys
            raise _too_many(self._most, _CUSTOMERS, map(keys.__getitem__, self._customers))
        if len(self._calls) > self._most:
            calls = self._encoder.call_keys
            raise _too_many(self._most, _CALLS, map(calls.__getitem__, self._calls))
        hours = [hour for hour, _, _ in hours_of(batch.times)]
        self._times[_HOURS].update(hours)
        self._times[_DAYS].update(hour[:10] for hour in hours)
        for kind, times in self._times.items():
            _check_times(kind, times, self._most)


def check_keys(cubes: Mapping[CubeSpec, Sequence[FilledCube]], most: Optional[int]) -> None:
    """Raise TooManyKeysError where the cubes of all parts together have more keys than allowed."""
    if most is None:
        return
    for spec, filled in cubes.items():
        if spec.customers and sum(len(cube.customer_keys) for cube in filled) > most:
            customers: Set[Any] = set()
            for cube in filled:
                used = set(customer_codes(cube.packed.codes, spec))
                customers.update(tuple(cube.customer_keys[code]) for code in used)
            if len(customers) > most:
                raise _too_many(most, _CUSTOMERS, customers)
        if spec.dimensions and sum(len(cube.keys) for cube in filled) > most:
            keys: Set[Any] = set()
            for cube in filled:
                keys.update(tuple(cube.keys[code]) for code in set(key_codes(cube.packed.codes)))
            if len(keys) > most:
                names = [each.name for each in spec.dimensions]
                raise _too_many(most, _CALLS, keys, names)
        if spec.time in _TIMES:
            times = {time for cube in filled for time in cube.packed.times}
            _check_times(_TIMES[spec.time], times, most)


def _check_times(kind: str, times: AbstractSet[str], most: int) -> None:
    allowed = max(1, most // _KEYS_A_DAY) if kind == _DAYS else most
    if len(times) > allowed:
        raise TooManyKeysError(allowed, kind, TIMESTAMP, len(times))


def _too_many(
    most: int, kind: str, keys: Iterable[Sequence[Any]], columns: Sequence[str] = ()
) -> TooManyKeysError:
    """Return the error for keys, of which `columns` are by default those of their kind."""
    names = columns or (CustomerKey._fields if kind == _CUSTOMERS else CallKey._fields)
    values = [len(set(column)) for column in zip(*keys)]
    most_values = max(values)
    return TooManyKeysError(most, kind, names[values.index(most_values)], most_values)
