"""Alerts of budgets and of findings: what they say and when two are the same."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Dict, List, Optional, Tuple

from hypothesis import given
from hypothesis import strategies as st

from finops.alerts.alert import Alert, budget_alerts, finding_alerts, unsettled
from finops.analyzers.shared.budget_months import BudgetMonth, budget_months, tables_of
from finops.config import Budget
from tests.support.reference import ReferenceDataset, call

TOTAL = Budget("total", "", 5.0)


def months_of(rows: List[Dict[str, str]], *budgets: Budget) -> List[BudgetMonth]:
    dataset = ReferenceDataset(rows)
    return budget_months(dataset.rollups(tables_of(budgets)), budgets)


def spent_of(rows: List[Dict[str, str]], *budgets: Budget) -> List[Tuple[str, str]]:
    return [(m.month, str(m.spent.normalize())) for m in months_of(rows, *budgets)]


def at(day: str, cost: str, **more: Any) -> Dict[str, str]:
    return call(
        timestamp=f"{day}T10:00:00.000000", call_id=f"{day}{cost}{more}", cost_usd=cost, **more
    )


def test_each_month_is_judged_by_itself_and_by_the_calendar() -> None:
    rows = [at("2026-04-30", "3"), at("2026-05-01", "4"), at("2026-05-31", "2")]
    assert spent_of(rows, TOTAL) == [("2026-04", "3"), ("2026-05", "6")]


def test_a_budget_of_a_subject_counts_its_calls() -> None:
    rows = [
        at("2026-04-01", "1", provider="openai", organization_id="o1", customer_id="c1"),
        at("2026-04-02", "2", provider="mistral", organization_id="o2", customer_id="c1"),
        at("2026-05-02", "4", provider="mistral", organization_id="o1", customer_id="c2"),
    ]
    assert spent_of(rows, Budget("provider", "mistral", 1)) == [("2026-04", "2"), ("2026-05", "4")]
    assert spent_of(rows, Budget("organization", "o2", 1)) == [("2026-04", "2")]
    assert spent_of(rows, Budget("customer", "c1", 1)) == [("2026-04", "3")]
    assert spent_of(rows, Budget("product", "none such", 1)) == []


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=30))
def test_a_month_that_costs_its_budget_to_the_last_digit_has_not_exceeded_it(
    millionths: List[int],
) -> None:
    """Sums of binary fractions would be above or below by chance: 0.1 + 0.2 > 0.3."""
    rows = [
        at(f"2026-04-{number % 28 + 1:02d}", f"{cost / 10**6:.6f}", request_id=f"r{number}")
        for number, cost in enumerate(millionths)
    ]
    whole = sum(millionths) / 10**6
    (month,) = months_of(rows, TOTAL._replace(monthly_usd=whole))
    assert month.spent == Decimal(sum(millionths)) / 10**6
    assert not month.is_exceeded
    less = float(Decimal(sum(millionths) - 1) / 10**6)
    (under,) = months_of(rows, TOTAL._replace(monthly_usd=less))
    assert under.is_exceeded


def test_the_line_names_what_was_spent_of_what_in_which_month_and_zone() -> None:
    (alert,) = budget_alerts([BudgetMonth(TOTAL, "2026-10", Decimal("6.00"), 0)], "UTC")
    assert alert.text == (
        "budget exceeded: all usage cost 6.00 USD in 2026-10 (UTC), 120 % of the budget of 5.00 USD"
    )
    assert alert.level == "critical"


def test_amounts_that_would_look_equal_get_more_decimals() -> None:
    (alert,) = budget_alerts([BudgetMonth(TOTAL, "2026-10", Decimal("5.001"), 0)], "UTC")
    assert "cost 5.0010 USD" in alert.text
    assert "budget of 5.0000 USD" in alert.text


def test_calls_without_a_price_make_it_a_lower_bound() -> None:
    over = BudgetMonth(TOTAL, "2026-10", Decimal(6), 3)
    (alert,) = budget_alerts([over], "UTC")
    assert "cost at least 6.00 USD" in alert.text
    assert unsettled([over]) == []
    under = over._replace(spent=Decimal(2))
    assert budget_alerts([under], "UTC") == []
    assert unsettled([under]) == [
        "the budget of 5.00 USD for all usage may be exceeded: 3 calls have no price"
    ]


def finding(severity: str, title: str, overlaps: Optional[str] = None) -> Dict[str, Any]:
    return {
        "severity": severity,
        "kind": "loss",
        "title": title,
        "subject": {"customer_id": "c1"},
        "overlaps": overlaps,
    }


def texts(alerts: List[Alert]) -> List[str]:
    return [alert.text for alert in alerts]


def test_a_level_takes_findings_of_it_and_above_the_gravest_first() -> None:
    results = {
        "pricing": {"findings": [finding("warning", "w"), finding("info", "i")]},
        "churn_growth": {"findings": [finding("critical", "c"), finding("success", "s")]},
    }
    assert texts(finding_alerts(results, "critical", "2026-10")) == ["critical: c (churn_growth)"]
    both = ["critical: c (churn_growth)", "warning: w (pricing)"]
    assert texts(finding_alerts(results, "warning", "2026-10")) == both


def test_findings_about_the_same_calls_count_once() -> None:
    results = {
        "pricing": {"findings": [finding("critical", "first", "customer:c1")]},
        "features": {"findings": [finding("critical", "again", "customer:c1")]},
    }
    assert texts(finding_alerts(results, "critical", "2026-10")) == ["critical: first (pricing)"]


def test_an_exceeded_budget_is_not_reported_twice() -> None:
    results = {"alignment": {"findings": [finding("critical", "used up", "budget:total:")]}}
    over = BudgetMonth(TOTAL, "2026-10", Decimal(6), 0)
    assert finding_alerts(results, "critical", "2026-10", [over]) == []
    earlier = over._replace(month="2026-09")
    assert len(finding_alerts(results, "critical", "2026-10", [earlier])) == 1


def test_the_key_of_a_finding_is_the_same_when_its_figures_change() -> None:
    def key(title: str) -> str:
        (alert,) = finding_alerts({"pricing": {"findings": [finding("critical", title)]}}, *SAME)
        return alert.key

    assert key("12 customers cost $1,204.50") == key("9 customers cost $7")
    assert key("12 customers cost $5") != key("12 customers leave")


SAME = ("critical", "2026-10")
