"""Aggregates and credits count in every total, and in nothing that looks at hours or accounts."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.analyzers.advanced.abuse_detection import AbuseDetectionAnalyzer
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.pipeline import Job, analyze, compute
from finops.reader.options import ReadingOptions
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.dataset import open_dataset
from tests.rollups.test_dataset import csv_of
from tests.support.reference import call

Row = Dict[str, str]
LARGE: Dict[str, Any] = {"timestamp": "2025-01-11T00:00:00.000000", "cost_usd": "900"}


def steady_rows(days: int = 20) -> List[Row]:
    """Return three calls an hour of two customers at a constant cost."""
    return [
        call(
            timestamp=f"2025-01-{1 + hour // 24:02d}T{hour % 24:02d}:{20 * k:02d}:00.000000",
            customer_id=f"c{k % 2}",
            cost_usd="0.5",
        )
        for hour in range(24 * days)
        for k in range(3)
    ]


def results_of(path: Path, rows: List[Row]) -> List[Any]:
    path.write_bytes(csv_of(sorted(rows, key=lambda row: row["timestamp"])))
    return [RealtimeAnalyzer(path).analyze(), AbuseDetectionAnalyzer(path).analyze()]


def test_a_daily_aggregate_is_no_unusual_hour(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    as_call, _ = results_of(path, [*steady_rows(), call(**LARGE)])
    assert [anomaly["hour"] for anomaly in as_call["anomalies"]] == ["2025-01-11T00:00:00"]
    aggregate = call(**LARGE, customer_id="c0", calls=12_000, bucket_s=86400)
    realtime, abuse = results_of(path, [*steady_rows(), aggregate])
    assert realtime["anomalies"] == []
    assert realtime["summary"]["total_calls"] == 20 * 24 * 3 + 12_000
    assert realtime["summary"]["total_cost"] == pytest.approx(20 * 24 * 3 * 0.5 + 900)
    assert abuse["unusual_usage"] == []
    assert abuse["cost_spikes"] == []


@pytest.mark.parametrize("zone", ["UTC", "-05:00"])
def test_every_analysis_can_do_with_daily_totals_alone(zone: str, tmp_path: Path) -> None:
    """372,000 calls in 31 rows."""
    rows = [
        call(
            timestamp=f"2025-03-{day:02d}T00:00:00.000000",
            input_tokens=5_000_000,
            output_tokens=900_000,
            cost_usd="21.50",
            calls=12_000,
            bucket_s=86400,
        )
        for day in range(1, 32)
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    options = ReadingOptions(timezone=zone)
    results = compute(Job(open_dataset(path, options=options), tmp_path / "reports"))
    assert set(results) == set(ANALYZER_REGISTRY)
    overview = results["dataset_overview"]["summary"]
    assert overview["total_calls"] == 372_000
    assert overview["total_cost"] == pytest.approx(31 * 21.5)


def test_a_source_without_a_request_count_shows_no_zero_for_it(tmp_path: Path) -> None:
    """What is counted in calls is not known, and not 0: in results, on pages and on Explore."""
    path = tmp_path / "calls.csv"
    rows = [
        call(
            timestamp=f"2025-01-{day:02d}T00:00:00.000000",
            **{"model": model, "provider": provider, "cost_usd": cost, "calls": 0},
            **{"bucket_s": 86400, "latency_ms": "", "status": "", "error_type": ""},
        )
        for day in range(1, 21)
        for model, provider, cost in (
            ("gpt-4o", "openai", "1.5"),
            ("claude-haiku-4-5", "anthropic", "0.7"),
        )
    ]
    path.write_bytes(csv_of(rows))
    outcome = analyze(Job(path, tmp_path / "r"))
    assert not outcome.failed
    overview = outcome.results["dataset_overview"]
    assert overview["quality"]["total_records"] is overview["file"]["total_records"] is None
    assert overview["quality"]["status_distribution"] == {"unknown": None}
    shares = overview["distributions"]["provider"]
    assert [row["share_percent"] for row in shares] == [None, None]
    details = [each["detail"] for each in outcome.results["optimization"]["findings"]]
    assert any("Calls of unknown number cost" in detail for detail in details)
    for name in ("index", "explore", *ANALYZER_REGISTRY):
        page = (tmp_path / "r" / f"{name}.html").read_text(encoding="utf-8")
        assert not re.search(r"\b0 calls", page), name
    assert '<dt>Calls</dt><dd class="figure">n/a</dd>' in page_of(tmp_path, "explore")
    assert '<dt>Failed calls</dt><dd class="figure">n/a</dd>' in page_of(tmp_path, "explore")


def page_of(folder: Path, name: str) -> str:
    return (folder / "r" / f"{name}.html").read_text(encoding="utf-8")


def test_explore_takes_failures_of_calls_whose_status_is_known(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    states = ["success"] * 3 + ["error", "", "odd"]
    path.write_bytes(csv_of([call(status=status) for status in states]))
    assert not analyze(Job(path, tmp_path / "r")).failed
    page = page_of(tmp_path, "explore")
    assert '<dt>Calls</dt><dd class="figure">6</dd>' in page
    assert '<dt>Failed calls</dt><dd class="figure">25.0%</dd>' in page
