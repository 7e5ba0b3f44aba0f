"""The numbers of a column have one unit and one precision."""

from __future__ import annotations

import doctest
import re
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import precision
from finops.generators.charts import COLOURS, HUES, colour_of
from finops.generators.precision import column_cell, places_of
from finops.generators.tables import Column, table


def cells(kind: str, *values: Any) -> List[str]:
    places = places_of(kind, values)
    return [column_cell(kind, value, places) for value in values]


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(precision).failed == 0


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("money", [1234.5, 0.04, 0, None], ["$1,234.50", "$0.04", "$0.00", "n/a"]),
        ("money", [12.0, 0.004, -0.004], ["$12.00", "<$0.01", ">-$0.01"]),
        ("money", [0.0364, 0.0000768], ["$0.03640", "$0.00008"]),
        ("money", [250_000, 12.5], ["$250,000", "$13"]),
        ("money", [-3.456, 2], ["-$3.46", "$2.00"]),
        ("tokens", [77_600_000, 12_000_000, 641_000, 9], ["77.6M", "12.0M", "0.6M", "<0.1M"]),
        ("tokens", [9_999, 5], ["9,999", "5"]),
        ("percent", [12.345, 0.034, 0], ["12.3%", "<0.1%", "0.0%"]),
        ("percent", [99.999, 12], ["99.99%", "12.00%"]),
        ("number", [4759.54, 101.5, None], ["4,760", "102", "n/a"]),
        ("number", [4759.54, 99.5], ["4,759.54", "99.50"]),
        ("share", [0.5, 0.0001], ["50.0%", "<0.1%"]),
        ("number", [3, 12], ["3", "12"]),
        ("number", [11.123, 8.24], ["11.12", "8.24"]),
        ("count", [1234, None], ["1,234", "n/a"]),
        ("ms", [12, 1.5], ["12", "1.5"]),
        ("money", ["unknown", 1], ["unknown", "$1.00"]),
        ("money", [], []),
    ],
)
def test_columns(kind: str, values: List[Any], shown: List[str]) -> None:
    assert cells(kind, *values) == shown


@given(st.lists(st.floats(0, 1e7) | st.floats(0, 0.01), min_size=1))
def test_all_cells_have_as_many_decimals_and_none_of_money_is_nothing(values: List[float]) -> None:
    shown = cells("money", *values)
    assert len({len(text.partition(".")[2]) for text in shown}) == 1
    for value, text in zip(values, shown):
        assert (value > 0) == bool(re.search(r"[1-9]", text))


def test_a_table_says_the_places_to_the_script() -> None:
    column = Column[float](lambda row: row, "Cost per call", "money")
    part = table("t", "T", [column], [0.0874, 0.00702])
    assert part.data["tables"]["t"]["columns"][0]["places"] == 4
    assert "$0.0070" in part.markup


def test_a_model_has_a_shade_of_its_provider() -> None:
    hue = colour_of("provider", "openai")
    shades = [colour_of("model", name) for name in ("gpt-4", "gpt-4o", "gpt-4.1")]
    assert {shade % HUES for shade in shades} == {hue}
    assert len(set(shades)) == COLOURS // HUES
    assert colour_of("model", "claude-instant") % HUES == colour_of("provider", "anthropic")
