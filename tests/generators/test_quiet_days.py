"""Days without a call between others are on the axis: as nothing, or as a break of the line."""

from __future__ import annotations

import doctest
from typing import List, Optional

from finops.generators import quiet_days
from finops.generators.charts import Axis, Series, bar_chart, line_chart
from finops.generators.components import Part
from finops.generators.recompute import Ratio, Sum

DAYS = ["2025-01-01", "2025-01-02", "2025-01-05"]


def values_of(part: Part) -> List[List[Optional[float]]]:
    (chart,) = part.data["charts"].values()
    return [line["values"] for line in chart["series"]]


def drawn(kind: str, *series: Series) -> List[List[Optional[float]]]:
    return values_of(line_chart("c", "C", Axis("Day", "date"), Axis("Y", kind), DAYS, series))


def test_the_examples_in_the_text_hold() -> None:
    assert doctest.testmod(quiet_days).failed == 0


def test_a_day_without_calls_costs_nothing() -> None:
    assert drawn("money", Series("Cost", [1, 2, 4], recompute=Sum("cost"))) == [[1, 2, 0, 0, 4]]
    assert drawn("count", Series("Calls", [1, None, 4])) == [[1, None, 0, 0, 4]]


def test_what_is_taken_of_calls_breaks() -> None:
    broken = [[1, 2, None, None, 4]]
    assert drawn("ms", Series("Latency", [1, 2, 4])) == broken
    assert drawn("percent", Series("Errors", [1, 2, 4])) == broken
    assert drawn("money", Series("Per call", [1, 2, 4], recompute=Ratio("cost", "calls"))) == broken


def test_limits_go_on_and_marks_stay_single() -> None:
    cost, limit = Series("Cost", [1, 2, None]), Series("Limit", [3, 3, 3], style="dashed")
    part = Series("Partial day", [None, None, 4], style="hollow")
    assert drawn("money", cost, limit, part) == [
        [1, 2, 0, 0, None],
        [3, 3, 3, 3, 3],
        [None, None, None, None, 4],
    ]


def test_nothing_is_filled_in_before_and_after_what_is_known() -> None:
    ahead = [Series("Cost", [1, 2, None]), Series("Forecast", [None, None, 3], style="dashed")]
    assert drawn("money", *ahead) == [[1, 2, None, None, None], [None, None, None, None, 3]]
    unknown = Series("Cost", [None, None, None])
    assert drawn("money", Series("Calls", [1, 2, 4]), unknown)[1] == [None] * 5


def test_bars_and_weeks() -> None:
    day, y = Axis("Day", "date"), Axis("Cost", "money")
    assert values_of(bar_chart("c", "C", day, y, DAYS, [Series("Cost", [1, 2, 4])])) == [
        [1, 2, 0, 0, 4]
    ]
    weeks = ["2024-W52", "2025-W02"]
    part = line_chart("c", "C", Axis("Week", "date"), y, weeks, [Series("Cost", [1, 2])])
    (chart,) = part.data["charts"].values()
    assert chart["labels"] == ["2024-W52", "2025-W01", "2025-W02"]
    assert values_of(part) == [[1, 0, 2]]


def test_a_long_gap_is_part_of_the_averages() -> None:
    dates = ["2025-01-01", "2026-12-31"]
    part = line_chart(
        *("c", "C", Axis("Day", "date"), Axis("Cost", "money")),
        dates,
        [Series("Cost", [7, 7])],
        bins="mean",
    )
    ((first, *between, last),) = values_of(part)
    assert set(between) == {0}
    assert first == 1.0  # one of seven days
    assert last is not None
    assert last > 0
