"""Every page in a real browser, opened once: drawing, access, sorting, dates, paper.

What single controls do is checked on one page of known rows (test_browser.py); here each page
shows that its own ones work, by mouse and by keyboard, in light and dark, wide and narrow.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import Page
from tests.generators.test_browser import Visit
from tests.support.tools import need

pytestmark = [pytest.mark.unmeasured, pytest.mark.once, pytest.mark.long]


NAMES = [*ANALYZER_REGISTRY, "index", "sample"]
WIDE, NARROW = 1400, 390
VIEWS = [("light", WIDE), ("dark", WIDE), ("dark", NARROW), ("light", NARROW)]
# The checker takes long: all of it looks once, and what depends on colours or width at the second
# colours and the second width.
CHECKED = 3
RENDERED = ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"]

PIXELS = """() => [...document.querySelectorAll("canvas")].map((canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Set();
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3]) colours.add((data[at] << 16) | (data[at + 1] << 8) | data[at + 2]);
  }
  return colours.size;
})"""
AXE = """(rules) => axe.run(document, rules.length ? {
  runOnly: { type: "rule", values: rules }, resultTypes: ["violations"],
} : { resultTypes: ["violations"] }).then((found) => found.violations.map((one) =>
  [one.id, one.impact, one.nodes[0].html]))"""
# Rows beyond the fifth are made like those before, and the checker takes long over each cell.
FEWER = (
    """() => document.querySelectorAll("tbody tr:nth-child(n+6)").forEach((row) => row.remove())"""
)
PRESSED = "document.getElementById('{}').getAttribute('aria-pressed') === 'true'"
OPEN = "() => document.querySelectorAll('details').forEach((one) => { one.open = true; })"


@pytest.fixture(scope="module")
def axe() -> str:
    return Path(need("node_modules/axe-core/axe.min.js")).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def visit(browser: Any, address: str, pages: Dict[str, int]) -> Iterator[Visit]:
    """One page for all: each test goes where it wants to be."""
    opened = Visit(browser, f"{address}/index.html", accept_downloads=True)
    yield opened
    opened.context.close()


def go(visit: Visit, address: str, name: str, charts: int) -> None:
    visit.complaints.clear()
    visit.page.set_viewport_size({"width": WIDE, "height": 900})
    visit.page.emulate_media(color_scheme="light", media="screen")
    visit.page.goto(f"{address}/{name}.html")
    visit.wait_for_charts(charts)


@pytest.mark.parametrize("name", NAMES)
def test_draws_and_is_accessible(
    visit: Visit, address: str, pages: Dict[str, int], axe: str, name: str
) -> None:
    go(visit, address, name, pages[name])
    page = visit.page
    page.evaluate(axe)
    page.evaluate(OPEN)
    page.evaluate(FEWER)
    for number, (scheme, width) in enumerate(VIEWS):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        visit.wait_for_charts(pages[name])
        view = f"{name}, {scheme}, {width} px"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
        assert visit.complaints == [], view
        if number < CHECKED:
            assert page.evaluate(AXE, RENDERED if number else []) == [], view
    drawn = page.evaluate(PIXELS)
    assert len(drawn) == pages[name]
    # Axis, grid and text alone have a few shades; a drawn series adds its own.
    assert all(colours > 3 for colours in drawn), drawn


@pytest.mark.parametrize("name", NAMES)
def test_controls_work_by_mouse_and_by_keyboard(
    visit: Visit, address: str, pages: Dict[str, int], name: str, tmp_path: Path
) -> None:
    go(visit, address, name, pages[name])
    tables = Page(visit.page.content()).data.get("tables", {})
    if tables:
        largest = max(tables, key=lambda one: int(tables[one]["rows"]))
        check_table(visit, largest, tables[largest], tmp_path)
    check_disclosure(visit)
    if visit.page.locator("#range:visible").count():
        check_dates(visit)
    assert visit.complaints == []
    check_paper(visit)


# Kinds of columns that are sorted by their numbers.
FIGURES = ("money", "count", "ms", "tokens", "number", "percent", "share")


def check_table(visit: Visit, name: str, data: Dict[str, Any], folder: Path) -> None:
    root = visit.page.locator(f"#table-{name}")
    at = [column["kind"] for column in data["columns"]].index(
        next(c["kind"] for c in data["columns"] if c["kind"] in FIGURES)
    )
    column = data["columns"][at]
    button = root.locator("thead th").nth(at).locator("button")
    root.evaluate("(table) => { (table.closest('details') || {}).open = true; }")
    button.click()
    rows = root.locator("tbody tr")
    first = order_of(rows, at)
    button.press("Enter")
    second = order_of(rows, at)
    assert {root.locator("[aria-sort]").count()} == {1}
    most = format_of(visit, column, max(v for v in column["values"] if v is not None))
    assert most in (first[0], second[0]), name
    search = root.locator("input[type=search]")
    if search.count():
        search.press_sequentially("no such row")
        assert rows.count() == 0
        search.fill("")
    with visit.page.expect_download() as waiting:
        root.locator(".download").press("Enter")
    waiting.value.save_as(str(folder / "table.csv"))
    with open(str(folder / "table.csv"), encoding="utf-8", newline="") as lines:
        assert len(list(csv.reader(lines))) == data["rows"] + 1


def order_of(rows: Any, column: int) -> List[str]:
    return [str(text) for text in rows.locator(f"td:nth-child({column + 1})").all_text_contents()]


def format_of(visit: Visit, column: Dict[str, Any], value: float) -> str:
    shown = "([{ kind, places }, value]) => format.column(kind, value, places)"
    return str(visit.page.evaluate(shown, [column, value]))


def check_disclosure(visit: Visit) -> None:
    summary = visit.page.locator("summary").first
    opened = visit.page.locator("details").first
    summary.click()
    assert opened.get_attribute("open") is not None
    summary.press("Enter")
    assert opened.get_attribute("open") is None


def check_dates(visit: Visit) -> None:
    page = visit.page
    before = page.locator(".cards").text_content()
    page.locator("#range-7").click()
    visit.wait_until(PRESSED.format("range-7"))
    assert page.evaluate("location.hash") == "#range=7"
    assert page.locator(".cards").text_content() != before
    assert re.search(r"\d+ \w{3} to \d+ \w{3}, 7 days", page.locator(".chosen").text_content())
    for card in page.locator(".card").all():
        assert card.locator(".covers").text_content(), "a card does not say what it covers"
    uncovered = page.locator(".chart[id]:not(:has(> .covers)), .table[id]:not(:has(> .covers))")
    assert uncovered.count() == 0
    page.locator(".skip").focus()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "range-all":
            break
    page.keyboard.press("Space")
    visit.wait_until(PRESSED.format("range-all"))
    assert page.locator(".cards").text_content() == before


# Words of the first rows of tables that go on in a second line, without a hyphen to break at.
BROKEN = """() => {
  const broken = [];
  const texts = document.querySelectorAll(".table thead th, .table tbody tr:nth-child(-n+5) td");
  for (const cell of texts) {
    if (cell.classList.contains("long")) continue;
    const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
      for (const word of walk.currentNode.data.matchAll(/[^\\s-]+/g)) {
        const range = document.createRange();
        range.setStart(walk.currentNode, word.index);
        range.setEnd(walk.currentNode, word.index + word[0].length);
        if (range.getClientRects().length > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""
PAPER = 688  # A4 less two margins of 14 mm, at 96 dots an inch


def check_paper(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": PAPER, "height": 900})
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    closed = page.locator("main details:not([open])")
    assert closed.count() == page.locator(".chart details:not([open])").count()
    rows = "(all) => all.every((one) => one.querySelectorAll('tbody tr').length > 31)"
    assert closed.evaluate_all(rows)
    assert page.locator(".tools:visible, .range:visible, footer:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= PAPER
    assert page.evaluate(BROKEN) == []
    page.evaluate("dispatchEvent(new Event('afterprint'))")


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_of_a_chart_is_text(name: str, site: Path, pages: Dict[str, int]) -> None:
    html = (site / f"{name}.html").read_text(encoding="utf-8")
    for chart, data in Page(html).data.get("charts", {}).items():
        figure = html[html.index(f'id="chart-{chart}"') :]
        body = figure[figure.index("<tbody>") : figure.index("</tbody>")]
        cells = re.findall(r"<td>(.*?)</td>", body)
        values = [value for one in data["series"] for value in one["values"]]
        assert body.count("<tr>") == len(data["labels"]), chart
        assert len(cells) == len(values), chart
        assert [not cell for cell in sorted(cells) if not cell] == [
            value is None for value in values if value is None
        ], chart


DRAWN = """() => [...document.querySelectorAll('.chart[id]')].map((figure) => {
  const frame = figure.querySelector('.drawn').getBoundingClientRect();
  const shapes = [...figure.querySelectorAll('.drawn :is(path, rect, circle)')];
  const visible = shapes.filter((shape) => {
    const box = shape.getBoundingClientRect();
    const style = getComputedStyle(shape);
    const painted = [style.fill, style.stroke].some((paint) => paint.startsWith('rgb'));
    const inside = box.left >= frame.left - 6 && box.right <= frame.right + 6;
    return painted && box.width + box.height > 0 && inside;
  });
  return visible.length === shapes.length && shapes.length > 0 && frame.height > 60;
})"""


# Pairs of texts of a drawing of which one covers the other, with the name of the chart.
COVERED = """() => [...document.querySelectorAll('.drawn > svg')].flatMap((drawing) => {
  const texts = [...drawing.querySelectorAll('text:not(.slant)')]
    .map((text) => [text.textContent, text.getBoundingClientRect()])
    .filter(([, box]) => box.width > 0);
  const across = (one, other) => Math.min(one.right, other.right) - Math.max(one.left, other.left);
  const down = (one, other) => Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
  return texts.flatMap(([text, box], at) => texts.slice(at + 1)
    .filter(([, other]) => across(box, other) > 0.5 && down(box, other) > 5)
    .map(([other]) => [drawing.closest('.chart').id, text, other]));
})"""


LINKS = """() => [...document.querySelectorAll("a[data-by]")].map((link) =>
  [link.dataset.by, link.textContent, new URL(link.href).pathname.split("/").pop(),
   new URLSearchParams(link.hash.slice(1)).getAll(link.dataset.by).join("|")])"""
UNKNOWN = """(names) => names.filter(([by, name]) => {
  const { values } = explore.store;
  return !values[by].some((value) => [value.name, value.shown, value.plain].includes(name));
})"""


def test_every_name_of_every_report_leads_to_explore_filtered(
    browser: Any, address: str, pages: Dict[str, int]
) -> None:
    visit = Visit(browser, f"{address}/explore.html")
    names = set()
    for name in ANALYZER_REGISTRY:
        visit.page.goto(f"{address}/{name}.html")
        for by, shown, page, filtered in visit.page.evaluate(LINKS):
            assert (page, filtered) == ("explore.html", shown), name
            names.add((by, shown))
    assert {by for by, _ in names} == {
        "customer", "organization", "product", "feature", "provider", "model", "environment",
    }  # fmt: skip
    visit.page.goto(f"{address}/explore.html")
    visit.wait_until("Boolean(window.explore)")
    assert visit.page.evaluate(UNKNOWN, sorted(names)) == []
    visit.context.close()


def test_the_first_screen_of_the_index_holds_figures_and_daily_cost(
    browser: Any, address: str, pages: Dict[str, int]
) -> None:
    visit = Visit(browser, f"{address}/index.html", viewport={"width": WIDE, "height": 800})
    visit.wait_for_charts(pages["index"])
    parts = "[...document.querySelectorAll('.card, #chart-daily-cost')]"
    bottoms = visit.page.evaluate(f"{parts}.map((p) => p.getBoundingClientRect().bottom)")
    assert len(bottoms) >= 3
    assert max(bottoms) <= 800
    visit.context.close()


@pytest.mark.parametrize("width", [1400, 700, 390])
def test_without_chart_js_every_chart_is_drawn(
    browser: Any, address: str, pages: Dict[str, int], width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.route("**/*chart*.js", lambda route: route.abort())
    for name in NAMES:
        page.goto(f"{address}/{name}.html")
        page.locator("#chart-missing:not([hidden])").wait_for()
        drawn = page.evaluate(DRAWN)
        assert drawn == [True] * pages[name], name
        assert page.evaluate(COVERED) == [], name
        assert page.evaluate(BROKEN) == [], name
    context.close()


def test_a_chart_js_that_hangs_is_missed_within_three_seconds_and_used_when_it_comes(
    browser: Any, address: str, pages: Dict[str, int]
) -> None:
    waiting: List[Any] = []
    context = browser.new_context()
    page = context.new_page()
    errors: List[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("**/*chart*.js", lambda route: waiting.append(route))
    page.goto(f"{address}/understanding.html", wait_until="commit")
    page.locator("#chart-missing:not([hidden])").wait_for()
    assert page.evaluate(DRAWN) == [True] * pages["understanding"]
    waiting[0].continue_()
    page.locator("#chart-missing").wait_for(state="hidden")
    assert page.locator(".canvas:visible").count() == pages["understanding"]
    assert page.locator(".drawn:visible").count() == 0
    assert errors == []
    context.close()


def test_without_scripts_every_figure_is_text(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name in NAMES:
        page.goto(f"{address}/{name}.html")
        assert page.locator(".tools:visible, .range:visible, .canvas:visible").count() == 0, name
        assert page.locator(".card .figure:visible").count() >= 1, name
        assert page.locator(".drawn:visible").count() == pages[name], name
        assert page.locator(".chart[id] details").count() == pages[name], name
        rows = page.locator(".table[id] tbody tr:visible").count()
        rows += page.locator("details:not([open]) .table[id] tbody tr").count()  # opens by itself
        tables = Page((site / f"{name}.html").read_text(encoding="utf-8")).data.get("tables", {})
        assert rows == sum(min(one["rows"], one["shown"]) for one in tables.values()), name
        if pages[name]:
            page.locator(".chart summary").first.click()
            assert page.locator(".chart details[open] td:visible").count() >= 1, name
    context.close()
