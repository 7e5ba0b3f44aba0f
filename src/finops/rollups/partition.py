"""One part of a file, from bytes to packed cubes: what each process of a scan does.

A part's result is plain data (see `part`), so that it travels between processes and can be kept.
Parts of one file add up in file order.
"""

from __future__ import annotations

from typing import Callable, Iterator, List, Optional, Sequence, Set

from finops import config
from finops.reader.accounts import LINE_START_BYTES, Accounts
from finops.reader.block_reader import BlockReader
from finops.reader.containers import TextStream
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.header import Header
from finops.reader.identity import IdCollector, RepeatFilter
from finops.reader.layout import Span
from finops.reader.options import ReadingRules
from finops.reader.records import Dialect, has_odd_line, spans_of_records
from finops.reader.row_parser import TOO_LONG
from finops.rollups.cubes import Cube
from finops.rollups.customer_activity import ActivityReader
from finops.rollups.digests import BlockDigests
from finops.rollups.fill_loop import FillLoops
from finops.rollups.hours import HourClock
from finops.rollups.key_limit import KeyCounter
from finops.rollups.linked_calls import LinkedCalls
from finops.rollups.measures import CALLS_AT_A_TIME, ROWS_AT_A_TIME
from finops.rollups.part import PartitionResult
from finops.rollups.planner import Plan, closing_order
from finops.rollups.row_kinds import as_counted
from finops.timestamps import zone_of

# Small enough for the caches of the processor, large enough for the overhead of a block.
BLOCK_BYTES = 256 * 1024
BytesDone = Callable[[int], None]


def scan_partition(
    stream: TextStream,
    span: Span,
    header: Header,
    plan: Plan,
    rules: ReadingRules,
    progress: Optional[BytesDone] = None,
    is_last: bool = False,
    repeats: Optional[RepeatFilter] = None,
    most_keys: Optional[int] = None,
) -> PartitionResult:
    """Read the records in the bytes [from, to) of a text and return the part's result.

    Both ends of `span` are line starts.  The span of the result ends before a record that is
    still open, which bytes to come may close; where nothing can come, since `is_last`, all is
    read, and the end of the span need not be a line start.

    With `repeats`, records that it has met are left out, which takes all parts in their order;
    without it the ids are noted (see `identity`).  Raises TooManyKeysError where there are more
    than `most_keys` customers, kinds of calls or hours.
    """
    encoder = KeyEncoder(rules)
    ids = IdCollector(rules.all_checksums)
    clock = HourClock(zone_of(rules.options.timezone))
    linked = LinkedCalls(plan.followed, header)
    reader = BlockReader(
        header, encoder, rules, ids if repeats is None else repeats, linked.columns
    )
    filler = CubeFiller(plan, encoder, clock)
    activity = ActivityReader(clock) if plan.follows_calls else None
    source = Blocks(stream, span, reader.accounts, header.dialect, progress, is_last)
    keys = KeyCounter(encoder, most_keys)
    for batch in batches(source, reader):
        keys.add(batch)
        filler.add(batch)
        if activity is not None:
            activity.add(batch, encoder)
        linked.add(batch, encoder)
    filler.close()
    return PartitionResult(
        (span[0], source.end),
        source.digests.blocks(),
        vars(reader.accounts),
        encoder.customer_keys,
        activity.finish(encoder).plain() if activity is not None else None,
        linked.plain(),
        [time.decode("ascii") for time in filler.ends],
        filler.hours,
        ids.summary(),
        [(cube.keys, cube.packed.narrowed()) for cube in filler.cubes],
    )


