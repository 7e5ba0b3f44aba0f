"""Every operation on the disk made to fail in turn: generator, reports and collector.

The n-th operation is refused, once or from then on, or takes half, or the process is gone from
there; n counts up until nothing fails any more.  `tests/dataset/test_appender.py` does the same
to the appender below them, and to its recovery.
"""

from __future__ import annotations

import builtins
import json
import os
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Iterator, List, Set, Tuple

import pytest

from finops import atomic as writing
from finops import config
from finops.business.catalog import DEFAULT_PRICES
from finops.errors import StorageError
from finops.pipeline import Job, analyze
from finops.simulator import engine
from finops.simulator.engine import HEADER
from finops.simulator.simulation_spec import SimulationSpec
from finops.simulator.worker import generate_batches
from finops.storage.appender import appending
from finops.storage.file_operations import Files
from finops.storage.truth import truth_path
from finops.viewer import event_store as storing
from finops.viewer.event_store import EventStore, StoreUnavailableError
from finops.viewer.events import from_record
from tests.storage.batches import QUICK, Crash, FaultyFiles, memory_folder
from tests.storage.test_appender import WAYS
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows
from tests.viewer.test_collector import RECORD

pytestmark = pytest.mark.unmeasured

BATCH = 5
BATCHES = 4


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


def sweep() -> Iterator[int]:
    """Count up; whoever sweeps stops where nothing failed."""
    yield from range(1, 500)
    raise AssertionError("the sweep does not end")


# --- the generator ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batches() -> List[bytes]:
    """Real rows in batches of five."""
    _, rows = next(generate_batches(SimulationSpec.of(7, None, None, True, DEFAULT_PRICES)))
    lines = rows.splitlines(keepends=True)
    return [b"".join(lines[n : n + BATCH]) for n in range(0, 10 * BATCH, BATCH)]


@pytest.fixture
def generator(batches: List[bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The engine, on batches that are there already."""

    def prepared(recipe: SimulationSpec, first: int = 0) -> Iterator[Tuple[int, bytes]]:
        return iter(list(enumerate(batches))[first:])

    @contextmanager
    def in_order(recipe: SimulationSpec, first: int, workers: int) -> Iterator[Any]:
        yield prepared(recipe, first)

    monkeypatch.setattr(engine, "generate_batches", prepared)
    monkeypatch.setattr(engine, "batches_in_order", in_order)
    monkeypatch.setattr(engine, "BATCH_SIZE", BATCH)
    target = len(HEADER) + sum(map(len, batches[:BATCHES]))
    return lambda path, files: engine.generate(path, target, seed=7, files=files)


@pytest.mark.sampled
@pytest.mark.parametrize(("how", "sticky"), WAYS)
def test_fault_sweep_generator(
    how: str, sticky: bool, generator: Any, batches: List[bytes], tmp_path: Path
) -> None:
    wholes = [HEADER + b"".join(batches[:count]) for count in range(BATCHES + 1)]
    for at in sweep():
        path = tmp_path / f"{at}.csv"
        files = FaultyFiles(at, how, sticky)
        with suppress(StorageError, Crash):
            generator(path, files)
        if how != "crash" and not sticky and path.exists():
            assert path.read_bytes() in (b"", *wholes), (at, files.log[-3:])
        second = FaultyFiles(at // 2 + 1, how, sticky)  # and once more while it is repaired
        with suppress(StorageError, Crash):
            generator(path, second)
        generator(path, QUICK)
        assert path.read_bytes() == wholes[-1], (at, files.log[-3:])
        assert truth_path(path).exists()
        assert not list(tmp_path.glob("*.tmp")), (at, files.log[-3:])
        if not files.reached:
            break


# --- reports ------------------------------------------------------------------------------------


class Faults(FaultyFiles):
    """What `write_aside` does, of which the n-th operation goes wrong."""

    def opened(self, path: str, mode: str) -> Any:
        if self._due("open"):
            self._fail()
        return Stream(self, path, mode)

    def fsync(self, fd: int) -> None:
        if self._due("fsync"):
            self._fail()

    def replace(self, source: str, target: str) -> None:
        if self._due("replace"):
            self._fail()
        os.replace(source, target)  # this is the module `os` of those who would be asked

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class Stream:
    """A file that is being written, and that takes half of what it refuses."""

    def __init__(self, faults: Faults, path: str, mode: str) -> None:
        self._faults = faults
        self._file = builtins.open(path, mode)  # noqa: SIM115 - closed by __exit__

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: Any) -> None:
        self._file.close()

    def write(self, content: bytes) -> None:
        if self._faults._due("write"):
            self._file.write(content[: len(content) // 2])
            self._faults._fail()
        self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return int(self._file.fileno())


def is_whole(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        return isinstance(json.loads(text), dict)
    return path.suffix != ".html" or text.rstrip().endswith("</html>")


@pytest.mark.sampled
@pytest.mark.parametrize(("how", "sticky"), [w for w in WAYS if w[0] not in ("short", "half")])
def test_fault_sweep_reports(
    how: str, sticky: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is there is whole, old or new; the report that fails is named; the next run mends."""
    job = Job(ReferenceDataset(varied_rows(40)), tmp_path, only=("features",))
    analyze(job)
    names = {path.name for path in tmp_path.iterdir()}
    for at in sweep():
        faults = Faults(at, how, sticky)
        with monkeypatch.context() as broken:
            broken.setattr(writing, "os", faults)
            broken.setattr(writing, "open", faults.opened, raising=False)
            try:
                failed = analyze(job).failed
                assert bool(failed) == faults.reached, faults.log
            except (StorageError, Crash):
                assert faults.reached
        assert {path.name for path in tmp_path.iterdir()} == names
        assert all(is_whole(path) for path in tmp_path.iterdir()), faults.log
        if not faults.reached:
            break
    assert analyze(job).failed == []


# --- the collector ------------------------------------------------------------------------------


def events(group: int) -> List[Any]:
    return [from_record({**RECORD, "call_id": f"{group}-{n}"}) for n in range(3)]


def use_files(patch: pytest.MonkeyPatch, files: Files) -> None:
    """Let stores write through these operations."""
    patch.setattr(storing, "appending", partial(appending, files=files))


def ids_in(path: Path) -> List[str]:
    if not path.exists():
        return []
    return [line.split(",")[1] for line in path.read_text().splitlines()[1:]]


@pytest.mark.sampled
@pytest.mark.parametrize(("how", "sticky"), WAYS)
def test_fault_sweep_collector(
    how: str, sticky: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged is there; what was refused may be sent again and is there once."""
    for at in sweep():
        path = tmp_path / str(at) / config.COLLECTED_NAME
        files = FaultyFiles(at, how, sticky)
        acknowledged: Set[str] = set()
        with monkeypatch.context() as broken:
            use_files(broken, files)
            store = EventStore(path)
            for group in range(3):
                try:
                    store.add(events(group))
                except StoreUnavailableError:
                    continue
                except Crash:
                    break
                acknowledged |= {row.call_id for row in events(group)}
        assert len(acknowledged) == 9 or files.reached
        with monkeypatch.context() as mended:
            use_files(mended, QUICK)
            again = EventStore(path)
            for group in range(3):
                stored = again.add(events(group))
                assert stored.accepted + stored.duplicates == 3
                known = {row.call_id for row in events(group)} & acknowledged
                assert stored.duplicates >= len(known), "an acknowledged event was lost"
        assert sorted(ids_in(path)) == sorted(f"{g}-{n}" for g in range(3) for n in range(3))
        if not files.reached:
            break
