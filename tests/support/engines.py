"""Datasets in engines beside those of the local scan, and data of every kind that engines read."""

from __future__ import annotations

import gc
import gzip
import json
import random
from pathlib import Path
from typing import Any, Dict, Iterable, List, Sequence

from finops import registry
from finops.business.catalog import DEFAULT_PRICES
from finops.context import RunContext
from finops.engines import ENGINES
from finops.engines.dataset import MOST_ROWS, EngineDataset
from finops.engines.engine import EngineOptions
from finops.engines.sources import Opening
from finops.errors import DataError
from finops.reader.options import ReadingOptions
from finops.rollups.customers import CUSTOMER_RECORDS
from finops.rollups.dataset import Dataset
from finops.rollups.protocol import CallDataset
from finops.rollups.spec import Table
from finops.schema import FULL_NAMES
from tests.support.malformed import account_of, rest_of
from tests.support.rows import varied_rows
from tests.support.tools import need

CONTEXT = RunContext.current()
Rows = List[Dict[str, str]]


def engine_dataset(
    name: str,
    *paths: Any,
    options: ReadingOptions = ReadingOptions(),
    most_rows: int = MOST_ROWS,
    **of_engine: Any,
) -> EngineDataset:
    """Return data in an engine; skips the test where that is not installed."""
    need({"spark": "pyspark"}.get(name, name))
    # One JVM runs the statements of all tests of Spark, and compiles and remembers each.
    usual = {"threads": 1, "memory": "3GB"} if name == "spark" else {"threads": 1}
    engine = ENGINES[name].open(EngineOptions(**{**usual, **of_engine}))
    opening = Opening(DEFAULT_PRICES, options, CONTEXT)
    return EngineDataset(engine, name, [str(path) for path in paths], opening, most_rows)


def end_spark() -> None:
    """End Spark where it runs, with all that its JVM remembers; the next dataset starts it anew.

    A command opens one dataset, of which a JVM is made; tests open hundreds.
    """
    context = need("pyspark").SparkContext._active_spark_context
    if context is not None:
        gc.collect()  # datasets that nobody uses let go of what they kept
        context.stop()


def local_dataset(*paths: Any, options: ReadingOptions = ReadingOptions()) -> Dataset:
    """Return data for the local scan, in the same circumstances."""
    return Dataset([str(path) for path in paths], workers=1, context=CONTEXT, options=options)


def results_of(dataset: CallDataset, only: Iterable[str] = ()) -> Dict[str, str]:
    """Return the results of analyzers as JSON, by id."""
    ids = list(only) or list(registry.ANALYZER_REGISTRY)
    return {
        name: json.dumps(registry.ANALYZER_REGISTRY[name].analyzer(dataset).analyze())
        for name in ids
    }


def outcome_of(dataset: CallDataset, tables: Sequence[Table]) -> Dict[str, Any]:
    """Return tables with their order and types, and all that goes with them, or the refusal."""
    try:
        data = dataset.rollups([*tables, *CUSTOMER_RECORDS])
    except DataError as error:
        return {"refused": str(error)}
    listed = [[(key, values) for key, values in data[table].items()] for table in tables]
    kinds = [[(kind(key), kind(values)) for key, values in table] for table in listed]
    return {"tables": listed, "kinds": kinds, "rest": rest_of(data), "account": account_of(data)}


def kind(values: Sequence[Any]) -> List[str]:
    """Return the names of the types of values."""
    return [type(value).__name__ for value in values]


def dirty_rows(count: int, seed: int) -> Rows:
    """Return rows in every form that is read, blanked or left out, in no order."""
    draw = random.Random(f"dirty {seed}")
    rows = [dirty(row, draw) for row in varied_rows(count, seed)]
    draw.shuffle(rows)
    return rows


