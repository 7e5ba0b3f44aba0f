"""The page of real-time decisions: incidents that needed immediate attention."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops import config
from finops.generators import checks, formatting
from finops.generators.charts import (
    Axis,
    Colour,
    Series,
    as_read,
    bar_chart,
    cut_short,
    line_chart,
    of_known_costs,
)
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.date_range import Daily, follow
from finops.generators.detector_scores import detectors
from finops.generators.known_status import STATUS_KNOWN, of_calls
from finops.generators.packed_sums import Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.partial_days import (
    day_lines,
    known_by_day,
    partial_dates,
    where_days_are_known,
)
from finops.generators.recompute import Ratio, ShareOfAll, Sum
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table, texts
from finops.results import realtime as results
from finops.results.base import from_dict

REPORT = Report(
    "realtime",
    "Real-Time Decision Making",
    "Incidents that needed immediate attention.",
)

_DRAWN_CUSTOMERS = 15
_DRAWN_DAYS = 120
# Type of an alert: word, what its value is, and of which kind.
_ALERTS: Dict[str, Tuple[str, str, str]] = {
    "high_daily_cost": ("High daily cost", "cost", "money"),
    "high_error_rate": ("High error rate", "failed calls", "percent"),
    "provider_degraded": ("Provider degraded", "latency or errors", "number"),
}
# Of each of three long tables, so that years of incidents stay within a page.
_MOST_CELLS = 1_000
# Measure of an alert of a degraded provider: what its value is, and of which kind.
_MEASURES: Dict[str, Tuple[str, str]] = {
    "p95_latency_ms": ("p95 latency", "ms"),
    "error_rate_percent": ("failed calls", "percent"),
}
# Pattern of an anomalous hour: what it is.
_PATTERNS: Dict[str, str] = {"burst": "a burst", "busy": "a busy stretch"}
_RISK_COLOURS: Dict[str, Colour] = {"critical": "critical", "high": "warning", "medium": "accent"}


def generate_realtime_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a realtime result.  Raises OSError if it cannot be written."""
    result = from_dict(results.RealtimeResult, data)
    sums = pack(result.by_day._asdict())
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            *_over_time(result, data),
            _alerts(result),
            _burn(result),
            _portfolio(result, sums["providers"]),
            *detectors(data),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=Daily.of(result.daily, _by_day(result.summary), list(sums.values())),
    )


def _by_day(
    summary: results.RealtimeSummary,
) -> Dict[str, Callable[[results.DayErrors], Optional[float]]]:
    """Return the sums of a day; calls of known status only where that is not all."""
    measures: Dict[str, Callable[[results.DayErrors], Optional[float]]] = {
        "call_count": lambda row: row.call_count,
        "error_count": lambda row: row.error_count,
        "total_cost": lambda row: row.total_cost,
    }
    if summary.unknown_status_calls:
        measures[STATUS_KNOWN] = lambda row: (row.call_count or 0) - (row.unknown_status_calls or 0)
    return measures


def _cards(result: results.RealtimeResult) -> List[Card]:
    summary = result.summary
    risk = result.portfolio_risk
    threshold = formatting.money(result.hourly_baseline.threshold)
    top = formatting.name("provider", risk.top_provider) if risk.top_provider else "none known"
    unknown = result.unchecked.get("at_risk_customers")
    return [
        Card(
            "Anomalous hours",
            summary.anomaly_count,
            "count",
            f"above {threshold} per hour"
            if summary.anomaly_count is not None
            else result.unchecked.get("anomalies")
            or f"needs {config.ANOMALY_MIN_HOURS} hours with a call",
        ),
        Card(
            "Alerts",
            summary.alert_count,
            "count",
            "cost, errors and providers",
        ),
        Card(
            "Customers at risk",
            summary.at_risk_customers,
            "count",
            unknown or f"costing {config.BURN_MEDIUM_PCT}% of their price or more",
        ),
        Card("Portfolio risk", summary.risk_level, "text", "if one provider fails"),
        Card("Largest provider", risk.max_provider_concentration, "share", f"{top}, of cost"),
        Card(
            "Error rate",
            summary.error_rate_percent,
            "percent",
            of_calls(summary.total_calls, summary.unknown_status_calls),
            Ratio(
                "error_count", STATUS_KNOWN if summary.unknown_status_calls else "call_count", 100
            ),
        ),
    ]


