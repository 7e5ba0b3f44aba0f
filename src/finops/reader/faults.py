"""What is wrong with the rows of one block, collected before anything is counted."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Set

EMPTY = "empty"


class BlankedValue(NamedTuple):
    """A value of an optional column that could not be read."""

    row: int
    column: str
    reason: str
    cell: bytes


class Faults:
    """Rows that are left out, by their place in the block, and values that are blanked.

    Of several faults of a row that is left out, the first one to be reported is its reason.
    `without_tokens`: rows with a cost and no tokens; `currencies`: of amounts without a rate.
    """

    def __init__(self) -> None:
        self.skipped: Dict[int, str] = {}
        self.blanked: List[BlankedValue] = []
        self.without_tokens: Set[int] = set()
        self.currencies: Dict[int, str] = {}

    def __bool__(self) -> bool:
        return bool(self.skipped or self.blanked or self.without_tokens)

    def skip(self, row: int, column: str, reason: str) -> None:
        """Leave a row out, since a value of it is needed and cannot be used."""
        self.skipped.setdefault(row, f"{column}: {reason}")

    def blank(self, row: int, column: str, reason: str, cell: bytes) -> None:
        """Read a value as missing."""
        self.blanked.append(BlankedValue(row, column, reason, cell))
