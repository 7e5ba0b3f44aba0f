"""Structures as bytes and back; a damaged text is refused, whatever was done to it."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.rollups import serialization

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.builds(array, st.just("B"), st.lists(st.integers(0, 255), max_size=9))
    | st.builds(array, st.just("I"), st.lists(st.integers(0, 2**32 - 1), max_size=9))
    | st.builds(array, st.just("Q"), st.lists(st.integers(0, 2**64 - 1), max_size=9))
)
keys = st.text(max_size=4).filter(lambda key: key != "array")
structures = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@given(structures)
def test_what_goes_out_comes_back(structure: Any) -> None:
    assert serialization.load(serialization.dump(structure)) == structure


@given(st.data())
def test_a_damaged_text_is_refused_or_still_plain(data: st.DataObject) -> None:
    whole = serialization.dump({"a": [array("I", [1, 2, 3]), "x"], "b": array("Q", [2**40])})
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(ValueError, match=r"."):
        serialization.load(whole[:cut])
    place, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(0, 255))
    changed = whole[:place] + bytes([byte]) + whole[place + 1 :]
    try:
        found = serialization.load(changed)
    except ValueError:
        return
    assert isinstance(found, (dict, list, str, int, float, type(None), array))


@pytest.mark.parametrize(
    "content",
    [
        b'{"order":"little","content":{"array":["I",99999999999]}}',
        b'{"order":"little","content":{"array":["I",-1]}}',
        b'{"order":"little","content":{"array":["x",1]}}',
        b'{"order":"little","content":{"array":"I"}}',
        b'{"order":"middle","content":1}',
        b'{"order":"little"}',
        b"[1]",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_text_of_another_form_is_refused(content: bytes) -> None:
    data = serialization.MAGIC + len(content).to_bytes(8, "little") + content
    with pytest.raises(ValueError, match=r"."):
        serialization.load(data)


def test_only_plain_things_are_sent() -> None:
    with pytest.raises(TypeError):
        serialization.dump({"a": object()})
