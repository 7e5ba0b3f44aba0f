"""The page of performance: how fast and how reliable the models are, and at what price."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, line_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "performance",
    "Performance Tracking",
    "How fast and how reliable the models are, against the service level and their price.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_LATENCY = Axis("Latency (ms)", "ms")


def generate_performance_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a performance result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[_over_time(data), _spread(data), _models(data), _providers(data), _tasks(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _limit(data: Data) -> Any:
    return (data.get("summary") or {}).get("sla_threshold_ms")


def _cards(summary: Data) -> List[Card]:
    limit = formatting.milliseconds(summary.get("sla_threshold_ms"))
    slowest = formatting.milliseconds(summary.get("max_latency_ms"))
    return [
        Card("p95 latency", summary.get("p95_latency_ms"), "ms", "95 of 100 calls are faster"),
        Card("Median latency", summary.get("p50_latency_ms"), "ms", "half of the calls are faster"),
        Card("p99 latency", summary.get("p99_latency_ms"), "ms", f"the slowest took {slowest}"),
        Card("Service level", summary.get("sla_compliance_percent"), "percent", f"within {limit}"),
        Card("Error rate", summary.get("error_rate_percent"), "percent", "of all calls"),
        Card("Calls", summary.get("total_calls"), "count", "failed ones included"),
    ]


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    days = texts(daily, "date")
    return section(
        "Over time",
        columns(
            line_chart(
                "daily-latency",
                "Latency of each day: the mean and the p95, against the service level",
                Axis("Day (UTC)", "date"),
                _LATENCY,
                days,
                _latency_lines(daily, _limit(data)),
                bins="max",
                empty="There is no day with a call, so no line over time is drawn.",
            ),
            line_chart(
                "daily-errors",
                "Error rate of each day",
                Axis("Day (UTC)", "date"),
                Axis("Failed calls (%)", "percent"),
                days,
                [Series("Error rate", [r.get("error_rate_percent") for r in daily], "warning")],
                bins="max",
                empty="There is no day with a call, so no line over time is drawn.",
            ),
        ),
        _hours(data),
    )


def _latency_lines(rows: Rows, limit: Any) -> List[Series]:
    return [
        Series("p95", [row.get("p95_latency_ms") for row in rows], "accent"),
        Series("Mean", [row.get("avg_latency_ms") for row in rows], "muted"),
        Series("Service level", [limit] * len(rows), "critical", "dashed"),
    ]


def _hours(data: Data) -> Part:
    """Hours without any call have no latency: they are gaps in the line."""
    rows: Rows = data.get("hourly_profile") or []
    called = [row if row.get("call_count") else {} for row in rows]
    busy = any(called)
    return line_chart(
        "hourly-latency",
        "Latency by hour of the day",
        Axis("Hour of the day (UTC)", "text"),
        _LATENCY,
        [f"{row.get('hour', 0):02d}:00" for row in rows] if busy else [],
        [
            Series("p95", [row.get("p95_latency_ms") for row in called], "accent"),
            Series("Mean", [row.get("avg_latency_ms") for row in called], "muted"),
        ]
        if busy
        else [],
        empty="There is no call at any hour of the day.",
    )


def _spread(data: Data) -> Part:
    rows: Rows = data.get("latency_histogram") or []
    latency: Data = data.get("latency") or {}
    named = {"Mean": "mean", "Median": "median", "p95": "p95", "p99": "p99", "Slowest": "max"}
    return section(
        "How long calls take",
        bar_chart(
            "histogram",
            "Calls by latency; the last bar holds everything slower",
            Axis("Latency from (ms)", "ms"),
            Axis("Calls", "count"),
            [row.get("from_ms") for row in rows],
            [Series("Calls", [row.get("call_count") for row in rows])],
            empty="There is no call whose latency could be counted.",
        ),
        table(
            "latency",
            "Latency of all calls",
            [Column("measure", "Measure"), Column("value", "Latency", "ms")],
            [
                {"measure": word, "value": latency[key]}
                for word, key in named.items()
                if key in latency
            ],
            empty="No latency is listed in this result.",
        ),
    )


def _models(data: Data) -> Part:
    rows: Rows = data.get("model_rankings") or []
    return section(
        "How models compare",
        columns(
            scatter_chart(
                "price-and-speed",
                "What a model costs against how long it takes; lower left is better",
                Axis("Cost per 1,000 tokens (USD)", "money"),
                _LATENCY,
                [
                    (
                        str(row.get("model")),
                        row.get("cost_per_1k_tokens", 0),
                        row.get("avg_latency_ms", 0),
                    )
                    for row in rows
                ],
                colours=[("provider", row.get("provider")) for row in rows],
            ),
            bar_chart(
                "throughput",
                "Tokens a second of waiting, by model",
                Axis("Model", "model"),
                Axis("Tokens per second", "number"),
                texts(rows, "model"),
                [Series("Tokens per second", [row.get("tokens_per_second") for row in rows])],
                horizontal=True,
                colours=[("model", row.get("model")) for row in rows],
            ),
        ),
        _model_table(rows),
    )


def _model_table(rows: Rows) -> Part:
    return table(
        "models",
        "Models by throughput",
        [
            Column("provider", "Provider", "provider", dot=True),
            Column("model", "Model", "model"),
            Column("call_count", "Calls", "count"),
            Column("tokens_per_second", "Tokens per second", "number"),
            Column("avg_latency_ms", "Mean", "ms"),
            Column("p50_latency_ms", "Median", "ms"),
            Column("p95_latency_ms", "p95", "ms"),
            Column("p99_latency_ms", "p99", "ms"),
            Column("error_rate_percent", "Error rate", "percent"),
            Column("cost_per_1k_tokens", "Cost per 1,000 tokens", "money"),
        ],
        rows,
        order=("tokens_per_second", "descending"),
        empty="Models with a call were looked for, and there are none.",
    )


def _providers(data: Data) -> Part:
    rows: Rows = data.get("sla_compliance") or []
    return section(
        "How providers keep the service level",
        bar_chart(
            "violations",
            "Calls above the service level, by provider",
            Axis("Provider", "provider"),
            Axis("Calls above the service level", "count"),
            texts(rows, "provider"),
            [Series("Calls above", [row.get("violations") for row in rows])],
            horizontal=True,
            colours=[("provider", row.get("provider")) for row in rows],
        ),
        table(
            "compliance",
            "Service level by provider",
            [
                Column("provider", "Provider", "provider", dot=True),
                Column("total_calls", "Calls", "count"),
                Column("compliant_calls", "Within the limit", "count"),
                Column("violations", "Above the limit", "count"),
                Column("compliance_rate", "Kept", "percent", bar=True),
            ],
            rows,
            order=("compliance_rate", "descending"),
            empty="Providers with a call were looked for, and there are none.",
        ),
    )


def _tasks(data: Data) -> Part:
    return section(
        "Which task waits longest",
        table(
            "tasks",
            "Latency by task type",
            [
                Column("task_type", "Task type"),
                Column("call_count", "Calls", "count"),
                Column("avg_latency_ms", "Mean", "ms"),
                Column("p95_latency_ms", "p95", "ms"),
                Column("fastest_model", "Fastest model", "model"),
            ],
            data.get("by_task_type") or [],
            order=("call_count", "descending"),
            empty="Task types with a call were looked for, and there are none.",
        ),
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    calls = formatting.count(summary.get("total_calls"))
    late = formatting.count(summary.get("sla_violations"))
    limit = formatting.milliseconds(summary.get("sla_threshold_ms"))
    p95 = formatting.milliseconds(summary.get("p95_latency_ms"))
    rate = formatting.percent(summary.get("error_rate_percent"))
    models = formatting.count(len(data.get("model_rankings") or []))
    providers = formatting.count(len(data.get("sla_compliance") or []))
    return {
        "metadata": (
            f"A p95 of {p95} is one figure for everything.",
            f"Latency, errors and cost of {calls} calls by model, provider, task and hour.",
        ),
        "realtime": (
            "A slow provider is noticed when users complain.",
            f"Each call above {limit} counts as it ends: {late} did.",
        ),
        "standard": (
            f"{providers} status pages speak of their own servers, each in its own way.",
            f"{models} models are measured the same way, where the caller waits.",
        ),
        "automated": (
            "Somebody runs a benchmark now and then, on prompts of their own.",
            f"{calls} real calls are the benchmark.",
        ),
        "actionable": (
            f"{rate} of the calls fail, somewhere.",
            "Every model has its error rate, its p95 and its price in one row.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    limit = formatting.milliseconds(summary.get("sla_threshold_ms"))
    sentences = []
    if not summary.get("sla_violations"):
        sentences.append(f"Calls that took longer than {limit} were looked for: there are none.")
    if not summary.get("error_rate_percent"):
        sentences.append("Failed calls were looked for: there are none.")
    return sentences
