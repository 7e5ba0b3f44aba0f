"""The lines at the end of rows: drawn from the daily sums, by Python and by the script alike."""

from __future__ import annotations

import doctest
import re
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import sparklines
from finops.generators.components import Card
from finops.generators.date_range import Daily
from finops.generators.packed_sums import pack
from finops.generators.page import MAX_PAGE_BYTES, report_page
from finops.generators.recompute import Ratio, Sum
from finops.generators.sparklines import HEIGHT, LEAST_POINTS, MOST_POINTS, WIDTH, path
from finops.generators.tables import Column, table
from finops.results.base import DailySums
from tests.generators.pages import CONTEXT, REPORT, VALUE, Page
from tests.generators.test_browser import Visit

DAYS = [f"2025-01-{n:02d}" for n in range(1, 11)]
COSTS = [[1.0, 2, 3, 4, 5, 6, 7, 8, 9, 30], [0.0] * 5 + [5.0] * 5]
CALLS = [[1] * 10, [0] * 5 + [2] * 5]


class Row(NamedTuple):
    name: str
    cost: float


def test_doctests() -> None:
    assert doctest.testmod(sparklines).failed == 0


def drawn_points(outline: str) -> List[Tuple[int, int]]:
    """Return the places that a line goes through, as SVG defines its letters."""
    places: List[Tuple[int, int]] = []
    for letter, rest in re.findall(r"([Ml])([^Ml]*)", outline):
        numbers = [int(text) for text in re.findall(r"-?\d+", rest)]
        for x, y in zip(numbers[::2], numbers[1::2]):
            left, top = places[-1] if letter == "l" else (0, 0)
            places.append((left + x, top + y))
    return places


amounts = st.none() | st.floats(0, 1e12) | st.integers(0, 10**9)


@given(st.lists(amounts, min_size=1, max_size=MOST_POINTS + 1))
def test_a_line_goes_through_every_known_amount(values: List[Optional[float]]) -> None:
    known = [value for value in values if value is not None]
    places = drawn_points(path(values))
    assert len(places) == len(known)
    for value, (x, y) in zip(known, places):
        assert 1 <= x <= WIDTH + 1
        assert abs((1 + HEIGHT - y) / HEIGHT - value / (max(known) or 1)) <= 0.5 / HEIGHT + 1e-9
    assert [x for x, _ in places] == sorted(x for x, _ in places)


def source_of(sums: Any, figure: Any, row_of: Sequence[int]) -> sparklines.Source:
    return sparklines.Source("Cost", "money", figure, sums, row_of)


