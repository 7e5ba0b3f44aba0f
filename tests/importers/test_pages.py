"""Pages made of each format say what its source cannot know, and show no zero in its place."""

from __future__ import annotations

import html
import re
from pathlib import Path
from typing import Dict, List, NamedTuple, Set

import pytest

from finops import pipeline
from finops.business.sources import AT_LIST_PRICES
from finops.importers import format_ids
from finops.registry import ANALYZER_REGISTRY
from tests.importers.test_vendors import SOME, logs
from tests.support.imports import import_files, prices, rows_of, write_all
from tests.support.vendor_logs import VENDORS

NOTHING = {"", "unknown", "unallocated"}
_NO_TEXT = re.compile(r"<(script|style)\b.*?</\1>", re.S)
_TAG = re.compile(r"<[^>]*>")
_BLANKS = re.compile(r"\s+")


class Made(NamedTuple):
    """The rows of an import, and the text of each page that was made of them."""

    rows: List[Dict[str, str]]
    pages: Dict[str, str]

    @property
    def reports(self) -> Dict[str, str]:
        """The pages of the analyses."""
        return {name: text for name, text in self.pages.items() if name in ANALYZER_REGISTRY}

    def lacks(self, column: str) -> bool:
        """Whether no row has a value in a column."""
        return all(row[column] in NOTHING for row in self.rows)

    @property
    def has_no_request_count(self) -> bool:
        """Whether no row says for how many calls it stands."""
        return all(row["calls"] == "0" for row in self.rows)


def text_of(page: Path) -> str:
    """Return what a reader of a page sees."""
    content = _TAG.sub(" ", _NO_TEXT.sub(" ", page.read_text(encoding="utf-8")))
    return _BLANKS.sub(" ", html.unescape(content))


def pages_of(out: Path, folder: Path) -> Made:
    pipeline.analyze(pipeline.Job(out, folder, prices=prices()))
    return Made(rows_of(out), {page.stem: text_of(page) for page in folder.glob("*.html")})


@pytest.fixture(scope="module", params=format_ids())
def format_id(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(format_id: str, tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp(format_id)
    out = folder / "out.csv"
    import_files(format_id, logs(format_id, SOME, folder / "logs"), out)
    return pages_of(out, folder / "reports")


def needs(report: str) -> Set[str]:
    return set(ANALYZER_REGISTRY[report].analyzer.NEEDS)


@pytest.mark.sampled
@pytest.mark.parametrize("column", ["latency_ms", "customer_id", "region", "tier_price_usd"])
def test_a_report_without_its_column_says_so_and_nothing_else(made: Made, column: str) -> None:
    concerned = [report for report in made.reports if column in needs(report)]
    assert concerned or column == "region"
    for report in concerned:
        says_so = re.search(
            rf"This report needs [^;]*\b{column}\b[^;]*; this source has none\.", made.pages[report]
        )
        assert bool(says_so) == made.lacks(column), report
        if says_so:
            assert "Recommendations" not in made.pages[report]


def test_an_unknown_latency_is_no_time(made: Made) -> None:
    if made.lacks("latency_ms"):
        for report, text in made.reports.items():
            assert not re.search(r"(?<![\d.,])0(\.0+)? ms\b", text), report
            assert "no calls with a latency" in text


def test_customers_that_nobody_names_are_not_counted(made: Made) -> None:
    if made.lacks("customer_id"):
        for report, text in made.reports.items():
            assert "no calls with a customer" in text, report
            assert "Unprofitable" not in text


def test_an_unknown_number_of_calls_is_no_number(made: Made) -> None:
    for report, text in made.reports.items():
        assert ("Calls no request count" in text) == made.has_no_request_count, report
        if made.has_no_request_count:
            assert "No request count in" in text
            # Axes of charts begin at 0, and so does the list of lines of the file.
            assert not re.search(r"(?<![\d.,])0 calls\b|\bCalls 0 (?!\d)|\$0\.00 each", text), (
                report
            )
            assert "Error rate 0.0%" not in text
            assert "Success rate 0.0%" not in text


def test_totals_of_periods_are_called_so(made: Made) -> None:
    are_totals = all(row["bucket_s"] for row in made.rows)
    for text in made.reports.values():
        assert ("not single calls" in text) == are_totals


def test_list_prices_are_called_so(made: Made, format_id: str) -> None:
    for text in made.reports.values():
        assert (f"Costs of {format_id} are" in text) == (format_id in AT_LIST_PRICES)


def test_sessions_are_not_called_windows_of_a_subscription(made: Made) -> None:
    for name, text in made.pages.items():
        assert not re.search(
            r"(five|5).hour|limit reached|% of (the|your) (plan|limit)", text, re.I
        )
        assert not re.search(
            r"session\S* window|window\S* of (a|the) (session|plan)", text, re.I
        ), name


def test_a_few_minutes_are_no_month(made: Made) -> None:
    for text in made.reports.values():
        assert "Figures per month need 7 covered days" in text


def test_calls_without_a_price_make_every_total_a_bound(tmp_path: Path) -> None:
    (log,) = VENDORS["claude-code"].write(SOME, "x").values()
    unpriced = log.replace('"claude-a"', '"nobody"').replace('"id": "m', '"id": "x')
    paths = write_all(
        tmp_path / "logs", {"projects/a/a.jsonl": log, "projects/b/b.jsonl": unpriced}
    )
    import_files("claude-code", paths, tmp_path / "out.csv")
    made = pages_of(tmp_path / "out.csv", tmp_path / "reports")
    assert {row["cost_source"] for row in made.rows} == {"list", "none"}
    for name in ("index", "explore", "understanding", "dataset_overview", "alignment"):
        assert re.search(r"\b[Cc]ost ≥ \$0\.00245 ", made.pages[name]), name


def test_two_sources_of_one_provider_may_count_a_call_twice(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    for name in ("claude-code", "anthropic-usage"):
        import_files(name, logs(name, SOME, tmp_path / name), out)
    text = pages_of(out, tmp_path / "reports").pages["understanding"]
    assert "(anthropic-usage, claude-code): they may count a call twice." in text
