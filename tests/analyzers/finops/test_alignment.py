from __future__ import annotations

from collections import defaultdict
from typing import Any, DefaultDict, Dict, List

import pytest

from finops.analyzers.finops.alignment import AlignmentAnalyzer
from tests.analyzers.samples import at, many, run
from tests.support.reference import call

Row = Dict[str, str]


def result_of(rows: List[Row]) -> Dict[str, Any]:
    return run(AlignmentAnalyzer, rows)


def owned(organization: str, cost: str, **changes: Any) -> Row:
    return call(organization_id=organization, cost_usd=cost, **changes)


def three() -> List[Row]:
    """Two organizations and calls of nobody, 10 USD in 30 days."""
    return [
        owned("org_b", "3", timestamp=at(0, 0), product_id="product_a", customer_id="c1"),
        owned("org_b", "1", timestamp=at(1), product_id="product_b", customer_id="c1"),
        owned("org_b", "2", timestamp=at(2), product_id="product_a", customer_id="c2"),
        owned("org_a", "2", timestamp=at(3), product_id="", customer_id="c3"),
        owned("", "2", timestamp=at(29, 23), product_id="product_a", customer_id="c4"),
    ]


def test_chargeback_by_hand() -> None:
    found = result_of(three())["chargeback"]
    assert found[0] == {
        "organization_id": "org_b",
        "total_cost": 6.0,
        "monthly_cost": pytest.approx(6.0),
        "call_count": 3,
        "customer_count": 2,
        "share_percent": 60.0,
        "cost_per_1k_tokens": pytest.approx(6 / 2.4),
        "budget": None,
        "pace_percent": None,
        "product_breakdown": {
            "product_a": {"cost": 5.0, "call_count": 2},
            "product_b": {"cost": 1.0, "call_count": 1},
        },
    }
    assert [(r["organization_id"], r["total_cost"]) for r in found[1:]] == [
        ("org_a", 2.0),
        ("unknown", 2.0),
    ]


def test_summary_by_hand() -> None:
    summary = result_of(three())["summary"]
    assert summary["organization_count"] == 2
    assert summary["top_organization"] == "org_b"
    assert summary["top_organization_share_percent"] == 60.0
    assert summary["unallocated_cost"] == 4.0  # one call without a product, one without an owner
    assert summary["unallocated_percent"] == 40.0
    assert summary["monthly_cost"] == pytest.approx(10.0)


def test_fair_share_spreads_what_nobody_owns() -> None:
    found = {r["organization_id"]: r for r in result_of(three())["fair_share"]}
    assert found["org_b"]["cost"] == 6.0
    assert found["org_b"]["share_percent"] == 60.0
    assert found["org_b"]["call_share_percent"] == 60.0
    assert found["org_b"]["cost_with_unallocated"] == pytest.approx(7.5)  # 6 of 8 owned
    assert found["org_a"]["cost_with_unallocated"] == pytest.approx(2.5)
    assert found["unknown"]["cost_with_unallocated"] == 0.0


def test_a_call_belongs_to_the_organization_it_names() -> None:
    rows = [
        owned("org_a", "1", timestamp=at(0), customer_id="moved"),
        owned("org_b", "2", timestamp=at(1), customer_id="moved"),
    ]
    found = {r["organization_id"]: r["total_cost"] for r in result_of(rows)["chargeback"]}
    assert found == {"org_a": 1.0, "org_b": 2.0}


def test_chargeback_against_plain_sums() -> None:
    rows = many()
    costs: DefaultDict[Any, float] = defaultdict(float)
    products: DefaultDict[Any, float] = defaultdict(float)
    customers: DefaultDict[Any, set[str]] = defaultdict(set)
    for row in rows:
        costs[row["organization_id"]] += float(row["cost_usd"])
        products[row["organization_id"], row["product_id"]] += float(row["cost_usd"])
        customers[row["organization_id"]].add(row["customer_id"])
    result = result_of(rows)
    assert [r["organization_id"] for r in result["chargeback"]] == sorted(
        costs, key=lambda k: -costs[k]
    )
    for row in result["chargeback"]:
        name = row["organization_id"]
        assert row["total_cost"] == pytest.approx(costs[name])
        assert row["customer_count"] == len(customers[name])
        for product, part in row["product_breakdown"].items():
            assert part["cost"] == pytest.approx(products[name, product])
    total = sum(r["total_cost"] for r in result["chargeback"])
    assert total == pytest.approx(result["summary"]["total_cost"])
    weekly = sum(r["total_cost"] for r in result["weekly"])
    assert weekly == pytest.approx(total)