class CubeFiller:
    """Fills the cubes of a plan for one part of a file, batch by batch in time order.

    `ends` are the first and the last time, `hours` the first and the last local hour covered so
    far; both are nothing without calls.
    """

    def __init__(self, plan: Plan, encoder: KeyEncoder, clock: HourClock) -> None:
        self.ends: Sequence[bytes] = ()
        self.hours: Sequence[str] = ()
        words_in_use: Set[int] = set()
        self.cubes: List[Cube] = plan.cubes(words_in_use)
        direct = [cube for cube in self.cubes if cube.source is None]
        self._loops = FillLoops(direct, plan.layout, words_in_use)
        self._encoder = encoder
        self._clock = clock
        self._open_rows = 0
        self._open_calls = 0

    def add(self, batch: Batch) -> None:
        """Add a batch.

        All cells are packed from time to time, since a packed sum has room for so many rows and
        so many calls.
        """
        rows, calls = len(batch.times), _most_calls(batch)
        if rows > 1 and (rows > ROWS_AT_A_TIME or calls > CALLS_AT_A_TIME):
            self.add(batch.part(0, rows // 2))
            self.add(batch.part(rows // 2, rows))
            return
        self._open_rows += rows
        self._open_calls += calls
        if self._open_rows > ROWS_AT_A_TIME or self._open_calls > CALLS_AT_A_TIME:
            self.close()
            self._open_rows, self._open_calls = rows, calls
        self._fill(batch)

    def _fill(self, batch: Batch) -> None:
        times = batch.times
        late = bool(self.ends) and times[0] < self.ends[-1]
        self.ends = (min([times[0], *self.ends]), max([times[-1], *self.ends]))
        runs = self._clock.runs(batch)
        first, last = min(hour for hour, _, _ in runs), self._clock.last_hour(batch, runs)
        self.hours = (min([first, *self.hours]), max([last, *self.hours]))
        self._loops.fill(batch, runs, self._encoder, late)

    def close(self) -> None:
        """Pack what is still open."""
        for cube in closing_order(self.cubes):
            cube.close()


def _most_calls(batch: Batch) -> int:
    """Return a bound of how many calls the rows weigh, those that say nothing as one each."""
    rows = len(batch.times)
    return rows + sum(filter(None, batch.numbers["calls"])) if "calls" in batch.numbers else rows


def batches(source: Blocks, reader: BlockReader) -> Iterator[Batch]:
    """Yield the calls of blocks of lines, in time order within each (ties in file order)."""
    for piece in source:
        batch = reader.read(piece)
        if batch is not None:
            yield _in_time_order(as_counted(batch))
    for batch in reader.read_tail(source.tail):
        yield _in_time_order(as_counted(batch))


def _in_time_order(batch: Batch) -> Batch:
    times = batch.times
    if sorted(times) == times:
        return batch
    return batch.reordered(sorted(range(len(times)), key=times.__getitem__))


class Blocks:
    """The records of a span in blocks of whole lines; a record of several lines is in one block.

    `digests` are those of all bytes that were yielded or dropped, or that `tail` holds; at the
    end of the iteration `end` is the offset behind them.  A line longer than is allowed is
    dropped as it is read, so that memory stays bounded, and counted in `accounts`.  In the last
    span of a text, `tail` is what follows the blocks: a line without an end, with the lines
    before it that may be of the same record.
    """

    def __init__(
        self,
        stream: TextStream,
        span: Span,
        accounts: Accounts,
        dialect: Dialect = Dialect(),
        progress: Optional[BytesDone] = None,
        is_last: bool = False,
    ) -> None:
        self.digests = BlockDigests()
        self.end = span[0]
        self.tail = b""
        self._stream = stream
        self._span = span
        self._accounts = accounts
        self._dialect = dialect
        self._progress = progress
        self._is_last = is_last

    def __iter__(self) -> Iterator[bytes]:
        # Whole lines of a record that is open; the line that is being read; how a line begins
        # that is too long, of which the rest is being dropped.
        pending, rest, dropping = b"", b"", b""
        for chunk in self._chunks():
            if dropping:
                cut = chunk.find(b"\n") + 1
                self.digests.update(chunk[:cut] or chunk)
                if not cut:
                    continue
                self._drop_line(dropping)
                chunk, dropping = chunk[cut:], b""
            cut = chunk.rfind(b"\n") + 1
            if cut:
                lines = b"".join((pending, rest, chunk[:cut]))
                rest = chunk[cut:]
                closed = self._closed(lines)
                pending = lines[closed:]
                if closed:
                    yield self._digested(lines[:closed])
            else:
                rest += chunk
            if len(rest) > config.MAX_LINE_BYTES + 1:  # one more may be the CR of its end
                if pending:  # no record may go on over so long a line
                    yield self._digested(pending)
                pending, rest, dropping = b"", b"", self._digested(rest)[:LINE_START_BYTES]
        if dropping:
            self._accounts.lines += 1
            self._accounts.incomplete_tail += 1
        yield from self._ended(pending, rest)

    def _digested(self, data: bytes) -> bytes:
        self.digests.update(data)
        return data

    def _closed(self, lines: bytes) -> int:
        """Return the offset behind the last record that is not open."""
        if not has_odd_line(lines):
            return len(lines)
        each = lines.split(b"\n")[:-1]
        ends = [end for _, end in spans_of_records(each, self._dialect, more=True)]
        open_lines = each[ends[-1] if ends else 0 :]
        return len(lines) - sum(len(line) + 1 for line in open_lines)

    def _ended(self, pending: bytes, rest: bytes) -> Iterator[bytes]:
        if not self._is_last:
            self.end -= len(pending) + len(rest)
        elif rest:
            self.tail = self._digested(pending + rest)
        elif pending:
            yield self._digested(pending)

    def _chunks(self) -> Iterator[bytes]:
        start, end = self._span
        self._stream.seek(start)
        while self.end < end:
            chunk = self._stream.read(min(BLOCK_BYTES, end - self.end))
            if not chunk:
                break
            self.end += len(chunk)
            if self._progress is not None:
                self._progress(self.end - start)
            yield chunk

    def _drop_line(self, start: bytes) -> None:
        self._accounts.lines += 1
        self._accounts.skip(TOO_LONG, self._accounts.lines, start)
