"""Choosing dates in the browser, against sums made here from the same rows."""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

import pytest

from finops.generators import formatting
from finops.generators.date_range import Daily, range_bar
from finops.generators.reports.dataset_overview import generate_dataset_overview_report
from finops.generators.reports.understanding import generate_understanding_report
from finops.results.base import DailyCost, from_dict
from tests.generators.pages import Page, ranged_days, ranged_values, results_of
from tests.generators.test_browser import Visit
from tests.support.rows import varied_rows

pytestmark = pytest.mark.unmeasured

DRAW = random.Random(5)
START = date(2025, 1, 1)
# Every tenth day had no call and is not listed.
DAILY: List[Dict[str, Any]] = [
    {
        "date": (START + timedelta(days=n)).isoformat(),
        "call_count": DRAW.randrange(50, 90),
        "total_cost": DRAW.randrange(1000, 5000) / 100,
        "total_tokens": DRAW.randrange(10_000, 90_000),
        "error_count": DRAW.randrange(0, 9),
        "success_count": DRAW.randrange(30, 40),  # of others nobody knows
    }
    for n in range(100)
    if n % 10 != 5
]


def between(first: str, last: str) -> List[Dict[str, Any]]:
    return [row for row in DAILY if first <= row["date"] <= last]


def total(rows: List[Dict[str, Any]], key: str) -> float:
    return float(sum(row[key] for row in rows))


@pytest.fixture(scope="module")
def overview(site: Path) -> str:
    result = results_of(varied_rows(300), ["dataset_overview"])["dataset_overview"]
    generate_dataset_overview_report(dict(result, daily=DAILY), site / "ranged.html")
    return "ranged.html"


@pytest.fixture
def visit(browser: Any, address: str, overview: str) -> Iterator[Visit]:
    opened = Visit(browser, f"{address}/{overview}")
    opened.wait_for_charts(4)
    yield opened
    assert opened.complaints == []
    opened.context.close()


def card(visit: Visit, number: int) -> List[str]:
    root = visit.page.locator(f"#card-{number}")
    figure = root.locator(".figure").text_content() or ""
    covers = root.locator(".covers:visible")
    return [figure, (covers.text_content() or "") if covers.count() else ""]


# Days from the first to the last, those without a call too.
LENGTH = 100


def days_drawn(visit: Visit) -> int:
    script = (
        "Object.values(Chart.instances).find((c) => c.canvas.closest('#chart-daily-cost'))"
        ".data.labels.length"
    )
    return int(visit.page.evaluate(script))


def test_a_preset_recomputes_cards_and_compares(visit: Visit) -> None:
    whole = [card(visit, number)[0] for number in range(6)]
    visit.page.get_by_role("button", name="Last 30 days").click()
    visit.settle()
    now, before = between("2025-03-12", "2025-04-10"), between("2025-02-10", "2025-03-11")
    cost, then = total(now, "total_cost"), total(before, "total_cost")
    sign = "▲ +" if cost > then else "▼ "
    change = formatting.percent((cost - then) / then * 100)
    assert card(visit, 0) == [formatting.money(cost), f"{sign}{change} against the 30 days before"]
    calls = total(now, "call_count")
    assert card(visit, 1)[0] == formatting.count(calls)
    good = total(now, "success_count") / calls * 100
    assert card(visit, 5)[0] == formatting.percent(good)
    assert card(visit, 3) == [whole[3], "whole period"]
    assert days_drawn(visit) == 30  # those without a call too
    visit.page.get_by_role("button", name="Whole period").click()
    visit.settle()
    assert [card(visit, number) for number in range(6)] == [[figure, ""] for figure in whole]
    assert days_drawn(visit) == LENGTH


