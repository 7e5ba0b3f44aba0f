"""Links and foreign files where a dataset or its sidecars should be."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest

from finops.atomic import write_aside
from finops.errors import DataError, FinOpsError, LockError, StorageError, UsageError
from finops.pipeline import Job, analyze
from finops.rollups import cache
from finops.rollups.dataset import open_dataset
from finops.simulator.engine import generate
from finops.storage.appender import Appender, appending
from finops.storage.commit import commit_path, read_commit
from finops.storage.lock import lock_path, writer_lock
from finops.storage.truth import events_path, truth_path
from finops.verify import verify
from finops.viewer.event_store import EventStore
from finops.viewer.events import from_record
from tests.storage.batches import QUICK, ROWS, Crash, FaultyFiles, batch, fill, whole
from tests.support.reference import ReferenceDataset
from tests.support.rows import varied_rows
from tests.viewer.test_collector import RECORD

PRECIOUS = b"somebody's letters\n"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need a privilege there")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "calls.csv"


@pytest.fixture
def link(csv: Path, tmp_path: Path) -> Path:
    """Another name of the dataset, in another folder."""
    (tmp_path / "elsewhere").mkdir()
    path = tmp_path / "elsewhere" / "linked.csv"
    path.symlink_to(csv)
    return path


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """A file of somebody else's, which must be what it was in the end."""
    path = tmp_path / "letters.txt"
    path.write_bytes(PRECIOUS)
    yield path
    assert path.read_bytes() == PRECIOUS


# --- one dataset, whatever it is called -----------------------------------------------------------


def test_a_second_writer_through_a_link_is_refused(csv: Path, link: Path) -> None:
    for first, second in ((csv, link), (link, csv)):
        with writer_lock(first), pytest.raises(LockError), writer_lock(second):
            pass
        with appending(first), pytest.raises(LockError):
            generate(second, 1000)


