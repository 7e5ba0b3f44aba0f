"""Shorter numbers for long tables, so that a page with thousands of customers stays small.

Amounts keep what a table shows and a little more: cents, or four significant digits of what
is smaller.  The JSON file beside the page has every digit.
"""

from __future__ import annotations

import math
from typing import Any, Sequence, TypeVar

_Row = TypeVar("_Row")
_DIGITS = 4
_DECIMALS = 2
_FEW = 100


class ShortenedRows(Sequence[_Row]):
    """Rows with their floats shortened where they are many, each at the moment it is looked at.

    Few rows keep every digit, since rounding twice could show another last one.  A table looks
    at the rows it can hold and asks of the others only how many there are.
    """

    def __init__(self, rows: Sequence[_Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> Any:
        if len(self._rows) <= _FEW:
            return self._rows[at]
        if isinstance(at, slice):
            return [_short(row) for row in self._rows[at]]
        return _short(self._rows[at])


def _short(row: _Row) -> _Row:
    values: Any = row  # a named tuple, which takes its values one by one
    made: _Row = values._make(map(shortened, values))
    return made


def shortened(value: Any) -> Any:
    """Return a float to two decimals, or to four significant digits where that is finer.

    >>> shortened(1234.5678), shortened(0.123456), shortened(-0.00012345678), shortened("a")
    (1234.57, 0.1235, -0.0001235, 'a')
    """
    if not isinstance(value, float) or not math.isfinite(value) or not value:
        return value
    return round(value, max(_DECIMALS, _DIGITS - 1 - math.floor(math.log10(abs(value)))))