# --- hours -----------------------------------------------------------------------------------


def _over_time(result: results.RealtimeResult, data: Mapping[str, Any]) -> List[Part]:
    if known_by_day(data):
        return [_hours(result), _days(result, data)]
    return [section("Over time", where_days_are_known(data))]


def _hours(result: results.RealtimeResult) -> Part:
    baseline = result.hourly_baseline
    return section(
        "Hours of unusual cost",
        _hour_chart(result, baseline.threshold),
        _incident_table(result.incidents, result.unchecked),
        _anomaly_table(result.anomalies, result.unchecked),
        lead="" if "anomalies" in result.unchecked else _how_hours_are_judged(baseline),
    )


def _how_hours_are_judged(baseline: results.HourlyBaseline) -> str:
    return (
        f"An hour costs {formatting.money(baseline.mean)} on average, hours without calls "
        f"included. An hour above {formatting.money(baseline.threshold)} is an anomaly if it also "
        "costs far more than comparable hours; costs that recur by hour, weekday or schedule are "
        "not anomalies."
    )


def _hour_chart(result: results.RealtimeResult, threshold: Optional[float]) -> Part:
    hourly = result.hourly
    anomalous = {row.hour: row.cost for row in result.anomalies}
    at_hours = [anomalous.get(row.hour) for row in hourly]
    anomalies = Series("Anomaly", at_hours, "critical", "points")
    # Where hours are not judged, those above it would look like anomalies.
    judged = "anomalies" not in result.unchecked
    limits = [Series("Threshold", [threshold] * len(hourly), "warning", "dashed")] if judged else []
    limit = " and the threshold" if judged else ""
    return line_chart(
        "hourly-cost",
        f"Cost of each hour{limit}{', and the anomalous hours' if anomalous else ''}",
        Axis("Hour (UTC)", "hour"),
        Axis("Cost (USD per hour)", "money"),
        [formatting.minute(row.hour) for row in hourly],
        [
            Series("Cost", [row.cost for row in hourly], "accent"),
            *limits,
            *([anomalies] if anomalous else []),
        ],
        bins="max",
        empty="There is no hour with a call, so no line over time is drawn.",
    )


def _incident_table(rows: Sequence[results.Incident], unchecked: Mapping[str, str]) -> Part:
    return table(
        "incidents",
        "Incidents: consecutive anomalous hours with one cause, most expensive first",
        [
            Column(lambda row: formatting.minute(row.start), "First hour (UTC)"),
            Column(lambda row: row.hours, "Hours", "count"),
            Column(lambda row: row.cost, "Cost", "money"),
            Column(lambda row: row.excess_cost, "Excess cost", "money", order="descending"),
            Column(lambda row: row.cause, "Largest share"),
            Column(
                lambda row: row.customers[0] if row.customers else None,
                "Largest customer",
                follows="customer",
            ),
        ],
        ShortenedRows(rows),
        empty=checks.empty("anomalies", "No incidents.", unchecked),
        most_cells=_MOST_CELLS,
    )


def _anomaly_table(rows: Sequence[results.Anomaly], unchecked: Mapping[str, str]) -> Part:
    return table(
        "anomalies",
        "Anomalous hours, furthest above the mean first",
        [
            Column(lambda row: formatting.minute(row.hour), "Hour (UTC)"),
            Column(lambda row: row.cost, "Cost", "money"),
            Column(
                lambda row: row.deviation,
                "Standard deviations above",
                "number",
                order="descending",
            ),
            Column(lambda row: row.expected, "Comparable hours", "money"),
            Column(lambda row: row.around_cost, "Adjacent hours", "money"),
            Column(lambda row: _PATTERNS.get(row.pattern, ""), "Pattern"),
            Column(lambda row: row.top_customer, "Largest customer", follows="customer"),
            Column(lambda row: row.top_model, "Largest model", "model"),
        ],
        ShortenedRows(rows),
        empty=checks.empty("anomalies", "No anomalous hours.", unchecked),
        most_cells=_MOST_CELLS,
    )


