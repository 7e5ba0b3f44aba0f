"""What analyses share is worked out once of a reading, and again of another one."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import pytest

from finops.analyzers.shared.coverage import COVERAGE_TABLES, coverage_of
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import Dataset
from finops.rollups.memo import memoized
from finops.rollups.protocol import CallDataset
from finops.rollups.redaction import RedactedDataset, Redactor
from finops.rollups.spec import Rollups, Table
from tests.support.rows import varied_rows, write_csv

CALLS = Table(("model",), ("calls",))


def test_a_function_runs_once_for_the_same_calls_and_arguments() -> None:
    runs: List[int] = []

    @memoized
    def scaled(data: Rollups, factor: int) -> List[int]:
        """Return it."""
        runs.append(factor)
        return [calls * factor for (calls,) in data[CALLS].values()]

    data = Rollups({CALLS: {("a",): (2,)}})
    assert scaled(data, 3) is scaled(data, 3)
    assert scaled(data, 4) == [8]
    assert scaled(Rollups({CALLS: {("a",): (5,)}}), 3) == [15]
    assert runs == [3, 4, 3]
    assert (scaled.__name__, scaled.__doc__) == ("scaled", "Return it.")


def test_what_was_worked_out_goes_with_a_table_that_was_read_for_it() -> None:
    other = Table(("provider",), ("calls",))

    @memoized
    def of_one(data: Rollups) -> List[int]:
        return [calls for (calls,) in data[CALLS].values()]

    @memoized
    def of_both(data: Rollups, more: int) -> List[int]:
        return [*of_one(data), *(calls + more for (calls,) in data[other].values())]

    data = Rollups({CALLS: {("a",): (2,)}, other: {("b",): (3,)}})
    kept, given = of_one(data), of_both(data, 1)
    data.memo.forget([other])
    assert of_one(data) is kept
    again = of_both(data, 1)  # reads one table itself, and the other by what was known already
    assert again == given == [2, 4]
    assert again is not given
    data.memo.forget([CALLS])
    assert of_one(data) is not kept
    assert of_both(data, 1) is not again


def test_nothing_is_remembered_of_what_fails() -> None:
    runs: List[int] = []

    @memoized
    def failing(data: Rollups) -> int:
        runs.append(len(data[CALLS]))
        raise LookupError("no such table")

    @memoized
    def of_nothing(data: Rollups) -> List[int]:
        return []

    data = Rollups({CALLS: {}})
    for _ in range(2):
        with pytest.raises(LookupError):
            failing(data)
    assert runs == [0, 0]
    kept = of_nothing(data)
    data.memo.forget([CALLS])
    assert of_nothing(data) is kept


@pytest.mark.parametrize("redactor", [None, Redactor("any key")])
def test_a_dataset_forgets_what_is_of_its_customers(
    tmp_path: Path, redactor: Optional[Redactor]
) -> None:
    @memoized
    def names(data: Rollups) -> List[str]:
        return list(data.customers)

    path = write_csv(tmp_path / "calls.csv", varied_rows(40))
    dataset: CallDataset = Dataset(path)
    if redactor is not None:
        dataset = RedactedDataset(dataset, redactor)
    data = dataset.rollups((*CUSTOMER_RECORDS, *COVERAGE_TABLES))
    customers, coverage = names(data), coverage_of(data)
    dataset.forget(COVERAGE_TABLES)
    assert names(data) is customers
    assert coverage_of(data) is not coverage
    dataset.forget(CUSTOMER_RECORDS[:1])
    assert names(data) is not customers
    assert names(data) == customers


def test_deliveries_of_one_reading_share_it_and_a_new_reading_does_not(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(40))
    dataset = Dataset(path)
    first = coverage_of(dataset.rollups(COVERAGE_TABLES))
    assert coverage_of(dataset.rollups(COVERAGE_TABLES)) is first
    without = [{**row, "region": ""} for row in varied_rows(40)]
    write_csv(path, without)
    again = coverage_of(dataset.rollups((*COVERAGE_TABLES, CALLS)))
    assert (first["region"], again["region"]) == (100.0, 0.0)


def test_no_analysis_changes_what_the_others_share(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(400))
    together = compute(Job(path, tmp_path))
    for name, analysis in ANALYZER_REGISTRY.items():
        alone = analysis.analyzer(path).analyze()
        for result in (alone, together[name]):
            result.get("file", {}).pop("analyzed_at", None)
        assert alone == together[name], name
