"""The queries against DuckDB over the same file, and on files with planted events and faults."""

from __future__ import annotations

import csv
import io
import json
import math
import random
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, List

import pytest

from tests.showcase.running import SHOWCASE, interpreters, load, run_example

# One of them shows that every Python computes the same; odd tables are read in test_query_truth.
pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

FOLDER = SHOWCASE / "queries"
calls_module, sample, series_module, output, anomalies = load(
    "queries", ["_calls", "_sample_calls", "time_series", "_output", "anomaly_detection"]
)
HEADER = sample.COLUMNS.split(",")
FIRST = ["dimension", "value", "count", "avg_cost", "total_cost"]
QUERIES = [
    "cost_allocation.py",
    "time_series.py",
    "aggregations.py",
    "anomaly_detection.py",
    "chart_builder.py",
]


def write_rows(path: Path, rows: Any) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HEADER, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def a_row(number: int, when: datetime, **changes: Any) -> Any:
    base = {
        "timestamp": when.isoformat(timespec="microseconds"),
        "call_id": f"call_{number:08d}",
        "provider": "openai",
        "model": "gpt-4o",
        "input_tokens": 100,
        "output_tokens": 50,
        "cost_usd": "0.010000",
        "latency_ms": 400,
        "customer_id": "cust_0001",
        "organization_id": "org_001",
        "product_id": "product_a",
        "feature_id": "chat",
        "task_type": "chat",
        "status": "success",
    }
    return {**base, **changes}


