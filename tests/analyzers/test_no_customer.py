"""Calls that name no customer: counted in every total, and a customer of nobody."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from finops.analyzers.advanced.churn_growth import ChurnGrowthAnalyzer
from finops.analyzers.advanced.dataset_overview import DatasetOverviewAnalyzer
from finops.analyzers.finops.alignment import AlignmentAnalyzer
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.analyzers.finops.understanding import UnderstandingAnalyzer
from finops.analyzers.ubr.features import FeaturesAnalyzer
from finops.registry import ANALYZER_REGISTRY
from tests.support.reference import ReferenceDataset, call

DAYS = range(1, 21)


def days_of(customer: str, cost: str) -> List[Dict[str, str]]:
    """Return a call on each of twenty days."""
    return [
        call(timestamp=f"2026-03-{day:02}T12:00:00.000000", customer_id=customer, cost_usd=cost)
        for day in DAYS
    ]


def titles(result: Dict[str, Any]) -> List[str]:
    """Return the titles of the findings of a result."""
    return [finding["title"] for finding in result["findings"]]


@pytest.mark.parametrize(("cost", "noted"), [("0.03", False), ("0.02", False), ("0.06", True)])
def test_cost_without_a_customer_comes_first_where_it_is_over_one_percent(
    cost: str, noted: bool
) -> None:
    # 0.06 of 3.06 is 2.0 %, 0.03 of 3.03 is 0.99 %.
    data = ReferenceDataset([*days_of("acme", "3.00"), *days_of("", cost)])
    first = [title for title in titles(AlignmentAnalyzer(data).analyze())][:1]
    assert (first == ["2.0% of the cost names no customer"]) == noted
    assert ("Every dollar has an owner" in titles(AlignmentAnalyzer(data).analyze())) != noted


def test_nobody_is_not_counted_as_a_customer() -> None:
    data = ReferenceDataset([*days_of("acme", "3.00"), *days_of("", "5.00")])
    for analyzer in (UnderstandingAnalyzer, DatasetOverviewAnalyzer):
        summary = analyzer(data).analyze()["summary"]
        assert summary["unique_customers"] == 1
        assert summary["total_cost"] == pytest.approx(160.0)


COUNTS = (
    *("unique_customers", "unique_organizations", "unique_products", "unique_features"),
    *("organization_count", "total_customers"),
)
NAMES = ("customer_id", "organization_id", "product_id", "feature_id")


@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_how_many_there_are_is_not_known_where_no_call_names_one(name: str) -> None:
    def counts(rows: List[Dict[str, str]]) -> Dict[str, Any]:
        summary = ANALYZER_REGISTRY[name].analyzer(ReferenceDataset(rows)).analyze()["summary"]
        return {key: summary[key] for key in COUNTS if key in summary}

    rows = days_of("acme", "3.00")
    assert 0 not in counts(rows).values()
    assert None not in counts(rows).values()
    unnamed = counts([{**row, **dict.fromkeys(NAMES, "")} for row in rows])
    assert set(unnamed.values()) <= {None}
    assert set(counts([]).values()) <= {0}


def test_nobody_adopts_no_feature_and_is_of_no_cohort() -> None:
    data = ReferenceDataset([*days_of("acme", "3.00"), *days_of("", "5.00")])
    features = FeaturesAnalyzer(data).analyze()
    (row,) = features["features"]
    assert (row["customer_count"], row["adoption_percent"], row["call_count"]) == (1, 100.0, 40)
    assert {week["customers"] for week in features["adoption_trend"]} == {1}
    churn = ChurnGrowthAnalyzer(data).analyze()
    assert {week["customer_count"] for week in churn["weekly"]} == {1}
    assert sum(week["call_count"] for week in churn["weekly"]) == 40
    assert [cohort["cohort_size"] for cohort in churn["cohorts"]] == [1]


def test_one_provider_is_no_concentration() -> None:
    result = RealtimeAnalyzer(ReferenceDataset(days_of("acme", "3.00"))).analyze()
    assert result["portfolio_risk"]["max_provider_concentration"] == 1.0
    assert not any("accounts for" in title for title in titles(result))
    assert not any("Reduce dependence" in advice for advice in result["recommendations"])
