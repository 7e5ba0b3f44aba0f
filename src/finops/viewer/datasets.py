"""Which dataset is shown, which others there are, and where the reports of each lie.

The server is started with one dataset: a file, or several files, a folder or a pattern.  The
others are the CSV files in the same folder.  Names come from listing that folder; a name from a
request is only ever compared with them.
"""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from finops import config
from finops.errors import DataError
from finops.reader.sources import Locations


class Dataset(NamedTuple):
    """One dataset: its name, its path, and the folder of its reports.

    `locations` are absolute paths, folders or patterns where the dataset is more than one file,
    () where it is the file at `path`.
    """

    name: str
    path: Path
    reports: Path
    locations: Tuple[str, ...] = ()

    @property
    def is_one_file(self) -> bool:
        """Whether there is one file, to which more can be written."""
        return not self.locations

    @property
    def data(self) -> Tuple[str, ...]:
        """What to give to a command as `--data`."""
        return self.locations or (str(self.path.resolve()),)

    def files(self) -> List[Path]:
        """Return the files that the dataset is made of now, whether they are there or not."""
        if self.is_one_file:
            return [self.path]
        try:
            return [Path(source.path) for source in Locations(self.locations).files().files]
        except DataError:  # a folder or a pattern that has nothing, or nothing yet
            return []


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

    def __init__(self, data: Path, reports: Path, locations: Sequence[str] = ()) -> None:
        self._first = _first_dataset(data, reports, locations)
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
            sizes = [s.st_size for s in map(data_file, self._dataset(name).files()) if s]
            described.append(
                {
                    "name": name,
                    "size_mb": round(sum(sizes) / config.MEGABYTE, 2),
                    "exists": bool(sizes),
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


def _first_dataset(data: Path, reports: Path, locations: Sequence[str]) -> Dataset:
    """Return the dataset that a server is started with; of several files the first names it."""
    given = list(locations) or [str(data)]
    if Locations(given).is_single_file:
        return Dataset(data.name, data, reports)
    others = len(given) - 1
    name = f"{data.name} and {others} more" if others else data.name
    return Dataset(name, data, reports, tuple(os.path.abspath(location) for location in given))


def _is_dataset(entry: os.DirEntry[str]) -> bool:
    try:
        regular = entry.is_file(follow_symlinks=False)
    except OSError:
        return False
    name = entry.name
    is_table = name.endswith(".csv") and not name.endswith(config.EVENTS_SUFFIX)
    return regular and is_table and not name.startswith(".")
