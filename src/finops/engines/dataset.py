"""A dataset whose tables an engine fills: what analyzers and pages take for any other."""

from __future__ import annotations

from array import array
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops import config
from finops.business.catalog import PriceTable
from finops.engines.answers import Answers, EngineAnswers, name_of
from finops.engines.calls import (
    IMPLAUSIBLE as IMPLAUSIBLE_KIND,
)
from finops.engines.calls import (
    OUTSIDE,
    REPEATED,
    USED,
    Bounds,
    accounts_sql,
    calls_sql,
    conflicts_sql,
    ends_sql,
    kinds_sql,
)
from finops.engines.coarse import EngineCells, coarse_groups
from finops.engines.decode import decoded, hour_name, moment
from finops.engines.dialect import Dialect
from finops.engines.engine import Engine
from finops.engines.sources import Opening, Source, open_source
from finops.engines.statements import GROUPS, statements
from finops.engines.taking_in import TakenIn, take_in
from finops.errors import DataError
from finops.reader.accounts import Accounts
from finops.reader.event_log import Event
from finops.reader.identity import IdSummary
from finops.reader.options import ReadingRules
from finops.reader.row_selection import IMPLAUSIBLE
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.dataset import TOTALS, WHOLE_DAYS, DatasetFacts, refuse_if_nothing_is_usable
from finops.rollups.delivered import Delivered
from finops.rollups.hours import HourClock
from finops.rollups.merge import FileParts, accounting_of
from finops.rollups.notes import notes_of, on_whole_days
from finops.rollups.part import PartitionResult
from finops.rollups.source_notes import SOURCES, on_sources
from finops.rollups.spec import (
    Accounting,
    FileInfo,
    Key,
    Period,
    Place,
    Rollups,
    Table,
    Totals,
    Values,
)
from finops.timestamps import zone_of

MOST_ROWS = 2_000_000
# The tables that go with every dataset.
FACT_TABLES = (TOTALS, WHOLE_DAYS, SOURCES)
# The name of the statement of the period.
ENDS = "ends"
_NOTHING = (None, "")


class Taken(NamedTuple):
    """What was taken in: what to call it, its size in bytes and files, and where lines went."""

    name: str
    size: Optional[int]
    files: int
    parts: Sequence[FileParts]
    notes: Sequence[str]
    is_text: bool


