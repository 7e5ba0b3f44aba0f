"""Redaction: every name is replaced where tables leave a dataset, the same one the same way."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.shared.explore_cube import explore_cubes
from finops.errors import DataError
from finops.rollups import redaction
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.redaction import RedactedDataset, Redactor
from finops.rollups.spec import Table
from tests.support.reference import ReferenceDataset, call

KEY = "a key that is long enough"
BY_CUSTOMER = Table(("customer_id", "day", "organization_id", "model"), ("calls", "cost"))


def rows_of(*names: str) -> List[Dict[str, str]]:
    return [
        call(call_id=f"n{number}", customer_id=name, organization_id=f"org of {name}")
        for number, name in enumerate(names)
    ]


def redacted(rows: List[Dict[str, str]], key: str = KEY) -> RedactedDataset:
    return RedactedDataset(ReferenceDataset(rows), Redactor(key))


def test_a_name_is_replaced_by_a_keyed_hash_which_says_what_it_was() -> None:
    name = Redactor(KEY).customer("Acme")
    assert re.fullmatch("customer-[0-9a-f]{12}", name)
    assert name == Redactor(KEY).customer("Acme")
    assert name != Redactor(KEY + "2").customer("Acme")
    assert name != Redactor(KEY).customer("acme")
    # The same name as a customer and as an organization is seen to be the same.
    assert Redactor(KEY).organization("Acme")[-12:] == name[-12:]


@pytest.mark.parametrize("nobody", ["", config.UNKNOWN, config.UNALLOCATED])
def test_no_name_stays_none(nobody: str) -> None:
    assert Redactor(KEY).customer(nobody) == nobody
    assert Redactor(KEY).organization(nobody) == nobody


@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=30, unique=True))
def test_different_names_stay_different(names: List[str]) -> None:
    redactor = Redactor(KEY)
    assert len(set(map(redactor.customer, names))) == len(names)


def test_tables_keep_their_figures_and_their_order() -> None:
    rows = rows_of("Acme", "Zebra", "Mill")
    plain = ReferenceDataset(rows).rollups([BY_CUSTOMER])[BY_CUSTOMER]
    data = redacted(rows).rollups([BY_CUSTOMER, *CUSTOMER_RECORDS])
    cells = data[BY_CUSTOMER]
    redactor = Redactor(KEY)
    assert dict(cells) == {
        (redactor.customer(customer), day, redactor.organization(organization), model): values
        for (customer, day, organization, model), values in plain.items()
    }
    assert list(cells) == sorted(cells)
    assert set(data.customers) == {redactor.customer(name) for name in ("Acme", "Zebra", "Mill")}
    assert data.customers[redactor.customer("Acme")].organization == redactor.organization(
        "org of Acme"
    )


def test_the_cube_of_the_explore_page_has_no_names() -> None:
    cube = next(iter(explore_cubes(redacted(rows_of("Acme", "Zebra")))))
    text = repr(cube)
    assert "Acme" not in text
    assert "Zebra" not in text
    assert Redactor(KEY).customer("Acme") in text


def test_what_was_planted_is_not_known() -> None:
    assert redacted(rows_of("Acme")).truth() is None
    assert redacted(rows_of("Acme")).events() == ()


def test_two_names_that_would_become_one_are_an_error_and_not_one_customer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redaction, "_DIGITS", 0)
    with pytest.raises(DataError, match="choose another key"):
        redacted(rows_of("Acme", "Zebra")).rollups([BY_CUSTOMER])


def test_it_is_a_dataset_like_the_one_it_stands_for() -> None:
    rows = rows_of("Acme")
    dataset: Any = ReferenceDataset(rows)
    without = RedactedDataset(dataset, Redactor(KEY))
    table = Table(("model",))
    without.fill([table])
    assert without.rollups([table])[table] == dataset.rollups([table])[table]
    without.forget([table])
    assert without.prices is dataset.prices
    assert (without.processes, without.kept_bytes) == (dataset.processes, dataset.kept_bytes)
