"""Which calls tell of latency, and what the page of performance recomputes figures from.

Latency figures are those of successful calls whose latency is known: a failure that ends at once,
or is not measured, must not make a service look fast.  Failures have their own rate.
"""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple

from finops import config, schema
from finops.analyzers.shared.daily_sums import daily_sums, without_known
from finops.results.base import DailySums
from finops.results.performance import PerformanceByDay
from finops.rollups.expressions import above, all_of, known, one_of
from finops.rollups.measures import Measure
from finops.rollups.spec import Rollups, Table

# Calls of which the latency counts.
MEASURED = all_of(one_of("status", schema.STATUS_SUCCESS), known("latency_ms"))
# Calls that violate the SLA.
SLA_VIOLATIONS = Measure("sla_violations", above("latency_ms", config.SLA_THRESHOLD_MS))

MODEL_DAYS = Table(
    ("day", "provider", "model"), ("calls", "cost", "tokens", "errors", "status_known")
)
MODEL_WAITS = Table(
    ("day", "provider", "model"), ("latency_known", "output_tokens", "latency_ms"), MEASURED
)
TASK_DAYS = Table(("day", "task_type"), ("calls",))
TASK_WAITS = Table(("day", "task_type"), ("latency_known", "latency_ms"), MEASURED)
PROVIDER_DAYS = Table(("day", "provider"), ("calls",))
PROVIDER_WAITS = Table(("day", "provider"), ("latency_known", SLA_VIOLATIONS), MEASURED)
TABLES: Tuple[Table, ...] = (
    MODEL_DAYS,
    MODEL_WAITS,
    TASK_DAYS,
    TASK_WAITS,
    PROVIDER_DAYS,
    PROVIDER_WAITS,
)

Cells = Dict[Tuple[Any, ...], Tuple[Any, ...]]


def beside(data: Rollups, table: Table, waits: Table) -> Cells:
    """Return the cells of a table with, behind their sums, those of the calls that tell of
    latency; 0 where there are none.
    """
    nothing = (0,) * len(waits.measures)
    measured = data[waits]
    return {key: (*values, *measured.get(key, nothing)) for key, values in data[table].items()}


def sums_by_day(data: Rollups) -> PerformanceByDay:
    """Return sums by model, provider and task by day, None where they are too many.

    Those of models say of how many calls the status is known, unless it is that of all.
    """
    models = (*MODEL_DAYS.measure_names, "measured", "output_tokens", "latency_ms")
    tasks = ("calls", "measured", "latency_ms")
    return PerformanceByDay(
        models=without_known(_sums(data, MODEL_DAYS, MODEL_WAITS, models), "status_known", "calls"),
        providers=_providers(data),
        tasks=_sums(data, TASK_DAYS, TASK_WAITS, tasks),
    )


def _sums(
    data: Rollups, table: Table, waits: Table, measures: Tuple[str, ...]
) -> Optional[DailySums]:
    names = table.dimension_names
    return daily_sums(data.period, beside(data, table, waits), names, measures, names[1:])


def _providers(data: Rollups) -> Optional[DailySums]:
    cells: Cells = {}
    for key, (calls, measured, late) in beside(data, PROVIDER_DAYS, PROVIDER_WAITS).items():
        cells[key] = (calls, measured, measured - late, late)
    measures = ("calls", "measured", "within", "violations")
    return daily_sums(data.period, cells, PROVIDER_DAYS.dimension_names, measures, ("provider",))
