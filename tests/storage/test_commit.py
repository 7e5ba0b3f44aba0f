"""The commit mark, and how far it lets a reader read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from finops.storage import commit as marks
from finops.storage.commit import (
    CommitRecord,
    commit_path,
    head_hash,
    read_commit,
    readable_end,
)
from finops.storage.pending import Pending
from tests.storage.batches import QUICK, batch, fill, whole


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    path = tmp_path / "calls.csv"
    fill(path, 3, QUICK)
    return path


def test_round_trip(csv: Path) -> None:
    end = len(whole(2))
    mark = CommitRecord(end, 8, 5, 0, head_hash(csv, end), "now", {"seed": 7}, Pending(10, 20, 3))
    marks.write_commit(csv, mark)
    assert read_commit(csv) == mark


def test_a_mark_cut_anywhere_is_no_mark(csv: Path) -> None:
    raw = commit_path(csv).read_bytes()
    for cut in range(len(raw)):
        commit_path(csv).write_bytes(raw[:cut])
        assert read_commit(csv) is None


def test_any_changed_byte_is_noticed(csv: Path) -> None:
    raw = commit_path(csv).read_bytes()
    kept = marks.decode(raw)
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        assert marks.decode(bytes(changed)) in (None, kept)


def test_no_file_no_mark(tmp_path: Path) -> None:
    assert read_commit(tmp_path / "nothing.csv") is None
    with pytest.raises(OSError, match="nothing"):
        readable_end(tmp_path / "nothing.csv")


def test_a_replaced_file_has_no_mark(csv: Path) -> None:
    csv.write_bytes(b"x" * csv.stat().st_size)
    assert read_commit(csv) is None


def test_reads_to_the_committed_end(csv: Path) -> None:
    assert readable_end(csv) == len(whole(3))


def test_reads_to_the_start_of_a_pending_batch(csv: Path) -> None:
    mark = read_commit(csv)
    assert mark is not None
    more = batch(3)
    marks.write_commit(csv, mark._replace(pending=Pending(len(more), 0, 4)))
    for written in (0, 1, len(more) // 2, len(more)):
        csv.write_bytes(whole(3) + more[:written])
        assert readable_end(csv) == len(whole(3))


def test_reads_whole_lines_that_somebody_appended(csv: Path) -> None:
    with open(csv, "ab") as file:
        file.write(batch(3, 1) + b"half a line")
    assert readable_end(csv) == len(whole(3)) + len(batch(3, 1))


def test_reads_all_of_a_file_without_a_mark(csv: Path) -> None:
    commit_path(csv).unlink()
    with open(csv, "ab") as file:
        file.write(b"half a line")
    assert readable_end(csv) == csv.stat().st_size


def test_reads_whole_lines_of_a_file_that_was_cut(csv: Path) -> None:
    csv.write_bytes(whole(40))
    fill(csv, 40, QUICK)
    os.truncate(str(csv), len(whole(40)) - 5)
    assert readable_end(csv) == whole(40).rindex(b"\n", 0, len(whole(40)) - 5) + 1


def test_last_newline_across_pieces(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"a\n" + b"b" * 200_000)
    assert marks.last_newline(path, 200_002) == 2
    assert marks.last_newline(path, 1) == 0
