"""What statements bring back: from an engine that runs them, or from files with their rows."""

from __future__ import annotations

import csv
import io
import os
from hashlib import sha256
from typing import Any, Iterator, Sequence

from finops.engines.engine import Engine
from finops.errors import DataError
from finops.regular_files import open_regular
from finops.rollups.spec import Table

_ROWS_SUFFIX = ".csv"
_DIGITS = 10
_MOST_NAMES = 4
_MOST_CHARACTERS = 1 << 24


class Answers:
    """Rows by the name of a statement."""

    def rows(self, name: str, sql: str) -> Iterator[Sequence[Any]]:
        """Yield the rows of a statement; raises DataError where they cannot be read."""
        raise NotImplementedError

    def count(self, name: str, sql: str) -> int:
        """Return how many rows a statement has, of which none is brought here."""
        raise NotImplementedError


class EngineAnswers(Answers):
    """Has an engine run the statements."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def rows(self, name: str, sql: str) -> Iterator[Sequence[Any]]:
        """Yield the rows of a statement as they come; raises DataError where it is refused.

        The caller stops when it has enough of them.  A LIMIT would add nothing, and inside one
        DuckDB 2.0 never finishes some statements when memory is short.
        """
        return self._engine.rows(sql)

    def count(self, name: str, sql: str) -> int:
        """Return how many rows a statement has, of which none is brought here."""
        ((count,),) = self._engine.rows(f"select count(*) from ({sql}) counted")
        return int(count)


class FolderAnswers(Answers):
    """Reads the rows of each statement from the file of its name in a folder.

    They are CSV with the names of columns in the first line, and nothing where there is no value.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def rows(self, name: str, sql: str) -> Iterator[Sequence[Any]]:
        """Yield the rows of a statement as texts; raises DataError where there are none."""
        return self._read(name)

    def count(self, name: str, sql: str) -> int:
        """Return how many rows a statement has."""
        return sum(1 for _ in self._read(name))

    def _read(self, name: str) -> Iterator[Sequence[str]]:
        path = os.path.join(self._folder, name + _ROWS_SUFFIX)
        csv.field_size_limit(_MOST_CHARACTERS)
        try:
            with io.TextIOWrapper(open_regular(path), "utf-8-sig", newline="") as file:
                rows = csv.reader(file)
                next(rows, None)
                yield from rows
        except OSError:
            raise DataError(
                f"no rows of {name} in {self._folder}; run {name}.sql of 'finops sql' and save what"
                f" it returns as {name}{_ROWS_SUFFIX}"
            ) from None
        except (UnicodeDecodeError, csv.Error):
            raise DataError(
                f"{path} is no CSV in UTF-8; save the rows of {name}.sql as CSV"
            ) from None


def name_of(table: Table, kind: str) -> str:
    """Return the name of a statement of a table, the same for the same table everywhere."""
    by = "-".join(table.dimension_names[:_MOST_NAMES]) or "all"
    digest = sha256(repr(table).encode("utf-8")).hexdigest()[:_DIGITS]
    return f"{by}-{digest}-{kind}"
