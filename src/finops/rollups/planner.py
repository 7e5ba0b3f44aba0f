"""From declared tables to the cubes that fill them.

Cubes are shared: all tables of one kind (same time grain, same filter) use the few cubes with
the most dimensions.  A kind of table that nobody foresaw just gets a cube of its own.

Cubes feed each other: what is told by the cells of a cube of finer time, say hours for days,
is added up from these when they are complete, which is several times less work than call by
call.  Where several cubes without customers are left, one more, by day and all that a call is
described by, is filled for them and thrown away.
"""

from __future__ import annotations

from typing import Dict, Iterable, List, Sequence, Set, Tuple

from finops.rollups.cubes import Cube, CubeSpec
from finops.rollups.spec import (
    CALL_DIMENSIONS,
    CUSTOMER_DIMENSIONS,
    LATENCY_LIST,
    LATENCY_MEASURES,
    REGION_CHANGE_MEASURES,
    TIME_DIMENSIONS,
    Table,
)

# From the finest: cells of one time dimension add up to those of a later one.
_COARSER: Dict[str, Tuple[str, ...]] = {
    "hour": ("hour_of_day", "day", "week", ""),
    "day": ("week", ""),
    "week": ("",),
}
_HELPER = CubeSpec("day", False, CALL_DIMENSIONS)  # see above; it also feeds other cubes by day
_FINENESS = ("hour", "hour_of_day", "day", "week", "")


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
        self._source_of = _fed(self.specs)
        self._sources = tuple(dict.fromkeys(self._source_of.values()))

    def cubes(self) -> List[Cube]:
        """Return fresh cubes for one part of the file; those kept are in the order of `specs`.

        They are to be closed in the order of `closing_order`.
        """
        made: Dict[CubeSpec, Cube] = {}
        for spec in self._sources:
            if spec not in self.specs:
                made[spec] = Cube(spec, (), (), kept=False)
        measures = dict(zip(self.specs, self.measures()))
        for spec in sorted(self.specs, key=_fineness):
            fine = self._source_of.get(spec)
            dimensions = fine.calls if fine else CALL_DIMENSIONS
            positions = [dimensions.index(name) for name in spec.calls]
            source = made[fine] if fine else None
            made[spec] = Cube(spec, positions, measures[spec], source=source)
        kept = [made[spec] for spec in self.specs]
        return kept + [cube for cube in made.values() if not cube.kept]

    def measures(self) -> List[List[str]]:
        """Return for each spec the measures that the tables folded from it add up.

        Of a spec of latencies it is the list, where a table wants it, or nothing.
        """
        wanted: Dict[CubeSpec, Set[str]] = {spec: set() for spec in self.specs}
        for table in self.tables:
            if _specs_of(table) and has_sums(table):
                wanted[self.spec_for(table, latency=False)].update(_added(table))
            if LATENCY_LIST in table.measures:
                wanted[self.spec_for(table, latency=True)].add(LATENCY_LIST)
        return [sorted(wanted[spec]) for spec in self.specs]

    def spec_for(self, table: Table, latency: bool) -> CubeSpec:
        """Return the smallest planned cube that a table can be folded from."""
        wanted = next(spec for spec in _specs_of(table) if spec.latency == latency)
        fitting = [spec for spec in self.specs if _covers(spec, wanted)]
        return min(fitting, key=lambda spec: (spec.customers, len(spec.calls)))


def closing_order(cubes: Iterable[Cube]) -> List[Cube]:
    """Return cubes so that each comes before those that it feeds."""
    return sorted(cubes, key=lambda cube: (_fineness(cube.spec), cube.kept))


def _fineness(spec: CubeSpec) -> int:
    return _FINENESS.index(spec.time)


def _fed(specs: Sequence[CubeSpec]) -> Dict[CubeSpec, CubeSpec]:
    """Return for each cube that need not be filled call by call the one that feeds it."""
    fed: Dict[CubeSpec, CubeSpec] = {}
    for spec in specs:
        sources = [fine for fine in specs if _feeds(fine, spec)]
        if sources:
            fed[spec] = max(sources, key=lambda fine: (-fine.customers, _fineness(fine)))
    left = [spec for spec in specs if spec not in fed and spec.calls]
    helped = [s for s in left if s.time in ("day", "week", "") and _adds_up_to(_HELPER, s)]
    if len(helped) > 1 and _HELPER not in specs:
        fed.update(dict.fromkeys(helped, _HELPER))
    return fed


def _feeds(fine: CubeSpec, coarse: CubeSpec) -> bool:
    return coarse.time in _COARSER.get(fine.time, ()) and _adds_up_to(fine, coarse)


def _adds_up_to(fine: CubeSpec, coarse: CubeSpec) -> bool:
    """Return whether, but for time, the cells of one cube add up to those of another."""
    return (
        fine.where == coarse.where
        and fine.latency == coarse.latency
        and not (fine.band or coarse.band)
        and fine.customers >= coarse.customers
        and set(fine.calls) >= set(coarse.calls)
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
