"""What each call adds, all measures in one whole number, so that one addition adds them all.

A measure has a field of whole 32-bit words, which lets stored sums be taken apart by slicing.
A field is wide enough for `measures.CALLS_AT_A_TIME` calls of the most that one call may add,
so that nothing runs over into the next field; sums of sums are added in wider ones.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Tuple

from finops.reader.encoding import Batch, KeyEncoder
from finops.rollups.expressions import guarded, python_of
from finops.rollups.measures import (
    CALL_COLUMNS,
    CALLS_AT_A_TIME,
    CUSTOMER_COLUMNS,
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
            words = words_for(measure.limit * CALLS_AT_A_TIME)
            self.fields[measure] = PackedField(self.words, words)
            self.words += words

    def words_of(self, measures: Iterable[Measure]) -> FrozenSet[int]:
        """Return which words hold some of the measures."""
        fields = [self.fields[measure] for measure in measures]
        return frozenset(field.first + k for field in fields for k in range(field.words))


def words_for(largest: int) -> int:
    """Return how many words a number up to `largest` needs."""
    return -(-largest.bit_length() // WORD_BITS)


class RowPacker:
    """Packs what each row of a batch adds."""

    def __init__(self, layout: PackedLayout) -> None:
        self._loop = RowLoop()
        terms: List[str] = []
        by_call: List[str] = []
        by_customer: List[str] = []
        by_number: Dict[str, List[str]] = {}
        for measure in layout.measures:
            shift = layout.fields[measure].shift
            columns = measure.columns
            if columns <= CALL_COLUMNS:
                by_call.append(_term(measure, shift))
            elif columns <= CUSTOMER_COLUMNS:
                by_customer.append(_term(measure, shift))
            elif len(columns) == 1 and columns <= UNKNOWN_COLUMNS:
                by_number.setdefault(min(columns), []).append(_term(measure, shift))
            else:
                terms.append(self._inline(measure, shift))
        terms += [self._loop.of_number(name, _sum(parts)) for name, parts in by_number.items()]
        terms += [self._loop.of_call(_sum(by_call))] if by_call else []
        terms += [self._loop.of_customer(_sum(by_customer))] if by_customer else []
        self._loop.compile(_sum(terms or ["0"]))

    def sums(self, batch: Batch, encoder: KeyEncoder) -> List[int]:
        """Return the packed measures of each row."""
        return self._loop(batch, encoder)

    def _inline(self, measure: Measure, shift: int) -> str:
        return _shifted(self._loop.inline(measure.value, other="0"), shift)


def _term(measure: Measure, shift: int) -> str:
    source = python_of(measure.value, UNKNOWN_COLUMNS)
    return _shifted(guarded(source, measure.value, UNKNOWN_COLUMNS, "0"), shift)


def _shifted(source: str, shift: int) -> str:
    return f"({source} << {shift})" if shift else source


def _sum(terms: Iterable[str]) -> str:
    return " + ".join(terms)
