"""The lines of latency and errors over days and hours, for the page of performance."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from finops.generators.charts import Axis, Series, line_chart
from finops.generators.components import Part, columns, section
from finops.generators.tables import texts

Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]
LATENCY = Axis("Latency (ms)", "ms")


def limit(data: Data) -> Any:
    """Return the service level of a performance result, in milliseconds."""
    return (data.get("summary") or {}).get("sla_threshold_ms")


def over_time(data: Data) -> Part:
    """Return the section of latency and error rate over time of a performance result."""
    daily: Rows = data.get("daily") or []
    days = texts(daily, "date")
    return section(
        "Over time",
        columns(
            line_chart(
                "daily-latency",
                "Latency of each day: the mean and the p95, against the service level",
                Axis("Day (UTC)", "date"),
                LATENCY,
                days,
                _latency_lines(data, daily, limit(data)),
                bins="max",
                empty="There is no day with a call, so no line over time is drawn.",
            ),
            line_chart(
                "daily-errors",
                "Error rate of each day",
                Axis("Day (UTC)", "date"),
                Axis("Failed calls (%)", "percent"),
                days,
                [_error_line(data, daily)],
                bins="max",
                empty="There is no day with a call, so no line over time is drawn.",
            ),
        ),
        _hours(data),
    )


def _latency_lines(data: Data, rows: Rows, limit: Any) -> List[Series]:
    window: Data = (data.get("percentiles_by_day") or {}).get("p95") or {}
    p95 = ("p95", "percentile") if window.get("step") == 1 else None
    return [
        Series("p95", [row.get("p95_latency_ms") for row in rows], "accent", over=p95),
        Series(
            "Mean",
            [row.get("avg_latency_ms") for row in rows],
            "muted",
            over=("latency_ms", "per:call_count"),
        ),
        Series("Service level", [limit] * len(rows), "critical", "dashed"),
    ]


def _error_line(data: Data, rows: Rows) -> Series:
    known = bool((data.get("by_day") or {}).get("models"))
    return Series(
        "Error rate",
        [row.get("error_rate_percent") for row in rows],
        "warning",
        over=("errors", "percent:call_count") if known else None,
    )


def _hours(data: Data) -> Part:
    """Hours without any call have no latency: they are gaps in the line."""
    rows: Rows = data.get("hourly_profile") or []
    called = [row if row.get("call_count") else {} for row in rows]
    busy = any(called)
    return line_chart(
        "hourly-latency",
        "Latency by hour of the day",
        Axis("Hour of the day (UTC)", "text"),
        LATENCY,
        [f"{row.get('hour', 0):02d}:00" for row in rows] if busy else [],
        [
            Series("p95", [row.get("p95_latency_ms") for row in called], "accent"),
            Series("Mean", [row.get("avg_latency_ms") for row in called], "muted"),
        ]
        if busy
        else [],
        empty="There is no call at any hour of the day.",
    )
