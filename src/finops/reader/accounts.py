"""Where the lines of one part of a file went: counters that parts add up."""

from __future__ import annotations

from typing import Dict, List, Tuple

from finops import config

# In so many bytes are the characters that are kept of a line left out, however long each is.
LINE_START_BYTES = 4 * config.SKIPPED_TEXT_KEPT

FirstLines = List[Tuple[int, str]]  # numbers of lines, and how the line or the value begins


class Accounts:
    """Counters of lines, as they are read, and the first lines of what could not be used.

    `skipped` and `first_lines` are by reason; `blanked` and `blanked_lines`, values of optional
    columns that count as missing, by column and then by reason.  `unused_pico` is the money, in
    pico-dollars, that skipped rows name, by the reason for which they were skipped.
    `without_tokens` counts rows that have a cost and no tokens.  `currencies` has the first line
    of each currency that there is no rate for.  `implausible_used` counts times that are used
    although they are implausible, and `ahead` those that lie ahead, used or not.
    `conflicting_ids` are those of different records.
    Numbers of lines count from 1 at the start of the part.
    """

    def __init__(self) -> None:
        self.lines = 0
        self.used = 0
        self.blank = 0
        self.repeated_headers = 0
        self.comments = 0
        self.continuation = 0
        self.incomplete_tail = 0
        self.repeated_records = 0
        self.outside = 0
        self.skipped: Dict[str, int] = {}
        self.first_lines: Dict[str, FirstLines] = {}
        self.blanked: Dict[str, Dict[str, int]] = {}
        self.blanked_lines: Dict[str, Dict[str, FirstLines]] = {}
        self.unused_pico: Dict[str, int] = {}
        self.without_tokens = 0
        self.currencies: Dict[str, int] = {}
        self.implausible_used = 0
        self.ahead = 0
        self.conflicting_ids = 0
        self.first_conflicts: FirstLines = []

    def skip(self, reason: str, line_number: int, line: bytes) -> None:
        """Count a row left out; line numbers ascend within one part.

        Of `line` the first `LINE_START_BYTES` suffice.
        """
        self.skipped[reason] = self.skipped.get(reason, 0) + 1
        _keep(self.first_lines.setdefault(reason, []), line_number, line)

    def leave_money(self, reason: str, pico: int) -> None:
        """Count the money that a skipped row names."""
        if pico:
            self.unused_pico[reason] = self.unused_pico.get(reason, 0) + pico

    def blank_value(self, column: str, reason: str, line_number: int, cell: bytes) -> None:
        """Count a value that is read as missing; line numbers ascend within one part."""
        reasons = self.blanked.setdefault(column, {})
        reasons[reason] = reasons.get(reason, 0) + 1
        lines = self.blanked_lines.setdefault(column, {}).setdefault(reason, [])
        _keep(lines, line_number, cell)

    def conflict(self, new: bool, line_number: int, name: bytes) -> None:
        """Note a row whose id stood before with other content; `new`: for the first time."""
        self.conflicting_ids += new
        if new:
            _keep(self.first_conflicts, line_number, name)


def _keep(first: FirstLines, line_number: int, text: bytes) -> None:
    if len(first) < config.SKIPPED_LINES_KEPT:
        shown = text[:LINE_START_BYTES].decode("utf-8", "replace")
        first.append((line_number, shown[: config.SKIPPED_TEXT_KEPT]))
