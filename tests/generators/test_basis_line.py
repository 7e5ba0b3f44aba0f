"""What a page says of what it rests on, and the short page where columns are missing."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops.generators import basis_line
from finops.pipeline import Job, analyze
from finops.results.base import Basis
from tests.generators.pages import Page
from tests.support.reference import call

BASIS = Basis(61.38, 61, 99.5, None, 100.0, True, [])


def test_doctests() -> None:
    assert doctest.testmod(basis_line).failed == 0


def test_a_line_names_days_and_known_values() -> None:
    assert basis_line.basis_line(BASIS) == (
        "Based on 61.4 covered days, 99.5% of calls priced, all calls with a customer, "
        "subscription prices known."
    )


@pytest.mark.parametrize(
    ("days", "whole", "more"),
    [
        (2.5, 2, "Figures per month need 7 covered days: 4.5 more."),
        (9.0, 9, "Trends need 14 whole days: 5 more."),
        (14.0, 14, "prices known."),
    ],
)
def test_a_line_says_how_much_more_is_needed(days: float, whole: int, more: str) -> None:
    line = basis_line.basis_line(BASIS._replace(covered_days=days, whole_days=whole))
    assert line.endswith(more)


def rows_without_latency_and_prices() -> List[Dict[str, str]]:
    nothing = {"latency_ms": "", "subscription_tier": "", "tier_price_usd": ""}
    return [
        call(timestamp=f"2025-03-{1 + n // 2:02d}T{9 + n % 2:02d}:00:00", cost_usd="0.5", **nothing)
        for n in range(40)
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("short")
    rows = rows_without_latency_and_prices()
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    (folder / "calls.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    outcome = analyze(Job(folder / "calls.csv", folder, cache=False))
    assert not outcome.failed
    return folder


def page_of(folder: Path, name: str) -> Any:
    return Page((folder / f"{name}.html").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "column"), [("performance", "latency_ms"), ("profitability", "tier_price_usd")]
)
def test_a_report_without_its_columns_is_a_short_page(site: Path, name: str, column: str) -> None:
    page = page_of(site, name)
    assert page.says(f"This report needs {column}; this source has none.")
    assert not page.says("Findings")
    assert "cards" not in page.data
    assert "charts" not in page.data


def test_every_other_page_says_what_it_rests_on(site: Path) -> None:
    page = page_of(site, "understanding")
    assert page.says("Based on 20 covered days, all calls priced")
    assert page.says("no subscription prices known.")


def test_on_the_index_it_is_the_last_of_its_domain(site: Path) -> None:
    text = (site / "index.html").read_text(encoding="utf-8")
    page = page_of(site, "index")
    assert page.says("needs latency_ms, which this source does not have")
    order = ["understanding", "realtime", "optimization", "alignment", "performance"]
    tiles = text[text.index("<h2>FinOps</h2>") :]
    places = [tiles.index(f'href="{name}.html"') for name in order]
    assert places == sorted(places)
