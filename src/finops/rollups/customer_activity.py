"""Each customer's calls as a sequence: quick changes of region.

Everything else in a dataset is a sum and does not mind the order of rows; this does.  Calls
arrive in time order within a part; parts are joined in file order.  Where a file turns out to
be unordered, `ActivityLog` of the whole file are made from sorted sequences instead.  Only calls
at one moment follow each other.

Calls of one customer at one instant are in order of region, so that the order of rows in the
file decides nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from datetime import date
from itertools import islice
from operator import eq
from typing import (
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.reader.encoding import Batch, KeyEncoder
from finops.rollups.hours import HourClock, hours_of
from finops.rollups.row_kinds import moments
from finops.rollups.spec import Key, Table, Values, in_key_order
from finops.timestamps import MicrosecondClock

CHANGE_WINDOW_US = 3600 * 10**6
_WITHIN_HOUR = 10**10


class RegionChanges(NamedTuple):
    """Quick changes of region of one customer on one day."""

    times: int
    regions: Tuple[str, ...]
    shortest_us: int


class Visit(NamedTuple):
    """One call of a customer: when, and from which region."""

    time: bytes
    region: str


class Visits(NamedTuple):
    """A customer's first and latest call."""

    first: Visit
    last: Visit


class ActivityLog:
    """All customers' visits through some stretch of calls in time order.

    `clock` says on which day a call is.
    """

    def __init__(self, clock: HourClock) -> None:
        self.visits_by_customer: Dict[str, Visits] = {}
        self.changes: Dict[Tuple[str, str], RegionChanges] = {}
        self.first_time = b""
        self.last_time = b""
        self.disordered = False
        self._clock = clock
        self._instants = MicrosecondClock()

    def join(self, later: ActivityLog) -> None:
        """Append the visits of the stretch that follows in the file."""
        if later.first_time and self.last_time and later.first_time < self.last_time:
            self.disordered = True
        self.disordered = self.disordered or later.disordered
        for customer, visits in later.visits_by_customer.items():
            before = self.visits_by_customer.get(customer)
            if before is None:
                self.visits_by_customer[customer] = visits
            else:
                if before.last > visits.first:
                    self.disordered = True  # an instant cut in two, in the other order
                self.note_change(customer, before.last, visits.first)
                self.visits_by_customer[customer] = Visits(before.first, visits.last)
        for (customer, day), changes in later.changes.items():
            self._add_changes(customer, day, changes)
        self.first_time = min(filter(None, (self.first_time, later.first_time)), default=b"")
        self.last_time = max(self.last_time, later.last_time)

    def plain(self) -> Dict[str, Any]:
        """Return everything as plain lists and texts (see `serialization`)."""
        return {
            "ends": [self.first_time.decode("ascii"), self.last_time.decode("ascii")],
            "disordered": self.disordered,
            "visits": [
                [customer] + [[visit.time.decode("ascii"), visit.region] for visit in visits]
                for customer, visits in self.visits_by_customer.items()
            ],
            "changes": [[key, changes] for key, changes in self.changes.items()],
        }

    @classmethod
    def revived(cls, plain: Mapping[str, Any], clock: HourClock) -> ActivityLog:
        """Return the visits of `plain`."""
        log = cls(clock)
        log.first_time, log.last_time = (time.encode("ascii") for time in plain["ends"])
        log.disordered = plain["disordered"]
        for customer, *visits in plain["visits"]:
            first, last = (Visit(time.encode("ascii"), region) for time, region in visits)
            log.visits_by_customer[customer] = Visits(first, last)
        for (customer, day), (times, regions, shortest) in plain["changes"]:
            log.changes[customer, day] = RegionChanges(times, tuple(regions), shortest)
        return log

    def note_change(self, customer: str, before: Visit, after: Visit) -> None:
        """Count one step of a customer if it is a quick change of region."""
        if before.region == after.region:
            return
        gap = self._instants.of(after.time) - self._instants.of(before.time)
        if 0 <= gap < CHANGE_WINDOW_US:
            regions = tuple(sorted((before.region, after.region)))
            day = self._clock.day_of(after.time)
            self._add_changes(customer, day, RegionChanges(1, regions, gap))

    def _add_changes(self, customer: str, day: str, more: RegionChanges) -> None:
        known = self.changes.get((customer, day))
        if known is not None:
            more = RegionChanges(
                known.times + more.times,
                tuple(sorted(set(known.regions) | set(more.regions))),
                min(known.shortest_us, more.shortest_us),
            )
        self.changes[customer, day] = more


