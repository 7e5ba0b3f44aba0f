"""Engines against the local scan: the same tables, facts and results of the same calls."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finops.analyzers.base import Analyzer
from finops.analyzers.shared.explore_cube import explore_cubes
from finops.engines import ENGINES
from finops.engines.dataset import EngineDataset
from finops.errors import DataError
from finops.reader.options import ReadingOptions
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import Dataset
from finops.rollups.expressions import above, all_of, known
from finops.rollups.measures import (
    CALL_DIMENSIONS,
    CUSTOMER_DIMENSIONS,
    OF_MOMENTS,
    REGION_CHANGE_MEASURES,
    SUM_MEASURES,
    TEXT_COLUMNS,
    TIME_DIMENSIONS,
    Dimension,
    Distribution,
    Measure,
    Usual,
    measure_of,
)
from finops.rollups.spec import Having, Table
from finops.schema import FULL_NAMES, WRITTEN_NAMES
from tests.rollups.test_dataset import EVERYTHING, csv_of, rows_strategy
from tests.rollups.test_measures import conditions, terms
from tests.rollups.test_ties import tied_rows
from tests.support import malformed
from tests.support.engines import (
    compressed,
    dirty_csv,
    dirty_rows,
    end_spark,
    engine_dataset,
    line_of,
    local_dataset,
    outcome_of,
    results_of,
)
from tests.support.rows import varied_rows, write_csv
from tests.support.tools import need

pytestmark = [pytest.mark.once]

# Spark takes most of a minute to start: it runs where all of this runs.
EVERYWHERE = [
    pytest.param(name, marks=[pytest.mark.soak] if name == "spark" else []) for name in ENGINES
]
on_engines = pytest.mark.parametrize("name", EVERYWHERE)
FACTS = (
    Table(
        ("hour", "customer_id"), ("calls", "cost", "rate_limits"), having=Having("calls", ">", 1)
    ),
    Table(("day", "provider", "model"), ("cost", "latency"), top="cost"),
    Table(("week", "subscription_tier", "tier_price_usd"), ("records", "latencies")),
    Table(("hour", "customer_id", "tier_price_usd"), ("cost", "latency"), since=2),
    Table(("tier_price_usd", "day"), ("cost", "last_seen"), OF_MOMENTS, since=9, limit=5),
    Table(("provider", "hour", "tier_price_usd"), ("cost", "records"), changes="records"),
    Table(("customer_id", "day"), ("cost", "records"), among=Having("records", ">", 2)),
    Table(("customer_id", "day"), REGION_CHANGE_MEASURES),
    Table((), ("sessions",)),
    Table((), ("retries",)),
    Table(("day",), ("customers", "first_seen", "input_sizes", "last_seen", "calls"), OF_MOMENTS),
    *CUSTOMER_RECORDS,
)
ODD_LINES = (
    *("short row", "stray quote", "open quote", "NUL", "long line", "UTF-8", "quoted 1,234"),
    *("no line end, CR", "torn", "CRLF", "NUL-filled", "BOM", "gzip", "doubled quote"),
    *("far ahead among many", "one of a hundred", "every row bad"),
    *("repeated id, other content", "long and quoted"),
)
# Spark takes some seconds for each file, whatever its size.
MUTATIONS = {"duckdb": 250, "spark": 20}
DATASETS_OF_A_JVM = 20  # with some hundred its 3 GB are full
# What engines do not read is refused, with the way out.
NOT_READ = ("import", "Parquet")


@on_engines
def test_thirteen_results_and_the_explore_page(name: str, tmp_path: Path) -> None:
    rows = varied_rows(300, seed=11)
    path = write_csv(tmp_path / "calls.csv", rows)
    local, engine = local_dataset(path), engine_dataset(name, path)
    assert results_of(engine) == results_of(local)
    assert engine.rollups(()).file == local.rollups(()).file._replace(engine=name)
    for all_named in (True, False):
        wanted, found = (list(explore_cubes(each, all_named=all_named)) for each in (local, engine))
        assert found == wanted


@on_engines
@pytest.mark.parametrize("shape", ["pattern", "compressed", "parquet", "table"])
def test_files_of_every_kind(name: str, shape: str, tmp_path: Path) -> None:
    rows = varied_rows(120, seed=5)
    write_csv(tmp_path / "whole.csv", rows)
    parts = [write_csv(tmp_path / f"part{2 - k}.csv", rows[k::3]) for k in range(3)]
    given: Any = str(tmp_path / "part*.csv")
    if shape == "compressed":
        given = str(tmp_path / "part*.csv.gz")
        for part in parts:
            compressed(part)
    if shape in ("parquet", "table"):
        given = as_columns(tmp_path, shape)
        if name == "spark" and shape == "table":
            pytest.skip("Spark's tables are those of its catalogue")
    like = [tmp_path / "whole.csv"] if shape in ("parquet", "table") else [given]
    wanted, found = (
        outcome_of(each, FACTS) for each in (local_dataset(*like), engine_dataset(name, given))
    )
    assert found == wanted


@on_engines
def test_calls_of_one_second_in_forty_compressed_files(name: str, tmp_path: Path) -> None:
    rows = tied_rows()[:400]
    for k in range(40):
        compressed(write_csv(tmp_path / f"part{k:02d}.csv", rows[k::40]))
    given = str(tmp_path / "part*.csv.gz")
    wanted = outcome_of(local_dataset(given), FACTS)
    assert outcome_of(engine_dataset(name, given), FACTS) == wanted


def as_columns(folder: Path, shape: str) -> str:
    """Write the calls as Parquet or into a table of DuckDB; return the location."""
    duckdb = need("duckdb")
    source = f"read_csv('{folder / 'whole.csv'}')"
    if shape == "parquet":
        duckdb.sql(f"copy (select * from {source}) to '{folder / 'calls.parquet'}'")
        return str(folder / "calls.parquet")
    with duckdb.connect(str(folder / "lake.duckdb")) as connection:
        connection.execute(f"create table calls as select * from {source}")
    return f"table:{folder / 'lake'}.calls"


@on_engines
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(ReadingOptions(), marks=[pytest.mark.soak]),
        ReadingOptions(timezone="+05:30", input_timezone="-03:30"),
    ],
)
def test_rows_in_every_form(name: str, options: ReadingOptions, tmp_path: Path) -> None:
    rows = dirty_rows(500, seed=1)
    rows[3]["timestamp"], rows[5]["timestamp"] = "2014-01-01T00:00:00", "2999-01-01T00:00:00Z"
    path = dirty_csv(tmp_path / "calls.csv", rows)
    tables = (*FACTS, *EVERYTHING[::4])
    wanted = outcome_of(local_dataset(path, options=options), tables)
    account = wanted["account"]
    for kind in ("repeated_records", "conflicting_ids", "blanked", "implausible_times"):
        assert account[kind], kind
    assert outcome_of(engine_dataset(name, path, options=options), tables) == wanted


@on_engines
def test_a_range_and_a_zone_with_summer_time(name: str, tmp_path: Path) -> None:
    need("zoneinfo")
    options = ReadingOptions(
        timezone="Europe/Berlin",
        input_timezone="America/New_York",
        since="2025-03-05T00:00:00.000000",
        until="2025-11-20T00:00:00.000000",
    )
    rows = [
        {**row, "timestamp": f"2025-{1 + k % 12:02d}-{1 + k % 28:02d}T{k % 24:02d}:30:00"}
        for k, row in enumerate(varied_rows(400, seed=2))
    ]
    for k in range(12):  # around the nights in which clocks change
        rows[k]["timestamp"] = f"2025-{(3, 11)[k % 2]:02d}-{(9, 2)[k % 2]:02d}T0{k % 4}:{k}0:00"
    path = write_csv(tmp_path / "calls.csv", rows)
    wanted = outcome_of(local_dataset(path, options=options), FACTS)
    assert wanted["account"]["outside"]
    assert outcome_of(engine_dataset(name, path, options=options), FACTS) == wanted


@on_engines
def test_files_with_other_columns_in_another_order(name: str, tmp_path: Path) -> None:
    rows = dirty_rows(150, seed=4)
    fewer = [n for n in FULL_NAMES if n not in ("calls", "source", "list_cost_usd")]
    paths = [
        dirty_csv(tmp_path / f"{place}.csv", rows[place::3], names)
        for place, names in enumerate((FULL_NAMES, fewer[::-1], WRITTEN_NAMES))
    ]
    wanted = outcome_of(local_dataset(*paths), FACTS)
    assert outcome_of(engine_dataset(name, *paths), FACTS) == wanted


@pytest.mark.parametrize("ending", [".csv", pytest.param(".csv.gz", marks=[pytest.mark.soak])])
def test_files_that_are_elsewhere(ending: str, tmp_path: Path) -> None:
    rows = sorted(dirty_rows(200, seed=6), key=lambda row: row["timestamp"])
    rows[3]["timestamp"] = "2014-01-01T00:00:00"
    paths = [dirty_csv(tmp_path / f"{k}.csv", rows[k * 70 : k * 70 + 70]) for k in range(3)]
    for path in paths:
        path.write_bytes(path.read_bytes().replace(b"web\xff", b"web"))
    given = [compressed(path) for path in paths] if ending == ".csv.gz" else paths
    wanted = outcome_of(local_dataset(*given), FACTS)
    wanted["account"]["notes"] = [n for n in wanted["account"]["notes"] if "gzip" not in n]
    address = f"file://{tmp_path}/*{ending}"
    dataset = engine_dataset("duckdb", address)
    assert outcome_of(dataset, FACTS) == wanted
    assert dataset.rollups(()).file.size_bytes is None
    assert dataset.truth() is None
    assert not dataset.events()


def test_bytes_that_cannot_be_had_any_more_are_a_line_left_out(tmp_path: Path) -> None:
    rows = varied_rows(30)
    path = dirty_csv(tmp_path / "calls.csv", rows)
    dataset = engine_dataset("duckdb", f"file://{path}")
    accounting = dataset.rollups(()).accounting
    assert accounting.balanced
    assert ("wrong number of fields", 1) in {(s.reason, s.rows) for s in accounting.skipped}


@pytest.mark.parametrize("field", ["user_agent", "session_id"])
def test_a_carriage_return_within_a_line(field: str, tmp_path: Path) -> None:
    rows = varied_rows(30)
    rows[4][field] = "a\rb"
    path = tmp_path / "calls.csv"
    lines = [",".join(WRITTEN_NAMES), *(line_of(row, WRITTEN_NAMES) for row in rows), ""]
    path.write_bytes("\n".join(lines).encode("utf-8"))
    wanted = outcome_of(local_dataset(path), FACTS)
    assert wanted["account"]["blanked"]
    assert outcome_of(engine_dataset("duckdb", path), FACTS) == wanted
    with pytest.raises(DataError, match="carriage returns within its lines; make a plain CSV"):
        engine_dataset("duckdb", path, most_rows=20).rollups(())


def same_or_refused(name: str, path: Path) -> bool:
    """Compare a file; return whether an engine read it, or refused it as the local reader does."""
    wanted = outcome_of(local_dataset(path), malformed.TABLES)
    found = outcome_of(engine_dataset(name, path), malformed.TABLES)
    if "knows gzip by the ending" in found.get("refused", ""):
        return same_or_refused(name, path.rename(path.with_name(f"{path.name}.gz")))
    if found != wanted and all(word in found.get("refused", "") for word in NOT_READ):
        return False
    assert found == wanted
    return True


@on_engines
@pytest.mark.parametrize(
    "case", [c for c in malformed.CASES if c.name in ODD_LINES], ids=lambda case: case.name
)
def test_odd_lines(name: str, case: malformed.Case, tmp_path: Path) -> None:
    path = tmp_path / "case.csv"
    path.write_bytes(case.content)
    assert same_or_refused(name, path)


@on_engines
def test_datasets_of_one_process_have_nothing_to_do_with_each_other(
    name: str, tmp_path: Path
) -> None:
    paths = [write_csv(tmp_path / f"{seed}.csv", varied_rows(40, seed)) for seed in (1, 2)]
    datasets = [engine_dataset(name, path) for path in paths]
    for dataset in datasets:
        dataset.fill(())
    for path, dataset in zip(paths, datasets):
        assert outcome_of(dataset, FACTS) == outcome_of(local_dataset(path), FACTS)


@pytest.mark.soak
def test_what_spark_kept_goes_with_its_dataset(tmp_path: Path) -> None:
    dataset = engine_dataset("spark", write_csv(tmp_path / "calls.csv", varied_rows(20)))
    context = need("pyspark").SparkContext.getOrCreate()
    gc.collect()
    before = context._jsc.getPersistentRDDs().size()
    dataset.fill(())
    assert context._jsc.getPersistentRDDs().size() > before
    del dataset
    gc.collect()
    assert context._jsc.getPersistentRDDs().size() == before


@pytest.mark.soak
@pytest.mark.parametrize("name", ENGINES)
def test_every_kind_of_odd_file(name: str, tmp_path: Path) -> None:
    path = tmp_path / "case.csv"
    refused = []
    for number, case in enumerate(malformed.CASES):
        if name == "spark" and number % DATASETS_OF_A_JVM == 0:
            end_spark()
        path.write_bytes(case.content)
        if not same_or_refused(name, path):
            refused.append(case.name)
    assert len(refused) < len(malformed.CASES) // 8


@pytest.mark.soak
@pytest.mark.parametrize("name", ENGINES)
def test_mutated_files(name: str, tmp_path: Path) -> None:
    import random

    draw = random.Random("mutations for engines")
    rows = [
        malformed.line(timestamp=f"2025-01-01T09:{k:02d}:00", customer_id="c") for k in range(12)
    ]
    content = malformed.file_of(*rows)
    path = tmp_path / "mutated.csv"
    for number in range(MUTATIONS[name]):
        if name == "spark" and number % DATASETS_OF_A_JVM == 0:
            end_spark()
        path.write_bytes(malformed.mutated(draw, content))
        same_or_refused(name, path)


# --- tables that nobody wrote ------------------------------------------------------------

named_dimensions = st.sampled_from(
    [*CALL_DIMENSIONS, *CUSTOMER_DIMENSIONS, *TIME_DIMENSIONS, "hour", "day"]
)
own_dimensions = st.builds(Dimension, st.just("own"), conditions | terms)
own_measures = st.builds(
    Measure,
    st.just("sum of own"),
    conditions | terms,
    st.just(10**18),
    st.just(1),
    st.just(()),
    st.just(()),
    st.none() | conditions,
)


standings = st.builds(
    Distribution,
    st.just("standing"),
    st.just("latency_ms"),
    st.just(False),
    st.builds(Usual, st.integers(1, 100), st.sampled_from([1, 1.1, 2.5, 3]), st.integers(1, 4)),
)
lists = st.sampled_from(["latency", "latencies", "input_sizes"]) | standings


@st.composite
def legal_tables(draw: Any) -> Table:
    """Draw a table that passes its own check."""
    times = draw(st.lists(st.sampled_from(TIME_DIMENSIONS), max_size=1))
    others = st.lists(named_dimensions.filter(lambda n: n not in TIME_DIMENSIONS), max_size=3)
    by: List[Any] = [*times, *dict.fromkeys(draw(others))]
    by += draw(st.lists(own_dimensions, max_size=1))
    measures: List[Any] = [
        *dict.fromkeys(draw(st.lists(st.sampled_from(SUM_MEASURES), max_size=4))),
        *draw(st.lists(own_measures, max_size=1)),
        *draw(st.lists(lists, max_size=2, unique=True)),
        *draw(st.lists(st.sampled_from(["first_seen", "last_seen", "customers"]), max_size=2)),
    ]
    sums = [m.name for m in map(measure_of, measures) if isinstance(m, Measure)]
    where = draw(st.none() | conditions)
    limits = st.builds(
        Having,
        st.sampled_from(sums or [""]),
        st.sampled_from(["<>", ">", ">="]),
        st.integers(0, 3),
    )
    is_whole = any(isinstance(m, Distribution) and m.usual for m in measures)
    having = None if is_whole else draw(st.none() | limits)
    top = draw(st.sampled_from(["", *sums])) if by and not is_whole else ""
    of_days = {"day", "hour"} & set(times) and having is None and not top and not is_whole
    since = draw(st.integers(0, 40)) if of_days else 0
    if draw(st.integers(0, 4)) == 0:
        return _of_changes(draw, where)
    if len(by) > 1 and by[0] in TEXT_COLUMNS and measures and len(sums) == len(measures):
        among = draw(st.none() | limits)
        if among is not None:
            return Table(tuple(by), tuple(measures), where, among=among)
    has_lists = any(isinstance(measure, Distribution) for measure in map(measure_of, measures))
    limit = 0 if has_lists else draw(st.integers(0, 30))
    return Table(tuple(by), tuple(measures), where, having, top, since, limit=limit)


def _of_changes(draw: Any, where: Any) -> Table:
    first = draw(named_dimensions.filter(lambda n: n not in (*TIME_DIMENSIONS, "tier_price_usd")))
    number = draw(st.just("tier_price_usd") | st.builds(Dimension, st.just("own"), terms))
    time = draw(st.sampled_from(TIME_DIMENSIONS))
    since = draw(st.integers(0, 40)) if time in ("day", "hour") else 0
    measures = ("cost", "calls", "last_seen")
    limit = draw(st.integers(0, 30))
    return Table((first, time, number), measures, where, None, "", since, "calls", limit)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Tuple[Dataset, Dict[str, EngineDataset]]:
    folder = tmp_path_factory.mktemp("drawn")
    path = dirty_csv(folder / "calls.csv", dirty_rows(160, seed=7))
    return local_dataset(path), {"duckdb": engine_dataset("duckdb", path)}


@given(table=legal_tables())
def test_any_legal_table(table: Table, drawn: Tuple[Dataset, Dict[str, EngineDataset]]) -> None:
    local, engines = drawn
    try:
        table.check()
        wanted = outcome_of(local, [table])
    except (ValueError, TypeError, OverflowError):
        return  # no scan fills it: its columns do not go together, or its bounds are too wide
    for engine in engines.values():
        assert outcome_of(engine, [table]) == wanted


@pytest.mark.soak
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=rows_strategy().filter(len))
def test_any_rows(rows: List[Dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_bytes(csv_of(rows))
    wanted = outcome_of(local_dataset(path), EVERYTHING)
    assert outcome_of(engine_dataset("duckdb", path), EVERYTHING) == wanted


class SlowAnswers(Analyzer):
    """An analyzer as the recipe for a new one makes it: tables, and a function of them."""

    TABLES = (
        Table(
            ("day", "provider"),
            ("calls", Measure("slow", above("latency_ms", 1000))),
            all_of(known("latency_ms"), above("output_tokens", 100)),
        ),
    )

    def compute(self, data: Any) -> Dict[str, Any]:
        """Return the share of slow answers by day and provider."""
        return {"|".join(key): slow / calls for key, (calls, slow) in data[self.TABLES[0]].items()}


@on_engines
def test_an_analyzer_that_only_a_test_has(name: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "calls.csv", varied_rows(80))
    wanted = SlowAnswers(local_dataset(path)).analyze()
    assert wanted
    assert SlowAnswers(engine_dataset(name, path)).analyze() == wanted


@pytest.mark.soak
@pytest.mark.parametrize("name", ENGINES)
def test_large_files(name: str, tmp_path: Path) -> None:
    from finops import generate

    path = tmp_path / "calls.csv"
    generate(path, size_mb=30)
    begun = time.monotonic()
    local, engine = local_dataset(path), engine_dataset(name, path, threads=2)
    assert results_of(engine) == results_of(local)
    assert time.monotonic() - begun < 1800