def test_a_percentage_changes_by_points(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Last 7 days").click()
    visit.wait_until("document.getElementById('range-7').getAttribute('aria-pressed') === 'true'")
    rates = []
    for rows in (between("2025-04-04", "2025-04-10"), between("2025-03-28", "2025-04-03")):
        calls = total(rows, "call_count")
        rates.append(total(rows, "success_count") / calls * 100)
    points = formatting.percent(rates[0] - rates[1]).replace("%", "")
    sign = "▲ +" if rates[0] > rates[1] else "▼ "
    assert card(visit, 5) == [
        formatting.percent(rates[0]),
        f"{sign}{points} points against the 7 days before",
    ]


def test_presets_are_of_whole_days(browser: Any, address: str, site: Path) -> None:
    """The last day of the data is partial, and so is the first one."""
    result = results_of(varied_rows(300), ["dataset_overview"])["dataset_overview"]
    rows = DAILY[-12:]
    context = {"partial_dates": [rows[0]["date"], rows[-1]["date"]]}
    generate_dataset_overview_report(
        dict(result, daily=rows, _context=context), site / "partial.html"
    )
    opened = Visit(browser, f"{address}/partial.html#range=5")
    opened.wait_until("document.getElementById('range-from').value === '2025-04-05'")
    # To the ninth of April, as the tenth is partial.
    now, before = between("2025-04-05", "2025-04-09"), between("2025-03-31", "2025-04-04")
    cost, then = total(now, "total_cost"), total(before, "total_cost")
    sign = "▲ +" if cost > then else "▼ "
    change = formatting.percent((cost - then) / then * 100)
    assert card(opened, 0) == [formatting.money(cost), f"{sign}{change} against the 5 days before"]
    # Six days before these begin with the partial one of the data.
    opened.page.evaluate("location.hash = 'range=6'")
    opened.wait_until("document.getElementById('range-from').value === '2025-04-04'")
    assert card(opened, 0)[1] == "no earlier days to compare with"
    opened.context.close()


def test_a_trend_stays_that_of_the_whole_period(browser: Any, address: str, site: Path) -> None:
    """It compares whole days, and which of them are whole a page does not know."""
    result = results_of(varied_rows(300), ["understanding"])["understanding"]
    generate_understanding_report(dict(result, daily=DAILY), site / "trend.html")
    opened = Visit(browser, f"{address}/trend.html#range=30")
    opened.wait_for_charts(4)
    trend = formatting.percent(result["summary"]["trend_percent"])
    assert card(opened, 3) == [trend, "whole period"]
    opened.context.close()


def test_dates_are_chosen_and_kept_in_the_address(visit: Visit) -> None:
    visit.page.get_by_label("From").fill("2025-01-10")
    visit.page.get_by_label("to", exact=True).fill("2025-01-19")
    visit.wait_until("location.hash === '#range=2025-01-10..2025-01-19'")
    visit.settle()
    rows = between("2025-01-10", "2025-01-19")
    assert card(visit, 0)[0] == formatting.money(total(rows, "total_cost"))
    assert card(visit, 0)[1] == "no earlier days to compare with"
    link = visit.page.locator("nav a").first.get_attribute("href") or ""
    assert link.endswith("/index.html#range=2025-01-10..2025-01-19")
    shown = visit.page.locator("#chart-daily-cost tbody tr:not([hidden])")
    assert shown.count() == 10  # the quiet day, too
    assert visit.page.locator("#table-provider .covers").text_content() == "Whole period."


TICKS = """(() => {
  const drawn = (chart) => chart.canvas.closest("#chart-daily-cost");
  const { ticks } = Object.values(Chart.instances).find(drawn).scales.x;
  return ticks.map((tick) => String(tick.label));
})()"""


@pytest.mark.parametrize(
    ("first", "chosen", "said"),
    [
        (date(2024, 12, 1), "2025-01-01..2025-02-01", "1 Jan 2025 to 1 Feb 2025"),
        (date(2025, 1, 1), "2025-01-01..2025-02-01", "1 Jan to 1 Feb"),
    ],
)
def test_dates_have_their_year_where_the_data_has_several(
    browser: Any, address: str, site: Path, first: date, chosen: str, said: str
) -> None:
    days = [(first + timedelta(days=n)).isoformat() for n in range(90)]
    rows = [dict(row, date=day) for day, row in zip(days, DAILY * 2)]
    result = results_of(varied_rows(300), ["dataset_overview"])["dataset_overview"]
    generate_dataset_overview_report(dict(result, daily=rows), site / "years.html")
    opened = Visit(browser, f"{address}/years.html")
    opened.wait_for_charts(4)
    ticks = opened.page.evaluate(TICKS)
    assert {label[-5:] in (" 2024", " 2025") for label in ticks} == {first.year == 2024}
    opened.page.evaluate(f"location.hash = 'range={chosen}'")
    opened.wait_until("document.querySelector('#range .chosen').textContent !== ''")
    shown = opened.page.locator("#range .chosen").text_content() or ""
    assert shown.startswith(f"Showing {said}, 32 days.")
    opened.context.close()


@pytest.mark.parametrize("fragment", ["#main", "#range=x", "#range=2025-02-01..2025-01-01", "#"])
def test_an_odd_address_changes_nothing(
    browser: Any, address: str, overview: str, fragment: str
) -> None:
    opened = Visit(browser, f"{address}/{overview}{fragment}")
    opened.wait_for_charts(4)
    assert days_drawn(opened) == LENGTH
    assert opened.complaints == []
    opened.context.close()


def test_a_page_opened_with_a_range_shows_it(browser: Any, address: str, overview: str) -> None:
    opened = Visit(browser, f"{address}/{overview}#range=7", color_scheme="dark")
    opened.wait_for_charts(4)
    assert days_drawn(opened) == 7
    assert opened.page.locator("#range-7").get_attribute("aria-pressed") == "true"
    opened.context.close()


COST: Dict[str, Callable[[DailyCost], Optional[float]]] = {"total_cost": lambda row: row.total_cost}


def day_of(row: Dict[str, Any]) -> DailyCost:
    return from_dict(DailyCost, row)


def test_presets_longer_than_the_data_are_left_out() -> None:
    part = range_bar(Daily.of([day_of(row) for row in DAILY[:20]], COST))
    assert Page(part.markup).values_of("id") == [
        "range", "range-all", "range-7", "range-from", "range-to", "range-wrong",
    ]  # fmt: skip
    page = Page(f'{part.markup}<script id="page-data">{json.dumps(part.data)}</script>')
    assert ranged_days(page) == [row["date"] for row in DAILY[:20]]
    assert ranged_values(page, "total_cost") == [row["total_cost"] for row in DAILY[:20]]


def test_a_measure_below_zero_travels_as_it_is() -> None:
    days = [day_of(row) for row in DAILY[:3]]
    daily = Daily.of(days, {"margin": lambda row: -1.5})
    measures = range_bar(daily).data["ranged"]["measures"]
    assert measures == {"margin": {"values": [-1.5] * 3}}


@pytest.mark.parametrize("day", ["", "soon", "2025-1-01", "2025-02-30", "2025-01-01<", "None"])
def test_days_that_are_none_give_nothing_to_choose(day: str) -> None:
    days = [DailyCost("2025-01-01", 1, 1), DailyCost(day, 1, 2)]
    assert range_bar(Daily.of(days, COST)) == ("", {})


def test_without_days_there_is_nothing_to_choose() -> None:
    assert range_bar(Daily.of([], COST)) == ("", {})
