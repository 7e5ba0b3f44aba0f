"""How often data is read until its figures hold: what only the whole can decide.

A first reading takes implausible times out and notes ids.  Mostly that is all.  It is read again
where implausible times turn out to be how the data is, and where ids may repeat: then in order,
in one process, for a record is compared with all before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, List, NamedTuple, Sequence

from finops import config
from finops.reader.identity import RepeatFilter, ranges_overlap, repeated_checksums
from finops.reader.options import ReadingRules
from finops.reader.row_selection import IMPLAUSIBLE
from finops.rollups.part import PartitionResult

if TYPE_CHECKING:
    from typing import Protocol
else:  # `typing` has it from Python 3.8 on
    Protocol = object


class Reading(NamedTuple):
    """Parts, the rules that they were read by, and whether records repeat among them.

    Where none do, parts that are appended can be added to these.
    """

    parts: List[PartitionResult]
    rules: ReadingRules
    has_repeats: bool = False


class PartSource(Protocol):
    """What parts are read from."""

    def read(self, rules: ReadingRules, kept: List[PartitionResult]) -> List[PartitionResult]:
        """Return kept parts, which may be none, and those of all that follows them."""

    def read_in_order(self, rules: ReadingRules, repeats: RepeatFilter) -> List[PartitionResult]:
        """Return the parts of everything, read one after the other."""


def complete(kept: Reading, source: PartSource) -> Reading:
    """Return the reading of all that a source has; `kept` is one without repeats, or empty."""
    rules = kept.rules
    if any(part.ids.checksums for part in kept.parts):
        rules = rules._replace(all_checksums=True)  # a few ids that ascend would tell nothing
    parts = source.read(rules, kept.parts)
    usual = implausible_is_usual(parts)
    if usual != rules.implausible_used:
        rules = rules._replace(implausible_used=usual)
        parts = source.read(rules, [])
    if ranges_overlap([part.ids for part in parts]):
        rules = rules._replace(all_checksums=True)
        parts = source.read(rules, [])
    suspects = repeated_checksums([part.ids for part in parts])
    if not suspects:
        return Reading(parts, rules)
    return Reading(source.read_in_order(rules, RepeatFilter(suspects)), rules, has_repeats=True)


def implausible_rows(parts: Sequence[PartitionResult]) -> int:
    """Return how many rows have an implausible time, used or not."""
    return sum(
        part.accounts["implausible_used"] + part.accounts["skipped"].get(IMPLAUSIBLE, 0)
        for part in parts
    )


def dated_rows(parts: Sequence[PartitionResult]) -> int:
    """Return how many rows there are, used or not, but for those that cannot be read."""
    kinds = ("used", "outside", "repeated_records")
    accounts = [part.accounts for part in parts]
    return sum(
        account["skipped"].get(IMPLAUSIBLE, 0) + sum(account[kind] for kind in kinds)
        for account in accounts
    )


def implausible_is_usual(parts: Sequence[PartitionResult]) -> bool:
    """Return whether implausible times are so many that they are how the data is."""
    rows = implausible_rows(parts)
    return rows > 0 and rows * 100 >= dated_rows(parts) * config.IMPLAUSIBLE_SHARE_PCT
