"""The pages in a real browser: charts, sorting, filtering, download, themes, print, access."""

from __future__ import annotations

import csv
import json
import time
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Mapping, Tuple

import pytest

from finops.generators import formatting
from finops.generators.chartjs import CHARTJS_FILE, CHARTJS_URL
from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
from finops.generators.components import Card, section
from finops.generators.page import write_report
from finops.generators.precision import column_cell, places_of
from finops.generators.tables import Column, table
from tests.generators.pages import CONTEXT, REPORT, VALUE
from tests.support.tools import need

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

ROWS: List[Dict[str, Any]] = [
    {
        "name": f"cust_{n}",
        "provider": ("openai", "aws-bedrock")[n % 2],
        "cost": (n * 37 % 101) / 8,
        "share": n / 4,
        "note": ("=1+1", "plain", None)[n % 3],
        "severity": ("critical", "info")[n % 2],
    }
    for n in range(120)
]
NAMES = sorted(row["name"] for row in ROWS)


def write_sample(path: Path, context: Mapping[str, Any] = CONTEXT) -> None:
    columns: List[Column[Dict[str, Any]]] = [
        Column(lambda row: row["name"], "Name"),
        Column(lambda row: row["provider"], "Provider", "provider", dot=True),
        Column(lambda row: row["cost"], "Cost", "money"),
        Column(lambda row: row["share"], "Share", "percent", bar=True),
        Column(lambda row: row["note"], "Note"),
        Column(lambda row: row["severity"], "Severity", "severity"),
    ]
    days = [f"2025-01-{n:02d}" for n in range(1, 31)]
    x, y = Axis("Day (UTC)", "date"), Axis("Cost (USD)", "money")
    body = [
        line_chart(
            "band", "Forecast", x, y, days,
            [
                Series("Low", list(range(30)), style="low"),
                Series("High", [n + 9 for n in range(30)], style="high"),
                Series("Cost", [n + 4 for n in range(30)]),
                Series("Limit", [20] * 30, "critical", "dashed"),
                Series("Odd", [None] * 29 + [33], "warning", "points"),
            ],
        ),
        bar_chart(
            "bars", "Bars", Axis("Provider", "provider"), y, ["openai", "azure"],
            [Series("a", [1, 2]), Series("b", [3, 4])], stacked=True, horizontal=True,
        ),
        scatter_chart("plane", "Plane", y, Axis("Calls"), [("a", 1.5, 2), ("b", 3, 4)]),
        section("All", table("all", "All customers", columns, ROWS)),
    ]  # fmt: skip
    data = {
        "_context": context,
        "findings": [{"severity": s, "title": s, "detail": "d"} for s in ("critical", "warning")],
        "recommendations": ["Do this to save $5.00 per month."],
    }
    write_report(REPORT, data, path, [Card("Calls", 3)], body, VALUE)


