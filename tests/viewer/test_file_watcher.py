"""Following a file: counts from new bytes only, and every kind of replacement noticed."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any, List

import pytest

from finops import config
from finops.viewer.file_watcher import FileWatcher


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "calls.csv"
    file.write_bytes(b"header\n" + b"row one\n" * 3000)
    return file


def test_counts_lines_and_bytes(path: Path) -> None:
    state = FileWatcher(path).poll()
    assert state.exists
    assert state.line_count == 3001
    assert state.size_bytes == state.counted_bytes == path.stat().st_size


def test_only_new_bytes_are_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(b"row one\n" * 1_000_000)
    follower = FileWatcher(path)
    follower.poll()
    read: List[int] = []
    real = zlib.crc32

    def counting(data: Any, *rest: Any) -> int:
        read.append(len(data))
        return real(data, *rest)

    monkeypatch.setattr(zlib, "crc32", counting)
    with open(str(path), "ab") as out:
        out.write(b"row two\n" * 5)
    assert follower.poll().line_count == 1_000_005
    assert sum(read) == 40
    follower.poll()
    assert sum(read) == 40


def test_growth_keeps_the_generation(path: Path) -> None:
    follower = FileWatcher(path)
    first = follower.poll()
    with open(str(path), "ab") as out:
        out.write(b"half a row")
    second = follower.poll()
    assert second.generation == first.generation
    assert second.line_count == first.line_count
    with open(str(path), "ab") as out:
        out.write(b" and its end\n")
    assert follower.poll().line_count == first.line_count + 1


def rewrite_shorter(path: Path) -> None:
    path.write_bytes(b"header\n" + b"row one\n" * 10)


def rewrite_same_size(path: Path) -> None:
    path.write_bytes(b"header\n" + b"row two\n" * 3000)


def change_the_middle(path: Path) -> None:
    with open(str(path), "r+b") as out:
        out.seek(path.stat().st_size // 2)
        out.write(b"\n\n\n")
    os.utime(str(path), (1, 1))


def rename_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"header\n" + b"row one\n" * 4000)
    os.replace(str(other), str(path))


def same_bytes_renamed_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.replace(str(other), str(path))


def empty_and_grow_past(path: Path) -> None:
    path.write_bytes(b"")
    path.write_bytes(b"other\n" + b"row two!\n" * 5000)


def cut_by_one_byte(path: Path) -> None:
    os.truncate(str(path), path.stat().st_size - 1)


@pytest.mark.parametrize(
    "change",
    [
        rewrite_shorter,
        rewrite_same_size,
        change_the_middle,
        rename_over,
        same_bytes_renamed_over,
        empty_and_grow_past,
        cut_by_one_byte,
    ],
)
def test_replacement_starts_over(path: Path, change: Any) -> None:
    follower = FileWatcher(path)
    first = follower.poll()
    change(path)
    second = follower.poll()
    assert second.generation > first.generation
    assert second.line_count == path.read_bytes().count(b"\n")
    assert second == FileWatcher(path).poll()._replace(generation=second.generation)


def test_touching_is_no_change(path: Path) -> None:
    follower = FileWatcher(path)
    first = follower.poll()
    for stamp in (0, 4_070_908_800):  # 1970 and 2099
        os.utime(str(path), (stamp, stamp))
        assert follower.poll().version == first.version


def test_deletion_and_return(path: Path) -> None:
    follower = FileWatcher(path)
    first = follower.poll()
    content = path.read_bytes()
    path.unlink()
    gone = follower.poll()
    assert not gone.exists
    assert gone.line_count == 0
    assert follower.poll().generation == gone.generation
    path.write_bytes(content)
    back = follower.poll()
    assert back.line_count == first.line_count
    assert back.generation > gone.generation


def test_what_is_no_file_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert not FileWatcher(tmp_path / "folder.csv").poll().exists
    assert not FileWatcher(tmp_path / "nothing.csv").poll().exists


def test_stops_within_a_megabyte_and_goes_on_later(path: Path) -> None:
    path.write_bytes(b"row one\n" * config.MEGABYTE)
    follower = FileWatcher(path)
    asked: List[int] = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 2

    part = follower.poll(stop)
    assert part.counted_bytes == 2 * config.MEGABYTE
    assert part.size_bytes == 8 * config.MEGABYTE
    whole = follower.poll()
    assert whole.line_count == config.MEGABYTE
    assert whole.generation == part.generation
