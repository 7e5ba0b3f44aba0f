"""Pricing models against bills worked out by hand and from a second implementation."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.shared.basis import BASIS_TABLES
from finops.analyzers.shared.covered_days import HOURLY_CALLS
from finops.analyzers.shared.revenue import CUSTOMER_TABLE, Account
from finops.analyzers.ubr.pricing import PRICING_MODELS, PricingAnalyzer
from finops.rollups.spec import Customer, Period, Rollups, Table, Totals
from finops.timestamps import hours_between
from tests.analyzers.ubr.support import EDGES, calls, month, run
from tests.support.reference import call

MODELS = ["flat_rate", "usage_based", "tiered", "hybrid"]
THIRTY_DAYS = Period("2025-01-01T00:00:00.000000", "2025-01-30T23:00:00.000000")


def compute(
    usage: Mapping[str, Tuple[int, float, Optional[float]]], period: Period = THIRTY_DAYS
) -> Any:
    """Run on {customer: (calls, cost, price)} without a million rows."""
    cells = {(name,): (calls, cost, 0) for name, (calls, cost, _) in sorted(usage.items())}
    customers = {
        name: Customer("gold", price, "org", "product", "power", period.start, period.end)
        for name, (_, _, price) in usage.items()
    }
    totals = Totals(
        calls=sum(calls for calls, _, _ in usage.values()),
        cost=sum(cost for _, cost, _ in usage.values()),
    )
    hours = hours_between(period.start, period.end)
    tables: Dict[Table, Any] = {table: {} for table in BASIS_TABLES}
    tables.update({CUSTOMER_TABLE: cells, HOURLY_CALLS: {(hour,): (1, 0.0) for hour in hours}})
    return PricingAnalyzer("").compute(Rollups(tables, period, totals, customers))


@pytest.fixture
def result() -> Any:
    return compute(
        {
            "a": (1_000, 10.0, 49.0),
            "b": (1_001, 20.0, 49.0),
            "c": (9_000, 150.0, 199.0),
            "d": (25_000, 1_300.0, 999.0),
            "e": (100, 1.0, 199.0),
            "f": (500, 2.0, 199.0),
        }
    )


def test_models_by_hand(result: Any) -> None:
    flat, usage, tiered, hybrid = result["models"]
    assert [row["model"] for row in result["models"]] == MODELS
    assert flat == {
        "model": "flat_rate",
        "monthly_revenue": 1694.0,
        "monthly_margin": 211.0,
        "margin_percent": pytest.approx(12.4557261),
        "avg_revenue_per_customer": pytest.approx(282.333333),
        "customers_paying_more": 0,
        "customers_paying_less": 0,
        "parameters": {"prices": [49.0, 199.0, 999.0]},
    }
    # 36,601 calls at 0.10: a 100, b 100.1, c 900, d 2,500, e 10, f 50.
    assert usage["monthly_revenue"] == pytest.approx(3660.1)
    assert (usage["customers_paying_more"], usage["customers_paying_less"]) == (4, 2)
    # a 49, b 199, c 199, d 999, e 49, f 49.
    assert tiered["monthly_revenue"] == 1544
    assert (tiered["customers_paying_more"], tiered["customers_paying_less"]) == (1, 2)
    # six bases; c 4,000 and d 20,000 above the included 5,000 at 0.05.
    assert hybrid["monthly_revenue"] == pytest.approx(6 * 99 + 200 + 1000)
    assert (hybrid["customers_paying_more"], hybrid["customers_paying_less"]) == (4, 2)


def test_summary_by_hand(result: Any) -> None:
    assert result["summary"] == {
        "total_calls": 36_601,
        "total_cost": 1483.0,
        "monthly_cost": 1483.0,
        "monthly_calls": 36_601.0,
        "customers": 6,
        "customers_without_price": 0,
        "current_model": "flat_rate",
        "current_monthly_revenue": 1694.0,
        "best_model": "usage_based",
        "best_monthly_revenue": pytest.approx(3660.1),
        "uplift_percent": pytest.approx((3660.1 - 1694) / 1694 * 100),
        "break_even_price_per_1k_calls": pytest.approx(1483 / 36.601),
        "unpriced_calls": 0,
    }
    assert result["break_even_price_per_1k_calls"] == pytest.approx(40.5180186)


def test_segments_are_terciles_of_calls(result: Any) -> None:
    light, medium, heavy = result["segments"]
    assert [row["segment"] for row in result["segments"]] == ["light", "medium", "heavy"]
    assert (light["customers"], light["monthly_calls"], light["monthly_cost"]) == (2, 600, 3)
    assert (medium["customers"], medium["monthly_calls"]) == (2, 2001)
    assert (heavy["customers"], heavy["monthly_calls"], heavy["monthly_cost"]) == (2, 34_000, 1450)
    assert heavy["revenue"] == {
        "flat_rate": 1198.0,
        "usage_based": pytest.approx(3400),
        "tiered": 1198.0,
        "hybrid": pytest.approx(1398),
    }


def test_equal_calls_stay_in_one_segment() -> None:
    result = compute({name: (100, 1.0, 49.0) for name in "abcd"})
    assert [row["customers"] for row in result["segments"]] == [4, 0, 0]


def test_sensitivity_is_half_to_twice(result: Any) -> None:
    rows = result["sensitivity"]
    assert [row["price_per_1k_calls"] for row in rows] == pytest.approx(
        [50, 60, 70, 80, 90, 100, 120, 140, 160, 180, 200]
    )
    assert rows[0]["monthly_revenue"] == pytest.approx(1830.05)
    assert rows[0]["margin_percent"] == pytest.approx((1830.05 - 1483) / 1830.05 * 100)
    assert rows[5]["monthly_revenue"] == pytest.approx(3660.1)
    assert rows[-1]["monthly_revenue"] == pytest.approx(7320.2)


def test_customers_pay_under_each_model(result: Any) -> None:
    rows = result["customers"]
    assert [row["customer_id"] for row in rows] == ["d", "c", "b", "a", "f", "e"]
    assert rows[0] == {
        "customer_id": "d",
        "subscription_tier": "gold",
        "monthly_calls": 25_000.0,
        "monthly_cost": 1300.0,
        "flat_rate": 999.0,
        "usage_based": 2500.0,
        "tiered": 999.0,
        "hybrid": 1099.0,
        "unpriced_calls": 0,
    }


def test_advice_names_the_model_its_worth_and_the_highest_rise(result: Any) -> None:
    introduce, talk = result["recommendations"]
    assert introduce.startswith("Introduce usage-based pricing")
    assert "$1,966.10 per month more" in introduce
    assert talk == (
        "Talk to 4 customers before the change: the largest rise is from $999.00 to $2,500.00 per "
        "month."
    )
    first = result["findings"][0]
    assert first["impact_usd_per_month"] == pytest.approx(1966.1)
    assert first["title"] == "Usage-based pricing would earn $1,966.10 per month more"


def test_subsidy_is_said_where_cost_and_revenue_part(result: Any) -> None:
    # The heavy third causes 1,450 of 1,483 USD and pays 1,198 of 1,694 USD.
    (subsidy,) = [f for f in result["findings"] if f["title"].startswith("Light users")]
    assert "97.8% of the cost and pays 70.7%" in subsidy["detail"]
    even = compute({"a": (1, 5.0, 50.0), "b": (2, 5.0, 50.0), "c": (3, 5.0, 50.0)})
    assert not any(f["title"].startswith("Light users") for f in even["findings"])


def test_flat_rate_best_means_no_new_model() -> None:
    result = compute({"a": (10, 150.0, 100.0), "b": (10, 1.0, 500.0)})
    assert result["summary"]["best_model"] == "flat_rate"
    assert result["summary"]["uplift_percent"] == 0
    assert any(f["severity"] == "success" for f in result["findings"])
    cap, charge = result["recommendations"]
    assert cap == (
        "Keep the flat rate and act on 1 customer as Customer Profitability advises: "
        "$50.00 per month is lost on it."
    )
    assert charge.startswith("Charge at least $7,550.00 per 1,000 calls")


def test_equal_margins_go_to_the_first_name() -> None:
    result = compute({"a": (990, 1.0, 99.0)})  # flat rate, usage and hybrid: 99 each
    assert result["summary"]["best_model"] == "flat_rate"


def test_bills_follow_monthly_calls_and_not_the_periods() -> None:
    sixty = Period("2025-01-01T00:00:00.000000", "2025-03-01T23:00:00.000000")
    result = compute({"a": (20_000, 10.0, 199.0)}, sixty)
    assert result["customers"][0]["monthly_calls"] == 10_000
    assert result["customers"][0]["tiered"] == 199
    assert result["customers"][0]["usage_based"] == 1000


def test_customers_without_price_take_no_part() -> None:
    result = compute({"a": (1000, 5.0, 99.0), "b": (9000, 50.0, None)})
    assert result["summary"]["customers"] == 1
    assert result["summary"]["customers_without_price"] == 1
    assert result["summary"]["monthly_cost"] == 5
    assert result["without_price"][0]["customer_id"] == "b"
    assert result["recommendations"][-1].startswith("Record a subscription price for 1 customer")


@pytest.mark.parametrize(
    ("calls", "tiered", "hybrid", "usage"),
    [
        (0, 49, 99, 0),
        (1000, 49, 99, 100),
        (1000.01, 199, 99, 100.001),
        (5000, 199, 99, 500),
        (10_000, 199, 349, 1000),
        (10_001, 999, 349.05, 1000.1),
    ],
)
def test_bills(calls: float, tiered: int, hybrid: float, usage: float) -> None:
    account = Account("a", "gold", "power", 7.0, 1, calls, 0.0)
    bills = {name: bill(account) for name, bill in PRICING_MODELS.items()}
    assert bills == pytest.approx(
        {"flat_rate": 7, "usage_based": usage, "tiered": tiered, "hybrid": hybrid}
    )


@pytest.mark.parametrize("name", sorted(EDGES))
def test_edges_are_complete(name: str) -> None:
    result = run(PricingAnalyzer, EDGES[name])
    assert [row["model"] for row in result["models"]] == MODELS
    # Three thirds where any customer can be compared, else nothing.
    assert len(result["segments"]) == (3 if result["summary"]["customers"] else 0)
    assert len(result["sensitivity"]) == 11
    assert result["summary"]["total_calls"] == len(EDGES[name])


def test_price_0_has_no_uplift_in_percent() -> None:
    summary = run(PricingAnalyzer, EDGES["price 0"])["summary"]
    assert summary["current_monthly_revenue"] == 0
    assert summary["uplift_percent"] is None
    assert summary["best_model"] == "hybrid"


def bill_again(model: str, price: float, monthly: float) -> float:
    """Second implementation of the four models, in whole and part thousands of calls."""
    if model == "usage_based":
        return monthly * 0.1
    if model == "tiered":
        return 49 if monthly <= 1000 else 199 if monthly <= 10_000 else 999
    if model == "hybrid":
        return 99 + (0.05 * (monthly - 5000) if monthly > 5000 else 0)
    return price


@given(
    st.dictionaries(
        st.text("abc", min_size=1, max_size=3),
        st.tuples(
            st.integers(1, 200_000),
            st.floats(0, 1e6),
            st.one_of(st.none(), st.sampled_from([0.0, 49.0, 199.0, 999.0])),
        ),
        min_size=1,
    )
)
def test_models_and_segments_match_each_customer(usage: Any) -> None:
    result = compute(usage)
    paying = {name: u for name, u in usage.items() if u[2] is not None}
    if not paying:
        assert result["summary"]["best_model"] is None
        assert [row["monthly_revenue"] for row in result["models"]] == [None] * 4
        return
    for row in result["models"]:
        bills = {n: bill_again(row["model"], price, c) for n, (c, _, price) in paying.items()}
        total = sum(bills.values())
        assert row["monthly_revenue"] == pytest.approx(total)
        segments = sum(s["revenue"][row["model"]] for s in result["segments"])
        assert segments == pytest.approx(total)
        dearer = sum(bill > paying[name][2] + 1e-9 for name, bill in bills.items())
        assert row["customers_paying_more"] == dearer
    assert sum(s["customers"] for s in result["segments"]) == len(paying)
    best = max(row["monthly_margin"] for row in result["models"])
    named = {row["model"]: row["monthly_margin"] for row in result["models"]}
    assert named[result["summary"]["best_model"]] == best


@pytest.mark.unmeasured
@given(st.lists(calls(), max_size=20))
def test_two_runs_give_the_same(rows: Any) -> None:
    assert run(PricingAnalyzer, rows) == run(PricingAnalyzer, list(rows))


def test_rows_reach_the_models() -> None:
    rows = month(*(call(customer_id="a", cost_usd="0.1") for _ in range(20)))
    assert run(PricingAnalyzer, rows)["models"][1]["monthly_revenue"] == pytest.approx(2.0)
