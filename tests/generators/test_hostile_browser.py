"""Hostile data in every column, in a real browser under the policy that the viewer sends.

The pages are visited once: what ran, what the policy stopped, what was asked for over the
network, what stands in the document after everything was clicked, and every table as the CSV
that a reader would download.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple, Optional

import pytest

from finops.generators.chartjs import CHARTJS_FILE
from finops.generators.reports.index import generate_index
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import CONTEXT, Page, results_of
from tests.generators.test_hostile_text import PAYLOADS, TEXT_COLUMNS
from tests.support.rows import varied_rows

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

FORMULAS = ("=1+1", "+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x")
STARTS = tuple("=+-@\t\r\n＝＋－＠")
HOSTILE = (*PAYLOADS, *FORMULAS)
WATCH = """
window.ran = [];
window.alert = (word) => window.ran.push(String(word));
addEventListener("securitypolicyviolation", (e) => window.ran.push(`stopped ${e.blockedURI}`));
window.blobs = [];
URL.createObjectURL = (blob) => { window.blobs.push(blob); return "about:blank#"; };
HTMLAnchorElement.prototype.click = () => {};
"""
CLICK = """async () => {
  const all = (query) => [...document.querySelectorAll(query)];
  all("details").forEach((one) => { one.open = true; });
  all(".tools .download").forEach((button) => button.click());
  for (const button of all("thead button, .more button")) button.click();
  for (const input of all(".tools input[type=search]")) {
    input.value = "<script>";
    input.dispatchEvent(new Event("input"));
    input.value = "";
    input.dispatchEvent(new Event("input"));
  }
  const handlers = all("*").flatMap((one) => [...one.attributes].map((a) => a.name))
    .filter((name) => name.startsWith("on"));
  const here = new URL(".", location.href).href;
  const ours = (link) => link.startsWith("#") || link === "data:,"
    || link.startsWith("https://cdn.jsdelivr.net/")
    || new URL(link, here).href.startsWith(here)
    && /^(chart.*|[a-z_]+\\.(html|json)(#.*)?)$/.test(new URL(link, here).href.slice(here.length));
  const links = all("[href], [src]").map((e) => e.getAttribute("href") ?? e.getAttribute("src"));
  return {
    ran: window.ran,
    handlers,
    links: links.filter((link) => !ours(link)),
    odd: all("img, iframe, object, embed, base, plaintext, math").length,
    scripts: all("script").length,
    csvs: await Promise.all(window.blobs.map((blob) => blob.text())),
  };
}"""


class Seen(NamedTuple):
    """What a visit showed; `data` is the page's JSON block."""

    facts: Dict[str, Any]
    complaints: List[str]
    asked: List[str]
    data: Dict[str, Any]


def hostile_rows() -> List[Dict[str, str]]:
    """Return rows whose every text begins with a payload, another one in each row and column."""
    rows = varied_rows(150)
    for number, row in enumerate(rows):
        for place, column in enumerate(TEXT_COLUMNS):
            customer = int(row["customer_id"][-4:])
            odd = (customer if column == "customer_id" else number + place) % len(HOSTILE)
            row[column] = HOSTILE[odd] + row[column]
        if row["error_type"]:
            row["error_type"] = HOSTILE[number % len(HOSTILE)] + row["error_type"]
    return rows


def write_hostile_pages(folder: Path) -> None:
    results = results_of(hostile_rows())
    reports: List[Dict[str, Any]] = []
    for name, one in ANALYZER_REGISTRY.items():
        one.generator(results[name], folder / one.filename)
        about = {"id": name, "title": one.title, "domain": one.domain, "purpose": one.purpose}
        reports.append(dict(about, generated_at="2025-01-01T00:00:00Z", status="ok"))
    context = dict(CONTEXT, dataset="<img src=x onerror=alert(1)>.csv")
    generate_index(results, reports, context, folder / "index.html")


def visited(browser: Any, url: str, path: Path) -> Seen:
    context = browser.new_context()
    context.add_init_script(WATCH)
    page = context.new_page()
    complaints: List[str] = []
    asked: List[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(f"dialog {dialog.message}"))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(url)
    facts = page.evaluate(CLICK)
    context.close()
    return Seen(facts, complaints, asked, Page(path.read_text(encoding="utf-8")).data)


@pytest.fixture(scope="module")
def seen(browser: Any, site: Path, address: str) -> Iterator[Dict[str, Seen]]:
    folder = site / "hostile"
    folder.mkdir()
    shutil.copy(str(site / CHARTJS_FILE), str(folder / CHARTJS_FILE))
    write_hostile_pages(folder)
    yield {
        path.stem: visited(browser, f"{address}/hostile/{path.name}", path)
        for path in sorted(folder.glob("*.html"))
    }
    shutil.rmtree(str(folder))


def test_hostile_data_runs_nothing_in_chromium(seen: Dict[str, Seen], address: str) -> None:
    assert len(seen) == len(ANALYZER_REGISTRY) + 1
    for name, one in seen.items():
        assert one.facts["ran"] == [], name
        assert one.complaints == [], name
        assert one.facts["handlers"] == [], name
        assert one.facts["links"] == [], name
        assert one.facts["odd"] == 0, name
        assert one.facts["scripts"] <= 4, name
        own = [url for url in one.asked if url.startswith((address, "https://cdn.jsdelivr.net/"))]
        assert own == one.asked, name
    text = json.dumps([one.data for one in seen.values()])
    assert sum(json.dumps(payload)[1:-1] in text for payload in FORMULAS) > 5


def expected_cell(value: Any) -> Optional[str]:
    """Return what a cell of a text has to be; None for numbers, which stay as they are."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return None
    return f"'{value}" if value.startswith(STARTS) else value


def assert_no_formula(table: Dict[str, Any], text: str) -> int:
    """Fail unless every cell is inert and nothing else was changed; return the apostrophes."""
    (_, *rows) = csv.reader(io.StringIO(text, newline=""))
    assert len(rows) == table["rows"]
    apostrophes = 0
    for place, column in enumerate(table["columns"]):
        values = column["values"] if "values" in column else [
            column["words"][at] for at in column["at"]
        ]  # fmt: skip
        for row, value in zip(rows, values):
            wanted = expected_cell(value)
            if wanted is None:
                assert float(row[place]) == value
            else:
                assert row[place] == wanted
                assert not row[place].startswith(STARTS)
                apostrophes += wanted.startswith("'") and wanted != value
    return apostrophes


def test_export_no_formula_cell(seen: Dict[str, Seen]) -> None:
    """Every table of every page, downloaded and read again, cell by cell."""
    found = cells = 0
    for name, one in seen.items():
        tables = list(one.data.get("tables", {}).values())
        assert len(tables) == len(one.facts["csvs"]), name
        for table, text in zip(tables, one.facts["csvs"]):
            found += assert_no_formula(table, text)
            cells += table["rows"] * len(table["columns"])
    print(f"{cells} cells, {found} made inert")
    assert found > 100
