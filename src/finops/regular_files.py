"""Opening files that must be regular ones: never waiting, whatever lies at their path.

A pipe waits for a program at its other end, a device may do anything when it is opened, a folder
can be opened but not read.  Every file that a user, a program or an attacker could have put in
place is opened here.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO, Optional, Union

PathLike = Union[str, Path]

_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_NEVER_WAIT = getattr(os, "O_NONBLOCK", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class NotRegularFileError(OSError):
    """There is something else at the path: a folder, a pipe, a socket, a device."""

    def __init__(self, path: PathLike) -> None:
        super().__init__(errno.EINVAL, "not a regular file", str(path))


def open_regular(path: PathLike, buffering: int = -1, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading bytes.

    `buffering` is as for `open`.  With `follow` False a symbolic link is refused as well.
    Raises NotRegularFileError, or the OSError of the system; never waits for anybody.
    """
    # Looked at before, for opening a device may already do something; and after, for what was
    # looked at may have been replaced.
    if not stat.S_ISREG((os.stat if follow else os.lstat)(path).st_mode):
        raise NotRegularFileError(path)
    descriptor = open_descriptor(path, _READ if follow else _READ | _NO_LINK)
    return os.fdopen(descriptor, "rb", buffering)


def open_descriptor(path: PathLike, flags: int) -> int:
    """Open a regular file by the flags of `os.open`, new ones for their owner to write.

    Raises NotRegularFileError, or the OSError of the system; never waits for anybody.
    """
    try:
        descriptor = os.open(path, flags | _NEVER_WAIT, 0o644)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.EOPNOTSUPP):  # a pipe nobody reads, a socket
            raise NotRegularFileError(path) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFileError(path)
    return descriptor


def read_regular(path: PathLike, limit: Optional[int] = None, follow: bool = True) -> bytes:
    """Return the content of a regular file, read whole.

    Raises as `open_regular`, and OSError where there are more than `limit` bytes.
    """
    with open_regular(path, follow=follow) as stream:
        if limit is None:
            return stream.read()
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content