@given(
    st.integers(LEAST_POINTS, 400).flatmap(
        lambda days: st.tuples(
            st.lists(st.integers(0, 99), min_size=days, max_size=days),
            st.lists(st.integers(0, 99), min_size=days, max_size=days),
        )
    ),
    st.sampled_from([100_000, 300]),
)
def test_points_are_the_figure_of_their_days(two: Tuple[List[int], List[int]], most: int) -> None:
    first, second = two
    dates = [f"d{n:03d}" for n in range(len(first))]
    daily = DailySums(dates, ["name"], [["a"], ["b"]], {"calls": [first, second]})
    sums = pack({"s": daily}, most)["s"]
    if sums is None:
        return
    begin, after = sparklines.whole_bins(sums, set())
    drawn = sparklines.points(source_of(sums, Sum("calls"), [0, 0]), 0, begin, after)
    assert len(drawn) <= MOST_POINTS
    both = [a + b for a, b in zip(first, second)]
    per_point = -(-(after - begin) // MOST_POINTS) * sums.step
    for number, point in enumerate(reversed(drawn)):
        end = len(both) - number * per_point
        days = both[max(len(both) - (after - begin) * sums.step, end - per_point) : end]
        assert point == pytest.approx(sum(days) / len(days))


def test_a_ratio_has_no_point_on_days_without_its_divisor() -> None:
    daily = DailySums(DAYS, ["name"], [["a"], ["b"]], {"cost": COSTS, "calls": CALLS})
    sums = pack({"s": daily})["s"]
    drawn = sparklines.points(source_of(sums, Ratio("cost", "calls"), [0, 1]), 1, 0, len(DAYS))
    assert drawn == [None] * 5 + [2.5] * 5


def page_of(
    days: Sequence[str] = DAYS, ranged: bool = True, text: str = "", bounds: Sequence[str] = ()
) -> str:
    """Return a page with a table of two names; the cost of those in `bounds` is a lower bound."""
    daily = DailySums(days, ["name"], [["a"], ["b"]], {"cost": COSTS, "calls": CALLS})
    sums = pack({"names": daily})["names"]
    columns = [
        Column[Row](lambda row: row.name, "Name", dimension="name"),
        Column[Row](
            lambda row: row.cost,
            "Cost",
            "money",
            recompute=Sum("cost"),
            at_least=lambda row: row.name in bounds,
            sparkline=True,
        ),
    ]
    part = table("names", f"Names{text}", columns, [Row("a", 75), Row("b", 25)], sums=sums)
    chosen = Daily(days, {"cost": [1.0] * len(days)}, [sums]) if ranged else None
    context = dict(CONTEXT, period_start=f"{days[0]}T00:00", period_end=f"{days[-1]}T09:12")
    return report_page(REPORT, {"_context": context}, [Card("N", 1)], [part], VALUE, (), chosen)


def test_a_row_ends_with_its_line_and_says_it_in_words() -> None:
    read = page_of()
    assert '<th scope="col" class="spark" title="Each point is a day">Cost by day</th>' in read
    # The last day is not whole and no point: its 30 dollars in nine hours are no end of the line.
    assert "<title>First $1.00, last $9.00, highest $9.00</title>" in read
    assert "<title>First $0.00, last $5.00, highest $5.00</title>" in read
    lines = re.findall(r'<td class="spark"><svg role="img">.*? d="([^"]*)"', read)
    assert [y for _, y in drawn_points(lines[1])] == [15] * 5 + [1] * 4
    columns = Page(read).data["tables"]["names"]["columns"]
    assert [column["label"] for column in columns] == ["Name", "Cost"]


def test_a_lower_bound_has_no_line_as_the_days_that_lack_a_cost_are_not_known() -> None:
    read = page_of(bounds=["b"])
    assert read.count('<td class="spark"><svg') == 1
    assert "<title>First $1.00, last $9.00, highest $9.00</title>" in read
    assert Page(read).data["tables"]["names"]["spark"]["unknown"] == [1]


def test_a_page_without_room_has_no_lines() -> None:
    plain = re.sub(r'<t[hd][^>]* class="spark".*?</t[hd]>', "", page_of())
    room = MAX_PAGE_BYTES - len(plain.encode("utf-8"))
    size = len(page_of().encode("utf-8")) - len(plain.encode("utf-8"))
    # The caption stands once in the markup and not in the data.
    assert 'class="spark"' in page_of(text="x" * (room - size))
    assert 'class="spark"' not in page_of(text="x" * (room - size + 1))
    assert "spark-names" not in page_of(text="x" * (room - size + 1))


def test_few_days_and_days_that_cannot_be_chosen_have_no_lines() -> None:
    assert "spark-" not in page_of(ranged=False)
    read = page_of(DAYS[:LEAST_POINTS])
    assert 'class="spark"' not in read
    assert "spark-names" not in read


LINES = """() => Object.fromEntries([...document.querySelectorAll("table:has(.spark) tbody tr")]
  .map((row) => [[...row.cells].slice(0, 2).map((cell) => cell.textContent).join("|")
    + row.closest("section").id, row.querySelector(".spark").innerHTML]))"""


def test_the_script_draws_the_lines_that_the_page_came_with(
    browser: Any, address: str, pages: Dict[str, int]
) -> None:
    visit = Visit(browser, f"{address}/understanding.html")
    came: Dict[str, str] = visit.page.evaluate(LINES)
    assert len(came) > 10
    visit.page.evaluate(
        "document.querySelectorAll('th button').forEach((b) => { b.click(); b.click(); })"
    )
    drawn = visit.page.evaluate(LINES)
    assert {name: drawn[name] for name in came if name in drawn} == {
        name: line for name, line in came.items() if name in drawn
    }
    assert len([name for name in came if name in drawn]) > 10
    visit.page.evaluate("location.hash = 'range=7'")
    visit.wait_until("document.querySelector('.chosen').textContent !== ''")
    ranged = visit.page.evaluate(LINES)
    assert any(ranged[name] != came[name] for name in came if name in ranged)
    visit.context.close()
