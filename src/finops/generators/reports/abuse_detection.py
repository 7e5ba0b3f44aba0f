"""The page of abuse detection: accounts with abnormal behavior."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Union

from finops.generators import checks, formatting
from finops.generators.charts import Axis, Series, bar_chart, cut_short, line_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.date_range import Daily
from finops.generators.detector_scores import detectors
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.recompute import Sum
from finops.generators.tables import Column, table, texts
from finops.generators.thresholds import SIGNALS
from finops.results import abuse_detection as results
from finops.results.base import from_dict

REPORT = Report(
    "abuse_detection",
    "Abuse Detection",
    "Accounts with abnormal behavior.",
)

_DRAWN_CUSTOMERS = 15


def generate_abuse_detection_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for an abuse detection result.  Raises OSError if it cannot be written."""
    result = from_dict(results.AbuseDetectionResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _over_time(result, data),
            _customers(result),
            _usage(result),
            _costs(result),
            _access(result),
            *detectors(data),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
        daily=Daily.of(
            result.daily,
            {
                "call_count": lambda row: row.call_count,
                "total_cost": lambda row: row.total_cost,
            },
        ),
    )


def _cards(result: results.AbuseDetectionResult) -> List[Card]:
    summary = result.summary
    share = f"{formatting.percent(summary.flagged_percent)} of all"
    partly = "as far as the data could be checked"
    return [
        Card(
            "Flagged customers",
            summary.flagged_customers,
            "count",
            partly if summary.flagged_percent is None else share,
        ),
        Card("Critical", summary.critical_count, "count", "customers, by risk score"),
        Card(
            "Exposure",
            summary.estimated_exposure_usd_per_month,
            "money",
            "per month beyond usual days",
        ),
        Card(
            "Calls checked",
            summary.total_calls,
            "count",
            "of all customers",
            recompute=Sum("call_count"),
        ),
        _signal_card(
            "Unusual days",
            "of single customers",
            {"unusual_usage": result.unusual_usage},
            result.unchecked,
        ),
        _signal_card(
            "Other signals",
            "hours at rate limits, days with impossible travel",
            {
                "rate_limit_abuse": result.rate_limit_abuse,
                "suspicious_access": result.suspicious_access,
            },
            result.unchecked,
        ),
    ]


def _signal_card(
    label: str,
    what: str,
    signals: Mapping[str, Sequence[object]],
    unchecked: Mapping[str, str],
) -> Card:
    """Return how many signals there are; not known where some unchecked and no other found."""
    found = sum(map(len, signals.values()))
    is_known = found or not set(signals) & set(unchecked)
    return Card(label, found if is_known else None, "count", what)


def _over_time(result: results.AbuseDetectionResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily
    days, partial = texts(row.date for row in daily), partial_dates(data)
    empty = "No day has a call, so no line over time is drawn."
    return section(
        "When it happened",
        where_days_are_known(
            data,
            columns(
                line_chart(
                    "daily-flagged",
                    "Customers flagged on each day",
                    Axis("Day (UTC)", "date"),
                    Axis("Customers", "count"),
                    days,
                    day_lines(
                        [Series("Flagged", [row.flagged_customers for row in daily], "critical")],
                        days,
                        partial,
                    ),
                    bins="max",
                    empty=empty,
                ),
                line_chart(
                    "daily-calls",
                    f"Calls of all customers on each day{cut_short(data)}",
                    Axis("Day (UTC)", "date"),
                    Axis("Calls", "count"),
                    days,
                    day_lines([Series("Calls", [row.call_count for row in daily])], days, partial),
                    empty=empty,
                ),
            ),
        ),
    )


def _customers(result: results.AbuseDetectionResult) -> Part:
    rows = result.customers
    drawn = rows[:_DRAWN_CUSTOMERS]
    caption = "Risk score of the flagged customers"
    if len(rows) > len(drawn):
        caption = f"{caption}, the first {len(drawn)} of {len(rows)}"
    empty = "No customer shows a signal of abuse."
    if result.unchecked:
        empty = "No customer shows a signal of abuse, as far as the data could be checked."
    return section(
        "Flagged customers by risk",
        bar_chart(
            "risk",
            caption,
            Axis("Customer", "text"),
            Axis("Risk score (0 to 100)", "count"),
            texts(row.customer_id for row in drawn),
            [Series("Risk", [row.risk_score for row in drawn], "critical")],
            horizontal=True,
            empty=empty,
        ),
        table(
            "customers",
            "Flagged customers, highest risk first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.risk_score, "Risk", "count", order="descending"),
                Column(_signals, "Signals"),
                Column(lambda row: row.monthly_cost, "Cost per month", "money"),
                Column(lambda row: row.recommended_action, "What to do"),
            ],
            rows,
            empty=empty,
        ),
        lead="Each signal adds points to the score, severe ones more, up to 100.",
    )


