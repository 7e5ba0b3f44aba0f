"""The page of geographic latency says what its dict says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from finops import config
from tests.generators.behaviour import rows_of_behaviour
from tests.generators.economy import (
    cells,
    check_hostile_texts,
    check_page_without_data,
    check_whole_page,
    drawn,
    page_of,
    result_of,
)

pytestmark = pytest.mark.once

NAME = "geographic_latency"


@pytest.fixture(scope="module")
def data() -> Any:
    return result_of(NAME, rows_of_behaviour())


@pytest.fixture
def page(data: Any, tmp_path: Path) -> Any:
    return page_of(NAME, data, tmp_path)


def test_whole_page(data: Any, tmp_path: Path) -> None:
    assert data["routing"]
    check_whole_page(NAME, data, tmp_path)


def test_without_data(tmp_path: Path) -> None:
    page = check_page_without_data(NAME, tmp_path)
    assert page.says("No successful call has a region and a latency, so none is compared.")
    assert page.says("Not checked: providers slower in a region; there is one at most.")
    assert page.says("No call names a region.")


def test_hostile_texts(data: Any, tmp_path: Path) -> None:
    check_hostile_texts(NAME, data, tmp_path)


def test_cards(data: Any, page: Any) -> None:
    summary = data["summary"]
    titles = page.values_of("title")
    average = next(t for t in titles if t.endswith(" ms"))
    assert float(average.split()[0]) == pytest.approx(summary["avg_latency_ms"])
    assert str(summary["sla_violations"]) in titles
    assert page.says("us-east")
    assert page.says("slower than 2,000 ms")


def test_regions_by_percentile(data: Any, page: Any) -> None:
    rows = data["regions"]
    assert page.data["charts"]["regions"]["labels"] == [r["region"] for r in rows]
    assert drawn(page, "regions") == {
        "Average": pytest.approx([r["avg_latency_ms"] for r in rows]),
    }
    assert drawn(page, "percentiles") == {
        "95th percentile": [r["p95_latency_ms"] for r in rows],
        "Median": [r["p50_latency_ms"] for r in rows],
    }
    assert cells(page, "regions", "Calls") == [r["call_count"] for r in rows]


def test_latency_grows_along_the_bands(data: Any, page: Any) -> None:
    lines = drawn(page, "tokens")
    assert set(lines) == {r["region"] for r in data["regions"]}
    found = {
        (r["region"], r["from_tokens"]): r["avg_latency_ms"] for r in data["latency_by_tokens"]
    }
    bands = sorted({band for _, band in found})
    for region, values in lines.items():
        assert values == pytest.approx([found.get((region, band)) for band in bands])


def test_a_band_that_a_region_lacks_is_a_gap(data: Any, tmp_path: Path) -> None:
    rows = [r for r in data["latency_by_tokens"] if r["region"] == "us-east"]
    other = {**rows[-1], "region": "us-west"}
    page = page_of(NAME, {**data, "latency_by_tokens": [*rows, other]}, tmp_path)
    *before, last = drawn(page, "tokens")["us-west"]
    assert set(before) == {None}
    assert last == pytest.approx(other["avg_latency_ms"])


def test_routes(data: Any, page: Any) -> None:
    rows = data["routing"]
    assert {r["current_provider"] for r in rows} == {"cohere"}
    assert page.data["charts"]["routing"]["labels"] == [f"{r['region']}, Cohere" for r in rows]
    assert drawn(page, "routing")["Current"] == pytest.approx(
        [r["current_latency_ms"] for r in rows]
    )
    assert cells(page, "routing", "Faster provider") == [
        config.PROVIDER_NAMES[r["recommended_provider"]] for r in rows
    ]


def test_of_many_routes_the_widest_are_drawn_and_all_listed(data: Any, tmp_path: Path) -> None:
    page = page_of(NAME, {**data, "routing": data["routing"][:1] * 30}, tmp_path)
    assert len(page.data["charts"]["routing"]["labels"]) == 12
    assert page.says("the 12 widest gaps of 30")
    assert page.data["tables"]["routing"]["total"] == 30


def test_providers_in_regions(data: Any, page: Any) -> None:
    found = {(r["provider"], r["region"]): r["avg_latency_ms"] for r in data["provider_regions"]}
    regions = page.data["charts"]["providers"]["labels"]
    assert drawn(page, "providers")["Google"] == pytest.approx(
        [found["google", region] for region in regions]
    )


def test_value_speaks_of_these_figures(data: Any, page: Any) -> None:
    regions = len(data["regions"])
    assert page.says(f"Latency is compared by region ({regions}), between calls of equal size.")
