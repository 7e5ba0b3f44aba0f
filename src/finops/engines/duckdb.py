"""DuckDB: the reports from files too large for a scan, on one machine, in bounded memory."""

from __future__ import annotations

import csv
import os
import re
import shutil
import signal
import sys
import tempfile
import weakref
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple, TypeVar

from finops.engines.dialect import DuckDBDialect
from finops.engines.engine import BadLine, Columns, Engine, EngineOptions, TextLines
from finops.errors import DataError, UsageError
from finops.locations import is_elsewhere

_LEAST_VERSION = (1, 4)
_ROWS_AT_A_TIME = 10_000
# No line has these four characters in a row, so that no line is ever divided.
_NO_DELIMITER = "\x1f\x1e\x1d\x1c"
# Lines of up to so many bytes come in and are judged; longer ones are not taken in.
_MOST_LINE_BYTES = 2_000_000
_EXTENSION = "httpfs"
_KEPT = "finops_kept"  # the database of kept tables
# What messages say where neither memory nor the folder for the rest has room.
_NO_ROOM = ("Out of Memory", "No space left", "File too large")
# How often a statement is told to end, which may not have begun when it is told first.
_SECONDS_BETWEEN_INTERRUPTS = 0.05
_WILD = re.compile(r"[*?\[\]{}]").search
_T = TypeVar("_T")


