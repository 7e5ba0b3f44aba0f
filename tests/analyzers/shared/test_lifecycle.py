from __future__ import annotations

from typing import Any, Dict, List

import pytest

from finops.analyzers.shared.basis import BASIS_TABLES
from finops.analyzers.shared.covered_days import covered_days
from finops.analyzers.shared.lifecycle import (
    MODEL_TOKENS,
    lifecycle_advice,
    lifecycle_findings,
    retiring_models,
)
from finops.business.catalog import CATALOG, DEFAULT_PRICES
from finops.business.model import Model
from finops.business.price_table import PriceTable
from tests.support.reference import ReferenceDataset, call

# gpt-4 is retired on 2026-10-23; gpt-5 on 2026-12-11.
SUCCESSOR = Model("openai", "gpt-5.6-sol", 0.01, 0.02, "frontier", 0, 1.0)
WITH_SUCCESSOR = PriceTable((*CATALOG, SUCCESSOR))


def days(model: str, month: str = "2026-10", **changes: Any) -> List[Dict[str, str]]:
    """Return a call in the first and the last hour of each day of a month of 30.

    Each costs 0.09 USD, what gpt-4 does by list.
    """
    values = {"cost_usd": "0.09", "input_tokens": 1000, "output_tokens": 1000, **changes}
    return [
        call(timestamp=f"{month}-{day:02d}T{hour:02d}:00:00", model=model, **values)
        for day in range(1, 31)
        for hour in (0, 23)
    ]


def rows_of(calls: List[Dict[str, str]], prices: PriceTable = DEFAULT_PRICES) -> Any:
    data = ReferenceDataset(calls, prices).rollups([*BASIS_TABLES, MODEL_TOKENS])
    return retiring_models(data, covered_days(data))


def test_what_a_retired_model_costs_and_what_its_successor_would() -> None:
    """60 calls of 1,000 tokens each way: 60 × (0.01 + 0.02) on the successor."""
    (row,) = rows_of(days("gpt-4"), WITH_SUCCESSOR)
    assert row[:5] == ("openai", "gpt-4", "retired", "2026-10-23", "gpt-5.6-sol")
    assert row[5:] == pytest.approx((5.4, 1.8, 3.6))


def test_what_is_retired_within_a_year_is_legacy() -> None:
    rows = rows_of(days("gpt-5"))
    assert [(r.model, r.state, r.retired_on) for r in rows] == [("gpt-5", "legacy", "2026-12-11")]
    assert rows_of(days("gpt-5", "2025-12"))
    assert not rows_of(days("gpt-5", "2025-11"))


def test_the_day_that_counts_is_the_last_of_the_data() -> None:
    assert rows_of(days("gpt-4", "2026-09"))[0].state == "legacy"


def test_a_model_without_a_date_or_unknown_is_none_of_them() -> None:
    assert rows_of(days("gpt-5.9-nobody-knows") + days("mystery")) == []


def test_a_successor_without_a_price_gives_no_savings() -> None:
    row = rows_of(days("gpt-4"), PriceTable(CATALOG))[0]
    assert (row.monthly_cost_on_successor, row.savings) == (None, None)
    assert row.monthly_cost == pytest.approx(5.4)
    assert lifecycle_findings([row])[0].detail == (
        "OpenAI names gpt-5.6-sol instead, whose price is not known here."
    )


def test_unpriced_calls_give_no_savings() -> None:
    local = days("gpt-4", cost_usd="", provider="openai")
    known = PriceTable([SUCCESSOR])
    row = rows_of(local, known)[0]
    assert (row.monthly_cost, row.savings) == (0.0, None)


def test_free_failures_have_no_tokens_to_pay_for() -> None:
    failed = {"status": "error", "error_type": "rate_limit", "cost_usd": "0"}
    rows = rows_of(days("gpt-4") + days("gpt-4", **failed), WITH_SUCCESSOR)
    assert rows[0].monthly_cost_on_successor == pytest.approx(1.8)


def test_what_is_no_longer_used_is_not_listed() -> None:
    old = days("gpt-4", "2026-07")
    assert rows_of(old + days("gpt-5.9", "2026-10")) == []


def test_short_data_gives_no_rates() -> None:
    row = rows_of(days("gpt-4")[-4:], WITH_SUCCESSOR)[0]
    assert (row.monthly_cost, row.monthly_cost_on_successor, row.savings) == (None, None, None)


def test_sentences() -> None:
    rows = rows_of(days("gpt-4") + days("gpt-5") + days("gpt-4o"), WITH_SUCCESSOR)
    findings = lifecycle_findings(rows)
    assert [(each.severity, each.title) for each in findings] == [
        ("warning", "gpt-4 was retired on 2026-10-23 and still costs $5.40 per month"),
        ("info", "2 models in use will be retired within a year"),
    ]
    assert findings[0].impact_usd_per_month is None  # the saving is a step of its own
    assert findings[0].subject == {"provider": "openai", "model": "gpt-4"}
    assert findings[1].detail == (
        "The first is gpt-5, on 2026-12-11. OpenAI names gpt-6.1-sol instead, whose price is not "
        "known here."
    )
    assert lifecycle_advice(rows) == [
        "Move gpt-4 to gpt-5.6-sol, which OpenAI names as its successor: it was retired on "
        "2026-10-23, and the same tokens cost $3.60 less per month there.",
        "Move gpt-5 to gpt-6.1-sol, which OpenAI names as its successor: it will be retired on "
        "2026-12-11.",
    ]


def test_a_provider_may_name_no_successor() -> None:
    row = rows_of(days("gpt-4o"))[0]
    assert row.successor == ""
    assert lifecycle_findings([row])[0].detail.endswith("OpenAI names no successor.")
    assert lifecycle_advice([row]) == []
