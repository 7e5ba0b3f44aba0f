"""Finding the files of an import below folders, each of them once.

Links are followed; a folder that links lead back to is read once; a link to nothing is a line.
"""

from __future__ import annotations

import os
import stat
from typing import Callable, Dict, Iterator, Optional, Sequence, Set, Tuple

DeadLink = Callable[[str], None]


def files_below(
    folder: str, suffixes: Sequence[str] = (), on_dead_link: Optional[DeadLink] = None
) -> Iterator[str]:
    """Yield the regular files below a folder whose names end so, in the order of their paths.

    Also those packed with gzip.  A folder that does not exist has none.
    """
    endings = tuple(suffixes) + tuple(f"{suffix}.gz" for suffix in suffixes)
    seen: Set[Tuple[int, int]] = set()
    yield from _walk(folder, endings, seen, on_dead_link or (lambda path: None))


def _walk(
    folder: str, endings: Tuple[str, ...], seen: Set[Tuple[int, int]], on_dead_link: DeadLink
) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        path = waiting.pop()
        try:
            status = os.stat(path)
            names = sorted(os.listdir(path)) if stat.S_ISDIR(status.st_mode) else None
        except OSError:
            if os.path.islink(path):
                on_dead_link(path)
            continue
        identity = (status.st_dev, status.st_ino)
        if status.st_ino and identity in seen:
            continue
        seen.add(identity)
        if names is not None:
            waiting += [os.path.join(path, name) for name in reversed(names)]
        elif stat.S_ISREG(status.st_mode) and (not endings or path.endswith(endings)):
            yield path


class RealPaths:
    """Where paths really are; what leads to a folder is looked at once for all its files."""

    def __init__(self) -> None:
        self._folders: Dict[str, str] = {}

    def of(self, path: str) -> str:
        """Return a path without links."""
        if os.path.islink(path):
            return os.path.realpath(path)
        folder, name = os.path.split(path)
        if name in ("", os.curdir, os.pardir):
            return os.path.realpath(path)
        if folder not in self._folders:
            self._folders[folder] = os.path.realpath(folder)
        return os.path.join(self._folders[folder], name)
