"""Look-up tables that turn a random number of a few bits into a choice or a quantity.

A table is built once and read millions of times, so it is small enough for the processor's
second-level cache: 4,096 entries, and 16,384 for the choice among many customers.
"""

from __future__ import annotations

import math
from array import array
from typing import Iterable, List, Sequence, Tuple, TypeVar

from finops.config import Tokens

Item = TypeVar("Item")

BITS = 12
SIZE = 1 << BITS
REACH_BITS = 11
WHO_BITS = 14
WHO_SIZE = 1 << WHO_BITS


def shares(weights: Sequence[float], size: int) -> List[int]:
    """Divide `size` entries in proportion to the weights, each rounded within one entry.

    >>> shares([1, 1, 2], 8)
    [2, 2, 4]
    """
    total = sum(weights)
    counts: List[int] = []
    reached, done = 0.0, 0
    for weight in weights:
        reached += weight
        upto = int(reached / total * size + 0.5)
        counts.append(upto - done)
        done = upto
    counts[-1] += size - done
    return counts


def of_numbers(choice: Iterable[Tuple[int, float]], size: int) -> Sequence[int]:
    """Return a table of `size` numbers, each as often as its weight says."""
    pairs = list(choice)
    counts = shares([weight for _, weight in pairs], size)
    table = array("H")
    for (number, _), count in zip(pairs, counts):
        table.extend(array("H", [number]) * count)
    return table


def of_positions(weights: Sequence[float], size: int = SIZE) -> bytes:
    """Return a table of positions (under 256), each as often as its weight says."""
    counts = shares(weights, size)
    return b"".join(bytes((i,)) * count for i, count in enumerate(counts))


def clamped_normal(tokens: Tokens, scale: float) -> List[int]:
    """Return the quantiles of a clamped whole-number normal, mean and sd times `scale`.

    The quantiles are those of the error function: Φ(x) = (1 + erf(x / √2)) / 2.
    """
    mean, sd = tokens.mean * scale, tokens.sd * scale
    table: List[int] = []
    for value in range(tokens.least, tokens.most):
        below = (1 + math.erf((value + 0.5 - mean) / (sd * math.sqrt(2)))) / 2
        table += [value] * (int(round(below * SIZE, 6) + 0.5) - len(table))
    return table + [tokens.most] * (SIZE - len(table))


def folded(table: Sequence[int]) -> List[int]:
    """Return a longer table, to be read at the sum of a rank and of `REACH_BITS` random bits.

    The rank is that of something that goes along with this quantity: the sum less half the
    reach is a rank at most a quarter of all ranks away from it.  Ranks beyond an end are
    reflected there, which leaves every rank equally likely: long prompts get longer answers,
    and answers keep their distribution.
    """
    last, reach = SIZE - 1, 1 << REACH_BITS
    ranks = (at - reach // 2 for at in range(SIZE + reach - 1))
    return [table[-1 - r if r < 0 else r if r <= last else 2 * last + 1 - r] for r in ranks]


def uniform(low: float, high: float) -> List[float]:
    """Return `SIZE` even steps from `low` to `high`."""
    return [low + (high - low) * (i + 0.5) / SIZE for i in range(SIZE)]
