"""Time limits that hold on a busy machine, too."""

from __future__ import annotations

import os
from pathlib import Path

BUSY_FACTOR = 10


def allowed_s(seconds: float) -> float:
    """Return a time limit: as stated, or ten times that where processes wait for a core.

    What takes longer on a busy machine says nothing about the code.  What would never end, or
    only after a minute, still fails.
    """
    return seconds * (BUSY_FACTOR if waiting_for_cores() else 1)


def waiting_for_cores() -> bool:
    """Return whether more threads want to run than there are cores, now or in the last minute."""
    cores = os.cpu_count() or 1
    last_minute = getattr(os, "getloadavg", lambda: (0.0,))()[0]
    return max(last_minute, _running_now()) > cores


def _running_now() -> int:
    """Return how many threads of this machine run or could run (Linux)."""
    try:
        return int(Path("/proc/loadavg").read_text().split()[3].split("/")[0])
    except OSError:
        return 0
