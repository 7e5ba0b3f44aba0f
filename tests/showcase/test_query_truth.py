"""The queries read as finops reads, and claim nothing that the data does not bear."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Dict, List, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.rollups.dataset import open_dataset
from finops.rollups.measures import OF_MOMENTS
from finops.rollups.spec import Table
from tests.showcase.running import SHOWCASE, load, run_example

pytestmark = pytest.mark.unmeasured

calls_module, allocation, series, aggregations, anomalies, chart = load(
    "queries",
    [
        "_calls",
        "cost_allocation",
        "time_series",
        "aggregations",
        "anomaly_detection",
        "chart_builder",
    ],
)
FOLDER = SHOWCASE / "queries"
QUERIES = (
    "cost_allocation",
    "time_series",
    "aggregations",
    "anomaly_detection",
    "chart_builder",
)
COLUMNS = (
    "timestamp",
    "call_id",
    "provider",
    "model",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "latency_ms",
    "customer_id",
    "status",
    "calls",
    "bucket_s",
)

# --- read as finops reads ------------------------------------------------------------------------

NULLS = ("", " ", "NULL", "None", "nan", "N/A", "-", "\\N")
NUMBERS = (
    "7",
    "0",
    "+5",
    "1e3",
    "1000.0",
    "1,234",
    "1,234,567",
    "12.5",
    "-3",
    "1_0",
    "٣",
    "x",
    "9" * 14,
)
FORMS: Dict[str, Sequence[str]] = {
    "timestamp": (
        *("2025-03-01T10:00:00.123456", "2025-03-01 10:00", "2025-03-01", "2025/03/01 10:00:00"),
        *("2025-03-01T10:00:00,5Z", "2025-03-01t10:00:00+02:00", "2025-03-01T10:00:00 UTC"),
        *("2025-03-01T10:00:00-0530", "2025-03-01T24:00:00", "2025-03-01T23:59:60"),
        *("1740823200", "1740823200123", "1740823200123456", "1740823200123456789"),
        *("2025-02-30T10:00:00", "03/01/2025", "10:00", "2025-03-01T25:00:00", "", "174082320"),
        *("2025-03-01T10:00:00.1234567890", "2025-03-01T10:00:00+24:00", "1740823200.25"),
    ),
    "call_id": ("", "a", "b", "c", "NULL"),
    "provider": ("openai", "OPENAI", " Openai ", "", "n/a"),
    "model": ("m1", " m1", "m2", "M2", "", "null", "m\x003"),
    "input_tokens": (*NUMBERS, *NULLS),
    "output_tokens": (*NUMBERS, *NULLS),
    "cost_usd": (
        *("1.50", ".5", "+0.5", "$1.20", "1.20 USD", "US$ 3", "1e-05", "1,234.50", "1,234", "-20"),
        *("(20.00)", "-$1.50", "$-1.50", "(-1)", "€ 5", "5 EUR", "1e308", "free", "0", "0.000000"),
        *("0.0000000000005", "1,234,567", "12,5", *NULLS),
    ),
    "latency_ms": ("100", "99.5", "99.4", "1e2", "1,234", "1,234.5", "-1", "fast", *NULLS),
    "customer_id": ("c1", " c1 ", "c2", "C2", "", "None", "b\x01d", "\x85"),
    "status": (
        *("success", "OK", " Completed", "error", "Rate limited", "rate-limit", "cancelled"),
        *("200", "204", "302", "429", "500.0", "maybe", "", "N/A"),
    ),
    "calls": ("", "", "", "1", "3", "0", "150", "-1", "2.5", "many"),
    "bucket_s": ("", "", "", "", "3600", "x"),
}
SUMS = ("records", "calls", "input_tokens", "output_tokens", "cost", "errors", "status_known")
BY_MODEL = Table(("model", "customer_id"), (*SUMS, "unpriced", "credits"))
TIMED = Table(("model", "customer_id"), ("latency_known", "latency_ms"), OF_MOMENTS)
BY_DAY = Table(("day",), ("records",))


def write_table(path: Path, rows: Sequence[Sequence[str]], delimiter: str = ",") -> Path:
    with open(str(path), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    return path


def read_by_finops(path: Path) -> Dict[Any, List[Any]]:
    """Return the sums of each model and customer, and the rows of each day."""
    tables = open_dataset(str(path)).rollups([BY_MODEL, TIMED, BY_DAY])
    sums = {key: [*values, 0, 0] for key, values in tables[BY_MODEL].items()}
    for key, values in tables[TIMED].items():
        sums[key][-2:] = values
    return {**sums, **{day: list(count) for day, count in tables[BY_DAY].items()}}


def read_by_query(path: Path) -> Dict[Any, List[Any]]:
    """Return the same from the showcase's reader."""
    sums: Dict[Any, List[Any]] = {}
    for call in calls_module.CallFile(path):
        key = (call.value("model"), call.value("customer_id") or "unallocated")
        credit = -call.pico_usd if call.is_credit else 0
        values = [
            1,
            call.calls,
            call.input_tokens,
            call.output_tokens,
            call.pico_usd or 0,
            call.calls * (call.status == "error"),
            call.calls * (call.status != "unknown"),
            (call.calls or 1) if call.pico_usd is None else 0,
            credit,
            call.calls if call.latency_ms is not None else 0,
            call.calls * (call.latency_ms or 0),
        ]
        before = sums.setdefault(key, [0] * len(values))
        sums[key] = [a + b for a, b in zip(before, values)]
        day = sums.setdefault((call.day,), [0])
        day[0] += 1
    for key, values in sums.items():
        if len(key) == 2:
            values[4], values[8] = values[4] / 10**12, values[8] / 10**12
    return sums


