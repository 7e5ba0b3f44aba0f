"""What a cube is made of: its spec, the codes of its cells, and the arrays they are kept in."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from contextlib import suppress
from itertools import chain, takewhile
from typing import (
    TYPE_CHECKING,
    Dict,
    Iterable,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from finops.rollups.expressions import Expression
from finops.rollups.measures import Dimension

if TYPE_CHECKING:
    IntArray = array[int]
else:
    IntArray = array

# A cell's code: the customer code, and below it the code of the cube's other dimensions.  Neither
# can have more values than there are rows in four billion.
KEY_BITS = 32
_KEY_MASK = (1 << KEY_BITS) - 1
KEY_SPACE = 1 << KEY_BITS


# Of numbers by how many of their bytes are not 0 everywhere; of none, where all are 0.
_TYPECODES = "BBHIIQQQQ"


class CubeSpec(NamedTuple):
    """What a cube groups by.

    `time`: "", hour, day, week or hour_of_day.  `customers`: by customer code or not at all.
    `calls`: the dimensions that follow from a call's key, `rows`: those that follow from each row.
    `where`: which calls enter.  `listed`: the number column whose values it keeps instead of sums,
    or the timestamp, of which it keeps the first and the last.
    """

    time: str
    customers: bool
    calls: Tuple[Dimension, ...]
    rows: Tuple[Dimension, ...] = ()
    where: Optional[Expression] = None
    listed: str = ""

    @property
    def dimensions(self) -> Tuple[Dimension, ...]:
        """The dimensions of its keys, in order."""
        return self.calls + self.rows


class PackedCells(NamedTuple):
    """The cells of a cube as plain lists and arrays.

    `times` and `lengths` are the time values and how many cells each has; `codes` are those of
    all cells in a row.  As long as `codes` are either `words`, the wanted words of the packed
    sums (None for the others and those that are always 0), or `counts`: for all cells in a row
    there are so many `values`, ascending, and of histograms as many `repeats`.  Times are
    microseconds since 1970.
    """

    times: List[str]
    lengths: IntArray
    codes: IntArray
    words: List[Optional[IntArray]]
    counts: IntArray
    values: IntArray
    repeats: Optional[IntArray]

    @classmethod
    def empty(cls, words: int, counted: bool = False) -> PackedCells:
        """Return no cells, with packed sums of so many words."""
        columns: List[Optional[IntArray]] = [None] * words
        repeats = array("I") if counted else None
        return cls([], array("I"), array("Q"), columns, array("I"), array("H"), repeats)

    def word(self, place: int, before: int) -> IntArray:
        """Return one word of the sums, to be extended, if new 0 in so many cells `before`."""
        column = self.words[place]
        if column is None:
            column = self.words[place] = array("I", bytes(4 * before))
        return column

    def narrowed(self) -> PackedCells:
        """Return the same cells in as few bytes as they need; these here are spent.

        Most sums are far smaller than the widest, which cells are to have room for as they come.
        """
        for place, column in enumerate(self.words):
            if column is not None:
                self.words[place] = narrowed(column) if any(column) else None
        values = self.values if self.values.typecode == "q" else narrowed(self.values)
        return self._replace(
            lengths=narrowed(self.lengths),
            codes=narrowed(self.codes),
            counts=narrowed(self.counts),
            values=values,
            repeats=None if self.repeats is None else narrowed(self.repeats),
        )

    @property
    def arrays(self) -> List[IntArray]:
        """All arrays that are there."""
        columns = (self.lengths, self.codes, *self.words, self.counts, self.values, self.repeats)
        return [column for column in columns if column is not None]


def narrowed(column: IntArray) -> IntArray:
    """Return a column in the type of the fewest bytes that hold its numbers, none below 0."""
    data, size = column.tobytes(), column.itemsize
    planes = range(size) if sys.byteorder == "big" else reversed(range(size))
    empty = takewhile(lambda plane: data[plane::size].count(0) == len(column), planes)
    typecode = _TYPECODES[size - sum(1 for _ in empty)]
    return column if typecode == column.typecode else array(typecode, column)


def compact(numbers: Iterable[int]) -> Sequence[int]:
    """Return whole numbers as an array of four or eight bytes each, a fraction of a list.

    Where some take more it is a list all the same.
    """
    numbers = list(numbers)
    for typecode in ("i", "q"):
        with suppress(OverflowError):
            return array(typecode, numbers)
    return numbers


def joined(columns: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return columns of `compact` one behind the other, as such a column."""
    kinds = [column.typecode if isinstance(column, array) else "" for column in columns]
    if "" in kinds:
        return list(chain.from_iterable(columns))
    whole = array("q" if "q" in kinds else "i")
    for kind, column in zip(kinds, columns):
        whole.extend(column if kind == whole.typecode else array(whole.typecode, column))
    return whole


def customer_codes(codes: Sequence[int], spec: CubeSpec) -> Sequence[int]:
    """Return the customer codes of cell codes."""
    return [code >> KEY_BITS for code in codes] if spec.dimensions else codes


def key_codes(codes: Sequence[int]) -> List[int]:
    """Return what cell codes have below the customer's: the codes of a cube's keys."""
    return [code & _KEY_MASK for code in codes]


def histogram(values: Iterable[int]) -> Dict[int, int]:
    """Return {value: calls} in ascending order."""
    return dict(sorted(Counter(values).items()))
