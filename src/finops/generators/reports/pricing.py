"""The page of the pricing strategy: what four pricing models would have earned."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence, Tuple, Union

from finops.generators import formatting
from finops.generators.charts import Axis, Series, bar_chart, scatter_chart
from finops.generators.components import Card, Part, columns, section
from finops.generators.page import Report, write_report
from finops.generators.rounding import Lean
from finops.generators.tables import Column, table, texts

REPORT = Report(
    "pricing",
    "Pricing Strategy",
    "What four pricing models would have earned on this very usage.",
)
Data = Mapping[str, Any]
Rows = Sequence[Mapping[str, Any]]

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
    "Every model is applied to each customer's calls a month. Nobody is assumed to leave or to "
    "use more or less, so a gain shown here is the most that a change can bring."
)


def generate_pricing_report(data: Dict[str, Any], output_path: Union[str, Path]) -> None:
    """Write the page for a pricing result.  Raises OSError if it cannot be written."""
    write_report(
        REPORT,
        data,
        output_path,
        cards=_cards(data.get("summary") or {}),
        body=[_models(data), _segments(data), _sensitivity(data), _customers(data)],
        value=_value(data),
        not_found=_not_found(data),
    )


def _title(model: Any) -> str:
    return _TITLES.get(str(model), str(model))


def _cards(summary: Data) -> List[Card]:
    best = _title(summary.get("best_model", formatting.MISSING))
    return [
        Card(
            "Best revenue a month",
            summary.get("best_monthly_revenue"),
            "money",
            f"{best}, the highest margin",
        ),
        Card("Today", summary.get("current_monthly_revenue"), "money", "flat rate, a month"),
        Card(
            "Uplift",
            summary.get("uplift_percent"),
            "percent",
            "best against today" if summary.get("uplift_percent") else "today's is the best",
        ),
        Card("Cost a month", summary.get("monthly_cost"), "money", "the same under each model"),
        Card(
            "Break-even price",
            summary.get("break_even_price_per_1k_calls"),
            "money",
            "per 1,000 calls",
        ),
        Card("Customers compared", summary.get("customers"), "count", "with a known price"),
    ]


def _models(data: Data) -> Part:
    rows = [
        {
            **row,
            "model": _title(row.get("model")),
            "rule": _rule(str(row.get("model")), row.get("parameters") or {}),
        }
        for row in data.get("models") or []
    ]
    return section(
        "What each model earns",
        columns(_margin_chart(rows), _winners_chart(rows)),
        table(
            "models",
            "The four models",
            [
                Column("model", "Model"),
                Column("monthly_revenue", "Revenue a month", "money"),
                Column("monthly_margin", "Margin a month", "money"),
                Column("margin_percent", "Margin", "percent"),
                Column("avg_revenue_per_customer", "Revenue per customer", "money"),
                Column("customers_paying_more", "Paying more", "count"),
                Column("customers_paying_less", "Paying less", "count"),
                Column("rule", "Rule"),
            ],
            rows,
            empty="No pricing model is in this result.",
        ),
        lead=_ASSUMPTION,
    )


def _rule(model: str, parameters: Data) -> str:
    """Return a model's parameters as words; whatever is not known is left out."""
    money, count = formatting.money, formatting.count
    if model == "usage_based":
        return f"{money(parameters.get('price_per_1k_calls'))} per 1,000 calls"
    if model == "tiered":
        steps = [
            f"{money(step.get('price'))} up to {count(step.get('up_to_calls'))} calls"
            for step in parameters.get("steps") or []
        ]
        return ", ".join([*steps, f"{money(parameters.get('price_above'))} above"])
    if model == "hybrid":
        return (
            f"{money(parameters.get('base_price'))} and "
            f"{money(parameters.get('price_per_1k_calls'))} per 1,000 calls above "
            f"{count(parameters.get('included_calls'))}"
        )
    prices = [money(price) for price in parameters.get("prices") or []]
    if len(prices) > 4:
        return f"subscriptions from {prices[0]} to {prices[-1]}"
    return f"subscriptions of {', '.join(prices)}" if prices else "subscription of the customer"


def _margin_chart(rows: Rows) -> Part:
    return bar_chart(
        "margin-by-model",
        "Margin under each pricing model",
        Axis("Pricing model", "text"),
        Axis("Margin (USD a month)", "money"),
        texts(rows, "model"),
        [Series("Margin", [row.get("monthly_margin") for row in rows])],
        empty="No pricing model is in this result, so none is drawn.",
    )


def _winners_chart(rows: Rows) -> Part:
    return bar_chart(
        "bills-by-model",
        "Customers whose bill would rise or fall against today",
        Axis("Pricing model", "text"),
        Axis("Customers", "count"),
        texts(rows, "model"),
        [
            Series("Pay more", [row.get("customers_paying_more") for row in rows], "warning"),
            Series("Pay less", [row.get("customers_paying_less") for row in rows], "success"),
        ],
        empty="No pricing model is in this result, so none is drawn.",
    )


