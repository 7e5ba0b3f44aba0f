"""Spark: the reports from files too large for one machine, on a cluster or on this one."""

from __future__ import annotations

import os
import re
import weakref
from contextlib import suppress
from importlib import import_module
from typing import Any, Dict, Iterator, List, Sequence, Tuple, Type
from urllib.parse import unquote, urlsplit

from finops.engines.dialect import SparkDialect
from finops.engines.engine import BadLine, Columns, Engine, EngineOptions, TextLines
from finops.errors import DataError, UsageError
from finops.locations import is_elsewhere

_LEAST_VERSION = (4, 0)
_FILE, _NUMBER = "finops file", "finops n"
# Rows go to Spark as texts, for which no executor needs a Python.
_RECORDS_OF_A_TEXT = 1000
_FIELD_END, _RECORD_END, _NULL = "\x1c", "\x1d", "\x00"
# What messages of Spark mean for users, by words in them.
_REMEDIES: Dict[str, str] = {
    "JAVA_GATEWAY_EXITED": "spark needs Java 17 or newer; install it, or set JAVA_HOME",
    "S3AFileSystem not found": (
        "spark reads s3a:// with hadoop-aws, which does not come with it: add"
        " --conf spark.jars.packages=org.apache.hadoop:hadoop-aws:VERSION"
    ),
    'No FileSystem for scheme "s3"': "spark calls S3 s3a://; give --data s3a://BUCKET/...",
    "PATH_NOT_FOUND": "no file matches; give the path of files",
    "OutOfMemoryError": "spark has too little memory; give it more --memory",
    "No space left on device": (
        "spark has no space left on a disk; give a --temp folder on one with more"
    ),
}
# How a line of a stack trace begins that names an underlying error.
_CAUSE = "Caused by: "
# What a message begins with that was made where Java is called; the next line says what it is.
_CALLING = "An error occurred while calling "
# Without these the driver keeps the plans of all statements as texts, for pages that are
# never shown: the plan of one check of all calls takes megabytes.
_FORGETFUL = {
    "spark.sql.ui.retainedExecutions": "1",
    "spark.ui.retainedJobs": "1",
    "spark.ui.retainedStages": "1",
    "spark.sql.maxPlanStringLength": "1000",
}


