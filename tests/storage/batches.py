"""Batches of rows to append, and file operations that fail on demand."""

from __future__ import annotations

import errno
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional

from finops.schema import WRITTEN_NAMES
from finops.storage.appender import HEADER, Appender
from finops.storage.file_operations import Files

ROWS = 4


def batch(number: int, rows: int = ROWS) -> bytes:
    """Return some distinct, well-formed rows."""
    lines = []
    for row in range(rows):
        cells = [f"c{number}r{row}"] * len(WRITTEN_NAMES)
        cells[0] = f"2025-01-01T{number:02d}:00:{row:02d}.000000"
        lines.append(",".join(cells) + "\n")
    return "".join(lines).encode("ascii")


def whole(batches: int) -> bytes:
    """Return the file with the header and so many batches."""
    return HEADER + b"".join(batch(number) for number in range(batches))


def fill(
    path: Path, batches: int, files: Files, simulation: Optional[Dict[str, Any]] = None
) -> None:
    """Append the batches that are missing until there are so many."""
    with Appender(path, simulation=simulation, sync_every=2, files=files) as out:
        for number in range(out.rows // ROWS, batches):
            out.append(batch(number), ROWS)


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a folder in memory, where the system has such: for thousands of small files."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=str(memory) if memory.is_dir() else None) as folder:
        yield Path(folder)


class Crash(BaseException):
    """The process died here."""


class Unflushed(Files):
    """Real operations but for the flushing, which takes long and which no test can see."""

    def fsync(self, fd: int) -> None:
        """Do nothing."""

    def sync_folder(self, path: str) -> None:
        """Do nothing."""


QUICK = Unflushed()


class FaultyFiles(Unflushed):
    """Real operations, of which the `at`-th goes wrong; later ones too if it is `sticky`.

    `how`: "refuse" (the disk is full), "short" (a write takes half, and says so), "half" (it
    takes half and is refused), or "crash": half a write, and then nothing any more, as in a
    process that was killed.
    """

    def __init__(self, at: int, how: str, sticky: bool = False) -> None:
        self.at = at
        self.how = how
        self.sticky = sticky or how == "crash"
        self.count = 0
        self.log: List[str] = []

    @property
    def reached(self) -> bool:
        """Whether anything went wrong."""
        return self.count >= self.at

    def _due(self, name: str) -> bool:
        self.count += 1
        self.log.append(name)
        return self.count == self.at or (self.sticky and self.count > self.at)

    def _fail(self) -> None:
        if self.how == "crash":
            raise Crash
        raise OSError(errno.ENOSPC, "No space left on device")

    def open(self, path: str, flags: int) -> int:
        if self._due("open"):
            self._fail()
        return super().open(path, flags)

    def write(self, fd: int, data: memoryview) -> int:
        if self._due("write"):
            first_time = self.count == self.at
            if self.how == "short" and first_time:
                return super().write(fd, data[: len(data) // 2 or 1])
            if self.how in ("crash", "half") and first_time:
                super().write(fd, data[: len(data) // 2])
            self._fail()
        return super().write(fd, data)

    def fsync(self, fd: int) -> None:
        if self._due("fsync"):
            self._fail()
        super().fsync(fd)

    def truncate(self, fd: int, length: int) -> None:
        if self._due("truncate"):
            self._fail()
        super().truncate(fd, length)

    def sync_folder(self, path: str) -> None:
        if self._due("fsync"):
            self._fail()
        super().sync_folder(path)

    def unlink(self, path: str) -> None:
        if self.how == "crash" and self.count >= self.at:
            self._fail()  # nobody is there any more to tidy up
        super().unlink(path)

    def replace(self, source: str, target: str) -> None:
        if self._due("replace"):
            self._fail()
        super().replace(source, target)
