"""Margins against figures worked out by hand and a second implementation over the rows."""

from __future__ import annotations

import doctest
from fractions import Fraction
from typing import Any, Optional

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.shared.customer_advice import covering_tier
from finops.analyzers.shared.revenue import margin_percent
from finops.analyzers.ubr import profitability
from finops.analyzers.ubr.profitability import ProfitabilityAnalyzer, category_of
from tests.analyzers.ubr.support import EDGES, calls, month, order_of_calls, price_of, run
from tests.support.covered import a_month, own_days
from tests.support.reference import call

CUSTOMER_KEYS = {
    "customer_id",
    "subscription_tier",
    "customer_archetype",
    "monthly_revenue",
    "monthly_cost",
    "monthly_margin",
    "margin_percent",
    "category",
    "call_count",
    "break_even_price",
}


def customer(name: str, price: Any, cost: Any, **changes: Any) -> Any:
    fields = {"provider": "acme", "model": "own", **changes}  # for which there is no other model
    return call(customer_id=name, tier_price_usd=price, cost_usd=cost, **fields)


@pytest.fixture
def result() -> Any:
    return run(
        ProfitabilityAnalyzer,
        month(
            customer("a", 100, 50, subscription_tier="gold", customer_archetype="light"),
            customer("b", 100, 80, subscription_tier="gold", customer_archetype="heavy"),
            customer("c", 100, 100, subscription_tier="gold", customer_archetype="heavy"),
            customer("d", 49, 60, subscription_tier="starter", customer_archetype="light"),
            customer("e", 49, 2000, subscription_tier="starter", customer_archetype="heavy"),
            customer("f", "", 7, subscription_tier="unknown", customer_archetype="heavy"),
        ),
    )


def test_doctests() -> None:
    assert doctest.testmod(profitability).failed == 0


def test_summary_by_hand(result: Any) -> None:
    assert result["summary"] == {
        "total_calls": 6,
        "total_cost": 2297.0,
        "total_customers": 6,
        "active_customers": 6,
        "customers_without_price": 1,
        "monthly_revenue": 398.0,
        "monthly_cost": 2290.0,
        "monthly_margin": -1892.0,
        "margin_percent": pytest.approx(-1892 / 398 * 100),
        "unprofitable_count": 2,
        "total_monthly_loss": -1962.0,
        "revenue_lost": None,  # nobody can be gone in 30 days
        "unpriced_calls": 0,
    }


def test_customers_worst_margin_first(result: Any) -> None:
    rows = result["customers"]
    assert [row["customer_id"] for row in rows] == ["e", "d", "c", "b", "a"]
    assert all(set(row) == CUSTOMER_KEYS for row in rows)
    assert [row["category"] for row in rows] == [
        *("unprofitable", "unprofitable", "low_margin", "medium_margin", "high_margin")
    ]
    assert rows[1]["monthly_margin"] == -11
    assert rows[1]["margin_percent"] == pytest.approx(-22.44897959)
    assert rows[1]["break_even_price"] == 60


def test_groups_by_revenue(result: Any) -> None:
    gold, starter = result["by_tier"]
    assert gold == {
        "key": "gold",
        "customers": 3,
        "monthly_revenue": 300.0,
        "monthly_cost": 230.0,
        "monthly_margin": 70.0,
        "margin_percent": pytest.approx(23.3333333),
        "unprofitable_count": 0,
    }
    assert (starter["key"], starter["unprofitable_count"]) == ("starter", 2)
    assert [row["key"] for row in result["by_archetype"]] == ["heavy", "light"]


def test_categories_and_unprofitable(result: Any) -> None:
    assert result["categories"] == {
        "high_margin": 1,
        "medium_margin": 1,
        "low_margin": 1,
        "unprofitable": 2,
    }
    assert result["unprofitable"]["count"] == 2
    assert result["unprofitable"]["total_monthly_loss"] == -1962
    assert [row["customer_id"] for row in result["unprofitable"]["customers"]] == ["e", "d"]


