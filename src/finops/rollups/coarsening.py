"""A table whose keys are merged while its cells are added up, so that its size has a bound.

Some tables have nearly as many groups as there are calls.  Who needs such a table only as far as
it fits somewhere says how keys are merged and how many groups there may be; cells of the packed
cubes are then put into groups by merged key, and never more groups are held than that.  What cells
hold is added up a column at a time, once it is known that there are no more groups.
"""

from __future__ import annotations

from array import array
from operator import add
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.cells import IntArray, compact, joined
from finops.rollups.columns import CUSTOMER_POSITION, FilledCube
from finops.rollups.measures import (
    Dimension,
    Measure,
    dimension_of,
    measure_of,
    signed_parts,
)
from finops.rollups.spec import Table

# The bits of a code for a merged call's key, below those for a merged customer's.
_CALL_BITS = 32
_CALL_MASK = (1 << _CALL_BITS) - 1
Part = Tuple[Any, ...]


def _unchanged(part: Any) -> Any:
    return part


class Coarsening(NamedTuple):
    """How keys are merged: a time value, the dimensions of the customer, those of the call.

    Each function takes its part of a key and returns that of the merged key, of as many values.
    """

    time: Callable[[str], str] = _unchanged
    customer: Callable[[Part], Part] = _unchanged
    call: Callable[[Part], Part] = _unchanged


class CoarseGroups(NamedTuple):
    """Groups by the places of their parts in lists of names, a column for each measure.

    `time_at`, `customer_at` and `call_at` are places in `times`, `customers` and `calls`, as
    many as there are groups; `sums` are whole numbers of the measure's own unit.
    """

    times: Sequence[str]
    customers: Sequence[Part]
    calls: Sequence[Part]
    time_at: Sequence[int]
    customer_at: Sequence[int]
    call_at: Sequence[int]
    sums: Sequence[Sequence[int]]


class _Numbering(Dict[Any, int]):
    """A number for each part of a key, in the order in which they came."""

    def __missing__(self, part: Any) -> int:
        self[part] = number = len(self)
        return number


def coarse_groups(
    table: Table, cubes: Sequence[FilledCube], coarsening: Coarsening, most: int
) -> Optional[CoarseGroups]:
    """Return the merged groups of a table, None where there are more than `most`.

    The table is by a time first, then by dimensions of the customer, then by those of the call.
    Sums are whole numbers of the measure's own unit: costs in 10**-12 USD.
    """
    merging = _Merging(table, cubes, coarsening)
    found = merging.groups(most)
    if found is None:
        return None
    groups = _Groups()
    for of_time in found:
        groups.append(of_time)
    # Rows that were left out have keys as well, but are in no group.
    used_customers, customer_at = _used(merging.customers, groups.customer_at)
    used_calls, call_at = _used(merging.calls, groups.call_at)
    return CoarseGroups(
        groups.times,
        used_customers,
        used_calls,
        groups.time_at,
        customer_at,
        call_at,
        [merging.sums(measure, found) for measure in merging.measures],
    )


def _places_by_time(
    cubes: Sequence[FilledCube], coarsening: Coarsening
) -> Dict[str, List[Tuple[int, int]]]:
    """Return the time values that each merged one has, as (cube, place)."""
    places: Dict[str, List[Tuple[int, int]]] = {}
    for number, cube in enumerate(cubes):
        for place, time in enumerate(cube.packed.times):
            places.setdefault(coarsening.time(time), []).append((number, place))
    return places


class _TimeGroups(NamedTuple):
    """The groups of a merged time.

    `codes` are of merged customer and merged call.  `cells` are (cube, place of a time in it, the
    group of each of its cells).
    """

    time: str
    codes: IntArray
    cells: List[Tuple[int, int, IntArray]]


