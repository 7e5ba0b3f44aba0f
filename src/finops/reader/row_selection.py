"""Which of the calls that a block holds count, and in which class of lines the others are.

Three rules, in this order: a time that cannot be right (unless such times are how the data is), a
time outside the range that was asked for, and an id that was there before (see `identity`).  They
work on parsed rows, so they hold for every way in which a row can be written.
"""

from __future__ import annotations

from typing import Optional, Sequence

from finops.reader.accounts import Accounts
from finops.reader.encoding import COST, Batch, KeyEncoder
from finops.reader.identity import IdRule
from finops.reader.options import ReadingRules

IMPLAUSIBLE = "implausible timestamp"


class RowSelection:
    """Takes out of batches what does not count, and says so in `accounts`."""

    def __init__(
        self,
        rules: ReadingRules,
        encoder: KeyEncoder,
        accounts: Accounts,
        ids: Optional[IdRule],
        kept: Sequence[str] = (),
    ) -> None:
        self._rules = rules
        self._since = rules.options.since.encode("ascii")
        self._until = rules.options.until.encode("ascii")
        self._encoder = encoder
        self._accounts = accounts
        self._ids = ids
        self._kept = kept

    def select(self, batch: Batch, block: bytes, first_line: int, plausible: bool) -> Batch:
        """Return the rows of a batch that count, without their places and the cells not kept.

        `first_line` is the number of the line with which `block` begins; `plausible` says that
        no time can be implausible.
        """
        if batch.times and not plausible:
            batch = self._without_implausible(batch, block, first_line)
        if batch.times and (self._since or self._until):
            batch = self._within_range(batch)
        if batch.times and self._ids is not None:
            batch = self._ids.select(batch, self._encoder, self._accounts, first_line)
        cells = {name: batch.cells[name] for name in self._kept if name in batch.cells}
        return batch._replace(cells=cells, places=())

    def _without_implausible(self, batch: Batch, block: bytes, first_line: int) -> Batch:
        earliest, latest = self._rules.earliest, self._rules.latest
        if min(batch.times) >= earliest and max(batch.times) <= latest:
            return batch
        accounts = self._accounts
        first, last = self._rules.used_times
        keep = [first <= time <= last for time in batch.times]
        plausible = sum(earliest <= time <= latest for time in batch.times)
        accounts.ahead += sum(time > latest for time in batch.times)
        accounts.implausible_used += keep.count(True) - plausible
        if all(keep):
            return batch
        lines = block.split(b"\n")
        for place, cost, kept in zip(batch.places, batch.numbers[COST], keep):
            if not kept:
                accounts.skip(IMPLAUSIBLE, first_line + place, lines[place])
                accounts.leave_money(IMPLAUSIBLE, cost or 0)
        return batch.selected(keep)

    def _within_range(self, batch: Batch) -> Batch:
        since, until = self._since, self._until
        if since <= min(batch.times) and not (until and max(batch.times) >= until):
            return batch
        keep = [since <= time and not (until and time >= until) for time in batch.times]
        self._accounts.outside += keep.count(False)
        return batch.selected(keep)
