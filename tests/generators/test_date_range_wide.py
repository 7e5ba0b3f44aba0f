"""Two years of many customers: pages stay small, count days together and say which."""

from __future__ import annotations

import random
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest

from finops.business.catalog import CATALOG
from finops.generators import formatting
from finops.generators.charts import MAX_POINTS
from finops.pipeline import Job, analyze
from finops.registry import ANALYZER_REGISTRY
from tests.generators.pages import Page
from tests.generators.test_browser import Visit
from tests.generators.test_date_range_oracle import write_csv
from tests.support.reference import call

pytestmark = pytest.mark.unmeasured

DAYS = [(date(2024, 1, 1) + timedelta(days=n)).isoformat() for n in range(700)]
LAST_30 = (DAYS[-30], DAYS[-1])


class Site(NamedTuple):
    """The calls, and where the pages of them are."""

    rows: List[Dict[str, str]]
    folder: Path
    data: Path


@pytest.fixture(scope="module")
def two_years(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    draw = random.Random(8)
    rows = [one_call(draw, DAYS[number * len(DAYS) // 40_000]) for number in range(40_000)]
    data = write_csv(tmp_path_factory.mktemp("years") / "calls.csv", rows)
    outcome = analyze(Job(data, site / "years", cache=False))
    assert not outcome.failed
    return Site(rows, site / "years", data)


def one_call(draw: random.Random, day: str) -> Dict[str, str]:
    model = draw.choice(CATALOG)
    customer = draw.randrange(60)
    return call(
        timestamp=f"{day}T{draw.randrange(24):02d}:00:00",
        provider=model.provider,
        model=model.name,
        input_tokens=draw.randrange(10_000),
        cost_usd=f"{draw.expovariate(20):.6f}",
        latency_ms=int(draw.lognormvariate(6, 0.6)),
        customer_id=f"cust_{customer:02d}",
        organization_id=f"org_{customer % 50:02d}",
        region=draw.choice(["us-east", "us-west", "eu-west", "ap-southeast"]),
    )


def packed_sums(two_years: Site, name: str) -> Dict[str, Any]:
    page = Page((two_years.folder / f"{name}.html").read_text(encoding="utf-8"))
    found: Dict[str, Any] = page.data["sums"]
    return found


@pytest.mark.parametrize("name", [*ANALYZER_REGISTRY, "index"])
@pytest.mark.slow
def test_pages_of_two_years_are_20_to_200_kb(two_years: Site, name: str) -> None:
    path = two_years.folder / f"{name}.html"
    assert 20 * 1024 <= path.stat().st_size <= 200_000
    for chart in Page(path.read_text(encoding="utf-8")).data.get("charts", {}).values():
        assert sum(len(one["values"]) for one in chart["series"]) <= MAX_POINTS


def test_a_line_of_two_years_shows_chosen_days_one_by_one(
    browser: Any, address: str, two_years: Site
) -> None:
    visit = Visit(browser, f"{address}/years/dataset_overview.html")
    visit.wait_for_charts(4)
    assert "Each point is the sum of 7 days" in (visit.page.text_content("#chart-daily-cost") or "")
    visit.page.get_by_role("button", name="Last 7 days").click()
    visit.wait_until("document.getElementById('range-7').getAttribute('aria-pressed') === 'true'")
    cells = visit.page.locator("#chart-daily-cost tbody td").all_text_contents()
    wanted = []
    for day in DAYS[-7:]:
        costs = [float(r["cost_usd"]) for r in two_years.rows if r["timestamp"][:10] == day]
        wanted.append(formatting.money(sum(costs)))
    assert cells == wanted
    visit.context.close()


def test_events_outside_the_chosen_days_are_not_drawn(
    browser: Any, address: str, two_years: Site
) -> None:
    events = two_years.folder.parent / "events.csv"
    dates = [DAYS[3], DAYS[-20], DAYS[-5], "2030-01-01"]
    lines = [f"{day},{day},Event of {day}" for day in dates]
    events.write_text("\n".join(["start,end,title", *lines, ""]), encoding="utf-8")
    folder = two_years.folder.parent / "marked"
    job = Job(two_years.data, folder, ["dataset_overview"], cache=False, events=events)
    assert not analyze(job).failed
    drawn = "Chart.getChart(document.querySelector('#chart-daily-cost canvas'))"
    marks = f"{drawn}.options.plugins.events.marks.map(([date]) => date)"
    visit = Visit(browser, f"{address}/marked/dataset_overview.html")
    visit.wait_for_charts(4)
    assert visit.page.evaluate(marks) == dates[:3]
    for days in (f"{DAYS[-25]}..{DAYS[-10]}", f"{DAYS[-400]}..{DAYS[-10]}"):
        visit.page.evaluate(f"location.hash = 'range={days}'")
        visit.wait_until(f"document.querySelector('#range-to').value === '{DAYS[-10]}'")
        assert visit.page.evaluate(marks) == dates[1:2], days
    visit.context.close()


def test_organizations_are_counted_over_whole_groups_of_days_and_the_page_says_so(
    browser: Any, address: str, two_years: Site
) -> None:
    step = packed_sums(two_years, "alignment")["accounts"]["step"]
    assert step > 1
    wide = step * -(-30 // step)
    first = DAYS[-wide]
    visit = Visit(browser, f"{address}/years/alignment.html#range=30")
    visit.wait_for_charts(3)
    table = visit.page.locator("#table-chargeback")
    table.get_by_role("button", name="Show all").click()
    rows = table.locator("tbody tr").all_inner_texts()
    shown = {name: int(calls.replace(",", "")) for name, _, calls, *_ in map(_cells, rows)}
    wanted: Dict[str, int] = {}
    for row in two_years.rows:
        if row["timestamp"][:10] >= first:
            wanted[row["organization_id"]] = wanted.get(row["organization_id"], 0) + 1
    assert shown == wanted
    said = table.locator(":scope > .covers").text_content() or ""
    assert said.endswith(f": {step} days are counted together here.")
    assert re.match(r"\d+ \w{3} \d{4} to \d+ \w{3} \d{4}:", said)
    total = sum(float(r["cost_usd"]) for r in two_years.rows if r["timestamp"][:10] >= DAYS[-30])
    assert visit.page.locator("#card-0 .figure").text_content() == formatting.money(total)
    assert visit.complaints == []
    visit.context.close()


def test_what_does_not_fit_says_whole_period(browser: Any, address: str, two_years: Site) -> None:
    assert "accounts" not in packed_sums(two_years, "understanding")
    visit = Visit(browser, f"{address}/years/understanding.html#range=30")
    visit.wait_for_charts(4)
    table = visit.page.locator("#table-by-customer")
    assert table.locator(":scope > .covers").text_content() == "Whole period."
    first = _cells(table.locator("tbody tr").first.inner_text())
    of_customer = [row for row in two_years.rows if row["customer_id"] == first[0]]
    assert first[2] == str(len(of_customer))
    visit.context.close()


def _cells(row: str) -> List[str]:
    return [cell.strip() for cell in row.split("\t")]
