"""Lines into columns: as `split` has them, for any header, and never a line for another."""

from __future__ import annotations

import time
from typing import Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.reader.key_texts import CALL, CUSTOMER, KEY_OF, KeyCodes, KeyTexts
from finops.reader.row_pattern import RowPattern

NAMES = ("timestamp", "input_tokens", "cost_usd", *KEY_OF)
Shape = Tuple[Dict[str, int], int, bytes]


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw the places of some columns in any order, with others between, and a delimiter."""
    # Any table has times and something else.
    names = ["timestamp", *draw(st.permutations(NAMES[1:]))[: draw(st.integers(1, len(NAMES)))]]
    others = draw(st.integers(0, 4))
    order = draw(st.permutations([*names, *([""] * others)]))
    places = {name: place for place, name in enumerate(order) if name}
    return places, len(order), draw(st.sampled_from([b",", b";", b"\t", b"|"]))


@given(shapes(), st.data())
def test_groups_are_the_cells_of_split(shape: Shape, data: st.DataObject) -> None:
    places, width, delimiter = shape
    cells = st.lists(st.sampled_from([b"", b"a", b"12.5", b"x y"]), min_size=width, max_size=width)
    rows = data.draw(st.lists(cells, min_size=1, max_size=5))
    pattern = RowPattern(places, width, delimiter, KEY_OF)
    block = b"".join(delimiter.join(row) + b"\n" for row in rows)
    columns = pattern.columns(block, len(rows))
    assert columns is not None
    texts = KeyTexts(dict(zip(pattern.groups, columns)), delimiter, len(rows))
    for name, place in places.items():
        assert texts.of(name) == [row[place] for row in rows]
    for group in pattern.groups:
        assert [places[name] for name in group] == list(
            range(places[group[0]], places[group[0]] + len(group))
        )
        assert len({KEY_OF.get(name, name) for name in group}) == 1


@given(st.lists(st.integers(0, 8), min_size=1, max_size=12))
def test_columns_are_there_where_each_line_has_all_cells(commas: List[int]) -> None:
    pattern = RowPattern({"timestamp": 0, "model": 2, "region": 4}, 5, b",", KEY_OF)
    block = b"".join(b"x" + b",x" * count + b"\n" for count in commas)
    columns = pattern.columns(block, len(commas))
    assert (columns is not None) == all(count == 4 for count in commas)


@pytest.mark.parametrize("line", [b"", b"a,", b"a,b", b"a,b,c,d,e,f", b",,,,,"], ids=repr)
def test_lines_that_do_not_match_take_no_longer_than_others(line: bytes) -> None:
    """A block of 1 MB, in which a match that fails could look at all that follows."""
    pattern = RowPattern({"timestamp": 0, "model": 2, "region": 4}, 5, b",", KEY_OF)
    lines = 1_000_000 // (len(line) + 1)
    start = time.process_time()
    assert pattern.columns((line + b"\n") * lines, lines) is None
    assert time.process_time() - start < 10


def test_texts_replaced_and_left_out() -> None:
    columns = {("provider", "model"): [b"a,b", b"c,d"], ("region",): [b"r", b"s"]}
    texts = KeyTexts(columns, b",", 2)
    texts.replace("provider", [b"x", b"y"])
    assert [texts.of(n) for n in ("provider", "model", "region")] == [
        [b"x", b"y"],
        [b"b", b"d"],
        [b"r", b"s"],
    ]
    assert texts.of("status") == [b"", b""]
    assert texts.kept([False, True]).of("model") == [b"d"]
    assert texts.of_key(CUSTOMER) == {(): [b"", b""]}
    assert set(texts.of_key(CALL)) == {("provider",), ("model",), ("region",)}


def test_codes_do_not_depend_on_how_texts_are_joined() -> None:
    seen: List[Tuple[bytes, ...]] = []

    def code_of(raw: Tuple[bytes, ...]) -> int:
        if raw not in seen:
            seen.append(raw)
        return seen.index(raw)

    codes = KeyCodes(code_of, ("model", "provider", "region"), b";")
    joined = codes.of({("provider", "model"): [b"a;b", b"a;c", b"a;b"]})
    apart = codes.of({("model",): [b"c", b"b"], ("provider",): [b"a", b"a"]})
    assert (joined, apart) == ([0, 1, 0], [1, 0])
    assert seen == [(b"b", b"a", b""), (b"c", b"a", b"")]
