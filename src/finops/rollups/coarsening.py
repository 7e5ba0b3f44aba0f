"""A table whose keys are merged while its cells are added up, so that its size has a bound.

Some tables have nearly as many groups as there are calls.  Who needs such a table only as far as
it fits somewhere says how keys are merged and how many groups there may be; cells of the packed
cubes are then added up by merged key, and never more groups are held than that.
"""

from __future__ import annotations

from collections import defaultdict
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.columns import CUSTOMER_POSITION, FilledCube, SumField, sum_fields
from finops.rollups.measures import (
    Dimension,
    Measure,
    dimension_of,
    measure_of,
    signed_parts,
)
from finops.rollups.spec import Table

# Bits of a code for a merged customer's key and for a merged call's key.
_CUSTOMER_BITS = 30
_CALL_BITS = 20
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
    wanted = [
        measure for measure in map(measure_of, table.measures) if isinstance(measure, Measure)
    ]
    dimensions = list(map(dimension_of, table.by[1:]))
    fields = sum_fields([cube.cells(0, 0) for cube in cubes], wanted) if cubes else {}
    times, customers, calls = _Numbering(), _Numbering(), _Numbering()
    added: Dict[int, int] = defaultdict(int)
    for cube in cubes:
        of_customer = _numbers(cube.customer_keys, _customer_places(dimensions),
                               coarsening.customer, customers)  # fmt: skip
        of_call = _numbers(cube.keys, _call_places(cube, dimensions), coarsening.call, calls)
        for place, time in enumerate(cube.packed.times):
            cells = cube.cells(place, place + 1)
            first = times[coarsening.time(time)] << _CUSTOMER_BITS
            keys = zip(
                map(of_customer.__getitem__, cells.customer_codes()),
                map(of_call.__getitem__, cells.key_codes()),
                cells.sums(fields),
            )
            for customer, call, sums in keys:
                added[(first + customer << _CALL_BITS) + call] += sums
            if len(added) > most:
                return None
    low, middle = (1 << _CALL_BITS) - 1, (1 << _CUSTOMER_BITS) - 1
    # Rows that were left out have keys as well, but are in no group.
    used_times, time_at = _used(times, [code >> _CUSTOMER_BITS + _CALL_BITS for code in added])
    used_customers, customer_at = _used(customers, [code >> _CALL_BITS & middle for code in added])
    used_calls, call_at = _used(calls, [code & low for code in added])
    return CoarseGroups(
        used_times,
        used_customers,
        used_calls,
        time_at,
        customer_at,
        call_at,
        _whole_sums(list(added.values()), fields, wanted),
    )


def _used(names: Iterable[Any], at: Sequence[int]) -> Tuple[List[Any], List[int]]:
    """Return those of some names that groups have, and at which of these each group is."""
    listed = list(names)
    used = sorted(set(at))
    number = {place: n for n, place in enumerate(used)}
    return [listed[place] for place in used], [number[place] for place in at]


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
        column = [0] * len(packed)
        for part, sign in signed_parts(measure):
            if part in fields:
                shift, mask = fields[part]
                column = [c + sign * (sums >> shift & mask) for c, sums in zip(column, packed)]
        columns.append(column)
    return columns
