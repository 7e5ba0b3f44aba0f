"""Statements as text, the way through files of rows, and what is said where an engine cannot."""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import sys
import tempfile
from contextlib import closing
from datetime import datetime, timedelta, timezone
from importlib import import_module
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops import schema
from finops.business.catalog import DEFAULT_PRICES, PriceTable
from finops.cli import main
from finops.context import RunContext
from finops.engines import ENGINES
from finops.engines.dialect import DIALECTS
from finops.engines.duckdb import DuckDB
from finops.engines.engine import Columns
from finops.engines.script import Statement, script
from finops.engines.sources import Opening
from finops.engines.zones import Change, changes_of, offset_at, offset_of_local
from finops.errors import DataError
from finops.reader.options import ReadingOptions
from finops.rollups.expressions import above
from finops.rollups.measures import REGION_CHANGE_MEASURES, Dimension, Distribution, Usual
from finops.rollups.spec import Having, Table
from finops.timestamps import EPOCH, zone_of
from tests.support.engines import engine_dataset, local_dataset, results_of
from tests.support.malformed import file_of, line
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

GOLDEN = Path(__file__).with_name("golden")
RENEW = bool(os.environ.get("UPDATE_SNAPSHOTS"))
TABLES = (
    Table(
        ("day", "provider"),
        ("calls", "cost", "latency"),
        above("latency_ms", 5),
        Having("calls", ">", 2),
    ),
    Table(("hour", "customer_id"), ("errors",), top="errors"),
    Table((Dimension("long", above("output_tokens", 1000)),), ("records", "latencies")),
    Table(("region",), ("customers", "first_seen", "input_sizes")),
    Table(("customer_id", "day"), REGION_CHANGE_MEASURES),
    Table(("hour", "provider"), ("calls", "latency"), above("latency_ms", 5), since=30),
    Table(("day", "customer_id", "tier_price_usd"), ("cost",), limit=1000),
    Table(("customer_id", "day", "tier_price_usd"), ("calls",), changes="calls"),
    Table(("customer_id", "day"), ("calls", "errors"), among=Having("errors", ">=", 20)),
    Table(("hour", "provider"), (Distribution("slow", "latency_ms", False, Usual(95, 2.5, 10)),)),
)
CALLS = Columns(schema.FULL_NAMES, "select 'calls' as file, 0 as n, * from calls", ["calls"])
FEW_PRICES = PriceTable(list(DEFAULT_PRICES)[:2], "test")
OPENING = Opening(FEW_PRICES, ReadingOptions(timezone="+02:00"), RunContext(1_780_000_000.0))
STATEMENTS = [
    (dialect, statement)
    for dialect in DIALECTS
    for statement in script(DIALECTS[dialect](), CALLS, TABLES, OPENING)
]


# --- as text --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_statements_are_those_of_the_reviewed_snapshot(dialect: str) -> None:
    """They stand in `golden`; `make snapshots` writes them anew."""
    made = [statement for of, statement in STATEMENTS if of == dialect]
    text = "\n\n".join(f"-- {each.name}\n{each.sql}" for each in made) + "\n"
    path = GOLDEN / f"{dialect}.sql"
    if RENEW:
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.once
@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_parses_in_its_dialect(dialect: str) -> None:
    sqlglot = need("sqlglot")
    for of, statement in STATEMENTS:
        if of == dialect:
            (parsed,) = sqlglot.parse(statement.sql, read=dialect)
            assert parsed is not None, statement.name
            assert not list(parsed.find_all(sqlglot.exp.Command)), statement.name


def test_queries_have_names_of_their_own() -> None:
    for dialect in DIALECTS:
        names = [statement.name for of, statement in STATEMENTS if of == dialect]
        assert len(set(names)) == len(names)


def test_sql_prints_and_runs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "features", "--dialect", "spark", "--data", "table:lake.usage.calls"]) == 0
    printed = capsys.readouterr().out
    assert "from lake.usage.calls" in printed
    assert printed.count("\n-- ") + 1 == printed.count(";\n")
    assert not {"duckdb", "pyspark"} & set(sys.modules) or "duckdb" in sys.modules


# --- through files of rows ------------------------------------------------------------------------