def check_alike(path: Path) -> None:
    expected, got = read_by_finops(path), read_by_query(path)
    assert set(got) == set(expected)
    for key, values in expected.items():
        assert got[key] == pytest.approx(values, rel=1e-12), key


GOOD = ("2025-03-01T10:00:00", "", "p", "m1", "10", "5", "0.25", "100", "c1", "success", "", "")


@pytest.mark.parametrize("column", COLUMNS)
def test_each_form_of_a_value_is_read_as_finops_reads_it(column: str, tmp_path: Path) -> None:
    place = COLUMNS.index(column)
    rows = [list(GOOD) for _ in FORMS[column]]
    for row, form in zip(rows, FORMS[column]):
        row[place] = form
    check_alike(write_table(tmp_path / "calls.csv", [GOOD, *rows]))


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(delimiter: str, tmp_path: Path) -> None:
    costs = ("0,5", "1.234,50", "1.234", "0.50", "12,5", "1e-05")
    rows = [[*GOOD[:6], cost, *GOOD[7:]] for cost in costs]
    check_alike(write_table(tmp_path / "calls.csv", rows, delimiter))


def test_containers_and_headers(tmp_path: Path) -> None:
    import gzip

    plain = write_table(tmp_path / "calls.csv", [GOOD, GOOD]).read_text(encoding="utf-8")
    head, rows = plain.split("\n", 1)
    spoken = head.replace("_", " ").title() + "\n" + rows
    texts = {
        "spoken.csv": spoken.encode(),
        "crlf.csv": plain.replace("\n", "\r\n").encode(),
        "bom.csv": plain.encode("utf-8-sig"),
        "wide.csv": plain.encode("utf-16"),
        "packed.csv.gz": gzip.compress(plain.encode()),
        "commented.csv": b"# from a spreadsheet\n\nsep=,\n" + plain.encode(),
        "trailing.csv": plain.replace("\n", ",\n").encode(),
        "unfinished.csv": plain.rstrip("\n").encode(),
    }
    for name, content in texts.items():
        (tmp_path / name).write_bytes(content)
        check_alike(tmp_path / name)


CREDITS = ("-20", "(20.00)", "-$1.50", "$-1.50", "(-1)")


@given(st.lists(st.tuples(*(st.sampled_from(FORMS[name]) for name in COLUMNS)), max_size=12))
def test_odd_tables_are_read_as_finops_reads_them(
    tmp_path_factory: pytest.TempPathFactory, drawn: List[Any]
) -> None:
    # Of a credit the query does not parse the tokens, so it cannot compare two forms of them.
    rows = [(r[0], "" if r[6] in CREDITS else r[1], *r[2:]) for r in drawn]
    path = tmp_path_factory.mktemp("odd") / "calls.csv"
    check_alike(write_table(path, [GOOD, *rows]))


