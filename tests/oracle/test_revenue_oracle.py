"""Usage-based revenue analyses against SQL over the same CSV."""

from __future__ import annotations

import math
from typing import Any, Dict, List

import pytest

from finops import config
from tests.oracle.conftest import Case
from tests.oracle.database import check_rows, check_same

pytestmark = pytest.mark.unmeasured

CUSTOMERS = """
with m as (select *, price - monthly_cost as margin from customers where price is not null)
select customer_id, tier as subscription_tier, archetype as customer_archetype,
  price as monthly_revenue, monthly_cost::double as monthly_cost, margin::double as monthly_margin,
  (margin / price * 100)::double as margin_percent, calls as call_count
from m where price > 0 order by margin_percent, customer_id
"""


def category(margin: float) -> str:
    for name, limit in (("high_margin", 50), ("medium_margin", 20), ("low_margin", 0)):
        if margin >= limit:
            return name
    return "unprofitable"


def accounts(case: Case) -> List[Dict[str, Any]]:
    rows = case.oracle.rows(CUSTOMERS)
    for row in rows:
        row["category"] = category(row["margin_percent"])
    return rows


def test_profitability_customers(case: Case) -> None:
    result = case.results["profitability"]
    expected = accounts(case)
    check_rows(result["customers"], expected, "customers", "margin_percent", ("customer_id",))
    losing = [row for row in expected if row["category"] == "unprofitable"]
    losing.sort(key=lambda row: row["monthly_margin"])  # the largest loss first
    found = result["unprofitable"]
    check_same(found["customers"], losing, "unprofitable")
    loss = sum(row["monthly_margin"] for row in losing)
    check_same(found, {"count": len(losing), "total_monthly_loss": loss}, "unprofitable")
    counts = {row["category"]: 0 for row in expected}
    for row in expected:
        counts[row["category"]] += 1
    check_same(result["categories"], counts, "categories")


def test_profitability_summary(case: Case) -> None:
    expected = accounts(case)
    revenue = sum(row["monthly_revenue"] for row in expected)
    cost = sum(row["monthly_cost"] for row in expected)
    losing = [row["monthly_margin"] for row in expected if row["category"] == "unprofitable"]
    summary = {
        "total_customers": case.oracle.value("select count(*) from customers"),
        "customers_without_price": case.oracle.value(
            "select count(*) from customers where price is null"
        ),
        "monthly_revenue": revenue,
        "monthly_cost": cost,
        "monthly_margin": revenue - cost,
        "margin_percent": (revenue - cost) / revenue * 100,
        "unprofitable_count": len(losing),
        "total_monthly_loss": sum(losing),
    }
    check_same(case.results["profitability"]["summary"], summary, "summary")


def test_profitability_groups(case: Case) -> None:
    for section, column in (("by_tier", "tier"), ("by_archetype", "archetype")):
        expected = case.oracle.rows(
            f"""select {column} as key, count(*) as customers, sum(price) as monthly_revenue,
            sum(monthly_cost)::double as monthly_cost,
            (sum(price) - sum(monthly_cost))::double as monthly_margin,
            ((sum(price) - sum(monthly_cost)) / sum(price) * 100)::double as margin_percent,
            count(*) filter (price < monthly_cost) as unprofitable_count
            from customers where price is not null group by 1"""
        )
        found = {row["key"]: row for row in case.results["profitability"][section]}
        check_same(found, {row["key"]: row for row in expected}, section)


def charged(calls: float, price: float) -> Dict[str, float]:
    """Return what a customer pays a month under each model, from the rules in words."""
    tiered = 49.0 if calls <= 1000 else 199.0 if calls <= 10_000 else 999.0
    hybrid = 99.0 + max(0.0, calls - 5000) / 1000 * 50
    return {
        "flat_rate": price,
        "usage_based": calls / 1000 * 100,
        "tiered": tiered,
        "hybrid": hybrid,
    }


