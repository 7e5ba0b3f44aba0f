"""The whole page: skeleton, context, policy, determinism, and what happens without anything."""

from __future__ import annotations

import base64
import copy
import hashlib
import os
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops import atomic
from finops.generators import chartjs, components
from finops.generators.chartjs import CHARTJS_INTEGRITY, CHARTJS_URL, CHARTJS_VERSION
from finops.generators.components import Card
from finops.generators.date_range import Daily
from finops.generators.page import (
    MAX_PAGE_BYTES,
    content_security_policy,
    report_page,
)
from finops.generators.reports.dataset_overview import generate_dataset_overview_report
from finops.generators.reports.default import generate_default_report
from finops.generators.tables import Column, table
from finops.pipeline import Job, compute
from finops.reader.options import ReadingOptions
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.dataset import open_dataset
from tests.generators.pages import CONTEXT, PLACES, REPORT, VALUE, Page, results_of, with_context
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need


def sample(data: Dict[str, Any]) -> Page:
    return Page(report_page(REPORT, data, [Card("Calls", 3)], [], VALUE))


def test_the_header_says_what_the_page_is_about() -> None:
    read = sample({"_context": dict(CONTEXT)})
    assert read.says(
        "Sample What a sample shows. Dataset calls.csv Period 1 Jan 2025 to 31 Mar 2025"
    )
    assert read.says("Size 50.0 MB Generated 1 Apr 2025, 08:15 UTC")


def test_every_line_of_the_file_is_accounted_for() -> None:
    read = sample({"_context": dict(CONTEXT)})
    assert read.says(
        "1,014 lines = 1 header + 1,000 used + 9 skipped + 2 repeated headers + 1 blank"
        " + 1 incomplete tail."
    )
    assert read.says("cost_usd is not a number: 9 rows, lines 4, 5, 6, 7, 8 and others")
    assert read.says("Note: The file begins with a byte order mark.")
    assert read.says("Prices: built-in list prices, as of 2026-11.")
    assert read.says("Costs are a lower bound: 12 calls gave no cost")


def test_prices_say_that_they_hold_for_all_days_and_which_of_them_disagree() -> None:
    prices = {
        "source": "map.json",
        "date": "2026-08-01",
        "dated": False,
        "conflicts": [{"provider": "google", "model": "<x>", "keys": ["<x>", "gemini/<x>"]}] * 6,
    }
    read = sample({"_context": dict(CONTEXT, prices=prices)})
    assert read.says("They are the same for every day of the data.")
    assert read.says("different prices for <x> of google: <x>, gemini/<x>. None of them was used.")
    assert read.says("The same holds for 1 other model.")


def test_kinds_of_lines_that_are_rare_are_named_where_there_are_any() -> None:
    accounting = {"lines": 4, "header": 1, "used": 1, "repeated_records": 1, "comments": 1}
    read = sample({"_context": dict(CONTEXT, accounting=accounting)})
    assert read.says(
        "4 lines = 1 header + 1 used + 0 skipped + 0 repeated headers + 0 blank"
        " + 1 repeated records + 1 comments + 0 incomplete tail."
    )


def test_money_of_skipped_rows_is_said() -> None:
    accounting = dict(CONTEXT["accounting"], unused_cost=25.0)
    read = sample({"_context": dict(CONTEXT, accounting=accounting, cost=75.0)})
    assert read.says("The rows that were not used name a cost of $25.00, 25.0% of the whole.")
    read = sample({"_context": dict(CONTEXT, accounting=dict(accounting, skipped=[]))})
    assert not read.says("The rows that were not used")


def test_values_that_were_left_out_are_listed() -> None:
    blanked = [{"column": "latency_ms", "reason": "not a number", "values": 9, "places": PLACES}]
    accounting = dict(CONTEXT["accounting"], blanked=blanked)
    read = sample({"_context": dict(CONTEXT, accounting=accounting)})
    assert read.says("latency_ms, not a number: 9 values, lines 4, 5, 6, 7, 8 and others")


