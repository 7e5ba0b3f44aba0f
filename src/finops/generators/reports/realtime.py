"""The page of real-time decisions: what somebody should have been told of at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops import config
from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, section
from finops.generators.date_range import Daily, follow
from finops.generators.detector_scores import detectors
from finops.generators.packed_sums import Sums, pack
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, Over, table, texts

REPORT = Report(
    "realtime",
    "Real-Time Decision Making",
    "What happened that somebody should have been told of at once.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN_CUSTOMERS = 15
_DRAWN_DAYS = 120
# Type of an alert: word, what its value is.
_ALERTS: Dict[str, Tuple[str, str]] = {
    "high_daily_cost": ("High daily cost", "cost (USD)"),
    "high_error_rate": ("High error rate", "failed calls (%)"),
    "provider_degraded": ("Provider degraded", "latency or errors"),
}
_ALERT_COLOURS: Dict[str, Colour] = {
    "high_daily_cost": "critical",
    "high_error_rate": "warning",
    "provider_degraded": "accent",
}
_MEASURES: Dict[str, str] = {
    "p95_latency_ms": "p95 latency (ms)",
    "error_rate_percent": "failed calls (%)",
}
# Pattern of an anomalous hour: what it is.
_PATTERNS: Dict[str, str] = {"burst": "a burst", "busy": "a busy stretch"}
_RISK_COLOURS: Dict[str, Colour] = {"critical": "critical", "high": "warning", "medium": "accent"}


def generate_realtime_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a realtime result.  Raises OSError if it cannot be written."""
    sums = pack(data.get("by_day") or {}, ["providers"])
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[
            _hours(data),
            _days(data),
            _alerts(data),
            _burn(data),
            _portfolio(data, sums["providers"]),
            *detectors(data),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=Daily.of(
            data.get("daily") or [],
            ("call_count", "error_count", "total_cost"),
            list(sums.values()),
        ),
    )


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    risk: Data = data.get("portfolio_risk") or {}
    threshold = formatting.money((data.get("hourly_baseline") or {}).get("threshold"))
    top = formatting.name("provider", risk.get("top_provider") or "nobody")
    return [
        Card(
            "Anomalous hours", summary.get("anomaly_count"), "count", f"above {threshold} an hour"
        ),
        Card("Alerts", summary.get("alert_count"), "count", "cost, errors and providers"),
        Card(
            "Customers at risk",
            summary.get("at_risk_customers"),
            "count",
            f"costing {config.BURN_MEDIUM_PCT}% of their price or more",
        ),
        Card("Portfolio risk", summary.get("risk_level"), "text", "of one provider failing"),
        Card(
            "Largest provider", risk.get("max_provider_concentration"), "share", f"{top}, of cost"
        ),
        Card(
            "Error rate",
            summary.get("error_rate_percent"),
            "percent",
            "of all calls",
            ("error_count", "percent:call_count"),
        ),
    ]


# --- hours -----------------------------------------------------------------------------------


def _hours(data: Data) -> Part:
    baseline: Data = data.get("hourly_baseline") or {}
    mean = formatting.money(baseline.get("mean"))
    return section(
        "Hours that cost too much",
        _hour_chart(data, baseline.get("threshold")),
        _anomaly_table(data.get("anomalies") or []),
        lead=f"An hour costs {mean} on average, hours without calls included; an hour above "
        f"{formatting.money(baseline.get('threshold'))} is an anomaly.",
    )


def _hour_chart(data: Data, threshold: Any) -> Part:
    hourly: Rows = data.get("hourly") or []
    found = {row.get("hour"): row.get("cost") for row in data.get("anomalies") or []}
    return line_chart(
        "hourly-cost",
        "Cost of each hour, the threshold, and the anomalous hours",
        Axis("Hour (UTC)", "text"),
        Axis("Cost (USD an hour)", "money"),
        [formatting.minute(row.get("hour")) for row in hourly],
        [
            Series("Cost", [row.get("cost") for row in hourly], "accent"),
            Series("Threshold", [threshold] * len(hourly), "warning", "dashed"),
            Series("Anomaly", [found.get(row.get("hour")) for row in hourly], "critical", "points"),
        ],
        bins="max",
        empty="There is no hour with a call, so no line over time is drawn.",
    )