def _signals(row: results.FlaggedCustomer) -> str:
    return ", ".join(SIGNALS.get(signal, str(signal)) for signal in row.signals)


def _usage(result: results.AbuseDetectionResult) -> Part:
    rows = result.unusual_usage
    empty = checks.empty("unusual_usage", "No customer had an unusual day.", result.unchecked)
    return section(
        "Unusual days of single customers",
        scatter_chart(
            "usage",
            "Calls on each unusual day against the customer's usual day",
            Axis("Calls on a usual day", "count"),
            Axis("Calls on this day", "count"),
            [
                (
                    f"{row.customer_id}, {row.date}",
                    (row.baseline_mean or 0),
                    (row.call_count or 0),
                )
                for row in rows
            ],
            empty=empty,
        ),
        table(
            "usage",
            "Unusual days, largest deviation first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.date, "Day", "date"),
                Column(lambda row: row.call_count, "Calls", "count"),
                Column(lambda row: row.baseline_mean, "Usual", "number"),
                Column(lambda row: row.z_score, "Deviation", "number"),
                Column(lambda row: row.severity, "Severity"),
            ],
            rows,
            empty=empty,
        ),
        lead="Deviation counts standard deviations of the logarithm; a fall is negative and is "
        "listed, but raises no risk.",
    )


def _costs(result: results.AbuseDetectionResult) -> Part:
    return section(
        "Days of unusual cost",
        table(
            "costs",
            "Cost spikes, largest multiple first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.date, "Day", "date"),
                Column(lambda row: row.cost, "Cost", "money"),
                Column(lambda row: row.baseline_mean, "Usual", "money"),
                Column(lambda row: row.multiplier, "Times the usual", "number", order="descending"),
                Column(lambda row: row.z_score, "Deviation", "number"),
            ],
            result.cost_spikes,
            empty=checks.empty(
                "cost_spikes",
                "No customer had a day far more expensive than its other days.",
                result.unchecked,
            ),
        ),
    )


def _access(result: results.AbuseDetectionResult) -> Part:
    return section(
        "Rate limits and impossible travel",
        table(
            "rate-limits",
            "Hours with many rate-limit errors, most errors first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: formatting.minute(row.hour), "Hour (UTC)", "date"),
                Column(lambda row: row.total_calls, "Calls", "count"),
                Column(
                    lambda row: row.rate_limit_errors,
                    "Rate-limit errors",
                    "count",
                    order="descending",
                ),
                Column(
                    lambda row: row.error_rate_percent, "Calls that failed", "percent", bar=True
                ),
                Column(lambda row: row.severity, "Severity", "severity"),
            ],
            result.rate_limit_abuse,
            empty=checks.empty(
                "rate_limit_abuse",
                "No customer repeatedly hit rate limits within an hour.",
                result.unchecked,
            ),
        ),
        table(
            "access",
            "Days with impossible travel, most region changes first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.date, "Day", "date"),
                Column(lambda row: row.switches, "Changes", "count", order="descending"),
                Column(lambda row: row.usual_switches, "On other days", "number"),
                Column(lambda row: row.pattern, "Pattern"),
                Column(lambda row: ", ".join(row.regions), "Regions"),
                Column(lambda row: (row.shortest_gap_minutes or 0) * 60, "Shortest gap", "seconds"),
            ],
            result.suspicious_access,
            empty=checks.empty(
                "suspicious_access",
                "No customer changed region repeatedly within an hour.",
                result.unchecked,
            ),
        ),
    )


def _contrast(result: results.AbuseDetectionResult) -> Contrast:
    summary = result.summary
    flagged = formatting.count(summary.flagged_customers)
    customers = formatting.counted(summary.total_customers, "customer")
    return Contrast(
        ("customer_id",),
        "Unusual usage would only show as a rise in the total.",
        "Each customer is compared with its own other days."
        if summary.flagged_customers is None
        else f"Flagged by their own calls: {flagged} of {customers}.",
    )


def _not_found(result: results.AbuseDetectionResult) -> List[str]:
    return checks.not_found(
        [
            ("unusual_usage", result.unusual_usage, "unusual days of a customer"),
            ("rate_limit_abuse", result.rate_limit_abuse, "hours with many rate-limit errors"),
            ("cost_spikes", result.cost_spikes, "days far more expensive than usual"),
            ("suspicious_access", result.suspicious_access, "impossible changes of region"),
        ],
        result.unchecked,
    )
