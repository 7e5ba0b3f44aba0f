"""One file, scanned: its layout, what was kept of it, and the parts that are read.

The file is cut between records into one part a process.  This process reads the first part, the
others are started as fresh interpreters (never forked: a fork would keep the locks of its
parent).  What must be decoded is read by this process alone.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from typing import BinaryIO, Callable, Iterator, List, NamedTuple, Optional, Sequence

from finops import config
from finops.business.catalog import PriceTable
from finops.context import RunContext
from finops.errors import DataError
from finops.reader.block_reader import BlockReader
from finops.reader.containers import TextStream
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.identity import IdRule, RepeatFilter
from finops.reader.layout import ENDLESS, FileReplacedError, Span, inode_of, inspect, spans
from finops.reader.options import END_OF_TIME, ReadingOptions, ReadingRules
from finops.reader.sources import SourceFile
from finops.rollups import cache as rollup_cache
from finops.rollups.cache import Identity, Kept
from finops.rollups.kept_tables import Basis, KeptTables
from finops.rollups.key_limit import TooManyKeysError
from finops.rollups.part import PartitionResult
from finops.rollups.partition import Blocks, BytesDone, batches, scan_partition
from finops.rollups.planner import Plan
from finops.rollups.readings import Reading
from finops.rollups.workers import PartitionWorkers

# Below this many bytes a process of its own costs more than it saves.
MIN_PART_BYTES = 4 * config.MEGABYTE
# To find where a file stands in time so much of it is read.
_FIRST_TIME_BYTES = config.MEGABYTE

# Takes how many bytes of a file are read, and how many there are to read.
Report = Callable[[int, int], None]


class ScanSettings(NamedTuple):
    """How files are scanned, the same for all of a dataset.

    `workers` is the number of processes, None for as many as there are cores and work for;
    `most_keys` how many customers, kinds of calls and hours may be in it, None for any number.
    """

    plan: Plan
    prices: PriceTable
    options: ReadingOptions
    context: RunContext
    workers: Optional[int] = None
    cache: bool = False
    most_keys: Optional[int] = None


def processes_for(workers: Optional[int], size: int) -> int:
    """Return how many processes so many bytes are worth."""
    if workers is not None:
        return max(1, workers)
    return max(1, min(os.cpu_count() or 1, size // MIN_PART_BYTES))


class FileScan:
    """One file as it was when it was inspected, and the parts that were last read of it.

    `body` are parts that bytes to come do not change, `tail` what follows them.
    Raises DataError where the file as a whole cannot be read.
    """

    def __init__(self, source: SourceFile, settings: ScanSettings) -> None:
        self.source = source
        self.body: List[PartitionResult] = []
        self.tail: List[PartitionResult] = []
        self._settings = settings
        self._cached = settings.cache and not source.is_spooled
        with source.open() as stream:
            self._seen = Identity.of(stream)
            self.layout = inspect(stream, source.path, settings.context, settings.options)
        self._cached = self._cached and self.layout.container.is_plain
        self._kept: Optional[Kept] = None
        self._key = ""

    def use(self, plan: Plan) -> None:
        """Read the file for the tables of a plan."""
        self._settings = self._settings._replace(plan=plan)

    @property
    def parts(self) -> List[PartitionResult]:
        """All parts of the file in their order."""
        return self.body + self.tail

    def load(self, rules: ReadingRules) -> Kept:
        """Return what was kept of an earlier run; `rules` are those of now."""
        kept = Kept(Reading([], rules))
        if self._cached:
            self._key = rollup_cache.fingerprint(self._settings.plan, rules)
            with self._opened() as stream:
                kept = rollup_cache.load(self.layout, stream, self._key, rules)
        self._kept = kept
        if kept.is_complete:
            self.body, self.tail = kept.reading.parts, [*kept.tail]
        return kept

    @property
    def content_key(self) -> str:
        """What the parts follow from: the file's name, all its bytes, and how they were read.

        When and where it was written decides no figure, so a touched file or a copy of it has
        the same.  Returns "" where that is not known or the file is read again in no time.
        """
        if not self._key or self.layout.end < rollup_cache.MIN_STATE_BYTES:
            return ""
        bytes_read = [(*part.span, *part.digests) for part in self.parts]
        layout = self.layout
        # Digests are of what follows the header, so all that is known of it is named.
        about = (layout.name, layout.size, layout.clock, layout.notes, tuple(layout.header))
        return repr((about, self._key, bytes_read))

    def kept_tables(self, rules: ReadingRules) -> Optional[KeptTables]:
        """Return where tables of the parts are kept, None where no parts of the file are."""
        if not self.content_key:
            return None
        basis = Basis.of(self._key, rules.implausible_used, self.parts)
        return KeptTables(self.layout.path, basis)

    def save(self, reading: Reading) -> None:
        """Keep the parts beside the file, if it is worth that and still the same file.

        `reading` says by which rules it was read, and whether records repeat in it.
        """
        kept = self._kept
        if not self._cached or kept is None:
            return
        before = kept.reading.parts
        same = len(before) == len(self.body) and all(map(_is, before, self.body))
        if kept.is_complete and same and not kept.seal_again:
            return
        with suppress(DataError), self.source.open() as stream:
            reading = reading._replace(parts=self.body)
            rollup_cache.save(self.layout, stream, self._seen, self._key, reading, self.tail)

    def read(
        self,
        rules: ReadingRules,
        kept: List[PartitionResult],
        report: Report,
        repeats: Optional[RepeatFilter] = None,
    ) -> List[PartitionResult]:
        """Return the parts of the file, of which some may be kept ones.

        Where `repeats` are left out, they are read one after the other.  Raises
        FileReplacedError where the path leads to another file by now, TooManyKeysError where
        there are more keys than may be.
        """
        try:
            return self._read_all(rules, kept, report, repeats)
        except TooManyKeysError as error:
            raise error.within(self.layout.name) from None

    def _read_all(
        self,
        rules: ReadingRules,
        kept: List[PartitionResult],
        report: Report,
        repeats: Optional[RepeatFilter],
    ) -> List[PartitionResult]:
        with self._opened() as stream:
            if not self.layout.container.is_plain:
                self.tail = [self._decoded(stream, rules, report, repeats)]
                return self.parts
            end = self.layout.whole_end
            whole = bool(kept) and kept[-1].span[1] == end
            self.body = kept if whole else rollup_cache.without_small_tail(kept, end)
            covered = self.body[-1].span[1] if self.body else self.layout.header.data_start
            if not whole:
                self.body = self.body + self._read(stream, covered, rules, report, repeats)
            self.tail = self._read_tail(stream, rules, repeats)
        return self.parts

    def batches(
        self,
        rules: ReadingRules,
        encoder: KeyEncoder,
        columns: Sequence[str] = (),
        ids: Optional[IdRule] = None,
    ) -> Iterator[Batch]:
        """Yield the calls of the file once more, with the cells of some columns, and with a rule
        for their ids.
        """
        header = self.layout.header
        reader = BlockReader(header, encoder, rules, ids, columns)
        with self._opened() as stream:
            yield from self._batches(stream, reader, self.layout.end)

    def first_time(self, rules: ReadingRules) -> bytes:
        """Return the time of the first call, that of the end where none is near the start."""
        end = min(self.layout.end, self.layout.header.data_start + _FIRST_TIME_BYTES)
        reader = BlockReader(self.layout.header, KeyEncoder(), rules)
        with self._opened() as stream:
            for batch in self._batches(stream, reader, end):
                return batch.times[0]
        return END_OF_TIME

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        with self.source.open() as stream:
            if inode_of(stream) != self.layout.inode:
                raise FileReplacedError(self.layout.path)
            yield stream

    def _batches(self, stream: BinaryIO, reader: BlockReader, end: int) -> Iterator[Batch]:
        header = self.layout.header
        text, span = self.layout.text(stream), (header.data_start, end)
        return batches(Blocks(text, span, reader.accounts, header.dialect, is_last=True), reader)

    def _decoded(
        self,
        stream: BinaryIO,
        rules: ReadingRules,
        report: Report,
        repeats: Optional[RepeatFilter],
    ) -> PartitionResult:
        """Return all of a file that must be decoded, as one part."""
        layout = self.layout

        def advance(_: int) -> None:
            report(min(layout.size, stream.tell()), layout.size)

        span = (layout.header.data_start, ENDLESS)
        return self._scanned(layout.text(stream), span, rules, advance, True, repeats)

    def _read(
        self,
        stream: BinaryIO,
        start: int,
        rules: ReadingRules,
        report: Report,
        repeats: Optional[RepeatFilter],
    ) -> List[PartitionResult]:
        """Return the parts of the whole lines from an offset on."""
        layout, plan = self.layout, self._settings.plan
        total = layout.whole_end - start
        alone = repeats is not None or self.source.is_spooled
        count = processes_for(1 if alone else self._settings.workers, total)
        shares = spans(stream, start, layout.whole_end, count)

        def advance(done: int) -> None:
            report(min(total, done * len(shares)), total)

        most_keys = self._settings.most_keys
        with PartitionWorkers(layout, shares[1:], plan.scanned, rules, most_keys) as others:
            first = self._scanned(stream, shares[0], rules, advance, False, repeats)
            parts = [first, *others.results()]
        if os.fstat(stream.fileno()).st_size < layout.whole_end:
            raise FileReplacedError(layout.path)
        return parts

    def _read_tail(
        self, stream: BinaryIO, rules: ReadingRules, repeats: Optional[RepeatFilter]
    ) -> List[PartitionResult]:
        """Return what follows the body as one more part, which bytes to come may change."""
        span = (self.body[-1].span[1], self.layout.end)
        if span[0] >= span[1]:
            return []
        return [self._scanned(stream, span, rules, None, True, repeats)]

    def _scanned(
        self,
        stream: TextStream,
        span: Span,
        rules: ReadingRules,
        advance: Optional[BytesDone],
        is_last: bool,
        repeats: Optional[RepeatFilter],
    ) -> PartitionResult:
        settings, header = self._settings, self.layout.header
        return scan_partition(
            stream,
            span,
            header,
            settings.plan,
            rules,
            advance,
            is_last,
            repeats,
            settings.most_keys,
        )


def _is(part: PartitionResult, other: PartitionResult) -> bool:
    return part is other