@pytest.fixture(scope="module")
def random_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls drawn by the test, with unequal groups, gaps between days, and ties."""
    chance = random.Random(99)
    rows: List[Any] = []
    for number in range(6000):
        day = chance.choice([0, 1, 2, 3, 5, 8, 9, 10, 14, 20, 21, 22, 23, 29, 33, 40, 41, 45])
        when = datetime(2025, 1, 28) + timedelta(days=day, seconds=chance.randrange(86_400))
        rows.append(
            a_row(
                number,
                when,
                provider=chance.choice(["openai", "anthropic", "google"]),
                model=chance.choice(["a", "b", "c", "d"]),
                input_tokens=chance.randrange(3000),
                output_tokens=chance.randrange(900),
                cost_usd=f"{chance.random() ** 4:.6f}",
                latency_ms=chance.choice([0, 5, 5, 5, chance.randrange(4000)]),
                customer_id=f"cust_{chance.randrange(60):04d}",
                organization_id=f"org_{chance.randrange(7):03d}",
                feature_id=chance.choice(["chat", "analysis"]),
                status=chance.choice(["success"] * 9 + ["error"]),
            )
        )
    rows.sort(key=lambda row: row["timestamp"])
    return write_rows(tmp_path_factory.mktemp("calls") / "calls.csv", rows)


@pytest.fixture(scope="module")
def duck(random_file: Any) -> Any:
    duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    connection.execute(
        f"create table calls as select * from read_csv('{random_file}', header=true, "
        "types={'timestamp': 'TIMESTAMP', 'cost_usd': 'DECIMAL(18,9)'})"
    )
    return connection


def rows_of(name: str, *arguments: str) -> Any:
    ran = run_example(FOLDER / name, *arguments, "--csv", "-")
    assert ran.status == 0, ran.err
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert ran.out.splitlines()[0].split(",")[:5] == FIRST
    return rows


def by_value(rows: Any, dimension: Any) -> Any:
    return {row["value"]: row for row in rows if row["dimension"] == dimension}


@pytest.mark.parametrize(
    ("cut", "key"),
    [
        ("customer_id", "customer_id"),
        ("organization_id", "organization_id"),
        ("product_id", "product_id"),
        ("feature_id", "feature_id"),
        ("provider,model,feature_id", "provider || ' | ' || model || ' | ' || feature_id"),
        ("month", "strftime(timestamp, '%Y-%m')"),
        ("week", "strftime(timestamp, '%G-W%V')"),
        ("hour", "strftime(timestamp, '%H')"),
        ("weekday", "strftime(timestamp, '%u')"),
    ],
)
def test_cost_allocation_equals_duckdb(random_file: Any, duck: Any, cut: str, key: str) -> None:
    rows = by_value(
        rows_of("cost_allocation.py", str(random_file), "--by", cut), cut.replace(",", "+")
    )
    expected = duck.execute(
        f"select {key}, count(*), sum(cost_usd), sum(input_tokens + output_tokens), "
        f"100.0 * sum(cost_usd) / (select sum(cost_usd) from calls) from calls group by 1"
    ).fetchall()
    assert len(rows) == len(expected)
    for value, count, cost, tokens, share in expected:
        row = rows[str(value)]
        assert int(row["count"]) == count
        assert float(row["total_cost"]) == pytest.approx(float(cost), rel=1e-12)
        assert float(row["avg_cost"]) == pytest.approx(float(cost) / count, rel=1e-12)
        assert int(row["total_tokens"]) == tokens
        assert float(row["share_percent"]) == pytest.approx(share, rel=1e-9)


def nearest_rank(values: List[Any], percent: int) -> Any:
    """Return a percentile of sorted values."""
    return values[math.ceil(round(len(values) * percent / 100, 9)) - 1]


def test_aggregations_equal_duckdb(random_file: Any, duck: Any) -> None:
    rows = by_value(rows_of("aggregations.py", str(random_file), "--by", "model"), "model")
    for model in "abcd":
        row = rows[model]
        latencies = [
            value
            for (value,) in duck.execute(
                "select latency_ms from calls where model = ? and status = 'success' order by 1",
                [model],
            ).fetchall()
        ]
        costs = [
            float(value)
            for (value,) in duck.execute(
                "select cost_usd from calls where model = ? order by 1", [model]
            ).fetchall()
        ]
        for percent in (50, 95, 99):
            assert int(row[f"p{percent}_latency_ms"]) == nearest_rank(latencies, percent)
            assert float(row[f"p{percent}_cost"]) == pytest.approx(nearest_rank(costs, percent))
        count, cost, tokens, latency, errors = duck.execute(
            "select count(*), sum(cost_usd), sum(input_tokens + output_tokens), "
            "avg(latency_ms) filter (status = 'success'), "
            "100.0 * avg(case when status = 'error' then 1 else 0 end) from calls where model = ?",
            [model],
        ).fetchone()
        assert int(row["count"]) == count
        assert float(row["total_cost"]) == pytest.approx(float(cost), rel=1e-12)
        assert float(row["tokens_per_dollar"]) == pytest.approx(tokens / float(cost))
        assert float(row["cost_per_1k_tokens"]) == pytest.approx(float(cost) / tokens * 1000)
        assert float(row["avg_latency_ms"]) == pytest.approx(latency)
        assert float(row["error_rate_percent"]) == pytest.approx(errors)


@pytest.mark.parametrize(
    ("dimension", "form"), [("day", "%Y-%m-%d"), ("week", "%G-W%V"), ("month", "%Y-%m")]
)
def test_time_series_equal_duckdb(random_file: Any, duck: Any, dimension: str, form: str) -> None:
    rows = by_value(rows_of("time_series.py", str(random_file)), dimension)
    expected = duck.execute(
        f"select strftime(timestamp, '{form}'), count(*), sum(cost_usd) from calls group by 1"
    ).fetchall()
    for value, count, cost in expected:
        assert int(rows[value]["count"]) == count
        assert float(rows[value]["total_cost"]) == pytest.approx(float(cost), rel=1e-12)
    filled = set(rows) - {value for value, _, _ in expected}
    assert all(int(rows[value]["count"]) == 0 for value in filled)
    if dimension == "day":
        assert len(rows) == 46, "28 January to 14 March, with the empty days"


def test_growth_is_of_whole_periods_only(random_file: Any) -> None:
    rows = rows_of("time_series.py", str(random_file))
    months = by_value(rows, "month")
    assert months["2025-01"]["partial"] == "True"
    assert months["2025-02"]["growth_percent"] == ""
    weeks = [row for row in rows if row["dimension"] == "week" and row["partial"] == "False"]
    for before, now in zip(weeks, weeks[1:]):
        if float(before["total_cost"]):
            expected = 100 * (float(now["total_cost"]) / float(before["total_cost"]) - 1)
            assert float(now["growth_percent"]) == pytest.approx(expected)


def test_forecast_finds_a_planted_trend_and_weekday(tmp_path: Path) -> None:
    rows: List[Any] = []
    for day in range(70):
        when = datetime(2025, 1, 6) + timedelta(days=day)
        cost = (10 + 0.5 * day) * (0.4 if when.weekday() >= 5 else 1.24)
        for hour in (0, 23):
            when_hour = when + timedelta(hours=hour)
            rows.append(a_row(len(rows), when_hour, cost_usd=f"{cost / 2:.6f}"))
    forecast = by_value(
        rows_of("time_series.py", str(write_rows(tmp_path / "c.csv", rows))), "forecast"
    )
    for ahead in range(14):
        when = datetime(2025, 1, 6) + timedelta(days=70 + ahead)
        true = (10 + 0.5 * (70 + ahead)) * (0.4 if when.weekday() >= 5 else 1.24)
        row = forecast[when.date().isoformat()]
        assert float(row["total_cost"]) == pytest.approx(true, rel=0.1)
        assert float(row["low"]) <= float(row["total_cost"]) <= float(row["high"])


def test_linear_trend_by_hand() -> None:
    assert series_module.linear_trend([1.0, 3.0, 5.0]) == pytest.approx((1.0, 2.0))
    assert series_module.linear_trend([4.0]) == (4.0, 0.0)
    assert series_module.linear_trend([]) == (0.0, 0.0)


def test_statistical_anomalies_equal_duckdb(random_file: Any, duck: Any) -> None:
    rows = by_value(
        rows_of("anomaly_detection.py", str(random_file), "--sigmas", "3"), "statistical"
    )
    expected = duck.execute(
        """
        with hours as (
          select unnest(generate_series(
            (select date_trunc('hour', min(timestamp)) from calls),
            (select max(timestamp) from calls), interval 1 hour)) as hour),
        costs as (
          select hour, coalesce(sum(cost_usd), 0)::double as cost from hours
          left join calls on date_trunc('hour', timestamp) = hour group by hour),
        expected as (
          select hour, cost, avg(cost) over (partition by isodow(hour) > 5, hour(hour)) as mean
          from costs)
        select strftime(hour, '%Y-%m-%dT%H'), cost, mean, dev from expected,
          (select sqrt(avg((cost - mean) * (cost - mean))) as dev from expected)
        where cost > mean + 3 * dev
        """
    ).fetchall()
    assert expected, "the file has such hours"
    assert set(rows) == {hour for hour, _, _, _ in expected}
    for hour, cost, mean, deviation in expected:
        assert float(rows[hour]["score"]) == pytest.approx((cost - mean) / deviation)
        assert float(rows[hour]["threshold"]) == pytest.approx(mean + 3 * deviation)


def test_outliers_equal_duckdb(random_file: Any, duck: Any) -> None:
    rows = by_value(rows_of("anomaly_detection.py", str(random_file)), "outlier")
    expected = duck.execute(
        """
        with banded as (
          select model, cost_usd, floor(log2(input_tokens + output_tokens)) as band,
            row_number() over (partition by model, band order by cost_usd) as place,
            count(*) over (partition by model, band) as n
          from calls where cost_usd > 0),
        limits as (
          select model, band,
            max(cost_usd) filter (place = ceil(n / 4)) as q1,
            max(cost_usd) filter (place = ceil(n * 3 / 4)) as q3
          from banded where n >= 30 group by 1, 2)
        select model, count(*), sum(cost_usd) from banded join limits using (model, band)
        where cost_usd > q3 + 3 * (q3 - q1) group by 1
        """
    ).fetchall()
    assert expected, "the file has such calls"
    assert {(model, int(row["count"])) for model, row in rows.items()} == {
        (model, count) for model, count, _ in expected
    }
    for model, _, cost in expected:
        assert float(rows[model]["total_cost"]) == pytest.approx(float(cost))


def test_budget_days_equal_duckdb(random_file: Any, duck: Any) -> None:
    rows = by_value(
        rows_of("anomaly_detection.py", str(random_file), "--budget", "66"), "threshold"
    )
    expected = duck.execute(
        "select strftime(timestamp, '%Y-%m-%d') from calls group by 1 having sum(cost_usd) > 66"
    ).fetchall()
    assert expected
    assert set(rows) == {day for (day,) in expected}


def test_planted_events_are_found_and_nothing_else(tmp_path: Path) -> None:
    rows: List[Any] = []
    for day in range(40):
        for customer in range(6):
            if customer == 4 and day >= 26:
                continue  # This one leaves.
            count = 60 if (customer, day) == (2, 5) else 4
            for number in range(count):
                when = datetime(2025, 3, 1) + timedelta(days=day, hours=2 * number % 24)
                model = "gpt-4" if customer == 3 and day >= 26 else "gpt-4o"
                rows.append(a_row(len(rows), when, customer_id=f"cust_{customer}", model=model))
    rows.append(a_row(len(rows), datetime(2025, 3, 15, 7), cost_usd="9.0", customer_id="cust_0"))
    rows.append(a_row(len(rows), datetime(2025, 4, 9, 23), cost_usd="0.01", customer_id="cust_0"))
    rows.sort(key=lambda row: row["timestamp"])
    detected = rows_of("anomaly_detection.py", str(write_rows(tmp_path / "c.csv", rows)))
    assert list(by_value(detected, "spike")) == ["cust_2 2025-03-06"]
    assert set(by_value(detected, "behaviour")) == {
        "cust_4 calls -100%",
        "cust_3 model gpt-4o to gpt-4",
    }
    assert next(iter(by_value(detected, "statistical"))) == "2025-03-15T07"
    assert set(by_value(detected, "threshold")) == {"2025-03-06", "2025-03-15"}
    assert set(by_value(detected, "outlier")) == {"gpt-4o"}
    quiet = rows_of("anomaly_detection.py", str(write_rows(tmp_path / "d.csv", rows[:1])))
    assert quiet == []


class Cells(HTMLParser):
    """Collect the text of table cells, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: List[Any] = []
        self.tags: List[Any] = []
        self._open = False

    def handle_starttag(self, tag: Any, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag in ("td", "th")

    def handle_data(self, data: Any) -> None:
        if self._open:
            self.cells.append(data)
            self._open = False


@pytest.mark.parametrize("kind", ["bar", "stacked", "line"])
def test_chart_page_shows_duckdbs_numbers(
    random_file: Any, duck: Any, tmp_path: Path, kind: str
) -> None:
    page = tmp_path / "chart.html"
    ran = run_example(
        FOLDER / "chart_builder.py", str(random_file), "--out", str(page), "--kind", kind,
        "--x", "month", "--series", "provider", "--filter", "feature_id=chat",
        "--save", str(tmp_path / "saved.json"),
    )  # fmt: skip
    assert ran.status == 0, ran.err
    parser = Cells()
    parser.feed(page.read_text(encoding="utf-8"))
    assert parser.cells[:4] == ["month", "anthropic", "google", "openai"]
    expected = duck.execute(
        "pivot (select strftime(timestamp, '%Y-%m') as m, provider, cost_usd from calls "
        "where feature_id = 'chat') on provider using sum(cost_usd) group by m order by m"
    ).fetchall()
    for number, (month, *costs) in enumerate(expected, 1):
        shown = parser.cells[4 * number : 4 * number + 4]
        assert shown[0] == month
        for text, cost in zip(shown[1:], costs):
            assert float(text.replace(",", "")) == pytest.approx(float(cost), rel=1e-5)
    again = run_example(
        FOLDER / "chart_builder.py", str(random_file), "--definition", str(tmp_path / "saved.json"),
        "--out", str(tmp_path / "again.html"),
    )  # fmt: skip
    assert again.status == 0, again.err
    assert (tmp_path / "again.html").read_bytes() == page.read_bytes()


def test_chart_sums_small_series_as_other(tmp_path: Path) -> None:
    rows = [
        a_row(n, datetime(2025, 1, 1, 1), provider=f"p{n}", cost_usd=f"{n}.0") for n in range(1, 11)
    ]
    ran = run_example(
        FOLDER / "chart_builder.py", str(write_rows(tmp_path / "c.csv", rows)), "--out",
        str(tmp_path / "c.html"),
    )  # fmt: skip
    assert ran.status == 0, ran.err
    parser = Cells()
    parser.feed((tmp_path / "c.html").read_text(encoding="utf-8"))
    assert parser.cells[:8] == ["day", "p10", "p5", "p6", "p7", "p8", "p9", "other"]
    assert parser.cells[8:] == ["2025-01-01", "10", "5", "6", "7", "8", "9", "10"]


def test_chart_page_is_inert_and_standalone(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>\"'><img src=x onerror=y>"
    rows = [a_row(1, datetime(2025, 1, 1, 1), provider=evil.replace('"', ""))]
    page = tmp_path / "c.html"
    ran = run_example(
        FOLDER / "chart_builder.py", str(write_rows(tmp_path / "c.csv", rows)), "--out", str(page),
        "--title", evil,
    )  # fmt: skip
    assert ran.status == 0, ran.err
    parser = Cells()
    parser.feed(page.read_text(encoding="utf-8"))
    assert not {"script", "img", "link", "iframe"} & {tag for tag, _ in parser.tags}
    assert all("style" not in attributes for _, attributes in parser.tags)
    assert not [a for _, a in parser.tags if any(name.startswith("on") for name in a)]


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ('{"title": "t", "kind": "pie"}', "kind 'pie' is unknown"),
        ('{"title": "t", "x": "moon"}', "x 'moon' is unknown"),
        ('{"title": "t", "filters": {"moon": "1"}}', "filter 'moon' is unknown"),
        ('{"title": "t", "color": "red"}', "color"),
        ("[]", "definition"),
        ("{", ""),
    ],
)
def test_bad_definitions_are_one_line(
    random_file: Any, tmp_path: Path, definition: str, message: str
) -> None:
    path = tmp_path / "definition.json"
    path.write_text(definition)
    ran = run_example(FOLDER / "chart_builder.py", str(random_file), "--definition", str(path))
    assert ran.status == 2
    assert len(ran.err.splitlines()) == 1
    assert message in ran.err


