"""A CSV as a dataset: one pass over the file, on all cores, that fills every declared table.

The file is cut at line ends into one part a process.  This process reads the first part, the
others are started as fresh interpreters (never forked: a fork would keep the locks of its
parent).  Sums are whole numbers, so the result does not depend on how the file was cut, and
parts that were read earlier count as if they had been read now (see `cache`).
"""

from __future__ import annotations

import os
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from finops import config
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.context import RunContext
from finops.errors import DataError, UsageError
from finops.locations import is_elsewhere
from finops.reader.block_reader import BlockReader
from finops.reader.encoding import KeyEncoder
from finops.reader.header import open_csv
from finops.reader.identity import RepeatFilter
from finops.reader.layout import FileLayout, FileReplacedError, inspect, spans
from finops.reader.options import ReadingOptions, ReadingRules
from finops.rollups import cache as rollup_cache
from finops.rollups.cache import Identity, Kept
from finops.rollups.customer_activity import ActivityLog, UnorderedActivity, joined
from finops.rollups.hours import HourClock
from finops.rollups.merge import Cubes, accounting_of, cubes_of, customers_of, tables_of
from finops.rollups.notes import notes_of
from finops.rollups.part import PartitionResult
from finops.rollups.partition import Blocks, batches, scan_partition
from finops.rollups.planner import Plan
from finops.rollups.protocol import CallDataset, Source
from finops.rollups.readings import Reading, complete
from finops.rollups.spec import (
    Accounting,
    Customer,
    FileInfo,
    Key,
    Period,
    Rollups,
    Table,
    Totals,
    Values,
)
from finops.rollups.workers import PartitionWorkers
from finops.storage.truth import read_truth
from finops.timestamps import zone_of

# Below this many bytes a process of its own costs more than it saves.
MIN_PART_BYTES = 4 * config.MEGABYTE
_TOTALS = Table((), ("calls", "cost", "input_tokens", "output_tokens", "errors", "unpriced"))

# What comes of kept parts that look right and are not.
_SPOILED = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
# So often a file is read that is replaced meanwhile.
_READ_TRIES = 5

Progress = Callable[[int, int], None]


def open_dataset(
    source: Source,
    workers: Optional[int] = None,
    prices: PriceTable = DEFAULT_PRICES,
    progress: Optional[Progress] = None,
    cache: bool = False,
    context: Optional[RunContext] = None,
    options: ReadingOptions = ReadingOptions(),
) -> CallDataset:
    """Return a `Dataset` for a path; what is a dataset already is returned as it is."""
    if isinstance(source, (str, os.PathLike)):
        return Dataset(source, workers, prices, progress, cache, context, options)
    if isinstance(source, Sequence):
        raise UsageError("give one --data")
    return source


class DatasetFacts(NamedTuple):
    """What is delivered beside the tables, in the order in which `Rollups` takes it."""

    period: Period
    totals: Totals
    customers: Mapping[str, Customer]
    accounting: Accounting
    file: FileInfo


