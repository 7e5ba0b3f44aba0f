"""Drawings: every number has its place, whatever the numbers are."""

from __future__ import annotations

import re
from typing import List, Optional, Tuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.generators import svg
from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
from finops.generators.markup import outline
from finops.generators.svg import HEIGHT, Plot, Stroke
from finops.generators.ticks import scale_of, tick_labels
from tests.generators.pages import Page

NUMBERS = st.one_of(
    st.floats(-1e12, 1e12, allow_nan=False), st.floats(1e-9, 1e-3), st.integers(0, 10**15)
)
POSSIBLE = st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=40)


def corners(stretch: str) -> List[Tuple[float, float]]:
    """Return the places of every corner of a line without gaps."""
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.-]+) ([\d.-]+)", stretch)]


def height_at(stretch: List[Tuple[float, float]], x: float) -> Optional[float]:
    """Return the y of a line at a place, None where it is not drawn."""
    for corner, y in stretch:
        if abs(corner - x) < 0.06:
            return y
    for (left, y), (right, also) in zip(stretch, stretch[1:]):
        if left < x < right:
            assert y == also, "only level stretches have no corner at each value"
            return y
    return None


def paths(drawing: str) -> List[str]:
    return Page(drawing).values_of("d")


@given(st.lists(NUMBERS, min_size=1, max_size=30), st.booleans())
def test_ticks_are_even_and_cover_every_number(numbers: List[float], from_zero: bool) -> None:
    scale = scale_of(numbers, from_zero)
    slack = (scale.high - scale.low) * 1e-6
    assert scale.low - slack <= min(numbers)
    assert max(numbers) <= scale.high + slack
    assert 2 <= len(scale.ticks) <= 8
    steps = [after - before for before, after in zip(scale.ticks, scale.ticks[1:])]
    assert max(steps) - min(steps) <= slack + 1e-9 * max(map(abs, scale.ticks))
    if from_zero:
        assert any(abs(tick) <= slack for tick in scale.ticks)


def test_labels_of_ticks_have_one_number_of_decimals() -> None:
    assert tick_labels("money", [0, 0.25, 0.5]) == ["$0.00", "$0.25", "$0.50"]
    assert tick_labels("money", [-5000, 0, 5000, 10_000]) == ["-$5,000", "$0", "$5,000", "$10K"]
    assert tick_labels("share", [0, 0.5, 1]) == ["0%", "50%", "100%"]
    assert tick_labels("ms", [0, 500, 1000]) == ["0", "500", "1,000"]
    assert tick_labels("count", [0, 5_000_000]) == ["0", "5M"]
    assert tick_labels("seconds", [0, 90]) == ["0 s", "1m 30s"]


@given(POSSIBLE)
def test_a_line_goes_through_every_known_number(values: List[Optional[float]]) -> None:
    drawing = svg.lines(Plot([str(n) for n in range(len(values))], [Stroke("a", values, "c0")], ""
                             "money"))  # fmt: skip
    scale = scale_of([float(value) for value in values if value is not None])
    stretches = [
        corners(part) for path in paths(drawing) for part in path.split("M") if corners(part)
    ]
    for at, value in enumerate(values):
        x = 1000 * at / (len(values) - 1) if len(values) > 1 else 500
        drawn = [y for y in (height_at(stretch, x) for stretch in stretches) if y is not None]
        if value is None:
            assert drawn == []
        else:
            height = HEIGHT * (scale.high - value) / (scale.high - scale.low)
            assert drawn == [pytest.approx(height, abs=0.06)]


def test_a_gap_interrupts_a_line_and_a_lonely_point_is_marked() -> None:
    drawing = svg.lines(Plot(list("abcde"), [Stroke("a", [1, 2, None, 2, None], "c3")], "money"))
    assert paths(drawing) == ["M0 90L250 0M750 0"]
    assert Page(drawing).values_of("cx") == ["75%"]