def test_a_second_writer_through_a_linked_folder_is_refused(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(csv.parent)
    with writer_lock(csv), pytest.raises(LockError), writer_lock(tmp_path / "other" / csv.name):
        pass


def test_a_second_writer_through_a_hard_link_is_refused(csv: Path, tmp_path: Path) -> None:
    fill(csv, 1, QUICK)
    os.link(str(csv), str(tmp_path / "hard.csv"))
    with appending(csv) as out:
        with pytest.raises(LockError, match="under another name"):
            Appender(tmp_path / "hard.csv")
        out.append(batch(1), ROWS)
    assert csv.read_bytes() == whole(2)
    with appending(tmp_path / "hard.csv") as out:  # it has no mark of its own, so lines are counted
        assert out.rows == 2 * ROWS


def test_what_goes_with_a_dataset_lies_beside_the_file_itself(csv: Path, link: Path) -> None:
    generate(link, 100_000, seed=3)
    assert sorted(path.name for path in link.parent.iterdir()) == [link.name]
    assert link.is_symlink()
    names = {csv, commit_path(csv), lock_path(csv), truth_path(csv), events_path(csv)}
    assert set(csv.parent.iterdir()) == names
    through_link = {of(link) for of in (commit_path, lock_path, truth_path, events_path)}
    assert {*through_link, link.resolve()} == names
    assert verify(link).faults == verify(csv).faults == []
    rows = read_commit(csv)
    assert rows == read_commit(link)
    grown = generate(csv, 200_000, seed=3)
    assert generate(link, 200_000, seed=3).calls == grown.calls
    alone = csv.with_name("alone.csv")
    generate(alone, 200_000, seed=3)
    assert csv.read_bytes() == alone.read_bytes()


def test_a_cache_serves_every_name_of_a_file(
    csv: Path, link: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    generate(csv, 100_000)
    open_dataset(link, workers=1, cache=True).rollups(())
    assert sorted(path.name for path in link.parent.iterdir()) == [link.name]
    assert Path(cache.cache_path(str(link))) == Path(cache.cache_path(str(csv)))
    assert Path(cache.cache_path(str(csv))).is_file()


def test_events_go_to_the_file_that_a_link_names(csv: Path, link: Path) -> None:
    store = EventStore(link)
    assert store.add([from_record({**RECORD, "call_id": "one"})]).accepted == 1
    assert EventStore(csv).add([from_record({**RECORD, "call_id": "one"})]).duplicates == 1
    assert link.is_symlink()
    assert csv.read_bytes().count(b"\n") == 2


def test_starting_over_through_a_link_replaces_a_simulation_only(
    csv: Path, link: Path, precious: Path
) -> None:
    generate(csv, 50_000, seed=3)
    generate(link, 50_000, seed=4, fresh=True)
    assert link.is_symlink()
    mark = read_commit(csv)
    assert mark is not None
    assert mark.simulation is not None
    assert mark.simulation["seed"] == 4
    link.unlink()
    link.symlink_to(precious)
    with pytest.raises(UsageError, match="not simulated"):
        generate(link, 50_000, fresh=True)


# --- files of others at the places of ours --------------------------------------------------------


def planted(csv: Path, precious: Path) -> Dict[str, Path]:
    """Put links to somebody's file wherever earlier versions wrote; return them by kind."""
    places = {
        "lock": lock_path(csv),
        "commit record": commit_path(csv),
        "new commit record": Path(f"{csv}.commit.tmp"),
        "truth": truth_path(csv),
        "new truth": Path(f"{truth_path(csv)}.tmp"),
        "cache": Path(cache.cache_path(str(csv))),
        "old cache": Path(f"{csv}.state"),
        "new cache": Path(f"{csv}.state.{os.getpid()}.tmp"),
        "torn bytes": Path(f"{csv}.torn-1"),
    }
    for place in places.values():
        if not os.path.lexists(str(place)):
            place.symlink_to(precious)
    return places


def test_planted_links_are_never_written_through(
    csv: Path, precious: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    lock = planted(csv, precious)["lock"]
    with pytest.raises(StorageError, match="not a regular file; remove it"):
        generate(csv, 100_000)
    lock.unlink()
    generate(csv, 100_000)
    with open(str(csv), "ab") as out:
        out.write(b"half a li")
    planted(csv, precious)
    result = generate(csv, 200_000)
    assert "torn-2" in " ".join(result.repaired)
    open_dataset(csv, workers=1, cache=True).rollups(())
    assert verify(csv).faults == []


def test_planted_links_among_the_reports_are_never_written_through(
    tmp_path: Path, precious: Path
) -> None:
    reports = tmp_path / "reports"
    reports.mkdir()
    made = ("features.html", "features.json", "index.html", "manifest.json")
    for name in (*made, *(f"{name}.{os.getpid()}.tmp" for name in made), ".publishing"):
        (reports / name).symlink_to(precious)
    job = Job(ReferenceDataset(varied_rows(40)), reports, only=("features",))
    assert analyze(job).failed == []
    assert all((reports / name).is_file() and not (reports / name).is_symlink() for name in made)
    (reports / ".publishing.lock").unlink()
    (reports / ".publishing.lock").symlink_to(precious)
    with pytest.raises(FinOpsError, match="not a regular file; remove it"):
        analyze(job)


def test_a_hard_link_to_somebodys_file_is_no_lock(csv: Path, precious: Path) -> None:
    os.link(str(precious), str(lock_path(csv)))
    with pytest.raises(StorageError, match="move it away"), writer_lock(csv):
        pass


def test_a_dangling_link_makes_no_file_elsewhere(csv: Path, tmp_path: Path) -> None:
    fill(csv, 1, QUICK)
    for name in (".torn-1", ".commit.tmp"):
        Path(f"{csv}{name}").symlink_to(tmp_path / "new")
    with open(str(csv), "ab") as out:
        out.write(b"half a li")
    fill(csv, 2, QUICK)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["lock", "commit record", "truth", "cache"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
def test_what_is_no_file_stops_nobody_for_ever(
    csv: Path, kind: str, make: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A named pipe would keep whoever opens it waiting for its other end."""
    monkeypatch.setattr(cache, "MIN_STATE_BYTES", 0)
    places = {
        "lock": lock_path(csv),
        "commit record": commit_path(csv),
        "truth": truth_path(csv),
        "cache": Path(cache.cache_path(str(csv))),
    }
    fill(csv, 2, QUICK)
    if places[kind].exists():
        places[kind].unlink()
    make(str(places[kind]))
    ended: List[str] = []

    def use() -> None:
        with suppress(FinOpsError), appending(csv):
            pass
        with suppress(FinOpsError):
            generate(csv, 200_000)
        with suppress(FinOpsError):
            open_dataset(csv, workers=1, cache=True).rollups(())
        ended.append(kind)

    thread = threading.Thread(target=use, daemon=True)
    thread.start()
    thread.join(300)
    assert ended == [kind]


@pytest.mark.parametrize("content", [PRECIOUS, b"timestamp,model\n1,2\nhalf", b"#!/bin/sh"])
def test_a_file_that_is_no_dataset_is_not_touched(csv: Path, content: bytes, link: Path) -> None:
    """Not even an incomplete last line is cut off, which a dataset would not miss."""
    csv.write_bytes(content)
    for name in (csv, link):
        with pytest.raises(DataError, match="other columns"):
            Appender(name)
    assert csv.read_bytes() == content
    assert sorted(path.name for path in csv.parent.iterdir()) == [csv.name]


# --- temporary files ------------------------------------------------------------------------------


def test_what_a_killed_writer_left_is_removed_and_nothing_else(csv: Path) -> None:
    with suppress(Crash):
        fill(csv, 3, FaultyFiles(9, "crash"))
    left = f"{commit_path(csv).name}.0123456789abcdef.tmp"
    others = {f"{csv.name}.commit.mine.tmp", f"{csv.name}.tmp", "x.0123456789abcdef.tmp"}
    for name in (left, *others):
        (csv.parent / name).write_bytes(b"")
    fill(csv, 3, QUICK)
    kept = {path.name for path in csv.parent.iterdir()}
    assert kept - {csv.name, commit_path(csv).name} == others


def test_nobody_can_guess_the_name_of_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: List[str] = []
    original = os.replace

    def noting(source: str, target: str) -> None:
        seen.append(os.path.basename(source))
        original(source, target)

    monkeypatch.setattr(os, "replace", noting)
    for _ in range(20):
        write_aside(tmp_path / "page.html", "text")
        QUICK.put(str(tmp_path / "page.html"), b"text")
    assert len(set(seen)) == 40
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
