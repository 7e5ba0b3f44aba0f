"""The contract that every registered analysis keeps, also on the smallest data."""

from __future__ import annotations

import inspect
import json
import math
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest

from finops import registry
from finops.analyzers.base import SEVERITIES, Analyzer
from finops.generators.reports.default import generate_default_report
from finops.registry import ANALYZER_REGISTRY, DOMAINS, Analysis
from tests.support.reference import ReferenceDataset, call

EVERY = pytest.mark.parametrize("analysis", ANALYZER_REGISTRY.values(), ids=lambda a: a.id)

# id: title, domain, keys of the summary besides total_calls and total_cost, sections.
CONTRACT: Dict[str, Tuple[str, str, str, str]] = {
    "dataset_overview": (
        "Dataset Overview",
        "Advanced Analytics",
        "total_tokens unique_customers unique_organizations unique_products unique_features"
        " unique_providers unique_models",
        "file temporal quality distributions",
    ),
    "understanding": (
        "Understanding Usage & Cost",
        "FinOps",
        "total_tokens unique_customers avg_cost_per_call avg_daily_cost forecast_30_days"
        " trend_percent",
        "by_provider by_model by_customer by_feature by_organization by_product by_task_type"
        " by_environment daily forecast efficiency",
    ),
    "performance": (
        "Performance Tracking",
        "FinOps",
        "avg_latency_ms p50_latency_ms p95_latency_ms p99_latency_ms max_latency_ms"
        " sla_threshold_ms sla_violations sla_compliance_percent error_rate_percent",
        "latency latency_histogram model_rankings sla_compliance by_task_type hourly_profile",
    ),
    "realtime": (
        "Real-Time Decision Making",
        "FinOps",
        "anomaly_count alert_count risk_level error_rate_percent",
        "hourly_baseline anomalies alerts portfolio_risk at_risk_customers",
    ),
    "optimization": (
        "Rate Optimization",
        "FinOps",
        "monthly_cost total_monthly_savings savings_percent",
        "reserved_capacity model_switches",
    ),
    "alignment": (
        "Organizational Alignment",
        "FinOps",
        "organization_count top_organization top_organization_share_percent unallocated_cost",
        "chargeback fair_share by_product by_feature by_environment efficiency",
    ),
    "profitability": (
        "Customer Profitability",
        "Usage-Based Revenue",
        "total_customers monthly_revenue monthly_cost monthly_margin margin_percent"
        " unprofitable_count total_monthly_loss customers_without_price",
        "customers by_tier by_archetype categories unprofitable without_price",
    ),
    "pricing": (
        "Pricing Strategy",
        "Usage-Based Revenue",
        "monthly_cost customers current_model current_monthly_revenue best_model"
        " best_monthly_revenue uplift_percent",
        "models segments sensitivity break_even_price_per_1k_calls",
    ),
    "features": (
        "Feature Economics",
        "Usage-Based Revenue",
        "feature_count best_feature worst_feature",
        "features adoption_trend",
    ),
    "token_economics": (
        "Token Economics",
        "Advanced Analytics",
        "total_input_tokens total_output_tokens tokens_per_dollar cost_per_1m_tokens wasted_cost"
        " monthly_savings",
        "efficiency wasteful_patterns opportunities daily_tokens",
    ),
    "geographic_latency": (
        "Geographic Latency",
        "Advanced Analytics",
        "fastest_region slowest_region sla_violations routing_opportunities",
        "regions provider_regions routing",
    ),
    "churn_growth": (
        "Churn & Growth",
        "Advanced Analytics",
        "total_customers churned_customers churn_rate_percent at_risk_customers"
        " weekly_growth_percent",
        "churned at_risk expansion weekly growth cohorts",
    ),
    "abuse_detection": (
        "Abuse Detection",
        "Advanced Analytics",
        "flagged_customers critical_count estimated_exposure_usd_per_month",
        "unusual_usage rate_limit_abuse cost_spikes suspicious_access customers",
    ),
}
FREE = {"cost_usd": "0", "tier_price_usd": "0"}
DATASETS: Dict[str, List[Dict[str, str]]] = {
    "no call": [],
    "one call": [call()],
    "one customer": [call(timestamp=f"2025-01-0{day}T10:00:00.000000") for day in range(1, 8)],
    "one hour": [call(customer_id=f"cust_{n:04d}") for n in range(20)],
    "all errors": [
        call(status="error", error_type=kind, output_tokens="0", cost_usd="0", latency_ms="0")
        for kind in ("timeout", "rate_limit", "auth_error", "server_error")
    ],
    "all free": [call(customer_id=f"cust_{n:04d}", **FREE) for n in range(9)],
    "nothing known": [
        call(provider="p", model="m", cost_usd="", tier_price_usd="", subscription_tier="")
    ],
    "no tokens": [call(input_tokens="0", output_tokens="0", cost_usd="0", latency_ms="0")],
}
EVERY_DATASET = pytest.mark.parametrize("name", DATASETS)


