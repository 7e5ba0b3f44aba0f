"""The report on the data itself: how much, over which period, how usable, how distributed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Colour, Series, bar_chart, cut_short, line_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.date_range import Daily
from finops.generators.page import Report, write_report
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "dataset_overview",
    "Dataset Overview",
    "What the data holds, over which period, and how much of it could be used.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

_DRAWN = 10
# Column of the data: heading, plural, kind of its values.
_DISTRIBUTED: Dict[str, Tuple[str, str, str]] = {
    "provider": ("Provider", "providers", "provider"),
    "region": ("Region", "regions", "region"),
    "subscription_tier": ("Subscription tier", "subscription tiers", "tier"),
    "customer_archetype": ("Customer archetype", "customer archetypes", "text"),
    "environment": ("Environment", "environments", "text"),
    "task_type": ("Task type", "task types", "text"),
    "model": ("Model", "models", "model"),
}


def generate_dataset_overview_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a dataset overview's result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data),
        body=[_over_time(data), _shares(data), _quality(data)],
        value=_value(data),
        not_found=_not_found(data),
        daily=_daily(data),
    )


def _daily(data: Data) -> Daily:
    rows = [
        dict(row, success_count=row.get("call_count", 0) - row.get("error_count", 0))
        for row in data.get("daily") or []
    ]
    return Daily.of(rows, ("total_cost", "call_count", "total_tokens", "success_count"))


def _cards(data: Data) -> List[Card]:
    summary, quality = data.get("summary", {}), data.get("quality", {})
    lasted = data.get("temporal", {}).get("duration_description", "")
    return [
        Card(
            "Total cost",
            summary.get("total_cost"),
            "money",
            f"over {lasted}",
            ("total_cost", "sum"),
        ),
        Card("Calls", summary.get("total_calls"), "count", f"over {lasted}", ("call_count", "sum")),
        Card(
            "Tokens",
            summary.get("total_tokens"),
            "tokens",
            "input and output",
            ("total_tokens", "sum"),
        ),
        Card("Customers", summary.get("unique_customers"), "count", _organizations(summary)),
        Card("Models", summary.get("unique_models"), "count", _providers(summary)),
        Card(
            "Success rate",
            quality.get("success_rate_percent"),
            "percent",
            "of all calls",
            ("success_count", "percent:call_count"),
        ),
    ]


def _organizations(summary: Data) -> str:
    return f"in {formatting.count(summary.get('unique_organizations'))} organizations"


def _providers(summary: Data) -> str:
    return f"of {formatting.count(summary.get('unique_providers'))} providers"


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    days = texts(daily, "date")
    return section(
        "Over time",
        columns(
            line_chart(
                "daily-cost",
                f"Cost of each day{cut_short(data)}",
                Axis("Day (UTC)", "date"),
                Axis("Cost (USD)", "money"),
                days,
                [
                    Series(
                        "Cost",
                        [row.get("total_cost") for row in daily],
                        over=("total_cost", "sum"),
                    )
                ],
                empty="No days are listed in this result, so no line over time is drawn.",
            ),
            line_chart(
                "daily-calls",
                f"Calls on each day{cut_short(data)}",
                Axis("Day (UTC)", "date"),
                Axis("Calls", "count"),
                days,
                [
                    Series(
                        "Calls",
                        [row.get("call_count") for row in daily],
                        over=("call_count", "sum"),
                    )
                ],
                empty="No days are listed in this result, so no line over time is drawn.",
            ),
        ),
    )


def _shares(data: Data) -> Part:
    distributions: Dict[str, Rows] = data.get("distributions") or {}
    charts = columns(_share_chart(distributions, "provider"), _share_chart(distributions, "model"))
    tables = [_share_table(distributions, column) for column in _DISTRIBUTED]
    return section(
        "How calls and cost are distributed",
        charts,
        columns(*tables[:-1]),
        tables[-1],
        lead="Share is the share of calls; the cost beside it is what those calls cost.",
    )


def _share_chart(distributions: Mapping[str, Rows], column: str) -> Part:
    heading, plural, kind = _DISTRIBUTED[column]
    rows = sorted(
        distributions.get(column) or (),
        key=lambda row: (-row.get("total_cost", 0), str(row.get("value"))),
    )
    first = f", the {_DRAWN} {plural} that cost most" if len(rows) > _DRAWN else ""
    rows = rows[:_DRAWN]
    colours: List[Colour] = [(kind, row.get("value")) for row in rows]
    return bar_chart(
        f"cost-by-{column}",
        f"Cost by {heading.lower()}{first}",
        Axis(heading, kind),
        Axis("Cost (USD)", "money"),
        texts(rows, "value"),
        [Series("Cost", [row.get("total_cost") for row in rows])],
        horizontal=True,
        colours=colours,
    )


def _share_table(distributions: Mapping[str, Rows], column: str) -> Part:
    heading, plural, kind = _DISTRIBUTED[column]
    return table(
        column.replace("_", "-"),
        f"By {heading.lower()}",
        [
            Column("value", heading, kind, dot=kind != "text"),
            Column("call_count", "Calls", "count"),
            Column("share_percent", "Share", "percent", bar=True),
            Column("total_cost", "Cost", "money"),
        ],
        distributions.get(column) or [],
        order=("call_count", "descending"),
        empty=f"No {plural} are named in this data.",
    )


def _quality(data: Data) -> Part:
    quality = data.get("quality") or {}
    return section(
        "How usable the data is",
        columns(
            _counts("status", "Calls by status", "Status", quality.get("status_distribution")),
            _counts("errors", "Failed calls by kind of error", "Error", quality.get("error_types")),
        ),
        table(
            "skipped",
            "Rows left out of every figure",
            [
                Column("reason", "Reason"),
                Column("count", "Rows", "count"),
                Column("first_line", "First line", "count"),
            ],
            quality.get("skipped") or [],
            empty="Every row of the file was read; none was left out.",
        ),
    )


def _counts(name: str, caption: str, heading: str, counts: Any) -> Part:
    total = sum((counts or {}).values())
    rows = [
        {"value": value, "calls": calls, "share": calls / total if total else 0}
        for value, calls in (counts or {}).items()
    ]
    return table(
        name,
        caption,
        [
            Column("value", heading),
            Column("calls", "Calls", "count"),
            Column("share", "Share", "share", bar=True),
        ],
        rows,
        empty=f"{caption}: there were none.",
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary, quality = data.get("summary", {}), data.get("quality", {})
    calls = formatting.count(summary.get("total_calls"))
    cost = formatting.money(summary.get("total_cost"))
    providers = formatting.count(summary.get("unique_providers"))
    customers = formatting.count(summary.get("unique_customers"))
    errors = formatting.count(quality.get("error_count"))
    return {
        "metadata": (
            f"An invoice says {cost}. It names no customer, feature or task.",
            f"Each of {calls} calls names its customer, organization, product, feature and task.",
        ),
        "realtime": (
            "Invoices and usage exports arrive days after the money is spent.",
            "Each call is metered as it ends, and this page is made again when the data grows.",
        ),
        "standard": (
            f"{providers} providers mean {providers} consoles, exports and names for a token.",
            f"{providers} providers in one record with the same columns and units.",
        ),
        "automated": (
            "Somebody joins exports with application logs by hand each month.",
            f"One command reads the data, counts what it cannot use, and lists {errors} failed"
            " calls by kind.",
        ),
        "actionable": (
            "A total can be watched, not acted on.",
            f"{customers} customers can be priced, limited or helped one by one.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    quality = data.get("quality") or {}
    sentences = []
    if not quality.get("skipped"):
        sentences.append("Rows that cannot be used were looked for: there are none.")
    if not quality.get("error_count"):
        sentences.append("Failed calls were looked for: there are none.")
    if not data.get("unpriced_models"):
        sentences.append("Models without a known price were looked for: there are none.")
    return sentences
