"""Columns of a terminal: what a name takes of them, and how it is shortened."""

from __future__ import annotations

import unicodedata
from typing import List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.summary.display import clusters, padded, shortened, visible, width_of, wrapped
from finops.summary.layout import Column, lay_out

WOMAN, JOINER, LAPTOP, THUMB, DARK = (
    "\U0001f469",
    "\u200d",
    "\U0001f4bb",
    "\U0001f44d",
    "\U0001f3ff",
)
names = st.text(max_size=40) | st.text(f"ab {WOMAN}{JOINER}{LAPTOP}株é\u0301\ufe0f", max_size=30)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("plain", 5),
        ("株式会社さくら", 14),
        (f"{WOMAN}{JOINER}{LAPTOP}", 2),
        (f"Ann {WOMAN}{JOINER}{LAPTOP} Lee", 10),
        ("e\u0301", 1),
        (f"{THUMB}{DARK}", 2),
        ("\u2764\ufe0f", 2),
        ("\U0001f1e9\U0001f1ea", 2),
        ("\U0001f1e9\U0001f1ea\U0001f1eb\U0001f1f7", 4),
        ("", 0),
    ],
)
def test_the_width_of_text_is_that_on_a_terminal(text: str, columns: int) -> None:
    assert width_of(text) == columns


@given(names)
def test_clusters_are_the_text_in_pieces(text: str) -> None:
    assert "".join(cluster for cluster, _ in clusters(text)) == text


@given(names, st.integers(0, 30))
def test_a_shortened_name_fits_and_keeps_its_ends(text: str, width: int) -> None:
    short = shortened(text, width)
    assert width_of(short) <= width
    if short != text:
        head, _, tail = short.partition("…")
        assert text.startswith(head)
        assert text.endswith(tail)
        assert width_of(text) > width


@given(names)
def test_nothing_shown_is_a_control_or_changes_the_direction(text: str) -> None:
    shown = visible(text)
    for cluster, _ in clusters(shown):
        for c in cluster:
            assert c.isprintable() or (c == JOINER and len(cluster) > 1)
    assert not any(unicodedata.bidirectional(c) in ("RLO", "LRO", "RLE") for c in shown)


@given(names, st.integers(1, 30))
def test_wrapped_lines_fit_and_hold_all_words(text: str, width: int) -> None:
    lines = wrapped(visible(text), max(width, 2))
    assert all(width_of(line) <= max(width, 2) for line in lines)
    assert "".join(lines).replace(" ", "") == visible(text).replace(" ", "")


def test_padding_counts_columns() -> None:
    assert padded("株", 4) == "株  "
    assert padded("12", 4, right=True) == "  12"


figures = st.integers(0, 10**9).map(lambda number: f"{number:,}")
tables = st.integers(1, 5).flatmap(
    lambda rows: st.tuples(
        st.lists(names.map(visible), min_size=rows, max_size=rows),
        st.lists(st.lists(figures, min_size=rows, max_size=rows), min_size=1, max_size=4),
    )
)


@given(tables, st.integers(16, 90))
def test_a_table_fits_and_never_cuts_a_figure(
    table: Tuple[List[str], List[List[str]]], width: int
) -> None:
    labels, numbers = table
    columns = [Column("name", tuple(labels), is_name=True)] + [
        Column(f"n{place}", tuple(cells), dropped=place) for place, cells in enumerate(numbers)
    ]
    layout = lay_out(columns, width)
    assert {width_of(line) for line in layout.lines} == {width_of(layout.lines[0])}
    assert width_of(layout.lines[0]) <= width
    # What gives way does so in the order that is declared.
    dropped = [f"n{place}" for place in range(1, len(numbers))]
    assert layout.left_out == dropped[: len(layout.left_out)]
    for place, cells in enumerate(numbers):
        if f"n{place}" not in layout.left_out:
            assert all(cell in line for cell, line in zip(cells, layout.lines[1:]))


def test_names_give_way_before_columns_and_have_the_room_of_those_left_out() -> None:
    name = Column("model", ("a-model-with-a-very-long-name",), is_name=True)
    cost, calls = Column("cost", ("1,234.00",)), Column("calls", ("1,234,567",), dropped=1)
    assert lay_out([name, cost, calls]).lines[1].split() == [
        "a-model-with-a-very-long-name",
        "1,234.00",
        "1,234,567",
    ]
    narrow = lay_out([name, cost, calls], 36)
    assert narrow.left_out == []
    assert narrow.lines[1] == "a-model…ng-name  1,234.00  1,234,567"
    narrower = lay_out([name, cost, calls], 29)
    assert narrower.left_out == ["calls"]
    assert narrower.lines[1] == "a-model-w…long-name  1,234.00"