class Spark(Engine):
    """An engine in a session of Spark; what is kept lies in the memory and on the disks of the
    executors.

    Engines of one process share the connection and no names; what one has kept goes with it.
    Raises UsageError where PySpark is not installed or too old, DataError where no session starts.
    """

    dialect = SparkDialect()

    def __init__(self, options: EngineOptions) -> None:
        pyspark = _module()
        self._errors = (pyspark.errors.PySparkException, import_module("py4j.protocol").Py4JError)
        self._kept: Dict[str, Any] = {}
        self._texts = 0
        builder = import_module("pyspark.sql").SparkSession.builder.appName("finops")
        settings = list(_settings(options))
        for name, value in settings:
            builder = builder.config(name, value)
        try:
            self._session = builder.getOrCreate().newSession()
            for name, value in settings:  # the first engine of a process has them already
                if self._session.conf.isModifiable(name):
                    self._session.conf.set(name, value)
        except (*self._errors, RuntimeError) as error:
            raise DataError(_sentence(error)) from error
        self._session.sparkContext.setLogLevel("OFF")
        # Spark holds what is kept, with megabytes of plans, until it is told to let go of it.
        weakref.finalize(self, _let_go, self._kept, self._errors).atexit = False

    # --- what there is to read ----------------------------------------------------------------

    def text(self, files: Sequence[str], compressed: bool) -> TextLines:
        """Return the lines of files.

        Lines get their numbers from how many there are in each block of a file before.
        """
        for file in files:
            if compressed != file.endswith(".gz"):
                raise DataError(f"{file}: spark knows gzip by the ending .gz; rename the file")
        self._texts += 1
        name = f"finops_text_{self._texts}"
        try:
            lines = self._session.read.option("lineSep", "\n").text([_escaped(f) for f in files])
            lines = lines.selectExpr(
                "_metadata.file_path as uri",
                "_metadata.file_block_start as block",
                "monotonically_increasing_id() as id",
                "value as line",
            )
            lines.createOrReplaceTempView(name)
        except self._errors as error:
            raise DataError(_sentence(error)) from error
        self._load_blocks(f"{name}_blocks", name, files)
        numbered = (
            f"select b.file, b.before + t.id - b.first_id + 1 as n, t.line from {name} t"
            f" join {name}_blocks b on b.uri = t.uri and b.block = t.block"
        )
        return TextLines(numbered, numbered)

    def _load_blocks(self, name: str, text: str, files: Sequence[str]) -> None:
        """Keep for each block of the files the first id, and how many lines are before it."""
        address = {os.path.abspath(file): file for file in files if not is_elsewhere(file)}
        sql = f"select uri, block, count(*), min(id) from {text} group by uri, block"
        before: Dict[str, int] = {}
        rows = []
        for uri, block, count, first in sorted(self.rows(sql)):
            rows.append((uri, block, address.get(_path(uri), uri), before.get(uri, 0), first))
            before[uri] = before.get(uri, 0) + count
        columns = (("uri", "string"), ("block", "bigint"), ("file", "string"))
        self.load(name, (*columns, ("before", "bigint"), ("first_id", "bigint")), rows)

    def bad_lines(self) -> List[BadLine]:
        """Return the lines that are in no row, in their order: Spark takes in all."""
        return []

    def matching(self, location: str) -> List[str]:
        """Return the addresses of files that an address stands for, in order."""
        return [path for path, _ in self._listed(location)]

    def _listed(self, location: str) -> List[Tuple[str, int]]:
        try:
            found = self._session.read.format("binaryFile").load(location)
            return sorted((path, size) for path, size in found.select("path", "length").collect())
        except self._errors as error:
            raise DataError(_sentence(error)) from error

    def parquet(self, location: str) -> Columns:
        """Return what is in Parquet files."""
        size = sum(size for _, size in self._listed(location))
        try:
            table = self._session.read.option("mergeSchema", "true").parquet(location)
            names = table.columns
            table.selectExpr(
                f"_metadata.file_path as `{_FILE}`", f"_metadata.row_index as `{_NUMBER}`", "*"
            ).createOrReplaceTempView("finops_columns")
        except self._errors as error:
            raise DataError(_sentence(error)) from error
        relation = f"select `{_FILE}` as file, `{_NUMBER}` as n, * from finops_columns"
        files = self.rows(f"select distinct `{_FILE}` from finops_columns")
        return Columns(names, relation, sorted(file for (file,) in files), size)

    def table(self, name: str) -> Columns:
        """Return what is in a table."""
        quoted = ".".join(map(self.dialect.identifier, name.split(".")))
        try:
            names = self._session.table(quoted).columns
        except self._errors as error:
            raise DataError(_sentence(error)) from error
        number = "monotonically_increasing_id() as n"
        relation = f"select {self.dialect.literal(name)} as file, {number}, * from {quoted}"
        return Columns(names, relation, [name])

    # --- relations ----------------------------------------------------------------------------

    def keep(self, name: str, sql: str) -> None:
        """Work out a relation once, and keep it under a name."""
        try:
            self._keep_as(name, self._session.sql(sql))
        except self._errors as error:
            raise DataError(_sentence(error)) from error

    def keep_lines(self, name: str, sql: str) -> None:
        """Keep a relation, whose rows have their numbers."""
        self.keep(name, sql)

    def define(self, name: str, sql: str) -> None:
        """Give a relation a name."""
        try:
            self._session.sql(sql).createOrReplaceTempView(name)
        except self._errors as error:
            raise DataError(_sentence(error)) from error

    def forget(self, name: str) -> None:
        """Let go of a relation that was kept."""
        table = self._kept.pop(name, None)
        if table is not None:
            table.unpersist()

    def _keep_as(self, name: str, table: Any) -> None:
        """Keep a relation under a name, and let go of what was kept under it before."""
        table.persist()
        table.count()  # which works it out
        table.createOrReplaceTempView(name)
        self.forget(name)
        self._kept[name] = table

    def load(
        self, name: str, columns: Sequence[Tuple[str, str]], rows: Sequence[Sequence[Any]]
    ) -> None:
        """Keep rows under a name; `columns` are names and types of `dialect`."""
        records = [_FIELD_END.join(map(_text, row)) for row in rows]
        values = ", ".join(
            f"cast(nullif(get(v, {place}), chr(0)) as {kind}) as `{column}`"
            for place, (column, kind) in enumerate(columns)
        )
        texts = f"{name}_texts"
        record = f"select explode(split(value, '\\\\x1d', -1)) as record from {texts}"
        sql = f"select {values} from (select split(record, '\\\\x1c', -1) as v from ({record}))"
        if not rows:
            sql += " limit 0"
        try:
            self._define_texts(texts, records)
            self._keep_as(name, self._session.sql(sql))
        except self._errors as error:
            raise DataError(_sentence(error)) from error

    def _define_texts(self, name: str, records: Sequence[str]) -> None:
        """Give records a name, many to a text, as rows that no plan spells out.

        As a literal they would be in the plan of each statement about them, of which Spark makes
        texts: some megabytes of records took gigabytes.
        """
        listed = self._session._jvm.java.util.ArrayList()
        for start in range(0, len(records) or 1, _RECORDS_OF_A_TEXT):
            listed.add(_RECORD_END.join(records[start : start + _RECORDS_OF_A_TEXT]))
        strings = self._session._jvm.org.apache.spark.sql.Encoders.STRING()
        texts = self._session._jsparkSession.createDataset(listed, strings)
        texts.toDF().createOrReplaceTempView(name)

    def rows(self, sql: str) -> Iterator[Tuple[Any, ...]]:
        """Yield the rows of a statement; this process holds those of one partition at a time."""
        try:
            for row in self._session.sql(sql).toLocalIterator():
                yield tuple(row)
        except self._errors as error:
            raise DataError(_sentence(error)) from error


