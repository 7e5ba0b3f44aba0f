"""The figures of a summary, held against sums over the rows."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from typing import Any, Callable, Dict, List, Optional, Tuple

import pytest

from finops.summary.export import as_csv, as_dict
from finops.summary.figures import columns_of, sentences_of
from finops.summary.grouping import DIMENSIONS, TIMES, Grouping, Summary
from tests.support.imports import prices
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows

Row = Dict[str, Any]
ROWS = varied_rows(400)


def day_of(row: Row) -> str:
    return str(row["timestamp"])[:10]


def week_of(row: Row) -> str:
    year, week, _ = datetime.strptime(day_of(row), "%Y-%m-%d").isocalendar()[:3]
    return f"{year}-W{week:02d}"


VALUES: Dict[str, Callable[[Row], str]] = {
    "day": day_of,
    "week": week_of,
    "month": lambda row: day_of(row)[:7],
    "provider": lambda row: row["provider"],
    "model": lambda row: row["model"],
    "customer": lambda row: row["customer_id"],
    "organization": lambda row: row["organization_id"],
    "product": lambda row: row["product_id"],
    "feature": lambda row: row["feature_id"],
    "session": lambda row: row["task_type"],  # in whose place sessions are read
}


def summary_of(rows: List[Row], *by: str) -> Summary:
    return Grouping(by).summarize(ReferenceDataset(rows))


def expected(rows: List[Row], by: Tuple[str, ...]) -> Dict[Tuple[str, ...], List[Decimal]]:
    sums: Dict[Tuple[str, ...], List[Decimal]] = defaultdict(lambda: [Decimal(0)] * 4)
    for row in rows:
        amounts = [row["cost_usd"], 1, row["input_tokens"], row["output_tokens"]]
        names = tuple(VALUES[name](row) for name in by)
        sums[names] = [a + Decimal(str(b)) for a, b in zip(sums[names], amounts)]
    return sums


PAIRS = [("day", "model"), ("product", "month"), ("customer", "feature"), ("week", "provider")]


@pytest.mark.parametrize("by", [*((name,) for name in DIMENSIONS), *PAIRS])
def test_groups_have_the_sums_of_their_rows(by: Tuple[str, ...]) -> None:
    summary = summary_of(ROWS, *by)
    sums = expected(ROWS, by)
    assert {row.names for row in summary.rows} == set(sums)
    for row in summary.rows:
        cost, *others = sums[row.names]
        figures = row.figures
        assert figures.cost == pytest.approx(float(cost), abs=1e-9)
        assert [figures.calls, figures.input_tokens, figures.output_tokens] == others
    assert summary.total.calls == len(ROWS)
    assert summary.total.cost == pytest.approx(float(sum(c for c, *_ in sums.values())), abs=1e-9)


@pytest.mark.parametrize("by", [*((name,) for name in DIMENSIONS), *PAIRS])
def test_times_ascend_and_other_values_come_by_their_cost(by: Tuple[str, ...]) -> None:
    rows = summary_of(ROWS, *by).rows
    first: Dict[str, float] = {}
    for row in rows:
        first[row.names[0]] = first.get(row.names[0], 0) + row.figures.cost
    if by[0] in TIMES:
        assert list(first) == sorted(first)
    else:
        assert list(first.values()) == sorted(first.values(), reverse=True)
    assert len({row.names for row in rows}) == len(rows)


def daily(*costs: float) -> List[Row]:
    """Return a call of each cost on the days from 1 May 2026 on, the first and last hour too."""
    rows = [
        call(timestamp=f"2026-05-{number:02d}T{hour:02d}:00:00.000000", cost_usd=cost / 2)
        for number, cost in enumerate(costs, 1)
        for hour in (0, 23)
    ]
    return [{**row, "call_id": f"c{number}"} for number, row in enumerate(rows)]


def test_the_change_of_a_day_is_against_the_day_before() -> None:
    rows = summary_of(daily(2, 3, 0, 4), "day").rows
    assert [row.change_percent for row in rows] == [None, 50.0, -100.0, None]


def test_a_day_without_calls_is_one_with_nothing_spent() -> None:
    rows = [row for row in daily(2, 3, 3, 4) if "05-02" not in row["timestamp"]]
    assert [row.change_percent for row in summary_of(rows, "day").rows] == [
        None,
        None,
        pytest.approx(100 / 3),
    ]


def test_a_day_that_is_not_over_is_not_compared() -> None:
    rows = [row for row in daily(2, 2, 2) if row["timestamp"] < "2026-05-03T20"]
    assert [row.change_percent for row in summary_of(rows, "day").rows] == [None, 0.0, None]


def test_weeks_and_months_that_are_cut_off_are_not_compared() -> None:
    rows = daily(*([1] * 28))  # 1 May 2026 is a Friday
    weeks = summary_of(rows, "week").rows
    assert [(row.names[0], row.change_percent) for row in weeks] == [
        ("2026-W18", None),
        ("2026-W19", None),
        ("2026-W20", 0.0),
        ("2026-W21", 0.0),
        ("2026-W22", None),
    ]
    (month,) = summary_of(rows, "month").rows
    assert (month.names, month.change_percent) == (("2026-05",), None)


def test_without_times_the_change_is_that_of_seven_days() -> None:
    (row,) = summary_of(daily(*[1] * 7, *[2] * 7), "model").rows
    assert row.change_percent == pytest.approx(100.0)
    (row,) = summary_of(daily(*[1] * 13), "model").rows
    assert row.change_percent is None
    assert all(row.change_percent is None for row in summary_of(daily(*[1] * 20), "session").rows)


@pytest.mark.parametrize(
    "by", [(), ("nothing",), ("day", "day"), ("day", "month"), ("a", "b", "c")]
)
def test_dimensions_that_do_not_go_together_are_refused(by: Tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Grouping(by)


# --- what is not known ---------------------------------------------------------------------------


def cells(summary: Summary, heading: str) -> Tuple[str, ...]:
    return {column.heading: column.cells for column in columns_of(summary)}[heading]


def plain_rows(summary: Summary) -> List[Dict[str, Any]]:
    rows: List[Dict[str, Any]] = json.loads(json.dumps(as_dict(summary)))["rows"]
    return rows


def test_unpriced_calls_make_costs_bounds_and_are_named() -> None:
    rows = [
        call(call_id="a", model="gpt-4o", cost_usd="1.25"),
        call(call_id="b", model="gpt-4o", cost_usd="0.75"),
        call(call_id="c", model="my-model", cost_usd=""),
    ]
    summary = summary_of(rows, "model")
    assert cells(summary, "cost USD") == ("2.00", "-", "≥ 2.00")
    assert "≥: no price for my-model (1 call); --prices FILE gives prices" in sentences_of(summary)
    costs = [(row["cost_usd"], row["cost_is_lower_bound"]) for row in plain_rows(summary)]
    assert costs == [(2.0, False), (None, True)]


def test_a_source_without_a_request_count_has_no_calls() -> None:
    rows = [
        call(call_id="a", model="x", cost_usd="1", calls="0", bucket_s="86400"),
        call(call_id="b", model="y", cost_usd="2"),
        call(call_id="c", model="y", cost_usd="2", calls="0", bucket_s="86400"),
    ]
    summary = summary_of(rows, "model")
    assert cells(summary, "calls") == ("≥ 1", "-", "≥ 1")
    assert any("no request count" in sentence for sentence in sentences_of(summary))
    assert [row["calls"] for row in plain_rows(summary)] == [1, None]


def test_token_classes_that_the_data_has_none_of_are_no_zeros() -> None:
    summary = summary_of([call(cost_usd="1")], "model")
    headings = [column.heading for column in columns_of(summary)]
    assert headings == ["model", "cost USD", "calls", "tokens", "input", "output"]
    header, line = as_csv(summary).splitlines()
    named = dict(zip(header.split(","), line.split(",")))
    assert named["cached_input_tokens"] == named["reasoning_tokens"] == ""


def test_cached_tokens_are_a_share_of_the_input() -> None:
    rows = [
        call(call_id="a", model="x", input_tokens="1000", cached_input_tokens="250"),
        call(call_id="b", model="y", input_tokens="3000", cached_input_tokens="1500"),
    ]
    summary = summary_of(rows, "model")
    shares = dict(zip(cells(summary, "model"), cells(summary, "cached %")))
    assert shares == {"x": "25.0", "y": "50.0", "total": "43.8"}
    assert set(cells(summary, "cached")) == {"250", "1,500", "1,750"}


def test_input_of_sources_that_do_not_say_is_no_part_of_a_cached_share() -> None:
    rows = [
        call(
            call_id="a", model="x", source="codex", input_tokens="1000", cached_input_tokens="250"
        ),
        call(call_id="b", model="x", source="plain", input_tokens="3000"),
        call(call_id="c", model="y", source="plain", input_tokens="7000"),
        call(call_id="d", model="z", source="codex", input_tokens="1000"),
    ]
    summary = summary_of(rows, "model")
    models = cells(summary, "model")
    assert dict(zip(models, cells(summary, "cached %"))) == {
        **{"x": "25.0", "y": "-", "z": "0.0", "total": "12.5"}
    }
    assert dict(zip(models, cells(summary, "cached"))) == {
        **{"x": "250", "y": "-", "z": "0", "total": "250"}
    }
    assert any("without 10,000 input tokens of sources" in each for each in sentences_of(summary))
    by_model = {row["model"]: row for row in plain_rows(summary)}
    assert [by_model[name]["cached_percent"] for name in "xyz"] == [25.0, None, 0.0]
    assert [by_model[name]["cached_input_tokens"] for name in "xyz"] == [250, None, 0]


def test_what_caching_saved_is_the_difference_of_list_prices() -> None:
    """Claude A: 2 for input, 0.2 for reads, 3 for writes, 4 for writes of an hour, a million."""
    row = call(
        provider="anthropic",
        model="claude-a",
        input_tokens="1000000",
        cached_input_tokens="500000",
        cache_write_tokens="300000",
        cache_write_1h_tokens="100000",
    )
    other = call(call_id="b", model="nobody", cached_input_tokens="100")

    def saved(*rows: Row) -> Optional[float]:
        dataset = ReferenceDataset(rows, prices())
        return Grouping(["model"]).summarize(dataset).saved_by_caching

    # 0.5 × 1.8 less for what was read, 0.2 × 1 and 0.1 × 2 more for what was written.
    assert saved(row, other) == pytest.approx(0.5)
    assert saved({**row, "cached_input_tokens": "0"}) == pytest.approx(-0.4)
    assert saved(other) is None
    assert saved({**row, "cached_input_tokens": "", "cache_write_tokens": ""}) is None
    summary = Grouping(["model"]).summarize(ReferenceDataset([row], prices()))
    assert "caching saved 0.500000 USD at list prices" in sentences_of(summary)


def test_small_costs_are_not_shown_as_nothing() -> None:
    rows = [
        call(call_id="a", model="x", cost_usd="5"),
        call(call_id="b", model="y", cost_usd="0.0001"),
    ]
    assert cells(summary_of(rows, "model"), "cost USD") == ("5.00", "<0.01", "5.00")
    assert cells(summary_of(rows[1:], "model"), "cost USD") == ("0.000100", "0.000100")


def test_csv_has_no_exponent() -> None:
    summary = summary_of([call(cost_usd="0.0000003")], "model")
    assert ",0.0000003," in as_csv(summary).splitlines()[1]
