"""Records that are there more than once: recognized by their ids, in bounded memory.

Most ids are unique, so the first reading only finds suspects.  Where the ids of a part ascend,
its first and its last one say that they differ.  Of other ids a checksum of 64 bits is noted.
Only where ids may repeat is the data read again, from its beginning to its end, and records with
the ids in question are compared (`RepeatFilter`).  A checksum alone never decides.

An id is the cell without blanks around it; an empty cell, or a word such as NULL, is no id.
"""

from __future__ import annotations

from array import array
from collections import Counter
from hashlib import blake2b
from itertools import chain, islice
from operator import lt
from typing import TYPE_CHECKING, Dict, FrozenSet, List, NamedTuple, Sequence, Set, Tuple
from zlib import adler32, crc32

from finops import schema
from finops.reader.accounts import Accounts
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.words import is_empty

if TYPE_CHECKING:
    from typing import Protocol
else:  # `typing` has it from Python 3.8 on
    Protocol = object

CALL_ID = "call_id"
# Columns that are part of a record's content although nothing is made of them.
_UNUSED_COLUMNS = ("request_id", "trace_id", "user_agent", "session_id")
LONGEST_EMPTY = 4  # of the words that stand for no value
_DEFAULTS = {column.name: column.default for column in schema.NUMBERS}
# So many checksums are looked through at a time for those that occur again.
_GROUP = 4_000_000


class IdRule(Protocol):
    """What a reader does with the ids of its rows; `columns` are the cells that it needs."""

    columns: Tuple[str, ...]

    def select(
        self, batch: Batch, encoder: KeyEncoder, accounts: Accounts, first_line: int
    ) -> Batch:
        """Return the rows of a batch, in file order, that count."""


class IdSummary(NamedTuple):
    """The ids of one part.

    `run`: the first and the last of ids that ascend, () where there are none; `checksums` of the
    other ids, and `spread`, the lowest and the highest of those.  Ids are texts of which each
    character is a byte.
    """

    run: Sequence[str]
    spread: Sequence[str]
    checksums: array[int]


class IdCollector:
    """Notes the ids of a part as it is read; with `all_checksums` also of those that ascend."""

    columns: Tuple[str, ...] = (CALL_ID,)

    def __init__(self, all_checksums: bool = False) -> None:
        self._ascending = not all_checksums
        self._first = b""
        self._before = b""  # the last id of the run before the block that is held
        # The last block of the run: it may turn out to be where the order of ids ends.
        self._held: List[bytes] = []
        self._low = b""
        self._high = b""
        self._checksums = array("Q")

    def select(
        self, batch: Batch, encoder: KeyEncoder, accounts: Accounts, first_line: int
    ) -> Batch:
        """Note the ids and return the batch as it is."""
        self.add(batch.cells[CALL_ID])
        return batch

    def add(self, ids: List[bytes]) -> None:
        """Note the ids of the rows that follow, at least one."""
        if self._ascending:
            if self._continues(ids):
                self._before = self._held[-1] if self._held else b""
                self._first = self._first if self._held else ids[0]
                self._held = ids
                return
            self._ascending = False
            self._note(self._held)
        self._note(ids)

    def _continues(self, ids: List[bytes]) -> bool:
        """Return whether ids ascend, and follow those before; with blanks nothing is certain."""
        follows = not self._held or self._held[-1] < ids[0]
        return follows and b" " not in b"".join(ids) and all(map(lt, ids, islice(ids, 1, None)))

    def _note(self, ids: List[bytes]) -> None:
        clean = [name for name in map(id_of, ids) if name]
        if clean:
            lowest, highest = min(clean), max(clean)
            self._low = min(self._low, lowest) if self._checksums else lowest
            self._high = max(self._high, highest)
            self._checksums.extend(map(_checksum, clean))

    def summary(self) -> IdSummary:
        """Return what was noted."""
        last = self._held[-1] if self._ascending and self._held else self._before
        return IdSummary(
            [_text(self._first), _text(last)] if last else [],
            [_text(self._low), _text(self._high)] if self._checksums else [],
            self._checksums,
        )


