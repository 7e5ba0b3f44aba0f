"""Calls without a latency count everywhere but in what is said of latency."""

from __future__ import annotations

from typing import Any, Dict, List

import pytest

from finops import config
from finops.analyzers.base import Analyzer
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from tests.analyzers.samples import many, run, run_all
from tests.rollups.test_dataset import csv_of

LATENCY_KEYS = ("latency", "sla", "p50", "p95", "p99", "mean", "median", "max", "violations")


def without_latency(rows: List[Dict[str, str]]) -> List[Dict[str, str]]:
    return [dict(row, latency_ms="") for row in rows]


def of_latency(result: Any) -> Any:
    """Return of a result's sections what is said of latency, and what it is said of."""
    if isinstance(result, dict):
        return {
            key: of_latency(value)
            for key, value in result.items()
            if isinstance(value, (dict, list)) or any(word in key for word in LATENCY_KEYS)
        }
    return [of_latency(row) for row in result] if isinstance(result, list) else result


def analyzer(name: str) -> Any:
    kind = ANALYZER_REGISTRY[name].analyzer
    assert issubclass(kind, Analyzer)
    return kind


@pytest.fixture(scope="module")
def results() -> List[Dict[str, Any]]:
    """What all analyses say of calls, and of the same calls without any latency."""
    return [run_all(many()), run_all(without_latency(many()))]


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", list(ANALYZER_REGISTRY))
def test_without_any_latency_every_analysis_is_complete(
    name: str, results: List[Dict[str, Any]]
) -> None:
    known, unknown = (each[name] for each in results)
    assert unknown["summary"]["total_calls"] == len(many())
    assert set(unknown) == set(known)


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("name", "sections"),
    [
        ("performance", ["latency", "latency_histogram", "hourly_profile", "daily"]),
        ("geographic_latency", ["regions", "provider_regions", "latency_by_tokens", "daily"]),
    ],
)
def test_latency_figures_are_those_of_the_measured_calls(name: str, sections: List[str]) -> None:
    rows = many(seed=8)
    mixed = run(analyzer(name), rows + without_latency(rows))
    known = run(analyzer(name), rows)
    for section in sections:
        assert of_latency(mixed[section]) == of_latency(known[section]), section
    for key in ("avg_latency_ms", "sla_violations", "sla_compliance_percent"):
        assert mixed["summary"][key] == known["summary"][key]
    assert mixed["summary"]["total_calls"] == 2 * known["summary"]["total_calls"]


@pytest.mark.unmeasured
def test_a_slow_hour_of_a_provider_is_seen_among_calls_without_latency() -> None:
    rows = many(seed=3)
    known = run(analyzer("realtime"), rows)
    mixed = run(analyzer("realtime"), rows + without_latency(rows))
    measures = [
        [(row["subject"], row["value"]) for row in result["alerts"] if "p95" in str(row)]
        for result in (known, mixed)
    ]
    assert measures[0] == measures[1]


def test_a_file_without_the_column_is_analyzed(tmp_path: Any) -> None:
    content = csv_of(many(200)).decode("utf-8").replace("latency_ms", "elapsed", 1)
    path = tmp_path / "calls.csv"
    path.write_text(content, encoding="utf-8")
    results = compute(Job(path, tmp_path))
    assert list(results) == list(ANALYZER_REGISTRY)
    summary = results["performance"]["summary"]
    assert (summary["sla_violations"], summary["max_latency_ms"]) == (None, None)
    assert results["performance"]["latency_histogram"] == []
    assert summary["sla_threshold_ms"] == config.SLA_THRESHOLD_MS
