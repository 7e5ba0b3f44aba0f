"""Three small businesses, worked out by hand: the figures, and what the action list shows first."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, List, Tuple

import pytest

from finops.generators.action_list import action_lists
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.test_contradictions import check
from tests.support.businesses import coding_agent, growing_saas, small_company
from tests.support.rows import write_csv

Results = Dict[str, Any]
REPORTS = [{"id": each.id, "title": each.title} for each in ANALYZER_REGISTRY.values()]


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Results]:
    made: Dict[str, Results] = {}

    def results(name: str) -> Results:
        if name not in made:
            rows = {"company": small_company, "agent": coding_agent, "saas": growing_saas}[name]()
            folder = tmp_path_factory.mktemp(name)
            path = write_csv(folder / "calls.csv", sorted(rows, key=lambda row: row["timestamp"]))
            made[name] = compute(Job(path, folder))
        return made[name]

    return results


def listed(results: Results) -> List[Tuple[str, str, float]]:
    """Return what the action list shows: list, title and amount."""
    return [
        (actions.kind.title, str(item.finding["title"]), round(item.worth, 2))
        for actions in action_lists(results, REPORTS)
        for item in actions.items
    ]


@pytest.mark.parametrize("name", ["company", "agent", "saas"])
def test_they_do_not_contradict_themselves(name: str, analyzed: Callable[[str], Results]) -> None:
    check(analyzed(name))


# --- a small company ---------------------------------------------------------------------------


def test_the_savings_of_a_small_company(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("company")
    summary = results["optimization"]["summary"]
    assert summary["total_calls"] == 40_000
    day = 80 * 0.042 + 120 * 0.01 + 244 * 0.000072
    assert summary["monthly_cost"] == pytest.approx((90 * day + 40 * 0.000072) / 3)
    steps = {
        # gpt-5 for gpt-4: 0.00325; gpt-4.1 for gpt-4o: 0.008 a call.
        "same_vendor_model": 2400 * (0.042 - 0.00325) + 3600 * (0.01 - 0.008),
        # gemini-2.5-flash for gpt-4.1: 0.00185; nova-lite for gpt-4o-mini: 0.0000288.
        "same_class_model": 3600 * (0.008 - 0.00185) + 7320 * (0.000072 - 0.0000288),
        # a chat may go one class lower: gemini-2.5-flash for gpt-5, 0.0008.
        "lower_class_model": 2400 * (0.00325 - 0.0008),
        "batch": 7320 * 0.0000288 / 2,  # labels may wait
    }  # 4 of 24 hours are worked, too few for a commitment
    assert {row["step"]: row["monthly_savings"] for row in results["optimization"]["steps"]} == (
        pytest.approx(steps)
    )
    assert summary["total_monthly_savings"] == pytest.approx(math.fsum(steps.values()))
    assert results["understanding"]["summary"]["trend_percent"] == pytest.approx(0)


def test_what_a_small_company_does_first(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("company")
    lists = listed(results)
    assert lists[0] == (
        "Savings",
        "The same tokens on gpt-5 would cost 92.3% less than on gpt-4",
        93.0,
    )
    assert {kind for kind, _, _ in lists} == {"Savings", "What else to know"}
    assert "critical" not in severities(results)
    assert results["realtime"]["summary"]["anomaly_count"] == 0
    assert results["profitability"]["findings"] == []  # there are no customers


def severities(results: Results) -> List[str]:
    return [found["severity"] for result in results.values() for found in result["findings"]]


# --- one developer -------------------------------------------------------------------------------


def test_the_savings_of_a_coding_agent(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("agent")
    summary = results["optimization"]["summary"]
    assert summary["monthly_cost"] == pytest.approx(30 * (60 * 0.04575 + 20 * 0.22875))
    steps = {
        # claude-opus-4-8 costs a third in each class of tokens.
        "same_vendor_model": 600 * (0.22875 - 0.07625),
        # gemini-2.5-flash for the sonnet, 2,000 + 3,000 fresh, 45,000 read, 1,000 out:
        # 0.0015 + 0.00135 + 0.0025; gemini-2.5-pro for the opus: 0.00625 + 0.005625 + 0.01.
        "same_class_model": 1800 * (0.04575 - 0.00535) + 600 * (0.07625 - 0.021875),
    }
    assert {row["step"]: row["monthly_savings"] for row in results["optimization"]["steps"]} == (
        pytest.approx(steps)
    )
    assert results["profitability"]["summary"]["monthly_revenue"] is None
    assert results["realtime"]["summary"]["anomaly_count"] == 0
    assert results["abuse_detection"]["summary"]["flagged_customers"] == 0


def test_what_a_developer_does_first(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("agent")
    lists = listed(results)
    assert lists[:2] == [
        (
            "Savings",
            "The same tokens on claude-opus-4-8 would cost 66.7% less than on claude-opus-4-1",
            91.5,
        ),
        (
            "Savings",
            "The same tokens on gemini-2.5-flash would cost 88.3% less than on claude-sonnet-4-6",
            72.72,
        ),
    ]
    assert {kind for kind, _, _ in lists} == {"Savings", "What else to know"}
    assert "critical" not in severities(results)


# --- a service -----------------------------------------------------------------------------------


def test_the_revenue_of_a_service(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("saas")
    summary = results["profitability"]["summary"]
    assert (summary["total_customers"], summary["active_customers"]) == (200, 160)
    assert summary["monthly_revenue"] == 140 * 199 + 20 * 49
    assert summary["monthly_cost"] == pytest.approx(140 * 6 + 20 * 90)
    assert summary["unprofitable_count"] == 20
    assert summary["total_monthly_loss"] == pytest.approx(-20 * 41)
    assert summary["revenue_lost"] == 40 * 199
    churn = results["churn_growth"]["summary"]
    before = 140 * 199 + 40 * 199 + 20 * 49  # of all 200, 30 days before the end
    assert churn["churn_rate_percent"] == 20.0
    assert churn["grr_percent"] == pytest.approx((140 * 199 + 20 * 49) / before * 100)
    assert churn["nrr_percent"] == churn["grr_percent"]
    assert churn["at_risk_customers"] == churn["expansion_customers"] == 0


def test_what_a_service_does_first(analyzed: Callable[[str], Results]) -> None:
    results = analyzed("saas")
    lists = listed(results)
    assert lists[:2] == [
        ("Revenue lost", "40 customers left", 7960.0),
        ("Losses", "20 customers use over 150% of the subscription", 820.0),
    ]
    assert [kind for kind, _, _ in lists].count("Losses") == 1
    reasons = [row["reason"] for row in results["profitability"]["advice"]]
    assert reasons == ["losing_money"] * 20 + ["gone"] * 40
    assert results["profitability"]["advice"][0]["advice"] == (
        "Move customer-000 to the pro tier at $199.00: it pays $49.00 and costs $90.00 per month, "
        "so $41.00 per month is lost."
    )
