"""The page of the dataset says what could be used, and what was counted apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest

from tests.generators.economy import cells, page_of, result_of
from tests.support.reference import call

pytestmark = pytest.mark.once

NAME = "dataset_overview"


@pytest.fixture
def page(tmp_path: Path) -> Any:
    rows = [call(), call(status="odd word"), call(cost_usd="-0.75"), call(feature_id="")]
    rows.append(call(provider="acme", model="mystery", cost_usd=""))
    return page_of(NAME, result_of(NAME, rows), tmp_path)


def test_what_is_counted_apart(page: Any) -> None:
    assert page.says(
        "Counted apart: 1 call with an unknown status; 1 credit of $0.75 in all, netted."
    )


def test_coverage_and_prices(page: Any) -> None:
    shares = dict(
        zip(cells(page, "coverage", "Column"), cells(page, "coverage", "Calls with a value"))
    )
    assert (shares["feature_id"], shares["cost_usd"]) == (75.0, 75.0)
    assert cells(page, "unpriced", "Model") == ["mystery"]
    assert page.says("Checked, none found: values that cannot be read.")


def test_clean_data_says_what_was_checked(tmp_path: Path) -> None:
    page = page_of(NAME, result_of(NAME, [call()]), tmp_path)
    assert page.says("Checked, none found: unknown statuses, repeated records, conflicting ids")
    for nothing in ("models without a known price", "rows that cannot be used"):
        assert page.says(f"Checked, none found: {nothing}.")
    assert "unpriced" not in page.data["tables"]


def test_a_value_in_every_column_is_one_sentence(tmp_path: Path) -> None:
    whole = page_of(NAME, result_of(NAME, [call(status="success", latency_ms="5")]), tmp_path)
    assert whole.says("Every call has a value in all 13 columns that reports group by.")
    assert "coverage" not in whole.data["tables"]
    partial = page_of(NAME, result_of(NAME, [call(), call(region="")]), tmp_path)
    assert cells(partial, "coverage", "Calls with a value")[9] == 50


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (["", ""], "Not checked: no call says whether it succeeded."),
        (["success", ""], "None among the 1 call with a known status."),
        (["success", "success"], "No call failed."),
    ],
)
def test_no_failure_is_claimed_where_calls_do_not_say(
    statuses: List[str], said: str, tmp_path: Path
) -> None:
    rows = [call(status=status, cost_usd="1") for status in statuses]
    assert page_of(NAME, result_of(NAME, rows), tmp_path).says(said)


def test_customers_that_no_call_names_are_not_0(tmp_path: Path) -> None:
    unnamed = {"customer_id": "", "organization_id": "", "cost_usd": "1"}
    assert page_of(NAME, result_of(NAME, [call(**unnamed)]), tmp_path).says(
        "Customers n/a no call names one"
    )
    page = page_of(NAME, result_of(NAME, [call(**{**unnamed, "customer_id": "a"})]), tmp_path)
    assert page.says("Customers 1 no call names an organization")
