"""The page of performance: how fast and how reliable the models are, and at what price."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Container, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily, follow
from finops.generators.latency_lines import LATENCY, limit, over_time
from finops.generators.packed_sums import Sums, pack, totals_by_day
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "performance",
    "Performance Tracking",
    "How fast and how reliable the models are, against the service level and their price.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

# Sums by key and day that the page carries.
_SUMS = ("models", "providers", "tasks")
_CALLS = Column("call_count", "Calls", "count", over=("calls", "sum"))
_MEAN = Column("avg_latency_ms", "Mean", "ms", over=("latency_ms", "per:calls"))
_DRAWN = 10


def generate_performance_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a performance result.  Raises OSError if it cannot be written."""
    sums = pack(data.get("by_day") or {}, _SUMS)
    daily = _daily(data, sums)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}, {*daily.measures, *daily.windows}),
        body=[
            over_time(data),
            _spread(data),
            _models(data, sums["models"]),
            _providers(data, sums["providers"]),
            _tasks(data, sums["tasks"]),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=daily,
    )


def _daily(data: Data, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return calls, failed ones and those within the service level by day."""
    by_day: Data = data.get("by_day") or {}
    totals = {
        "errors": totals_by_day(by_day.get("models"), "errors"),
        "within": totals_by_day(by_day.get("providers"), "within"),
    }
    kept = [name for name, found in totals.items() if found]
    rows = [
        dict(row, **{name: totals[name].get(row.get("date")) for name in kept})
        for row in data.get("daily") or []
    ]
    found: Data = data.get("percentiles_by_day") or {}
    windows = {name: window for name, window in found.items() if window}
    rows = [dict(row, latency_ms=_waited(row)) for row in rows]
    daily = Daily.of(rows, ["call_count", "latency_ms", *kept], list(sums.values()))
    return daily._replace(windows=windows)


def _waited(row: Mapping[str, Any]) -> int:
    """Return the latency of all calls of a day together, a whole number of milliseconds."""
    return round((row.get("avg_latency_ms") or 0) * (row.get("call_count") or 0))


def _cards(summary: Data, measures: Container[str]) -> List[Card]:
    limit = formatting.milliseconds(summary.get("sla_threshold_ms"))
    slowest = formatting.milliseconds(summary.get("max_latency_ms"))
    return [
        Card(
            "p95 latency",
            summary.get("p95_latency_ms"),
            "ms",
            "95 of 100 calls are faster",
            ("p95", "percentile") if "p95" in measures else None,
        ),
        Card(
            "Median latency",
            summary.get("p50_latency_ms"),
            "ms",
            "half of the calls are faster",
            ("p50", "percentile") if "p50" in measures else None,
        ),
        Card(
            "p99 latency",
            summary.get("p99_latency_ms"),
            "ms",
            f"the slowest took {slowest}",
            ("p99", "percentile") if "p99" in measures else None,
        ),
        Card(
            "Service level",
            summary.get("sla_compliance_percent"),
            "percent",
            f"within {limit}",
            ("within", "percent:call_count") if "within" in measures else None,
        ),
        Card(
            "Error rate",
            summary.get("error_rate_percent"),
            "percent",
            "of all calls",
            ("errors", "percent:call_count") if "errors" in measures else None,
        ),
        Card(
            "Calls",
            summary.get("total_calls"),
            "count",
            "failed ones included",
            ("call_count", "sum"),
        ),
    ]


def _spread(data: Data) -> Part:
    rows: Rows = data.get("latency_histogram") or []
    latency: Data = data.get("latency") or {}
    named = {"Mean": "mean", "Median": "median", "p95": "p95", "p99": "p99", "Slowest": "max"}
    return section(
        "How long calls take",
        columns(
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
        ),
    )


def _models(data: Data, sums: Optional[Sums]) -> Part:
    rows: Rows = data.get("model_rankings") or []
    return section(
        "How models compare",
        columns(_price_and_speed(rows), _throughput(rows)),
        table(
            "models",
            "Models by throughput",
            _MODEL_COLUMNS,
            rows,
            order=("tokens_per_second", "descending"),
            empty="Models with a call were looked for, and there are none.",
            over=Over(sums, ("provider", "model")),
        ),
    )


_MODEL_COLUMNS = [
    Column("provider", "Provider", "provider", dot=True),
    Column("model", "Model", "model"),
    _CALLS,
    Column(
        "tokens_per_second", "Tokens per second", "number", over=("tokens", "thousand:latency_ms")
    ),
    _MEAN,
    Column("p50_latency_ms", "Median", "ms"),
    Column("p95_latency_ms", "p95", "ms"),
    Column("p99_latency_ms", "p99", "ms"),
    Column("error_rate_percent", "Error rate", "percent", over=("errors", "percent:calls")),
    Column(
        "cost_per_1k_tokens", "Cost per 1,000 tokens", "money", over=("cost", "thousand:tokens")
    ),
]


def _price_and_speed(rows: Rows) -> Part:
    colours: List[Colour] = [("provider", row.get("provider")) for row in rows]
    groups = [formatting.name("provider", row.get("provider")) for row in rows]
    chart = scatter_chart(
        "price-and-speed",
        "What a model costs against how long it takes; lower left is better",
        Axis("Cost per 1,000 tokens (USD)", "money"),
        LATENCY,
        [
            (str(row.get("model")), row.get("cost_per_1k_tokens", 0), row.get("avg_latency_ms", 0))
            for row in rows
        ],
        colours=colours,
        groups=groups,
        named=True,
    )
    values = ("cost_per_1k_tokens", "avg_latency_ms")
    return follow(chart, "models", _MODEL_COLUMNS, "model", values, colours=colours, groups=groups)


def _throughput(rows: Rows) -> Part:
    colours: List[Colour] = [("model", row.get("model")) for row in rows]
    drawn = rows[:_DRAWN]
    first = f", the {_DRAWN} fastest of {len(rows)}" if len(rows) > _DRAWN else ""
    chart = bar_chart(
        "throughput",
        f"Tokens a second of waiting, by model{first}",
        Axis("Model", "model"),
        Axis("Tokens per second", "number"),
        texts(drawn, "model"),
        [Series("Tokens per second", [row.get("tokens_per_second") for row in drawn])],
        horizontal=True,
        colours=colours[:_DRAWN],
    )
    values = ("tokens_per_second",)
    return follow(chart, "models", _MODEL_COLUMNS, "model", values, _DRAWN, colours)


def _providers(data: Data, sums: Optional[Sums]) -> Part:
    rows = [dict(row, late_percent=_late(row)) for row in data.get("sla_compliance") or []]
    colours: List[Colour] = [("provider", row.get("provider")) for row in rows]
    shown = [
        Column("provider", "Provider", "provider", dot=True),
        Column("total_calls", "Calls", "count", over=("calls", "sum")),
        Column("compliant_calls", "Within the limit", "count", over=("within", "sum")),
        Column("violations", "Above the limit", "count", over=("violations", "sum")),
        Column("late_percent", "Share above", "percent", over=("violations", "percent:calls")),
        Column("compliance_rate", "Kept", "percent", over=("within", "percent:calls")),
    ]
    chart = bar_chart(
        "violations",
        f"Share of each provider's calls above {formatting.milliseconds(limit(data))}",
        Axis("Provider", "provider"),
        Axis("Calls above the service level (%)", "percent"),
        texts(rows, "provider"),
        [Series("Calls above", [row["late_percent"] for row in rows])],
        horizontal=True,
        colours=colours,
    )
    return section(
        "How providers keep the service level",
        follow(chart, "compliance", shown, "provider", ("late_percent",), colours=colours),
        table(
            "compliance",
            "Service level by provider",
            shown,
            rows,
            order=("compliance_rate", "descending"),
            empty="Providers with a call were looked for, and there are none.",
            over=Over(sums, ("provider",)),
        ),
    )


def _late(row: Mapping[str, Any]) -> float:
    calls = row.get("total_calls") or 0
    return (row.get("violations") or 0) / calls * 100 if calls else 0.0


def _tasks(data: Data, sums: Optional[Sums]) -> Part:
    return section(
        "Which task waits longest",
        table(
            "tasks",
            "Latency by task type",
            [
                Column("task_type", "Task type"),
                _CALLS,
                _MEAN,
                Column("p95_latency_ms", "p95", "ms"),
                Column("fastest_model", "Fastest model", "model"),
            ],
            data.get("by_task_type") or [],
            order=("call_count", "descending"),
            empty="Task types with a call were looked for, and there are none.",
            over=Over(sums, ("task_type",)),
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