class RepeatFilter:
    """Leaves out records whose id and content were there before, across all that it is given.

    `suspects` are the checksums of the ids that may repeat: only of those anything is kept in
    memory.  Ids with different contents are counted as conflicts; all their records count.
    """

    def __init__(self, suspects: FrozenSet[int]) -> None:
        self.columns: Tuple[str, ...] = (CALL_ID, *_UNUSED_COLUMNS)
        self._suspects = suspects
        self._first: Dict[bytes, bytes] = {}  # id -> content of its first record
        self._others: Dict[bytes, Set[bytes]] = {}  # id -> its other contents

    def select(
        self, batch: Batch, encoder: KeyEncoder, accounts: Accounts, first_line: int
    ) -> Batch:
        """Return the rows without repeats, which are counted, as are conflicts."""
        keep = [True] * len(batch.times)
        for place, cell in enumerate(batch.cells[CALL_ID]):
            name = id_of(cell)
            if name and _checksum(name) in self._suspects:
                content = _content(batch, place, encoder)
                keep[place] = not self._is_repeated(name, content)
                if keep[place] and self._first[name] != content:
                    new = len(self._others[name]) == 1
                    accounts.conflict(new, first_line + batch.places[place], name)
        repeated = keep.count(False)
        accounts.repeated_records += repeated
        return batch.selected(keep) if repeated else batch

    def _is_repeated(self, name: bytes, content: bytes) -> bool:
        """Return whether a record was there before, and remember it."""
        first = self._first.setdefault(name, content)
        if first is content:
            return False
        others = self._others.setdefault(name, set()) if first != content else set()
        if first == content or content in others:
            return True
        others.add(content)
        return False


def id_of(cell: bytes) -> bytes:
    """Return the id that a cell names, b"" where it names none."""
    name = cell.strip()
    short = len(name) <= LONGEST_EMPTY
    return b"" if short and is_empty(name.decode("utf-8", "replace")) else name


def _text(name: bytes) -> str:
    return name.decode("latin-1")


def ranges_overlap(summaries: Sequence[IdSummary]) -> bool:
    """Return whether ascending ids may also be somewhere else, so that checksums are needed."""
    runs = sorted((summary.run[0], summary.run[1]) for summary in summaries if summary.run)
    if any(before[1] >= after[0] for before, after in zip(runs, runs[1:])):
        return True
    spreads = [summary.spread for summary in summaries if summary.spread]
    return any(run[0] <= high and low <= run[1] for run in runs for low, high in spreads)


def repeated_checksums(summaries: Sequence[IdSummary]) -> FrozenSet[int]:
    """Return the checksums that occur more than once.

    Takes some bytes for each checksum of a group, and more only for what it returns.
    """
    columns = [summary.checksums for summary in summaries]
    count = sum(map(len, columns))
    groups = 1 + count // _GROUP
    repeated: List[int] = []
    for group in range(groups):
        again = _perhaps_again(columns, groups, group)
        occurring = Counter(filter(again.__contains__, chain(*columns)))
        repeated += [checksum for checksum, times in occurring.items() if times > 1]
    return frozenset(repeated)


def _perhaps_again(columns: Sequence[Sequence[int]], groups: int, group: int) -> FrozenSet[int]:
    """Return all checksums of a group that occur a second time, and a few others.

    Each leaves a mark in a table; who finds one there may be the second.
    """
    size = 1 << max(10, (8 * min(_GROUP, sum(map(len, columns)))).bit_length())
    marks = bytearray(size)
    again = []
    for checksum in chain(*columns):
        if groups == 1 or checksum % groups == group:
            place = checksum >> 32 & size - 1
            if marks[place]:
                again.append(checksum)
            marks[place] = 1
    return frozenset(again)


def _checksum(name: bytes) -> int:
    """Return two checksums of different kinds as one: what the one confuses the other does not."""
    return crc32(name) << 32 | adler32(name)


def _content(batch: Batch, place: int, encoder: KeyEncoder) -> bytes:
    """Return a digest of all that a record says: equal contents have equal ones, and only those."""
    numbers = sorted(
        (name, column[place])
        for name, column in batch.numbers.items()
        if column[place] != _DEFAULTS.get(name)
    )
    cells = [(name, batch.cells[name][place].strip()) for name in sorted(batch.cells)]
    keys = (
        encoder.customer_keys[batch.customers[place]],
        encoder.call_keys[batch.calls[place]],
    )
    # A column that is not in a file says as much as an empty cell in another one.
    said = (batch.times[place], keys, numbers, [cell for cell in cells if cell[1]])
    return blake2b(repr(said).encode("utf-8", "surrogatepass"), digest_size=16).digest()
