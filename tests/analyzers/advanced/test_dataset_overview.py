"""Dataset overview: counts, period, quality and distributions, from rows made by hand."""

from __future__ import annotations

import doctest
import json
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.analyzers.advanced import dataset_overview
from finops.analyzers.advanced.dataset_overview import (
    DISTRIBUTED,
    DatasetOverviewAnalyzer,
    duration_description,
)
from finops.context import RunContext
from finops.rollups.spec import Accounting, Blanked, FileInfo, Place, Rollups, Skipped
from tests.analyzers.ubr.support import EDGES, calls
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import write_csv

ROWS = [
    call(timestamp="2025-01-01T00:00:00", cost_usd="1.5", region="eu-west"),
    call(timestamp="2025-01-05T00:00:00", customer_id="b", organization_id="org_002"),
    call(
        timestamp="2025-01-11T12:00:00",
        status="error",
        error_type="timeout",
        cost_usd="0.5",
        model="gpt-4",
    ),
    call(status="error", error_type="rate_limit", cost_usd="0", output_tokens=0),
    call(status="error", error_type="timeout", cost_usd="0.25", product_id=""),
    call(provider="acme", model="mystery", cost_usd="", feature_id="analysis"),
]


def run(rows: Any, accounting: Any = None, file: Any = None, context: Any = None) -> Any:
    filled = ReferenceDataset(rows).rollups(DatasetOverviewAnalyzer.TABLES)
    data = Rollups(
        {table: filled[table] for table in DatasetOverviewAnalyzer.TABLES},
        filled.period,
        filled.totals,
        accounting=accounting or filled.accounting,
        file=file or filled.file,
        context=context or RunContext(),
    )
    result = DatasetOverviewAnalyzer("").compute(data)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    return result


def test_doctests() -> None:
    assert doctest.testmod(dataset_overview).failed == 0


def test_summary_by_hand() -> None:
    assert run(ROWS)["summary"] == {
        "total_calls": 6,
        "total_cost": pytest.approx(2.25425),
        "total_tokens": 5 * 800 + 500,
        "unique_customers": 2,
        "unique_organizations": 2,
        "unique_products": 1,
        "unique_features": 2,
        "unique_providers": 2,
        "unique_models": 3,
        "unpriced_calls": 1,
        "monthly_cost": pytest.approx(2.25425 * 30 / 11),
    }


@pytest.mark.parametrize(
    ("context", "time"), [(RunContext(1_767_225_599.9), "2025-12-31T23:59:59Z"), (None, None)]
)
def test_file_and_the_time_of_the_run(context: Optional[RunContext], time: Optional[str]) -> None:
    found = run(ROWS, file=FileInfo("calls.csv", 3 * 1_048_576), context=context)["file"]
    assert found.pop("analyzed_at") == time
    assert found == {
        "name": "calls.csv",
        "size_bytes": 3_145_728,
        "size_mb": 3.0,
        "total_records": 6,
        "skipped_records": 0,
        "price_source": "built-in list prices",
        "price_date": "2026-11",
    }


def test_temporal() -> None:
    assert run(ROWS)["temporal"] == {
        "start_time": "2025-01-01T00:00:00.000000",
        "end_time": "2025-01-11T12:00:00.000000",
        "duration_hours": 252.0,
        "duration_description": "10.5 days",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 minutes"),
        (3599, "60.0 minutes"),
        (3600, "1.0 hours"),
        (86_399, "24.0 hours"),
        (86_400, "1.0 days"),
    ],
)
def test_duration_description(seconds: int, text: str) -> None:
    assert duration_description(seconds) == text


def test_quality_by_hand() -> None:
    quality = run(ROWS)["quality"]
    assert (quality["total_records"], quality["success_count"], quality["error_count"]) == (6, 3, 3)
    assert quality["success_rate_percent"] == 50
    assert quality["status_distribution"] == {"error": 3, "success": 3}
    assert list(quality["error_types"].items()) == [("timeout", 2), ("rate_limit", 1)]
    assert quality["skipped"] == []


