"""What the benchmark asks of a database: every table of a run, in words that the database takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from finops.simulator.engine import generate
from scripts.yardsticks import DUCKDB, declared, queries
from tests.support.tools import need

pytestmark = pytest.mark.once
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
