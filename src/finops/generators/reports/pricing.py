"""The page of the pricing strategy: what four pricing models would have earned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.contrast import Contrast
from finops.generators.page import Report, write_report
from finops.generators.rounding import ShortenedRows
from finops.generators.tables import Column, table
from finops.generators.without_price import customers_without_price
from finops.results import pricing as results
from finops.results.base import from_dict
from finops.results.shares import costs_are_lower_bounds, is_lower_bound

REPORT = Report(
    "pricing",
    "Pricing Strategy",
    "What four pricing models would earn on the same usage.",
)

_TITLES: Dict[str, str] = {
    "flat_rate": "Flat rate",
    "usage_based": "Usage-based",
    "tiered": "Tiered",
    "hybrid": "Hybrid",
}
_SEGMENTS: Dict[str, str] = {
    "light": "Light third",
    "medium": "Medium third",
    "heavy": "Heavy third",
}
_ASSUMPTION = (
    "Every model is applied to each customer's calls per month. Customers are assumed neither to "
    "leave nor to change their usage, so the gain shown is the most that a change can bring."
)


def generate_pricing_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a pricing result.  Raises OSError if it cannot be written."""
    result = from_dict(results.PricingResult, data)
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(result),
        body=[_models(result), _segments(result), _sensitivity(result), _customers(result)],
        about=_contrast(result),
        not_found=_not_found(result),
    )


def _title(model: str) -> str:
    return _TITLES.get(model, str(model))


def _cards(result: results.PricingResult) -> List[Card]:
    summary = result.summary
    best = f"{_title(summary.best_model)}, the" if summary.best_model else "model of the"
    return [
        Card(
            "Best revenue per month",
            summary.best_monthly_revenue,
            "money",
            f"{best} highest margin",
        ),
        Card("Today", summary.current_monthly_revenue, "money", "flat rate, per month"),
        Card(
            "Uplift",
            summary.uplift_percent,
            "percent",
            "today's is the best"
            if summary.best_model and not summary.uplift_percent
            else "best against today",
        ),
        Card(
            "Cost per month",
            summary.monthly_cost,
            "money",
            "the same under each model",
            at_least=costs_are_lower_bounds(result),
        ),
        Card(
            "Break-even price",
            summary.break_even_price_per_1k_calls,
            "money",
            "per 1,000 calls",
        ),
        Card(
            "Customers compared", summary.customers, "count", "with a known price and enough days"
        ),
    ]


def _models(result: results.PricingResult) -> Part:
    rows = result.models
    return section(
        "What each model earns",
        columns(_margin_chart(rows), _winners_chart(rows)),
        table(
            "models",
            "The four models",
            [
                Column(lambda row: _title(row.model), "Model"),
                Column(lambda row: row.monthly_revenue, "Revenue per month", "money"),
                Column(lambda row: row.monthly_margin, "Margin per month", "money"),
                Column(lambda row: row.margin_percent, "Margin", "percent"),
                Column(lambda row: row.avg_revenue_per_customer, "Revenue per customer", "money"),
                Column(lambda row: row.customers_paying_more, "Paying more", "count"),
                Column(lambda row: row.customers_paying_less, "Paying less", "count"),
                Column(_rule, "Rule"),
            ],
            rows,
            empty="No pricing model is in this result.",
        ),
        lead=_ASSUMPTION,
    )


def _rule(row: results.PricingModel) -> str:
    """Return a model's parameters as words; whatever is not known is left out."""
    money, count, parameters = formatting.money, formatting.count, row.parameters
    if row.model == "usage_based":
        return f"{money(parameters.price_per_1k_calls)} per 1,000 calls"
    if row.model == "tiered":
        steps = [
            f"{money(step.price)} up to {count(step.up_to_calls)} calls"
            for step in parameters.steps or []
        ]
        return ", ".join([*steps, f"{money(parameters.price_above)} above"])
    if row.model == "hybrid":
        return (
            f"{money(parameters.base_price)} and "
            f"{money(parameters.price_per_1k_calls)} per 1,000 calls above "
            f"{count(parameters.included_calls)}"
        )
    prices = [money(price) for price in parameters.prices or []]
    if len(prices) > 4:
        return f"subscriptions from {prices[0]} to {prices[-1]}"
    return f"subscriptions of {', '.join(prices)}" if prices else "subscription of the customer"


def _margin_chart(rows: Sequence[results.PricingModel]) -> Part:
    return bar_chart(
        "margin-by-model",
        "Margin under each pricing model",
        Axis("Pricing model", "text"),
        Axis("Margin (USD per month)", "money"),
        [_title(row.model) for row in rows],
        [Series("Margin", [row.monthly_margin for row in rows])],
        empty="No pricing model is in this result, so none is drawn.",
    )


def _winners_chart(rows: Sequence[results.PricingModel]) -> Part:
    return bar_chart(
        "bills-by-model",
        "Customers whose bill would rise or fall against today",
        Axis("Pricing model", "text"),
        Axis("Customers", "count"),
        [_title(row.model) for row in rows],
        [
            Series("Pay more", [row.customers_paying_more for row in rows], "warning"),
            Series("Pay less", [row.customers_paying_less for row in rows], "success"),
        ],
        empty="No pricing model is in this result, so none is drawn.",
    )


