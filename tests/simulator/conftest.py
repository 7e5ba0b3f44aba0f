"""One simulated dataset of the default size, and ways to look at it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, Dict, Iterator, List, NamedTuple

import pytest

from finops import config
from finops.simulator.engine import GenerateResult, generate

MEMORY = Path("/dev/shm")


class Simulated(NamedTuple):
    """A simulated file: where it is, what the engine said, columns by name, planted incidents."""

    path: Path
    result: GenerateResult
    columns: Dict[str, List[str]]
    truth: Dict[str, Any]

    def numbers(self, name: str) -> List[int]:
        """Return a column as whole numbers."""
        return list(map(int, self.columns[name]))


def read_columns(path: Path) -> Dict[str, List[str]]:
    """Return the columns of a simulated file, every line having all of them."""
    header, *lines = path.read_text(encoding="ascii").splitlines()
    rows = [line.split(",") for line in lines]
    names = header.split(",")
    assert {len(row) for row in rows} == {len(names)}
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a folder in memory where there is such a thing: these are large files."""
    with tempfile.TemporaryDirectory(dir=str(MEMORY) if MEMORY.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def default() -> Iterator[Simulated]:
    """Return the default dataset: default seed, default size."""
    with tempfile.TemporaryDirectory(dir=str(MEMORY) if MEMORY.is_dir() else None) as name:
        path = Path(name) / "calls.csv"
        result = generate(path, config.TARGET_SIZE_MB * config.MEGABYTE, workers=2)
        truth = json.loads((Path(name) / "calls.truth.json").read_text(encoding="ascii"))
        yield Simulated(path, result, read_columns(path), truth)