def test_stacked_bars_stand_on_each_other() -> None:
    strokes = [Stroke("a", [1, 3], "c0"), Stroke("b", [3, 1], "c1")]
    drawing = svg.bars(Plot(["x", "y"], strokes, "money"), stacked=True)
    below, above = (re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", path) for path in paths(drawing))
    assert below == [("180", "135"), ("180", "45")]
    assert above == [("135", "0"), ("45", "0")]


def test_bars_below_zero_hang_from_it() -> None:
    drawing = svg.bars(Plot(["x", "y"], [Stroke("a", [4, -4], "c0")], "money"), stacked=False)
    assert re.findall(r"M[\d.]+ ([\d.]+)V([\d.]+)", paths(drawing)[0]) == [
        ("90", "0"),
        ("90", "180"),
    ]


def test_lying_bars_have_their_name_and_number_in_text() -> None:
    part = bar_chart(
        "b", "Bars", Axis("Provider", "provider"), Axis("Cost (USD)", "money"),
        ["openai", "mistral"], [Series("Cost", [12, 3])], horizontal=True,
    )  # fmt: skip
    page = Page(part.markup)
    assert page.says("Cost (USD) OpenAI $12.00 Mistral $3.00")
    assert [w for w in page.values_of("width") if "%" in w] == ["80%", "20%"]


def test_points_of_a_plane_differ_in_colour_and_shape() -> None:
    part = scatter_chart(
        "s", "S", Axis("Cost", "money"), Axis("Calls"), [("a", 0, 0), ("b", 10, 20)],
        colours=[("tier", "pro"), ("tier", "starter")], groups=["pro", "starter"], named=True,
    )  # fmt: skip
    page = Page(part.markup)
    assert page.says("pro starter")
    assert len({c for c in page.values_of("class") if c.startswith("mark ")}) == 2
    assert (page.values_of("cx"), page.values_of("cy")) == (["0%"], ["240"])
    assert paths(part.markup) == ["M-4 4L0 -4L4 4z"]


def test_a_band_lies_between_its_edges_and_a_limit_is_dashed() -> None:
    part = line_chart(
        "l", "L", Axis("Day", "date"), Axis("Cost", "money"), ["2025-12-31", "2026-01-01"],
        [
            Series("Low", [0, 5], style="low"),
            Series("High", [10, 10], style="high"),
            Series("Limit", [5, 5], "critical", "dashed"),
            Series("Odd", [0, 10], "warning", "points"),
        ],
    )  # fmt: skip
    page = Page(part.markup)
    assert page.values_of("d") == ["M0 0L1000 0L1000 90L0 180z", "M0 90L1000 90"]
    assert {"band c1", "dashed critical", "box warning"} <= set(page.values_of("class"))
    assert page.says("31 Dec 2025 1 Jan 2026")
    assert page.says("Low to high Limit Odd")
    assert "dot c1 band" in page.values_of("class")


def test_a_path_holds_nothing_but_numbers_and_its_letters() -> None:
    assert outline("M0 1.5L-2 3z") == "M0 1.5L-2 3z"
    with pytest.raises(ValueError, match="outline"):
        outline('M0"onload="')


@given(st.integers(1, 24), st.integers(1, 400), st.booleans())
def test_labels_in_order_find_room_beside_each_other(length: int, count: int, dates: bool) -> None:
    """A character takes 7 px, and a wide chart has 1,120."""
    labels = [str(number).rjust(length, "0")[-length:] for number in range(count)]
    drawn = svg.lines(Plot(labels, [Stroke("", [1.0] * count, "accent")], "count", dates))
    texts = re.findall(r'<text class="(?:start|mid|end)[^"]*" x="([^"]+)%"', drawn)
    places = [float(place) / 100 * 1120 for place in texts]
    assert places
    if count > 52:  # fewer may also be slanted, or all written where they are short
        steps = [after - before for before, after in zip(places, places[1:])]
        assert min(steps, default=1120) >= 7 * length


def test_hours_are_written_as_dates_are() -> None:
    hours = [f"2026-06-{1 + k // 24:02d} {k % 24:02d}:00" for k in range(240)]
    chart = line_chart(
        "h", "Cost by hour", Axis("Hour", "hour"), Axis("Cost", "money"), hours,
        [Series("Cost", [float(k) for k in range(240)])],
    )  # fmt: skip
    texts = re.findall(r"<text[^>]*>([^<]*:00)</text>", str(chart))
    assert texts[:2] == ["1 Jun 00:00", "2 Jun 16:00"]


ROOMS = {"": 228, "wide": 480, "widest": 820}  # pixels of the picture, by the class of a label


@given(
    st.integers(1, 40),
    st.integers(1, 24),
    st.sampled_from(sorted(ROOMS.values())),
)
def test_labels_below_stand_beside_each_other_at_every_width(
    count: int, length: int, width: int
) -> None:
    labels = [f"{at:0{length}d}"[:length] for at in range(count)]
    drawing = svg.lines(Plot(labels, [Stroke("a", [1.0] * count, "c0")], "count", dates=True))
    below = re.findall(r'<text class="([a-z ]+)" x="([0-9.]+)%" y="198">', drawing)
    ends = -1.0
    for classes, x in below:
        side, *least = classes.split()
        if any(ROOMS[name] > width for name in least):
            continue
        text = length * 7
        start = float(x) / 100 * width - {"start": 0.0, "mid": 0.5, "end": 1.0}[side] * text
        assert ends < start or ends == -1.0
        ends = start + text
    assert ends > 0, "no label is shown"


def test_a_long_name_of_a_lying_bar_leaves_room_for_its_number_in_a_narrow_drawing() -> None:
    name = "Cheaper models of the same class and vendor"
    plot = Plot([name, "Caching"], [Stroke("a", [1636.52, 2.0], "c0")], "money")
    page = Page(svg.rows(plot, stacked=False))
    assert page.says("Cheaper models of the…and vendor $1,636.52")
    assert sorted(c for c in page.values_of("class") if c in ("wide", "narrow")) == [
        "narrow", "wide",
    ]  # fmt: skip


def test_a_bar_without_height_is_not_drawn_among_others() -> None:
    strokes = [Stroke("a", [0, 3], "c0"), Stroke("b", [1, 0], "c1")]
    drawing = svg.bars(Plot(["x", "y"], strokes, "count"), stacked=True)
    assert [path.count("M") for path in paths(drawing)] == [1, 1]
    nothing = svg.bars(Plot(["x"], [Stroke("a", [0], "c0")], "count"), stacked=True)
    assert len(paths(nothing)) == 1
