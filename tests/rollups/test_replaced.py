"""A dataset that is replaced while several processes read it: one file or the other, no mixture."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable, List, NamedTuple

import pytest

from finops.cli import main
from finops.errors import DataError
from finops.reader import layout
from finops.rollups import file_scan
from finops.rollups.dataset import open_dataset
from tests.rollups.test_cache import SOME, rows
from tests.rollups.test_dataset import csv_of

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="what is open cannot be replaced there"),
    pytest.mark.unmeasured,
    pytest.mark.once,
]


def figures(path: Path, workers: int) -> Any:
    data = open_dataset(path, workers=workers).rollups(SOME)
    tables = {table: data[table] for table in SOME}
    return tables, data.totals, data.period, data.accounting, data.file.size_bytes


def replacing(path: Path, versions: List[bytes]) -> Callable[[], None]:
    """Return what puts the next version in the file's place, as long as there are any."""

    def replace() -> None:
        if versions:
            aside = path.with_suffix(".new")
            aside.write_bytes(versions.pop(0))
            os.replace(str(aside), str(path))

    return replace


def before(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, do: Callable[[], None]) -> None:
    """Do something before each call of a function."""
    original = getattr(module, name)

    def wrapped(*words: Any, **more: Any) -> Any:
        do()
        return original(*words, **more)

    monkeypatch.setattr(module, name, wrapped)


class Version(NamedTuple):
    """A dataset, and what is said of it where it stays as it is."""

    content: bytes
    figures: Any


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> List[Version]:
    path = tmp_path_factory.mktemp("versions") / "a.csv"
    made = []
    for n in range(4):
        path.write_bytes(csv_of(rows(1000 * n, 1000 * n + 400 + 10 * n)))
        made.append(Version(path.read_bytes(), figures(path, 1)))
    return made


MOMENTS = [(layout, "read_header"), (layout, "readable_end"), (file_scan, "spans")]
MOMENTS += [(file_scan, "PartitionWorkers"), (file_scan, "scan_partition")]


@pytest.mark.parametrize(("module", "name"), MOMENTS, ids=[name for _, name in MOMENTS])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("workers", [1, 3])
def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(
    module: Any,
    name: str,
    times: int,
    workers: int,
    versions: List[Version],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "a.csv"
    first, *later = versions[: times + 1]
    path.write_bytes(first.content)
    before(monkeypatch, module, name, replacing(path, [version.content for version in later]))
    assert figures(path, workers) in [version.figures for version in versions[: times + 1]]


def test_a_file_that_is_replaced_all_the_time_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 400)))
    before(monkeypatch, file_scan, "spans", replacing(path, [csv_of(rows(0, 500))] * 100))
    assert main(["verify", "--quiet", "--workers", "2", str(path)]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert "was replaced or cut again and again while it was read" in said[0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_file_that_is_cut_while_it_is_read_is_read_again(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    whole, part = csv_of(rows(0, 900)), csv_of(rows(0, 300))
    path.write_bytes(part)
    expected = figures(path, 1)
    path.write_bytes(whole)
    before(monkeypatch, file_scan, "spans", lambda: os.truncate(str(path), len(part)))
    assert figures(path, workers) == expected


def test_a_file_that_is_deleted_while_it_is_read_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(csv_of(rows(0, 400)))

    def delete() -> None:
        if path.exists():
            path.unlink()

    before(monkeypatch, file_scan, "PartitionWorkers", delete)
    with pytest.raises(DataError, match="no such file"):
        figures(path, 2)
