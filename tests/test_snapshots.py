"""The keys of every result, as people's scripts know them: kept in files, compared, renewed.

`make snapshots` writes the files anew; the difference shows in review what was added, and that
nothing was renamed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

from finops import config
from finops.config import MEGABYTE
from finops.pipeline import Job, compute
from finops.registry import ANALYZER_REGISTRY
from finops.simulator.engine import generate

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENEW = bool(os.environ.get("UPDATE_SNAPSHOTS"))
# Dicts whose keys are data, and what stands for any of them.
KEYED_BY_DATA = {
    "alignment.chargeback[].product_breakdown": "PRODUCT",
    "dataset_overview.quality.status_distribution": "STATUS",
    "dataset_overview.quality.error_types": "ERROR",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, Any]:
    """The results of simulated data that fills nearly every section: a quarter with few calls."""
    path = tmp_path_factory.mktemp("snapshots") / "calls.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(config, "BASE_CALLS_PER_HOUR", config.BASE_CALLS_PER_HOUR / 4)
        generate(path, 12 * MEGABYTE, seed=3)
    return compute(Job(path, path.parent))


def shape(value: Any, place: str) -> Any:
    """Return a value with kinds in the place of values, and one row for a list of rows."""
    if isinstance(value, dict):
        if place.endswith("findings[].subject"):
            return "DIMENSION: text"
        if place in KEYED_BY_DATA:
            inner = [shape(one, place + ".*") for one in value.values()]
            return {KEYED_BY_DATA[place]: merged(inner)}
        return {str(key): shape(value[key], f"{place}.{key}") for key in sorted(value)}
    if isinstance(value, list):
        return [merged([shape(one, place + "[]") for one in value])] if value else []
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return {str: "text", bool: "flag", type(None): "null"}[type(value)]


def merged(shapes: List[Any]) -> Any:
    """Return one shape for many rows: all their keys, and all kinds of a key."""
    if shapes and all(isinstance(one, dict) for one in shapes):
        keys = sorted({key for one in shapes for key in one})
        return {key: merged([one[key] for one in shapes if key in one]) for key in keys}
    kinds = {json.dumps(one) for one in shapes if one != []}
    return json.loads(kinds.pop()) if len(kinds) == 1 else sorted(json.loads(k) for k in kinds)


@pytest.mark.once
@pytest.mark.parametrize("name", ANALYZER_REGISTRY)
def test_snapshot_of_the_keys_of_a_result(name: str, results: Dict[str, Any]) -> None:
    now = json.dumps(shape(results[name], name), indent=1, sort_keys=True) + "\n"
    path = SNAPSHOTS / f"{name}.json"
    if RENEW:
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(now, encoding="utf-8")
    assert now == path.read_text(encoding="utf-8"), "run 'make snapshots' if that was meant"


def test_snapshot_files_are_those_of_the_registry() -> None:
    assert {path.stem for path in SNAPSHOTS.glob("*.json")} == set(ANALYZER_REGISTRY)