class Dataset:
    """The calls of one CSV.

    `workers`: processes to read with, by default as many as there are cores and work for.
    `progress(bytes done, bytes in all)` is called now and then while reading.
    `cache`: keep what was read beside the file, and read only what was appended since.
    `context`: of the run that this is opened for, by default one that begins now.
    `options`: how to read the file.
    """

    def __init__(
        self,
        path: Union[str, os.PathLike[str]],
        workers: Optional[int] = None,
        prices: PriceTable = DEFAULT_PRICES,
        progress: Optional[Progress] = None,
        cache: bool = False,
        context: Optional[RunContext] = None,
        options: ReadingOptions = ReadingOptions(),
    ) -> None:
        location = os.fspath(path)
        self.path = location if is_elsewhere(location) else os.path.abspath(location)
        self.prices = prices
        self.options = options
        self.context = context or RunContext.current()
        self._workers = workers
        self._progress = progress
        self._cache = cache
        self._plan = Plan(())
        self._parts: List[PartitionResult] = []
        self._cubes: Cubes = {}
        self._revived = False  # whether any of the parts was kept from an earlier run
        self._clock = _clock_of(options)
        self._activity = ActivityLog(self._clock)
        self._facts: Optional[DatasetFacts] = None
        self._filled: Dict[Table, Dict[Key, Values]] = {}

    def rollups(self, tables: Iterable[Table]) -> Rollups:
        """Return the declared tables, reading the file if any of them was not planned yet.

        Raises DataError where the file as a whole cannot be read.
        """
        wanted = tuple(tables)
        self.fill(wanted)
        try:
            self._aggregate(wanted)
        except _SPOILED:
            if not self._revived:
                raise
            self._scan(self._plan, cache=False)
            self._aggregate(wanted)
        tables = {table: self._filled[table] for table in wanted}
        return Rollups(tables, *self._known_facts, self.prices, self.context)

    def fill(self, tables: Iterable[Table]) -> None:
        """Read the file for these tables, in one pass, unless it was read for all of them.

        Tables are aggregated when they are first asked for, so that a dataset can be read for all
        that anybody may want, which lets every run share what is kept, and cost little more.
        Raises DataError where the file as a whole cannot be read.
        """
        tables = tuple(tables)
        if self._facts and set(tables) <= set(self._plan.tables):
            return
        plan = Plan((*tables, _TOTALS))
        try:
            self._scan(plan, self._cache)
        except _SPOILED:
            if not self._revived:
                raise
            self._scan(plan, cache=False)

    def forget(self, tables: Iterable[Table]) -> None:
        """Let go of the memory of tables that were delivered; asked for again, they come again."""
        for table in tables:
            self._filled.pop(table, None)

    def truth(self) -> Optional[Dict[str, Any]]:
        """Return which incidents the simulator planted in these calls, None where nobody knows."""
        return read_truth(self.path)

    @property
    def processes(self) -> int:
        """How many processes work on what was read is worth: as many as would read it."""
        return self._count(self._known_facts.file.size_bytes or 0)

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
        self._plan, self._filled, self._facts = plan, {}, None
        with open_csv(self.path) as stream:
            seen = Identity.of(stream)
            layout = inspect(stream, self.path, self.context)
            key = rollup_cache.fingerprint(plan, self._rules(layout)) if cache else ""
            rules = self._rules(layout)
            nothing = Kept(Reading([], rules))
            kept = rollup_cache.load(layout, stream, key, rules) if cache else nothing
            self._revived = bool(kept.reading.parts)
            reading = self._completed(stream, layout, kept)
            self._parts = reading.parts
            self._cubes = cubes_of(plan, self._parts)
            self._compute_facts(stream, layout, reading.rules)
            if cache and (kept.seal_again or not kept.is_complete):
                rollup_cache.save(layout, stream, seen, key, reading)

    def _completed(self, stream: BinaryIO, layout: FileLayout, kept: Kept) -> Reading:
        """Return what was kept with what follows it in the file."""
        if kept.is_complete:
            return kept.reading
        parts = rollup_cache.without_small_tail(kept.reading.parts)
        return complete(kept.reading._replace(parts=parts), _FileParts(self._read, stream, layout))

    def _aggregate(self, tables: Sequence[Table]) -> None:
        missing = [table for table in tables if table not in self._filled]
        self._filled.update(tables_of(self._plan, missing, self._cubes, self._activity))

    def _read(
        self,
        stream: BinaryIO,
        layout: FileLayout,
        rules: ReadingRules,
        covered: int,
        repeats: Optional[RepeatFilter],
    ) -> List[PartitionResult]:
        """Return the parts of the whole lines from the offset `covered` on.

        Where `repeats` are left out, they are read one after the other.
        """
        start = max(layout.header.data_start, covered)
        total = layout.whole_end - start
        processes = self._count(total) if repeats is None else 1
        shares = spans(stream, start, layout.whole_end, processes)

        def report(done: int) -> None:
            if self._progress is not None:
                self._progress(min(total, done * len(shares)), total)

        with PartitionWorkers(layout, shares[1:], self._plan.tables, rules) as others:
            first = scan_partition(
                stream, shares[0], layout.header, self._plan, rules, report, repeats
            )
            parts = [first, *others.results()]
        if os.fstat(stream.fileno()).st_size < layout.whole_end:
            raise FileReplacedError(self.path)
        return parts

    def _rules(self, layout: FileLayout) -> ReadingRules:
        return ReadingRules(self.prices, self.options, layout.latest)

    def _count(self, size: int) -> int:
        if self._workers is not None:
            return max(1, self._workers)
        return max(1, min(os.cpu_count() or 1, size // MIN_PART_BYTES))

    def _compute_facts(self, stream: BinaryIO, layout: FileLayout, rules: ReadingRules) -> None:
        """Compute totals, period and accounting; DataError where not one row can be used."""
        parts = self._parts
        tail = layout.end > layout.whole_end
        notes = (*layout.header.notes, *notes_of(parts))
        accounting = accounting_of(parts, layout.name, notes, tail)
        _refuse_if_nothing_is_usable(accounting, layout.name)
        logs = [ActivityLog.revived(part.activity, self._clock) for part in parts]
        activity = joined(logs, self._clock)
        if activity is None:
            activity = self._sorted_activity(stream, layout, rules)
        self._activity = activity
        self._aggregate((_TOTALS,))
        hours = [hour + ":00:00" for part in parts for hour in part.hours]
        self._facts = DatasetFacts(
            Period(
                start=activity.first_time.decode("ascii"),
                end=activity.last_time.decode("ascii"),
                first_hour=min(hours, default=""),
                last_hour=max(hours, default=""),
                timezone=self.options.timezone,
            ),
            Totals(*self._filled[_TOTALS].get((), ())),
            customers_of(activity),
            accounting,
            FileInfo(layout.name, layout.end),
        )

    def _sorted_activity(
        self, stream: BinaryIO, layout: FileLayout, rules: ReadingRules
    ) -> ActivityLog:
        """Return the activity in an unordered file, in a pass of its own.

        Records that repeat others change nothing of it.
        """
        encoder = KeyEncoder(self.options.tier_prices)
        collected = UnorderedActivity(self._clock)
        reader = BlockReader(layout.header, encoder, rules)
        source = Blocks(stream, (layout.header.data_start, layout.whole_end), reader.accounts)
        for batch in batches(source, reader):
            collected.add(batch, encoder)
        return collected.finish()


def _clock_of(options: ReadingOptions) -> HourClock:
    """Return the clock of the reporting time zone; raises DataError where that is unknown."""
    try:
        return HourClock(zone_of(options.timezone))
    except ValueError as error:
        raise DataError(str(error)) from None


class _FileParts:
    """The parts of one file, for `readings.complete`."""

    def __init__(
        self,
        read: Callable[
            [BinaryIO, FileLayout, ReadingRules, int, Optional[RepeatFilter]],
            List[PartitionResult],
        ],
        stream: BinaryIO,
        layout: FileLayout,
    ) -> None:
        self._read = read
        self._stream = stream
        self._layout = layout

    def read(self, rules: ReadingRules, kept: List[PartitionResult]) -> List[PartitionResult]:
        covered = kept[-1].span[1] if kept else 0
        return kept + self._read(self._stream, self._layout, rules, covered, None)

    def read_in_order(self, rules: ReadingRules, repeats: RepeatFilter) -> List[PartitionResult]:
        return self._read(self._stream, self._layout, rules, 0, repeats)


def _refuse_if_nothing_is_usable(accounting: Accounting, name: str) -> None:
    if accounting.used or accounting.outside or not accounting.skipped_rows:
        return
    worst = accounting.skipped[:3]
    reasons = ", ".join(f"{s.reason} ({s.rows} rows, first line {s.first_line})" for s in worst)
    raise DataError(f"{name}: no usable row; {reasons}")
