"""The Explore page in a browser, opened once: its figures are what DuckDB finds in the CSV."""

from __future__ import annotations

import json
import random
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, Iterator, List, Sequence

import pytest

from finops.analyzers.shared.cost_change import CHANGE_TABLES, cost_change
from finops.analyzers.shared.covered_days import HOURLY_CALLS, covered_days
from finops.analyzers.shared.explore_cube import explore_cubes
from finops.generators import formatting
from finops.generators.explore import explore_page
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import CONTEXT, Page
from tests.generators.test_browser import Visit
from tests.support.reference import ReferenceDataset, distinct_calls
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

ROWS = varied_rows(1500)  # those that the site's page was made of
COLUMNS = {
    "provider": "provider",
    "model": "model",
    "customer": "customer_id",
    "organization": "organization_id",
    "product": "product_id",
    "feature": "feature_id",
    "environment": "environment",
}
FIRST, LAST = ROWS[0]["timestamp"][:10], ROWS[-1]["timestamp"][:10]
# Figures of filters and days, what is beside each other dimension, and how long it took in ms.
ASK = """(questions) => questions.map(([filters, days]) => {
  const begun = performance.now();
  const answer = explore.query(filters, days);
  const change = explore.change(answer);
  const took = performance.now() - begun;
  const by = {};
  for (const [name, costs] of Object.entries(answer.by)) {
    by[name] = {};
    costs.forEach((cost, at) => {
      if (cost) by[name][explore.store.values[name][at].plain || explore.store.values[name][at].name] = cost;
    });
  }
  return { now: answer.now, then: answer.then, change, by, took };
})"""  # noqa: E501


@pytest.fixture(scope="module")
def visit(browser: Any, address: str, pages: Dict[str, int]) -> Iterator[Visit]:
    opened = Visit(browser, f"{address}/explore.html", viewport={"width": 1400, "height": 800})
    opened.wait_until("Boolean(window.explore)")
    yield opened
    opened.context.close()


def micros(rows: Sequence[Dict[str, str]]) -> int:
    return sum(round(float(row["cost_usd"]) * 10**6) for row in rows)


def passing(
    rows: Sequence[Dict[str, str]], filters: Dict[str, List[str]], but: str = ""
) -> List[Dict[str, str]]:
    return [
        row
        for row in rows
        if all(row[COLUMNS[name]] in names for name, names in filters.items() if name != but)
    ]


def within(first: str, last: str) -> List[Dict[str, str]]:
    return [row for row in ROWS if first <= row["timestamp"][:10] <= last]


def questions(count: int) -> List[Any]:
    draw = random.Random(21)
    length = (date.fromisoformat(LAST) - date.fromisoformat(FIRST)).days + 1
    days = [(date.fromisoformat(FIRST) + timedelta(n)).isoformat() for n in range(length)]
    asked = []
    for _ in range(count):
        filters = {
            name: sorted({draw.choice(ROWS)[column] for _ in range(draw.randrange(1, 6))})
            for name, column in COLUMNS.items()
            if draw.random() < 0.25
        }
        first, last = sorted(draw.choices(days, k=2))
        asked.append([filters, {"from": first, "to": last}])
    return asked


class Oracle:
    """The rows as a CSV in DuckDB, which knows nothing of the page; costs are exact decimals."""

    def __init__(self, path: Path) -> None:
        self._database = need("duckdb").connect(config={"threads": 1})
        self._database.execute(
            "create table calls as select *, strftime(timestamp::timestamp, '%Y-%m-%d') as day,"
            " cost_usd::decimal(38, 12) as cost"
            f" from read_csv('{write_csv(path, ROWS)}', all_varchar = true, header = true)"
        )

    def answer(self, filters: Dict[str, List[str]], days: Dict[str, str]) -> Dict[str, Any]:
        """Return calls, costs in millionths of a dollar, and the costs by each dimension."""
        where = _within(days["from"], days["to"])
        now = self._database.execute(
            f"select {MICROS}, count(*), count(*) filter (status = 'error'),"
            " coalesce(sum(input_tokens::bigint), 0), coalesce(sum(output_tokens::bigint), 0)"
            f" from calls where {where} and {_passing(filters)}"
        ).fetchone()
        rows = self._database.execute(
            " union all ".join(
                f"select '{name}', {column}, {MICROS} from calls"
                f" where {where} and {_passing(filters, but=name)} group by {column}"
                for name, column in COLUMNS.items()
            )
        ).fetchall()
        by: Dict[str, Dict[str, int]] = {name: {} for name in COLUMNS}
        for name, value, cost in rows:
            by[name][value] = cost
        return dict(zip(("cost", "calls", "errors", "input", "output"), now), by=by)

    def cost(self, filters: Dict[str, List[str]], first: str, last: str) -> int:
        """Return the cost of a range in millionths of a dollar."""
        where = f"{_within(first, last)} and {_passing(filters)}"
        return int(
            self._database.execute(f"select {MICROS} from calls where {where}").fetchone()[0]
        )