def result_of(analysis: Analysis, rows: List[Dict[str, str]]) -> Dict[str, Any]:
    return analysis.analyzer(ReferenceDataset(rows)).analyze()


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner)
    elif isinstance(value, float):
        yield value


def test_what_was_released_stays_in_its_domain() -> None:
    known = {a.id: (a.title, a.domain) for a in ANALYZER_REGISTRY.values()}
    released = {name: contract[:2] for name, contract in CONTRACT.items()}
    assert {name: known[name] for name in released} == released
    assert {a.domain for a in ANALYZER_REGISTRY.values()} == set(DOMAINS)


@EVERY
def test_entries_say_what_they_are_for(analysis: Analysis) -> None:
    assert ANALYZER_REGISTRY[analysis.id] is analysis
    assert analysis.purpose.endswith(".")
    assert analysis.filename == f"{analysis.id}.html"


@EVERY
def test_the_analyzer_is_a_class_of_its_own_that_declares_what_it_needs(
    analysis: Analysis,
) -> None:
    assert issubclass(analysis.analyzer, Analyzer)
    module = analysis.analyzer.__module__
    assert module.rsplit(".", 1)[-1] == analysis.id
    others = [a for a in ANALYZER_REGISTRY.values() if a.analyzer.__module__ == module]
    assert others == [analysis]
    assert analysis.analyzer.TABLES
    for table in analysis.analyzer.TABLES:
        table.check()


@EVERY
def test_the_generator_is_a_function_of_its_own_file(analysis: Analysis) -> None:
    module = f"finops.generators.reports.{analysis.id}"
    own = find_spec(module) is not None
    assert own or analysis.id not in CONTRACT
    if own:
        assert analysis.generator.__name__ == f"generate_{analysis.id}_report"
        assert analysis.generator.__module__ == module
    else:
        assert analysis.generator is generate_default_report
    assert list(inspect.signature(analysis.generator).parameters) == ["data", "output_path"]


def test_an_analysis_without_a_page_of_its_own_gets_the_general_one() -> None:
    bare = Analysis("no_such_page", "Title", DOMAINS[0], "Purpose.", "base:Analyzer")
    assert bare.generator is generate_default_report


def test_a_page_that_cannot_be_imported_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ModuleNotFoundError("no module named 'lost'", name="lost")

    monkeypatch.setattr(registry, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="lost"):
        assert callable(ANALYZER_REGISTRY["pricing"].generator)


@EVERY
@EVERY_DATASET
def test_every_key_is_there_whatever_the_data(analysis: Analysis, name: str) -> None:
    result = result_of(analysis, DATASETS[name])
    _, _, summary, sections = CONTRACT.get(analysis.id, ("", "", "", ""))
    wanted = {"total_calls", "total_cost", *summary.split()}
    assert wanted <= set(result["summary"])
    assert {"summary", "findings", "recommendations", *sections.split()} <= set(result)
    assert result["summary"]["total_calls"] == len(DATASETS[name])


@EVERY
@EVERY_DATASET
def test_results_are_strict_json_of_plain_numbers(analysis: Analysis, name: str) -> None:
    result = result_of(analysis, DATASETS[name])
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert all(math.isfinite(number) for number in numbers_in(result))
    figures = {k: v for k, v in result["summary"].items() if isinstance(v, str)}
    assert not any(value.startswith("$") for value in figures.values())


@EVERY
@EVERY_DATASET
def test_findings_and_recommendations_keep_their_form(analysis: Analysis, name: str) -> None:
    result = result_of(analysis, DATASETS[name])
    impacts = [one["impact_usd_per_month"] or 0.0 for one in result["findings"]]
    assert impacts == sorted(impacts, reverse=True)
    for one in result["findings"]:
        assert one["severity"] in SEVERITIES
        assert one["title"]
        assert one["detail"]
    assert all(isinstance(one, str) and one[0].isupper() for one in result["recommendations"])


@EVERY
def test_two_runs_give_the_same_bytes(analysis: Analysis, small_csv: Path) -> None:
    first, second = (analysis.analyzer(str(small_csv)).analyze() for _ in range(2))
    for result in (first, second):
        result.get("file", {}).pop("analyzed_at", None)
    assert json.dumps(first) == json.dumps(second)


class Outline(HTMLParser):
    """The tags of a page, and whether they nest."""

    VOID = ("meta", "link", "input", "br", "hr", "img", "col")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: List[str] = []
        self.seen: List[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@EVERY
@EVERY_DATASET
def test_a_page_is_written_whatever_the_data(analysis: Analysis, name: str, tmp_path: Path) -> None:
    result = result_of(analysis, DATASETS[name])
    before = json.dumps(result)
    page = tmp_path / analysis.filename
    analysis.generator(result, str(page))
    assert json.dumps(result) == before
    outline = Outline(page.read_text(encoding="utf-8"))
    assert outline.open == []
    assert outline.seen.count("h1") == 1