class DuckDB(Engine):
    """An engine in this process, which keeps its tables in a file of its own in `temp`.

    There they are compressed: in memory they would take three times the room, and what does not
    fit would go to `temp` all the same.  The file goes with the engine.

    Raises UsageError where DuckDB is not installed or too old, DataError where `temp` cannot be
    written.
    """

    dialect = DuckDBDialect()

    def __init__(self, options: EngineOptions) -> None:
        duckdb = _module()
        self._error: Any = duckdb.Error
        # DuckDB runs Python's handlers of signals within its own code, where an exception that
        # one raises is lost, or stops the process for good.  In a thread it runs none.
        self._thread = ThreadPoolExecutor(1, "duckdb")
        self._connection = self._thread.submit(duckdb.connect, ":memory:").result()
        self._temp = _folder_in(options.temp)
        weakref.finalize(self, _tidy_up, self._connection, self._temp)
        for name, value in self._settings(options):
            self._run(f"set {name} = {self.dialect.literal(value)}")
        kept = os.path.join(self._temp, f"{_KEPT}.duckdb")
        self._run(f"attach {self.dialect.literal(kept)} as {_KEPT}")
        self._run(f"use {_KEPT}")
        with suppress(OSError):  # so that a killed process leaves no calls
            os.unlink(kept)

    def _settings(self, options: EngineOptions) -> Iterator[Tuple[str, str]]:
        yield "enable_progress_bar", "false"  # it would draw on the output of the command
        yield "TimeZone", "UTC"
        yield "temp_directory", self._temp
        if options.threads:
            yield "threads", str(options.threads)
        if options.memory:
            yield "memory_limit", options.memory
        yield from options.conf

    # --- what there is to read ----------------------------------------------------------------

    def text(self, files: Sequence[str], compressed: bool) -> TextLines:
        """Return the lines of files; to number them while they are read would take one core."""
        for file in files:
            if _WILD(file):
                raise DataError(
                    f"{file}: DuckDB reads no file with *, ?, [ or {{ in its name; rename it"
                )
        quoted = ", ".join(map(self.dialect.literal, files))
        options = {
            "columns": "{'line': 'VARCHAR'}",
            "delim": self.dialect.literal(_NO_DELIMITER),
            **dict.fromkeys(("quote", "escape", "comment"), "''"),
            **dict.fromkeys(("header", "auto_detect", "strict_mode"), "false"),
            **dict.fromkeys(("ignore_errors", "store_rejects", "null_padding"), "true"),
            "rejects_limit": "0",
            "max_line_size": str(_MOST_LINE_BYTES),
            "new_line": "'\\r\\n'",  # of LF alone it would make two lines of one that ends in CR LF
            "compression": "'gzip'" if compressed else "'none'",
            "filename": "true",
        }
        listed = ", ".join(f"{name} = {value}" for name, value in options.items())
        numbered, unnumbered = (
            f"select filename as file, {number} as n, coalesce(line, '') as line"
            f" from read_csv([{quoted}], {listed})"
            for number in ("row_number() over ()", "cast(null as bigint)")
        )
        return TextLines(numbered, unnumbered)

    def bad_lines(self) -> List[BadLine]:
        """Return the lines of texts that were kept and that are in no row, in their order."""
        rows = self._all(
            "select distinct s.file_path, e.line from reject_errors e join reject_scans s"
            " on s.scan_id = e.scan_id and s.file_id = e.file_id order by all"
        )
        self._run("drop table reject_errors")
        self._run("drop table reject_scans")
        return [BadLine(file, number) for file, number in rows]

    def matching(self, location: str) -> List[str]:
        """Return the addresses of files that an address stands for, in order."""
        rows = self._all(f"select file from glob({self.dialect.literal(location)}) order by 1")
        return [file for (file,) in rows]

    def parquet(self, location: str) -> Columns:
        """Return what is in Parquet files."""
        read = (
            f"read_parquet({self.dialect.literal(location)}, union_by_name = true,"
            " filename = 'finops file', file_row_number = true)"
        )
        files = self.matching(location)
        if not files:
            raise DataError(f"no file matches {location}; give the path of a Parquet file")
        size = None if is_elsewhere(location) else sum(map(os.path.getsize, files))
        names = [n for n in self._names(read) if n not in ("finops file", "file_row_number")]
        relation = f'select "finops file" as file, file_row_number as n, * from {read}'
        return Columns(names, relation, files, size)

    def table(self, name: str) -> Columns:
        """Return what is in a table."""
        parts = name.split(".")
        folder, database = os.path.split(parts[0])
        for ending in (".duckdb", ".db"):
            path = os.path.join(folder, database + ending)
            if len(parts) > 1 and os.path.isfile(path):
                attached = self.dialect.identifier(database)
                self._run(f"attach {self.dialect.literal(path)} as {attached} (read_only)")
        quoted = ".".join(map(self.dialect.identifier, (database, *parts[1:])))
        relation = f"select {self.dialect.literal(name)} as file, row_number() over () as n, *"
        return Columns(self._names(quoted), f"{relation} from {quoted}", [name])

    def _names(self, relation: str) -> List[str]:
        rows = self._all(f"select column_name from (describe select * from {relation})")
        return [name for (name,) in rows]

    # --- relations ----------------------------------------------------------------------------

    def keep(self, name: str, sql: str) -> None:
        """Work out a relation once, and keep it under a name."""
        self._run(f"create or replace table {name} as {sql}")
        self._run(f"drop view if exists temp.{name}")

    def keep_lines(self, name: str, sql: str) -> None:
        """Keep a relation; its rows lie in the order in which they come."""
        self.keep(f"{name}_rows", sql)
        self.define(name, f"select * replace (coalesce(n, rowid + 1) as n) from {name}_rows")

    def define(self, name: str, sql: str) -> None:
        """Give a relation a name."""
        self._run(f"create or replace temp view {name} as {sql}")

    def forget(self, name: str) -> None:
        """Let go of a relation that was kept."""
        self._run(f"drop view if exists temp.{name}")
        for table in (name, f"{name}_rows"):
            self._run(f"drop table if exists {table}")

    def load(
        self, name: str, columns: Sequence[Tuple[str, str]], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Keep rows under a name; `columns` are names and types of `dialect`."""
        listed = ", ".join(f"{column} {kind}" for column, kind in columns)
        self._run(f"create or replace table {name} ({listed})")
        if not rows:
            return
        with tempfile.TemporaryDirectory(dir=self._temp) as folder:
            path = os.path.join(folder, "rows.csv")
            with open(path, "w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
                writer.writerows([["N" if v is None else f"V{v}" for v in row] for row in rows])
            texts = ", ".join(f"'{column}': 'VARCHAR'" for column, _ in columns)
            values = ", ".join(
                f"cast(case when {column}[1] = 'V' then {column}[2:] end as {kind})"
                for column, kind in columns
            )
            self._run(
                f"insert into {name} select {values} from read_csv("
                f"{self.dialect.literal(path)}, columns = {{{texts}}}, header = false,"
                " auto_detect = false, delim = ',', quote = '\"', escape = '\"')"
            )

    def rows(self, sql: str) -> Iterator[Tuple[Any, ...]]:
        """Yield the rows of a statement."""
        found = self._run(sql)
        while True:
            rows = self._wait(lambda: found.fetchmany(_ROWS_AT_A_TIME))
            if not rows:
                return
            yield from rows

    def _all(self, sql: str) -> List[Tuple[Any, ...]]:
        return list(self.rows(sql))

    def _run(self, sql: str) -> Any:
        return self._wait(lambda: self._connection.execute(sql))

    def _wait(self, work: Callable[[], _T]) -> _T:
        """Return what DuckDB answers; what ends the program meanwhile ends the statement, too."""
        answer = self._thread.submit(work)
        try:
            return answer.result()
        except self._error as error:
            raise DataError(_sentence(error)) from error
        except BaseException:
            while not answer.done():
                self._connection.interrupt()
                wait([answer], _SECONDS_BETWEEN_INTERRUPTS)
            raise


def _folder_in(temp: Optional[str]) -> str:
    """Return a new folder for what an engine keeps and for what does not fit into memory."""
    try:
        if temp is not None:
            os.makedirs(temp, exist_ok=True)
        return tempfile.mkdtemp(prefix="finops-", dir=temp)
    except OSError as error:
        raise DataError(
            f"cannot write to {temp or tempfile.gettempdir()}: {error.strerror}; give another"
            " folder to --temp"
        ) from error


def _tidy_up(connection: Any, folder: str) -> None:
    """Close an engine's connection, and remove its folder."""
    connection.close()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Hold the signals that end a program: DuckDB aborts where one comes while it is loaded."""
    if sys.platform == "win32":
        yield
        return
    ending = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ending)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _module() -> Any:
    try:
        with _signals_held():
            duckdb = import_module("duckdb")
    except ImportError:
        raise UsageError("the duckdb engine is not installed: pip install duckdb") from None
    found = tuple(int(part) for part in re.findall("[0-9]+", duckdb.__version__)[:2])
    if found < _LEAST_VERSION:
        least = ".".join(map(str, _LEAST_VERSION))
        raise UsageError(f"the duckdb engine needs duckdb {least} or newer: pip install -U duckdb")
    return duckdb


def _sentence(error: BaseException) -> str:
    """Return what an engine complains of, as one line."""
    text = " ".join(str(error).split())
    if _EXTENSION in text:
        return (
            f"duckdb reads addresses with its extension {_EXTENSION}, which it downloads from"
            f" extensions.duckdb.org and does not have; run INSTALL {_EXTENSION} in duckdb where"
            " there is a network"
        )
    said = "duckdb: " + " ".join(str(error).strip().split("\n")[0].split())
    if any(words in text for words in _NO_ROOM):
        said += "; give it more --memory, or a --temp folder on a disk with more space"
    return said