def test_a_near_miss_of_the_cost_is_not_ignored(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    path.write_text("timestamp,model,input_tokens,output_tokens,Total Spend\n2025-01-01,m,1,1,5\n")
    with pytest.raises(ValueError, match="total_spend"):
        list(calls_module.CallFile(path))


# --- what may be claimed -------------------------------------------------------------------------


def hourly(days: int, **changes: str) -> List[List[str]]:
    """Return a call an hour for some whole days."""
    rows = []
    for hour in range(24 * days):
        when = datetime(2025, 3, 3) + timedelta(hours=hour)
        values = dict(zip(COLUMNS, GOOD), timestamp=when.isoformat(), **changes)
        rows.append([values[name] for name in COLUMNS])
    return rows


def rows_of(name: str, path: Path) -> List[Dict[str, Any]]:
    """Run a query as a program and return the rows of its JSON."""
    ran = run_example(FOLDER / f"{name}.py", str(path), "--json", "-")
    assert ran.status == 0, ran.err
    rows: List[Dict[str, Any]] = json.loads(ran.out)["rows"]
    return rows


@pytest.mark.parametrize("name", QUERIES)
def test_without_costs_no_query_gives_any_figure_of_cost(name: str, tmp_path: Path) -> None:
    path = write_table(tmp_path / "calls.csv", hourly(30, cost_usd=""))
    words = ("cost", "share", "growth", "dollar", "low", "high", "threshold", "score")
    for row in rows_of(name, path):
        if row["dimension"] == "behaviour":
            continue
        assert row["unpriced_calls"] == row["count"]
        known = {key: row[key] for key in row if any(word in key for word in words)}
        assert set(known.values()) == {None}
        assert row.get("measure") is None
    ran = run_example(FOLDER / f"{name}.py", str(path))
    assert ran.status == 0
    assert "$0" not in ran.out


def test_one_call_without_a_cost_makes_sums_lower_bounds(tmp_path: Path) -> None:
    rows = hourly(30)
    rows[100][COLUMNS.index("cost_usd")] = ""
    rows[100][COLUMNS.index("customer_id")] = "c2"
    path = write_table(tmp_path / "calls.csv", rows)
    by_customer = {row["value"]: row for row in rows_of("cost_allocation", path)}
    assert (by_customer["c1"]["total_cost"], by_customer["c1"]["avg_cost"]) == (719 * 0.25, 0.25)
    assert by_customer["c2"]["total_cost"] is None
    assert by_customer["c1"]["share_percent"] is None, "of a total that is not known"
    ran = run_example(FOLDER / "cost_allocation.py", str(path))
    assert ran.figure("Total cost") == "≥ $179.750000"
    ran = run_example(FOLDER / "time_series.py", str(path))
    assert ran.figure("Trend") == "–"
    assert ran.figure("Forecast's error") == "not tested"
    assert "1 rows have no cost" in ran.out


@pytest.mark.parametrize(
    ("days", "trends", "tested"), [(13, False, False), (14, True, False), (21, True, True)]
)
def test_a_trend_needs_14_whole_days_and_an_untested_forecast_has_no_error(
    days: int, trends: bool, tested: bool, tmp_path: Path
) -> None:
    path = write_table(tmp_path / "calls.csv", [*hourly(days), *hourly(days + 1)[-24:-20]])
    read = series.daily(series.CallFile(path))
    assert [day.partial for day in read] == [False] * days + [True]
    assert (series.trend(read) is not None) is trends
    assert bool(series.forecast_rows(read, 7)) is trends
    assert (series.backtest(read, 7) is not None) is tested
    ran = run_example(FOLDER / "time_series.py", str(path))
    assert (ran.figure("Forecast's error") == "not tested") is not tested
    assert (ran.figure("Trend") == "–") is not trends


def test_a_growth_from_nothing_is_not_known() -> None:
    assert series.growth(1.0, 0.0) is None
    assert series.growth(None, 1.0) is None
    assert series.growth(3.0, 2.0) == 50.0


def test_one_user_with_a_regular_day_is_no_anomaly(tmp_path: Path) -> None:
    """Business hours on working days return: they are the baseline."""
    rows = []
    for row in hourly(28):
        when = datetime.fromisoformat(row[0])
        busy = when.weekday() < 5 and 9 <= when.hour < 18
        rows += [row] * (8 if busy else int(when.hour in (0, 23)))
    path = write_table(tmp_path / "calls.csv", rows)
    assert rows_of("anomaly_detection", path) == []
    (customer,) = [r for r in rows_of("cost_allocation", path) if r["dimension"] == "customer_id"]
    assert customer["value"] == "c1"
    assert customer["share_percent"] == 100


def test_under_48_active_hours_and_28_whole_days_nothing_is_unusual(tmp_path: Path) -> None:
    quiet = hourly(27)
    switched = [[*row[:3], "m2" if n > 24 * 14 else "m1", *row[4:]] for n, row in enumerate(quiet)]
    tables = anomalies.Tables()
    tables.consume(anomalies.CallFile(write_table(tmp_path / "a.csv", switched)))
    assert anomalies.behaviour(tables, anomalies.Limits()) == []
    burst = [*hourly(2)[:46], *[hourly(2)[46]] * 50]
    tables = anomalies.Tables()
    tables.consume(anomalies.CallFile(write_table(tmp_path / "b.csv", burst)))
    assert len(tables.hours) == 47
    assert anomalies.statistical(tables, anomalies.Limits()) == []
    tables.consume(anomalies.CallFile(write_table(tmp_path / "c.csv", hourly(2)[47:])))
    assert len(anomalies.statistical(tables, anomalies.Limits())) == 1


def test_an_outlier_is_one_among_calls_of_its_model_and_size(tmp_path: Path) -> None:
    """Half of the calls are large ones of an expensive model: they are no outliers."""
    rows = []
    for number, row in enumerate(hourly(20)):
        large = number % 2
        cost, tokens = ("9.00", "90000") if large else ("0.01", "100")
        rows.append([*row[:3], f"m{large}", tokens, *row[5:6], cost, *row[7:]])
    path = write_table(tmp_path / "calls.csv", rows)
    assert [r for r in rows_of("anomaly_detection", path) if r["dimension"] == "outlier"] == []
    rows[7][6] = "99.00"
    path = write_table(tmp_path / "calls.csv", rows)
    outliers = [r for r in rows_of("anomaly_detection", path) if r["dimension"] == "outlier"]
    assert [(row["value"], row["count"], row["total_cost"]) for row in outliers] == [
        ("m1", 1, 99.0)
    ]


def test_latency_is_of_successful_calls_that_have_one(tmp_path: Path) -> None:
    rows = hourly(1)
    rows[0][7] = rows[1][7] = ""
    rows[2][7], rows[2][9] = "9000", "error"
    rows[3][7], rows[3][11] = "8000", "3600"
    aggregator = aggregations.Aggregator([("model",)])
    aggregator.consume(aggregations.CallFile(write_table(tmp_path / "calls.csv", rows)))
    (row,) = aggregator.rows(("model",))
    assert (row["latency_calls"], row["p99_latency_ms"], row["avg_latency_ms"]) == (20, 100, 100)
    assert row["error_rate_percent"] == pytest.approx(100 / 24)
    silent = aggregations.Aggregator([("model",)])
    path = write_table(tmp_path / "b.csv", hourly(1, latency_ms="", status=""))
    silent.consume(aggregations.CallFile(path))
    (row,) = silent.rows(("model",))
    assert (row["p50_latency_ms"], row["avg_latency_ms"], row["error_rate_percent"]) == (
        None,
        None,
        None,
    )


def test_a_chart_leaves_a_gap_where_a_value_is_not_known(tmp_path: Path) -> None:
    rows = [*hourly(3)[:24], *hourly(3, cost_usd="")[24:48], *hourly(3)[48:]]
    definition = chart.ChartDefinition("t", kind="line", series="model")
    builder = chart.ChartBuilder(definition)
    builder.consume(chart.CallFile(write_table(tmp_path / "calls.csv", rows)))
    drawn = builder.chart()
    assert drawn.series == {"m1": [6.0, None, 6.0]}
    page = chart.render(drawn, [("Cost", builder.total.money.shown())])
    assert page.count("<polyline") == 2
    assert "<td>–</td>" in page
    assert "≥ $12.00" in page


def test_rows_are_written_without_values_where_nothing_is_known(tmp_path: Path) -> None:
    path = write_table(tmp_path / "calls.csv", hourly(1, cost_usd=""))
    ran = run_example(FOLDER / "cost_allocation.py", str(path), "--by", "model", "--csv", "-")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["count"], row["avg_cost"], row["total_cost"]) == ("24", "", "")
    assert row["unpriced_calls"] == "24"
