"""The fast scan against its reference, on rows made by hypothesis, cut anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.analyzers.advanced.geographic_latency import TOKEN_BAND
from finops.analyzers.advanced.token_economics import (
    INEFFICIENT_PROMPT,
    PROMPT_TABLE,
    SIMPLE_TASK,
    WORK_TABLE,
)
from finops.analyzers.shared.daily_latency import SLA_VIOLATIONS
from finops.analyzers.shared.model_switches import DOWNGRADABLE
from finops.analyzers.shared.token_prices import FREE_FAILURE
from finops.reader import layout
from finops.rollups import partition
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.expressions import above, known, negated, one_of, quotient
from finops.rollups.measures import (
    DIMENSIONS,
    SUM_MEASURES,
    Dimension,
    Distribution,
    Usual,
)
from finops.rollups.spec import Having, Place, Table
from finops.schema import COLUMN_NAMES
from tests.support.reference import ReferenceDataset, call

pytestmark = pytest.mark.long

SUCCESSES = one_of("status", "success")
WAITS = Distribution("waits", "latency_ms", False, Usual(95, 1.5, 2))
EVERYTHING = (
    *CUSTOMER_RECORDS,
    Table(("provider", "model"), (*SUM_MEASURES, "latency")),
    Table(("region",), ("latency", "calls")),
    Table(
        ("feature_id", "task_type", "environment", "status", "error_type", DOWNGRADABLE),
        SUM_MEASURES,
    ),
    Table((FREE_FAILURE, "provider"), ("calls", "cost")),
    Table(("customer_id",), SUM_MEASURES),
    Table(("customer_id", "provider", "model", DOWNGRADABLE, FREE_FAILURE), SUM_MEASURES),
    Table(("organization_id", "product_id"), ("calls", "cost", "tokens")),
    Table(("subscription_tier", "customer_archetype", "tier_price_usd"), ("calls",)),
    Table(("hour", "customer_id"), ("calls", "cost", "rate_limits", "errors")),
    Table(("customer_id", "day"), ("calls", "cost")),
    Table(("day",), ("cost", "input_tokens", "output_tokens")),
    Table(("hour", "provider", "model"), ("calls", "cost", "errors")),
    Table(("hour", "provider"), ("latency", "calls")),
    Table(("hour", "provider"), ("calls", "latencies", "errors")),
    Table(("hour_of_day", "region"), ("calls", "latencies")),
    Table(("hour_of_day",), ("latency", "calls")),
    Table(("week", "feature_id", "customer_id"), ("calls",)),
    Table(("provider", "region", TOKEN_BAND), ("calls", "latency_ms")),
    Table(("customer_id", "provider", "model"), ("calls", "cost"), INEFFICIENT_PROMPT),
    Table(("customer_id", "provider", "model"), ("calls", "tokens"), SIMPLE_TASK),
    PROMPT_TABLE,
    WORK_TABLE,
    Table(("customer_id", "day"), ("region_changes", "changed_regions", "shortest_change_s")),
    Table(("hour", "provider"), ("calls", WAITS), SUCCESSES),
    Table(("customer_id", "tier_price_usd", "day"), (WAITS, "customers", "first_seen")),
    Table(("hour_of_day",), (WAITS._replace(usual=Usual(100, 1, 1)),), negated(known("bucket_s"))),
    Table((), ("sessions",)),
    Table((), ("retries",)),
    Table((), SUM_MEASURES),
    Table(("customer_id", "hour"), ("calls", "rate_limits"), having=Having("rate_limits")),
    Table(("hour", "customer_id"), ("cost", "calls"), top="cost"),
    Table(("day", "provider", "model"), ("calls", "cost"), having=Having("cost"), top="cost"),
    Table(("customer_id", "hour"), ("calls", "cost"), top="cost"),
    Table(("day", "feature_id"), ("calls", "tokens"), SIMPLE_TASK),
    Table(("hour", "customer_id"), ("calls", "cost"), INEFFICIENT_PROMPT, top="calls"),
    Table(("day", "region", "status"), SUM_MEASURES),
    Table(("day",), ("tokens", SLA_VIOLATIONS, "latency")),
    Table(("week",), ("cost", "latencies")),
    Table(("hour",), ("cost",)),
    Table(("customer_id", "day"), ("calls", "cost"), since=5),
    Table(("hour", "provider"), ("calls", "latency", "last_seen"), SUCCESSES, since=3),
    Table(("day", "region"), ("first_seen",), above("input_tokens", 1500), since=9, limit=4),
    Table(("hour", "customer_id"), ("calls", "cost"), INEFFICIENT_PROMPT, limit=7),
    Table(("tier_price_usd", "provider"), ("calls", "customers"), limit=2),
    Table(("hour", "customer_id"), ("cost", "calls"), top="cost", limit=3),
    Table(("customer_id", "day", "tier_price_usd"), ("calls", "cost"), changes="calls"),
    Table(("customer_id", "day"), ("calls", "errors"), among=Having("errors", ">=", 2)),
    Table(("customer_id", "hour"), ("cost",), INEFFICIENT_PROMPT, among=Having("cost")),
    Table(
        ("region", "model", "week"), ("tokens", "calls"), SUCCESSES, among=Having("calls", ">", 90)
    ),
    Table(
        ("provider", "hour", Dimension("hundreds", quotient("input_tokens", 100))),
        ("records", "customers"),
        SUCCESSES,
        changes="records",
        limit=90,
    ),
    Table(("day", "organization_id"), ()),
    Table(("week",), ()),
    Table(("service_tier", "cost_source", "source"), SUM_MEASURES),
    Table(("hour", "source"), ("cost", "credits", "records", "calls")),
    Table(("customer_id",), ("cost", "calls_unknown"), above("credit_pico", 0)),
    Table(("day",), ("calls", "latencies"), negated(known("bucket_s"))),
    Table((Dimension("per_call", quotient("cached_input_tokens", 5)), "region"), ("calls",)),
    Table(("day", "region"), ("first_seen", "calls", "last_seen", "customers"), SUCCESSES),
    Table(("hour_of_day", "provider"), ("last_seen",), SUCCESSES),
    Table(("week", "customer_id"), ("first_seen", "last_seen")),
    Table(("day", "customer_id"), ("last_seen",)),
    Table((), ("customers", "first_seen", "latency", "calls")),
    Table(("cohort_week", "week"), ("customers", "calls", "cost", "latency")),
    Table(("week", "region", "cohort_week"), ("customers",), SUCCESSES),
    Table(("cohort_week", "week"), ("last_seen",), SUCCESSES),
    Table(("customer_id", "day"), ("calls", "records"), having=Having("records", ">", 1)),
    Table(("day", "region"), ("records", "errors"), SUCCESSES, Having("records", ">=", 2)),
    Table(("day", "provider"), ("calls",), None, Having("calls", ">=", 3), top="calls"),
    Table(("region", "model"), ("cost",), having=Having("cost", ">")),
    Table(("week", "feature_id"), ("customers",)),
    Table((Dimension("per_call", quotient("cached_input_tokens", 5)),), ("last_seen",)),
    Table(("organization_id",), ("customers", "first_seen"), above("input_tokens", 99)),
)


def rows_strategy() -> st.SearchStrategy[List[Dict[str, str]]]:
    # Many at a few instants, so that ties decide something.
    minute = st.integers(0, 60 * 24 * 40) | st.sampled_from([7, 8, 1440])
    texts = st.sampled_from(["a", "b", "", 'say "hi", x', "größe", "<b>"])

    def one(**drawn: Any) -> Dict[str, str]:
        when = drawn.pop("minute")
        day, rest = divmod(when, 1440)
        drawn["timestamp"] = (
            f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}T{rest // 60:02d}:{rest % 60:02d}"
            f":{drawn.pop('second'):02d}.{drawn.pop('micro'):06d}"
        )
        return call(**drawn)

    row = st.builds(
        one,
        minute=minute,
        second=st.integers(0, 59) | st.just(0),
        micro=st.sampled_from([0, 0, 1, 999999, 417000]),
        provider=st.sampled_from(["openai", "bedrock", "aws-bedrock", "mine"]),
        model=st.sampled_from(["gpt-4o", "gpt-4", "nova-lite", "m,1"]),
        input_tokens=st.sampled_from([0, 1, 99, 100, 1000, 1001, 5432, 10**12]),
        output_tokens=st.sampled_from([0, 1, 99, 100, 200, 900]),
        cost_usd=st.sampled_from(
            ["0", "0.000000", "1.234567", "0.000001", "", "12.5", "1e-7", "5e-13", "2.5e-12"]
        ),
        latency_ms=st.sampled_from(["0", "5", "412", "5000", "900000", ""]),
        customer_id=st.sampled_from(["c1", "c2", "c3"]),
        subscription_tier=st.sampled_from(["starter", "pro", "gold", ""]),
        tier_price_usd=st.sampled_from(["49.0", "199.0", "", "0"]),
        organization_id=texts,
        feature_id=texts,
        task_type=st.sampled_from(["chat", "reasoning", ""]),
        region=st.sampled_from(["us-east", "eu-west", ""]),
        status=st.sampled_from(["success", "error", ""]),
        error_type=st.sampled_from(["", "rate_limit", "timeout"]),
        calls=st.sampled_from(["", "", "1", "3", "0", "100", "101", "12000", str(10**9)]),
        bucket_s=st.sampled_from(["", "", "", "0", "60", "3600", "86400"]),
        cached_input_tokens=st.sampled_from(["", "0", "1", "77"]),
        cache_write_tokens=st.sampled_from(["", "5", str(10**12)]),
        cache_write_1h_tokens=st.sampled_from(["", "4"]),
        reasoning_tokens=st.sampled_from(["", "90"]),
        service_tier=st.sampled_from(["", "batch", "größe"]),
        cost_source=st.sampled_from(["", "bill"]),
        list_cost_usd=st.sampled_from(["", "0", "0.25", "1e-7", "2.5e-12", "1000000000"]),
        source=st.sampled_from(["", "litellm"]),
    )
    return st.lists(row, max_size=60)


def csv_of(rows: List[Dict[str, str]], end: str = "\n") -> bytes:
    def cell(text: str) -> str:
        quoted = '"' + text.replace('"', '""') + '"'
        return quoted if set('",') & set(text) else text

    lines = [",".join(COLUMN_NAMES)]
    lines += [",".join(cell(row[name]) for name in COLUMN_NAMES) for row in rows]
    return "".join(one + end for one in lines).encode("utf-8")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    ordered=st.booleans(),
    rows=rows_strategy(),
    piece=st.integers(300, 4000),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_the_scan_gives_what_the_reference_gives(
    ordered: bool,
    rows: List[Dict[str, str]],
    piece: int,
    end: str,
    tmp_path: Path,
) -> None:
    if ordered:
        rows = sorted(rows, key=lambda row: row["timestamp"])
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of(rows, end))
    before = partition.BLOCK_BYTES
    partition.BLOCK_BYTES = piece  # blocks of few rows, so that a small file has many of them
    try:
        found = open_dataset(path, workers=1).rollups(EVERYTHING)
    finally:
        partition.BLOCK_BYTES = before
    expected = ReferenceDataset(rows).rollups(EVERYTHING)
    for table in EVERYTHING:
        assert found[table] == expected[table], table
        assert list(found[table]) == list(expected[table]), table
    assert found.period == expected.period
    assert found.totals == expected.totals
    assert found.customers == expected.customers
    assert list(found.customers) == list(expected.customers)


def test_any_number_of_processes_gives_the_same(
    tmp_path: Path, varied: List[Dict[str, str]]
) -> None:
    path = tmp_path / "rows.csv"
    for rows in (varied, varied[::-1]):
        path.write_bytes(csv_of(rows))
        expected = ReferenceDataset(rows).rollups(EVERYTHING)
        for workers in (2, 5):
            found = open_dataset(path, workers=workers).rollups(EVERYTHING)
            for table in EVERYTHING:
                assert found[table] == expected[table], (workers, table)
            assert found.customers == expected.customers
            assert (found.period, found.totals) == (expected.period, expected.totals)
            assert (found.accounting.used, found.accounting.balanced) == (len(rows), True)


@pytest.fixture
def varied() -> List[Dict[str, str]]:
    """Rows over two months in which customers travel, fail and change their tier."""
    rows = []
    for k in range(700):
        minutes = k * 120 + (k * 37) % 90
        day, rest = divmod(minutes, 1440)
        rows.append(
            call(
                timestamp=f"2025-{1 + day // 28:02d}-{1 + day % 28:02d}"
                f"T{rest // 60:02d}:{rest % 60:02d}:00.{k % 1000:06d}",
                customer_id=f"c{k % 3}",
                region=["us-east", "eu-west", "us-west"][k // 5 % 3],
                subscription_tier="pro" if k < 400 else "enterprise",
                tier_price_usd="199.0" if k < 400 else "999.0",
                provider=["openai", "mistral"][k % 2],
                input_tokens=k * 7 % 2000,
                status="error" if k % 11 == 0 else "success",
                error_type="rate_limit" if k % 11 == 0 else "",
                latency_ms=k * 13 % 3000 if k != 650 else 90_000,  # too wide for two bytes
            )
        )
    return rows


def test_line_numbers_are_those_of_the_whole_file(tmp_path: Path) -> None:
    lines = csv_of([call()] * 300).split(b"\n")[:-1]
    bad = [5, 100, 101, 200, 300]  # line numbers from 1, the header being line 1
    for number in bad:
        lines[number - 1] = b"broken"
    path = tmp_path / "rows.csv"
    path.write_bytes(b"\n".join(lines) + b"\n")
    for workers in (1, 2, 3, 5):
        account = open_dataset(path, workers=workers).rollups(()).accounting
        (skipped,) = account.skipped
        assert (skipped.reason, skipped.rows) == ("wrong number of fields", 5)
        assert skipped.places == tuple(Place("rows.csv", number, "broken") for number in bad)
        assert skipped.first_line == 5
        assert (account.lines, account.balanced) == (301, True)


def test_parts_cover_the_file_without_overlap(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    content = b"head\n" + b"".join(b"x" * (k * 7 % 50) + b"\n" for k in range(200))
    path.write_bytes(content)
    with open(str(path), "rb", buffering=0) as stream:
        for count in (1, 2, 3, 17, 500):
            spans = layout.spans(stream, 5, len(content), count)
            assert spans[0][0] == 5
            assert spans[-1][1] == len(content)
            assert all(a[1] == b[0] for a, b in zip(spans, spans[1:]))
            assert all(content[start - 1 : start] == b"\n" for start, _ in spans)


def test_a_table_that_nobody_can_fill_is_refused() -> None:
    data = ReferenceDataset([call()])
    for table in (
        Table(("shoe_size",)),
        Table(("provider",), ("joy",)),
        Table(("provider",), ("calls",), above("sunshine", 3)),
        Table(("day",), ("latency", "latencies")),
        Table(("day",), ("latencies", WAITS)),
        Table(("day",), (WAITS._replace(column="output_tokens"),)),
        Table(("day",), (WAITS._replace(column="input_tokens"),)),
        Table(("day",), (WAITS._replace(counted=True),)),
        Table(("provider",), (WAITS,)),
        Table(("cohort_week", "week"), (WAITS,)),
        Table(("day",), ("calls", WAITS), since=3),
        Table(("day",), ("calls", WAITS), having=Having("calls")),
        Table(("day",), ("calls", WAITS), top="calls"),
    ):
        with pytest.raises(ValueError, match="no scan can fill"):
            data.rollups((table,))


@pytest.mark.parametrize(
    "having",
    [
        Having("calls", ">", -1),
        Having("calls", ">=", 0),
        Having("calls", "<>", 4),
        Having("calls", "<", 4),
        Having("cost", ">", 1),
    ],
)
def test_a_group_without_calls_is_never_delivered(having: Having) -> None:
    with pytest.raises(ValueError, match="leaves no sum of 0"):
        Table(("provider",), having=having).check()


@pytest.mark.parametrize(
    "table",
    [
        Table(("hour", "day")),
        Table(("cohort_week", "day"), ("customers",)),
        Table(("customer_id",), ("region_changes",)),
        Table(("customer_id", "day"), ("region_changes", "calls")),
    ],
)
def test_a_table_without_meaning_is_refused(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of([call()]))
    reasons = r"one time dimension|come by customer_id and day|comes with week"
    with pytest.raises(ValueError, match=reasons):
        open_dataset(path).rollups((table,))


def test_every_single_dimension_can_be_asked_for(tmp_path: Path) -> None:
    rows = [call(region="us-west", status="error", error_type="timeout"), call()]
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of(rows))
    keys = [(name, "week") if name == "cohort_week" else (name,) for name in DIMENSIONS]
    tables = tuple(Table(by, SUM_MEASURES) for by in keys)
    found = open_dataset(path).rollups(tables)
    expected = ReferenceDataset(rows).rollups(tables)
    assert all(found[table] == expected[table] for table in tables)


def test_an_open_dataset_is_read_once(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of([call()]))
    dataset = open_dataset(path)
    dataset.fill(EVERYTHING)
    path.unlink()
    table = next(t for t in EVERYTHING if t.by == (FREE_FAILURE, "provider"))
    assert dataset.rollups((table,))[table] == {(False, "openai"): (1, 0.00425)}
    assert open_dataset(dataset) is dataset


def test_what_is_forgotten_comes_again_when_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of([call(), call(provider="google", model="gemini")]))
    dataset = open_dataset(path)
    dataset.fill(EVERYTHING)
    path.unlink()
    before = dataset.rollups(EVERYTHING[:3])
    dataset.forget(EVERYTHING[:2])
    again = dataset.rollups(EVERYTHING[:3])
    assert [again[t] for t in EVERYTHING[:3]] == [before[t] for t in EVERYTHING[:3]]
    assert again[EVERYTHING[0]] is not before[EVERYTHING[0]]
    assert again[EVERYTHING[2]] is before[EVERYTHING[2]]


def test_progress_ends_at_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of([call()] * 2000))
    seen: List[Any] = []
    open_dataset(path, workers=2, progress=lambda done, total: seen.append((done, total))).rollups(
        ()
    )
    assert seen
    assert all(0 < done <= total for done, total in seen)
