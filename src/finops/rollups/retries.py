"""Which calls are retries: those that follow a failed call of the same trace.

A retry comes within `config.RETRY_WINDOW_S` of the latest earlier call of its trace, and that
one, or another at the same instant, failed.  So only traces with a failure need following, and
none for longer than that, which bounds memory.

Calls arrive in time order within a part, and parts are joined in file order.  For that a part
keeps the traces of its first minutes, which may go on from the part before, and those of its
last ones that may go on in the next.  Where calls turn out to be unordered, those of the whole
file are sorted (see `UnorderedRetries`).  The order of calls at one instant decides nothing.
"""

from __future__ import annotations

from array import array
from itertools import compress
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config, schema
from finops.reader.encoding import COST, Batch, KeyEncoder
from finops.reader.identity import id_of
from finops.rollups.row_kinds import moments
from finops.rollups.spec import Key, Values
from finops.timestamps import MicrosecondClock

TRACE_ID = "trace_id"
_WINDOW_US = config.RETRY_WINDOW_S * 10**6


class RetryFigures(NamedTuple):
    """Retries and their cost in USD."""

    calls: int
    cost: float


class _Row(NamedTuple):
    """What counts of one row: microseconds, whether it failed, its calls, cost in pico-dollars."""

    us: int
    failed: bool
    calls: int
    cost: int


# A trace at its latest instant: microseconds, whether a call failed, and whether they are retries.
# Tuples that have no names are made faster.
_Trace = Tuple[int, bool, bool]


class RetryLog:
    """The retries through some stretch of calls in time order."""

    def __init__(self) -> None:
        self.calls = 0
        self.cost = 0
        self.has_traces = False
        self.disordered = False
        self.first_us: Optional[int] = None
        self.last_us = 0
        # The first instant of each trace of the first minutes, and traces that may go on.
        self.head: Dict[bytes, _Row] = {}
        self.open: Dict[bytes, _Trace] = {}

    def follow(self, trace: bytes, us: int, failed: bool, calls: int, cost: int) -> None:
        """Take in a call of a trace in the order of time."""
        before = self.open.get(trace)
        if before is None or us - before[0] > _WINDOW_US:
            if failed:
                self.open[trace] = (us, True, False)
            elif before is not None:
                del self.open[trace]
            return
        latest, failed_before, follows = before
        if us == latest:
            failed = failed or failed_before
        else:
            follows = failed_before
        self.open[trace] = (us, failed, follows)
        if follows:
            self.calls += calls
            self.cost += cost

    def forget(self, us: int) -> None:
        """Stop following the traces that are over at a time."""
        over = [trace for trace, (latest, _, _) in self.open.items() if us - latest > _WINDOW_US]
        for trace in over:
            del self.open[trace]

    def note_first(self, trace: bytes, row: _Row) -> None:
        """Keep the first instant of a trace."""
        first = self.head.get(trace)
        if first is None:
            self.head[trace] = row
        elif first.us == row.us:
            failed = first.failed or row.failed
            self.head[trace] = _Row(row.us, failed, first.calls + row.calls, first.cost + row.cost)

    def join(self, later: RetryLog) -> None:
        """Append the stretch that follows in the file; the head is that of nothing then."""
        self.has_traces = self.has_traces or later.has_traces
        self.disordered = self.disordered or later.disordered
        if later.first_us is None or self.disordered:
            return
        if self.first_us is None:
            vars(self).update(vars(later))
            return
        self.disordered = later.first_us < self.last_us or self._splits_instant(later)
        self.calls += later.calls
        self.cost += later.cost
        going_on = dict(later.open)
        for trace, before in self.open.items():
            row, (us, failed, _) = later.head.get(trace), before
            if row is None:
                if later.last_us - us <= _WINDOW_US:
                    going_on[trace] = before
            elif failed and row.us - us <= _WINDOW_US:
                self.calls += row.calls
                self.cost += row.cost
                if row.us == later.last_us:
                    going_on[trace] = (row.us, row.failed, True)
        self.open = going_on
        self.last_us = later.last_us

    def _splits_instant(self, later: RetryLog) -> bool:
        """Return whether calls of a trace at one instant are on both sides of the cut."""
        return any(
            us == later.head[trace].us
            for trace, (us, _, _) in self.open.items()
            if trace in later.head
        )

    def plain(self) -> Dict[str, Any]:
        """Return everything as plain lists, texts and numbers (see `serialization`)."""
        content = dict(vars(self))
        for name in ("head", "open"):
            content[name] = [[t.decode("latin-1"), *of] for t, of in content[name].items()]
        return content

    @classmethod
    def revived(cls, plain: Mapping[str, Any]) -> RetryLog:
        """Return the log of `plain`."""
        log = cls()
        vars(log).update({name: plain[name] for name in vars(log)})
        log.head = {trace.encode("latin-1"): _Row(*row) for trace, *row in plain["head"]}
        log.open = {
            trace.encode("latin-1"): (us, failed, follows)
            for trace, us, failed, follows in plain["open"]
        }
        return log

    def table(self) -> Dict[Key, Values]:
        """Return the figures as the one row of a table, which has none without any trace."""
        if not self.has_traces:
            return {}
        return {(): (RetryFigures(self.calls, self.cost / schema.PICO_PER_USD),)}


