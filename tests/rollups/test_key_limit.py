"""Data of too many customers, models or days: one line in seconds, and reports stay as they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Dict, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import config
from finops.cli import main
from finops.errors import DataError
from finops.reader.encoding import Batch, KeyEncoder
from finops.reader.options import ReadingOptions
from finops.rollups import cache
from finops.rollups.dataset import Dataset, open_dataset
from finops.rollups.key_limit import KeyCounter, TooManyKeysError
from finops.rollups.spec import Table
from tests.rollups.test_dataset import csv_of
from tests.support.reference import call

BY_CUSTOMER = Table(("customer_id", "model"))


def rows(customers: int, models: int = 1, count: int = 200) -> List[Dict[str, str]]:
    return [
        call(
            timestamp=f"2025-01-{1 + k // 24:02d}T00:{k % 24:02d}:00.000000",
            customer_id=f"c{k % customers}",
            model=f"m{k % models}",
        )
        for k in range(count)
    ]


def spread(times: int, step: timedelta, count: int = 200) -> List[Dict[str, str]]:
    """Return calls of one customer at so many times, each of them twice or more."""
    start = datetime(2025, 1, 1)
    return [call(timestamp=(start + step * (k % times)).isoformat()) for k in range(count)]


def written(path: Path, calls: List[Dict[str, str]]) -> Path:
    path.write_bytes(csv_of(calls))
    return path


@pytest.mark.parametrize(
    ("customers", "models", "kind", "column"),
    [(101, 1, "customers", "customer_id"), (3, 101, "kinds of calls", "model")],
)
def test_too_many_keys_cost_one_line(
    customers: int,
    models: int,
    kind: str,
    column: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = written(tmp_path / "many.csv", rows(customers, models))
    reports = tmp_path / "reports"
    words = ["analyze", "--data", str(data), "--reports", str(reports), "--only", "understanding"]
    assert main([*words, "--max-rows", "101", "--quiet"]) == 0
    before = {path.name: path.read_bytes() for path in reports.iterdir()}
    capsys.readouterr()
    assert main([*words, "--max-rows", "100", "--quiet"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"finops: many.csv: more than 100 {kind} (column {column} has 101 values so far), and"
        " reports hold many rows in memory for each; choose fewer calls with --since or --until,"
        f" another column with --map {column}=COLUMN, or a larger --max-rows"
    ]
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == before


@pytest.mark.parametrize(
    ("unit", "step", "times", "enough", "allowed"),
    [("hours", timedelta(minutes=37), 162, 100, 99), ("days", timedelta(days=1), 101, 808, 100)],
)
def test_too_many_times_cost_one_line(
    unit: str,
    step: timedelta,
    times: int,
    enough: int,
    allowed: int,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A day takes as much as eight hours or customers do; 162 times 37 minutes are 100 hours."""
    data = written(tmp_path / "many.csv", spread(times, step))
    words = ["analyze", "--data", str(data), "--reports", str(tmp_path / "reports"), "--quiet"]
    words += ["--only", "understanding"]
    assert main([*words, "--max-rows", str(enough)]) == 0
    capsys.readouterr()
    assert main([*words, "--max-rows", str(enough - 1)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"finops: many.csv: more than {allowed} {unit} (column timestamp has {allowed + 1} {unit}"
        " so far), and reports hold many rows in memory for each; choose fewer calls with --since"
        " or --until, another column with --map timestamp=COLUMN, or a larger --max-rows"
    ]


@pytest.mark.parametrize(
    ("by", "step", "enough", "too_few"),
    [("hour", timedelta(hours=1), 200, "199 hours .column timestamp has 200 hours so far"),
     ("day", timedelta(days=1), 1600, "199 days .column timestamp has 200 days so far")],
)  # fmt: skip
def test_parts_that_have_few_times_each_and_too_many_together(
    by: str, step: timedelta, enough: int, too_few: str, tmp_path: Path
) -> None:
    calls = spread(200, step)
    for number, half in enumerate((calls[:110], calls[90:])):  # some times are in both
        written(tmp_path / f"{number}.csv", half)
    paths, table = [tmp_path / "0.csv", tmp_path / "1.csv"], Table((by,), ("calls",))
    assert len(Dataset(paths, most_keys=enough).rollups([table])[table]) == 200
    with pytest.raises(DataError, match=f"more than {too_few}"):
        Dataset(paths, most_keys=enough - 1).rollups([table])


def test_without_an_option_there_is_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(config, "MOST_KEYS", 20)
    data = written(tmp_path / "many.csv", rows(21))
    assert main(["analyze", "--data", str(data), "--reports", str(tmp_path / "reports")]) == 2
    assert "more than 20 customers" in capsys.readouterr().err


def test_calls_that_are_left_out_do_not_count(tmp_path: Path) -> None:
    data = written(tmp_path / "many.csv", rows(200, 200))
    some = ReadingOptions(since="2025-01-02T00:00:00.000000",
                                    until="2025-01-03T00:00:00.000000")  # fmt: skip
    counted = Dataset(data, options=some, most_keys=24).rollups([BY_CUSTOMER])
    assert counted.totals.customers == 24
    with pytest.raises(DataError, match="more than 23 customers"):
        Dataset(data, options=some, most_keys=23).rollups([BY_CUSTOMER])


def test_parts_that_have_few_keys_each_and_too_many_together(tmp_path: Path) -> None:
    for number, calls in enumerate((rows(200)[:100], rows(200)[100:])):
        written(tmp_path / f"{number}.csv", calls)
    paths = [tmp_path / "0.csv", tmp_path / "1.csv"]
    assert Dataset(paths, most_keys=200).rollups([BY_CUSTOMER]).totals.customers == 200
    with pytest.raises(DataError, match=r"^0\.csv and 1 more file: more than 199 customers"):
        Dataset(paths, most_keys=199).rollups([BY_CUSTOMER])
    for number in range(2):
        written(tmp_path / f"{number}.csv", rows(3, 200)[100 * number : 100 * number + 100])
    with pytest.raises(DataError, match=r"more than 199 kinds of calls \(column model has 200"):
        Dataset(paths, most_keys=199).rollups([BY_CUSTOMER])


def test_a_process_that_helps_says_so(tmp_path: Path) -> None:
    """The second half of the file, which another process reads, has the many customers."""
    few = rows(3, count=200)
    data = written(tmp_path / "many.csv", [*few, *rows(150, count=150)])
    with pytest.raises(DataError, match=r"^many\.csv: more than 100 customers"):
        Dataset(data, workers=2, most_keys=100).rollups([BY_CUSTOMER])


def test_what_was_kept_of_a_file_is_counted_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    data = written(tmp_path / "many.csv", rows(101))
    open_dataset(data, cache=True).rollups([BY_CUSTOMER])
    with pytest.raises(DataError, match="more than 100 customers"):
        open_dataset(data, cache=True, most_keys=100).rollups([BY_CUSTOMER])


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=9), max_size=9),
       st.integers(0, 20))  # fmt: skip
def test_the_count_ends_at_the_first_batch_with_too_many(
    batches: List[List[int]], most: int
) -> None:
    encoder = KeyEncoder()
    codes = [encoder.customer_code((b"c%d" % k, *[b""] * 5)) for k in range(31)]
    counter = KeyCounter(encoder, most)
    seen = set()
    for batch in batches:
        seen.update(batch)
        calls = Batch([], [codes[k] for k in batch], [], {})
        if len(seen) > most:
            with pytest.raises(TooManyKeysError) as raised:
                counter.add(calls)
            assert raised.value.facts == (most, "customers", "customer_id", len(seen))
            return
        counter.add(calls)