MICROS = "(coalesce(sum(cost), 0) * 1000000)::bigint"


def _within(first: str, last: str) -> str:
    return f"day between '{first}' and '{last}'"


def _passing(filters: Dict[str, List[str]], but: str = "") -> str:
    named = [
        f"{COLUMNS[name]} in ({', '.join(repr(value) for value in values)})"
        for name, values in filters.items()
        if name != but
    ]
    return " and ".join(["true", *named])


def test_random_filters_give_what_duckdb_gives_on_the_csv_in_time(
    visit: Visit, tmp_path: Path
) -> None:
    oracle = Oracle(tmp_path / "calls.csv")
    asked = questions(200)
    answers = visit.page.evaluate(ASK, asked)
    for (filters, days), answer in zip(asked, answers):
        wanted = oracle.answer(filters, days)
        now = answer["now"]
        for measure in ("cost", "calls", "errors", "input", "output"):
            assert now[measure] == wanted[measure], measure
        for name, sums in wanted["by"].items():
            assert sum(answer["by"][name].values()) == sum(sums.values()), name
            if name != "model":  # models of one name stand apart there, by provider
                assert answer["by"][name] == {k: v for k, v in sums.items() if v}, name
        length = (date.fromisoformat(days["to"]) - date.fromisoformat(days["from"])).days + 1
        start = (date.fromisoformat(days["from"]) - timedelta(length)).isoformat()
        end = (date.fromisoformat(days["from"]) - timedelta(1)).isoformat()
        assert (answer["then"] is not None) == (start >= FIRST)
        if answer["then"]:
            before = oracle.cost(filters, start, end)
            assert answer["then"]["cost"] == before
            difference = sum(answer["change"].values())
            assert difference == pytest.approx(now["cost"] - before, abs=1)
    took = sorted(answer["took"] for answer in answers)
    assert took[len(took) // 2] < 100


def test_the_change_of_a_range_is_that_of_the_report(visit: Visit) -> None:
    dataset = ReferenceDataset(ROWS)
    data = dataset.rollups((*CHANGE_TABLES, HOURLY_CALLS))
    wanted = cost_change(data, covered_days(data))
    assert wanted is not None
    days = {"from": wanted.start, "to": wanted.end}
    (answer,) = visit.page.evaluate(ASK, [[{}, days]])
    parts = {name: usd / 10**6 for name, usd in answer["change"].items()}
    assert answer["now"]["cost"] / 10**6 == pytest.approx(wanted.cost_now)
    assert answer["then"]["cost"] / 10**6 == pytest.approx(wanted.previous_period_cost)
    assert parts["price"] == pytest.approx(wanted.price_effect, abs=1e-6)
    assert parts["mix"] == pytest.approx(wanted.mix_effect, abs=1e-6)
    assert parts["volume"] == pytest.approx(wanted.volume_effect, abs=1e-6)
    assert parts["fresh"] + parts["gone"] == pytest.approx(wanted.new_subjects_effect, abs=1e-6)


def chosen_names(visit: Visit) -> List[str]:
    pressed = ".explore-lists [aria-pressed=true] span:first-child"
    return [str(text) for text in visit.page.locator(pressed).all_text_contents()]


def test_filters_by_click_by_key_by_name_and_by_address(visit: Visit) -> None:
    page = visit.page
    page.locator("#explore-by-provider button").first.focus()
    page.keyboard.press("Enter")
    visit.wait_until("location.hash.includes('provider=')")
    visit.wait_until("document.activeElement.getAttribute('aria-pressed') === 'true'")
    provider = page.evaluate("new URLSearchParams(location.hash.slice(1)).get('provider')")
    rows = passing(ROWS, {"provider": [provider]})
    shown = page.locator("#explore-cost .figure").text_content()
    assert shown == f"${micros(rows) / 10**6:,.2f}"
    # The line shows only the days; a screen reader also says the figures, which the cards show.
    status = page.locator("#explore-status")
    assert re.fullmatch(
        rf"(\d+ \w{{3}} 2025) to (\d+ \w{{3}} 2025)\. {len(rows):,} calls, {re.escape(shown)}\.",
        str(status.text_content()),
    )
    assert status.locator(".heard").bounding_box()["width"] <= 1
    page.locator("#explore-find").fill("Customer: cust_0007")
    page.locator("#explore-find").press("Tab")
    visit.wait_until("document.querySelectorAll('.chip').length === 3")
    assert "cust_0007" in chosen_names(visit)
    page.get_by_role("button", name="Clear all filters").click()
    visit.wait_until("!document.querySelector('.chip')")
    page.evaluate("location.hash = '#customer=nobody'")
    page.get_by_text("The data has no customer named “nobody”.").wait_for()
    assert page.locator("#explore-cost .figure").text_content() == "n/a"
    page.evaluate("location.hash = '#feature=Chat&theme=dark'")  # as a link of a report names it
    visit.wait_until("document.documentElement.classList.contains('dark')")
    assert "Chat" in chosen_names(visit)
    page.evaluate("location.hash = ''")
    visit.wait_until("!document.querySelector('.chip')")


# Names as links of reports give them: whether each is found, alone in use, and what it costs.
FOLLOW = """(links) => links.map(([by, name]) => {
  location.hash = new URLSearchParams([[by, name]]);
  explore.show();
  const chips = document.querySelectorAll('.chip[data-key^="chip "]').length;
  const shown = document.querySelector('#explore-cost .figure').textContent;
  return [document.getElementById('explore-stranger').hidden, chips, shown];
})"""


def linked_names(site: Path) -> List[List[str]]:
    """Return [dimension, name] of all links that the tables of all reports have, once each."""
    pages = [Page((site / one.filename).read_text("utf-8")) for one in ANALYZER_REGISTRY.values()]
    columns = [
        column
        for page in pages
        for table in page.data.get("tables", {}).values()
        for column in table["columns"]
        if "by" in column
    ]
    named = {
        (column["by"], name)
        for column in columns
        for name in column.get("words") or column["values"]
        if name not in (None, "n/a")
    }
    return [list(link) for link in sorted(named)]


def test_every_name_of_every_report_has_its_own_cost(visit: Visit, site: Path) -> None:
    links = linked_names(site)
    assert {by for by, _ in links} == set(COLUMNS)
    models = {row["model"] for row in ROWS}
    for link, answer in zip(links, visit.page.evaluate(FOLLOW, links)):
        by, name = link
        if by == "model" and name not in models:  # advised and not used
            assert answer == [False, 1, "n/a"], link
            continue
        assert answer[:2] == [True, 1], link
        if by in ("customer", "organization", "model"):
            rows = passing(ROWS, {by: [name]})
            assert answer[2] == formatting.money(micros(rows) / 10**6), link
    visit.page.evaluate("location.hash = ''")


def test_events_stand_on_the_days_on_which_they_began(visit: Visit) -> None:
    page = visit.page
    page.evaluate("location.hash = ''")
    visit.wait_until("document.querySelectorAll('#explore-drawing .event').length === 2")
    listed = str(page.locator("#explore-events").text_content())
    assert listed.startswith("Events: 1: Launch (Chat), ")
    assert "; 2: Outage (Chat), " in listed
    assert "Too late" not in listed
    page.evaluate(f"location.hash = '#range={LAST}..{LAST}'")
    visit.wait_until("document.querySelectorAll('#explore-drawing .event').length === 1")
    assert str(page.locator("#explore-events").text_content()).startswith("Events: 1: Outage")
    page.evaluate("location.hash = ''")


def test_of_many_events_the_last_are_marked_and_the_others_counted(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    events = [
        {"start": LAST, "end": LAST, "title": f"Event {number}", "subject": ""}
        for number in range(18)
    ]
    cube = next(iter(explore_cubes(ReferenceDataset(ROWS))))
    many = explore_page(cube, {}, dict(CONTEXT, events=events))
    path = site / "events-explore.html"
    path.write_text(many, encoding="utf-8")
    opened = Visit(browser, f"{address}/events-explore.html")
    opened.wait_until("document.querySelectorAll('#explore-drawing .event').length === 16")
    listed = str(opened.page.locator("#explore-events").text_content())
    opened.context.close()
    path.unlink()
    assert listed.startswith("Events: 1: Event ")
    assert listed.endswith("; 2 earlier ones are not marked.")


def test_dates_are_answered_at_the_field_and_go_along(visit: Visit) -> None:
    page = visit.page
    page.locator("#explore-from").fill(LAST)
    page.locator("#explore-to").fill(FIRST)
    page.get_by_text("The first date is after the last.").wait_for()
    assert page.locator("#explore-to").get_attribute("aria-invalid") == "true"
    page.evaluate(f"location.hash = '#range={FIRST}..{FIRST}'")
    visit.wait_until(f"document.getElementById('explore-to').value === '{FIRST}'")
    calls = page.locator("#explore-calls .figure").text_content()
    assert calls == str(len(within(FIRST, FIRST)))
    link = page.locator(".top a", has_text="All reports").get_attribute("href")
    assert str(link).endswith(f"/index.html#range={FIRST}..{FIRST}")
    page.evaluate("location.hash = ''")


def test_access_and_width(visit: Visit) -> None:
    page = visit.page
    axe = Path(need("node_modules/axe-core/axe.min.js")).read_text(encoding="utf-8")
    page.evaluate(axe)
    page.evaluate("location.hash = '#customer=cust_0007'")
    visit.wait_until("document.querySelectorAll('.chip').length === 2")
    for width, scheme in ((1400, "light"), (390, "dark")):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = page.evaluate(
            "() => axe.run(document, { resultTypes: ['violations'] }).then((found) =>"
            " found.violations.map((one) => [one.id, one.nodes[0].html]))"
        )
        assert found == [], json.dumps(found)
    assert visit.complaints == []


def test_a_partial_last_day_is_said_where_it_is_drawn(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    context = dict(
        CONTEXT,
        period_start=f"{FIRST}T00:00:00",
        period_end=f"{LAST}T09:12:00",
        partial_dates=[LAST],
    )
    cube = next(iter(explore_cubes(ReferenceDataset(ROWS))))
    path = site / "partial-explore.html"
    path.write_text(explore_page(cube, {}, context), encoding="utf-8")
    static = browser.new_context(java_script_enabled=False)
    without_script = static.new_page()
    without_script.goto(f"{address}/partial-explore.html")
    caption = "Cost per day of the whole period; the last day ends at 09:12"
    assert without_script.locator("#about-explore").text_content() == caption
    static.close()
    opened = Visit(browser, f"{address}/partial-explore.html")
    opened.wait_until("Boolean(window.explore)")
    said = "Cost over time by provider; the last day ends at 09:12"
    assert opened.page.locator("#about-explore").text_content() == said
    opened.page.evaluate(f"location.hash = '#range={FIRST}..{FIRST}'")
    opened.wait_until(f"document.getElementById('explore-to').value === '{FIRST}'")
    assert opened.page.locator("#about-explore").text_content() == "Cost over time by provider"
    opened.context.close()
    path.unlink()


def test_names_that_are_grouped_are_said_to_be(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    cube = next(explore_cubes(ReferenceDataset(distinct_calls(110)), 6))
    path = site / "grouped-explore.html"
    path.write_text(explore_page(cube, {}, CONTEXT), encoding="utf-8")
    opened = Visit(browser, f"{address}/grouped-explore.html")
    opened.wait_until("Boolean(window.explore)")
    for name in COLUMNS:
        rows = opened.page.locator(f"#explore-by-{name} li").all_inner_texts()
        assert any(row.startswith("All others") for row in rows), (name, rows)
    assert opened.page.get_by_text("4 models are named; all others are grouped.").count() == 1
    opened.page.evaluate("location.hash = '#model=model 099'")
    said = "is one of the models that this page groups together"
    opened.page.get_by_text(said).first.wait_for()
    opened.page.evaluate("location.hash = '#model=model 000'")
    opened.wait_until("document.querySelector('#explore-cost .figure').textContent === '$110.00'")
    assert opened.complaints == []
    opened.context.close()
    path.unlink()


def test_calls_that_cost_nothing_are_listed(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    free = {"model": "local-model", "provider": "our-own", "cost_usd": "0"}
    rows = [{**row, **(free if at % 2 else {})} for at, row in enumerate(varied_rows(100))]
    path = site / "free-explore.html"
    cube = next(iter(explore_cubes(ReferenceDataset(rows))))
    path.write_text(explore_page(cube, {}, CONTEXT), encoding="utf-8")
    opened = Visit(browser, f"{address}/free-explore.html")
    opened.wait_until("Boolean(window.explore)")
    opened.page.evaluate("location.hash = '#provider=our-own'")
    opened.page.locator("#explore-drawing").get_by_text("These calls cost nothing.").wait_for()
    models = opened.page.locator("#explore-by-model li").all_inner_texts()
    assert [text.split("\n") for text in models] == [["local-model", "$0.00"]]
    opened.context.close()
    path.unlink()


def test_what_is_not_known_is_neither_drawn_nor_a_share(
    browser: Any, address: str, site: Path, pages: Dict[str, int]
) -> None:
    """Half of the calls have no known cost and are of a source that reports no cached tokens."""
    unknown = {"model": "own-model", "provider": "our-own", "cost_usd": ""}
    unknown.update(cached_input_tokens="", source="plain")
    told = {"input_tokens": "1000", "cached_input_tokens": "500"}
    rows = [{**row, **(unknown if at % 2 else told)} for at, row in enumerate(varied_rows(100))]
    path = site / "unknown-explore.html"
    cube = next(iter(explore_cubes(ReferenceDataset(rows))))
    path.write_text(explore_page(cube, {}, CONTEXT), encoding="utf-8")
    opened = Visit(browser, f"{address}/unknown-explore.html")
    opened.wait_until("Boolean(window.explore)")
    drawing = opened.page.locator("#explore-drawing")
    assert drawing.locator("svg").count() >= 1
    about = str(opened.page.locator("#about-explore").text_content())
    assert about.endswith("; calls of unknown cost are left out")
    cached = str(opened.page.locator("#explore-cached .figure").text_content())
    assert cached.startswith("≥ "), cached
    opened.page.evaluate("location.hash = '#model=own-model'")
    drawing.get_by_text("The cost of these calls is not known.").wait_for()
    assert drawing.locator("svg").count() == 0
    assert opened.page.locator("#explore-cached .figure").text_content() == formatting.MISSING
    listed = {
        name: opened.page.locator(f"#explore-by-{name} li").all_inner_texts() for name in COLUMNS
    }
    assert all(listed.values()), listed
    own = [text for name in COLUMNS for text in listed[name] if name != "model"]
    assert all(text.endswith(formatting.MISSING) for text in own), own
    assert listed["model"][0].split("\n") == ["own-model", formatting.MISSING]
    opened.page.evaluate("location.hash = ''")
    drawing.locator("svg").first.wait_for()
    both = opened.page.locator("#explore-by-environment li").all_inner_texts()
    assert both
    assert all("≥ $" in text for text in both), both
    opened.page.evaluate("location.hash = '#model=no-such-model'")
    drawing.get_by_text("There are no such calls.").wait_for()
    opened.context.close()
    path.unlink()
