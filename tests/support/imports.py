"""Imports in tests: logs written by hand, prices that are easy to multiply, rows that come out."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Dict, Iterable, List, Mapping, Sequence, Union

from finops.business.price_table import PriceTable
from finops.business.prices import parse_prices
from finops.importers import find_format
from finops.importers.base import ImportOptions
from finops.importers.run import Input, Job, Result, run
from finops.importers.sources import Source

Row = Dict[str, str]
Content = Union[str, bytes]
TOKEN_COLUMNS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "cache_write_1h_tokens",
    "reasoning_tokens",
)

# USD per token; small whole multiples of a micro-dollar, so that sums can be done by hand.
PRICE_MAP: Dict[str, Dict[str, Any]] = {
    "claude-a": {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 1e-05,
        "cache_read_input_token_cost": 2e-07,
        "cache_creation_input_token_cost": 3e-06,
        "cache_creation_input_token_cost_above_1hr": 4e-06,
        "input_cost_per_token_above_200k_tokens": 4e-06,
        "output_cost_per_token_above_200k_tokens": 2e-05,
        "cache_read_input_token_cost_above_200k_tokens": 4e-07,
        "search_context_cost_per_query": {"search_context_size_medium": 0.01},
        "provider_specific_entry": {"us": 1.1, "fast": 2.0},
    },
    "claude-b": {
        "litellm_provider": "anthropic",
        "input_cost_per_token": 1e-05,
        "output_cost_per_token": 5e-05,
    },
    "gpt-a": {
        "litellm_provider": "openai",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 8e-06,
        "cache_read_input_token_cost": 1e-07,
        "input_cost_per_token_batches": 5e-07,
        "output_cost_per_token_batches": 4e-06,
        "cache_read_input_token_cost_batches": 5e-08,
        "input_cost_per_token_above_200k_tokens": 2e-06,
        "output_cost_per_token_above_200k_tokens": 1.2e-05,
    },
    "gemini-a": {
        "litellm_provider": "gemini",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 5e-06,
        "cache_read_input_token_cost": 1e-07,
        "input_cost_per_token_above_200k_tokens": 2e-06,
        "output_cost_per_token_above_200k_tokens": 7e-06,
        "cache_read_input_token_cost_above_200k_tokens": 2e-07,
    },
    "us.anthropic.claude-a-v1:0": {
        "litellm_provider": "bedrock_converse",
        "input_cost_per_token": 3e-06,
        "output_cost_per_token": 1.5e-05,
        "cache_read_input_token_cost": 3e-07,
        "cache_creation_input_token_cost": 4e-06,
        "input_cost_per_token_above_200k_tokens": 6e-06,
        "output_cost_per_token_above_200k_tokens": 2e-05,
        "cache_read_input_token_cost_above_200k_tokens": 6e-07,
    },
    "anthropic.claude-a-v1:0": {
        "litellm_provider": "bedrock_converse",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 1e-06,
    },
    "amazon.nova-a-v1:0": {
        "litellm_provider": "bedrock_converse",
        "input_cost_per_token": 1e-06,
        "output_cost_per_token": 4e-06,
    },
}


def prices() -> PriceTable:
    """Return the prices above."""
    return parse_prices(json.dumps(PRICE_MAP).encode(), "map.json", "2026-01-01")


def json_lines(records: Iterable[Mapping[str, Any]]) -> str:
    """Return records as JSON Lines."""
    return "".join(json.dumps(record) + "\n" for record in records)


def write_all(folder: Path, files: Mapping[str, Content]) -> List[Path]:
    """Write files below a folder and return their paths."""
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        paths.append(path)
    return paths


def import_files(
    format_id: str,
    paths: Sequence[Path],
    out: Path,
    options: ImportOptions = ImportOptions(),
    **job: Any,
) -> Result:
    """Import files of a format, and return what that did."""
    format = find_format(format_id)
    assert format is not None
    sources = tuple(Source(str(path), path.name) for path in paths)
    return run(Job((Input(format, sources),), out, prices(), options, **job))


def rows_of(out: Path) -> List[Row]:
    """Return the rows of an imported CSV."""
    with open(str(out), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def sums_of(out: Path) -> Dict[str, int]:
    """Return the sums of the token columns."""
    rows = rows_of(out)
    return {name: sum(int(row[name]) for row in rows) for name in TOKEN_COLUMNS}


def cost_of(out: Path) -> Decimal:
    """Return the cost of all rows in USD."""
    return sum((Decimal(row["cost_usd"] or 0) for row in rows_of(out)), Decimal(0))
