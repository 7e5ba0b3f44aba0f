"""A figure that rests on what could not be checked is null in every result, never 0."""

from __future__ import annotations

import itertools
from functools import lru_cache
from typing import Any, Dict, List, Tuple

import pytest

from finops.registry import ANALYZER_REGISTRY
from finops.results.unchecked import FIGURES
from tests.analyzers.samples import run_all
from tests.analyzers.test_unchecked import FREE, UNKNOWN_COST, busy, week

Rows = List[Dict[str, str]]

# By hand: which figures say what a check found.  Those of abuse rest on four checks.
ALONE: Dict[Tuple[str, str], Tuple[str, ...]] = {
    ("realtime", "anomalies"): ("anomaly_count", "incident_count"),
    ("realtime", "at_risk_customers"): ("at_risk_customers",),
    ("profitability", "unprofitable"): ("unprofitable_count", "total_monthly_loss"),
    ("profitability", "gone"): ("revenue_lost",),
    ("churn_growth", "churned"): ("churned_customers", "lost_monthly_revenue"),
    ("churn_growth", "at_risk"): ("at_risk_customers", "at_risk_monthly_revenue"),
    ("churn_growth", "expansion"): ("expansion_customers", "expansion_monthly_revenue"),
}
TOGETHER: Dict[str, Tuple[Tuple[str, ...], Tuple[str, ...]]] = {
    "realtime": (("high_daily_cost", "high_error_rate", "provider_degraded"), ("alert_count",)),
    "abuse_detection": (
        ("unusual_usage", "cost_spikes", "rate_limit_abuse", "suspicious_access"),
        ("flagged_customers", "critical_count", "estimated_exposure_usd_per_month"),
    ),
}
LACKING: Dict[str, Dict[str, Any]] = {
    "cost": UNKNOWN_COST,
    "price": FREE,
    "status": {"status": "", "error_type": ""},
    "region": {"region": ""},
    "customer": {"customer_id": ""},
    "everything": {
        **UNKNOWN_COST,
        **FREE,
        **{"status": "", "error_type": "", "region": "", "customer_id": "", "latency_ms": ""},
    },
    "nothing": {},
}
SHAPES = ("few days", "few calls", "many calls")


@lru_cache(maxsize=None)
def results_of(shape: str, lacking: str) -> Dict[str, Any]:
    """Return all results for data of a shape that lacks something; do not change them."""
    changes = LACKING[lacking]
    if shape == "few days":
        return run_all(week(5, **changes))
    if shape == "few calls":
        return run_all(week(40, **changes))
    return run_all(busy(31, 20, **changes))


CASES = list(itertools.product(SHAPES, LACKING))


def test_what_rests_on_a_check_is_declared() -> None:
    declared = {
        (name, check): tuple(figures)
        for name, checks in FIGURES.items()
        for check, figures in checks.items()
    }
    assert ALONE.items() <= declared.items()
    together = {(name, check) for name, (checks, _) in TOGETHER.items() for check in checks}
    assert set(declared) == set(ALONE) | together


def test_every_check_is_missing_somewhere() -> None:
    seen = {
        (name, check)
        for case in CASES
        for name, result in results_of(*case).items()
        for check in result.get("unchecked", {})
    }
    assert seen == {(name, check) for name, checks in FIGURES.items() for check in checks}


@pytest.mark.parametrize("case", CASES, ids=" without ".join)
def test_a_figure_that_was_not_checked_is_null(case: Tuple[str, str]) -> None:
    results = results_of(*case)
    for (name, check), figures in ALONE.items():
        summary = results[name]["summary"]
        if check in results[name]["unchecked"]:
            assert [summary[figure] for figure in figures] == [None] * len(figures), check
    for name, (checks, figures) in TOGETHER.items():
        summary, unchecked = results[name]["summary"], results[name]["unchecked"]
        if set(checks) & set(unchecked):
            assert not any(summary[figure] == 0 for figure in figures), name
        if set(checks) <= set(unchecked):
            assert [summary[figure] for figure in figures] == [None] * len(figures), name
    abuse = results["abuse_detection"]
    if abuse["unchecked"]:
        assert abuse["summary"]["flagged_percent"] is None
    for row in abuse["daily"]:
        assert (row["flagged_customers"] is None) == (abuse["summary"]["flagged_customers"] is None)


def test_what_was_checked_is_0() -> None:
    results = results_of("many calls", "nothing")
    for name, figures in {
        "realtime": ("anomaly_count", "incident_count", "alert_count", "at_risk_customers"),
        "churn_growth": ("churned_customers", "at_risk_customers", "expansion_customers"),
        "abuse_detection": ("flagged_customers", "flagged_percent", "critical_count"),
        "profitability": ("unprofitable_count", "total_monthly_loss", "revenue_lost"),
    }.items():
        left = set(results[name]["unchecked"]) - {"provider_degraded"}
        assert left == set(), name
        for figure in figures:
            if figure != "alert_count":  # no provider has enough calls in an hour
                assert results[name]["summary"][figure] == 0, figure


def test_what_some_checks_found_is_kept() -> None:
    """The calls name no region, and one customer runs into limits."""
    limited = {"status": "error", "error_type": "rate_limit"}
    rows = busy(31, 20, region="") + busy(1, 20 * 24, region="", customer_id="b", **limited)
    result = run_all(rows)["abuse_detection"]
    assert "suspicious_access" in result["unchecked"]
    assert result["summary"]["flagged_customers"] == len(result["customers"]) == 1
    assert result["summary"]["flagged_percent"] is None


@pytest.mark.parametrize("name", sorted(FIGURES))
def test_only_declared_checks_are_made(name: str) -> None:
    for case in CASES:
        assert set(results_of(*case)[name]["unchecked"]) <= set(FIGURES[name])


def test_every_result_that_says_what_was_not_checked_is_declared() -> None:
    results = results_of("few days", "nothing")
    assert {name for name in ANALYZER_REGISTRY if "unchecked" in results[name]} == set(FIGURES)
