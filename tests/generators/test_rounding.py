"""Shortened numbers show the same in a table, and rows are looked at only when asked for."""

from __future__ import annotations

import doctest
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import rounding
from finops.generators.formatting import money
from finops.generators.rounding import Lean, shortened


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


def test_rows() -> None:
    rows = [{"id": "a", "usd": 1.23456}, {"id": "b", "usd": 2.0}] * 60
    found = Lean(rows)
    assert len(found) == 120
    assert found[0] == {"id": "a", "usd": 1.235}
    assert found[0:1] == [{"id": "a", "usd": 1.235}]
    assert list(found) == [{"id": "a", "usd": 1.235}, {"id": "b", "usd": 2.0}] * 60
    assert rows[0]["usd"] == 1.23456
    assert not Lean([])


def test_few_rows_keep_every_digit() -> None:
    rows = [{"id": "a", "usd": 1.23456}] * 100
    assert list(Lean(rows)) == rows