class _Rows(NamedTuple):
    """Calls as columns: canonical timestamps, customer codes, call codes."""

    times: List[bytes]
    customers: List[int]
    calls: List[int]

    def part(self, start: int, end: Optional[int] = None) -> _Rows:
        """Return the rows [start, end)."""
        return _Rows(self.times[start:end], self.customers[start:end], self.calls[start:end])

    def reordered(self, order: Sequence[int]) -> _Rows:
        """Return the rows in the given order of places."""
        return _Rows(
            [self.times[place] for place in order],
            [self.customers[place] for place in order],
            [self.calls[place] for place in order],
        )


class ActivityReader:
    """Follows the customers through the batches of one part."""

    def __init__(self, clock: HourClock) -> None:
        self.result = ActivityLog(clock)
        self._clock = clock
        self._customer_of: List[int] = []  # customer code -> number of its customer id
        self._numbers: Dict[str, int] = {}
        self._region_of: List[int] = []  # call code -> number of its region
        self._regions: Dict[str, int] = {}
        # By customer number: the latest call's time and region number, and those of the first.
        self._time: List[bytes] = []
        self._region: List[int] = []
        self._first: Dict[int, Tuple[bytes, int]] = {}
        self._changes: Dict[Tuple[int, str], List[Any]] = {}
        self._instants = MicrosecondClock()
        # The calls of the last instant so far: the next batch may have more of them.
        self._waiting = _Rows([], [], [])

    def add(self, batch: Batch, encoder: KeyEncoder) -> None:
        """Follow the calls of one batch."""
        self._extend(encoder)
        result = self.result
        if batch.times[0] < result.last_time:
            result.disordered = True
        result.first_time = min(result.first_time or batch.times[0], batch.times[0])
        result.last_time = max(result.last_time, batch.times[-1])
        at_moments = moments(batch)
        if at_moments is not None:
            batch = batch.selected(at_moments)
            if not batch.times:
                return
        rows = _Rows(
            self._waiting.times + batch.times,
            self._waiting.customers + batch.customers,
            self._waiting.calls + batch.calls,
        )
        complete = bisect_left(rows.times, rows.times[-1])
        self._waiting = self._distinct(rows.part(complete))
        self._follow(rows.part(0, complete))

    def _distinct(self, rows: _Rows) -> _Rows:
        """Return the rows of one instant without those that tell nothing new.

        So what waits stays small, also where all of a file is one instant.
        """
        if len(rows.times) < 2:
            return rows
        regions = map(self._region_of.__getitem__, rows.calls)
        kept = dict(zip(zip(rows.customers, regions), rows.calls))
        return _Rows(rows.times[: len(kept)], [code for code, _ in kept], list(kept.values()))

    def _in_order(self, rows: _Rows) -> _Rows:
        """Return rows in time order with those of one instant in their order too."""
        times = rows.times
        if True not in map(eq, times, islice(times, 1, None)):
            return rows
        names = list(self._regions)
        regions = {call: names[self._region_of[call]] for call in set(rows.calls)}
        places = list(zip(times, map(regions.__getitem__, rows.calls)))
        return rows.reordered(sorted(range(len(times)), key=places.__getitem__))

    def _follow(self, rows: _Rows) -> None:
        times, regions = self._time, self._region
        customer_of, region_of = self._customer_of, self._region_of
        for time, code, call in zip(*self._in_order(rows)):
            number = customer_of[code]
            region = region_of[call]
            if regions[number] != region:
                self._changed(number, time, region)
                regions[number] = region
            times[number] = time

    def finish(self, encoder: KeyEncoder) -> ActivityLog:
        """Return the visits in terms of names."""
        self._extend(encoder)
        self._follow(self._waiting)
        self._waiting = _Rows([], [], [])
        names = list(self._numbers)
        regions = list(self._regions)
        for number, first in self._first.items():
            last = (self._time[number], self._region[number])
            self.result.visits_by_customer[names[number]] = Visits(
                *[Visit(time, regions[region]) for time, region in (first, last)]
            )
        for (number, day), (count, met, shortest) in self._changes.items():
            self.result.changes[names[number], day] = RegionChanges(
                count, tuple(sorted(regions[r] for r in met)), shortest
            )
        return self.result

    def _changed(self, number: int, time: bytes, region: int) -> None:
        before = self._time[number]
        if not before:
            self._first[number] = (time, region)
            return
        gap = self._instants.of(time) - self._instants.of(before)
        if 0 <= gap < CHANGE_WINDOW_US:
            cell = self._changes.setdefault((number, self._clock.day_of(time)), [0, set(), gap])
            cell[0] += 1
            cell[1] |= {self._region[number], region}
            cell[2] = min(cell[2], gap)

    def _extend(self, encoder: KeyEncoder) -> None:
        for key in encoder.customer_keys[len(self._customer_of) :]:
            number = self._numbers.setdefault(key.customer_id, len(self._numbers))
            self._customer_of.append(number)
            if number == len(self._time):
                self._time.append(b"")
                self._region.append(-1)
        for call in encoder.call_keys[len(self._region_of) :]:
            self._region_of.append(self._regions.setdefault(call.region, len(self._regions)))


