"""Exports are functions of declared tables: a database that fills them gives the same text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict

import pytest

from finops.exporters import all_exporters
from finops.exporters.base import Request
from tests.support.engines import engine_dataset, local_dataset
from tests.support.rows import varied_rows, write_csv

pytestmark = [pytest.mark.unmeasured, pytest.mark.once]

NEEDED: Dict[str, Any] = {
    "table": "understanding.by_customer",
    "organization": "org_001",
    "month": "2025-01",
}


def test_every_export_is_the_same_from_a_database(tmp_path: Path) -> None:
    rows = varied_rows(150)
    for number, row in enumerate(rows):
        if number % 10 == 0:
            row.update(list_cost_usd="0.5", cached_input_tokens="10", calls="1")
        if number % 17 == 0:
            row.update(cost_usd="-3.25", input_tokens="0", output_tokens="0", total_tokens="0")
        if number % 19 == 0:
            row.update(service_tier="batch", cost_usd="")
        if number % 23 == 0:
            row.update(input_tokens="300000", output_tokens="9", total_tokens="300009")
        if number % 29 == 0:
            row.update(task_type="correction")
    path = write_csv(tmp_path / "calls.csv", rows)
    database, local = engine_dataset("duckdb", path), local_dataset(path)
    for exporter in all_exporters():
        request = Request(**{name: NEEDED[name] for name in exporter.needs})
        text = exporter.export(database, request).text
        assert text == exporter.export(local, request).text, exporter.id