@pytest.mark.once
@pytest.mark.parametrize("name", QUERIES)
def test_json_and_csv_hold_the_same_rows(random_file: Any, tmp_path: Path, name: str) -> None:
    targets = [str(tmp_path / "rows.csv"), str(tmp_path / "rows.json")]
    ran = run_example(FOLDER / name, str(random_file), "--csv", targets[0], "--json", targets[1])
    assert ran.status == 0, ran.err
    document = json.loads(Path(targets[1]).read_text(encoding="utf-8"))
    with open(targets[0], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["value"] for row in rows] == [row["value"] for row in document["rows"]]
    for written, other in zip(rows, document["rows"]):
        cost = written["total_cost"]
        assert (float(cost) if cost else None) == other["total_cost"]


@pytest.mark.parametrize("name", QUERIES)
def test_same_rows_on_every_python(random_file: Any, name: str) -> None:
    outs = {
        run_example(FOLDER / name, str(random_file), "--csv", "-", python=python).out
        for python in interpreters()
    }
    assert len(outs) == 1


@pytest.mark.parametrize("name", QUERIES)
@pytest.mark.parametrize("content", [None, "", "a,b\n1,2\n", sample.COLUMNS + "\n"])
def test_unusable_files_are_one_line_or_an_empty_result(
    tmp_path: Path, name: str, content: Any
) -> None:
    path = tmp_path / "calls.csv"
    if content is not None:
        path.write_text(content)
    ran = run_example(FOLDER / name, str(path))
    assert "Traceback" not in ran.err
    assert ran.status == 0 or (ran.status == 2 and len(ran.err.splitlines()) == 1), ran.err


