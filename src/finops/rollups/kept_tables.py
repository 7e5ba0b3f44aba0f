"""Tables of the run before, kept beside the file: only groups of the time since are made again.

A table by hour, day or week has the same groups of all times before the first call that is new,
since groups are made of the cells of their own time alone.  So what a run has made is written
down (`CSV.tables.cache`) with the parts of the file that it was made of, and the next run makes
the groups of later times only.  Where nothing is new all tables hold.

Two processes may make tables of one run: each record is appended as a whole, with its checksum,
and the file is moved into place when all are there.  Like all that is kept it may be deleted at
any time, and whatever is in it that is not what was asked for counts as nothing.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from typing import Any, Dict, Iterable, Mapping, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.rollups import serialization
from finops.rollups.bounds import bounded
from finops.rollups.compact_table import CompactTable, as_compact
from finops.rollups.measures import COHORT_WEEK, Distinct, Measure, measure_of
from finops.rollups.part import PartitionResult
from finops.rollups.spec import Key, Table, Values, in_key_order
from finops.storage.file_operations import FILES
from finops.storage.sidecars import read_own, sidecar
from finops.timestamps import time_key

# Larger than any time: that from which on tables differ where nothing does.
NEVER = "~"
_GRAINS = ("hour", "day", "week")
_MOST_BYTES = 512 * config.MEGABYTE
# Tables of more groups take longer to be written than they are worth.
_MOST_GROUPS = 1_000_000
_STALE_TEMPORARY_S = 60
_DIGEST_BYTES, _LENGTH_BYTES = 32, 8
_HEAD_BYTES = _LENGTH_BYTES + 2 * _DIGEST_BYTES
_ABOUT = b"\0" * _DIGEST_BYTES  # in the place of a table, in the record of what all are made of


class Basis(NamedTuple):
    """What tables are made of: the key of how the file was read, whether implausible times are
    used, and for each part its span, its digests, and its first local hour, "" without calls.
    """

    key: str
    implausible_used: bool
    parts: Sequence[Sequence[Any]]

    @classmethod
    def of(cls, key: str, implausible_used: bool, parts: Iterable[PartitionResult]) -> Basis:
        """Return that of the parts of a file."""
        about = [[[*part.span], [*part.digests], min(part.hours, default="")] for part in parts]
        return cls(key, implausible_used, about)

    def changes_from(self, before: Basis) -> str:
        """Return the first hour of which calls differ from those of another basis, `NEVER` where
        none do, "" where any may.
        """
        if before[:2] != self[:2]:
            return ""
        same = 0
        for mine, theirs in zip(self.parts, before.parts):
            if mine != theirs:
                break
            same += 1
        differing = [*before.parts[same:], *self.parts[same:]]
        return min((hour for _, _, hour in differing if hour), default=NEVER)


class EarlierGroups(NamedTuple):
    """A table of the run before, which holds for all times before `first`, as its key has it."""

    table: Table
    groups: CompactTable
    first: str

    def followed_by(self, groups: Mapping[Key, Values]) -> Optional[Mapping[Key, Values]]:
        """Return the table with `groups`, those of all times from the first on, in key order.

        None where it would have to go back farther than what was kept.
        """
        table, place = self.table, _time_place(self.table)
        if place == 0 and not table.since:
            return self.groups.continued(self.first, groups, table.limit)
        all_groups = {key: v for key, v in self.groups.items() if key[place] < self.first}
        all_groups.update(groups)
        if table.since and _last(all_groups, place) < _last(self.groups, place):
            return None
        return as_compact(bounded(table, in_key_order(all_groups)))


class KeptTables:
    """The tables that were kept of a file, and those of this run that are to be kept.

    To be used in a `with` block, by this process and forked copies of it; `publish` is for this
    one, when all tables are made.
    """

    def __init__(self, path: str, basis: Basis) -> None:
        self._target = str(sidecar(path, ".tables.cache"))
        self._basis = basis
        self._aside = ""
        self._descriptor: Optional[int] = None
        self._first = ""
        self._records: Dict[bytes, Tuple[bytes, memoryview]] = {}

    def __enter__(self) -> KeptTables:
        with suppress(OSError, ValueError):
            self._load()
        FILES.remove_left(self._target, _STALE_TEMPORARY_S)
        with suppress(OSError):  # a folder that cannot be written to
            self._aside, self._descriptor = FILES.open_aside(self._target)
        if self._descriptor is not None:
            self._append(_ABOUT, {"basis": [*self._basis]})
        return self

    def __exit__(self, *raised: object) -> None:
        self._close()
        with suppress(OSError):
            FILES.unlink(self._aside)

    def earlier(self, table: Table) -> Optional[EarlierGroups]:
        """Return what holds of a table, None where it is to be made anew."""
        first = self._first
        if first and first != NEVER:
            first = _first_time(table, first)
        record = self._records.get(_digest_of(table)) if first else None
        if record is None:
            return None
        digest, body = record
        if hashlib.sha256(body).digest() != digest:
            return None
        try:
            plain = serialization.load(bytes(body))
            groups = CompactTable.from_plain(plain, len(table.by), len(table.measures))
        except (ValueError, LookupError, TypeError):
            return None
        # Where there are as many groups as may be, some of those times may be left out.
        is_cut = table.limit and len(groups) >= table.limit and first != NEVER
        return None if is_cut else EarlierGroups(table, groups, first)

    def keep(self, table: Table, groups: Mapping[Key, Values]) -> None:
        """Write down a table of this run, where it is one that can be."""
        if self._descriptor is None or len(groups) > _MOST_GROUPS:
            return
        if all(isinstance(measure_of(m), (Measure, Distinct)) for m in table.measures):
            self._append(_digest_of(table), as_compact(groups).plain())

    def publish(self) -> None:
        """Let the tables of this run take the place of those of the run before."""
        if self._descriptor is not None:
            self._close()
            with suppress(OSError):
                FILES.replace(self._aside, self._target)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _append(self, name: bytes, plain: Dict[str, Any]) -> None:
        assert self._descriptor is not None
        body = serialization.dump(plain)
        head = len(body).to_bytes(_LENGTH_BYTES, "little") + name + hashlib.sha256(body).digest()
        try:
            FILES.write_all(self._descriptor, head + body)
        except OSError:  # no more room: what the run before kept stays
            self._close()

    def _load(self) -> None:
        """Find the records of the run before; raises OSError or ValueError where there are none."""
        records = _records_in(memoryview(read_own(self._target, _MOST_BYTES, only_mine=True)))
        digest, body = records.pop(_ABOUT, (b"", memoryview(b"")))
        if hashlib.sha256(body).digest() != digest:
            return
        try:
            before = Basis(*serialization.load(bytes(body))["basis"])
            self._first = self._basis_as_kept().changes_from(before)
        except (LookupError, TypeError):
            return
        self._records = records

    def _basis_as_kept(self) -> Basis:
        """Return the basis of now as it looks when it was written and read."""
        return Basis(*serialization.load(serialization.dump([*self._basis])))


def _records_in(content: memoryview) -> Dict[bytes, Tuple[bytes, memoryview]]:
    """Return digest and body of each record by its name; one that is cut off ends them."""
    records = {}
    position = 0
    while position + _HEAD_BYTES <= len(content):
        start = position + _HEAD_BYTES
        length = int.from_bytes(content[position : position + _LENGTH_BYTES], "little")
        names = bytes(content[position + _LENGTH_BYTES : start])
        position = start + length
        if position <= len(content):
            name, digest = names[:_DIGEST_BYTES], names[_DIGEST_BYTES:]
            records[name] = (digest, content[start:position])
    return records


def _digest_of(table: Table) -> bytes:
    return hashlib.sha256(repr(table).encode("utf-8")).digest()


def _time_place(table: Table) -> int:
    """Return where in its keys a table has an hour, a day or a week, -1 where nowhere."""
    places = [place for place, name in enumerate(table.dimension_names) if name in _GRAINS]
    return places[0] if places else -1


def _last(groups: Iterable[Key], place: int) -> str:
    return max((key[place] for key in groups), default="")


def _first_time(table: Table, hour: str) -> str:
    """Return the time of a table that an hour lies in, "" where groups depend on those of other
    times.
    """
    place = _time_place(table)
    others = table.among or table.changes or COHORT_WEEK in table.dimension_names
    if place < 0 or others or (table.top and place > 0):
        return ""
    return time_key(hour, table.dimension_names[place])