def test_skipped_rows_are_listed_and_every_line_accounted_for() -> None:
    accounting = Accounting(
        lines=20,
        header=1,
        used=6,
        skipped=(
            Skipped("bad time", 3, tuple(Place("a.csv", line, "x,y") for line in (4, 9, 11)), 2.5),
            Skipped("negative number", 5, (Place("a.csv", 7, "-1"),)),
        ),
        repeated_headers=2,
        blank=2,
        incomplete_tail=1,
        notes=("A byte order mark was skipped.",),
        unused_cost=2.5,
    )
    result = run(ROWS, accounting)
    assert result["file"]["skipped_records"] == 8
    assert result["quality"]["skipped"] == [
        {"reason": "negative number", "count": 5, "first_line": 7, "cost": 0.0},
        {"reason": "bad time", "count": 3, "first_line": 4, "cost": 2.5},
    ]
    assert result["quality"]["unused_cost"] == 2.5
    unusable = next(f for f in result["findings"] if f["title"] == "8 rows could not be used")
    assert unusable["detail"].endswith("They name a cost of $2.50.")
    lines = dict(result["quality"]["lines"])
    assert lines.pop("physical") == sum(lines.values()) == 20
    assert result["quality"]["notes"] == ["A byte order mark was skipped."]
    assert any(f["title"] == "8 rows could not be used" for f in result["findings"])
    assert (
        "Fix the source of 5 skipped rows (negative number), first at line 7."
        in (result["recommendations"])
    )


def test_what_is_counted_apart() -> None:
    blanked = Blanked("latency_ms", "no number", 4, (Place("a.csv", 9, "x"),))
    accounting = Accounting(
        *(20, 1, 6),
        repeated_records=3,
        blanked=(blanked,),
        conflicting_ids=2,
        implausible_times=5,
    )
    rows = [*ROWS, call(status="odd word"), call(status=""), call(cost_usd="-0.75")]
    quality = run(rows, accounting)["quality"]
    assert quality["blanked"] == [
        {"column": "latency_ms", "reason": "no number", "count": 4, "first_line": 9}
    ]
    assert [quality[key] for key in ("repeated_records", "conflicting_ids")] == [3, 2]
    assert (quality["implausible_times"], quality["lines"]["repeated_records"]) == (5, 3)
    assert quality["credits"] == {"rows": 1, "amount": 0.75}
    known = quality["success_count"] + quality["error_count"]
    assert quality["unknown_status_count"] == quality["total_records"] - known == 2


def test_an_unknown_status_is_no_success_of_its_day() -> None:
    (day,) = run([call(), call(status="odd word")])["daily"]
    assert (day["call_count"], day["success_count"], day["error_count"]) == (2, 1, 0)


def test_models_without_a_price_with_their_tokens() -> None:
    unknown = {"provider": "acme", "cost_usd": ""}
    rows = [call(model="a", **unknown), call(model="b", **unknown), call(model="b", **unknown)]
    prices = run([*ROWS, *rows])["prices"]
    assert (prices["source"], prices["date"]) == ("built-in list prices", "2026-11")
    assert [(row["model"], row["call_count"], row["tokens"]) for row in prices["unpriced"]] == [
        ("b", 2, 1600),
        ("a", 1, 800),
        ("mystery", 1, 800),
    ]


@pytest.mark.parametrize("places", [(), (Place("part-1.parquet", None, "x,y"),)])
def test_skipped_rows_of_a_source_without_lines(places: Tuple[Place, ...]) -> None:
    skipped = (Skipped("odd", 1, places),)
    result = run(ROWS, Accounting(lines=8, header=1, used=6, skipped=skipped))
    assert result["quality"]["skipped"] == [
        {"reason": "odd", "count": 1, "first_line": None, "cost": 0.0}
    ]
    assert "Fix the source of 1 skipped row (odd)." in result["recommendations"]


def test_a_source_without_a_size() -> None:
    found = run(ROWS, file=FileInfo("usage.calls", None, files=3, engine="duckdb"))["file"]
    assert (found["size_bytes"], found["size_mb"]) == (None, None)


def test_distributions_by_hand() -> None:
    found = run(ROWS)["distributions"]
    assert list(found) == list(DISTRIBUTED)
    assert found["provider"] == [
        {
            "value": "openai",
            "call_count": 5,
            "share_percent": pytest.approx(83.3333333),
            "total_cost": pytest.approx(2.25425),
        },
        {
            "value": "acme",
            "call_count": 1,
            "share_percent": pytest.approx(16.6666667),
            "total_cost": None,  # nothing of it is known
            "unpriced_calls": 1,
        },
    ]
    assert [row["value"] for row in found["model"]] == ["gpt-4o", "gpt-4", "mystery"]
    assert [row["value"] for row in found["region"]] == ["us-east", "eu-west"]