def test_customer_without_price_is_listed_and_kept_out(result: Any) -> None:
    assert result["without_price"] == [
        {
            "customer_id": "f",
            "subscription_tier": "unknown",
            "customer_archetype": "heavy",
            "monthly_cost": None,  # it came on the last day
            "call_count": 1,
        }
    ]
    assert any("without a known price" in f["title"] for f in result["findings"])
    assert any(r.startswith("Record a subscription price") for r in result["recommendations"])


def test_findings_are_sorted_and_worth_the_loss(result: Any) -> None:
    first = result["findings"][0]
    assert first["severity"] == "critical"
    assert first["impact_usd_per_month"] == 1962
    assert "e, which pays $49.00 and costs $2,000.00" in first["detail"]
    assert result["findings"][1]["title"] == "The starter tier loses money as a whole"
    impacts = [f["impact_usd_per_month"] or 0.0 for f in result["findings"]]
    assert impacts == sorted(impacts, reverse=True)


def test_recommendations_name_customer_way_out_and_worth(result: Any) -> None:
    usage, limit, watch = result["recommendations"][:3]
    assert usage == (
        "Agree on a usage-based price with e: no subscription covers its $2,000.00 per month, "
        "and $1,951.00 of that is lost."
    )
    assert limit == (
        "Limit the usage of d: it pays $49.00 and costs $60.00 per month, so $11.00 per month is "
        "lost."
    )
    assert watch.startswith("Watch the usage of 1 customer with a margin under 20%; the lowest is ")


def test_more_losers_than_are_named_share_a_sentence() -> None:
    rows = month(
        *(customer(f"c{n}", 49, 50 + n) for n in range(6))
    )  # the last came on the last day
    sentences = run(ProfitabilityAnalyzer, rows)["recommendations"]
    assert [s.split()[4] for s in sentences[:3]] == ["c4:", "c3:", "c2:"]
    assert sentences[3] == (
        "Review 2 further unprofitable customers: together they lose $3.00 per month."
    )


def test_daily_cost_beside_a_days_revenue(result: Any) -> None:
    rows = result["daily"]
    assert [row["date"] for row in rows] == [f"2025-01-{day:02d}" for day in range(1, 31)]
    assert [row["revenue"] for row in rows] == pytest.approx([398 / 31] * 30)
    # What customers without a price cost is not set against what others pay.
    assert [row["cost"] for row in rows] == [2290.0] + [0.0] * 29


def test_latest_call_decides_price_tier_and_archetype() -> None:
    rows = month(
        customer("a", 49, 10, subscription_tier="starter"),
        customer("a", 199, 10, subscription_tier="pro", customer_archetype="heavy"),
    )
    (row,) = run(ProfitabilityAnalyzer, rows)["customers"]
    assert (row["subscription_tier"], row["monthly_revenue"]) == ("pro", 199)
    assert (row["customer_archetype"], row["monthly_cost"]) == ("heavy", 20)


def test_a_monthly_cost_is_not_the_periods() -> None:
    rows = [
        customer("a", 100, 30, timestamp="2025-01-01T00:00:00"),
        customer("a", 100, 30, timestamp="2025-01-15T23:00:00"),
    ]
    (row,) = run(ProfitabilityAnalyzer, rows)["customers"]
    assert row["monthly_cost"] == 120
    assert row["margin_percent"] == -20


@pytest.mark.parametrize(
    ("revenue", "cost", "margin"),
    [(0, 0, 0), (0, 5, -100), (1e-12, 5, -100), (100, 0, 100), (100, 250, -150)],
)
def test_margin_percent(revenue: float, cost: int, margin: int) -> None:
    assert margin_percent(revenue, cost) == margin


@pytest.mark.parametrize(
    ("margin", "category"),
    [
        (50, "high_margin"),
        (49.99, "medium_margin"),
        (20, "medium_margin"),
        (19.99, "low_margin"),
        (0, "low_margin"),
        (-0.01, "unprofitable"),
    ],
)
def test_category_limits(margin: float, category: str) -> None:
    assert category_of(margin) == category