def _let_go(kept: Dict[str, Any], errors: Tuple[Type[BaseException], ...]) -> None:
    """Let go of relations, if Spark still runs."""
    with suppress(*errors, OSError):
        for table in kept.values():
            table.unpersist()


def _settings(options: EngineOptions) -> Iterator[Tuple[str, str]]:
    """Yield the settings of a session; those that a user gives come last."""
    threads = options.threads or "*"
    yield "spark.master", options.master or f"local[{threads}]"
    yield "spark.sql.session.timeZone", "UTC"
    yield "spark.sql.ansi.enabled", "true"
    yield "spark.ui.enabled", "false"
    yield "spark.ui.showConsoleProgress", "false"  # it would draw on the output of the command
    yield from _FORGETFUL.items()
    if options.master is None:
        # Each small table that is joined takes a page, on one core 64 MB of 1 GB by default.
        yield "spark.buffer.pageSize", "2m"
        yield "spark.driver.bindAddress", "127.0.0.1"
        yield "spark.driver.host", "127.0.0.1"
        yield "spark.sql.shuffle.partitions", str(options.threads or os.cpu_count() or 1)
    if options.memory:
        yield "spark.driver.memory", re.sub("(?i)b$", "", options.memory).lower()
    if options.temp:
        yield "spark.local.dir", options.temp
    yield from options.conf


def _module() -> Any:
    try:
        pyspark = import_module("pyspark")
        import_module("pyspark.errors")
    except ImportError:
        raise UsageError("the spark engine is not installed: pip install pyspark") from None
    found = tuple(int(part) for part in re.findall("[0-9]+", pyspark.__version__)[:2])
    if found < _LEAST_VERSION:
        least = ".".join(map(str, _LEAST_VERSION))
        raise UsageError(f"the spark engine needs pyspark {least} or newer: pip install -U pyspark")
    return pyspark


def _text(value: Any) -> str:
    return _NULL if value is None else str(value)


def _escaped(path: str) -> str:
    """Return a path such that none of its characters is a pattern."""
    return re.sub(r"([*?\[\]{}\\])", r"\\\1", path)


def _path(uri: str) -> str:
    """Return the path of a file on this machine by its address."""
    return unquote(urlsplit(uri).path)


def _sentence(error: BaseException) -> str:
    """Return what an engine complains of, as one line."""
    # Spark's own errors leave out of their text what they were caused by.
    text = f"{error}\n{getattr(error, '_stackTrace', '')}"
    for words, remedy in _REMEDIES.items():
        if words in text:
            return remedy
    lines = text.strip().split("\n")
    if lines[0].startswith(_CALLING) and len(lines) > 1:
        lines = [lines[1].lstrip(": "), *lines[2:]]
    said = lines[0]
    causes = [line for line in lines if line.startswith(_CAUSE)]
    if said.rstrip().endswith(":") and causes:  # it says that something failed, and not what
        said += " " + causes[-1][len(_CAUSE) :]
    return "spark: " + " ".join(said.split())
