"""Rows for tests: plausible and varied, and how to write them as a dataset."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Dict, List

from finops import config
from finops.business.catalog import CATALOG
from finops.schema import COLUMN_NAMES, WRITTEN_NAMES
from tests.support.reference import call


def varied_rows(count: int, seed: int = 1) -> List[Dict[str, str]]:
    """Return plausible, varied rows over some weeks, in order of time."""
    draw = random.Random(seed)
    moment = datetime(2025, 1, 1, 8)
    rows = []
    for number in range(count):
        moment += timedelta(seconds=draw.randrange(1, 2 * 45 * 86400 // max(1, count)))
        model = draw.choice(CATALOG)
        tokens = draw.randrange(50, 2000), draw.randrange(10, 900)
        error = draw.choice(config.ERROR_TYPES) if draw.random() < 0.05 else ""
        customer = draw.randrange(1, 40)
        rows.append(
            call(
                timestamp=moment.isoformat() + ".000000",
                call_id=f"call_{number + 1:08d}",
                provider=model.provider,
                model=model.name,
                input_tokens=tokens[0],
                output_tokens=tokens[1],
                cost_usd=f"{model.cost(*tokens):.6f}",
                latency_ms=draw.randrange(100, 3000),
                customer_id=f"cust_{customer:04d}",
                organization_id=f"org_{customer % 7:03d}",
                product_id=draw.choice(list(config.PRODUCTS)),
                feature_id=draw.choice(list(config.FEATURES)),
                task_type=draw.choice(config.TASK_TYPES),
                region=draw.choice(list(config.REGIONS)),
                status="error" if error else "success",
                error_type=error,
            )
        )
    return rows


def write_csv(path: Path, rows: List[Dict[str, str]]) -> Path:
    """Write rows as a dataset and return its path; further columns where a row has one."""
    further = [
        n for n in COLUMN_NAMES if n not in WRITTEN_NAMES and any(row.get(n) for row in rows)
    ]
    names = [*WRITTEN_NAMES, *further]
    with open(str(path), "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path
