"""One unit and one precision for all numbers of a table's column, so that they can be compared.

What the largest number needs decides: cents where it is a dollar or more, else three of its
digits, and so many more that the smallest one shows a digit, within reason.  A number that still
would read as 0 is shown to be less than the least: `<$0.01`; one below 0 shows its own digits.
`assets/format.js` repeats the rules.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any, Optional, Sequence

from finops.generators import formatting
from finops.generators.formatting import decimal_of, fixed

# Decimals beyond those that the largest number needs.
_MORE = 2
_MOST = 9
_WHOLE_FROM = 100_000
# Plain numbers of three digits or more need no decimals.
_LARGE = 100
# Powers of ten of the units of large counts, and their letters.
_UNITS = {12: "T", 9: "B", 6: "M", 3: "K", 0: ""}
_COMPACT_FROM = 10_000


def places_of(kind: str, values: Sequence[object]) -> Optional[int]:
    """Return the decimals of a column, of tokens the power of ten of their unit.

    None for a kind whose numbers have one precision anyway.

    >>> places_of("money", [1204.5, 0.04]), places_of("money", [0.0874, 0.00702])
    (2, 4)
    >>> places_of("tokens", [77_600_000, 641_000, 2_000_000]), places_of("percent", [99.97, 12])
    (6, 2)
    """
    sizes = sorted(abs(n) for n in map(decimal_of, values) if n)
    if kind == "share":
        sizes = [size * 100 for size in sizes]
    if kind in ("percent", "share"):
        return 2 if any(map(formatting.is_nearly_all, sizes)) else 1
    if kind == "tokens":
        return _power(sizes)
    if kind == "money":
        return _decimals(sizes, 0, 2)
    if kind == "number":
        whole = all(size == size.to_integral_value() for size in sizes)
        large = bool(sizes) and sizes[0] >= _LARGE
        return 0 if whole or large else _decimals(sizes, 1, 2)
    return None


def _power(sizes: Sequence[Decimal]) -> int:
    """Return the power of the unit in which the middle number is one or more."""
    if not sizes or sizes[-1] < _COMPACT_FROM:
        return 0
    middle = sizes[len(sizes) // 2]
    return next(power for power in _UNITS if middle >= 10**power or not power)


def _decimals(sizes: Sequence[Decimal], of_large: int, of_ones: int) -> int:
    if not sizes:
        return of_ones
    if sizes[-1] >= _WHOLE_FROM:
        return of_large
    if sizes[-1] >= 1:
        return of_ones
    needed = 2 - sizes[-1].adjusted()
    return min(_MOST, max(needed, min(needed + _MORE, -sizes[0].adjusted())))


def column_cell(kind: str, value: Any, places: Optional[int]) -> str:
    """Return a value as a cell of a column with these places; as any cell where there are none."""
    number = decimal_of(value)
    if places is None or number is None or isinstance(value, str):
        return formatting.cell(kind, value)
    if kind == "tokens":
        return _counted(number, places)
    if kind == "share":
        number *= 100
    before, after = ("$", "") if kind == "money" else ("", "" if kind == "number" else "%")
    least = Decimal(1).scaleb(-places)
    if number and abs(number) < least / 2:
        # Of a little less than nothing the digits say more than a sign of comparison.
        return formatting.cell(kind, value) if number < 0 else f"<{before}{least:f}{after}"
    below = kind in ("percent", "share") and formatting.is_nearly_all(abs(number))
    text = fixed(abs(number), places, ROUND_DOWN) if below else fixed(abs(number), places)
    return f"{'-' if number < 0 else ''}{before}{text}{after}"


def _counted(number: Decimal, power: int) -> str:
    if not power or not number:
        return fixed(number, 0)
    scaled = number / 10**power
    if abs(scaled) < Decimal("0.05"):
        return f"<0.1{_UNITS[power]}"
    return f"{fixed(scaled, 1)}{_UNITS[power]}"