def _anomaly_table(rows: Rows) -> Part:
    return table(
        "anomalies",
        "Anomalous hours, the furthest above the mean first",
        [
            Column("when", "Hour (UTC)"),
            Column("cost", "Cost", "money"),
            Column("deviation", "Standard deviations above", "number"),
            Column("around_cost", "Hours around it", "money"),
            Column("what", "What it is"),
            Column("top_customer", "Largest customer"),
            Column("top_model", "Largest model", "model"),
        ],
        Lean(
            [
                {**row, "when": formatting.minute(row.get("hour")), "what": _what(row)}
                for row in rows
            ]
        ),
        order=("deviation", "descending"),
        empty="Hours above the threshold were looked for, and there are none.",
    )


def _what(row: Data) -> str:
    return _PATTERNS.get(str(row.get("pattern")), "")


def _days(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    return section(
        "Day by day",
        line_chart(
            "daily-cost",
            f"Cost of each day{cut_short(data)}",
            Axis("Day (UTC)", "date"),
            Axis("Cost (USD)", "money"),
            texts(daily, "date"),
            [Series("Cost", [row.get("total_cost") for row in daily], over=("total_cost", "sum"))],
            empty="There is no day with a call, so no line over time is drawn.",
        ),
    )


# --- alerts ----------------------------------------------------------------------------------


def _alerts(data: Data) -> Part:
    alerts: Rows = data.get("alerts") or []
    days: Dict[str, Dict[str, int]] = {}
    for row in alerts:
        counts = days.setdefault(str(row.get("time", ""))[:10], {})
        counts[str(row.get("type"))] = counts.get(str(row.get("type")), 0) + 1
    there = [kind for kind in _ALERTS if any(kind in counts for counts in days.values())]
    labels = _all_days(days, data.get("daily") or [])
    return section(
        "What would have been alerted",
        bar_chart(
            "alerts-by-day",
            f"Alerts on each day, {_types(there)}",
            # Not a date to the script: a provider is judged against the whole period, so the
            # alerts of chosen dates cannot be told from those of all.
            Axis("Day (UTC)", "text"),
            Axis("Alerts", "count"),
            labels,
            [
                Series(
                    _ALERTS[kind][0],
                    [days.get(day, {}).get(kind, 0) for day in labels],
                    _ALERT_COLOURS[kind],
                )
                for kind in there
            ],
            stacked=True,
            empty="There is no alert to draw.",
        ),
        table(
            "alerts",
            "Alerts, the gravest first",
            [
                Column("severity", "Severity", "severity"),
                Column("kind", "Alert"),
                Column("when", "When (UTC)"),
                Column("whose", "Whose"),
                Column("measured", "Measured"),
                Column("value", "Value", "number"),
                Column("threshold", "Limit", "number"),
            ],
            Lean([_alert_row(row) for row in alerts]),
            empty="Days of high cost, days of many errors and degraded providers were looked "
            "for, and there are none.",
        ),
    )


def _types(there: Sequence[str]) -> str:
    """Return what the bars are: one series has no legend to say it."""
    return "by type" if len(there) != 1 else f"all of the type “{_ALERTS[there[0]][0].lower()}”"


def _all_days(found: Mapping[str, Any], daily: Rows) -> List[str]:
    """Return the days of the data as far as a chart has room for them, else those with an alert."""
    days = sorted({*found, *texts(daily, "date")})
    return days if found and len(days) <= _DRAWN_DAYS else sorted(found)


def _alert_row(row: Mapping[str, Any]) -> Dict[str, Any]:
    kind = str(row.get("type"))
    word, measured = _ALERTS.get(kind, (kind, ""))
    degraded = kind == "provider_degraded"
    return {
        "severity": row.get("severity"),
        "kind": word,
        "when": formatting.minute(row.get("time", "")),
        "whose": formatting.name("provider", row.get("subject")) if degraded else "all calls",
        "measured": _MEASURES.get(str(row.get("measure")), measured),
        "value": row.get("value"),
        "threshold": row.get("threshold"),
    }


# --- risks -----------------------------------------------------------------------------------


def _burn(data: Data) -> Part:
    rows: Rows = data.get("at_risk_customers") or []
    drawn = rows[:_DRAWN_CUSTOMERS]
    return section(
        "Customers who burn their subscription",
        bar_chart(
            "burn",
            "Cost in percent of the subscription, the highest first: critical from "
            f"{config.BURN_CRITICAL_PCT}%, high from {config.BURN_HIGH_PCT}%, medium from "
            f"{config.BURN_MEDIUM_PCT}%",
            Axis("Customer", "text"),
            Axis("Cost (% of the subscription, a month)", "percent"),
            texts(drawn, "customer_id"),
            [Series("Burn", [row.get("burn_percent") for row in drawn])],
            horizontal=True,
            colours=[_RISK_COLOURS.get(str(row.get("risk"))) for row in drawn],
            empty="No customer is close to using up its subscription.",
        ),
        table(
            "at-risk",
            "Customers at risk",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("monthly_revenue", "Revenue a month", "money"),
                Column("monthly_cost", "Cost a month", "money"),
                Column("burn_percent", "Burn", "percent"),
                Column("risk", "Risk"),
            ],
            rows,
            order=("burn_percent", "descending"),
            empty="Customers who cost nearly as much as they pay were looked for, and there are "
            "none.",
        ),
    )