def _days(result: results.RealtimeResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily
    return section(
        "Day by day",
        line_chart(
            "daily-cost",
            f"Cost of each day{cut_short(data)}{of_known_costs(data)}",
            Axis("Day (UTC)", "date"),
            Axis("Cost (USD)", "money"),
            texts(row.date for row in daily),
            day_lines(
                [Series("Cost", [row.total_cost for row in daily], recompute=Sum("total_cost"))],
                texts(row.date for row in daily),
                partial_dates(data),
            ),
            empty="There is no day with a call, so no line over time is drawn.",
        ),
    )


# --- alerts ----------------------------------------------------------------------------------


def _alerts(result: results.RealtimeResult) -> Part:
    alerts = result.alerts
    days: Dict[str, Dict[str, int]] = {}
    for row in alerts:
        counts = days.setdefault(str(row.time or "")[:10], {})
        counts[str(row.type)] = counts.get(str(row.type), 0) + 1
    there = [kind for kind in _ALERTS if any(kind in counts for counts in days.values())]
    labels = _all_days(days, result.daily)
    return section(
        "Alerts that would have been sent",
        bar_chart(
            "alerts-by-day",
            f"Alerts by the day on which they begin, {_types(there)}",
            # Not a date to the script: a provider is judged against the whole period, so the
            # alerts of chosen dates cannot be distinguished from those of all.
            Axis("Day (UTC)", "text"),
            Axis("Alerts", "count"),
            as_read(labels) if labels else [],
            [
                Series(
                    _ALERTS[kind][0],
                    [days.get(day, {}).get(kind, 0) for day in labels],
                )
                for kind in there
            ],
            stacked=True,
            empty="There is no alert to draw.",
        ),
        table(
            "alerts",
            "Alerts, most severe first",
            [
                Column(lambda row: row.severity, "Severity", "severity"),
                Column(lambda row: _alert(row)[0], "Alert"),
                Column(lambda row: formatting.minute(row.time or ""), "From (UTC)"),
                Column(lambda row: formatting.minute(row.end or ""), "Until"),
                Column(_whose, "Subject"),
                Column(lambda row: _measure(row)[0], "Measured"),
                Column(lambda row: _amount(row, row.value), "Worst value"),
                Column(lambda row: _amount(row, row.threshold), "Limit"),
                Column(_of_limit, "Worst / limit", "percent"),
            ],
            ShortenedRows(alerts),
            empty="There is no alert to list.",
            most_cells=_MOST_CELLS,
        ),
    )


def _types(there: Sequence[str]) -> str:
    """Return what the bars are: one series has no legend to say it."""
    return "by type" if len(there) != 1 else f"all of the type “{_ALERTS[there[0]][0].lower()}”"


def _all_days(alerted: Mapping[str, object], daily: Sequence[results.DayErrors]) -> List[str]:
    """Return the days of the data as far as a chart has room for them, else those with an alert."""
    days = sorted({*alerted, *texts(row.date for row in daily)})
    return days if alerted and len(days) <= _DRAWN_DAYS else sorted(alerted)


def _alert(row: results.Alert) -> Tuple[str, str, str]:
    """Return the word for an alert, what its value is, and of which kind."""
    return _ALERTS.get(row.type, (str(row.type), "", "number"))


def _measure(row: results.Alert) -> Tuple[str, str]:
    """Return what an alert's value is, and of which kind."""
    return _MEASURES.get(row.measure, _alert(row)[1:])


def _amount(row: results.Alert, amount: Optional[float]) -> str:
    """Return a value or a limit with its unit: those of a column are not of one kind."""
    return formatting.readable(_measure(row)[1], amount)


def _of_limit(row: results.Alert) -> Optional[float]:
    """Return the worst value in percent of the limit, which compares alerts of all kinds."""
    return row.value / row.threshold * 100 if row.value is not None and row.threshold else None


def _whose(row: results.Alert) -> str:
    degraded = row.type == "provider_degraded"
    return formatting.name("provider", row.subject) if degraded else "all calls"


# --- risks -----------------------------------------------------------------------------------


def _burn(result: results.RealtimeResult) -> Part:
    rows = result.at_risk_customers
    drawn = rows[:_DRAWN_CUSTOMERS]
    return section(
        "Customers close to the limit of their subscription, or above it",
        bar_chart(
            "burn",
            "Cost in percent of the subscription, highest first: critical from "
            f"{config.BURN_CRITICAL_PCT}%, high from {config.BURN_HIGH_PCT}%, medium from "
            f"{config.BURN_MEDIUM_PCT}%",
            Axis("Customer", "text"),
            Axis("Cost (% of the subscription, per month)", "percent"),
            texts(row.customer_id for row in drawn),
            [Series("Cost / subscription", [row.burn_percent for row in drawn])],
            horizontal=True,
            colours=[_RISK_COLOURS.get(str(row.risk)) for row in drawn],
            empty=checks.empty(
                "at_risk_customers",
                "No customer is close to using up its subscription.",
                result.unchecked,
            ),
        ),
        table(
            "at-risk",
            "Customers at risk",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                Column(lambda row: row.monthly_revenue, "Revenue per month", "money"),
                Column(lambda row: row.monthly_cost, "Cost per month", "money"),
                Column(
                    lambda row: row.burn_percent,
                    "Cost / subscription",
                    "percent",
                    order="descending",
                ),
                Column(lambda row: row.risk, "Risk"),
            ],
            rows,
            empty=checks.empty(
                "at_risk_customers",
                "No customers whose usage comes close to their subscription.",
                result.unchecked,
            ),
        ),
    )