def test_pricing_models(case: Case) -> None:
    result = case.results["pricing"]
    monthly = case.oracle.value("select monthly from about")
    rows = case.oracle.rows(
        "select *, monthly_cost::double as mc from customers where price is not null"
    )
    cost = sum(row["mc"] for row in rows)
    paid = [(charged(row["calls"] * monthly, row["price"]), row) for row in rows]
    expected = []
    for name in ("flat_rate", "usage_based", "tiered", "hybrid"):
        revenue = math.fsum(bill[name] for bill, _ in paid)
        expected.append(
            {
                "model": name,
                "monthly_revenue": revenue,
                "monthly_margin": revenue - cost,
                "margin_percent": (revenue - cost) / revenue * 100,
                "avg_revenue_per_customer": revenue / len(rows),
                "customers_paying_more": sum(b[name] > b["flat_rate"] for b, _ in paid),
                "customers_paying_less": sum(b[name] < b["flat_rate"] for b, _ in paid),
            }
        )
    check_same(
        {m["model"]: m for m in result["models"]}, {m["model"]: m for m in expected}, "models"
    )
    best = max(expected, key=lambda m: m["monthly_margin"])
    summary = {
        "monthly_cost": cost,
        "customers": len(rows),
        "current_model": "flat_rate",
        "current_monthly_revenue": expected[0]["monthly_revenue"],
        "best_model": best["model"],
        "best_monthly_revenue": best["monthly_revenue"],
        "uplift_percent": (best["monthly_revenue"] / expected[0]["monthly_revenue"] - 1) * 100,
    }
    check_same(result["summary"], summary, "summary")


def test_pricing_sensitivity_and_segments(case: Case) -> None:
    result = case.results["pricing"]
    monthly = case.oracle.value("select monthly from about")
    facts = case.oracle.rows(
        """select sum(calls) as calls, sum(monthly_cost)::double as cost
        from customers where price is not null"""
    )[0]
    calls = facts["calls"] * monthly
    assert len(result["sensitivity"]) == 11
    assert result["sensitivity"][0]["price_per_1k_calls"] == 50
    assert result["sensitivity"][-1]["price_per_1k_calls"] == 200
    for row in result["sensitivity"]:
        revenue = calls / 1000 * row["price_per_1k_calls"]
        expected = {
            "monthly_revenue": revenue,
            "margin_percent": (1 - facts["cost"] / revenue) * 100,
        }
        check_same(row, expected, "sensitivity")
    check_same(result["break_even_price_per_1k_calls"], facts["cost"] / calls * 1000)
    segments = result["segments"]
    assert [row["segment"] for row in segments] == ["light", "medium", "heavy"]
    count = case.oracle.value("select count(*) from customers where price is not null")
    assert sum(row["customers"] for row in segments) == count
    check_same(sum(row["monthly_calls"] for row in segments), calls)
    check_same(sum(row["monthly_cost"] for row in segments), facts["cost"])
    models = {row["model"]: row["monthly_revenue"] for row in result["models"]}
    for name, revenue in models.items():
        check_same(sum(row["revenue"][name] for row in segments), revenue, name)


def test_features(case: Case) -> None:
    result = case.results["features"]
    expected = case.oracle.rows(
        """with used as (select feature_id, customer_id, count(*) as n from calls group by 1, 2),
        split as (select feature_id, sum(coalesce(price, 0) * n / calls) as revenue
                  from used join customers using (customer_id) group by 1)
        select feature_id, count(*) as call_count, sum(cost)::double as cost,
        (sum(cost) * (select monthly from about))::double as monthly_cost,
        any_value(revenue) as revenue, count(distinct customer_id) as customer_count,
        count(distinct customer_id) / (select count(*) from customers) * 100 as adoption_percent,
        sum(cost) / count(distinct customer_id) as cost_per_customer
        from calls join split using (feature_id) group by 1"""
    )
    for row in expected:
        row["roi_percent"] = (row["revenue"] - row["monthly_cost"]) / row["monthly_cost"] * 100
    found = {row["feature_id"]: row for row in result["features"]}
    check_same(found, {row["feature_id"]: row for row in expected}, "features")
    assert len(found) == len(expected)
    rois = [row["roi_percent"] for row in result["features"]]
    assert rois == sorted(rois, reverse=True)
    for row in result["features"]:
        classified = row["call_count"] >= config.MIN_FEATURE_CALLS
        named = row["classification"] in ("invest", "maintain", "optimize", "sunset")
        assert named == classified, row
    revenue = case.oracle.value("select coalesce(sum(price), 0) from customers")
    check_same(sum(row["revenue"] for row in result["features"]), revenue)
    assert result["summary"]["feature_count"] == len(expected)


def test_feature_adoption(case: Case) -> None:
    expected = case.oracle.rows(
        """select week, feature_id, count(distinct customer_id) as customers,
        count(*) as call_count from calls group by 1, 2 order by 1, 2"""
    )
    check_same(case.results["features"]["adoption_trend"], expected, "adoption_trend")
