"""The page of abuse detection: which accounts behave as no ordinary customer does."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, cut_short, line_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily
from finops.generators.detector_scores import detectors
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts
from finops.generators.thresholds import SIGNALS

REPORT = Report(
    "abuse_detection",
    "Abuse Detection",
    "Which accounts behave as no ordinary customer does.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN_CUSTOMERS = 15


def generate_abuse_detection_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an abuse detection result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[
            _over_time(data),
            _customers(data),
            _usage(data),
            _costs(data),
            _access(data),
            *detectors(data),
        ],
        value=_value(data),
        not_found=_not_found(data),
        daily=Daily.of(data.get("daily") or [], ("call_count", "total_cost")),
    )


def _cards(data: Data) -> List[Card]:
    summary: Data = data.get("summary") or {}
    share = formatting.percent(summary.get("flagged_percent"))
    return [
        Card("Flagged customers", summary.get("flagged_customers"), "count", f"{share} of all"),
        Card("Critical", summary.get("critical_count"), "count", "customers, by risk score"),
        Card(
            "Exposure",
            summary.get("estimated_exposure_usd_per_month"),
            "money",
            "a month beyond usual days",
        ),
        Card(
            "Calls checked",
            summary.get("total_calls"),
            "count",
            "of all customers",
            over=("call_count", "sum"),
        ),
        Card("Unusual days", len(data.get("unusual_usage") or []), "count", "of single customers"),
        Card(
            "Limits and places",
            len(data.get("rate_limit_abuse") or []) + len(data.get("suspicious_access") or []),
            "count",
            "hours at rate limits, days of region changes",
        ),
    ]


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    days = texts(daily, "date")
    empty = "No day has a call, so no line over time is drawn."
    return section(
        "When it happened",
        columns(
            line_chart(
                "daily-flagged",
                "Customers flagged on each day",
                Axis("Day (UTC)", "date"),
                Axis("Customers", "count"),
                days,
                [Series("Flagged", [row.get("flagged_customers") for row in daily], "critical")],
                bins="max",
                empty=empty,
            ),
            line_chart(
                "daily-calls",
                f"Calls of all customers on each day{cut_short(data)}",
                Axis("Day (UTC)", "date"),
                Axis("Calls", "count"),
                days,
                [Series("Calls", [row.get("call_count") for row in daily])],
                empty=empty,
            ),
        ),
    )


def _customers(data: Data) -> Part:
    rows = [dict(row, shown=_signals(row)) for row in data.get("customers") or []]
    drawn = rows[:_DRAWN_CUSTOMERS]
    caption = "Risk score of the flagged customers"
    if len(rows) > len(drawn):
        caption = f"{caption}, the first {len(drawn)} of {len(rows)}"
    empty = "No customer shows a signal of abuse."
    return section(
        "Who behaves unlike a customer",
        bar_chart(
            "risk",
            caption,
            Axis("Customer", "text"),
            Axis("Risk score (0 to 100)", "count"),
            texts(drawn, "customer_id"),
            [Series("Risk", [row.get("risk_score") for row in drawn], "critical")],
            horizontal=True,
            empty=empty,
        ),
        table(
            "customers",
            "Flagged customers, the riskiest first",
            [
                Column("customer_id", "Customer"),
                Column("risk_score", "Risk", "count"),
                Column("shown", "Signals"),
                Column("monthly_cost", "Cost a month", "money"),
                Column("recommended_action", "What to do"),
            ],
            rows,
            order=("risk_score", "descending"),
            empty=empty,
        ),
        lead="The score adds points for each signal, and more for a grave one, up to 100.",
    )


def _signals(row: Data) -> str:
    return ", ".join(SIGNALS.get(str(one), str(one)) for one in row.get("signals") or [])


def _usage(data: Data) -> Part:
    rows: Rows = data.get("unusual_usage") or []
    empty = "No customer had a day unlike its other days."
    return section(
        "Days unlike the others",
        scatter_chart(
            "usage",
            "Calls on each unusual day against what is usual for that customer",
            Axis("Calls on a usual day", "count"),
            Axis("Calls on this day", "count"),
            [
                (
                    f"{row.get('customer_id')}, {row.get('date')}",
                    row.get("baseline_mean", 0),
                    row.get("call_count", 0),
                )
                for row in rows
            ],
            empty=empty,
        ),
        table(
            "usage",
            "Unusual days, the farthest from usual first",
            [
                Column("customer_id", "Customer"),
                Column("date", "Day", "date"),
                Column("call_count", "Calls", "count"),
                Column("baseline_mean", "Usual", "number"),
                Column("z_score", "Deviation", "number"),
                Column("severity", "Severity"),
            ],
            rows,
            empty=empty,
        ),
        lead="Deviation counts standard deviations of the logarithm; a fall is negative and is "
        "listed, but raises no risk.",
    )


def _costs(data: Data) -> Part:
    return section(
        "Days that cost too much",
        table(
            "costs",
            "Cost spikes, the largest multiple first",
            [
                Column("customer_id", "Customer"),
                Column("date", "Day", "date"),
                Column("cost", "Cost", "money"),
                Column("baseline_mean", "Usual", "money"),
                Column("multiplier", "Times the usual", "number"),
                Column("z_score", "Deviation", "number"),
            ],
            data.get("cost_spikes") or [],
            order=("multiplier", "descending"),
            empty="No customer had a day far dearer than its other days.",
        ),
    )


def _access(data: Data) -> Part:
    hops = [
        dict(
            row,
            shown=", ".join(str(region) for region in row.get("regions") or []),
            shortest_gap_s=(row.get("shortest_gap_minutes") or 0) * 60,
        )
        for row in data.get("suspicious_access") or []
    ]
    return section(
        "Limits and places",
        table(
            "rate-limits",
            "Hours full of rate-limit errors, the most errors first",
            [
                Column("customer_id", "Customer"),
                Column("hour", "Hour (UTC)", "date"),
                Column("total_calls", "Calls", "count"),
                Column("rate_limit_errors", "Rate-limit errors", "count"),
                Column("error_rate_percent", "Calls that failed", "percent", bar=True),
                Column("severity", "Severity", "severity"),
            ],
            [
                dict(row, hour=formatting.minute(row.get("hour")))
                for row in data.get("rate_limit_abuse") or []
            ],
            order=("rate_limit_errors", "descending"),
            empty="No customer ran into rate limits again and again within an hour.",
        ),
        table(
            "access",
            "Days with changes of region that no traveller makes, the most changes first",
            [
                Column("customer_id", "Customer"),
                Column("date", "Day", "date"),
                Column("switches", "Changes", "count"),
                Column("usual_switches", "On other days", "number"),
                Column("pattern", "Pattern"),
                Column("shown", "Regions"),
                Column("shortest_gap_s", "Shortest gap", "seconds"),
            ],
            hops,
            order=("switches", "descending"),
            empty="No customer changed region again and again within an hour each.",
        ),
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    flagged = formatting.count(summary.get("flagged_customers"))
    calls = formatting.count(summary.get("total_calls"))
    customers = formatting.count(summary.get("total_customers"))
    exposure = formatting.money(summary.get("estimated_exposure_usd_per_month"))
    hops = formatting.count(len(data.get("suspicious_access") or []))
    return {
        "metadata": (
            "A provider's bill shows one account: yours. A stolen key looks like success.",
            f"{calls} calls name {customers} customers, so {flagged} stand out by name.",
        ),
        "realtime": (
            f"{exposure} a month beyond usual days shows when the invoice comes.",
            "An hour full of rate-limit errors or a leap between regions shows in that hour.",
        ),
        "standard": (
            "Each provider limits, counts and reports in its own way.",
            "The same four signals over all providers, on the same columns.",
        ),
        "automated": (
            "Somebody reads logs after the damage.",
            f"Every day of {customers} customers was compared with its own past, its weekday and "
            "all others.",
        ),
        "actionable": (
            "An alert says that traffic is high.",
            f"{flagged} customers with a score, their signals and what to do; {hops} days on which "
            "a key may be in two places.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    looked = {
        "unusual_usage": "Days unlike a customer's others were looked for: there are none.",
        "rate_limit_abuse": "Hours full of rate-limit errors were looked for: there are none.",
        "cost_spikes": "Days far dearer than usual were looked for: there are none.",
        "suspicious_access": "Impossible changes of region were looked for: there are none.",
    }
    return [sentence for signal, sentence in looked.items() if not data.get(signal)]
