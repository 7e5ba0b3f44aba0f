"""What takes long to make is made by one of the processes that run tests, and read by all."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable

import pytest

# How long a test waits for what must become true: long, for the machine may be busy.
PATIENCE_S = 300.0


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """Return a temporary folder that all processes of this run have in common."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def made_once(folder: Path, make: Callable[[], None]) -> None:
    """Create the folder and let `make` fill it, or wait until another process has done so.

    Nobody may change what is in there afterwards.  Where making it failed, it fails for all.
    """
    ready, failed = folder / "ready", folder / "failed"
    try:
        folder.mkdir()
    except FileExistsError:
        deadline = time.monotonic() + PATIENCE_S
        while not ready.exists():
            assert not failed.exists(), f"another process could not make {folder.name}"
            assert time.monotonic() < deadline, f"{folder.name} was never made"
            time.sleep(0.05)
        return
    try:
        make()
        ready.touch()
    except BaseException:
        failed.touch()
        raise
