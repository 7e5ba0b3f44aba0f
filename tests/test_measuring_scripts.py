"""Programs of `scripts/` that measure: what they ask for is there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from finops.simulator.engine import generate
from scripts.yardsticks import DUCKDB, declared, queries
from tests.support.tools import need

pytestmark = pytest.mark.once
SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"
_PLAIN = frozenset({"calls", "cost", "input_tokens", "output_tokens", "latency_ms", "errors"})


def test_a_database_answers_every_declared_table(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    generate(path, 300_000)
    with open(str(path), "rb") as lines:
        rows = sum(1 for _ in lines) - 1
    base = need("duckdb").connect()
    base.execute(DUCKDB.load.replace("{path}", str(path)))
    of_all = 0
    for table, query in zip(declared(), queries(DUCKDB)):
        found = base.execute(query).fetchall()
        if (
            table.where == "true"
            and "calls" in table.measures
            and _PLAIN.issuperset(table.measures)
        ):
            place = len(table.by) + table.measures.index("calls")
            assert sum(row[place] for row in found) == rows, query
            of_all += 1
    assert of_all


def test_a_forecast_is_tried_on_the_days_of_a_simulated_dataset(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    backtest = importlib.import_module("backtest")
    values, reported = backtest.series_of("base_traffic", 1, 25_000_000, 1)
    assert len(values) > 20
    assert min(values) > 0
    measured = backtest.tested(values)
    backtest.check(measured, reported)
