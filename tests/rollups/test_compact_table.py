"""A table of columns is the dict of tuples that it is made of, in less memory."""

from __future__ import annotations

from array import array
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.rollups import compact_table
from finops.rollups.compact_table import CompactTable, Growing, compacted, in_order
from finops.rollups.spec import Key, Values, in_key_order

texts = st.sampled_from(["", "a", "ä", "gpt-4o"])
numbers = st.sampled_from([0, 1, -1, 127, 128, -128, -129, 2**31, 2**63 - 1, 2**63, 10**30])
floats = st.sampled_from([0.0, 1.0, 0.1, 1e300, -2.5])
flags = st.booleans()
keys = st.tuples(texts, st.none() | floats, st.integers(0, 400), flags)
lists = st.builds(array, st.just("I"), st.lists(st.integers(0, 9), max_size=3))
tables = st.dictionaries(keys, st.tuples(numbers, floats, texts, lists), max_size=40)
mixed = st.one_of(flags, st.sampled_from([0, 1, 0.0, 1.0]))


@pytest.fixture(autouse=True)
def compacts_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compact_table, "_FEW", 0)


def growing(column: Sequence[Any], step: int) -> Growing:
    """Return a column that was added in pieces."""
    made = Growing()
    for at in range(0, len(column), step):
        made.add(list(column[at : at + step]))
    return made


def kinds(groups: Any) -> List[Tuple[type, ...]]:
    return [tuple(map(type, (*key, *values))) for key, values in groups.items()]


@given(tables)
def test_it_is_the_dict(groups: Dict[Key, Values]) -> None:
    table = compacted(groups)
    for _ in range(2):  # what is walked once can be walked again
        assert list(table) == list(groups)
        assert list(table.items()) == list(groups.items())
        assert list(table.values()) == list(groups.values())
    assert kinds(table) == kinds(groups)
    assert table == groups
    assert groups == table
    assert [table[key] for key in groups] == list(groups.values())
    assert table.get(("none", None, 0, False)) is None
    assert (len(table), bool(table)) == (len(groups), bool(groups))


@given(st.lists(mixed, min_size=8, max_size=8))
def test_numbers_that_are_equal_keep_their_kinds(column: List[Any]) -> None:
    groups: Dict[Key, Values] = {(place, value): () for place, value in enumerate(column)}
    assert kinds(compacted(groups)) == kinds(groups)


@given(st.lists(st.one_of(mixed, numbers, floats, texts, st.none(), lists), max_size=12))
def test_a_column_that_grew_in_pieces_is_the_whole(column: List[Any]) -> None:
    for step in (1, 5):
        whole = growing(column, step).whole()
        assert list(whole) == column
        assert list(map(type, whole)) == list(map(type, column))


@given(tables)
def test_columns_in_any_order_are_put_into_that_of_keys(groups: Dict[Key, Values]) -> None:
    parts = [growing(part, 3) for part in zip(*groups)]
    columns = [growing(column, 3) for column in zip(*groups.values())]
    table = in_order(len(groups), parts, columns)
    expected = in_key_order(groups)
    assert list(table.items()) == list(expected.items())
    assert kinds(table) == kinds(expected)


@given(st.dictionaries(st.tuples(st.text(max_size=2)), st.tuples(numbers), max_size=40))
def test_groups_by_one_text_are_found_without_a_dict(groups: Dict[Key, Values]) -> None:
    table = CompactTable.of_columns(
        len(groups),
        [[name for (name,) in sorted(groups)]],
        [[groups[k][0] for k in sorted(groups)]],
    )
    assert [table[key] for key in groups] == list(groups.values())
    others: List[Any] = [("none",), ("",), (None,), (1,), ("a", "a"), "a", ()]
    for other in others:
        assert (other in table) == (other in groups)
        assert table.get(other, 0) == groups.get(other, 0)
    with pytest.raises(KeyError):
        table[("none",)]


def test_names_out_of_order_are_found() -> None:
    groups: Dict[Key, Values] = {("b",): (1,), ("a",): (2,)}
    table = compacted(groups)
    assert [table[("a",)], table[("b",)]] == [(2,), (1,)]


def test_texts_that_repeat_among_measures_are_kept_once() -> None:
    groups: Dict[Key, Values] = {
        (place,): (f"2026-01-0{place % 3}", f"{place}") for place in range(40)
    }
    table = compacted(groups)
    assert list(table.items()) == list(groups.items())
    assert len(set(map(id, (day for day, _ in table.values())))) == 3


def test_groups_without_measures_or_without_dimensions() -> None:
    assert list(compacted({("a",): (), ("b",): ()}).items()) == [(("a",), ()), (("b",), ())]
    assert dict(compacted({(): (1, 2.5)})) == {(): (1, 2.5)}


def test_many_groups_take_a_fraction_of_the_memory() -> None:
    groups: Dict[Key, Values] = {
        (f"2026-01-{day:02d}", f"model-{place}", True): (day, place / 7, 10**9)
        for day in range(1, 29)
        for place in range(40)
    }
    table = compact_table.CompactTable(list(groups), zip(*groups.values()))
    arrays = [column for column in table._columns if isinstance(column, array)]
    assert len(arrays) == 3
    assert sum(len(column) * column.itemsize for column in arrays) == len(groups) * (1 + 8 + 4)
