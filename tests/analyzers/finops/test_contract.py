"""What holds for each of the five FinOps analyses, whatever the data."""

from __future__ import annotations

import json
import random
import re
from functools import lru_cache
from typing import Any, Dict, Optional, Tuple, Type

import pytest

from finops.analyzers.base import GRADES, KINDS, SEVERITIES, Analyzer, is_trivial
from finops.registry import ANALYZER_REGISTRY
from finops.results.base import Finding
from tests.analyzers.samples import edges, many, run
from tests.support.reference import ReferenceDataset, call

IDS = ("understanding", "performance", "realtime", "optimization", "alignment")
BOTH = "findings recommendations"
SECTIONS: Dict[str, str] = {
    "understanding": "by_provider by_model by_customer by_feature by_organization by_product "
    "by_task_type by_environment daily forecast efficiency",
    "performance": "latency latency_histogram model_rankings sla_compliance by_task_type "
    "hourly_profile",
    "realtime": "hourly_baseline anomalies alerts portfolio_risk at_risk_customers",
    "optimization": "reserved_capacity model_switches",
    "alignment": "chargeback fair_share by_product by_feature by_environment efficiency",
}
SUMMARIES: Dict[str, str] = {
    "understanding": "total_tokens unique_customers avg_cost_per_call avg_daily_cost "
    "forecast_30_days trend_percent",
    "performance": "avg_latency_ms p50_latency_ms p95_latency_ms p99_latency_ms max_latency_ms "
    "sla_threshold_ms sla_violations sla_compliance_percent error_rate_percent",
    "realtime": "anomaly_count alert_count risk_level error_rate_percent",
    "optimization": "monthly_cost total_monthly_savings savings_percent",
    "alignment": "organization_count top_organization top_organization_share_percent "
    "unallocated_cost",
}
ROWS: Dict[Tuple[str, str], str] = {
    ("understanding", "by_provider"): "provider call_count total_cost total_tokens "
    "avg_cost_per_call share_percent",
    ("understanding", "by_model"): "provider model call_count total_cost total_tokens "
    "cost_per_1k_tokens share_percent",
    ("understanding", "by_customer"): "customer_id subscription_tier call_count total_cost "
    "share_percent",
    ("understanding", "by_feature"): "feature_id call_count total_cost share_percent",
    ("understanding", "by_organization"): "organization_id call_count total_cost share_percent",
    ("understanding", "by_product"): "product_id call_count total_cost share_percent",
    ("understanding", "by_task_type"): "task_type call_count total_cost share_percent",
    ("understanding", "by_environment"): "environment call_count total_cost share_percent",
    ("understanding", "daily"): "date call_count total_cost",
    ("understanding", "efficiency"): "provider model tokens_per_dollar total_cost",
    ("performance", "latency_histogram"): "from_ms to_ms call_count",
    ("performance", "model_rankings"): "provider model call_count tokens_per_second "
    "avg_latency_ms p50_latency_ms p95_latency_ms p99_latency_ms error_rate_percent "
    "cost_per_1k_tokens",
    ("performance", "sla_compliance"): "provider total_calls compliant_calls compliance_rate "
    "violations",
    ("performance", "by_task_type"): "task_type call_count avg_latency_ms p95_latency_ms "
    "fastest_model",
    ("performance", "hourly_profile"): "hour call_count avg_latency_ms p95_latency_ms",
    ("realtime", "anomalies"): "hour cost deviation top_customer top_model",
    ("realtime", "alerts"): "type severity subject value threshold message",
    ("realtime", "at_risk_customers"): "customer_id subscription_tier monthly_revenue "
    "monthly_cost burn_percent risk",
    ("optimization", "model_switches"): "feature_id task_type current_provider current_model "
    "alternative_provider alternative_model call_count current_cost alternative_cost "
    "estimated_savings savings_percent monthly_savings",
    ("alignment", "chargeback"): "organization_id total_cost monthly_cost call_count "
    "customer_count share_percent cost_per_1k_tokens product_breakdown",
    ("alignment", "fair_share"): "organization_id cost share_percent call_count",
}
PARTS: Dict[Tuple[str, str], str] = {
    ("understanding", "forecast"): "avg_daily_cost forecast_30_days low_30_days high_30_days "
    "trend_percent projection backtest",
    ("performance", "latency"): "mean median p95 p99 max sla_violations",
    ("realtime", "hourly_baseline"): "mean std_dev threshold",
    ("realtime", "portfolio_risk"): "max_provider_concentration top_provider diversity_score "
    "provider_count risk_level",
    ("optimization", "reserved_capacity"): "baseline_daily_calls committed_share_percent "
    "discount_percent current_cost optimized_cost savings savings_percent monthly_savings "
    "recommended_commitment",
    ("alignment", "efficiency"): "most least",
}


