"""Random choices that fall the same on every Python version and platform.

Only `getrandbits` is used: `random.choices`, `gauss` and `shuffle` promise no such thing.
The rest is exact arithmetic, and sums are made by `math.fsum`: what `sum` makes of floats has
changed with Python 3.12.
"""

from __future__ import annotations

import random
from typing import List, Sequence, TypeVar

Item = TypeVar("Item")


class Rng:
    """A sequence of random choices, fixed by what it is named after.

    >>> Rng(42, "example").below(10) == Rng(42, "example").below(10)
    True
    """

    def __init__(self, *names: object) -> None:
        self._bits = random.Random(":".join(str(name) for name in names)).getrandbits

    def unit(self) -> float:
        """Return a number from 0 (included) to 1 (excluded)."""
        return self._bits(32) / 4294967296.0

    def below(self, count: int) -> int:
        """Return a whole number from 0 to count − 1."""
        return self._bits(32) * count >> 32

    def between(self, low: float, high: float) -> float:
        """Return a number from `low` to `high`."""
        return low + (high - low) * self.unit()

    def whole_between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def chance(self, share: float) -> bool:
        """Return True with this probability."""
        return self.unit() < share

    def pick(self, items: Sequence[Item]) -> Item:
        """Return one of the items.  Raises IndexError where there is none."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[Item]) -> List[Item]:
        """Return the items in random order."""
        mixed = list(items)
        for last in range(len(mixed) - 1, 0, -1):
            other = self.below(last + 1)
            mixed[last], mixed[other] = mixed[other], mixed[last]
        return mixed
