"""The parts of a scan as one result: accounts added up, activity joined, tables aggregated."""

from __future__ import annotations

from typing import Dict, List, Mapping, Sequence

from finops import config
from finops.reader.fields import PICO
from finops.rollups.aggregate import aggregate
from finops.rollups.cells import CubeSpec
from finops.rollups.columns import FilledCube, KeyMerges
from finops.rollups.customer_activity import ActivityLog, region_changes
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan, activities_of, distributions_of
from finops.rollups.spec import Accounting, Customer, Key, Place, Skipped, Table, Values
from finops.rollups.visits import customers_seen

Cubes = Mapping[CubeSpec, Sequence[FilledCube]]


def cubes_of(plan: Plan, parts: Sequence[PartitionResult]) -> Cubes:
    """Return the cubes of all parts; they share what is found out about their keys."""
    key_merges: KeyMerges = {}
    return {
        spec: [
            FilledCube(spec, plan.layout, packed, keys, part.customer_keys, key_merges)
            for part in parts
            for keys, packed in (part.cubes[place],)
        ]
        for place, spec in enumerate(plan.specs)
    }


def tables_of(
    plan: Plan, tables: Sequence[Table], cubes: Cubes, activity: ActivityLog
) -> Dict[Table, Dict[Key, Values]]:
    """Return tables of the plan, aggregated from the cubes of all parts."""
    filled: Dict[Table, Dict[Key, Values]] = {}
    for table in tables:
        if activities_of(table):
            filled[table] = region_changes(table, activity)
            continue
        listed = [plan.spec_for(table, measure.column) for measure in distributions_of(table)]
        sums = cubes[plan.spec_for(table, "")]
        filled[table] = aggregate(table, sums, cubes[listed[0]] if listed else [])
    return filled


def accounting_of(
    parts: Sequence[PartitionResult], name: str, notes: Sequence[str], tail: bool
) -> Accounting:
    """Add up the accounts of all parts; line numbers become those of the whole file.

    `name` is the file's.  `tail` says whether a line without an end follows the last part.
    """
    rows: Dict[str, int] = {}
    places: Dict[str, List[Place]] = {}
    before = 1  # the header
    accounts = [part.accounts for part in parts]
    for account in accounts:
        for reason, count in account["skipped"].items():
            rows[reason] = rows.get(reason, 0) + count
            places.setdefault(reason, []).extend(
                Place(name, number + before, text)
                for number, text in account["first_lines"][reason]
            )
        before += account["lines"]
    skipped = tuple(
        Skipped(reason, rows[reason], tuple(places[reason][: config.SKIPPED_LINES_KEPT]))
        for reason in sorted(rows, key=lambda r: (-rows[r], r))
    )
    return Accounting(
        lines=before + int(tail),
        header=1,
        used=sum(account["used"] for account in accounts),
        skipped=skipped,
        repeated_headers=sum(account["repeated_headers"] for account in accounts),
        blank=sum(account["blank"] for account in accounts),
        incomplete_tail=int(tail),
        notes=tuple(notes),
        repeated_records=sum(account["repeated_records"] for account in accounts),
        outside=sum(account["outside"] for account in accounts),
        unused_cost=sum(account["unused_pico"] for account in accounts) / PICO,
    )


def customers_of(activity: ActivityLog) -> Dict[str, Customer]:
    """Return what the latest call of each customer says of it, by id ascending.

    Of a customer without calls it is what the latest credit says.
    """
    found: Dict[str, Customer] = {}
    for customer, visits in customers_seen(activity.visits_by_customer, activity.others).items():
        _, tier, organization, product, archetype, price = visits.last.key
        found[customer] = Customer(
            tier,
            price,
            organization,
            product,
            archetype,
            visits.first.time.decode("ascii"),
            visits.last.time.decode("ascii"),
        )
    return found
