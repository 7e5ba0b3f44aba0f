"""The page of customer profitability: who pays more than they cost, and who does not.

Revenue and cost stand side by side and are never stacked: their sum means nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from finops.generators import checks, formatting
from finops.generators.charts import (
    Axis,
    Colour,
    Series,
    bar_chart,
    cut_short,
    line_chart,
    of_known_costs,
    scatter_chart,
)
from finops.generators.components import Card, Part, columns, section, where_any
from finops.generators.contrast import Contrast
from finops.generators.page import Report, write_report
from finops.generators.partial_days import day_lines, partial_dates, where_days_are_known
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table, texts
from finops.generators.without_price import customers_without_price
from finops.results import profitability as results
from finops.results.base import CustomerAdvice, from_dict
from finops.results.shares import costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "profitability",
    "Customer Profitability",
    "Which customers pay more than they cost, and which do not.",
)

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
    result = from_dict(results.ProfitabilityResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[
            _losses(result),
            _advice(result),
            _overview(result),
            _groups(result),
            _over_time(result, data),
            _lists(result),
        ],
        about=_contrast(result),
        not_found=_not_found(result),
    )


def _unjudged(row: Union[results.CustomerMargin, results.GroupMargin]) -> bool:
    """Return whether calls have no known cost: what is known is at least the cost."""
    return row.monthly_margin is None


def _no_customer(result: results.ProfitabilityResult) -> str:
    """Return who the words on no customer are about: not those of unknown cost."""
    return "No customer of known cost" if any(map(_unjudged, result.customers)) else "No customer"


def _judged_customers(result: results.ProfitabilityResult) -> str:
    """Return how many customers are held against what they pay, where any is; else how many exist.

    Those who left, are too new or have no known price are none of them.
    """
    judged = sum(count or 0 for count in result.categories)
    judged += sum(map(_unjudged, result.customers))
    return formatting.counted(judged or result.summary.total_customers, "customer")


def _cards(result: results.ProfitabilityResult) -> List[Card]:
    summary = result.summary
    customers = _judged_customers(result)
    unknown = sum(map(_unjudged, result.customers))
    left_out = f", {formatting.count(unknown)} of unknown cost" if unknown else ""
    return [
        Card("Margin after AI cost", summary.monthly_margin, "money", "per month"),
        Card("Margin", summary.margin_percent, "percent", "of the revenue"),
        Card("Revenue per month", summary.monthly_revenue, "money", "of active customers"),
        Card(
            "AI cost per month",
            summary.monthly_cost,
            "money",
            "of the same customers",
            at_least=costs_are_lower_bounds(result),
        ),
        Card("Unprofitable", summary.unprofitable_count, "count", f"of {customers}{left_out}"),
        Card("Lost on these", summary.total_monthly_loss, "money", "per month"),
    ]


def _losses(result: results.ProfitabilityResult) -> Part:
    rows = result.unprofitable.customers
    drawn = rows[:_DRAWN_LOSSES]
    return section(
        "Who loses money",
        bar_chart(
            "losses",
            "Loss per month of the most unprofitable customers",
            Axis("Customer", "text"),
            Axis("Loss (USD per month)", "money"),
            texts(row.customer_id for row in drawn),
            [Series("Loss", [-(row.monthly_margin or 0) for row in drawn], "critical")],
            horizontal=True,
            empty=checks.empty(
                "unprofitable",
                f"{_no_customer(result)} costs more than it pays, so there is no loss to draw.",
                result.unchecked,
            ),
        ),
        table(
            "unprofitable",
            "Unprofitable customers, largest loss first",
            [*_customer_columns(order_of_margin="ascending")],
            ShortenedRows(rows),
            empty=checks.empty(
                "unprofitable",
                f"{_no_customer(result)} costs more than it pays.",
                result.unchecked,
            ),
            lead="The cost per month is also the break-even price: the subscription that covers "
            "it.",
        ),
    )


_REASONS = {
    "suspected_abuse": "Suspected abuse",
    "losing_money": "Losing money",
    "at_risk": "At risk",
    "outgrown": "Outgrew its tier",
    "gone": "Gone",
}


def _advice_with_dates(row: CustomerAdvice) -> str:
    """Return advice with its dates as people write them, in spaces that a download can hold."""
    return formatting.with_dates(row.advice or "").replace("\xa0", " ")


def _advice(result: results.ProfitabilityResult) -> Part:
    return section(
        "Advice by customer",
        table(
            "advice",
            "Customers with advice, most serious first",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: _REASONS.get(row.reason, row.reason), "Reason"),
                Column(_advice_with_dates, "Advice"),
                Column(lambda row: row.monthly_worth, "USD per month", "money"),
            ],
            result.advice,
            empty="No customer shows signs of abuse, a loss, falling usage or an outgrown tier, as "
            "far as the data could be checked.",
        ),
        lead="One piece of advice per customer, the same in every report, by the most serious "
        "reason: suspected abuse, then a loss, falling usage and an outgrown tier.",
    )


def _customer_columns(
    order_of_margin: str = "", order_of_percent: str = ""
) -> List[Column[results.CustomerMargin]]:
    return [
        Column(lambda row: row.customer_id, "Customer"),
        Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
        Column(lambda row: row.customer_archetype, "Archetype"),
        Column(lambda row: row.monthly_revenue, "Revenue per month", "money"),
        Column(lambda row: row.monthly_cost, "Cost per month", "money", at_least=_unjudged),
        Column(lambda row: row.monthly_margin, "Margin per month", "money", order=order_of_margin),
        Column(lambda row: row.margin_percent, "Margin", "percent", order=order_of_percent),
    ]


def _overview(result: results.ProfitabilityResult) -> Part:
    return section(
        "Distribution of margins", columns(_category_chart(result), _customer_chart(result))
    )


def _category_chart(result: results.ProfitabilityResult) -> Part:
    known = {
        key: customers
        for key, customers in result.categories._asdict().items()
        if customers is not None
    }
    return bar_chart(
        "categories",
        "Customers by category of margin",
        Axis("Category", "text"),
        Axis("Customers", "count"),
        [_CATEGORIES[key][0] for key in known],
        [Series("Customers", list(known.values()))],
        colours=[_CATEGORIES[key][1] for key in known],
    )


def _customer_chart(result: results.ProfitabilityResult) -> Part:
    rows = [row for row in result.customers if not _unjudged(row)]
    return scatter_chart(
        "customers-margin",
        "Margin of each customer against its cost, by tier",
        Axis("Cost (USD per month)", "money"),
        Axis("Margin (USD per month)", "money"),
        [(str(row.customer_id), row.monthly_cost, row.monthly_margin) for row in rows],
        colours=[("tier", row.subscription_tier) for row in rows],
        groups=[str(row.subscription_tier) for row in rows],
        empty="No active customer has a known price, known costs and enough days, so no margin is "
        "drawn.",
    )


def _groups(result: results.ProfitabilityResult) -> Part:
    tiers = result.by_tier
    archetypes = result.by_archetype
    return section(
        "Which kinds of customers pay for themselves",
        columns(
            _group_chart("tiers", "Revenue and cost by subscription tier", "Tier", tiers),
            _group_chart(
                "archetypes", "Revenue and cost by customer archetype", "Archetype", archetypes
            ),
        ),
        _group_table(
            "by-tier",
            "By subscription tier",
            Column[results.GroupMargin](lambda row: row.key, "Tier", "tier", True),
            tiers,
        ),
        _group_table(
            "by-archetype",
            "By archetype",
            Column[results.GroupMargin](lambda row: row.key, "Archetype"),
            archetypes,
        ),
    )


def _group_chart(
    name: str, caption: str, heading: str, rows: Sequence[results.GroupMargin]
) -> Part:
    return bar_chart(
        name,
        caption,
        Axis(heading, "text"),
        Axis("USD per month", "money"),
        texts(row.key for row in rows),
        [
            Series("Revenue", [row.monthly_revenue for row in rows], "accent"),
            Series("Cost", [row.monthly_cost for row in rows], "warning"),
        ],
    )


def _group_table(
    name: str, caption: str, first: Column[results.GroupMargin], rows: Sequence[results.GroupMargin]
) -> Part:
    return table(
        name,
        caption,
        [
            first,
            Column(lambda row: row.customers, "Customers", "count"),
            Column(
                lambda row: row.monthly_revenue, "Revenue per month", "money", order="descending"
            ),
            Column(lambda row: row.monthly_cost, "Cost per month", "money", at_least=_unjudged),
            Column(lambda row: row.monthly_margin, "Margin per month", "money"),
            Column(lambda row: row.margin_percent, "Margin", "percent"),
            Column(lambda row: row.unprofitable_count, "Unprofitable", "count"),
        ],
        rows,
        empty="There is no active customer with a known price and enough days to group.",
    )


def _over_time(result: results.ProfitabilityResult, data: Mapping[str, Any]) -> Part:
    daily = result.daily
    days = texts(row.date for row in daily)
    return section(
        "Over time",
        where_days_are_known(
            data,
            line_chart(
                "daily-margin",
                f"Revenue and AI cost of each day{cut_short(data)}{of_known_costs(data)}",
                Axis("Day (UTC)", "date"),
                Axis("USD per day", "money"),
                days,
                day_lines(
                    [
                        Series("Cost", [row.cost for row in daily], "warning"),
                        Series("Revenue", [row.revenue for row in daily], "accent", "dashed"),
                    ],
                    days,
                    partial_dates(data),
                ),
            ),
        ),
        table(
            "by-month",
            "Revenue and AI cost by calendar month",
            [
                Column(lambda row: row.month, "Month"),
                Column(lambda row: row.revenue, "Revenue", "money"),
                Column(lambda row: row.cost, "Cost", "money", at_least=is_lower_bound),
                Column(lambda row: row.margin, "Margin after AI cost", "money"),
                Column(lambda row: row.margin_percent, "Margin", "percent"),
                Column(lambda row: "Whole" if row.whole else "Partial", "Data"),
            ],
            result.by_month,
            empty="No month with a call.",
            lead="Each day counts its part of the monthly subscription, at that day's price. "
            "Elsewhere, figures per month are rates for 30 days.",
        ),
    )


def _lists(result: results.ProfitabilityResult) -> Part:
    return section(
        "All customers",
        table(
            "customers",
            "Margin of each customer, lowest first",
            [
                *_customer_columns(order_of_percent="ascending"),
                Column(lambda row: _category(row.category), "Category"),
                Column(lambda row: row.call_count, "Calls", "count"),
            ],
            ShortenedRows(result.customers),
            empty="No active customer has a known price and enough days, so no margin is listed.",
        ),
        customers_without_price(result.without_price),
        where_any(
            result.gone,
            table(
                "gone",
                "Customers who left (not counted in revenue)",
                [
                    Column(lambda row: row.customer_id, "Customer"),
                    Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                    Column(lambda row: row.last_activity_date, "Last call", "date"),
                    Column(
                        lambda row: row.lost_monthly_revenue,
                        "Paid per month",
                        "money",
                        order="descending",
                    ),
                ],
                ShortenedRows(result.gone),
            ),
        ),
        where_any(
            result.too_new,
            table(
                "too-new",
                "Customers too new to judge",
                [
                    Column(lambda row: row.customer_id, "Customer"),
                    Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                    Column(lambda row: row.first_activity_date, "First call", "date"),
                    Column(lambda row: row.monthly_revenue, "Revenue per month", "money"),
                    Column(lambda row: row.cost, "Cost so far", "money", at_least=is_lower_bound),
                ],
                ShortenedRows(result.too_new),
            ),
        ),
    )


def _category(key: Optional[str]) -> str:
    """Return a category in words; a margin that is not known has none."""
    known = _CATEGORIES.get(str(key))
    return known[0] if known else str(key or "Unknown")


def _contrast(result: results.ProfitabilityResult) -> Contrast:
    summary = result.summary
    customers = _judged_customers(result)
    losing = formatting.count(summary.unprofitable_count)
    revenue = formatting.money(summary.monthly_revenue)
    cost = formatting.money(summary.monthly_cost)
    unjudged = "unprofitable" in result.unchecked
    return Contrast(
        ("customer_id", "tier_price_usd"),
        "Revenue and cost could be compared only as totals."
        if unjudged
        else f"Revenue of {revenue} and cost of {cost} per month could be compared only as totals.",
        "Each customer's cost is shown beside its price."
        if unjudged
        else f"Customers who cost more than they pay are named: {losing} of {customers}.",
    )


def _not_found(result: results.ProfitabilityResult) -> List[str]:
    summary = result.summary
    sentences = []
    why = result.unchecked.get("unprofitable", "")
    if why or not any(map(_unjudged, result.customers)):
        losses, thin = result.unprofitable.customers, range(result.categories.low_margin or 0)
        sentences += checks.not_found(
            [
                ("unprofitable", losses, "customers that cost more than they pay"),
                ("low_margin", thin, "customers close to a loss"),
            ],
            {"unprofitable": why, "low_margin": why} if why else {},
        )
    sentences += checks.not_found([("gone", result.gone, "customers who left")], result.unchecked)
    if not result.without_price:
        sentences.append("Checked, none found: customers without a known price.")
    if not summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
