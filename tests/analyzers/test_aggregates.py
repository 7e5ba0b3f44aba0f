"""Aggregates and credits count in every total, and in nothing that looks at hours or accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.analyzers.advanced.abuse_detection import AbuseDetectionAnalyzer
from finops.analyzers.finops.realtime import RealtimeAnalyzer
from finops.pipeline import Job, compute
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
