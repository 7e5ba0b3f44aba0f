"""The page of customer profitability: who pays more than they cost, and who does not.

Revenue and cost stand side by side and are never stacked: their sum means nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import (
    Axis,
    Colour,
    Series,
    bar_chart,
    cut_short,
    line_chart,
    scatter_chart,
)
from finops.generators.components import Card, Part, columns, section
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "profitability",
    "Customer Profitability",
    "Which customers pay more than they cost, and which do not.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

# Category in the data: name, colour.
_CATEGORIES: Dict[str, Tuple[str, Colour]] = {
    "high_margin": ("High margin", "success"),
    "medium_margin": ("Medium margin", "accent"),
    "low_margin": ("Low margin", "warning"),
    "unprofitable": ("Unprofitable", "critical"),
}
_DRAWN_LOSSES = 15


def generate_profitability_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a profitability result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[_losses(data), _overview(data), _groups(data), _over_time(data), _lists(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _cards(summary: Data) -> List[Card]:
    customers = formatting.count(summary.get("total_customers"))
    return [
        Card("Margin a month", summary.get("monthly_margin"), "money", "revenue less cost"),
        Card("Margin", summary.get("margin_percent"), "percent", "of the revenue"),
        Card("Revenue a month", summary.get("monthly_revenue"), "money", "subscriptions"),
        Card("Cost a month", summary.get("monthly_cost"), "money", "of customers with a price"),
        Card(
            "Unprofitable", summary.get("unprofitable_count"), "count", f"of {customers} customers"
        ),
        Card("Lost on these", summary.get("total_monthly_loss"), "money", "a month"),
    ]


def _losing(data: Data) -> Rows:
    rows: Rows = (data.get("unprofitable") or {}).get("customers") or []
    return rows


def _losses(data: Data) -> Part:
    rows = _losing(data)
    drawn = rows[:_DRAWN_LOSSES]
    return section(
        "Who loses money",
        bar_chart(
            "losses",
            "What each of the most unprofitable customers loses a month",
            Axis("Customer", "text"),
            Axis("Loss (USD a month)", "money"),
            texts(drawn, "customer_id"),
            [Series("Loss", [-row.get("monthly_margin", 0) for row in drawn], "critical")],
            horizontal=True,
            empty="No customer costs more than it pays, so there is no loss to draw.",
        ),
        table(
            "unprofitable",
            "Unprofitable customers, the largest loss first",
            [
                *_customer_columns(),
                Column("break_even_price", "Break-even price", "money"),
            ],
            Lean(rows),
            order=("monthly_margin", "ascending"),
            empty="Customers whose calls cost more than their subscription were looked for, "
            "and there are none.",
            lead="The break-even price is the subscription at which nothing is lost.",
        ),
    )


def _customer_columns() -> List[Column]:
    return [
        Column("customer_id", "Customer"),
        Column("subscription_tier", "Tier", "tier", dot=True),
        Column("customer_archetype", "Archetype"),
        Column("monthly_revenue", "Revenue a month", "money"),
        Column("monthly_cost", "Cost a month", "money"),
        Column("monthly_margin", "Margin a month", "money"),
        Column("margin_percent", "Margin", "percent"),
    ]


def _overview(data: Data) -> Part:
    return section("How margins are spread", columns(_category_chart(data), _customer_chart(data)))


def _category_chart(data: Data) -> Part:
    counts: Data = data.get("categories") or {}
    known = {key: counts[key] for key in _CATEGORIES if key in counts}
    return bar_chart(
        "categories",
        "Customers by category of margin",
        Axis("Category", "text"),
        Axis("Customers", "count"),
        [_CATEGORIES[key][0] for key in known],
        [Series("Customers", list(known.values()))],
        colours=[_CATEGORIES[key][1] for key in known],
    )


def _customer_chart(data: Data) -> Part:
    rows: Rows = data.get("customers") or []
    return scatter_chart(
        "customers-margin",
        "Margin of each customer against its cost, by tier",
        Axis("Cost (USD a month)", "money"),
        Axis("Margin (USD a month)", "money"),
        [
            (str(row.get("customer_id")), row.get("monthly_cost", 0), row.get("monthly_margin", 0))
            for row in rows
        ],
        colours=[("tier", row.get("subscription_tier")) for row in rows],
        groups=[str(row.get("subscription_tier")) for row in rows],
        empty="No customer has a known price, so no margin is drawn.",
    )


def _groups(data: Data) -> Part:
    tiers: Rows = data.get("by_tier") or []
    archetypes: Rows = data.get("by_archetype") or []
    return section(
        "Which kinds of customers pay for themselves",
        columns(
            _group_chart("tiers", "Revenue beside cost, by subscription tier", "Tier", tiers),
            _group_chart(
                "archetypes", "Revenue beside cost, by customer archetype", "Archetype", archetypes
            ),
        ),
        _group_table("by-tier", "By subscription tier", Column("key", "Tier", "tier", True), tiers),
        _group_table("by-archetype", "By archetype", Column("key", "Archetype"), archetypes),
    )


def _group_chart(name: str, caption: str, heading: str, rows: Rows) -> Part:
    return bar_chart(
        name,
        caption,
        Axis(heading, "text"),
        Axis("USD a month", "money"),
        texts(rows, "key"),
        [
            Series("Revenue", [row.get("monthly_revenue") for row in rows], "accent"),
            Series("Cost", [row.get("monthly_cost") for row in rows], "warning"),
        ],
    )


def _group_table(name: str, caption: str, first: Column, rows: Rows) -> Part:
    return table(
        name,
        caption,
        [
            first,
            Column("customers", "Customers", "count"),
            Column("monthly_revenue", "Revenue a month", "money"),
            Column("monthly_cost", "Cost a month", "money"),
            Column("monthly_margin", "Margin a month", "money"),
            Column("margin_percent", "Margin", "percent"),
            Column("unprofitable_count", "Unprofitable", "count"),
        ],
        rows,
        order=("monthly_revenue", "descending"),
        empty="No customer with a known price is there to be grouped.",
    )


def _over_time(data: Data) -> Part:
    daily: Rows = data.get("daily") or []
    return section(
        "Over time",
        line_chart(
            "daily-margin",
            f"Cost of each day against a day's part of the subscriptions{cut_short(data)}",
            Axis("Day (UTC)", "date"),
            Axis("USD a day", "money"),
            texts(daily, "date"),
            [
                Series("Cost of all calls", [row.get("cost") for row in daily], "warning"),
                Series("Revenue", [row.get("revenue") for row in daily], "accent", "dashed"),
            ],
        ),
    )


def _lists(data: Data) -> Part:
    rows = [
        {**row, "category": _category(row.get("category"))} for row in data.get("customers") or []
    ]
    return section(
        "All customers",
        table(
            "customers",
            "Margin of each customer, the lowest first",
            [
                *_customer_columns(),
                Column("category", "Category"),
                Column("call_count", "Calls", "count"),
                Column("break_even_price", "Break-even price", "money"),
            ],
            Lean(rows),
            order=("margin_percent", "ascending"),
            empty="No customer has a known price, so there is no margin to list.",
        ),
        table(
            "without-price",
            "Customers left out because their price is not known",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("customer_archetype", "Archetype"),
                Column("monthly_cost", "Cost a month", "money"),
                Column("call_count", "Calls", "count"),
            ],
            Lean(data.get("without_price") or []),
            order=("monthly_cost", "descending"),
            empty="The price of every customer is known; none was left out.",
        ),
    )


def _category(key: Any) -> str:
    known = _CATEGORIES.get(str(key))
    return known[0] if known else str(key)


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    cost = formatting.money(summary.get("monthly_cost"))
    revenue = formatting.money(summary.get("monthly_revenue"))
    losing = formatting.count(summary.get("unprofitable_count"))
    loss = formatting.money(-(summary.get("total_monthly_loss") or 0))
    customers = formatting.count(summary.get("total_customers"))
    calls = formatting.count(summary.get("total_calls"))
    return {
        "metadata": (
            f"Revenue of {revenue} and cost of {cost} a month meet only as totals.",
            f"{calls} calls name their customer and tier, so each of {customers} customers has"
            " a margin.",
        ),
        "realtime": (
            "A customer's loss shows when the invoices of the month are closed.",
            "A margin is renewed with every call; a loss shows on the day it begins.",
        ),
        "standard": (
            "A customer's calls lie in the exports of several providers, under several keys.",
            "One customer id across all providers, one cost for each customer.",
        ),
        "automated": (
            f"Somebody matches {customers} accounts with provider exports in a spreadsheet.",
            f"One command computes {customers} margins and sorts them into four categories.",
        ),
        "actionable": (
            f"A total of {cost} does not say whether anybody costs more than they pay.",
            f"{losing} of {customers} customers do, each with its break-even price: {loss} a month"
            " is at stake.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if not _losing(data):
        sentences.append("Customers that cost more than they pay were looked for: there are none.")
    if not (data.get("categories") or {}).get("low_margin"):
        sentences.append("Customers close to a loss were looked for: there are none.")
    if not data.get("without_price"):
        sentences.append("Customers without a known price were looked for: there are none.")
    if not summary.get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
