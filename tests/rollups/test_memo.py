"""What analyses share is worked out once of a reading, and again of another one."""

from __future__ import annotations

from pathlib import Path
from typing import List

from finops.analyzers.shared.coverage import COVERAGE_TABLES, coverage_of
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from finops.rollups.dataset import Dataset
from finops.rollups.memo import memoized
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