def _segments(result: results.PricingResult) -> Part:
    rows = result.segments
    return section(
        "Who would pay",
        bar_chart(
            "revenue-by-segment",
            "Revenue from each third of the customers, under each model, beside its cost",
            Axis("Customers by calls", "text"),
            Axis("USD per month", "money"),
            [_segment(row) for row in rows],
            [
                *(
                    Series(title, [row.revenue.get(model) for row in rows])
                    for model, title in _TITLES.items()
                ),
                Series("Cost", [row.monthly_cost for row in rows], "muted"),
            ],
            empty="There are no customers to divide into thirds.",
        ),
        table(
            "segments",
            "Thirds of the customers by number of calls",
            [
                Column(_segment, "Segment"),
                Column(lambda row: row.customers, "Customers", "count"),
                Column(lambda row: row.monthly_calls, "Calls per month", "count"),
                Column(
                    lambda row: row.monthly_cost, "Cost per month", "money", at_least=is_lower_bound
                ),
                *(
                    Column(_revenue_under(model), title, "money")
                    for model, title in _TITLES.items()
                ),
            ],
            rows,
            empty="There are no customers to divide into thirds.",
            lead="Customers with equally many calls stay in the same third.",
        ),
    )


def _segment(row: results.UsageSegment) -> str:
    return _SEGMENTS.get(row.segment, str(row.segment))


def _revenue_under(model: str) -> Callable[[results.UsageSegment], Optional[float]]:
    return lambda row: row.revenue.get(model)


def _sensitivity(result: results.PricingResult) -> Part:
    rows = result.sensitivity
    known = [(row, row.monthly_margin) for row in rows if row.monthly_margin is not None]
    tried = "No margin is known at any price." if rows else "No prices were tried in this result."
    return section(
        "Effect of the usage price",
        columns(
            scatter_chart(
                "sensitivity",
                "Margin of usage-based pricing at other prices",
                Axis("Price per 1,000 calls (USD)", "money"),
                Axis("Margin (USD per month)", "money"),
                [
                    (formatting.money(row.price_per_1k_calls), row.price_per_1k_calls or 0, margin)
                    for row, margin in known
                ],
                colours=["critical" if margin < 0 else "accent" for _, margin in known],
                empty=tried,
            ),
            _price_table(rows),
        ),
        lead=_break_even(result),
    )


def _price_table(rows: Sequence[results.TriedPrice]) -> Part:
    return table(
        "sensitivity",
        "Revenue and margin by usage price",
        [
            Column(
                lambda row: row.price_per_1k_calls,
                "Price per 1,000 calls",
                "money",
                order="ascending",
            ),
            Column(lambda row: row.monthly_revenue, "Revenue per month", "money"),
            Column(lambda row: row.monthly_margin, "Margin per month", "money"),
            Column(lambda row: row.margin_percent, "Margin", "percent"),
        ],
        rows,
        empty="No prices were tried in this result.",
    )


def _break_even(result: results.PricingResult) -> str:
    price = result.break_even_price_per_1k_calls
    if price:
        return f"At {formatting.money(price)} per 1,000 calls the revenue equals the cost."
    if not result.summary.customers:
        return "No break-even price: no customer has a known price and enough days."
    if price is None and costs_are_lower_bounds(result):
        return "No break-even price: some calls have no known cost."
    return "Without calls that cost something, there is no break-even price."


def _customers(result: results.PricingResult) -> Part:
    return section(
        "Each customer's bill",
        table(
            "bills",
            "Bill of each customer per month under each model",
            [
                Column(lambda row: row.customer_id, "Customer"),
                Column(lambda row: row.subscription_tier, "Tier", "tier", dot=True),
                Column(
                    lambda row: row.monthly_calls, "Calls per month", "count", order="descending"
                ),
                Column(
                    lambda row: row.monthly_cost, "Cost per month", "money", at_least=is_lower_bound
                ),
                Column(lambda row: row.flat_rate, "Flat rate", "money"),
                Column(lambda row: row.usage_based, "Usage-based", "money"),
                Column(lambda row: row.tiered, "Tiered", "money"),
                Column(lambda row: row.hybrid, "Hybrid", "money"),
            ],
            ShortenedRows(result.customers),
            empty="No active customer has a known price and enough days, so no bills are compared.",
        ),
        customers_without_price(result.without_price),
    )


def _contrast(result: results.PricingResult) -> Contrast:
    summary = result.summary
    customers = formatting.counted(summary.customers, "customer")
    revenue = formatting.money(summary.current_monthly_revenue)
    if not summary.customers:
        return Contrast(
            ("customer_id", "tier_price_usd"),
            "Subscriptions could not be set against usage.",
            "Four pricing models are computed from each customer's own calls.",
        )
    return Contrast(
        ("customer_id", "tier_price_usd"),
        f"{revenue} of subscriptions per month could not be set against usage.",
        f"Four pricing models are computed for {customers}, from their own calls.",
    )


def _not_found(result: results.PricingResult) -> List[str]:
    summary = result.summary
    sentences = []
    if summary.best_model == summary.current_model:
        sentences.append("Checked, none found: a model that earns more than today's.")
    if not result.without_price:
        sentences.append("Checked, none found: customers without a known price.")
    if not summary.unpriced_calls:
        sentences.append("Checked, none found: calls without a known cost.")
    return sentences
