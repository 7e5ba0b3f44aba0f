"""Look-up tables that turn a random number of a few bits into a choice or a quantity.

A table is built once and read millions of times, so it is small enough for the processor's
second-level cache: 4,096 entries, and 8,192 for the choice among many customers, in an array,
since the numbers of a list lie anywhere.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from functools import lru_cache
from itertools import accumulate, product
from operator import mul, sub
from struct import pack
from typing import List, Sequence, Tuple

from finops.config import Skewed, Tokens

BITS = 12
SIZE = 1 << BITS
REACH_BITS = 11
WHO_BITS = 13
WHO_SIZE = 1 << WHO_BITS
_THOUSAND = 1000
_LARGEST_SHORT = 65_535
_POSITIONS = [bytes((i,)) for i in range(256)]


def shares(weights: Sequence[float], size: int) -> List[int]:
    """Divide `size` entries in proportion to the weights, each rounded within one entry.

    >>> shares([1, 1, 2], 8)
    [2, 2, 4]
    """
    total = math.fsum(weights)
    ends = [int(reached / total * size + 0.5) for reached in accumulate(weights)]
    ends[-1] = size
    return list(map(sub, ends, [0, *ends[:-1]]))


def of_numbers(choice: Sequence[Tuple[int, float]], size: int) -> array[int]:
    """Return a table of `size` numbers, each as often as its weight says."""
    counts = shares([weight for _, weight in choice], size)
    code = "H" if max(number for number, _ in choice) <= _LARGEST_SHORT else "I"
    each = pack(f"{len(choice)}{code}", *(number for number, _ in choice))
    width = len(each) // len(choice)
    entries = [each[i : i + width] for i in range(0, len(each), width)]
    return array(code, b"".join(map(mul, entries, counts)))


def of_positions(weights: Sequence[float], size: int = SIZE) -> bytes:
    """Return a table of positions (under 256), each as often as its weight says."""
    counts = shares(weights, size)
    return b"".join(map(mul, _POSITIONS, counts))


def numbers(values: Sequence[int]) -> array[int]:
    """Return whole numbers from 0 to 65,535 as a table, several times as fast as `array` does."""
    return array("H", pack(f"{len(values)}H", *values))


def nine_decimals(number: float) -> float:
    """Return a number to nine decimals, at a tenth of the cost of `round`.

    Raises where it is no number.

    >>> nine_decimals(1.23456789049), nine_decimals(-2.5)
    (1.23456789, -2.5)
    """
    return math.floor(number * 1e9 + 0.5) / 1e9


@lru_cache(maxsize=None)
def normal_deviations() -> Tuple[float, ...]:
    """Return `SIZE` even quantiles of the standard normal distribution, ascending.

    Φ(x) = (1 + erf(x / √2)) / 2 on a fine grid, and straight lines between its points.
    """
    reach, per_unit = 4, 256
    grid = [i / per_unit for i in range(-reach * per_unit, reach * per_unit + 1)]
    below = [(1 + math.erf(x / math.sqrt(2))) / 2 for x in grid]
    deviations: List[float] = []
    place = 0
    for i in range(SIZE):
        share = (i + 0.5) / SIZE
        while below[place + 1] < share:
            place += 1
        part = (share - below[place]) / (below[place + 1] - below[place])
        # Rounded, so that the last bit of a platform's error function does not decide.
        deviations.append(nine_decimals(grid[place] + part / per_unit))
    return tuple(deviations)


@lru_cache(maxsize=None)
def _lognormal_factors(sigma: float) -> Tuple[float, ...]:
    return tuple([nine_decimals(math.exp(sigma * x)) for x in normal_deviations()])


def clamped_normal(tokens: Tokens, scale: float) -> Sequence[int]:
    """Return the quantiles of a clamped whole-number normal, mean and sd times `scale`."""
    mean, sd = tokens.mean * scale + 0.5, tokens.sd * scale
    deviations = normal_deviations()
    # Those beyond the bounds need not be worked out, but for one that may be rounded.
    first = max(0, bisect_left(deviations, (tokens.least - mean) / sd) - 1)
    end = bisect_left(deviations, (tokens.most - mean) / sd) + 1
    inside = _clamped(
        [int(mean + sd * x) for x in deviations[first:end]], tokens.least, tokens.most
    )
    above = len(deviations) - first - len(inside)
    return array("H", [tokens.least]) * first + inside + array("H", [tokens.most]) * above


def clamped_lognormal(tokens: Skewed, scale: float) -> Sequence[int]:
    """Return the quantiles of a clamped whole-number log-normal, its median times `scale`."""
    median = tokens.median * scale
    factors = _lognormal_factors(tokens.sigma)
    return _clamped([int(median * x + 0.5) for x in factors], tokens.least, tokens.most)


def _clamped(ascending: Sequence[int], least: int, most: int) -> array[int]:
    """Return the numbers, within the bounds."""
    first, end = bisect_left(ascending, least), bisect_left(ascending, most)
    between = numbers(ascending[first:end])
    return array("H", [least]) * first + between + array("H", [most]) * (len(ascending) - end)


def digits(count: int) -> List[str]:
    """Return all numbers of so many digits as text, ascending.

    >>> digits(2)[7], len(digits(2))
    ('07', 100)
    """
    return list(map("".join, product("0123456789", repeat=count)))


def texts_of_numbers(count: int) -> List[str]:
    """Return the numbers from 0 on as text, each with a comma behind it.

    >>> texts_of_numbers(1002)[999:]
    ['999,', '1000,', '1001,']
    """
    texts = [f"{number}," for number in range(min(count, _THOUSAND))]
    last = [f"{number}," for number in digits(3)]
    for thousands in map(str, range(1, -(-count // _THOUSAND))):
        texts += [thousands + number for number in last]
    return texts[:count]


def folded(table: Sequence[int]) -> Sequence[int]:
    """Return a longer table, to be read at the sum of a rank and of `REACH_BITS` random bits.

    The rank is that of something that goes along with this quantity: the sum less half the
    reach is a rank at most a quarter of all ranks away from it.  Ranks beyond an end are
    reflected there, which leaves every rank equally likely: long prompts get longer answers,
    and answers keep their distribution.
    """
    half = 1 << REACH_BITS >> 1
    whole = array("H", table)
    return whole[half - 1 :: -1] + whole + whole[:-half:-1]


def uniform(low: float, high: float) -> List[float]:
    """Return `SIZE` even steps from `low` to `high`."""
    return [low + (high - low) * (i + 0.5) / SIZE for i in range(SIZE)]
