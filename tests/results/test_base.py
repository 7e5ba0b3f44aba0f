"""Sections become dicts and come back, complete or not."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.registry import ANALYZER_REGISTRY
from finops.results.base import Count, Finding, Usd, from_dict, to_dict
from tests.generators.pages import results_of
from tests.support.rows import varied_rows


class Inner(NamedTuple):
    """A row."""

    name: str
    cost: Usd


class Outer(NamedTuple):
    """Every form that a field can take."""

    count_: Count
    inner: Inner
    maybe: Optional[Inner]
    rows: Sequence[Inner]
    named: Mapping[str, Inner]
    words: Sequence[str]
    sums: Mapping[str, Sequence[float]]
    note: str = ""
    prices: Optional[Sequence[float]] = None


WHOLE = Outer(
    2,
    Inner("a", 0.5),
    Inner("b", 1.5),
    [Inner("c", 2.5)],
    {"d": Inner("e", 3.5)},
    ["f"],
    {"cost": [1.0, 2.0]},
    "g",
    [4.5],
)
AS_DICT = {
    "count": 2,
    "inner": {"name": "a", "cost": 0.5},
    "maybe": {"name": "b", "cost": 1.5},
    "rows": [{"name": "c", "cost": 2.5}],
    "named": {"d": {"name": "e", "cost": 3.5}},
    "words": ["f"],
    "sums": {"cost": [1.0, 2.0]},
    "note": "g",
    "prices": [4.5],
}


def test_a_section_becomes_a_dict_in_the_order_of_its_fields() -> None:
    assert json.dumps(to_dict(WHOLE)) == json.dumps(AS_DICT)


def test_a_dict_comes_back_as_the_section() -> None:
    assert from_dict(Outer, AS_DICT) == WHOLE


def test_a_field_with_its_default_is_no_key() -> None:
    made = to_dict(WHOLE._replace(note="", prices=None))
    assert set(AS_DICT) - set(made) == {"note", "prices"}
    assert from_dict(Outer, made) == WHOLE._replace(note="", prices=None)


def test_none_stays_where_there_is_no_section() -> None:
    assert to_dict(WHOLE._replace(maybe=None))["maybe"] is None


def test_a_dict_is_a_dict_already() -> None:
    assert to_dict({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("empty", [None, {}, {"unheard_of": 1}, dict.fromkeys(AS_DICT)])
def test_what_is_missing_is_none_or_empty(empty: Optional[Dict[str, Any]]) -> None:
    read = from_dict(Outer, empty)
    assert read == Outer(None, Inner(None, None), None, [], {}, [], {})  # type: ignore[arg-type]


@given(
    st.builds(
        Outer,
        st.integers(),
        st.builds(Inner, st.text(), st.floats(allow_nan=False)),
        st.none() | st.builds(Inner, st.text(), st.floats(allow_nan=False)),
        st.lists(st.builds(Inner, st.text(), st.floats(allow_nan=False))),
        st.dictionaries(st.text(), st.builds(Inner, st.text(), st.floats(allow_nan=False))),
        st.lists(st.text()),
        st.dictionaries(st.text(), st.lists(st.floats(allow_nan=False))),
        st.text(),
        st.none() | st.lists(st.floats(allow_nan=False), min_size=1),
    )
)
def test_any_section_comes_back_from_its_json(section: Outer) -> None:
    assert from_dict(Outer, json.loads(json.dumps(to_dict(section)))) == section


@given(st.sets(st.sampled_from(sorted(AS_DICT))))
def test_any_part_of_a_dict_is_read(kept: Any) -> None:
    read = to_dict(from_dict(Outer, {key: AS_DICT[key] for key in kept}))
    for key in kept:
        assert read[key] == AS_DICT[key]


def test_a_finding_that_says_little_is_read() -> None:
    finding = from_dict(Finding, {"title": "a", "severity": "info"})
    missing: Any = None
    expected = Finding("info", missing, "a", missing, None, missing, missing, {}, None)
    assert finding == expected


@lru_cache(maxsize=None)
def results() -> Dict[str, Dict[str, Any]]:
    """Return the results of all analyses over some rows."""
    return results_of(varied_rows(200))


def kind_of(name: str) -> Any:
    analyzer = ANALYZER_REGISTRY[name].analyzer
    module = __import__(f"finops.results.{name}", fromlist=["*"])
    found: List[Any] = [
        kind
        for kind in vars(module).values()
        if getattr(kind, "__name__", "") == analyzer.result.__annotations__["return"].split(".")[-1]
        and getattr(kind, "__module__", "") == module.__name__
    ]
    return found[0]


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_every_result_is_what_its_type_says(name: str) -> None:
    result = {key: value for key, value in results()[name].items() if key != "_context"}
    read = from_dict(kind_of(name), result)
    assert json.dumps(to_dict(read)) == json.dumps(result)


@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_every_result_keeps_the_contract(name: str) -> None:
    kind = kind_of(name)
    assert {"summary", "findings", "recommendations"} <= set(kind._fields)
    assert {"total_calls", "total_cost"} <= set(from_dict(kind, {}).summary._fields)
