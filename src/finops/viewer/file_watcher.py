"""Following growing files: size, line count and identity, reading only what is new.

A file can grow, be cut, be replaced by another of the same size, or vanish.  Growth is trusted
only while device, inode, the hash of the head and the hash of the last 4 KiB before the known
end are what they were; any doubt starts over from zero.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from pathlib import Path
from typing import BinaryIO, Callable, List, NamedTuple, Optional, Sequence, Tuple, Union

from finops.regular_files import open_regular
from finops.viewer.datasets import data_file

_CHUNK = 1 << 20
_EDGE = 4096


class FileState(NamedTuple):
    """What is known of the file.

    `generation` rises whenever the content is not a continuation of what was there before.
    `line_count` counts line ends up to `counted_bytes`, which trails `size_bytes` while a
    large file is read for the first time.  `files` is how many files these are together.
    """

    exists: bool = False
    generation: int = 0
    size_bytes: int = 0
    counted_bytes: int = 0
    line_count: int = 0
    modified_at: Optional[float] = None
    files: int = 1

    @property
    def version(self) -> Tuple[int, int]:
        """Identity of the content as far as it is known: generation and size."""
        return self.generation, self.size_bytes


class _Known(NamedTuple):
    """Fingerprints of the part that was counted."""

    identity: Tuple[int, int]
    modified_ns: int
    head: bytes
    tail: bytes
    checksum: int


_NOTHING = _Known((0, 0), 0, b"", b"", 0)


class FileWatcher:
    """Follows one path.  `poll` is called by one thread; `state` may be read by any."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._state = FileState()
        self._known = _NOTHING

    @property
    def state(self) -> FileState:
        """The latest state."""
        with self._lock:
            return self._state

    def now(self) -> FileState:
        """Return the state with counts as of the last poll, and size and time as of now."""
        status = data_file(self.path)
        if status is None:
            return self.state._replace(exists=False, size_bytes=0, modified_at=None)
        size, modified_at = status.st_size, status.st_mtime
        return self.state._replace(exists=True, size_bytes=size, modified_at=modified_at)

    def poll(self, stop: Callable[[], bool] = lambda: False) -> FileState:
        """Look at the file, read what is new and return the state.

        `stop` is asked after every megabyte; where it returns True, the rest is left for the
        next poll.  Trouble with reading counts as the file not being there.
        """
        try:
            with open_regular(self.path, buffering=0) as stream:
                self._look(stream, os.fstat(stream.fileno()), stop)
        except (OSError, ValueError):
            self._vanished()
        return self.state

    def _vanished(self) -> None:
        state = self.state
        if state.exists:
            self._publish(FileState(generation=state.generation + 1))
            self._known = _NOTHING

    def _look(self, stream: BinaryIO, status: os.stat_result, stop: Callable[[], bool]) -> None:
        state = self.state
        size = status.st_size
        if not self._continues(stream, status, state):
            # The first look replaces nothing: what was asked for before it stays valid.
            first = state == FileState()
            state = FileState(generation=0 if first else state.generation + 1)
            self._known = _NOTHING
        elif size == state.counted_bytes:
            state = self._settle(stream, status, state)
        state = state._replace(exists=True, size_bytes=size, modified_at=status.st_mtime)
        self._publish(state)
        self._read_on(stream, status, state, stop)

    def _continues(self, stream: BinaryIO, status: os.stat_result, state: FileState) -> bool:
        """Return whether the counted part is still there as it was."""
        if not state.exists:
            return False
        known = self._known
        return (
            (status.st_dev, status.st_ino) == known.identity
            and status.st_size >= state.counted_bytes
            and (known.head, known.tail) == _edges(stream, state.counted_bytes)
        )

    def _settle(self, stream: BinaryIO, status: os.stat_result, state: FileState) -> FileState:
        """Return the state of a file of the same size; its middle is read again if touched."""
        if status.st_mtime_ns == self._known.modified_ns:
            return state
        stream.seek(0)
        checksum = 0
        for chunk in iter(lambda: stream.read(_CHUNK), b""):
            checksum = zlib.crc32(chunk, checksum)
        if checksum == self._known.checksum:
            self._known = self._known._replace(modified_ns=status.st_mtime_ns)
            return state
        self._known = _NOTHING
        return FileState(generation=state.generation + 1)

    def _read_on(
        self,
        stream: BinaryIO,
        status: os.stat_result,
        state: FileState,
        stop: Callable[[], bool],
    ) -> None:
        """Count the bytes that are new, publishing as it goes."""
        position, lines, checksum = state.counted_bytes, state.line_count, self._known.checksum
        if position == status.st_size and self._known.identity != (0, 0):
            return
        stream.seek(position)
        while position < status.st_size and not stop():
            chunk = stream.read(min(_CHUNK, status.st_size - position))
            if not chunk:
                break
            position += len(chunk)
            lines += chunk.count(b"\n")
            checksum = zlib.crc32(chunk, checksum)
            self._publish(state._replace(counted_bytes=position, line_count=lines))
        identity = (status.st_dev, status.st_ino)
        head, tail = _edges(stream, position)
        self._known = _Known(identity, status.st_mtime_ns, head, tail, checksum)

    def _publish(self, state: FileState) -> None:
        with self._lock:
            self._state = state


