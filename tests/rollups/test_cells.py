"""Columns of numbers: the same numbers in fewer bytes."""

from __future__ import annotations

from array import array
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.rollups.cells import PackedCells, compact, joined, narrowed

UNSIGNED = {"B": 8, "H": 16, "I": 32, "Q": 64}
ANY = st.lists(st.one_of(st.integers(-9, 9), st.integers(-(2**70), 2**70)), max_size=9)
SMALL_TO_LARGE = st.integers(0, 64).flatmap(lambda bits: st.integers(0, 2**bits - 1))


@given(st.lists(SMALL_TO_LARGE, max_size=9), st.sampled_from(sorted(UNSIGNED)))
def test_a_narrow_column_has_the_same_numbers_in_the_fewest_bytes(
    numbers: List[int], typecode: str
) -> None:
    numbers = [number % 2 ** UNSIGNED[typecode] for number in numbers]
    narrow = narrowed(array(typecode, numbers))
    assert list(narrow) == numbers
    enough = [kind for kind in "BHIQ" if max(numbers, default=0) < 2 ** UNSIGNED[kind]]
    assert narrow.itemsize == array(enough[0]).itemsize


def test_words_that_are_0_everywhere_are_left_out() -> None:
    cells = PackedCells.empty(3)._replace(
        times=["2025-01-01"], lengths=array("I", [2]), codes=array("Q", [1 << 32, 7])
    )
    cells.words[0], cells.words[2] = array("I", [0, 70_000]), array("I", [0, 0])
    narrow = cells.narrowed()
    assert narrow.times == ["2025-01-01"]
    assert narrow.words == [array("I", [0, 70_000]), None, None]
    assert (list(narrow.lengths), list(narrow.codes)) == ([2], [1 << 32, 7])
    assert [column.typecode for column in narrow.arrays[:3]] == ["B", "Q", "I"]
    assert narrow.repeats is None


@given(st.lists(ANY, max_size=9))
def test_compact_columns_hold_what_they_are_made_of(columns: List[List[int]]) -> None:
    assert list(joined(list(map(compact, columns)))) == [n for column in columns for n in column]


@pytest.mark.parametrize(
    ("number", "size"), [(2**31 - 1, 4), (-(2**31), 4), (2**31, 8), (2**63 - 1, 8)]
)
def test_numbers_take_four_or_eight_bytes(number: int, size: int) -> None:
    column = compact([0, number])
    assert isinstance(column, array)
    assert column.itemsize == size
