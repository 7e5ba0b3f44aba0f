"""Shortened numbers show the same in a table, and rows are looked at only when asked for."""

from __future__ import annotations

import doctest
import math
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import rounding
from finops.generators.formatting import money
from finops.generators.rounding import ShortenedRows, shortened


def test_doctests() -> None:
    assert doctest.testmod(rounding).failed == 0


@given(st.floats(-1e9, 1e9))
def test_shortened_is_close(value: Any) -> None:
    short = shortened(value)
    assert short == pytest.approx(value, rel=1e-3) or abs(short - value) <= 0.00501
    assert len(repr(abs(short))) <= len(repr(abs(value)))
    assert shortened(short) == short


@given(st.integers(0, 10**9))
def test_cents_show_as_before(cents: Any) -> None:
    assert money(shortened(cents / 100)) == money(cents / 100)


@pytest.mark.parametrize("value", [0.0, 7, True, None, "12.3456789", math.inf])
def test_everything_else_stays(value: Any) -> None:
    assert shortened(value) is value


class Row(NamedTuple):
    name: str
    usd: float


def test_rows() -> None:
    rows = [Row("a", 1.23456), Row("b", 2.0)] * 60
    short = ShortenedRows(rows)
    assert len(short) == 120
    assert short[0] == Row("a", 1.235)
    assert short[0:1] == [Row("a", 1.235)]
    assert list(short) == [Row("a", 1.235), Row("b", 2.0)] * 60
    assert rows[0].usd == 1.23456
    assert not ShortenedRows([])


def test_few_rows_keep_every_digit() -> None:
    rows = [Row("a", 1.23456)] * 100
    assert list(ShortenedRows(rows)) == rows
