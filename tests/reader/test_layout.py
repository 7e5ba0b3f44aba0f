"""Which rows lie too far ahead is decided by the clock of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import pytest

from finops.context import RunContext
from finops.rollups.dataset import open_dataset
from finops.timestamps import EPOCH, moment_of
from tests.support.malformed import file_of, line

NOON = (moment_of("2025-06-01T12:00:00") - EPOCH).total_seconds()


@pytest.mark.parametrize(
    ("now", "used"),
    [(NOON, 2), (NOON - 1, 1), (NOON - 365 * 86400, 0), (NOON + 365 * 86400, 3), (None, 3)],
)
def test_a_row_more_than_a_day_ahead_of_the_run_is_left_out(
    now: Optional[float], used: int, tmp_path: Path
) -> None:
    times = ("2025-06-01T12:00:00", "2025-06-02T12:00:00", "2025-06-02T12:00:01")
    past = [line(timestamp="2024-01-01T00:00:00.000000")] * 400
    path = tmp_path / "calls.csv"
    path.write_bytes(file_of(*(line(timestamp=f"{time}.000000") for time in times), *past))
    data = open_dataset(path, workers=1, context=RunContext(now)).rollups(())
    assert data.accounting.used == used + 400
    left_out = {skipped.reason: skipped.rows for skipped in data.accounting.skipped}
    assert left_out == ({"implausible timestamp": 3 - used} if used < 3 else {})
