from __future__ import annotations

import math
from datetime import date
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.analyzers.finops.alignment import AlignmentAnalyzer
from finops.analyzers.finops.understanding import UnderstandingAnalyzer
from finops.config import Budget
from tests.analyzers.samples import at, run
from tests.support.reference import call

Rows = List[Dict[str, str]]


def days(first: int, end: int, cost: float, **changes: Any) -> Rows:
    """Return calls in the first and last hour of days from 2025-01-01, of half the cost each."""
    return [
        call(timestamp=at(day, hour), cost_usd=str(cost / 2), **changes)
        for day in range(first, end)
        for hour in (0, 23)
    ]


@pytest.fixture
def uses(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the budgets section for rows and budgets."""

    def of(rows: Rows, *budgets: Budget) -> Any:
        monkeypatch.setattr(config, "BUDGETS", budgets)
        return run(AlignmentAnalyzer, rows)["budgets"]

    return of


def test_a_part_of_a_month_has_its_part_of_the_budget(uses: Any) -> None:
    """10 of 31 days at 1 USD a day; a budget of 31 is spent at its pace and lasts."""
    (use,) = uses(days(0, 10, 1), Budget("total", "", 31))
    assert use["month"] == "2025-01"
    assert (use["spent"], use["pace_percent"]) == (10.0, pytest.approx(100))
    assert use["expected_at_month_end"] == pytest.approx(31)
    assert (use["breach_date"], use["unpriced_calls"]) == (None, 0)


def test_the_day_on_which_it_will_be_used_up(uses: Any) -> None:
    """1 USD a day: 20 USD last for the 20 days to 2025-01-20."""
    (use,) = uses(days(0, 10, 1), Budget("total", "", 19.5))
    assert (use["breach_date"], use["pace_percent"]) == (
        "2025-01-20",
        pytest.approx(100 * 31 / 19.5),
    )


def test_the_day_on_which_it_was_used_up(uses: Any) -> None:
    (use,) = uses(days(0, 10, 1), Budget("total", "", 4.5))
    assert use["breach_date"] == "2025-01-05"


def test_only_the_last_calendar_month_counts(uses: Any) -> None:
    (use,) = uses(days(0, 31, 5) + days(31, 45, 1), Budget("total", "", 28))
    assert (use["month"], use["spent"], use["pace_percent"]) == (
        "2025-02",
        14.0,
        pytest.approx(100),
    )


def test_a_whole_month_has_nothing_to_come(uses: Any) -> None:
    (use,) = uses(days(0, 31, 1), Budget("total", "", 31.5))
    assert (use["spent"], use["expected_at_month_end"], use["breach_date"]) == (31, 31, None)


@pytest.mark.parametrize(
    ("scope", "subject", "changes"),
    [
        ("provider", "acme", {"provider": "acme"}),
        ("organization", "org_9", {"organization_id": "org_9"}),
        ("product", "p", {"product_id": "p"}),
        ("feature", "search", {"feature_id": "search"}),
        ("customer", "ann", {"customer_id": "ann"}),
    ],
)
def test_every_scope(uses: Any, scope: str, subject: str, changes: Dict[str, str]) -> None:
    rows = days(0, 10, 1, **changes) + days(0, 10, 3)
    own, other, total = uses(
        rows, Budget(scope, subject, 50), Budget(scope, "nobody", 50), Budget("total", "", 150)
    )
    assert (own["spent"], other["spent"], total["spent"]) == (10.0, 0.0, 40.0)
    assert own["expected_at_month_end"] == pytest.approx(31)
    assert total["expected_at_month_end"] == pytest.approx(124)
    assert other["expected_at_month_end"] == 0


def test_the_total_is_the_one_forecast(uses: Any) -> None:
    rows = days(0, 25, 1) + days(3, 25, 2, customer_id="b") + days(20, 25, 4)
    (use,) = uses(rows, Budget("total", "", 1000))
    projection = run(UnderstandingAnalyzer, rows)["forecast"]["projection"]
    rest = [day["expected"] for day in projection if day["date"] <= "2025-01-31"]
    assert use["expected_at_month_end"] == pytest.approx(use["spent"] + math.fsum(rest))


def test_unknown_costs_give_no_pace_and_no_forecast(uses: Any) -> None:
    unknown = call(timestamp=at(3, 3), provider="acme", model="mystery", cost_usd="")
    total, known = uses(
        [*days(0, 10, 1), unknown], Budget("total", "", 5), Budget("provider", "openai", 500)
    )
    assert (total["pace_percent"], total["expected_at_month_end"]) == (None, None)
    assert (total["breach_date"], total["unpriced_calls"]) == ("2025-01-06", 1)
    assert (known["pace_percent"], known["unpriced_calls"]) == (pytest.approx(6.2), 0)


def test_short_data_gives_no_pace(uses: Any) -> None:
    (use,) = uses(days(0, 4, 1), Budget("total", "", 31))
    assert (use["spent"], use["pace_percent"], use["expected_at_month_end"]) == (4.0, None, None)


def test_what_is_spent_to_the_cent_is_no_breach(uses: Any) -> None:
    """Six times 0.02 is 0.12, of which binary sums make more."""
    whole, more = uses(days(0, 6, 0.02), Budget("total", "", 0.12), Budget("total", "", 0.1))
    assert (whole["spent"], whole["breach_date"]) == (0.12, None)
    assert more["breach_date"] == "2025-01-06"
    (use,) = uses(days(0, 9, 0.02), Budget("total", "", 0.12))
    assert use["breach_date"] == "2025-01-07"


def test_no_budgets_and_no_calls(uses: Any) -> None:
    assert uses(days(0, 4, 1)) == []
    assert uses([], Budget("total", "", 31)) == []


@pytest.mark.unmeasured
@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from("ab"), st.integers(0, 900))),
    st.integers(1, 9000),
)
def test_against_a_count(start: int, calls: List[Tuple[int, str, int]], budget: int) -> None:
    """Spent and breach from the rows, whatever days there are; parts add up to the whole."""
    rows = days(start, start + 9, 0.02)
    rows += [
        call(timestamp=at(day, 12), organization_id=name, cost_usd=str(cents / 100))
        for day, name, cents in calls
    ]
    names = sorted({row["organization_id"] for row in rows})
    wanted = tuple(Budget("organization", name, budget / 100) for name in names)
    config.BUDGETS = (Budget("total", "", budget / 100), *wanted)
    try:
        total, *others = run(AlignmentAnalyzer, rows)["budgets"]
    finally:
        config.BUDGETS = ()
    month = max(row["timestamp"] for row in rows)[:7]
    spent: Dict[str, float] = {}
    for row in rows:
        if row["timestamp"][:7] == month:
            day = row["timestamp"][:10]
            spent[day] = spent.get(day, 0.0) + float(row["cost_usd"])
    assert total["spent"] == pytest.approx(sum(spent.values()))
    assert math.fsum(use["spent"] for use in others) == pytest.approx(total["spent"])
    expected = [use["expected_at_month_end"] for use in others]
    if total["expected_at_month_end"] is not None:
        assert math.fsum(expected) == pytest.approx(total["expected_at_month_end"], abs=1e-6)
    used, breach = 0.0, None
    for day in sorted(spent):
        used += spent[day]
        if breach is None and used > budget / 100 + 1e-9:
            breach = day
    if breach:
        assert total["breach_date"] == breach
    elif total["breach_date"]:
        last = max(spent)
        assert date.fromisoformat(total["breach_date"]) >= date.fromisoformat(last)


def test_organizations_show_their_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "BUDGETS", (Budget("organization", "org_001", 31.0),))
    rows = days(0, 10, 1) + days(0, 10, 1, organization_id="org_002")
    chargeback = run(AlignmentAnalyzer, rows)["chargeback"]
    assert [(row["budget"], row["pace_percent"]) for row in chargeback] == [
        (31.0, pytest.approx(100)),
        (None, None),
    ]


def test_sentences(monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = (Budget("total", "", 19.5), Budget("organization", "org_001", 4.5))
    monkeypatch.setattr(config, "BUDGETS", budgets)
    result = run(AlignmentAnalyzer, days(0, 10, 1))
    said = {row["title"]: row for row in result["findings"]}
    will = said["All usage together will use up its budget of $19.50 for 2025-01"]
    assert (will["severity"], will["impact_usd_per_month"]) == ("warning", pytest.approx(11.5))
    assert will["detail"] == (
        "$10.00 is spent, 159.0% of its pace. Expected at the end of the month: $31.00. "
        "The budget will be exceeded on 2025-01-20."
    )
    has = said["The organization org_001 has used up its budget of $4.50 for 2025-01"]
    assert (has["severity"], has["kind"]) == ("critical", "exposure")
    assert has["subject"] == {"organization_id": "org_001"}
    assert result["recommendations"][:2] == [
        "Cut the spending of the organization org_001 or agree on a higher budget: $4.50 for "
        "2025-01 was exceeded on 2025-01-05.",
        "Cut total spending or agree on a higher budget: $19.50 for 2025-01 will be exceeded on "
        "2025-01-20.",
    ]
