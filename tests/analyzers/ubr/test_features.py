"""Feature economics by hand and against a split worked out straight from the rows."""

from __future__ import annotations

import doctest
from fractions import Fraction
from typing import Any, Dict, Set

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.ubr import features
from finops.analyzers.ubr.features import FeaturesAnalyzer, classify, return_percent
from tests.analyzers.ubr.support import EDGES, calls, month, order_of_calls, run
from tests.support.covered import own_days
from tests.support.reference import call


def calls_of(customer: Any, feature: Any, count: Any, cost: Any, price: Any, **changes: Any) -> Any:
    one = {"customer_id": customer, "feature_id": feature, "cost_usd": cost}
    return [call(tier_price_usd=price, **one, **changes) for _ in range(count)]


@pytest.fixture
def result() -> Any:
    return run(
        FeaturesAnalyzer,
        month(
            *calls_of("a", "chat", 150, "0.05", 100),
            *calls_of("a", "analysis", 50, "1", 100),
            *calls_of("b", "chat", 10, "0.05", 60),
            *calls_of("b", "rare", 30, "0.5", 60),
            *calls_of("c", "analysis", 60, "1", ""),
        ),
    )


@pytest.fixture(autouse=True)
def _unknown_tier_for_customers_without_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finops.config.SUBSCRIPTION_TIERS", {"starter": 49.0})


def test_doctests() -> None:
    assert doctest.testmod(features).failed == 0


def test_revenue_follows_calls(result: Any) -> None:
    rows = {row["feature_id"]: row for row in result["features"]}
    assert rows["chat"]["revenue"] == pytest.approx(100 * 150 / 200 + 60 * 10 / 40)
    assert rows["analysis"]["revenue"] == pytest.approx(25)
    assert rows["rare"]["revenue"] == pytest.approx(45)
    assert result["summary"]["monthly_revenue"] == 160


def test_feature_rows_by_hand(result: Any) -> None:
    chat, rare, analysis = result["features"]
    by_hand = {
        "feature_id": "chat",
        "call_count": 160,
        "cost": 8.0,
        "monthly_cost": 8.0,
        "revenue": pytest.approx(90),
        "roi_percent": pytest.approx(1025),
        "customer_count": 2,
        "adoption_percent": pytest.approx(66.6666667),
        "cost_per_customer": 4.0,
        "classification": "invest",
        "classified": True,
    }
    assert {**chat, **by_hand} == chat
    # Of c no price is known: its 60 USD are not compared with any revenue.
    assert (analysis["cost"], analysis["monthly_cost"]) == (110.0, 50.0)
    assert analysis["roi_percent"] == pytest.approx((25 - 50) / 50 * 100)
    assert analysis["classification"] == "optimize"
    assert (rare["classification"], rare["classified"]) == ("insufficient_data", False)


def test_summary_by_hand(result: Any) -> None:
    by_hand = {
        "total_calls": 300,
        "total_cost": 133.0,
        "monthly_cost": 133.0,
        "monthly_revenue": 160.0,
        "total_customers": 3,
        "customers_without_price": 1,
        "feature_count": 3,
        "best_feature": "chat",
        "worst_feature": "analysis",
        "unpriced_calls": 0,
    }
    assert {**result["summary"], **by_hand} == result["summary"]


def test_findings_and_recommendations_name_what_is_lost(result: Any) -> None:
    first = result["findings"][0]
    assert (first["severity"], first["impact_usd_per_month"]) == ("warning", pytest.approx(25))
    titles = [f["title"] for f in result["findings"]]
    assert "1 feature with too few calls to judge" in titles
    assert "Chat has the highest return" in titles
    assert result["recommendations"][:2] == [
        "Reduce the cost of Analysis, by cheaper models or shorter prompts: it loses $25.00 "
        "per month.",
        "Invest in Chat: it has the highest return and earns $82.00 per month above its cost.",
    ]


def test_least_return_is_said_where_nothing_is_lost() -> None:
    rows = month(*calls_of("a", "chat", 100, "0.1", 100), *calls_of("a", "x", 100, "0.2", 100))
    findings = run(FeaturesAnalyzer, rows)["findings"]
    assert [f["title"] for f in findings] == ["x has the lowest return"]
    assert "brings $50.00 for $20.00 per month" in findings[0]["detail"]


def test_hardly_used_loser_is_to_be_retired() -> None:
    rows = month(
        *(call(customer_id=f"c{n}", tier_price_usd=10, cost_usd=0) for n in range(9)),
        *calls_of("x", "niche", 100, "1", 10),
    )
    result = run(FeaturesAnalyzer, rows)
    niche = next(row for row in result["features"] if row["feature_id"] == "niche")
    assert (niche["adoption_percent"], niche["classification"]) == (10, "sunset")
    assert result["findings"][0]["severity"] == "critical"
    assert result["recommendations"] == [
        "Retire niche or charge for it separately: it loses $90.00 per month and only 10.0% of the "
        "customers use it."
    ]


def test_adoption_by_week() -> None:
    rows = [
        call(timestamp="2024-12-31T10:00:00", customer_id="a"),
        call(timestamp="2025-01-01T10:00:00", customer_id="a"),
        call(timestamp="2025-01-01T11:00:00", customer_id="b"),
        call(timestamp="2025-01-06T10:00:00", customer_id="a", feature_id="analysis"),
        call(timestamp="2025-01-06T10:00:00", customer_id="a"),
    ]
    assert run(FeaturesAnalyzer, rows)["adoption_trend"] == [
        {"week": "2025-W01", "feature_id": "chat", "customers": 2, "call_count": 3},
        {"week": "2025-W02", "feature_id": "analysis", "customers": 1, "call_count": 1},
        {"week": "2025-W02", "feature_id": "chat", "customers": 1, "call_count": 1},
    ]