def _portfolio(result: results.RealtimeResult, sums: Optional[Sums]) -> Part:
    risk = result.portfolio_risk
    rows = risk.shares
    colours: List[Colour] = [("provider", row.provider) for row in rows]
    provider = Column[results.ProviderCostShare](
        lambda row: row.provider, "Provider", "provider", dot=True, dimension="provider"
    )
    share = Column[results.ProviderCostShare](
        lambda row: row.share,
        "Share of cost",
        "share",
        bar=True,
        recompute=ShareOfAll("cost"),
        order="descending",
    )
    shown = [provider, share]
    chart = bar_chart(
        "shares",
        "Share of the cost by provider",
        Axis("Provider", "provider"),
        Axis("Share of the cost (%)", "share"),
        texts(row.provider for row in rows),
        [Series("Share", [row.share for row in rows])],
        horizontal=True,
        colours=colours,
    )
    return section(
        "Provider concentration",
        columns(
            follow(chart, "provider-shares", shown, provider, [share], colours=colours),
            table(
                "provider-shares",
                "Share of the cost by provider",
                shown,
                rows,
                empty="No providers with a call.",
                sums=sums,
            ),
        ),
        lead=""
        if risk.diversity_score is None
        else f"The diversity score is {formatting.decimal(risk.diversity_score)}: the "
        "chance that two dollars went to different providers, from 0 to 1.",
    )


# --- the end ---------------------------------------------------------------------------------


def _contrast(result: results.RealtimeResult) -> Contrast:
    hours = formatting.counted(len(result.hourly), "hour")
    anomalies = formatting.count(result.summary.anomaly_count)
    return Contrast(
        ("customer_id",),
        "An hour of unusual cost would have no customer.",
        f"Unusual hours: {anomalies} of {hours}, each with its largest customer and model."
        if result.summary.anomaly_count is not None
        else "Each hour keeps its largest customer and model.",
    )


def _not_found(result: results.RealtimeResult) -> List[str]:
    there = {row.type for row in result.alerts}
    hours = ("anomalies", result.anomalies, "hours of anomalous cost")
    judged = result.summary.anomaly_count is not None or "anomalies" in result.unchecked
    return checks.not_found(
        [
            *([hours] if judged else []),
            *(
                (kind, there & {kind}, f"alerts of the kind “{word.lower()}”")
                for kind, (word, _, _) in _ALERTS.items()
            ),
            (
                "at_risk_customers",
                result.at_risk_customers,
                "customers close to using up their subscription",
            ),
        ],
        result.unchecked,
    )
