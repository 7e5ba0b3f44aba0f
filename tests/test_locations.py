"""Data that is elsewhere is named as it was given, in one line, and nothing is made here."""

from __future__ import annotations

import doctest
from pathlib import Path
from typing import List

import pytest

from finops import locations
from finops.cli import main
from finops.errors import DataError
from finops.rollups.dataset import Dataset, open_dataset

ELSEWHERE = "s3://bucket/calls//2025.csv"


def test_the_examples() -> None:
    assert doctest.testmod(locations).failed == 0


TABLE = "table:lake.usage.calls"


@pytest.mark.parametrize(
    "words",
    [
        ["verify", TABLE],
        ["analyze", "--data", ELSEWHERE],
        ["evaluate", "--data", ELSEWHERE],
        ["verify", ELSEWHERE],
        ["generate", "--size", "1KB", "--data", ELSEWHERE],
        ["serve", "--port", "0", "--data", ELSEWHERE],
        ["demo", "--port", "0", "--size", "1KB", "--data", ELSEWHERE],
    ],
    ids=lambda words: str(words[0]),
)
def test_an_address_is_one_clear_line(
    words: List[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    said = [f"{address} is not on this machine" for address in (ELSEWHERE, TABLE)]
    assert [line for line in lines if any(text in line for text in said)] == lines[-1:]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(("s3", "table"))]


@pytest.mark.parametrize("location", [ELSEWHERE, TABLE])
def test_a_dataset_elsewhere_keeps_its_address(location: str) -> None:
    opened = open_dataset(location)
    assert isinstance(opened, Dataset)
    assert opened.path == location
    assert opened.truth() is None
    assert opened.events() == []
    with pytest.raises(DataError, match="not on this machine"):
        opened.rollups(())