class UnorderedActivity:
    """Collects all calls of an unordered file and sorts each customer's.

    Takes 12 bytes a call, so that the largest file is no danger.
    """

    def __init__(self, clock: HourClock) -> None:
        self._result = ActivityLog(clock)
        self._calls: Dict[str, _Calls] = {}
        self._regions: Dict[str, int] = {}
        self._calls_of: List[_Calls] = []  # by customer code
        self._region_of: List[int] = []  # by call code

    def add(self, batch: Batch, encoder: KeyEncoder) -> None:
        """Take in one batch, in file order of batches; all of them have one encoder."""
        for key in encoder.customer_keys[len(self._calls_of) :]:
            self._calls_of.append(self._calls.setdefault(key.customer_id, _Calls()))
        for call in encoder.call_keys[len(self._region_of) :]:
            self._region_of.append(self._regions.setdefault(call.region, len(self._regions)))
        at_moments = moments(batch)
        if at_moments is not None:
            batch = batch.selected(at_moments)
        calls_of, region_of = self._calls_of, self._region_of
        rows = zip(_ordinals(batch.times), batch.customers, batch.calls)
        for time, customer, call_code in rows:
            calls = calls_of[customer]
            calls.times.append(time)
            calls.regions.append(region_of[call_code])

    def finish(self) -> ActivityLog:
        """Return the visits in time order."""
        result = self._result
        ranks = _ranks(list(self._regions))
        for customer, calls in self._calls.items():
            self._follow(customer, calls, calls.order(ranks), result)
        return result

    def _follow(
        self, customer: str, calls: _Calls, order: Sequence[int], result: ActivityLog
    ) -> None:
        names = list(self._regions)

        def visit(place: int) -> Visit:
            return Visit(_timestamp(calls.times[place]), names[calls.regions[place]])

        for before, after in zip(order, order[1:]):
            if calls.regions[before] != calls.regions[after]:
                result.note_change(customer, visit(before), visit(after))


class _Calls:
    """The calls of a customer in columns: time (see `_ordinals`), region."""

    def __init__(self) -> None:
        self.times = array("Q")
        self.regions = array("I")

    def order(self, ranks: Sequence[int]) -> List[int]:
        """Return the places of the calls in the order in which they count.

        `ranks` says in which order regions are.
        """
        keys = list(zip(self.times, map(ranks.__getitem__, self.regions)))
        return sorted(range(len(keys)), key=keys.__getitem__)


def _ranks(names: Sequence[str]) -> List[int]:
    """Return for each name which place it has among all of them, in ascending order."""
    ranks = [0] * len(names)
    for rank, place in enumerate(sorted(range(len(names)), key=names.__getitem__)):
        ranks[place] = rank
    return ranks


def _ordinals(times: List[bytes]) -> Iterator[int]:
    """Yield ascending timestamps as whole numbers that ascend with them.

    The hour since the year 1, then the ten digits of minute, second and microsecond.
    """
    for hour, start, end in hours_of(times):
        first = date(int(hour[:4]), int(hour[5:7]), int(hour[8:10])).toordinal() * 24
        base = (first + int(hour[11:13])) * _WITHIN_HOUR
        within = b",".join([time[14:] for time in times[start:end]]).translate(None, b":.")
        for digits in within.split(b","):
            yield base + int(digits)


def _timestamp(ordinal: int) -> bytes:
    """Return the timestamp of such a number."""
    hours, within = divmod(ordinal, _WITHIN_HOUR)
    day, hour = divmod(hours, 24)
    digits = f"{within:010d}"
    clock = f"{hour:02d}:{digits[:2]}:{digits[2:4]}.{digits[4:]}"
    return f"{date.fromordinal(day).isoformat()}T{clock}".encode("ascii")


def joined(parts: Sequence[ActivityLog], clock: HourClock) -> Optional[ActivityLog]:
    """Return the parts' visits as one, or None where the file as a whole is unordered."""
    whole = ActivityLog(clock)
    for part in parts:
        whole.join(part)
    return None if whole.disordered else whole


def region_changes(table: Table, log: ActivityLog) -> Dict[Key, Values]:
    """Return the table of quick region changes by customer and day."""
    named: Dict[str, Callable[[RegionChanges], Any]] = {
        "region_changes": lambda changes: changes.times,
        "changed_regions": lambda changes: changes.regions,
        "shortest_change_s": lambda changes: changes.shortest_us / 10**6,
    }
    readers = [named[name] for name in table.measure_names]
    return in_key_order(
        {key: tuple(read(changes) for read in readers) for key, changes in log.changes.items()}
    )
