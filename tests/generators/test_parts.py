"""Cards, tables, charts, findings: what stands in the markup and in the page's data."""

from __future__ import annotations

import doctest
import re
from typing import List, NamedTuple, Optional

import pytest

from finops import config
from finops.generators import components
from finops.generators import recompute as recompute_module
from finops.generators.charts import (
    COLOURS,
    MAX_LABELS,
    MAX_MOMENTS,
    MAX_POINTS,
    Axis,
    Series,
    bar_chart,
    colour_of,
    line_chart,
    scatter_chart,
)
from finops.generators.components import Card, Part
from finops.generators.date_range import Daily
from finops.generators.packed_sums import Sums
from finops.generators.page import report_page, style_text
from finops.generators.recompute import (
    Distinct,
    Mean,
    Percentile,
    Ratio,
    Recompute,
    ShareOfAll,
    SharePercent,
    Sum,
    Trend,
)
from finops.generators.tables import ALIGNED, SHOWN_ROWS, Column, bar, table, texts
from finops.results.shares import is_lower_bound
from tests.generators.pages import REPORT, VALUE, Page

DAY, COST = Axis("Day (UTC)", "date"), Axis("Cost (USD)", "money")


class Row(NamedTuple):
    name: Optional[str]
    provider: Optional[str] = None
    cost: Optional[float] = None
    share: Optional[float] = None


COLUMNS: List[Column[Row]] = [
    Column(lambda row: row.name, "Name"),
    Column(lambda row: row.provider, "Provider", "provider", dot=True),
    Column(lambda row: row.cost, "Cost", "money", order="descending"),
    Column(lambda row: row.share, "Share", "percent", bar=True),
]


def rows(count: int) -> List[Row]:
    return [Row(f"cust_{n:03d}", "openai", n / 7, 100 / count) for n in range(count)]


def page(part: Part) -> Page:
    return Page(part.markup)


def test_a_card_shows_a_readable_number_and_tells_the_exact_one() -> None:
    cards = components.cards(
        [Card("Cost", 1204.5512, "money", "over 30 days"), Card("Tokens", 1_204_321, "tokens")]
    )
    read = page(cards)
    assert read.says("Cost $1,204.55 over 30 days Tokens 1.2M tokens")
    assert read.values_of("title") == ["1204.5512 USD", "1204321 tokens"]


def test_a_card_without_a_value_says_so() -> None:
    read = page(components.cards([Card("Cost", None, "money")]))
    assert read.says("n/a")
    assert read.values_of("title") == ["not known"]


def test_a_table_shows_the_first_rows_and_carries_all() -> None:
    part = table("customers", "Customers", COLUMNS, rows(500))
    read = page(part)
    assert sum(tag == "tr" for tag, _ in read.tags) == 1 + SHOWN_ROWS
    assert read.says("and 475 more.")
    data = part.data["tables"]["customers"]
    assert (data["rows"], data["total"]) == (500, 500)
    name, provider, cost, share = data["columns"]
    assert name["values"][499] == "cust_499"
    assert provider["words"] == ["OpenAI"]
    assert provider["at"] == [0] * 500
    assert cost["values"][10] == 1.42857
    assert share["bar"] == 1


def test_a_table_has_scopes_alignment_filter_and_download() -> None:
    read = page(table("t", "T", COLUMNS, rows(16)))
    assert read.values_of("scope") == ["col"] * 4
    assert read.values_of("aria-sort") == ["descending"]
    assert read.values_of("type") == ["search", "button"]
    classes = read.values_of("class")
    assert classes.count("number") == 2
    assert "numbers n3 n4" in classes
    assert read.says("Download CSV")


def test_numbers_of_every_column_are_aligned_by_the_table_or_by_themselves() -> None:
    many = [Column[Row](lambda row: row.cost, f"Cost {n}", "money") for n in range(ALIGNED + 3)]
    read = page(table("t", "T", many, rows(2)))
    classes = read.values_of("class")
    assert " ".join(f"n{n}" for n in range(1, ALIGNED + 1)) in " ".join(classes)
    assert classes.count("number") == len(many) + 2 * 3
    style = style_text()
    assert all(f".n{n} td:nth-child({n})" in style for n in range(1, ALIGNED + 1))