class FilesWatcher:
    """Follows several files as one: sizes and lines add up, and whatever happens to one of them
    happens to all.  `listed` says which files there are now.

    A file that joins or leaves starts a new generation, as a replaced one does.
    """

    def __init__(self, listed: Callable[[], Sequence[Path]]) -> None:
        self._listed = listed
        self._lock = threading.Lock()
        self._changes = 0
        self._watchers = {path: FileWatcher(path) for path in listed()}

    @property
    def state(self) -> FileState:
        """The latest state."""
        return self._together(lambda watcher: watcher.state)

    def now(self) -> FileState:
        """Return the state with counts as of the last poll, and sizes and times as of now."""
        return self._together(FileWatcher.now)

    def poll(self, stop: Callable[[], bool] = lambda: False) -> FileState:
        """Look at all files, as `FileWatcher.poll` does, and return the state."""
        self._list_anew()
        for watcher in self._known():
            watcher.poll(stop)
        return self.state

    def _known(self) -> List[FileWatcher]:
        with self._lock:
            return list(self._watchers.values())

    def _list_anew(self) -> None:
        listed = self._listed()
        with self._lock:
            before = self._watchers
            if set(before) == set(listed):
                return
            # What left takes its generations along; the sum must not fall.
            left = sum(w.state.generation for path, w in before.items() if path not in listed)
            self._changes += 1 + left
            self._watchers = {path: before.get(path) or FileWatcher(path) for path in listed}

    def _together(self, state_of: Callable[[FileWatcher], FileState]) -> FileState:
        states = [state_of(watcher) for watcher in self._known()]
        times = [state.modified_at for state in states if state.modified_at is not None]
        return FileState(
            exists=any(state.exists for state in states),
            generation=self._changes + sum(state.generation for state in states),
            size_bytes=sum(state.size_bytes for state in states),
            counted_bytes=sum(state.counted_bytes for state in states),
            line_count=sum(state.line_count for state in states),
            modified_at=max(times) if times else None,
            files=len(states),
        )


Watcher = Union[FileWatcher, FilesWatcher]


def _edges(stream: BinaryIO, end: int) -> Tuple[bytes, bytes]:
    """Return the hashes of the first and of the last block of the first `end` bytes."""
    hashes = []
    for start in (0, max(0, end - _EDGE)):
        stream.seek(start)
        block = stream.read(min(_EDGE, end - start))
        hashes.append(hashlib.sha256(block).digest())
    return hashes[0], hashes[1]
