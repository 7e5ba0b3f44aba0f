"""Ticks of an axis: round numbers that cover the values, and their short labels."""

from __future__ import annotations

import math
import re
from typing import List, NamedTuple, Sequence

from finops.generators import formatting

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
_TICKS = 4
_LARGE = 10_000
_WHOLE = re.compile(r"\.0(?=[KMBT])")


class Scale(NamedTuple):
    """The range of an axis and its ticks, from the lowest to the highest."""

    low: float
    high: float
    ticks: Sequence[float]

    def share(self, value: float) -> float:
        """Return where a value lies between `low` (0) and `high` (1)."""
        return (value - self.low) / (self.high - self.low)


def scale_of(values: Sequence[float], from_zero: bool = True, whole: bool = False) -> Scale:
    """Return a scale with round ticks around finite values; `whole` wants no fractions.

    >>> scale_of([3, 18.5]).ticks
    [0.0, 5.0, 10.0, 15.0, 20.0]
    >>> scale_of([]).ticks
    [0.0, 1.0]
    """
    low, high = min(values, default=0.0), max(values, default=0.0)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if not high > low:
        high = low + (abs(low) or 1.0)
    step = _round_step((high - low) / _TICKS)
    if whole:
        step = max(1.0, step)
    first, last = math.floor(low / step), math.ceil(high / step - 1e-9)
    ticks = [number * step for number in range(first, last + 1)]
    return Scale(ticks[0], ticks[-1], ticks)


def _round_step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in _STEPS if step * power >= rough * (1 - 1e-9))


def tick_labels(kind: str, ticks: Sequence[float]) -> List[str]:
    """Return the labels of ticks, all with the same number of decimals.

    >>> tick_labels("money", [0.0, 2.5, 5.0]), tick_labels("tokens", [0.0, 1e6, 2e6])
    (['$0.0', '$2.5', '$5.0'], ['0', '1M', '2M'])
    """
    factor = 100 if kind == "share" else 1
    numbers = [tick * factor for tick in ticks]
    places = max((_decimals(number) for number in numbers), default=0)
    large = max(map(abs, numbers), default=0.0) >= _LARGE
    return [_label(kind, number, places, large) for number in numbers]


def _decimals(number: float) -> int:
    """Return how many decimals a tick has, at most ten."""
    text = f"{number:.10f}".rstrip("0")
    return len(text) - text.index(".") - 1


def _label(kind: str, number: float, places: int, large: bool) -> str:
    if kind in ("bytes", "seconds"):
        return formatting.cell(kind, number)
    sign = "-" if number < 0 else ""
    size = abs(number)
    if large and kind not in ("percent", "share"):
        text = _WHOLE.sub("", formatting.compact(size))
    else:
        text = f"{size:,.{places}f}"
    if kind == "money":
        return f"{sign}${text}"
    return f"{sign}{text}%" if kind in ("percent", "share") else sign + text
