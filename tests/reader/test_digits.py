"""Columns of digits are what `int` and `Decimal` make of each cell, or are left to others."""

from __future__ import annotations

from decimal import Decimal
from typing import List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader.digits import micros, whole_numbers

WHOLE = st.from_regex(rb"[0-9]{1,8}", fullmatch=True)
AMOUNTS = st.from_regex(rb"[0-9]{1,2}\.[0-9]{6}", fullmatch=True)
ODD = st.text("0123456789 .+-e_,", max_size=11).map(str.encode)


@given(st.lists(WHOLE, min_size=1, max_size=40))
def test_whole_numbers(cells: List[bytes]) -> None:
    assert whole_numbers(cells) == [int(cell) for cell in cells]


@given(st.lists(AMOUNTS, min_size=1, max_size=40), st.integers(1, 10**11 - 1))
def test_amounts(cells: List[bytes], factor: int) -> None:
    exact = [Decimal(cell.decode("ascii")) for cell in cells]
    assert micros(cells, factor) == [int(amount * 10**6) * factor for amount in exact]


@given(st.lists(WHOLE | ODD, min_size=1, max_size=6))
def test_what_is_no_whole_number_is_left_to_others(cells: List[bytes]) -> None:
    plain = all(cell.isdigit() and len(cell) <= 8 for cell in cells)
    assert whole_numbers(cells) == (list(map(int, cells)) if plain else None)


@given(st.lists(AMOUNTS | ODD, min_size=1, max_size=6))
def test_what_is_no_amount_is_left_to_others(cells: List[bytes]) -> None:
    parts = [cell.split(b".") for cell in cells]
    plain = all(
        len(part) == 2 and all(map(bytes.isdigit, part)) and len(part[0]) <= 2 and len(part[1]) == 6
        for part in parts
    )
    assert (micros(cells, 1) is not None) == plain


@pytest.mark.parametrize("cells", [[b""], [b"1", b""], [b" 1"], [b"1 2"], [b"123456789"], []])
def test_no_whole_numbers(cells: List[bytes]) -> None:
    assert whole_numbers(cells) is None


@pytest.mark.parametrize(
    "cells",
    [
        [],
        [b".500000"],
        [b"1.5"],
        [b"123.000000"],
        [b"1234567"],
        [b"1.234567", b"12345.678"],
        [b"1.2.3456", b"12.345678"],
        [b"0.00000 "],
    ],
    ids=repr,
)
def test_no_amounts(cells: List[bytes]) -> None:
    assert micros(cells, 1) is None