def test_a_short_table_needs_no_filter_and_no_more() -> None:
    read = page(table("t", "T", COLUMNS, rows(15)))
    assert "search" not in read.values_of("type")
    assert not read.says("more")


def test_a_table_too_long_for_a_page_says_where_the_rest_is() -> None:
    part = table("t", "T", COLUMNS, rows(9000))
    kept = part.data["tables"]["t"]["rows"]
    assert SHOWN_ROWS < kept < 9000
    assert page(part).says(f"the first {kept:,} of 9,000 rows; the JSON file beside it holds all")
    longer = page(table("t", "T", COLUMNS, rows(10_001)))
    assert longer.says("the JSON file beside it holds the first 10,000, or with --all-rows all")


def test_an_empty_table_is_a_sentence() -> None:
    part = table("t", "T", COLUMNS, [], empty="No customer was looked for in vain.")
    assert page(part).says("No customer was looked for in vain.")
    assert not part.data
    assert "table" not in [tag for tag, _ in page(part).tags]


def test_missing_keys_are_not_known() -> None:
    read = page(table("t", "T", COLUMNS, [Row("x")]))
    assert read.text.count("n/a") == 3


def test_bars_stay_in_their_frame() -> None:
    assert 'width="0%"' in bar(-5)
    assert 'width="100%"' in bar(4810.5)
    assert 'width="12.5%"' in bar(0.125, "share")


def test_a_chart_has_caption_axes_and_its_numbers_as_a_table() -> None:
    part = line_chart(
        "daily", "Cost of each day", DAY, COST, ["2025-01-01", "2025-01-02", "2025-01-03"],
        [
            Series("OpenAI", [1.5, None, 1], ("provider", "openai")),
            Series("Limit", [2, 2, 2], style="dashed"),
        ],
    )  # fmt: skip
    read = page(part)
    assert read.says("OpenAI Limit The numbers Day (UTC) OpenAI Limit")
    assert read.says("2025-01-01 $1.50 $2.00 2025-01-02 $2.00")
    data = part.data["charts"]["daily"]
    assert data["x"] == {"title": "Day (UTC)", "kind": "date"}
    assert data["y"] == {"title": "Cost (USD)", "kind": "money"}
    assert data["series"] == [
        {"label": "OpenAI", "colour": 0, "values": [1.5, None, 1]},
        {"label": "Limit", "colour": 1, "values": [2, 2, 2], "style": "dashed"},
    ]


@pytest.mark.parametrize(("bins", "first"), [("sum", 21), ("mean", 3), ("max", 6)])
def test_a_long_series_is_binned_and_says_so(bins: str, first: float) -> None:
    count = 3 * MAX_MOMENTS
    part = line_chart(
        "long", "Cost", DAY, COST, [str(n) for n in range(count)],
        [Series("Cost", list(range(count)))], bins=bins,
    )  # fmt: skip
    data = part.data["charts"]["long"]
    assert len(data["labels"]) == 108  # 750 days by whole weeks
    assert data["width"] == 7
    assert data["labels"][:2] == ["0", "7"]
    assert data["series"][0]["values"][0] == first
    words = {"sum": "the sum", "mean": "the average", "max": "the highest"}[bins]
    assert page(part).says(f"Each point is {words} of 7 days")


@pytest.mark.parametrize("series", [1, 3, 7, 24])
def test_no_chart_has_more_points_than_allowed(series: int) -> None:
    labels = [str(n) for n in range(2161)]
    drawn = [Series(str(n), [1] * 2161) for n in range(series)]
    for part in (
        line_chart("c", "C", DAY, COST, labels, drawn),
        bar_chart("c", "C", DAY, COST, labels, drawn),
    ):
        data = part.data["charts"]["c"]
        assert sum(len(one["values"]) for one in data["series"]) <= MAX_POINTS


def test_bars_left_out_are_counted() -> None:
    labels = [str(n) for n in range(500)]
    part = bar_chart("c", "C", Axis("Name"), COST, labels, [Series("x", [1] * 500)])
    assert page(part).says(f"The first {MAX_LABELS} of 500 are drawn")


