"""The index leads with what is worth most."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators.reports.index import generate_index
from finops.generators.reports.understanding import generate_understanding_report
from finops.registry import ANALYZER_REGISTRY, DOMAINS
from tests.generators.pages import CONTEXT, Page, results_of
from tests.support.rows import varied_rows

pytestmark = pytest.mark.once

REPORTS: List[Dict[str, Any]] = [
    {
        "id": one.id,
        "title": one.title,
        "domain": one.domain,
        "purpose": one.purpose,
        "filename": one.filename,
        "size_kb": 61.4,
        "generated_at": "2025-04-01T08:15:30Z",
        "seconds": 0.42,
        "status": "ok",
    }
    for one in ANALYZER_REGISTRY.values()
]


def finding(title: str, worth: Any, severity: str = "warning", **more: Any) -> Dict[str, Any]:
    about = {"severity": severity, "title": title, "detail": f"{title}."}
    return dict(about, impact_usd_per_month=worth, **more)


def index(tmp_path: Path, results: Any, reports: Any = REPORTS, **context: Any) -> Page:
    generate_index(results, reports, dict(CONTEXT, **context), tmp_path / "index.html")
    return Page((tmp_path / "index.html").read_text(encoding="utf-8"))


def test_each_kind_has_a_list_and_the_most_valuable_lead(tmp_path: Path) -> None:
    results = {
        "understanding": {"findings": [finding("dear", 300, kind="saving", confidence="low")]},
        "pricing": {"findings": [finding(str(n), n, kind="saving") for n in range(7, 1, -1)]},
        "churn_growth": {"findings": [finding("leaving", 900, kind="revenue_at_risk")]},
        "performance": {"findings": [finding("slow", None, kind="quality")]},
    }
    read = index(tmp_path, results)
    assert read.says(
        "Savings $327.00 can be saved per month in all; 2 more are in the reports. "
        "$300.00 per month dear dear. Confidence low, effort not known Understanding"
    )
    assert read.says("Revenue at risk $900.00 per month leaving leaving. Churn & Growth")
    assert read.says("slow slow. Performance Tracking")
    assert not read.says("3 3.")


def test_savings_come_to_what_their_report_says(tmp_path: Path) -> None:
    results = {
        "optimization": {
            "summary": {"total_monthly_savings": 500.0},
            "findings": [finding(str(n), n, kind="saving") for n in (300, 100)],
        },
        "pricing": {"findings": [finding(f"loss {n}", n, kind="loss") for n in (20, 10)]},
    }
    read = index(tmp_path, results)
    assert read.says("Savings $500.00 can be saved per month in all.")
    assert read.says("Losses $30.00 lost per month in all.")


def test_without_findings_there_is_a_sentence(tmp_path: Path) -> None:
    assert index(tmp_path, {}).says("No report found anything that crosses")


def test_every_report_is_listed_in_its_domain(tmp_path: Path) -> None:
    read = index(tmp_path, {})
    for one in ANALYZER_REGISTRY.values():
        assert read.says(f"{one.title} no result {one.purpose} 61.4 KB · 1 Apr 2025, 08:15 UTC")
        assert f"{one.id}.html" in read.values_of("href")
    text = " ".join(read.text)
    assert sorted(DOMAINS, key=text.index) == list(DOMAINS)


def test_the_first_screen_has_the_figures_of_the_reports(tmp_path: Path) -> None:
    results = {
        "understanding": {
            "summary": {"monthly_cost": 900.0},
            "change": {"days": 30, "previous_period_cost": 800.0, "cost_now": 900.0},
            "forecast": {
                "forecast_30_days": 950.0,
                "low_30_days": 900.5,
                "high_30_days": 1000.25,
            },
        },
        "profitability": {"summary": {"monthly_margin": 5000.0, "margin_percent": 84.7}},
        "alignment": {
            "budgets": [
                {"scope": "total", "subject": "", "spent": 5, "monthly_budget": 10,
                 "pace_percent": 80.0},
                {"scope": "provider", "subject": "openai", "spent": 600.0,
                 "monthly_budget": 700.0, "pace_percent": 120.0, "breach_date": "2025-03-28"},
            ]
        },
    }  # fmt: skip
    read = index(tmp_path, results, cost=75_732.18, unpriced_calls=3)
    assert read.says(
        "Cost ≥ $75,732.18 at least $900.00 per month; 3 calls have no known cost "
        "Change, last 30 days +12.5% $900.00 now, $800.00 in the 30 days before "
        "Forecast for 30 days $901 to $1,000 $950.00 expected "
        "Margin after AI cost $5,000.00 per month, 84.7% of revenue "
        "Budget pace 120.0% $600.00 of $700.00, provider openai; used up on 28 Mar 2025"
    )


def test_daily_cost_is_stacked_by_provider_and_the_smallest_are_put_together(
    tmp_path: Path,
) -> None:
    days = [f"2025-01-{day:02d}" for day in range(1, 31)] * 5
    keys = [[f"p{n}", model] for n in range(9) for model in ("a", "b")]
    rows = [[float(n + 1)] * len(days) for n in range(9) for _ in range(2)]
    models = {"days": days, "by": ["provider", "model"], "keys": keys, "sums": {"cost": rows}}
    chart = index(tmp_path, {"understanding": {"by_day": {"models": models}}}).data["charts"]
    drawn = chart["daily-cost"]
    assert [s["label"] for s in drawn["series"]] == ["p8", "p7", "p6", "p5", "p4", "p3", "others"]
    assert drawn["series"][0]["values"] == [18] * 75  # of two days each
    assert drawn["series"][-1]["values"] == [2 + 4 + 6] * 75


def test_what_the_data_does_not_say_is_said(tmp_path: Path) -> None:
    coverage = {"customer_id": 75.0, "latency_ms": 100.0, "region": None}
    read = index(tmp_path, {}, unpriced_calls=1200, coverage=coverage)
    assert read.says("1,200 calls have no known cost, so all costs are lower bounds.")
    assert read.says("25.0% of the calls name no customer.")
    assert not read.says("latency.")


def test_what_no_call_says_is_said_in_one_sentence(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("organization_id", "product_id", "feature_id", "latency_ms"), 0.0)
    read = index(tmp_path, {}, coverage={**nothing, "customer_id": 100.0})
    assert read.says(
        "No call names an organization, a product or a feature. No call has a latency."
    )
    assert index(tmp_path, {}, coverage={"region": 0.0}).says("No call names a region.")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"status": "timeout", "reason": "It took too long."},
            "Showing the previous report: the last run failed",
        ),
        ({"status": "error", "generated_at": None, "reason": "It crashed."}, "Not made"),
    ],
)
def test_a_failed_report_is_marked(tmp_path: Path, change: Dict[str, Any], words: str) -> None:
    reports = [dict(REPORTS[0], **change), *REPORTS[1:]]
    read = index(tmp_path, {}, reports)
    assert read.says(f"{words} {change['reason']}")
    linked = f"{REPORTS[0]['id']}.html" in read.values_of("href")
    assert linked == (change.get("generated_at", "") is not None)


def test_scenario_pages_are_listed_when_there_are_some(tmp_path: Path) -> None:
    pages = [{"filename": "scenario_churn.html", "title": "Churn", "purpose": "Who leaves."}]
    assert index(tmp_path, {}, scenarios=pages).says("Scenarios Churn Who leaves.")
    assert not index(tmp_path, {}).says("Scenarios")
    with pytest.raises(ValueError, match="plain name"):
        index(tmp_path, {}, scenarios=[dict(pages[0], filename="javascript:alert(1)")])


def test_headlines_are_known_figures(tmp_path: Path) -> None:
    results = results_of(varied_rows(300))
    read = index(tmp_path, results)
    assert not read.says("no result")
    assert len(read.data["charts"]["daily-cost"]["labels"]) == len(
        results["understanding"]["daily"]
    )


def test_the_forecast_of_a_tile_is_that_of_its_page(tmp_path: Path) -> None:
    summary = {"total_calls": 9, "forecast_30_days": 150.0}
    read = index(tmp_path, {"understanding": {"summary": summary}})
    assert read.says("$150.00 forecast for 30 days")
    generate_understanding_report({"summary": summary}, tmp_path / "understanding.html")
    page = Page((tmp_path / "understanding.html").read_text(encoding="utf-8"))
    assert page.says("Next 30 days $150.00")
