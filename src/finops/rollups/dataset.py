"""Tables of calls as a dataset: one pass over each file, on all cores, fills every declared table.

Sums are whole numbers, so the result does not depend on how the calls are shared out over files
and how these are cut into parts (see `file_scan`), and parts that were read earlier count as if
they had been read now (see `cache`).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.context import RunContext
from finops.errors import DataError
from finops.reader.encoding import KeyEncoder
from finops.reader.event_log import Event, events_beside, read_events
from finops.reader.layout import FileReplacedError
from finops.reader.options import ReadingOptions
from finops.reader.sources import Locations
from finops.rollups.coarsening import CoarseGroups, Coarsening, coarse_groups
from finops.rollups.customer_activity import ActivityLog, UnorderedActivity, joined
from finops.rollups.delivered import Delivered
from finops.rollups.file_scan import ScanSettings, processes_for
from finops.rollups.file_set import FileSet, Progress
from finops.rollups.free_memory import return_free_memory
from finops.rollups.hours import HourClock
from finops.rollups.kept_tables import KeptTables
from finops.rollups.key_limit import TooManyKeysError, check_keys
from finops.rollups.linked_calls import LinkedFacts
from finops.rollups.merge import Cubes, accounting_of, cubes_of, tables_of
from finops.rollups.notes import notes_of, on_whole_days
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan
from finops.rollups.protocol import CallDataset, Location, Source
from finops.rollups.readings import Reading
from finops.rollups.retries import TRACE_ID, UnorderedRetries
from finops.rollups.source_notes import SOURCES, on_sources
from finops.rollups.spec import (
    Accounting,
    FileInfo,
    Period,
    Rollups,
    Table,
    Totals,
)
from finops.storage.truth import read_truth
from finops.timestamps import zone_of

# What goes with every dataset.
TOTALS = Table((), Totals._fields)
WHOLE_DAYS = Table((), ("daily_records",))

# What comes of kept parts that look right and are not.
_SPOILED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# After so many bytes free memory is returned, which takes a few milliseconds.
MUCH_READ_BYTES = 32 * config.MEGABYTE
# So often a file is read that is replaced meanwhile.
_READ_TRIES = 5


def open_dataset(
    source: Source,
    workers: Optional[int] = None,
    prices: PriceTable = DEFAULT_PRICES,
    progress: Optional[Progress] = None,
    cache: bool = False,
    context: Optional[RunContext] = None,
    options: ReadingOptions = ReadingOptions(),
    most_keys: Optional[int] = None,
) -> CallDataset:
    """Return a `Dataset` for one location of data or a list of them; what is a dataset already is
    returned as it is.
    """
    if isinstance(source, (str, os.PathLike, Sequence)):
        return Dataset(source, workers, prices, progress, cache, context, options, most_keys)
    return source


class DatasetFacts(NamedTuple):
    """What is delivered beside the tables."""

    period: Period
    totals: Totals
    accounting: Accounting
    file: FileInfo


class Dataset:
    """The calls of one table or of several.

    `locations`: one or a list of paths of tables, of folders that hold some, of patterns such as
    `logs/*.csv.gz`, or `-` for standard input.
    `workers`: processes to read with, by default as many as there are cores and work for.
    `progress(bytes done, bytes in all)` is called now and then while reading.
    `cache`: keep what was read beside the file, and read only what was appended since.
    `context`: of the run that this is opened for, by default one that begins now.
    `options`: how to read the file.
    `most_keys`: refuse data of more customers, kinds of calls, or hours with calls, than this,
    or of more days than an eighth of it.
    """

    def __init__(
        self,
        locations: Union[Location, Sequence[Location]],
        workers: Optional[int] = None,
        prices: PriceTable = DEFAULT_PRICES,
        progress: Optional[Progress] = None,
        cache: bool = False,
        context: Optional[RunContext] = None,
        options: ReadingOptions = ReadingOptions(),
        most_keys: Optional[int] = None,
    ) -> None:
        if isinstance(locations, (str, os.PathLike)):
            locations = [locations]
        self._locations = Locations([os.fspath(location) for location in locations])
        self.path = self._locations.first
        self.prices = prices
        self.options = options
        self.context = context or RunContext.current()
        self._workers = workers
        self._progress = progress
        self._cache = cache
        self._most_keys = most_keys
        self._plan = Plan(())
        self._parts: List[PartitionResult] = []
        self._cubes: Cubes = {}
        self._revived = False  # whether any of the parts was kept from an earlier run
        self._clock = _clock_of(options)
        self._activity = ActivityLog(self._clock)
        self._linked = LinkedFacts()
        self._facts: Optional[DatasetFacts] = None
        self._has_totals = False  # whether these and the notes that take tables are among the facts
        self._delivered = Delivered()
        self._content_key = ""
        self._keepable: Optional[KeptTables] = None
        self._kept: Optional[KeptTables] = None  # while tables are kept

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the declared tables, reading the file if any of them was not planned yet.

        Raises DataError where the file as a whole cannot be read.
        """
        wanted = tuple(tables)
        self.fill(wanted)
        try:
            self._aggregate(wanted)
            self._complete_facts()
        except _SPOILED:
            if not self._revived:
                raise
            self._scan(self._plan, cache=False)
            self._aggregate(wanted)
            self._complete_facts()
        tables = {table: self._delivered.tables[table] for table in wanted}
        period, totals, accounting, file = self._known_facts
        customers = self._delivered.customers_of(tables)
        return Rollups(
            tables,
            period,
            totals,
            customers,
            accounting,
            file,
            self.prices,
            self.context,
            self._delivered.memo,
        )

    def fill(self, tables: Iterable[Table]) -> None:
        """Read the file for these tables, in one pass, unless it was read for all of them.

        Tables are aggregated when they are first asked for, so that a dataset can be read for all
        that anybody may want, which lets every run share what is kept, and cost little more.
        Raises DataError where the file as a whole cannot be read.
        """
        tables = tuple(tables)
        if self._facts and set(tables) <= set(self._plan.tables):
            return
        plan = Plan((*tables, TOTALS, WHOLE_DAYS, SOURCES))
        try:
            self._scan(plan, self._cache)
        except _SPOILED:
            if not self._revived:
                raise
            self._scan(plan, cache=False)

    def coarse(self, table: Table, coarsening: Coarsening, most: int) -> Optional[CoarseGroups]:
        """Return a table's groups with their keys merged, None where there are more than `most`.

        Costs are whole numbers of 10**-12 USD.  Raises DataError as `fill` does.
        """
        self.fill([table])
        cubes = self._cubes[self._plan.spec_for(table, "")]
        return coarse_groups(table, cubes, coarsening, most)

    @contextmanager
    def keeping_tables(self) -> Iterator[None]:
        """Take tables from an earlier run as far as they hold, and keep those that are made.

        It is of what was read last, where anything of that was kept beside the data.
        """
        if self._keepable is None:
            yield
            return
        with self._keepable as kept:
            self._kept = kept
            try:
                yield
                if self._kept is kept:  # the data was not read again
                    kept.publish()
            finally:
                self._kept = None

    def forget(self, tables: Iterable[Table]) -> None:
        """Let go of the memory of tables that were delivered; asked for again, they come again."""
        self._delivered.forget(tables)

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return which incidents the simulator planted in these calls, None where unknown."""
        return read_truth(self.path) if self._locations.is_single_file else None

    def events(self) -> List[Event]:
        """Return the events of the file beside the data, none where there is no such file.

        Raises DataError where it cannot be read.
        """
        beside = events_beside(self.path)
        is_there = self._locations.is_single_path and beside.is_file()
        return read_events(beside) if is_there else []

    @property
    def processes(self) -> int:
        """How many processes work on what was read is worth: as many as would read it."""
        return processes_for(self._workers, self._known_facts.file.size_bytes or 0)

    @property
    def content_key(self) -> str:
        """What all figures of what was read follow from, in short, "" where it is not known.

        It is known of plain files that are large enough to keep what was read of them.
        """
        return self._content_key

    @property
    def kept_bytes(self) -> int:
        """Size of what was read, in bytes, nearly all of which are arrays of numbers."""
        return sum(
            len(column) * column.itemsize
            for part in self._parts
            for _, packed in part.cubes
            for column in packed.arrays
        )

    @property
    def _known_facts(self) -> DatasetFacts:
        if self._facts is None:
            raise ValueError("nothing was read yet: ask for tables first")
        return self._facts

    def _scan(self, plan: Plan, cache: bool) -> None:
        """Read the file; begin again where it is replaced by another one meanwhile.

        Raises FileReplacedError where that happens again and again.
        """
        for tries_left in reversed(range(_READ_TRIES)):
            try:
                return self._scan_once(plan, cache)
            except FileReplacedError:
                if not tries_left:
                    raise

    def _scan_once(self, plan: Plan, cache: bool) -> None:
        self._plan, self._delivered, self._facts = plan, Delivered(), None
        self._has_totals = False
        self._keepable = self._kept = None
        settings = ScanSettings(
            plan, self.prices, self.options, self.context, self._workers, cache, self._most_keys
        )
        files = FileSet(self._locations.files(), settings, self._progress)
        plan = self._plan = files.plan
        reading = files.complete()
        self._revived = files.revived
        self._parts = reading.parts
        self._cubes = cubes_of(plan, self._parts)
        try:
            check_keys(self._cubes, self._most_keys)
        except TooManyKeysError as error:
            raise error.within(files.name) from None
        self._content_key = files.content_key(reading)
        self._compute_facts(files, reading)
        self._keepable = files.kept_tables(reading)
        files.save(reading)
        if files.size >= MUCH_READ_BYTES:
            return_free_memory()

    def _aggregate(self, tables: Sequence[Table]) -> None:
        missing = [table for table in tables if table not in self._delivered.tables]
        filled = tables_of(
            self._plan, missing, self._cubes, self._activity, self._linked, self._kept
        )
        self._delivered.tables.update(filled)

    def _compute_facts(self, files: FileSet, reading: Reading) -> None:
        """Compute period and accounting; DataError where not one row can be used."""
        parts = self._parts
        notes = (*files.notes, *notes_of(files.file_parts))
        accounting = accounting_of(files.file_parts, notes)
        refuse_if_nothing_is_usable(accounting, files.name)
        self._follow_calls(files, reading)
        times = [time for part in parts for time in part.ends]
        hours = [hour + ":00:00" for part in parts for hour in part.hours]
        self._facts = DatasetFacts(
            Period(
                start=min(times, default=""),
                end=max(times, default=""),
                first_hour=min(hours, default=""),
                last_hour=max(hours, default=""),
                timezone=self.options.timezone,
            ),
            Totals(),
            accounting,
            FileInfo(files.name, files.size, files.count),
        )

    def _complete_facts(self) -> None:
        """Add to the facts what takes tables, which a run that makes nothing never asks for."""
        if self._has_totals:
            return
        self._aggregate((TOTALS, WHOLE_DAYS, SOURCES))
        facts = self._known_facts
        notes = (*self._notes_on_whole_days(), *on_sources(self._delivered.tables[SOURCES]))
        self._facts = facts._replace(
            totals=Totals(*self._delivered.tables[TOTALS].get((), ())),
            accounting=facts.accounting._replace(notes=(*facts.accounting.notes, *notes)),
        )
        self._has_totals = True

    def _notes_on_whole_days(self) -> List[str]:
        """Return what is to say of totals of days where reports are not in UTC."""
        if self._clock.is_utc:
            return []
        (rows,) = self._delivered.tables[WHOLE_DAYS].get((), (0,))
        return on_whole_days(rows, self.options.timezone)

    def _follow_calls(self, files: FileSet, reading: Reading) -> None:
        """Put together what follows from the calls of a customer and of an id.

        That of unordered calls takes a pass of its own, and one more over their ids where records
        repeat: they change nothing of the activity of customers, but of retries.
        """
        logs = [ActivityLog.revived(part.activity, self._clock) for part in self._parts
                if part.activity is not None]  # fmt: skip
        activity, linked = joined(logs, self._clock), LinkedFacts(self._parts)
        visits = UnorderedActivity(self._clock) if activity is None else None
        retries = UnorderedRetries() if linked.is_disordered else None
        if visits or retries:
            rules = reading.rules
            repeats = files.repeats(rules) if retries and reading.has_repeats else None
            encoder, columns = KeyEncoder(rules), (TRACE_ID,) if retries else ()
            for batch in files.batches(rules, encoder, columns, repeats):
                if visits:
                    visits.add(batch, encoder)
                if retries:
                    retries.add(batch, encoder)
        if retries:
            linked.settle(retries.finish())
        self._activity = activity or (visits.finish() if visits else ActivityLog(self._clock))
        self._linked = linked


def _clock_of(options: ReadingOptions) -> HourClock:
    """Return the clock of the reporting time zone; raises DataError where that is unknown."""
    try:
        return HourClock(zone_of(options.timezone))
    except ValueError as error:
        raise DataError(str(error)) from None


def refuse_if_nothing_is_usable(accounting: Accounting, name: str) -> None:
    """Raise DataError, with the reasons, where there are rows and not one can be used."""
    if accounting.used or accounting.outside or not accounting.skipped_rows:
        return
    worst = accounting.skipped[:3]
    reasons = ", ".join(f"{s.reason} ({s.rows} rows, first line {s.first_line})" for s in worst)
    raise DataError(f"{name}: no usable row; {reasons}")