def test_weeks_are_in_order() -> None:
    rows = [owned("org_b", "1", timestamp=at(7)), owned("org_a", "2", timestamp=at(0))]
    assert result_of(rows)["weekly"] == [
        {"week": "2025-W01", "organization_id": "org_a", "call_count": 1, "total_cost": 2.0},
        {"week": "2025-W02", "organization_id": "org_b", "call_count": 1, "total_cost": 1.0},
    ]


@pytest.mark.parametrize("section", ["by_product", "by_feature", "by_environment"])
def test_other_breakdowns_sum_to_the_total(section: str) -> None:
    result = result_of(many())
    found = result[section]
    assert sum(r["total_cost"] for r in found) == pytest.approx(result["summary"]["total_cost"])
    assert sum(r["monthly_cost"] for r in found) == pytest.approx(result["summary"]["monthly_cost"])
    assert [r["total_cost"] for r in found] == sorted(
        (r["total_cost"] for r in found), reverse=True
    )


def test_efficiency_lists_five_of_each_end() -> None:
    rows = [owned(f"org_{n}", str(n), input_tokens=500, output_tokens=500) for n in range(1, 8)]
    rows.append(owned("", "100"))
    found = result_of(rows)["efficiency"]
    assert [r["organization_id"] for r in found["most"]] == [f"org_{n}" for n in range(1, 6)]
    assert [r["organization_id"] for r in found["least"]] == [f"org_{n}" for n in (7, 6, 5, 4, 3)]
    assert found["most"][0]["cost_per_1k_tokens"] == 1.0


# --- sentences -------------------------------------------------------------------------------


def test_cost_of_nobody_is_a_finding_and_to_be_tagged() -> None:
    result = result_of(three())
    assert "40.0% of the cost is unallocated" in [f["title"] for f in result["findings"]]
    assert result["recommendations"] == [
        "Tag calls with organization and product where they are made: $4.00 per month cannot "
        "be charged to anybody."
    ]


def test_everything_owned_is_good_news() -> None:
    result = result_of([owned("org_a", "1"), owned("org_b", "1")])
    titles = [f["title"] for f in result["findings"]]
    assert "Every dollar has an owner" in titles
    assert "org_a causes 50.0% of the cost" in titles
    assert result["recommendations"] == []


def test_an_organization_that_pays_more_a_token() -> None:
    # 300 calls of 1,000 tokens: 0.01, 0.01 and 0.04 USD each, on average 0.02.
    rows = [
        owned(
            name,
            cost,
            timestamp=at(29 * (i % 2), 23 * (i % 2)),
            input_tokens=500,
            output_tokens=500,
        )
        for name, cost in (("a", "0.01"), ("b", "0.01"), ("c", "0.04"))
        for i in range(100)
    ]
    result = result_of(rows)
    found = next(f for f in result["findings"] if "per token than average" in f["title"])
    assert found["title"] == "1 organization pays over 25% more per token than average"
    assert found["impact_usd_per_month"] == pytest.approx(2.0)  # 4 USD at half the price
    assert result["recommendations"] == [
        "Review the models that c uses: at the average price per token it would cost $2.00 "
        "per month less."
    ]


def test_too_few_calls_are_not_called_expensive() -> None:
    rows = [
        owned(name, cost, input_tokens=500, output_tokens=500)
        for name, cost in (("a", "0.01"), ("b", "0.01"), ("c", "0.04"))
        for _ in range(99)
    ]
    assert not any("per token" in f["title"] for f in result_of(rows)["findings"])


def test_budgets_where_few_cause_half() -> None:
    rows = [owned(f"org_{n}", "1", timestamp=at(0, 0)) for n in range(6)]
    rows += [owned("org_x", "8", timestamp=at(29, 23))]
    assert result_of(rows)["recommendations"] == [
        "Agree on budgets with 1 organization, starting with org_x: $8.00 per month is 57.1% of "
        "the cost of 7 organizations."
    ]


def test_no_budgets_where_cost_is_even() -> None:
    rows = [owned(f"org_{n}", "1") for n in range(8)]
    assert result_of(rows)["recommendations"] == []
