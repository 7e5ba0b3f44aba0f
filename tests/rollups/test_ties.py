"""Calls of one customer at one instant: their order in the file decides nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from finops.pipeline import Job, compute, json_text
from finops.rollups import cache, file_scan, partition
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import open_dataset
from finops.rollups.spec import Customer, Table
from tests.rollups.test_dataset import csv_of
from tests.support.reference import call

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

Row = Dict[str, str]
CHANGES = Table(("customer_id", "day"), ("region_changes", "changed_regions", "shortest_change_s"))
ONE_CHANGE = {("cust_0001", "2025-01-01"): (1, ("eu-west", "us-east"), 0.0)}


def tied_rows() -> List[Row]:
    """Return calls of whole minutes over nine days, several at each, in time order."""
    dice = random.Random(5)
    rows = []
    for k in range(1500):
        minute = k // 6 * 52
        day, rest = divmod(minute, 1440)
        rows.append(
            call(
                timestamp=f"2025-01-{1 + day:02d}T{rest // 60:02d}:{rest % 60:02d}:00.000000",
                customer_id=f"c{dice.randrange(3)}",
                region=dice.choice(["us-east", "eu-west", "ap-southeast"]),
                subscription_tier=dice.choice(["starter", "pro", "mine"]),
                tier_price_usd=dice.choice(["", "49.0", "199.0"]),
                organization_id=dice.choice(["org_1", "org_2"]),
                status=dice.choice(["success", "success", "error"]),
                error_type="",
                latency_ms=dice.randrange(3000),
            )
        )
    return rows


def permuted(rows: List[Row], seed: int) -> List[Row]:
    """Return rows with those of each instant in another order."""
    dice = random.Random(seed)
    return sorted(rows, key=lambda row: (row["timestamp"], dice.random()))


def results_of(path: Path, **how: Any) -> Dict[str, str]:
    opened = open_dataset(path, **how)
    results = compute(Job(opened, path.parent))
    results["dataset_overview"]["file"].pop("analyzed_at", None)
    return {name: json_text(result) for name, result in results.items()}


@pytest.fixture(autouse=True)
def _small_files_are_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    monkeypatch.setattr(cache, "SEALED_PART_BYTES", 1000)
    monkeypatch.setattr(partition, "BLOCK_BYTES", 2000)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    path = tmp_path_factory.mktemp("ties") / "calls.csv"
    path.write_bytes(csv_of(tied_rows()))
    return results_of(path, workers=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_ties_in_another_order_give_the_same_results(
    seed: int, expected: Dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(permuted(tied_rows(), seed)))
    assert results_of(path, workers=1) == expected
    assert results_of(path, workers=2) == expected


def test_ties_of_an_unordered_file_give_the_same_results(
    expected: Dict[str, str], tmp_path: Path
) -> None:
    rows = tied_rows()
    random.Random(4).shuffle(rows)
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    assert results_of(path, workers=1) == expected


@pytest.mark.parametrize("seed", [6, 7, 8])
def test_ties_cut_by_an_append_give_the_same_results(
    seed: int, expected: Dict[str, str], tmp_path: Path
) -> None:
    """The first lines end within an instant, and are kept before the others come."""
    content = csv_of(permuted(tied_rows(), seed))
    lines = content.splitlines(True)
    path = tmp_path / "calls.csv"
    for count in (400, 401, 402, 1001, 1003, len(lines)):
        path.write_bytes(b"".join(lines[:count]))
        found = results_of(path, workers=1, cache=True)
    assert found == expected


def at_nine(k: int) -> Row:
    region, tier = [("us-east", "pro"), ("eu-west", "starter"), ("eu-west", "enterprise")][k]
    return call(region=region, subscription_tier=tier, tier_price_usd="")


def rolled_up(path: Path, rows: List[Row], workers: int = 1) -> Tuple[Customer, Any]:
    path.write_bytes(csv_of(rows))
    found = open_dataset(path, workers=workers).rollups((*CUSTOMER_RECORDS, CHANGES))
    return found.customers["cust_0001"], dict(found[CHANGES])


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1, 0, 2]])
def test_the_order_by_hand(order: List[int], tmp_path: Path) -> None:
    """eu-west twice, then us-east: one change; of the customer, starter is the last by name."""
    customer, changes = rolled_up(tmp_path / "calls.csv", [at_nine(k) for k in order])
    assert customer.tier == "starter"
    assert changes == ONE_CHANGE


def test_a_part_that_goes_on_within_an_instant_is_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut after the first of two calls of one instant that stand in the other order."""
    rows = [at_nine(0), at_nine(1)]
    starts = [at + 1 for at, byte in enumerate(csv_of(rows)) if byte == 0x0A]

    def cut(_: Any, start: int, end: int, count: int) -> List[Tuple[int, int]]:
        return [(start, starts[1]), (starts[1], end)]

    monkeypatch.setattr(file_scan, "spans", cut)
    customer, changes = rolled_up(tmp_path / "calls.csv", rows, workers=2)
    assert (customer.tier, changes) == ("starter", ONE_CHANGE)
