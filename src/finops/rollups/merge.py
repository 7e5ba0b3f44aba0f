"""The parts of a scan as one result: accounts added up, activity joined, tables aggregated."""

from __future__ import annotations

from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema
from finops.errors import DataError
from finops.reader.header import Header
from finops.rollups.aggregate import aggregate
from finops.rollups.bounds import bounded
from finops.rollups.cells import CubeSpec
from finops.rollups.columns import FilledCube, KeyMerges
from finops.rollups.compact_table import compacted
from finops.rollups.customer_activity import ActivityLog, region_changes
from finops.rollups.filters import deliverable
from finops.rollups.group_values import ListedCubes
from finops.rollups.kept_tables import NEVER, EarlierGroups, KeptTables
from finops.rollups.linked_calls import LinkedFacts
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan, activities_of, has_times_only, listed_of
from finops.rollups.readings import implausible_rows
from finops.rollups.spec import Accounting, Blanked, Key, Place, Skipped, Table, Values
from finops.rollups.usual import with_standings

Cubes = Mapping[CubeSpec, Sequence[FilledCube]]
_SHOWN_NAMES = 3  # of the files that a note is about


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
    plan: Plan,
    tables: Sequence[Table],
    cubes: Cubes,
    activity: ActivityLog,
    linked: LinkedFacts,
    kept: Optional[KeptTables] = None,
) -> Dict[Table, Mapping[Key, Values]]:
    """Return tables of the plan, aggregated from the cubes of all parts.

    What was kept of an earlier run is taken from there, and what is made is kept for the next.
    """
    filled: Dict[Table, Mapping[Key, Values]] = {}
    for table in tables:
        activities = activities_of(table)
        if activities:
            by_ids = bool(activities[0].column)
            filled[table] = (
                linked.table(activities[0]) if by_ids else region_changes(table, activity)
            )
            continue
        earlier = kept.earlier(table) if kept else None
        groups = None if earlier is None else _completed(plan, table, cubes, earlier)
        if groups is None:
            lists = {
                column: ListedCubes(cubes[plan.spec_for(table, column)], plan.passes(table, column))
                for column in {measure.column for measure in listed_of(table)}
            }
            sums = None if has_times_only(table) else cubes[plan.spec_for(table, "")]
            groups = compacted(_delivered(plan, table, sums, lists))
        if kept:
            kept.keep(table, groups)
        filled[table] = groups
    return filled


def _completed(
    plan: Plan, table: Table, cubes: Cubes, earlier: EarlierGroups
) -> Optional[Mapping[Key, Values]]:
    """Return a table of which some groups are kept, None where cells are in no order of time."""
    if earlier.first == NEVER:
        return earlier.groups
    sums = []
    for cube in cubes[plan.spec_for(table, "")]:
        later = cube.since(earlier.first)
        if later is None:
            return None
        sums.append(later)
    return earlier.followed_by(_delivered(plan, table, sums, {}))


def _delivered(
    plan: Plan,
    table: Table,
    sums: Optional[Sequence[FilledCube]],
    lists: Mapping[str, ListedCubes],
) -> Dict[Key, Values]:
    """Return the groups of a table that some cells give, as it declares them."""
    summed = plan.summed(table)
    groups = deliverable(summed, aggregate(summed, sums, lists))
    return with_standings(table, bounded(table, groups))


class FileParts(NamedTuple):
    """The parts of one file in order, with what is said of it besides."""

    name: str
    header: Header
    notes: Sequence[str]
    parts: Sequence[PartitionResult]

    @property
    def with_lines_before(self) -> Iterator[Tuple[int, PartitionResult]]:
        """Each part with the number of lines that stand before it in the file."""
        before = self.header.blank + self.header.comments + self.header.lines
        for part in self.parts:
            yield before, part
            before += part.accounts["lines"]

    @property
    def lines(self) -> int:
        """How many lines the file has."""
        lines: int = sum(part.accounts["lines"] for part in self.parts)
        return self.header.blank + self.header.comments + self.header.lines + lines


