"""The page of performance: how fast and how reliable the models are, and at what price."""

from __future__ import annotations

from pathlib import Path
from typing import (
    Any,
    Callable,
    Container,
    Dict,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Union,
)

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.date_range import Daily, follow
from finops.generators.known_status import STATUS_KNOWN, denominator, of_calls
from finops.generators.latency_lines import LATENCY, over_time
from finops.generators.packed_sums import Sums, pack, totals_by_day
from finops.generators.page import Report, write_report
from finops.generators.recompute import Percentile, Ratio, Sum
from finops.generators.tables import Column, per_million, table, texts
from finops.results import performance as results
from finops.results.base import from_dict
from finops.results.shares import Called, Timed

REPORT = Report(
    "performance",
    "Performance Tracking",
    "How fast and how reliable the models are, against the SLA and their price.",
)

_CALLS = Column[Called](lambda row: row.call_count, "Calls", "count", recompute=Sum("calls"))
_MEAN = Column[Timed](
    lambda row: row.avg_latency_ms,
    "Mean",
    "ms",
    recompute=Ratio("latency_ms", "measured"),
    sparkline=True,
)
_DRAWN = 10


class _Measured(NamedTuple):
    """One figure of the latency of all calls, and its name."""

    measure: str
    value: float


def generate_performance_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a performance result.  Raises OSError if it cannot be written."""
    result = from_dict(results.PerformanceResult, data)
    sums = pack(result.by_day._asdict())
    daily = _daily(result, sums)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result.summary, {*daily.measures, *daily.windows}),
        body=[
            over_time(result, data),
            _spread(result),
            _models(result, sums["models"]),
            _providers(result, sums["providers"]),
            _tasks(result, sums["tasks"]),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=daily,
    )


def _daily(result: results.PerformanceResult, sums: Mapping[str, Optional[Sums]]) -> Daily:
    """Return calls, failed ones, those of known status and those within the SLA by day."""
    errors = totals_by_day(result.by_day.models, "errors")
    within = totals_by_day(result.by_day.providers, "within")
    measures: Dict[str, Callable[[results.DayLatency], Optional[float]]] = {
        "call_count": lambda row: row.call_count,
        "latency_ms": _summed_latency,
        "measured": lambda row: row.measured_calls,
    }
    if errors:
        measures["errors"] = lambda row: errors.get(row.date)
    models = result.by_day.models
    if models and STATUS_KNOWN in models.sums:
        known = totals_by_day(models, STATUS_KNOWN)
        measures[STATUS_KNOWN] = lambda row: known.get(row.date)
    if within:
        measures["within"] = lambda row: within.get(row.date)
    windows = {
        name: window for name, window in result.percentiles_by_day._asdict().items() if window
    }
    return Daily.of(result.daily, measures, list(sums.values()))._replace(windows=windows)


def _summed_latency(row: results.DayLatency) -> int:
    """Return the latency of the measured calls of a day together, in whole milliseconds."""
    return round((row.avg_latency_ms or 0) * (row.measured_calls or 0))


def _cards(summary: results.PerformanceSummary, measures: Container[str]) -> List[Card]:
    limit = formatting.milliseconds(summary.sla_threshold_ms)
    slowest = formatting.milliseconds(summary.max_latency_ms)
    measured = formatting.counted(summary.measured_calls, "measured call")
    return [
        Card(
            "p95 latency",
            summary.p95_latency_ms,
            "ms",
            "95 of 100 calls take at most this",
            Percentile("p95") if "p95" in measures else None,
        ),
        Card(
            "Median latency",
            summary.p50_latency_ms,
            "ms",
            "half of the calls take at most this",
            Percentile("p50") if "p50" in measures else None,
        ),
        Card(
            "p99 latency",
            summary.p99_latency_ms,
            "ms",
            f"the slowest took {slowest}",
            Percentile("p99") if "p99" in measures else None,
        ),
        Card(
            "SLA compliance",
            summary.sla_compliance_percent,
            "percent",
            f"of {measured} within {limit}" if summary.measured_calls else f"within {limit}",
            Ratio("within", "measured", 100) if "within" in measures else None,
        ),
        Card(
            "Error rate",
            summary.error_rate_percent,
            "percent",
            of_calls(summary.total_calls, summary.unknown_status_calls),
            Ratio("errors", denominator(measures, "call_count"), 100)
            if "errors" in measures
            else None,
        ),
        Card(
            "Calls",
            summary.total_calls,
            "count",
            "failed ones included",
            Sum("call_count"),
        ),
    ]


def _spread(result: results.PerformanceResult) -> Part:
    rows = result.latency_histogram
    latency = result.latency
    named = {
        "Mean": latency.mean,
        "Median": latency.median,
        "p95": latency.p95,
        "p99": latency.p99,
        "Slowest": latency.max,
    }
    return section(
        "How long calls take",
        columns(
            bar_chart(
                "histogram",
                "Calls by latency; the last bar holds everything slower",
                Axis("Latency from (ms)", "ms"),
                Axis("Calls", "count"),
                [row.from_ms for row in rows],
                [Series("Calls", [row.call_count for row in rows])],
                empty="There is no call whose latency could be counted.",
            ),
            table(
                "latency",
                "Latency of all calls",
                [
                    Column(lambda row: row.measure, "Measure"),
                    Column(lambda row: row.value, "Latency", "ms"),
                ],
                [_Measured(word, value) for word, value in named.items() if value is not None],
                empty="No latency is listed in this result.",
            ),
        ),
    )


def _models(result: results.PerformanceResult, sums: Optional[Sums]) -> Part:
    rows = result.model_rankings
    return section(
        "How models compare",
        columns(_price_and_speed(rows), _throughput(rows)),
        table(
            "models",
            "Models by throughput",
            _model_columns(rows),
            rows,
            empty="No models with a call.",
            sums=sums,
        ),
    )


_MODEL = Column[results.ModelRanking](lambda row: row.model, "Model", "model", dimension="model")
_SPEED = Column[results.ModelRanking](
    lambda row: row.tokens_per_second,
    "Tokens per second",
    "number",
    recompute=Ratio("output_tokens", "latency_ms", 1_000),
    order="descending",
)
_PRICE = Column[results.ModelRanking](
    lambda row: per_million(row.cost_per_1k_tokens),
    "Cost per 1M tokens",
    "money",
    recompute=Ratio("cost", "tokens", 1_000_000),
)


def _model_columns(rows: Sequence[results.ModelRanking]) -> List[Column[results.ModelRanking]]:
    is_partial = any(row.unknown_status_calls for row in rows)
    return [
        Column(lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"),
        _MODEL,
        _CALLS,
        _SPEED,
        _MEAN,
        Column(lambda row: row.p50_latency_ms, "Median", "ms"),
        Column(lambda row: row.p95_latency_ms, "p95", "ms"),
        Column(lambda row: row.p99_latency_ms, "p99", "ms"),
        Column(
            lambda row: row.error_rate_percent,
            "Error rate",
            "percent",
            recompute=Ratio("errors", STATUS_KNOWN if is_partial else "calls", 100),
        ),
        _PRICE,
    ]


def _price_and_speed(rows: Sequence[results.ModelRanking]) -> Part:
    colours: List[Colour] = [("provider", row.provider) for row in rows]
    groups = [formatting.name("provider", row.provider) for row in rows]
    chart = scatter_chart(
        "price-and-speed",
        "Cost and latency of each model; lower left is better",
        Axis("Cost per 1M tokens (USD)", "money"),
        LATENCY,
        [(str(row.model), per_million(row.cost_per_1k_tokens), row.avg_latency_ms) for row in rows],
        colours=colours,
        groups=groups,
        named=True,
    )
    values: List[Column[results.ModelRanking]] = [_PRICE, _MEAN]
    shown = _model_columns(rows)
    return follow(chart, "models", shown, _MODEL, values, colours=colours, groups=groups)


def _throughput(rows: Sequence[results.ModelRanking]) -> Part:
    colours: List[Colour] = [("model", row.model) for row in rows]
    drawn = rows[:_DRAWN]
    first = f", the {_DRAWN} fastest of {len(rows)}" if len(rows) > _DRAWN else ""
    chart = bar_chart(
        "throughput",
        f"Tokens per second, by model{first}",
        Axis("Model", "model"),
        Axis("Tokens per second", "number"),
        texts(row.model for row in drawn),
        [Series("Tokens per second", [row.tokens_per_second for row in drawn])],
        horizontal=True,
        colours=colours[:_DRAWN],
    )
    return follow(chart, "models", _model_columns(rows), _MODEL, [_SPEED], _DRAWN, colours)


def _providers(result: results.PerformanceResult, sums: Optional[Sums]) -> Part:
    rows = result.sla_compliance
    limit = formatting.milliseconds(result.summary.sla_threshold_ms)
    colours: List[Colour] = [("provider", row.provider) for row in rows]
    provider = Column[results.ProviderCompliance](
        lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"
    )
    late = Column(
        _late_percent,
        "Share above",
        "percent",
        recompute=Ratio("violations", "measured", 100),
        sparkline=True,
    )
    shown: List[Column[results.ProviderCompliance]] = [
        provider,
        Column(lambda row: row.total_calls, "Calls", "count", recompute=Sum("calls")),
        Column(lambda row: row.measured_calls, "Measured", "count", recompute=Sum("measured")),
        Column(
            lambda row: row.compliant_calls, "Within the limit", "count", recompute=Sum("within")
        ),
        Column(lambda row: row.violations, "Above the limit", "count", recompute=Sum("violations")),
        late,
        Column(
            lambda row: row.compliance_rate,
            "SLA met",
            "percent",
            recompute=Ratio("within", "measured", 100),
            order="descending",
        ),
    ]
    chart = bar_chart(
        "violations",
        f"Share of each provider's calls above {limit}",
        Axis("Provider", "provider"),
        Axis("Calls above the SLA (%)", "percent"),
        texts(row.provider for row in rows),
        [Series("Calls above", [_late_percent(row) for row in rows])],
        horizontal=True,
        colours=colours,
    )
    return section(
        "SLA compliance by provider",
        follow(chart, "compliance", shown, provider, [late], colours=colours),
        table(
            "compliance",
            "SLA compliance by provider",
            shown,
            rows,
            empty="No providers with a call.",
            sums=sums,
        ),
    )


def _late_percent(row: results.ProviderCompliance) -> Optional[float]:
    """Return the share of measured calls above the limit, None where there are none."""
    return (row.violations or 0) / row.measured_calls * 100 if row.measured_calls else None


def _tasks(result: results.PerformanceResult, sums: Optional[Sums]) -> Part:
    return section(
        "Latency by task type",
        table(
            "tasks",
            "Latency by task type",
            [
                Column(lambda row: row.task_type, "Task type", dimension="task_type"),
                Column(
                    lambda row: row.call_count,
                    "Calls",
                    "count",
                    recompute=Sum("calls"),
                    order="descending",
                ),
                _MEAN,
                Column(lambda row: row.p95_latency_ms, "p95", "ms"),
                Column(lambda row: row.fastest_model, "Fastest model", "model"),
            ],
            result.by_task_type,
            empty="No task types with a call.",
            sums=sums,
        ),
    )


def _contrast(result: results.PerformanceResult) -> Contrast:
    summary = result.summary
    p95 = formatting.milliseconds(summary.p95_latency_ms)
    models = formatting.count(len(result.model_rankings))
    return Contrast(
        ("latency_ms", "status"),
        "There would be costs and tokens, but no latency and no error rate.",
        f"A p95 of {p95} breaks down by model ({models}), provider, task type and hour.",
    )


def _not_found(result: results.PerformanceResult) -> List[str]:
    summary = result.summary
    limit = formatting.milliseconds(summary.sla_threshold_ms)
    sentences = []
    slow = f"calls that took longer than {limit}"
    if not summary.measured_calls:
        sentences.append(f"Not checked: {slow}; no successful call has a latency.")
    elif not summary.sla_violations:
        sentences.append(f"Checked, none found: {slow}.")
    if summary.error_rate_percent is None and summary.total_calls:
        sentences.append("Not checked: failed calls; no call says whether it succeeded.")
    elif not summary.error_rate_percent:
        sentences.append("Checked, none found: failed calls.")
    return sentences
