"""Time zones as SQL: which offset holds when, since no two engines have the same zones."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import List, NamedTuple, Tuple

from finops.timestamps import EPOCH

_SECOND = timedelta(seconds=1)
# No zone changes its offset twice within so long.
_STEP = timedelta(days=3)


class Change(NamedTuple):
    """From when on (seconds since 1970, in UTC) which offset holds, in seconds."""

    since: int
    offset: int


@lru_cache(maxsize=8)
def changes_of(zone: tzinfo, first: datetime, last: datetime) -> Tuple[Change, ...]:
    """Return the offset at the first moment, and its changes up to the last one."""
    changes = [Change(_seconds(first), _offset(zone, first))]
    moment = first
    while moment < last:
        later = min(last, moment + _STEP)
        if _offset(zone, later) != changes[-1].offset:
            low, high = moment, later
            while high - low > _SECOND:
                middle = low + timedelta(seconds=(high - low) // _SECOND // 2)
                if _offset(zone, middle) == changes[-1].offset:
                    low = middle
                else:
                    high = middle
            changes.append(Change(_seconds(high), _offset(zone, high)))
        moment = later
    return tuple(changes)


def offset_at(us: str, changes: Tuple[Change, ...]) -> str:
    """Return the SQL of the offset, in microseconds, at an instant in microseconds of UTC."""
    return _case(us, [(change.since, change.offset) for change in changes])


def offset_of_local(us: str, changes: Tuple[Change, ...]) -> str:
    """Return the SQL of the offset, in microseconds, that a local time in microseconds has.

    Of an hour that comes twice the first is meant; one that is skipped is read as if the clocks
    had not been put forward yet.
    """
    edges = [(changes[0].since + changes[0].offset, changes[0].offset)]
    for before, after in zip(changes, changes[1:]):
        edges.append((after.since + max(before.offset, after.offset), after.offset))
    return _case(us, edges)


def _case(us: str, edges: List[Tuple[int, int]]) -> str:
    if len(edges) == 1:
        return str(edges[0][1] * 10**6)
    whens = [
        f"when {us} < {later[0] * 10**6} then {earlier[1] * 10**6}"
        for earlier, later in zip(edges, edges[1:])
    ]
    return f"(case {' '.join(whens)} else {edges[-1][1] * 10**6} end)"


def _offset(zone: tzinfo, moment: datetime) -> int:
    offset = moment.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset()
    return (offset or timedelta(0)) // _SECOND


def _seconds(moment: datetime) -> int:
    return (moment - EPOCH) // _SECOND