def test_one_value_is_a_sentence_and_no_chart() -> None:
    part = bar_chart(
        "c", "Cost by provider", Axis("Provider", "provider"), COST, ["openai"],
        [Series("Cost", [12.5])],
    )  # fmt: skip
    assert not part.data
    assert page(part).says("Cost by provider OpenAI: $12.50. There is nothing to compare.")
    several = [Series("Cost", [12.5]), Series("Revenue", [20])]
    assert bar_chart("c", "C", Axis("Tier", "tier"), COST, ["pro"], several).data


def test_bars_that_are_all_the_same_are_a_sentence_and_no_chart() -> None:
    both = [Series("Recall", [100]), Series("Precision", [100])]
    part = bar_chart("c", "C", Axis("Detector"), Axis("Share (%)", "percent"), ["Left"], both)
    assert not part.data
    assert page(part).says("Left: Recall 100.0%, Precision 100.0%. There is nothing to compare.")
    several = [Series("Recall", [100, 100, 100]), Series("Precision", [100, 100, 100])]
    part = bar_chart("c", "C", Axis("Detector"), Axis("%", "percent"), ["a", "b", "c"], several)
    assert page(part).says("100.0% for each of 3. There is nothing to compare.")


def test_bars_of_one_name_that_differ_are_drawn() -> None:
    both = [Series("Revenue", [100]), Series("Cost", [3])]
    assert bar_chart("c", "C", Axis("Tier"), COST, ["pro"], both).data


def test_one_point_is_a_sentence_and_no_chart() -> None:
    """A limit or the edges of a range beside it are nothing to compare it with."""
    lines = [
        Series("Full weeks", [None]),
        Series("Partial weeks", [4], "muted", "points"),
        Series("Limit", [9], style="dashed"),
    ]
    part = line_chart("c", "C", Axis("Week"), Axis("Calls"), ["2025-W09"], lines)
    assert not part.data
    assert page(part).says("2025-W09: 4. There is nothing to compare.")
    gaps = [Series("p95", [None, 7, None]), Series("Mean", [None, 5, None])]
    part = line_chart("c", "C", Axis("Hour"), Axis("ms", "ms"), ["a", "b", "c"], gaps)
    assert page(part).says("b: p95 7 ms, Mean 5 ms. There is nothing to compare.")
    plane = scatter_chart("s", "S", COST, Axis("Margin (USD per month)", "money"), [("a", 2, 3)])
    assert page(plane).says("a: cost $2.00, margin $3.00. There is nothing to compare.")


def test_the_numbers_of_a_chart_have_one_precision() -> None:
    series = [Series("Cost", [0.63, 0.0485, 12]), Series("Partial day", [0.0874, 0.00302, None])]
    part = bar_chart("c", "C", Axis("Day (UTC)", "date"), COST, ["a", "b", "c"], series)
    assert re.findall("<td>(.*?)</td>", part.markup) == [
        "$0.63", "$0.09", "$0.05", "&lt;$0.01", "$12.00", "",
    ]  # fmt: skip
    plane = scatter_chart("s", "S", COST, COST, [("a", 12, 0.0874), ("b", 0.5, 0.00302)])
    assert re.findall("<td>(.*?)</td>", plane.markup) == ["$12.00", "$0.0874", "$0.50", "$0.0030"]


def test_a_scatter_names_its_points() -> None:
    part = scatter_chart("s", "S", COST, Axis("Calls"), [("a", 1.5, 2), ("b", 3, 4)])
    assert part.data["charts"]["s"]["labels"] == ["a", "b"]
    assert page(part).says("Name Cost (USD) Calls a $1.50 2 b $3.00 4")


def test_series_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="one value for each label"):
        line_chart("c", "C", DAY, COST, ["a", "b"], [Series("x", [1])])


