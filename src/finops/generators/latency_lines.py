"""The lines of latency and errors over days and hours, for the page of performance."""

from __future__ import annotations

from typing import Any, List, Mapping

from finops.generators.charts import Axis, Series, line_chart
from finops.generators.components import Part, columns, section
from finops.generators.known_status import denominator
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.recompute import Percentile, Ratio
from finops.generators.tables import texts
from finops.results.performance import PerformanceResult

LATENCY = Axis("Latency (ms)", "ms")


def over_time(result: PerformanceResult, data: Mapping[str, Any]) -> Part:
    """Return the section of latency and error rate over time of a performance result.

    `data` is the result with its `_context`.
    """
    daily = result.daily
    days, partial = texts(row.date for row in daily), partial_dates(data)
    return section(
        "Over time",
        where_days_are_known(
            data,
            columns(
                line_chart(
                    "daily-latency",
                    "Latency of each day: the mean and the p95, against the SLA",
                    Axis("Day (UTC)", "date"),
                    LATENCY,
                    days,
                    [*day_lines(_latency_lines(result), days, partial), _service_level(result)],
                    bins="max",
                    empty="There is no day with a call, so no line over time is drawn.",
                ),
                line_chart(
                    "daily-errors",
                    "Error rate of each day",
                    Axis("Day (UTC)", "date"),
                    Axis("Failed calls (%)", "percent"),
                    days,
                    day_lines([_error_line(result)], days, partial),
                    bins="max",
                    empty="There is no day with a call, so no line over time is drawn.",
                ),
            ),
        ),
        _hours(result),
    )


def _latency_lines(result: PerformanceResult) -> List[Series]:
    rows = result.daily
    window = result.percentiles_by_day.p95
    p95 = Percentile("p95") if window and window.step == 1 else None
    return [
        Series("p95", [row.p95_latency_ms for row in rows], "accent", recompute=p95),
        Series(
            "Mean",
            [row.avg_latency_ms for row in rows],
            "muted",
            recompute=Ratio("latency_ms", "measured"),
        ),
    ]


def _service_level(result: PerformanceResult) -> Series:
    limit = result.summary.sla_threshold_ms
    return Series("SLA", [limit] * len(result.daily), "critical", "dashed")


def _error_line(result: PerformanceResult) -> Series:
    models = result.by_day.models
    return Series(
        "Error rate",
        [row.error_rate_percent for row in result.daily],
        "warning",
        recompute=Ratio("errors", denominator(models.sums, "call_count"), 100) if models else None,
    )


def _hours(result: PerformanceResult) -> Part:
    """Hours without any call have no latency: they are gaps in the line."""
    rows = result.hourly_profile
    busy = any(row.call_count for row in rows)
    return line_chart(
        "hourly-latency",
        "Latency by hour of the day",
        Axis("Hour of the day (UTC)", "text"),
        LATENCY,
        [f"{row.hour or 0:02d}:00" for row in rows] if busy else [],
        [
            Series(
                "p95", [row.p95_latency_ms if row.call_count else None for row in rows], "accent"
            ),
            Series(
                "Mean", [row.avg_latency_ms if row.call_count else None for row in rows], "muted"
            ),
        ]
        if busy
        else [],
        empty="There is no call at any hour of the day.",
    )