def monthly_cost(result: Dict[str, Any]) -> Optional[float]:
    days = result["basis"]["covered_days"]
    return float(result["summary"]["total_cost"] * 30 / days) if days >= 7 else None


def analyzer(name: str) -> Type[Analyzer]:
    return ANALYZER_REGISTRY[name].analyzer


@lru_cache(maxsize=None)
def of_edge(name: str, edge: str) -> Dict[str, Any]:
    """Return what an analysis says of one of the datasets at the edge; do not change it."""
    return run(analyzer(name), edges()[edge])


@lru_cache(maxsize=None)
def of_many(name: str) -> Dict[str, Any]:
    """Return what an analysis says of many calls and a dear one; do not change it."""
    burning = [call(timestamp="2025-01-22T00:00:00.000000", cost_usd="5000")]
    return run(analyzer(name), many() + burning)


@pytest.mark.unmeasured
@pytest.mark.parametrize("edge", list(edges()))
@pytest.mark.parametrize("name", IDS)
def test_every_dataset_gives_a_complete_dict_of_plain_values(name: str, edge: str) -> None:
    result = of_edge(name, edge)
    text = json.dumps(result, allow_nan=False)
    assert json.loads(text) == result  # no tuples, no keys that are not text
    assert set(f"summary {SECTIONS[name]} {BOTH}".split()) <= set(result)
    assert set(f"total_calls total_cost {SUMMARIES[name]}".split()) <= set(result["summary"])
    assert result["summary"]["total_calls"] == len(edges()[edge])
    for (owner, part), keys in PARTS.items():
        if owner == name:
            assert set(keys.split()) <= set(result[part])


@pytest.mark.unmeasured
@pytest.mark.parametrize(("name", "section"), list(ROWS))
def test_rows_have_the_promised_keys(name: str, section: str) -> None:
    rows = of_many(name)[section]
    assert rows
    for row in rows:
        assert set(ROWS[name, section].split()) <= set(row)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", IDS)
def test_the_order_of_rows_does_not_show(name: str) -> None:
    rows = many(300)
    first = json.dumps(run(analyzer(name), rows))
    random.Random(1).shuffle(rows)
    assert json.dumps(run(analyzer(name), rows)) == first


@pytest.mark.parametrize("name", IDS)
def test_tables_are_not_changed(name: str) -> None:
    data = ReferenceDataset(many(100)).rollups(analyzer(name).TABLES)
    before = repr([dict(data[table]) for table in analyzer(name).TABLES])
    analyzer(name)("").compute(data)
    assert repr([dict(data[table]) for table in analyzer(name).TABLES]) == before


@pytest.mark.unmeasured
@pytest.mark.parametrize("edge", list(edges()))
@pytest.mark.parametrize("name", IDS)
def test_findings_are_sorted_by_impact_and_sentences_are_sentences(name: str, edge: str) -> None:
    result = of_edge(name, edge)
    worth = [f["impact_usd_per_month"] or 0.0 for f in result["findings"]]
    assert worth == sorted(worth, reverse=True)
    for one in result["findings"]:
        assert tuple(one) == Finding._fields
        assert one["severity"] in SEVERITIES
        assert one["kind"] in KINDS
        assert {one["confidence"], one["effort"]} <= set(GRADES)
        if is_trivial(one["impact_usd_per_month"], monthly_cost(result)):
            assert one["severity"] not in ("critical", "warning")
        assert one["title"]
        assert one["detail"].endswith(".")
    for advice in result["recommendations"]:
        assert re.match(r"[A-Z][a-z]+ ", advice)
        assert advice.endswith(".")
        assert "nan" not in advice.split()


@pytest.mark.parametrize("name", IDS)
def test_nothing_is_recommended_where_nothing_happened(name: str) -> None:
    assert run(analyzer(name), [])["recommendations"] == []
    assert run(analyzer(name), [])["findings"] == []


@pytest.mark.parametrize("name", IDS)
def test_unpriced_calls_make_totals_a_lower_bound(name: str) -> None:
    result: Dict[str, Any] = run(analyzer(name), edges()["unpriced"] + many(50))
    assert result["summary"]["unpriced_calls"] == 3
    assert any("lower bound" in f["detail"] for f in result["findings"])