@pytest.mark.once
def test_rows_that_another_ran_give_the_same_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    duckdb = need("duckdb")
    path = write_csv(tmp_path / "calls.csv", varied_rows(150, seed=9))
    only = ["features", "dataset_overview", "abuse_detection"]
    statements, rows = tmp_path / "sql", tmp_path / "rows"
    names = ",".join(schema.WRITTEN_NAMES)
    assert main(["sql", *only, "--out", str(statements), "--columns", names]) == 0
    run_by_hand(duckdb, path, statements, rows)
    words = [word for name in only for word in ("--only", name)]
    reports = str(tmp_path / "reports")
    capsys.readouterr()
    given = ["--rows", str(rows), "--reports", reports, "--json", "-", "--quiet", *words]
    assert main(["analyze", *given]) == 0
    found = json.loads(capsys.readouterr().out)
    for name, text in results_of(local_dataset(path), only).items():
        wanted = json.loads(text)
        if name == "dataset_overview":
            assert found[name]["file"]["name"] == "calls"
            for result in (wanted, found[name]):
                del result["file"]
                result.pop("analyzed_at", None)
        assert found[name] == wanted, name


def run_by_hand(duckdb: Any, calls: Path, statements: Path, rows: Path) -> None:
    """Run statements as whoever has the database does, and save the rows of the queries."""
    rows.mkdir()
    with duckdb.connect(":memory:") as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create table calls as from read_csv('{calls}', all_varchar = true)")
        files = sorted(statements.glob("*.sql"), key=lambda f: (not f.name[0].isdigit(), f.name))
        for file in files:
            found = connection.execute(file.read_text(encoding="utf-8"))
            if file.name[0].isdigit():
                continue
            with open(str(rows / f"{file.stem}.csv"), "w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow([column[0] for column in found.description])
                writer.writerows(found.fetchall())


def test_a_row_that_is_not_plain_is_counted_where_nobody_can_read_it(tmp_path: Path) -> None:
    duckdb = need("duckdb")
    from finops.engines.script import RowsDataset

    rows = varied_rows(40, seed=3)
    rows[7]["input_tokens"] = "1e2"
    path = write_csv(tmp_path / "calls.csv", rows)
    statements = tmp_path / "sql"
    names = ",".join(schema.WRITTEN_NAMES)
    assert main(["sql", "features", "--out", str(statements), "--columns", names]) == 0
    run_by_hand(duckdb, path, statements, tmp_path / "rows")
    opening = OPENING._replace(options=ReadingOptions())
    data = RowsDataset(str(tmp_path / "rows"), DIALECTS["duckdb"](), opening).rollups(())
    assert data.accounting.used == 39
    (skipped,) = data.accounting.skipped
    assert (skipped.reason, skipped.rows) == ("not written plainly", 1)
    assert skipped.places[0].line is None
    assert skipped.places[0].text.startswith(rows[7]["timestamp"])
    assert data.accounting.balanced


def test_rows_that_are_missing_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", "--rows", str(tmp_path), "--reports", str(tmp_path / "r")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "no rows of accounts" in told
    assert "run accounts.sql" in told


# --- where an engine cannot -----------------------------------------------------------------------


def refusal(capsys: pytest.CaptureFixture[str], *words: Any) -> str:
    """Return the one line by which a command is refused."""
    capsys.readouterr()
    with tempfile.TemporaryDirectory() as folder:
        assert main(["analyze", "--reports", folder, *map(str, words)]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1, told
    return told


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_that_is_not_installed(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_csv: Path
) -> None:
    for module in ("duckdb", "pyspark"):
        monkeypatch.setitem(sys.modules, module, None)
    told = refusal(capsys, "--engine", name, "--data", small_csv)
    assert f"the {name} engine is not installed: pip install" in told


def test_an_engine_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_csv: Path
) -> None:
    class Old:
        __version__ = "0.9.2"

    monkeypatch.setitem(sys.modules, "duckdb", Old)
    assert "needs duckdb 1.4 or newer" in refusal(capsys, "--engine", "duckdb", "--data", small_csv)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--threads", "2"], "--threads is for engines; add --engine"),
        (["--engine", "duckdb", "--workers", "2"], "--workers is for the local scan"),
        (["--engine", "duckdb", "--bill", "x.csv"], "--bill is for the local scan"),
        (["--rows", "x", "--temp", "y"], "--temp is for engines"),
        (["--engine", "duckdb", "--rows", "x"], "--rows needs no --engine"),
        (["--engine", "duckdb", "--memory", "much"], "is no amount of memory"),
        (["--engine", "duckdb", "--max-rows", "0"], "is not a number of rows"),
        (["--engine", "duckdb", "--conf", "threads"], "sets nothing; write NAME=VALUE"),
    ],
)
def test_options_that_do_not_fit(
    words: List[str], told: str, capsys: pytest.CaptureFixture[str], small_csv: Path
) -> None:
    assert told in refusal(capsys, "--data", small_csv, *words)


