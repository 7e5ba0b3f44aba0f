"""Which hour of the reporting time zone calls lie in: what all time dimensions follow from.

Times of calls stay in UTC, by which they are in order.  A local hour such as "2025-01-01T09" is
that of the clocks on the wall: where these are put back one hour has two hours of calls, and
where they are put forward one has none.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta, timezone, tzinfo
from itertools import groupby
from typing import Dict, List, NamedTuple, Sequence, Tuple

from finops.reader.encoding import Batch
from finops.rollups.measures import DAY_S
from finops.timestamps import moment_of, timestamp

_AFTER_ANY = b"~"  # follows whatever stands after the hour in a timestamp
_HOUR = timedelta(hours=1)
_MOMENT = timedelta(microseconds=1)
_NONE = timedelta(0)

Run = Tuple[str, int, int]  # an hour such as "2025-01-01T09", and its rows [from, to)


def hours_of(times: Sequence[bytes]) -> List[Run]:
    """Return the runs of equal hours, in UTC, of ascending timestamps.

    >>> hours_of([b"2025-01-01T09:30:00", b"2025-01-01T09:31:00", b"2025-01-01T10:00:00"])
    [('2025-01-01T09', 0, 2), ('2025-01-01T10', 2, 3)]
    """
    runs: List[Run] = []
    start, count = 0, len(times)
    while start < count:
        hour = times[start][:13]
        end = bisect_left(times, hour + _AFTER_ANY, start)
        runs.append((hour.decode("ascii"), start, end))
        start = end
    return runs


class _LocalHours(NamedTuple):
    """The local hours within one hour of UTC, and the timestamps at which they begin."""

    begins: List[bytes]
    names: List[str]


class HourClock:
    """Finds the local hours of calls in one time zone; `is_utc` says whether that is UTC."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self.is_utc = zone == timezone.utc
        self._known: Dict[str, _LocalHours] = {}

    def runs(self, batch: Batch) -> List[Run]:
        """Return the runs of equal local hours of a batch in time order.

        An aggregate of a day or more is of a UTC day, and keeps it in every time zone.
        """
        if self.is_utc:
            return hours_of(batch.times)
        local = self._local_runs(batch.times)
        if "bucket_s" not in batch.numbers:
            return local
        names = [name for name, start, end in local for _ in range(start, end)]
        for row, bucket in enumerate(batch.numbers["bucket_s"]):
            if bucket is not None and bucket >= DAY_S:
                names[row] = batch.times[row][:13].decode("ascii")
        return _runs_of(names)

    def last_hour(self, batch: Batch, runs: Sequence[Run]) -> str:
        """Return the last local hour that a batch covers: that in which an aggregate ends."""
        last = max(name for name, _, _ in runs)
        if "bucket_s" not in batch.numbers:
            return last
        lengths = set(zip(batch.times, batch.numbers["bucket_s"]))
        ends = [self._end_of(time, length) for time, length in lengths if length]
        return max([last, *ends])

    def _end_of(self, time: bytes, seconds: int) -> str:
        """Return the local hour in which what begins at a timestamp ends."""
        try:
            end = moment_of(time.decode("ascii")) + (timedelta(seconds=seconds) - _MOMENT)
        except OverflowError:
            end = datetime.max
        text = timestamp(end)
        return text[:13] if self.is_utc or seconds >= DAY_S else self._name_at(text.encode())

    def _name_at(self, time: bytes) -> str:
        """Return the local hour of a timestamp."""
        local = self._local(time[:13].decode("ascii"))
        return local.names[bisect_right(local.begins, time) - 1]

    def day_of(self, time: bytes) -> str:
        """Return the local day of a timestamp."""
        if self.is_utc:
            return time[:10].decode("ascii")
        return self._name_at(time)[:10]

    def _local_runs(self, times: Sequence[bytes]) -> List[Run]:
        runs: List[Run] = []
        for hour, start, end in hours_of(times):
            local = self._local(hour)
            cuts = [bisect_left(times, begin, start, end) for begin in local.begins[1:]]
            edges = zip(local.names, [start, *cuts], [*cuts, end])
            runs += [(name, first, last) for name, first, last in edges if first < last]
        return runs

    def _local(self, hour: str) -> _LocalHours:
        """Return the local hours within an hour of UTC."""
        if hour not in self._known:
            local = _LocalHours([], [])
            start = moment_of(hour)
            for begin, end, offset in self._offsets(start, start + (_HOUR - _MOMENT)):
                clock = begin + offset
                local.begins.append(timestamp(begin).encode("ascii"))
                local.names.append(timestamp(clock)[:13])
                rest = _HOUR - (clock - clock.replace(minute=0, second=0, microsecond=0))
                if rest <= end - begin:
                    local.begins.append(timestamp(begin + rest).encode("ascii"))
                    local.names.append(timestamp(clock + rest)[:13])
            self._known[hour] = local
        return self._known[hour]

    def _offsets(
        self, first: datetime, last: datetime
    ) -> List[Tuple[datetime, datetime, timedelta]]:
        """Return the stretches of equal offsets within an hour: first and last moment, offset.

        No zone changes its offset twice within an hour.
        """
        before, after = self._offset(first), self._offset(last)
        if before == after:
            return [(first, last, before)]
        low, high = 0, 3600  # seconds: the old offset holds at the first, no more at the second
        while high - low > 1:
            middle = (low + high) // 2
            if self._offset(first + timedelta(seconds=middle)) == before:
                low = middle
            else:
                high = middle
        change = first + timedelta(seconds=high)
        return [(first, change - _MOMENT, before), (change, last, after)]

    def _offset(self, moment: datetime) -> timedelta:
        """Return the offset at a moment of UTC; none where a local time is beyond the calendar."""
        try:
            offset = moment.replace(tzinfo=timezone.utc).astimezone(self._zone).utcoffset()
        except OverflowError:
            return _NONE
        return offset or _NONE


def _runs_of(names: Sequence[str]) -> List[Run]:
    runs: List[Run] = []
    start = 0
    for name, group in groupby(names):
        end = start + len(list(group))
        runs.append((name, start, end))
        start = end
    return runs
