"""Rows that stand for many calls, for aggregates and for credits: by hand and by the reference."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops import schema
from finops.rollups import cache
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import Dataset, open_dataset
from finops.rollups.expressions import above, columns_of
from finops.rollups.measures import OF_MOMENTS, SUM_MEASURES
from finops.rollups.planner import Plan
from finops.rollups.spec import Table
from tests.rollups.test_dataset import EVERYTHING, csv_of, rows_strategy
from tests.rollups.test_dataset_shapes import cut_at
from tests.support.reference import ReferenceDataset, call

pytestmark = pytest.mark.unmeasured

Row = Dict[str, str]
CREDITED = "credited"  # the source of rows of which the reader is made to turn the cost around

ALL = Table((), SUM_MEASURES)
BY_CUSTOMER = Table(("customer_id",), ("cost", "charges", "credits", "calls", "tokens"))
BY_DAY = Table(("day", "status"), ("cost", "calls", "records"))
LATENCIES = Table(("provider",), ("latency", "calls"))
LISTS = Table(("hour",), ("latencies",))
CHANGES = Table(("customer_id", "day"), ("region_changes",))


def negative(rows: Sequence[Row]) -> List[Row]:
    """Return rows in which the costs of one source are credits."""
    return [
        {**row, "cost_usd": "-" + row["cost_usd"]} if row["source"] == CREDITED else row
        for row in rows
    ]


def figures(path: Path, rows: Sequence[Row], *tables: Table) -> List[Dict[Any, Any]]:
    path.write_bytes(csv_of(negative(rows)))
    data = open_dataset(path, workers=1).rollups(tables)
    return [dict(data[table]) for table in tables]


def named(values: Sequence[Any]) -> Dict[str, Any]:
    return dict(zip(SUM_MEASURES, values))


# --- credits -------------------------------------------------------------------------------------


def test_a_credit_lowers_the_cost_and_is_nothing_else(tmp_path: Path) -> None:
    calls = [
        call(timestamp=f"2025-03-0{day}T09:00:00.000000", customer_id=f"c{day % 2}", cost_usd="10")
        for day in (1, 2, 3, 4, 5)
    ]
    credit = call(
        timestamp="2025-03-06T00:00:00.000000",
        customer_id="c1",
        cost_usd="20",
        source=CREDITED,
        status="error",
        error_type="rate_limit",
        cached_input_tokens=7,
        list_cost_usd="3",
        calls=4,
    )
    whole, customers, days = figures(
        tmp_path / "calls.csv", [*calls, credit], ALL, BY_CUSTOMER, BY_DAY
    )
    sums = named(whole[()])
    assert (sums["cost"], sums["charges"], sums["credits"]) == (30.0, 50.0, 20.0)
    assert (sums["calls"], sums["records"], sums["credit_rows"]) == (5, 6, 1)
    assert (sums["input_tokens"], sums["output_tokens"], sums["tokens"]) == (2500, 1500, 4000)
    nothing = ("errors", "rate_limits", "unpriced", "calls_unknown", "cached_input_tokens")
    assert [sums[name] for name in nothing] == [0] * len(nothing)
    assert (sums["latency_known"], sums["status_known"]) == (5, 5)
    assert (sums["list_cost"], sums["list_cost_known"]) == (0.0, 0)
    assert customers == {
        ("c0",): (20.0, 20.0, 0.0, 2, 1600),
        ("c1",): (10.0, 30.0, 20.0, 3, 2400),
    }
    assert days["2025-03-06", "error"] == (-20.0, 0, 1)


def test_a_credit_is_no_visit_but_of_a_customer_without_calls(tmp_path: Path) -> None:
    def at(minute: int, **changes: Any) -> Row:
        return call(timestamp=f"2025-03-01T09:{minute:02d}:00.000000", **changes)

    rows = [
        at(0, customer_id="old", source=CREDITED, region="eu-west"),
        at(1, customer_id="c1", region="us-east", subscription_tier="pro"),
        at(2, customer_id="c1", region="eu-west", source=CREDITED, subscription_tier="starter"),
        at(3, customer_id="c1", region="us-east", subscription_tier="pro"),
        at(9, customer_id="c1", region="eu-west", source=CREDITED, subscription_tier="starter"),
    ]
    for order in (rows, rows[::-1]):
        path = tmp_path / "calls.csv"
        path.write_bytes(csv_of(negative(order)))
        data = open_dataset(path, workers=1).rollups((*CUSTOMER_RECORDS, CHANGES))
        assert not data[CHANGES]
        seen = data.customers["c1"]
        assert (seen.tier, seen.last_seen) == ("pro", "2025-03-01T09:03:00.000000")
        assert data.customers["old"].first_seen == "2025-03-01T09:00:00.000000"
        assert data.period.start == "2025-03-01T09:00:00.000000"
        assert data.period.end == "2025-03-01T09:09:00.000000"
        assert (
            data.customers == ReferenceDataset(negative(order)).rollups(CUSTOMER_RECORDS).customers
        )


def credited_rows() -> st.SearchStrategy[List[Row]]:
    def marked(rows: List[Row], places: List[int]) -> List[Row]:
        for place in places:
            if rows:
                row = rows[place % len(rows)]
                row["source"], row["cost_usd"] = CREDITED, row["cost_usd"] or "0.75"
        return rows

    return st.builds(marked, rows_strategy(), st.lists(st.integers(0, 59), max_size=20))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rows=credited_rows(),
    ordered=st.booleans(),
    cuts=st.lists(st.floats(0, 1), max_size=2),
    piece=st.integers(300, 6000),
)
def test_credits_give_what_the_reference_gives_wherever_a_file_is_cut(
    rows: List[Row], ordered: bool, cuts: List[float], piece: int, tmp_path: Path
) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: row["timestamp"])
    content = csv_of(negative(rows))
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with cut_at(content, cuts, piece):
        data = open_dataset(path).rollups(EVERYTHING)
    expected = ReferenceDataset(negative(rows)).rollups(EVERYTHING)
    for table in EVERYTHING:
        assert data[table] == expected[table], table
        assert list(data[table]) == list(expected[table]), table
    assert data.customers == expected.customers
    assert (data.period, data.totals) == (expected.period, expected.totals)


def test_credits_are_the_same_from_any_process_and_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    draw = random.Random("credits")
    rows = [
        call(
            timestamp=f"2025-01-{1 + k // 60:02d}T{k // 3 % 20:02d}:{k % 60:02d}:00.000000",
            customer_id=f"c{draw.randrange(5)}",
            cost_usd=f"{draw.choice(['', '', '-'])}{draw.randrange(10**13)}e-12",
            calls=draw.choice(["", "", "3", "12000"]),
            bucket_s=draw.choice(["", "", "3600"]),
            region=draw.choice(["us-east", "eu-west"]),
        )
        for k in range(600)
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    expected = ReferenceDataset(rows).rollups(EVERYTHING)
    assert expected.totals.cost > 0
    for workers in (1, 2, 3, 3):
        data = open_dataset(path, workers=workers, cache=workers > 2).rollups(EVERYTHING)
        for table in EVERYTHING:
            assert data[table] == expected[table], (workers, table)
        assert data.customers == expected.customers
        assert (data.period, data.totals) == (expected.period, expected.totals)


# --- rows for many calls -------------------------------------------------------------------------


def test_a_row_counts_as_the_calls_that_it_stands_for(tmp_path: Path) -> None:
    rows = [
        call(calls=12_000, input_tokens=5_000_000, cost_usd="21.50"),
        call(calls=300, status="error", error_type="rate_limit"),
        call(calls=3, model="nobodys", cost_usd="", latency_ms=""),
        call(calls=0, model="nobodys", cost_usd=""),
        call(),
    ]
    (whole,) = figures(tmp_path / "calls.csv", rows, ALL)
    sums = named(whole[()])
    assert (sums["calls"], sums["records"], sums["calls_unknown"]) == (12_304, 5, 1)
    assert (sums["errors"], sums["rate_limits"], sums["status_known"]) == (300, 300, 12_304)
    assert sums["unpriced"] == 3 + 1  # the row that does not say for how many is one
    assert sums["input_tokens"] == 5_000_000 + 4 * 500


def test_latency_is_of_calls_at_a_moment(tmp_path: Path) -> None:
    """A row for a few calls counts as often; one for many, or of a stretch of time, not at all."""
    rows = [
        call(latency_ms=100),
        call(latency_ms=200, calls=3),
        call(latency_ms=300, calls=100),
        call(latency_ms=400, calls=101),
        call(latency_ms=500, bucket_s=60),
        call(latency_ms=600, calls=0),
    ]
    path = tmp_path / "calls.csv"
    whole, latencies, lists = figures(path, rows, ALL, LATENCIES, LISTS)
    sums = named(whole[()])
    assert sums["latency_known"] == 104
    assert sums["latency_ms"] == 100 + 3 * 200 + 100 * 300
    assert latencies[("openai",)] == ({100: 1, 200: 3, 300: 100}, 206)
    ((values,),) = lists.values()
    assert list(values) == [100] + [200] * 3 + [300] * 100


def test_an_aggregate_says_that_a_customer_was_there_but_not_where(tmp_path: Path) -> None:
    rows = [
        call(timestamp="2025-01-01T09:00:00.000000", region="us-east"),
        call(timestamp="2025-01-01T09:10:00.000000", region="eu-west", bucket_s=3600),
        call(timestamp="2025-01-01T09:20:00.000000", region="us-east"),
        call(
            timestamp="2025-01-02T00:00:00.000000",
            region="eu-west",
            calls=5000,
            bucket_s=86400,
            subscription_tier="enterprise",
        ),
    ]
    for order in (rows, rows[::-1]):
        path = tmp_path / "calls.csv"
        path.write_bytes(csv_of(negative(order)))
        data = open_dataset(path).rollups((*CUSTOMER_RECORDS, CHANGES))
        assert not data[CHANGES]
        (customer,) = data.customers.values()
        assert (customer.tier, customer.last_seen) == ("enterprise", "2025-01-02T00:00:00.000000")


def test_many_rows_of_the_most_calls_are_counted_exactly(tmp_path: Path) -> None:
    """More calls in one block than one word of a sum can hold."""
    most = 10**9
    times = [f"2025-01-01T09:{minute:02d}:00.000000" for minute in range(60)]
    rows = [call(timestamp=time, calls=most, status="error") for time in times]
    by_day, by_provider = Table(("day",), ("calls", "errors")), Table(("provider",), ("errors",))
    day, provider = figures(tmp_path / "calls.csv", rows, by_day, by_provider)
    assert day == {("2025-01-01",): (60 * most, 60 * most)}
    assert provider == {("openai",): (60 * most,)}


# --- files without these columns -----------------------------------------------------------------


def test_columns_that_a_file_does_not_have_are_not_kept(tmp_path: Path) -> None:
    """They have their defaults, and no word of any sum is kept for what is always 0."""
    names = schema.WRITTEN_NAMES[:25]
    path = tmp_path / "calls.csv"
    lines = [",".join(names), *(",".join(call()[name] for name in names) for _ in range(3))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    dataset = Dataset(path, workers=1)
    data = dataset.rollups((ALL,))
    sums = named(data[ALL][()])
    assert (sums["calls"], sums["records"], sums["cost"]) == (3, 3, 0.01275)
    empty = ("credits", "credit_rows", "cached_input_tokens", "list_cost", "calls_unknown")
    assert [sums[name] for name in empty] == [0] * len(empty)
    layout = dataset._plan.layout
    unused = layout.words_of(m for m in layout.measures if m.name in empty)
    (part,) = dataset._parts
    for _, packed in part.cubes:
        assert all(packed.words[place] is None for place in unused)


# --- filters on these columns --------------------------------------------------------------------

HOURS = Table(("hour", "customer_id"), ("cost", "calls"), OF_MOMENTS)
FILTERS = (
    HOURS,
    Table(("day",), ("cost", "calls"), OF_MOMENTS),
    Table(("day",), ("cost", "calls")),
    Table(("region",), ("records",), above("calls", 0)),
)


def without(names: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Return the CSV of rows without some columns."""
    kept = [name for name in schema.COLUMN_NAMES if name not in names]
    lines = [",".join(kept), *(",".join(row[name] for name in kept) for row in rows)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def test_a_filter_that_all_rows_pass_needs_no_cubes_of_its_own() -> None:
    unfiltered = Plan([table._replace(where=None) for table in FILTERS[:3]])
    plain = frozenset(schema.COLUMN_NAMES[:25])
    assert Plan(FILTERS[:3]).for_columns(plain).specs == unfiltered.specs
    both = Plan(FILTERS).for_columns(plain | {"calls", "bucket_s"})
    assert both.specs == Plan(FILTERS).specs
    for name in ("calls", "bucket_s"):  # one of them: only what is asked of that one is left
        plan = Plan(FILTERS[:3]).for_columns(plain | {name})
        filters = [spec.where for spec in plan.specs if spec.where is not None]
        assert {columns_of(where) for where in filters} == {frozenset({name})}
        assert Plan(plan.scanned).specs == plan.specs
    # A credit stands for no call, whatever columns there are.
    (*_, calls) = Plan(FILTERS).for_columns(plain).scanned
    assert calls.where is not None


@pytest.mark.parametrize("absent", [(), ("calls",), ("bucket_s",), ("calls", "bucket_s")], ids=str)
def test_filters_give_the_same_whether_a_file_has_their_columns(
    absent: Sequence[str], tmp_path: Path
) -> None:
    rows = [
        call(
            timestamp=f"2025-01-0{1 + k // 20}T{k % 20:02d}:00:00.000000",
            customer_id=f"c{k % 3}",
            calls="" if "calls" in absent else ["", "2", "500", "0"][k % 4],
            bucket_s="" if "bucket_s" in absent else ["", "", "86400"][k % 3],
            source=CREDITED if k % 7 == 0 else "",
        )
        for k in range(60)
    ]
    expected = ReferenceDataset(negative(rows)).rollups(FILTERS)
    path = tmp_path / "calls.csv"
    path.write_bytes(without(absent, negative(rows)))
    others = tmp_path / "others.csv"  # with all columns, so that the first file has fewer
    others.write_bytes(csv_of(negative(rows[:1])))
    for source, rest in ((path, []), ([path, others], rows[:1])):
        data = open_dataset(source, workers=1).rollups(FILTERS)
        if rest:
            expected = ReferenceDataset(negative([*rows, *rest])).rollups(FILTERS)
        for table in FILTERS:
            assert data[table] == expected[table], (table, rest)