class AnsweredDataset:
    """Calls of which statements bring the tables back.

    Everything is read when tables are first asked for; each table is then one statement or two.
    `most_rows`: how many rows of a table may come to this process.
    """

    def __init__(
        self,
        answers: Answers,
        engine: str,
        dialect: Dialect,
        opening: Opening,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.prices: PriceTable = opening.prices
        self.options = opening.options
        self.context = opening.context
        self.kept_bytes = 0
        self.processes = 1
        self._answers = answers
        self._engine_name = engine
        self._dialect = dialect
        self._most_rows = most_rows
        self._delivered = Delivered()
        self._facts: Optional[DatasetFacts] = None

    def fill(self, tables: Iterable[Table]) -> None:
        """Take everything in; raises DataError where the data as a whole cannot be read."""
        if self._facts is None:
            self._facts = self._facts_of(self._take_in())

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the tables, filled.

        Raises DataError where the data cannot be read, or a table has too many rows.
        """
        self.fill(())
        assert self._facts is not None
        period, totals, accounting, file = self._facts
        wanted = {table: self._table(table) for table in tables}
        customers = self._delivered.customers_of(wanted)
        return Rollups(
            wanted,
            period,
            totals,
            customers,
            accounting,
            file,
            self.prices,
            self.context,
            self._delivered.memo,
        )

    def forget(self, tables: Iterable[Table]) -> None:
        """Let go of the memory of tables that were delivered; asked for again, they come again."""
        self._delivered.forget(tables)

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return which incidents the simulator planted in these calls, None where unknown."""
        return None

    def events(self) -> Sequence[Event]:
        """Return what is known to have happened meanwhile, which charts mark, by date."""
        return []

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return a table's groups with their keys merged, None where there are more than `most`.

        Costs are whole numbers of 10**-12 USD.
        """
        self.fill(())
        sql = statements(self._dialect, table)[GROUPS]
        return coarse_groups(
            table, self._answers.rows(name_of(table, GROUPS), sql), coarsening, most
        )

    def _take_in(self) -> Taken:
        """Make the calls ready, and return what was read."""
        raise NotImplementedError

    # --- tables ----------------------------------------------------------------------------------

    def _table(self, table: Table) -> Mapping[Key, Values]:
        if table not in self._delivered.tables:
            sql = statements(self._dialect, table)
            rows = {kind: self._rows(kind, sql[kind], table) for kind in sql}
            self._delivered.tables[table] = decoded(table, rows)
        return self._delivered.tables[table]

    def _rows(self, kind: str, sql: str, table: Table) -> Iterator[Sequence[Any]]:
        """Yield the rows of a statement; raises DataError where they are too many."""
        name = name_of(table, kind)
        for number, row in enumerate(self._answers.rows(name, sql)):
            if number == self._most_rows:
                raise self._too_many(table, self._answers.count(name, sql))
            yield row

    def _too_many(self, table: Table, count: int) -> DataError:
        by = ", ".join(table.dimension_names) or "nothing"
        return DataError(
            f"the table by {by} has {count:,} rows, more than --max-rows"
            f" {self._most_rows:,}; give a larger number, or fewer calls with --since"
        )

    # --- facts -----------------------------------------------------------------------------------

    def _facts_of(self, taken: Taken) -> DatasetFacts:
        """Return what goes with the tables."""
        notes = (*taken.notes, *notes_of(taken.parts))
        accounting = accounting_of(taken.parts, notes)
        refuse_if_nothing_is_usable(accounting, taken.name)
        sums = {table: self._table(table) for table in FACT_TABLES}
        (days,) = sums[WHOLE_DAYS].get((), (0,))
        is_utc = HourClock(zone_of(self.options.timezone)).is_utc
        more = [] if is_utc else on_whole_days(days, self.options.timezone)
        notes = (*accounting.notes, *more, *on_sources(sums[SOURCES]))
        return DatasetFacts(
            self._period(),
            Totals(*sums[TOTALS].get((), ())),
            _with_places(accounting._replace(notes=notes), taken.is_text),
            FileInfo(taken.name, taken.size, taken.files, self._engine_name),
        )

    def _period(self) -> Period:
        period = Period(timezone=self.options.timezone)
        ((first, last, low, high, part, day),) = self._answers.rows(ENDS, ends_sql())
        if first in _NOTHING:
            return period
        hours = [hour_name(int(high))]
        if part not in _NOTHING:
            hours.append(f"{period.local(moment(part))[:13]}:00:00")
        if day not in _NOTHING:
            hours.append(f"{moment(day)[:13]}:00:00")
        low_hour = hour_name(int(low))
        return period._replace(
            start=moment(first), end=moment(last), first_hour=low_hour, last_hour=max(hours)
        )


class EngineDataset(AnsweredDataset):
    """The calls at some locations, in an engine."""

    def __init__(
        self,
        engine: Engine,
        name: str,
        locations: Sequence[str],
        opening: Opening,
        most_rows: int = MOST_ROWS,
    ) -> None:
        super().__init__(EngineAnswers(engine), name, engine.dialect, opening, most_rows)
        self._engine = engine
        self._locations = list(locations)
        self._opening = opening
        self._source: Optional[Source] = None
        self._cells: Optional[EngineCells] = None

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return a table's groups with their keys merged, None where there are more than `most`.

        Costs are whole numbers of 10**-12 USD.
        """
        self.fill(())
        if self._cells is None or self._cells.table != table:
            self._cells = EngineCells(self._engine, table)
            self._cells.keep()
        return self._cells.groups(coarsening, most)

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return which incidents the simulator planted in these calls, None where unknown."""
        return self._source.truth() if self._source else None

    def events(self) -> Sequence[Event]:
        """Return the events of the file beside the data, none where there is no such file.

        Raises DataError where it cannot be read.
        """
        return self._source.events() if self._source else []

    def _take_in(self) -> Taken:
        engine = self._engine
        source = self._source = open_source(engine, self._locations, self._opening)
        rules = ReadingRules(self.prices, self.options, source.latest)
        taken = take_in(engine, source, rules, self._most_rows)
        bounds = Bounds.of(rules)
        engine.define("finops_kinds", kinds_sql(bounds, taken.has_repeats))
        parts = _FileAccounts(engine, source, taken, bounds).parts()
        ((first, last),) = engine.rows(
            f"select min(us), max(us) from finops_kinds where kind = '{USED}'"
        )
        ends = (0, 0) if first is None else (int(first), int(last))
        zone = zone_of(self.options.timezone)
        engine.keep("finops_calls", calls_sql(engine.dialect, zone, *ends))
        engine.forget("finops_rows")
        files = len(source.files)
        return Taken(source.name, source.size, files, parts, source.notes, source.is_text)


class _FileAccounts:
    """Where the lines of each file went: what the local reader judged, and what rows became."""

    def __init__(self, engine: Engine, source: Source, taken: TakenIn, bounds: Bounds) -> None:
        self._engine = engine
        self._source = source
        self._taken = taken
        self._bounds = bounds

    def parts(self) -> List[FileParts]:
        """Return the files with their accounts, in their order."""
        self._add_kinds()
        if self._taken.has_repeats:
            self._add_conflicts()
        by_address = {file.address: file for file in self._source.files}
        ordered = self._engine.rows("select file from finops_files order by file_number")
        return [
            FileParts(file.name, file.header, file.notes, [self._part(file.address)])
            for file in (by_address[address] for (address,) in ordered)
        ]

    def _part(self, address: str) -> PartitionResult:
        accounts = self._taken.accounts[address]
        return part_of(accounts)

    def _add_kinds(self) -> None:
        found = self._engine.rows(accounts_sql(self._bounds))
        for file, kind, count, cost, plausible in found:
            accounts, rows = self._taken.accounts[file], int(count)
            if kind == IMPLAUSIBLE_KIND:
                self._skip_implausible(file, accounts, rows, int(cost))
                continue
            accounts.implausible_used += rows - int(plausible)
            name = {USED: "used", OUTSIDE: "outside", REPEATED: "repeated_records"}[kind]
            setattr(accounts, name, rows)

    def _skip_implausible(self, file: str, accounts: Accounts, rows: int, cost: int) -> None:
        where = f"kind = '{IMPLAUSIBLE_KIND}' and file = {self._engine.dialect.literal(file)}"
        sql = (
            f"select n from finops_kinds where {where} order by n limit {config.SKIPPED_LINES_KEPT}"
        )
        numbers = [int(n) for (n,) in self._engine.rows(sql)]
        for number, text in self._taken.texts(self._engine, self._source, file, numbers):
            accounts.skip(IMPLAUSIBLE, number, text)
        accounts.skipped[IMPLAUSIBLE] = rows
        accounts.leave_money(IMPLAUSIBLE, cost)

    def _add_conflicts(self) -> None:
        for file, n, name, count in self._engine.rows(conflicts_sql()):
            accounts = self._taken.accounts[file]
            accounts.conflict(True, self._taken.number(self._source, file, int(n)), name.encode())
            accounts.conflicting_ids = int(count)


def part_of(accounts: Accounts) -> PartitionResult:
    """Return accounts as those of a part of a file of which nothing else is known here."""
    no_ids = IdSummary((), (), array("Q"))
    return PartitionResult((0, 0), (), vars(accounts), (), None, {}, (), (), no_ids, [])


def _with_places(accounting: Accounting, is_text: bool) -> Accounting:
    """Return where lines went without their numbers where there are no lines."""
    if is_text:
        return accounting

    def places(given: Sequence[Place]) -> Tuple[Place, ...]:
        return tuple(place._replace(line=None) for place in given)

    return accounting._replace(
        skipped=tuple(s._replace(places=places(s.places)) for s in accounting.skipped),
        blanked=tuple(b._replace(places=places(b.places)) for b in accounting.blanked),
    )
