"""A spool on disk: batches that could not be delivered wait here and survive a crash.

One file per batch, written aside, synced and moved into place, so that a batch is there wholly
or not at all.  Files are replayed oldest first and deleted once they are confirmed.  A full
spool refuses the newest batch and counts its events: the stated loss policy.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

Record = Dict[str, Any]


class Spool:
    """Batches in a directory, at most `max_batches` of them.

    Raises OSError where the directory cannot be made or written.
    """

    def __init__(self, directory: Path, max_batches: int = 10_000) -> None:
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._max_batches = max_batches
        self.lost_events = 0
        for leftover in self._directory.glob("*.tmp"):
            leftover.unlink()

    def __len__(self) -> int:
        return len(self.paths())

    def paths(self) -> List[Path]:
        """Return the waiting batches, oldest first."""
        return sorted(self._directory.glob("*.json"))

    def add(self, records: Sequence[Record]) -> Optional[Path]:
        """Keep a batch and return its file; None (and counted) where the spool is full."""
        if len(self) >= self._max_batches:
            self.lost_events += len(records)
            return None
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex[:8]}"
        aside = self._directory / f"{name}.tmp"
        with open(aside, "w", encoding="utf-8") as file:
            json.dump(list(records), file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        path = aside.with_suffix(".json")
        os.replace(str(aside), str(path))
        return path

    def read(self, path: Path) -> Optional[List[Record]]:
        """Return a batch; one that cannot be read is set aside as `.bad` and is None."""
        try:
            records = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            records = None
        if isinstance(records, list):
            return records
        self.set_aside(path, ".bad")
        return None

    def remove(self, path: Path) -> None:
        """Forget a batch that was confirmed."""
        if path.exists():
            path.unlink()

    def set_aside(self, path: Path, suffix: str) -> None:
        """Keep a batch for a person to look at, out of the way of replays."""
        if path.exists():
            os.replace(str(path), str(path.with_suffix(suffix)))