def accounting_of(files: Sequence[FileParts], notes: Sequence[str] = ()) -> Accounting:
    """Add up the accounts of all parts; line numbers become those of each whole file.

    Notes on a file name it where there are several; `notes` are on none of them.
    Raises DataError where amounts are in a currency that there is no rate for.
    """
    skipped = _Reasons()
    blanked: Dict[str, _Reasons] = {}
    for file in files:
        for before, part in file.with_lines_before:
            account = part.accounts
            for currency, line in account["currencies"].items():
                raise DataError(_without_rate(file.name, currency, line + before))
            skipped.add(account["skipped"], account["first_lines"], file.name, before)
            for column, reasons in account["blanked"].items():
                values = blanked.setdefault(column, _Reasons())
                values.add(reasons, account["blanked_lines"][column], file.name, before)
    accounts = [part.accounts for file in files for part in file.parts]

    def total(name: str) -> int:
        return sum(account[name] for account in accounts)

    headers = [file.header for file in files]
    unused: Dict[str, int] = {}
    for account in accounts:
        for reason, pico in account["unused_pico"].items():
            unused[reason] = unused.get(reason, 0) + pico
    return Accounting(
        lines=sum(file.lines for file in files),
        header=len(files),
        used=total("used"),
        skipped=tuple(
            Skipped(*reason, cost=unused.get(reason[0], 0) / schema.PICO_PER_USD)
            for reason in skipped.by_count()
        ),
        repeated_headers=total("repeated_headers"),
        blank=total("blank") + sum(header.blank for header in headers),
        incomplete_tail=total("incomplete_tail"),
        notes=(*notes, *_notes(files), *_notes_on_rows(total("without_tokens"))),
        comments=total("comments") + sum(header.comments for header in headers),
        continuation=total("continuation") + sum(header.lines - 1 for header in headers),
        repeated_records=total("repeated_records"),
        outside=total("outside"),
        blanked=tuple(
            Blanked(column, *reason)
            for column in schema.READ_NAMES
            if column in blanked
            for reason in blanked[column].by_count()
        ),
        unused_cost=sum(unused.values()) / schema.PICO_PER_USD,
        conflicting_ids=total("conflicting_ids"),
        implausible_times=implausible_rows([part for file in files for part in file.parts]),
    )


class _Reasons:
    """How often there was each reason, and where first."""

    def __init__(self) -> None:
        self._counts: Dict[str, int] = {}
        self._places: Dict[str, List[Place]] = {}

    def add(
        self,
        counts: Mapping[str, int],
        lines: Mapping[str, Sequence[Tuple[int, str]]],
        file: str,
        before: int,
    ) -> None:
        """Add those of a part of a file that begins behind so many lines."""
        for reason, count in counts.items():
            self._counts[reason] = self._counts.get(reason, 0) + count
            self._places.setdefault(reason, []).extend(
                Place(file, number + before, text) for number, text in lines[reason]
            )

    def by_count(self) -> List[Tuple[str, int, Tuple[Place, ...]]]:
        """Return reasons, counts and places, the most frequent reason first."""
        return [
            (reason, self._counts[reason], tuple(self._places[reason][: config.SKIPPED_LINES_KEPT]))
            for reason in sorted(self._counts, key=lambda r: (-self._counts[r], r))
        ]


def _notes_on_rows(without_tokens: int) -> List[str]:
    if not without_tokens:
        return []
    rows = "1 row names its cost" if without_tokens == 1 else f"{without_tokens:,} rows name a cost"
    return [f"{rows} and no tokens: the cost counts, with 0 tokens."]


def _without_rate(name: str, currency: str, line: int) -> str:
    return (
        f"{name}: column {schema.CURRENCY} is {currency} in line {line}; amounts must be in USD,"
        f" so give what 1 {currency} is in USD, such as --rate {currency}=1.08"
    )


def _notes(files: Sequence[FileParts]) -> List[str]:
    """Return the notes on all files; what is said of several is said once."""
    if len(files) == 1:
        return list(files[0].notes)
    names: Dict[str, List[str]] = {}
    for file in files:
        for note in file.notes:
            names.setdefault(note, []).append(file.name)
    return [f"{_listed(named)}: {note}" for note, named in names.items()]


def _listed(names: Sequence[str]) -> str:
    """Return the first names for a sentence."""
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
