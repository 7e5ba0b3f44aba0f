"""What each call adds, all measures in one whole number, so that one addition adds them all.

A measure has a field of whole 32-bit words, which lets stored sums be taken apart by slicing.
A field is wide enough for `measures.ROWS_AT_A_TIME` rows, or `CALLS_AT_A_TIME` calls, of the most
that one may add, so that nothing runs over into the next field; sums of sums are added in wider
ones.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Tuple

from finops.rollups.expressions import (
    Expression,
    columns_of,
    guarded,
    number,
    operands_of,
    python_of,
)
from finops.rollups.measures import (
    CALL_COLUMNS,
    CALLS_AT_A_TIME,
    CUSTOMER_COLUMNS,
    ROWS_AT_A_TIME,
    UNKNOWN_COLUMNS,
    Measure,
)
from finops.rollups.row_loop import RowLoop

WORD_BITS = 32


class PackedField(NamedTuple):
    """Where a measure is among the words of a packed sum."""

    first: int
    words: int

    @property
    def shift(self) -> int:
        """The number of bits below it."""
        return WORD_BITS * self.first


class PackedLayout:
    """The fields of some measures, side by side in their order; `words` is how many in all."""

    def __init__(self, measures: Iterable[Measure]) -> None:
        self.measures: Tuple[Measure, ...] = tuple(measures)
        self.fields: Dict[Measure, PackedField] = {}
        self.words = 0
        for measure in self.measures:
            words = words_for(measure.most(ROWS_AT_A_TIME, CALLS_AT_A_TIME))
            self.fields[measure] = PackedField(self.words, words)
            self.words += words

    def words_of(self, measures: Iterable[Measure]) -> FrozenSet[int]:
        """Return which words hold some of the measures."""
        fields = [self.fields[measure] for measure in measures]
        return frozenset(field.first + k for field in fields for k in range(field.words))


def words_for(largest: int) -> int:
    """Return how many words a number up to `largest` needs."""
    return -(-largest.bit_length() // WORD_BITS)


class RowSums(NamedTuple):
    """What each row adds: its source, and the words in which anything but 0 can be."""

    source: str
    words: FrozenSet[int]


def sums_of_rows(layout: PackedLayout, loop: RowLoop) -> RowSums:
    """Return what each row of a loop's shape adds, all measures packed."""
    always = _Terms(loop)
    conditional: Dict[Expression, _Terms] = {}
    added: List[Measure] = []
    for measure in layout.measures:
        value = loop.shape.remaining(measure.added)
        if value is None or value == number(0):
            continue
        added.append(measure)
        shift = layout.fields[measure].shift
        if value.operator == "when" and not columns_of(value) <= CALL_COLUMNS:
            condition, value = operands_of(value)
            conditional.setdefault(condition, _Terms(loop)).add(value, shift)
        else:
            always.add(value, shift)
    sources = always.sources()
    for condition, terms in conditional.items():
        sources.append(f"({_sum(terms.sources())} if {loop.inline(condition)} else 0)")
    return RowSums(_sum(sources or ["0"]), layout.words_of(added))


class _Terms:
    """What is added up for a row: terms of one key, or of one number that may be unknown, are
    worked out together, once for each of its values.
    """

    def __init__(self, loop: RowLoop) -> None:
        self._loop = loop
        self._constants: List[str] = []
        self._by_row: List[str] = []
        self._by_call: List[str] = []
        self._by_customer: List[str] = []
        self._by_number: Dict[str, List[str]] = {}

    def add(self, value: Expression, shift: int) -> None:
        """Add a term so many bits up."""
        columns = columns_of(value)
        if not columns:
            self._constants.append(_term(value, shift))
        elif columns <= CALL_COLUMNS:
            self._by_call.append(_term(value, shift))
        elif columns <= CUSTOMER_COLUMNS:
            self._by_customer.append(_term(value, shift))
        elif len(columns) == 1 and columns <= UNKNOWN_COLUMNS:
            self._by_number.setdefault(min(columns), []).append(_term(value, shift))
        else:
            self._by_row.append(_shifted(self._loop.inline(value, other="0"), shift))

    def sources(self) -> List[str]:
        """Return the source of each term; constants are part of what is looked up anyway."""
        loop = self._loop
        looked_up = [self._by_call, *self._by_number.values(), self._by_customer]
        next(filter(None, looked_up), self._by_row).extend(self._constants)
        numbers = [loop.of_number(name, _sum(parts)) for name, parts in self._by_number.items()]
        calls = [loop.of_call(_sum(self._by_call))] if self._by_call else []
        customers = [loop.of_customer(_sum(self._by_customer))] if self._by_customer else []
        return [*self._by_row, *numbers, *calls, *customers]


def _term(value: Expression, shift: int) -> str:
    source = python_of(value, UNKNOWN_COLUMNS)
    return _shifted(guarded(source, value, UNKNOWN_COLUMNS, "0"), shift)


def _shifted(source: str, shift: int) -> str:
    return f"({source} << {shift})" if shift else source


def _sum(terms: Iterable[str]) -> str:
    return " + ".join(terms)
