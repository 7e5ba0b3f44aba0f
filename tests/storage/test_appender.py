"""Appending: whatever fails, and whenever, no batch is lost, torn or doubled."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import pytest

from finops.errors import DataError, LockError, StorageError
from finops.storage.appender import FULL_HEADER, HEADER, Appender, appending
from finops.storage.commit import commit_path, read_commit, readable_end
from finops.storage.file_operations import Files
from finops.storage.lock import writer_lock
from tests.storage.batches import QUICK, ROWS, Crash, FaultyFiles, batch, fill, memory_folder, whole

BATCHES = 5
WAYS = (
    *(("refuse", False), ("refuse", True), ("half", False)),
    *(("short", False), ("short", True), ("crash", True)),
)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return tmp_path / "calls.csv"


def is_whole_batches(data: bytes) -> bool:
    """Whether the bytes are the header and whole batches, or nothing at all."""
    return data == b"" or any(data == whole(count) for count in range(BATCHES + 1))


def readable(path: Path) -> bytes:
    return path.read_bytes()[: readable_end(path)] if path.exists() else b""


def test_header_goes_into_an_empty_file_only(csv: Path) -> None:
    fill(csv, 1, QUICK)
    fill(csv, 2, QUICK)
    assert csv.read_bytes() == whole(2)
    assert csv.read_bytes().count(HEADER) == 1


def test_the_mark_says_what_is_there(csv: Path) -> None:
    with Appender(csv) as out:
        out.append(batch(0), ROWS, clock="2025-01-01T00:00:03.000000")
        assert (out.rows, out.end) == (ROWS, len(whole(1)))
    mark = read_commit(csv)
    assert mark is not None
    assert (mark.end, mark.rows, mark.synced_end) == (len(whole(1)), ROWS, len(whole(1)))
    assert mark.clock == "2025-01-01T00:00:03.000000"
    assert mark.pending is None


def test_flushes_every_so_many_batches(csv: Path) -> None:
    files = FaultyFiles(10**9, "refuse")
    with Appender(csv, sync_every=2, files=files) as out:
        flushed = []
        for number in range(4):
            before = files.log.count("fsync")
            out.append(batch(number), ROWS)
            flushed.append(files.log.count("fsync") > before)
    # The header was the first batch.
    assert flushed == [True, False, True, False]


def _sweep(how: str, sticky: bool) -> Iterator[int]:
    """Count up until an operation number that is never reached."""
    at = 1
    while True:
        yield at
        at += 1
        assert at < 500, "the sweep does not end"


@pytest.mark.sampled
@pytest.mark.parametrize(("how", "sticky"), WAYS)
def test_fault_sweep(tmp_path: Path, how: str, sticky: bool) -> None:
    for at in _sweep(how, sticky):
        csv = tmp_path / f"{at}.csv"
        files = FaultyFiles(at, how, sticky)
        with suppress(StorageError, Crash):
            fill(csv, BATCHES, files)
        assert is_whole_batches(readable(csv)), (at, files.log[-3:])
        if how != "crash" and not sticky and csv.exists():
            assert is_whole_batches(csv.read_bytes()), "what was torn had to be cut back"
        fill(csv, BATCHES, QUICK)
        assert csv.read_bytes() == whole(BATCHES), (at, files.log[-3:])
        assert not list(tmp_path.glob("*.tmp")), "temporary files were left behind"
        if not files.reached:
            break


@pytest.mark.sampled
@pytest.mark.unmeasured
@pytest.mark.parametrize(("how", "sticky"), WAYS)
@pytest.mark.parametrize("first", [9, 12, 14, 17, 20, 23])
def test_fault_sweep_during_recovery(tmp_path: Path, first: int, how: str, sticky: bool) -> None:
    for at in _sweep(how, sticky):
        csv = tmp_path / f"{at}.csv"
        with suppress(Crash):
            fill(csv, BATCHES, FaultyFiles(first, "crash"))
        files = FaultyFiles(at, how, sticky)
        with suppress(StorageError, Crash):
            fill(csv, BATCHES, files)
        assert is_whole_batches(readable(csv)), at
        fill(csv, BATCHES, QUICK)
        assert csv.read_bytes() == whole(BATCHES), at
        if not files.reached:
            break


def test_a_refusal_is_one_sentence_with_a_remedy(csv: Path) -> None:
    fill(csv, 1, QUICK)
    files = FaultyFiles(10**9, "refuse", sticky=True)
    out = Appender(csv, files=files)
    files.at = files.count + 4  # behind the pending mark: while the rows are written
    with pytest.raises(StorageError) as caught:
        out.append(batch(1), ROWS)
    out.close()
    assert "No space left on device" in str(caught.value)
    assert "free disk space" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_after_a_refusal_nothing_more_is_taken(csv: Path) -> None:
    files = FaultyFiles(10**9, "refuse")
    out = Appender(csv, files=files)
    files.at = files.count + 1
    with pytest.raises(StorageError):
        out.append(batch(0), ROWS)
    with pytest.raises(StorageError, match="run the command again"):
        out.append(batch(0), ROWS)
    out.close()
    assert csv.read_bytes() == HEADER


def test_an_interrupt_between_writes_leaves_whole_batches(csv: Path) -> None:
    class Interrupting(Files):
        def write(self, fd: int, data: memoryview) -> int:
            if len(data) == len(batch(0)):
                super().write(fd, data[:100])
                raise KeyboardInterrupt
            return super().write(fd, data)

    with pytest.raises(KeyboardInterrupt), Appender(csv, files=Interrupting()) as out:
        out.append(batch(0), ROWS)
    assert csv.read_bytes() == HEADER
    mark = read_commit(csv)
    assert mark is not None
    assert mark.pending is None


@pytest.mark.parametrize("simulation", [None, {"seed": 1}])
def test_truncate_every_offset(tmp_path: Path, simulation: Optional[Dict[str, Any]]) -> None:
    """Every byte of the last three rows, and 200 others."""
    csv, torn = tmp_path / "calls.csv", tmp_path / "calls.csv.torn-1"
    golden = whole(BATCHES)
    fill(csv, BATCHES, QUICK, simulation)
    mark = commit_path(csv).read_bytes()
    seed = random.randrange(10**6)
    print("seed", seed)
    draw = random.Random(seed)
    offsets = [draw.randrange(len(HEADER), len(golden)) for _ in range(200)]
    for offset in [*range(len(golden) - 3 * len(batch(1)) // ROWS, len(golden)), *offsets]:
        csv.write_bytes(golden[:offset])
        commit_path(csv).write_bytes(mark)
        kept = golden[: golden.rindex(b"\n", 0, offset) + 1]
        shown = readable(csv)
        assert shown.startswith(kept)
        assert b"\n" not in shown[len(kept) :]
        with Appender(csv, simulation=simulation, files=QUICK) as out:
            assert csv.read_bytes() == kept
            assert out.rows == kept.count(b"\n") - 1
            assert out.repaired
        assert (torn.read_bytes() if torn.exists() else b"") == golden[len(kept) : offset]
        if torn.exists():
            torn.unlink()


def test_torn_bytes_are_kept_aside_and_never_overwritten(csv: Path) -> None:
    fill(csv, 1, QUICK)
    for number in (1, 2):
        with open(csv, "ab") as file:
            file.write(b"half a li")
        with Appender(csv) as out:
            assert any(f"torn-{number}" in sentence for sentence in out.repaired)
        assert Path(f"{csv}.torn-{number}").read_bytes() == b"half a li"
    assert csv.read_bytes() == whole(1)


def test_lines_of_another_program_are_adopted_and_never_cut(csv: Path) -> None:
    fill(csv, 1, QUICK)
    with open(csv, "ab") as file:
        file.write(batch(1, 2) + b"and half")
    with Appender(csv) as out:
        assert out.rows == ROWS + 2
        assert out.adopted_from == len(whole(1))
    assert csv.read_bytes() == whole(1) + batch(1, 2)


def killed_in_a_batch(csv: Path, written: int) -> bytes:
    """Leave one whole batch, and of a second one so many bytes; return these."""
    files = FaultyFiles(10**9, "crash")
    with suppress(Crash), Appender(csv, files=files) as out:
        out.append(batch(0), ROWS)
        files.at = files.count + 4  # open, write and replace the mark, then write the rows
        out.append(batch(1), ROWS)
    begun = batch(1)[:written]
    csv.write_bytes(whole(1) + begun)
    return begun


@pytest.mark.parametrize("foreign", [1, 2, ROWS, 3 * ROWS])
@pytest.mark.parametrize("whole_lines", range(ROWS))
@pytest.mark.parametrize("torn", [0, 5, 40, -3, -1])
def test_lines_behind_an_unfinished_batch_count(
    csv: Path, whole_lines: int, torn: int, foreign: int
) -> None:
    """Somebody else appends after the writer was killed: nothing of theirs is ever cut."""
    line = len(batch(1)) // ROWS
    begun = killed_in_a_batch(csv, whole_lines * line + torn % line)
    others = batch(9, foreign)
    with open(str(csv), "ab") as file:
        file.write(others)
    assert readable(csv) == whole(1) + begun + others, "readers need no repair first"
    with Appender(csv) as out:
        assert out.rows == ROWS + (begun + others).count(b"\n")
        assert out.adopted_from == len(whole(1))
        assert any("after an unfinished batch" in sentence for sentence in out.repaired)
        out.append(batch(2), ROWS)
    assert csv.read_bytes() == whole(1) + begun + others + batch(2)
    assert readable(csv) == csv.read_bytes()


@pytest.mark.parametrize("written", [0, 1, 30, 50, 100, 150, -30, -1])
def test_the_beginning_of_a_batch_alone_counts_for_nothing(csv: Path, written: int) -> None:
    """Be it whole lines or not: no reader sees part of a batch, and the next writer cuts it."""
    line = len(batch(1)) // ROWS
    for length in (written % len(batch(1)), line, 2 * line, 3 * line):
        begun = killed_in_a_batch(csv, length)
        assert readable(csv) == whole(1)
        with Appender(csv) as out:
            assert (out.rows, out.adopted_from) == (ROWS, None)
        assert csv.read_bytes() == whole(1)
        torn = Path(f"{csv}.torn-1")
        assert (torn.read_bytes() if torn.exists() else b"") == begun
        for left in (csv, torn, commit_path(csv)):
            left.unlink() if left.exists() else None


def test_lines_behind_a_whole_batch_that_was_not_committed_count(csv: Path) -> None:
    killed_in_a_batch(csv, len(batch(1)))
    with open(str(csv), "ab") as file:
        file.write(batch(9, 2))
    assert readable(csv) == whole(2) + batch(9, 2)
    with Appender(csv) as out:
        assert (out.rows, out.adopted_from) == (2 * ROWS + 2, len(whole(2)))
    assert csv.read_bytes() == whole(2) + batch(9, 2)


def test_a_batch_that_is_being_written_is_not_taken_for_lines_of_others(csv: Path) -> None:
    begun = killed_in_a_batch(csv, 100)
    with open(str(csv), "ab") as file:
        file.write(batch(9))
    with writer_lock(csv):  # the writer lives
        assert readable(csv) == whole(1)
    assert readable(csv) == whole(1) + begun + batch(9)


def test_another_program_that_writes_meanwhile_loses_nothing(csv: Path) -> None:
    with Appender(csv) as out:
        out.append(batch(0), ROWS)
        with open(str(csv), "ab") as file:
            file.write(batch(9, 1))
        with pytest.raises(StorageError, match="another program is writing"):
            out.append(batch(1), ROWS)
    assert csv.read_bytes() == whole(1) + batch(9, 1)
    with Appender(csv) as out:
        assert out.rows == ROWS + 1
        out.append(batch(1), ROWS)
    assert csv.read_bytes() == whole(1) + batch(9, 1) + batch(1)


@pytest.mark.parametrize("when", ["before", "within", "behind"])
def test_a_failing_batch_cuts_nothing_of_others(csv: Path, when: str) -> None:
    """While a batch is written another program appends, and then the disk refuses."""

    class Interrupted(Files):
        def write(self, fd: int, data: memoryview) -> int:
            if bytes(data[:20]) != batch(1)[:20]:
                return super().write(fd, data)
            if when == "within":
                super().write(fd, data[:70])
            if when == "behind":
                super().write(fd, data)
            with open(str(csv), "ab") as file:
                file.write(batch(9, 1))
            raise OSError(28, "No space left on device")

    with Appender(csv, files=Interrupted()) as out:
        out.append(batch(0), ROWS)
        with pytest.raises(StorageError):
            out.append(batch(1), ROWS)
    assert csv.read_bytes().endswith(batch(9, 1))
    with Appender(csv):
        pass
    assert csv.read_bytes().endswith(batch(9, 1))


def test_a_whole_pending_batch_is_kept(csv: Path) -> None:
    files = FaultyFiles(10**9, "crash")
    with suppress(Crash), Appender(csv, files=files) as out:
        out.append(batch(0), ROWS)
        start = files.log.count("replace")
        files.at = files.count + 7  # open, write, replace; write; open, write, replace
        out.append(batch(1), ROWS)
    assert files.log.count("replace") == start + 2
    assert csv.read_bytes() == whole(2)
    assert readable(csv) == whole(1)
    with Appender(csv) as out:
        assert out.rows == 2 * ROWS
        assert out.repaired == (f"Kept a batch of {ROWS} rows that was written in full.",)


MARKS = ("kept", "missing", "empty", "older", "damaged", "of another file")


@pytest.mark.parametrize("state", MARKS)
@pytest.mark.parametrize("nuls", [0, 1, 300, 70_000])
def test_powercut_images(csv: Path, state: str, nuls: int) -> None:
    fill(csv, 2, QUICK, {"seed": 1})
    older = commit_path(csv).read_bytes()
    fill(csv, 4, QUICK, {"seed": 1})
    kept = commit_path(csv).read_bytes()
    contents = {
        "kept": kept,
        "empty": b"",
        "older": older,
        "damaged": kept.replace(b'"rows": ', b'"rows": 1'),
        "of another file": kept.replace(b'"head_hash": "', b'"head_hash": "0'),
    }
    if state == "missing":
        commit_path(csv).unlink()
    else:
        commit_path(csv).write_bytes(contents[state])
    data = csv.read_bytes()
    cut = max(len(whole(2)), len(data) - nuls)
    csv.write_bytes(data[:cut] + b"\0" * nuls)
    with Appender(csv, simulation={"seed": 1}):
        pass
    recovered = csv.read_bytes()
    assert b"\0" not in recovered or state == "kept"
    assert recovered.endswith(b"\n")
    if state != "kept":  # flushed rows were damaged behind the mark's back: not a power cut
        assert whole(4).startswith(recovered)
        assert recovered.startswith(whole(2))


def test_unflushed_rows_full_of_nuls_are_given_up(csv: Path) -> None:
    fill(csv, 20, QUICK, {"seed": 1})  # more than what the mark knows the file by
    out = Appender(csv, simulation={"seed": 1}, sync_every=100)
    out.append(batch(20), ROWS)
    os.close(out._fd)  # the process ends here, and the machine with it
    data = csv.read_bytes()
    csv.write_bytes(data[:-200] + b"\0" * 200)
    with Appender(csv, simulation={"seed": 1}) as out:
        assert csv.read_bytes() == whole(21)[: out.end]
        assert len(whole(20)) <= out.end < len(whole(21))
        assert out.rows == csv.read_bytes().count(b"\n") - 1


def test_other_columns_are_refused_and_left_alone(csv: Path) -> None:
    csv.write_bytes(b"a,b,c\n1,2,3\n")
    with pytest.raises(DataError, match="other columns"):
        Appender(csv)
    assert csv.read_bytes() == b"a,b,c\n1,2,3\n"


def test_a_file_keeps_the_header_that_it_has(csv: Path) -> None:
    with Appender(csv, new_header=FULL_HEADER) as out:
        assert out.header == FULL_HEADER
    with Appender(csv, new_header=FULL_HEADER) as out:
        assert out.header == FULL_HEADER
    assert csv.read_bytes() == FULL_HEADER
    with pytest.raises(DataError, match="other columns"):
        Appender(csv)
    csv.write_bytes(b"")
    with Appender(csv):
        pass
    with Appender(csv, new_header=FULL_HEADER) as out:
        assert out.header == HEADER
    assert csv.read_bytes() == HEADER


@pytest.mark.parametrize("left", [1, len(HEADER) - 1, len(HEADER) + 1, len(FULL_HEADER) - 1])
def test_part_of_a_header_is_written_anew(csv: Path, left: int) -> None:
    csv.write_bytes(FULL_HEADER[:left])
    with Appender(csv, new_header=FULL_HEADER) as out:
        assert out.header == FULL_HEADER
    assert csv.read_bytes() == FULL_HEADER


def test_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Appender(tmp_path / "nowhere" / "calls.csv")


def test_appending_holds_the_lock(csv: Path) -> None:
    with appending(csv) as out:
        out.append(batch(0), ROWS)
        with pytest.raises(LockError), writer_lock(csv):
            pass
    assert csv.read_bytes() == whole(1)


def test_crash_while_copying_torn_bytes_loses_none(csv: Path) -> None:
    fill(csv, 1, QUICK)
    with open(csv, "ab") as file:
        file.write(b"precious")
    ends: Tuple[int, ...] = tuple(range(1, 9))
    for at in ends:
        with suppress(Crash, StorageError):
            Appender(csv, files=FaultyFiles(at, "crash"))
        torn = [p.read_bytes() for p in csv.parent.glob("*.torn-*")]
        assert csv.read_bytes().endswith(b"precious") or b"precious" in torn
