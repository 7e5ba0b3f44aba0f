"""Days that the data covers only partly are hollow marks, and no points of the line."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import Any, Dict

import pytest

from finops.generators import partial_days
from finops.generators.charts import MAX_MOMENTS, Axis, Series, cut_short, line_chart
from finops.generators.first_screen import first_screen
from finops.generators.partial_days import day_lines, partial_dates
from tests.generators.economy import drawn, page_of, result_of
from tests.support.reference import call

CONTEXT: Dict[str, Any] = {
    "period_start": "2025-01-01T09:30:00",
    "period_end": "2025-01-03T02:00:00",
}


def test_the_example_in_the_text_holds() -> None:
    assert doctest.testmod(partial_days).failed == 0


@pytest.mark.parametrize(
    ("start", "end", "partial"),
    [
        ("2025-01-01T09:30:00", "2025-01-03T02:00:00", {"2025-01-01", "2025-01-03"}),
        ("2025-01-01T00:59:00", "2025-01-03T22:59:59", {"2025-01-03"}),
        ("2025-01-01T00:00:00", "2025-01-03T23:00:00", set()),
        (None, "", set()),
    ],
)
def test_which_dates_are_partial(start: Any, end: Any, partial: Any) -> None:
    assert partial_dates({"_context": {"period_start": start, "period_end": end}}) == partial
    assert partial_dates({}) == set()


def test_a_job_that_runs_once_a_day_covers_its_first_and_its_last_day() -> None:
    """The result counts both as whole days, so no page may draw them as parts."""
    context = {**CONTEXT, "partial_dates": []}
    assert partial_dates({"_context": context}) == set()
    assert cut_short({"_context": context}) == ""
    context["partial_dates"] = ["2025-01-03"]
    assert partial_dates({"_context": context}) == {"2025-01-03"}
    assert cut_short({"_context": context}) == "; the last day ends at 02:00"


def test_several_lines_say_whose_marks_they_are() -> None:
    lines = [Series("In", [1, 2, 3]), Series("Out", [4, 5, 6], "warning")]
    made = day_lines(lines, ["a", "b", "c"], {"a"})
    assert [(line.label, list(line.values), line.style) for line in made] == [
        ("In", [None, 2, 3], ""),
        ("Out", [None, 5, 6], ""),
        ("In, partial day", [1, None, None], "hollow"),
        ("Out, partial day", [4, None, None], "hollow"),
    ]


def test_a_line_of_partial_days_only_and_a_long_one_stay_as_they_are() -> None:
    line = [Series("Cost", [1.0])]
    assert day_lines(line, ["a"], {"a"}) == line
    days = [str(day) for day in range(MAX_MOMENTS + 1)]
    long = [Series("Cost", [1.0] * len(days))]
    assert day_lines(long, days, {"0"}) == long


def test_a_mark_is_drawn_hollow_without_scripts_too() -> None:
    lines = day_lines([Series("Cost", [1, 2, 3])], ["2025-01-01", "b", "c"], {"2025-01-01"})
    part = line_chart("x", "X", Axis("Day", "date"), Axis("USD"), ["2025-01-01", "b", "c"], lines)
    assert part.markup.count('class="hollow accent"') == 1
    assert part.data["charts"]["x"]["series"][1]["style"] == "hollow"


@pytest.mark.parametrize(
    ("report", "chart", "line"),
    [
        ("understanding", "daily-cost", "Cost"),
        ("dataset_overview", "daily-cost", "Cost"),
        ("dataset_overview", "daily-calls", "Calls"),
        ("realtime", "daily-cost", "Cost"),
        ("token_economics", "daily-tokens", "Input"),
        ("optimization", "daily-calls", "Calls"),
        ("performance", "daily-latency", "Mean"),
        ("performance", "daily-errors", "Error rate"),
        ("profitability", "daily-margin", "Cost"),
        ("geographic_latency", "daily-latency", "Average"),
        ("abuse_detection", "daily-flagged", "Flagged"),
        ("abuse_detection", "daily-calls", "Calls"),
    ],
)
def test_pages_draw_them(report: str, chart: str, line: str, tmp_path: Path) -> None:
    rows = [
        call(timestamp=f"2025-01-0{day}T{hour:02d}:00:00", **changes)
        for day, hour in ((1, 9), (2, 9), (3, 2))
        for changes in ({}, {"status": "error", "error_type": "timeout"})
    ]
    result = result_of(report, rows)
    for row in result["daily"] if report == "abuse_detection" else ():
        row["flagged_customers"] = 1
    values = drawn(page_of(report, {**result, "_context": CONTEXT}, tmp_path), chart)
    marks = values["Partial day" if "Partial day" in values else f"{line}, partial day"]
    assert [value is None for value in values[line][:3]] == [True, False, True]
    assert [value is None for value in marks[:3]] == [False, True, False]


def test_the_first_screen_shows_a_partial_day_as_one_hollow_bar() -> None:
    rows = [
        call(timestamp=f"2025-01-0{day}T{hour:02d}:00:00", provider=provider, cost_usd=cost)
        for day, hour in ((1, 9), (2, 9), (3, 2))
        for provider, cost in (("openai", "3"), ("google", "1"))
    ]
    understanding = result_of("understanding", rows)
    part = first_screen({"understanding": understanding}, CONTEXT)
    series = {s["label"]: s["values"] for s in part.data["charts"]["daily-cost"]["series"]}
    assert series == {
        "OpenAI": [None, 3, None],
        "Google": [None, 1, None],
        "Partial day": [4, None, 4],
    }
    assert 'class="hollow muted"' in part.markup
