"""The cost per call of a feature at the two ends of the data, worked out by hand."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.finops.understanding import UnderstandingAnalyzer
from finops.analyzers.shared.cost_change import CHANGE_TABLES
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.unit_costs import unit_cost_findings
from finops.business.catalog import CATALOG
from tests.analyzers.samples import Rows, at, run
from tests.support.reference import ReferenceDataset, call

DAYS, EACH = 44, 20
MODELS = {model.name: model for model in CATALOG}
# Of a day: the models of its calls, and their tokens in and out.
Calls = List[Tuple[str, int, int]]


@pytest.fixture(autouse=True)
def _few_calls_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "UNIT_COST_MIN_CALLS", 100)


def rows_of(calls_of: Callable[[int], Calls], feature: str = "chat") -> Rows:
    rows = []
    for day in range(DAYS):
        for number, (name, tokens_in, tokens_out) in enumerate(calls_of(day)):
            model = MODELS[name]
            rows.append(
                call(
                    timestamp=at(day, number % 24, number % 60),
                    provider=model.provider,
                    model=name,
                    input_tokens=tokens_in,
                    output_tokens=tokens_out,
                    cost_usd=f"{model.cost(tokens_in, tokens_out):.6f}",
                    feature_id=feature,
                    task_type="chat",
                )
            )
    return sorted(rows, key=lambda row: row["timestamp"])


def told(rows: Rows) -> List[Dict[str, Any]]:
    findings = run(UnderstandingAnalyzer, rows)["findings"]
    return [f for f in findings if "feature_id" in f["subject"]]


def test_what_stays_as_it_was_is_not_reported() -> None:
    assert told(rows_of(lambda day: [("gpt-4o", 1000, 100)] * EACH)) == []


@pytest.mark.unmeasured
def test_twice_the_calls_cost_no_more_per_call() -> None:
    assert told(rows_of(lambda day: [("gpt-4o", 1000, 100)] * (EACH + day))) == []


def test_shorter_prompts_make_a_call_cheaper() -> None:
    (found,) = told(
        rows_of(lambda day: [("gpt-4o", 1000 if day < 22 else 400, 0)] * (EACH + day % 3))
    )
    assert found["title"] == "A call of Chat costs 60.0% less than at first"
    assert found["severity"] == "info"
    assert found["impact_usd_per_month"] is None
    assert found["subject"] == {"feature_id": "chat"}
    before, now = (1000 * MODELS["gpt-4o"].cost(tokens, 0) for tokens in (1000, 400))
    assert f"${now:.2f} per 1,000 calls, before ${before:.2f}." in found["detail"]
    assert f"The change by cause: tokens per call -${before - now:.2f}." in found["detail"]


def migrating(new: str, share: float = 1.0, day: int = 20) -> Rows:
    """Return rows of which a quarter is to gpt-4, until a share of these goes to another model."""
    moved = round(EACH / 4 * share)
    usual = [("gpt-4o", 1000, 100)] * (EACH * 3 // 4)
    before = usual + [("gpt-4", 1000, 100)] * (EACH // 4)
    now = usual + [(new, 1000, 100)] * moved + [("gpt-4", 1000, 100)] * (EACH // 4 - moved)
    return rows_of(lambda d: before if d < day else now)


def test_spend_that_moved_to_another_model_names_both() -> None:
    (found,) = told(migrating("gpt-5"))
    assert found["title"] == "Spend on Chat moved from gpt-4 to gpt-5"
    assert "its share of the calls went from 25.0% to 0.0%" in found["detail"]
    assert "that of gpt-5 from 0.0% to 25.0%" in found["detail"]
    old, new, rest = (MODELS[name].cost(1000, 100) for name in ("gpt-4", "gpt-5", "gpt-4o"))
    before, now = 250 * old + 750 * rest, 250 * new + 750 * rest
    assert f"${now:.2f} per 1,000 calls, before ${before:.2f}." in found["detail"]
    assert f"A call costs {100 - 100 * now / before:.1f}% less" in found["detail"]


def test_a_model_that_keeps_most_of_its_calls_has_not_given_way() -> None:
    assert all("moved" not in found["title"] for found in told(migrating("gpt-5", share=0.4)))


def test_calls_that_name_no_feature_are_no_feature() -> None:
    assert told([{**row, "feature_id": ""} for row in migrating("gpt-5")]) == []


def test_another_vendor_is_not_where_spend_moved() -> None:
    (found,) = told(migrating("claude-haiku-4-5"))
    assert found["title"].startswith("A call of Chat costs ")


def test_a_model_that_ends_without_a_successor_has_moved_nowhere() -> None:
    usual = [("gpt-4o", 1000, 100)] * EACH
    rows = rows_of(lambda day: usual + [("gpt-4", 1000, 100)] * (5 if day < 20 else 0))
    (found,) = told(rows)
    assert found["title"].startswith("A call of Chat costs ")


@pytest.mark.unmeasured
def test_few_days_few_calls_or_unknown_costs_say_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = migrating("gpt-5")
    assert told([row for row in rows if row["timestamp"] < at(41)]) == []
    assert told([{**row, "cost_usd": "", "model": "unheard-of"} for row in rows[:1]] + rows) == []
    monkeypatch.setattr(config, "UNIT_COST_MIN_CALLS", 10_000)
    assert told(rows) == []


@pytest.mark.unmeasured
@given(st.lists(st.sampled_from(["gpt-4o", "gpt-4", "gpt-5"]), min_size=8, max_size=12))
def test_the_same_days_at_both_ends_tell_of_no_change(models: List[str]) -> None:
    rows = rows_of(lambda day: [(name, 500, 50) for name in models])
    data = ReferenceDataset(rows).rollups((HOURLY_CALLS, *CHANGE_TABLES))
    config_calls, config.UNIT_COST_MIN_CALLS = config.UNIT_COST_MIN_CALLS, 10
    try:
        assert unit_cost_findings(data, covered_days(data)) == []
    finally:
        config.UNIT_COST_MIN_CALLS = config_calls
