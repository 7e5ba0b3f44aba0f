"""What is asked of an engine: a place where rows lie and statements run."""

from __future__ import annotations

from typing import Any, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from finops.engines.dialect import Dialect


class EngineOptions(NamedTuple):
    """What a user may say about an engine; None and () leave it to the engine.

    `threads` and `memory` (such as 2GB) are what it may take, `temp` the folder for what does
    not fit into memory; `master` and `conf` are those of Spark.
    """

    threads: Optional[int] = None
    memory: Optional[str] = None
    temp: Optional[str] = None
    master: Optional[str] = None
    conf: Tuple[Tuple[str, str], ...] = ()


class BadLine(NamedTuple):
    """A line that an engine could not take in: its file, and its number from 1 on."""

    file: str
    number: int


class TextLines(NamedTuple):
    """Lines of files as SQL with `file`, `n` (ascending in the order of lines) and `line`.

    `unnumbered` is the same, but that `n` may be null: `Engine.keep_lines` numbers what is kept.
    """

    relation: str
    unnumbered: str


class Columns(NamedTuple):
    """A table with typed columns: their names, and SQL with `file`, `n` and the columns.

    `files` are its files, and `size` their bytes, where the engine knows.
    """

    names: Sequence[str]
    relation: str
    files: Sequence[str]
    size: Optional[int] = None


class Engine:
    """One engine.  Each method raises DataError, in one line, where the user can do something."""

    dialect: Dialect

    def __init__(self, options: EngineOptions) -> None:
        raise NotImplementedError

    def text(self, files: Sequence[str], compressed: bool) -> TextLines:
        """Return the lines of files."""
        raise NotImplementedError

    def bad_lines(self) -> List[BadLine]:
        """Return the lines of texts that were kept and that are in no row, in their order."""
        raise NotImplementedError

    def matching(self, location: str) -> List[str]:
        """Return the addresses of files that an address stands for, in order."""
        raise NotImplementedError

    def parquet(self, location: str) -> Columns:
        """Return what is in Parquet files."""
        raise NotImplementedError

    def table(self, name: str) -> Columns:
        """Return what is in a table."""
        raise NotImplementedError

    def keep(self, name: str, sql: str) -> None:
        """Work out a relation once, and keep it under a name."""
        raise NotImplementedError

    def keep_lines(self, name: str, sql: str) -> None:
        """Work out a relation of unnumbered lines once, and keep it under a name.

        Where `n` is null, rows get one in the order in which they come.
        """
        raise NotImplementedError

    def define(self, name: str, sql: str) -> None:
        """Give a relation a name."""
        raise NotImplementedError

    def forget(self, name: str) -> None:
        """Let go of a relation that was kept."""
        raise NotImplementedError

    def load(
        self, name: str, columns: Sequence[Tuple[str, str]], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Keep rows under a name; `columns` are names and types of `dialect`."""
        raise NotImplementedError

    def rows(self, sql: str) -> Iterator[Tuple[Any, ...]]:
        """Yield the rows of a statement."""
        raise NotImplementedError
