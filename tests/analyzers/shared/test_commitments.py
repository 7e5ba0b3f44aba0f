from __future__ import annotations

from typing import Any, Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.shared.basis import BASIS_TABLES
from finops.analyzers.shared.commitments import MODEL_HOURS, commitments
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.rollups.spec import Period, Rollups
from tests.analyzers.samples import at
from tests.support.reference import ReferenceDataset, call

Rows = List[Dict[str, str]]
DAYS = 30


def hours(wanted: Any, tokens: Any = 1000, cost: Any = 1.0, **changes: Any) -> Rows:
    """Return one call in each of the hours (day, hour)."""
    values = {"input_tokens": tokens, "output_tokens": 0, "cost_usd": str(cost), **changes}
    return [call(timestamp=at(day, hour), **values) for day, hour in wanted]


def always() -> Any:
    return [(day, hour) for day in range(DAYS) for hour in range(24)]


def office() -> Any:
    return [(day, hour) for day in range(DAYS) for hour in range(24) if hour in (0, 9, 10, 23)]


def of(rows: Rows) -> Any:
    data = ReferenceDataset(rows).rollups([*BASIS_TABLES, MODEL_HOURS])
    return commitments(data, covered_days(data))


def test_even_use_gets_the_whole_discount() -> None:
    """720 hours of 1,000 tokens for 1 USD: 40 % of 720 USD."""
    row = of(hours(always()))[0]
    assert row == (
        *("openai", "gpt-4o", 720.0, 1000, 100.0, config.COMMITMENT_DISCOUNT_PCT, 60, 0.0),
        pytest.approx(288.0),
        True,
    )


def test_office_hours_pay_for_the_nights() -> None:
    """4 hours a day of 24: 16.7 % used; 720 hours × 0.60 paid for 120 USD of tokens."""
    row = of(hours(office()))[0]
    assert row.utilization_percent == pytest.approx(100 / 6)
    assert row.unused_cost == pytest.approx(600 * 0.6)
    assert row.monthly_savings == pytest.approx(120 - 720 * 0.6)
    assert not row.advised


def test_the_quiet_hour_is_committed_to() -> None:
    busy = [(day, hour) for day, hour in always() if hour < 12]
    row = of(hours(always()) + hours(busy))[0]
    assert (row.baseline_tokens_per_hour, row.utilization_percent) == (1000, 100.0)


def test_models_by_what_they_save() -> None:
    other = {"provider": "anthropic", "model": "claude-haiku-4-5"}
    rows = of(hours(always(), cost=0.5) + hours(always(), **other))
    assert [row.model for row in rows] == ["claude-haiku-4-5", "gpt-4o"]


def test_no_commitment_without_a_basis() -> None:
    assert of([]) == []
    assert of(hours(always()[: 6 * 24])) == []  # six days
    assert of(hours(always(), cost=0)) == []
    assert of(hours(always(), tokens=0)) == []
    unknown = call(timestamp=at(3, 3), cost_usd="", provider="acme", model="m")
    assert [row.model for row in of([*hours(always(), provider="acme", model="m"), unknown])] == []


def test_what_is_no_longer_used_is_not_committed_to() -> None:
    later = hours([(day, hour) for day in range(31, 62) for hour in (0, 23)], model="gpt-5")
    assert [row.model for row in of(hours(always()) + later)] == ["gpt-5"]


@given(st.lists(st.integers(0, 5000), min_size=24, max_size=24))
def test_it_is_advised_where_it_saves(profile: List[int]) -> None:
    """Against the bill of every hour, on demand and committed."""
    stamps = [f"{at(day)[:10]}T{hour:02d}:00:00" for day in range(7) for hour in range(24)]
    cells = {
        (stamp, "openai", "gpt-4o"): (tokens / 1000, tokens, 0)
        for stamp, tokens in zip(stamps, profile * 7)
    }
    tables: Any = {MODEL_HOURS: cells, HOURLY_CALLS: {(stamp,): (1, 0.0) for stamp in stamps}}
    data = Rollups(tables, Period(stamps[0], stamps[-1]))
    made = commitments(data, covered_days(data))
    if not any(profile):
        assert made == []
        return
    row = made[0]
    line = row.baseline_tokens_per_hour
    discounted = 1 - config.COMMITMENT_DISCOUNT_PCT / 100
    on_demand = sum(profile) / 1000
    committed = sum(line * discounted + max(0, tokens - line) for tokens in profile) / 1000
    assert row.monthly_savings == pytest.approx((on_demand - committed) * 30, abs=1e-6)
    assert row.advised == (row.monthly_savings > 1e-9) or abs(row.monthly_savings) < 1e-6
    assert row.unused_cost >= 0