FILES: Dict[str, bytes] = {
    "semicolons.csv": file_of(line()).replace(b",", b";"),
    "utf16.csv": file_of(line()).decode().encode("utf-16"),
    "several.csv": file_of(line() + ',"a\nb"', header=",".join((*schema.WRITTEN_NAMES, "x"))),
    "other.csv": b"a,b\n1,2\n",
}


WITHOUT_EXTENSIONS = ("--conf", "autoinstall_known_extensions=false")


@pytest.mark.once
@pytest.mark.parametrize(
    ("data", "told"),
    [
        (["semicolons.csv"], "has no commas between its fields; engines read plain CSV lines"),
        (["utf16.csv"], "is not in UTF-8; engines read plain CSV lines"),
        (["several.csv"], "records over several lines are not for an engine"),
        (["other.csv"], "no header; its line must name timestamp"),
        (["none*.csv"], "no file matches"),
        (["none.parquet"], "no file matches"),
        (["-"], "an engine reads files, not standard input"),
        (["good.csv", "good.parquet"], "an engine reads one --data of Parquet"),
        (["table:nobody.knows"], "duckdb: "),
        (["good.csv", "--max-rows", "5"], "more than --max-rows 5"),
        (["good.csv", "--conf", "no_such_setting=1"], "duckdb: "),
        (["s3://bucket/*.parquet", *WITHOUT_EXTENSIONS], "with its extension httpfs, which"),
        (["s3://bucket/*.csv", *WITHOUT_EXTENSIONS], "with its extension httpfs, which"),
    ],
)
def test_data_that_an_engine_does_not_read(
    data: List[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    need("duckdb")
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    write_csv(tmp_path / "good.csv", [dict(row, calls="1e0") for row in varied_rows(30)])
    words = [tmp_path / word if word.endswith((".csv", ".parquet")) else word for word in data]
    words = [given if "://" in given else word for given, word in zip(data, words)]
    first = 2 if len(data) > 1 and not data[1].startswith("--") else 1
    given = [word for path in words[:first] for word in ("--data", path)]
    assert told in refusal(capsys, "--engine", "duckdb", *given, *words[first:])


@pytest.mark.once
def test_a_table_with_too_many_rows_costs_its_analyzer_alone(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(200))
    dataset = engine_dataset("duckdb", path, most_rows=50)
    few, many = Table(("region",), ("calls",)), Table(("customer_id", "hour"), ("calls",))
    assert len(dataset.rollups([few])[few]) < 50
    with pytest.raises(Exception, match=r"table by customer_id, hour has [0-9]+ rows, more than"):
        dataset.rollups([many])


@pytest.mark.once
def test_no_more_rows_come_than_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(200))
    dataset = engine_dataset("duckdb", path, most_rows=50)
    dataset.rollups(())
    brought: List[Any] = []
    rows = DuckDB.rows

    def counting(self: DuckDB, sql: str) -> Iterator[Any]:
        for row in rows(self, sql):
            brought.append(row)
            yield row

    monkeypatch.setattr(DuckDB, "rows", counting)
    with pytest.raises(DataError, match="more than --max-rows 50"):
        dataset.rollups([Table(("customer_id", "hour"), ("calls",))])
    assert len(brought) <= 52  # one more than may be, and how many there are


def test_engines_are_imported_when_they_are_chosen() -> None:
    import subprocess

    program = (
        "import sys\nimport finops.cli, finops.commands.analyze, finops.engines, finops.pipeline\n"
        "import finops.engines.dataset, finops.engines.duckdb\n"
        "print(sorted({'duckdb', 'pyspark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    assert done.stdout.strip() == b"[]"


# --- time zones -----------------------------------------------------------------------------------


def evaluated(sql: str) -> int:
    with closing(sqlite3.connect(":memory:")) as connection:
        (value,) = connection.execute(f"select {sql}").fetchone()
    return int(value)


def seconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(seconds=1)


@pytest.mark.once
@pytest.mark.parametrize("name", ["Europe/Berlin", "Australia/Lord_Howe", "+05:45", "UTC"])
@given(moment=st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1)))
def test_offsets_are_those_of_the_zone(name: str, moment: datetime) -> None:
    zone = zone_of(name)
    changes = changes_of(zone, datetime(2019, 12, 1), datetime(2026, 2, 1))
    local = moment.replace(tzinfo=timezone.utc).astimezone(zone).replace(tzinfo=None)
    us = seconds(moment) * 10**6
    assert evaluated(offset_at(str(us), changes)) == seconds(local) * 10**6 - us
    back = moment.replace(tzinfo=zone).astimezone(timezone.utc).replace(tzinfo=None)
    assert evaluated(offset_of_local(str(us), changes)) == us - seconds(back) * 10**6


