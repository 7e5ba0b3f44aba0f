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
with m as (select *, if(unknown > 0, null, price - monthly_cost) as margin
           from customers where paying)
select customer_id, tier as subscription_tier, archetype as customer_archetype,
  price as monthly_revenue, monthly_cost::double as monthly_cost, margin::double as monthly_margin,
  (margin / price * 100)::double as margin_percent, calls as call_count
from m where price > 0 order by margin_percent nulls last, customer_id
"""


def category(margin: float) -> str:
    for name, limit in (("high_margin", 50), ("medium_margin", 20), ("low_margin", 0)):
        if margin >= limit:
            return name
    return "unprofitable"


def accounts(case: Case) -> List[Dict[str, Any]]:
    rows = case.oracle.rows(CUSTOMERS)
    for row in rows:
        margin = row["margin_percent"]
        row["category"] = None if margin is None else category(margin)
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
    judged = any(row["category"] for row in expected)
    totals = {"count": len(losing), "total_monthly_loss": loss} if judged else {"count": None}
    check_same(found, totals, "unprofitable")
    counts = {name: 0 for name in result["categories"]}
    for row in expected:
        if row["category"]:
            counts[row["category"]] += 1
    check_same(result["categories"], counts, "categories")
    gone = case.oracle.rows(
        """select customer_id, tier as subscription_tier, last_day as last_activity_date,
        price as lost_monthly_revenue from customers where gone
        order by coalesce(price, 0) desc, customer_id"""
    )
    check_same(result["gone"], gone, "gone")


def test_profitability_summary(case: Case) -> None:
    expected = accounts(case)
    revenue = sum(row["monthly_revenue"] for row in expected)
    cost = sum(row["monthly_cost"] for row in expected)
    losing = [row["monthly_margin"] for row in expected if row["category"] == "unprofitable"]
    known = all(row["category"] for row in expected)
    judged = any(row["category"] for row in expected)
    summary = {
        "active_customers": case.oracle.value("select count(*) from customers where not gone"),
        "revenue_lost": case.oracle.value(
            """select if((select count(*) from dates) > 30, coalesce(sum(price), 0), null)
            from customers where gone"""
        ),
        "total_customers": case.oracle.value("select count(*) from customers"),
        "customers_without_price": case.oracle.value(
            "select count(*) from customers where price is null"
        ),
        "monthly_revenue": revenue,
        "monthly_cost": cost,
        "monthly_margin": revenue - cost if known else None,
        "margin_percent": (revenue - cost) / revenue * 100 if known else None,
        "unprofitable_count": len(losing) if judged else None,
        "total_monthly_loss": sum(losing) if judged else None,
    }
    check_same(case.results["profitability"]["summary"], summary, "summary")


def test_profitability_groups(case: Case) -> None:
    for section, column in (("by_tier", "tier"), ("by_archetype", "archetype")):
        expected = case.oracle.rows(
            f"""select {column} as key, count(*) as customers, sum(price) as monthly_revenue,
            sum(monthly_cost)::double as monthly_cost,
            if(sum(unknown) > 0, null, (sum(price) - sum(monthly_cost))::double) as monthly_margin,
            if(sum(unknown) > 0, null,
               ((sum(price) - sum(monthly_cost)) / sum(price) * 100)::double) as margin_percent,
            count(*) filter (price < monthly_cost and unknown = 0) as unprofitable_count
            from customers where paying group by 1"""
        )
        found = {row["key"]: row for row in case.results["profitability"][section]}
        check_same(found, {row["key"]: row for row in expected}, section)


PAID = """
with prices as (select customer_id, day, arg_max(price, n) as price from
    (select customer_id, day, coalesce(price, case tier {tiers} end) as price, count(*) as n
     from calls group by 1, 2, 3) group by 1, 2),
spans as (select c.customer_id, o.last_day, o.gone,
    if(min(day)::date < (select min(day)::date + 7 from dates), (select min(day) from dates),
       min(day)) as since,
    if(o.gone, o.last_day, (select max(day) from dates)) as until
    from calls c join own_days o using (customer_id) group by all),
own as (select s.customer_id, d.day, d.share from spans s join dates d on d.day between since
    and until),
paid as (select own.day, share, coalesce(last_value(p.price ignore nulls) over before,
    first_value(p.price ignore nulls) over after) as price
    from own left join prices p on p.customer_id = own.customer_id and p.day = own.day
    window before as (partition by own.customer_id order by own.day
        rows between unbounded preceding and current row),
    after as (partition by own.customer_id order by own.day
        rows between current row and unbounded following))
select day[1:7] as month,
  sum(price * share / day(last_day(day::date)))::double as revenue from paid group by 1 order by 1