class _Merging:
    """Puts the cells of cubes into groups of the same merged customer and merged call.

    `customers` and `calls` are the merged names in the order of their numbers.
    """

    def __init__(self, table: Table, cubes: Sequence[FilledCube], coarsening: Coarsening) -> None:
        self.measures = [m for m in map(measure_of, table.measures) if isinstance(m, Measure)]
        self.customers, self.calls = _Numbering(), _Numbering()
        dimensions = list(map(dimension_of, table.by[1:]))
        self._cubes = cubes
        self._places = _places_by_time(cubes, coarsening)
        at = _customer_places(dimensions)
        of_customer = [
            _numbers(cube.customer_keys, at, coarsening.customer, self.customers) for cube in cubes
        ]
        self._of_customer = [[number << _CALL_BITS for number in each] for each in of_customer]
        self._of_call = [
            _numbers(cube.keys, _call_places(cube, dimensions), coarsening.call, self.calls)
            for cube in cubes
        ]

    def groups(self, most: int) -> Optional[List[_TimeGroups]]:
        """Return the groups of each merged time, None where there are more than `most` in all.

        No sum is looked at before it is known that there are not.
        """
        found: List[_TimeGroups] = []
        count = 0
        for time, places in self._places.items():
            numbering = _Numbering()
            cells = []
            for number, place in places:
                codes = self._codes(number, place)
                cells.append((number, place, array("I", map(numbering.__getitem__, codes))))
                if count + len(numbering) > most:
                    return None
            count += len(numbering)
            if numbering:
                found.append(_TimeGroups(time, array("Q", numbering), cells))
        return found

    def _codes(self, number: int, place: int) -> Iterable[int]:
        """Return for each cell of a time value of a cube the code of its group."""
        cells = self._cubes[number].cells(place, place + 1)
        customers = map(self._of_customer[number].__getitem__, cells.customer_codes())
        return map(add, customers, map(self._of_call[number].__getitem__, cells.key_codes()))

    def sums(self, measure: Measure, found: Sequence[_TimeGroups]) -> Sequence[int]:
        """Return a measure of all groups."""
        return joined([compact(self._added(measure, of_time)) for of_time in found])

    def _added(self, measure: Measure, groups: _TimeGroups) -> List[int]:
        """Return a measure of the groups of a merged time."""
        added = [0] * len(groups.codes)
        for number, place, group_of in groups.cells:
            cells = self._cubes[number].cells(place, place + 1)
            for part, sign in signed_parts(measure):
                column = cells.raw_column(part)
                if column is None:
                    continue
                for group, value in zip(group_of, column):
                    added[group] += sign * value
        return added


class _Groups:
    """The parts of all groups' keys, in arrays."""

    def __init__(self) -> None:
        self.times: List[str] = []
        self.time_at = array("I")
        self.customer_at = array("I")
        self.call_at = array("I")

    def append(self, groups: _TimeGroups) -> None:
        """Append the groups of one merged time."""
        self.time_at.extend([len(self.times)] * len(groups.codes))
        self.times.append(groups.time)
        self.customer_at.extend([code >> _CALL_BITS for code in groups.codes])
        self.call_at.extend([code & _CALL_MASK for code in groups.codes])


def _used(names: Iterable[Any], at: Sequence[int]) -> Tuple[List[Any], Sequence[int]]:
    """Return those of some names that groups have, and at which of these each group is."""
    listed = list(names)
    used = sorted(set(at))
    number = {place: n for n, place in enumerate(used)}
    return [listed[place] for place in used], array("I", map(number.__getitem__, at))


def _customer_places(dimensions: Sequence[Dimension]) -> List[int]:
    return [CUSTOMER_POSITION[d.name] for d in dimensions if d.name in CUSTOMER_POSITION]


def _call_places(cube: FilledCube, dimensions: Sequence[Dimension]) -> List[int]:
    return [cube.position(d) for d in dimensions if d.name not in CUSTOMER_POSITION]


def _numbers(
    keys: Sequence[Sequence[Any]],
    places: Sequence[int],
    merge: Callable[[Part], Part],
    numbering: _Numbering,
) -> List[int]:
    """Return the number of the merged key for each code of a cube."""
    return [numbering[merge(tuple(key[place] for place in places))] for key in keys]
