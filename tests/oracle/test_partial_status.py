"""Rates where only some calls say whether they succeeded, held against a SQL engine.

A rate divides by the calls of which it is known; the others are in neither of its numbers.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.pipeline import Job, analyze, compute
from finops.schema import WRITTEN_NAMES
from tests.generators.pages import Page
from tests.support.reference import call

duckdb = pytest.importorskip("duckdb")

ROWS = 1200
_KNOWN = "count(*) filter (status <> '')"
_RATE = f"count(*) filter (status = 'error') * 100.0 / nullif({_KNOWN}, 0)"


def rows() -> List[Dict[str, str]]:
    """Return calls of ten days.

    Every second one says nothing of its status, nor every second of its latency. Model "c" never
    says how its calls end, and region "eu-west" neither.
    """
    made = []
    for k in range(ROWS):
        model = "abc"[k % 3]
        region = ("us-east", "us-west", "eu-west")[k // 3 % 3]
        silent = k // 9 % 2 == 0 or model == "c" or region == "eu-west"
        failed = k * 7 % 11 == 0
        limited = k // 120 == 4 and not silent and k % 4
        status = "" if silent else "error" if failed or limited else "success"
        made.append(
            call(
                timestamp=f"2025-01-{1 + k // 120:02d}T09:{k % 120 // 2:02d}:00",
                call_id=f"call_{k}",
                model=f"model-{model}",
                provider=("openai", "anthropic")[k // 5 % 2],
                region=region,
                customer_id="limited" if k // 120 == 4 else f"c{k % 4}",
                status=status,
                error_type="rate_limit" if limited else "server_error" if failed else "",
                latency_ms=str(100 + k * 37 % 900) if k // 18 % 2 else "",
                cost_usd="0.01",
            )
        )
    return made


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("partial") / "calls.csv"
    with open(str(made), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, WRITTEN_NAMES, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())
    return made


@pytest.fixture(scope="module")
def results(path: Path) -> Dict[str, Any]:
    return compute(Job(path, path.parent / "reports"))


@pytest.fixture(scope="module")
def pages(path: Path) -> Dict[str, Page]:
    folder = path.parent / "pages"
    assert not analyze(Job(path, folder)).failed
    names = ("performance", "realtime", "geographic_latency", "dataset_overview")
    return {name: Page((folder / f"{name}.html").read_text(encoding="utf-8")) for name in names}


def asked(path: Path, sql: str) -> List[Any]:
    """Return the rows of a statement over `calls`, in which every value is a text."""
    source = f"read_csv('{path}', all_varchar=true, nullstr='\\N')"
    found: List[Any] = duckdb.connect().execute(f"with calls as (from {source}) {sql}").fetchall()
    return found


def by_group(path: Path, group: str) -> Dict[str, Any]:
    return dict(asked(path, f"select {group}, {_RATE} from calls group by 1"))


def same(found: Dict[str, Any], expected: Dict[str, Any]) -> None:
    assert found == {
        key: None if value is None else pytest.approx(value) for key, value in expected.items()
    }


def test_half_of_the_calls_say_nothing(path: Path) -> None:
    ((known, all_calls),) = asked(path, f"select {_KNOWN}, count(*) from calls")
    assert 0 < known < all_calls / 2


def test_error_rates_are_of_calls_whose_status_is_known(
    path: Path, results: Dict[str, Any]
) -> None:
    ((rate, unknown),) = asked(path, f"select {_RATE}, count(*) - {_KNOWN} from calls")
    for name in ("performance", "realtime"):
        summary = results[name]["summary"]
        assert summary["error_rate_percent"] == pytest.approx(rate)
        assert summary["unknown_status_calls"] == unknown
    quality = results["dataset_overview"]["quality"]
    assert quality["success_rate_percent"] == pytest.approx(100 - rate)
    assert quality["unknown_status_count"] == unknown


def test_error_rates_of_groups_are_of_calls_whose_status_is_known(
    path: Path, results: Dict[str, Any]
) -> None:
    models: Dict[str, Any] = {
        f"{row['provider']} {row['model']}": row["error_rate_percent"]
        for row in results["performance"]["model_rankings"]
    }
    same(models, by_group(path, "provider || ' ' || model"))
    regions = {
        row["region"]: row["error_rate_percent"] for row in results["geographic_latency"]["regions"]
    }
    same(regions, by_group(path, "region"))
    assert regions["eu-west"] is None
    days = {row["date"]: row["error_rate_percent"] for row in results["performance"]["daily"]}
    same(days, by_group(path, "timestamp[:10]"))


def test_sums_by_day_say_of_how_many_calls_the_status_is_known(
    path: Path, results: Dict[str, Any]
) -> None:
    for sums, group in (
        (results["performance"]["by_day"]["models"], "provider || ' ' || model"),
        (results["geographic_latency"]["by_day"]["regions"], "provider || ' ' || region"),
    ):
        found = {
            (" ".join(key), day): known
            for key, row in zip(sums["keys"], sums["sums"]["status_known"])
            for day, known in zip(sums["days"], row)
        }
        expected = {
            (key, day): known
            for key, day, known in asked(
                path, f"select {group}, timestamp[:10], {_KNOWN} from calls group by 1, 2"
            )
        }
        assert {key: found[key] for key in expected} == expected


def test_alerts_are_of_calls_whose_status_is_known(path: Path, results: Dict[str, Any]) -> None:
    days = by_group(path, "timestamp[:10]")
    (alert, *_) = [
        each for each in results["realtime"]["alerts"] if each["type"] == "high_error_rate"
    ]
    in_run = [days[day] for day in days if alert["time"] <= day <= alert["end"]]
    assert alert["value"] == pytest.approx(max(in_run))
    over = {day for day, rate in days.items() if rate > 10}
    runs = [each for each in results["realtime"]["alerts"] if each["type"] == "high_error_rate"]
    assert {each["time"] for each in runs} <= over
    assert sum(each["length"] for each in runs) == len(over)
    assert "calls with a known status" in alert["message"]


def test_rate_limits_are_a_part_of_calls_whose_status_is_known(
    path: Path, results: Dict[str, Any]
) -> None:
    found = results["abuse_detection"]["rate_limit_abuse"]
    assert found
    expected = {
        (customer, f"{hour}:00:00"): rate
        for customer, hour, rate in asked(
            path, f"select customer_id, timestamp[:13], {_RATE} from calls group by 1, 2"
        )
    }
    for row in found:
        rate = expected[row["customer_id"], row["hour"]]
        assert row["error_rate_percent"] == pytest.approx(rate)


def test_latencies_are_of_measured_calls(path: Path, results: Dict[str, Any]) -> None:
    ((measured, mean, late),) = asked(
        path,
        """select count(*), avg(latency_ms::int), count(*) filter (latency_ms::int > 5000)
        from calls where status = 'success' and latency_ms <> ''""",
    )
    for name in ("performance", "geographic_latency"):
        summary = results[name]["summary"]
        assert summary["measured_calls"] == measured
        assert summary["avg_latency_ms"] == pytest.approx(mean)
        assert summary["sla_violations"] == late
    for row in results["performance"]["model_rankings"]:
        assert (row["measured_calls"] == 0) == (row["avg_latency_ms"] is None)
    for row in results["performance"]["sla_compliance"]:
        assert (row["measured_calls"] == 0) == (row["compliance_rate"] is None)


def test_pages_say_of_how_many_calls_a_rate_is(path: Path, pages: Dict[str, Page]) -> None:
    ((known,),) = asked(path, f"select {_KNOWN} from calls")
    for page in pages.values():
        assert page.says(f"of {known:,} calls with a known status")