def test_nothing_to_draw_is_a_sentence() -> None:
    part = line_chart("c", "C", DAY, COST, [], [Series("x", [])], empty="No day was seen.")
    assert page(part).says("No day was seen.")
    assert not part.data


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("provider", list(config.PROVIDER_WEIGHTS)),
        ("tier", list(config.SUBSCRIPTION_TIERS)),
        ("feature", list(config.FEATURES)),
        ("region", list(config.REGIONS)),
    ],
)
def test_known_entities_have_colours_of_their_own(kind: str, names: List[str]) -> None:
    places = [colour_of(kind, name) for name in names]
    assert len(set(places)) == len(names)
    assert all(0 <= place < COLOURS for place in places)


def test_an_unknown_entity_keeps_its_colour() -> None:
    assert colour_of("model", "nova-next") == colour_of("model", "nova-next")
    assert 0 <= colour_of("provider", "\ud800") < COLOURS


def test_findings_say_their_severity_in_words() -> None:
    found = [
        {"severity": "critical", "title": "A", "detail": "a.", "impact_usd_per_month": 1204.5},
        {"severity": "nonsense", "title": "B", "detail": "b.", "impact_usd_per_month": 0},
    ]
    read = page(components.findings({"findings": found}))
    assert read.says("✕ Critical A a. $1,204.50 per month i Info B b.")
    assert "1204.5 USD per month" in read.values_of("title")


def test_findings_come_by_severity_and_else_as_they_are_given() -> None:
    given = [("info", "a"), ("warning", "b"), ("success", "c"), ("warning", "d"), ("critical", "e")]
    found = [{"severity": severity, "title": f"-{title}-"} for severity, title in given]
    text = components.findings({"findings": found}).markup
    assert re.findall("-([a-e])-", text) == ["e", "b", "d", "a", "c"]


def test_many_findings_are_folded_not_lost() -> None:
    found = [{"severity": "info", "title": f"finding {n}", "detail": ""} for n in range(9)]
    read = page(components.findings({"findings": found}))
    assert read.says("3 more")
    assert all(read.says(f"finding {n}") for n in range(9))


def test_no_findings_and_no_recommendations_are_sentences() -> None:
    assert page(components.findings({})).says("Nothing in this data crosses")
    assert page(components.recommendations({})).says("No condition for a recommendation is met")


def test_sums_in_recommendations_stand_out() -> None:
    part = components.recommendations({"recommendations": ["Cut <b> to save $1,204.55 per month."]})
    assert "<strong>$1,204.55</strong> per month." in part.markup
    assert page(part).says("Cut <b> to save $1,204.55 per month.")


def test_two_parts_of_one_name_are_refused() -> None:
    twice = table("t", "T", COLUMNS, rows(1))
    with pytest.raises(ValueError, match="share the name t"):
        components.combine([twice, twice])


def test_texts_are_labels() -> None:
    assert texts([1, None, "a"]) == ["1", "", "a"]


SUMS = Sums(
    "models",
    ("provider", "name"),
    [("openai", "a"), ("azure", "b")],
    {"measures": {"calls": {}, "cost": {}}},
)
BY_NAME: List[Column[Row]] = [
    Column(lambda row: row.name, "Name", dimension="name"),
    Column(lambda row: row.cost, "Cost", recompute=Ratio("cost", "calls", 1_000)),
]


def test_a_table_follows_sums_whose_every_key_has_a_row() -> None:
    part = table("t", "T", BY_NAME, [Row("b", cost=1.0), Row("a")], sums=SUMS)
    assert part.data["tables"]["t"]["follows"] == {
        "sums": "models",
        "row_of": [1, 0],
        "count": "calls",
        "over": [None, ["cost", "thousand:calls"]],
        "keys": [0],
    }
    assert "follows" not in table("t", "T", BY_NAME, [Row("a")], sums=SUMS).data["tables"]["t"]


def test_a_column_of_an_unknown_measure_is_refused() -> None:
    columns = [BY_NAME[0], Column[Row](lambda row: row.cost, "Cost", recompute=Sum("costs"))]
    with pytest.raises(ValueError, match="the sums models have no costs"):
        table("t", "T", columns, [Row("b"), Row("a")], sums=SUMS)


class Day(NamedTuple):
    date: str
    cost: float


