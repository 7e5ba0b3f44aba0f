"""The small files beside a dataset: where they are, and how they are opened.

A dataset is known by its real path, so that every program that reaches it through symbolic
links meets the same lock, commit record, ground truth and cache.  (A hard link is another name of
its own: it has sidecars of its own, and only the lock on the data itself is shared.)

Whatever lies at a sidecar's path may have been put there by someone else.  A link there is
not followed, nothing but a regular file is opened, no open ever waits, and a content of any
bytes is either what was asked for or counts as unreadable.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import BinaryIO

from finops.regular_files import PathLike, open_descriptor, open_regular

# Each is 0 where the system has no such thing.
_BINARY: int = getattr(os, "O_BINARY", 0)
_NOFOLLOW: int = getattr(os, "O_NOFOLLOW", 0)


def real_path(path: PathLike) -> str:
    """Return the absolute path of a file without symbolic links; it need not exist."""
    return os.path.realpath(os.fspath(path))


def sidecar(path: PathLike, suffix: str) -> Path:
    """Return the path of a dataset's sidecar, the same whichever link `path` is."""
    return Path(real_path(path) + suffix)


def open_own(path: PathLike, flags: int = os.O_RDONLY) -> int:
    """Open a sidecar, or a file to write, and return its descriptor; no child inherits it.

    Never waits.  Raises OSError, also where there is a symbolic link or something else than a
    regular file.
    """
    # For systems without O_NOFOLLOW; what must be new is never a link.
    if not flags & os.O_EXCL and os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a symbolic link", os.fspath(path))
    return open_descriptor(path, flags | _BINARY | _NOFOLLOW)


def open_data(path: PathLike) -> BinaryIO:
    """Open a dataset for reading bytes; raises OSError where it is not a regular file."""
    return open_regular(path)


def read_own(path: PathLike, limit: int, only_mine: bool = False) -> bytes:
    """Return the content of a sidecar.

    Raises OSError as `open_own` does, with `only_mine` also where another user has written
    it, and ValueError where there are more than `limit` bytes.
    """
    with os.fdopen(open_own(path), "rb") as file:
        if only_mine and sys.platform != "win32" and os.fstat(file.fileno()).st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "another user owns it", os.fspath(path))
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"{path} has more than {limit} bytes")
    return content
