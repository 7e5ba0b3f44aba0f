"""What the page of performance recomputes its figures from for chosen dates."""

from __future__ import annotations

from typing import Any, Dict, Mapping, Optional, Tuple

from finops import config
from finops.analyzers.base import Row
from finops.analyzers.days import by_day, daily_sums
from finops.dataset.rollup import Rollups, Table

MODEL_DAYS = Table(
    ("day", "provider", "model"), ("calls", "cost", "tokens", "errors", "latency_ms")
)
TASK_DAYS = Table(("day", "task_type"), ("calls", "latency_ms"))
PROVIDER_DAYS = Table(("day", "provider"), ("calls", "latency"))
TABLES: Tuple[Table, ...] = (MODEL_DAYS, TASK_DAYS, PROVIDER_DAYS)


def violations(histogram: Mapping[int, int]) -> int:
    """Return the calls above the service level of {latency in ms: calls}.

    >>> violations({2000: 5, 2001: 2})
    2
    """
    return sum(n for ms, n in histogram.items() if ms > config.SLA_THRESHOLD_MS)


def sums_by_day(data: Rollups) -> Dict[str, Optional[Row]]:
    """Return sums by model, provider and task by day, None where they are too many."""
    return {
        "models": by_day(data, MODEL_DAYS, "provider", "model"),
        "providers": _providers(data),
        "tasks": by_day(data, TASK_DAYS, "task_type"),
    }


def _providers(data: Rollups) -> Optional[Row]:
    cells: Dict[Tuple[Any, ...], Tuple[Any, ...]] = {}
    for key, (calls, histogram) in data[PROVIDER_DAYS].items():
        late = violations(histogram)
        cells[key] = (calls, calls - late, late)
    measures = ("calls", "within", "violations")
    return daily_sums(data.period, cells, PROVIDER_DAYS.by, measures, ("provider",))
