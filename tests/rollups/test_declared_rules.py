"""Rules that only an analyzer knows: declared by value, filled anywhere, kept, and merged."""

from __future__ import annotations

import random
from array import array
from pathlib import Path
from typing import Any, Dict, List

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops import config
from finops.analyzers.base import Analyzer
from finops.rollups import cache, partition
from finops.rollups.dataset import Dataset, open_dataset
from finops.rollups.expressions import (
    above,
    all_of,
    any_of,
    band_of,
    column,
    known,
    negated,
    one_of,
    plus,
    remainder,
)
from finops.rollups.measures import Dimension, Measure
from finops.rollups.merge import cubes_of
from finops.rollups.spec import Having, Rollups, Table
from tests.rollups.test_dataset import csv_of, rows_strategy
from tests.support.reference import ReferenceDataset, call

NIGHT_SHIFT = all_of(
    one_of("region", "eu-west", "us-west"), above("latency_ms", 900), one_of("customer_id", "c1")
)
SPEED = Dimension("speed", band_of("latency_ms", 500))
PATIENT = Dimension("patient", any_of(above("latency_ms", 1200), one_of("provider", "mistral")))
CUSTOMER_ONE = Dimension("one", one_of("customer_id", "c1"))
PARITY = Measure("odd_tokens", remainder("input_tokens", 2))
WAITING = Measure("waiting", plus("latency_ms", "output_tokens"), 2 * config.MAX_TOKENS)
TIMELESS = Measure("timeless", negated(known("latency_ms")))

TABLES = (
    Table(("provider",), ("calls", "cost", PARITY), NIGHT_SHIFT),
    Table(("customer_id", SPEED), ("calls", WAITING, "latency")),
    Table(("day", SPEED, PATIENT), ("calls", TIMELESS)),
    Table(("hour", PATIENT), (WAITING, "calls"), top="waiting"),
    Table((PATIENT, CUSTOMER_ONE), ("calls", PARITY), having=Having("odd_tokens")),
    Table((SPEED,), ("latencies", "calls"), negated(NIGHT_SHIFT)),
    Table((), (WAITING, PARITY, TIMELESS)),
    Table(("region",), (Measure("latency", column("latency_ms"), config.MAX_LATENCY_MS),)),
)


class NightShift(Analyzer):
    """An analyzer of this test alone: nothing else knows its rule."""

    TABLES = TABLES[:1]

    def compute(self, data: Rollups) -> Dict[str, Any]:
        """Return the slow calls by provider."""
        return {provider: list(values) for (provider,), values in data[TABLES[0]].items()}


def rows(count: int = 900) -> List[Dict[str, str]]:
    draw = random.Random("rules")
    return [
        call(
            timestamp=f"2025-01-{1 + k // 60:02d}T{k // 3 % 24:02d}:{k % 60:02d}:00.000000",
            customer_id=f"c{draw.randrange(4)}",
            provider=draw.choice(["openai", "mistral"]),
            region=draw.choice(["us-east", "eu-west", "us-west"]),
            input_tokens=draw.randrange(3000),
            latency_ms=draw.choice(["", draw.randrange(2500)]),
        )
        for k in range(count)
    ]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_rule_is_filled_in_any_process_and_from_the_cache(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(sorted(rows(), key=lambda row: row["timestamp"])))
    expected = ReferenceDataset.of_file(path).rollups(TABLES)
    assert all(expected[table] for table in TABLES)
    for _ in ("cold", "warm"):
        data = open_dataset(path, workers=workers, cache=True).rollups(TABLES)
        for table in TABLES:
            assert data[table] == expected[table], table
            assert list(data[table]) == list(expected[table]), table
    by_hand = [
        row
        for row in rows()
        if row["region"] != "us-east" and row["customer_id"] == "c1" and row["latency_ms"]
    ]
    slow = [row for row in by_hand if int(row["latency_ms"]) > 900]
    found = NightShift(open_dataset(path, workers=workers)).analyze()
    for provider in ("openai", "mistral"):
        its = [row for row in slow if row["provider"] == provider]
        assert found[provider][0] == len(its)
        assert found[provider][2] == sum(int(row["input_tokens"]) % 2 for row in its)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(drawn=rows_strategy(), piece=st.integers(300, 4000))
def test_rules_give_what_the_reference_gives(
    drawn: List[Dict[str, str]], piece: int, tmp_path: Path
) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(csv_of(drawn))
    before = partition.BLOCK_BYTES
    partition.BLOCK_BYTES = piece
    try:
        data = open_dataset(path, workers=1).rollups(TABLES)
    finally:
        partition.BLOCK_BYTES = before
    expected = ReferenceDataset(drawn).rollups(TABLES)
    for table in TABLES:
        assert data[table] == expected[table], table


