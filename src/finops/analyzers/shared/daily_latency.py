"""What the page of performance recomputes its figures from for chosen dates."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from finops import config
from finops.analyzers.shared.daily_sums import by_day, daily_sums
from finops.results.base import DailySums
from finops.results.performance import PerformanceByDay
from finops.rollups.expressions import above
from finops.rollups.measures import Measure
from finops.rollups.spec import Rollups, Table

# Calls that break the service level.
SLA_VIOLATIONS = Measure("sla_violations", above("latency_ms", config.SLA_THRESHOLD_MS))

MODEL_DAYS = Table(
    ("day", "provider", "model"), ("calls", "cost", "tokens", "errors", "latency_ms")
)
TASK_DAYS = Table(("day", "task_type"), ("calls", "latency_ms"))
PROVIDER_DAYS = Table(("day", "provider"), ("calls", "latency_known", SLA_VIOLATIONS))
TABLES: Tuple[Table, ...] = (MODEL_DAYS, TASK_DAYS, PROVIDER_DAYS)


def sums_by_day(data: Rollups) -> PerformanceByDay:
    """Return sums by model, provider and task by day, None where they are too many."""
    return PerformanceByDay(
        models=by_day(data, MODEL_DAYS, "provider", "model"),
        providers=_providers(data),
        tasks=by_day(data, TASK_DAYS, "task_type"),
    )


def _providers(data: Rollups) -> Optional[DailySums]:
    cells: Dict[Tuple[Any, ...], Tuple[Any, ...]] = {}
    for key, (calls, measured, late) in data[PROVIDER_DAYS].items():
        cells[key] = (calls, measured - late, late)
    measures = ("calls", "within", "violations")
    return daily_sums(data.period, cells, PROVIDER_DAYS.dimension_names, measures, ("provider",))
