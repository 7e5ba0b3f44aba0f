"""The numbers of a column have one unit and one precision."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.business.catalog import CATALOG
from finops.generators import page, precision
from finops.generators.charts import HUES, colour_of
from finops.generators.precision import column_cell, places_of
from finops.generators.tables import Column, table

ASSETS = Path(str(page.__file__)).parent / "assets"


def cells(kind: str, *values: Any) -> List[str]:
    places = places_of(kind, values)
    return [column_cell(kind, value, places) for value in values]


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(precision).failed == 0


@pytest.mark.parametrize(
    ("kind", "values", "shown"),
    [
        ("money", [1234.5, 0.04, 0, None], ["$1,234.50", "$0.04", "$0.00", "n/a"]),
        ("money", [12.0, 0.004, -0.004], ["$12.00", "<$0.01", "-$0.00400"]),
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
    shades = [colour_of("model", model.name) for model in CATALOG if model.provider == "openai"]
    assert {shade % HUES for shade in shades} == {hue}
    assert colour_of("model", "gpt-5") != colour_of("model", "gpt-4")
    assert colour_of("model", "claude-instant") % HUES == colour_of("provider", "anthropic")


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour `#rrggbb`, as WCAG 2.1 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(part * share for part, share in zip(linear, (0.2126, 0.7152, 0.0722)))


@pytest.mark.parametrize("sheet", ["report.css", "dark.css"])
def test_models_of_one_provider_differ_in_lightness(sheet: str) -> None:
    style = (ASSETS / sheet).read_text(encoding="utf-8")
    colours = dict(re.findall(r"--(c\d+): (#[0-9a-f]{6});", style))
    for provider in {model.provider for model in CATALOG}:
        places = [colour_of("model", m.name) for m in CATALOG if m.provider == provider]
        lights = sorted(luminance(colours[f"c{place}"]) + 0.05 for place in places)
        assert all(above / below > 1.2 for below, above in zip(lights, lights[1:])), provider
    classes = (ASSETS / "report.css").read_text(encoding="utf-8")
    for model in CATALOG:
        assert f".c{colour_of('model', model.name)} {{ --c:" in classes
