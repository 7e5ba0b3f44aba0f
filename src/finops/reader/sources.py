"""What the locations mean that a user gives for data: files, folders, patterns, standard input.

A folder stands for the tables in it, a pattern for the files that it matches.  What is found in
one of these two ways and is no usage data is left out and mentioned; a file that is named must
be usable.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
import tempfile
from typing import BinaryIO, Iterable, List, NamedTuple, Optional, Sequence

from finops.config import EVENTS_SUFFIX
from finops.errors import DataError
from finops.locations import STANDARD_INPUT, is_elsewhere, name_of
from finops.reader.header import open_csv

# Names of tables, alone or with `.gz` behind them.
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
# What stands beside a table of ours: locks, marks, what was read before.
_SIDECAR_SUFFIXES = (".commit", ".lock", ".cache", ".state", ".json", ".metrics", ".tmp")
_SHOWN_NAMES = 3


class SourceFile(NamedTuple):
    """One file.  `named`: by the user, so that it must be usable."""

    path: str
    named: bool = True
    spool: Optional[BinaryIO] = None

    @property
    def name(self) -> str:
        """What to call it."""
        return name_of(self.path)

    @property
    def is_spooled(self) -> bool:
        """Whether it has no path by which others could open it."""
        return self.spool is not None

    def open(self) -> BinaryIO:
        """Open the file for reading bytes; raises DataError with the remedy where it cannot be."""
        if self.spool is None:
            return open_csv(self.path)
        return os.fdopen(os.dup(self.spool.fileno()), "rb", 0)


class SourceFiles(NamedTuple):
    """Files to read, and sentences on what was left out."""

    files: List[SourceFile]
    notes: List[str]


class Locations:
    """The locations that a user gave.  What they stand for is found anew each time."""

    def __init__(self, locations: Sequence[str]) -> None:
        self._locations = [_absolute(location) for location in locations]
        self._spool: Optional[BinaryIO] = None

    @property
    def first(self) -> str:
        """The first location, absolute where it is a path."""
        return self._locations[0]

    @property
    def is_single_path(self) -> bool:
        """Whether there is one location, which is a path on this machine."""
        is_path = self.first != STANDARD_INPUT and not is_elsewhere(self.first)
        return len(self._locations) == 1 and is_path

    @property
    def is_single_file(self) -> bool:
        """Whether there is one location, which is no folder and no pattern."""
        return len(self._locations) == 1 and not _is_several(self._locations[0])

    def files(self) -> SourceFiles:
        """Return the files that the locations stand for, each once.

        Raises DataError where a folder or a pattern gives none.
        """
        sources = SourceFiles([], [])
        for location in self._locations:
            if location == STANDARD_INPUT:
                sources.files.append(SourceFile(location, spool=self._spooled()))
            elif not is_elsewhere(location) and _is_several(location):
                _add_several(sources, location)
            else:
                sources.files.append(SourceFile(location))
        return SourceFiles(_without_repeats(sources), sources.notes)

    def _spooled(self) -> BinaryIO:
        """Return standard input as a file, since it may have to be read twice."""
        if self._spool is None:
            if sys.stdin is None:
                raise DataError("standard input is closed; give the path of a CSV file")
            # Closed, and gone from the disk, with the last that knows of it.
            spool = tempfile.TemporaryFile()  # noqa: SIM115
            shutil.copyfileobj(sys.stdin.buffer, spool)
            spool.flush()
            self._spool = spool
        return self._spool


def is_table_name(name: str) -> bool:
    """Return whether a file's name is that of a table of calls.

    >>> is_table_name("calls.TSV.gz"), is_table_name("calls.csv.commit"), is_table_name(".a.csv")
    (True, False, False)
    >>> is_table_name("calls.events.csv")
    False
    """
    lower = name.lower()
    plain = lower[:-3] if lower.endswith(".gz") else lower
    is_table = plain.endswith(TABLE_SUFFIXES) and not plain.endswith(EVENTS_SUFFIX)
    return is_table and not name.startswith(".")


def _absolute(location: str) -> str:
    if location == STANDARD_INPUT or is_elsewhere(location):
        return location
    return os.path.abspath(location)


def _is_several(location: str) -> bool:
    if os.path.isdir(location):
        return True
    return not os.path.exists(location) and glob.has_magic(location)


def _add_several(sources: SourceFiles, location: str) -> None:
    """Add the tables in a folder, or the files that match a pattern."""
    is_folder = os.path.isdir(location)
    paths = sorted(_entries(location) if is_folder else glob.glob(location, recursive=True))
    files = [path for path in paths if os.path.isfile(path) and not _is_silent(path)]
    taken = [path for path in files if is_table_name(os.path.basename(path)) or not is_folder]
    if not taken:
        what = "no tables (*.csv, *.tsv, also *.gz) in folder" if is_folder else "no file matches"
        raise DataError(f"{what} {location}; give the path of a CSV file")
    sources.files.extend(SourceFile(path, named=False) for path in taken)
    others = [os.path.basename(path) for path in files if path not in taken]
    if others:
        sources.notes.append(f"Other files in the folder were not read: {_listed(others)}.")


def _entries(folder: str) -> List[str]:
    try:
        return [os.path.join(folder, name) for name in os.listdir(folder)]
    except OSError as error:
        raise DataError(f"cannot read {folder}: {error.strerror}") from None


def _is_silent(path: str) -> bool:
    """Return whether a file needs no mention: a hidden one, or what stands beside a table."""
    name = os.path.basename(path)
    if name.startswith(".") or name.endswith(EVENTS_SUFFIX):
        return True
    stem = next((name[: -len(s)] for s in _SIDECAR_SUFFIXES if name.endswith(s)), "")
    return ".csv" in stem or ".csv.torn-" in name


def _without_repeats(sources: SourceFiles) -> List[SourceFile]:
    """Return each file once, by what its path leads to; a file that is named stays so."""
    files: List[SourceFile] = []
    seen = set()
    repeated = []
    for source in sorted(sources.files, key=lambda source: not source.named):
        real = os.path.realpath(source.path)
        if real not in seen:
            files.append(source)
        elif source.named:
            repeated.append(source.name)
        seen.add(real)
    if repeated:
        sources.notes.append(f"Given more than once and read once: {_listed(repeated)}.")
    return files


def _listed(names: Iterable[str]) -> str:
    """Return the first names for a sentence."""
    listed = list(names)
    more = len(listed) - _SHOWN_NAMES
    return ", ".join(listed[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
