"""No page claims what the data does not have: columns taken away, one by one and all at once."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Dict, Iterable, List

import pytest

from finops import pipeline
from finops.generators.contrast import COLUMN_WORDS, Contrast, contrast
from finops.generators.reports.default import generate_default_report
from finops.registry import ANALYZER_REGISTRY
from finops.schema import REQUIRED_COLUMNS
from tests.generators.pages import Page
from tests.support.rows import varied_rows

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

ABOUT = Contrast(("region", "latency_ms"), "One average is left.", "Regions are compared.")
OPTIONAL = [name for name in COLUMN_WORDS if name not in REQUIRED_COLUMNS]
# Without these a value follows from other columns: prices from tiers and models, success from
# a missing status is only assumed.
FOLLOWING = {"cost_usd"}


def page_of(about: Contrast, **context: object) -> Page:
    return Page(contrast(about, {"_context": context}).markup)


def test_a_claim_carries_its_coverage() -> None:
    page = page_of(ABOUT, calls=200, coverage={"region": 99.5, "latency_ms": 100.0})
    assert page.says("Of the calls 99.5% name a region, 100.0% name a latency.")
    assert page.says("Regions are compared.")


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "No call names"), (50.0, "50.0% of calls name"), (94.9, "94.9% of calls name")],
)
def test_below_the_limit_the_page_says_what_is_missing(share: float, words: str) -> None:
    page = page_of(ABOUT, calls=200, coverage={"region": share, "latency_ms": 100.0})
    assert not page.says("Regions are compared.")
    assert page.says(f"{words} a region (region)")
    assert page.says("One average is left.")
    assert not page.says("(latency_ms)")


def test_unknown_coverage_claims_nothing() -> None:
    page = page_of(ABOUT, calls=200)
    assert not page.says("Regions are compared.")
    assert page.says("It is not known how many calls name a region")


def test_no_calls_claim_nothing() -> None:
    assert page_of(ABOUT, calls=0).says("There are no calls, so there is nothing to claim.")
    assert page_of(ABOUT).says("nothing to claim")


def test_general_rows_need_their_figures() -> None:
    bare = page_of(ABOUT, calls=2, providers=1, models=3)
    assert not bare.says("Standardised across providers")
    assert not bare.says("Real-time")
    assert not bare.says("Actionable")
    full = page_of(ABOUT, calls=2, providers=2, models=3)
    assert full.says("2 providers and 3 models")


def pages_without(columns: Iterable[str], folder: Path) -> Dict[str, Page]:
    """Return the pages of a dataset of 300 calls that lacks some columns, by id."""
    rows = varied_rows(300)
    kept = [name for name in rows[0] if name not in set(columns)]
    path = folder / "calls.csv"
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, kept, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    outcome = pipeline.analyze(pipeline.Job(str(path), folder / "html", workers=1))
    assert outcome.failed == []
    return {
        name: Page((folder / "html" / analysis.filename).read_text(encoding="utf-8"))
        for name, analysis in ANALYZER_REGISTRY.items()
    }


def missing_on(page: Page) -> List[str]:
    return [name for name, words in COLUMN_WORDS.items() if page.says(f" {words} ({name})")]


def test_with_all_columns_every_report_claims_its_answer(tmp_path: Path) -> None:
    for name, page in pages_without([], tmp_path).items():
        # The page that renders any result does not know what an answer rests on: it claims none.
        general = ANALYZER_REGISTRY[name].generator is generate_default_report
        assert page.says("Metadata-driven") is not general, name
        assert missing_on(page) == []


@pytest.mark.parametrize("column", OPTIONAL)
def test_a_missing_column_is_claimed_on_no_page(column: str, tmp_path: Path) -> None:
    # A tier price follows from the tier where the column is missing.
    away = [column, "subscription_tier"] if column == "tier_price_usd" else [column]
    lacking = 0
    for page in pages_without(away, tmp_path).values():
        assert not page.says(f"name {COLUMN_WORDS[column]}.") or column in FOLLOWING
        named = missing_on(page)
        assert set(named) <= set(away) | {"tier_price_usd"}
        if column in named:
            lacking += 1
            assert page.says(f"No call names {COLUMN_WORDS[column]}")
            assert not page.says("Metadata-driven")
    needed = column in {"organization_id", "product_id", "feature_id", "task_type"}
    assert lacking or not needed


def test_with_required_columns_alone_nothing_else_is_claimed(tmp_path: Path) -> None:
    for name, page in pages_without(OPTIONAL, tmp_path).items():
        for column in set(OPTIONAL) - FOLLOWING:
            assert not page.says(f"% name {COLUMN_WORDS[column]}"), (name, column)