def test_changes_are_found_to_the_second() -> None:
    need("zoneinfo")
    changes = changes_of(zone_of("Europe/Berlin"), datetime(2025, 1, 1), datetime(2025, 12, 1))
    assert changes == (
        Change(seconds(datetime(2025, 1, 1)), 3600),
        Change(seconds(datetime(2025, 3, 30, 1)), 7200),
        Change(seconds(datetime(2025, 10, 26, 1)), 3600),
    )


def test_a_statement_says_whether_its_rows_are_wanted() -> None:
    made: List[Statement] = script(DIALECTS["duckdb"](), CALLS, (), OPENING)
    relations = [each.name for each in made if not each.is_query]
    assert relations[0] == "1-finops_parsed"
    assert relations[-1].endswith("calls")
    assert all(each.sql.startswith("create table ") is not each.is_query for each in made)


def test_modules_of_engines_are_there() -> None:
    for entry in ENGINES.values():
        module, name = entry.where.split(":")
        assert hasattr(import_module(f"finops.engines.{module}"), name)


# --- Spark without Spark --------------------------------------------------------------------------


class NoSession:
    """A PySpark of which no session starts; it keeps how one was asked for."""

    __version__ = "4.3.0"

    def __init__(self, reason: str) -> None:
        self.settings: Dict[str, str] = {}
        self._reason = reason
        self.SparkSession = self.builder = self.errors = self

    PySparkException = Py4JError = OSError

    def appName(self, name: str) -> NoSession:
        return self

    def config(self, name: str, value: str) -> NoSession:
        self.settings[name] = value
        return self

    def getOrCreate(self) -> None:
        raise RuntimeError(self._reason)


def without_session(monkeypatch: pytest.MonkeyPatch, reason: str) -> NoSession:
    fake = NoSession(reason)
    for module in ("pyspark", "pyspark.errors", "pyspark.sql", "py4j", "py4j.protocol"):
        monkeypatch.setitem(sys.modules, module, fake)
    return fake


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("[JAVA_GATEWAY_EXITED] Java gateway process exited", "spark needs Java 17 or newer"),
        ("Class org.apache.hadoop.fs.s3a.S3AFileSystem not found", "with hadoop-aws, which does"),
        ('No FileSystem for scheme "s3"', "give --data s3a://BUCKET"),
        ("something else\nand more", "spark: something else\n"),
        (
            "An error occurred while calling o166.count.\n: java.lang.OutOfMemoryError: Java heap"
            " space\n\tat java.base",
            "spark has too little memory; give it more --memory",
        ),
        (
            "An error occurred while calling o1.sql.\n: java.io.IOException: No space left on"
            " device\n\tat java.base",
            "spark has no space left on a disk; give a --temp folder on one with more",
        ),
        (
            "An error occurred while calling o7.collect.\n: java.lang.Odd: what it is\n\tat java",
            "spark: java.lang.Odd: what it is\n",
        ),
    ],
)
def test_a_session_of_spark_that_does_not_start(
    reason: str,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    small_csv: Path,
) -> None:
    without_session(monkeypatch, reason)
    assert told in refusal(capsys, "--engine", "spark", "--data", small_csv)


def test_what_spark_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_csv: Path
) -> None:
    fake = without_session(monkeypatch, "no")
    words = ["--engine", "spark", "--data", small_csv, "--threads", "3", "--memory", "2GB"]
    refusal(capsys, *words, "--temp", "/var/tmp", "--conf", "spark.ui.enabled=true")
    assert fake.settings["spark.master"] == "local[3]"
    assert fake.settings["spark.driver.memory"] == "2g"
    assert fake.settings["spark.local.dir"] == "/var/tmp"
    assert fake.settings["spark.sql.session.timeZone"] == "UTC"
    assert fake.settings["spark.sql.ui.retainedExecutions"] == "1"
    assert fake.settings["spark.ui.enabled"] == "true"
    refusal(capsys, *words, "--master", "spark://host:7077")
    assert fake.settings["spark.master"] == "spark://host:7077"


def test_a_spark_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], small_csv: Path
) -> None:
    without_session(monkeypatch, "no")
    monkeypatch.setattr(NoSession, "__version__", "3.5.1")
    told = refusal(capsys, "--engine", "spark", "--data", small_csv)
    assert "needs pyspark 4.0 or newer" in told