def test_how_the_data_was_read_is_said_where_it_changes_figures() -> None:
    reading = ReadingOptions(
        timezone="America/New_York",
        input_timezone="+01:00",
        since="2026-01-02T05:00:00.000000",
        until="2026-02-01T05:00:00.000000",
        rates=(("EUR", "1.08"),),
    )
    read = sample({"_context": dict(CONTEXT, reading=reading.plain())})
    assert read.says("Amounts in EUR are counted as 1.08 USD each.")
    assert read.says("Days, weeks and hours are those of the time zone America/New_York.")
    assert read.says("Times that name no time zone are taken as +01:00.")
    assert read.says("Only calls from 2 Jan 2026, 05:00 UTC on.")
    assert read.says("Only calls before 1 Feb 2026, 05:00 UTC.")
    plain = sample({"_context": dict(CONTEXT, reading=ReadingOptions().plain())})
    assert not plain.says("time zone")


def test_rows_of_a_source_without_lines_are_shown_by_how_they_begin() -> None:
    place = {"file": "part-1.parquet", "line": None, "text": "2025-13-01,<b>"}
    skipped = [{"reason": "bad timestamp", "rows": 2, "places": [place]}]
    read = sample({"_context": dict(CONTEXT, accounting={"skipped": skipped})})
    assert read.says("bad timestamp: 2 rows, part-1.parquet: 2025-13-01,<b> and others")


def test_without_a_context_there_are_sentences() -> None:
    read = sample({})
    assert read.says("Dataset not named Period not known Size not known")
    for context in ({"size_bytes": None}, {"size_bytes": None, "calls": 5}):
        read = sample({"_context": context})
        assert not read.says("Size")
        assert read.says("Calls 5") == ("calls" in context)
    assert read.says("made without the accounting")
    assert read.says("The source of the prices was not recorded.")


def test_neighbours_are_linked() -> None:
    read = Page(
        report_page(
            REPORT._replace(id="performance"), {"_context": CONTEXT}, [Card("Calls", 3)], [], VALUE
        )
    )
    links = read.values_of("href")
    assert links[-2:] == ["understanding.html", "realtime.html"]


def test_every_page_leads_to_every_report_to_explore_and_to_its_own_sections() -> None:
    reports = [dict(row, domain=row["id"][:1]) for row in CONTEXT["reports"]]
    context = dict(CONTEXT, reports=reports)
    read = Page(
        report_page(
            REPORT._replace(id="pricing"), {"_context": context}, [Card("Calls", 3)], [], VALUE
        )
    )
    links = read.values_of("href")
    assert {f"{row['id']}.html" for row in reports} | {"index.html", "explore.html"} <= set(links)
    assert read.values_of("aria-current") == ["page"]
    sections = [link[1:] for link in links if link.startswith("#s-")]
    assert sections[:2] + sections[-1:] == ["s-findings", "s-recommendations", "s-drawer"]
    assert set(sections) <= set(read.values_of("id"))


def test_the_policy_names_the_script_and_style_of_the_page() -> None:
    read = sample({})
    policy = next(v for v in read.values_of("content") if "default-src" in v)
    assert policy == content_security_policy()
    for text in (read.script, read.styles[0]):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert CHARTJS_URL in policy
    assert "unsafe" not in policy


def test_the_header_policy_adds_frames_and_sandbox() -> None:
    added = content_security_policy(header=True)[len(content_security_policy()) :]
    assert added == "; frame-ancestors 'self'; sandbox allow-scripts allow-downloads"
    assert (
        " 'self';"
        not in content_security_policy(copy="http://127.0.0.1:8000/x.js").split("style")[0]
    )


def test_no_style_attribute_and_no_handler() -> None:
    names = {name for _, name, _ in sample({}).attributes}
    assert not {name for name in names if name == "style" or name.startswith("on")}


def test_chart_library_is_pinned() -> None:
    read = sample({})
    assert read.values_of("src") == ["chart.umd.js", CHARTJS_URL]
    assert f"chart.js@{CHARTJS_VERSION}/" in CHARTJS_URL
    assert read.values_of("integrity") == [CHARTJS_INTEGRITY]
    assert read.values_of("crossorigin") == ["anonymous"]


def test_sri_matches_pinned_bytes() -> None:
    package = Path(need("node_modules/chart.js/dist/chart.umd.js"))
    assert chartjs.integrity(package.read_bytes()) == CHARTJS_INTEGRITY


