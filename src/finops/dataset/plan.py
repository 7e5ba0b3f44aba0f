"""From declared tables to cubes and back: which cubes to fill, and how tables fold from them.

Cubes are shared: all tables of one kind (same time grain, same filter) use the few cubes with
the most dimensions.  A kind of table that nobody foresaw just gets a cube of its own.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Sequence, Tuple

from finops.dataset.batch import unpack
from finops.dataset.cubes import Cube, CubeSpec, cells_of, histogram, latencies_of, parts_of
from finops.dataset.fields import PICO
from finops.dataset.journeys import Journeys
from finops.dataset.rollup import (
    CALL_DIMENSIONS,
    CUSTOMER_DIMENSIONS,
    LATENCY_HISTOGRAM,
    REGION_CHANGE_MEASURES,
    TIME_DIMENSIONS,
    Key,
    Table,
    Values,
    in_key_order,
)

# Positions of the call dimensions in a call key; the last position says "unpriced".
_CALL_POSITION = {name: place for place, name in enumerate(CALL_DIMENSIONS)}
_CUSTOMER_POSITION = {name: place for place, name in enumerate(CUSTOMER_DIMENSIONS)}


class Plan:
    """The cubes that fill a set of declared tables."""

    def __init__(self, tables: Iterable[Table]) -> None:
        self.tables = tuple(dict.fromkeys(tables))
        for table in self.tables:
            table.check()
            _time_of(table)
        wanted: List[CubeSpec] = []
        for table in self.tables:
            wanted.extend(_specs_of(table))
        self.specs = _maximal(wanted)

    def cubes(self) -> List[Cube]:
        """Return fresh cubes, one a spec, for one part of the file."""
        return [Cube(spec, [_CALL_POSITION[name] for name in spec.calls]) for spec in self.specs]

    def spec_for(self, table: Table, latency: bool) -> CubeSpec:
        """Return the smallest planned cube that a table can be folded from."""
        wanted = next(spec for spec in _specs_of(table) if spec.latency == latency)
        fitting = [spec for spec in self.specs if _covers(spec, wanted)]
        return min(fitting, key=lambda spec: (spec.customers, len(spec.calls)))


class FilledCube(NamedTuple):
    """A cube as the folding needs it: its spec, packed cells, and the meaning of its codes."""

    spec: CubeSpec
    packed: Sequence[Tuple[str, Any, Sequence[Any]]]
    call_keys: Sequence[Tuple[Any, ...]]  # of the projected call codes
    customer_keys: Sequence[Tuple[Any, ...]]


def fold(
    table: Table, sums: Sequence[FilledCube], latencies: Sequence[FilledCube]
) -> Dict[Key, Values]:
    """Return a declared table from the cubes of all parts; cubes of a kind not needed may be
    empty sequences.
    """
    added = _fold_sums(table, sums)
    measures = [_reader(measure) for measure in table.measures if measure != LATENCY_HISTOGRAM]
    if LATENCY_HISTOGRAM not in table.measures:
        return in_key_order(
            {key: tuple(read(packed) for read in measures) for key, packed in added.items()}
        )
    place = table.measures.index(LATENCY_HISTOGRAM)
    filled: Dict[Key, Values] = {}
    for key, histogram_of_key in _fold_latencies(table, latencies).items():
        values: List[Any] = [read(added[key]) for read in measures]
        values.insert(place, histogram_of_key)
        filled[key] = tuple(values)
    return in_key_order(filled)


def fold_changes(table: Table, journeys: Journeys) -> Dict[Key, Values]:
    """Return the table of quick region changes."""
    named = {
        "region_changes": lambda c: c.times,
        "changed_regions": lambda c: c.regions,
        "shortest_change_s": lambda c: c.shortest_us / 10**6,
    }
    return in_key_order(
        {
            key: tuple(named[measure](changes) for measure in table.measures)
            for key, changes in journeys.changes.items()
        }
    )


def _specs_of(table: Table) -> List[CubeSpec]:
    """Return the cubes that would serve this table alone."""
    if set(table.measures) & set(REGION_CHANGE_MEASURES):
        if set(table.measures) - set(REGION_CHANGE_MEASURES) or table.by != ("customer_id", "day"):
            raise ValueError(f"region changes come by customer_id and day alone: {table}")
        return []
    time = _time_of(table)
    customers = any(name in CUSTOMER_DIMENSIONS for name in table.by)
    calls = tuple(name for name in CALL_DIMENSIONS if name in table.by)
    band = "token_band" in table.by
    sums = any(measure != LATENCY_HISTOGRAM for measure in table.measures)
    latency = LATENCY_HISTOGRAM in table.measures
    return [
        CubeSpec(time, customers, calls, band, table.where, kind)
        for kind, needed in ((False, sums or not latency), (True, latency))
        if needed
    ]


def _time_of(table: Table) -> str:
    times = [name for name in table.by if name in TIME_DIMENSIONS]
    if len(times) > 1:
        raise ValueError(f"one time dimension at a time: {table}")
    return times[0] if times else ""


def _maximal(specs: Iterable[CubeSpec]) -> Tuple[CubeSpec, ...]:
    """Return the specs that no other one covers, in a stable order.

    Without time and customers all call dimensions fit into one cube, since it has hardly more
    cells than the finest of them; elsewhere unions would multiply the cells.
    """
    found = list(dict.fromkeys(specs))
    plain = [s for s in found if _is_plain(s)]
    for latency in (False, True):
        names = {name for s in plain if s.latency == latency for name in s.calls}
        if any(s.latency == latency for s in plain):
            joint = tuple(name for name in CALL_DIMENSIONS if name in names)
            found.append(CubeSpec("", False, joint, latency=latency))
    found = list(dict.fromkeys(found))
    return tuple(s for s in found if not any(o != s and _covers(o, s) for o in found))


def _is_plain(spec: CubeSpec) -> bool:
    return not (spec.time or spec.customers or spec.band or spec.where)


def _covers(fine: CubeSpec, coarse: CubeSpec) -> bool:
    return (
        fine.time == coarse.time
        and fine.where == coarse.where
        and fine.latency == coarse.latency
        and fine.customers >= coarse.customers
        and fine.band >= coarse.band
        and set(fine.calls) >= set(coarse.calls)
    )


def _fold_sums(table: Table, cubes: Sequence[FilledCube]) -> Dict[Key, int]:
    added: Dict[Key, int] = {}
    for cube in cubes:
        for time, codes, words in cube.packed:
            key_of = _key_maker(table, cube, time)
            for code, packed in cells_of(codes, words):
                key = key_of(code)
                added[key] = added.get(key, 0) + packed
    return added


def _fold_latencies(table: Table, cubes: Sequence[FilledCube]) -> Dict[Key, Dict[int, int]]:
    gathered: Dict[Key, Any] = {}
    for cube in cubes:
        for time, codes, columns in cube.packed:
            key_of = _key_maker(table, cube, time)
            for code, latencies in latencies_of(codes, columns):
                key = key_of(code)
                if key in gathered:
                    gathered[key].extend(latencies)
                else:
                    gathered[key] = latencies[:]
    return {key: histogram(latencies) for key, latencies in gathered.items()}


def _key_maker(table: Table, cube: FilledCube, time: str) -> Callable[[int], Key]:
    """Return a function from a cell's code to the table's key, for one stretch of time."""
    spec = cube.spec
    takers: List[Tuple[int, int]] = []  # which part of a cell (0 customer, 1 call, ...), where
    fixed: Any = int(time) if spec.time == "hour_of_day" and time else time
    for name in table.by:
        if name in _CUSTOMER_POSITION:
            takers.append((0, _CUSTOMER_POSITION[name]))
        elif name in _CALL_POSITION:
            takers.append((1, spec.calls.index(name)))
        elif name == "token_band":
            takers.append((2, 0))
        else:
            takers.append((3, 0))
    customer_keys, call_keys = cube.customer_keys, cube.call_keys
    nobody: Tuple[Any, ...] = ()

    def key_of(code: int) -> Key:
        customer, call, band = parts_of(code, spec)
        parts = (
            customer_keys[customer] if spec.customers else nobody,
            call_keys[call] if spec.calls else nobody,
            (band,),
            (fixed,),
        )
        return tuple(parts[part][place] for part, place in takers)

    return key_of


def _reader(measure: str) -> Callable[[int], Any]:
    if measure == "cost":
        return lambda packed: unpack(packed, "cost") / PICO
    return lambda packed: unpack(packed, measure)
