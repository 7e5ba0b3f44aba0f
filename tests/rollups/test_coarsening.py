"""Merged groups: the same sums as the table's own, whatever is merged, and never too many."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from finops import config
from finops.analyzers.shared.explore_cube import CELLS
from finops.rollups.coarsening import CoarseGroups, Coarsening
from finops.rollups.dataset import open_dataset
from tests.support.reference import ReferenceDataset, call
from tests.support.rows import varied_rows, write_csv

MONTHS = Coarsening(
    time=lambda day: day[:7],
    customer=lambda names: (None, *names[1:]),
    call=lambda names: (names[0], *names[3:]),
)
ROWS = varied_rows(400, seed=3)


def spelled_out(groups: CoarseGroups) -> Dict[Any, Tuple[int, ...]]:
    """Return {(time, *customer, *call): sums}."""
    parts = zip(groups.time_at, groups.customer_at, groups.call_at, zip(*groups.sums))
    return {
        (groups.times[time], *groups.customers[customer], *groups.calls[call]): tuple(sums)
        for time, customer, call, sums in parts
    }


def by_hand(rows: List[Dict[str, str]]) -> Dict[Any, Tuple[int, ...]]:
    """Return the same sums, months for days and without customers and models, row by row."""
    sums: Dict[Any, List[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        free = row["status"] == "error" and float(row["cost_usd"]) == 0
        key = (row["timestamp"][:7], None, row["organization_id"], row["product_id"],
               row["provider"], row["task_type"], row["environment"], free)  # fmt: skip
        micros = round(float(row["cost_usd"]) * 10**6)
        added = [micros * 10**6, 1, int(row["status"] == "error"), int(row["input_tokens"])]
        sums[key] = [a + b for a, b in zip(sums[key], added)]
    return {key: tuple(values) for key, values in sums.items()}


@pytest.mark.parametrize("workers", [1, 2])
def test_merged_groups_are_sums_of_rows(tmp_path: Path, workers: int) -> None:
    rows = [*ROWS, call(timestamp="2025-03-01T00:00:00", status="error", cost_usd="0")]
    dataset = open_dataset(write_csv(tmp_path / "calls.csv", rows), workers=workers)
    groups = dataset.coarse(CELLS, MONTHS, 10_000)
    assert groups is not None
    wanted = by_hand(rows)
    places = list(map(CELLS.measure_names.index, ("cost", "calls", "errors", "input_tokens")))
    spelled = {key: tuple(sums[p] for p in places) for key, sums in spelled_out(groups).items()}
    assert spelled == wanted
    of_reference = ReferenceDataset(rows).coarse(CELLS, MONTHS, 10_000)
    assert of_reference is not None
    assert spelled_out(of_reference) == spelled_out(groups)


def test_sums_of_more_than_eight_bytes_are_exact(tmp_path: Path) -> None:
    """10**19 of 10**-12 USD have no room in them: three calls of a day, and one of the next."""
    most = str(int(config.MAX_COST_USD))
    days = ["2025-01-01"] * 3 + ["2025-01-02"]
    rows = [
        call(timestamp=f"{day}T0{hour}:00:00", cost_usd=most, customer_id="c")
        for hour, day in enumerate(days)
    ]
    dataset = open_dataset(write_csv(tmp_path / "calls.csv", rows), workers=1)
    groups = dataset.coarse(CELLS, Coarsening(), 10)
    assert groups is not None
    costs = groups.sums[CELLS.measure_names.index("cost")]
    assert dict(zip(groups.times, costs)) == {
        "2025-01-01": 3 * int(most) * 10**12,
        "2025-01-02": int(most) * 10**12,
    }


def test_more_groups_than_allowed_are_none(tmp_path: Path) -> None:
    dataset = open_dataset(write_csv(tmp_path / "calls.csv", ROWS), workers=1)
    exact = dataset.coarse(CELLS, Coarsening(), 10_000)
    assert exact is not None
    count = len(exact.time_at)
    assert dataset.coarse(CELLS, Coarsening(), count) is not None
    assert dataset.coarse(CELLS, Coarsening(), count - 1) is None


def test_what_only_rows_have_that_are_left_out_is_in_no_list(tmp_path: Path) -> None:
    far = call(timestamp="2999-01-01T00:00:00", model="ahead", customer_id="later")
    dataset = open_dataset(write_csv(tmp_path / "calls.csv", [*ROWS, far]), workers=1)
    groups = dataset.coarse(CELLS, Coarsening(), 10_000)
    assert groups is not None
    assert "ahead" not in {name for names in groups.calls for name in names}
    assert "later" not in {name for names in groups.customers for name in names}
    assert spelled_out(groups) == spelled_out_of(ROWS)


def spelled_out_of(rows: List[Dict[str, str]]) -> Dict[Any, Tuple[int, ...]]:
    """Return the groups of rows as the reference has them."""
    groups = ReferenceDataset(rows).coarse(CELLS, Coarsening(), 10_000)
    assert groups is not None
    return spelled_out(groups)