def test_two_rules_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of([call(latency_ms=ms) for ms in (5, 50, 500)]))
    slow = [Measure("slow", above("latency_ms", limit)) for limit in (10, 100)]
    tables = [Table(("provider",), (measure,)) for measure in slow]
    data = open_dataset(path).rollups(tables)
    assert [data[table] for table in tables] == [{("openai",): (2,)}, {("openai",): (1,)}]


def test_many_customers_and_number_bands_fit(tmp_path: Path) -> None:
    """300 profiles of customers by model and band: more than eight bits of any code."""
    drawn = [
        call(customer_id=f"c{k:03d}", model=f"m{k % 5}", latency_ms=k * 997 % 60_000)
        for k in range(300)
        for _ in range(2)
    ]
    wide = Dimension("wide", band_of(plus("latency_ms", "input_tokens"), 10**11))
    tables = [
        Table(("customer_id", "model", SPEED), ("calls", "latency_ms")),
        Table(("customer_id", "subscription_tier", wide, SPEED), ("calls",)),
    ]
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(drawn))
    expected = ReferenceDataset(drawn).rollups(tables)
    data = open_dataset(path).rollups(tables)
    for table in tables:
        assert len(data[table]) == 300
        assert data[table] == expected[table]


LARGEST = {
    "input_tokens": config.MAX_TOKENS,
    "output_tokens": config.MAX_TOKENS,
    "latency_ms": config.MAX_LATENCY_MS,
    "cost_usd": int(config.MAX_COST_USD),
}


def largest_rows(count: int) -> List[Dict[str, str]]:
    return [
        call(timestamp=f"2025-01-01T09:{k // 60:02d}:{k % 60:02d}.000000", **LARGEST)
        for k in range(count)
    ]


def test_cells_are_packed_before_a_sum_can_run_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field for so few calls has no room for all of them: they are packed in between."""
    tables = (
        Table((), ("input_tokens", "output_tokens", "latency_ms", "cost", "calls", "errors")),
        Table(("day", "provider"), ("tokens", "latency_ms")),
        Table(("hour_of_day",), ("tokens", "latency_ms")),
        Table(("customer_id",), ("tokens", "calls")),
    )
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(largest_rows(90)))
    monkeypatch.setattr(partition, "BLOCK_BYTES", 1500)
    for module in ("partition", "packing"):
        monkeypatch.setattr(f"finops.rollups.{module}.ROWS_AT_A_TIME", 10)
    expected = ReferenceDataset(largest_rows(90)).rollups(tables)
    data = open_dataset(path, workers=1).rollups(tables)
    for table in tables:
        assert data[table] == expected[table]
    assert data[tables[0]][()][0] == 90 * 10**12


def test_sums_of_parts_are_exact_beyond_any_field(tmp_path: Path) -> None:
    """As of 2^48 calls of the most that a call may add, in as many parts as it takes."""
    tables = (
        Table(("provider",), ("input_tokens", "cost", "calls", "tokens")),
        Table(("day", "provider"), ("input_tokens", "cost", "calls")),
        Table(("day",), ("input_tokens", "cost", "calls")),
    )
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(largest_rows(2)))
    dataset = Dataset(path, workers=1)
    dataset.fill(tables)
    (part,) = dataset._parts
    full = (1 << 24) // 2  # so that each part stands for as many calls as are packed at a time
    for _, packed in part.cubes:
        for place, word in enumerate(_multiplied(packed.words, full, dataset._plan.layout)):
            packed.words[place] = word
    parts = [part] * 5000
    dataset._cubes = cubes_of(dataset._plan, parts)
    data = dataset.rollups(tables)
    calls = 5000 * (1 << 24)
    for table in tables:
        ((tokens, cost, count, *_),) = data[table].values()
        assert (tokens, count) == (calls * 10**12, calls)
        assert cost == float(calls * 10**9)
    assert calls * 10**12 > 1 << 64


def _multiplied(words: List[Any], by: int, layout: Any) -> List[Any]:
    """Return the words of packed sums, each sum multiplied within its field."""
    result = list(words)
    for field in layout.fields.values():
        places = range(field.first, field.first + field.words)
        column = [(32 * k, words[place]) for k, place in enumerate(places) if words[place]]
        if not column:
            continue
        parts = zip(*([number << shift for number in word] for shift, word in column))
        sums = [by * sum(of_cell) for of_cell in parts]
        for k, place in enumerate(places):
            result[place] = array("I", (whole >> 32 * k & 0xFFFFFFFF for whole in sums))
    return result