"""


def test_profitability_by_month(case: Case) -> None:
    tiers = " ".join(f"when '{t}' then {p}" for t, p in config.SUBSCRIPTION_TIERS.items())
    months = case.results["profitability"]["by_month"]
    check_same(months, case.oracle.rows(PAID.format(tiers=tiers)), "by_month")
    days = case.oracle.rows(
        """select day[1:7] as month, sum(share) as covered, count(*) filter (share = 1)
        = day(last_day(min(day)::date)) as whole from dates group by 1 order by 1"""
    )
    check_same(months, [{"whole": row["whole"]} for row in days], "by_month")
    for row, covered in zip(months, days):
        known = row["margin"] is not None
        assert not known or covered["covered"] >= 7


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
    rows = case.oracle.rows("select *, monthly_cost::double as mc from customers where paying")
    known = not any(row["unknown"] for row in rows)
    cost = sum(row["mc"] for row in rows)
    paid = [(charged(row["monthly_calls"], row["price"]), row) for row in rows]
    expected: List[Dict[str, Any]] = []
    for name in ("flat_rate", "usage_based", "tiered", "hybrid"):
        revenue = math.fsum(bill[name] for bill, _ in paid)
        expected.append(
            {
                "model": name,
                "monthly_revenue": revenue,
                "monthly_margin": revenue - cost if known else None,
                "margin_percent": (revenue - cost) / revenue * 100 if known else None,
                "avg_revenue_per_customer": revenue / len(rows),
                "customers_paying_more": sum(b[name] > b["flat_rate"] for b, _ in paid),
                "customers_paying_less": sum(b[name] < b["flat_rate"] for b, _ in paid),
            }
        )
    check_same(
        {m["model"]: m for m in result["models"]}, {m["model"]: m for m in expected}, "models"
    )
    best = max(expected, key=lambda m: m["monthly_revenue"])  # the cost is the same
    summary = {
        "monthly_cost": cost,
        "customers": len(rows),
        "current_model": "flat_rate",
        "current_monthly_revenue": expected[0]["monthly_revenue"],
        "best_model": best["model"] if known else None,
        "best_monthly_revenue": best["monthly_revenue"] if known else None,
        "uplift_percent": (best["monthly_revenue"] / expected[0]["monthly_revenue"] - 1) * 100
        if known
        else None,
    }
    check_same(result["summary"], summary, "summary")


def test_pricing_sensitivity_and_segments(case: Case) -> None:
    result = case.results["pricing"]
    facts = case.oracle.rows(
        """select sum(monthly_calls) as calls, sum(monthly_cost)::double as cost,
        sum(unknown) = 0 as known from customers where paying"""
    )[0]
    calls, known = facts["calls"], facts["known"]
    assert len(result["sensitivity"]) == 11
    assert result["sensitivity"][0]["price_per_1k_calls"] == 50
    assert result["sensitivity"][-1]["price_per_1k_calls"] == 200
    for row in result["sensitivity"]:
        revenue = calls / 1000 * row["price_per_1k_calls"]
        expected = {
            "monthly_revenue": revenue,
            "margin_percent": (1 - facts["cost"] / revenue) * 100 if known else None,
        }
        check_same(row, expected, "sensitivity")
    break_even = facts["cost"] / calls * 1000 if known else None
    check_same(result["break_even_price_per_1k_calls"], break_even)
    segments = result["segments"]
    assert [row["segment"] for row in segments] == ["light", "medium", "heavy"]
    count = case.oracle.value("select count(*) from customers where paying")
    assert sum(row["customers"] for row in segments) == count
    check_same(sum(row["monthly_calls"] for row in segments), calls)
    check_same(sum(row["monthly_cost"] for row in segments), facts["cost"])
    models = {row["model"]: row["monthly_revenue"] for row in result["models"]}
    for name, revenue in models.items():
        check_same(sum(row["revenue"][name] for row in segments), revenue, name)


def test_features(case: Case) -> None:
    result = case.results["features"]
    expected = case.oracle.rows(
        """with used as (select feature_id, customer_id, count(*) as n, sum(cost) as own_cost,
                     count(*) filter (unpriced) as no_cost from calls group by 1, 2),
        split as (select feature_id, sum(if(paying, price * n / calls, 0)) as revenue,
                  sum(if(paying, own_cost * 30 / own_days, 0)) as own_monthly,
                  sum(if(paying, no_cost, 0)) as no_cost
                  from used join customers using (customer_id) group by 1)
        select feature_id, count(*) as call_count, sum(cost)::double as cost,
        any_value(own_monthly)::double as monthly_cost, any_value(no_cost) as no_cost,
        any_value(revenue) as revenue, count(distinct customer_id) as customer_count,
        count(distinct customer_id) / (select count(*) from customers) * 100 as adoption_percent,
        sum(cost) / count(distinct customer_id) as cost_per_customer
        from calls join split using (feature_id) group by 1"""
    )
    for row in expected:
        cost = row["monthly_cost"]
        unknown = row.pop("no_cost")
        row["roi_percent"] = None if unknown else (row["revenue"] - cost) / cost * 100
    found = {row["feature_id"]: row for row in result["features"]}
    check_same(found, {row["feature_id"]: row for row in expected}, "features")
    assert len(found) == len(expected)
    rois = [row["roi_percent"] for row in result["features"] if row["roi_percent"] is not None]
    assert rois == sorted(rois, reverse=True)
    for row in result["features"]:
        known = row["roi_percent"] is not None
        classified = known and row["call_count"] >= config.MIN_FEATURE_CALLS
        named = row["classification"] in ("invest", "maintain", "optimize", "sunset")
        assert named == classified, row
    revenue = case.oracle.value("select coalesce(sum(price), 0) from customers where paying")
    check_same(sum(row["revenue"] for row in result["features"]), revenue)
    assert result["summary"]["feature_count"] == len(expected)


def test_feature_adoption(case: Case) -> None:
    expected = case.oracle.rows(
        """select week, feature_id, count(distinct customer_id) as customers,
        count(*) as call_count from calls group by 1, 2 order by 1, 2"""
    )
    check_same(case.results["features"]["adoption_trend"], expected, "adoption_trend")
