"""A table whose keys are merged while its cells are added up, so that its size has a bound.

Some tables have nearly as many groups as there are calls.  Who needs such a table only as far as
it fits somewhere says how keys are merged and how many groups there may be; cells of the packed
cubes are then added up by merged key, and never more groups are held than that.  Those of one
merged time are added up at a time, and kept in arrays then.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from operator import add
from typing import (
    Any,
    Callable,
    Collection,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.cells import compact, joined
from finops.rollups.columns import CUSTOMER_POSITION, FilledCube, SumField, sum_fields
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
    adding = _Adding(table, cubes, coarsening)
    groups = _Groups(len(adding.measures))
    for time, places in _places_by_time(cubes, coarsening).items():
        added: Dict[int, int] = defaultdict(int)
        for number, place in places:
            adding.add(added, number, place)
            if len(groups.customer_at) + len(added) > most:
                return None
        if added:
            groups.append(time, added, adding.columns(added.values()))
    # Rows that were left out have keys as well, but are in no group.
    used_customers, customer_at = _used(adding.customers, groups.customer_at)
    used_calls, call_at = _used(adding.calls, groups.call_at)
    return CoarseGroups(
        groups.times,
        used_customers,
        used_calls,
        groups.time_at,
        customer_at,
        call_at,
        groups.sums(),
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


class _Adding:
    """Adds up the cells of cubes by merged customer and merged call, as one code.

    `customers` and `calls` are the merged names in the order of their numbers.
    """

    def __init__(self, table: Table, cubes: Sequence[FilledCube], coarsening: Coarsening) -> None:
        self.measures = [m for m in map(measure_of, table.measures) if isinstance(m, Measure)]
        self.customers, self.calls = _Numbering(), _Numbering()
        dimensions = list(map(dimension_of, table.by[1:]))
        self._cubes = cubes
        ends = [cube.cells(0, 0) for cube in cubes]
        self._fields = sum_fields(ends, self.measures) if cubes else {}
        at = _customer_places(dimensions)
        self._of_customer = [
            _numbers(cube.customer_keys, at, coarsening.customer, self.customers) for cube in cubes
        ]
        self._of_call = [
            _numbers(cube.keys, _call_places(cube, dimensions), coarsening.call, self.calls)
            for cube in cubes
        ]

    def add(self, added: Dict[int, int], number: int, place: int) -> None:
        """Add the cells of a time value of a cube."""
        cells = self._cubes[number].cells(place, place + 1)
        keys = zip(
            map(self._of_customer[number].__getitem__, cells.customer_codes()),
            map(self._of_call[number].__getitem__, cells.key_codes()),
            cells.sums(self._fields),
        )
        for customer, call, sums in keys:
            added[(customer << _CALL_BITS) + call] += sums

    def columns(self, added: Iterable[int]) -> List[Sequence[int]]:
        """Return the measures of what was added up, a column for each."""
        return _whole_sums(list(added), self._fields, self.measures)


class _Groups:
    """The groups of the merged times that are complete, in arrays."""

    def __init__(self, measures: int) -> None:
        self.times: List[str] = []
        self.time_at = array("I")
        self.customer_at = array("I")
        self.call_at = array("I")
        self._columns: List[List[Sequence[int]]] = [[] for _ in range(measures)]

    def append(self, time: str, codes: Collection[int], columns: Sequence[Sequence[int]]) -> None:
        """Append the groups of one merged time."""
        self.time_at.extend([len(self.times)] * len(codes))
        self.times.append(time)
        self.customer_at.extend([code >> _CALL_BITS for code in codes])
        self.call_at.extend([code & _CALL_MASK for code in codes])
        for parts, column in zip(self._columns, columns):
            parts.append(compact(column))

    def sums(self) -> List[Sequence[int]]:
        """Return the measures of all groups, a column for each; it is spent then."""
        return [joined(self._columns.pop(0)) for _ in range(len(self._columns))]


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


def _whole_sums(
    packed: Sequence[int], fields: Mapping[Measure, SumField], measures: Sequence[Measure]
) -> List[Sequence[int]]:
    """Return the sums of all groups, a column for each measure."""
    columns: List[Sequence[int]] = []
    for measure in measures:
        column: List[int] = []
        for part, sign in signed_parts(measure):
            if part in fields:
                shift, mask = fields[part]
                sums = [sign * (each >> shift & mask) for each in packed]
                column = list(map(add, column, sums)) if column else sums
        columns.append(column or [0] * len(packed))
    return columns