def test_only_the_pinned_library_is_copied(tmp_path: Path) -> None:
    other = tmp_path / "other.js"
    other.write_text("alert(1)")
    assert not chartjs.copy_library(tmp_path / "reports", other)
    assert not chartjs.copy_library(tmp_path / "reports", tmp_path / "none.js")
    assert not (tmp_path / "reports").exists()


def test_the_library_is_copied_once(tmp_path: Path) -> None:
    package = Path(need("node_modules/chart.js/dist/chart.umd.js"))
    assert chartjs.copy_library(tmp_path, package)
    before = (tmp_path / "chart.umd.js").stat()
    assert chartjs.copy_library(tmp_path, tmp_path / "none.js")
    after = (tmp_path / "chart.umd.js").stat()
    # Reading it may change when it was last read.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_files_are_written_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "new" / "page.html"
    atomic.write_aside(target, "old €")
    assert target.read_bytes() == "old €".encode()

    def refuse(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="No space"):
        atomic.write_aside(target, "new")
    assert target.read_text(encoding="utf-8") == "old €"
    assert list(target.parent.iterdir()) == [target]


@pytest.fixture(scope="module")
def overview() -> Dict[str, Any]:
    return results_of(varied_rows(400), ["dataset_overview"])["dataset_overview"]


def written(data: Dict[str, Any], path: Path) -> Page:
    generate_dataset_overview_report(data, path)
    return Page(path.read_text(encoding="utf-8"))


def test_overview_shows_its_figures(overview: Dict[str, Any], tmp_path: Path) -> None:
    read = written(overview, tmp_path / "page.html")
    for row in overview["distributions"]["model"]:
        assert read.says(row["value"])
        assert read.says(f"{row['call_count']:,}")
    assert len(read.data["charts"]) >= 2
    assert read.says("OpenAI")


