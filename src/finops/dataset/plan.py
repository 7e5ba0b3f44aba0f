"""From declared tables to the cubes that fill them.

Cubes are shared: all tables of one kind (same time grain, same filter) use the few cubes with
the most dimensions.  A kind of table that nobody foresaw just gets a cube of its own.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Set, Tuple

from finops.dataset.cubes import Cube, CubeSpec
from finops.dataset.rollup import (
    CALL_DIMENSIONS,
    CUSTOMER_DIMENSIONS,
    LATENCY_MEASURES,
    REGION_CHANGE_MEASURES,
    TIME_DIMENSIONS,
    Table,
)

# Positions of the call dimensions in a call key; the last position says "unpriced".
_CALL_POSITION = {name: place for place, name in enumerate(CALL_DIMENSIONS)}


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
        return [
            Cube(spec, [_CALL_POSITION[name] for name in spec.calls], measures)
            for spec, measures in zip(self.specs, self.measures())
        ]

    def measures(self) -> List[List[str]]:
        """Return for each spec the measures that the tables folded from it add up."""
        wanted: Dict[CubeSpec, Set[str]] = {spec: set() for spec in self.specs}
        for table in self.tables:
            if _specs_of(table) and has_sums(table):
                wanted[self.spec_for(table, latency=False)].update(_added(table))
        return [sorted(wanted[spec]) for spec in self.specs]

    def spec_for(self, table: Table, latency: bool) -> CubeSpec:
        """Return the smallest planned cube that a table can be folded from."""
        wanted = next(spec for spec in _specs_of(table) if spec.latency == latency)
        fitting = [spec for spec in self.specs if _covers(spec, wanted)]
        return min(fitting, key=lambda spec: (spec.customers, len(spec.calls)))


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
    latency = has_latencies(table)
    return [
        CubeSpec(time, customers, calls, band, table.where, kind)
        for kind, needed in ((False, has_sums(table)), (True, latency))
        if needed
    ]


def has_sums(table: Table) -> bool:
    """Return whether a table needs a cube of sums: not if latencies are all it wants."""
    return not table.measures or not set(table.measures) <= set(LATENCY_MEASURES)


def has_latencies(table: Table) -> bool:
    """Return whether a table needs a cube of latencies."""
    return bool(set(table.measures) & set(LATENCY_MEASURES))


def _added(table: Table) -> Set[str]:
    """Return the measures as they are added up."""
    names = set(table.measures) - set(LATENCY_MEASURES)
    return names - {"tokens"} | ({"input_tokens", "output_tokens"} if "tokens" in names else set())


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