def test_bad_rows_are_skipped_and_counted(tmp_path: Path) -> None:
    good = a_row(1, datetime(2025, 1, 1, 10))
    changes: List[Any] = [
        {},
        {"timestamp": "2025-02-30T10:00:00"},
        {"timestamp": "2025-01-01T25:00:00"},
        {"input_tokens": "-1"},
        {"input_tokens": "1_0"},
        {"output_tokens": "٣"},
        {"model": "N/A"},
        {"input_tokens": "", "cost_usd": ""},
        {"cost_usd": "nan", "customer_id": "unpriced"},
        {"cost_usd": "1e308", "customer_id": "too much"},
        {"customer_id": ""},
        {"customer_id": "a\x00b"},
        {"timestamp": "2025-01-01T12:00:00+02:00", "customer_id": "moved"},
        {"timestamp": "2025-01-01 11:00:00Z", "customer_id": "zulu"},
        {"customer_id": 'quoted "x", y'},
    ]
    rows = [{**good, "call_id": f"call_{n}", **change} for n, change in enumerate(changes)]
    path = write_rows(tmp_path / "calls.csv", [*rows, rows[0]])
    with open(path, "ab") as file:
        file.write(b"short,row\n\n2025-01-01T10:00:00,half")
    read = calls_module.CallFile(path)
    kept = [(call.value("customer_id"), call.timestamp, call.pico_usd) for call in read]
    assert kept == [
        ("cust_0001", "2025-01-01T10:00:00.000000", 10**10),
        ("unpriced", "2025-01-01T10:00:00.000000", None),
        ("too much", "2025-01-01T10:00:00.000000", None),
        ("", "2025-01-01T10:00:00.000000", 10**10),
        ("", "2025-01-01T10:00:00.000000", 10**10),
        ("moved", "2025-01-01T10:00:00.000000", 10**10),
        ("zulu", "2025-01-01T11:00:00.000000", 10**10),
        ('quoted "x", y', "2025-01-01T10:00:00.000000", 10**10),
    ]
    assert read.used == len(kept)
    assert dict(read.blanked) == {"cost_usd": 1, "customer_id": 1}
    assert dict(read.skipped) == {
        "bad time": 2,
        "bad number": 3,
        "no model": 1,
        "no tokens": 1,
        "repeated record": 1,
        "wrong number of fields": 2,
    }


