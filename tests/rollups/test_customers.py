"""Customers are the same as objects and as columns."""

from __future__ import annotations

from typing import Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.shared.customers import customers_of as named_customers_of
from finops.rollups import customers
from finops.rollups.customers import CREDITED, CUSTOMERS, Customers, customers_of, held
from finops.rollups.spec import Customer, Key, Rollups, Values, in_key_order

names = st.sampled_from(["a", "b", "c", "d", config.UNALLOCATED])
prices = st.none() | st.sampled_from([0.0, 49.0, 199.0])
times = st.sampled_from([f"2026-01-0{day}T00:00:00" for day in range(1, 10)])
keys = st.tuples(
    names, st.sampled_from(["", "pro"]), st.just("org"), st.just("p"), st.just(""), prices
)
spans = st.tuples(times, times).map(sorted).map(tuple)
groups = st.dictionaries(keys, spans, max_size=12).map(in_key_order)


def latest(table: Dict[Key, Values]) -> Dict[str, Customer]:
    """Return who each customer is, said in another way."""
    found: Dict[str, Customer] = {}
    for name in sorted({key[0] for key in table}):
        cells = [(key, values) for key, values in table.items() if key[0] == name]
        last = max(seen for _, (_, seen) in cells)
        (_, tier, org, product, kind, price), _ = [c for c in cells if c[1][1] == last][-1]
        first = min(seen for _, (seen, _) in cells)
        found[name] = Customer(tier, price, org, product, kind, first, last)
    return found


@pytest.mark.parametrize("few", [0, 3, 99])
def test_they_are_who_the_latest_groups_say(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(customers, "FEW", few)

    @given(groups, groups)
    def holds(calls: Dict[Key, Values], credits: Dict[Key, Values]) -> None:
        tables = {CUSTOMERS: calls, CREDITED: credits}
        expected = {**latest(credits), **latest(calls)}
        made = customers_of(tables)
        assert list(made.items()) == sorted(expected.items())
        named = named_customers_of(Rollups(tables, customers=made))
        assert list(named) == [name for name in sorted(expected) if name != config.UNALLOCATED]

    holds()


def test_columns_are_the_mapping() -> None:
    every: List[Customer] = [
        Customer("pro", price, "org", "p", "", "2026-01-01", f"2026-01-0{day}")
        for day, price in enumerate([None, 1.5, 0.0, None], 1)
    ]
    whole = dict(zip("abcd", every))
    columns = Customers(whole.items())
    for _ in range(2):  # what is walked once can be walked again
        assert list(columns) == list(whole)
        assert list(columns.items()) == list(whole.items())
        assert list(columns.values()) == every
    assert dict(columns) == whole
    assert (len(columns), columns["b"], columns.get("x")) == (4, whole["b"], None)
    others: List[object] = ["x", 1, None]
    assert "b" in columns
    assert not any(other in columns for other in others)
    with pytest.raises(KeyError):
        columns["x"]


def test_columns_are_held_from_some_number_on(monkeypatch: pytest.MonkeyPatch) -> None:
    some = [(name, Customer("", None, "", "", "", "", "")) for name in "abc"]
    monkeypatch.setattr(customers, "FEW", 3)
    assert isinstance(held(some), Customers)
    assert held(some[:2]) == dict(some[:2])
    assert not isinstance(held(some[:2]), Customers)
