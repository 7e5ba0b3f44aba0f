"""What is read and what is written are two lists, and the second is part of the first."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops import schema
from finops.rollups.dataset import open_dataset
from tests.support.reference import call


def test_everything_that_is_written_is_read() -> None:
    assert set(schema.WRITTEN_NAMES) <= set(schema.COLUMN_NAMES)
    assert len(set(schema.WRITTEN_NAMES)) == len(schema.WRITTEN_NAMES)
    assert set(schema.REQUIRED_COLUMNS) <= set(schema.WRITTEN_NAMES)


@pytest.mark.parametrize("missing", ["region", "latency_ms"])
def test_a_missing_column_is_said_only_if_complete_files_have_it(
    missing: str, tmp_path: Path
) -> None:
    assert set(schema.COLUMN_NAMES) > set(schema.WRITTEN_NAMES)
    names = [name for name in schema.WRITTEN_NAMES if name != missing]
    path = tmp_path / "calls.csv"
    row = call()
    path.write_text(",".join(names) + "\n" + ",".join(row[name] for name in names) + "\n")
    notes = open_dataset(path).rollups(()).accounting.notes
    assert notes == (f"Columns that are not in the file got their defaults: {missing}.",)
