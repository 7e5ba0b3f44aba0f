"""Amounts in other currencies than US dollars, by the rates that a user gives."""

from __future__ import annotations

import unicodedata
from fractions import Fraction
from typing import Dict, NamedTuple, Optional

from finops.reader.options import Pairs
from finops.reader.words import is_empty

# Of the one Unicode version that every Python has.
_category = unicodedata.ucd_3_2_0.category
_DOLLARS = frozenset({"USD", "US$", "$"})
_SHOWN_CHARACTERS = 20


class Currency(NamedTuple):
    """A currency as a row names it, and what one unit of it is in USD; None where not given."""

    code: str
    rate: Optional[Fraction]


DOLLAR = Currency("USD", Fraction(1))


class Currencies:
    """The currencies of cells, by the rates of a run; an empty cell says `usual`."""

    def __init__(self, rates: Pairs, usual: str = DOLLAR.code) -> None:
        self._usual = usual.encode("utf-8")
        self._rates = {code.strip().upper(): Fraction(rate) for code, rate in rates}
        self._known: Dict[bytes, Currency] = {}

    @property
    def usual(self) -> Currency:
        """The currency of an empty cell."""
        return self.of(b"")

    def of(self, cell: bytes) -> Currency:
        """Return the currency of a cell."""
        if cell not in self._known:
            self._known[cell] = self._read(cell)
        return self._known[cell]

    def _read(self, cell: bytes) -> Currency:
        text = cell.decode("utf-8", "replace").strip()
        code = text.upper()
        if is_empty(text):
            return self.of(self._usual)
        if code in _DOLLARS:
            return DOLLAR
        shown = "".join(c if _category(c)[0] not in "CZ" else "?" for c in code)
        return Currency(shown[:_SHOWN_CHARACTERS], self._rates.get(code))


def converted(amount: int, rate: Fraction) -> int:
    """Return an amount at a rate, to the nearest whole, halves away from zero."""
    doubled = 2 * abs(amount) * rate.numerator + rate.denominator
    size = doubled // (2 * rate.denominator)
    return -size if amount < 0 else size
