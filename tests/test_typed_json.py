"""NamedTuples to JSON and back: all that was written comes back, and nothing else is taken."""

from __future__ import annotations

import json
from typing import NamedTuple, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.typed_json import from_json, refuse_constant, to_json


class Inner(NamedTuple):
    name: str
    share: Optional[float] = None


class Outer(NamedTuple):
    number: int
    inner: Inner
    others: Tuple[Inner, ...] = ()
    words: Tuple[str, ...] = ()
    note: Optional[str] = None


texts = st.text()
whole = st.integers(-(2**63) + 1, 2**63 - 1)
fractions = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False))
inners = st.builds(Inner, texts, fractions)
outers = st.builds(
    Outer,
    whole,
    inners,
    st.lists(inners).map(tuple),
    st.lists(texts).map(tuple),
    st.one_of(st.none(), texts),
)


@given(outers)
def test_everything_comes_back(value: Outer) -> None:
    written = json.dumps(to_json(value), allow_nan=False)
    assert from_json(Outer, json.loads(written)) == value


FINE = {"number": 1, "inner": {"name": "a"}}


def test_defaults_fill_in_and_unknown_keys_are_ignored() -> None:
    assert from_json(Outer, dict(FINE, colour="red")) == Outer(1, Inner("a"))


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (None, "Outer is not an object"),
        ([1, {"name": "a"}], "Outer is not an object"),
        ({"inner": {"name": "a"}}, "Outer.number is missing"),
        (dict(FINE, number=1.0), "Outer.number is not int"),
        (dict(FINE, number=True), "Outer.number is not int"),
        (dict(FINE, number="1"), "Outer.number is not int"),
        (dict(FINE, number=10**400), "Outer.number is not int"),
        (dict(FINE, inner=None), "Outer.inner is not an object"),
        (dict(FINE, inner={"name": None}), "Outer.inner.name is not str"),
        (dict(FINE, inner={"name": "a", "share": float("inf")}), "Outer.inner.share is not float"),
        (dict(FINE, inner={"name": "a", "share": float("nan")}), "Outer.inner.share is not float"),
        (dict(FINE, inner={"name": "a", "share": 10**400}), "Outer.inner.share is not float"),
        (dict(FINE, others={}), "Outer.others is not a list"),
        (dict(FINE, others=[{"name": "a"}, 5]), "Outer.others is not an object"),
        (dict(FINE, words="abc"), "Outer.words is not a list"),
        (dict(FINE, words=[None]), "Outer.words is not str"),
        (dict(FINE, note=5), "Outer.note is not str"),
    ],
)
def test_other_types_are_refused_by_name(value: object, where: str) -> None:
    with pytest.raises(ValueError, match=where):
        from_json(Outer, value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a": [NaN]}'])
def test_constants_that_are_no_json_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not JSON"):
        json.loads(text, parse_constant=refuse_constant)