class RetryReader:
    """Follows the traces with failures through the batches of one part."""

    def __init__(self) -> None:
        self.log = RetryLog()
        self._failed = _FailedCodes()
        self._clock = MicrosecondClock()
        self._last_time = b""

    def add(self, batch: Batch, encoder: KeyEncoder) -> None:
        """Take in a batch in time order, whose cells have the ids."""
        batch = _at_moments(batch)
        if not batch.times:
            return
        log, traces = self.log, _traces_of(batch)
        log.has_traces = log.has_traces or any(map(id_of, set(traces)))
        log.disordered = log.disordered or batch.times[0] < self._last_time
        if log.disordered:
            return
        self._last_time = batch.times[-1]
        first_us, log.last_us = map(self._clock.of, (batch.times[0], batch.times[-1]))
        log.forget(first_us)
        failures = self._failed.of(batch, encoder)
        watched = {trace for trace in compress(traces, failures) if id_of(trace)}
        watched.update(log.open)
        if log.first_us is None:
            log.first_us = first_us
        if first_us - log.first_us <= _WINDOW_US:
            self._note_first(batch, traces, failures)
        times, costs, time_of = batch.times, batch.numbers[COST], self._clock.of
        calls = batch.numbers.get("calls")
        for place in compress(range(len(traces)), map(watched.__contains__, traces)):
            trace, failed = traces[place], failures[place]
            if failed or trace in log.open:
                number = calls[place] if calls else 1
                log.follow(trace, time_of(times[place]), failed, number or 0, costs[place] or 0)

    def _note_first(self, batch: Batch, traces: Sequence[bytes], failures: Sequence[bool]) -> None:
        assert self.log.first_us is not None
        until = self.log.first_us + _WINDOW_US
        for place, trace in enumerate(traces):
            row = self._row(batch, place, failures)
            if row.us > until:
                break
            if id_of(trace):
                self.log.note_first(trace, row)

    def _row(self, batch: Batch, place: int, failures: Sequence[bool]) -> _Row:
        calls = batch.numbers["calls"][place] if "calls" in batch.numbers else 1
        us, cost = self._clock.of(batch.times[place]), batch.numbers[COST][place]
        return _Row(us, failures[place], calls or 0, cost or 0)


class UnorderedRetries:
    """Collects the calls of an unordered file, and sorts those of traces that have a failure."""

    def __init__(self) -> None:
        self._failed = _FailedCodes()
        self._clock = MicrosecondClock()
        self._traces = array("q")  # hashes, which are those of this process
        self._us = array("q")
        self._failures = bytearray()
        self._calls = array("I")
        self._costs: List[int] = []
        self._has_traces = False

    def add(self, batch: Batch, encoder: KeyEncoder) -> None:
        """Take in one batch, in any order."""
        if TRACE_ID not in batch.cells:
            return
        batch = _at_moments(batch)
        names = _traces_of(batch)
        keep = [bool(id_of(name)) for name in names]
        self._has_traces = self._has_traces or any(keep)
        self._traces.extend(map(hash, compress(names, keep)))
        self._us.extend(map(self._clock.of, compress(batch.times, keep)))
        self._failures.extend(compress(self._failed.of(batch, encoder), keep))
        self._calls.extend(calls or 0 for calls in compress(batch.number("calls"), keep))
        self._costs.extend(cost or 0 for cost in compress(batch.numbers[COST], keep))

    def finish(self) -> RetryLog:
        """Return the retries, the calls of each trace in time order."""
        log = RetryLog()
        log.has_traces = self._has_traces
        failing = set(compress(self._traces, self._failures))
        places = [k for k, trace in enumerate(self._traces) if trace in failing]
        places.sort(key=lambda k: (self._traces[k], self._us[k]))
        before: Optional[int] = None
        for k in places:
            if self._traces[k] != before:
                log.open.clear()
                before = self._traces[k]
            row = _Row(self._us[k], bool(self._failures[k]), self._calls[k], self._costs[k])
            log.follow(b"", *row)
        return log


class _FailedCodes:
    """Which rows failed, by the codes of their calls."""

    def __init__(self) -> None:
        self._failed: List[bool] = []

    def of(self, batch: Batch, encoder: KeyEncoder) -> List[bool]:
        known = self._failed
        for key in encoder.call_keys[len(known) :]:
            known.append(key.status == schema.STATUS_ERROR)
        return list(map(known.__getitem__, batch.calls))


def _at_moments(batch: Batch) -> Batch:
    kinds = moments(batch)
    return batch if kinds is None else batch.selected(kinds)


def _traces_of(batch: Batch) -> List[bytes]:
    """Return the ids of traces without the blanks around them."""
    cells = batch.cells[TRACE_ID]
    return [cell.strip() for cell in cells] if b" " in b"".join(cells) else cells
