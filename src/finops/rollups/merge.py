"""The parts of a scan as one result: accounts added up, journeys joined, tables folded."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Sequence

from finops import config
from finops.rollups.aggregate import fold, fold_changes
from finops.rollups.columns import FilledCube
from finops.rollups.cubes import CubeSpec
from finops.rollups.customer_activity import ActivityLog
from finops.rollups.planner import Plan, has_latencies, has_sums
from finops.rollups.spec import (
    REGION_CHANGE_MEASURES,
    Accounting,
    Customer,
    Place,
    Skipped,
    Table,
)

Part = Mapping[str, Any]


Cubes = Mapping[CubeSpec, Sequence[FilledCube]]


def cubes_of(plan: Plan, parts: Sequence[Part]) -> Cubes:
    """Return the cubes of all parts; they keep what is found out about them in folding."""
    found_out: Dict[Any, List[int]] = {}
    return {spec: _cubes(parts, plan, place, found_out) for place, spec in enumerate(plan.specs)}


def tables_of(
    plan: Plan, tables: Sequence[Table], cubes: Cubes, journeys: ActivityLog
) -> Dict[Table, Dict[Any, Any]]:
    """Return tables of the plan, folded from the cubes of all parts."""
    filled: Dict[Table, Dict[Any, Any]] = {}
    for table in tables:
        if set(table.measures) & set(REGION_CHANGE_MEASURES):
            filled[table] = fold_changes(table, journeys)
            continue
        latency = has_latencies(table)
        filled[table] = fold(
            table,
            cubes[plan.spec_for(table, latency=False)] if has_sums(table) else [],
            cubes[plan.spec_for(table, latency=True)] if latency else [],
        )
    return filled


def _cubes(
    parts: Sequence[Part], plan: Plan, place: int, found_out: Dict[Any, List[int]]
) -> List[FilledCube]:
    spec = plan.specs[place]
    return [
        FilledCube(spec, packed, call_keys, part["customer_keys"], found_out)
        for part in parts
        for call_keys, packed in (part["cubes"][place],)
    ]


def accounting_of(parts: Sequence[Part], name: str, notes: Sequence[str], tail: bool) -> Accounting:
    """Add up the accounts of all parts; line numbers become those of the whole file.

    `name` is the file's.  `tail` says whether a line without an end follows the last part.
    """
    rows: Dict[str, int] = {}
    places: Dict[str, List[Place]] = {}
    before = 1  # the header
    accounts = [part["accounts"] for part in parts]
    for one in accounts:
        for reason, count in one["skipped"].items():
            rows[reason] = rows.get(reason, 0) + count
            places.setdefault(reason, []).extend(
                Place(name, number + before, text) for number, text in one["first_lines"][reason]
            )
        before += one["lines"]
    skipped = tuple(
        Skipped(reason, rows[reason], tuple(places[reason][: config.SKIPPED_LINES_KEPT]))
        for reason in sorted(rows, key=lambda r: (-rows[r], r))
    )
    return Accounting(
        lines=before + int(tail),
        header=1,
        used=sum(one["used"] for one in accounts),
        skipped=skipped,
        repeated_headers=sum(one["repeated_headers"] for one in accounts),
        blank=sum(one["blank"] for one in accounts),
        incomplete_tail=int(tail),
        notes=tuple(notes),
    )


def customers_of(journeys: ActivityLog) -> Dict[str, Customer]:
    """Return what the latest call of each customer says of it, by id ascending."""
    found: Dict[str, Customer] = {}
    for customer, journey in sorted(journeys.journeys.items()):
        _, tier, organization, product, archetype, price = journey.last.key
        found[customer] = Customer(
            tier,
            price,
            organization,
            product,
            archetype,
            journey.first.time.decode("ascii"),
            journey.last.time.decode("ascii"),
        )
    return found