def test_results_never_overwrite_a_dataset(random_file: Any) -> None:
    before = random_file.read_bytes()
    ran = run_example(FOLDER / "cost_allocation.py", "--csv", str(random_file))
    assert ran.status == 2
    assert "not overwritten" in ran.err
    assert random_file.read_bytes() == before


def test_cells_are_inert_in_a_spreadsheet() -> None:
    money = calls_module.Money()
    money.calls, money.pico_usd, money.priced_rows = 1, -1000, 1
    values = ("=1+1", "@x", "+a", "-b", "ok")
    rows = [calls_module.row("customer_id", value, money) for value in values]
    written = [line.split(",")[1] for line in output.csv_text(rows).splitlines()[1:]]
    assert written == ["'=1+1", "'@x", "'+a", "'-b", "ok"]
    assert "-1e-09" in output.csv_text(rows), "numbers stay numbers"


@pytest.mark.parametrize("name", ["cost_allocation.py", "aggregations.py"])
def test_an_unknown_dimension_is_one_line_with_the_known_ones(random_file: Any, name: str) -> None:
    ran = run_example(FOLDER / name, str(random_file), "--by", "feature_id,colour")
    assert ran.status == 2
    assert "no dimension 'colour'; use one of timestamp, " in ran.err
    assert len(ran.err.splitlines()) == 1


def test_environment_names_the_data(random_file: Any) -> None:
    ran = run_example(FOLDER / "cost_allocation.py", env={"FINOPS_DATA": str(random_file)})
    assert ran.status == 0, ran.err
    assert f"{random_file}: 6,000 rows" in ran.out


def test_a_copied_folder_makes_its_own_sample(tmp_path: Path) -> None:
    """Outside the project there is neither a dataset nor a simulator."""
    (tmp_path / "copy").mkdir()
    for path in FOLDER.glob("*.py"):
        (tmp_path / "copy" / path.name).write_bytes(path.read_bytes())
    ran = run_example(tmp_path / "copy" / "anomaly_detection.py", cwd=tmp_path)
    assert ran.status == 0, ran.err
    assert "a small built-in sample" in ran.out
    for kind in ("Statistical", "Threshold", "Spike", "Behaviour", "Outlier"):
        assert int(ran.figure(f"{kind} findings")) >= 1
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"copy"}
