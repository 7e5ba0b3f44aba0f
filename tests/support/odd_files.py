"""What can lie at a path besides a regular file."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Callable, Dict


def make_pipe(path: Path) -> None:
    """Put a pipe there, which nobody writes to."""
    os.mkfifo(str(path))


def make_socket(path: Path) -> None:
    """Put a socket there; it stays when nobody listens any more."""
    with socket.socket(socket.AF_UNIX) as listener:
        folder = os.open(str(path.parent), os.O_RDONLY)
        try:  # a socket's address has to be short
            listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        finally:
            os.close(folder)


def make_folder(path: Path) -> None:
    """Put a folder there."""
    path.mkdir()


def make_dangling_link(path: Path) -> None:
    """Put a link there that leads nowhere."""
    path.symlink_to(path.with_name("nowhere.csv"))


def make_link_to_device(path: Path) -> None:
    """Put a link there that leads to a device which never ends."""
    path.symlink_to("/dev/zero")


ODD_FILES: Dict[str, Callable[[Path], None]] = {
    "pipe": make_pipe,
    "socket": make_socket,
    "directory": make_folder,
    "dangling link": make_dangling_link,
    "device": make_link_to_device,
}
