"""Numbers as text for other programs: no exponent, no separators, no noise of binary fractions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Union

from finops import schema

# A double holds any decimal number of so many digits; what follows is noise of its arithmetic.
_CERTAIN_DIGITS = 15


def number_text(value: Union[int, float, Decimal]) -> str:
    """Return a number in plain decimals; of a float the digits that are certain.

    >>> number_text(3e-07), number_text(0.1 + 0.2), number_text(5), number_text(Decimal("2.50"))
    ('0.0000003', '0.3', '5', '2.5')
    """
    if isinstance(value, float):
        value = Decimal(format(value, f".{_CERTAIN_DIGITS}g"))
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def decimal_text(value: Union[int, Decimal]) -> str:
    """Return a number with a decimal point, whole ones too.

    >>> decimal_text(12), decimal_text(Decimal("0.0075"))
    ('12.0', '0.0075')
    """
    text = number_text(value)
    return text if "." in text else f"{text}.0"


def usd(pico: int) -> Decimal:
    """Return an amount in pico-dollars as USD, exactly.

    >>> usd(-19_999_999_700_000)
    Decimal('-19.999999700000')
    """
    sign, digits = (1, -pico) if pico < 0 else (0, pico)
    return Decimal((sign, tuple(map(int, str(digits))), -_PLACES))


_PLACES = len(str(schema.PICO_PER_USD)) - 1


def exact_decimal(value: Fraction) -> Decimal:
    """Return a fraction as a decimal number, exactly.  Raises ValueError where it has no end.

    >>> exact_decimal(Fraction(3, 8))
    Decimal('0.375')
    """
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise ValueError(f"{value} has no end as a decimal number")
    places = max(twos, fives)
    digits = abs(value.numerator) * 10**places // value.denominator
    return Decimal((int(value < 0), tuple(map(int, str(digits))), -places))
