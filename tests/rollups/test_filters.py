"""Filtered tables: the same as the reference says, and hardly any cube filled for them alone."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Dict, List

import pytest

from finops import open_dataset
from finops.rollups import partition
from finops.rollups.expressions import (
    above,
    all_of,
    any_of,
    band_of,
    columns_of,
    known,
    one_of,
    plus,
    times,
)
from finops.rollups.measures import (
    CALL_COLUMNS,
    OF_MOMENTS,
    Dimension,
    Distribution,
    Measure,
    Usual,
    dimension_from,
    measure_from,
)
from finops.rollups.planner import Plan
from finops.rollups.spec import Having, Table
from tests.rollups.test_dataset import csv_of
from tests.support.reference import ReferenceDataset, call

MEASURED = all_of(one_of("status", "success"), known("latency_ms"))
FAILED = one_of("status", "error")
SLOW = above("latency_ms", 1000)
SPEED = Dimension("speed", band_of("latency_ms", 500))
LATE = Measure("late", SLOW, where=one_of("region", "eu-west"))
PAID = plus("cost_pico", times("credit_pico", -1))
SPENT = Measure("spent", PAID, 10**18, 10**12, ("charges",), ("credits",), where=FAILED)

UNFILTERED = (
    Table(("hour", "provider", "model"), ("calls", "cost")),
    Table(("day", "region"), ("calls", "cost")),
    Table(("hour", "provider"), ("calls", "latencies")),
    Table(("provider", "model", "region"), ("calls", "latency_ms")),
)
FILTERED = (
    Table(("day", "provider"), ("latency_known", "latency_ms", "output_tokens"), MEASURED),
    Table(("day",), ("latency_ms", "latency"), MEASURED),
    Table(("hour_of_day",), ("calls", "latency", "cost"), MEASURED),
    Table(("week", "model"), ("latencies", "cost"), MEASURED),
    Table((), ("calls", "cost", "latencies"), MEASURED),
    Table(("provider", "region"), ("latency", LATE), all_of(MEASURED, SLOW)),
    Table(("day", "region"), ("cost", "records"), FAILED),
    Table(("hour", "provider"), ("cost", "errors"), FAILED, top="cost"),
    Table(("hour", "model"), ("cost", "calls"), OF_MOMENTS, top="cost"),
    Table(("hour", "provider"), ("errors", "calls"), OF_MOMENTS, having=Having("errors")),
    Table(("provider", SPEED), ("calls", "latency"), any_of(FAILED, SLOW)),
    Table(("customer_id",), ("calls", "latency", LATE), MEASURED),
    Table(("day", "customer_id"), ("cost", SPENT), FAILED, having=Having("cost")),
    Table(("region",), (LATE, SPENT)),
    Table(("model",), ("calls", "cost"), one_of("status")),
)
ALL = (*UNFILTERED, *FILTERED)


def rows(count: int = 700) -> List[Dict[str, str]]:
    draw = random.Random("filters")
    return [
        call(
            timestamp=f"2025-01-{1 + k // 70:02d}T{k // 3 % 24:02d}:{k % 60:02d}:00.000000",
            customer_id=f"c{draw.randrange(4)}",
            provider=draw.choice(["openai", "mistral"]),
            model=draw.choice(["gpt-4", "gpt-4o"]),
            region=draw.choice(["us-east", "eu-west"]),
            status=draw.choice(["success", "success", "success", "error", ""]),
            cost_usd=draw.choice(["0", "0.25", "-0.125", "1.5"]),
            latency_ms=draw.choice(["", draw.randrange(2500)]),
            calls=draw.choice(["", "", "3", "500", "0"]),
            bucket_s=draw.choice(["", "", "", "3600"]),
        )
        for k in range(count)
    ]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("piece", [2_000, partition.BLOCK_BYTES])
def test_filters_give_what_the_reference_gives(
    workers: int, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "BLOCK_BYTES", piece)
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(sorted(rows(), key=lambda row: row["timestamp"])))
    expected = ReferenceDataset.of_file(path).rollups(ALL)
    data = open_dataset(path, workers=workers).rollups(ALL)
    for table in ALL:
        assert data[table] == expected[table], table
        assert list(data[table]) == list(expected[table]), table
    assert [table for table in ALL if not data[table]] == [FILTERED[-1]]


@pytest.mark.parametrize("table", FILTERED, ids=str)
def test_a_filtered_table_alone_is_the_same_as_beside_others(table: Table, tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows(150)))
    expected = ReferenceDataset.of_file(path).rollups([table])
    assert open_dataset(path, workers=1).rollups([table])[table] == expected[table]


def test_filters_on_rows_without_customers_need_no_cube_that_is_filled_call_by_call() -> None:
    finer = FILTERED[3]  # lists by model, which no unfiltered table has
    filters = [t for t in FILTERED[:10] if "provider" not in t.by[:1] and t != finer]
    plain, filtered = Plan(UNFILTERED), Plan([*UNFILTERED, *filters])
    by_call = [cube.spec for cube in filtered.cubes(set()) if cube.source is None]
    filtering = [spec.where for spec in by_call if spec.where is not None]
    assert filtering == [FAILED]
    assert columns_of(FAILED) <= CALL_COLUMNS
    grains = {(cube.spec.time, cube.spec.listed) for cube in plain.cubes(set())}
    assert {(spec.time, spec.listed) for spec in by_call} <= grains | {("day", "")}
    assert Plan(filtered.scanned).specs == filtered.specs
    assert Plan(filtered.scanned).layout.fields == filtered.layout.fields


def test_what_is_declared_by_value_travels_as_json() -> None:
    waits = Distribution("waits", "latency_ms", False, Usual(95, 1.5, 10))
    for measure in (LATE, SPENT, waits, waits._replace(usual=None)):
        assert measure_from(json.loads(json.dumps(measure))) == measure
    assert dimension_from(json.loads(json.dumps(SPEED))) == SPEED
    for table in ALL:
        assert Table.from_plain(json.loads(json.dumps(table))) == table


def test_a_condition_of_a_measure_is_true_or_false() -> None:
    wrong = Measure("late", SLOW, where=plus("calls", 1))
    with pytest.raises(ValueError, match="must be true or false"):
        Table(("day",), (wrong,)).check()