ODD_VALUES: Dict[str, Sequence[str]] = {
    "provider": ("", "Azure OpenAI", "VERTEX_AI", " openai ", "Some One", "litellm"),
    "status": ("200", "429", "503.0", "Succeeded", "TIMEOUT", "rate limited", "maybe", ""),
    "error_type": ("Rate-Limit", "503", "Content filter", "NULL", "timeout ", "408"),
    "environment": ("Prod", "QA", "STAGING", "null"),
    "subscription_tier": ("PRO ", "gold", "", "None"),
    "tier_price_usd": ("", "$49", "49", "199.999", "1e2", "-5"),
    "customer_id": ("", " cust_0001 ", "NULL", "Zo\u00eb", "\u65e5\u672c", 'a"b'),
    "latency_ms": ("", "12.5", "0.4", "1e3", "NaN", "-1", "1,234", "99.49999"),
    "cost_usd": (
        *("", "1.5e-05", ".5", "$1.20", "0.0", "-0.25", "(0.5)", "1e-13", "-0", "1e9", "2e9"),
        *("0.0000000000005", "3.0000000000015", "2E-3", "0.00012300000000000001", "12"),
    ),
    "calls": ("0", "1", "5", "100", "101", "20000"),
    "bucket_s": ("3600", "86400", "1", "0", "172800"),
    "cached_input_tokens": ("0", "10", "40", "999999"),
    "cache_write_tokens": ("0", "5", "10"),
    "cache_write_1h_tokens": ("0", "5", "60"),
    "reasoning_tokens": ("0", "5", "5000000"),
    "service_tier": ("batch", "Flex", "priority", "free", "fast", "NULL"),
    "cost_source": ("bill", "none", "List"),
    "list_cost_usd": ("0.5", "1e-5", "-1", "x"),
    "source": ("litellm", "openai", " a "),
    "input_tokens": ("500.0", "1e3", "", "+5", "abc", " 7 ", "200001"),
    "model": ("gpt-4o-2024-08-06", "openai/gpt-4o", "my model", "", "gemini-2.5-pro"),
    "total_tokens": ("", "x", "1.0"),
    "user_agent": ("a,b", 'say "hi"', "x\x1by"),
}
ZONES = ("Z", "+02:00", "-0330", "+05", "z", " UTC", ".1234567", ".5Z", ",5")
ODD_TIMES = ("1767225600", "2014-01-01T00:00:00", "2999-01-01T00:00:00", "08/10/2026", "2026-06-03")


def dirty(row: Dict[str, str], draw: random.Random) -> Dict[str, str]:
    """Return a row of which some values are in another form, or none at all."""
    odd = {name: draw.choice(values) for name, values in ODD_VALUES.items()}
    changed = {name: value for name, value in odd.items() if draw.random() < 0.06}
    time = row["timestamp"]
    if draw.random() < 0.1:
        time = draw.choice([time.replace("T", " ")[:19], time[:19] + draw.choice(ZONES)])
    elif draw.random() < 0.005:
        time = draw.choice(ODD_TIMES)
    return {**row, **changed, "timestamp": time}


def dirty_csv(path: Path, rows: Rows, names: Sequence[str] = FULL_NAMES) -> Path:
    """Write rows with lines among them that are none, and records that are there again."""
    lines = [",".join(names)]
    for number, row in enumerate(rows):
        lines.append(line_of(row, names))
        if number % 41 == 0:
            others = ("", "   ", "# comment", "a,b,c", lines[0], lines[number // 2])
            lines.append(others[number // 41 % len(others)])
        if number % 97 == 0:
            lines.append(line_of({**rows[number // 2], "latency_ms": str(number)}, names))
    text = "".join(line + "\n" for line in lines).encode("utf-8")
    path.write_bytes(text.replace(b"web_app_v1.2", b"web\xff", 1))
    return path


def line_of(row: Dict[str, str], names: Sequence[str]) -> str:
    """Return a row as a line of CSV."""
    cells = [row.get(name, "") for name in names]
    quoted = [
        '"' + cell.replace('"', '""') + '"' if set('",') & set(cell) else cell for cell in cells
    ]
    return ",".join(quoted)


def compressed(path: Path) -> Path:
    """Write a file once more, compressed."""
    target = path.with_name(path.name + ".gz")
    target.write_bytes(gzip.compress(path.read_bytes()))
    return target
