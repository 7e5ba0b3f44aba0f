"""Events on charts over time: a numbered line where each began, and their names below."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import pytest

from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Part
from finops.generators.event_marks import with_events
from finops.generators.page import render
from tests.generators.pages import CONTEXT, REPORT, Page

DAYS = [f"2025-01-{day:02d}" for day in range(1, 12)]
DAY, COST = Axis("Day (UTC)", "date"), Axis("Cost (USD)", "money")
EVENTS = [
    {"start": "2024-12-31", "end": "2025-01-01", "title": "Too early", "subject": ""},
    {"start": "2025-01-03", "end": "2025-01-04", "title": "<b>Launch", "subject": "chat"},
    {"start": "2025-01-11", "end": "2025-01-30", "title": "Outage", "subject": ""},
    {"start": "2025-01-12", "end": "2025-01-12", "title": "Too late", "subject": ""},
]


def chart(shape: str) -> Part:
    make: Any = line_chart if shape == "line" else bar_chart
    made: Part = make("daily", "Daily", DAY, COST, DAYS, [Series("Cost", list(range(11)))])
    return made


def marked(part: Part, events: List[Dict[str, str]]) -> Page:
    return Page(render(REPORT, dict(CONTEXT, events=events), [part]))


@pytest.mark.parametrize(
    ("shape", "places"), [("line", ["20%", "100%"]), ("bar", ["22.73%", "95.45%"])]
)
def test_events_within_the_dates_are_marked_where_they_began(shape: str, places: List[str]) -> None:
    page = marked(chart(shape), EVENTS)
    lines = [float(x.rstrip("%")) for x in page.values_of("x1")]
    assert lines == [float(place.rstrip("%")) for place in places]
    assert page.says("Events: 1: <b>Launch (Chat), 3 Jan; 2: Outage, 11 Jan.")
    assert not page.says("Too")
    assert page.data["charts"]["daily"]["events"] == [["2025-01-03", "1"], ["2025-01-11", "2"]]


def test_the_same_events_are_listed_once() -> None:
    later = line_chart("later", "Later", DAY, COST, DAYS[5:], [Series("Cost", [1, 2, 3, 4, 5, 6])])
    parts = [
        chart("line"),
        bar_chart("two", "Two", DAY, COST, DAYS, [Series("Cost", [*range(11)])]),
    ]
    page = Page(render(REPORT, dict(CONTEXT, events=EVENTS), [*parts, later]))
    assert " ".join(page.text).count("Events: 1:") == 2
    assert page.says("Events 1–2: as in the previous chart over time.")
    assert page.says("Events: 1: Outage, 11 Jan.")


def test_without_events_no_room_is_left() -> None:
    plain = marked(chart("line"), [])
    assert not [name for name in plain.values_of("id") if name.startswith("event")]
    assert not plain.values_of("x1")


def test_a_chart_of_names_has_no_events() -> None:
    part = bar_chart("b", "B", Axis("Name"), COST, ["2025-01-01", "b"], [Series("x", [1, 2])])
    data = part.data["charts"]
    assert "events" not in str(with_events(part.markup, data, EVENTS))
    assert "events" not in data["b"]


def test_a_chart_of_several_days_a_point_marks_the_point_that_holds_the_event() -> None:
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    part = line_chart("l", "L", DAY, COST, days, [Series("Cost", [1] * len(days))])
    page = marked(part, [{"start": days[-1], "end": days[-1], "title": "Late", "subject": ""}])
    assert page.values_of("x1") == ["100.00%"]


def test_a_chart_of_several_days_a_point_marks_nothing_after_its_last_day() -> None:
    days = [f"2024-{month:02d}-{day:02d}" for month in range(1, 13) for day in range(1, 29)]
    for make in (line_chart, bar_chart):
        part = make("l", "L", DAY, COST, days, [Series("Cost", [1] * len(days))])
        assert part.data["charts"]["l"]["width"] > 1
        for late in ("2024-12-29", "2030-01-01"):
            event = {"start": late, "end": late, "title": "Closing", "subject": ""}
            page = marked(part, [event])
            assert (page.values_of("x1"), page.says("Closing")) == ([], False)


def test_a_chart_of_hours_marks_the_first_hour_of_the_day() -> None:
    hours = [f"2025-01-0{day} {hour:02d}:00" for day in (2, 3, 4) for hour in range(24)]
    part = line_chart("h", "H", Axis("Hour (UTC)", "hour"), COST, hours, [Series("Cost", [1] * 72)])
    page = marked(part, EVENTS)
    (at,) = [float(x.rstrip("%")) for x in page.values_of("x1")]
    assert at == pytest.approx(24 / 71 * 100, abs=0.01)
    assert page.says("Events: 1: <b>Launch (Chat), 3 Jan.")


def test_events_of_one_day_share_a_line() -> None:
    events = [dict(EVENTS[1], title=title) for title in ("A", "B", "C")]
    page = marked(chart("line"), [*events, EVENTS[2]])
    assert len(page.values_of("x1")) == 2
    assert page.data["charts"]["daily"]["events"] == [["2025-01-03", "1–3"], ["2025-01-11", "4"]]
    assert page.says("Events: 1: A (Chat), 3 Jan; 2: B (Chat), 3 Jan; 3: C (Chat), 3 Jan; 4:")


def test_lines_close_to_each_other_share_a_label() -> None:
    days = [f"2025-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]
    dates = ["2025-01-03", "2025-01-04", "2025-01-06", "2025-01-07", "2025-03-01"]
    events = [{"start": day, "end": day, "title": day, "subject": ""} for day in dates]
    part = line_chart("daily", "D", DAY, COST, days, [Series("Cost", [1] * 84)])
    page, plain = marked(part, events), marked(part, [])
    assert len(page.values_of("x1")) == 5
    # 4 % of 84 days are three: the fourth event is a day too far from the first.
    labels = ["1–3", "", "", "4", "5"]
    assert page.data["charts"]["daily"]["events"] == [list(pair) for pair in zip(dates, labels)]
    # A narrow chart leaves out what is nearer than a tenth of it, and what has no number.
    assert (
        page.values_of("class").count("mid wide") - plain.values_of("class").count("mid wide") == 3
    )


def test_of_many_events_the_last_ones_are_marked_and_the_rest_counted() -> None:
    days = [f"2025-{month:02d}-{day:02d}" for month in (1, 2, 3) for day in range(1, 29)]
    part = line_chart("long", "Long", DAY, COST, days, [Series("Cost", [*range(84)])])
    events = [
        {"start": day, "end": day, "title": f"Event of {day}", "subject": ""} for day in days[:20]
    ]
    page = marked(part, events)
    shown = [event["title"] for event in events if page.says(event["title"])]
    assert 0 < len(shown) < 20
    assert shown == [event["title"] for event in events][-len(shown) :]
    assert page.says(f"; {20 - len(shown)} earlier ones are not marked.")
    assert not marked(part, events[: len(shown)]).says("not marked")


def test_a_range_of_numbers_has_its_room_in_a_narrow_chart() -> None:
    # 11 % of 100 days are 26 of 240 px: room for "1" and "2", not for "9–11" and "12–13".
    days = [f"2025-{1 + n // 28:02d}-{1 + n % 28:02d}" for n in range(100)]
    part = line_chart("daily", "D", DAY, COST, days, [Series("Cost", [*range(100)])])
    few = [{"start": days[at], "end": days[at], "title": "E", "subject": ""} for at in (50, 61)]
    early = [dict(few[0], start=days[at]) for at in range(0, 40, 5)]
    many = [*early, few[0], few[0], few[0], few[1], few[1]]

    def narrow(events: List[Dict[str, str]]) -> List[str]:
        markup = str(with_events(part.markup, dict(part.data["charts"]), events))
        return re.findall(r'<text class="mid" x="[^"]*" y="-4">([^<]*)', markup)

    assert narrow(few) == ["1", "2"]
    assert narrow(many)[-1] == "9–11"
