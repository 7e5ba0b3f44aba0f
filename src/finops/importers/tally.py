"""What became of every record of an import, counted; and the list of those that were rejected.

Each physical record is in one class: a call, a duplicate, no call (another kind of record, or a
call that has not finished), incomplete, or rejected with a reason.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence
from typing import Counter as CounterType


class Rejection(NamedTuple):
    """A record that was not used: its file, its line there, and why, without its content."""

    file: str
    line: int
    reason: str


class Tally:
    """Counts of one import.

    `skipped`: records that are no calls, by kind.  `flags`: calls that were imported with a
    reservation, by what it is.  `notes`: sentences about the input, each once.
    """

    def __init__(self, on_rejection: Optional[Callable[[Rejection], None]] = None) -> None:
        self.files = 0
        self.unchanged_files = 0
        self.duplicates = 0
        self.incomplete = 0
        self.rejected: CounterType[str] = Counter()
        self.skipped: CounterType[str] = Counter()
        self.flags: CounterType[str] = Counter()
        self.notes: Dict[str, None] = {}
        self.first_rejection: Optional[Rejection] = None
        self._on_rejection = on_rejection

    def reject(self, file: str, line: int, reason: str) -> None:
        """Count a record that cannot be used."""
        rejection = Rejection(file, line, reason)
        self.rejected[reason] += 1
        self.first_rejection = self.first_rejection or rejection
        if self._on_rejection is not None:
            self._on_rejection(rejection)

    def plain(self) -> List[object]:
        """Return the counts of records and the notes, without rejections, as plain values."""
        counts = [self.duplicates, self.incomplete, dict(self.skipped), dict(self.flags)]
        return [*counts, list(self.notes)]

    @classmethod
    def from_plain(cls, plain: Sequence[Any]) -> Tally:
        """Return a tally with what `plain` gave."""
        tally = cls()
        tally.duplicates, tally.incomplete, skipped, flags, notes = plain
        tally.skipped.update(skipped)
        tally.flags.update(flags)
        tally.notes.update(dict.fromkeys(notes))
        return tally

    def add(self, other: Tally) -> None:
        """Take over what became of other records, but for those that were rejected."""
        self.duplicates += other.duplicates
        self.incomplete += other.incomplete
        self.flags.update(other.flags)
        self.add_findings(other)

    def note(self, sentence: str) -> None:
        """Remember a sentence about the input; the same one counts once."""
        self.notes.setdefault(sentence)

    @property
    def rejections(self) -> int:
        """How many records were rejected."""
        return sum(self.rejected.values())

    def add_findings(self, other: Tally) -> None:
        """Take over what was found before files were read."""
        self.skipped.update(other.skipped)
        self.notes.update(other.notes)