def _segments(data: Data) -> Part:
    rows: Rows = [
        {
            **row,
            **{model: (row.get("revenue") or {}).get(model) for model in _TITLES},
            "segment": _SEGMENTS.get(str(row.get("segment")), str(row.get("segment"))),
        }
        for row in data.get("segments") or []
    ]
    return section(
        "Who would pay",
        bar_chart(
            "revenue-by-segment",
            "Revenue from each third of the customers, under each model, beside its cost",
            Axis("Customers by calls", "text"),
            Axis("USD a month", "money"),
            texts(rows, "segment"),
            [
                *(Series(title, [row[model] for row in rows]) for model, title in _TITLES.items()),
                Series("Cost", [row.get("monthly_cost") for row in rows], "muted"),
            ],
            empty="No customers are there to be divided into thirds.",
        ),
        table(
            "segments",
            "Thirds of the customers by number of calls",
            [
                Column("segment", "Segment"),
                Column("customers", "Customers", "count"),
                Column("monthly_calls", "Calls a month", "count"),
                Column("monthly_cost", "Cost a month", "money"),
                *(Column(model, title, "money") for model, title in _TITLES.items()),
            ],
            rows,
            empty="No customers are there to be divided into thirds.",
            lead="Customers with equally many calls stay in the same third.",
        ),
    )


def _sensitivity(data: Data) -> Part:
    cost = (data.get("summary") or {}).get("monthly_cost") or 0
    rows: Rows = [
        {**row, "monthly_margin": (row.get("monthly_revenue") or 0) - cost}
        for row in data.get("sensitivity") or []
    ]
    return section(
        "What the usage price does",
        scatter_chart(
            "sensitivity",
            "Margin of usage-based pricing at each of these prices",
            Axis("Price per 1,000 calls (USD)", "money"),
            Axis("Margin (USD a month)", "money"),
            [
                (
                    formatting.money(row.get("price_per_1k_calls")),
                    row.get("price_per_1k_calls") or 0,
                    row["monthly_margin"],
                )
                for row in rows
            ],
            colours=["critical" if row["monthly_margin"] < 0 else "accent" for row in rows],
            empty="No prices were tried in this result.",
        ),
        table(
            "sensitivity",
            "Usage-based pricing at other prices",
            [
                Column("price_per_1k_calls", "Price per 1,000 calls", "money"),
                Column("monthly_revenue", "Revenue a month", "money"),
                Column("monthly_margin", "Margin a month", "money"),
                Column("margin_percent", "Margin", "percent"),
            ],
            rows,
            order=("price_per_1k_calls", "ascending"),
            empty="No prices were tried in this result.",
        ),
        lead=_break_even(data.get("break_even_price_per_1k_calls")),
    )


def _break_even(price: Any) -> str:
    if not price:
        return "Without calls that cost something, there is no break-even price."
    return f"At {formatting.money(price)} per 1,000 calls the revenue equals the cost."


def _customers(data: Data) -> Part:
    return section(
        "Each customer's bill",
        table(
            "bills",
            "Bill of each customer a month under each model",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("monthly_calls", "Calls a month", "count"),
                Column("monthly_cost", "Cost a month", "money"),
                *(Column(model, title, "money") for model, title in _TITLES.items()),
            ],
            Lean(data.get("customers") or []),
            order=("monthly_calls", "descending"),
            empty="No customer has a known price, so no bills can be compared.",
        ),
        table(
            "without-price",
            "Customers left out because their price is not known",
            [
                Column("customer_id", "Customer"),
                Column("subscription_tier", "Tier", "tier", dot=True),
                Column("monthly_cost", "Cost a month", "money"),
                Column("call_count", "Calls", "count"),
            ],
            Lean(data.get("without_price") or []),
            order=("monthly_cost", "descending"),
            empty="The price of every customer is known; none was left out.",
        ),
    )


def _value(data: Data) -> Dict[str, Tuple[str, str]]:
    summary: Data = data.get("summary") or {}
    customers = formatting.count(summary.get("customers"))
    today = formatting.money(summary.get("current_monthly_revenue"))
    best = formatting.money(summary.get("best_monthly_revenue"))
    price = formatting.money(summary.get("break_even_price_per_1k_calls"))
    calls = formatting.count(summary.get("total_calls"))
    return {
        "metadata": (
            f"Subscriptions bring {today} a month; who uses how much for it is not known.",
            f"{calls} calls name their customer, so four models can be billed to {customers}"
            " customers.",
        ),
        "realtime": (
            "A price list is revised once a year, on last year's averages.",
            "A new price is tried on the usage up to the last call.",
        ),
        "standard": (
            "A call is a different thing on each provider's bill.",
            "A call is one record at any provider, so that it can be a unit of price.",
        ),
        "automated": (
            "A pricing study is a project of weeks.",
            f"One command bills {customers} customers four times and tries eleven prices.",
        ),
        "actionable": (
            "A price is set by comparison with competitors.",
            f"The price that covers the cost is known, {price} per 1,000 calls; so is the best"
            f" model's revenue, {best} a month.",
        ),
    }


def _not_found(data: Data) -> List[str]:
    summary: Data = data.get("summary") or {}
    sentences = []
    if summary.get("best_model") == summary.get("current_model"):
        sentences.append("A model that earns more than today's was looked for: there is none.")
    if not data.get("without_price"):
        sentences.append("Customers without a known price were looked for: there are none.")
    if not summary.get("unpriced_calls"):
        sentences.append("Calls without a known cost were looked for: there are none.")
    return sentences