def test_days_add_up() -> None:
    assert run(ROWS)["daily"] == [
        _day("2025-01-01", 4, 1.75, 2900, 2, 2),
        _day("2025-01-05", 1, 0.00425, 800, 0, 1),
        _day("2025-01-11", 1, 0.5, 800, 1, 0),
    ]


def _day(date: Any, calls: Any, cost: Any, tokens: Any, errors: Any, successes: Any) -> Any:
    return {
        "date": date,
        "call_count": calls,
        "total_cost": pytest.approx(cost),
        "total_tokens": tokens,
        "error_count": errors,
        "success_count": successes,
    }


def test_failures_cost_money_and_are_advised_on() -> None:
    result = run(ROWS)
    timeout, rate_limit = result["failures"]
    assert timeout == {
        "error_type": "timeout",
        "call_count": 2,
        "cost": 0.75,
        "monthly_cost": pytest.approx(0.75 * 30 / 11),
    }
    assert rate_limit["cost"] == 0
    assert result["findings"][0]["impact_usd_per_month"] == pytest.approx(0.75 * 30 / 11)
    assert result["recommendations"] == [
        "Reduce timeout failures: $2.05 per month is spent on 2 failed calls.",
        "Add prices for 1 model with a price file, beginning with mystery: its calls are "
        "missing from every cost until then.",
    ]
    assert "Only 50.0% of the calls succeeded" in [f["title"] for f in result["findings"]]


def test_unpriced_models_are_listed() -> None:
    assert run(ROWS)["unpriced_models"] == [
        {"provider": "acme", "model": "mystery", "unpriced_calls": 1}
    ]


def test_clean_data_is_a_success_without_advice() -> None:
    rows = [call(timestamp="2025-01-01T00:00:00"), call(timestamp="2025-01-20T00:00:00")]
    result = run(rows)
    assert [f["severity"] for f in result["findings"]] == ["success"]
    assert result["recommendations"] == []


def test_error_without_a_type_is_named_unknown() -> None:
    quality = run([call(status="error", error_type="")])["quality"]
    assert quality["error_types"] == {"unknown": 1}


@pytest.mark.parametrize("name", sorted(EDGES))
def test_edges_are_complete(name: str) -> None:
    result = run(EDGES[name])
    assert result["summary"]["total_calls"] == len(EDGES[name])
    assert set(result["distributions"]) == set(DISTRIBUTED)
    if name == "all errors":
        assert result["quality"]["success_rate_percent"] == 0


@given(st.lists(calls(), max_size=25))
def test_distributions_count_every_call_once(rows: Any) -> None:
    result = run(rows)
    for column in DISTRIBUTED:
        counted = {r["value"]: r["call_count"] for r in result["distributions"][column]}
        assert counted == Counter(row[column] for row in rows)
        assert sum(
            r["total_cost"] or 0.0 for r in result["distributions"][column]
        ) == pytest.approx(result["summary"]["total_cost"] or 0.0)
    assert sum(result["quality"]["status_distribution"].values()) == len(rows)
    assert sum(result["quality"]["error_types"].values()) == result["quality"]["error_count"]


def test_money_by_reason_and_odd_rows_of_a_file(tmp_path: Path) -> None:
    rows = [call(timestamp="2025-01-01T00:00:00", call_id=f"c{n}") for n in range(200)]
    rows.append(call(call_id="bad", input_tokens="9", cost_usd="2.5"))
    rows[-1]["input_tokens"] = "many"
    rows.append(call(timestamp="1970-01-01T00:00:00", call_id="old", cost_usd="4"))
    rows += [call(call_id="c0", timestamp="2025-01-01T00:00:00", cost_usd="7"), rows[5]]
    source = write_csv(tmp_path / "calls.csv", rows)
    quality = DatasetOverviewAnalyzer(str(source)).analyze()["quality"]
    costs = {row["reason"]: (row["count"], row["cost"]) for row in quality["skipped"]}
    assert sorted(costs.values()) == [(1, 2.5), (1, 4.0)]
    assert costs["implausible timestamp"] == (1, 4.0)
    assert quality["unused_cost"] == 6.5
    assert (quality["implausible_times"], quality["conflicting_ids"]) == (1, 1)
    assert quality["repeated_records"] == 1