def test_the_same_dict_gives_the_same_bytes_and_stays_as_it_is(
    overview: Dict[str, Any], tmp_path: Path
) -> None:
    before = copy.deepcopy(overview)
    written(overview, tmp_path / "a.html")
    written(overview, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert overview == before
    assert 20_000 < (tmp_path / "a.html").stat().st_size < 200_000


@pytest.mark.parametrize("data", [{}, {"summary": {}}, {"distributions": {}, "quality": {}}])
def test_overview_without_sections_is_sentences(data: Dict[str, Any], tmp_path: Path) -> None:
    read = written(data, tmp_path / "page.html")
    assert read.says("No providers are named in this data.")
    assert read.says("Checked, none found: failed calls.")


@pytest.mark.once
@pytest.mark.unmeasured
def test_pages_of_500_customers_are_20_to_200_kb(tmp_path: Path) -> None:
    rows = [
        {**row, "customer_id": f"cust_{number % 500:04d}"}
        for number, row in enumerate(varied_rows(4000))
    ]
    path = write_csv(tmp_path / "calls.csv", rows)
    for name, result in compute(Job(open_dataset(path), tmp_path)).items():
        page = tmp_path / f"{name}.html"
        ANALYZER_REGISTRY[name].generator(with_context(name, result), str(page))
        assert 20 * 1024 <= page.stat().st_size <= 200 * 1024, name


@pytest.mark.parametrize("name", list(ANALYZER_REGISTRY))
def test_the_default_page_renders_any_result(name: str, tmp_path: Path) -> None:
    data = results_of(varied_rows(200), [name])[name]
    generate_default_report(data, tmp_path / f"{name}.html")
    read = Page((tmp_path / f"{name}.html").read_text(encoding="utf-8"))
    assert read.says(ANALYZER_REGISTRY[name].title)
    assert read.says(ANALYZER_REGISTRY[name].purpose)
    for key, value in data["summary"].items():
        assert read.says(key.replace("_", " ").capitalize())
        assert not isinstance(value, str) or read.says(value)


def test_the_default_page_goes_by_the_name_of_its_report(tmp_path: Path) -> None:
    """It is written aside first, under a name that differs from run to run."""
    data = {"_context": {"report": {"id": "places", "title": "Places", "purpose": "Where"}}}
    generate_default_report(data, tmp_path / "places.html.0123.tmp")
    read = Page((tmp_path / "places.html.0123.tmp").read_text(encoding="utf-8"))
    assert read.data["report"] == "places"
    assert read.says("Places")


def test_the_default_page_says_each_value_with_its_unit(tmp_path: Path) -> None:
    data = {"quality": {"total_cost": 1204.5, "is_whole": True, "error_percent": 2.5, "note": None}}
    generate_default_report(data, tmp_path / "any.html")
    (rows,) = Page((tmp_path / "any.html").read_text(encoding="utf-8")).data["tables"].values()
    assert [column["values"] for column in rows["columns"]] == [
        ["Total cost", "Is whole", "Error percent", "Note"],
        ["$1,204.50", "yes", "2.5%", "n/a"],
    ]


def test_what_the_default_page_rests_on_stands_under_its_title_alone(tmp_path: Path) -> None:
    data = results_of(varied_rows(50), ["features"])["features"]
    generate_default_report(data, tmp_path / "any.html")
    read = Page((tmp_path / "any.html").read_text(encoding="utf-8"))
    assert read.says("Based on ")
    assert not read.says("Revenue known")
    assert not read.says("basis")


def test_the_default_page_survives_an_odd_result(tmp_path: Path) -> None:
    odd = {
        "a b/c": [1, "x"],
        "deep": {"list": [{"v": {"w": [1]}}], "n": None},
        "summary": {"s": "<"},
    }
    generate_default_report(odd, tmp_path / "odd name.html")
    read = Page((tmp_path / "odd name.html").read_text(encoding="utf-8"))
    assert read.says("Odd name")
    assert read.says("w: 1")


def test_assets_hold_nothing_that_touches_markup() -> None:
    scripts = sample({}).script
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", scripts)


def test_a_page_over_its_limit_is_one_on_which_no_dates_can_be_chosen() -> None:
    """Twenty thousand days do not fit; what is not about chosen dates stays."""
    days = [(date(1990, 1, 1) + timedelta(days=at)).isoformat() for at in range(20_000)]
    small = Daily(days[:400], {"cost": [1.5] * 400})
    large = Daily(days, {name: [at % 977 + 0.123456 for at in range(20_000)] for name in "abc"})
    pages = [
        report_page(REPORT, {"_context": dict(CONTEXT)}, [Card("Calls", 3)], [], VALUE, (), daily)
        for daily in (small, large)
    ]
    assert ["ranged" in Page(page).data for page in pages] == [True, False]
    assert ["Dates cannot be chosen here" in page for page in pages] == [False, True]
    assert max(map(len, pages)) <= MAX_PAGE_BYTES
    assert Page(pages[1]).says("Calls 3")


def test_a_page_over_its_limit_without_dates_holds_fewer_rows_of_its_longest_tables() -> None:
    rows = [{"name": f"customer {at}", "tier": "pro", "cost": at / 7} for at in range(600)]
    rows[40]["name"] = "x" * 90_000
    columns: List[Column[Dict[str, Any]]] = [
        Column(lambda row: row["name"], "Customer"),
        Column(lambda row: row["tier"], "Tier", "tier", dot=True),
        Column(lambda row: row["cost"], "Cost", "money", at_least=lambda row: row["cost"] > 3),
    ]
    tables = [table("long", "Long", columns, rows), table("short", "Short", columns, rows[100:140])]
    extra = components.text("y" * 60_000)
    html = report_page(REPORT, {"_context": dict(CONTEXT)}, [], [*tables, extra], VALUE)
    page = Page(html)
    assert len(html.encode("utf-8")) <= MAX_PAGE_BYTES
    long, short = (page.data["tables"][name] for name in ("long", "short"))
    kept = long["rows"]
    assert 25 <= kept <= 40
    assert long["total"] == 600
    name, tier, cost = long["columns"]
    assert (len(name["values"]), len(tier["at"]), len(cost["values"])) == (kept, kept, kept)
    assert cost["least"] == [at for at in range(kept) if at / 7 > 3]
    assert page.says(f"the first {kept} of 600 rows")
    assert short["rows"] == 40
    assert page.says("and 15 more.")