def _portfolio(data: Data, sums: Optional[Sums]) -> Part:
    risk: Data = data.get("portfolio_risk") or {}
    rows: Rows = risk.get("shares") or []
    colours: List[Colour] = [("provider", row.get("provider")) for row in rows]
    shown = [
        Column("provider", "Provider", "provider", dot=True),
        Column("share", "Share of cost", "share", bar=True, over=("cost", "part")),
    ]
    chart = bar_chart(
        "shares",
        "Share of the cost by provider",
        Axis("Provider", "provider"),
        Axis("Share of the cost (%)", "share"),
        texts(rows, "provider"),
        [Series("Share", [row.get("share") for row in rows])],
        horizontal=True,
        colours=colours,
    )
    return section(
        "How much hangs on one provider",
        follow(chart, "provider-shares", shown, "provider", ("share",), colours=colours),
        table(
            "provider-shares",
            "Share of the cost by provider",
            shown,
            rows,
            order=("share", "descending"),
            empty="Providers with a call were looked for, and there are none.",
            over=Over(sums, ("provider",)),
        ),
        lead=f"The diversity score is {formatting.decimal(risk.get('diversity_score'))}: the "
        "chance that two dollars went to different providers, from 0 to 1.",
    )


# --- the end ---------------------------------------------------------------------------------


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    risk: Data = data.get("portfolio_risk") or {}
    hours = formatting.count(len(data.get("hourly") or []))
    anomalies = formatting.count(summary.get("anomaly_count"))
    alerts = formatting.count(summary.get("alert_count"))
    at_risk = formatting.count(len(data.get("at_risk_customers") or []))
    providers = formatting.count(risk.get("provider_count"))
    threshold = formatting.money((data.get("hourly_baseline") or {}).get("threshold"))
    return {
        "metadata": (
            "A jump in the bill has no name.",
            f"Each of {anomalies} anomalous hours names its largest customer and model.",
        ),
        "realtime": (
            "A runaway hour shows on an invoice weeks later.",
            f"An hour is judged when it ends: above {threshold} somebody is told.",
        ),
        "standard": (
            f"{providers} providers have their own budgets and alarms, or none.",
            f"One baseline over {hours} hours of all {providers} providers.",
        ),
        "automated": (
            "Somebody looks at dashboards and remembers what is usual.",
            f"{alerts} alerts come from configured limits, without anybody looking.",
        ),
        "actionable": (
            "An alarm on the total says that something is wrong, not with whom.",
            f"{at_risk} customers are listed with what they pay and what they cost.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    there = {row.get("type") for row in data.get("alerts") or []}
    sentences = []
    if not data.get("anomalies"):
        sentences.append("Hours of anomalous cost were looked for: there are none.")
    sentences += [
        f"Alerts of the kind “{word.lower()}” were looked for: there are none."
        for kind, (word, _) in _ALERTS.items()
        if kind not in there
    ]
    if not data.get("at_risk_customers"):
        sentences.append("Customers close to using up their price were looked for: none are.")
    return sentences
