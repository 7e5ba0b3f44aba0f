"""The page of performance says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    check_whole_page,
    drawn,
    page_of,
    result_of,
    shown,
)
from tests.generators.usage import PROVIDERS, rows_of_a_season
from tests.support.reference import call

pytestmark = pytest.mark.once

NAME = "performance"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_a_season())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("There is no call whose latency could be counted.")
    assert page.says("There is no call at any hour of the day.")
    assert page.says("Checked, none found: failed calls.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards_have_units(tmp_path: Path) -> None:
    rows = [call(latency_ms=412)] * 3 + [call(latency_ms=2412)]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    assert page.says("Median latency 412 ms")
    assert page.says("SLA compliance 75.0% of 4 measured calls within 2,000 ms")
    assert "2412 ms" in page.values_of("title")


def test_days_against_the_service_level(data: Any, page: Any) -> None:
    lines = drawn(page, "daily-latency")
    days = page.data["charts"]["daily-latency"]["labels"]
    there = {row["date"]: row for row in data["daily"]}
    assert set(days) > set(there)  # quiet days are breaks
    assert lines["p95"] == [there[day]["p95_latency_ms"] if day in there else None for day in days]
    assert set(lines["SLA"]) == {2000}
    for day, rate in zip(days, drawn(page, "daily-errors")["Error rate"]):
        known = there[day]["error_rate_percent"] if day in there else None
        assert rate == (known if known is None else pytest.approx(known, rel=1e-6)), day


def test_hours_without_calls_are_gaps(tmp_path: Path) -> None:
    rows = [call(timestamp=f"2025-01-01T{hour}:00:00") for hour in ("07", "09")]
    page = page_of(NAME, result_of(NAME, rows), tmp_path)
    line = drawn(page, "hourly-latency")["p95"]
    assert [line[7], line[9]] == [400, 400]
    assert [value for at, value in enumerate(line) if at not in (7, 9)] == [None] * 22


def test_one_hour_one_day_and_one_model_are_sentences(tmp_path: Path) -> None:
    page = page_of(NAME, result_of(NAME, [call(timestamp="2025-01-01T07:00:00")]), tmp_path)
    assert not {"hourly-latency", "daily-latency", "price-and-speed"} & set(page.data["charts"])
    assert page.says("07:00: p95 400 ms, Mean 400 ms. There is nothing to compare.")
    assert page.says("1 Jan 2025: p95 400 ms, Mean 400 ms. There is nothing to compare.")
    assert page.says("latency 400 ms. There is nothing to compare.")


def test_histogram_and_models(data: Any, page: Any) -> None:
    assert drawn(page, "histogram")["Calls"] == [
        row["call_count"] for row in data["latency_histogram"]
    ]
    assert len(page.data["charts"]["price-and-speed"]["labels"]) == len(data["model_rankings"])
    assert cells(page, "models", "p99 (ms)") == shown(
        [row["p99_latency_ms"] for row in data["model_rankings"]]
    )
    assert cells(page, "models", "Model") == [row["model"] for row in data["model_rankings"]]


def test_providers_and_tasks(data: Any, page: Any) -> None:
    assert len(data["sla_compliance"]) == PROVIDERS
    assert drawn(page, "violations")["Calls above"] == pytest.approx(
        [100 * row["violations"] / row["measured_calls"] for row in data["sla_compliance"]]
    )
    assert cells(page, "compliance", "SLA met") == shown(
        [row["compliance_rate"] for row in data["sla_compliance"]]
    )
    assert cells(page, "tasks", "Fastest model") == [
        row["fastest_model"] for row in data["by_task_type"]
    ]