def weekly(features: Any) -> Any:
    """Return 40 calls a week in eight weeks of each feature from its first week (0 to 7) on."""
    rows = [
        call(
            timestamp=f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}T{10 + number % 10}:00:00",
            customer_id="ab"[number % 2],
            feature_id=feature,
            cost_usd="0.05",
            tier_price_usd="100",
        )
        for feature, first in features.items()
        for day in range(7 * first, 56)
        for number in range(6)
    ]
    return sorted(rows, key=lambda row: row["timestamp"])


def new_features(rows: Any) -> Any:
    titles = {f["title"]: f for f in run(FeaturesAnalyzer, rows)["findings"]}
    return {title: found for title, found in titles.items() if " is new since " in title}


def test_a_new_feature_says_who_uses_it_and_what_it_brings() -> None:
    told = new_features(weekly({"chat": 0, "analysis": 4, "translation": 1}))
    (found,) = told.values()
    assert found["title"] == "Analysis is new since the week of 2025-01-27"
    assert found["detail"].startswith("2 customers, 100.0% of all, have used it; it brings $")
    assert (found["severity"], found["subject"]) == ("info", {"feature_id": "analysis"})


def test_without_prices_a_new_feature_has_a_cost_only() -> None:
    rows = [{**row, "tier_price_usd": ""} for row in weekly({"chat": 0, "analysis": 5})]
    rows = [{**row, "subscription_tier": ""} for row in rows]
    (found,) = new_features(rows).values()
    assert found["detail"].endswith("have used it; its calls have cost $6.30 so far.")


def test_what_was_there_before_or_is_rare_is_not_new() -> None:
    assert new_features(weekly({"chat": 0, "analysis": 0})) == {}
    rare = [row for row in weekly({"analysis": 6}) if row["timestamp"][11:13] == "10"]
    rows = sorted(weekly({"chat": 0}) + rare, key=lambda row: row["timestamp"])
    assert new_features(rows) == {}


def test_best_and_worst_of_few_calls_are_still_named() -> None:
    rows = month(call(cost_usd="1"), call(feature_id="analysis", cost_usd="2"))
    summary = run(FeaturesAnalyzer, rows)["summary"]
    assert (summary["best_feature"], summary["worst_feature"]) == ("chat", "analysis")


@pytest.mark.parametrize(
    ("adoption", "roi", "action"),
    [
        (50, 1000, "invest"),
        (49.9, 1000, "maintain"),
        (50, 999.9, "maintain"),
        (50, 0, "maintain"),
        (20, -0.1, "optimize"),
        (19.9, -0.1, "sunset"),
    ],
)
def test_cut_offs(adoption: float, roi: float, action: str) -> None:
    assert classify(adoption, roi) == action


@pytest.mark.parametrize(
    ("revenue", "cost", "roi"),
    [(30, 10, 200), (5, 10, -50), (5, 0, None), (0, 0, None), (0, 1, -100)],
)
def test_return(revenue: int, cost: int, roi: int) -> None:
    assert return_percent(revenue, cost) == roi


@pytest.mark.parametrize("name", sorted(EDGES))
def test_edges_are_complete(name: str) -> None:
    result = run(FeaturesAnalyzer, EDGES[name])
    assert result["summary"]["total_calls"] == len(EDGES[name])
    assert result["summary"]["feature_count"] == len(result["features"])
    judged = any(row["roi_percent"] is not None for row in result["features"])
    assert (result["summary"]["best_feature"] is not None) == judged
    assert judged == (name == "price 0")  # of free features there is no return


def split_again(rows: Any) -> Any:
    """Second implementation: every call carries its part of its customer's price.

    A customer that is gone, or is there for under seven days, has none.
    """
    latest = {}
    for row in sorted(rows, key=order_of_calls):
        latest[row["customer_id"]] = row
    revenue: Dict[str, Any] = {}
    users: Dict[str, Any] = {}
    payers: Set[str] = set()
    for row in rows:
        name, feature = row["customer_id"], row["feature_id"]
        own = sum(other["customer_id"] == name for other in rows)
        given = latest[name]["tier_price_usd"]
        price = given or {"starter": 49}.get(latest[name]["subscription_tier"])
        days, gone = own_days(rows, name)
        paying = price is not None and days >= 7 and not gone
        payers |= {name} if paying else set()
        price = price if paying else 0
        revenue[feature] = revenue.get(feature, 0) + Fraction(str(price)) / own
        users.setdefault(feature, set()).add(name)
    return revenue, users, bool(payers)


@pytest.mark.unmeasured
@given(st.lists(calls(), min_size=1, max_size=25))
def test_revenue_is_split_without_remainder(rows: Any) -> None:
    result = run(FeaturesAnalyzer, rows)
    revenue, users, known = split_again(rows)
    for row in result["features"]:
        expected = pytest.approx(float(revenue[row["feature_id"]])) if known else None
        assert row["revenue"] == expected
        assert row["customer_count"] == len(users[row["feature_id"]])
    if known:
        total = sum(row["revenue"] for row in result["features"])
        assert total == pytest.approx(result["summary"]["monthly_revenue"])
    assert sum(row["cost"] or 0.0 for row in result["features"]) == pytest.approx(
        result["summary"]["total_cost"] or 0.0
    )
    assert sum(row["call_count"] for row in result["adoption_trend"]) == len(rows)