def test_a_card_of_an_unknown_measure_is_refused() -> None:
    daily = Daily.of([Day("2025-01-01", 1.5)], {"cost": lambda row: row.cost})
    for recompute in (Sum("costs"), Ratio("cost", "calls"), Percentile("p95")):
        with pytest.raises(ValueError, match="the page has no daily"):
            report_page(REPORT, {}, [Card("Cost", 1.5, recompute=recompute)], [], VALUE, (), daily)
    cards = [Card("Cost", 1.5, recompute=Sum("cost"))]
    assert '"over":["cost","sum"]' in report_page(REPORT, {}, cards, [], VALUE, (), daily)


@pytest.mark.parametrize(
    ("recompute", "wire"),
    [
        (Sum("a"), ["a", "sum"]),
        (Mean("a"), ["a", "mean"]),
        (Ratio("a", "b"), ["a", "per:b"]),
        (Ratio("a", "b", 100), ["a", "percent:b"]),
        (Ratio("a", "b", 1_000), ["a", "thousand:b"]),
        (Ratio("a", "b", 1_000_000), ["a", "million:b"]),
        (Trend("a", 7), ["a", "trend:7"]),
        (SharePercent("a"), ["a", "share"]),
        (ShareOfAll("a"), ["a", "part"]),
        (Distinct("a"), ["a", "distinct"]),
        (Percentile("a"), ["a", "percentile"]),
    ],
)
def test_what_the_script_reads_of_a_recomputed_figure(
    recompute: Recompute, wire: List[str]
) -> None:
    assert recompute.script_form == wire
    assert doctest.testmod(recompute_module).failed == 0


class _Bill(NamedTuple):
    name: str
    total_cost: Optional[float]
    avg_cost_per_call: Optional[float] = 1.0
    unpriced_calls: int = 0


def test_a_lower_bound_is_marked_in_its_row_and_in_the_data() -> None:
    rows = [_Bill("a", 5.0), _Bill("b", 3.0, None), _Bill("c", 2.0, 1.0, 4), _Bill("d", None, None)]
    rows.append(_Bill("e", 0.0, None, 4))
    cost = Column[_Bill](lambda row: row.total_cost, "Cost", "money", at_least=is_lower_bound)
    part = table("bills", "Bills", [Column[_Bill](lambda row: row.name, "Name"), cost], rows)
    cells = re.findall(r"<td>([^<]*)</td></tr>", part.markup)
    assert cells == ["$5.00", "≥ $3.00", "≥ $2.00", "n/a", "n/a"]
    name, costs = part.data["tables"]["bills"]["columns"]
    assert ("least" in name, costs["least"]) == (False, [1, 2, 3, 4])


@pytest.mark.parametrize(
    ("what", "count", "points"),
    [("Day", 250, 250), ("Day", 730, 105), ("Day", 3650, 87), ("Week", 522, 87)],
)
def test_a_line_of_many_years_has_fewer_points(what: str, count: int, points: int) -> None:
    labels = [f"2025-{at:05d}" for at in range(count)]
    part = line_chart(
        "l", "L", Axis(what, "date"), Axis("Cost"), labels, [Series("C", [1] * count)]
    )
    assert len(part.data["charts"]["l"]["labels"]) == points


def test_weeks_are_written_as_dates_and_sorted_and_downloaded_as_weeks() -> None:
    weeks = ["2025-W01", "2025-W02", "2025-W03"]
    column = Column[str](lambda week: week, "Week starting", "week", order="ascending")
    part = table("w", "Weeks", [column], weeks)
    assert re.findall(r"<td>([^<]*)</td>", part.markup) == [
        "30 Dec 2024",
        "6 Jan 2025",
        "13 Jan 2025",
    ]
    (data,) = part.data["tables"]["w"]["columns"]
    assert (data["kind"], data["values"]) == ("week", weeks)

    calls = [Series("Calls", [1, 2, 3])]
    chart = line_chart("c", "C", Axis("Week starting", "week"), Axis("Calls"), weeks, calls)
    assert chart.data["charts"]["c"]["labels"] == ["2024-12-30", "2025-01-06", "2025-01-13"]
    assert page(chart).says("30 Dec 2024")
    assert "-W" not in chart.markup