class Visit:
    """One page opened in a context of its own; `complaints` is what the console said."""

    def __init__(self, browser: Any, url: str, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.complaints: List[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(url)

    def drawn(self) -> int:
        return int(self.page.evaluate("document.querySelectorAll('.canvas:not([hidden])').length"))

    def wait_for_charts(self, count: int) -> None:
        self.wait_until(f"document.querySelectorAll('.canvas:not([hidden])').length === {count}")

    def wait_until(self, script: str) -> None:
        # The browser driver's own waiting evaluates text, which the page's policy forbids.
        deadline = time.monotonic() + 300
        while not self.page.evaluate(script):
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    def settle(self) -> None:
        """Wait until the page has answered what was clicked, typed or put into its address.

        The address changes at once, and the page hears of it in a task of its own.
        """
        self.page.evaluate("new Promise((done) => setTimeout(done))")

    def column(self, number: int) -> List[str]:
        cells = f"#table-all tbody td:nth-child({number})"
        found = self.page.evaluate(
            f"[...document.querySelectorAll({json.dumps(cells)})].map((c) => c.textContent)"
        )
        return [str(text) for text in found]


@pytest.fixture
def sample(browser: Any, address: str, pages: Dict[str, int]) -> Iterator[Visit]:
    visit = Visit(browser, f"{address}/sample.html", accept_downloads=True)
    visit.wait_for_charts(3)
    yield visit
    visit.context.close()


def test_sorting_by_click_and_by_keyboard(sample: Visit) -> None:
    head = sample.page.locator("#table-all thead th").nth(2)
    head.locator("button").click()
    costs = sorted((row["cost"] for row in ROWS), reverse=True)
    assert sample.column(3) == [formatting.money(cost) for cost in costs[:25]]
    assert head.get_attribute("aria-sort") == "descending"
    head.locator("button").focus()
    sample.page.keyboard.press("Enter")
    assert sample.column(3) == [formatting.money(cost) for cost in costs[::-1][:25]]
    assert head.get_attribute("aria-sort") == "ascending"
    sample.page.locator("#table-all thead th").nth(0).locator("button").press("Space")
    assert sample.column(1) == [f"cust_{n}" for n in range(25)]
    assert head.get_attribute("aria-sort") is None


def test_filtering_and_showing_all(sample: Visit) -> None:
    sample.page.get_by_label("Filter").fill("bedrock cust_11")
    wanted = [f"cust_{n}" for n in range(120) if n % 2 and str(n).startswith("11")]
    assert sample.column(1) == wanted
    assert sample.page.locator("#table-all .count").text_content() == f"{len(wanted)} of 120 rows"
    sample.page.get_by_label("Filter").fill("")
    sample.page.get_by_role("button", name="Show all").click()
    assert len(sample.column(1)) == 120
    assert sorted(sample.column(1)) == NAMES


def test_drawn_rows_are_as_the_generator_wrote_them(sample: Visit) -> None:
    script = "document.querySelector('#table-all tbody').innerHTML"
    before = sample.page.evaluate(script)
    sample.page.get_by_label("Filter").fill("x")
    sample.page.get_by_label("Filter").fill("")
    assert sample.page.evaluate(script).replace("\n", "") == before.replace("\n", "")


def test_download_holds_all_rows_and_no_formula(sample: Visit, tmp_path: Path) -> None:
    with sample.page.expect_download() as waiting:
        sample.page.locator("#table-all .download").click()
    assert waiting.value.suggested_filename == "sample-all.csv"
    waiting.value.save_as(str(tmp_path / "all.csv"))
    with open(str(tmp_path / "all.csv"), encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(lines))
    assert [row["Name"] for row in read] == [row["name"] for row in ROWS]
    assert [float(row["Cost"]) for row in read] == [row["cost"] for row in ROWS]
    assert {row["Note"] for row in read} == {"'=1+1", "plain", "n/a"}


def test_a_filtered_and_sorted_table_downloads_as_it_is_shown(
    sample: Visit, tmp_path: Path
) -> None:
    sample.page.get_by_label("Filter").fill("bedrock cust_1")
    sample.page.locator("#table-all thead th button").nth(2).click()
    with sample.page.expect_download() as waiting:
        sample.page.locator("#table-all .download").click()
    name = "sample-all-by-cost-descending-filtered-bedrock-cust-1.csv"
    assert waiting.value.suggested_filename == name
    waiting.value.save_as(str(tmp_path / "some.csv"))
    with open(str(tmp_path / "some.csv"), encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(lines))
    wanted = [r for r in ROWS if r["provider"] == "aws-bedrock" and r["name"][:6] == "cust_1"]
    wanted.sort(key=lambda row: -row["cost"])
    assert [row["Name"] for row in read] == [row["name"] for row in wanted]
    assert sample.column(1) == [row["Name"] for row in read]


def test_charts_follow_the_system_theme(sample: Visit) -> None:
    script = "Object.values(Chart.instances)[0].options.scales.x.ticks.color"
    light = sample.page.evaluate(script)
    sample.page.emulate_media(color_scheme="dark")
    sample.wait_until(f"{script} !== {json.dumps(light)}")
    sample.wait_for_charts(3)
    assert sample.complaints == []


def test_the_legend_shows_lines_as_they_are_drawn(sample: Visit) -> None:
    items = sample.page.evaluate(
        "Chart.getChart(document.querySelector('#chart-band canvas')).legend.legendItems"
        ".map(({ text, lineDash, pointStyle }) => [text, lineDash, pointStyle])"
    )
    assert [text for text, *_ in items] == ["Low to high", "Cost", "Limit", "Odd"]
    lines = {text: dash for text, dash, style in items if style == "line"}
    assert lines["Cost"] == []
    assert len(lines["Limit"]) == 2
    assert sum(lines["Limit"]) <= 10  # a dash and a gap fit a sign of 10 px


def test_print_opens_disclosures_and_is_light(sample: Visit) -> None:
    sample.page.emulate_media(color_scheme="dark")
    sample.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert sample.page.locator("main details:not([open])").count() == 0
    ground = "getComputedStyle(document.querySelector('.chart')).backgroundColor"
    assert sample.page.evaluate(ground) == "rgb(255, 255, 255)"
    sample.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert sample.page.locator("details[open]").count() == 0
    rows = "document.querySelectorAll('#chart-band tbody tr')"
    sample.page.evaluate(f"{rows}.forEach((row) => row.after(row.cloneNode(true)))")
    sample.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert sample.page.locator("main details:not([open])").count() == 1
    sample.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert sample.page.pdf()[:5] == b"%PDF-"


def test_report_readable_without_cdn(browser: Any, address: str, pages: Dict[str, int]) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.route("**/*chart*.js", lambda route: route.abort())
    page.goto(f"{address}/sample.html")
    page.get_by_text("Charts have no tooltips until Chart.js is loaded.").wait_for()
    page.locator("#chart-band .plot").hover()
    page.get_by_text("Chart.js could not be loaded.").wait_for()
    assert page.locator(".chart .drawn svg:visible").count() >= 3
    page.locator("#chart-band summary").click()
    assert page.locator("#chart-band details[open] table:visible").count() == 1
    context.close()


def test_everything_is_text_without_scripts(
    browser: Any, address: str, pages: Dict[str, int]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/sample.html")
    assert page.locator(".tools:visible").count() == 0
    assert page.locator("#table-all tbody tr").count() == 25
    page.locator("#chart-band summary").click()
    assert page.get_by_role("cell", name="$33.00").first.is_visible()
    context.close()


def test_the_page_works_from_a_file(browser: Any, site: Path, pages: Dict[str, int]) -> None:
    visit = Visit(browser, (site / "sample.html").as_uri())
    visit.wait_for_charts(3)
    assert visit.complaints == []
    visit.context.close()


class Network:
    """What a page asked the network for, answered with Chart.js where it is there."""

    def __init__(self, visit: Visit, there: bool) -> None:
        self.asked: List[str] = []
        self._there = there
        visit.context.route("https://**/*", self._answer)

    def _answer(self, route: Any) -> None:
        self.asked.append(f"{route.request.method} {route.request.url}")
        if self._there:
            headers = {"Access-Control-Allow-Origin": "*"}
            route.fulfill(path=need(f"node_modules/chart.js/dist/{CHARTJS_FILE}"), headers=headers)
        else:
            route.abort()


@pytest.fixture
def alone(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Tuple[Visit, Network]]]:
    """Opens a page that has no copy of Chart.js beside it: give whether the network is there."""
    write_sample(tmp_path / "sample.html", dict(CONTEXT, chart_library=False))
    opened: List[Visit] = []

    def visit(there: bool, **options: Any) -> Tuple[Visit, Network]:
        opened.append(Visit(browser, "about:blank", **options))
        network = Network(opened[-1], there)
        opened[-1].page.goto((tmp_path / "sample.html").as_uri())
        return opened[-1], network

    yield visit
    for each in opened:
        each.context.close()


Alone = Callable[..., Tuple[Visit, Network]]
STANDS = """() => [...document.querySelectorAll('.chart[id], .table')].map((part) =>
  [part.offsetTop, part.offsetHeight])"""
WAITS, FAILED = "Charts have no tooltips until Chart.js is loaded.", "Chart.js could not be loaded."


def test_a_page_that_nobody_points_at_asks_nobody_and_says_what_is_missing(alone: Alone) -> None:
    visit, network = alone(there=False)
    visit.page.get_by_text(WAITS).wait_for()
    assert visit.page.locator(".chart .drawn svg.plot:visible").count() >= 2
    visit.page.locator("#table-all thead th button").first.click()
    visit.page.mouse.wheel(0, 2000)
    assert network.asked == []
    assert visit.complaints == []


@pytest.mark.parametrize("act", ["mouse", "touch", "keyboard"])
def test_a_chart_that_a_reader_turns_to_loads_chart_js_once(alone: Alone, act: str) -> None:
    visit, network = alone(there=True, has_touch=act == "touch")
    page = visit.page
    before = page.evaluate(STANDS)
    if act == "mouse":
        page.locator("#chart-band .plot").hover()
    elif act == "touch":
        page.locator("#chart-band .plot").tap()
    else:
        page.locator("#chart-band summary").focus()
    visit.wait_for_charts(3)
    assert page.locator("#chart-missing:visible").count() == 0
    assert page.evaluate(STANDS) == before
    if act != "keyboard":
        tooltip = "Chart.getChart(document.querySelector('#chart-band canvas')).tooltip.opacity"
        visit.wait_until(f"{tooltip} === 1")
    page.locator("#chart-bars canvas").hover()
    assert network.asked == [f"HEAD {CHARTJS_URL}", f"GET {CHARTJS_URL}"]
    assert visit.complaints == []


def test_a_network_that_refuses_is_no_error_on_the_console(alone: Alone) -> None:
    visit, network = alone(there=False)
    visit.page.locator("#chart-band .plot").hover()
    visit.page.get_by_text(FAILED).wait_for()
    visit.page.locator("#chart-bars .rows").hover()
    assert network.asked == [f"HEAD {CHARTJS_URL}"]
    assert visit.complaints == []


def test_a_reader_without_a_network_is_told_so(alone: Alone) -> None:
    visit, network = alone(there=True, offline=True)
    visit.page.locator("#chart-band .plot").hover()
    visit.page.get_by_text(FAILED).wait_for()
    assert network.asked == []
    visit.context.set_offline(False)
    visit.page.locator("#chart-bars .rows").hover()
    visit.wait_for_charts(3)
    assert visit.complaints == []


def test_the_skip_link_is_the_first_stop(sample: Visit) -> None:
    sample.page.keyboard.press("Tab")
    focused = "document.activeElement.textContent"
    assert sample.page.evaluate(focused) == "Skip to the content"


NUMBERS = [
    0, -0.0, 1, -1, 0.5, 0.05, 0.0123, 0.000123, 1e-7, 1e-13, 0.995, 0.9995, 1.005, 2.675, 9.995,
    12.34, 99, 99.5, 99.994, 99.999, 100, 412, 999.95, 999.96, 1000, 1023, 1024, 1204.55, 9999,
    9999.5, 10000, 12345, 99_999.994, 99_999.995, 100_000, 999_949, 999_950, 1_234_567, 3599, 3600,
    172_799, 172_800, 5e9, 1e12, 1.5e12, -12.5, -0.004, -1204.555, -99_999.999, 33.3333333333,
]  # fmt: skip


# Decimals of columns, of tokens the power of their unit.
PLACES = {
    "money": (0, 2, 5),
    "percent": (1, 2),
    "share": (1,),
    "number": (0, 2),
    "tokens": (0, 3, 6),
}


LISTS: List[List[Any]] = [
    [], [None, 0], NUMBERS, [1234.5, 0.04], [0.0874, 0.00702], [0.0364, 0.0000768], [1e-13, 0.4],
    [77_600_000, 641_000, 2_000_000], [9999], [12_000, 5], [0.9997, 0.5], [99.97, 12], [3, 4],
    [3.5],
    [250_000, 1], [-0.05, 0.02], [1e12, 5, 7], [0.1], [0.09],
]  # fmt: skip


# The first and the last weeks of years, and texts that are no week.
WEEKS = [
    "2024-W52",
    "2025-W01",
    "2026-W23",
    "2026-W53",
    "2027-W01",
    "2025-W53",
    "2025-W00",
    "n/a",
    None,
]


def test_both_formatters_write_weeks_alike(sample: Visit) -> None:
    script = f"{json.dumps(WEEKS)}.map((week) => format.cell('week', week))"
    assert sample.page.evaluate(script) == [formatting.cell("week", week) for week in WEEKS]


def test_both_formatters_agree(sample: Visit) -> None:
    numeric = [kind for kind, rules in formatting.KINDS.items() if rules.numeric]
    for kind in numeric:
        script = f"{json.dumps(NUMBERS)}.map((n) => format.cell('{kind}', n))"
        wanted = [formatting.cell(kind, number) for number in NUMBERS]
        assert sample.page.evaluate(script) == wanted, kind
        for given in LISTS:
            needed = sample.page.evaluate(f"format.places('{kind}', {json.dumps(given)})")
            assert needed == places_of(kind, given), (kind, given)
        for places in PLACES.get(kind, ()):
            script = f"{json.dumps(NUMBERS)}.map((n) => format.column('{kind}', n, {places}))"
            shown = [column_cell(kind, number, places) for number in NUMBERS]
            assert sample.page.evaluate(script) == shown, (kind, places)
