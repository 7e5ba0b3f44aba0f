"""Which dataset is shown, which others there are, and where the reports of each lie.

A dataset is a CSV file in the folder of the one that the server was started with.  Names come
from listing that folder; a name from a request is only ever compared with them.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional

from finops import config


class Dataset(NamedTuple):
    """One dataset: the name of its file, its path, and the folder of its reports."""

    name: str
    path: Path
    reports: Path


def regular_file(path: Path) -> Optional[os.stat_result]:
    """Return the status of a regular file; None for anything else, links included."""
    try:
        status = os.lstat(str(path))
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def data_file(path: Path) -> Optional[os.stat_result]:
    """Return the status of a dataset's file; the one that the user names may be a link."""
    try:
        status = os.stat(str(path))
    except (OSError, ValueError):
        return None
    return status if stat.S_ISREG(status.st_mode) else None


class Datasets:
    """The current dataset and its neighbours.

    The first dataset keeps the reports folder it was started with; each other one has a
    folder of its own below it, so that switching never mixes reports.
    """

    def __init__(self, data: Path, reports: Path) -> None:
        self._first = Dataset(data.name, data, reports)
        self._current = self._first
        self._lock = threading.Lock()

    @property
    def current(self) -> Dataset:
        """The dataset that status, analyses and reports are of."""
        with self._lock:
            return self._current

    @property
    def folder(self) -> Path:
        """The folder of all datasets."""
        return self._first.path.parent

    def listed(self) -> List[str]:
        """Return the names that can be switched to, sorted."""
        names = {self._first.name, self.current.name}
        try:
            with os.scandir(str(self.folder)) as entries:
                names.update(e.name for e in entries if _is_dataset(e))
        except OSError:
            pass  # the folder has gone; what we know by name stays
        return sorted(names)

    def describe(self) -> List[Dict[str, Any]]:
        """Return name, size in MB, time of change and whether it is current, for each."""
        current = self.current.name
        described = []
        for name in self.listed():
            status = data_file(self.folder / name)
            described.append(
                {
                    "name": name,
                    "size_mb": round(status.st_size / config.MEGABYTE, 2) if status else 0.0,
                    "exists": status is not None,
                    "current": name == current,
                }
            )
        return described

    def switch(self, name: str) -> Optional[Dataset]:
        """Make a listed dataset the current one and return it; None for any other name."""
        for known in self.listed():
            if known == name:
                chosen = self._dataset(known)
                with self._lock:
                    self._current = chosen
                return chosen
        return None

    def _dataset(self, name: str) -> Dataset:
        if name == self._first.name:
            return self._first
        folder = self._first.reports / "datasets" / name[: -len(".csv")]
        return Dataset(name, self.folder / name, folder)


def _is_dataset(entry: os.DirEntry[str]) -> bool:
    try:
        regular = entry.is_file(follow_symlinks=False)
    except OSError:
        return False
    name = entry.name
    is_table = name.endswith(".csv") and not name.endswith(config.EVENTS_SUFFIX)
    return regular and is_table and not name.startswith(".")