@pytest.mark.parametrize(
    ("cost", "price", "tier"),
    [(60, 49, "pro"), (199, 49, "pro"), (200, 49, "enterprise"), (1000, 49, None), (5, 999, None)],
)
def test_covering_tier(cost: int, price: int, tier: Optional[str]) -> None:
    assert covering_tier(cost, price) == tier


@pytest.mark.parametrize("name", sorted(EDGES))
def test_edges_are_complete(name: str) -> None:
    result = run(ProfitabilityAnalyzer, EDGES[name])
    assert result["summary"]["total_calls"] == len(EDGES[name])
    loss = result["unprofitable"]["total_monthly_loss"]
    assert loss <= 0 if name in ("all free", "price 0") else loss is None
    judged = [row for row in result["customers"] if row["margin_percent"] is not None]
    assert sum(result["categories"].values()) == len(judged)


def test_price_0_with_cost_is_unprofitable_and_without_is_not() -> None:
    rows = month(customer("a", 0, 5), customer("b", 0, 0), customer("a", 0, 0))
    worst, even = run(ProfitabilityAnalyzer, rows)["customers"]
    assert (worst["margin_percent"], worst["category"]) == (-100, "unprofitable")
    assert (even["margin_percent"], even["category"]) == (0, "low_margin")


def test_nothing_lost_is_a_success_and_no_advice() -> None:
    result = run(ProfitabilityAnalyzer, month(customer("a", 100, 1), customer("b", 100, 1)))
    assert [f["severity"] for f in result["findings"]] == ["success"]
    assert result["recommendations"] == []


def test_unpriced_calls_are_counted_and_said() -> None:
    result = run(ProfitabilityAnalyzer, EDGES["unpriced"])
    assert result["summary"]["unpriced_calls"] == 2
    titles = [found["title"] for found in result["findings"]]
    assert titles == ["1 customer with an unknown margin", "2 calls could not be priced"]
    (row,) = result["customers"]
    assert (row["margin_percent"], row["category"], row["break_even_price"]) == (None, None, None)
    assert result["summary"]["monthly_margin"] is None


def brute_force(rows: Any) -> Any:
    """Second implementation: exact fractions, straight from the rows."""
    rows = sorted(rows, key=order_of_calls)
    margins = {}
    for name in {row["customer_id"] for row in rows}:
        own = [row for row in rows if row["customer_id"] == name]
        price = price_of(own[-1])
        days, gone = own_days(rows, name)
        monthly = a_month(sum((Fraction(row["cost_usd"]) for row in own), Fraction(0)), days)
        if price is not None and monthly is not None and not gone:
            margins[name] = Fraction(price) - monthly
    return margins


@pytest.mark.unmeasured
@given(st.lists(calls(), min_size=1, max_size=25))
def test_margins_match_the_rows_and_add_up(rows: Any) -> None:
    rows = [{**row, "cost_usd": row["cost_usd"] or "0.25"} for row in rows]
    result = run(ProfitabilityAnalyzer, rows)
    expected = brute_force(rows)
    found = {row["customer_id"]: row["monthly_margin"] for row in result["customers"]}
    assert set(found) == set(expected)
    for name, margin in expected.items():
        assert found[name] == pytest.approx(float(margin), rel=1e-9, abs=1e-6)
    if not expected:
        assert not result["summary"]["monthly_margin"]  # none, or 0 where all are gone
        return
    total = pytest.approx(result["summary"]["monthly_margin"], rel=1e-9, abs=1e-6)
    assert sum(found.values()) == total
    for section in ("by_tier", "by_archetype"):
        assert sum(row["monthly_margin"] for row in result[section]) == total
        lost = sum(row["unprofitable_count"] for row in result[section])
        assert lost == result["summary"]["unprofitable_count"]


@pytest.mark.unmeasured
@given(st.lists(calls(), max_size=20), st.randoms(use_true_random=False))
def test_order_of_rows_does_not_matter(rows: Any, random: Any) -> None:
    by_time = {row["timestamp"]: row for row in rows}  # equal instants have no latest call
    shuffled = list(by_time.values())
    random.shuffle(shuffled)
    assert run(ProfitabilityAnalyzer, by_time.values()) == run(ProfitabilityAnalyzer, shuffled)
